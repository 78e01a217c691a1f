/* admin.h - the owner's endpoints: settings, health (api: operations §1, §6). */
#ifndef CROFT_ADMIN_H
#define CROFT_ADMIN_H

#include "auth/auth.h"

/* What was costly to find out about the site, kept for a while. Becomes
 * App.survey. */
typedef struct Survey Survey;
MUST_CHECK Error *survey_create(Arena *a, Survey **out);
void survey_destroy(Survey *survey); /* NULL is fine */

extern const Route admin_routes[];
extern const size_t admin_route_count;

#endif
