/* fiber.c - functions with a stack of their own, on one thread.
 *
 * A stack is mapped once and pooled:
 *
 *     lowest address                                            highest
 *     | guard page |  stack, grows downwards   <- sp | struct Fiber |
 *
 * Only pages that were touched cost memory. A fiber runs from fiber_start() or
 * fiber_resume() until it suspends or ends; control then goes back to who
 * started or resumed it. Sanitizers are told before and after each switch:
 * AddressSanitizer keeps a "fake stack" per context, ThreadSanitizer a clock.
 */
#include "loop/loop_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if !defined(CROFT_FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define CROFT_FIBER_UCONTEXT 1
#endif
#ifdef CROFT_FIBER_UCONTEXT
#include <ucontext.h>
#endif
#ifdef CROFT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CROFT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(CROFT_ASAN) || defined(CROFT_TSAN)
#define STACK_BYTES ((size_t)FIBER_STACK_BYTES * 8)
#else
#define STACK_BYTES ((size_t)FIBER_STACK_BYTES)
#endif
#define STACKS_POOLED 2048 /* free ones kept mapped per loop */
#define STACKS_WARM   512  /* of them keep their touched pages */

/* ---- the switch ---- */

static void fiber_main(void);

#ifdef CROFT_FIBER_UCONTEXT

static void raw_prepare(Fiber *f, char *stack, size_t size)
{
    /* The ucontext_t lives at the lowest end of the stack it describes. */
    ucontext_t *u = (ucontext_t *)(void *)stack;
    size_t used = (sizeof(*u) + 63) & ~(size_t)63;
    getcontext(u);
    u->uc_stack.ss_sp = stack + used;
    u->uc_stack.ss_size = size - used;
    u->uc_link = NULL;
    makecontext(u, fiber_main, 0);
    f->context.sp = u;
}

static void raw_switch(Context *from, Context *to)
{
    ucontext_t main_context;
    if (!from->sp) from->sp = &main_context; /* the loop's own: only while it waits here */
    bool is_main = from->sp == &main_context;
    swapcontext(from->sp, to->sp);
    if (is_main) from->sp = NULL;
}

#else

void croft_switch(void **save, void *to); /* switch.S */

static void raw_prepare(Fiber *f, char *stack, size_t size)
{
    char *top = stack + size;
    top -= (uintptr_t)top % 16;
#if defined(__x86_64__)
    /* As if fiber_main had been called: r15 … rbp, the address to return to. */
    void **sp = (void **)(void *)top - 2;
    sp[0] = (void *)(uintptr_t)fiber_main;
    sp[1] = NULL; /* the end for who walks the stack */
    sp -= 6;
    memset(sp, 0, 6 * sizeof(*sp));
#else
    void **sp = (void **)(void *)top - 20;
    memset(sp, 0, 20 * sizeof(*sp));
    sp[11] = (void *)(uintptr_t)fiber_main; /* x30, the link register */
#endif
    f->context.sp = sp;
}

static void raw_switch(Context *from, Context *to)
{
    croft_switch(&from->sp, to->sp);
}

#endif

/* `ending`: `from` will never be continued. */
static void context_switch(Context *from, Context *to, bool ending)
{
#ifdef CROFT_ASAN
    __sanitizer_start_switch_fiber(ending ? NULL : &from->asan_fake_stack, to->stack_bottom,
                                   to->stack_size);
#endif
#ifdef CROFT_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)ending;
    raw_switch(from, to);
#ifdef CROFT_ASAN
    __sanitizer_finish_switch_fiber(from->asan_fake_stack, NULL, NULL);
#endif
}

/* The loop's own stack is known to AddressSanitizer only; it tells the first
 * fiber that comes from there. */
static void note_main_stack(Loop *loop)
{
#ifdef CROFT_TSAN
    loop->main.tsan = __tsan_get_current_fiber();
#endif
    (void)loop;
}

/* ---- stacks ---- */

static char *stack_bottom(const Fiber *f)
{
    return (char *)(uintptr_t)f->context.stack_bottom;
}

static Fiber *fiber_map(Loop *loop)
{
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    char *mapping = mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return NULL;
    if (mprotect(mapping, guard, PROT_NONE) != 0) {
        munmap(mapping, guard + STACK_BYTES);
        return NULL;
    }

    size_t own = (sizeof(Fiber) + 63) & ~(size_t)63;
    Fiber *f = (Fiber *)(void *)(mapping + guard + STACK_BYTES - own);
    f->mapping = mapping;
    f->loop = loop;
    f->context.stack_bottom = mapping + guard;
    f->context.stack_size = STACK_BYTES - own;
    return f;
}

static void fiber_unmap(Fiber *f)
{
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
#ifdef CROFT_ASAN
    __asan_unpoison_memory_region(f->mapping, guard + STACK_BYTES);
#endif
    munmap(f->mapping, guard + STACK_BYTES);
}

static Fiber *fiber_take(Loop *loop)
{
    Fiber *f = loop->free_fibers;
    if (f) {
        loop->free_fibers = f->next_free;
        loop->free_count--;
    }
    if (!f) f = fiber_map(loop);
    return f;
}

/* A burst leaves many stacks; their pages go back, later their addresses too. */
static void fiber_give_back(Fiber *f)
{
    Loop *loop = f->loop;
#ifdef CROFT_TSAN
    __tsan_destroy_fiber(f->context.tsan);
#endif
    if (loop->free_count >= STACKS_POOLED) {
        fiber_unmap(f);
        return;
    }
    if (loop->free_count >= STACKS_WARM) {
        /* All but the page or two at the top, where this struct is. */
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t keep = 2 * page;
        madvise(stack_bottom(f), STACK_BYTES - keep, MADV_DONTNEED);
    }
    f->next_free = loop->free_fibers;
    loop->free_fibers = f;
    loop->free_count++;
}

void fibers_destroy(Loop *loop)
{
    while (loop->free_fibers) {
        Fiber *f = loop->free_fibers;
        loop->free_fibers = f->next_free;
        fiber_unmap(f);
    }
    loop->free_count = 0;
}

/* ---- life of a fiber ---- */

static void fiber_main(void)
{
    Loop *loop = loop_current();
    Fiber *f = loop->current;
#ifdef CROFT_ASAN
    __sanitizer_finish_switch_fiber(NULL, &f->back->stack_bottom, &f->back->stack_size);
#endif
    f->fn(f->arg);
    f->ended = true;
    context_switch(&f->context, f->back, true);
    abort(); /* nobody continues an ended fiber */
}

/* Runs `f` until it suspends or ends. */
static void fiber_enter(Loop *loop, Fiber *f)
{
    f->back_fiber = loop->current;
    f->back = loop->current ? &loop->current->context : &loop->main;
    if (!loop->current) note_main_stack(loop);

    loop->current = f;
    context_switch(f->back, &f->context, false);
    loop->current = f->back_fiber;
    if (!f->ended) return;

    loop->fiber_count--;
    fiber_give_back(f);
}

bool fiber_start(Loop *loop, void (*fn)(void *arg), void *arg)
{
    assert(loop_current() == loop);
    if (loop->fiber_count >= FIBERS_MAX) return false;
    Fiber *f = fiber_take(loop);
    if (!f) return false;

    loop->fiber_count++;
    f->fn = fn;
    f->arg = arg;
    f->suspended = false;
    f->ended = false;
    f->context.asan_fake_stack = NULL;
#ifdef CROFT_ASAN
    /* Frames of the last user that never returned left their marks. */
    __asan_unpoison_memory_region(f->context.stack_bottom, f->context.stack_size);
#endif
#ifdef CROFT_TSAN
    f->context.tsan = __tsan_create_fiber(0);
#endif
    raw_prepare(f, stack_bottom(f), f->context.stack_size);
    fiber_enter(loop, f);
    return true;
}

Fiber *fiber_current(void)
{
    Loop *loop = loop_current();
    return loop ? loop->current : NULL;
}

void fiber_suspend(void)
{
    Fiber *f = fiber_current();
    assert(f);
    f->suspended = true;
    context_switch(&f->context, f->back, false);
}

void fiber_resume(Fiber *f)
{
    assert(loop_current() == f->loop);
    assert(!f->loop->current);
    assert(f->suspended);
    f->suspended = false;
    fiber_enter(f->loop, f);
}

static void resume_posted(void *arg)
{
    fiber_resume(arg);
}

void fiber_wake(Fiber *f)
{
    loop_post(f->loop, resume_posted, f);
}

Loop *fiber_loop(const Fiber *f)
{
    return f->loop;
}

size_t loop_fiber_count(const Loop *loop)
{
    return loop->fiber_count;
}

/* ---- sleeping ---- */

typedef struct {
    uv_timer_t timer;
    Fiber *fiber;
    bool closed;
} Sleep;

static void sleep_closed(uv_handle_t *handle)
{
    Sleep *s = handle->data;
    s->closed = true;
    fiber_resume(s->fiber);
}

/* The handle is on the fiber's stack: it goes on only when libuv is done with it. */
static void sleep_over(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, sleep_closed);
}

static void thread_sleep(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

void await_sleep(uint64_t ms)
{
    Fiber *f = fiber_current();
    if (!f) {
        thread_sleep(ms);
        return;
    }
    Sleep s = {.fiber = f};
    uv_timer_init(&f->loop->uv, &s.timer);
    s.timer.data = &s;
    uv_update_time(&f->loop->uv);
    uv_timer_start(&s.timer, sleep_over, ms, 0);
    while (!s.closed)
        fiber_suspend();
}

typedef struct {
    Fiber *fiber;
    bool over;
} Turn;

static void turn_over(void *arg)
{
    Turn *t = arg;
    t->over = true;
    fiber_resume(t->fiber);
}

void await_turn(void)
{
    Turn t = {.fiber = fiber_current()};
    assert(t.fiber);
    loop_post(t.fiber->loop, turn_over, &t);
    while (!t.over)
        fiber_suspend();
}
