/* import.c - moving a PocketBase folder in.
 *
 *     <to>.importing     made, filled, checked, mended, closed, synced
 *     <to>               that folder, by one rename
 *
 * Until the rename there is nothing under the final name, and what a killed
 * import left is cleared away by the next. The source is read as files: SQLite
 * never opens it there, so not even its "-shm" is touched; the copies of
 * data.db and data.db-wal together are what the database was. */
#include "folder/folder_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEWEST_OLD_LAYOUT "1717233559_v0.23_migrate4.go" /* recorded since v0.23 */

typedef struct {
    Arena *a;
    const ImportRequest *request;
    const FolderProgress *progress;
    ImportReport *report;
    Str from, work; /* the source, the folder being made */
    int lock;       /* of `work` */
    uint64_t total; /* bytes to copy */
    TreeSize copied;
    App app; /* on the copy */
} Import;

static Error *refuse(Arena *a, int status, Str message)
{
    return error_new(a, status, message);
}

/* ---- the source ---- */

static bool is_file(Arena *a, Str dir, const char *name, struct stat *st)
{
    return stat(arena_cstr(a, path_join(a, dir, name)), st) == 0 && S_ISREG(st->st_mode);
}

/* The folder itself, or pb_data in it. */
static Error *find_source(Import *im)
{
    Arena *a = im->a;
    struct stat st;
    im->from = im->request->from;
    while (im->from.len > 1 && im->from.ptr[im->from.len - 1] == '/')
        im->from.len--;
    if (is_file(a, im->from, "data.db", &st)) return NULL;
    Str inside = path_join(a, im->from, "pb_data");
    if (!is_file(a, inside, "data.db", &st))
        return refuse(a, 400,
                      str_printf(a,
                                 "There is no PocketBase data in %.*s: neither data.db nor "
                                 "pb_data/data.db.",
                                 STR_ARG(im->from)));
    im->from = inside;
    return NULL;
}

static Error *refuse_running(Arena *a, Str dir, const char *what)
{
    int64_t pid = 0;
    Str path = path_join(a, dir, "data.db");
    if (!db_in_use(a, path, &pid)) return NULL;
    return refuse(a, 409,
                  str_printf(a,
                             "Process %lld has the database %.*s open%s. Stop it first, so that "
                             "nothing is written that would be missing here.",
                             (long long)pid, STR_ARG(path), what));
}

/* ---- the target ---- */

static Error *check_target(Import *im)
{
    Arena *a = im->a;
    bool empty;
    Str to = im->request->to;
    Error *err = folder_is_empty(a, to, &empty);
    if (err || empty) return err;
    if (!im->request->force)
        return refuse(a, 409,
                      str_printf(a,
                                 "There is something in %.*s already. Choose another folder with "
                                 "--dir, or use --force: what is in it is then kept beside it.",
                                 STR_ARG(to)));
    return refuse_running(a, to, " (a server on the target)");
}

/* ---- copying ---- */

static const char *const FILES[] = {"data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal"};

static bool same_file(const struct stat *x, const struct stat *y)
{
    return x->st_size == y->st_size && x->st_ino == y->st_ino &&
           x->st_mtim.tv_sec == y->st_mtim.tv_sec && x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
}

/* A server that opens the database only now and then may write to it unseen. */
static Error *copy_unchanged(Import *im, const char *name)
{
    Arena *a = im->a;
    struct stat before = {0}, after = {0};
    bool was = is_file(a, im->from, name, &before), exists;
    if (!was) return NULL;
    Error *err = file_copy(a, path_join(a, im->from, name), path_join(a, im->work, name),
                           im->progress, im->total, &im->copied, &exists);
    if (err) return err;
    if (is_file(a, im->from, name, &after) && same_file(&before, &after)) return NULL;
    return refuse(a, 409,
                  str_printf(a,
                             "%s was changed while it was copied: PocketBase seems to be running "
                             "on %.*s. Stop it, and start over.",
                             name, STR_ARG(im->from)));
}

static Error *copy_all(Import *im)
{
    Arena *a = im->a;
    TreeSize storage;
    Str uploads = path_join(a, im->from, "storage");
    Error *err = tree_measure(a, uploads, &storage);
    im->total = storage.bytes;
    for (size_t i = 0; i < COUNT(FILES); i++) {
        struct stat st;
        if (is_file(a, im->from, FILES[i], &st)) im->total += (uint64_t)st.st_size;
    }
    for (size_t i = 0; i < COUNT(FILES) && !err; i++)
        err = copy_unchanged(im, FILES[i]);
    if (err) return err;
    TreeSize databases = im->copied;
    err = tree_copy(a, uploads, path_join(a, im->work, "storage"), im->progress, im->total,
                    &im->copied);
    im->report->files = im->copied.files - databases.files;
    im->report->bytes = im->copied.bytes - databases.bytes;
    if (err || im->copied.skipped == 0) return err;
    return refuse(a, 409,
                  str_printf(a,
                             "There are %llu links or special files below %.*s, which are not "
                             "followed. Replace them by what they lead to.",
                             (unsigned long long)im->copied.skipped, STR_ARG(uploads)));
}

/* ---- what the copy must be ---- */

static Error *count_work(Tx *tx, void *arg)
{
    struct {
        Str sql;
        int64_t count;
    } *q = arg;
    bool found;
    q->count = 0;
    return tx_one_i64(tx, q->sql, NULL, 0, &q->count, &found);
}

static Error *count(Db *db, Arena *a, Str sql, uint64_t *out)
{
    struct {
        Str sql;
        int64_t count;
    } q = {sql, 0};
    Error *err = db_read_slow(db, a, 0, count_work, &q);
    *out = (uint64_t)MAX(q.count, 0);
    return err;
}

static Error *refuse_layout(Import *im, Db *db)
{
    Arena *a = im->a;
    uint64_t migrations = 0, collections = 0, recorded = 0;
    Error *err = count(db, a, S("SELECT count(*) FROM sqlite_schema WHERE name = '_migrations'"),
                       &migrations);
    if (!err)
        err = count(db, a, S("SELECT count(*) FROM sqlite_schema WHERE name = '_collections'"),
                    &collections);
    if (!err && migrations > 0)
        err =
            count(db, a, S("SELECT count(*) FROM _migrations WHERE file = '" NEWEST_OLD_LAYOUT "'"),
                  &recorded);
    if (err || (collections > 0 && recorded > 0)) return err;
    if (collections == 0 || migrations == 0)
        return refuse(
            a, 409,
            str_printf(a, "%.*s/data.db is not a database of PocketBase.", STR_ARG(im->from)));
    return refuse(a, 409,
                  str_printf(a,
                             "%.*s was written by PocketBase before v0.23, whose layout is another "
                             "one. Make a copy, start it once with PocketBase v0.39, which brings "
                             "it up to date, stop it, and import that.",
                             STR_ARG(im->from)));
}

/* ---- settings that are encrypted ---- */

static Error *settings_text(Tx *tx, void *arg)
{
    bool found;
    Str *text = arg;
    *text = S("");
    Error *err =
        tx_one_str(tx, S("SELECT value FROM _params WHERE id = 'settings'"), NULL, 0, text, &found);
    if (!err) *text = arena_copy(tx_arena(tx), *text);
    return err;
}

/* They stay encrypted; the key is tried, so that the server will be able to. */
static Error *check_settings(Import *im, Db *db)
{
    Arena *a = im->a;
    Str text, opened, key = im->request->settings_key;
    Error *err = db_read_slow(db, a, 0, settings_text, &text);
    if (err || text.len == 0) return err;
    Json *plain = NULL;
    if (!json_parse(a, text, NULL, &plain) && plain->type == JSON_OBJECT) return NULL;
    if (key.len == 0)
        return refuse(a, 409,
                      S("The settings are encrypted. Name the environment variable that holds the "
                        "key, as for PocketBase's --encryptionEnv: --encryption-env NAME"));
    if (!secret_open(a, key, text, &opened) || !json_is_valid(a, opened))
        return refuse(a, 400,
                      S("The settings cannot be decrypted: the key given is not the one that "
                        "PocketBase used."));
    im->report->settings_encrypted = true;
    return NULL;
}

/* ---- checking and mending the copy ---- */

static Error *prepare_database(Import *im)
{
    Arena *a = im->a;
    Db *db = NULL;
    DbConfig config = db_config_default(im->work);
    Str findings = S("");
    progress_tell(im->progress, "checking", false, 0, 0);
    Error *err = db_open(a, &config, &db);
    if (!err) err = db_check(db, a, &findings);
    if (!err && !str_eq(findings, S("ok"))) {
        err = refuse(a, 409,
                     str_printf(a,
                                "The database %.*s/data.db is damaged: %.*s. Import a backup of "
                                "it instead.",
                                STR_ARG(im->from), STR_ARG(findings)));
    } else if (db_error_kind(err) == DB_ERROR_CORRUPT) {
        err = refuse(a, 409,
                     str_printf(a, "%.*s/data.db is damaged, or no database: %.*s.",
                                STR_ARG(im->from), STR_ARG(db_error_raw(err))));
    }
    if (!err) err = refuse_layout(im, db);
    if (!err) err = check_settings(im, db);
    db_close(db);
    return err;
}

/* Logs are not worth a refusal; a damaged file of them is left out. */
static Error *prepare_logs(Import *im)
{
    Arena *a = im->a;
    struct stat st;
    Db *db = NULL;
    if (!is_file(a, im->work, "auxiliary.db", &st)) return NULL;
    DbConfig config = db_config_default(im->work);
    config.file = S("auxiliary.db");
    Str findings = S("");
    Error *err = db_open(a, &config, &db);
    if (!err) err = db_check(db, a, &findings);
    bool whole = !err && str_eq(findings, S("ok"));
    uint64_t has = 0;
    if (whole)
        err = count(db, a, S("SELECT count(*) FROM sqlite_schema WHERE name = '_logs'"), &has);
    if (!err && has > 0) err = count(db, a, S("SELECT count(*) FROM _logs"), &im->report->logs);
    db_close(db);
    if (whole && !err) return NULL;
    static const char *const PARTS[] = {"auxiliary.db", "auxiliary.db-wal", "auxiliary.db-shm"};
    for (size_t i = 0; i < COUNT(PARTS); i++)
        (void)unlink(arena_cstr(a, path_join(a, im->work, PARTS[i]))); /* may not be there */
    im->report->logs = 0;
    return NULL;
}

static Str count_sql(Import *im, Str table, const char *where)
{
    Buf sql = buf_new(im->a, 128);
    buf_add(&sql, S("SELECT count(*) FROM "));
    db_dialect(im->app.db)->quote_name(&sql, table);
    buf_add(&sql, str_from(where));
    return buf_str(&sql);
}

static Error *count_collection(Import *im, const Collection *c)
{
    Arena *a = im->a;
    ImportReport *report = im->report;
    ImportedCollection *out = &report->collections[report->collection_count++];
    *out =
        (ImportedCollection){.name = arena_copy(a, c->name), .type = collection_type_name(c->type)};
    if (c->type == COLLECTION_VIEW) return NULL;
    Error *err = count(im->app.db, a, count_sql(im, c->name, ""), &out->records);
    if (err) return db_error_kind(err) == DB_ERROR_SYNTAX ? NULL : err; /* told by the check */
    if (c->type == COLLECTION_AUTH && !collection_is_superusers(c))
        report->accounts += out->records;
    if (collection_is_superusers(c)) report->superusers = out->records;
    if (str_eq(c->name, S("_externalAuths"))) report->linked = out->records;
    return NULL;
}

static Error *check_copy(Import *im)
{
    Arena *a = im->a;
    Error *err = folder_check(a, im->work, im->request->settings_key, false, im->progress, &im->app,
                              &im->report->check);
    if (!err && (im->report->check.damages > 0 || !im->app.schema))
        err = refuse(a, 409, im->report->check.first->what);
    if (!err) {
        im->report->files_in_s3 =
            im->app.settings && settings_hold(im->app.settings, a)->s3.enabled;
        const Schema *schema = schema_hold(im->app.schema, a);
        im->report->collections = arena_new(a, ImportedCollection, schema->count + 1);
        for (size_t i = 0; i < schema->count && !err; i++)
            err = count_collection(im, schema->collections[i]);
    }
    data_folder_close(&im->app);
    return err;
}

/* ---- the end ---- */

static Error *keep_old(Import *im)
{
    Arena *a = im->a;
    bool empty;
    Str to = im->request->to;
    Error *err = folder_is_empty(a, to, &empty);
    if (err || empty) return err; /* rename() replaces an empty folder */
    CalendarTime now = calendar_from_ms(clock_wall_ms());
    im->report->kept = str_printf(a, "%.*s.before-%04d%02d%02d-%02d%02d%02d", STR_ARG(to), now.year,
                                  now.month, now.day, now.hour, now.minute, now.second);
    if (rename(arena_cstr(a, to), arena_cstr(a, im->report->kept)) == 0) return NULL;
    return error_errno(a, errno, "rename", to);
}

static Error *put_in_place(Import *im)
{
    Arena *a = im->a;
    progress_tell(im->progress, "writing", false, 0, 0);
    (void)unlink(arena_cstr(a, path_join(a, im->work, "croft.lock")));
    Error *err = sync_all(a, im->work);
    if (!err) err = refuse_running(a, im->from, "");
    if (!err) err = keep_old(im);
    if (err) return err;
    if (rename(arena_cstr(a, im->work), arena_cstr(a, im->request->to)) != 0)
        return error_errno(a, errno, "rename", im->work);
    return sync_folder(a, path_parent(im->request->to));
}

Error *folder_import(Arena *a, const ImportRequest *request, const FolderProgress *progress,
                     ImportReport *report)
{
    *report = (ImportReport){0};
    Import im = {.a = a, .request = request, .progress = progress, .report = report, .lock = -1};
    Error *err = find_source(&im);
    if (err) return err;
    report->from = im.from;
    err = refuse_running(a, im.from, "");
    if (!err) err = check_target(&im);
    if (!err) err = work_folder_make(a, request->to, "importing", &im.work, &im.lock);
    if (err) return err;

    err = copy_all(&im);
    if (!err) err = prepare_database(&im);
    if (!err) err = prepare_logs(&im);
    if (!err) err = check_copy(&im);
    if (!err) err = put_in_place(&im);
    data_folder_close(&im.app);
    if (err) {
        Error *ignored = tree_delete(a, im.work); /* then the next import does it */
        (void)ignored;
    }
    close(im.lock);
    return err;
}
