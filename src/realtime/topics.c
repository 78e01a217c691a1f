/* topics.c - what a subscription's text asks for (api: records §11.3).
 *
 *     posts/abc?options=%7B%22query%22%3A%7B%22expand%22%3A%22author%22%7D%7D
 *     └─ head ┘         └─ percent-encoded JSON: {"query":{…},"headers":{…}} ──
 *
 * Topics are never refused: a part that makes no sense is as if absent. Any
 * bytes may come here, and the text is sent back as the event's name. */
#include "realtime/realtime_internal.h"

#include "base/encoding.h"

#define OPTIONS_NODES 1000
#define OPTIONS_DEPTH 20

Str topic_head(Str text)
{
    ptrdiff_t at = str_find_char(text, '?');
    return at < 0 ? text : str_sub(text, 0, (size_t)at);
}

/* The first "options" of the query, decoded; empty when there is none. */
static Str options_text(Arena *a, Str text)
{
    Str rest = str_from_pos(text, topic_head(text).len);
    ptrdiff_t fragment = str_find_char(rest, '#');
    if (fragment >= 0) rest = str_sub(rest, 0, (size_t)fragment);
    rest = str_from_pos(rest, 1);
    while (rest.len > 0) {
        Str value = str_split(&rest, '&'), key, decoded;
        Str raw_key = str_split(&value, '=');
        if (!percent_decode(a, raw_key, true, &key) || !str_eq(key, S("options"))) continue;
        if (percent_decode(a, value, true, &decoded)) return decoded;
    }
    return S("");
}

/* A scalar as text; what is none becomes empty. */
static Str scalar_text(Arena *a, const Json *value)
{
    switch (value->type) {
    case JSON_STRING:
        return value->string;
    case JSON_BOOL:
        return value->boolean ? S("true") : S("false");
    case JSON_NUMBER:
        return json_format(a, value);
    default:
        return S("");
    }
}

/* "X-Token" → "x_token" */
static Str snake_case(Arena *a, Str name)
{
    char *out = arena_bytes(a, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        out[i] = word ? c : '_';
    }
    return str_make(out, name.len);
}

static Json *texts_of(Arena *a, const Json *object, bool snake)
{
    if (!json_is(object, JSON_OBJECT)) return NULL;
    Json *out = json_new_object(a);
    for (size_t i = 0; i < object->object.count; i++) {
        const JsonMember *m = &object->object.members[i];
        Str key = snake ? snake_case(a, m->key) : m->key;
        json_set_str(a, out, key, scalar_text(a, &m->value));
    }
    return out;
}

void topic_parse(Arena *a, Str text, TopicOptions *out)
{
    static const JsonLimits LIMITS = {.depth = OPTIONS_DEPTH, .nodes = OPTIONS_NODES};
    *out = (TopicOptions){.head = topic_head(text)};
    Str options = options_text(a, text);
    Json *json;
    if (options.len == 0 || json_parse(a, options, &LIMITS, &json)) return;

    out->query = texts_of(a, json_get(json, S("query")), false);
    out->headers = texts_of(a, json_get(json, S("headers")), true);
    out->filter = json_str(json_get(out->query, S("filter")), S(""));
    if (out->filter.len > 0) {
        Filter *code;
        if (!filter_parse(a, out->filter, &code)) out->filter_code = code;
    }
    Str expand = json_str(json_get(out->query, S("expand")), S(""));
    if (expand.len > 0) out->expand = expand_parse(a, expand);
    Str fields = json_str(json_get(out->query, S("fields")), S(""));
    FieldsPick *pick;
    if (fields.len > 0 && !fields_parse(a, fields, &pick)) out->fields = pick;
}

/* ---- heads ---- */

static char *put(char *to, Str s)
{
    if (s.len > 0) memcpy(to, s.ptr, s.len);
    return to + s.len;
}

static char *put_head(char *to, Str collection, Str rest, Str *out)
{
    char *from = to;
    *out = S("");
    if (collection.len + 1 + rest.len > REALTIME_TOPIC_BYTES_MAX) return to;
    to = put(to, collection);
    *to++ = '/';
    to = put(to, rest);
    *out = str_make(from, (size_t)(to - from));
    return to;
}

void topic_heads(char *space, Str collection_name, Str collection_id, Str id, Str out[HEADS])
{
    space = put_head(space, collection_name, id, &out[0]);
    space = put_head(space, collection_id, id, &out[1]);
    space = put_head(space, collection_name, S("*"), &out[2]);
    put_head(space, collection_id, S("*"), &out[3]);
    out[4] = collection_name;
    out[5] = collection_id;
}
