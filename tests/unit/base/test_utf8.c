/* test_utf8.c - what is UTF-8 and what is not. */
#include "testing.h"

#include "base/utf8.h"

static const struct {
    const char *name, *text;
    bool valid;
} TEXTS[] = {
    {"empty", "", true},
    {"ASCII", "hello", true},
    {"U+0080", "\xC2\x80", true},
    {"U+07FF", "\xDF\xBF", true},
    {"U+0800", "\xE0\xA0\x80", true},
    {"U+D7FF", "\xED\x9F\xBF", true},
    {"U+E000", "\xEE\x80\x80", true},
    {"U+FFFF", "\xEF\xBF\xBF", true},
    {"U+10000", "\xF0\x90\x80\x80", true},
    {"U+10FFFF", "\xF4\x8F\xBF\xBF", true},
    {"continuation alone", "\x80", false},
    {"two continuations", "\xBF\xBF", false},
    {"overlong NUL", "\xC0\x80", false},
    {"overlong slash", "\xC0\xAF", false},
    {"overlong C1", "\xC1\xBF", false},
    {"overlong of three", "\xE0\x9F\xBF", false},
    {"overlong of four", "\xF0\x8F\xBF\xBF", false},
    {"first surrogate", "\xED\xA0\x80", false},
    {"last surrogate", "\xED\xBF\xBF", false},
    {"above the last", "\xF4\x90\x80\x80", false},
    {"F5", "\xF5\x80\x80\x80", false},
    {"FE", "\xFE", false},
    {"FF", "\xFF", false},
    {"cut of two", "\xC3", false},
    {"cut of three", "\xE4\xBD", false},
    {"cut of four", "\xF0\x9F\x98", false},
    {"interrupted", "\xE4\xBDx", false},
    {"ASCII for the second", "\xC3(", false},
    {"ASCII for the third", "\xE2\x82(", false},
    {"ASCII for the fourth", "\xF0\x9F\x98(", false},
};

/* At every distance from the start and the end, so that each step of the wide
 * loop and of the rest meets it. */
static void tells_valid_from_invalid(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        for (size_t before = 0; before < 35; before++) {
            for (size_t after = 0; after < 20; after += 3) {
                Str text = str_printf(a, "%.*s%s%.*s", (int)before,
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TEXTS[i].text,
                                      (int)after, "bbbbbbbbbbbbbbbbbbbbbbb");
                check_bool(TEXTS[i].name, utf8_valid(text), TEXTS[i].valid);
            }
        }
    }
    check_bool("nothing", utf8_valid((Str){NULL, 0}), true);
    check_bool("NUL is a code point", utf8_valid(str_make("\0", 1)), true);
}

static void every_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp == 0xD800) cp = 0xE000;
        char bytes[4];
        size_t size = utf8_encode(cp, bytes), taken = 0;
        Str text = {bytes, size};
        if (utf8_sequence(text) != size || utf8_decode(text, &taken) != cp || taken != size)
            fail_msg("U+%04X", cp);
        if (!utf8_valid(text)) fail_msg("U+%04X is not valid", cp);
    }
}

static void counts(void **state)
{
    (void)state;
    Str text = S("a\xC3\xB6\xE4\xBD\xA0\xF0\x9F\x98\x80z");
    check_int("length", utf8_length(text), 5);
    check_int("length of nothing", utf8_length((Str){NULL, 0}), 0);
    static const size_t OFFSETS[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t i = 0; i < COUNT(OFFSETS); i++) {
        check_int("offset", utf8_offset(text, i), OFFSETS[i]);
    }
    check_int("sequence of nothing", utf8_sequence((Str){NULL, 0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tells_valid_from_invalid),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
