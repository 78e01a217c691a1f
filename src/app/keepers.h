/* keepers.h - the supervisor's image processes: started, replaced, ended.
 *
 * Each has a line (images/images.h) that outlives it, so a job sent while one is
 * being replaced waits in the line. One that ends with status 0 had nothing to
 * do; another takes its place at once, which costs next to nothing until a job
 * comes. One that dies is replaced with the pauses of supervisor_backoff_ms(). */
#ifndef CROFT_APP_KEEPERS_H
#define CROFT_APP_KEEPERS_H

#include "app/worker.h"

typedef struct {
    ImageChannel channel;
    pid_t pid;                        /* 0 = none now */
    uint64_t started_ms, start_at_ms; /* start_at_ms: when there is none */
    unsigned quick_deaths;
} Keeper;

typedef struct {
    Keeper list[IMAGE_KEEPERS_MAX];
    int count;
    RunAs run_as;
} Keepers;

/* Makes the lines and notes the worker's ends in the plan. */
MUST_CHECK Error *keepers_open(Arena *a, WorkerPlan *plan, Keepers *out);

/* Forks those that are missing and due. */
void keepers_start_due(Keepers *k);

/* A child of ours has ended: if it was one of them, plans the next. */
void keeper_ended(Keepers *k, pid_t pid, int status);

void keepers_stop(Keepers *k);

#endif
