/* Values as they are submitted, kept and shown (api: collections §3.2). */
#include "records/records_internal.h"

#include "records/fixture.h"

static const Field TEXT = {.type = FIELD_TEXT, .name = STR_INIT("f")};
static const Field NUMBER = {.type = FIELD_NUMBER, .name = STR_INIT("f")};
static const Field BOOL = {.type = FIELD_BOOL, .name = STR_INIT("f")};
static const Field EMAIL = {.type = FIELD_EMAIL, .name = STR_INIT("f")};
static const Field DATE = {.type = FIELD_DATE, .name = STR_INIT("f")};
static const Field SELECT1 = {.type = FIELD_SELECT, .name = STR_INIT("f"), .max_select = 1};
static const Field SELECT3 = {.type = FIELD_SELECT, .name = STR_INIT("f"), .max_select = 3};
static const Field RELATION = {.type = FIELD_RELATION, .name = STR_INIT("f")};
static const Field JSON_FIELD = {.type = FIELD_JSON, .name = STR_INIT("f")};
static const Field GEO = {.type = FIELD_GEOPOINT, .name = STR_INIT("f")};

static const struct {
    const char *name;
    const Field *field;
    const char *in;    /* JSON; NULL = absent */
    const char *shown; /* JSON of the response */
} CASES[] = {
    {"text", &TEXT, "'a'", "'a'"},
    {"text number", &TEXT, "1.5", "'1.5'"},
    {"text bool", &TEXT, "true", "'true'"},
    {"text null", &TEXT, "null", "''"},
    {"text absent", &TEXT, NULL, "''"},
    {"text array", &TEXT, "['a']", "''"},
    {"text object", &TEXT, "{'a':1}", "''"},
    {"email keeps case", &EMAIL, "'A@B.io'", "'A@B.io'"},
    {"number", &NUMBER, "12.5", "12.5"},
    {"number text", &NUMBER, "' 7 '", "7"},
    {"number exponent", &NUMBER, "'1e3'", "1000"},
    {"number garbage", &NUMBER, "'x'", "0"},
    {"number bool", &NUMBER, "true", "1"},
    {"number null", &NUMBER, "null", "0"},
    {"number array", &NUMBER, "[1]", "0"},
    {"number beyond 2^53", &NUMBER, "1e21", "1e+21"},
    {"number minus zero", &NUMBER, "-0", "0"},
    {"bool", &BOOL, "true", "true"},
    {"bool number", &BOOL, "2", "true"},
    {"bool zero", &BOOL, "0", "false"},
    {"bool T", &BOOL, "'T'", "true"},
    {"bool yes is none", &BOOL, "'yes'", "false"},
    {"date native", &DATE, "'2024-01-02 03:04:05.678Z'", "'2024-01-02 03:04:05.678Z'"},
    {"date day", &DATE, "'2024-01-02'", "'2024-01-02 00:00:00.000Z'"},
    {"date offset", &DATE, "'2024-01-02T03:04:05+02:00'", "'2024-01-02 01:04:05.000Z'"},
    {"date microseconds", &DATE, "'2024-01-02 03:04:05.123456Z'", "'2024-01-02 03:04:05.123Z'"},
    {"date garbage", &DATE, "'not a date'", "''"},
    {"date number", &DATE, "1704164645", "''"},
    {"select single of many", &SELECT1, "['a','b']", "'b'"},
    {"select single", &SELECT1, "'a'", "'a'"},
    {"select single null", &SELECT1, "null", "''"},
    {"select many", &SELECT3, "['b','','a','b']", "['b','a']"},
    {"select many from one", &SELECT3, "'a'", "['a']"},
    {"select many from JSON text", &SELECT3, "'[\\'a\\',\\'b\\']'", "['a','b']"},
    {"select many not JSON", &SELECT3, "'[a'", "['[a']"},
    {"select many empty", &SELECT3, "''", "[]"},
    {"select many numbers", &SELECT3, "[1,2]", "['1','2']"},
    {"relation last", &RELATION, "['x','y']", "'y'"},
    {"json object", &JSON_FIELD, "{'a':[1,null]}", "{'a':[1,null]}"},
    {"json null", &JSON_FIELD, "null", "null"},
    {"json absent", &JSON_FIELD, NULL, "null"},
    {"json empty text", &JSON_FIELD, "''", "''"},
    {"json text null", &JSON_FIELD, "'null'", "null"},
    {"json text true", &JSON_FIELD, "'true'", "true"},
    {"json text number", &JSON_FIELD, "'123'", "123"},
    {"json text array", &JSON_FIELD, "'[1,2]'", "[1,2]"},
    {"json text hello", &JSON_FIELD, "'hello'", "'hello'"},
    {"json text broken", &JSON_FIELD, "'{a'", "'{a'"},
    {"json text with minus", &JSON_FIELD, "'-x'", "'-x'"},
    {"json number", &JSON_FIELD, "1.25", "1.25"},
    {"json false", &JSON_FIELD, "false", "false"},
    {"json markup", &JSON_FIELD, "'<b>'", "'\\u003cb\\u003e'"},
    {"geo", &GEO, "{'lon':23.3,'lat':42.7,'x':1}", "{'lon':23.3,'lat':42.7}"},
    {"geo one key", &GEO, "{'lon':1}", "{'lon':1,'lat':0}"},
    {"geo text", &GEO, "'{\\'lon\\':1,\\'lat\\':2}'", "{'lon':1,'lat':2}"},
    {"geo garbage", &GEO, "'here'", "{'lon':0,'lat':0}"},
    {"geo array", &GEO, "[1,2]", "{'lon':0,'lat':0}"},
};

static Str shown(Arena *a, const Field *f, const DbValue *v)
{
    Buf out = buf_new(a, 64);
    value_write_json(&out, f, v, false);
    for (size_t i = 0; i < out.len; i++) {
        if (out.ptr[i] == '"') out.ptr[i] = '\'';
    }
    return buf_str(&out);
}

static void normalises(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Json *in = NULL;
        if (CASES[i].in)
            check_ok(CASES[i].name, json_parse(a, fixture_text(a, CASES[i].in), NULL, &in));
        DbValue v = value_normalise(a, CASES[i].field, in);
        check_str(CASES[i].name, shown(a, CASES[i].field, &v), CASES[i].shown);
    }
}

/* What is shown, sent back, is shown again: nothing gets lost in a round. */
static void survives_a_round(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Json *in = NULL;
        check_ok(CASES[i].name, json_parse(a, fixture_text(a, CASES[i].shown), NULL, &in));
        if (CASES[i].field == &JSON_FIELD) continue; /* texts that look like JSON become it */
        DbValue v = value_normalise(a, CASES[i].field, in);
        check_str(CASES[i].name, shown(a, CASES[i].field, &v), CASES[i].shown);
    }
}

static void zero_is_empty(void **state)
{
    (void)state;
    for (int type = 0; type < FIELD_TYPE_COUNT; type++) {
        for (int64_t max = 0; max < 3; max++) {
            Field f = {.type = (FieldType)type, .max_select = max};
            DbValue v = value_zero(&f);
            check_bool("zero", value_is_empty(&f, &v), true);
        }
    }
}

/* Ten thousand values are told apart in about linear time. */
static void long_lists(void **state)
{
    Arena *a = *state;
    Json *array = json_new_array(a);
    for (int i = 0; i < 20000; i++) {
        json_push(a, array, json_new_string(a, str_printf(a, "v%d", i / 2)));
    }
    check_int("distinct", list_of_json(a, array).count, 10000);
}

static const struct {
    const char *text;
    bool email, url;
} FORMATS[] = {
    {"a@b.io", true, true}, /* user@host */
    {"a.b+c@sub.example.com", true, true},
    {"a@b", false, false},
    {"a@b.1", false, true},
    {"a b@c.io", false, false},
    {".a@c.io", false, false},
    {"a..b@c.io", false, true},
    {"a@-c.io", false, false},
    {"a@c..io", false, false},
    {"@c.io", false, true},
    {"", false, false},
    {"j\xc3\xbcrgen@b\xc3\xbc"
     "cher.example",
     true, true},
    {"example.com", false, true},
    {"example", false, false},
    {"http://localhost", false, true},
    {"http://localhost:8090/a?b#c", false, true},
    {"https://example.com/", false, true},
    {"https://ex ample.com/", false, false},
    {"https://", false, false},
    {"https://[::1]:80/x", false, true},
    {"https://[zz]/x", false, false},
    {"https://example.com:99999", false, false},
    {"https://user:pw@example.com", false, true},
    {".example.com", false, false},
    {"javascript:alert(1)", false, false},
};

static void formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(FORMATS); i++) {
        check_bool(FORMATS[i].text, is_email(str_from(FORMATS[i].text)), FORMATS[i].email);
        check_bool(FORMATS[i].text, is_url(str_from(FORMATS[i].text)), FORMATS[i].url);
    }
    check_str("host", url_host(S("https://u@example.com:81/x")), "example.com:81");
    check_str("bare host", url_host(S("example.com/x")), "example.com");
}

static const struct {
    const char *client, *stored; /* '?' = any letter or digit */
} NAMES[] = {
    {"test.txt", "test_??????????.txt"},
    {"My Photo.PNG", "my_photo_??????????.PNG"},
    {"a.tar.gz", "a??????????_??????????.tar.gz"},
    {"a.b.c.d.tar.gz", "a_b_c_d_??????????.tar.gz"},
    {"my.photo.jpg", "my??????????_??????????.photo.jpg"},
    {".abcd.123.", "abcd_??????????.123"},
    {"....abc", "??????????_??????????.abc"},
    {"abcd", "abcd_??????????.bin"},
    {"", "??????????_??????????.bin"},
    {"../../etc/passwd", "??????????_??????????.etcpasswd"},
    {"C:\\x\\FooBar.js", "c_x_foo_bar_??????????.js"},
    {"x.<script>", "x??????????_??????????.script"},
    {"\xf0\x9f\x98\x80.png", "??????????_??????????.png"},
};

static bool fits(Str s, const char *pattern)
{
    if (s.len != strlen(pattern)) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool any = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (pattern[i] == '?' ? !any : c != pattern[i]) return false;
    }
    return true;
}

static void stored_names(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        Str name = file_stored_name(a, str_from(NAMES[i].client), S(".bin"), NULL);
        if (!fits(name, NAMES[i].stored)) {
            fail_msg("%s: %.*s", NAMES[i].client, STR_ARG(name));
        }
    }
    char longest[1000];
    memset(longest, 'x', sizeof(longest));
    check_int("long", file_stored_name(a, str_make(longest, sizeof(longest)), S(""), NULL).len,
              111);
    check_bool("..", file_id_is_safe(S("..")), false);
    check_bool("a/b", file_id_is_safe(S("a/b")), false);
    check_bool("plain", file_id_is_safe(S("abc123")), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(normalises),    test_with_arena(survives_a_round),
        test_with_arena(zero_is_empty), test_with_arena(long_lists),
        test_with_arena(formats),       test_with_arena(stored_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
