/* context.c - the hooks around handlers. */
#include "app/context.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "logs/logs.h"

typedef struct {
    Context cx; /* first: Req.context is a Context * for everybody else */
    const FieldsPick *pick;
} RequestContext;

Str header_snake_case(Arena *a, Str name)
{
    char *out = arena_bytes(a, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        out[i] = (char)(word ? c : '_');
    }
    return str_make(out, name.len);
}

/* @request.query and @request.headers, made when a rule first asks. */
static void query_and_headers(void *arg, Arena *a, Json **query, Json **headers)
{
    Req *req = arg;
    *query = req_query_all(req);
    *headers = json_new_object(a);
    for (size_t i = 0; i < req->header_count; i++) {
        Str key = header_snake_case(a, req->headers[i].name);
        if (!json_get(*headers, key)) json_set_str(a, *headers, key, req->headers[i].value);
    }
}

static Error *fields_read(Req *req, RequestContext *rc)
{
    if (req->query_string.len == 0) return NULL;
    Str fields = req_query(req, S("fields"));
    if (fields.len == 0) return NULL;
    FieldsPick *pick;
    Error *err = fields_parse(req->arena, fields, &pick);
    rc->pick = pick;
    return err;
}

Error *context_before(Req *req, Res *res)
{
    (void)res;
    RequestContext *rc = arena_new(req->arena, RequestContext, 1);
    Context *cx = &rc->cx;
    req->context = cx;
    cx->app = req->app;
    cx->schema = schema_hold(cx->app->schema, req->arena);
    cx->settings = settings_hold(cx->app->settings, req->arena);
    cx->real_ip = caller_ip(req, cx->settings);
    cx->info = (RequestInfo){
        .context = S("default"),
        .method = req->method_text,
        .ip = cx->real_ip,
        .lazy = query_and_headers,
        .lazy_arg = req,
        .now_ms = clock_wall_ms(),
    };

    Error *err = auth_load(req, cx);
    if (err) return err;
    err = rate_limit_check(req, cx);
    if (err) return err;
    return fields_read(req, rc);
}

Error *context_filter_json(Req *req, Str *json)
{
    const RequestContext *rc = req->context;
    if (!rc || !rc->pick) return NULL;
    Arena *a = req->arena;
    Json *value;
    Error *err = json_parse(a, *json, NULL, &value);
    if (err) return error_cause(a, error_status(a, 500), "fields: our own JSON did not parse");
    Buf out = buf_new(a, json->len + 1);
    json_write(&out, fields_apply(a, rc->pick, value));
    buf_char(&out, '\n');
    *json = buf_str(&out);
    return NULL;
}

void context_after(Req *req, const Res *res, const Error *err)
{
    const App *app = req->app;
    logs_request(app->logs, req, res, err);
    if (!log_enabled(LOG_DEBUG)) return;
    log_debug(
        "http", "request", LOG_STR("method", req->method_text), LOG_STR("target", req->target),
        LOG_INT("status", res_status(res)), LOG_INT("bytes", res_sent_bytes(res)),
        LOG_INT("us", (clock_mono_ns() - req->started_ns) / 1000), LOG_STR("ip", req->remote_ip));
}
