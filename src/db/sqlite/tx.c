/* tx.c - one run of a work: its statements, its savepoint or snapshot, its hooks.
 *
 * Two things are put off until they are needed, as most works never need them:
 *
 *   A write's savepoint is opened before its first statement that changes
 *   something. A work refused by a rule has changed nothing and needs none.
 *
 *   A read's BEGIN. A single statement sees one snapshot anyway. Whether a
 *   second one follows shows too late, when the first has ended and let its
 *   snapshot go; so the run is broken off, the first statement is remembered
 *   as one that leads others, and the work begins again inside BEGIN. That
 *   happens once per leading statement and connection.
 */
#include "base/map.h"
#include "db/sqlite/internal.h"

Arena *tx_arena(Tx *tx)
{
    return tx->arena;
}

Db *tx_db(Tx *tx)
{
    return tx->db;
}

/* ---- statements ---- */

static Error *broken_off(Tx *tx)
{
    return error_cause(tx->arena, error_status(tx->arena, 503), "read broken off, to be run again");
}

Error *tx_prepare(Tx *tx, Str sql, Stmt **out)
{
    if (tx->verdict != VERDICT_NONE) return broken_off(tx);
    if (tx->lost) return tx->lost;

    uint64_t hash = hash_bytes(sql.ptr, sql.len);
    if (tx->fast && slow_known(tx->conn, hash)) {
        tx->verdict = VERDICT_SLOW;
        return broken_off(tx);
    }
    return cache_take(tx->conn, tx, sql, hash, out);
}

void tx_list_push(Tx *tx, Stmt *s)
{
    s->tx_newer = NULL;
    s->tx_older = tx->stmts;
    if (tx->stmts) tx->stmts->tx_newer = s;
    tx->stmts = s;
}

void tx_list_remove(Tx *tx, Stmt *s)
{
    if (s->tx_newer)
        s->tx_newer->tx_older = s->tx_older;
    else
        tx->stmts = s->tx_older;
    if (s->tx_older) s->tx_older->tx_newer = s->tx_newer;
    s->tx_newer = s->tx_older = NULL;
}

void stmt_release(Stmt *stmt)
{
    tx_list_remove(stmt->tx, stmt);
    stmt_reset(stmt);
    cache_give_back(stmt);
}

/* Newest first, `until` stays. */
static void tx_give_back(Tx *tx, const Stmt *until)
{
    while (tx->stmts != until)
        stmt_release(tx->stmts);
}

Error *tx_failed(Tx *tx, int rc, Str sql, uint64_t hash)
{
    if (tx->fast && rc == SQLITE_INTERRUPT && tx->conn->timed_out) {
        slow_remember(tx->conn, hash);
        tx->verdict = VERDICT_SLOW;
        return broken_off(tx);
    }
    db_note_failure(tx->db, rc, tx->write ? "write" : "read");
    Error *err = sqlite_error(tx->arena, tx->db, tx->conn->raw, rc, sql);
    /* After some failures (disk full, I/O, interrupt) SQLite has undone all of
     * the transaction; what ran now would commit by itself. */
    if (tx->write && sqlite3_get_autocommit(tx->conn->raw)) tx->lost = err;
    return err;
}

/* ---- before anything runs ---- */

static Error *control(Tx *tx, Control what)
{
    int rc = conn_control(tx->conn, what);
    if (rc == SQLITE_OK) return NULL;
    return tx_failed(tx, rc, S("transaction control"), 0);
}

static bool any_running(const Tx *tx)
{
    for (const Stmt *s = tx->stmts; s; s = s->tx_older)
        if (s->running) return true;
    return false;
}

/* See the top of this file. */
static Error *snapshot_hold(Tx *tx, Stmt *stmt)
{
    bool begin_now;
    if (tx->runs++ == 0) {
        tx->first = stmt;
        begin_now = tx->first_leads || !stmt || stmt->leads;
        if (!begin_now) return NULL;
    } else if (!any_running(tx)) {
        if (tx->first) tx->first->leads = true;
        tx->verdict = VERDICT_RESTART;
        return broken_off(tx);
    }
    /* A statement on a row still holds the snapshot: BEGIN keeps it. */
    Error *err = control(tx, CONTROL_BEGIN);
    if (err) return err;
    tx->begun = true;
    return NULL;
}

Error *tx_before(Tx *tx, Stmt *stmt, bool read_only)
{
    if (tx->verdict != VERDICT_NONE) return broken_off(tx);
    if (tx->lost) return tx->lost;
    if (!tx->write) return tx->begun ? NULL : snapshot_hold(tx, stmt);
    if (read_only || tx->savepoint != SAVEPOINT_WANTED) return NULL;

    Error *err = control(tx, CONTROL_SAVEPOINT);
    if (err) return err;
    tx->savepoint = SAVEPOINT_OPEN;
    return NULL;
}

Error *tx_exec(Tx *tx, Str sql)
{
    Error *err = tx_before(tx, NULL, false);
    if (err) return err;

    const char *at = arena_cstr(tx->arena, sql);
    while (*at) {
        sqlite3_stmt *raw = NULL;
        const char *start = at;
        int rc = sqlite3_prepare_v3(tx->conn->raw, at, -1, 0, &raw, &at);
        if (rc != SQLITE_OK) {
            err = tx_failed(tx, rc, str_from(start), hash_bytes(sql.ptr, sql.len));
            return error_of_compiling(err, rc);
        }
        if (!raw) continue; /* a comment or blanks */
        do {
            rc = sqlite3_step(raw);
        } while (rc == SQLITE_ROW);
        /* The error is made before the statement that it speaks of is gone. */
        if (rc != SQLITE_DONE)
            err = tx_failed(tx, rc, str_from(start), hash_bytes(sql.ptr, sql.len));
        sqlite3_finalize(raw);
        if (err) return err;
    }
    return NULL;
}

Error *tx_erase(Tx *tx)
{
    assert(tx->write);
    tx->conn->erases = true; /* job_unlimit() ends it */
    return tx_exec(tx, S("PRAGMA secure_delete=ON"));
}

/* ---- hooks ---- */

static void hook_add(Tx *tx, HookList *list, void (*fn)(void *arg), void *arg)
{
    Hook *hook = arena_new(tx->arena, Hook, 1);
    hook->fn = fn;
    hook->arg = arg;
    if (list->last)
        list->last->next = hook;
    else
        list->first = hook;
    list->last = hook;
}

void tx_after_commit(Tx *tx, void (*fn)(void *arg), void *arg)
{
    hook_add(tx, &tx->on_commit, fn, arg);
}

void tx_after_rollback(Tx *tx, void (*fn)(void *arg), void *arg)
{
    hook_add(tx, &tx->on_rollback, fn, arg);
}

void hooks_run(HookList *list)
{
    Hook *hook = list->first;
    *list = (HookList){0};
    for (; hook; hook = hook->next)
        hook->fn(hook->arg);
}

/* Takes off what was added after `mark` (the then last one, or NULL). */
static HookList hooks_cut(HookList *list, Hook *mark)
{
    HookList cut = {mark ? mark->next : list->first, list->last};
    if (!cut.first) return (HookList){0};
    if (mark)
        mark->next = NULL;
    else
        list->first = NULL;
    list->last = mark;
    return cut;
}

/* ---- runs ---- */

typedef struct {
    Tx *tx;
    TxWork work;
    void *arg;
} WorkCall;

static Error *call_work(void *arg)
{
    WorkCall *call = arg;
    return call->work(call->tx, call->arg);
}

Error *tx_run(Tx *tx, TxWork work, void *arg)
{
    WorkCall call = {tx, work, arg};
    tx->conn->tx = tx;
    Error *err = arena_protect(tx->arena, call_work, &call);
    tx_give_back(tx, NULL);
    tx->conn->tx = NULL;
    return tx->lost ? tx->lost : err;
}

/* Undoes a nested work. When not even that works, nothing of the whole
 * transaction may stay. */
static void nested_undo(Tx *tx, Error *err)
{
    if (tx->lost) return;
    if (conn_control(tx->conn, CONTROL_ROLLBACK_TO) != SQLITE_OK ||
        conn_control(tx->conn, CONTROL_RELEASE) != SQLITE_OK) {
        (void)conn_control(tx->conn, CONTROL_ROLLBACK); /* lost either way */
        tx->lost = err;
    }
}

Error *tx_nested(Tx *tx, TxWork work, void *arg)
{
    if (!tx->write) return work(tx, arg);
    Error *err = tx_before(tx, NULL, false); /* the outer savepoint first */
    if (err) return err;
    err = control(tx, CONTROL_SAVEPOINT);
    if (err) return err;

    Stmt *stmts_mark = tx->stmts;
    Hook *commit_mark = tx->on_commit.last;
    Hook *rollback_mark = tx->on_rollback.last;
    /* A work that outgrows its arena must not leave by a jump: the savepoint
     * would stay open, and be taken for the outer one. */
    WorkCall call = {tx, work, arg};
    err = arena_protect(tx->arena, call_work, &call);
    tx_give_back(tx, stmts_mark);
    if (!err) return control(tx, CONTROL_RELEASE);

    nested_undo(tx, err);
    (void)hooks_cut(&tx->on_commit, commit_mark);
    HookList undo = hooks_cut(&tx->on_rollback, rollback_mark);
    hooks_run(&undo);
    return err;
}

Error *tx_limited(Tx *tx, uint32_t timeout_ms, TxWork work, void *arg)
{
    if (tx->fast) return work(tx, arg); /* its budget is shorter */
    Conn *c = tx->conn;
    uint64_t limit_ns = c->limit_ns, deadline_ns = c->deadline_ns;
    uint32_t looks = c->looks;
    uint64_t own_ns = timeout_ms * UINT64_C(1000000);
    conn_limit(c, limit_ns > 0 ? MIN(limit_ns, own_ns) : own_ns);
    Error *err = work(tx, arg);
    bool timed_out = c->timed_out;
    conn_limit(c, limit_ns);
    c->deadline_ns = deadline_ns;
    c->looks = looks;
    c->timed_out = timed_out;
    return err;
}
