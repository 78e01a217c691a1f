/* make.c - the zip of a data folder as it is now: see backup.h for the steps.
 *
 * Which files belong to the database's moment? Files are stored before their
 * row is committed, and removed after the row is: so whatever a row of that
 * moment names is below storage/ at that moment, and from then on below
 * storage/ or, when it is removed meanwhile, below storage/.held (the hold
 * began before the moment). Both are walked, in this order: what is not met in
 * the first has moved to the second. Files newer than the moment may come along
 * too; nothing names them, and the sweep after a restore removes them.
 */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct {
    Backups *b;
    Arena *arena;
    Str key, temp; /* the temporary folder */
    int dir;       /* the data folder */
    bool files_on_s3, held;
    uint64_t database_bytes, aux_bytes, file_bytes;
    int64_t moment_ms;
    ZipWriter *zip;

    /* Of what was moved aside: the hashes of the names, and which are in the zip. */
    uint64_t *aside;
    bool *present;
    size_t aside_count, aside_cap;
} Making;

/* ---- what belongs in ---- */

bool backup_holds(Str name)
{
    static const Str NOT[] = {
        STR_INIT(BACKUPS_FOLDER), STR_INIT(TEMP_FOLDER),  STR_INIT(RESTORE_FOLDER),
        STR_INIT("temp"),         STR_INIT("croft.lock"), STR_INIT("control.sock"),
        STR_INIT(".notify"),      STR_INIT("lost+found"), STR_INIT(".autocert_cache"),
    };
    for (size_t i = 0; i < COUNT(NOT); i++) {
        if (str_eq(name, NOT[i])) return false;
    }
    return true;
}

static bool is_database(Str name)
{
    return str_starts(name, S("data.db")) || str_starts(name, S("auxiliary.db"));
}

/* Of the walk over the live folder. Thumbnails are made again when asked for. */
static bool skip_live(Str path)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    if (slash < 0) return !backup_holds(path) || is_database(path);
    Str name = str_from_pos(path, (size_t)(slash + 1));
    if (!str_starts(path, S("storage/"))) return false;
    return str_starts(name, S("thumbs_")) || str_eq(path, S("storage/.tmp")) ||
           str_eq(path, S("storage/.site")) || str_eq(path, S("storage/.held"));
}

/* With the files on S3 nothing below storage/ is current. */
static bool skip_live_s3(Str path)
{
    return skip_live(path) || str_eq(path, S("storage"));
}

static bool skip_thumbs(Str path)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    return str_starts(str_from_pos(path, (size_t)(slash + 1)), S("thumbs_"));
}

/* ---- 1: looking around ---- */

static Error *count_file(void *arg, Str path, int folder, const char *name, const struct stat *st)
{
    (void)path, (void)folder, (void)name;
    ((Making *)arg)->file_bytes += (uint64_t)st->st_size;
    return NULL;
}

/* stat() only: opening and closing a database that SQLite has open would lift
 * this process's locks on it. */
static uint64_t size_of(const Making *m, const char *name)
{
    struct stat st;
    return fstatat(m->dir, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

static Error *look_around(Making *m)
{
    m->database_bytes = size_of(m, "data.db") + size_of(m, "data.db-wal");
    m->aux_bytes = size_of(m, "auxiliary.db");
    const Settings *settings = settings_hold(m->b->app->settings, m->arena);
    m->files_on_s3 = settings->s3.enabled;
    TreeWalk walk = {m->files_on_s3 ? skip_live_s3 : skip_live, count_file, m};
    Error *err = tree_walk(m->arena, m->dir, S(""), &walk);
    if (err) return err;

    struct statvfs fs;
    if (fstatvfs(m->dir, &fs) != 0) return error_errno(m->arena, errno, "statvfs", m->b->dir);
    uint64_t needed = m->database_bytes + m->aux_bytes + ZIP_DISK_KEEP;
    if ((uint64_t)fs.f_bavail * fs.f_frsize < needed)
        return error_errno(m->arena, ENOSPC, "make a backup in", m->b->dir);
    uint64_t data = m->database_bytes + m->aux_bytes;
    work_begin(&m->b->work, data + data / 2 + 2 * (data + m->file_bytes) + data + m->file_bytes);
    return NULL;
}

/* ---- 2, 3: the databases ---- */

static Error *databases_copy(Making *m)
{
    Arena *a = m->arena;
    Work *work = &m->b->work;
    DbWatch watch = {work_db, work};
    Str copy = str_concat(a, m->temp, S("/data.db"));
    work_step(work, "copying the database", m->database_bytes);
    Error *err = db_copy(m->b->app->db, a, copy, &watch, &m->moment_ms);
    if (err) return err;
    if (m->aux_bytes) {
        work_step(work, "copying the logs", m->aux_bytes);
        err = db_file_copy(a, str_concat(a, m->b->dir, S("/auxiliary.db")),
                           str_concat(a, m->temp, S("/auxiliary.db")), &watch, NULL);
        if (err) return err;
    }
    work_step(work, "checking the copy", (m->database_bytes + m->aux_bytes) / 2);
    Str findings;
    err = db_file_check(a, copy, &watch, &findings);
    if (err) return err;
    if (str_eq(findings, S("ok"))) return NULL;
    /* Never: with it as the newest, retention would push out the good ones. */
    log_error("backup", "the database is damaged; no backup was made of it",
              LOG_STR("findings", findings));
    return error_cause(a,
                       error_new(a, 500,
                                 S("The database is damaged: no backup is made of it. "
                                   "Restore an earlier one.")),
                       "%.*s", STR_ARG(str_sub(findings, 0, 1000)));
}

static Error *copy_add(Making *m, Str name)
{
    int fd = open(
        arena_cstr(m->arena, str_printf(m->arena, "%.*s/%.*s", STR_ARG(m->temp), STR_ARG(name))),
        O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 && errno == ENOENT) return NULL;
    if (fd < 0) return error_errno(m->arena, errno, "open", name);
    Error *err = fstat(fd, &st) != 0 ? error_errno(m->arena, errno, "stat", name) : NULL;
    if (!err) err = zip_add(m->zip, name, fd, (uint64_t)st.st_size, m->moment_ms);
    (void)close(fd);
    return err;
}

/* ---- 4: the files ---- */

static Error *file_add(void *arg, Str path, int folder, const char *name, const struct stat *seen)
{
    Making *m = arg;
    (void)seen;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0) /* removed a moment ago: it is in .held then */
        return errno == ENOENT || errno == ELOOP ? NULL
                                                 : error_errno(m->arena, errno, "open", path);
    Error *err = NULL;
    if (fstat(fd, &st) != 0)
        err = error_errno(m->arena, errno, "stat", path);
    else if (S_ISREG(st.st_mode))
        err = zip_add(m->zip, path, fd, (uint64_t)st.st_size,
                      (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
    (void)close(fd);
    return err;
}

static uint64_t name_hash(Str name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(1099511628211);
    return hash;
}

static Error *aside_note(void *arg, Str path, int folder, const char *name, const struct stat *st)
{
    Making *m = arg;
    (void)folder, (void)name, (void)st;
    if (m->aside_count == m->aside_cap) {
        size_t cap = MAX(m->aside_cap * 2, 1024);
        uint64_t *grown = realloc(m->aside, cap * sizeof(*grown));
        if (!grown) return error_cause(m->arena, error_status(m->arena, 503), "no memory");
        m->aside = grown;
        m->aside_cap = cap;
    }
    m->aside[m->aside_count++] = name_hash(path);
    return NULL;
}

static int compare_hashes(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static const uint64_t *aside_find(const Making *m, Str name)
{
    uint64_t hash = name_hash(name);
    return m->aside_count ? bsearch(&hash, m->aside, m->aside_count, sizeof(hash), compare_hashes)
                          : NULL;
}

static void aside_mark(void *arg, Str name)
{
    Making *m = arg;
    const uint64_t *found = aside_find(m, name);
    if (found) m->present[found - m->aside] = true;
}

/* One that came aside since was there for the first walk. */
static Error *aside_add(void *arg, Str path, int folder, const char *name, const struct stat *st)
{
    Making *m = arg;
    const uint64_t *found = aside_find(m, path);
    if (!found || m->present[found - m->aside]) return NULL;
    return file_add(arg, path, folder, name, st);
}

/* What was removed since the hold began and is not in the zip yet. */
static Error *files_add_held(Making *m)
{
    int held = openat(m->dir, "storage/.held", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (held < 0) return errno == ENOENT ? NULL : error_errno(m->arena, errno, "open", S(".held"));
    TreeWalk note = {skip_thumbs, aside_note, m};
    Error *err = tree_walk(m->arena, held, S("storage"), &note);
    if (!err && m->aside_count) {
        qsort(m->aside, m->aside_count, sizeof(*m->aside), compare_hashes);
        m->present = calloc(m->aside_count, sizeof(bool));
        if (!m->present) err = error_cause(m->arena, error_status(m->arena, 503), "no memory");
        if (!err) err = zip_each_name(m->zip, aside_mark, m);
        TreeWalk add = {skip_thumbs, aside_add, m};
        if (!err) err = tree_walk(m->arena, held, S("storage"), &add);
    }
    (void)close(held);
    return err;
}

static Error *zip_fill(Making *m, MadeBackup *out)
{
    Arena *a = m->arena;
    work_step(&m->b->work, "writing the zip",
              2 * (m->database_bytes + m->aux_bytes + m->file_bytes));
    Error *err = copy_add(m, S("data.db"));
    if (!err) err = copy_add(m, S("auxiliary.db"));
    TreeWalk walk = {m->files_on_s3 ? skip_live_s3 : skip_live, file_add, m};
    if (!err) err = tree_walk(a, m->dir, S(""), &walk);
    if (!err && m->held) err = files_add_held(m);
    if (err) return err;

    Json *about = json_new_object(a);
    json_set_number(a, about, S("format"), 1);
    json_set_str(a, about, S("croft"), S(CROFT_VERSION));
    json_set_str(a, about, S("name"), m->key);
    json_set_str(a, about, S("created"), datetime_format(a, m->moment_ms));
    json_set_str(a, about, S("integrity"), S("ok"));
    json_set_str(a, about, S("files"), m->files_on_s3 ? S("s3, not included") : S("included"));
    return zip_finish(m->zip, about, &out->size, &out->sha256);
}

/* ---- 5: reading it back ---- */

static Error *read_back(Making *m, const MadeBackup *made)
{
    Work *work = &m->b->work;
    ZipWatch watch = {work_more, work};
    work_step(work, "reading it back", m->database_bytes + m->aux_bytes + m->file_bytes);
    int fd = open(arena_cstr(m->arena, made->path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_errno(m->arena, errno, "open", made->path);
    ZipContent content;
    Error *err = zip_check(m->arena, fd, &watch, &content);
    if (!err) err = zip_unpack(m->arena, fd, -1, &watch, &content);
    (void)close(fd);
    if (err && err->status == 400) {
        err->status = 500;
        err->cause = err->message;
        err->message = S("The backup could not be read back.");
    }
    return err;
}

static void making_end(void *arg)
{
    Making *m = arg;
    if (m->held) storage_let_go(m->b->app->storage);
    free(m->aside);
    free(m->present);
    m->held = false;
    m->aside = NULL;
    m->present = NULL;
}

Error *backup_make_zip(Backups *b, Arena *a, Str key, MadeBackup *out)
{
    Making *m = arena_new(a, Making, 1);
    *m = (Making){.b = b, .arena = a, .key = key, .temp = out->temp};
    Error *err = tree_open(a, b->dir, false, &m->dir);
    if (!err) err = look_around(m);
    if (!err && !m->files_on_s3) {
        arena_defer(a, making_end, m); /* may end the work: before the hold */
        err = storage_hold(b->app->storage, a);
        m->held = !err;
    }
    if (!err) err = databases_copy(m);
    ZipWatch watch = {work_more, &b->work};
    out->path = str_concat(a, out->temp, S("/backup.zip"));
    if (!err) err = zip_create(a, out->path, out->temp, &watch, &m->zip);
    if (!err) err = zip_fill(m, out);
    making_end(m);
    if (!err) err = read_back(m, out);
    return err;
}
