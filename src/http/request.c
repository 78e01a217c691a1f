/* request.c - what a handler asks a request: headers, route and query parameters. */
#include "http/http_internal.h"

#include "base/encoding.h"

Str req_header(const Req *req, Str name)
{
    for (size_t i = 0; i < req->header_count; i++) {
        const HttpHeader *h = &req->headers[i];
        if (h->name.len == name.len && str_eq_nocase(h->name, name)) return h->value;
    }
    return (Str){0};
}

Str req_header_last(const Req *req, Str name)
{
    for (size_t i = req->header_count; i > 0; i--) {
        const HttpHeader *h = &req->headers[i - 1];
        if (h->name.len == name.len && str_eq_nocase(h->name, name)) return h->value;
    }
    return (Str){0};
}

Str req_param(const Req *req, const char *name)
{
    const Request *r = request_of(req);
    Str wanted = str_from(name);
    for (size_t i = 0; i < r->param_count; i++)
        if (str_eq(r->params[i].name, wanted)) return r->params[i].value;
    return S("");
}

/* The next "key=value" of a query, still encoded. False at the end. */
static bool next_pair(Str *rest, Str *key, Str *value)
{
    while (rest->ptr) {
        Str pair = str_split(rest, '&');
        if (pair.len == 0) continue;
        *value = pair;
        *key = str_split(value, '=');
        if (!value->ptr) *value = S("");
        return true;
    }
    return false;
}

static bool key_matches(Arena *a, Str raw, Str key)
{
    Str decoded;
    if (raw.len < key.len) return false;
    if (raw.len == key.len) return str_eq(raw, key);
    return percent_decode(a, raw, true, &decoded) && str_eq(decoded, key);
}

static bool find_pair(Req *req, Str key, Str *out)
{
    Str rest = req->query_string, name, value;
    if (rest.len == 0) return false;
    while (next_pair(&rest, &name, &value)) {
        if (!key_matches(req->arena, name, key)) continue;
        return percent_decode(req->arena, value, true, out);
    }
    return false;
}

Str req_query(Req *req, Str key)
{
    Str value;
    return find_pair(req, key, &value) ? value : (Str){0};
}

bool req_query_has(Req *req, Str key)
{
    Str value;
    return find_pair(req, key, &value);
}

Json *req_query_all(Req *req)
{
    Arena *a = req->arena;
    Json *all = json_new_object(a);
    Str rest = req->query_string, name, value, key, text;
    while (rest.len > 0 && next_pair(&rest, &name, &value)) {
        bool good = percent_decode(a, name, true, &key) && percent_decode(a, value, true, &text);
        if (good && !json_get(all, key)) json_set_str(a, all, key, text);
    }
    return all;
}
