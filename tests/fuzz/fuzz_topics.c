/* fuzz_topics.c - any bytes as the text of a subscription.
 *
 * Properties: the head is what stands before the first '?'; options are objects
 * of texts, whatever was sent; an expand is at most six deep; a topic of the
 * longest kind fits its arena. */
#include "realtime/realtime_internal.h"

static int depth(const ExpandNode *n)
{
    int deepest = 0;
    for (; n; n = n->next)
        deepest = MAX(deepest, 1 + depth(n->children));
    return deepest;
}

static void check_texts(const Json *object)
{
    assert(!object || json_is(object, JSON_OBJECT));
    for (size_t i = 0; object && i < object->object.count; i++)
        assert(json_is(&object->object.members[i].value, JSON_STRING));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char space[HEADS_BYTES];
    if (size > REALTIME_TOPIC_BYTES_MAX) return 0;
    Arena *a = arena_create("fuzz", 8 << 20);
    Str text = {(const char *)data, size}, heads[HEADS];
    TopicOptions o;
    topic_parse(a, text, &o);
    assert(str_starts(text, o.head) && str_find_char(o.head, '?') < 0);
    assert(o.head.len == size || data[o.head.len] == '?');
    check_texts(o.query);
    check_texts(o.headers);
    assert(depth(o.expand) <= 6);
    assert(!o.filter_code || o.filter.len > 0);
    topic_heads(space, text, S("id"), text, heads);
    for (size_t i = 0; i < HEADS; i++)
        assert(heads[i].len <= REALTIME_TOPIC_BYTES_MAX);
    arena_destroy(a);
    return 0;
}
