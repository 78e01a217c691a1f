/* serve.c - a request from its head to its end, on a fiber with an arena.
 *
 *     serve_start ─▶ fiber: ┌▶ head ─▶ route ─▶ before ─▶ handler ─▶ answer ─┐
 *                           └── next pipelined request, arena reset ◀────────┘
 *
 * The one place where errors become answers and log lines. Whatever happens in
 * a handler short of a crash (an error, an arena that outgrew its limit, no
 * answer at all) ends here, with the client answered or the connection closed.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define REQUESTS_PER_TURN 32  /* pipelined ones, then others get their turn */
#define OVERLOAD_HEADERS  128 /* more, and an overloaded server closes the connection */

/* ---- the pool ---- */

static Request *request_take(HttpLoop *hl)
{
    Request *r = hl->free_requests;
    if (r) {
        hl->free_requests = r->next_free;
        hl->free_request_count--;
        return r;
    }
    r = calloc(1, sizeof(Request));
    if (!r) return NULL;
    r->req.arena = arena_create("request", hl->server->config.limits.request_arena_bytes);
    arena_share(r->req.arena, &hl->server->request_memory);
    r->server = hl->server;
    r->hloop = hl;
    return r;
}

static void request_give_back(Request *r)
{
    HttpLoop *hl = r->hloop;
    r->conn = NULL;
    r->fiber = NULL;
    if (hl->free_request_count >= REQUESTS_POOLED) {
        arena_destroy(r->req.arena);
        free(r);
        return;
    }
    r->next_free = hl->free_requests;
    hl->free_requests = r;
    hl->free_request_count++;
}

void requests_free(HttpLoop *hl)
{
    while (hl->free_requests) {
        Request *r = hl->free_requests;
        hl->free_requests = r->next_free;
        arena_destroy(r->req.arena);
        free(r);
    }
    hl->free_request_count = 0;
}

/* ---- the head ---- */

static uint64_t began_ns(const Conn *c)
{
    bool at_once = c->head_from_ms == loop_now_ms(c->hloop->loop);
    return at_once ? clock_mono_ns() : c->head_from_ms * 1000000;
}

static void request_reset(Request *r)
{
    Conn *c = r->conn;
    const HttpConfig *config = &r->server->config;
    r->req = (Req){.arena = r->req.arena,
                   .remote_ip = str_make(c->remote_ip, c->remote_ip_len),
                   .app = config->app,
                   .started_ns = began_ns(c)};
    r->body = (ReqBody){.limit = config->limits.body_bytes};
    Res *res = &r->res;
    memset(res, 0, offsetof(Res, inline_headers));
    res->request = r;
    res->defaults = DEFAULT_ALL;
    res->headers = res->inline_headers;
    res->header_cap = INLINE_HEADERS;
    r->wait = WAIT_NONE;
    r->refused = 0;
    r->problem = NULL;
    r->silent = false;
    r->param_count = 0;
    r->body_cache = NULL;
}

static void note_body(Request *r, const Http1Head *head)
{
    ReqBody *b = &r->body;
    if (head->chunked) {
        b->kind = BODY_CHUNKED;
        b->chunked = chunked_new();
    } else if (head->content_length > 0) {
        b->kind = BODY_LENGTH;
        b->length = head->content_length;
    }
    b->done = b->kind == BODY_NONE;
    b->continue_pending = head->expect_continue;
}

/* Copies the head out of the input (which others will overwrite), takes it
 * apart there. Returns false when it is refused. */
static bool read_head(Request *r)
{
    Conn *c = r->conn;
    Arena *a = r->req.arena;
    size_t len = c->scan.head_bytes;
    char *copy = arena_bytes(a, len);
    Str input = conn_input(c);
    assert(input.ptr && input.len >= len);
    memcpy(copy, input.ptr, len);
    HttpHeader *headers = arena_new(a, HttpHeader, c->scan.lines);

    Http1Head head;
    r->refused = http1_parse(&c->scan, &r->server->config.limits, copy, headers, &head);
    c->in.start += (uint32_t)len;
    c->scan = (Http1Scan){0};
    c->requests++;
    r->problem = head.problem;
    if (r->refused) return false;

    Req *req = &r->req;
    req->is_head = head.method == HTTP_HEAD;
    req->method = req->is_head ? HTTP_GET : head.method;
    req->method_text = head.method_text;
    req->target = head.target;
    req->path = head.path;
    req->query_string = head.query_string;
    req->headers = head.headers;
    req->header_count = head.header_count;
    r->keep_alive = head.keep_alive;
    r->is_http10 = head.is_http10;
    note_body(r, &head);
    return true;
}

/* ---- the handler ---- */

static bool is_api(Str path)
{
    return str_starts(path, S("/api/")) || str_eq(path, S("/api"));
}

static Error *dispatch(Request *r)
{
    Req *req = &r->req;
    const HttpConfig *config = &r->server->config;

    int status;
    const Route *route = router_match(r->server->router, r, &status);
    if (status) return error_new(req->arena, status, S("Malformed percent-encoding in the URL."));
    if (!route) {
        bool may_be_file = req->method == HTTP_GET && config->public_dir.len > 0;
        if (may_be_file && !is_api(req->path)) return static_serve(req, &r->res);
        return error_status(req->arena, 404);
    }
    req->route = route;
    if (config->before) {
        Error *err = config->before(req, &r->res);
        if (err || r->res.status) return err;
    }
    return route->handler(req, &r->res);
}

static Error *run_handler(void *arg)
{
    Request *r = arg;
    if (!read_head(r)) return NULL;
    if (r->req.method == HTTP_OPTIONS) {
        r->silent = true;
        return cors_preflight(&r->req, &r->res);
    }
    Error *err = dispatch(r);
    if (!err && !r->res.status)
        return error_cause(r->req.arena, error_status(r->req.arena, 500), "no answer was given");
    return err;
}

/* ---- errors ---- */

static void log_failure(const Request *r, const Error *err)
{
    const Req *req = &r->req;
    if (err->status >= 500)
        log_error("http", "request failed", LOG_STR("method", req->method_text),
                  LOG_STR("path", req->path), LOG_INT("status", err->status),
                  LOG_STR("message", err->message), LOG_STR("cause", err->cause));
    else if (log_enabled(LOG_DEBUG))
        log_debug("http", "request refused", LOG_STR("method", req->method_text),
                  LOG_STR("path", req->path), LOG_INT("status", err->status),
                  LOG_STR("message", err->message), LOG_STR("cause", err->cause));
}

typedef struct {
    Request *request;
    Error *error;
} Failure;

static bool kept_with_errors(Str name)
{
    return str_eq_nocase(name, S("retry-after")) || str_eq_nocase(name, S("www-authenticate"));
}

/* The envelope, without what the handler had said about its own answer. */
static Error *send_envelope(void *arg)
{
    Failure *f = arg;
    Res *res = &f->request->res;
    Arena *a = f->request->req.arena;

    size_t kept = 0;
    for (size_t i = 0; i < res->header_count; i++)
        if (kept_with_errors(res->headers[i].name)) res->headers[kept++] = res->headers[i];
    res->header_count = kept;
    res->defaults = DEFAULT_ALL;
    if (f->error->status == 503 && !res_header_has(res, S("Retry-After")))
        res_header(res, S("Retry-After"), S("1"));

    int status = f->error->status >= 400 && f->error->status < 600 ? f->error->status : 500;
    return res_json(res, status, error_to_json(a, f->error));
}

static void answer_error(Request *r, Error *err)
{
    Res *res = &r->res;
    if (res->failed) return; /* nobody there to tell; not our fault either */
    log_failure(r, err);
    if (res->head_sent && res->head.len == 0) {
        conn_close(r->conn); /* part of the answer is out: an honest cut */
        return;
    }
    res->head = (Str){0}; /* rendered but not sent: taken back */
    res->head_sent = false;
    res->status = 0;

    Failure f = {r, err};
    err = arena_protect(r->req.arena, send_envelope, &f);
    if (!err || res->failed) return;
    send_refusal(r->conn, 500, true, r->req.is_head);
    res->status = 500;
    res->failed = true;
}

/* ---- one request ---- */

static void count_answer(const Request *r)
{
    HttpCounters *counters = &r->hloop->counters;
    count_add(&counters->requests, 1);
    if (r->res.status >= 500)
        count_add(&counters->responses_5xx, 1);
    else if (r->res.status >= 400)
        count_add(&counters->responses_4xx, 1);
}

static void serve_one(Request *r)
{
    request_reset(r);
    r->counted = true;
    r->hloop->in_flight++;

    Error *err = arena_protect(r->req.arena, run_handler, r);
    if (!r->refused) {
        if (err) answer_error(r, err);
        if (!r->res.finished && !r->res.failed) {
            log_error("http", "answer was not finished", LOG_STR("path", r->req.path));
            conn_close(r->conn);
        }
        count_answer(r);
        if (r->server->config.after && !r->silent) r->server->config.after(&r->req, &r->res, err);
    }
    if (r->counted) r->hloop->in_flight--;
    r->counted = false;
}

/* What becomes of the connection. True: it may serve another request. */
static bool settle(Request *r)
{
    Conn *c = r->conn;
    if (!conn_alive(c)) return false;
    if (c->stream) {
        conn_become_stream(c);
        return false;
    }
    if (r->refused) {
        log_debug("http", "malformed request", LOG_INT("status", r->refused),
                  LOG_STR("problem", str_from(r->problem)));
        send_refusal(c, r->refused, true, false);
        return false;
    }
    if (!r->res.failed && !r->res.close && body_drain(r)) return true;
    if (!conn_alive(c) || c->state == CONN_LINGER) return false;
    bool unread = !r->body.done || c->in.end > c->in.start;
    if (unread)
        conn_close_after_answer(c);
    else
        conn_close(c);
    return false;
}

static void request_fiber(void *arg)
{
    Request *r = arg;
    Conn *c = r->conn;
    HttpLoop *hl = r->hloop;
    r->fiber = fiber_current();

    int status = 0;
    bool open = true, more = true;
    for (unsigned turn = 1; open && more; turn++) {
        serve_one(r);
        open = settle(r);
        arena_reset(r->req.arena);
        more = open && conn_next_head(c, &status) && status == 0;
        if (more && turn % REQUESTS_PER_TURN == 0) {
            await_turn();
            open = conn_alive(c);
        }
    }

    c->request = NULL;
    hl->request_count--;
    request_give_back(r);
    if (status > 0 && conn_alive(c))
        send_refusal(c, status, true, false);
    else if (open && conn_alive(c))
        conn_wait_for_request(c);
    else
        conn_free_if_unused(c);
    hloop_check_stopped(hl);
}

/* ---- beginnings that come to nothing ---- */

/* 503 without fiber or arena. The connection stays when that is safe: new ones
 * would cost an overloaded server more. */
static void refuse_overload(Conn *c)
{
    const HttpLimits *limits = &c->hloop->server->config.limits;
    count_add(&c->hloop->counters.refused, 1);
    HttpHeader headers[OVERLOAD_HEADERS];
    Http1Head head;
    int status = 503;
    bool keep = false;
    if (c->scan.lines <= COUNT(headers)) {
        int bad = http1_parse(&c->scan, limits, conn_input(c).ptr, headers, &head);
        if (bad) status = bad;
        keep = !bad && head.keep_alive && !head.chunked && head.content_length == 0 &&
               !c->hloop->stopping;
    }
    c->in.start += (uint32_t)c->scan.head_bytes;
    c->scan = (Http1Scan){0};
    send_refusal(c, status, !keep, keep && head.method == HTTP_HEAD);
}

static bool start_fiber(Conn *c)
{
    HttpLoop *hl = c->hloop;
    Request *r = request_take(hl);
    if (!r) return false;
    r->conn = c;
    c->request = r;
    c->state = CONN_REQUEST;
    hl->request_count++;
    if (fiber_start(hl->loop, request_fiber, r)) return true;

    hl->request_count--;
    c->request = NULL;
    c->state = CONN_HEAD;
    request_give_back(r);
    return false;
}

void serve_start(Conn *c, int status)
{
    HttpLoop *hl = c->hloop;
    while (status == 0) {
        bool room = hl->in_flight < hl->server->config.limits.requests_in_flight;
        if (room && start_fiber(c)) return;
        refuse_overload(c);
        if (c->state != CONN_HEAD) return; /* closing */
        if (!conn_next_head(c, &status)) {
            conn_wait_for_request(c);
            return;
        }
    }
    send_refusal(c, status, true, false);
}
