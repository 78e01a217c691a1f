#include "jobs/jobs_internal.h"
#include "testing.h"

#include "base/clock.h"

static int64_t moment(const char *text)
{
    int64_t ms;
    assert_true(datetime_parse(str_from(text), &ms));
    return ms;
}

static const struct {
    const char *expression;
    const char *hit, *miss; /* minutes that match and do not; NULL when it does not parse */
} CASES[] = {
    {"* * * * *", "2026-01-01 00:00", NULL},
    {"0 0 * * *", "2026-01-01 00:00", "2026-01-01 00:01"},
    {"5 3 * * *", "2026-01-01 03:05", "2026-01-01 03:04"},
    {"59 23 31 12 *", "2026-12-31 23:59", "2026-12-31 22:59"},
    {"*/15 * * * *", "2026-01-01 00:45", "2026-01-01 00:46"},
    {"*/59 * * * *", "2026-01-01 00:59", "2026-01-01 00:58"},
    {"10-20/5 * * * *", "2026-01-01 00:15", "2026-01-01 00:25"},
    {"1,3,5-7 * * * *", "2026-01-01 00:06", "2026-01-01 00:04"},
    {"* * */10 * *", "2026-01-21 00:00", "2026-01-20 00:00"},
    {"* * * */5 *", "2026-06-01 00:00", "2026-05-01 00:00"},
    {"* * * * 0", "2026-01-04 00:00", "2026-01-05 00:00"}, /* a Sunday */
    {"* * * * 6", "2026-01-03 00:00", "2026-01-04 00:00"},
    {"0 0 13 * 5", "2026-02-13 00:00", "2026-02-20 00:00"}, /* both have to match */
    {"0 0 29 2 *", "2028-02-29 00:00", "2028-02-28 00:00"},
    {"7/1 * * * *", "2026-01-01 00:07", "2026-01-01 00:08"},
    {"5-5 * * * *", "2026-01-01 00:05", "2026-01-01 00:06"},
    {"@hourly", "2026-01-01 05:00", "2026-01-01 05:01"},
    {"@daily", "2026-01-01 00:00", "2026-01-01 05:00"},
    {"@midnight", "2026-01-01 00:00", "2026-01-01 05:00"},
    {"@weekly", "2026-01-04 00:00", "2026-01-03 00:00"},
    {"@monthly", "2026-02-01 00:00", "2026-02-02 00:00"},
    {"@yearly", "2026-01-01 00:00", "2026-02-01 00:00"},
    {"@annually", "2026-01-01 00:00", "2026-02-01 00:00"},
    {"", NULL, NULL},
    {"*", NULL, NULL},
    {"* * * *", NULL, NULL},
    {"* * * * * *", NULL, NULL},
    {"*  * * * *", NULL, NULL},
    {" * * * * *", NULL, NULL},
    {"* * * * * ", NULL, NULL},
    {"60 * * * *", NULL, NULL},
    {"* 24 * * *", NULL, NULL},
    {"* * 0 * *", NULL, NULL},
    {"* * 32 * *", NULL, NULL},
    {"* * * 0 *", NULL, NULL},
    {"* * * 13 *", NULL, NULL},
    {"* * * * 7", NULL, NULL},
    {"* * * * SUN", NULL, NULL},
    {"* * * JAN *", NULL, NULL},
    {"-1 * * * *", NULL, NULL},
    {"1- * * * *", NULL, NULL},
    {"5-1 * * * *", NULL, NULL},
    {"1-2-3 * * * *", NULL, NULL},
    {"*/0 * * * *", NULL, NULL},
    {"*/60 * * * *", NULL, NULL},
    {"*/ * * * *", NULL, NULL},
    {"*/2/2 * * * *", NULL, NULL},
    {"5/2 * * * *", NULL, NULL},
    {"1,,2 * * * *", NULL, NULL},
    {", * * * *", NULL, NULL},
    {"1, * * * *", NULL, NULL},
    {"1.5 * * * *", NULL, NULL},
    {"18446744073709551616 * * * *", NULL, NULL},
    {"@reboot", NULL, NULL},
    {"@Daily", NULL, NULL},
};

static void expressions_match_their_minutes(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Cron cron;
        Error *err = cron_parse(a, str_from(CASES[i].expression), &cron);
        check_code(CASES[i].expression, err, CASES[i].hit ? NULL : "validation_invalid_cron");
        if (CASES[i].hit)
            check_bool(CASES[i].expression, cron_matches(&cron, moment(CASES[i].hit)), true);
        if (CASES[i].miss)
            check_bool(CASES[i].expression, cron_matches(&cron, moment(CASES[i].miss)), false);
    }
    Cron cron;
    check_code("NUL", cron_parse(a, str_make("* * * * *\0", 10), &cron), "validation_invalid_cron");
}

static const struct {
    const char *name;
    int64_t last, now;
    bool runs;
    int64_t first, then;
} TICKS[] = {
    {"same minute", 100, 100, false, 0, 100},
    {"the next", 100, 101, true, 101, 101},
    {"late by three", 100, 104, true, 101, 104},
    {"late by five", 100, 105, true, 101, 105},
    {"asleep", 100, 106, true, 106, 106},
    {"a day later", 100, 1540, true, 1540, 1540},
    {"set back a little", 100, 98, false, 0, 100},
    {"set back an hour", 100, 40, true, 40, 40},
    {"set back 59 minutes", 100, 41, false, 0, 100},
};

static void each_minute_has_its_turn_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(TICKS); i++) {
        int64_t last = TICKS[i].last, first = 0;
        check_bool(TICKS[i].name, crons_minutes(&last, TICKS[i].now, &first), TICKS[i].runs);
        check_int(TICKS[i].name, last, TICKS[i].then);
        check_int(TICKS[i].name, first, TICKS[i].first);
    }
}

static const struct {
    int attempt;
    uint32_t random;
    int64_t pause_ms;
} PAUSES[] = {
    {0, 0, 2000},   {0, 999, 2199}, {1, 0, 4000},     {2, 0, 8000},
    {7, 0, 256000}, {8, 0, 300000}, {8, 500, 315000}, {1000000000, 0, 300000},
};

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    JobKind kind = {.first_pause_ms = 2000, .longest_pause_ms = 300000};
    for (size_t i = 0; i < COUNT(PAUSES); i++)
        check_int("pause", outbox_pause_ms(&kind, PAUSES[i].attempt, PAUSES[i].random),
                  PAUSES[i].pause_ms);
}

/* ---- the list ---- */

#define MANY 500

typedef struct {
    Jobs *jobs;
    Arena *a;
    size_t count;
} Listing;

static Error *list_work(void *arg)
{
    Listing *l = arg;
    l->count = json_count(crons_list(l->jobs, l->a));
    return NULL;
}

static void the_list_is_whole_or_an_error(void **state)
{
    static const size_t LIMITS[] = {2 << 10, 8 << 10, 32 << 10, 8 << 20};
    Jobs jobs = {0};
    pthread_mutex_init(&jobs.lock, NULL);
    for (int i = 0; i < MANY; i++)
        check_ok("set", jobs_cron_set(&jobs, *state, str_printf(*state, "job %d", i),
                                      S("0 0 * * *"), NULL, NULL));
    for (size_t i = 0; i < COUNT(LIMITS); i++) {
        Arena *a = arena_create_sized("list", LIMITS[i], 512);
        Listing l = {.jobs = &jobs, .a = a};
        const Error *err = arena_protect(a, list_work, &l);
        bool is_last = i == COUNT(LIMITS) - 1;
        check_int("status", err ? err->status : 200, is_last ? 200 : 500);
        check_int("count", l.count, is_last ? MANY : 0);
        arena_destroy(a);
        for (const CronJob *job = jobs.crons; job; job = job->next)
            check_int("held by the list alone", job->holders, 1);
    }
    crons_end(&jobs);
    pthread_mutex_destroy(&jobs.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(expressions_match_their_minutes),
        cmocka_unit_test(each_minute_has_its_turn_once),
        cmocka_unit_test(pauses_double_up_to_the_longest),
        test_with_arena(the_list_is_whole_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
