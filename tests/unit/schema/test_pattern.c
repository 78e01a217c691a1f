#include "schema/schema.h"
#include "testing.h"

static const struct {
    const char *pattern, *text;
    bool valid, matches;
} MATCHES[] = {
    {"^[a-z0-9]+$", "abc123", true, true},
    {"^[a-z0-9]+$", "abc!", true, false},
    {"^[a-z]+$", "abc\n", true, false},
    {"b", "abc", true, true},
    {"^\\w+$", "ä", true, false},
    {"^.$", "ä", true, true},
    {"(?i)^ABC$", "abc", true, true},
    {"(?:a|b)+?c", "abc", true, true},
    {"(?P<n>a)b", "ab", true, true},
    {"a{2,3}", "aa", true, true},
    {"a{,3}", "a{,3}", true, true},
    {"[]a]", "]", true, true},
    {"[[:alpha:](]", "(", true, true},
    {"\\Q(?=\\E", "(?=", true, true},
    {"\\pL", "ä", true, true},
    {"", "x", true, true},
    {"(?=a)", "", false, false},
    {"(?!a)", "", false, false},
    {"(?<=a)", "", false, false},
    {"(?<!a)", "", false, false},
    {"(?>a)", "", false, false},
    {"(?|a)", "", false, false},
    {"(?R)", "", false, false},
    {"(?1)", "", false, false},
    {"(?(1)a)", "", false, false},
    {"(?C1)", "", false, false},
    {"(?x)a", "", false, false},
    {"(*LIMIT_MATCH=1)a", "", false, false},
    {"(a)\\1", "", false, false},
    {"(?P<n>a)(?P=n)", "", false, false},
    {"\\k<n>", "", false, false},
    {"\\g1", "", false, false},
    {"a++", "", false, false},
    {"a*+", "", false, false},
    {"a{2}{3}", "", false, false},
    {"a{1001}", "", false, false},
    {"\\C", "", false, false},
    {"\\K", "", false, false},
    {"[a", "", false, false},
    {"(a", "", false, false},
    {"a)", "", false, false},
    {"*", "", false, false},
    {"\\", "", false, false},
};

static void matches_as_re2(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(MATCHES); i++) {
        void *code = NULL;
        Error *err = pattern_compile(a, str_from(MATCHES[i].pattern), &code);
        check_code(MATCHES[i].pattern, err, MATCHES[i].valid ? NULL : "validation_invalid_regex");
        if (err) continue;
        check_bool(MATCHES[i].pattern, pattern_matches(code, str_from(MATCHES[i].text)),
                   MATCHES[i].matches);
    }
}

static void gives_up_on_runaway_patterns(void **state)
{
    Arena *a = *state;
    void *code = NULL;
    check_ok("compile", pattern_compile(a, S("^(a+)+$"), &code));
    char text[200];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    check_bool("runaway", pattern_matches(code, str_make(text, sizeof text)), false);
}

static const struct {
    const char *pattern, *check; /* NULL: refused */
} GENERATES[] = {
    {"[a-z0-9]{15}", "^[a-z0-9]{15}$"},
    {"[a-zA-Z0-9]{50}", "^[a-zA-Z0-9]{50}$"},
    {"user_[0-9]{3,5}", "^user_[0-9]{3,4}$"},
    {"a?b", "^b$"},
    {"(ab|cd)+", "^(ab|cd){1,5}$"},
    {"a*", "^a{0,5}$"},
    {"a{2,}", "^a{2,5}$"},
    {"a{9,}", "^a{9}$"},
    {".{4}", "^[a-zA-Z0-9]{4}$"},
    {"\\d\\w\\-[[:upper:]]", "^\\d\\w-[A-Z]$"},
    {"[^a-y]", "^[^a-y]$"},
    {"(?:x|)", "^x?$"},
    {"[ä-ü]", "^[ä-ü]$"},
    {"[\xed\x9f\xbf-\xee\x80\x80]{20}", "^[\xed\x9f\xbf-\xee\x80\x80]{20}$"}, /* no surrogates */
    {"", "^$"},
    {"^abc", NULL},
    {"abc$", NULL},
    {"\\babc", NULL},
    {"(?i)abc", NULL},
    {"(?=a)", NULL},
    {"[z-a]", NULL},
    {"[a", NULL},
    {"(a", NULL},
    {"a)", NULL},
    {"+", NULL},
    {"((a{1000}){1000})", NULL},
};

static void generates_what_the_pattern_says(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(GENERATES); i++) {
        for (int round = 0; round < 20; round++) {
            Str text;
            Error *err = pattern_generate(a, str_from(GENERATES[i].pattern), &text);
            check_code(GENERATES[i].pattern, err,
                       GENERATES[i].check ? NULL : "validation_invalid_autogenerate_pattern");
            if (err) break;
            void *code = NULL;
            check_ok(GENERATES[i].check, pattern_compile(a, str_from(GENERATES[i].check), &code));
            check_bool(GENERATES[i].pattern, pattern_matches(code, text), true);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(matches_as_re2),
        test_with_arena(gives_up_on_runaway_patterns),
        test_with_arena(generates_what_the_pattern_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
