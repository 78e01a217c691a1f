/* greeting.h - what the server says when it is up, and on its first run. */
#ifndef CROFT_APP_GREETING_H
#define CROFT_APP_GREETING_H

#include "app/worker.h"
#include "records/records.h"

/* Prints the addresses to standard output; without a superuser also the one-time
 * link that makes one. A replacement worker only writes a line to the log. */
void greet(Arena *a, App *app, const WorkerPlan *plan);

#endif
