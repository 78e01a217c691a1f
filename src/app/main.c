/* main.c - `croft <command>`: reads the options and calls the command.
 *
 * Exit codes: 0 done, 1 it did not work, 2 the command line was wrong. */
#include "app/command_backup.h"
#include "app/commands.h"
#include "app/options.h"
#include "app/supervisor.h"

#include <stdio.h>

static int unknown_command(Arena *a, Str word)
{
    static const Str COMMANDS[] = {STR_INIT("serve"),   STR_INIT("superuser"), STR_INIT("backup"),
                                   STR_INIT("restore"), STR_INIT("import"),    STR_INIT("export"),
                                   STR_INIT("check"),   STR_INIT("types"),     STR_INIT("rekey"),
                                   STR_INIT("version"), STR_INIT("help")};
    Str near = suggest(word, COMMANDS, COUNT(COMMANDS));
    Str hint = near.len ? str_printf(a, "Did you mean %.*s?", STR_ARG(near)) : S("See: croft help");
    fprintf(stderr, "croft: there is no command \"%.*s\". %.*s\n", STR_ARG(word), STR_ARG(hint));
    return 2;
}

static int run(Arena *a, const Options *o)
{
    if (o->help) return command_help(o->command);
    if (o->command.len == 0) return command_help(S(""));
    if (str_eq(o->command, S("help"))) return command_help(o->arg_count ? o->args[0] : S(""));
    if (str_eq(o->command, S("version"))) return command_version();
    if (str_eq(o->command, S("serve"))) return supervisor_run(a, o);
    if (str_eq(o->command, S("backup"))) return command_backup(a, o);
    if (str_eq(o->command, S("restore"))) return command_restore(a, o);
    if (str_eq(o->command, S("superuser"))) return command_superuser(a, o);
    if (str_eq(o->command, S("import"))) return command_import(a, o);
    if (str_eq(o->command, S("export"))) return command_export(a, o);
    if (str_eq(o->command, S("check"))) return command_check(a, o);
    if (str_eq(o->command, S("types"))) return command_types(a, o);
    if (str_eq(o->command, S("rekey"))) return command_rekey(a, o);
    return unknown_command(a, o->command);
}

int main(int argc, char **argv)
{
    Arena *a = arena_create("main", 0);
    Options options;
    Error *err = options_read(a, argc, argv, &options);
    int code = 2;
    if (err)
        complain(a, err);
    else
        code = run(a, &options);
    arena_destroy(a);
    return code;
}
