/* test_value.c - looking into values, building, copying, comparing. */
#include "testing.h"

#include "json/json.h"

static Json *parsed(Arena *a, const char *text)
{
    Json *value = NULL;
    check_ok(text, json_parse(a, str_from(text), NULL, &value));
    return value;
}

static void looks_up(void **state)
{
    Json *v = parsed(*state, "{\"s\":\"x\",\"n\":2.5,\"b\":true,\"a\":[1,2],\"z\":null}");
    check_str("string", json_str(json_get(v, S("s")), S("no")), "x");
    check_str("other type", json_str(json_get(v, S("n")), S("no")), "no");
    check_str("absent", json_str(json_get(v, S("q")), S("no")), "no");
    check_bool("number", json_number(json_get(v, S("n")), 0) > 2, true);
    check_int("number, absent", json_number(NULL, 7), 7);
    check_bool("bool", json_bool(json_get(v, S("b")), false), true);
    check_bool("bool, other", json_bool(json_get(v, S("s")), true), true);
    check_int("item", json_number(json_at(json_get(v, S("a")), 1), 0), 2);
    assert_null(json_at(json_get(v, S("a")), 2));
    assert_null(json_at(v, 0));
    assert_null(json_get(NULL, S("a")));
    assert_null(json_get(json_get(v, S("a")), S("a")));
    check_int("count", json_count(v), 5);
    check_int("count", json_count(json_get(v, S("a"))), 2);
    check_int("count of null", json_count(NULL), 0);
    check_int("count of a string", json_count(json_get(v, S("s"))), 0);
    check_bool("is", json_is(json_get(v, S("z")), JSON_NULL), true);
    check_bool("is not", json_is(NULL, JSON_NULL), false);
}

static void builds(void **state)
{
    Arena *a = *state;
    Json *o = json_new_object(a);
    json_set_str(a, o, S("s"), S("one"));
    json_set_number(a, o, S("n"), 1);
    json_set_bool(a, o, S("b"), true);
    json_set(a, o, S("z"), json_new_null(a));
    json_set_str(a, o, S("s"), S("two"));
    Json *list = json_set(a, o, S("l"), json_new_array(a));
    for (int i = 0; i < 20; i++) {
        json_push(a, list, json_new_number(a, i));
    }
    json_push(a, list, json_at(list, 3)); /* an item of the array that moves */
    json_push(a, list, json_new_bool(a, false));
    json_push(a, list, json_new_string(a, S("end")));
    check_str("built", json_format(a, o),
              "{\"s\":\"two\",\"n\":1,\"b\":true,\"z\":null,\"l\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,"
              "14,15,16,17,18,19,3,false,\"end\"]}");
    check_bool("removed", json_remove(o, S("l")), true);
    check_bool("removed once", json_remove(o, S("l")), false);
    check_bool("first", json_remove(o, S("s")), true);
    check_str("left", json_format(a, o), "{\"n\":1,\"b\":true,\"z\":null}");
    for (int i = 0; i < 40; i++) {
        json_set_number(a, o, str_printf(a, "k%d", i % 20), i);
    }
    check_int("count", json_count(o), 23);
    check_int("last", json_number(json_get(o, S("k7")), 0), 27);
}

static void copies_deeply(void **state)
{
    Arena *a = *state;
    Arena *other = arena_create("text", 0);
    Str text = arena_copy(other, S("{\"key\":[\"value\",{\"deep\":[]}],\"n\":1}"));
    Json *value;
    check_ok("parse", json_parse(other, text, NULL, &value));
    Json *copy = json_copy(a, value);
    check_bool("equal", json_equal(value, copy), true);
    arena_destroy(other);
    check_str("after", json_format(a, copy), "{\"key\":[\"value\",{\"deep\":[]}],\"n\":1}");
    assert_null(json_copy(a, NULL));
}

static void compares(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *x, *y;
        bool equal;
    } CASES[] = {
        {"null", "null", true},
        {"1", "1.0", true},
        {"0", "-0", true},
        {"1", "\"1\"", false},
        {"true", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"[1,2]", "[1,2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{}", "[]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":{\"b\":[1]}}", "{\"a\":{\"b\":[2]}}", false},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check_bool(CASES[i].x, json_equal(parsed(a, CASES[i].x), parsed(a, CASES[i].y)),
                   CASES[i].equal);
    }
    check_bool("nothing", json_equal(NULL, NULL), true);
    check_bool("something", json_equal(NULL, parsed(a, "null")), false);
}

static void compares_large_objects(void **state)
{
    Arena *a = *state;
    Json *x = json_new_object(a), *y = json_new_object(a);
    for (int i = 0; i < 100; i++) {
        json_set_number(a, x, str_printf(a, "%d", i), i);
        json_set_number(a, y, str_printf(a, "%d", (i * 37) % 100), (i * 37) % 100);
    }
    check_bool("equal", json_equal(x, y), true);
    json_set_number(a, y, S("50"), 51);
    check_bool("a value differs", json_equal(x, y), false);
    json_remove(y, S("50"));
    json_set_number(a, y, S("other"), 50);
    check_bool("a key differs", json_equal(x, y), false);
}

static void sorts(void **state)
{
    Arena *a = *state;
    Json *v = parsed(a, "[{\"b\":{\"z\":1,\"Z\":2,\"\":0},\"a\":[{\"d\":1,\"c\":2}],\"ab\":3}]");
    json_sort_keys(v);
    check_str("sorted", json_format(a, v),
              "[{\"a\":[{\"c\":2,\"d\":1}],\"ab\":3,\"b\":{\"\":0,\"Z\":2,\"z\":1}}]");
    json_sort_keys(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(looks_up),
        test_with_arena(builds),
        test_with_arena(copies_deeply),
        test_with_arena(compares),
        test_with_arena(compares_large_objects),
        test_with_arena(sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
