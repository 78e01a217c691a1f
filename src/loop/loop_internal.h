/* loop_internal.h - what loop.c, fiber.c and workers.c share. */
#ifndef CROFT_LOOP_INTERNAL_H
#define CROFT_LOOP_INTERNAL_H

#include "loop/loop.h"

#include <pthread.h>

#if defined(__SANITIZE_ADDRESS__)
#define CROFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CROFT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CROFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CROFT_TSAN 1
#endif
#endif

/* A call to make: the unit of every queue here. */
typedef struct {
    void (*fn)(void *arg);
    void *arg;
} Call;

/* A growing array of calls, run in order. */
typedef struct {
    Call *calls;
    size_t count, cap;
} CallList;

/* Where execution is while something else runs: a fiber or the loop itself. */
typedef struct {
    void *sp; /* asm switch: saved stack pointer; ucontext: a ucontext_t */
    void *asan_fake_stack;
    const void *stack_bottom; /* for AddressSanitizer */
    size_t stack_size;
    void *tsan;
} Context;

struct Fiber {
    Context context;
    Context *back; /* who continues when this one suspends or ends */
    Fiber *back_fiber;
    Loop *loop;
    void (*fn)(void *arg);
    void *arg;
    void *mapping; /* guard page, then the stack; this struct is at its top */
    Fiber *next_free;
    bool suspended;
    bool ended;
};

struct Loop {
    uv_loop_t uv;
    int index;
    uv_poll_t wake;
    int wake_fd; /* an eventfd: readable while there is something in `posted` */
    uv_check_t check;
    uv_prepare_t prepare;
    CallList turn_end;

    pthread_mutex_t lock; /* guards the next two */
    CallList posted;
    bool wake_sent;
    CallList running; /* what `posted` was a moment ago */

    Context main;
    Fiber *current;
    Fiber *free_fibers;
    size_t free_count;
    size_t fiber_count;
};

void fibers_destroy(Loop *loop);

#endif
