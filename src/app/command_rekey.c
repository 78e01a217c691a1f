/* command_rekey.c - `croft rekey`: secrets at rest under another key, or in clear. */
#include "app/commands.h"
#include "app/privileges.h"
#include "app/site.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
    Str from, to;
} Rekey;

static Error *usage(Arena *a)
{
    return error_new(a, 400,
                     S("Usage: croft rekey [--encryption-env OLD] --to NEW, or --clear instead of "
                       "--to  (see: croft help rekey)"));
}

static Error *keys_read(Arena *a, const Options *o, Rekey *out)
{
    const Str *to = option_flag(o, "to");
    bool clear = option_flag(o, "clear") != NULL;
    if (o->arg_count > 0 || !to == !clear) return usage(a);
    *out = (Rekey){.from = o->settings_key, .to = S("")};
    return to ? option_key_read(a, "to", *to, &out->to) : NULL;
}

static Error *rekey_work(Tx *tx, void *arg)
{
    const Rekey *r = arg;
    Error *err = schema_reseal(tx, r->from, r->to);
    return err ? err : settings_reseal(tx, r->from, r->to);
}

/* The new key is in force, whatever comes of this. */
static void forget(Db *db, Arena *a)
{
    Error *err = secrets_forget(db, a);
    if (!err) return;
    fprintf(stderr,
            "What was written before may still be in free pages of the database: %.*s\n"
            "The next start erases it, if there is space for a second file.\n",
            STR_ARG(err->cause.len ? err->cause : err->message));
}

/* Opened as a server would, so that a restore that was under way is over. */
static Error *rekey_run(Arena *a, const Options *o, Rekey *r)
{
    Site site;
    if (access(arena_cstr(a, str_concat(a, o->dir, S("/data.db"))), F_OK) != 0)
        return error_new(a, 404,
                         str_printf(a,
                                    "There is no database in %.*s. Name the data folder with "
                                    "--dir.",
                                    STR_ARG(o->dir)));
    Error *err = site_open(a, o->dir, r->from, 1, &site);
    if (err) return err;
    err = db_write_alone(site.app.db, a, 0, rekey_work, r);
    if (!err) forget(site.app.db, a);
    site_close(&site);
    return err;
}

int command_rekey(Arena *a, const Options *o)
{
    Rekey rekey;
    Error *err = keys_read(a, o, &rekey);
    if (err) {
        complain(a, err);
        return 2;
    }
    privileges_follow_owner(a, o->dir);
    err = rekey_run(a, o, &rekey);
    if (err) {
        complain(a, err);
        return 1;
    }
    if (rekey.to.len)
        printf("Settings and secrets are encrypted with the new key. Serve with it: "
               "--encryption-env %.*s\n",
               STR_ARG(*option_flag(o, "to")));
    else
        printf("Settings and secrets are in clear. Serve without --encryption-env, or with "
               "PocketBase.\n");
    return 0;
}
