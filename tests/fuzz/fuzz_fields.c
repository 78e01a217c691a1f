/* fuzz_fields.c - any bytes as a `fields` text, an `expand` text and an HTML text.
 *
 * Properties: a pick of a pick is the pick itself when it has no excerpt; an
 * expand tree is at most six deep; an excerpt is never longer than asked. */
#include "base/utf8.h"
#include "query/query.h"

static int depth(const ExpandNode *n)
{
    int deepest = 0;
    for (; n; n = n->next)
        deepest = MAX(deepest, 1 + depth(n->children));
    return deepest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char RECORD[] =
        "{\"id\":\"1\",\"a\":{\"b\":1,\"c\":{\"id\":2}},\"body\":\"<p>x</p> y\","
        "\"expand\":{\"author\":{\"name\":\"Ann\"}},\"l\":[{\"id\":4}]}";
    Arena *a = arena_create("fuzz", 16 << 20);
    Str text = {(const char *)data, size};
    Json *record;
    FieldsPick *pick;
    if (!json_parse(a, S(RECORD), NULL, &record) && !fields_parse(a, text, &pick)) {
        const Json *once = fields_apply(a, pick, record);
        if (str_find(text, S("excerpt")) < 0) assert(json_equal(once, fields_apply(a, pick, once)));
    }
    assert(depth(expand_parse(a, text)) <= 6);
    if (utf8_valid(text)) assert(utf8_length(fields_excerpt(a, text, 20, false)) <= 20);
    arena_destroy(a);
    return 0;
}
