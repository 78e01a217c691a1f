/* number.c - numbers from text: strict shapes, exact values, no locale. */
#include "base/number.h"
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A double's value never depends on more significant digits than these; of
 * what follows it matters only whether it is zero. */
enum { SIGNIFICANT = 780 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool str_to_u64(Str s, uint64_t *out)
{
    if (s.len == 0) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(Str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t size;
    if (!str_to_u64(negative ? str_from_pos(s, 1) : s, &size)) return false;
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* strtod() reads a comma where the process's locale says so; this never does. */
static double c_strtod(const char *text)
{
    static locale_t c_locale;
    locale_t locale = __atomic_load_n(&c_locale, __ATOMIC_ACQUIRE);
    if (!locale) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc: a constant, cannot fail */
        assert(locale);
        __atomic_store_n(&c_locale, locale, __ATOMIC_RELEASE);
    }
    return strtod_l(text, NULL, locale);
}

/* The exponent after 'e', kept within what matters. */
static int64_t read_exponent(Str digits)
{
    bool negative = digits.len > 0 && digits.ptr[0] == '-';
    if (digits.len > 0 && !is_digit(digits.ptr[0])) digits = str_from_pos(digits, 1);
    int64_t value = 0;
    for (size_t i = 0; i < digits.len && value < INT64_C(1000000000000000); i++) {
        value = value * 10 + (digits.ptr[i] - '0');
    }
    return negative ? -value : value;
}

bool decimal_read(Str text, double *out)
{
    /* Rewritten as 0.ddd…e±n with a bounded number of digits. */
    char shape[SIGNIFICANT + 32];
    size_t len = 0;
    bool negative = text.len > 0 && text.ptr[0] == '-', point = false, rest = false;
    int64_t exponent = 0;
    if (negative) shape[len++] = '-';
    shape[len++] = '.';
    size_t first = len, i = negative ? 1 : 0;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        char c = text.ptr[i];
        if (c == '.') {
            point = true;
        } else if (c == '0' && len == first) {
            if (point) exponent--; /* leading zeros carry no digit */
        } else {
            if (!point) exponent++;
            if (len - first < SIGNIFICANT)
                shape[len++] = c;
            else
                rest |= c != '0';
        }
    }
    if (len == first) { /* zero, whatever its exponent */
        *out = negative ? -0.0 : 0.0;
        return true;
    }
    if (rest) shape[len++] = '1';
    if (i < text.len) exponent += read_exponent(str_from_pos(text, i + 1));
    exponent = MIN(MAX(exponent, -100000), 100000);
    (void)snprintf(shape + len, sizeof shape - len, "e%d", (int)exponent);

    double value = c_strtod(shape);
    if (!isfinite(value)) return false;
    *out = value;
    return true;
}

/* Checks the shape; collects up to 19 digits and the exponent of the last. */
typedef struct {
    const char *at, *end;
    uint64_t mantissa;
    int digits; /* with leading zeros; 20 = too many to be exact */
    int64_t exponent;
} Scan;

static size_t scan_digits(Scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && is_digit(*s->at)) {
        if (s->digits < 19) {
            s->mantissa = s->mantissa * 10 + (uint64_t)(*s->at - '0');
            s->digits++;
        } else {
            s->digits = 20;
        }
        s->at++;
    }
    return (size_t)(s->at - from);
}

bool str_to_double(Str s, double *out)
{
    if (s.len == 0) return false;
    Scan scan = {s.ptr, s.ptr + s.len, 0, 0, 0};
    bool negative = s.len > 0 && *scan.at == '-';
    if (negative) scan.at++;
    size_t whole = scan_digits(&scan), fraction = 0;
    if (scan.at < scan.end && *scan.at == '.') {
        scan.at++;
        fraction = scan_digits(&scan);
        scan.exponent = -(int64_t)fraction;
    }
    if (whole + fraction == 0) return false;
    if (scan.at < scan.end && (*scan.at == 'e' || *scan.at == 'E')) {
        const char *from = ++scan.at;
        if (scan.at < scan.end && (*scan.at == '+' || *scan.at == '-')) scan.at++;
        const char *digits = scan.at;
        while (scan.at < scan.end && is_digit(*scan.at)) {
            scan.at++;
        }
        if (scan.at == digits) return false;
        scan.exponent += read_exponent((Str){from, (size_t)(scan.at - from)});
    }
    if (scan.at != scan.end) return false;

    double value;
    if (scan.digits > 19 || !decimal_exact(scan.mantissa, scan.exponent, &value))
        return decimal_read(s, out);
    *out = negative ? -value : value;
    return true;
}
