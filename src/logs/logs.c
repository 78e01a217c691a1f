/* logs.c - the thread that takes entries out of the lanes and writes them.
 *
 *     asleep ── first entry ──▶ waiting 3 s for more ──▶ writing ──▶ resting ─┐
 *        ▲                        └── 200 entries, stop ──▶                   │
 *        └────────────────────────────────────────────────────────────────────┘
 *
 * After each transaction it rests nineteen times as long as that took, so that
 * under the heaviest load, or on the slowest disk, it has a twentieth of one
 * core. What comes faster than can be written then fills the lanes, and is
 * dropped there. */
#include "logs/logs_internal.h"

#include "base/clock.h"
#include "base/cond.h"

#include <signal.h>
#include <stdlib.h>

#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_S      UINT64_C(1000000000)
#define REST_FACTOR   19
#define REST_MAX_NS   NS_PER_S
#define RETRY_NS      (60 * NS_PER_S) /* opening again; complaining again */
#define BATCHES_A_FIT 16              /* between two looks at the size */
#define DAY_MS        INT64_C(86400000)
#define BATCH_BYTES   ((size_t)16 << 20)

LogsConfig logs_config_default(Str dir)
{
    return (LogsConfig){.dir = dir,
                        .loop_count = 1,
                        .ring_bytes = (size_t)512 << 10,
                        .max_bytes = UINT64_C(256) << 20,
                        .flush_ms = 3000};
}

Db *logs_db(const Logs *logs)
{
    return atomic_load_explicit(&logs->db, memory_order_acquire);
}

LogsStats logs_stats(const Logs *logs)
{
    return (LogsStats){.written = atomic_load(&logs->written),
                       .dropped = atomic_load(&logs->dropped)};
}

/* ---- lanes: the producers' side ---- */

static void wake(Logs *logs, bool hurry)
{
    pthread_mutex_lock(&logs->lock);
    logs->waiting = true;
    logs->hurry |= hurry;
    pthread_cond_signal(&logs->wake);
    pthread_mutex_unlock(&logs->lock);
}

void lane_put(Logs *logs, Lane *lane, EntryHead *head, const Str parts[PART_COUNT])
{
    size_t bytes = sizeof *head;
    for (size_t i = 0; i < PART_COUNT; i++) {
        assert(parts[i].len <= UINT16_MAX);
        head->lengths[i] = (uint16_t)parts[i].len;
        bytes += parts[i].len;
    }
    bool was_empty = ring_is_empty(&lane->ring);
    /* A quarter is kept for what matters more than a request that went well. */
    size_t spare = head->level > LEVEL_INFO ? 0 : lane->ring.size / 4;
    char *to = ring_reserve(&lane->ring, bytes, spare);
    if (!to) {
        atomic_store_explicit(&lane->dropped,
                              atomic_load_explicit(&lane->dropped, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        return;
    }
    memcpy(to, head, sizeof *head);
    to += sizeof *head;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (parts[i].len == 0) continue;
        memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    ring_commit(&lane->ring);
    bool many = ++lane->since_wake >= BATCH_ROWS;
    if (!many && !was_empty) return;
    lane->since_wake = 0;
    wake(logs, many);
}

void lane_put_shared(Logs *logs, EntryHead *head, const Str parts[PART_COUNT])
{
    pthread_mutex_lock(&logs->shared_lock);
    lane_put(logs, &logs->shared, head, parts);
    pthread_mutex_unlock(&logs->shared_lock);
}

/* ---- sleeping ---- */

static bool is_stopping(Logs *logs)
{
    pthread_mutex_lock(&logs->lock);
    bool stopping = logs->stopping;
    pthread_mutex_unlock(&logs->lock);
    return stopping;
}

/* Until there is something to do, and then a little longer, for more to come. */
static void wait_for_entries(Logs *logs)
{
    pthread_mutex_lock(&logs->lock);
    while (!logs->waiting && !logs->stopping)
        pthread_cond_wait(&logs->wake, &logs->lock);
    struct timespec until = cond_due_ns(logs->config.flush_ms * NS_PER_MS);
    while (!logs->hurry && !logs->stopping)
        if (pthread_cond_timedwait(&logs->wake, &logs->lock, &until) != 0) break;
    logs->waiting = logs->hurry = false;
    pthread_mutex_unlock(&logs->lock);
}

static void rest(Logs *logs, uint64_t worked_ns)
{
    struct timespec until = cond_due_ns(MIN(worked_ns * REST_FACTOR, REST_MAX_NS));
    pthread_mutex_lock(&logs->lock);
    while (!logs->stopping)
        if (pthread_cond_timedwait(&logs->wake, &logs->lock, &until) != 0) break;
    pthread_mutex_unlock(&logs->lock);
}

/* ---- one batch ---- */

/* What the thread keeps to itself. */
typedef struct {
    Logs *logs;
    Arena *arena;   /* reset for each batch */
    uint64_t lost;  /* entries that could not be written: not told of yet */
    uint64_t *told; /* per lane, the shared one last: dropped, and told of */
    uint64_t next_open_ns, next_complaint_ns;
    uint64_t settings_version;
    unsigned batches;
    int64_t fitted; /* rows removed for their size: not told of yet */
} Writer;

static Lane *lane_at(Logs *logs, int i)
{
    return i < logs->config.loop_count ? &logs->lanes[i] : &logs->shared;
}

static size_t take_entries(Writer *w, LogRow *rows, size_t max)
{
    size_t count = 0;
    for (int i = 0; i <= w->logs->config.loop_count; i++) {
        Ring *ring = &lane_at(w->logs, i)->ring;
        Str entry;
        while (count < max && ring_next(ring, &entry)) {
            row_make(w->arena, entry, &rows[count++]);
            ring_release(ring);
        }
    }
    return count;
}

static uint64_t take_dropped(Writer *w)
{
    uint64_t sum = 0;
    for (int i = 0; i <= w->logs->config.loop_count; i++) {
        uint64_t now = atomic_load_explicit(&lane_at(w->logs, i)->dropped, memory_order_relaxed);
        sum += now - w->told[i];
        w->told[i] = now;
    }
    atomic_fetch_add(&w->logs->dropped, sum);
    return sum;
}

static size_t add_notes(Writer *w, LogRow *rows)
{
    size_t count = 0;
    w->lost += take_dropped(w);
    if (w->lost > 0)
        row_of_ours(
            w->arena, LEVEL_WARN, S("log entries were dropped"),
            str_printf(w->arena, "{\"area\":\"logs\",\"count\":%llu}", (unsigned long long)w->lost),
            &rows[count++]);
    if (w->fitted > 0)
        row_of_ours(
            w->arena, LEVEL_INFO, S("the oldest entries were removed: the log is full"),
            str_printf(w->arena, "{\"area\":\"logs\",\"count\":%lld}", (long long)w->fitted),
            &rows[count++]);
    return count;
}

static int by_time(const void *x, const void *y)
{
    int64_t a = ((const LogRow *)x)->wall_ms, b = ((const LogRow *)y)->wall_ms;
    return a < b ? -1 : a > b;
}

/* Settings may have changed since the entry was made. */
static size_t keep_wanted(Writer *w, LogRow *rows, size_t count)
{
    const Settings *s = settings_hold(w->logs->app->settings, w->arena);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (s->logs_max_days > 0 && rows[i].level >= s->logs_min_level) rows[kept++] = rows[i];
    return kept;
}

static void complain(Writer *w, const char *what, const Error *err)
{
    uint64_t now = clock_mono_ns();
    if (now < w->next_complaint_ns) return;
    w->next_complaint_ns = now + RETRY_NS;
    log_warn("logs", what, LOG_STR("cause", err->cause.len ? err->cause : err->message));
}

static void fit(Writer *w, Db *db)
{
    if (w->batches++ % BATCHES_A_FIT != 0) return;
    int64_t removed = 0;
    Error *err = store_fit(db, w->arena, w->logs->config.max_bytes, &removed);
    w->fitted += removed;
    if (err) complain(w, "the log could not be kept to its size", err);
}

/* False when nothing was waiting. */
static bool write_batch(Writer *w)
{
    Logs *logs = w->logs;
    LogRow rows[BATCH_ROWS + 2];
    size_t taken = take_entries(w, rows, BATCH_ROWS);
    if (taken == 0) return false;
    size_t count = keep_wanted(w, rows, taken);
    qsort(rows, count, sizeof *rows, by_time);
    Db *db = logs_db(logs);
    if (!db) {
        w->lost += count;
        atomic_fetch_add(&logs->dropped, count);
        return true;
    }
    size_t notes = add_notes(w, rows + count);
    notes = keep_wanted(w, rows + count, notes);
    Error *err = count + notes ? store_insert(db, w->arena, rows, count + notes) : NULL;
    if (err) {
        w->lost += count;
        atomic_fetch_add(&logs->dropped, count);
        if (db_error_kind(err) == DB_ERROR_CORRUPT) logs->damaged = true;
        complain(w, "entries of the log could not be written and are lost", err);
        return true;
    }
    atomic_fetch_add(&logs->written, count);
    w->lost = 0;
    w->fitted = 0;
    fit(w, db);
    return true;
}

typedef struct {
    Writer *w;
    bool more;
} BatchCall;

static Error *batch_body(void *arg)
{
    BatchCall *call = arg;
    call->more = write_batch(call->w);
    return NULL;
}

static void write_all(Writer *w)
{
    for (;;) {
        BatchCall call = {w, true};
        uint64_t from = clock_mono_ns();
        Error *err = arena_protect(w->arena, batch_body, &call);
        if (err) complain(w, "a batch of the log was too large", err);
        arena_reset(w->arena);
        if (!call.more) return;
        rest(w->logs, clock_mono_ns() - from);
    }
}

/* ---- the rest of a turn ---- */

static void open_if_due(Writer *w)
{
    Logs *logs = w->logs;
    if (logs_db(logs) || clock_mono_ns() < w->next_open_ns) return;
    w->next_open_ns = clock_mono_ns() + RETRY_NS;
    Db *db;
    Error *err = store_open(w->arena, &logs->config, &db);
    if (err)
        complain(w, "auxiliary.db cannot be opened: nothing is kept of the log", err);
    else
        atomic_store_explicit(&logs->db, db, memory_order_release);
    arena_reset(w->arena);
}

static Error *apply_settings(Logs *logs, Arena *a)
{
    Db *db = logs_db(logs);
    if (!db) return NULL;
    const Settings *s = settings_hold(logs->app->settings, a);
    if (s->logs_max_days <= 0) return store_clear(db, a);
    int64_t days = MIN(s->logs_max_days, INT64_C(36500));
    return store_expire(db, a, clock_wall_ms() - days * DAY_MS, s->logs_min_level);
}

static void apply_if_changed(Writer *w)
{
    uint64_t version = settings_version(w->logs->app->settings);
    if (version == w->settings_version) return;
    w->settings_version = version;
    Error *err = apply_settings(w->logs, w->arena);
    if (err) complain(w, "entries that the settings no longer keep could not be removed", err);
    arena_reset(w->arena);
}

static void *writer_main(void *arg)
{
    Logs *logs = arg;
    (void)pthread_setname_np(pthread_self(), "logs"); /* for people only */
    Arena *memory = arena_create("logs writer", 1 << 20);
    Writer w = {.logs = logs,
                .arena = arena_create("logs batch", BATCH_BYTES),
                .told = arena_new(memory, uint64_t, (size_t)logs->config.loop_count + 1),
                .next_open_ns = clock_mono_ns() + RETRY_NS,
                .settings_version = settings_version(logs->app->settings)};
    for (bool last = false; !last;) {
        wait_for_entries(logs);
        last = is_stopping(logs);
        open_if_due(&w);
        apply_if_changed(&w);
        write_all(&w);
    }
    arena_destroy(w.arena);
    arena_destroy(memory);
    return NULL;
}

/* ---- beginning and end ---- */

static void lane_init(Arena *a, Lane *lane, size_t bytes)
{
    ring_init(&lane->ring, arena_take(a, bytes, alignof(max_align_t)), bytes);
}

static int thread_start(Logs *logs)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&logs->thread, NULL, writer_main, logs);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static Logs *logs_new(App *app, const LogsConfig *config)
{
    size_t loops = (size_t)MAX(config->loop_count, 0);
    Arena *arena = arena_create("logs", (loops + 2) * (config->ring_bytes + 65536) + (1 << 20));
    Logs *logs = arena_new(arena, Logs, 1);
    logs->arena = arena;
    logs->app = app;
    logs->config = *config;
    logs->config.dir = arena_copy(arena, config->dir);
    logs->lanes = arena_new(arena, Lane, loops + 1);
    for (size_t i = 0; i < loops; i++)
        lane_init(arena, &logs->lanes[i], config->ring_bytes);
    lane_init(arena, &logs->shared, config->ring_bytes);
    pthread_mutex_init(&logs->lock, NULL);
    pthread_mutex_init(&logs->shared_lock, NULL);
    cond_init(&logs->wake);
    return logs;
}

Error *logs_create(Arena *a, App *app, const LogsConfig *config, Logs **out)
{
    Logs *logs = logs_new(app, config);
    Db *db = NULL;
    Error *err = store_open(a, config, &db);
    if (err)
        log_warn("logs", "auxiliary.db cannot be opened: nothing is kept of the log",
                 LOG_STR("cause", err->cause.len ? err->cause : err->message));
    else
        atomic_store(&logs->db, db);
    int failed = thread_start(logs);
    if (failed) {
        logs_destroy(logs);
        return error_errno(a, failed, "pthread_create", S("logs"));
    }
    logs->started = true;
    *out = logs;
    return NULL;
}

void logs_destroy(Logs *logs)
{
    if (!logs) return;
    if (logs->is_sink) log_sink(NULL, NULL);
    if (logs->started) {
        pthread_mutex_lock(&logs->lock);
        logs->stopping = true;
        pthread_cond_signal(&logs->wake);
        pthread_mutex_unlock(&logs->lock);
        pthread_join(logs->thread, NULL);
    }
    Db *db = logs_db(logs);
    if (db) db_close(db);
    if (logs->damaged) store_set_aside(logs->arena, logs->config.dir); /* begun anew next time */
    pthread_cond_destroy(&logs->wake);
    pthread_mutex_destroy(&logs->lock);
    pthread_mutex_destroy(&logs->shared_lock);
    arena_destroy(logs->arena);
}

void logs_take_process_log(Logs *logs)
{
    logs->is_sink = true;
    log_sink(process_sink, logs);
}

void logs_settings_changed(Logs *logs)
{
    wake(logs, true);
}

Error *logs_cleanup(Logs *logs, Arena *a)
{
    return logs ? apply_settings(logs, a) : NULL;
}

static Error *optimize_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("PRAGMA optimize=0x10002"));
}

Error *logs_optimize(Logs *logs, Arena *a)
{
    Db *db = logs ? logs_db(logs) : NULL;
    return db ? db_write_alone(db, a, 0, optimize_work, NULL) : NULL;
}
