/* number.h - the value of a decimal number, for str_to_double() and the JSON reader. */
#ifndef CROFT_NUMBER_H
#define CROFT_NUMBER_H

#include "base/str.h"

/* The exact double nearest to mantissa * 10^exponent if that can be had with
 * one rounding: both parts must be doubles themselves (W. D. Clinger, "How to
 * Read Floating Point Numbers Accurately", 1990). */
static inline bool decimal_exact(uint64_t mantissa, int64_t exponent, double *out)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (mantissa > (UINT64_C(1) << 53) || exponent < -22 || exponent > 22) return false;
    double value = (double)mantissa;
    *out = exponent < 0 ? value / POWERS[-exponent] : value * POWERS[exponent];
    return true;
}

/* The same for any text of the shape [-]digits[.digits][e[+-]digits] (digits
 * may be missing on one side of the point), of any length, in any locale.
 * False when it is beyond the largest double; too small ones become 0. */
bool decimal_read(Str text, double *out);

#endif
