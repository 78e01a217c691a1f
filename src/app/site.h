/* site.h - a data folder opened: every store and pool a server or a command needs. */
#ifndef CROFT_APP_SITE_H
#define CROFT_APP_SITE_H

#include "app/options.h"
#include "auth/auth.h"
#include "backup/backup.h"

typedef struct {
    App app; /* first: what modules are given */
    Auth *auth;
    Str dir;
    RestoreState restore; /* what became of a restore at the opening */
    Str restored_key;
} Site;

/* Opens the folder (made when missing) for `loop_count` loops. 409 when a
 * server is running on it. `settings_key` as of settings_store_open(). On an
 * error everything is closed again. A restore that was under way is completed;
 * when its data does not open, the one of before is put back and opened. */
MUST_CHECK Error *site_open(Arena *a, Str dir, Str settings_key, int loop_count, Site *out);

/* The folder does: data that was restored and did not come up so far is kept, and
 * what it replaced is removed. Closing says so too. */
void site_confirm(Site *site);

/* After the last request and with no work under way. */
void site_close(Site *site);

#endif
