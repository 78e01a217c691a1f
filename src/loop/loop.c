/* loop.c - one libuv loop: posted calls, calls at the end of a turn, start and stop.
 *
 * Other threads hand work over through `posted`: an array under a mutex, with
 * one write to an eventfd for all that comes before the loop gets to it. The loop
 * swaps the array for an empty one and runs it without the lock. (A uv_async_t
 * would do, but the loop it wakes spins until the waking thread runs on: on a busy
 * machine that costs more than the work.)
 *
 * A turn of libuv is: timers, prepare, poll (events), check, closing. Both
 * prepare and check run what was asked for the end of the turn, so a request
 * made in a timer does not wait for the next event.
 */
#include "loop/loop_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TURN_END_ROUNDS 64 /* then events get their turn, however much is asked for */

static _Thread_local Loop *thread_loop;

/* Lists grow by doubling. Without memory for a few pointers nothing can go on,
 * and nobody could be told: aborts. */
static void calls_add(CallList *list, void (*fn)(void *arg), void *arg)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        Call *calls = realloc(list->calls, cap * sizeof(Call));
        if (!calls) {
            log_error("loop", "out of memory", LOG_INT("calls", cap));
            abort();
        }
        list->calls = calls;
        list->cap = cap;
    }
    list->calls[list->count++] = (Call){fn, arg};
}

static void wake(Loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    assert(n == sizeof(one) || errno == EAGAIN); /* so many already: it is awake */
}

/* The descriptor is emptied first: what is posted from then on either is in the
 * array that is taken, or wakes again. */
static void on_wake(uv_poll_t *handle, int status, int events)
{
    (void)status, (void)events;
    Loop *loop = handle->data;
    uint64_t count;
    ssize_t n = read(loop->wake_fd, &count, sizeof(count));
    assert(n == sizeof(count) || errno == EAGAIN);

    pthread_mutex_lock(&loop->lock);
    CallList work = loop->posted;
    loop->posted = loop->running;
    loop->wake_sent = false;
    pthread_mutex_unlock(&loop->lock);

    for (size_t i = 0; i < work.count; i++)
        work.calls[i].fn(work.calls[i].arg);
    work.count = 0;
    loop->running = work;
}

void loop_post(Loop *loop, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&loop->lock);
    calls_add(&loop->posted, fn, arg);
    bool first = !loop->wake_sent;
    loop->wake_sent = true;
    pthread_mutex_unlock(&loop->lock);

    if (first) wake(loop);
}

void loop_at_turn_end(Loop *loop, void (*fn)(void *arg), void *arg)
{
    calls_add(&loop->turn_end, fn, arg);
}

/* The list may grow while it runs; what is added runs in the same turn. */
static void run_turn_end(Loop *loop)
{
    for (int round = 0; loop->turn_end.count > 0; round++) {
        if (round == TURN_END_ROUNDS) {
            wake(loop); /* so that the poll in between does not wait */
            return;
        }
        size_t count = loop->turn_end.count;
        for (size_t i = 0; i < count; i++) {
            Call call = loop->turn_end.calls[i];
            call.fn(call.arg);
        }
        size_t added = loop->turn_end.count - count;
        memmove(loop->turn_end.calls, loop->turn_end.calls + count, added * sizeof(Call));
        loop->turn_end.count = added;
    }
}

static void on_check(uv_check_t *handle)
{
    run_turn_end(handle->data);
}

static void on_prepare(uv_prepare_t *handle)
{
    run_turn_end(handle->data);
}

Error *loop_create(Arena *a, int index, Loop **out)
{
    Loop *loop = arena_new(a, Loop, 1);
    int rc = uv_loop_init(&loop->uv);
    if (rc != 0) return error_errno(a, -rc, "uv_loop_init", S(""));

    loop->index = index;
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = loop->wake_fd < 0 ? -errno : uv_poll_init(&loop->uv, &loop->wake, loop->wake_fd);
    if (rc != 0) {
        if (loop->wake_fd >= 0) close(loop->wake_fd);
        uv_loop_close(&loop->uv);
        return error_errno(a, -rc, "eventfd", S("loop"));
    }
    loop->wake.data = loop;
    uv_poll_start(&loop->wake, UV_READABLE, on_wake); /* cannot fail: the handle is open */

    /* These two do not keep the loop alive and cannot fail. */
    uv_check_init(&loop->uv, &loop->check);
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->check.data = loop->prepare.data = loop;
    uv_check_start(&loop->check, on_check);
    uv_prepare_start(&loop->prepare, on_prepare);
    *out = loop;
    return NULL;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void loop_destroy(Loop *loop)
{
    if (!loop) return;
    assert(loop->fiber_count == 0);
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop->uv);
    assert(rc == 0);
    (void)rc;
    close(loop->wake_fd);

    fibers_destroy(loop);
    pthread_mutex_destroy(&loop->lock);
    free(loop->posted.calls);
    free(loop->running.calls);
    free(loop->turn_end.calls);
}

void loop_run(Loop *loop)
{
    Loop *before = thread_loop;
    thread_loop = loop;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    thread_loop = before;
}

static void stop_now(void *arg)
{
    Loop *loop = arg;
    uv_stop(&loop->uv);
}

void loop_stop(Loop *loop)
{
    loop_post(loop, stop_now, loop);
}

uv_loop_t *loop_uv(Loop *loop)
{
    return &loop->uv;
}

int loop_index(const Loop *loop)
{
    return loop->index;
}

uint64_t loop_now_ms(const Loop *loop)
{
    return uv_now(&loop->uv);
}

/* Not inlined: a fiber never changes threads, but a compiler that kept the
 * address of a thread-local across a switch would not have to know that. */
__attribute__((noinline)) Loop *loop_current(void)
{
    return thread_loop;
}
