/* crons.c - the list of jobs by the clock, and running them.
 *
 * A tick is told the time and works out which whole minutes have begun since the
 * last one, so a thread that was late misses nothing and one that is early does
 * nothing twice. When the clock was set, or the machine slept, what would have
 * been due in the meantime is not made up for beyond CATCH_UP_MINUTES.
 */
#include "jobs/jobs_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define CATCH_UP_MINUTES  5
#define STEP_BACK_MINUTES 60
#define MINUTE_MS         60000
#define CRON_ARENA_BYTES  ((size_t)256 << 20)

/* ---- the list; under the lock ---- */

static CronJob **find_place(Jobs *jobs, Str id)
{
    CronJob **at = &jobs->crons;
    while (*at && !str_eq((*at)->id, id))
        at = &(*at)->next;
    return at;
}

static void let_go(CronJob *job)
{
    if (--job->holders == 0) arena_destroy(job->arena);
}

static bool remove_at(CronJob **at)
{
    CronJob *job = *at;
    if (!job) return false;
    *at = job->next;
    let_go(job);
    return true;
}

static CronJob *job_new(Jobs *jobs, Str id, Str expression, const Cron *cron)
{
    Arena *a = arena_create_sized("cron job", 0, 512);
    CronJob *job = arena_new(a, CronJob, 1);
    *job = (CronJob){.jobs = jobs, .arena = a, .cron = *cron, .holders = 1};
    job->id = arena_copy(a, id);
    job->expression = arena_copy(a, cron_expand(expression));
    return job;
}

Error *jobs_cron_set(Jobs *jobs, Arena *a, Str id, Str expression, CronRun run, void *arg)
{
    Cron cron;
    Error *err = cron_parse(a, expression, &cron);
    if (err) return err;
    CronJob *job = job_new(jobs, id, expression, &cron);
    job->run = run;
    job->arg = arg;

    pthread_mutex_lock(&jobs->lock);
    CronJob **at = find_place(jobs, id);
    if (*at) {
        job->next = (*at)->next;
        let_go(*at);
    }
    *at = job;
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

bool jobs_cron_remove(Jobs *jobs, Str id)
{
    pthread_mutex_lock(&jobs->lock);
    bool removed = remove_at(find_place(jobs, id));
    pthread_mutex_unlock(&jobs->lock);
    return removed;
}

void crons_end(Jobs *jobs)
{
    while (remove_at(&jobs->crons)) {
    }
}

/* ---- running ---- */

typedef struct {
    CronJob *job;
    Arena *arena;
} Run;

static Error *run_protected(void *arg)
{
    Run *r = arg;
    return r->job->run(r->job->jobs->app, r->arena, r->job->arg);
}

static void run_job(void *arg)
{
    CronJob *job = arg;
    Jobs *jobs = job->jobs;
    if (!jobs_stopping(jobs)) {
        Arena *a = arena_create("cron", CRON_ARENA_BYTES);
        Run r = {job, a};
        Error *err = arena_protect(a, run_protected, &r);
        if (err)
            log_error("jobs", "a scheduled job failed", LOG_STR("id", job->id),
                      LOG_STR("message", err->message), LOG_STR("cause", err->cause));
        arena_destroy(a);
    }
    pthread_mutex_lock(&jobs->lock);
    job->running = false;
    let_go(job);
    pthread_mutex_unlock(&jobs->lock);
}

/* Under the lock. False when it cannot be started now. */
static bool start_job(Jobs *jobs, CronJob *job)
{
    if (!jobs->cron_threads || jobs->stopping) return false;
    if (job->running) {
        log_warn("jobs", "still running when it was due again", LOG_STR("id", job->id));
        return true;
    }
    if (!workers_post(jobs->cron_threads, run_job, job)) return false;
    job->running = true;
    job->holders++;
    return true;
}

bool crons_minutes(int64_t *last, int64_t now_minute, int64_t *first)
{
    int64_t passed = now_minute - *last;
    /* Set back a little: those minutes have had their turn. */
    if (passed <= 0 && passed > -STEP_BACK_MINUTES) return false;
    *first = passed > 0 && passed <= CATCH_UP_MINUTES ? *last + 1 : now_minute;
    *last = now_minute;
    return true;
}

static bool is_due(const CronJob *job, int64_t first, int64_t last)
{
    for (int64_t minute = first; minute <= last; minute++) {
        if (cron_matches(&job->cron, minute * MINUTE_MS)) return true;
    }
    return false;
}

void crons_tick(Jobs *jobs, int64_t now_ms)
{
    int64_t first;
    pthread_mutex_lock(&jobs->lock);
    if (crons_minutes(&jobs->last_minute, now_ms / MINUTE_MS, &first)) {
        for (CronJob *job = jobs->crons; job; job = job->next) {
            if (is_due(job, first, jobs->last_minute) && !start_job(jobs, job))
                log_error("jobs", "too much to do for a scheduled job", LOG_STR("id", job->id));
        }
    }
    pthread_mutex_unlock(&jobs->lock);
}

Error *crons_run_now(Jobs *jobs, Arena *a, Str id)
{
    pthread_mutex_lock(&jobs->lock);
    CronJob *job = *find_place(jobs, id);
    bool found = job, started = found && start_job(jobs, job);
    pthread_mutex_unlock(&jobs->lock);
    if (!found) return error_new(a, 404, S("Missing or invalid cron job."));
    return started ? NULL : error_status(a, 503);
}

/* ---- telling ---- */

static bool is_built_in(const CronJob *job)
{
    return str_starts(job->id, S("__pb"));
}

/* The owner's by id, then ours as they were added. */
static bool goes_before(const CronJob *x, const CronJob *y)
{
    if (is_built_in(x) || is_built_in(y)) return !is_built_in(x) && is_built_in(y);
    return str_cmp(x->id, y->id) < 0;
}

static void sort_jobs(CronJob **list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        CronJob *job = list[i];
        size_t at = i;
        for (; at > 0 && goes_before(job, list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = job;
    }
}

/* The jobs of one moment: until held_release(), or the arena's reset should it end the work. */
typedef struct {
    Jobs *jobs;
    CronJob **list;
    size_t count;
} HeldJobs;

static void held_release(void *arg)
{
    HeldJobs *held = arg;
    pthread_mutex_lock(&held->jobs->lock);
    for (size_t i = 0; i < held->count; i++)
        let_go(held->list[i]);
    held->count = 0;
    pthread_mutex_unlock(&held->jobs->lock);
}

/* Room is got without the lock: an arena that has none ends the request there. */
static HeldJobs *hold_jobs(Jobs *jobs, Arena *a)
{
    HeldJobs *held = arena_new(a, HeldJobs, 1);
    held->jobs = jobs;
    arena_defer(a, held_release, held);
    for (size_t room = 0;;) {
        size_t count = 0;
        pthread_mutex_lock(&jobs->lock);
        for (const CronJob *job = jobs->crons; job; job = job->next)
            count++;
        for (CronJob *job = count <= room ? jobs->crons : NULL; job; job = job->next) {
            job->holders++;
            held->list[held->count++] = job;
        }
        pthread_mutex_unlock(&jobs->lock);
        if (count <= room) return held;
        held->list = arena_new(a, CronJob *, count);
        room = count;
    }
}

Json *crons_list(Jobs *jobs, Arena *a)
{
    HeldJobs *held = hold_jobs(jobs, a);
    Json *out = json_new_array(a);
    sort_jobs(held->list, held->count);
    for (size_t i = 0; i < held->count; i++) {
        Json *item = json_new_object(a);
        json_set_str(a, item, S("id"), arena_copy(a, held->list[i]->id));
        json_set_str(a, item, S("expression"), arena_copy(a, held->list[i]->expression));
        json_push(a, out, item);
    }
    held_release(held);
    return out;
}
