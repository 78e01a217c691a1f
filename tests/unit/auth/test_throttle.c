/* test_throttle.c - how many passwords may be guessed, and who is let in meanwhile. */
#include "testing.h"

#include "auth/throttle.h"

#include <pthread.h>
#include <stdatomic.h>

#define START 1000000

static TryVerdict try_once(Throttle *t, Str account, Str ip, TryResult result, uint64_t now)
{
    TryVerdict verdict = throttle_begin(t, account, ip, now);
    if (verdict == TRY_ALLOWED) throttle_end(t, account, ip, result, now);
    return verdict;
}

static int failures_until_refused(Throttle *t, Str account, Str ip, uint64_t now)
{
    int count = 0;
    while (count < 1000 && try_once(t, account, ip, TRY_FAILED, now) == TRY_ALLOWED)
        count++;
    return count;
}

static void ten_tries_then_growing_waits(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    static const struct {
        const char *name;
        uint64_t wait_ms; /* after the block began */
    } STEPS[] = {{"first", 60000}, {"second", 120000}, {"third", 240000}, {"fourth", 480000}};
    uint64_t now = START;
    for (size_t i = 0; i < COUNT(STEPS); i++) {
        check_int(STEPS[i].name, failures_until_refused(t, S("a"), S("1.1.1.1"), now), 10);
        now += STEPS[i].wait_ms;
        check_int(STEPS[i].name, throttle_begin(t, S("a"), S("1.1.1.1"), now - 1), TRY_REFUSED);
    }
    throttle_destroy(t);
}

static void window_passes(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    for (int i = 0; i < 9; i++)
        try_once(t, S("a"), S("1.1.1.1"), TRY_FAILED, START);
    check_int("after a minute", failures_until_refused(t, S("a"), S("1.1.1.1"), START + 60000), 10);
    throttle_destroy(t);
}

static void success_resets(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    for (int i = 0; i < 9; i++)
        try_once(t, S("a"), S("1.1.1.1"), TRY_FAILED, START);
    check_int("good one", try_once(t, S("a"), S("1.1.1.1"), TRY_SUCCEEDED, START), TRY_ALLOWED);
    check_int("all ten again", failures_until_refused(t, S("a"), S("1.1.1.1"), START), 10);
    throttle_destroy(t);
}

static void others_are_not_touched(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    failures_until_refused(t, S("a"), S("1.1.1.1"), START);
    check_int("other address", try_once(t, S("a"), S("2.2.2.2"), TRY_FAILED, START), TRY_ALLOWED);
    check_int("other account", try_once(t, S("b"), S("1.1.1.1"), TRY_FAILED, START), TRY_ALLOWED);
    check_int("same, other case", try_once(t, S("A"), S("1.1.1.1"), TRY_FAILED, START),
              TRY_REFUSED);
    throttle_destroy(t);
}

/* A botnet has a hundred guesses, the owner's own address goes on. */
static void hundred_from_everywhere(void **state)
{
    Arena *a = *state;
    Throttle *t = throttle_create(0);
    check_int("owner", try_once(t, S("a"), S("10.0.0.1"), TRY_SUCCEEDED, START), TRY_ALLOWED);
    int guesses = 0;
    for (int ip = 0; ip < 50; ip++)
        guesses += failures_until_refused(t, S("a"), str_printf(a, "9.9.9.%d", ip), START);
    check_int("guesses", guesses, THROTTLE_ALL_TRIES);
    check_int("a stranger", try_once(t, S("a"), S("8.8.8.8"), TRY_FAILED, START + 1), TRY_REFUSED);
    check_int("the owner", try_once(t, S("a"), S("10.0.0.1"), TRY_SUCCEEDED, START + 2),
              TRY_ALLOWED);
    throttle_destroy(t);
}

static void tries_in_flight_count(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    for (int i = 0; i < 10; i++)
        check_int("begun", throttle_begin(t, S("a"), S("1.1.1.1"), START), TRY_ALLOWED);
    check_int("the eleventh waits", throttle_begin(t, S("a"), S("1.1.1.1"), START), TRY_WAIT);
    throttle_end(t, S("a"), S("1.1.1.1"), TRY_SUCCEEDED, START);
    check_int("room again", throttle_begin(t, S("a"), S("1.1.1.1"), START), TRY_ALLOWED);
    for (int i = 0; i < 10; i++)
        throttle_end(t, S("a"), S("1.1.1.1"), TRY_FAILED, START);
    check_int("refused", throttle_begin(t, S("a"), S("1.1.1.1"), START), TRY_REFUSED);
    throttle_destroy(t);
}

static void undecided_costs_nothing(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    for (int i = 0; i < 100; i++)
        check_int("undecided", try_once(t, S("a"), S("1"), TRY_UNDECIDED, START), TRY_ALLOWED);
    throttle_destroy(t);
}

/* Filling the table with other accounts does not free a blocked one. */
static void flooding_does_not_forget(void **state)
{
    Arena *a = *state;
    Throttle *t = throttle_create(128);
    failures_until_refused(t, S("a"), S("1.1.1.1"), START);
    for (int i = 0; i < 20000; i++)
        try_once(t, str_printf(a, "x%d", i), S("1.1.1.1"), TRY_FAILED, START);
    check_int("still", throttle_begin(t, S("a"), S("1.1.1.1"), START), TRY_REFUSED);
    throttle_destroy(t);
}

static _Atomic int allowed;

static void *guess(void *arg)
{
    for (int i = 0; i < 200; i++) {
        if (try_once(arg, S("a"), S("1.1.1.1"), TRY_FAILED, START) == TRY_ALLOWED)
            atomic_fetch_add(&allowed, 1);
    }
    return NULL;
}

static void threads_get_no_more(void **state)
{
    (void)state;
    Throttle *t = throttle_create(0);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, guess, t);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    check_int("in all", atomic_load(&allowed), 10);
    throttle_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_tries_then_growing_waits),
        cmocka_unit_test(window_passes),
        cmocka_unit_test(success_resets),
        cmocka_unit_test(others_are_not_touched),
        test_with_arena(hundred_from_everywhere),
        cmocka_unit_test(tries_in_flight_count),
        cmocka_unit_test(undecided_costs_nothing),
        test_with_arena(flooding_does_not_forget),
        cmocka_unit_test(threads_get_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
