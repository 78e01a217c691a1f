/* hello_http.c - http/ alone: one loop, one route with a small JSON answer.
 *
 *     hello_http [port]       CPU per request against hello_uv: what http/ costs
 */
#include "http/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static Error *handle_hello(Req *req, Res *res)
{
    return res_json_text(res, 200, S("{\"message\":\"hello\",\"code\":200}\n"));
}

static HttpServer *server;

static void on_signal(uv_signal_t *handle, int number)
{
    uv_close((uv_handle_t *)handle, NULL);
    http_server_stop(server);
}

static void check(const Error *err)
{
    if (!err) return;
    (void)fprintf(stderr, "%.*s %.*s\n", STR_ARG(err->message), STR_ARG(err->cause));
    exit(1);
}

int main(int argc, char **argv)
{
    static const Route ROUTES[] = {{"GET", "/api/hello", handle_hello, 0, NULL}};
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    Arena *a = arena_create("bench", 0);
    HttpConfig config = {.tables = &table,
                         .table_count = 1,
                         .limits = http_limits_default(),
                         .origins = S("*"),
                         .temp_dir = S("/tmp")};
    config.limits.requests_per_connection = 1000000000;

    Loop *loop;
    int fd, port;
    check(loop_create(a, 0, &loop));
    check(http_server_create(a, &config, &server));
    check(http_listen(a, str_printf(a, "127.0.0.1:%s", argc > 1 ? argv[1] : "8091"), &fd, &port));
    check(http_server_attach(server, a, loop, fd));

    uv_signal_t on_term;
    uv_signal_init(loop_uv(loop), &on_term);
    uv_signal_start(&on_term, on_signal, SIGTERM);
    loop_run(loop);
    http_server_destroy(server);
    loop_destroy(loop);
    arena_destroy(a);
    return 0;
}
