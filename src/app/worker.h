/* worker.h - the process that serves: loops, stores, pools, until SIGTERM. */
#ifndef CROFT_APP_WORKER_H
#define CROFT_APP_WORKER_H

#include "app/listen.h"
#include "app/options.h"
#include "app/privileges.h"
#include "images/images.h"

#include <sys/types.h>

/* What the supervisor gives each worker. */
typedef struct {
    const Options *options;
    Listeners listeners;
    RunAs run_as;
    int image_lines[IMAGE_KEEPERS_MAX]; /* where thumbnails are asked for */
    int image_line_count;
    pid_t supervisor_pid;
    bool is_first; /* not a replacement of one that died: prints the greeting */
} WorkerPlan;

enum {
    WORKER_EXIT_OK = 0,
    WORKER_EXIT_CANNOT_START = 3, /* said why; the first worker is not tried again */
    WORKER_EXIT_ORPHAN = 4,       /* the supervisor has gone */
    WORKER_EXIT_RESTART = 5,      /* wants another one in its place, on restored data */
};

/* In this many seconds a stop ends, whatever hangs. */
unsigned worker_stop_max_s(const Options *o);

/* Serves until SIGTERM; returns the exit code. */
int worker_run(Arena *a, const WorkerPlan *plan);

#endif
