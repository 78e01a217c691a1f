/* check.c - everything about a folder that can be looked at from outside.
 *
 * From the ground up: the database file, then the definitions, then the tables
 * against them, then the records against their fields, then the files. What
 * stands on something damaged is left out: its findings would only be echoes. */
#include "folder/folder_internal.h"

#include <unistd.h>

static Finding *add(Arena *a, CheckReport *report, FindingKind kind, Str what)
{
    Finding *f = arena_new(a, Finding, 1);
    f->kind = kind;
    f->what = what;
    if (report->last)
        report->last->next = f;
    else
        report->first = f;
    report->last = f;
    report->notes += kind == FINDING_NOTE;
    report->faults += kind == FINDING_FAULT;
    report->damages += kind == FINDING_DAMAGE;
    return f;
}

Finding *finding_add(Check *k, FindingKind kind, Str what)
{
    return add(k->a, k->report, kind, what);
}

/* ---- the database file ---- */

static const char RESCUE[] = "Restore a backup; without one, the sqlite3 program's .recover finds "
                             "what can be read.";
static const char LOGS_RESCUE[] = "It holds logs only: the server sets it aside at its next start "
                                  "and begins anew.";

/* Findings that are about indexes only: the rows are whole, and from them the
 * indexes can be made again. */
static bool only_indexes(Str findings)
{
    while (findings.ptr) {
        Str line = str_split(&findings, '\n');
        if (str_find(line, S("missing from index ")) < 0 &&
            str_find(line, S("wrong # of entries in index ")) < 0 &&
            str_find(line, S("non-unique entry in index ")) < 0 &&
            str_find(line, S("in index ")) < 0)
            return false;
        if (str_find(line, S("non-unique entry")) >= 0) return false; /* rows are at fault */
    }
    return true;
}

static Error *reindex_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("REINDEX"));
}

/* On the folder opened anew: this Db refuses writes since the check. */
static Error *run_reindex(App *app, Arena *a, const Finding *self)
{
    const Str *dir = self->data;
    data_folder_close(app);
    DbConfig config = db_config_default(*dir);
    Error *err = db_open(a, &config, &app->db);
    if (!err) err = db_write_alone(app->db, a, 0, reindex_work, NULL);
    Str findings = S("");
    if (!err) err = db_check(app->db, a, &findings);
    if (err || str_eq(findings, S("ok"))) return err;
    return error_cause(a, error_status(a, 500), "still damaged: %.*s", STR_ARG(findings));
}

static void tell_damage(Arena *a, CheckReport *report, Str dir, Str file, Str findings)
{
    Str rest = findings, first = str_split(&rest, '\n');
    Str what = str_printf(a, "The database %.*s is damaged: %.*s. ", STR_ARG(file), STR_ARG(first));
    if (str_eq(file, S("data.db")) && only_indexes(findings)) {
        Finding *f = add(a, report, FINDING_DAMAGE,
                         str_concat(a, what, S("All rows are there, only indexes are wrong.")));
        Str *data = arena_new(a, Str, 1);
        *data = dir;
        f->repair = S("Make all indexes anew from the rows.");
        f->run = run_reindex;
        f->data = data;
        return;
    }
    Str advice = str_from(str_eq(file, S("auxiliary.db")) ? LOGS_RESCUE : RESCUE);
    (void)add(a, report, FINDING_DAMAGE, str_concat(a, what, advice));
}

static bool is_damage(const Error *err)
{
    DbErrorKind kind = db_error_kind(err);
    return kind == DB_ERROR_CORRUPT || kind == DB_ERROR_IO;
}

/* *whole tells whether all that stands on the file is worth looking at. */
static Error *check_file(Arena *a, Str dir, const char *file, bool read_only, Db **db,
                         CheckReport *report, bool *whole)
{
    DbConfig config = db_config_default(dir);
    config.file = str_from(file);
    config.read_only = read_only;
    *whole = false;
    Str findings = S("");
    Error *err = db_open(a, &config, db);
    if (!err) err = db_check(*db, a, &findings);
    if (is_damage(err)) {
        tell_damage(a, report, dir, config.file, db_error_raw(err));
        return NULL;
    }
    if (err) return err;
    *whole = str_eq(findings, S("ok"));
    if (!*whole) tell_damage(a, report, dir, config.file, findings);
    return NULL;
}

/* Logs only; nothing else depends on it. */
static Error *check_auxiliary(Arena *a, Str dir, CheckReport *report)
{
    Db *db = NULL;
    bool whole;
    if (access(arena_cstr(a, path_join(a, dir, "auxiliary.db")), F_OK) != 0) return NULL;
    Error *err = check_file(a, dir, "auxiliary.db", true, &db, report, &whole);
    db_close(db);
    return err;
}

/* ---- what is in it ---- */

static bool is_truncated(const Error *err)
{
    return err->status >= 500 && db_error_kind(err) == DB_ERROR_NONE;
}

/* The definitions and settings; false in *readable when they are at fault. */
static Error *open_stores(Arena *a, Str dir, Str key, App *app, CheckReport *report, bool *readable)
{
    *readable = false;
    Error *err = schema_store_open(a, app->db, key, query_compile_schema, NULL, &app->schema);
    if (error_is_secret_unreadable(err)) {
        (void)add(a, report, FINDING_FAULT, err->message);
        return NULL;
    }
    if (err && !is_truncated(err) && err->status != 409) return err;
    if (err) {
        Str why = err->cause.len ? err->cause : err->message;
        (void)add(a, report, FINDING_DAMAGE,
                  str_printf(a, "The definitions of the collections cannot be read: %.*s. %s",
                             STR_ARG(why), RESCUE));
        return NULL;
    }
    err = settings_store_open(a, app->db, key, &app->settings);
    if (err && err->status != 409) return err;
    if (err) {
        (void)add(a, report, FINDING_FAULT, err->message);
        app->settings = NULL;
    }
    err = workers_create(a, "work", 2, 64, &app->workers);
    if (!err) err = storage_open(a, path_join(a, dir, "storage"), app->workers, &app->storage);
    *readable = !err;
    return err;
}

Error *folder_check(Arena *a, Str dir, Str settings_key, bool read_only,
                    const FolderProgress *progress, App *app, CheckReport *report)
{
    *app = (App){0};
    *report = (CheckReport){0};
    if (access(arena_cstr(a, path_join(a, dir, "data.db")), R_OK) != 0)
        return error_new(a, 404,
                         str_printf(a,
                                    "There is no database in %.*s that could be read. Name the "
                                    "data folder with --dir.",
                                    STR_ARG(dir)));
    progress_tell(progress, "database", false, 0, 0);
    int64_t pid;
    bool live = read_only && db_in_use(a, path_join(a, dir, "data.db"), &pid);
    bool whole, readable = false;
    Error *err = check_auxiliary(a, dir, report);
    if (!err) err = check_file(a, dir, "data.db", read_only, &app->db, report, &whole);
    if (err || !whole) return err;
    err = open_stores(a, dir, settings_key, app, report, &readable);
    if (err || !readable) return err;

    Check k = {.app = app, .a = a, .report = report, .progress = progress, .live = live};
    err = check_tables(&k);
    if (!err) err = check_records(&k);
    if (!err) err = check_files(&k);
    return err;
}
