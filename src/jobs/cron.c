/* cron.c - cron expressions (api: operations §4.2) as five sets of bits.
 *
 *     "0 9-17/4 * * 1,3"   minutes {0}, hours {9, 13, 17}, every day and month,
 *                          weekdays {Monday, Wednesday}
 *
 * Unlike in other crons a day has to match the day of the month and the day of
 * the week. Whole minutes, UTC.
 */
#include "jobs/jobs_internal.h"

#include "base/clock.h"

/* A part: "*", "n", "a-b", the first and the last with "/step". */
typedef struct {
    uint64_t first, last, step;
} Part;

static bool number(Str text, uint64_t min, uint64_t max, uint64_t *out)
{
    return str_to_u64(text, out) && *out >= min && *out <= max;
}

static bool part_parse(Str text, uint64_t min, uint64_t max, Part *out)
{
    Str rest = text;
    Str range = str_split(&rest, '/');
    out->step = 1;
    if (rest.ptr && !number(rest, 1, max, &out->step)) return false;
    if (str_eq(range, S("*"))) {
        out->first = min;
        out->last = max;
        return true;
    }
    rest = range;
    if (!number(str_split(&rest, '-'), min, max, &out->first)) return false;
    out->last = out->first;
    if (!rest.ptr) return out->step == 1;
    return number(rest, min, max, &out->last) && out->first <= out->last;
}

static bool field_parse(Str text, uint64_t min, uint64_t max, uint64_t *bits)
{
    *bits = 0;
    while (text.ptr) {
        Part part;
        if (!part_parse(str_split(&text, ','), min, max, &part)) return false;
        for (uint64_t n = part.first; n <= part.last; n += part.step)
            *bits |= UINT64_C(1) << n;
    }
    return true;
}

Str cron_expand(Str expression)
{
    static const struct {
        Str macro, meaning;
    } MACROS[] = {
        {STR_INIT("@yearly"), STR_INIT("0 0 1 1 *")},
        {STR_INIT("@annually"), STR_INIT("0 0 1 1 *")},
        {STR_INIT("@monthly"), STR_INIT("0 0 1 * *")},
        {STR_INIT("@weekly"), STR_INIT("0 0 * * 0")},
        {STR_INIT("@daily"), STR_INIT("0 0 * * *")},
        {STR_INIT("@midnight"), STR_INIT("0 0 * * *")},
        {STR_INIT("@hourly"), STR_INIT("0 * * * *")},
    };
    for (size_t i = 0; i < COUNT(MACROS); i++) {
        if (str_eq(expression, MACROS[i].macro)) return MACROS[i].meaning;
    }
    return expression;
}

Error *cron_parse(Arena *a, Str expression, Cron *out)
{
    static const uint64_t LIMITS[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}};
    uint64_t bits[COUNT(LIMITS)];
    Str rest = cron_expand(expression);
    bool good = rest.len > 0;
    for (size_t i = 0; good && i < COUNT(LIMITS); i++) {
        good = rest.ptr && field_parse(str_split(&rest, ' '), LIMITS[i][0], LIMITS[i][1], &bits[i]);
    }
    if (!good || rest.ptr)
        return error_field(a, S(""), "validation_invalid_cron",
                           S("Must be a valid cron expression."));
    *out = (Cron){.minutes = bits[0],
                  .hours = (uint32_t)bits[1],
                  .days = (uint32_t)bits[2],
                  .months = (uint32_t)bits[3],
                  .weekdays = (uint32_t)bits[4]};
    return NULL;
}

bool cron_matches(const Cron *cron, int64_t wall_ms)
{
    CalendarTime t = calendar_from_ms(wall_ms);
    return (cron->minutes >> t.minute & 1) && (cron->hours >> t.hour & 1) &&
           (cron->days >> t.day & 1) && (cron->months >> t.month & 1) &&
           (cron->weekdays >> t.weekday & 1);
}
