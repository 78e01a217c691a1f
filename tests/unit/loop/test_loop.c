/* Loops, fibers and worker pools: order, wake-ups from other threads, limits. */
#include "loop/loop.h"
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    Loop *loop;
    Arena *arena;
    Workers *workers;
    char trace[64];
    size_t len;
    int count;
    Fiber *fiber;
    bool flag;
} World;

static void note(World *w, char c)
{
    if (w->len + 1 < sizeof(w->trace)) w->trace[w->len++] = c;
}

static World *world_new(Arena *a)
{
    World *w = arena_new(a, World, 1);
    w->arena = a;
    check_ok("loop", loop_create(a, 3, &w->loop));
    return w;
}

/* ---- posting and the end of a turn ---- */

static void post_a(void *arg)
{
    note(arg, 'a');
}

static void post_b(void *arg)
{
    note(arg, 'b');
}

static void post_turn_end(void *arg)
{
    World *w = arg;
    note(w, 't');
    loop_at_turn_end(w->loop, post_b, w);
    note(w, 'u');
}

static void stop_world(void *arg)
{
    World *w = arg;
    loop_stop(w->loop);
}

static void posts_run_in_order(void **state)
{
    World *w = world_new(*state);
    loop_post(w->loop, post_turn_end, w);
    loop_post(w->loop, post_a, w);
    loop_post(w->loop, stop_world, w);
    assert_null(loop_current());
    loop_run(w->loop);

    /* what was asked for the end of the turn comes after all events of it */
    check_str("order", str_make(w->trace, w->len), "tuab");
    check_int("index", loop_index(w->loop), 3);
    loop_destroy(w->loop);
}

typedef struct {
    World *world;
    _Atomic int running;
} Posters;

static void count_one(void *arg)
{
    World *w = arg;
    if (++w->count == 4000) loop_stop(w->loop);
}

static void *poster(void *arg)
{
    World *w = arg;
    for (int i = 0; i < 1000; i++)
        loop_post(w->loop, count_one, w);
    return NULL;
}

static void posts_from_many_threads_all_arrive(void **state)
{
    World *w = world_new(*state);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, poster, w);
    loop_run(w->loop);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    check_int("count", w->count, 4000);
    loop_destroy(w->loop);
}

/* ---- fibers ---- */

static void fiber_steps(void *arg)
{
    World *w = arg;
    note(w, '1');
    w->fiber = fiber_current();
    fiber_suspend();
    note(w, '2');
    fiber_suspend();
    note(w, '3');
    loop_stop(w->loop);
}

static void resume_world(void *arg)
{
    World *w = arg;
    note(w, 'r');
    fiber_resume(w->fiber);
    note(w, 's');
    fiber_wake(w->fiber);
}

static void start_steps(void *arg)
{
    World *w = arg;
    assert_true(fiber_start(w->loop, fiber_steps, w));
    note(w, 'm');
    assert_null(fiber_current());
    check_int("alive", loop_fiber_count(w->loop), 1);
}

static void fiber_suspends_and_goes_on(void **state)
{
    World *w = world_new(*state);
    loop_post(w->loop, start_steps, w);
    loop_post(w->loop, resume_world, w);
    loop_run(w->loop);
    check_str("order", str_make(w->trace, w->len), "1mr2s3");
    check_int("alive", loop_fiber_count(w->loop), 0);
    loop_destroy(w->loop);
}

static void inner_fiber(void *arg)
{
    World *w = arg;
    note(w, 'i');
    await_sleep(2);
    note(w, 'j');
    w->flag = true;
}

static void outer_fiber(void *arg)
{
    World *w = arg;
    note(w, 'o');
    assert_true(fiber_start(w->loop, inner_fiber, w));
    note(w, 'p');
    while (!w->flag) /* who is late for both turns may wake the second sleeper first */
        await_sleep(20);
    note(w, 'q');
    loop_stop(w->loop);
}

static void start_outer(void *arg)
{
    World *w = arg;
    assert_true(fiber_start(w->loop, outer_fiber, w));
}

static void fibers_nest_and_sleep(void **state)
{
    World *w = world_new(*state);
    loop_post(w->loop, start_outer, w);
    loop_run(w->loop);
    check_str("order", str_make(w->trace, w->len), "oipjq");
    loop_destroy(w->loop);
}

/* Uses a good part of the stack and keeps it over a switch. */
static int use_stack(World *w, int depth)
{
    volatile char block[1024];
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(depth + (int)i);
    if (depth == 0) {
        await_sleep(1);
        return 0;
    }
    int below = use_stack(w, depth - 1);
    for (size_t i = 0; i < sizeof(block); i++)
        if (block[i] != (char)(depth + (int)i)) return -1000;
    return below + 1;
}

static void deep_fiber(void *arg)
{
    World *w = arg;
    w->count += use_stack(w, 150);
    if (w->count == 150 * 300) loop_stop(w->loop);
}

static void start_many(void *arg)
{
    World *w = arg;
    for (int i = 0; i < 300; i++)
        assert_true(fiber_start(w->loop, deep_fiber, w));
}

static void many_fibers_keep_their_stacks(void **state)
{
    World *w = world_new(*state);
    loop_post(w->loop, start_many, w);
    loop_run(w->loop);
    check_int("sum", w->count, 150 * 300);
    w->count = 0; /* again, on pooled stacks */
    loop_post(w->loop, start_many, w);
    loop_run(w->loop);
    check_int("sum", w->count, 150 * 300);
    loop_destroy(w->loop);
}

/* An arena that outgrows its limit unwinds inside of a fiber. */
static Error *outgrow(void *arg)
{
    World *w = arg;
    await_sleep(1);
    for (int i = 0; i < 1000; i++)
        arena_bytes(w->arena, 4096);
    return NULL;
}

static void unwinding_fiber(void *arg)
{
    World *w = arg;
    Arena *small = arena_create("small", 64 * 1024);
    World inner = {.arena = small, .loop = w->loop};
    Error *err = arena_protect(small, outgrow, &inner);
    if (err) w->count = err->status;
    arena_destroy(small);
    loop_stop(w->loop);
}

static void start_unwinding(void *arg)
{
    World *w = arg;
    assert_true(fiber_start(w->loop, unwinding_fiber, w));
}

static void arenas_unwind_in_fibers(void **state)
{
    World *w = world_new(*state);
    loop_post(w->loop, start_unwinding, w);
    loop_run(w->loop);
    check_int("status", w->count, 500);
    loop_destroy(w->loop);
}

/* ---- workers ---- */

typedef struct {
    int in, out, thread;
} Square;

static void square(void *arg)
{
    Square *s = arg;
    s->out = s->in * s->in;
    s->thread = worker_index();
}

static void working_fiber(void *arg)
{
    World *w = arg;
    Square s = {.in = 12};
    check_ok("work", await_work(w->workers, w->arena, square, &s));
    check_int("square", s.out, 144);
    check_bool("on a pool thread", s.thread >= 0, true);
    check_int("here", worker_index(), -1);
    if (++w->count == 20) loop_stop(w->loop);
}

static void start_working(void *arg)
{
    World *w = arg;
    for (int i = 0; i < 20; i++)
        assert_true(fiber_start(w->loop, working_fiber, w));
}

static void fibers_wait_for_workers(void **state)
{
    World *w = world_new(*state);
    check_ok("workers", workers_create(w->arena, "test-pool", 2, 100, &w->workers));
    loop_post(w->loop, start_working, w);
    loop_run(w->loop);
    check_int("all", w->count, 20);
    workers_destroy(w->workers);
    loop_destroy(w->loop);
}

static void threads_wait_for_workers(void **state)
{
    Workers *workers;
    check_ok("workers", workers_create(*state, "test-pool", 1, 4, &workers));
    Square s = {.in = 9};
    check_ok("work", await_work(workers, *state, square, &s));
    check_int("square", s.out, 81);
    workers_destroy(workers);
}

typedef struct {
    pthread_mutex_t lock;
    _Atomic int ran, entered;
} Gate;

static void pass_gate(void *arg)
{
    Gate *g = arg;
    atomic_fetch_add(&g->entered, 1);
    pthread_mutex_lock(&g->lock);
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_add(&g->ran, 1);
}

static void full_queue_refuses_and_close_finishes(void **state)
{
    Workers *workers;
    check_ok("workers", workers_create(*state, "test-pool", 1, 2, &workers));
    Gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&gate.lock);
    assert_true(workers_post(workers, pass_gate, &gate));
    while (atomic_load(&gate.entered) == 0)
        await_sleep(1);
    assert_true(workers_post(workers, pass_gate, &gate));
    assert_true(workers_post(workers, pass_gate, &gate));
    assert_false(workers_post(workers, pass_gate, &gate));
    Error *err = await_work(workers, *state, pass_gate, &gate);
    assert_non_null(err);
    check_int("status", err->status, 503);
    pthread_mutex_unlock(&gate.lock);
    workers_destroy(workers);
    check_int("finished", atomic_load(&gate.ran), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(posts_run_in_order),
        test_with_arena(posts_from_many_threads_all_arrive),
        test_with_arena(fiber_suspends_and_goes_on),
        test_with_arena(fibers_nest_and_sleep),
        test_with_arena(many_fibers_keep_their_stacks),
        test_with_arena(arenas_unwind_in_fibers),
        test_with_arena(fibers_wait_for_workers),
        test_with_arena(threads_wait_for_workers),
        test_with_arena(full_queue_refuses_and_close_finishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
