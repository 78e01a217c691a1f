/* response.c - the res_* calls of http.h: headers, whole bodies, streams. */
#include "http/http_internal.h"

#include <stdlib.h>

#define COMPRESS_FROM_BYTES 1024

/* ---- headers ---- */

static const struct {
    Str name;
    unsigned flag;
} DEFAULT_HEADERS[] = {
    {STR_INIT("X-XSS-Protection"), DEFAULT_XSS},
    {STR_INIT("X-Content-Type-Options"), DEFAULT_NOSNIFF},
    {STR_INIT("X-Frame-Options"), DEFAULT_FRAME},
    {STR_INIT("Vary"), DEFAULT_VARY},
};

static unsigned default_flag(Str name)
{
    for (size_t i = 0; i < COUNT(DEFAULT_HEADERS); i++)
        if (str_eq_nocase(DEFAULT_HEADERS[i].name, name)) return DEFAULT_HEADERS[i].flag;
    return 0;
}

/* A value that could end its line would let whoever chose it write headers. */
static void check_field(Str name, Str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == '\0') abort();
    for (size_t i = 0; i < name.len; i++)
        if (!http_is_token_char((unsigned char)name.ptr[i])) abort();
}

void res_header_add(Res *res, Str name, Str value)
{
    check_field(name, value);
    assert(!res->head_sent);
    if (res->header_count == res->header_cap) {
        size_t cap = res->header_cap * 2;
        HttpHeader *headers = arena_new(res->request->req.arena, HttpHeader, cap);
        memcpy(headers, res->headers, res->header_count * sizeof(HttpHeader));
        res->headers = headers;
        res->header_cap = cap;
    }
    res->headers[res->header_count++] = (HttpHeader){name, value};
}

void res_header_remove(Res *res, Str name)
{
    res->defaults &= ~default_flag(name);
    size_t kept = 0;
    for (size_t i = 0; i < res->header_count; i++)
        if (!str_eq_nocase(res->headers[i].name, name)) res->headers[kept++] = res->headers[i];
    res->header_count = kept;
}

void res_header(Res *res, Str name, Str value)
{
    res_header_remove(res, name);
    res_header_add(res, name, value);
}

bool res_header_has(const Res *res, Str name)
{
    if (res->defaults & default_flag(name)) return true;
    for (size_t i = 0; i < res->header_count; i++)
        if (str_eq_nocase(res->headers[i].name, name)) return true;
    return false;
}

/* ---- whole bodies ---- */

static bool wants_compression(const Res *res, int status, Str body)
{
    Str path = res->request->req.path;
    return status == 200 && body.len >= COMPRESS_FROM_BYTES && !str_starts(path, S("/api/")) &&
           !res_header_has(res, S("Content-Encoding"));
}

/* `tail` is sent behind the body: the newline that ends JSON. */
static Error *answer(Res *res, int status, Str content_type, Str body, Str tail)
{
    Request *r = res->request;
    if (res->head_sent) return res_send_head(res, status, 0);
    if (content_type.len > 0) res_header(res, S("Content-Type"), content_type);
    if (wants_compression(res, status, body)) {
        Str encoding;
        if (res_compress(&r->req, content_type, &body, &encoding)) {
            res_header(res, S("Content-Encoding"), encoding);
            res_header_add(res, S("Vary"), S("Accept-Encoding"));
            tail = S("");
        }
    }
    Error *err = output_take(r, body.len);
    if (err) return err;
    err = res_send_head(res, status, (int64_t)(body.len + tail.len));
    if (err) return err;
    return res_send_whole(res, body, tail);
}

Error *res_empty(Res *res, int status)
{
    return answer(res, status, S(""), S(""), S(""));
}

Error *res_text(Res *res, int status, Str text)
{
    return answer(res, status, S("text/plain; charset=utf-8"), text, S(""));
}

Error *res_bytes(Res *res, int status, Str content_type, Str bytes)
{
    return answer(res, status, content_type, bytes, S(""));
}

Error *res_redirect(Res *res, int status, Str location)
{
    res_header(res, S("Location"), location);
    return res_empty(res, status);
}

/* The picker is asked only when the query mentions it at all. */
static Error *filter(Res *res, int status, Str *json)
{
    Request *r = res->request;
    if (!r->server->config.filter_json || status < 200 || status > 299) return NULL;
    if (r->req.query_string.len == 0 || str_find(r->req.query_string, S("fields")) < 0) return NULL;
    return r->server->config.filter_json(&r->req, json);
}

static bool ends_in_newline(Str s)
{
    return s.len > 0 && s.ptr[s.len - 1] == '\n';
}

Error *res_json_text(Res *res, int status, Str json)
{
    Error *err = filter(res, status, &json);
    if (err) return err;
    return answer(res, status, S("application/json"), json,
                  ends_in_newline(json) ? S("") : S("\n"));
}

Error *res_json(Res *res, int status, const Json *value)
{
    Buf out = buf_new(res->request->req.arena, 1024);
    json_write(&out, value);
    buf_char(&out, '\n');
    return res_json_text(res, status, buf_str(&out));
}

/* ---- streams ---- */

Error *res_stream_start(Res *res, int status, Str content_type)
{
    res_header(res, S("Content-Type"), content_type);
    res->streaming = true;
    Error *err = res_send_head(res, status, -1);
    if (err) return err;
    return res_flush(res);
}

Error *res_stream_write(Res *res, Str bytes)
{
    return res_send_bytes(res, bytes);
}

Error *res_stream_end(Res *res)
{
    return res_finish(res);
}

bool res_is_closed(const Res *res)
{
    const Conn *c = res->request->conn;
    return res->failed || !conn_alive(c) || (res->streaming && c->peer_eof);
}

int res_status(const Res *res)
{
    return res->status;
}

uint64_t res_sent_bytes(const Res *res)
{
    return res->sent_bytes;
}
