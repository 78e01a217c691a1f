/* test_encoding.c - percent, base64, hex, CRC-32, HTML. */
#include "testing.h"

#include "base/encoding.h"

static void percent(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *text;
        bool plus;
        const char *decoded; /* NULL = refused */
    } CASES[] = {
        {"", false, ""},
        {"abc", false, "abc"},
        {"a%20b", false, "a b"},
        {"%41%4a%4A", false, "AJJ"},
        {"a+b", false, "a+b"},
        {"a+b", true, "a b"},
        {"%2B+", true, "+ "},
        {"%", false, NULL},
        {"%4", false, NULL},
        {"%4g", false, NULL},
        {"%%41", false, NULL},
        {"100%", false, NULL},
        {"%E4%BD%A0", false, "你"},
        {"%2525", false, "%25"},
        {"%-1", false, NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str out;
        bool ok = percent_decode(a, str_from(CASES[i].text), CASES[i].plus, &out);
        check_bool(CASES[i].text, ok, CASES[i].decoded != NULL);
        if (ok) check_str(CASES[i].text, out, CASES[i].decoded);
    }
    Str out;
    check_bool("NUL", percent_decode(a, S("%00"), false, &out), true);
    check_int("NUL", out.len, 1);
    check_str("encode", percent_encode(a, S("a b/ü~-_.%")), "a%20b%2F%C3%BC~-_.%25");
    check_str("encode nothing", percent_encode(a, (Str){NULL, 0}), "");
    Str plain = S("plain");
    assert_ptr_equal(percent_encode(a, plain).ptr, plain.ptr);
}

static void base64_of_rfc_4648(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *bytes, *text;
    } CASES[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str bytes = str_from(CASES[i].bytes), out;
        check_str(CASES[i].bytes, base64_encode(a, bytes), CASES[i].text);
        check_bool(CASES[i].text, base64_decode(a, str_from(CASES[i].text), &out), true);
        check_str(CASES[i].text, out, CASES[i].bytes);
    }
    check_str("url", base64url_encode(a, S("\xfb\xff\xfe~")), "-__-fg");
    check_str("standard", base64_encode(a, S("\xfb\xff\xfe~")), "+//+fg==");
}

static void base64_refuses(void **state)
{
    static const char *const BAD[] = {
        "Zg=",  "Zg===", "Z",      "Z===", "=",    "==", "====", "Zm9v=",    "Zm9vY",
        "Zh==", "Zm9=",  "Zm9v\n", "Z g=", "Zm-_", "Zg", "Zm=v", "Zg==Zg==", "Zm\xC3\xB6",
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        Str out;
        /* Without padding is allowed: only "Zg" of these is a text of its own. */
        check_bool(BAD[i], base64_decode(*state, str_from(BAD[i]), &out),
                   strcmp(BAD[i], "Zg") == 0);
    }
    Str out;
    check_bool("other alphabet", base64url_decode(*state, S("+/+/"), &out), false);
    check_bool("url, padded", base64url_decode(*state, S("_-8="), &out), true);
}

static void base64_comes_back(void **state)
{
    Arena *a = *state;
    for (size_t len = 0; len < 100; len++) {
        char *bytes = arena_bytes(a, len);
        chance_bytes(bytes, len);
        Str in = {bytes, len}, out;
        check_bool("standard", base64_decode(a, base64_encode(a, in), &out), true);
        check_bool("standard", str_eq(in, out), true);
        check_bool("url", base64url_decode(a, base64url_encode(a, in), &out), true);
        check_bool("url", str_eq(in, out), true);
        check_bool("percent", percent_decode(a, percent_encode(a, in), true, &out), true);
        check_bool("percent", str_eq(in, out), true);
    }
}

static void sums_and_escapes(void **state)
{
    Arena *a = *state;
    check_str("hex", hex_encode(a, str_make("\x00\x1f\xAB\xff", 4)), "001fabff");
    check_int("check value of the CRC catalogue", crc32_ieee(S("123456789")), 0xCBF43926);
    check_int("nothing", crc32_ieee(S("")), 0);
    Buf out = buf_new(a, 0);
    html_escape(&out, S("<a href=\"x\">'&'</a>"));
    html_escape(&out, (Str){NULL, 0});
    html_escape(&out, S("plain"));
    check_str("html", buf_str(&out), "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(percent),          test_with_arena(base64_of_rfc_4648),
        test_with_arena(base64_refuses),   test_with_arena(base64_comes_back),
        test_with_arena(sums_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
