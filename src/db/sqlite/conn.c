/* conn.c - a connection as Croft wants it, its clock, and the pool of spare ones. */
#include "base/clock.h"
#include "db/sqlite/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POOL_IDLE_MAX 8

/* Waiting for a lock. Only the writer's is ever held for long, and nobody
 * competes for it; readers meet one while the WAL is recovered. */
#define BUSY_WRITER_MS 5000
#define BUSY_READER_MS 1000

/* The fast lane gives a statement at least this many looks at the clock: one
 * look alone may only show that the thread had to wait for a processor. */
#define LOOKS_MIN 3

/* A statement found slow starts in the slow lane for this long; each time it is
 * caught again, twice as long. */
#define PENALTY_FIRST_MS 1000
#define PENALTY_MAX_MS   30000

static const char *const CONTROL_SQL[CONTROL_COUNT] = {
    [CONTROL_BEGIN] = "BEGIN",
    [CONTROL_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
    [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",
    [CONTROL_SAVEPOINT] = "SAVEPOINT w",
    [CONTROL_RELEASE] = "RELEASE w",
    [CONTROL_ROLLBACK_TO] = "ROLLBACK TO w",
};

/* ---- the clock ---- */

/* Others' writes have been waiting too long for the one that runs here. */
static bool others_wait(Conn *c, uint64_t now)
{
    if (c->others_ns == 0 || atomic_load_explicit(&c->db->waiting, memory_order_relaxed) < 2)
        return false;
    if (c->waited_ns == 0) c->waited_ns = now;
    return now - c->waited_ns >= c->others_ns;
}

bool conn_time_is_up(Conn *c)
{
    if (c->limit_ns == 0 && c->others_ns == 0) return false;
    uint64_t now = clock_mono_ns();
    if (others_wait(c, now)) {
        c->timed_out = true;
        return true;
    }
    if (c->limit_ns == 0) return false;
    c->looks++;
    if (c->deadline_ns == 0) { /* so that short works never ask for the time */
        c->deadline_ns = now + c->limit_ns;
        return false;
    }
    if (now < c->deadline_ns || c->looks < LOOKS_MIN) return false;
    c->timed_out = true;
    return true;
}

uint64_t resident_pages(void)
{
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t got = read(fd, text, sizeof text);
    (void)close(fd); /* nothing was written */
    Str rest = str_make(text, got > 0 ? (size_t)got : 0);
    (void)str_split(&rest, ' '); /* the address space */
    uint64_t pages;
    return str_to_u64(str_split(&rest, ' '), &pages) ? pages : 0;
}

static int on_progress(void *arg)
{
    Conn *c = arg;
    return conn_time_is_up(c) || (c->resident_max > 0 && resident_pages() > c->resident_max);
}

void conn_progress(Conn *c, int ops)
{
    sqlite3_progress_handler(c->raw, ops, on_progress, c);
}

void conn_limit(Conn *c, uint64_t limit_ns)
{
    c->limit_ns = limit_ns;
    c->deadline_ns = 0;
    c->looks = 0;
    c->timed_out = false;
}

/* ---- slow statements ---- */

bool slow_known(Conn *c, uint64_t hash)
{
    const SlowEntry *e = &c->slow[hash % SLOW_SLOTS];
    return e->hash == hash && e->until_ms > 0 && clock_mono_ms() < e->until_ms;
}

void slow_remember(Conn *c, uint64_t hash)
{
    SlowEntry *e = &c->slow[hash % SLOW_SLOTS];
    uint64_t now = clock_mono_ms();
    bool again = e->hash == hash && now < e->until_ms + PENALTY_MAX_MS;
    e->penalty_ms = again ? MIN(e->penalty_ms * 2, PENALTY_MAX_MS) : PENALTY_FIRST_MS;
    e->hash = hash;
    e->until_ms = now + e->penalty_ms;
}

/* ---- opening ---- */

static int configure(Conn *c, ConnRole role)
{
    const DbConfig *config = &c->db->config;
    sqlite3 *raw = c->raw;
    /* Before WAL mode is touched: else connections opened at the same moment
     * fail with "database is locked". */
    sqlite3_busy_timeout(raw, role == CONN_WRITE ? BUSY_WRITER_MS : BUSY_READER_MS);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* db_close() does it, and after a failed fsync nobody must. */
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
    int rc = like_install(c);
    if (rc != SQLITE_OK) return rc;

    if (role == CONN_WRITE) {
        rc = sqlite3_exec(raw, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    sqlite3_wal_autocheckpoint(raw, 0);

    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA synchronous=%s; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY;"
                   "PRAGMA mmap_size=%zu; PRAGMA cache_size=-%zu; PRAGMA query_only=%d",
                   config->relaxed ? "NORMAL" : "FULL", config->mmap_bytes,
                   config->cache_bytes / 1024, role == CONN_READ);
    rc = sqlite3_exec(raw, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;

    /* Reads the file's head: a foreign or broken file is named at once. */
    rc = sqlite3_exec(raw, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    conn_progress(c, PROGRESS_OPS);
    return rc;
}

Error *conn_open(Db *db, Arena *a, ConnRole role, Conn **out)
{
    Conn *c = calloc(1, sizeof *c);
    if (!c) return error_cause(a, error_status(a, 500), "no memory for a connection");
    c->db = db;

    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (role == CONN_WRITE) flags |= SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(db->path.ptr, &c->raw, flags, db->config.vfs);
    if (rc == SQLITE_OK) rc = configure(c, role);
    if (rc == SQLITE_OK) {
        *out = c;
        return NULL;
    }
    db_note_failure(db, rc, "open");
    Error *err = sqlite_error_safe(a, db, c->raw, rc, db->path);
    db_conn_close(c);
    return err;
}

void db_conn_close(Conn *c)
{
    if (!c) return;
    cache_clear(&c->cache);
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        sqlite3_finalize(c->control[i]);
    int rc = sqlite3_close(c->raw);
    assert(rc == SQLITE_OK); /* else a statement is still out */
    free(c);
}

int conn_control(Conn *c, Control what)
{
    int rc = SQLITE_OK;
    if (!c->control[what])
        rc = sqlite3_prepare_v3(c->raw, CONTROL_SQL[what], -1, SQLITE_PREPARE_PERSISTENT,
                                &c->control[what], NULL);
    if (rc != SQLITE_OK) return rc;
    rc = sqlite3_step(c->control[what]);
    int reset = sqlite3_reset(c->control[what]);
    return rc == SQLITE_DONE ? reset : rc;
}

/* ---- the pool ---- */

Error *pool_take(Db *db, Arena *a, Conn **out)
{
    uv_mutex_lock(&db->pool_lock);
    Conn *c = db->pool;
    if (c) {
        db->pool = c->next;
        db->pool_idle--;
    }
    uv_mutex_unlock(&db->pool_lock);
    if (!c) return conn_open(db, a, CONN_READ, out);

    c->next = NULL;
    *out = c;
    return NULL;
}

void pool_put(Db *db, Conn *c)
{
    uv_mutex_lock(&db->pool_lock);
    bool keep = db->pool_idle < POOL_IDLE_MAX;
    if (keep) {
        c->next = db->pool;
        db->pool = c;
        db->pool_idle++;
    }
    uv_mutex_unlock(&db->pool_lock);
    if (!keep) db_conn_close(c);
}
