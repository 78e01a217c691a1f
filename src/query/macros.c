/* macros.c - @now and its kin (api: filters §4). All of a request's macros tell
 * one moment, UTC. */
#include "base/clock.h"
#include "query/query_internal.h"

typedef enum {
    NOW,
    YESTERDAY,
    TOMORROW,
    TODAY_START,
    TODAY_END,
    MONTH_START,
    MONTH_END,
    YEAR_START,
    YEAR_END,
    SECOND,
    MINUTE,
    HOUR,
    DAY,
    MONTH,
    WEEKDAY,
    YEAR
} Macro;

static const Str NAMES[] = {
    [NOW] = STR_INIT("@now"),
    [YESTERDAY] = STR_INIT("@yesterday"),
    [TOMORROW] = STR_INIT("@tomorrow"),
    [TODAY_START] = STR_INIT("@todayStart"),
    [TODAY_END] = STR_INIT("@todayEnd"),
    [MONTH_START] = STR_INIT("@monthStart"),
    [MONTH_END] = STR_INIT("@monthEnd"),
    [YEAR_START] = STR_INIT("@yearStart"),
    [YEAR_END] = STR_INIT("@yearEnd"),
    [SECOND] = STR_INIT("@second"),
    [MINUTE] = STR_INIT("@minute"),
    [HOUR] = STR_INIT("@hour"),
    [DAY] = STR_INIT("@day"),
    [MONTH] = STR_INIT("@month"),
    [WEEKDAY] = STR_INIT("@weekday"),
    [YEAR] = STR_INIT("@year"),
};

#define DAY_MS INT64_C(86400000)

static int64_t midnight(int year, int month, int day)
{
    CalendarTime t = {.year = year, .month = month, .day = day};
    return calendar_to_ms(&t);
}

/* Months beyond December carry over to the next year. */
static int64_t moment(Macro macro, int64_t now_ms, const CalendarTime *t)
{
    switch (macro) {
    case YESTERDAY:
        return now_ms - DAY_MS;
    case TOMORROW:
        return now_ms + DAY_MS;
    case TODAY_START:
        return midnight(t->year, t->month, t->day);
    case TODAY_END:
        return midnight(t->year, t->month, t->day) + DAY_MS - 1;
    case MONTH_START:
        return midnight(t->year, t->month, 1);
    case MONTH_END:
        return midnight(t->year, t->month + 1, 1) - 1;
    case YEAR_START:
        return midnight(t->year, 1, 1);
    case YEAR_END:
        return midnight(t->year + 1, 1, 1) - 1;
    default:
        return now_ms;
    }
}

static int number(Macro macro, const CalendarTime *t)
{
    switch (macro) {
    case SECOND:
        return t->second;
    case MINUTE:
        return t->minute;
    case HOUR:
        return t->hour;
    case DAY:
        return t->day;
    case MONTH:
        return t->month;
    case WEEKDAY:
        return t->weekday;
    default:
        return t->year;
    }
}

bool macro_value(Env *env, Str name, DbValue *out)
{
    size_t i = 0;
    while (i < COUNT(NAMES) && !str_eq(name, NAMES[i]))
        i++;
    if (i == COUNT(NAMES)) return false;

    if (env->now_ms == 0) env->now_ms = env->info->now_ms ? env->info->now_ms : clock_wall_ms();
    CalendarTime t = calendar_from_ms(env->now_ms);
    Macro macro = (Macro)i;
    if (macro >= SECOND)
        *out = DB_VALUE_INT(number(macro, &t));
    else
        *out = DB_VALUE_TEXT(datetime_format(env->arena, moment(macro, env->now_ms, &t)));
    return true;
}
