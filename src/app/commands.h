/* commands.h - what `croft <command>` does, apart from serving. */
#ifndef CROFT_APP_COMMANDS_H
#define CROFT_APP_COMMANDS_H

#include "app/options.h"
#include "auth/auth.h"

#define COMMAND_ARGS_MAX OPTIONS_ARGS_MAX

/* `croft superuser …`: asks the running server, or opens the folder itself.
 * Returns the exit code. */
int command_superuser(Arena *a, const Options *o);

/* The words behind "superuser" done on an open site; *message tells what was. */
MUST_CHECK Error *superuser_command_run(App *app, Arena *a, const Str *args, size_t count,
                                        Str *message);

/* `croft import pocketbase FOLDER`, `croft export`, `croft check`: exit codes as
 * croft help says. */
int command_import(Arena *a, const Options *o);
int command_export(Arena *a, const Options *o);
int command_check(Arena *a, const Options *o);
int command_types(Arena *a, const Options *o);

/* `croft rekey`: another key for secrets at rest, or none (command_rekey.c). */
int command_rekey(Arena *a, const Options *o);

/* `croft help [topic]`, `croft version`. */
int command_help(Str topic);
int command_version(void);

/* All that an error says to people: "Failed to create record. email: Must be …" */
Str error_for_people(Arena *a, const Error *err);

/* Prints "croft: <message>" to standard error. */
void complain(Arena *a, const Error *err);

#endif
