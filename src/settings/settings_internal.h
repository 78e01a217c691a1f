/* settings_internal.h - what the files of settings/ share. */
#ifndef CROFT_SETTINGS_INTERNAL_H
#define CROFT_SETTINGS_INTERNAL_H

#include "schema/options.h"
#include "settings/settings.h"

/* Shape and defaults (document.c). */
Json *settings_shape(Arena *a);
Json *settings_defaults(Arena *a);
/* Fills the typed members from out->json. */
void settings_read(Arena *a, Settings *out);

/* Chained field errors of a whole document, or NULL (check.c). */
MUST_CHECK Error *settings_check(Arena *a, const Json *json);
bool cron_valid(Str expression); /* api: operations §4.2 */

#endif
