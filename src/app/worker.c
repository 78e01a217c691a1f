/* worker.c - putting the server together, running it, taking it apart.
 *
 * Threads: this one waits for SIGTERM; each loop has one; besides there are the
 * pools, the database's writer, the control socket's, and for a while the one
 * that sweeps files nobody mentions.
 *
 * A stop has to end within ten seconds whatever hangs, or a second after
 * shutdown_ms if that is longer: an alarm is set first, and what is
 * acknowledged is on disk, so that nothing is lost by it. Once the supervisor has
 * been killed it ends within a second: a new server waits for port and folder.
 */
#include "app/worker.h"

#include "app/commands.h"
#include "app/context.h"
#include "app/control.h"
#include "app/greeting.h"
#include "app/modules.h"
#include "app/site.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "files/files.h"
#include "jobs/jobs.h"
#include "logs/logs.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STOP_MIN_S    9
#define ORPHAN_MAX_S  1 /* listen.c and db's lock.c have more patience than that */
#define SWEEP_JOIN_MS 1000

typedef struct {
    pthread_t thread;
    App *app;
    int64_t before_ms; /* file time when this server began: older files belong to no write of it */
    _Atomic bool ended;
    bool started;
} Sweep;

typedef struct {
    const WorkerPlan *plan;
    Arena *arena;
    Site site;
    Images *images;
    Loop *loops[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    int loop_count, thread_count;
    RouteTable tables[MODULES_MAX];
    HttpServer *server;
    Control *control;
    Sweep sweep;
    _Atomic bool restart; /* end with WORKER_EXIT_RESTART */
} Worker;

/* ---- before anything is parsed ---- */

static void signals_prepare(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* taken by sigwait(); inherited by all threads */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the supervisor, which then sends SIGTERM */
    signal(SIGHUP, SIG_IGN);
}

static Error *confine(Arena *a, const WorkerPlan *plan)
{
    Error *err = privileges_drop(a, &plan->run_as);
    if (err) return err;
    /* A change of user has forgotten it. SIGTERM would wait until the start is over. */
    (void)prctl(PR_SET_PDEATHSIG, SIGALRM);
    if (getppid() != plan->supervisor_pid) return error_new(a, 500, S("The supervisor has gone."));
    return NULL;
}

/* ---- start ---- */

static Str public_dir(Arena *a, Str dir)
{
    struct stat st;
    if (dir.len == 0 || stat(arena_cstr(a, dir), &st) != 0 || !S_ISDIR(st.st_mode)) return S("");
    return dir;
}

static Error *server_create(Worker *w)
{
    const Options *o = w->plan->options;
    Str temp_dir = str_concat(w->arena, o->dir, S("/temp"));
    if (mkdir(arena_cstr(w->arena, temp_dir), 0700) != 0 && errno != EEXIST)
        return error_errno(w->arena, errno, "mkdir", temp_dir);
    HttpConfig config = {
        .tables = w->tables,
        .table_count = modules_routes(w->tables),
        .limits = o->limits,
        .origins = o->origins,
        .public_dir = public_dir(w->arena, o->public_dir),
        .spa_fallback = o->spa,
        .temp_dir = temp_dir,
        .app = &w->site.app,
        .workers = w->site.app.workers,
        .before = context_before,
        .filter_json = context_filter_json,
        .after = context_after,
    };
    return http_server_create(w->arena, &config, &w->server);
}

static Error *loops_create(Worker *w)
{
    const Listeners *l = &w->plan->listeners;
    for (int i = 0; i < l->count; i++) {
        Error *err = loop_create(w->arena, i, &w->loops[i]);
        if (err) return err;
        w->loop_count++;
        err = http_server_attach(w->server, w->arena, w->loops[i], l->fds[i]);
        if (err) return err;
    }
    return NULL;
}

static void *loop_thread(void *arg)
{
    Loop *loop = arg;
    char name[16];
    snprintf(name, sizeof(name), "loop %d", loop_index(loop));
    pthread_setname_np(pthread_self(), name);
    loop_run(loop);
    return NULL;
}

static Error *threads_start(Worker *w)
{
    for (int i = 0; i < w->loop_count; i++) {
        int failed = pthread_create(&w->threads[i], NULL, loop_thread, w->loops[i]);
        if (failed) return error_errno(w->arena, failed, "pthread_create", S("loop"));
        w->thread_count++;
    }
    return NULL;
}

static Error *thumbs_start(Worker *w)
{
    const WorkerPlan *plan = w->plan;
    Error *err = images_create(w->arena, plan->image_lines, plan->image_line_count, &w->images);
    if (err) return err;
    return thumbs_create(w->arena, w->images, &w->site.app.thumbs);
}

/* On any thread: the order to stop, from ourselves. */
static void restart_wanted(void *arg)
{
    Worker *w = arg;
    atomic_store(&w->restart, true);
    (void)kill(getpid(), SIGTERM);
}

static Error *start(Worker *w)
{
    const Options *o = w->plan->options;
    Error *err = confine(w->arena, w->plan);
    if (err) return err;
    err = site_open(w->arena, o->dir, o->settings_key, w->plan->listeners.count, &w->site);
    if (err) return err;
    backups_on_restart(w->site.app.backups, restart_wanted, w);
    err = thumbs_start(w);
    if (err) return err;
    err = server_create(w);
    if (err) return err;
    err = loops_create(w);
    if (err) return err;
    logs_take_process_log(w->site.app.logs);
    err = control_start(w->arena, &w->site.app, o->dir, &w->control);
    if (err) return err;
    /* Visitors wait in the sockets already; the link is on the screen before
     * the first of them is answered. */
    greet(w->arena, &w->site.app, w->plan);
    err = jobs_start(w->site.app.jobs, w->arena);
    if (err) return err;
    return threads_start(w);
}

/* ---- the sweep at start ---- */

/* The clock that stamps files: it ticks, and lags clock_wall_ms() by up to a tick. */
static int64_t file_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *sweep_thread(void *arg)
{
    Sweep *sweep = arg;
    pthread_setname_np(pthread_self(), "sweep");
    Arena *a = arena_create("sweep", 256u << 20);
    size_t orphans = 0, missing = 0;
    Error *err = records_sweep_files(sweep->app, a, sweep->before_ms, &orphans, &missing);
    if (err) log_warn("files", "the sweep did not finish", LOG_STR("cause", err->cause));
    arena_destroy(a);
    atomic_store(&sweep->ended, true);
    return NULL;
}

static void sweep_start(Worker *w)
{
    w->sweep.app = &w->site.app;
    w->sweep.started = pthread_create(&w->sweep.thread, NULL, sweep_thread, &w->sweep) == 0;
}

/* False when it is still at work after SWEEP_JOIN_MS: then nothing it uses may
 * be closed. */
static bool sweep_join(Worker *w)
{
    if (!w->sweep.started) return true;
    for (int i = 0; i < SWEEP_JOIN_MS / 10 && !atomic_load(&w->sweep.ended); i++)
        await_sleep(10);
    if (!atomic_load(&w->sweep.ended)) return false;
    pthread_join(w->sweep.thread, NULL);
    return true;
}

/* ---- stop ---- */

static bool requests_ended(const Worker *w)
{
    for (int i = 0; i < w->loop_count; i++)
        if (loop_fiber_count(w->loops[i]) > 0) return false;
    return true;
}

/* With something still at work nothing may be taken apart, and nothing has to
 * be: every acknowledged write is on disk. */
static NORETURN void leave(const Worker *w, const char *why)
{
    log_warn("worker", why);
    log_flush();
    _exit(atomic_load(&w->restart) ? WORKER_EXIT_RESTART : WORKER_EXIT_OK);
}

unsigned worker_stop_max_s(const Options *o)
{
    return MAX(o->limits.shutdown_ms / 1000 + 1, STOP_MIN_S);
}

/* The alarm's default action ends the process. A supervisor that is killed from here
 * on sets it off at once; one that was before leaves a moment for what is brief. */
static void stop_limit(const WorkerPlan *plan)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGALRM);
    bool is_orphan = getppid() != plan->supervisor_pid;
    (void)alarm(is_orphan ? ORPHAN_MAX_S : worker_stop_max_s(plan->options));
}

static void stop(Worker *w)
{
    stop_limit(w->plan);
    jobs_stop(w->site.app.jobs);
    backups_stop(w->site.app.backups);
    if (w->server) http_server_stop(w->server);
    for (int i = 0; i < w->thread_count; i++)
        pthread_join(w->threads[i], NULL);
    control_stop(w->control);
    if (!sweep_join(w)) leave(w, "stopped during the sweep of files; it starts over next time");
    if (!requests_ended(w)) leave(w, "stopped with requests still at work");
    if (w->server) http_server_destroy(w->server);
    for (int i = 0; i < w->loop_count; i++)
        loop_destroy(w->loops[i]);
    thumbs_destroy(w->site.app.thumbs);
    images_destroy(w->images);
    site_close(&w->site);
}

/* The supervisor's, or the one that its end sends from here on. */
static void wait_for_sigterm(const WorkerPlan *plan)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != plan->supervisor_pid) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int signal_number;
    while (sigwait(&set, &signal_number) != 0) {
    }
}

/* malloc keeps large blocks that were freed, for speed, in each thread's heap. Where there
 * is little memory they go back to the system at once (mallopt(3)). */
static void memory_prepare(void)
{
    if (memory_available() < LITTLE_MEMORY) (void)mallopt(M_MMAP_THRESHOLD, 512 << 10);
}

int worker_run(Arena *a, const WorkerPlan *plan)
{
    memory_prepare();
    signals_prepare();
    Worker w = {.plan = plan, .arena = a, .sweep.before_ms = file_clock_ms()};
    Error *err = start(&w);
    if (err) {
        complain(a, err);
        _exit(WORKER_EXIT_CANNOT_START); /* half made: nothing is worth taking apart */
    }
    site_confirm(&w.site);
    sweep_start(&w);
    wait_for_sigterm(plan);
    stop(&w);
    log_info("worker", "stopped");
    log_flush();
    return atomic_load(&w.restart) ? WORKER_EXIT_RESTART : WORKER_EXIT_OK;
}
