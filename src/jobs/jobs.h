/* jobs.h - what the server does later or by the clock: the outbox and crons.
 *
 * The outbox: work that must follow a commit and must not be lost is a row
 * written by the same transaction. It is carried out soon after the commit, and
 * again with growing pauses until it succeeds or has been tried often enough:
 * at least once, also when the server is killed in between.
 *
 *     jobs_handle(app->jobs, &(JobKind){.name = "webhook", .run = webhook_deliver});   at start
 *     err = jobs_enqueue(tx, app->jobs, S("webhook"), payload);                        in a work
 *
 * Crons: a function by the clock (api: operations §4), under `serve` only.
 *
 *     err = jobs_cron_set(app->jobs, a, S("__pbOTPCleanup__"), S("0 * * * *"), cleanup, arg);
 *
 * Both run on threads of jobs/, not in fibers: there, db_read(), db_write(),
 * http_fetch() and the like block that thread, which is fine.
 */
#ifndef CROFT_JOBS_H
#define CROFT_JOBS_H

#include "records/records.h"

typedef struct Jobs Jobs; /* any thread, unless said otherwise */

/* Makes the table "_jobs" when it is missing. Becomes app->jobs. Nothing runs yet. */
MUST_CHECK Error *jobs_create(Arena *a, App *app, Jobs **out);
/* Starts the clock and the deliveries: once every module has registered. */
MUST_CHECK Error *jobs_start(Jobs *jobs, Arena *a);
/* Begins nothing new from now on. What runs ends by itself; outgoing_stop()
 * hurries deliveries. */
void jobs_stop(Jobs *jobs);
void jobs_destroy(Jobs *jobs); /* stops, waits, before db_close(); NULL is fine */

/* ---- outbox ---- */

/* A delivery: told what to do and how often it was tried before (0 = first time).
 * NULL means done: the row goes. An error with a status of 400-499 means that
 * trying again is useless; any other that it should be tried again. May be called
 * again for one that was done, when the server was killed before it was noted. */
typedef struct {
    int64_t id;        /* of the row: stays the same over all attempts */
    int attempt;       /* 0, 1, 2 … */
    int64_t queued_ms; /* wall time of the commit, about */
} JobInfo;
typedef Error *(*JobRun)(App *app, Arena *a, const Json *payload, const JobInfo *info);
/* Called when it is given up, before that is noted; `why` is the last error. */
typedef void (*JobGiveUp)(App *app, Arena *a, const Json *payload, const Error *why);

typedef struct {
    const char *name; /* a literal */
    JobRun run;
    JobGiveUp give_up;         /* may be NULL */
    int max_attempts;          /* 0 = 300: about a day at the longest pause */
    int concurrency;           /* 0 = 2 at once */
    uint32_t first_pause_ms;   /* 0 = 2000; doubles each time, with a random tenth */
    uint32_t longest_pause_ms; /* 0 = 300000 */
    int keep_dead_days;        /* 0 = 7: how long one that was given up can be looked at */
} JobKind;

/* Before jobs_start(). The struct is copied. */
void jobs_handle(Jobs *jobs, const JobKind *kind);

/* Queues one in the caller's transaction: exists if and only if that commits. */
MUST_CHECK Error *jobs_enqueue(Tx *tx, Jobs *jobs, Str kind, const Json *payload);

typedef struct {
    uint64_t waiting, dead;       /* rows */
    uint64_t delivered, attempts; /* since start */
} JobStats;
MUST_CHECK Error *jobs_stats(Jobs *jobs, Arena *a, JobStats *out);

/* ---- crons ---- */

/* Runs on a thread of jobs/ with an arena of its own; an error is logged. */
typedef Error *(*CronRun)(App *app, Arena *a, void *arg);

/* Adds a job, or replaces the one of this id. Error 400 "validation_invalid_cron"
 * (no field) when the expression does not parse. `arg` must outlive the Jobs. A
 * job that still runs when it is due again is skipped that time. */
MUST_CHECK Error *jobs_cron_set(Jobs *jobs, Arena *a, Str id, Str expression, CronRun run,
                                void *arg);
/* A run under way goes on. False when there was none. */
bool jobs_cron_remove(Jobs *jobs, Str id);

/* Five sets of numbers as bits; a minute (UTC) matches when all five do. */
typedef struct {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays;
} Cron;

/* api: operations §4.2; macros are expanded. Error as jobs_cron_set(). */
MUST_CHECK Error *cron_parse(Arena *a, Str expression, Cron *out);
bool cron_matches(const Cron *cron, int64_t wall_ms);

extern const Route job_routes[]; /* /api/crons */
extern const size_t job_route_count;

#endif
