/* test_datetime_parse.c - the forms of a date that are understood. */
#include "testing.h"

#include "base/clock.h"

static const struct {
    const char *text;
    const char *moment; /* NULL = refused */
} DATES[] = {
    {"2022-01-01 10:00:00.123Z", "2022-01-01 10:00:00.123Z"},
    {"2022-01-01", "2022-01-01 00:00:00.000Z"},
    {"2022-01-01 10:00:00", "2022-01-01 10:00:00.000Z"},
    {"2022-01-01 10:00", "2022-01-01 10:00:00.000Z"},
    {"2022-01-01T10:00:00Z", "2022-01-01 10:00:00.000Z"},
    {"2022-01-01t10:00:00z", "2022-01-01 10:00:00.000Z"},
    {"2022-01-01T10:00:00.1239999Z", "2022-01-01 10:00:00.123Z"},
    {"2022-01-01T10:00:00,5Z", "2022-01-01 10:00:00.500Z"},
    {"2022-01-01T10:00:00+02:00", "2022-01-01 08:00:00.000Z"},
    {"2022-01-01T10:00:00-0530", "2022-01-01 15:30:00.000Z"},
    {"2022-01-01T10:00:00+02", "2022-01-01 08:00:00.000Z"},
    {"2022-01-01 10:00:00.123 +0000 UTC", "2022-01-01 10:00:00.123Z"},
    {"2022-01-01 10:00:00 +0200 CEST", "2022-01-01 08:00:00.000Z"},
    {"2022-01-01 10:00:00 UTC", "2022-01-01 10:00:00.000Z"},
    {"2022-01-01T00:30:00+01:00", "2021-12-31 23:30:00.000Z"},
    {"Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02 15:04:05.000Z"},
    {"Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02 22:04:05.000Z"},
    {"Mon, 2 Jan 2006 15:04:05 MST", "2006-01-02 22:04:05.000Z"},
    {"02 Jan 06 15:04 UTC", "2006-01-02 15:04:00.000Z"},
    {"02 Jan 06 15:04 -0700", "2006-01-02 22:04:00.000Z"},
    {"02 Jan 99 15:04 UTC", "1999-01-02 15:04:00.000Z"},
    {"02 Jan 68 15:04 UTC", "2068-01-02 15:04:00.000Z"},
    {"02 Jan 2006", "2006-01-02 00:00:00.000Z"},
    {"Monday, 02-Jan-06 15:04:05 UTC", "2006-01-02 15:04:05.000Z"},
    {"Mon Jan  2 15:04:05 2006", "2006-01-02 15:04:05.000Z"},
    {"Mon Jan 22 15:04:05 2006", "2006-01-22 15:04:05.000Z"},
    {"Mon Jan  2 15:04:05 GMT 2006", "2006-01-02 15:04:05.000Z"},
    {"Mon Jan 02 15:04:05 -0700 2006", "2006-01-02 22:04:05.000Z"},
    {"2020-02-29", "2020-02-29 00:00:00.000Z"},
    {"0000-01-01", "0000-01-01 00:00:00.000Z"},
    {"9999-12-31 23:59:59.999Z", "9999-12-31 23:59:59.999Z"},

    {"", NULL},
    {" ", NULL},
    {"2021-02-29", NULL},
    {"1900-02-29", NULL},
    {"2022-13-01", NULL},
    {"2022-00-01", NULL},
    {"2022-01-00", NULL},
    {"2022-01-32", NULL},
    {"2022-1-1", NULL},
    {"22-01-01", NULL},
    {"2022-01-01 24:00:00", NULL},
    {"2022-01-01 10:60:00", NULL},
    {"2022-01-01 10:00:60", NULL},
    {"2022-01-01 10", NULL},
    {"2022-01-01 ", NULL},
    {"2022-01-01T", NULL},
    {"2022-01-01 10:00:00.", NULL},
    {"2022-01-01 10:00:00Zx", NULL},
    {"2022-01-01 10:00:00 ", NULL},
    {"2022-01-01 10:00:00 CEST", NULL},
    {"2022-01-01 10:00:00+", NULL},
    {"2022-01-01 10:00:00+2", NULL},
    {"2022-01-01 10:00:00+24:00", NULL},
    {"2022-01-01 10:00:00+02:", NULL},
    {"2022-01-01 10:00:00+02:60", NULL},
    {" 2022-01-01", NULL},
    {"2022-01-01\n", NULL},
    {"0000-01-01T00:00:00+01:00", NULL},
    {"9999-12-31T23:59:59-01:00", NULL},
    {"02 Jan 106 15:04 UTC", NULL},
    {"02 Foo 2006", NULL},
    {"Mon", NULL},
    {"Mon,", NULL},
    {"Jan", NULL},
    {"1641031200", NULL},
    {"20220101", NULL},
    {"yesterday", NULL},
    {"Mon Jan  2 15:04:05 06", NULL},
};

static void understands_dates(void **state)
{
    for (size_t i = 0; i < COUNT(DATES); i++) {
        int64_t ms = 0;
        bool ok = datetime_parse(str_from(DATES[i].text), &ms);
        check_bool(DATES[i].text, ok, DATES[i].moment != NULL);
        if (ok) check_str(DATES[i].text, datetime_format(*state, ms), DATES[i].moment);
    }
    int64_t ms;
    check_bool("nothing", datetime_parse((Str){NULL, 0}, &ms), false);
}

static const struct {
    const char *text;
    bool ok;
} HTTP_DATES[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", true},
    {"Sunday, 06-Nov-94 08:49:37 GMT", true},
    {"Sun Nov  6 08:49:37 1994", true},
    {"06 Nov 1994 08:49:37 GMT", false},
    {"Sun, 06 Nov 1994 08:49:37 UTC", false},
    {"Sun, 06 Nov 1994 08:49:37 +0000", false},
    {"Sun, 06 Nov 1994 08:49 GMT", false},
    {"Sun, 06 Nov 1994 08:49:37", false},
    {"Sun, 06 Nov 1994", false},
    {"Sun Nov  6 08:49:37 GMT 1994", false},
    {"1994-11-06 08:49:37Z", false},
    {"Sun, 31 Nov 1994 08:49:37 GMT", false},
    {"", false},
};

static void understands_http_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(HTTP_DATES); i++) {
        int64_t ms = 0;
        bool ok = http_date_parse(str_from(HTTP_DATES[i].text), &ms);
        check_bool(HTTP_DATES[i].text, ok, HTTP_DATES[i].ok);
        if (ok) check_int(HTTP_DATES[i].text, ms, INT64_C(784111777000));
    }
    int64_t ms;
    check_bool("leap second", http_date_parse(S("Sat, 31 Dec 2016 23:59:60 GMT"), &ms), true);
    check_int("leap second", ms, INT64_C(1483228800000));
}

static void reads_back_what_it_writes(void **state)
{
    for (int64_t i = -2000; i < 8000; i++) {
        int64_t ms = i * INT64_C(30000000001), back = 0;
        check_bool("ours", datetime_parse(datetime_format(*state, ms), &back), true);
        check_int("ours", back, ms);
        check_bool("http", http_date_parse(http_date_format(*state, ms), &back), true);
        check_bool("http", back <= ms && ms - back < 1000, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(understands_dates),
        cmocka_unit_test(understands_http_dates),
        test_with_arena(reads_back_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
