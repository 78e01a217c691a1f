/* clock.h - the two clocks and the text form of a moment.
 *
 * Wall time is int64 milliseconds since 1970 UTC, "_ms"; it may jump. Waiting
 * and timeouts use the monotonic clock only.
 *
 * A datetime's text is always `2022-01-01 10:00:00.123Z` (24 bytes, api:
 * conventions §3).
 */
#ifndef CROFT_CLOCK_H
#define CROFT_CLOCK_H

#include "base/arena.h"

#define DATETIME_LEN 24

int64_t clock_wall_ms(void);
uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);

/* Calendar fields of a moment, UTC, proleptic Gregorian. */
typedef struct {
    int year, month, day; /* month 1-12, day 1-31 */
    int hour, minute, second, millisecond;
    int weekday; /* 0 = Sunday */
} CalendarTime;

CalendarTime calendar_from_ms(int64_t wall_ms);
int64_t calendar_to_ms(const CalendarTime *t); /* fields out of range carry over */

/* Writes exactly DATETIME_LEN bytes (no NUL). Years outside 0-9999 are clamped. */
void datetime_write(char out[DATETIME_LEN], int64_t wall_ms);
Str datetime_format(Arena *a, int64_t wall_ms);
Str datetime_now(Arena *a);

/* Reads the forms of api: collections §3.2 "date": ours, YYYY-MM-DD, RFC 3339
 * with or without T and zone, RFC 1123/822/850, ANSI C. A missing zone is UTC;
 * fractions beyond milliseconds are cut. False when it is none of them. */
bool datetime_parse(Str text, int64_t *wall_ms);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7) both ways; the reader also
 * takes the two obsolete forms. */
Str http_date_format(Arena *a, int64_t wall_ms);
bool http_date_parse(Str text, int64_t *wall_ms);

#endif
