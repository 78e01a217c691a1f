/* copy.c - a copy of the whole database at one moment, while writing goes on.
 *
 *     read transaction ──▶ sqlite3_backup, 1 MiB a step ──▶ target, a plain file
 *
 * The connection that is read from holds a read transaction from before the
 * first page to the last. So all pages are of one moment, and the copy never
 * starts over, however much is committed meanwhile. (Without that transaction
 * sqlite3_backup would begin anew at each commit of another connection.)
 *
 * The price: until it ends nothing behind its moment can be copied back from
 * the WAL, which grows by all that is written. Therefore
 *   - the copy runs at the disk's speed and does nothing else: compressing and
 *     checking come afterwards, on the copy;
 *   - the writer does not try in vain, 100 ms at a time, to begin the WAL anew;
 *   - a WAL that outgrows its bound, or a disk that fills, ends the copy.
 *
 * Memory: both connections have a cache of 1 MiB and map nothing.
 */
#include "base/clock.h"
#include "base/log.h"
#include "db/sqlite/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEP_BYTES    (1u << 20)
#define CHECK_OPS     20000
#define FINDINGS_MAX  20
#define WAL_BOUND     (UINT64_C(1) << 30) /* or twice the database, if that is more */
#define DISK_KEEP     (UINT64_C(64) << 20)
#define BUSY_PAUSE_MS 10
#define BUSY_TRIES    500

typedef struct {
    Db *db; /* NULL: nobody has the file open */
    Arena *arena;
    Str source, target;
    const DbWatch *watch;
    sqlite3 *from, *to;
    int target_fd;
    uint64_t page_bytes;
} Copy;

static bool watch_goes_on(const DbWatch *watch, uint64_t done, uint64_t total)
{
    return !watch || !watch->progress || watch->progress(watch->arg, done, total);
}

static Error *gave_up(Arena *a)
{
    return db_error_new(a, DB_ERROR_BUSY, S(""), S("stopped from outside"));
}

static Error *copy_failed(Copy *c, sqlite3 *raw, int rc)
{
    if (c->db && raw == c->from) db_note_failure(c->db, rc, "copy");
    return sqlite_error(c->arena, c->db, raw, rc, raw == c->to ? c->target : c->source);
}

/* A connection that keeps little: a copy passes every page once. */
static int open_lean(const char *path, int flags, sqlite3 **out)
{
    int rc = sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) return rc;
    sqlite3_busy_timeout(*out, 5000);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_limit(*out, SQLITE_LIMIT_ATTACHED, 0);
    return sqlite3_exec(*out, "PRAGMA mmap_size=0; PRAGMA cache_size=-1024; PRAGMA temp_store=FILE",
                        NULL, NULL, NULL);
}

static int one_number(sqlite3 *raw, const char *sql, uint64_t *out)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    if (rc != SQLITE_OK) return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *out = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static Error *copy_open(Copy *c)
{
    /* Neither is opened nor closed by other means while SQLite has it open: that
     * would lift this process's locks on it. */
    int rc = open_lean(arena_cstr(c->arena, c->source), SQLITE_OPEN_READWRITE, &c->from);
    if (rc != SQLITE_OK) return copy_failed(c, c->from, rc);
    const char *path = arena_cstr(c->arena, c->target);
    c->target_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->target_fd < 0) return error_errno(c->arena, errno, "create", c->target);
    rc = open_lean(path, SQLITE_OPEN_READWRITE, &c->to);
    /* A defensive connection insists on a journal; this file has no past to keep. */
    if (rc == SQLITE_OK) sqlite3_db_config(c->to, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(c->to,
                          "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
                          "PRAGMA synchronous=OFF",
                          NULL, NULL, NULL);
    return rc == SQLITE_OK ? NULL : copy_failed(c, c->to, rc);
}

/* The moment: from here on the connection sees nothing newer. */
static Error *snapshot_begin(Copy *c)
{
    uint64_t pages;
    int rc = sqlite3_exec(c->from, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = one_number(c->from, "SELECT count(*) FROM sqlite_schema", &pages);
    if (rc == SQLITE_OK) rc = one_number(c->from, "PRAGMA page_size", &c->page_bytes);
    return rc == SQLITE_OK ? NULL : copy_failed(c, c->from, rc);
}

static Error *bounds_check(const Copy *c, uint64_t total)
{
    struct statvfs fs;
    if (fstatvfs(c->target_fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < DISK_KEEP)
        return error_errno(c->arena, ENOSPC, "copy to", c->target);
    if (!c->db) return NULL;
    uint64_t wal = atomic_load_explicit(&c->db->wal_pages, memory_order_relaxed) * c->page_bytes;
    if (wal > MAX(WAL_BOUND, 2 * total))
        return db_error_new(c->arena, DB_ERROR_BUSY, S(""),
                            S("more is being written than a copy can keep up with"));
    return NULL;
}

static Error *pages_copy(Copy *c)
{
    sqlite3_backup *backup = sqlite3_backup_init(c->to, "main", c->from, "main");
    if (!backup) return copy_failed(c, c->to, sqlite3_errcode(c->to));
    int step = (int)MAX(STEP_BYTES / MAX(c->page_bytes, 1), 1), tries = 0;
    Error *err = NULL;
    for (int rc = SQLITE_OK; !err && rc != SQLITE_DONE;) {
        rc = sqlite3_backup_step(backup, step);
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup) * c->page_bytes;
        uint64_t left = (uint64_t)sqlite3_backup_remaining(backup) * c->page_bytes;
        if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
            if (++tries > BUSY_TRIES) err = copy_failed(c, c->from, rc);
            await_sleep(BUSY_PAUSE_MS);
        } else if (rc != SQLITE_OK && rc != SQLITE_DONE) {
            err = copy_failed(c, c->to, rc);
        }
        /* Written back as it comes: a heap of dirty pages would be flushed by the
         * next commit's fsync, while somebody waits for that. */
        if (!err) (void)sync_file_range(c->target_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        if (!err) err = bounds_check(c, total);
        if (!err && !watch_goes_on(c->watch, total - MIN(left, total), total))
            err = gave_up(c->arena);
    }
    int rc = sqlite3_backup_finish(backup);
    if (!err && rc != SQLITE_OK) err = copy_failed(c, c->to, rc);
    return err;
}

static void copy_close(Copy *c)
{
    sqlite3_close(c->from); /* ends the transaction */
    sqlite3_close(c->to);
    if (c->target_fd >= 0) (void)close(c->target_fd);
}

static Error *copy_run(Copy *c, int64_t *moment_ms)
{
    Error *err = copy_open(c);
    if (!err) err = snapshot_begin(c);
    if (moment_ms) *moment_ms = clock_wall_ms();
    if (!err) err = pages_copy(c);
    if (!err && fdatasync(c->target_fd) != 0)
        err = error_errno(c->arena, errno, "fsync", c->target);
    /* It is read once more, in order, and then removed: not worth the memory. */
    if (!err) (void)posix_fadvise(c->target_fd, 0, 0, POSIX_FADV_DONTNEED);
    copy_close(c);
    if (err) (void)unlink(arena_cstr(c->arena, c->target));
    return err;
}

Error *db_copy(Db *db, Arena *a, Str target, const DbWatch *watch, int64_t *moment_ms)
{
    Copy c = {.db = db,
              .arena = a,
              .source = db->path,
              .target = target,
              .watch = watch,
              .target_fd = -1};
    atomic_fetch_add(&db->copies, 1);
    Error *err = copy_run(&c, moment_ms);
    atomic_fetch_sub(&db->copies, 1);
    return err;
}

Error *db_file_copy(Arena *a, Str source, Str target, const DbWatch *watch, int64_t *moment_ms)
{
    Error *err = library_start(a);
    if (err) return err;
    Copy c = {.arena = a, .source = source, .target = target, .watch = watch, .target_fd = -1};
    return copy_run(&c, moment_ms);
}

/* ---- checking ---- */

typedef struct {
    const DbWatch *watch;
    uint64_t looks;
} Looking;

/* How long it takes nobody knows: the share told grows ever more slowly. */
static int on_look(void *arg)
{
    Looking *l = arg;
    l->looks++;
    return !watch_goes_on(l->watch, l->looks, l->looks + 1000);
}

static Error *check_run(Arena *a, sqlite3 *raw, Str path, Str *findings)
{
    sqlite3_stmt *stmt;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", FINDINGS_MAX);
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    Buf out = buf_new(a, 128);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (out.len) buf_char(&out, '\n');
        buf_add(&out, str_from((const char *)sqlite3_column_text(stmt, 0)));
        rc = SQLITE_OK;
    }
    Error *err = NULL;
    if (rc == SQLITE_INTERRUPT)
        err = gave_up(a);
    else if (rc != SQLITE_DONE)
        err = sqlite_error(a, NULL, raw, rc, path);
    sqlite3_finalize(stmt);
    *findings = buf_str(&out);
    return err;
}

Error *db_file_check(Arena *a, Str path, const DbWatch *watch, Str *findings)
{
    Error *err = library_start(a);
    if (err) return err;
    sqlite3 *raw = NULL;
    Looking looking = {.watch = watch};
    int rc = open_lean(arena_cstr(a, path), SQLITE_OPEN_READWRITE, &raw);
    if (rc == SQLITE_OK) {
        sqlite3_progress_handler(raw, CHECK_OPS, on_look, &looking);
        err = check_run(a, raw, path, findings);
    } else {
        err = sqlite_error(a, NULL, raw, rc, path);
    }
    /* Damage is what was asked for. */
    if (err && (db_error_kind(err) == DB_ERROR_CORRUPT)) {
        *findings = db_error_raw(err);
        err = NULL;
    }
    sqlite3_close(raw);
    return err;
}

/* ---- a folder without opening its database ---- */

Error *db_folder_hold(Arena *a, Str dir, int *fd)
{
    Error *err = folder_make(a, dir);
    return err ? err : folder_lock(a, dir, S("data.db"), fd);
}
