/* test_number.c - numbers as ECMAScript writes them. */
#include "testing.h"

#include "json/json.h"

#include <math.h>

static const struct {
    double value;
    const char *text;
} NUMBERS[] = {
    {0, "0"},
    {-0.0, "0"},
    {1, "1"},
    {-1, "-1"},
    {10, "10"},
    {0.1, "0.1"},
    {-0.5, "-0.5"},
    {1.5, "1.5"},
    {12.34, "12.34"},
    {99.99, "99.99"},
    {0.000001, "0.000001"},
    {0.0000015, "0.0000015"},
    {1e-7, "1e-7"},
    {1.5e-7, "1.5e-7"},
    {-1e-7, "-1e-7"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {2.0 / 3, "0.6666666666666666"},
    {100.0 / 3, "33.333333333333336"},
    {3.141592653589793, "3.141592653589793"},
    {123456789012345, "123456789012345"},
    {123456789012345.6, "123456789012345.6"},
    {9007199254740991, "9007199254740991"},
    {9007199254740992, "9007199254740992"},
    {9007199254740994, "9007199254740994"},
    {1e20, "100000000000000000000"},
    {1.5e20, "150000000000000000000"},
    {123456789012345680000.0, "123456789012345680000"},
    {1152921504606846976.0, "1152921504606847000"},
    {9223372036854775808.0, "9223372036854776000"},
    {18446744073709551616.0, "18446744073709552000"},
    {999999999999999900000.0, "999999999999999900000"},
    {1e21, "1e+21"},
    {-1.25e21, "-1.25e+21"},
    {1e22, "1e+22"},
    {1e23, "1e+23"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {2.225073858507201e-308, "2.225073858507201e-308"},
    {5e-324, "5e-324"},
    {1e-323, "1e-323"},
    {5.684341886080802e-14, "5.684341886080802e-14"},
    {9.5367431640625e-7, "9.5367431640625e-7"},
    {4.35, "4.35"},
    {0.000123456789012345678, "0.00012345678901234567"},
};

static void as_ecmascript(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(NUMBERS); i++) {
        char text[32];
        size_t len = number_format(text, NUMBERS[i].value);
        check_str(NUMBERS[i].text, str_make(text, len), NUMBERS[i].text);
    }
}

static void no_number(void **state)
{
    Buf out = buf_new(*state, 0);
    json_write_number(&out, NAN);
    buf_char(&out, ' ');
    json_write_number(&out, -INFINITY);
    check_str("null", buf_str(&out), "null null");
}

/* Powers of two: where the doubles below lie closer than those above. */
static void shortest_and_exact(void **state)
{
    Arena *a = *state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = chance_u64();
        if (i < 2047) bits = (uint64_t)i << 52;
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;

        char text[32];
        Str s = {text, number_format(text, value)};
        const char *name = arena_cstr(a, s);
        check_bool(name, s.len <= sizeof text, true);
        check_bool(name, str_to_double(s, &back), true);
        check_bool(name, back >= value && back <= value, true);

        /* printf with fewer digits must not read back as the same number. */
        int digits = 0, zeros = 0; /* significant ones, and those of them at the end */
        for (size_t k = 0; k < s.len && s.ptr[k] != 'e'; k++) {
            if (s.ptr[k] < '0' || s.ptr[k] > '9') continue;
            zeros = s.ptr[k] == '0' ? zeros + (digits > 0) : 0;
            digits += s.ptr[k] != '0' || digits > 0;
        }
        digits -= zeros;
        if (digits < 2 || fabs(value) >= 1e15) continue;
        Str shorter = str_printf(a, "%.*e", digits - 2, value);
        check_bool(name, str_to_double(shorter, &back) && back >= value && back <= value, false);
        if (i % 1000 == 0) arena_reset(a);
    }
}

static void few_decimals_come_back(void **state)
{
    Arena *a = *state;
    for (int i = 0; i < 100000; i++) {
        Str text = str_printf(a, "%d.%02d", i / 37, i % 99 + 1);
        while (text.ptr[text.len - 1] == '0') {
            text.len--;
        }
        double value;
        check_bool("reads", str_to_double(text, &value), true);
        char out[32];
        Str back = {out, number_format(out, value)};
        if (!str_eq(back, text)) fail_msg("%.*s became %.*s", STR_ARG(text), STR_ARG(back));
        if (i % 1000 == 0) arena_reset(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_ecmascript),
        test_with_arena(no_number),
        test_with_arena(shortest_and_exact),
        test_with_arena(few_decimals_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
