/* fuzz_datetime.c - any bytes, read as a date and as numbers.
 *
 * Properties: what datetime_parse() accepts is a moment of the years 0 to 9999
 * whose written form reads back as the same moment; the same for HTTP dates,
 * to the second. Numbers that are accepted read back from their decimal form.
 */
#include "base/base.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

static void must(bool fact)
{
    if (!fact) abort();
}

static void dates(Arena *a, Str text)
{
    int64_t ms, again;
    if (datetime_parse(text, &ms)) {
        must(datetime_parse(datetime_format(a, ms), &again) && again == ms);
        CalendarTime t = calendar_from_ms(ms);
        must(t.year >= 0 && t.year <= 9999 && calendar_to_ms(&t) == ms);
    }
    if (http_date_parse(text, &ms))
        must(http_date_parse(http_date_format(a, ms), &again) && again <= ms && ms - again < 1000);
}

static void numbers(Arena *a, Str text)
{
    int64_t i, i_again;
    uint64_t u, u_again;
    double d, d_again;
    if (str_to_i64(text, &i))
        must(str_to_i64(str_printf(a, "%lld", (long long)i), &i_again) && i == i_again);
    if (str_to_u64(text, &u))
        must(str_to_u64(str_printf(a, "%llu", (unsigned long long)u), &u_again) && u == u_again);
    if (!str_to_double(text, &d)) return;
    must(isfinite(d));
    must(str_to_double(str_printf(a, "%.17g", d), &d_again));
    must(d >= d_again && d <= d_again);
    /* libc agrees where it takes the same text. */
    double libc = strtod(arena_cstr(a, text), NULL);
    must(d >= libc && d <= libc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_create("fuzz", 0);
    Str text = {(const char *)data, size};
    dates(a, text);
    numbers(a, text);

    /* Any moment can be taken apart and put together. */
    int64_t ms = 0;
    memcpy(&ms, data, MIN(size, sizeof ms));
    ms /= 1 << 8; /* years must fit an int */
    CalendarTime t = calendar_from_ms(ms);
    must(calendar_to_ms(&t) == ms);
    must(t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31 && t.weekday >= 0 &&
         t.weekday < 7);
    arena_destroy(a);
    return 0;
}
