/* read.c - the fast lane and the slow lane.
 *
 *   on a loop      work runs at once on the loop's own connection, with a
 *                  budget; over it, or with a statement known to go over it,
 *                  the run is broken off and the work runs again as a job of
 *                  the slow pool, while the fiber waits
 *   anywhere else  work runs on the calling thread, on a connection of the
 *                  pool, with the slow lane's time limit
 */
#include "base/clock.h"
#include "base/log.h"
#include "db/sqlite/internal.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

/* Ends what snapshot_hold() began. There is nothing to lose in a read. */
static void read_end(Tx *tx, bool ok)
{
    Conn *c = tx->conn;
    if (!tx->begun || sqlite3_get_autocommit(c->raw)) return;
    c->limit_ns = 0; /* the clock must not stop the clean-up */
    if (ok && conn_control(c, CONTROL_COMMIT) == SQLITE_OK) return;
    (void)conn_control(c, CONTROL_ROLLBACK);
}

typedef struct {
    Db *db;
    Arena *arena;
    TxWork work;
    void *arg;
    uint64_t limit_ns;
    uint64_t submitted_ns;
    Error *err;
} Read;

/* Runs the work on `c`, again when it turns out to need a transaction. */
static Error *run_on(Conn *c, const Read *r, bool fast, Verdict *verdict)
{
    bool first_leads = false;
    for (;;) {
        Tx tx = {
            .db = r->db, .conn = c, .arena = r->arena, .fast = fast, .first_leads = first_leads};
        conn_limit(c, r->limit_ns);
        Error *err = tx_run(&tx, r->work, r->arg);
        read_end(&tx, !err);
        *verdict = tx.verdict;
        if (tx.verdict == VERDICT_RESTART) {
            first_leads = true;
            hooks_run(&tx.on_rollback);
            continue;
        }
        hooks_run(err || tx.verdict != VERDICT_NONE ? &tx.on_rollback : &tx.on_commit);
        return err;
    }
}

/* ---- slow lane ---- */

static Error *run_blocking(Read *r)
{
    Conn *c;
    Error *err = pool_take(r->db, r->arena, &c);
    if (err) return err;
    Verdict verdict;
    err = run_on(c, r, false, &verdict);
    pool_put(r->db, c);
    atomic_fetch_add_explicit(&r->db->slow_reads, 1, memory_order_relaxed);
    return err;
}

static void slow_job(void *arg)
{
    Read *r = arg;
    /* Those who waited longer than they may run would only make others wait. */
    if (r->limit_ns && clock_mono_ns() - r->submitted_ns > r->limit_ns) {
        r->err = db_error_safe(r->arena, DB_ERROR_BUSY, S("waited too long for the slow lane"));
        return;
    }
    r->err = run_blocking(r);
}

static Error *read_slow(Read *r)
{
    if (!loop_current()) return run_blocking(r);
    r->submitted_ns = clock_mono_ns();
    Error *err = await_work(r->db->slow, r->arena, slow_job, r);
    return err ? err : r->err;
}

Error *db_read_slow(Db *db, Arena *a, uint32_t timeout_ms, TxWork work, void *arg)
{
    Read r = {.db = db, .arena = a, .work = work, .arg = arg, .limit_ns = timeout_ms * NS_PER_MS};
    return read_slow(&r);
}

/* ---- fast lane ---- */

/* The slot of the loop whose thread this is, its connection opened; *out stays
 * NULL where there is none to use. */
static Error *slot_find(Db *db, Arena *a, LoopSlot **out)
{
    Loop *loop = loop_current();
    if (!loop) return NULL;
    int index = loop_index(loop);
    if (index < 0 || index >= db->config.loop_count) return NULL;

    LoopSlot *slot = &db->slots[index];
    if (!slot->conn) {
        Error *err = conn_open(db, a, CONN_READ, &slot->conn);
        if (err) return err;
    }
    if (slot->conn->tx) {
        /* A db_read() inside of a read's work. Wasteful, but not wrong. */
        log_warn("db", "a read inside of a read takes another connection");
        return NULL;
    }
    *out = slot;
    return NULL;
}

static void count_fast(LoopSlot *slot)
{
    /* Only this thread writes it: no locked instruction needed. */
    uint64_t n = atomic_load_explicit(&slot->fast_reads, memory_order_relaxed);
    atomic_store_explicit(&slot->fast_reads, n + 1, memory_order_relaxed);
}

Error *db_read(Db *db, Arena *a, TxWork work, void *arg)
{
    LoopSlot *slot = NULL;
    Error *err = slot_find(db, a, &slot);
    if (err) return err;

    Read r = {.db = db, .arena = a, .work = work, .arg = arg};
    if (slot) {
        Verdict verdict;
        r.limit_ns = db->config.read_budget_us * NS_PER_US;
        err = run_on(slot->conn, &r, true, &verdict);
        if (verdict == VERDICT_NONE) {
            count_fast(slot);
            return err;
        }
        atomic_fetch_add_explicit(&db->abandoned_reads, 1, memory_order_relaxed);
    }
    r.limit_ns = db->config.slow_timeout_ms * NS_PER_MS;
    return slot ? read_slow(&r) : run_blocking(&r);
}

/* ---- integrity ---- */

static Error *check_work(Tx *tx, void *arg)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("PRAGMA integrity_check(20)"), &stmt);
    if (err) return err;

    Buf out = buf_new(tx_arena(tx), 256);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        if (out.len > 0) buf_char(&out, '\n');
        buf_add(&out, stmt_str(stmt, 0));
    }
    *(Str *)arg = buf_str(&out);
    return NULL;
}

Error *db_check(Db *db, Arena *a, Str *findings)
{
    Str text = S("");
    Error *err = db_read_slow(db, a, 0, check_work, &text);
    if (db_error_kind(err) == DB_ERROR_CORRUPT) {
        *findings = db_error_raw(err);
        return NULL;
    }
    if (err) return err;
    if (!str_eq(text, S("ok"))) db_stop_writes(db, DB_ERROR_CORRUPT, SQLITE_CORRUPT, "check");
    *findings = text;
    return NULL;
}
