/* test_number.c - strict numbers; the boundaries every parsed size must survive
 * (reliability I10: 2^31, 2^32, 2^63, 2^64 ± 5, negative, empty, sign, hex). */
#include "testing.h"

#include <math.h>
#include <stdlib.h>

static void integers_around_powers(void **state)
{
    Arena *a = *state;
    static const int BITS[] = {31, 32, 53, 63, 64};
    for (size_t i = 0; i < COUNT(BITS); i++) {
        for (int off = -5; off <= 5; off++) {
            __int128 value = ((__int128)1 << BITS[i]) + off;
            /* snprintf knows no __int128: the last ten digits apart. */
            uint64_t high = (uint64_t)(value / 10000000000), low = (uint64_t)(value % 10000000000);
            Str text = high ? str_printf(a, "%llu%010llu", (unsigned long long)high,
                                         (unsigned long long)low)
                            : str_printf(a, "%llu", (unsigned long long)low);
            const char *name = arena_cstr(a, text);
            uint64_t u = 77;
            int64_t s = 77;
            bool fits_u = value <= (__int128)UINT64_MAX, fits_s = value <= (__int128)INT64_MAX;
            check_bool(name, str_to_u64(text, &u), fits_u);
            check_bool(name, u == (fits_u ? (uint64_t)value : 77), true);
            check_bool(name, str_to_i64(text, &s), fits_s);
            check_bool(name, s == (fits_s ? (int64_t)value : 77), true);

            Str negative = str_concat(a, S("-"), text);
            bool fits_n = -value >= (__int128)INT64_MIN;
            s = 77;
            check_bool(name, str_to_u64(negative, &u), false);
            check_bool(name, str_to_i64(negative, &s), fits_n);
            check_bool(name, s == (fits_n ? (int64_t)-value : 77), true);
        }
    }
}

static void integers_of_other_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } CASES[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"-1", true, -1},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"--1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"1.0", false, 0},
        {"1_000", false, 0},
        {"١", false, 0},
        {"1,000", false, 0},
        {"99999999999999999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int64_t value = 0;
        check_bool(CASES[i].text, str_to_i64(str_from(CASES[i].text), &value), CASES[i].ok);
        check_int(CASES[i].text, value, CASES[i].value);
    }
    int64_t value;
    check_bool("a NUL inside", str_to_i64(str_make("1\0", 2), &value), false);
    check_bool("nothing at all", str_to_i64((Str){NULL, 0}, &value), false);
}

static const struct {
    const char *text;
    bool ok;
    double value;
} DOUBLES[] = {
    {"1", true, 1},
    {"-1.5", true, -1.5},
    {".5", true, .5},
    {"5.", true, 5},
    {"1e3", true, 1000},
    {"1E+3", true, 1000},
    {"1e-3", true, 0.001},
    {"0.1", true, 0.1},
    {"123456789012345678901234567890", true, 123456789012345678901234567890.0},
    {"0.30000000000000004", true, 0.30000000000000004},
    {"9007199254740993", true, 9007199254740992.0},
    {"9007199254740993.0000000000000000000000000001", true, 9007199254740994.0},
    {"1.7976931348623157e308", true, 1.7976931348623157e308},
    {"5e-324", true, 5e-324},
    {"2.4703282292062327208e-324", true, 0},
    {"2.4703282292062328e-324", true, 5e-324},
    {"1e-400", true, 0},
    {"0e999999999999999999999", true, 0},
    {"0.000000000000000000000000000000001e33", true, 1},
    {"1000000000000000000000000000000000e-33", true, 1},
    {"1e99999999999999999999999", false, 0},
    {"1e-99999999999999999999999", true, 0},
    {"1e400", false, 0},
    {"-1e400", false, 0},
    {"1.8e308", false, 0},
    {"", false, 0},
    {".", false, 0},
    {"-", false, 0},
    {"-.", false, 0},
    {"e5", false, 0},
    {"1e", false, 0},
    {"1e+", false, 0},
    {"1e5.5", false, 0},
    {"+1", false, 0},
    {"1,5", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1.2.3", false, 0},
    {"inf", false, 0},
    {"nan", false, 0},
    {"0x1p3", false, 0},
    {"1f", false, 0},
};

static void doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(DOUBLES); i++) {
        double value = 0;
        check_bool(DOUBLES[i].text, str_to_double(str_from(DOUBLES[i].text), &value),
                   DOUBLES[i].ok);
        if (memcmp(&value, &DOUBLES[i].value, sizeof value) != 0)
            fail_msg("%s: got %.17g", DOUBLES[i].text, value);
    }
    double zero = 1;
    check_bool("-0", str_to_double(S("-0"), &zero), true);
    check_bool("-0 keeps its sign", signbit(zero), true);
}

/* Halfway between two doubles, told apart only by the last of many digits. */
static void doubles_of_any_length(void **state)
{
    Arena *a = *state;
    char *text = arena_bytes(a, 100000);
    memset(text, '0', 100000);
    memcpy(text, "9007199254740993.", 17);
    double value = 0;
    check_bool("long", str_to_double(str_make(text, 100000), &value), true);
    check_bool("ties to even", value == 9007199254740992.0, true);
    text[99999] = '1';
    check_bool("long", str_to_double(str_make(text, 100000), &value), true);
    check_bool("just above", value == 9007199254740994.0, true);

    memset(text, '9', 100000);
    check_bool("too many digits", str_to_double(str_make(text, 100000), &value), false);
}

static void doubles_agree_with_libc(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        char text[64];
        int digits = (int)(seed >> 60) + 1, exponent = (int)(seed >> 40 & 63) - 32;
        int n =
            snprintf(text, sizeof text, "%.*ge%d", digits, (double)(seed >> 8) * 1e-5, exponent);
        if (strchr(text, 'e') != strrchr(text, 'e')) continue;
        double value = 0, expected = strtod(text, NULL);
        check_bool(text, str_to_double(str_make(text, (size_t)n), &value), true);
        if (memcmp(&value, &expected, sizeof value) != 0) fail_msg("%s: got %.17g", text, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(integers_around_powers),
        cmocka_unit_test(integers_of_other_shapes),
        cmocka_unit_test(doubles),
        test_with_arena(doubles_of_any_length),
        cmocka_unit_test(doubles_agree_with_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
