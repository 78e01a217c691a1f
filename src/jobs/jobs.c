/* jobs.c - the thread that keeps the clock: each turn it starts the crons of the
 * minutes that have begun and the outbox rows that are due, then sleeps until
 * the next of either, or until a commit wakes it. Start reading here.
 */
#include "jobs/jobs_internal.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

#include <signal.h>

#define DELIVERY_THREADS 4
#define CRON_THREADS     2
#define QUEUE_MAX        256
#define MINUTE_MS        60000
#define TURN_MAX_MS      15000 /* the wall clock may be set while we sleep */
#define NS_PER_MS        1000000

Error *jobs_create(Arena *a, App *app, Jobs **out)
{
    Error *err = outbox_table(a, app->db);
    if (err) return err;
    Jobs *jobs = arena_new(a, Jobs, 1);
    jobs->app = app;
    pthread_mutex_init(&jobs->lock, NULL);
    cond_init(&jobs->wake);
    jobs->last_minute = clock_wall_ms() / MINUTE_MS; /* this one has begun without us */
    err = cleanup_register(jobs, a);
    if (err) return err;
    *out = jobs;
    return NULL;
}

void jobs_handle(Jobs *jobs, const JobKind *kind)
{
    assert(!jobs->started);
    assert(jobs->kind_count < KINDS_MAX);
    Kind *k = &jobs->kinds[jobs->kind_count++];
    *k = (Kind){.jobs = jobs, .config = *kind, .dirty = true, .next_ms = INT64_MAX};
    JobKind *c = &k->config;
    if (c->max_attempts <= 0) c->max_attempts = 300;
    if (c->concurrency <= 0) c->concurrency = 2;
    c->concurrency = MIN(c->concurrency, CONCURRENCY_MAX);
    if (c->first_pause_ms == 0) c->first_pause_ms = 2000;
    if (c->longest_pause_ms == 0) c->longest_pause_ms = 300000;
    if (c->keep_dead_days <= 0) c->keep_dead_days = 7;
}

bool jobs_stopping(Jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stopping;
}

/* ---- the thread ---- */

static void sleep_until(Jobs *jobs, int64_t now_ms, int64_t next_ms)
{
    int64_t minute_ms = (now_ms / MINUTE_MS + 1) * MINUTE_MS;
    int64_t wait_ms = MIN(MIN(next_ms, minute_ms) - now_ms, (int64_t)TURN_MAX_MS);
    struct timespec until = cond_due_ns((uint64_t)MAX(wait_ms, (int64_t)1) * NS_PER_MS);
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->dirty && !jobs->stopping) {
        if (pthread_cond_timedwait(&jobs->wake, &jobs->lock, &until) != 0) break;
    }
    jobs->dirty = false;
    pthread_mutex_unlock(&jobs->lock);
}

static void *keep_the_clock(void *arg)
{
    Jobs *jobs = arg;
    pthread_setname_np(pthread_self(), "jobs");
    while (!jobs_stopping(jobs)) {
        int64_t now_ms = clock_wall_ms();
        crons_tick(jobs, now_ms);
        sleep_until(jobs, now_ms, outbox_pump(jobs, now_ms));
    }
    return NULL;
}

/* Signals are for the main thread. */
static int thread_start(Jobs *jobs)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&jobs->thread, NULL, keep_the_clock, jobs);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

Error *jobs_start(Jobs *jobs, Arena *a)
{
    Workers *deliveries, *cron_threads;
    Error *err = workers_create(a, "outbox", DELIVERY_THREADS, QUEUE_MAX, &deliveries);
    if (err) return err;
    err = workers_create(a, "crons", CRON_THREADS, QUEUE_MAX, &cron_threads);
    if (err) {
        workers_destroy(deliveries);
        return err;
    }
    pthread_mutex_lock(&jobs->lock);
    jobs->deliveries = deliveries;
    jobs->cron_threads = cron_threads;
    pthread_mutex_unlock(&jobs->lock);
    int failed = thread_start(jobs);
    if (failed) return error_errno(a, failed, "pthread_create", S("jobs"));
    jobs->started = true;
    return NULL;
}

void jobs_stop(Jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_signal(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_destroy(Jobs *jobs)
{
    if (!jobs) return;
    jobs_stop(jobs);
    if (jobs->started) pthread_join(jobs->thread, NULL);
    if (jobs->deliveries) workers_destroy(jobs->deliveries);
    if (jobs->cron_threads) workers_destroy(jobs->cron_threads);
    crons_end(jobs);
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
}
