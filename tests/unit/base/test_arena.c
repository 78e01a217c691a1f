/* test_arena.c - allocation, limits and how outgrowing unwinds, clean-ups. */
#include "testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <ucontext.h>

static void memory_is_zeroed_and_aligned(void **state)
{
    Arena *a = *state;
    static const size_t SIZES[] = {0, 1, 3, 8, 100, 4095, 4096, 20000, 300000};
    static const size_t ALIGNS[] = {1, 2, 8, 16, 64, 4096};
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(SIZES); i++) {
            for (size_t k = 0; k < COUNT(ALIGNS); k++) {
                unsigned char *p = arena_alloc(a, SIZES[i], 1, ALIGNS[k]);
                check_int("aligned", (uintptr_t)p % ALIGNS[k], 0);
                for (size_t at = 0; at < SIZES[i]; at++) {
                    assert_int_equal(p[at], 0);
                }
                memset(p, 0xFF, SIZES[i]);
            }
        }
        arena_reset(a);
        check_int("used after reset", arena_used(a), 0);
    }
}

static void blocks_do_not_overlap(void **state)
{
    Arena *a = *state;
    enum { N = 2000 };
    char *blocks[N];
    for (size_t i = 0; i < N; i++) {
        blocks[i] = arena_bytes(a, i % 97 * (i % 13 == 0 ? 100 : 1));
        memset(blocks[i], (int)(i % 251), i % 97 * (i % 13 == 0 ? 100 : 1));
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i % 97 * (i % 13 == 0 ? 100 : 1); k++) {
            assert_int_equal((unsigned char)blocks[i][k], i % 251);
        }
}

static void extending_keeps_the_bytes(void **state)
{
    Arena *a = *state;
    for (int disturbed = 0; disturbed < 2; disturbed++) {
        size_t size = 1;
        char *p = arena_bytes(a, size);
        p[0] = 'x';
        for (; size < 200000; size = size * 3 / 2 + 1) {
            size_t longer = size * 3 / 2 + 1;
            if (disturbed) (void)arena_bytes(a, 10);
            p = arena_extend(a, p, size, longer);
            memset(p + size, 'x', longer - size);
        }
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 'x');
        }
    }
    char *aligned = arena_take(a, 100, 16);
    (void)arena_bytes(a, 1);
    aligned = arena_extend(a, aligned, 100, 200);
    check_int("alignment kept", (uintptr_t)aligned % 16, 0);
}

static void giving_back_lowers_what_is_used(void **state)
{
    Arena *a = *state;
    (void)arena_bytes(a, 10);
    size_t before = arena_used(a);
    for (size_t size = 1; size < 2000000; size *= 5) {
        char *p = arena_take(a, size, 1);
        memset(p, 1, size);
        arena_give_back(a, p, size);
        check_int("used", arena_used(a), before);
    }
    char *old = arena_bytes(a, 10);
    (void)arena_bytes(a, 10);
    arena_give_back(a, old, 10); /* not the latest: nothing happens, or it is freed */
}

static void copies_and_prints(void **state)
{
    Arena *a = *state;
    check_str("copy", arena_copy(a, S("abc")), "abc");
    check_str("copy of nothing", arena_copy(a, (Str){NULL, 0}), "");
    assert_string_equal(arena_cstr(a, S("abc")), "abc");
    assert_string_equal(arena_cstr(a, (Str){NULL, 0}), "");
    check_str("printf", str_printf(a, "%s-%d", "x", 5), "x-5");
    check_int("long printf", str_printf(a, "%1000d", 5).len, 1000);
    check_int("255", str_printf(a, "%255d", 5).len, 255);
    check_int("256", str_printf(a, "%256d", 5).len, 256);
    check_str("concat", str_concat(a, S("ab"), S("cd")), "abcd");
    check_str("concat of nothing", str_concat(a, (Str){NULL, 0}, (Str){NULL, 0}), "");
    check_str("lower", str_lower(a, S("ÄBC-z@[")), "Äbc-z@[");
}

typedef struct {
    Arena *arena;
    char order[16];
    size_t count;
} Trace;

typedef struct {
    Trace *trace;
    char letter;
} Mark;

static void note(void *arg)
{
    Mark *m = arg;
    m->trace->order[m->trace->count++] = m->letter;
    if (m->letter != 'b') return;
    Mark *late = arena_new(m->trace->arena, Mark, 1); /* a clean-up with a clean-up */
    *late = (Mark){m->trace, 'l'};
    arena_defer(m->trace->arena, note, late);
}

static void deferred_run_last_first(void **state)
{
    Arena *a = *state;
    Trace trace = {.arena = a};
    for (char c = 'a'; c <= 'c'; c++) {
        Mark *m = arena_new(a, Mark, 1);
        *m = (Mark){&trace, c};
        arena_defer(a, note, m);
    }
    arena_reset(a);
    check_str("order", str_make(trace.order, trace.count), "cbla");
    arena_reset(a);
    check_int("once only", trace.count, 4);
}

static Error *take_too_much(void *arg)
{
    for (int i = 0; i < 100000; i++) {
        (void)arena_bytes(arg, 1000);
    }
    return NULL;
}

static Error *take_huge(void *arg)
{
    (void)arena_bytes(arg, SIZE_MAX);
    return NULL;
}

static Error *take_overflowing(void *arg)
{
    volatile size_t count = SIZE_MAX / 2; /* the compiler would see through a constant */
    (void)arena_alloc(arg, count, 4, 1);
    return NULL;
}

static Error *take_one_large(void *arg)
{
    (void)arena_bytes(arg, 200000);
    return NULL;
}

static Error *extend_too_much(void *arg)
{
    size_t size = 5000;
    char *p = arena_bytes(arg, size);
    for (; size < SIZE_MAX / 2; size *= 2) {
        p = arena_extend(arg, p, size, size * 2);
    }
    return NULL;
}

static Error *take_little(void *arg)
{
    (void)arena_bytes(arg, 1000);
    return NULL;
}

static Error *not_found(void *arg)
{
    return error_status(arg, 404);
}

static const struct {
    const char *name;
    Error *(*work)(void *arg);
    int status;
} LIMIT_CASES[] = {
    {"many small ones", take_too_much, 500},
    {"a huge one", take_huge, 500},
    {"overflow of the product", take_overflowing, 500},
    {"one beyond the limit", take_one_large, 500},
    {"growing", extend_too_much, 500},
    {"within", take_little, 0},
    {"an error of its own", not_found, 404},
};

typedef struct {
    Arena *a;
    size_t bytes;
} Wish;

static Error *take_wish(void *arg)
{
    Wish *w = arg;
    (void)arena_bytes(w->a, w->bytes);
    return NULL;
}

static int wish(Arena *a, size_t bytes)
{
    Wish w = {a, bytes};
    Error *err = arena_protect(a, take_wish, &w);
    return err ? err->status : 0;
}

static void outgrowing_ends_the_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(LIMIT_CASES); i++) {
        Arena *a = arena_create("small", 100000);
        int cleaned = 0;
        for (int round = 0; round < 3; round++) {
            Error *err = arena_protect(a, LIMIT_CASES[i].work, a);
            check_int(LIMIT_CASES[i].name, err ? err->status : 0, LIMIT_CASES[i].status);
            if (err && err->status == 500) {
                check_bool(LIMIT_CASES[i].name, str_find(err->cause, S("arena small")) >= 0, true);
                /* The error can still be dressed. */
                (void)error_cause(a, err, "while testing %s", LIMIT_CASES[i].name);
            }
            arena_reset(a);
            cleaned++;
        }
        check_int("rounds", cleaned, 3);
        check_int("limit unchanged", wish(a, 90000), 0);
        arena_reset(a);
        check_int("and not beyond", wish(a, 100001), 500);
        arena_destroy(a);
    }
}

/* ---- a budget for many ---- */

enum { MI = 1024 * 1024 };

static void a_budget_is_shared(void **state)
{
    (void)state;
    ArenaBudget budget = {.limit = (size_t)4 * MI, .each = MI};
    Arena *a = arena_create("one", (size_t)64 * MI), *b = arena_create("two", (size_t)64 * MI);
    arena_share(a, &budget);
    arena_share(b, &budget);

    check_int("as of right", wish(a, MI / 2), 0);
    check_int("costs nothing", budget.held, 0);
    check_int("beyond", wish(a, (size_t)3 * MI), 0);
    assert_true(budget.held > (size_t)2 * MI && budget.held < (size_t)3 * MI);
    check_int("too much for both", wish(b, (size_t)4 * MI), 503);
    /* Its error can be told, though nothing is left to share. */
    check_int("the grace", wish(b, 40000), 0);
    arena_reset(b);
    check_int("its own right stays", wish(b, MI / 2), 0);
    check_int("its own limit comes first", wish(b, (size_t)65 * MI), 500);

    char *large = arena_bytes(b, 100000);
    size_t before = budget.held;
    large = arena_extend(b, large, 100000, (size_t)1500000);
    assert_true(budget.held > before);
    arena_give_back(b, large, 1500000);
    check_int("given back", budget.held, before);
    arena_reset(a);
    check_int("reset", budget.held, 0);
    check_int("room again", wish(b, (size_t)4 * MI), 0);
    arena_destroy(b);
    check_int("destroyed", budget.held, 0);
    arena_destroy(a);
}

/* Its first block alone is beyond what it has as of right. */
static void a_budget_counts_the_first_block(void **state)
{
    (void)state;
    ArenaBudget budget = {.limit = (size_t)4 * MI, .each = 1000};
    Arena *a = arena_create_sized("large", (size_t)64 * MI, 100000);
    arena_share(a, &budget);
    size_t first = budget.held; /* nothing where each allocation is a block */
    check_bool("counted", first == 0 || first == 99000, true);
    check_int("more", wish(a, MI), 0);
    assert_true(budget.held >= first + MI - 1000);
    arena_reset(a);
    check_int("reset", budget.held, first);
    arena_destroy(a);
    check_int("destroyed", budget.held, 0);
}

static void *take_elsewhere(void *arg)
{
    (void)arena_bytes(arg, (size_t)2 * MI);
    return NULL;
}

static Error *lend(void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_elsewhere, arg), 0);
    pthread_join(thread, NULL);
    return NULL;
}

static void a_budget_ends_only_what_can_be_ended(void **state)
{
    (void)state;
    ArenaBudget budget = {.limit = MI, .each = MI};
    Arena *a = arena_create("shared", (size_t)64 * MI);
    arena_share(a, &budget);
    assert_null(arena_protect(a, lend, a));
    assert_true(budget.held >= (size_t)MI);
    (void)arena_bytes(a, (size_t)2 * MI); /* by no work at all */
    assert_true(budget.held >= (size_t)3 * MI);
    check_int("work", wish(a, MI), 503);
    arena_destroy(a);
    check_int("destroyed", budget.held, 0);
}

static Error *protect_inside(void *arg)
{
    Error *err = arena_protect(arg, take_too_much, arg);
    assert_non_null(err);
    return error_new(arg, 418, S("told"));
}

static void protection_nests(void **state)
{
    (void)state;
    Arena *a = arena_create("nested", 50000);
    Error *err = arena_protect(a, protect_inside, a);
    check_int("the outer one's own result", err->status, 418);
    arena_destroy(a);
}

static void everything_may_be_used(void **state)
{
    (void)state;
    Arena *a = arena_create("full", 40000);
    size_t taken = 0;
    while (arena_room(a) >= 100) {
        (void)arena_bytes(a, 100);
        taken += 100;
    }
    check_bool("nearly all", taken > 39000, true);
    Arena *tiny = arena_create("tiny", 100);
    check_int("tiny", arena_room(tiny), 100);
    (void)arena_bytes(tiny, 100);
    assert_non_null(arena_protect(tiny, take_little, tiny));
    arena_destroy(tiny);
    arena_destroy(a);
    arena_destroy(NULL);
}

/* --- frames on other stacks --- */

static ucontext_t main_context, fiber_context;
static Arena *fiber_arena;
static Error *fiber_result;

static void fiber_main(void)
{
    fiber_result = arena_protect(fiber_arena, take_too_much, fiber_arena);
    swapcontext(&fiber_context, &main_context);
}

static void unwinds_on_a_fiber(void **state)
{
    (void)state;
    enum { STACK = 256 * 1024 };
    char *stack = malloc(STACK);
    assert_non_null(stack);
    fiber_arena = arena_create("fiber", 50000);
    fiber_result = NULL;
    getcontext(&fiber_context);
    fiber_context.uc_stack.ss_sp = stack;
    fiber_context.uc_stack.ss_size = STACK;
    fiber_context.uc_link = &main_context;
    makecontext(&fiber_context, fiber_main, 0);
    swapcontext(&main_context, &fiber_context);
    check_int("status", fiber_result->status, 500);
    arena_destroy(fiber_arena);
    free(stack);
}

static void *on_other_thread(void *arg)
{
    return arena_protect(arg, take_too_much, arg);
}

static Error *hand_over(void *arg)
{
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, on_other_thread, arg), 0);
    pthread_join(thread, &result);
    assert_int_equal(((Error *)result)->status, 500);
    return error_new(arg, 418, S("still here"));
}

static void unwinds_on_another_thread_inside_a_frame(void **state)
{
    (void)state;
    Arena *a = arena_create("handed over", 50000);
    check_int("status", arena_protect(a, hand_over, a)->status, 418);
    arena_destroy(a);
}

static void count_one(void *arg)
{
    (*(int *)arg)++;
}

static void one_within_another_ends_with_it(void **state)
{
    Arena *outer = *state;
    int ended = 0;
    Arena *inner = arena_within(outer, "inner", 100000);
    size_t before = arena_used(outer);
    (void)arena_bytes(inner, 50000);
    check_int("counts for itself", arena_used(outer), before);
    arena_defer(inner, count_one, &ended);
    arena_reset(inner);
    check_int("reset by itself", ended, 1);
    arena_defer(inner, count_one, &ended);
    arena_reset(outer);
    check_int("ended with the other", ended, 2);
}

static Error *outgrow_within(void *arg)
{
    return take_too_much(arena_within(arg, "inner", 100000));
}

static void one_within_another_ends_its_work(void **state)
{
    Arena *outer = *state;
    Error *err = arena_protect(outer, outgrow_within, outer);
    check_int("status", err ? err->status : 0, 500);
    check_bool("which", str_find(err->cause, S("arena inner")) >= 0, true);
    (void)error_cause(outer, err, "the error can be dressed");
}

static Error *outgrow_both(void *arg)
{
    Arena *inner = arena_within(arg, "inner", 100000);
    Error *err = arena_protect(inner, take_too_much, inner);
    assert_non_null(err);
    return error_new(arg, 418, S("told"));
}

static void one_within_another_may_have_a_frame_of_its_own(void **state)
{
    Error *err = arena_protect(*state, outgrow_both, *state);
    check_int("status", err ? err->status : 0, 418);
}

enum { MANY = 10000 }; /* clean-ups take more than all there is */

typedef struct {
    Arena *a;
    int given_back;
} Taken;

static Error *take_many(void *arg)
{
    Taken *t = arg;
    for (int i = 0; i < MANY; i++)
        arena_defer(t->a, count_one, &t->given_back);
    return NULL;
}

static void a_clean_up_is_never_refused(void **state)
{
    (void)state;
    ArenaBudget spent = {.limit = 0, .each = 0};
    for (int shared = 0; shared < 2; shared++) {
        Taken t = {.a = arena_create("full", 100000)};
        if (shared) arena_share(t.a, &spent);
        assert_null(arena_protect(t.a, take_many, &t));
        check_int("work is ended", wish(t.a, 100000), 500);
        arena_destroy(t.a);
        check_int("all given back", t.given_back, MANY);
    }
    check_int("the budget has all back", spent.held, 0);
}

static void *tell_elsewhere(void *arg)
{
    (void)str_printf(arg, "%.*s", 10000, "a pool's error, told where nothing could be ended");
    return NULL;
}

static Error *fill_and_lend(void *arg)
{
    (void)arena_bytes(arg, arena_room(arg));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, tell_elsewhere, arg), 0);
    pthread_join(thread, NULL);
    assert_int_equal(arena_room(arg), 0);
    return error_new(arg, 418, S("told"));
}

static void who_it_is_lent_to_may_tell_an_error(void **state)
{
    (void)state;
    Arena *a = arena_create("lent", 100000);
    check_int("then the work ends", arena_protect(a, fill_and_lend, a)->status, 500);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(memory_is_zeroed_and_aligned),
        test_with_arena(blocks_do_not_overlap),
        test_with_arena(extending_keeps_the_bytes),
        test_with_arena(giving_back_lowers_what_is_used),
        test_with_arena(copies_and_prints),
        test_with_arena(deferred_run_last_first),
        test_with_arena(one_within_another_ends_with_it),
        test_with_arena(one_within_another_ends_its_work),
        test_with_arena(one_within_another_may_have_a_frame_of_its_own),
        cmocka_unit_test(a_clean_up_is_never_refused),
        cmocka_unit_test(who_it_is_lent_to_may_tell_an_error),
        cmocka_unit_test(outgrowing_ends_the_work),
        cmocka_unit_test(a_budget_is_shared),
        cmocka_unit_test(a_budget_counts_the_first_block),
        cmocka_unit_test(a_budget_ends_only_what_can_be_ended),
        cmocka_unit_test(protection_nests),
        cmocka_unit_test(everything_may_be_used),
        cmocka_unit_test(unwinds_on_a_fiber),
        cmocka_unit_test(unwinds_on_another_thread_inside_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
