/* test_parse.c - what is JSON and what is not: the cases a strict reader of
 * RFC 8259 is known to get wrong, each with what becomes of it. */
#include "testing.h"

#include "json/json.h"

/* `back` is the text as the writer gives it, or NULL where refused. */
static const struct {
    const char *text, *back;
} DOCUMENTS[] = {
    /* words and blanks */
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {" \t\r\n null \t\r\n ", "null"},
    {"nul", NULL},
    {"nulll", NULL},
    {"True", NULL},
    {"FALSE", NULL},
    {"tru", NULL},
    {"fals", NULL},
    {"undefined", NULL},
    {"NaN", NULL},
    {"-NaN", NULL},
    {"Infinity", NULL},
    {"-Infinity", NULL},
    {"nan", NULL},
    {"", NULL},
    {" ", NULL},
    {"\f1", NULL},
    {"\v1", NULL},
    {"\xC2\xA0 1", NULL},
    {"\xE2\x81\xA0", NULL},
    {"\xEF\xBB\xBF{}", NULL},
    {"\xEF\xBB", NULL},
    {"null null", NULL},
    {"1 2", NULL},
    {"{}{}", NULL},
    {"[] []", NULL},
    {"[]x", NULL},
    {"{}#", NULL},
    {"{} // no", NULL},
    {"/* no */ 1", NULL},
    {"\"a\" x", NULL},
    {"*", NULL},
    {"<null>", NULL},
    {"<.>", NULL},
    {"å", NULL},
    {"\\u000A\"\"", NULL},
    {"e", NULL},
    {"'a'", NULL},
    {"a", NULL},
    {"]", NULL},
    {"}", NULL},
    {",", NULL},
    {":", NULL},
    {"\x1b", NULL},

    /* numbers */
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "0"},
    {"1", "1"},
    {"-1", "-1"},
    {"123", "123"},
    {"1.5", "1.5"},
    {"-1.25", "-1.25"},
    {"1E22", "1e+22"},
    {"1E-2", "0.01"},
    {"1E+2", "100"},
    {"1e2", "100"},
    {"0e1", "0"},
    {"0e+1", "0"},
    {"0E0", "0"},
    {"0.1", "0.1"},
    {"123.456e78", "1.23456e+80"},
    {"-0.000000000000000000000000000000000000000000000000000000000000000000000000000001", "-1e-78"},
    {"123456789012345678901234567890", "1.2345678901234568e+29"},
    {"100000000000000000000", "100000000000000000000"},
    {"1000000000000000000000", "1e+21"},
    {"9007199254740991", "9007199254740991"},
    {"9007199254740993", "9007199254740992"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"5e-324", "5e-324"},
    {"1e-400", "0"},
    {"123e-10000000", "0"},
    {"0e99999999999999999999", "0"},
    {"1e400", NULL},
    {"-1e400", NULL},
    {"1e9999999999999999999999", NULL},
    {"0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999999999"
     "999999999999999999999999999969999999006",
     NULL},
    {"-", NULL},
    {"+1", NULL},
    {"++1", NULL},
    {"--1", NULL},
    {"-01", NULL},
    {"01", NULL},
    {"00", NULL},
    {"012", NULL},
    {"-012", NULL},
    {"1.", NULL},
    {"-2.", NULL},
    {".1", NULL},
    {"-.123", NULL},
    {".-1", NULL},
    {"1.e1", NULL},
    {"0.e1", NULL},
    {"2.e-3", NULL},
    {"1e", NULL},
    {"1e+", NULL},
    {"1E-", NULL},
    {"0e", NULL},
    {"0.3e", NULL},
    {"0.3e+", NULL},
    {"1eE2", NULL},
    {"9.e+", NULL},
    {"1+2", NULL},
    {"1.2.3", NULL},
    {"1-2", NULL},
    {"- 1", NULL},
    {"1 000.0", NULL},
    {"0x1", NULL},
    {"0x42", NULL},
    {"1a", NULL},
    {"1ea", NULL},
    {"1_000", NULL},
    {"-1x", NULL},
    {"-foo", NULL},
    {"1.2a-3", NULL},
    {"1.8011670033376514H-308", NULL},
    {"\xEF\xBC\x91", NULL},

    /* strings */
    {"\"\"", "\"\""},
    {"\"a\"", "\"a\""},
    {"\"asd \"", "\"asd \""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u0041\\u00e9\\u4f60\"", "\"A\xC3\xA9\xE4\xBD\xA0\""},
    {"\"\\uD834\\uDd1e\"", "\"\xF0\x9D\x84\x9E\""},
    {"\"\\uDBFF\\uDFFF\"", "\"\xF4\x8F\xBF\xBF\""},
    {"\"\\uFFFF\\uFDD0\"", "\"\xEF\xBF\xBF\xEF\xB7\x90\""},
    {"\"\\u0012\"", "\"\\u0012\""},
    {"\"\\u005C\\u0022\"", "\"\\\\\\\"\""},
    {"\"\\\\u0000\"", "\"\\\\u0000\""},
    {"\"a/*b*/c\"", "\"a/*b*/c\""},
    {"\"\x7F\"", "\"\x7F\""},
    {"\"\xE2\x80\xA8\"", "\"\\u2028\""},
    {"\"\xC3\xBC\xF0\x9F\x98\x80\"", "\"\xC3\xBC\xF0\x9F\x98\x80\""},
    {"\"a long one, beyond sixteen bytes \\n and again beyond sixteen\"",
     "\"a long one, beyond sixteen bytes \\n and again beyond sixteen\""},
    {"\"", NULL},
    {"\"a", NULL},
    {"\"\\", NULL},
    {"\"\\\"", NULL},
    {"\"\\\\\\\"", NULL},
    {"\"\\a\"", NULL},
    {"\"\\x00\"", NULL},
    {"\"\\'\"", NULL},
    {"\"\\0\"", NULL},
    {"\"\\U0041\"", NULL},
    {"\"\\\xC3\xA5\"", NULL},
    {"\"\\ \"", NULL},
    {"\"\\u\"", NULL},
    {"\"\\u0\"", NULL},
    {"\"\\u00A\"", NULL},
    {"\"\\u00AG\"", NULL},
    {"\"\\u-123\"", NULL},
    {"\"\\u 123\"", NULL},
    {"\"\\u00", NULL},
    {"\"\\u0000\"", NULL},
    {"\"a\\u0000b\"", NULL},
    {"\"\\uD800\"", NULL},
    {"\"\\uDADA\"", NULL},
    {"\"\\uDC00\"", NULL},
    {"\"\\uDd1ea\"", NULL},
    {"\"\\uD800\\n\"", NULL},
    {"\"\\uD800\\uD800\\n\"", NULL},
    {"\"\\uDd1e\\uD834\"", NULL},
    {"\"\\uD800abc\"", NULL},
    {"\"\\uD800\\u\"", NULL},
    {"\"\\uD800\\u1\"", NULL},
    {"\"\\uD800\\u1x\"", NULL},
    {"\"\\uD834\\", NULL},
    {"\"new\nline\"", NULL},
    {"\"tab\there\"", NULL},
    {"\"\x1F\"", NULL},
    {"\"\\n then\x01\"", NULL},
    {"\"\x80\"", NULL},
    {"\"\xC3\"", NULL},
    {"\"\xC0\xAF\"", NULL},
    {"\"\xE0\x80\x80\"", NULL},
    {"\"\xED\xA0\x80\"", NULL},
    {"\"\xF4\xBF\xBF\xBF\"", NULL},
    {"\"\xFC\x80\x80\x80\x80\x80\"", NULL},
    {"\"\\n\xFF\"", NULL},
    {"\"0123456789abcdef\xFF\"", NULL},
    {"\"\xE2\x82\\n\xAC\"", NULL},

    /* arrays */
    {"[]", "[]"},
    {"[ ]", "[]"},
    {"[\"\"]", "[\"\"]"},
    {"[ 4 ]", "[4]"},
    {"[1\n]", "[1]"},
    {"[1,null, 1,\"1\",{}]", "[1,null,1,\"1\",{}]"},
    {"[[]   ]", "[[]]"},
    {"[[[],[[]]],[]]", "[[[],[[]]],[]]"},
    {"[", NULL},
    {"[1", NULL},
    {"[1,", NULL},
    {"[,", NULL},
    {"[,1]", NULL},
    {"[1,]", NULL},
    {"[1,,]", NULL},
    {"[1,,2]", NULL},
    {"[,]", NULL},
    {"[\"\",]", NULL},
    {"[\"x\"", NULL},
    {"[\"x\"]]", NULL},
    {"[1 true]", NULL},
    {"[1:2]", NULL},
    {"[\"a\" \"b\"]", NULL},
    {"[3[4]]", NULL},
    {"[a", NULL},
    {"[1}", NULL},
    {"[{]", NULL},
    {"[\"a\",\n4\n,1,", NULL},
    {"[*]", NULL},
    {"[\\n]", NULL},
    {"[\xFF]", NULL},
    {"[x, truth]", NULL},
    {"[}", NULL},
    {"[;]", NULL},
    {"[tru]", NULL},
    {"[nul]", NULL},
    {"[\"\\", NULL},

    /* objects */
    {"{}", "{}"},
    {"{ }", "{}"},
    {"{\"\":0}", "{\"\":0}"},
    {"{\"a\":[]}", "{\"a\":[]}"},
    {"{\n\"a\" : \"b\"\n}", "{\"a\":\"b\"}"},
    {"{\"a\":\"b\",\"c\":{\"d\":[{}]}}", "{\"a\":\"b\",\"c\":{\"d\":[{}]}}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"b\":3,\"a\":4,\"c\":5}", "{\"a\":4,\"b\":3,\"c\":5}"},
    {"{\"\\u0061\":1,\"a\":2}", "{\"a\":2}"},
    {"{\"a\":{\"a\":1},\"a\":{}}", "{\"a\":{}}"},
    {"{\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,\"k10\":10,"
     "\"k11\":11,\"k12\":12,\"k13\":13,\"k14\":14,\"k15\":15,\"k16\":16,\"k17\":17,\"k3\":0,"
     "\"k18\":18,\"k18\":19}",
     "{\"k1\":1,\"k2\":2,\"k3\":0,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,\"k10\":10,"
     "\"k11\":11,\"k12\":12,\"k13\":13,\"k14\":14,\"k15\":15,\"k16\":16,\"k17\":17,\"k18\":19}"},
    {"{", NULL},
    {"{\"a\"", NULL},
    {"{\"a\":", NULL},
    {"{\"a\":1", NULL},
    {"{\"a\":1,", NULL},
    {"{\"a\":1,}", NULL},
    {"{\"a\":1,,}", NULL},
    {"{,\"a\":1}", NULL},
    {"{,}", NULL},
    {"{\"a\" 1}", NULL},
    {"{\"a\",1}", NULL},
    {"{\"a\"}", NULL},
    {"{\"a\"::1}", NULL},
    {"{:1}", NULL},
    {"{\"a\":}", NULL},
    {"{\"a\" b}", NULL},
    {"{a:1}", NULL},
    {"{'a':1}", NULL},
    {"{1:1}", NULL},
    {"{null:1}", NULL},
    {"{\"a\":1 \"b\":2}", NULL},
    {"{\"a\":1]", NULL},
    {"{\"a\":\"a\" 123}", NULL},
    {"{\"a\":/*comment*/\"b\"}", NULL},
    {"{\"a\":true} \"x\"", NULL},
    {"{\"a\":\"b\"}#{}", NULL},
    {"{\"a\\u0000\":1}", NULL},
    {"{\"\xB9\":1}", NULL},
    {"{[]:1}", NULL},
    {"{\"x\", null}", NULL},
    {"{]", NULL},
    {"{\"a\":1}}", NULL},
    {"\xF0\x9F\x87\xA8{}", NULL},
    {"{\"id\":0,,,,,}", NULL},
};

static void documents(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(DOCUMENTS); i++) {
        const char *name = DOCUMENTS[i].text;
        Json *value = NULL;
        Error *err = json_parse(a, str_from(name), NULL, &value);
        check_code(name, err, DOCUMENTS[i].back ? NULL : "json_invalid");
        if (err) {
            check_int(name, err->status, 400);
            check_bool(name, value == NULL, true);
            continue;
        }
        check_str(name, json_format(a, value), DOCUMENTS[i].back);
    }
    Json *value;
    check_code("nothing", json_parse(a, (Str){NULL, 0}, NULL, &value), "json_invalid");
    check_code("a NUL byte", json_parse(a, str_make("[\0]", 3), NULL, &value), "json_invalid");
    check_code("a NUL behind", json_parse(a, str_make("1\0", 2), NULL, &value), "json_invalid");
    check_code("a NUL in a string", json_parse(a, str_make("\"\0\"", 3), NULL, &value),
               "json_invalid");
}

/* Each document cut at every place, read from a block of exactly that size. */
static void cut_documents(void **state)
{
    (void)state;
    Arena *a = arena_create("cut", 0);
    for (size_t i = 0; i < COUNT(DOCUMENTS); i++) {
        Str whole = str_from(DOCUMENTS[i].text);
        for (size_t len = 0; len < whole.len; len++) {
            Json *value;
            Error *err = json_parse(a, arena_copy(a, str_sub(whole, 0, len)), NULL, &value);
            if (err) check_code(DOCUMENTS[i].text, err, "json_invalid");
        }
        arena_reset(a);
    }
    arena_destroy(a);
}

static void says_where(void **state)
{
    static const struct {
        const char *text, *message;
    } CASES[] = {
        {"[1,x]", "Invalid JSON at byte 3: a value was expected."},
        {"{\"a\" 1}", "Invalid JSON at byte 5: a colon was expected."},
        {"{a}", "Invalid JSON at byte 1: a key in quotes was expected."},
        {"[1 2]", "Invalid JSON at byte 3: a comma or the end of the container was expected."},
        {"\"abc", "Invalid JSON at byte 4: a string without end."},
        {"1 x", "Invalid JSON at byte 2: something behind the end of the document."},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Json *value;
        Error *err = json_parse(*state, str_from(CASES[i].text), NULL, &value);
        assert_non_null(err);
        check_str(CASES[i].text, err->message, CASES[i].message);
    }
}

static Str nested(Arena *a, const char *open, const char *close, size_t depth)
{
    Buf text = buf_new(a, 4096);
    for (size_t i = 0; i < depth; i++) {
        buf_add(&text, str_from(open));
    }
    for (size_t i = 0; i < depth; i++) {
        buf_add(&text, str_from(close));
    }
    return buf_str(&text);
}

static void depth_is_bounded(void **state)
{
    Arena *a = *state;
    Json *value;
    static const struct {
        const char *name;
        size_t limit, depth;
        const char *code;
    } CASES[] = {
        {"default", 0, 100, NULL},
        {"beyond the default", 0, 101, "json_too_deep"},
        {"set lower", 3, 3, NULL},
        {"beyond lower", 3, 4, "json_too_deep"},
        {"set higher", 300, 300, NULL},
        {"at most", SIZE_MAX, JSON_DEPTH_MAX, NULL},
        {"beyond all", SIZE_MAX, JSON_DEPTH_MAX + 1, "json_too_deep"},
        {"absurd", SIZE_MAX, 100000, "json_too_deep"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        JsonLimits limits = {.depth = CASES[i].limit};
        Str text = nested(a, "[", "]", CASES[i].depth);
        Error *err = json_parse(a, text, &limits, &value);
        check_code(CASES[i].name, err, CASES[i].code);
        if (!err) check_bool(CASES[i].name, str_eq(json_format(a, value), text), true);
        text = nested(a, "{\"a\":[", "]}", CASES[i].depth / 2 + (CASES[i].code != NULL));
        check_code(CASES[i].name, json_parse(a, text, &limits, &value), CASES[i].code);
    }
    JsonLimits none = {.depth = 1};
    check_code("a scalar has no depth", json_parse(a, S("1"), &none, &value), NULL);
}

static void nodes_are_bounded(void **state)
{
    Arena *a = *state;
    Json *value;
    JsonLimits limits = {.nodes = 4};
    check_ok("four", json_parse(a, S("[1,{\"a\":2}]"), &limits, &value));
    check_code("five", json_parse(a, S("[1,{\"a\":2},3]"), &limits, &value), "json_too_large");
}

/* What does not fit the arena is refused, not the arena outgrown. */
static void memory_is_bounded(void **state)
{
    (void)state;
    Arena *texts = arena_create("texts", 0), *a = arena_create("small", 200000);
    static const char *const ITEMS[] = {"1,", "[],", "{\"a\":1},", "\"\\n\",", "{\"a\":[{}]},"};
    for (size_t i = 0; i < COUNT(ITEMS); i++) {
        Buf text = buf_new(texts, 0);
        buf_char(&text, '[');
        for (int n = 0; n < 50000; n++) {
            buf_add(&text, str_from(ITEMS[i]));
        }
        buf_add(&text, S("0]"));
        Json *value;
        check_code(ITEMS[i], json_parse(a, buf_str(&text), NULL, &value), "json_too_large");
        arena_reset(a);
        arena_reset(texts);
    }
    arena_destroy(texts);
    arena_destroy(a);
}

static void the_rest_is_given(void **state)
{
    Json *value;
    Str rest;
    check_ok("first", json_parse_first(*state, S(" {\"a\":1} , more"), NULL, &value, &rest));
    check_str("rest", rest, " , more");
    check_ok("first", json_parse_first(*state, S("12"), NULL, &value, &rest));
    check_str("no rest", rest, "");
    check_bool("valid", json_is_valid(*state, S("[1]")), true);
    check_bool("not valid", json_is_valid(*state, S("[1")), false);
}

static void strings_point_into_the_text(void **state)
{
    Str text = S("[\"plain\"]");
    Json *value;
    check_ok("parse", json_parse(*state, text, NULL, &value));
    assert_ptr_equal(json_at(value, 0)->string.ptr, text.ptr + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(documents),         cmocka_unit_test(cut_documents),
        test_with_arena(says_where),        test_with_arena(depth_is_bounded),
        test_with_arena(nodes_are_bounded), cmocka_unit_test(memory_is_bounded),
        test_with_arena(the_rest_is_given), test_with_arena(strings_point_into_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
