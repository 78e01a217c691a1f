/* command_flags.c - flags that belong to one command, beside those of options.c.
 *
 *     croft import pocketbase ./pb_data --force
 *
 * A new command's flags are rows here; its help text is in help.c. */
#include "app/options.h"

typedef struct {
    const char *command, *flag;
    const char *value; /* what it wants; NULL for a switch */
} FlagRow;

static const FlagRow ROWS[] = {
    {"import", "force", NULL},
    {"import", "with-public", NULL},
    {"check", "repair", NULL},
    {"check", "yes", NULL},
    {"types", "out", "FILE"},
    {"export", "out", "FOLDER"},
    {"export", "format", "jsonl|json|csv"},
    {"export", "files", NULL},
    {"backup", "list", NULL},
    {"rekey", "to", "NAME"},
    {"rekey", "clear", NULL},
};

bool command_flag_find(Str flag, const char **name, const char **value)
{
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        if (!str_eq(flag, str_from(ROWS[i].flag))) continue;
        *name = ROWS[i].flag;
        *value = ROWS[i].value;
        return true;
    }
    return false;
}

/* The command may stand behind its flags, so this waits for the end of the line. */
Error *command_flags_check(Arena *a, const Options *o)
{
    for (size_t f = 0; f < o->flag_count; f++) {
        bool known = false;
        for (size_t i = 0; i < COUNT(ROWS); i++)
            known |= str_eq(o->command, str_from(ROWS[i].command)) &&
                     strcmp(ROWS[i].flag, o->flags[f].name) == 0;
        if (known || o->help) continue;
        return error_new(a, 400,
                         str_printf(a, "--%s is no flag of \"croft %.*s\". See: croft help %.*s",
                                    o->flags[f].name, STR_ARG(o->command), STR_ARG(o->command)));
    }
    return NULL;
}

const Str *option_flag(const Options *o, const char *name)
{
    for (size_t i = o->flag_count; i-- > 0;)
        if (strcmp(o->flags[i].name, name) == 0) return &o->flags[i].value;
    return NULL;
}
