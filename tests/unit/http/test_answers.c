/* test_answers.c - what an answer says: its headers, its errors, which route gave it, to whom. */
#include "harness.h"

#include <stdatomic.h>

static _Atomic int deferred, after_calls, after_status;

/* ---- handlers ---- */

static void count_deferred(void *arg)
{
    atomic_fetch_add(&deferred, 1);
}

static Error *handle_outgrow(Req *req, Res *res)
{
    arena_defer(req->arena, count_deferred, NULL);
    for (int i = 0; i < 1000000; i++)
        arena_bytes(req->arena, 10000);
    return NULL;
}

static Error *handle_silent(Req *req, Res *res)
{
    return NULL;
}

static Error *handle_fault(Req *req, Res *res)
{
    res_header(res, S("Content-Disposition"), S("attachment"));
    Error *err = error_field(req->arena, S("title"), "validation_required", S("Cannot be blank."));
    return error_summary(err, S("Failed to create record."));
}

static Error *handle_headers(Req *req, Res *res)
{
    res_header_remove(res, S("x-frame-options"));
    res_header(res, S("X-One"), S("1"));
    res_header(res, S("x-one"), S("2"));
    res_header_add(res, S("Set-Cookie"), S("a=b"));
    for (int i = 0; i < 30; i++)
        res_header_add(res, S("X-Many"), S("many"));
    return res_json_text(res, 200, S("{\"a\":1}"));
}

static Error *handle_params(Req *req, Res *res)
{
    return res_text(res, 200,
                    str_printf(req->arena, "%s a=%.*s b=%.*s q=%.*s ip=%.*s", req->route->tag,
                               STR_ARG(req_param(req, "a")), STR_ARG(req_param(req, "b")),
                               STR_ARG(req_query(req, S("q"))), STR_ARG(req->remote_ip)));
}

static Error *handle_redirect(Req *req, Res *res)
{
    return res_redirect(res, 302, S("/api/hello"));
}

static const Route ROUTES[] = {
    {"GET", "/api/outgrow", handle_outgrow, 0, NULL},
    {"GET", "/api/silent", handle_silent, 0, NULL},
    {"GET", "/api/fault", handle_fault, 0, NULL},
    {"GET", "/api/headers", handle_headers, 0, NULL},
    {"GET", "/api/redirect", handle_redirect, 0, NULL},
    {"GET", "/api/forbidden", handle_hello, 1, NULL},
    {"GET", "/api/r/fixed", handle_params, 0, "fixed"},
    {"GET", "/api/r/{a}", handle_params, 0, "one"},
    {"POST", "/api/r/{a}", handle_params, 0, "post"},
    {"GET", "/api/r/{a}/x/{b}", handle_params, 0, "two"},
    {"GET", "/api/r/fixed/y", handle_params, 0, "fixed y"},
    {"GET", "/api/r/{a}/{b...}", handle_params, 0, "rest"},
};

static Error *before(Req *req, Res *res)
{
    if (req->route->flags & 1) return error_status(req->arena, 403);
    return NULL;
}

static void after(Req *req, const Res *res, const Error *err)
{
    atomic_store(&after_status, res_status(res));
    atomic_fetch_add(&after_calls, 1);
}

static Error *filter_json(Req *req, Str *json)
{
    *json = S("{\"filtered\":true}");
    return NULL;
}

/* ---- the world ---- */

static World world;
static Answer answer;

static int start(void **state)
{
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    HttpLimits limits = http_limits_default();
    limits.request_arena_bytes = 24 << 20;
    deferred = after_calls = after_status = 0;
    world_start(&world, (HttpConfig){.tables = &table,
                                     .table_count = 1,
                                     .limits = limits,
                                     .origins = S("https://*.good.example,https://one.example"),
                                     .before = before,
                                     .after = after,
                                     .filter_json = filter_json});
    log_configure((LogLevel)(LOG_ERROR + 1), LOG_TEXT); /* the faults below are meant */
    return 0;
}

static int stop(void **state)
{
    world_stop(&world);
    return 0;
}

static void ask(const char *raw)
{
    world_ask(&world, raw, &answer);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- tests ---- */

static void handlers_gone_wrong_are_answered(void **state)
{
    int fd = dial(&world);
    send_text(fd, GET("/api/outgrow"));
    assert_true(read_answer(fd, false, &answer));
    check_int("outgrown", answer.status, 500);
    assert_true(counter_reaches(&deferred, 1));
    send_text(fd, GET("/api/silent"));
    assert_true(read_answer(fd, false, &answer));
    check_int("silent", answer.status, 500);
    send_text(fd, GET("/api/fault"));
    assert_true(read_answer(fd, false, &answer));
    check_str("fault", answer.body,
              "{\"data\":{\"title\":{\"code\":\"validation_required\","
              "\"message\":\"Cannot be blank.\"}},"
              "\"message\":\"Failed to create record.\",\"status\":400}\n");
    check_bool("no header of the handler's", answer_header(&answer, "content-disposition").ptr,
               false);
    check_str("type", answer_header(&answer, "content-type"), "application/json");
    send_text(fd, GET("/api/forbidden"));
    assert_true(read_answer(fd, false, &answer));
    check_int("before", answer.status, 403);
    assert_true(counter_reaches(&after_calls, 4));
    check_int("logged", after_status, 403);
    close(fd);
}

static void headers_as_set(void **state)
{
    ask(GET("/api/headers"));
    check_str("replaced", answer_header(&answer, "x-one"), "2");
    check_bool("removed", answer_header(&answer, "x-frame-options").ptr, false);
    check_str("kept", answer_header(&answer, "x-xss-protection"), "1; mode=block");
    check_str("json", answer.body, "{\"a\":1}\n");
    ask(GET("/api/headers?fields=a"));
    check_str("filtered", answer.body, "{\"filtered\":true}\n");
    ask(GET("/api/fault?fields=a"));
    check_int("errors are not", answer.status, 400);
    ask("HEAD /api/headers HTTP/1.1\r\nHost: a\r\n\r\n");
    check_str("length of HEAD", answer_header(&answer, "content-length"), "8");
    ask(GET("/api/redirect"));
    check_int("redirect", answer.status, 302);
    check_str("location", answer_header(&answer, "location"), "/api/hello");
}

static void routes_are_found(void **state)
{
    static const struct {
        const char *raw, *body; /* NULL = 404 */
    } CASES[] = {
        {GET("/api/r/fixed"), "fixed a= b= q= ip=127.0.0.1"},
        {GET("/api/r/other"), "one a=other b= q= ip=127.0.0.1"},
        {GET("/api/r/a%2Fb%20c?x=1&q=x%20y+z&q=2"), "one a=a/b c b= q=x y z ip=127.0.0.1"},
        {"POST /api/r/fixed HTTP/1.1\r\nHost: a\r\n\r\n", "post a=fixed b= q= ip=127.0.0.1"},
        {GET("/api/r/fixed/x/2"), "two a=fixed b=2 q= ip=127.0.0.1"},
        {GET("/api/r/fixed/y"), "fixed y a= b= q= ip=127.0.0.1"},
        {GET("/api/r/1/x/2/3"), "rest a=1 b=x/2/3 q= ip=127.0.0.1"},
        {GET("/api/r/1/"), "rest a=1 b= q= ip=127.0.0.1"},
        {GET("/api/r/1/a%20b/c?q=%C3%A9"), "rest a=1 b=a b/c q=\xc3\xa9 ip=127.0.0.1"},
        {GET("/api/r/"), NULL},
        {GET("/api/r"), NULL},
        {GET("/api/r//x/2"), NULL},
        {GET("/api"), NULL},
        {GET("/"), NULL},
        {"DELETE /api/r/fixed HTTP/1.1\r\nHost: a\r\n\r\n", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ask(CASES[i].raw);
        check_int(CASES[i].raw, answer.status, CASES[i].body ? 200 : 404);
        check_str(CASES[i].raw, answer.body,
                  CASES[i].body ? CASES[i].body
                                : "{\"data\":{},\"message\":\"The requested resource wasn't "
                                  "found.\",\"status\":404}\n");
    }
}

static void origins_are_checked(void **state)
{
    static const struct {
        const char *origin, *allowed;
    } CASES[] = {
        {"https://one.example", "https://one.example"},
        {"https://a.good.example", "https://a.good.example"},
        {"https://a.b.good.example", "https://a.b.good.example"},
        {"https://good.example", NULL},
        {"https://one.example.evil", NULL},
        {"http://one.example", NULL},
        {"null", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char raw[300];
        snprintf(raw, sizeof(raw), "GET /api/none HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\n\r\n",
                 CASES[i].origin);
        ask(raw);
        Str allowed = answer_header(&answer, "access-control-allow-origin");
        check_bool(CASES[i].origin, allowed.ptr != NULL, CASES[i].allowed != NULL);
        if (CASES[i].allowed) check_str(CASES[i].origin, allowed, CASES[i].allowed);
        check_str(CASES[i].origin, answer_header(&answer, "vary"), "Origin");
        snprintf(raw, sizeof(raw),
                 "OPTIONS /x HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\n"
                 "Access-Control-Request-Headers: x-a, x-b\r\n\r\n",
                 CASES[i].origin);
        ask(raw);
        check_int("preflight", answer.status, 204);
        Str methods = answer_header(&answer, "access-control-allow-methods");
        check_bool("methods", methods.ptr != NULL, CASES[i].allowed != NULL);
        if (CASES[i].allowed)
            check_str("headers", answer_header(&answer, "access-control-allow-headers"),
                      "x-a, x-b");
    }
    assert_true(counter_reaches(&after_calls, (int)COUNT(CASES))); /* preflights are not logged */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(handlers_gone_wrong_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(headers_as_set, start, stop),
        cmocka_unit_test_setup_teardown(routes_are_found, start, stop),
        cmocka_unit_test_setup_teardown(origins_are_checked, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
