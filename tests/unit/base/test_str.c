/* test_str.c - looking into strings. */
#include "testing.h"

static void compares(void **state)
{
    (void)state;
    Str none = {NULL, 0};
    check_bool("none is empty", str_eq(none, S("")), true);
    check_bool("starts with nothing", str_starts(none, none), true);
    check_bool("ends with nothing", str_ends(none, none), true);
    check_bool("starts", str_starts(S("abc"), S("ab")), true);
    check_bool("starts, longer", str_starts(S("ab"), S("abc")), false);
    check_bool("ends", str_ends(S("abc"), S("bc")), true);
    check_bool("ends, other", str_ends(S("abc"), S("ab")), false);
    check_bool("nocase", str_eq_nocase(S("CoNTent-1"), S("content-1")), true);
    check_bool("nocase is ASCII", str_eq_nocase(S("Ä"), S("ä")), false);
    check_bool("nocase, @ and `", str_eq_nocase(S("@"), S("`")), false);
    check_bool("nocase, [ and {", str_eq_nocase(S("["), S("{")), false);
    check_bool("starts nocase", str_starts_nocase(S("BEARER x"), S("Bearer ")), true);
    check_bool("starts nocase, short", str_starts_nocase(S("BEAR"), S("Bearer ")), false);
    check_int("cmp", str_cmp(S("a"), S("b")) < 0, 1);
    check_int("cmp prefix", str_cmp(S("a"), S("ab")) < 0, 1);
    check_int("cmp equal", str_cmp(S("ab"), S("ab")), 0);
    check_int("cmp none", str_cmp(none, S("")), 0);
    check_int("cmp is unsigned", str_cmp(S("\x80"), S("a")) > 0, 1);
    check_bool("constant time", str_eq_constant_time(S("secret"), S("secret")), true);
    check_bool("constant time, last", str_eq_constant_time(S("secret"), S("secreu")), false);
    check_bool("constant time, length", str_eq_constant_time(S("secret"), S("secre")), false);
    check_bool("constant time, none", str_eq_constant_time(none, S("")), true);
}

static void finds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *needle;
        ptrdiff_t at;
    } CASES[] = {
        {"abcabc", "ca", 2}, {"abc", "", 0},  {"", "", 0},      {"", "a", -1},
        {"ab", "abc", -1},   {"abc", "c", 2}, {"aab", "ab", 1},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check_int(CASES[i].needle, str_find(str_from(CASES[i].text), str_from(CASES[i].needle)),
                  CASES[i].at);
    }
    check_int("char", str_find_char(S("a.b.c"), '.'), 1);
    check_int("last char", str_rfind_char(S("a.b.c"), '.'), 3);
    check_int("no char", str_find_char(S("abc"), '.'), -1);
    check_int("no last char", str_rfind_char((Str){NULL, 0}, '.'), -1);
    check_int("NUL is a char", str_find_char(str_make("a\0b", 3), '\0'), 1);
}

static void cuts(void **state)
{
    (void)state;
    check_str("from", str_from_pos(S("hello"), 2), "llo");
    check_str("from the end", str_from_pos(S("hello"), 5), "");
    check_str("from beyond", str_from_pos(S("hello"), 50), "");
    check_str("sub", str_sub(S("hello"), 1, 3), "ell");
    check_str("sub, clamped", str_sub(S("hello"), 3, SIZE_MAX), "lo");
    check_str("sub of none", str_sub((Str){NULL, 0}, 3, 3), "");
    check_str("trim", str_trim(S(" \t\r\n\f\v a b \n")), "a b");
    check_str("trim of blanks", str_trim(S("   ")), "");
    check_str("trim keeps a no-break space", str_trim(S("\xC2\xA0")), "\xC2\xA0");
}

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[5];
    } CASES[] = {
        {"a,b,c", {"a", "b", "c"}}, {"a", {"a"}},      {"", {""}}, {",", {"", ""}},
        {"a,,b", {"a", "", "b"}},   {"a,", {"a", ""}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str rest = str_from(CASES[i].text);
        size_t n = 0;
        while (rest.ptr) {
            assert_non_null(CASES[i].pieces[n]);
            check_str(CASES[i].text, str_split(&rest, ','), CASES[i].pieces[n++]);
        }
        assert_null(CASES[i].pieces[n]);
    }
    Str none = {NULL, 0};
    check_str("none", str_split(&none, ','), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(finds),
        cmocka_unit_test(cuts),
        cmocka_unit_test(splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
