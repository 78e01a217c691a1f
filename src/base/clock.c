/* clock.c - the two clocks, the calendar, and how a moment is written.
 *
 * Reading dates is in datetime_parse.c.
 */
#include "base/clock.h"
#include "base/base.h"

#include <time.h>

#define DAY_MS   INT64_C(86400000)
#define DAYS_400 146097 /* days in 400 Gregorian years, after which all repeats */

int64_t clock_wall_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t clock_mono_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static int64_t floor_div(int64_t x, int64_t by)
{
    int64_t quotient = x / by;
    return x % by < 0 ? quotient - 1 : quotient;
}

/* Years are counted from March, so that the leap day is the last of its year
 * and the months' lengths follow 153 days in five months. */
CalendarTime calendar_from_ms(int64_t wall_ms)
{
    int64_t days = floor_div(wall_ms, DAY_MS);
    int in_day = (int)(wall_ms - days * DAY_MS);
    int64_t since = days + 719468; /* 0000-03-01 */
    int64_t era = floor_div(since, DAYS_400);
    int day = (int)(since - era * DAYS_400);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int in_year = day - (365 * year + year / 4 - year / 100);
    int month = (5 * in_year + 2) / 153;
    return (CalendarTime){
        .year = (int)(era * 400) + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = in_year - (153 * month + 2) / 5 + 1,
        .hour = in_day / 3600000,
        .minute = in_day / 60000 % 60,
        .second = in_day / 1000 % 60,
        .millisecond = in_day % 1000,
        .weekday = (int)(days + 4 - 7 * floor_div(days + 4, 7)),
    };
}

int64_t calendar_to_ms(const CalendarTime *t)
{
    int64_t months = (int64_t)t->year * 12 + t->month - 3; /* from March of year 0 */
    int64_t year = floor_div(months, 12);
    int64_t month = months - year * 12;
    int64_t era = floor_div(year, 400);
    int64_t in_era = year - era * 400;
    int64_t days = era * DAYS_400 + 365 * in_era + in_era / 4 - in_era / 100 +
                   (153 * month + 2) / 5 + t->day - 1 - 719468;
    int64_t seconds = (days * 24 + t->hour) * 3600 + (int64_t)t->minute * 60 + t->second;
    return seconds * 1000 + t->millisecond;
}

static inline char *two_digits(char *to, int value)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    return to + 2;
}

static inline char *four_digits(char *to, int value)
{
    return two_digits(two_digits(to, value / 100), value % 100);
}

/* The moments of 0000-01-01 and of the last millisecond of 9999. */
static int64_t clamp_years(int64_t wall_ms)
{
    return MIN(MAX(wall_ms, INT64_C(-62167219200000)), INT64_C(253402300799999));
}

static char *write_time(char *to, const CalendarTime *t)
{
    to = two_digits(to, t->hour);
    *to++ = ':';
    to = two_digits(to, t->minute);
    *to++ = ':';
    return two_digits(to, t->second);
}

void datetime_write(char out[DATETIME_LEN], int64_t wall_ms)
{
    CalendarTime t = calendar_from_ms(clamp_years(wall_ms));
    char *to = four_digits(out, t.year);
    *to++ = '-';
    to = two_digits(to, t.month);
    *to++ = '-';
    to = two_digits(to, t.day);
    *to++ = ' ';
    to = write_time(to, &t);
    *to++ = '.';
    *to++ = (char)('0' + t.millisecond / 100);
    to = two_digits(to, t.millisecond % 100);
    *to = 'Z';
}

Str datetime_format(Arena *a, int64_t wall_ms)
{
    char *text = arena_bytes(a, DATETIME_LEN);
    datetime_write(text, wall_ms);
    return (Str){text, DATETIME_LEN};
}

Str datetime_now(Arena *a)
{
    return datetime_format(a, clock_wall_ms());
}

Str http_date_format(Arena *a, int64_t wall_ms)
{
    static const char DAYS[] = "SunMonTueWedThuFriSat";
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char ZONE[4] = {' ', 'G', 'M', 'T'};
    CalendarTime t = calendar_from_ms(clamp_years(wall_ms));
    char *text = arena_bytes(a, 29), *to = text;
    memcpy(to, DAYS + (ptrdiff_t)3 * t.weekday, 3);
    to[3] = ',';
    to[4] = ' ';
    to = two_digits(to + 5, t.day);
    *to++ = ' ';
    memcpy(to, MONTHS + (ptrdiff_t)3 * (t.month - 1), 3);
    to[3] = ' ';
    to = four_digits(to + 4, t.year);
    *to++ = ' ';
    to = write_time(to, &t);
    memcpy(to, ZONE, sizeof ZONE);
    return (Str){text, 29};
}
