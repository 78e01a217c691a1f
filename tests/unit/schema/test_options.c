#include "schema/options.h"
#include "testing.h"

static const char SHAPE[] =
    "{\"on\":false,\"n\":1,\"text\":\"a\",\"any\":null,\"names\":[],"
    "\"inner\":{\"x\":1,\"y\":\"z\"},\"rules\":[{\"label\":\"\",\"max\":5}]}";

static const struct {
    const char *patch, *expected; /* NULL: refused */
} CASES[] = {
    {"{}", "{\"on\":false,\"n\":1,\"text\":\"a\",\"any\":null,\"names\":[],\"inner\":{\"x\":1,"
           "\"y\":\"z\"},\"rules\":[]}"},
    {"{\"on\":true,\"unknown\":1,\"inner\":{\"x\":2}}",
     "{\"on\":true,\"n\":1,\"text\":\"a\",\"any\":null,\"names\":[],\"inner\":{\"x\":2,\"y\":\"z\"}"
     ","
     "\"rules\":[]}"},
    {"{\"names\":[\"p\",\"q\"],\"any\":[1],\"rules\":[{\"label\":\"l\"}]}",
     "{\"on\":false,\"n\":1,\"text\":\"a\",\"any\":[1],\"names\":[\"p\",\"q\"],\"inner\":{\"x\":1,"
     "\"y\":\"z\"},\"rules\":[{\"label\":\"l\",\"max\":5}]}"},
    {"{\"on\":null,\"n\":null,\"inner\":null}", "{\"on\":false,\"n\":1,\"text\":\"a\",\"any\":null,"
                                                "\"names\":[],\"inner\":{\"x\":1,\"y\":\"z\"},"
                                                "\"rules\":[]}"},
    {"{\"on\":1}", NULL},
    {"{\"n\":\"1\"}", NULL},
    {"{\"n\":1.5}", NULL},
    {"{\"n\":1e300}", NULL},
    {"{\"names\":[1]}", NULL},
    {"{\"names\":\"x\"}", NULL},
    {"{\"inner\":[]}", NULL},
    {"{\"inner\":{\"x\":true}}", NULL},
    {"{\"rules\":[1]}", NULL},
};

static Json *parse(Arena *a, const char *text)
{
    Json *json;
    check_ok(text, json_parse(a, str_from(text), NULL, &json));
    return json;
}

static void merges_by_shape(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const Json *shape = parse(a, SHAPE);
        Json *target = parse(a, SHAPE);
        json_set(a, target, S("rules"), json_new_array(a));
        Error *err = options_merge(a, target, shape, parse(a, CASES[i].patch));
        if (!CASES[i].expected) {
            if (!err) fail_msg("%s: accepted", CASES[i].patch);
            check_int(CASES[i].patch, err->status, 400);
            continue;
        }
        check_ok(CASES[i].patch, err);
        check_str(CASES[i].patch, json_format(a, target), CASES[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(merges_by_shape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
