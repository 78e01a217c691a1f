/* test_lru.c - what a bounded map keeps, forgets and lets go. */
#include "testing.h"

#include "base/lru.h"

static int released[8]; /* by value */

static void release(void *value)
{
    released[*(int *)value]++;
}

static int values[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static int held(Lru *lru, const char *key)
{
    LruSlot *slot = lru_get(lru, str_from(key));
    return slot ? *(int *)slot->value : -1;
}

static void forgets_the_least_recently_used(void **state)
{
    (void)state;
    memset(released, 0, sizeof(released));
    Lru *lru = lru_create(100000, 3, release);
    lru_put(lru, S("a"), &values[1], 10, 5);
    lru_put(lru, S("b"), &values[2], 10, 5);
    lru_put(lru, S("c"), &values[3], 10, 5);
    check_int("a is used", held(lru, "a"), 1);
    lru_put(lru, S("d"), &values[4], 10, 5);
    check_int("a stays", held(lru, "a"), 1);
    check_int("b is out", held(lru, "b"), -1);
    check_int("b let go", released[2], 1);
    check_int("c", held(lru, "c"), 3);
    check_int("d", held(lru, "d"), 4);
    lru_destroy(lru);
    for (int i = 1; i <= 4; i++)
        check_int("each let go once", released[i], 1);
}

static void keeps_to_its_budget(void **state)
{
    (void)state;
    memset(released, 0, sizeof(released));
    Lru *lru = lru_create(8000, 100, release);
    lru_put(lru, S("big"), &values[1], 2000, 0);
    check_int("more than a quarter", held(lru, "big"), -1);
    check_int("let go at once", released[1], 1);
    for (int i = 2; i < 8; i++) {
        char key[] = {(char)('a' + i), 0};
        lru_put(lru, str_from(key), &values[i], 1400, 0);
        assert_true(lru_cost(lru) <= 8000);
    }
    check_int("the oldest is out", held(lru, "c"), -1);
    check_int("the newest is there", held(lru, "h"), 7);
    lru_clear(lru);
    check_int("nothing left", lru_cost(lru), 0);
    check_int("h", released[7], 1);
    lru_destroy(lru);
}

static void replaces_and_drops(void **state)
{
    (void)state;
    memset(released, 0, sizeof(released));
    Lru *lru = lru_create(100000, 10, release);
    lru_put(lru, S("a"), &values[1], 10, 7);
    check_int("checked", lru_get(lru, S("a"))->checked_ms, 7);
    lru_put(lru, S("a"), &values[2], 10, 8);
    check_int("replaced", held(lru, "a"), 2);
    check_int("the old one let go", released[1], 1);
    lru_drop(lru, S("a"));
    lru_drop(lru, S("a"));
    check_int("dropped", held(lru, "a"), -1);
    check_int("let go once", released[2], 1);
    lru_put(lru, str_make("a\0b", 3), &values[3], 10, 0);
    check_int("any bytes are a key", held(lru, "a"), -1);
    assert_non_null(lru_get(lru, str_make("a\0b", 3)));
    lru_destroy(lru);
    lru_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_the_least_recently_used),
        cmocka_unit_test(keeps_to_its_budget),
        cmocka_unit_test(replaces_and_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
