/* db.c - opening, closing and the state of a database. */
#include "base/log.h"
#include "db/sqlite/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOW_QUEUE_MAX 1024

DbConfig db_config_default(Str dir)
{
    return (DbConfig){
        .dir = dir,
        .file = S("data.db"),
        .loop_count = 1,
        .slow_threads = 2,
        .read_budget_us = 1000,
        .slow_timeout_ms = 2000,
        .write_queue_max = 8192,
        .mmap_bytes = (size_t)256 << 20,
        .cache_bytes = (size_t)16 << 20,
        .write_timeout_ms = 10000,
        .checkpoint_pages = 4000,
        .restart_pages = 16000,
    };
}

/* ---- stopping writes ---- */

void db_stop_writes(Db *db, DbErrorKind why, int rc, const char *doing)
{
    int none = DB_ERROR_NONE;
    if (!atomic_compare_exchange_strong(&db->stopped, &none, (int)why)) return;

    const char *message = why == DB_ERROR_CORRUPT
                              ? "database file is damaged: writes are refused; restore a backup"
                              : "fsync failed: writes are refused until a restart; check the disk";
    log_error("db", message, LOG_STR("file", db->path), LOG_STR("while", str_from(doing)),
              LOG_STR("reason", str_from(sqlite3_errstr(rc))), LOG_INT("code", rc));
}

void db_note_failure(Db *db, int rc, const char *doing)
{
    int primary = rc & 0xff;
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
        db_stop_writes(db, DB_ERROR_READ_ONLY, rc, doing);
    /* CORRUPT_VTAB is about the content of a full-text table, not the file. */
    if ((primary == SQLITE_CORRUPT && rc != SQLITE_CORRUPT_VTAB) || primary == SQLITE_NOTADB)
        db_stop_writes(db, DB_ERROR_CORRUPT, rc, doing);
}

/* ---- opening ---- */

/* So that it is nobody else's to read: SQLite gives its -wal and -shm the same
 * mode. An empty file is an empty database. */
static Error *file_make(Arena *a, Str path)
{
    int fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return error_errno(a, errno, "open", path);
    (void)close(fd); /* nothing was written */
    return NULL;
}

static Db *db_new(const DbConfig *config)
{
    Arena *arena = arena_create("db", 0);
    Db *db = arena_new(arena, Db, 1);
    db->arena = arena;
    db->config = *config;
    db->config.dir = arena_copy(arena, config->dir);
    db->config.file = arena_copy(arena, config->file);
    Str path = str_printf(arena, "%.*s/%.*s", STR_ARG(config->dir), STR_ARG(config->file));
    db->path = str_make(arena_cstr(arena, path), path.len);
    db->lock_fd = -1;
    db->slots = arena_new(arena, LoopSlot, (size_t)MAX(config->loop_count, 1));
    for (int i = 0; i < config->loop_count; i++)
        db->slots[i].db = db;

    int failed = uv_mutex_init(&db->pool_lock) || uv_mutex_init(&db->writer.lock) ||
                 uv_cond_init(&db->writer.wake) || uv_mutex_init(&db->checkpointer.lock) ||
                 uv_cond_init(&db->checkpointer.wake);
    assert(!failed); /* they need no resource on Linux */
    return db;
}

/* The pool's errors live in the Db's arena, which does not outlive a failure. */
static Error *slow_pool_start(Db *db, Arena *a)
{
    Error *err = workers_create(db->arena, "db-slow", MAX(db->config.slow_threads, 1),
                                SLOW_QUEUE_MAX, &db->slow);
    if (!err) return NULL;
    return error_cause(a, error_status(a, 500), "db-slow: %.*s", STR_ARG(err->cause));
}

/* A file that is not there must not be made, and one that cannot be read should
 * be named now. */
static Error *read_only_start(Db *db, Arena *a)
{
    if (access(db->path.ptr, R_OK) != 0) return error_errno(a, errno, "open", db->path);
    atomic_store(&db->stopped, DB_ERROR_READ_ONLY);
    Conn *c;
    Error *err = pool_take(db, a, &c);
    if (err) return err;
    pool_put(db, c);
    return slow_pool_start(db, a);
}

static Error *db_start(Db *db, Arena *a)
{
    if (db->config.read_only) return read_only_start(db, a);
    Error *err = folder_make(a, db->config.dir);
    if (err) return err;
    err = folder_lock(a, db->config.dir, db->config.file, &db->lock_fd);
    if (err) return err;
    if (!db->config.vfs) {
        err = file_make(a, db->path);
        if (err) return err;
    }
    err = writer_start(db, a);
    if (err) return err;
    err = checkpointer_start(db, a);
    if (err) return err;
    return slow_pool_start(db, a);
}

Error *db_open(Arena *a, const DbConfig *config, Db **out)
{
    Error *err = library_start(a);
    if (err) return err;

    Db *db = db_new(config);
    err = db_start(db, a);
    if (err) {
        db_close(db);
        return err;
    }
    *out = db;
    return NULL;
}

/* ---- closing ---- */

static void readers_close(Db *db)
{
    for (int i = 0; i < db->config.loop_count; i++)
        db_conn_close(db->slots[i].conn);
    while (db->pool) {
        Conn *c = db->pool;
        db->pool = c->next;
        db_conn_close(c);
    }
}

void db_close(Db *db)
{
    if (!db) return;
    writer_stop(db);
    if (db->slow) workers_destroy(db->slow);
    checkpointer_stop(db);
    readers_close(db);
    if (db->writer.conn) checkpoint_empty(db);
    db_conn_close(db->writer.conn);
    if (db->lock_fd >= 0) (void)close(db->lock_fd); /* lifts the lock */

    uv_mutex_destroy(&db->pool_lock);
    uv_mutex_destroy(&db->writer.lock);
    uv_cond_destroy(&db->writer.wake);
    uv_mutex_destroy(&db->checkpointer.lock);
    uv_cond_destroy(&db->checkpointer.wake);
    arena_destroy(db->arena);
}

/* ---- state ---- */

DbStats db_stats(const Db *db)
{
    DbStats stats = {
        .slow_reads = atomic_load_explicit(&db->slow_reads, memory_order_relaxed),
        .abandoned_reads = atomic_load_explicit(&db->abandoned_reads, memory_order_relaxed),
        .writes = atomic_load_explicit(&db->writes, memory_order_relaxed),
        .commits = atomic_load_explicit(&db->commits, memory_order_relaxed),
        .wal_pages = atomic_load_explicit(&db->wal_pages, memory_order_relaxed),
        .checkpoints = atomic_load_explicit(&db->checkpoints, memory_order_relaxed),
    };
    for (int i = 0; i < db->config.loop_count; i++)
        stats.fast_reads += atomic_load_explicit(&db->slots[i].fast_reads, memory_order_relaxed);
    return stats;
}

uint64_t db_version(const Db *db)
{
    return atomic_load_explicit(&db->commits, memory_order_acquire);
}

const SqlDialect *db_dialect(const Db *db)
{
    return &sqlite_dialect;
}

bool db_is_read_only(const Db *db)
{
    return db->config.read_only;
}

Error *db_forget(Db *db, Arena *a)
{
    struct stat st;
    Error *err = NULL;
    if (stat(arena_cstr(a, db->path), &st) == 0 && st.st_size <= DB_FORGET_BYTES)
        err = db_vacuum(db, a, (DbPatience){0});
    else
        log_warn("db",
                 "the file is large: what was in clear may still be in its free pages until it is "
                 "written anew by VACUUM, in the SQL console",
                 LOG_STR("file", db->path));
    Error *emptied = db_empty_wal(db, a);
    return err ? err : emptied;
}
