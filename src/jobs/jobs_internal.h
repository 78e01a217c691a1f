/* jobs_internal.h - what the files of jobs/ share. */
#ifndef CROFT_JOBS_INTERNAL_H
#define CROFT_JOBS_INTERNAL_H

#include "jobs/jobs.h"

#include <pthread.h>

#define KINDS_MAX       16
#define CONCURRENCY_MAX 8

/* A kind of outbox work. Everything below `config` is guarded by Jobs.lock. */
typedef struct {
    Jobs *jobs;
    JobKind config;                   /* with the defaults filled in */
    bool dirty;                       /* rows may be due that nobody has looked at */
    int64_t next_ms;                  /* wall time at which the next known row is due */
    int64_t running[CONCURRENCY_MAX]; /* ids of rows being delivered */
    int running_count;
} Kind;

/* A job by the clock, in an arena of its own. */
typedef struct CronJob CronJob;
struct CronJob {
    CronJob *next;
    Jobs *jobs;
    Arena *arena;
    Str id, expression;
    Cron cron;
    CronRun run;
    void *arg;
    int holders; /* the list, and each run */
    bool running;
};

struct Jobs {
    App *app;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* by the monotonic clock */
    pthread_t thread;
    bool started, stopping, dirty;
    Kind kinds[KINDS_MAX];
    size_t kind_count;
    CronJob *crons; /* in the order they were added */
    int64_t last_minute;
    uint64_t delivered, attempts;
    Workers *deliveries, *cron_threads; /* from jobs_start() on */
};

bool jobs_stopping(Jobs *jobs);

/* outbox.c */
MUST_CHECK Error *outbox_table(Arena *a, Db *db);
/* Starts what is due; the wall time at which to look again. */
int64_t outbox_pump(Jobs *jobs, int64_t now_ms);
/* How long to wait after try number `attempt` (from 0) failed; `random` 0-999. */
int64_t outbox_pause_ms(const JobKind *kind, int attempt, uint32_t random);

/* crons.c: starts the jobs that match one of the minutes after Jobs.last_minute. */
void crons_tick(Jobs *jobs, int64_t now_ms);
/* 404 when there is none of this id. */
MUST_CHECK Error *crons_run_now(Jobs *jobs, Arena *a, Str id);
Json *crons_list(Jobs *jobs, Arena *a);
void crons_end(Jobs *jobs);
/* Which minutes a tick stands for, after the one of `last` (minutes since 1970):
 * *first is the first of them; false when there are none. */
bool crons_minutes(int64_t *last, int64_t now_minute, int64_t *first);
Str cron_expand(Str expression); /* "@daily" is "0 0 * * *" */

/* cleanup.c: the jobs of api: operations §4.1 that are nobody else's. */
MUST_CHECK Error *cleanup_register(Jobs *jobs, Arena *a);

#endif
