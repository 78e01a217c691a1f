/* command_backup.c - `croft backup` and `croft restore`, with a running server (through
 * control.sock) or on the folder itself. Either way the work is begun, and then looked at five
 * times a second. */
#include "app/command_backup.h"

#include "app/commands.h"
#include "app/control.h"
#include "app/privileges.h"
#include "app/progress.h"
#include "app/site.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS 200
/* A server that restarts on restored data is away for a moment. */
#define AWAY_MAX_MS 60000

Error *backup_command_run(App *app, Arena *a, Str command, const Str *args, size_t count,
                          Str *message)
{
    *message = S("");
    if (count == 1 && str_eq(args[0], S("status"))) {
        *message = json_format(a, backups_status(app, a));
        return NULL;
    }
    if (count == 1 && str_eq(args[0], S("list"))) {
        Json *list;
        Error *err = backups_list(app, a, &list);
        if (!err) *message = json_format(a, list);
        return err;
    }
    if (count == 2 && str_eq(args[0], S("start")))
        return backups_start(app, a, str_eq(command, S("restore")) ? BACKUP_RESTORE : BACKUP_CREATE,
                             args[1]);
    return error_new(a, 400, S("Usage: croft backup [NAME.zip] or croft restore FILE"));
}

/* ---- whom to ask: the server, or a site opened here ---- */

typedef struct {
    const Options *options;
    App *app; /* NULL: the server */
} Asked;

static Error *ask(const Asked *asked, Arena *a, Str command, const Str *args, size_t count,
                  bool *answered, Str *message)
{
    *answered = true;
    if (asked->app) return backup_command_run(asked->app, a, command, args, count, message);
    return control_ask(a, asked->options->dir, command, args, count, answered, message);
}

/* *last is what became of it; NULL while it goes on. */
static Error *look(const Asked *asked, Arena *a, Progress *p, bool *answered, const Json **last)
{
    Str text, word = S("status");
    Json *status;
    *last = NULL;
    Error *err = ask(asked, a, S("backup"), &word, 1, answered, &text);
    if (err || !*answered) return err;
    err = json_parse(a, text, NULL, &status);
    if (err) return err;
    if (json_bool(json_get(status, S("running")), false)) {
        progress_show(p, (uint64_t)json_number(json_get(status, S("done")), 0),
                      (uint64_t)json_number(json_get(status, S("total")), 0));
        return NULL;
    }
    *last = json_get(status, S("last"));
    return NULL;
}

static Error *follow(const Asked *asked, Arena *a, const char *step, Str *key)
{
    Progress p;
    progress_start(&p, step, PROGRESS_BYTES);
    Arena *scratch = arena_create("look", 0);
    Error *err = NULL;
    for (uint64_t away_ms = 0; away_ms < AWAY_MAX_MS; arena_reset(scratch)) {
        bool answered;
        const Json *last;
        err = look(asked, scratch, &p, &answered, &last);
        if (err && err->status != 503) break;
        away_ms = answered && !err ? 0 : away_ms + LOOK_MS;
        err = NULL;
        if (last) {
            *key = arena_copy(a, json_str(json_get(last, S("key")), S("")));
            Str why = json_str(json_get(last, S("message")), S("It was cut off."));
            if (!json_bool(json_get(last, S("ok")), false))
                err = error_new(a, 400, arena_copy(a, why));
            break;
        }
        await_sleep(LOOK_MS);
    }
    if (err) err = error_new(a, 400, arena_copy(a, error_for_people(scratch, err)));
    arena_destroy(scratch);
    if (!err) progress_show(&p, p.total, p.total);
    progress_end(&p);
    return err;
}

/* ---- croft backup ---- */

static Error *list_print(const Asked *asked, Arena *a, bool *answered)
{
    Str text, word = S("list");
    Json *list;
    Error *err = ask(asked, a, S("backup"), &word, 1, answered, &text);
    if (err || !*answered) return err;
    err = json_parse(a, text, NULL, &list);
    if (err) return err;
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *item = json_at(list, i);
        Str size = size_for_people(a, (uint64_t)json_number(json_get(item, S("size")), 0));
        Str modified = json_str(json_get(item, S("modified")), S(""));
        Str key = json_str(json_get(item, S("key")), S(""));
        const char *read_back = json_get(item, S("verified")) ? "verified" : "";
        printf("%.*s  %10.*s  %-8s  %.*s\n", STR_ARG(modified), STR_ARG(size), read_back,
               STR_ARG(key));
    }
    if (json_count(list) == 0) printf("There are no backups yet.\n");
    return NULL;
}

static Error *backup_with(const Asked *asked, Arena *a, bool *answered)
{
    const Options *o = asked->options;
    if (option_flag(o, "list")) return list_print(asked, a, answered);
    Str words[2] = {S("start"), o->arg_count ? o->args[0] : S("")}, message, key = S("");
    Error *err = ask(asked, a, S("backup"), words, 2, answered, &message);
    if (err || !*answered) return err;
    err = follow(asked, a, "backup", &key);
    if (!err) printf("Made the backup %.*s.\n", STR_ARG(key));
    return err;
}

int command_backup(Arena *a, const Options *o)
{
    Asked asked = {.options = o};
    bool answered;
    Error *err = backup_with(&asked, a, &answered);
    if (!err && !answered) {
        privileges_follow_owner(a, o->dir);
        Site site;
        err = site_open(a, o->dir, o->settings_key, 1, &site);
        if (!err) {
            asked.app = &site.app;
            err = backup_with(&asked, a, &answered);
            site_close(&site);
        }
    }
    if (err) complain(a, err);
    return err ? 1 : 0;
}

/* ---- croft restore ---- */

/* A file's absolute path, or the name of a backup in the folder. */
static Str what_of(Arena *a, Str arg)
{
    char *path = realpath(arena_cstr(a, arg), NULL);
    Str what = path ? arena_copy(a, str_from(path)) : arg;
    free(path);
    return what;
}

static bool show_share(void *arg, uint64_t done, uint64_t total)
{
    progress_show(arg, done, total);
    return true;
}

static Error *restore_here(Arena *a, const Options *o, Str what)
{
    privileges_follow_owner(a, o->dir);
    Str path = str_starts(what, S("/"))
                   ? what
                   : str_printf(a, "%.*s/backups/%.*s", STR_ARG(o->dir), STR_ARG(what));
    Progress p;
    progress_start(&p, "restore", PROGRESS_BYTES);
    DbWatch watch = {show_share, &p};
    Error *err = backup_restore_here(a, o->dir, o->settings_key, path, &watch);
    if (!err) progress_show(&p, p.total, p.total);
    progress_end(&p);
    if (err) return err;
    Site site;
    err = site_open(a, o->dir, o->settings_key, 1, &site);
    if (err) return err;
    bool undone = site.restore == RESTORE_UNDONE;
    site_close(&site);
    return undone ? error_new(a, 400,
                              S("The restored data does not open; the data of before is "
                                "back."))
                  : NULL;
}

int command_restore(Arena *a, const Options *o)
{
    if (o->arg_count != 1) {
        fputs("croft: restore wants one backup: croft restore FILE  (see: croft help restore)\n",
              stderr);
        return 2;
    }
    Asked asked = {.options = o};
    Str words[2] = {S("start"), what_of(a, o->args[0])}, message, key;
    bool answered;
    Error *err = ask(&asked, a, S("restore"), words, 2, &answered, &message);
    if (!err) err = answered ? follow(&asked, a, "restore", &key) : restore_here(a, o, words[1]);
    if (err) {
        complain(a, err);
        return 1;
    }
    printf("Restored %.*s.\n", STR_ARG(o->args[0]));
    return 0;
}
