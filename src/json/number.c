/* number.c - the shortest text of a double, in the form of ECMAScript.
 *
 * Nearly every number of an application is whole or has few decimal places.
 * Those take a short way: if v = m / 10^k rounded, with m below 10^15, then no
 * other decimal of up to 15 digits reads back as v, so the first k that fits
 * gives the shortest. The rest goes through printf with 15, 16 and 17 digits.
 *
 * Form (ECMA-262, Number::toString): with the decimal point in the digits or
 * zeros around them for 1e-7 < |v| < 1e21, "d.ddde+n" otherwise.
 */
#include "base/number.h"
#include "json/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_15_DIGITS 1e15

/* v = 0.d1d2…dn * 10^point */
typedef struct {
    char digits[20];
    int count;
    int point;
} Decimal;

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static int write_u64(char *to, uint64_t value)
{
    char digits[20];
    int at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(to, digits + at, sizeof digits - (size_t)at);
    return (int)sizeof digits - at;
}

/* v has a fraction and is at least 1e-6. False when it has too many digits. */
static bool few_digits(double v, Decimal *out)
{
    for (int k = 1; k < (int)COUNT(POWERS); k++) {
        double scaled = v * POWERS[k];
        if (scaled >= EXACT_15_DIGITS) return false;
        double whole = nearbyint(scaled);
        double back = whole / POWERS[k];
        if (back < v || back > v) continue;
        out->count = write_u64(out->digits, (uint64_t)whole);
        out->point = out->count - k;
        return true;
    }
    return false;
}

static double decimal_value(const Decimal *d)
{
    char text[40];
    int n = snprintf(text, sizeof text, ".%.*se%d", d->count, d->digits, d->point);
    double value = 0;
    (void)decimal_read((Str){text, (size_t)n}, &value); /* beyond the largest: stays 0, unequal */
    return value;
}

/* Rounds to `precision` digits. The decimal sign depends on the locale, so
 * only digits are taken. */
static void round_to(double v, int precision, Decimal *out)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.*e", precision - 1, v);
    const char *e = strchr(text, 'e');
    out->count = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') out->digits[out->count++] = *p;
    out->point = (int)strtol(e + 1, NULL, 10) + 1;
}

/* The next larger decimal of the same length. */
static void step_up(Decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9') {
        d->digits[i--] = '0';
    }
    if (i >= 0) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = '1';
    d->point++;
}

static bool reads_back(const Decimal *d, double v)
{
    double value = decimal_value(d);
    return value <= v && value >= v;
}

/* Just above a power of two doubles lie twice as far apart as below it, so the
 * nearest decimal of a length may be wrong below where its neighbour above is
 * right. */
static bool round_trips(double v, int precision, Decimal *out)
{
    round_to(v, precision, out);
    if (reads_back(out, v)) return true;
    step_up(out);
    return reads_back(out, v);
}

/* Tries `precision` digits and more. */
static void many_digits(double v, int precision, Decimal *out)
{
    if (v < 2.2250738585072014e-308) precision = 1; /* subnormal: fewer than 15 may do */
    while (precision < 17 && !round_trips(v, precision, out)) {
        precision++;
    }
    if (precision == 17) round_to(v, 17, out);
    while (out->count > 1 && out->digits[out->count - 1] == '0') {
        out->count--;
    }
}

static char *add_digits(char *to, const char *digits, int count)
{
    memcpy(to, digits, (size_t)count);
    return to + count;
}

static char *add_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

static char *write_exponential(char *to, const Decimal *d)
{
    *to++ = d->digits[0];
    if (d->count > 1) {
        *to++ = '.';
        to = add_digits(to, d->digits + 1, d->count - 1);
    }
    int exponent = d->point - 1;
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    return to + write_u64(to, (uint64_t)abs(exponent));
}

static char *write_decimal(char *to, const Decimal *d)
{
    if (d->point > 21 || d->point < -5) return write_exponential(to, d);
    if (d->point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = add_zeros(to, -d->point);
        return add_digits(to, d->digits, d->count);
    }
    if (d->point >= d->count) {
        to = add_digits(to, d->digits, d->count);
        return add_zeros(to, d->point - d->count);
    }
    to = add_digits(to, d->digits, d->point);
    *to++ = '.';
    return add_digits(to, d->digits + d->point, d->count - d->point);
}

size_t number_format(char out[32], double value)
{
    if (!isfinite(value)) {
        static const char NONE[4] = {'n', 'u', 'l', 'l'};
        memcpy(out, NONE, sizeof NONE);
        return sizeof NONE;
    }
    char *to = out;
    double v = fabs(value);
    if (value < 0) *to++ = '-';
    if (v < 9007199254740992.0) { /* 2^53: whole ones are exact as integers */
        uint64_t whole = (uint64_t)v;
        if ((double)whole >= v) return (size_t)(to + write_u64(to, whole) - out);
    }
    Decimal d;
    if (v < 1e-6 || v >= EXACT_15_DIGITS)
        many_digits(v, 15, &d);
    else if (!few_digits(v, &d))
        many_digits(v, 16, &d);
    return (size_t)(write_decimal(to, &d) - out);
}
