/* checkpoint.c - who copies the WAL back into the database file, and when.
 *
 *   from checkpoint_pages (4,000)   a thread of ours, PASSIVE: nobody waits
 *   at restart_pages (16,000)       the writer, RESTART: under constant writing
 *                                   PASSIVE ones never let the WAL begin anew
 *   at close                        TRUNCATE: the file alone is the database
 *
 * Readers never checkpoint. After a failed fsync nobody does: the WAL is then
 * the better copy, and stays as it is for the next start.
 */
#include "base/log.h"
#include "db/sqlite/internal.h"

#include <pthread.h>

/* The writer does not wait longer than this for readers; it tries again when
 * the WAL has grown by another sixteenth. */
#define RESTART_WAIT_MS 100
#define WRITER_WAIT_MS  5000

static uint64_t pages_in_wal(const Db *db)
{
    return atomic_load_explicit(&db->wal_pages, memory_order_relaxed);
}

static int checkpoint(Db *db, Conn *c, int mode)
{
    int in_wal = -1, copied = -1;
    int rc = sqlite3_wal_checkpoint_v2(c->raw, NULL, mode, &in_wal, &copied);
    if (rc == SQLITE_OK) {
        atomic_fetch_add_explicit(&db->checkpoints, 1, memory_order_relaxed);
        atomic_store_explicit(&db->wal_copied, copied > 0 ? (uint64_t)copied : 0,
                              memory_order_relaxed);
        return rc;
    }
    if ((rc & 0xff) == SQLITE_BUSY) return rc; /* the other one is at it, or a reader is */

    log_warn("db", "checkpoint failed", LOG_STR("file", db->path), LOG_INT("code", rc),
             LOG_STR("reason", str_from(sqlite3_errmsg(c->raw))));
    db_note_failure(db, rc, "checkpoint");
    return rc;
}

/* ---- the thread ---- */

static bool wait_until_wanted(Checkpointer *cp)
{
    uv_mutex_lock(&cp->lock);
    while (!cp->wanted && !cp->stopping)
        uv_cond_wait(&cp->wake, &cp->lock);
    cp->wanted = false;
    bool go_on = !cp->stopping;
    uv_mutex_unlock(&cp->lock);
    return go_on;
}

static void checkpointer_main(void *arg)
{
    Db *db = arg;
    (void)pthread_setname_np(pthread_self(), "db-checkpoint"); /* for people only */
    while (wait_until_wanted(&db->checkpointer))
        if (atomic_load(&db->stopped) == DB_ERROR_NONE)
            (void)checkpoint(db, db->checkpointer.conn, SQLITE_CHECKPOINT_PASSIVE);
}

Error *checkpointer_start(Db *db, Arena *a)
{
    Checkpointer *cp = &db->checkpointer;
    Error *err = conn_open(db, a, CONN_CHECKPOINT, &cp->conn);
    if (err) return err;

    int failed = uv_thread_create(&cp->thread, checkpointer_main, db);
    if (failed) return error_errno(a, -failed, "start thread", S("db-checkpoint"));
    cp->started = true;
    return NULL;
}

void checkpointer_stop(Db *db)
{
    Checkpointer *cp = &db->checkpointer;
    if (cp->started) {
        uv_mutex_lock(&cp->lock);
        cp->stopping = true;
        uv_cond_signal(&cp->wake);
        uv_mutex_unlock(&cp->lock);
        uv_thread_join(&cp->thread);
    }
    cp->started = false;
    db_conn_close(cp->conn);
    cp->conn = NULL;
}

/* ---- on the writer's thread ---- */

void checkpointer_wake_if_due(Db *db)
{
    if (atomic_load_explicit(&db->copies, memory_order_relaxed) > 0) return;
    uint64_t pages = pages_in_wal(db);
    uint64_t copied = atomic_load_explicit(&db->wal_copied, memory_order_relaxed);
    if (pages < copied) { /* the WAL began anew */
        atomic_store_explicit(&db->wal_copied, 0, memory_order_relaxed);
        copied = 0;
    }
    uint64_t due = db->config.checkpoint_pages;
    if (pages < due || pages - copied < due / 4 + 1) return;

    Checkpointer *cp = &db->checkpointer;
    uv_mutex_lock(&cp->lock);
    cp->wanted = true;
    uv_cond_signal(&cp->wake);
    uv_mutex_unlock(&cp->lock);
}

void checkpoint_restart_if_due(Db *db)
{
    Writer *w = &db->writer;
    uint64_t pages = pages_in_wal(db);
    if (pages < w->restart_at) {
        if (pages < db->config.restart_pages) w->restart_at = db->config.restart_pages;
        return;
    }
    if (atomic_load(&db->stopped) != DB_ERROR_NONE) return;
    /* It would wait in vain, and everybody with it. */
    if (atomic_load_explicit(&db->copies, memory_order_relaxed) > 0) return;

    sqlite3_busy_timeout(w->conn->raw, RESTART_WAIT_MS);
    int rc = checkpoint(db, w->conn, SQLITE_CHECKPOINT_RESTART);
    sqlite3_busy_timeout(w->conn->raw, WRITER_WAIT_MS);
    w->restart_at =
        rc == SQLITE_OK ? db->config.restart_pages : pages + db->config.restart_pages / 16 + 1;
    if (rc == SQLITE_OK) atomic_store_explicit(&db->wal_pages, 0, memory_order_relaxed);
}

void checkpoint_empty(Db *db)
{
    if (atomic_load(&db->stopped) != DB_ERROR_NONE) return;
    if (checkpoint(db, db->writer.conn, SQLITE_CHECKPOINT_TRUNCATE) == SQLITE_OK)
        atomic_store_explicit(&db->wal_pages, 0, memory_order_relaxed); /* else the WAL stays */
}
