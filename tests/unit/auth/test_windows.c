/* test_windows.c - so many per window, and bounded. */
#include "testing.h"

#include "auth/windows.h"

static void counts_within_a_window(void **state)
{
    (void)state;
    Windows *w = windows_create(0);
    static const struct {
        const char *name;
        uint64_t key, now_ms;
        bool fits;
    } STEPS[] = {
        {"first", 7, 100, true},
        {"second", 7, 1099, true},
        {"third is too many", 7, 1099, false},
        {"another key", 1001, 1099, true},
        {"the window ends 1 s after the first", 7, 1100, true},
        {"and counts anew", 7, 1200, true},
        {"to two", 7, 1300, false},
    };
    for (size_t i = 0; i < COUNT(STEPS); i++)
        check_bool(STEPS[i].name, windows_take(w, STEPS[i].key, 2, 1000, STEPS[i].now_ms),
                   STEPS[i].fits);
    windows_destroy(w);
}

static void counts_are_told(void **state)
{
    (void)state;
    Windows *w = windows_create(0);
    uint64_t first_end, end;
    check_int("first", windows_count(w, 7, 1000, 100, &first_end), 1);
    check_int("second", windows_count(w, 7, 1000, 200, &end), 2);
    check_int("the same window", (int64_t)end, (int64_t)first_end);
    check_int("the next window", windows_count(w, 7, 1000, 1100, &end), 1);
    check_int("ends later", (int64_t)end, 2100);
    windows_destroy(w);
}

static void forgotten_keys_start_over(void **state)
{
    (void)state;
    Windows *w = windows_create(0);
    windows_forget(w, 9); /* never seen */
    check_bool("first", windows_take(w, 9, 1, 1000, 5), true);
    check_bool("full", windows_take(w, 9, 1, 1000, 5), false);
    windows_forget(w, 1001);
    check_bool("another was forgotten", windows_take(w, 9, 1, 1000, 5), false);
    windows_forget(w, 9);
    check_bool("forgotten", windows_take(w, 9, 1, 1000, 5), true);
    windows_destroy(w);
}

static void many_keys_do_not_break_it(void **state)
{
    (void)state;
    Windows *w = windows_create(128);
    for (uint64_t i = 0; i < 100000; i++)
        (void)windows_take(w, i * UINT64_C(0x9e3779b97f4a7c15), 1, 1000, 5);
    check_bool("a fresh one", windows_take(w, 3, 1, 1000, 5000), true);
    check_bool("full", windows_take(w, 3, 1, 1000, 5000), false);
    windows_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_within_a_window),
        cmocka_unit_test(counts_are_told),
        cmocka_unit_test(forgotten_keys_start_over),
        cmocka_unit_test(many_keys_do_not_break_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
