/* options.h - what the command line and the environment ask for.
 *
 *     croft serve --dir ./data --http 0.0.0.0:80
 *     CROFT_DIR=./data CROFT_HTTP=0.0.0.0:80 croft serve         the same
 *
 * Every flag is one row of the table in options.c: its name, its environment
 * variable, where its value goes, and its help. The command line wins over the
 * environment, the environment over the defaults.
 */
#ifndef CROFT_APP_OPTIONS_H
#define CROFT_APP_OPTIONS_H

#include "base/base.h"
#include "base/log.h"
#include "http/http.h"

#include <stdio.h>

#define OPTIONS_ARGS_MAX  64
#define OPTIONS_FLAGS_MAX 16
#define THREADS_MAX       64

/* A flag of one command: command_flags.c has the table. */
typedef struct {
    const char *name;
    Str value; /* of a switch: "true" */
} CommandFlag;

typedef struct {
    Str dir, http, public_dir, origins, user;
    Str settings_key; /* 32 bytes, or empty: settings and secrets are in clear */
    bool spa;
    int threads;
    LogLevel log_level;
    LogFormat log_format;
    HttpLimits limits;

    Str command;                /* "serve", "superuser" …; empty when none was given */
    Str args[OPTIONS_ARGS_MAX]; /* what follows it */
    size_t arg_count;
    CommandFlag flags[OPTIONS_FLAGS_MAX]; /* that only this command has */
    size_t flag_count;
    bool help; /* --help somewhere */
} Options;

/* Reads argv and the environment. The error's message is for people, with a
 * suggestion where one is near. */
MUST_CHECK Error *options_read(Arena *a, int argc, char **argv, Options *out);

/* The table of flags, for `croft help serve`. */
void options_print_flags(FILE *to);
/* The names, defaults and meanings of --limit. */
void limits_print(FILE *to);
/* "body_bytes=64M" into `limits`. */
MUST_CHECK Error *limit_set(Arena *a, HttpLimits *limits, Str assignment);

/* The key in an environment variable: only the name is given, as what stands on a
 * command line can be read by every process. */
MUST_CHECK Error *option_key_read(Arena *a, const char *flag, Str variable, Str *out);

/* The value of a command's own flag, the last one given; NULL without one. */
const Str *option_flag(const Options *o, const char *name);
/* For options.c: a flag that some command has, and if it wants a value; and, at
 * the end of the line, whether they were flags of this command. */
bool command_flag_find(Str flag, const char **name, const char **value);
MUST_CHECK Error *command_flags_check(Arena *a, const Options *o);

/* The candidate nearest to a mistyped word, empty when none is near. */
Str suggest(Str word, const Str *candidates, size_t count);

#endif
