/* test_form.c - form fields as JSON. */
#include "testing.h"

#include "http/form.h"

static const struct {
    const char *text;
    const char *json; /* as it is written out */
} SCALARS[] = {
    {"", "\"\""},
    {"true", "true"},
    {"false", "false"},
    {"True", "\"True\""},
    {"null", "\"null\""},
    {"0", "0"},
    {"1", "1"},
    {"-1", "-1"},
    {"1.5", "1.5"},
    {"-0.5", "-0.5"},
    {"100", "100"},
    {"123456789012345680000", "123456789012345680000"},
    {"9007199254740993", "\"9007199254740993\""}, /* 2^53 + 1 is no double */
    {"9007199254740992", "9007199254740992"},
    {"1000000000000000000000", "1e+21"},
    {"1000000000000000000001", "\"1000000000000000000001\""},
    {"0.000001", "0.000001"},
    {"0.0000001", "1e-7"},
    {"0.00000015", "1.5e-7"},
    {"-0.00000015", "-1.5e-7"},
    {"0.00000000", "\"0.00000000\""},
    {"0001", "\"0001\""},
    {"1.0", "\"1.0\""},
    {"0.0", "\"0.0\""},
    {"1e3", "\"1e3\""},
    {"+1", "\"+1\""},
    {".5", "\".5\""},
    {"-.5", "\"-.5\""},
    {"1.", "\"1.\""},
    {"-", "\"-\""},
    {"--1", "\"--1\""},
    {"1-1", "\"1-1\""},
    {"1.2.3", "\"1.2.3\""},
    {"1,5", "\"1,5\""},
    {" 1", "\" 1\""},
    {"1 ", "\"1 \""},
    {"Infinity", "\"Infinity\""},
    {"NaN", "\"NaN\""},
    {"0x10", "\"0x10\""},
    {"[1]", "\"[1]\""},
    {"0.1", "0.1"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"0.3000000000000000444", "\"0.3000000000000000444\""},
};

static void infers_scalars(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(SCALARS); i++) {
        Json value = form_infer(str_from(SCALARS[i].text));
        check_str(SCALARS[i].text, json_format(a, &value), SCALARS[i].json);
    }
    /* The largest double, written out: 309 digits and a number; one more nine no number. */
    Json zero = form_infer(S("-0"));
    assert_int_equal(zero.type, JSON_NUMBER);
    Str large = str_printf(a, "%.0f", 1.7976931348623157e308);
    assert_int_equal(form_infer(large).type, JSON_STRING); /* not its shortest digits */
    Str shortest = str_printf(a, "17976931348623157%0292d", 0);
    assert_int_equal(form_infer(shortest).type, JSON_NUMBER);
    Str smallest = str_printf(a, "0.%0323d5", 0);
    assert_int_equal(form_infer(smallest).type, JSON_NUMBER);
    assert_int_equal(form_infer(str_printf(a, "1%0400d", 0)).type, JSON_STRING);
}

static const struct {
    const char *name, *body;
    const char *json; /* NULL: refused */
} BODIES[] = {
    {"nothing", "", "{}"},
    {"one", "a=1", "{\"a\":1}"},
    {"several", "a=1&b=x&c=true", "{\"a\":1,\"b\":\"x\",\"c\":true}"},
    {"repeated", "a=1&b=2&a=x&a=", "{\"a\":[1,\"x\",\"\"],\"b\":2}"},
    {"no equals sign", "a", "{\"a\":\"\"}"},
    {"empty key", "=1", "{\"\":1}"},
    {"empty pieces", "&&a=1&&", "{\"a\":1}"},
    {"equals sign in a value", "a=b=c", "{\"a\":\"b=c\"}"},
    {"plus", "a+b=c+d", "{\"a b\":\"c d\"}"},
    {"percent", "a%26=%3D%20%2B", "{\"a\\u0026\":\"= +\"}"},
    {"utf-8", "a=%C3%A9", "{\"a\":\"\xc3\xa9\"}"},
    {"raw utf-8", "a=\xc3\xa9", "{\"a\":\"\xc3\xa9\"}"},
    {"not utf-8", "a=%FF", NULL},
    {"key not utf-8", "%FF=a", NULL},
    {"NUL", "a=b%00", NULL},
    {"NUL in a key", "a%00=b", NULL},
    {"half a percent", "a=%4", NULL},
    {"bad percent", "a=%zz", NULL},
    {"payload", "@jsonPayload={\"b\":[1,\"2\"]}", "{\"b\":[1,\"2\"]}"},
    {"payload overrides", "a=1&b=2&@jsonPayload={\"b\":\"x\",\"c\":null}",
     "{\"a\":1,\"b\":\"x\",\"c\":null}"},
    {"payload first, still last", "@jsonPayload={\"a\":\"x\"}&a=1", "{\"a\":\"x\"}"},
    {"payloads in order", "@jsonPayload={\"a\":1,\"b\":1}&@jsonPayload={\"b\":2}",
     "{\"a\":1,\"b\":2}"},
    {"payload is not inferred", "@jsonPayload={\"a\":\"1\"}", "{\"a\":\"1\"}"},
    {"payload cut", "@jsonPayload={\"a\":1", NULL},
    {"payload with something behind", "@jsonPayload={}x", NULL},
    {"payload is a list", "@jsonPayload=[1]", NULL},
    {"payload is empty", "@jsonPayload=", NULL},
    {"similar name", "@jsonpayload={}", "{\"@jsonpayload\":\"{}\"}"},
};

static void reads_urlencoded_bodies(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(BODIES); i++) {
        Form *form = form_new(a, 100);
        Json *object = NULL;
        Error *err = form_add_urlencoded(form, str_from(BODIES[i].body), 1000);
        if (!err) err = form_finish(form, &object);
        check_bool(BODIES[i].name, !err, BODIES[i].json != NULL);
        if (err) check_int(BODIES[i].name, err->status, 400);
        if (!err) check_str(BODIES[i].name, json_format(a, object), BODIES[i].json);
    }
}

static void limits_hold(void **state)
{
    Arena *a = *state;
    check_ok("fits", form_add_urlencoded(form_new(a, 3), S("a=1&b=2&c=3"), 10));
    Error *err = form_add_urlencoded(form_new(a, 3), S("a=1&b=2&c=3&d=4"), 10);
    assert_non_null(err);
    assert_int_equal(err->status, 413);
    err = form_add_urlencoded(form_new(a, 3), S("a=1&a=2&a=3&a=4"), 10);
    assert_int_equal(err->status, 413);
    check_ok("fits", form_add_urlencoded(form_new(a, 3), S("a=1234567890"), 10));
    err = form_add_urlencoded(form_new(a, 3), S("a=12345678901"), 10);
    assert_int_equal(err->status, 413);
}

/* Would take minutes if each key were looked for in a list. */
static void a_payload_of_many_keys_is_quick(void **state)
{
    Arena *a = *state;
    Buf payload = buf_new(a, 1 << 21);
    buf_char(&payload, '{');
    for (int i = 0; i < 100000; i++)
        buf_printf(&payload, "%s\"k%d\":1", i ? "," : "", i);
    buf_char(&payload, '}');
    Form *form = form_new(a, 10);
    check_ok("field", form_add(form, S("k1"), S("x")));
    check_ok("payload", form_add(form, S("@jsonPayload"), buf_str(&payload)));
    Json *object;
    check_ok("finish", form_finish(form, &object));
    assert_int_equal(json_count(object), 100000);
    assert_true(json_number(json_get(object, S("k1")), 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(infers_scalars),
        test_with_arena(reads_urlencoded_bodies),
        test_with_arena(limits_hold),
        test_with_arena(a_payload_of_many_keys_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
