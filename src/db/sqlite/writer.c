/* writer.c - group commit: one thread writes, one fsync serves everybody waiting.
 *
 *   loop 0: db_write ─┐ turn end                          ┌─▶ wake loop 0's fibers
 *           db_write ─┤                                   │
 *   loop 1: db_write ─┼─▶ queue ─▶ BEGIN IMMEDIATE        │
 *   thread: db_write ─┘            work, work, work ...   │
 *                                  COMMIT (fsync) ─▶ hooks┴─▶ wake loop 1's, threads
 *
 * There is no waiting timer: what arrives during an fsync is the next batch.
 *
 * Invariants
 *   1. db_write() gives NULL only after a COMMIT that SQLite reported done.
 *   2. A work that fails leaves nothing behind and takes nobody along.
 *   3. Commit hooks run in commit order, all of them before anybody is woken
 *      and before the next transaction begins.
 *   4. After a failed fsync nothing is written any more: what the kernel then
 *      still holds, and what it dropped, is unknown.
 *
 * When SQLite gives up a whole transaction because of one work (disk full, I/O,
 * time limit), that work gets its error and the good ones before it run again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "db/sqlite/internal.h"

#include <pthread.h>

#define NS_PER_MS UINT64_C(1000000)

/* A batch is committed after this time even if more is queued: the first ones
 * have waited long enough. */
#define BATCH_MAX_NS (50 * NS_PER_MS)

/* How often a work may run again because of others. */
#define RERUNS_MAX 3

/* Lives on the stack of the fiber or thread that waits for it. */
struct WriteJob {
    WriteJob *next;
    Arena *arena;
    TxWork work;
    void *arg;
    uint32_t timeout_ms, others_ms;
    bool alone;
    bool vacuum, empty_wal; /* instead of a work; then also alone */
    int reruns;

    Error *err;
    HookList on_commit, on_rollback;

    Loop *loop;     /* of the fiber */
    Fiber *fiber;   /* NULL: a thread waits on `done_sem` */
    LoopSlot *slot; /* NULL: a loop that has none */
    bool done;      /* seen by the fiber only */
    uv_sem_t done_sem;
};

static _Thread_local const Db *writing; /* whose writer's thread this is */

/* ---- lists ---- */

static void list_push(JobList *list, WriteJob *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

static WriteJob *list_pop(JobList *list)
{
    WriteJob *job = list->first;
    if (!job) return NULL;
    list->first = job->next;
    if (!list->first) list->last = NULL;
    list->count--;
    job->next = NULL;
    return job;
}

/* Moves all of `more` behind `list`. */
static void list_join(JobList *list, JobList *more)
{
    if (!more->first) return;
    if (list->last)
        list->last->next = more->first;
    else
        list->first = more->first;
    list->last = more->last;
    list->count += more->count;
    *more = (JobList){0};
}

/* ---- waking ---- */

/* On the loop's thread. A resumed fiber's job is gone at once. */
static void wake_fibers(void *arg)
{
    for (WriteJob *job = arg, *next; job; job = next) {
        next = job->next;
        job->done = true;
        fiber_resume(job->fiber);
    }
}

static void finish(Db *db, JobList *list)
{
    JobList *lists = db->writer.wake_lists;
    atomic_fetch_sub(&db->waiting, list->count);
    for (WriteJob *job; (job = list_pop(list));) {
        if (!job->fiber)
            uv_sem_post(&job->done_sem);
        else if (job->slot)
            list_push(&lists[job->slot - db->slots], job);
        else
            loop_post(job->loop, wake_fibers, job);
    }
    for (int i = 0; i < db->config.loop_count; i++) {
        WriteJob *first = lists[i].first;
        lists[i] = (JobList){0};
        if (first) loop_post(first->loop, wake_fibers, first);
    }
}

/* ---- one work ---- */

static void job_limit(Conn *c, const WriteJob *job)
{
    conn_limit(c, job->timeout_ms * NS_PER_MS);
    c->others_ns = job->others_ms * NS_PER_MS;
    c->waited_ns = 0;
}

static void job_unlimit(Conn *c)
{
    conn_limit(c, 0);
    c->others_ns = 0;
    if (c->erases) (void)sqlite3_exec(c->raw, "PRAGMA secure_delete=OFF", NULL, NULL, NULL);
    c->erases = false; /* had it failed, deletes would be slower, no more */
}

/* Keeps or undoes what the work changed. */
static void savepoint_end(Db *db, WriteJob *job)
{
    Conn *c = db->writer.conn;
    int rc = SQLITE_OK;
    if (job->err) rc = conn_control(c, CONTROL_ROLLBACK_TO);
    if (rc == SQLITE_OK) rc = conn_control(c, CONTROL_RELEASE);
    if (rc == SQLITE_OK) return;

    db_note_failure(db, rc, "write");
    if (!job->err) job->err = sqlite_error_safe(job->arena, db, c->raw, rc, S("savepoint"));
    (void)conn_control(c, CONTROL_ROLLBACK); /* the batch is lost; see batch_lost() */
}

static void job_run(Db *db, WriteJob *job, bool savepoint)
{
    Conn *c = db->writer.conn;
    Tx tx = {.db = db,
             .conn = c,
             .arena = job->arena,
             .write = true,
             .savepoint = savepoint ? SAVEPOINT_WANTED : SAVEPOINT_NONE};
    job_limit(c, job);
    job->err = tx_run(&tx, job->work, job->arg);
    job_unlimit(c);
    if (tx.savepoint == SAVEPOINT_OPEN && !sqlite3_get_autocommit(c->raw)) savepoint_end(db, job);

    if (job->err) {
        hooks_run(&tx.on_rollback);
        return;
    }
    job->on_commit = tx.on_commit;
    job->on_rollback = tx.on_rollback;
}

/* ---- one transaction ---- */

/* Gives `job` an error after it had run well. */
static void job_undo(WriteJob *job, Error *err)
{
    job->err = err;
    job->on_commit = (HookList){0};
    hooks_run(&job->on_rollback);
}

/* SQLite undid the transaction while the last of `done` ran. The good ones go
 * back to the front of `list`. */
static void batch_lost(Db *db, JobList *done, JobList *list)
{
    JobList again = {0}, failed = {0};
    for (WriteJob *job; (job = list_pop(done));) {
        if (job->err) {
            list_push(&failed, job);
        } else if (job->reruns++ < RERUNS_MAX) {
            job_undo(job, NULL);
            list_push(&again, job);
        } else {
            job_undo(job, db_error_safe(job->arena, DB_ERROR_BUSY,
                                        S("other works kept failing the transaction")));
            list_push(&failed, job);
        }
    }
    list_join(&again, list);
    *list = again;
    finish(db, &failed);
}

static void batch_commit_failed(Db *db, JobList *done, int rc)
{
    Conn *c = db->writer.conn;
    db_note_failure(db, rc, "commit");
    for (WriteJob *job = done->first; job; job = job->next)
        if (!job->err) job_undo(job, sqlite_error_safe(job->arena, db, c->raw, rc, S("COMMIT")));
    if (!sqlite3_get_autocommit(c->raw)) (void)conn_control(c, CONTROL_ROLLBACK);
}

static void batch_end(Db *db, JobList *done, size_t good)
{
    Conn *c = db->writer.conn;
    int rc = conn_control(c, good > 0 ? CONTROL_COMMIT : CONTROL_ROLLBACK);
    if (good > 0 && rc != SQLITE_OK) {
        batch_commit_failed(db, done, rc);
    } else if (good > 0) {
        atomic_fetch_add_explicit(&db->commits, 1, memory_order_release); /* db_version() */
        atomic_fetch_add_explicit(&db->writes, good, memory_order_relaxed);
        for (WriteJob *job = done->first; job; job = job->next)
            hooks_run(&job->on_commit);
    }
    finish(db, done);
}

static void fail_all(Db *db, JobList *list, int rc)
{
    Conn *c = db->writer.conn;
    for (WriteJob *job = list->first; job; job = job->next) {
        if (rc == SQLITE_OK)
            job->err = db_error_safe(job->arena, DB_ERROR_READ_ONLY, S("writes are stopped"));
        else
            job->err = sqlite_error_safe(job->arena, db, c->raw, rc, S("BEGIN"));
    }
    finish(db, list);
}

/* Outside of any transaction. The copy is a temporary file, attached meanwhile. */
static void vacuum_run(Db *db, JobList *list)
{
    Conn *c = db->writer.conn;
    JobList done = {0};
    WriteJob *job = list_pop(list);
    list_push(&done, job);
    job_limit(c, job);
    sqlite3_limit(c->raw, SQLITE_LIMIT_ATTACHED, 1);
    int rc = sqlite3_exec(c->raw, "PRAGMA temp_store=FILE; VACUUM", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        db_note_failure(db, rc, "vacuum");
        job->err = sqlite_error_safe(job->arena, db, c->raw, rc, S("VACUUM"));
    }
    sqlite3_limit(c->raw, SQLITE_LIMIT_ATTACHED, 0);
    job_unlimit(c);
    (void)sqlite3_exec(c->raw, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL); /* cannot fail */
    finish(db, &done);
}

static void empty_wal_run(Db *db, JobList *list)
{
    JobList done = {0};
    list_push(&done, list_pop(list));
    checkpoint_empty(db);
    finish(db, &done);
}

/* One transaction over the front of `list`: up to the next work that wants to be
 * alone, or that one. Takes off what it finished. */
static void batch_run(Db *db, JobList *list)
{
    Conn *c = db->writer.conn;
    if (atomic_load(&db->stopped) != DB_ERROR_NONE) {
        fail_all(db, list, SQLITE_OK);
        return;
    }
    if (list->first->vacuum) {
        vacuum_run(db, list);
        return;
    }
    if (list->first->empty_wal) {
        empty_wal_run(db, list);
        return;
    }
    int rc = conn_control(c, CONTROL_BEGIN_IMMEDIATE);
    if (rc != SQLITE_OK) {
        db_note_failure(db, rc, "begin");
        fail_all(db, list, rc);
        return;
    }
    bool alone = list->first->alone;
    bool several = !alone && list->first->next && !list->first->next->alone;
    uint64_t started = clock_mono_ns();
    JobList done = {0};
    size_t good = 0;
    do {
        WriteJob *job = list_pop(list);
        job_run(db, job, several);
        list_push(&done, job);
        if (sqlite3_get_autocommit(c->raw)) {
            batch_lost(db, &done, list);
            return;
        }
        if (!job->err) good++;
    } while (list->first && !alone && !list->first->alone &&
             clock_mono_ns() - started < BATCH_MAX_NS);
    batch_end(db, &done, good);
}

/* ---- the thread ---- */

static int on_wal(void *arg, sqlite3 *raw, const char *name, int pages)
{
    Db *db = arg;
    atomic_store_explicit(&db->wal_pages, (uint64_t)pages, memory_order_relaxed);
    return SQLITE_OK;
}

/* False when there is nothing left and the writer shall end. */
static bool queue_take(Writer *w, JobList *out)
{
    uv_mutex_lock(&w->lock);
    while (!w->queue.first && !w->stopping)
        uv_cond_wait(&w->wake, &w->lock);
    *out = w->queue;
    w->queue = (JobList){0};
    uv_mutex_unlock(&w->lock);
    return out->first != NULL;
}

static void writer_main(void *arg)
{
    Db *db = arg;
    writing = db;
    (void)pthread_setname_np(pthread_self(), "db-writer"); /* for people only */
    JobList list;
    while (queue_take(&db->writer, &list)) {
        while (list.first) {
            batch_run(db, &list);
            checkpointer_wake_if_due(db);
            checkpoint_restart_if_due(db);
        }
    }
}

Error *writer_start(Db *db, Arena *a)
{
    Writer *w = &db->writer;
    w->wake_lists = arena_new(db->arena, JobList, (size_t)MAX(db->config.loop_count, 1));
    w->restart_at = db->config.restart_pages;
    Error *err = conn_open(db, a, CONN_WRITE, &w->conn);
    if (err) return err;

    sqlite3_wal_hook(w->conn->raw, on_wal, db);
    int failed = uv_thread_create(&w->thread, writer_main, db);
    if (failed) return error_errno(a, -failed, "start thread", S("db-writer"));
    w->started = true;
    return NULL;
}

void writer_stop(Db *db)
{
    Writer *w = &db->writer;
    if (!w->started) return;
    uv_mutex_lock(&w->lock);
    w->stopping = true;
    uv_cond_signal(&w->wake);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    w->started = false;
}

/* ---- the door ---- */

/* False when the writer is ending: nothing was queued. */
static bool queue_add(Writer *w, JobList *list)
{
    uv_mutex_lock(&w->lock);
    bool open = !w->stopping;
    if (open) {
        list_join(&w->queue, list);
        uv_cond_signal(&w->wake);
    }
    uv_mutex_unlock(&w->lock);
    return open;
}

/* At the end of a loop's turn: its writes go over at one stroke. */
static void hand_over(void *arg)
{
    LoopSlot *slot = arg;
    Db *db = slot->db;
    JobList list = slot->turn;
    slot->turn = (JobList){0};
    if (queue_add(&db->writer, &list)) return;

    for (WriteJob *job = list.first; job; job = job->next)
        job->err = db_error_safe(job->arena, DB_ERROR_BUSY, S("the database is closing"));
    atomic_fetch_sub(&db->waiting, list.count);
    wake_fibers(list.first);
}

static Error *wait_as_fiber(Db *db, WriteJob *job)
{
    job->loop = loop_current();
    int index = loop_index(job->loop);
    JobList one = {0};
    if (index >= 0 && index < db->config.loop_count) {
        job->slot = &db->slots[index];
        bool first = !job->slot->turn.first;
        list_push(&job->slot->turn, job);
        if (first) loop_at_turn_end(job->loop, hand_over, job->slot);
    } else {
        list_push(&one, job);
        if (!queue_add(&db->writer, &one)) {
            atomic_fetch_sub(&db->waiting, 1);
            return db_error_new(job->arena, DB_ERROR_BUSY, S(""), S("the database is closing"));
        }
    }
    while (!job->done)
        fiber_suspend();
    return job->err;
}

static Error *wait_as_thread(Db *db, WriteJob *job)
{
    int failed = uv_sem_init(&job->done_sem, 0);
    if (failed) {
        atomic_fetch_sub(&db->waiting, 1);
        return error_errno(job->arena, -failed, "semaphore", S("write"));
    }
    JobList one = {0};
    list_push(&one, job);
    if (queue_add(&db->writer, &one)) {
        uv_sem_wait(&job->done_sem);
    } else {
        atomic_fetch_sub(&db->waiting, 1);
        job->err = db_error_new(job->arena, DB_ERROR_BUSY, S(""), S("the database is closing"));
    }
    uv_sem_destroy(&job->done_sem);
    return job->err;
}

static Error *submit(Db *db, WriteJob *job)
{
    if (writing == db)
        return db_error_new(job->arena, DB_ERROR_OTHER, S(""), S("db_write inside of a write"));
    if (atomic_load_explicit(&db->stopped, memory_order_relaxed) != DB_ERROR_NONE)
        return db_error_new(job->arena, DB_ERROR_READ_ONLY, S(""), S("writes are stopped"));
    if (atomic_fetch_add(&db->waiting, 1) >= db->config.write_queue_max) {
        atomic_fetch_sub(&db->waiting, 1);
        return db_error_new(job->arena, DB_ERROR_BUSY, S(""), S("the write queue is full"));
    }
    job->fiber = fiber_current();
    return job->fiber ? wait_as_fiber(db, job) : wait_as_thread(db, job);
}

Error *db_write(Db *db, Arena *a, TxWork work, void *arg)
{
    WriteJob job = {
        .arena = a, .work = work, .arg = arg, .timeout_ms = db->config.write_timeout_ms};
    return submit(db, &job);
}

Error *db_write_alone(Db *db, Arena *a, uint32_t timeout_ms, TxWork work, void *arg)
{
    WriteJob job = {.arena = a, .work = work, .arg = arg, .timeout_ms = timeout_ms, .alone = true};
    return submit(db, &job);
}

Error *db_write_patient(Db *db, Arena *a, DbPatience patience, TxWork work, void *arg)
{
    WriteJob job = {.arena = a,
                    .work = work,
                    .arg = arg,
                    .timeout_ms = patience.alone_ms,
                    .others_ms = patience.others_ms,
                    .alone = true};
    return submit(db, &job);
}

Error *db_vacuum(Db *db, Arena *a, DbPatience patience)
{
    WriteJob job = {.arena = a,
                    .timeout_ms = patience.alone_ms,
                    .others_ms = patience.others_ms,
                    .alone = true,
                    .vacuum = true};
    return submit(db, &job);
}

Error *db_empty_wal(Db *db, Arena *a)
{
    WriteJob job = {.arena = a, .alone = true, .empty_wal = true};
    return submit(db, &job);
}
