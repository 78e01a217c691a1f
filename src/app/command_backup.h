/* command_backup.h - `croft backup [NAME.zip] [--list]` and `croft restore FILE`. */
#ifndef CROFT_APP_COMMAND_BACKUP_H
#define CROFT_APP_COMMAND_BACKUP_H

#include "app/options.h"
#include "records/records.h"

/* Return the exit code. */
int command_backup(Arena *a, const Options *o);
int command_restore(Arena *a, const Options *o);

/* The server's side, on an open site: "start", "status" and "list"; *message is JSON. */
MUST_CHECK Error *backup_command_run(App *app, Arena *a, Str command, const Str *args, size_t count,
                                     Str *message);

#endif
