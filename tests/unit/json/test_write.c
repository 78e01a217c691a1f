/* test_write.c - strings that are safe in JSON, in HTML and in old JavaScript. */
#include "testing.h"

#include "json/json.h"

static const struct {
    const char *text, *written;
} STRINGS[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"<a href=\"x\">&</a>", "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u003c/a\\u003e\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA", "\"\\u2028\\u2029\xE2\x80\xAA\""},
    {"ö你\xF0\x9F\x98\x80", "\"ö你\xF0\x9F\x98\x80\""},
    {"\xFF", "\"\xEF\xBF\xBD\""},
    {"a\xC3", "\"a\xEF\xBF\xBD\""},
    {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {":;=?@%'$#!", "\":;=?@%'$#!\""},
};

/* Behind and before plain text of all lengths, to meet every step of the wide loop. */
static void escapes(void **state)
{
    Arena *a = *state;
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < COUNT(STRINGS); i++) {
        Str inside = str_sub(str_from(STRINGS[i].written), 1, strlen(STRINGS[i].written) - 2);
        for (int before = 0; before < 36; before++) {
            int after = before * 7 % 40;
            Str text = str_printf(a, "%.*s%s%.*s", before, PLAIN, STRINGS[i].text, after, PLAIN);
            Str wanted =
                str_printf(a, "\"%.*s%.*s%.*s\"", before, PLAIN, STR_ARG(inside), after, PLAIN);
            Buf out = buf_new(a, 0);
            json_write_string(&out, text);
            check_str(STRINGS[i].text, buf_str(&out), arena_cstr(a, wanted));
        }
    }
    Buf out = buf_new(a, 0);
    json_write_string(&out, (Str){NULL, 0});
    json_write_string(&out, str_make("\0", 1));
    check_str("nothing, and a NUL", buf_str(&out), "\"\"\"\\u0000\"");
}

static void values(void **state)
{
    Arena *a = *state;
    Json *v;
    Str text = S("{\"\\u003ckey\":[true,false,null,-1.5,\"\"],\"o\":{}}");
    check_ok("parse", json_parse(a, text, NULL, &v));
    check_bool("back", str_eq(json_format(a, v), text), true);
    check_str("nothing", json_format(a, NULL), "null");
}

/* Whatever bytes are stored: what is written is valid, and of valid text
 * without NUL nothing is lost. */
static void any_bytes(void **state)
{
    Arena *a = *state;
    for (int i = 0; i < 3000; i++) {
        size_t len = chance_below(80);
        char *bytes = arena_bytes(a, len);
        chance_bytes(bytes, len);
        for (size_t k = 0; k < len; k++) {
            bool ascii = i % 3 != 0;
            bytes[k] = (char)(bytes[k] & (ascii ? 0x7F : 0xFF));
            if (bytes[k] == 0) bytes[k] = 1;
        }
        Json *v = json_new_string(a, str_make(bytes, len)), *back;
        check_ok("valid", json_parse(a, json_format(a, v), NULL, &back));
        if (i % 3 != 0) check_bool("the same", str_eq(v->string, back->string), true);
        if (i % 100 == 0) arena_reset(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(escapes),
        test_with_arena(values),
        test_with_arena(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
