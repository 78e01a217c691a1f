/* site.h - a data folder opened: every store and pool a server or a command needs. */
#ifndef CROFT_APP_SITE_H
#define CROFT_APP_SITE_H

#include "app/options.h"
#include "auth/auth.h"

typedef struct {
    App app; /* first: what modules are given */
    Auth *auth;
    Str dir;
} Site;

/* Opens the folder (made when missing) for `loop_count` loops. 409 when a
 * server is running on it. `settings_key` as of settings_store_open(). On an
 * error everything is closed again. */
MUST_CHECK Error *site_open(Arena *a, Str dir, Str settings_key, int loop_count, Site *out);

/* After the last request and with no work under way. */
void site_close(Site *site);

#endif
