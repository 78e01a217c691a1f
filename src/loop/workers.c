/* workers.c - a pool of threads behind the loops, with a bounded queue.
 *
 * The queue is a ring under a mutex. A fiber that waits is woken through
 * loop_post(); its Job lies on its own stack, which stays put while it waits.
 */
#include "loop/loop_internal.h"

#include "base/log.h"

#include <signal.h>

struct Workers {
    const char *name;
    pthread_mutex_t lock;
    pthread_cond_t more;
    Call *queue; /* a ring of queue_max */
    size_t queue_max, first, count;
    bool closing;
    int thread_count;
    pthread_t *threads;
};

typedef struct {
    Workers *workers;
    int index;
} ThreadStart;

static _Thread_local int thread_index = -1;

__attribute__((noinline)) int worker_index(void)
{
    return thread_index;
}

static bool queue_take(Workers *w, Call *call)
{
    pthread_mutex_lock(&w->lock);
    while (w->count == 0 && !w->closing)
        pthread_cond_wait(&w->more, &w->lock);
    bool got = w->count > 0;
    if (got) {
        *call = w->queue[w->first];
        w->first = (w->first + 1) % w->queue_max;
        w->count--;
    }
    pthread_mutex_unlock(&w->lock);
    return got;
}

static void *thread_main(void *arg)
{
    ThreadStart *start = arg;
    Workers *w = start->workers;
    thread_index = start->index;

    Call call;
    while (queue_take(w, &call))
        call.fn(call.arg);
    return NULL;
}

/* Signals are for the main thread. */
static int thread_start(Workers *w, ThreadStart *start)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->threads[start->index], NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) return rc;

    char name[16] = {0}; /* what the kernel takes */
    size_t len = MIN(strlen(w->name), sizeof(name) - 1);
    memcpy(name, w->name, len);
    pthread_setname_np(w->threads[start->index], name);
    return 0;
}

Error *workers_create(Arena *a, const char *name, int threads, size_t queue_max, Workers **out)
{
    assert(threads > 0);
    assert(queue_max > 0);
    Workers *w = arena_new(a, Workers, 1);
    w->name = name;
    w->queue = arena_new(a, Call, queue_max);
    w->queue_max = queue_max;
    w->threads = arena_new(a, pthread_t, (size_t)threads);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);

    ThreadStart *starts = arena_new(a, ThreadStart, (size_t)threads);
    for (int i = 0; i < threads; i++) {
        starts[i] = (ThreadStart){w, i};
        int rc = thread_start(w, &starts[i]);
        if (rc != 0) {
            workers_destroy(w);
            return error_errno(a, rc, "pthread_create", str_from(name));
        }
        w->thread_count++;
    }
    *out = w;
    return NULL;
}

void workers_destroy(Workers *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);

    for (int i = 0; i < w->thread_count; i++)
        pthread_join(w->threads[i], NULL);
    w->thread_count = 0;
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
}

bool workers_post(Workers *w, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&w->lock);
    bool room = w->count < w->queue_max && !w->closing;
    if (room) {
        w->queue[(w->first + w->count) % w->queue_max] = (Call){fn, arg};
        w->count++;
    }
    pthread_mutex_unlock(&w->lock);
    /* Not under the lock, or who is woken runs into it. */
    if (room) pthread_cond_signal(&w->more);
    return room;
}

/* ---- waiting for a job ---- */

typedef struct {
    Call call;
    Fiber *fiber; /* or NULL: a thread waits on `ended` */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done; /* fiber: written on its loop; thread: under `lock` */
} Job;

static void job_done_on_loop(void *arg)
{
    Job *job = arg;
    job->done = true;
    fiber_resume(job->fiber);
}

static void job_run_for_fiber(void *arg)
{
    Job *job = arg;
    job->call.fn(job->call.arg);
    loop_post(fiber_loop(job->fiber), job_done_on_loop, job); /* *job may end from here on */
}

static void job_run_for_thread(void *arg)
{
    Job *job = arg;
    job->call.fn(job->call.arg);
    pthread_mutex_lock(&job->lock);
    job->done = true;
    pthread_cond_signal(&job->ended);
    pthread_mutex_unlock(&job->lock);
}

static Error *queue_full(Workers *w, Arena *a)
{
    return error_cause(a, error_status(a, 503), "queue of %s is full", w->name);
}

static Error *thread_await(Workers *w, Arena *a, Job *job)
{
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->ended, NULL);
    bool posted = workers_post(w, job_run_for_thread, job);
    if (posted) {
        pthread_mutex_lock(&job->lock);
        while (!job->done)
            pthread_cond_wait(&job->ended, &job->lock);
        pthread_mutex_unlock(&job->lock);
    }
    pthread_cond_destroy(&job->ended);
    pthread_mutex_destroy(&job->lock);
    return posted ? NULL : queue_full(w, a);
}

Error *await_work(Workers *w, Arena *a, void (*fn)(void *arg), void *arg)
{
    Job job = {.call = {fn, arg}, .fiber = fiber_current()};
    if (!job.fiber) return thread_await(w, a, &job);

    bool posted = workers_post(w, job_run_for_fiber, &job);
    if (!posted) return queue_full(w, a);
    while (!job.done)
        fiber_suspend();
    return NULL;
}
