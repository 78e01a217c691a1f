/* test_fields.c - the `fields` picker and its excerpts, as conventions §7 tells them. */
#include "base/clock.h"
#include "query/query.h"
#include "testing.h"

static const char RECORD[] =
    "{\"id\":\"1\",\"title\":\"t\",\"a\":{\"b\":1,\"c\":{\"id\":2,\"x\":3}},"
    "\"list\":[{\"id\":4,\"n\":5},{\"id\":6,\"n\":7}],\"expand\":{\"author\":{\"name\":\"Ann\","
    "\"org\":8}}}";

static const struct {
    const char *name, *fields, *expected; /* expected NULL: refused */
} PICKS[] = {
    {"one key", "id", "{\"id\":\"1\"}"},
    {"two keys and blanks", " id , title ", "{\"id\":\"1\",\"title\":\"t\"}"},
    {"nothing asked keeps all of an empty text", ",", NULL},
    {"missing keys are ignored", "nope", "{}"},
    {"a path", "a.b", "{\"a\":{\"b\":1}}"},
    {"the parent selects all", "a.b,a", "{\"a\":{\"b\":1,\"c\":{\"id\":2,\"x\":3}}}"},
    {"inside arrays", "list.id", "{\"list\":[{\"id\":4},{\"id\":6}]}"},
    {"all below", "a.*", "{\"a\":{\"b\":1,\"c\":{\"id\":2,\"x\":3}}}"},
    {"all below but one reduced", "a.*,a.c.id", "{\"a\":{\"b\":1,\"c\":{\"id\":2}}}"},
    {"a star in the middle matches nothing", "a.*.id", "{\"a\":{}}"},
    {"everything but one reduced", "*,a.b,list.n,expand.author.name",
     "{\"id\":\"1\",\"title\":\"t\",\"a\":{\"b\":1},\"list\":[{\"n\":5},{\"n\":7}],"
     "\"expand\":{\"author\":{\"name\":\"Ann\"}}}"},
    {"a path into a plain value", "title.x", "{\"title\":\"t\"}"},
};

static void picks(void **state)
{
    Arena *a = *state;
    Json *record;
    check_ok("record", json_parse(a, str_from(RECORD), NULL, &record));
    for (size_t i = 0; i < COUNT(PICKS); i++) {
        FieldsPick *pick;
        check_ok(PICKS[i].name, fields_parse(a, str_from(PICKS[i].fields), &pick));
        Str text = json_format(a, fields_apply(a, pick, record));
        check_str(PICKS[i].name, text, PICKS[i].expected ? PICKS[i].expected : RECORD);
    }
}

static void picks_inside_lists(void **state)
{
    Arena *a = *state;
    Json *list;
    check_ok("list", json_parse(a,
                                S("{\"page\":1,\"perPage\":30,\"totalItems\":1,\"totalPages\":1,"
                                  "\"items\":[{\"id\":\"1\",\"x\":2}]}"),
                                NULL, &list));
    FieldsPick *pick;
    check_ok("parse", fields_parse(a, S("id"), &pick));
    check_str("list", json_format(a, fields_apply(a, pick, list)),
              "{\"page\":1,\"perPage\":30,\"totalItems\":1,\"totalPages\":1,"
              "\"items\":[{\"id\":\"1\"}]}");
    check_bool("wants id", fields_wants(pick, S("id")), true);
    check_bool("wants x", fields_wants(pick, S("x")), false);
}

static void refuses(void **state)
{
    static const char *const BAD[] = {
        "a:nope",           "a:excerpt()", "a:excerpt(0)", "a:excerpt(-3)", "a:excerpt(x)",
        "a:excerpt(1,2,3)", "a:excerpt(5", "a)",           "a:excerpt(5))", "a:"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        FieldsPick *pick;
        Error *err = fields_parse(*state, str_from(BAD[i]), &pick);
        check_int(BAD[i], err ? err->status : 0, 400);
    }
}

static const struct {
    const char *name, *html;
    size_t max;
    bool ellipsis;
    const char *expected;
} EXCERPTS[] = {
    {"the contract's example", "<p>Hello</p><b>wor</b>ld", 8, true, "Hello wo..."},
    {"short enough", "<p>Hello</p>", 8, true, "Hello"},
    {"exactly", "12345", 5, true, "12345"},
    {"one more", "123456", 5, true, "12345..."},
    {"no ellipsis", "123456", 5, false, "12345"},
    {"blanks fold", " a \n\t b ", 20, false, "a b"},
    {"entities", "a &amp; b &#65;&#x42; &lt;i&gt;", 30, false, "a & b AB <i>"},
    {"unknown entity stays", "a &nope; b &", 30, false, "a &nope; b &"},
    {"scripts and styles go", "a<script>if (x < y) {}</script><style>p{}</style>b", 30, false,
     "a b"},
    {"nested skipped element", "a<form><form>x</form>y</form>b", 30, false, "a b"},
    {"void elements skip nothing", "a<img src='x>y'>b", 30, false, "a b"},
    {"comments", "a<!-- <b> -->b", 30, false, "ab"},
    {"a lone less-than", "1 < 2", 30, false, "1 < 2"},
    {"unclosed tag", "a<b", 30, false, "a"},
    {"trimmed after the cut", "abc def", 4, true, "abc..."},
    {"code points, not bytes", "äöüß", 2, true, "äö..."},
    {"inline elements do not part words", "<em>wo</em><i>rd</i>", 30, false, "word"},
};

static void excerpts(void **state)
{
    for (size_t i = 0; i < COUNT(EXCERPTS); i++)
        check_str(EXCERPTS[i].name,
                  fields_excerpt(*state, str_from(EXCERPTS[i].html), EXCERPTS[i].max,
                                 EXCERPTS[i].ellipsis),
                  EXCERPTS[i].expected);
}

static void excerpt_modifier(void **state)
{
    Arena *a = *state;
    Json *value;
    check_ok("value", json_parse(a, S("{\"a\":\"<p>Hello there</p>\",\"b\":5}"), NULL, &value));
    FieldsPick *pick;
    check_ok("parse", fields_parse(a, S("*:excerpt(5, true)"), &pick));
    check_str("star", json_format(a, fields_apply(a, pick, value)), "{\"a\":\"Hello...\",\"b\":5}");
}

/* With a square of the keys this takes minutes, and the loop with it. */
static void very_many_keys(void **state)
{
    enum { KEYS = 200000 };
    Arena *a = arena_create("many keys", (size_t)256 << 20);
    Json *value = json_new_object(a), *data = json_new_object(a);
    for (int i = 0; i < KEYS; i++)
        json_add(a, data, str_printf(a, "key%d", i), &(Json){.type = JSON_NULL});
    json_add(a, value, S("data"), data);

    FieldsPick *pick;
    check_ok("parse", fields_parse(a, S("data.*"), &pick));
    uint64_t started_ms = clock_mono_ms();
    const Json *picked = fields_apply(a, pick, value);
    check_int("keys", (int64_t)json_count(json_get(picked, S("data"))), KEYS);
    check_bool("in a moment", clock_mono_ms() - started_ms < 60000, true);
    arena_destroy(a);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(picks),
        test_with_arena(picks_inside_lists),
        test_with_arena(refuses),
        test_with_arena(excerpts),
        test_with_arena(excerpt_modifier),
        cmocka_unit_test(very_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
