/* supervisor.c - fork, wait, restart, stop.
 *
 * One thread, no loop: signals are blocked and taken one by one, so there is
 * nothing that could run at a bad moment.
 *
 *     starting ──fork──▶ running ──dies──▶ waiting (0 … 30 s) ──▶ running
 *                           │ SIGTERM, SIGINT
 *                           ▼
 *                        stopping ──worker ended, or killed after 10 s──▶ exit
 */
#include "app/supervisor.h"

#include "app/commands.h"
#include "app/keepers.h"
#include "app/listen.h"
#include "app/privileges.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_EXTRA_MS   1000 /* beyond the worker's own alarm */
#define QUICK_DEATHS_OK 4    /* restarted at once so many times in a row */
#define BACKOFF_MAX_MS  30000

typedef struct {
    WorkerPlan plan;
    Keepers keepers;
    Arena *arena;
    pid_t pid;                                      /* 0 = no worker now */
    uint64_t started_ms, restart_at_ms, kill_at_ms; /* 0 = not planned */
    unsigned quick_deaths;
    bool stopping, done;
    int exit_code;
} Supervisor;

uint64_t supervisor_backoff_ms(unsigned quick_deaths)
{
    if (quick_deaths <= QUICK_DEATHS_OK) return 0;
    unsigned doublings = quick_deaths - QUICK_DEATHS_OK - 1;
    if (doublings >= 5) return BACKOFF_MAX_MS;
    return UINT64_C(1000) << doublings;
}

static void signals_of_interest(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

static NORETURN void worker_process(Supervisor *s, pid_t parent)
{
    /* Ends with its supervisor; asked again after the user has changed, which
     * forgets it (worker.c). */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) exit(WORKER_EXIT_ORPHAN);
    exit(worker_run(s->arena, &s->plan));
}

static void worker_fork(Supervisor *s)
{
    pid_t parent = getpid();
    s->restart_at_ms = 0;
    s->started_ms = clock_mono_ms();
    pid_t pid = fork();
    if (pid == 0) worker_process(s, parent);
    if (pid < 0) {
        log_error("supervisor", "cannot fork", LOG_INT("errno", errno));
        s->restart_at_ms = s->started_ms + 1000;
        return;
    }
    s->pid = pid;
}

/* What became of the worker decides what comes next. */
static void worker_ended(Supervisor *s, int status)
{
    uint64_t now_ms = clock_mono_ms();
    bool restart = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_RESTART;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_OK;
    s->pid = 0;
    if (restart && !s->stopping) {
        s->plan.is_first = false;
        s->quick_deaths = 0;
        s->restart_at_ms = now_ms; /* due at once */
        return;
    }
    if (s->stopping || clean) {
        clean = clean || restart;
        if (!clean)
            log_error("supervisor", "the worker did not stop cleanly",
                      LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
        s->exit_code = clean ? 0 : 1;
        s->done = true;
        return;
    }
    if (s->plan.is_first && WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_CANNOT_START) {
        s->exit_code = 1; /* it has said why */
        s->done = true;
        return;
    }
    s->plan.is_first = false;
    s->quick_deaths = now_ms - s->started_ms < SUPERVISOR_QUICK_MS ? s->quick_deaths + 1 : 0;
    uint64_t wait_ms = supervisor_backoff_ms(s->quick_deaths);
    s->restart_at_ms = now_ms + wait_ms;
    log_error("supervisor", "the worker died; starting another",
              LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
              LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
              LOG_INT("wait_ms", wait_ms), LOG_INT("deaths_in_a_row", s->quick_deaths));
}

static void workers_reap(Supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->pid)
            worker_ended(s, status);
        else
            keeper_ended(&s->keepers, pid, status);
    }
}

/* So long the worker may take to stop. */
static uint64_t stop_max_ms(const Supervisor *s)
{
    return worker_stop_max_s(s->plan.options) * UINT64_C(1000) + STOP_EXTRA_MS;
}

static void stop_begin(Supervisor *s)
{
    if (!s->stopping) log_info("supervisor", "stopping");
    s->stopping = true;
    s->restart_at_ms = 0;
    if (!s->pid) {
        s->done = true;
        return;
    }
    if (!s->kill_at_ms) s->kill_at_ms = clock_mono_ms() + stop_max_ms(s);
    (void)kill(s->pid, SIGTERM); /* it may be a zombie already: SIGCHLD follows */
}

static void due_work(Supervisor *s)
{
    uint64_t now_ms = clock_mono_ms();
    if (s->restart_at_ms && now_ms >= s->restart_at_ms) worker_fork(s);
    if (s->kill_at_ms && now_ms >= s->kill_at_ms && s->pid) {
        log_error("supervisor", "the worker does not stop; killed");
        (void)kill(s->pid, SIGKILL);
        s->kill_at_ms = now_ms + stop_max_ms(s);
    }
    if (!s->stopping) keepers_start_due(&s->keepers);
}

/* Until the next thing that is due; a second when nothing is. */
static struct timespec time_to_wait(const Supervisor *s)
{
    uint64_t now_ms = clock_mono_ms(), wait_ms = 1000;
    if (s->restart_at_ms) wait_ms = MIN(wait_ms, s->restart_at_ms - MIN(now_ms, s->restart_at_ms));
    if (s->kill_at_ms) wait_ms = MIN(wait_ms, s->kill_at_ms - MIN(now_ms, s->kill_at_ms));
    return (struct timespec){.tv_sec = (time_t)(wait_ms / 1000),
                             .tv_nsec = (long)(wait_ms % 1000) * 1000000};
}

static int supervise(Supervisor *s)
{
    sigset_t set;
    signals_of_interest(&set);
    worker_fork(s);
    keepers_start_due(&s->keepers);
    while (!s->done) {
        struct timespec wait = time_to_wait(s);
        switch (sigtimedwait(&set, NULL, &wait)) {
        case SIGCHLD:
            workers_reap(s);
            break;
        case SIGTERM:
        case SIGINT:
            stop_begin(s);
            break;
        default:
            break; /* time is up, SIGHUP, or an interruption */
        }
        if (!s->done) due_work(s);
    }
    keepers_stop(&s->keepers);
    return s->exit_code;
}

/* Says it on one screen, before anybody relies on it. */
static Error *prepare(Arena *a, const Options *o, WorkerPlan *plan)
{
    *plan = (WorkerPlan){.options = o, .is_first = true, .supervisor_pid = getpid()};
    Error *err = run_as_find(a, o->user, &plan->run_as);
    if (err) return err;
    err = run_as_make_dir(a, &plan->run_as, o->dir);
    if (err) return err;
    return listeners_open(a, o->http, o->threads, &plan->listeners);
}

int supervisor_run(Arena *a, const Options *o)
{
    log_configure(o->log_level, o->log_format);
    if (o->arg_count > 0) {
        fprintf(stderr, "croft: serve takes no \"%.*s\"; the address is given with --http\n",
                STR_ARG(o->args[0]));
        return 2;
    }
    /* Blocked before the first fork, so that no signal is lost; the worker
     * chooses for itself. */
    sigset_t set;
    signals_of_interest(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);

    Supervisor s = {.arena = a};
    Error *err = prepare(a, o, &s.plan);
    if (!err) err = keepers_open(a, &s.plan, &s.keepers);
    if (err) {
        complain(a, err);
        return 1;
    }
    return supervise(&s);
}
