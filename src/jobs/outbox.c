/* outbox.c - rows of "_jobs": queued in a transaction, carried out after it.
 *
 *                     commit                    done
 *     jobs_enqueue() ────────▶ waiting ───────────────▶ gone
 *                               │   ▲
 *                        failed │   │ next_at (grows, with every try)
 *                               └───┘
 *                               │ no use, or tried often enough
 *                               ▼
 *                              dead ── keep_dead_days ─▶ gone
 *
 * The thread of jobs.c looks for due rows of each kind and gives them to the
 * pool. Which ones are being carried out is known to this process only: one that
 * is killed leaves them waiting, and the next process carries them out again.
 * While nothing is queued or due, nothing is read.
 */
#include "jobs/jobs_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#define PAYLOAD_BYTES_MAX (4u << 20)
#define JOB_ARENA_BYTES   ((size_t)64 << 20)
#define ERROR_BYTES_MAX   1000
#define READ_FAILED_MS    1000
#define NOTE_PAUSE_MS     500
#define DAY_MS            INT64_C(86400000)

/* ---- the table ---- */

static Error *table_exists(Tx *tx, void *arg)
{
    int64_t one;
    return tx_one_i64(tx, S("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='_jobs'"),
                      NULL, 0, &one, arg);
}

static Error *table_make(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("CREATE TABLE IF NOT EXISTS _jobs ("
                         "id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
                         "payload TEXT NOT NULL, created INTEGER NOT NULL, "
                         "next_at INTEGER NOT NULL, attempts INTEGER NOT NULL, "
                         "dead INTEGER NOT NULL, error TEXT NOT NULL);"
                         "CREATE INDEX IF NOT EXISTS idx_jobs_next ON _jobs "
                         "(kind, dead, next_at)"));
}

Error *outbox_table(Arena *a, Db *db)
{
    bool exists = false;
    Error *err = db_read(db, a, table_exists, &exists);
    if (err || exists) return err;
    return db_write_alone(db, a, 0, table_make, NULL);
}

/* ---- queueing ---- */

static Kind *find_kind(Jobs *jobs, Str name)
{
    for (size_t i = 0; i < jobs->kind_count; i++) {
        if (str_eq(str_from(jobs->kinds[i].config.name), name)) return &jobs->kinds[i];
    }
    return NULL;
}

static void kind_wake(void *arg)
{
    Kind *kind = arg;
    pthread_mutex_lock(&kind->jobs->lock);
    kind->dirty = true;
    kind->jobs->dirty = true;
    pthread_cond_signal(&kind->jobs->wake);
    pthread_mutex_unlock(&kind->jobs->lock);
}

Error *jobs_enqueue(Tx *tx, Jobs *jobs, Str kind_name, const Json *payload)
{
    Arena *a = tx_arena(tx);
    Kind *kind = jobs ? find_kind(jobs, kind_name) : NULL;
    if (!kind)
        return error_cause(a, error_status(a, 500), "no outbox for \"%.*s\"", STR_ARG(kind_name));
    Str text = json_format(a, payload);
    if (text.len > PAYLOAD_BYTES_MAX)
        return error_cause(a, error_status(a, 500), "a \"%.*s\" of %zu bytes", STR_ARG(kind_name),
                           text.len);
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("INSERT INTO _jobs (kind, payload, created, next_at, attempts, dead, "
                              "error) VALUES (?1, ?2, ?3, ?3, 0, 0, '')"),
                            &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, kind_name);
    stmt_bind_str(stmt, 2, text);
    stmt_bind_i64(stmt, 3, clock_wall_ms());
    err = stmt_run(stmt, NULL);
    stmt_release(stmt);
    if (err) return err;
    tx_after_commit(tx, kind_wake, kind);
    return NULL;
}

/* ---- noting what became of one ---- */

typedef struct {
    Kind *kind;
    Arena *arena;
    int64_t id, created_ms;
    int attempt;
    Str payload_text;
    Json *payload; /* once read */

    /* the note */
    bool done, dead;
    int64_t next_ms; /* waiting: of the next try; dead: of the removal */
    Str error;
} Delivery;

static Error *note_work(Tx *tx, void *arg)
{
    Delivery *d = arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            d->done ? S("DELETE FROM _jobs WHERE id=?1")
                                    : S("UPDATE _jobs SET attempts=?2, next_at=?3, dead=?4, "
                                        "error=?5 WHERE id=?1"),
                            &stmt);
    if (err) return err;
    stmt_bind_i64(stmt, 1, d->id);
    if (!d->done) {
        stmt_bind_i64(stmt, 2, d->attempt + 1);
        stmt_bind_i64(stmt, 3, d->next_ms);
        stmt_bind_i64(stmt, 4, d->dead);
        stmt_bind_str(stmt, 5, d->error);
    }
    return stmt_run(stmt, NULL);
}

/* Until it is noted the row counts as being carried out: a full disk must not
 * make the same mail go out again and again. */
static void note(Delivery *d)
{
    Jobs *jobs = d->kind->jobs;
    for (;;) {
        Error *err = db_write(jobs->app->db, d->arena, note_work, d);
        if (!err) return;
        log_error("jobs", "the outcome of a delivery cannot be noted",
                  LOG_STR("kind", str_from(d->kind->config.name)), LOG_INT("id", d->id),
                  LOG_STR("cause", err->cause));
        for (int waited = 0; waited < NOTE_PAUSE_MS; waited += 50) {
            if (jobs_stopping(jobs)) return;
            await_sleep(50);
        }
    }
}

int64_t outbox_pause_ms(const JobKind *kind, int attempt, uint32_t random)
{
    int64_t pause = kind->first_pause_ms;
    for (int i = 0; i < attempt && pause < kind->longest_pause_ms; i++)
        pause *= 2;
    pause = MIN(pause, (int64_t)kind->longest_pause_ms);
    return pause + pause * random / 10000; /* a random tenth: not all at the same time */
}

static void failed(Delivery *d, const Error *err)
{
    const JobKind *config = &d->kind->config;
    Str words = err->cause.len ? err->cause : err->message;
    bool useless = err->status >= 400 && err->status < 500;
    d->error = str_sub(words, 0, ERROR_BYTES_MAX);
    d->dead = useless || d->attempt + 1 >= config->max_attempts;
    int64_t now = clock_wall_ms();
    d->next_ms = d->dead ? now + config->keep_dead_days * DAY_MS
                         : now + outbox_pause_ms(config, d->attempt, random_below(1000));
    if (d->dead) {
        log_error("jobs", "given up", LOG_STR("kind", str_from(config->name)), LOG_INT("id", d->id),
                  LOG_INT("attempts", d->attempt + 1), LOG_STR("cause", words));
        if (config->give_up && d->payload)
            config->give_up(d->kind->jobs->app, d->arena, d->payload, err);
    } else {
        log_warn("jobs", "failed, will be tried again", LOG_STR("kind", str_from(config->name)),
                 LOG_INT("id", d->id), LOG_INT("attempts", d->attempt + 1),
                 LOG_STR("cause", words));
    }
    note(d);
}

/* ---- carrying one out ---- */

static Error *deliver_protected(void *arg)
{
    Delivery *d = arg;
    Error *err = json_parse(d->arena, d->payload_text, NULL, &d->payload);
    if (err) return err;
    JobInfo info = {.id = d->id, .attempt = d->attempt, .queued_ms = d->created_ms};
    return d->kind->config.run(d->kind->jobs->app, d->arena, d->payload, &info);
}

static void delivery_end(Delivery *d, bool counts)
{
    Kind *kind = d->kind;
    Jobs *jobs = kind->jobs;
    pthread_mutex_lock(&jobs->lock);
    for (int i = 0; i < kind->running_count; i++) {
        if (kind->running[i] == d->id) kind->running[i] = kind->running[--kind->running_count];
    }
    jobs->attempts += counts;
    jobs->delivered += d->done;
    kind->dirty = true;
    jobs->dirty = true;
    pthread_cond_signal(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    arena_destroy(d->arena);
}

static void deliver(void *arg)
{
    Delivery *d = arg;
    Jobs *jobs = d->kind->jobs;
    if (jobs_stopping(jobs)) {
        delivery_end(d, false);
        return;
    }
    Error *err = arena_protect(d->arena, deliver_protected, d);
    /* A stop cuts deliveries short: that is no failure of theirs. */
    if (err && jobs_stopping(jobs)) {
        delivery_end(d, false);
        return;
    }
    d->done = !err;
    if (err)
        failed(d, err);
    else
        note(d);
    delivery_end(d, true);
}

/* ---- finding what is due ---- */

typedef struct {
    const Kind *kind;
    int64_t limit, now_ms;
    int64_t skip[CONCURRENCY_MAX];
    int skip_count;
    int room;

    Delivery *found[CONCURRENCY_MAX];
    int found_count;
    int64_t next_ms; /* of the first row that is not due; INT64_MAX */
} Look;

static bool is_skipped(const Look *l, int64_t id)
{
    for (int i = 0; i < l->skip_count; i++) {
        if (l->skip[i] == id) return true;
    }
    return false;
}

static Delivery *delivery_new(const Look *l, Stmt *stmt)
{
    Arena *a = arena_create("job", JOB_ARENA_BYTES);
    Delivery *d = arena_new(a, Delivery, 1);
    d->arena = a;
    d->id = stmt_i64(stmt, 0);
    d->attempt = (int)stmt_i64(stmt, 2);
    d->created_ms = stmt_i64(stmt, 3);
    d->payload_text = arena_copy(a, stmt_str(stmt, 4));
    return d;
}

static void look_forget(Look *l)
{
    for (int i = 0; i < l->found_count; i++)
        arena_destroy(l->found[i]->arena);
    l->found_count = 0;
}

static Error *look_work(Tx *tx, void *arg)
{
    Look *l = arg;
    look_forget(l); /* it may be run again */
    l->next_ms = INT64_MAX;
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT id, next_at, attempts, created, payload FROM _jobs "
                              "WHERE kind=?1 AND dead=0 ORDER BY next_at, id LIMIT ?2"),
                            &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, str_from(l->kind->config.name));
    stmt_bind_i64(stmt, 2, l->limit);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if (is_skipped(l, stmt_i64(stmt, 0))) continue;
        int64_t next_ms = stmt_i64(stmt, 1);
        /* Further off than any pause: the clock was set back since. */
        bool due = next_ms <= l->now_ms ||
                   next_ms - l->now_ms > 2 * (int64_t)l->kind->config.longest_pause_ms;
        if (!due) {
            l->next_ms = MIN(l->next_ms, next_ms);
            continue;
        }
        if (l->found_count < l->room) l->found[l->found_count++] = delivery_new(l, stmt);
    }
}

/* False when there is nothing to look for now. */
static bool look_begin(Kind *kind, int64_t now_ms, Look *l)
{
    bool set_back = kind->next_ms != INT64_MAX &&
                    kind->next_ms - now_ms > 2 * (int64_t)kind->config.longest_pause_ms;
    int room = kind->config.concurrency - kind->running_count;
    if (room <= 0 || !(kind->dirty || kind->next_ms <= now_ms || set_back)) return false;
    kind->dirty = false;
    *l = (Look){.kind = kind, .now_ms = now_ms, .room = room};
    l->skip_count = kind->running_count;
    memcpy(l->skip, kind->running, sizeof(l->skip));
    l->limit = kind->config.concurrency + 1;
    return true;
}

static void start_found(Kind *kind, Look *l)
{
    Jobs *jobs = kind->jobs;
    for (int i = 0; i < l->found_count; i++) {
        Delivery *d = l->found[i];
        d->kind = kind;
        pthread_mutex_lock(&jobs->lock);
        kind->running[kind->running_count++] = d->id;
        pthread_mutex_unlock(&jobs->lock);
        if (!workers_post(jobs->deliveries, deliver, d)) delivery_end(d, false);
    }
}

static void kind_pump(Kind *kind, int64_t now_ms)
{
    Jobs *jobs = kind->jobs;
    Look l;
    pthread_mutex_lock(&jobs->lock);
    bool look = look_begin(kind, now_ms, &l);
    pthread_mutex_unlock(&jobs->lock);
    if (!look) return;

    Arena *a = arena_create("jobs", 0);
    Error *err = db_read(jobs->app->db, a, look_work, &l);
    if (err) {
        log_error("jobs", "cannot look for work", LOG_STR("cause", err->cause));
        look_forget(&l);
        l.next_ms = now_ms + READ_FAILED_MS;
    }
    arena_destroy(a);
    kind->next_ms = l.next_ms; /* only this thread uses it */
    start_found(kind, &l);
}

int64_t outbox_pump(Jobs *jobs, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < jobs->kind_count; i++) {
        kind_pump(&jobs->kinds[i], now_ms);
        next_ms = MIN(next_ms, jobs->kinds[i].next_ms);
    }
    return next_ms;
}

/* ---- numbers ---- */

static Error *stats_work(Tx *tx, void *arg)
{
    JobStats *out = arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("SELECT dead, count(*) FROM _jobs GROUP BY dead"), &stmt);
    if (err) return err;
    out->waiting = out->dead = 0;
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        uint64_t count = (uint64_t)stmt_i64(stmt, 1);
        if (stmt_i64(stmt, 0))
            out->dead = count;
        else
            out->waiting = count;
    }
}

Error *jobs_stats(Jobs *jobs, Arena *a, JobStats *out)
{
    *out = (JobStats){0};
    pthread_mutex_lock(&jobs->lock);
    out->delivered = jobs->delivered;
    out->attempts = jobs->attempts;
    pthread_mutex_unlock(&jobs->lock);
    return db_read(jobs->app->db, a, stats_work, out);
}
