/* datetime_parse.c - the forms in which clients write a date.
 *
 *     2022-01-01                              day
 *     2022-01-01 10:00:00.123Z                ours; 'T' for the blank, any zone,
 *     2022-01-01T12:00:00+02:00               fraction and seconds optional
 *     2022-01-01 10:00:00.5 +0000 UTC         a zone's name after its offset
 *     Sat, 01 Jan 2022 10:00:00 GMT           RFC 1123 (5322)
 *     01 Jan 22 10:00 UTC                     RFC 822
 *     Saturday, 01-Jan-22 10:00:00 GMT        RFC 850
 *     Sat Jan  1 10:00:00 2022                ANSI C asctime(), a zone before the year
 *
 * Two-digit years from 69 on are of the twentieth century (POSIX %y). Names of
 * zones are those of RFC 822 §5.1; others have no one meaning and are refused.
 */
#include "base/base.h"
#include "base/clock.h"

typedef struct {
    const char *at, *end;
    CalendarTime t;
    int offset_minutes;
    Str zone;        /* as written; empty when missing */
    bool weekday;    /* its name was given */
    bool seconds;    /* were given */
    bool short_year; /* two digits */
    bool asctime;    /* year at the end */
} Scan;

static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const Str WEEKDAYS[] = {STR_INIT("sunday"),    STR_INIT("monday"),   STR_INIT("tuesday"),
                               STR_INIT("wednesday"), STR_INIT("thursday"), STR_INIT("friday"),
                               STR_INIT("saturday")};
static const struct {
    Str name;
    int offset_minutes;
} ZONES[] = {
    {STR_INIT("Z"), 0},      {STR_INIT("UTC"), 0},    {STR_INIT("GMT"), 0},
    {STR_INIT("UT"), 0},     {STR_INIT("EST"), -300}, {STR_INIT("EDT"), -240},
    {STR_INIT("CST"), -360}, {STR_INIT("CDT"), -300}, {STR_INIT("MST"), -420},
    {STR_INIT("MDT"), -360}, {STR_INIT("PST"), -480}, {STR_INIT("PDT"), -420},
};

static bool take(Scan *s, char c)
{
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

static bool next_is_digit(const Scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

/* Reads from `least` to `most` digits. */
static bool take_digits(Scan *s, int least, int most, int *out)
{
    int value = 0, count = 0;
    while (count < most && next_is_digit(s)) {
        value = value * 10 + (*s->at++ - '0');
        count++;
    }
    *out = value;
    return count >= least;
}

static Str take_word(Scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && ((*s->at | 0x20) >= 'a' && (*s->at | 0x20) <= 'z')) {
        s->at++;
    }
    return (Str){from, (size_t)(s->at - from)};
}

static bool take_month(Scan *s)
{
    Str word = take_word(s);
    if (word.len != 3) return false;
    for (int i = 0; i < 12; i++) {
        if (!str_eq_nocase(word, (Str){MONTHS + (ptrdiff_t)3 * i, 3})) continue;
        s->t.month = i + 1;
        return true;
    }
    return false;
}

static bool take_fraction(Scan *s)
{
    if (!take(s, '.') && !take(s, ',')) return true;
    if (!next_is_digit(s)) return false;
    for (int scale = 100; next_is_digit(s); scale /= 10) {
        s->t.millisecond += (*s->at++ - '0') * scale; /* scale is 0 after milliseconds */
    }
    return true;
}

/* HH:MM[:SS[.fraction]] */
static bool take_time(Scan *s)
{
    if (!take_digits(s, 1, 2, &s->t.hour) || !take(s, ':')) return false;
    if (!take_digits(s, 2, 2, &s->t.minute)) return false;
    if (!take(s, ':')) return true;
    s->seconds = true;
    return take_digits(s, 2, 2, &s->t.second) && take_fraction(s);
}

/* ±HH[:MM] or ±HHMM */
static bool take_offset(Scan *s)
{
    int sign = *s->at++ == '-' ? -1 : 1, hours, minutes = 0;
    if (!take_digits(s, 2, 2, &hours)) return false;
    bool colon = take(s, ':');
    if ((colon || next_is_digit(s)) && !take_digits(s, 2, 2, &minutes)) return false;
    s->offset_minutes = sign * (hours * 60 + minutes);
    return hours < 24 && minutes < 60;
}

static bool take_zone_name(Scan *s)
{
    Str name = take_word(s);
    for (size_t i = 0; i < COUNT(ZONES); i++) {
        if (!str_eq_nocase(name, ZONES[i].name)) continue;
        s->offset_minutes = ZONES[i].offset_minutes;
        return true;
    }
    return false;
}

/* Nothing, a name, an offset, or an offset and any name. */
static bool take_zone(Scan *s)
{
    const char *before = s->at;
    bool blank = take(s, ' ');
    const char *from = s->at;
    if (s->at == s->end) return !blank;
    if (next_is_digit(s)) { /* not a zone: the year of asctime() */
        s->at = before;
        return true;
    }
    bool offset = *s->at == '+' || *s->at == '-';
    if (!(offset ? take_offset(s) : take_zone_name(s))) return false;
    s->zone = (Str){from, (size_t)(s->at - from)};

    const char *after = s->at;
    if (offset && take(s, ' ') && take_word(s).len < 3) s->at = after;
    return true;
}

static bool days_fit(const CalendarTime *t)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->month < 1 || t->month > 12 || t->day < 1) return false;
    bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
    return t->day <= DAYS[t->month - 1] + (t->month == 2 && leap);
}

static bool finish(const Scan *s, int last_second, int64_t *wall_ms)
{
    const CalendarTime *t = &s->t;
    if (s->at != s->end || !days_fit(t)) return false;
    if (t->hour > 23 || t->minute > 59 || t->second > last_second) return false;
    int64_t ms = calendar_to_ms(t) - (int64_t)s->offset_minutes * 60000;
    /* The text form has four digits for the year. */
    if (ms < INT64_C(-62167219200000) || ms > INT64_C(253402300799999)) return false;
    *wall_ms = ms;
    return true;
}

static bool read_iso(Scan *s)
{
    if (!take_digits(s, 4, 4, &s->t.year) || !take(s, '-')) return false;
    if (!take_digits(s, 2, 2, &s->t.month) || !take(s, '-')) return false;
    if (!take_digits(s, 2, 2, &s->t.day)) return false;
    if (s->at == s->end) return true;
    if (!take(s, ' ') && !take(s, 'T') && !take(s, 't')) return false;
    return take_time(s) && take_zone(s);
}

static void take_weekday(Scan *s)
{
    const char *from = s->at;
    Str word = take_word(s);
    for (size_t i = 0; i < COUNT(WEEKDAYS); i++) {
        Str full = WEEKDAYS[i];
        if (!str_eq_nocase(word, full) && !str_eq_nocase(word, str_sub(full, 0, 3))) continue;
        s->weekday = true;
        (void)take(s, ',');
        (void)take(s, ' ');
        return;
    }
    s->at = from;
}

static bool take_year(Scan *s)
{
    const char *from = s->at;
    if (!take_digits(s, 2, 4, &s->t.year)) return false;
    s->short_year = s->at - from == 2;
    if (s->short_year) s->t.year += s->t.year < 69 ? 2000 : 1900;
    return s->at - from != 3;
}

/* "01 Jan 2022[ time]", "01-Jan-22[ time]" */
static bool read_day_first(Scan *s)
{
    if (!take_digits(s, 1, 2, &s->t.day)) return false;
    char separator = s->at < s->end && *s->at == '-' ? '-' : ' ';
    if (!take(s, separator) || !take_month(s)) return false;
    if (!take(s, separator) || !take_year(s)) return false;
    if (s->at == s->end) return true;
    return take(s, ' ') && take_time(s) && take_zone(s);
}

/* "Jan  1 10:00:00[ zone] 2022" */
static bool read_month_first(Scan *s)
{
    s->asctime = true;
    if (!take_month(s) || !take(s, ' ')) return false;
    (void)take(s, ' ');
    if (!take_digits(s, 1, 2, &s->t.day) || !take(s, ' ')) return false;
    if (!take_time(s) || !take_zone(s)) return false;
    return take(s, ' ') && take_digits(s, 4, 4, &s->t.year);
}

static bool read_named(Scan *s)
{
    take_weekday(s);
    return next_is_digit(s) ? read_day_first(s) : read_month_first(s);
}

bool datetime_parse(Str text, int64_t *wall_ms)
{
    if (text.len == 0) return false;
    Scan s = {.at = text.ptr, .end = text.ptr + text.len};
    bool iso = text.len > 4 && text.ptr[4] == '-' && next_is_digit(&s);
    return (iso ? read_iso(&s) : read_named(&s)) && finish(&s, 59, wall_ms);
}

bool http_date_parse(Str text, int64_t *wall_ms)
{
    if (text.len == 0) return false;
    Scan s = {.at = text.ptr, .end = text.ptr + text.len};
    if (!read_named(&s) || !s.weekday || !s.seconds) return false;
    if (s.asctime ? s.zone.len != 0 : !str_eq(s.zone, S("GMT"))) return false;
    /* RFC 9110 §5.6.7: no date of this form is more than 50 years ahead. */
    if (s.short_year) {
        int this_year = calendar_from_ms(clock_wall_ms()).year;
        s.t.year = this_year - this_year % 100 + s.t.year % 100;
        if (s.t.year > this_year + 50) s.t.year -= 100;
    }
    return finish(&s, 60, wall_ms);
}
