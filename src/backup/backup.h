/* backup.h - backups of the whole data folder, and putting one back (api:
 * operations §2).
 *
 * A backup is a zip of the folder as it was at one moment. Nobody waits for it:
 *
 *     1  storage is held       what is removed from now on is only moved aside
 *     2  db_copy()             the database of one moment, into a temporary file
 *     3  integrity check       a damaged database makes no backup
 *     4  zip                   the copy, then every file that belongs to it
 *     5  read back             each checksum compared; only then it gets its name
 *
 * It happens on one thread of low priority; one backup or restore at a time.
 *
 * Restoring never writes over anything. The zip is unpacked beside the data,
 * checked and opened; then the folders change places while no database is open,
 * between two workers (journal.c); when the server does not come up on them,
 * they change back.
 *
 *     err = backups_make(app, a, S(""), &key);                    waits
 *     err = backups_start(app, a, BACKUP_RESTORE, S("x.zip"));    does not; see backups_status()
 */
#ifndef CROFT_BACKUP_H
#define CROFT_BACKUP_H

#include "records/records.h"

typedef struct Backups Backups; /* any thread */

/* Becomes app->backups; registers __pbAutoBackup__ as the settings say (app->jobs
 * must be there). `dir` is the data folder, `settings_key` as settings_store_open(). */
MUST_CHECK Error *backups_create(Arena *a, App *app, Str dir, Str settings_key, Backups **out);
/* Tells whoever is at work to give up; from any thread. */
void backups_stop(Backups *b);
void backups_destroy(Backups *b); /* stops and waits; NULL is fine */

/* What ends this process so that another one starts on the same folder: without
 * it a restore is refused. */
void backups_on_restart(Backups *b, void (*restart)(void *arg), void *arg);

typedef enum { BACKUP_CREATE, BACKUP_RESTORE } BackupKind;

/* Makes a backup and waits; in a fiber only the fiber does. An empty name stands
 * for a default one. Errors: 400 "validation_match_invalid" and the like at
 * `name`; 400 "Try again later …" while another one runs; 507, 503, 500. */
MUST_CHECK Error *backups_make(App *app, Arena *a, Str name, Str *key);
/* Begins in the background. Of a restore `what` is a key, or the path of a zip
 * file when it starts with '/'. 400 as backups_make(); unknown key: 400 "Missing
 * or invalid backup file." */
MUST_CHECK Error *backups_start(App *app, Arena *a, BackupKind kind, Str what);
/* {"running":true,"kind":"backup","key":"x.zip","step":"…","percent":42.1,
 *  "done":…,"total":…,"started":"…","last":{"kind","key","ok","message","ended"}} */
Json *backups_status(App *app, Arena *a);
bool backups_idle(const App *app);
/* [{"key","size","modified","checksum","verified"}]; the last two are known of
 * backups that Croft made. */
MUST_CHECK Error *backups_list(App *app, Arena *a, Json **out);

/* The whole of a restore in a folder that no server has open, for the command
 * line: up to and with the swap. The next opening of the folder completes it.
 * `watch` may be NULL. */
MUST_CHECK Error *backup_restore_here(Arena *a, Str dir, Str settings_key, Str zip_path,
                                      const DbWatch *watch);

/* ---- at start: what a restore left (journal.c) ---- */

typedef enum {
    RESTORE_NONE,
    RESTORE_TRIAL, /* the folder is a restored one that never came up so far */
    RESTORE_UNDONE /* it did not come up: the old one is back */
} RestoreState;

/* Before the database is opened: completes or undoes a swap that was under way.
 * *key names the backup. */
MUST_CHECK Error *restore_recover(Arena *a, Str dir, RestoreState *state, Str *key);
/* In RESTORE_TRIAL: it does not open. Puts the old data back. */
MUST_CHECK Error *restore_undo(Arena *a, Str dir);
/* In RESTORE_TRIAL: the server is up. The old data goes; may take a while. */
void restore_confirm(Str dir);
/* What to tell in backups_status(). */
void backups_note_restore(Backups *b, RestoreState state, Str key);

extern const Route backup_routes[]; /* /api/backups */
extern const size_t backup_route_count;

#endif
