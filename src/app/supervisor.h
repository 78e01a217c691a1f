/* supervisor.h - the small process that owns the sockets and keeps a worker alive.
 *
 *     croft serve
 *      └─ supervisor   binds, forks, waits; parses nothing, serves nothing
 *          ├─ worker   everything else (worker.h)
 *          └─ keepers  thumbnails, one or two (images/images.h)
 *
 * When the worker dies, another one is forked at once; the listening sockets
 * stay open, so visitors wait a moment instead of being refused. When it keeps
 * dying young, the pauses grow. When the supervisor dies, the worker ends too.
 */
#ifndef CROFT_APP_SUPERVISOR_H
#define CROFT_APP_SUPERVISOR_H

#include "app/options.h"

/* `croft serve`: returns the exit code. 0 after SIGTERM or SIGINT, 1 when the
 * server could not start or had to be killed, 2 for a wrong flag. */
int supervisor_run(Arena *a, const Options *o);

/* How long to wait before the next worker. `quick_deaths` counts workers in a
 * row that lived less than SUPERVISOR_QUICK_MS, the last one included. */
#define SUPERVISOR_QUICK_MS 5000
uint64_t supervisor_backoff_ms(unsigned quick_deaths);

#endif
