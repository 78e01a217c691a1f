/* test_progress.c - what the line says. */
#include "testing.h"

#include "app/progress.h"

static const struct {
    const char *name;
    ProgressUnit unit;
    uint64_t done, total, elapsed_ms;
    const char *text;
} LINES[] = {
    {"half", PROGRESS_BYTES, 500000000, 1000000000, 10000, " 50 %  500.0 MB of 1.0 GB  10 s left"},
    {"too early to tell", PROGRESS_COUNT, 1, 1000, 100, "  0 %  1 of 1,000"},
    {"minutes", PROGRESS_COUNT, 1, 1001, 60000, "  0 %  1 of 1,001  1000 min left"},
    {"done", PROGRESS_COUNT, 7, 7, 60000, "100 %  7 of 7"},
    {"grew meanwhile", PROGRESS_COUNT, 8, 7, 60000, "100 %  8 of 7"},
    {"nobody knows", PROGRESS_BYTES, 999, 0, 60000, "999 bytes"},
    {"nothing to count", PROGRESS_COUNT, 0, 0, 0, ""},
    {"just below a unit", PROGRESS_BYTES, 999960, 0, 0, "1.0 MB"},
    {"all there is", PROGRESS_BYTES, UINT64_MAX, UINT64_MAX, 0, "100 %  18446.7 PB of 18446.7 PB"},
};

static void says_how_far(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(LINES); i++) {
        Progress p = {.unit = LINES[i].unit, .done = LINES[i].done, .total = LINES[i].total};
        check_str(LINES[i].name, progress_text(a, &p, LINES[i].elapsed_ms), LINES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_how_far, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
