/* What the text of a subscription means. */
#include "testing.h"

#include "realtime/realtime_internal.h"

static const struct {
    const char *name, *text;
    const char *head;
    const char *query, *headers; /* as JSON with ' for "; NULL = none */
    bool filter, filter_code, expand, fields;
} CASES[] = {
    {"plain", "posts/*", "posts/*", NULL, NULL, 0, 0, 0, 0},
    {"custom", "@oauth2", "@oauth2", NULL, NULL, 0, 0, 0, 0},
    {"empty", "", "", NULL, NULL, 0, 0, 0, 0},
    {"only a mark", "?", "", NULL, NULL, 0, 0, 0, 0},
    {"other query", "a/b?x=1&y", "a/b", NULL, NULL, 0, 0, 0, 0},
    {"query", "a/b?options={\"query\":{\"x\":\"1\"}}", "a/b", "{'x':'1'}", NULL, 0, 0, 0, 0},
    {"encoded", "a?options=%7B%22query%22%3A%7B%22x%22%3A%22+%2B%22%7D%7D", "a", "{'x':' +'}", NULL,
     0, 0, 0, 0},
    {"second one", "a?b=1&options={\"query\":{\"x\":1}}&options={}", "a", "{'x':'1'}", NULL, 0, 0,
     0, 0},
    {"encoded key", "a?%6fptions={\"query\":{\"x\":1}}", "a", "{'x':'1'}", NULL, 0, 0, 0, 0},
    {"scalars", "a?options={\"query\":{\"n\":1.5,\"b\":true,\"z\":null,\"o\":{},\"l\":[1]}}", "a",
     "{'n':'1.5','b':'true','z':'','o':'','l':''}", NULL, 0, 0, 0, 0},
    {"headers", "a?options={\"headers\":{\"X-Token\":\"A\",\"a.B\":2}}", "a", NULL,
     "{'x_token':'A','a_b':'2'}", 0, 0, 0, 0},
    {"not JSON", "a?options={\"query\"", "a", NULL, NULL, 0, 0, 0, 0},
    {"bad percent", "a?options=%zz", "a", NULL, NULL, 0, 0, 0, 0},
    {"not an object", "a?options=[1]", "a", NULL, NULL, 0, 0, 0, 0},
    {"query no object", "a?options={\"query\":5,\"headers\":\"x\"}", "a", NULL, NULL, 0, 0, 0, 0},
    {"fragment", "a?options={\"query\":{\"x\":1}}#?options={}", "a", "{'x':'1'}", NULL, 0, 0, 0, 0},
    {"fragment first", "a?#options={\"query\":{\"x\":1}}", "a", NULL, NULL, 0, 0, 0, 0},
    {"filter", "a?options={\"query\":{\"filter\":\"n = 1\"}}", "a", "{'filter':'n = 1'}", NULL, 1,
     1, 0, 0},
    {"bad filter", "a?options={\"query\":{\"filter\":\"n =\"}}", "a", "{'filter':'n ='}", NULL, 1,
     0, 0, 0},
    {"expand", "a?options={\"query\":{\"expand\":\"b.c,d\"}}", "a", "{'expand':'b.c,d'}", NULL, 0,
     0, 1, 0},
    {"fields", "a?options={\"query\":{\"fields\":\"id,t:excerpt(3)\"}}", "a",
     "{'fields':'id,t:excerpt(3)'}", NULL, 0, 0, 0, 1},
    {"bad fields", "a?options={\"query\":{\"fields\":\"id:nothing(3)\"}}", "a",
     "{'fields':'id:nothing(3)'}", NULL, 0, 0, 0, 0},
};

static void check_json(const char *name, Arena *a, const Json *json, const char *expected)
{
    if (!expected) {
        if (json) fail_msg("%s: unexpected %.*s", name, STR_ARG(json_format(a, json)));
        return;
    }
    assert_non_null(json);
    char *text = arena_cstr(a, json_format(a, json));
    for (char *p = text; *p; p++)
        if (*p == '"') *p = '\'';
    check_str(name, str_from(text), expected);
}

static void topics_are_taken_apart(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *name = CASES[i].name;
        TopicOptions o;
        topic_parse(a, str_from(CASES[i].text), &o);
        check_str(name, o.head, CASES[i].head);
        check_str(name, topic_head(str_from(CASES[i].text)), CASES[i].head);
        check_json(name, a, o.query, CASES[i].query);
        check_json(name, a, o.headers, CASES[i].headers);
        check_bool(name, o.filter.len > 0, CASES[i].filter);
        check_bool(name, o.filter_code != NULL, CASES[i].filter_code);
        check_bool(name, o.expand != NULL, CASES[i].expand);
        check_bool(name, o.fields != NULL, CASES[i].fields);
    }
}

/* As deep and as wide as 2500 bytes allow: still only memory for a small arena. */
static void greedy_topics_stay_small(void **state)
{
    static const char *const PIECES[] = {
        "[", "{\"a\":", "\"a\":1,", "a.b.c.d.e.f,", "a:excerpt(1),", "(a=1&&", "a=1||"};
    static const char *const KEYS[] = {"filter", "expand", "fields", "other"};
    for (size_t p = 0; p < COUNT(PIECES); p++) {
        for (size_t k = 0; k < COUNT(KEYS); k++) {
            Arena *a = arena_create("topic", 8 << 20);
            Buf text = buf_new(a, 4096);
            buf_printf(&text, "c?options={\"query\":{\"%s\":\"", KEYS[k]);
            while (text.len + strlen(PIECES[p]) < REALTIME_TOPIC_BYTES_MAX - 3)
                buf_add(&text, str_from(PIECES[p]));
            buf_add(&text, S("\"}}"));
            TopicOptions o;
            topic_parse(a, buf_str(&text), &o);
            check_str(PIECES[p], o.head, "c");
            arena_destroy(a);
        }
    }
}

static void heads_of_a_record(void **state)
{
    static char space[HEADS_BYTES];
    static const char *const EXPECTED[HEADS] = {"posts/r1", "pbc_1/r1", "posts/*",
                                                "pbc_1/*",  "posts",    "pbc_1"};
    Str heads[HEADS];
    topic_heads(space, S("posts"), S("pbc_1"), S("r1"), heads);
    for (size_t i = 0; i < HEADS; i++)
        check_str(EXPECTED[i], heads[i], EXPECTED[i]);

    Arena *a = *state;
    char *id = arena_bytes(a, 5000);
    memset(id, 'x', 5000);
    topic_heads(space, S("posts"), S("pbc_1"), str_make(id, REALTIME_TOPIC_BYTES_MAX - 6), heads);
    assert_int_equal(heads[0].len, REALTIME_TOPIC_BYTES_MAX);
    topic_heads(space, S("posts"), S("pbc_1"), str_make(id, 5000), heads);
    assert_int_equal(heads[0].len + heads[1].len, 0);
    check_str("others", heads[2], "posts/*");
    topic_heads(space, str_make(id, 2498), str_make(id, 2498), S("a"), heads);
    assert_int_equal(heads[3].len, REALTIME_TOPIC_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(topics_are_taken_apart),
        test_with_arena(greedy_topics_stay_small),
        test_with_arena(heads_of_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
