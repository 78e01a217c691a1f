/* test_clock.c - the calendar and the written form of moments. */
#include "testing.h"

#include "base/clock.h"

#include <time.h>

static const struct {
    const char *text;
    int64_t ms;
    int weekday;
} MOMENTS[] = {
    {"1970-01-01 00:00:00.000Z", 0, 4},
    {"1969-12-31 23:59:59.999Z", -1, 3},
    {"2000-02-29 12:34:56.789Z", INT64_C(951827696789), 2},
    {"2022-01-01 10:00:00.123Z", INT64_C(1641031200123), 6},
    {"1900-03-01 00:00:00.000Z", INT64_C(-2203891200000), 4},
    {"2038-01-19 03:14:08.000Z", INT64_C(2147483648000), 2},
    {"0000-01-01 00:00:00.000Z", INT64_C(-62167219200000), 6},
    {"9999-12-31 23:59:59.999Z", INT64_C(253402300799999), 5},
};

static void writes_moments(void **state)
{
    for (size_t i = 0; i < COUNT(MOMENTS); i++) {
        check_str(MOMENTS[i].text, datetime_format(*state, MOMENTS[i].ms), MOMENTS[i].text);
        CalendarTime t = calendar_from_ms(MOMENTS[i].ms);
        check_int(MOMENTS[i].text, t.weekday, MOMENTS[i].weekday);
        check_int(MOMENTS[i].text, calendar_to_ms(&t), MOMENTS[i].ms);
    }
    check_str("clamped", datetime_format(*state, INT64_MAX), "9999-12-31 23:59:59.999Z");
    check_str("clamped", datetime_format(*state, INT64_MIN), "0000-01-01 00:00:00.000Z");
}

static void agrees_with_libc_on_every_day(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 2000000; day += 37) {
        time_t seconds = (time_t)(day * 86400 + day % 1000);
        struct tm libc;
        gmtime_r(&seconds, &libc);
        CalendarTime t = calendar_from_ms((int64_t)seconds * 1000);
        bool same = t.year == libc.tm_year + 1900 && t.month == libc.tm_mon + 1 &&
                    t.day == libc.tm_mday && t.hour == libc.tm_hour && t.minute == libc.tm_min &&
                    t.second == libc.tm_sec && t.weekday == libc.tm_wday;
        if (!same) fail_msg("day %lld: %d-%d-%d", (long long)day, t.year, t.month, t.day);
        check_int("back", calendar_to_ms(&t), (int64_t)seconds * 1000);
    }
}

static void fields_carry_over(void **state)
{
    static const struct {
        const char *name, *text;
        CalendarTime t;
    } CASES[] = {
        {"month 14", "2021-02-01 00:00:00.000Z", {.year = 2019, .month = 26, .day = 1}},
        {"month 0", "2018-12-01 00:00:00.000Z", {.year = 2019, .month = 0, .day = 1}},
        {"month -11", "2018-01-01 00:00:00.000Z", {.year = 2019, .month = -11, .day = 1}},
        {"day 0", "2020-02-29 00:00:00.000Z", {.year = 2020, .month = 3, .day = 0}},
        {"day 366", "2020-12-31 00:00:00.000Z", {.year = 2020, .month = 1, .day = 366}},
        {"hour 25", "2020-01-02 01:00:00.000Z", {.year = 2020, .month = 1, .day = 1, .hour = 25}},
        {"minute -1",
         "2019-12-31 23:59:00.000Z",
         {.year = 2020, .month = 1, .day = 1, .minute = -1}},
        {"second 61",
         "2020-01-01 00:01:01.000Z",
         {.year = 2020, .month = 1, .day = 1, .second = 61}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check_str(CASES[i].name, datetime_format(*state, calendar_to_ms(&CASES[i].t)),
                  CASES[i].text);
    }
}

static void clocks_run(void **state)
{
    check_bool("wall", clock_wall_ms() > INT64_C(1700000000000), true);
    uint64_t before = clock_mono_ns();
    check_bool("mono", clock_mono_ns() >= before, true);
    check_bool("mono ms", clock_mono_ms() >= before / 1000000, true);
    check_int("now", datetime_now(*state).len, DATETIME_LEN);
}

static void writes_http_dates(void **state)
{
    check_str("rfc 9110", http_date_format(*state, INT64_C(784111777999)),
              "Sun, 06 Nov 1994 08:49:37 GMT");
    check_str("epoch", http_date_format(*state, 0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(writes_moments),    cmocka_unit_test(agrees_with_libc_on_every_day),
        test_with_arena(fields_carry_over), test_with_arena(clocks_run),
        test_with_arena(writes_http_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
