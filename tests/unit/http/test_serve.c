/* A whole server under well-meaning, slow, greedy and vanishing clients. */
#include "harness.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define BIG_BYTES (6 << 20)

static char *big; /* BIG_BYTES of something recognisable */
static _Atomic int deferred, closed_seen, after_calls, after_status, handler_begun, handler_ended,
    let_go;

/* ---- handlers ---- */

static Error *handle_count_body(Req *req, Res *res)
{
    Str body;
    Error *err = req_body_bytes(req, 16 << 20, &body);
    if (err) return err;
    uint64_t sum = 0;
    for (size_t i = 0; i < body.len; i++)
        sum += (unsigned char)body.ptr[i];
    return res_text(res, 200,
                    str_printf(req->arena, "%zu %llu", body.len, (unsigned long long)sum));
}

static void count_deferred(void *arg)
{
    atomic_fetch_add(&deferred, 1);
}

/* Sleeps ?ms=… and says whether the client was still there. */
static Error *handle_sleep(Req *req, Res *res)
{
    uint64_t ms = 0;
    arena_defer(req->arena, count_deferred, NULL);
    (void)str_to_u64(req_query(req, S("ms")), &ms);
    atomic_fetch_add(&handler_begun, 1);
    await_sleep(ms);
    if (res_is_closed(res)) atomic_fetch_add(&closed_seen, 1);
    atomic_fetch_add(&handler_ended, 1);
    return res_text(res, 200, S("slept"));
}

/* Works until its client has gone, and says that it saw that. */
static Error *handle_left(Req *req, Res *res)
{
    arena_defer(req->arena, count_deferred, NULL);
    atomic_fetch_add(&handler_begun, 1);
    for (int i = 0; i < 30000 && !res_is_closed(res); i++)
        await_sleep(2);
    if (res_is_closed(res)) atomic_fetch_add(&closed_seen, 1);
    atomic_fetch_add(&handler_ended, 1);
    return res_text(res, 200, S("left"));
}

/* Waits until the test lets it go on. */
static Error *handle_held(Req *req, Res *res)
{
    arena_defer(req->arena, count_deferred, NULL);
    atomic_fetch_add(&handler_begun, 1);
    while (!atomic_load(&let_go))
        await_sleep(2);
    if (res_is_closed(res)) atomic_fetch_add(&closed_seen, 1);
    atomic_fetch_add(&handler_ended, 1);
    return res_text(res, 200, S("held"));
}

static Error *handle_big(Req *req, Res *res)
{
    arena_defer(req->arena, count_deferred, NULL);
    return res_bytes(res, 200, S("application/octet-stream"), str_make(big, BIG_BYTES));
}

static Error *handle_big_file(Req *req, Res *res)
{
    int fd = memfd_create("big", MFD_CLOEXEC);
    assert_true(write(fd, big, BIG_BYTES) == BIG_BYTES);
    ResFile file = {.fd = fd,
                    .owned = true,
                    .size_bytes = BIG_BYTES,
                    .content_type = S("application/octet-stream")};
    return res_file(res, &file);
}

static Error *handle_big_stream(Req *req, Res *res)
{
    Error *err = res_stream_start(res, 200, S("text/plain"));
    for (size_t at = 0; !err && at < BIG_BYTES; at += 100000)
        err = res_stream_write(res, str_sub(str_make(big, BIG_BYTES), at, 100000));
    if (err) return err;
    return res_stream_end(res);
}

/* Waits for nothing but its client's end. */
static Error *handle_subscribe(Req *req, Res *res)
{
    arena_defer(req->arena, count_deferred, NULL);
    Error *err = res_stream_start(res, 200, S("text/event-stream"));
    if (err) return err;
    err = res_stream_write(res, S("data: 1\n\n"));
    if (err) return err;
    atomic_fetch_add(&handler_begun, 1);
    while (!res_is_closed(res))
        await_sleep(5);
    atomic_fetch_add(&closed_seen, 1);
    return res_stream_end(res);
}

static const Route ROUTES[] = {
    {"GET", "/api/hello", handle_hello, 0, NULL},
    {"POST", "/api/echo", handle_echo_bytes, 0, NULL},
    {"POST", "/api/count", handle_count_body, 0, NULL},
    {"GET", "/api/sleep", handle_sleep, 0, NULL},
    {"GET", "/api/left", handle_left, 0, NULL},
    {"GET", "/api/held", handle_held, 0, NULL},
    {"GET", "/api/big", handle_big, 0, NULL},
    {"GET", "/api/file", handle_big_file, 0, NULL},
    {"GET", "/api/stream", handle_big_stream, 0, NULL},
    {"GET", "/api/subscribe", handle_subscribe, 0, NULL},
};

static void after(Req *req, const Res *res, const Error *err)
{
    atomic_store(&after_status, res_status(res));
    atomic_fetch_add(&after_calls, 1);
}

/* ---- the world ---- */

static World world;
static Answer answer;

static HttpLimits short_limits(void)
{
    HttpLimits l = http_limits_default();
    l.header_timeout_ms = 1000;
    l.idle_timeout_ms = 600;
    l.body_grace_ms = 150;
    l.write_stall_ms = 400;
    l.shutdown_ms = 1500;
    l.requests_in_flight = 3;
    l.connections = 40;
    l.request_arena_bytes = 24 << 20;
    return l;
}

static void start_with(HttpLimits limits, const char *origins)
{
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    deferred = closed_seen = after_calls = after_status = handler_begun = handler_ended = let_go =
        0;
    world_start(&world, (HttpConfig){.tables = &table,
                                     .table_count = 1,
                                     .limits = limits,
                                     .origins = str_from(origins),
                                     .after = after});
    log_configure((LogLevel)(LOG_ERROR + 1), LOG_TEXT); /* the faults below are meant */
}

static int start_short(void **state)
{
    start_with(short_limits(), "https://*.good.example,https://one.example");
    return 0;
}

static int start_plain(void **state)
{
    start_with(http_limits_default(), "*");
    return 0;
}

/* As short, but for a client that may stand still. */
static int start_crowded(void **state)
{
    HttpLimits limits = short_limits();
    limits.header_timeout_ms = limits.idle_timeout_ms = PATIENCE_MS;
    start_with(limits, "*");
    return 0;
}

/* The client may stand still for a second as well. */
static int start_patient(void **state)
{
    HttpLimits limits = short_limits();
    limits.body_grace_ms = 1500;
    start_with(limits, "*");
    return 0;
}

static int stop_world(void **state)
{
    world_stop(&world);
    return 0;
}

static void ask(const char *raw)
{
    world_ask(&world, raw, &answer);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void check_hello(void)
{
    ask("GET /api/hello HTTP/1.1\r\nHost: a\r\n\r\n");
    check_str("hello", answer.body, "hello");
}

/* ---- L2, L3, L4: the slow ---- */

static void unfinished_heads_time_out(void **state)
{
    int fds[20];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(&world);
        send_text(fds[i], "GET /api/hello HTTP/1.1\r\nHost");
    }
    uint64_t from = clock_mono_ms();
    check_hello(); /* nobody else is held up */
    for (size_t i = 0; i < COUNT(fds); i++) {
        assert_true(read_answer(fds[i], false, &answer));
        check_int("status", answer.status, 408);
        check_bool("closed", closes_within(fds[i], PATIENCE_MS), true);
        close(fds[i]);
    }
    check_bool("in time", clock_mono_ms() - from < 9000, true); /* 10 s is the default */
    check_int("counted", http_server_stats(world.server).timeouts, 20);
}

/* A byte now and then does not start the clock anew. */
static void dripping_heads_time_out(void **state)
{
    int fd = dial(&world);
    uint64_t from = clock_mono_ms();
    while (clock_mono_ms() - from < 9000 && send_text(fd, "A")) {
        char c;
        if (read_some(fd, &c, 1, 20) >= 0) break;
    }
    check_bool("in time", clock_mono_ms() - from < 9000, true); /* 10 s is the default */
    close(fd);
}

static void idle_connections_close(void **state)
{
    int silent = dial(&world), used = dial(&world);
    uint64_t from = clock_mono_ms();
    send_text(used, GET("/api/hello"));
    assert_true(read_answer(used, false, &answer));
    check_bool("used", closes_within(used, PATIENCE_MS), true);
    check_bool("not at once", clock_mono_ms() - from >= 300, true);
    check_bool("silent", closes_within(silent, PATIENCE_MS), true);
    close(silent);
    close(used);
}

static void slow_bodies_are_cut(void **state)
{
    uint64_t from = clock_mono_ms();
    int fd = dial(&world);
    send_text(fd, "POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\nabc");
    while (clock_mono_ms() - from < 9000) { /* about 50 bytes a second */
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 20) > 0) break;
        send_text(fd, "x");
    }
    assert_true(read_answer(fd, false, &answer));
    check_int("status", answer.status, 408);
    check_bool("after the grace", clock_mono_ms() - from >= 150, true);
    check_bool("in time", clock_mono_ms() - from < 9000, true); /* 10 s is the default */
    close(fd);
}

static void steady_bodies_are_served(void **state)
{
    int fd = dial(&world);
    send_text(fd, "POST /api/count HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    for (int i = 0; i < 100; i++) { /* 5,000 bytes a second, for two seconds */
        await_sleep(20);
        char hundred[101] = {0};
        memset(hundred, 1, 100);
        send_bytes(fd, hundred, 100);
    }
    assert_true(read_answer(fd, false, &answer));
    check_str("body", answer.body, "10000 10000");
    close(fd);
}

static void stalled_readers_are_cut(void **state)
{
    static const char *const REQUESTS[] = {GET("/api/big"), GET("/api/file"), GET("/api/stream")};
    for (size_t i = 0; i < COUNT(REQUESTS); i++) {
        uint64_t before_count = http_server_stats(world.server).timeouts;
        int fd = dial(&world);
        send_text(fd, REQUESTS[i]);
        for (int k = 0;
             k < PATIENCE_MS / 10 && http_server_stats(world.server).timeouts == before_count; k++)
            await_sleep(10);
        check_int(REQUESTS[i], http_server_stats(world.server).timeouts, before_count + 1);
        check_hello();
        close(fd);
    }
    assert_true(counter_reaches(&deferred, 1));
}

/* ---- whole large answers ---- */

static void read_big(const char *name, const char *path)
{
    int fd = dial(&world);
    int small = 32768;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    send_text(fd, path);
    size_t got = 0;
    bool in_body = false, same = true;
    static char piece[65536];
    while (got < BIG_BYTES) {
        ssize_t n = read_some(fd, piece, sizeof(piece), PATIENCE_MS);
        if (n <= 0) break;
        Str part = str_make(piece, (size_t)n);
        if (!in_body) {
            ptrdiff_t end = str_find(part, S("\r\n\r\n"));
            assert_true(end >= 0); /* the head comes in one piece here */
            part = str_from_pos(part, (size_t)end + 4);
            in_body = true;
        }
        same = same && memcmp(part.ptr, big + got, part.len) == 0;
        got += part.len;
        if (got % 7 == 0) await_sleep(1);
    }
    check_int(name, got, BIG_BYTES);
    check_bool(name, same, true);
    send_text(fd, GET("/api/hello"));
    assert_true(read_answer(fd, false, &answer));
    check_str(name, answer.body, "hello");
    close(fd);
}

static void large_answers_arrive_whole(void **state)
{
    read_big("bytes", GET("/api/big"));
    read_big("file", GET("/api/file"));
}

static void large_bodies_arrive_whole(void **state)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < BIG_BYTES; i++)
        sum += (unsigned char)big[i];
    char expected[64];
    snprintf(expected, sizeof(expected), "%d %llu", BIG_BYTES, (unsigned long long)sum);

    int fd = dial(&world);
    char head[128];
    snprintf(head, sizeof(head),
             "POST /api/count HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BIG_BYTES);
    send_text(fd, head);
    send_bytes(fd, big, BIG_BYTES);
    send_text(fd, "POST /api/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    static Rest rest;
    rest.len = 0;
    assert_true(read_answer_rest(fd, false, &answer, &rest));
    check_str("length", answer.body, expected);
    for (size_t at = 0; at < BIG_BYTES; at += 30000) {
        size_t n = MIN(30000, BIG_BYTES - at);
        snprintf(head, sizeof(head), "%zx\r\n", n);
        send_text(fd, head);
        send_bytes(fd, big + at, n);
        send_text(fd, "\r\n");
    }
    send_text(fd, "0\r\n\r\n");
    assert_true(read_answer_rest(fd, false, &answer, &rest));
    check_str("chunked", answer.body, expected);
    close(fd);
}

static void many_pipelined_requests(void **state)
{
    static Rest rest;
    rest.len = 0;
    int fd = dial(&world);
    for (int i = 0; i < 500; i++)
        send_text(fd, i % 50 == 7 ? GET("/api/sleep?ms=1") : GET("/api/hello"));
    for (int i = 0; i < 500; i++) {
        if (!read_answer_rest(fd, false, &answer, &rest)) fail_msg("answer %d is missing", i);
        check_str("body", answer.body, i % 50 == 7 ? "slept" : "hello");
    }
    close(fd);
}

static void streams_are_chunked_or_end_with_the_connection(void **state)
{
    int fd = dial(&world);
    send_text(fd, "GET /api/subscribe HTTP/1.1\r\nHost: a\r\n\r\n");
    char text[4096] = {0};
    size_t len = 0;
    while (!strstr(text, "data: 1\n\n\r\n")) {
        ssize_t n = read_some(fd, text + len, sizeof(text) - 1 - len, PATIENCE_MS);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(text, "\r\n\r\n9\r\ndata: 1\n\n\r\n"));
    close(fd);
    assert_true(counter_reaches(&closed_seen, 1)); /* noticed without anything being sent */
    assert_true(counter_reaches(&deferred, 1));

    fd = dial(&world);
    send_text(fd, "GET /api/subscribe HTTP/1.0\r\n\r\n");
    len = 0;
    memset(text, 0, sizeof(text));
    while (!strstr(text, "\r\n\r\ndata: 1\n\n")) {
        ssize_t n = read_some(fd, text + len, sizeof(text) - 1 - len, PATIENCE_MS);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_null(strstr(text, "chunked"));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    close(fd);
    assert_true(counter_reaches(&closed_seen, 2));
}

/* ---- L6: the greedy ---- */

static void too_large_is_said_before_the_body(void **state)
{
    int fd = dial(&world);
    send_text(fd, "POST /api/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 200000\r\n\r\n");
    char text[2048] = {0};
    assert_true(read_some(fd, text, sizeof(text) - 1, PATIENCE_MS) > 0);
    assert_true(str_starts(str_from(text), S("HTTP/1.1 413 ")));
    check_bool("closed", closes_within(fd, PATIENCE_MS), true);
    close(fd);

    fd = dial(&world);
    send_text(fd, "POST /api/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 2\r\n\r\n");
    memset(text, 0, sizeof(text));
    assert_true(read_some(fd, text, sizeof(text) - 1, PATIENCE_MS) > 0);
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(fd, "ok");
    assert_true(read_answer(fd, false, &answer));
    check_str("body", answer.body, "ok");
    close(fd);
}

static void chunked_bodies_stop_at_the_limit(void **state)
{
    int fd = dial(&world);
    send_text(fd, "POST /api/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    char chunk[10000 + 16];
    size_t n = (size_t)snprintf(chunk, 16, "%x\r\n", 10000);
    memset(chunk + n, 'x', 10000);
    memcpy(chunk + n + 10000, "\r\n", 2);
    for (int i = 0; i < 15; i++)
        send_bytes(fd, chunk, n + 10002);
    assert_true(read_answer(fd, false, &answer));
    check_int("status", answer.status, 413);
    check_bool("closed", closes_within(fd, PATIENCE_MS), true);
    close(fd);
}

static void overload_is_refused_politely(void **state)
{
    int fds[6];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(&world);
        send_text(fds[i], GET("/api/held"));
        if (i < 3) assert_true(counter_reaches(&handler_begun, (int)i + 1));
    }
    for (size_t i = COUNT(fds); i-- > 0;) { /* those who are refused first */
        if (i == 2) atomic_store(&let_go, 1);
        assert_true(read_answer(fds[i], false, &answer));
        check_int("status", answer.status, i < 3 ? 200 : 503);
        if (i >= 3) check_str("retry", answer_header(&answer, "retry-after"), "1");
    }
    for (size_t i = 0; i < COUNT(fds); i++) { /* the connections are still good */
        send_text(fds[i], GET("/api/hello"));
        assert_true(read_answer(fds[i], false, &answer));
        check_str("later", answer.body, "hello");
        close(fds[i]);
    }
    check_int("counted", http_server_stats(world.server).refused_overload, 3);
}

static void connections_are_bounded(void **state)
{
    int fds[45];
    int refused = 0;
    uint64_t from = clock_mono_ms();
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = dial(&world);
    for (size_t i = 40; i < COUNT(fds); i++) {
        assert_true(read_answer(fds[i], false, &answer));
        refused += answer.status == 503;
    }
    check_int("refused", refused, 5);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    do { /* until it has noticed */
        ask(GET("/api/hello"));
    } while (answer.status == 503 && clock_mono_ms() - from < PATIENCE_MS);
    check_hello();
}

/* ---- ends ---- */

static void vanished_clients_leave_nothing(void **state)
{
    for (int i = 0; i < 3; i++) {
        int fd = dial(&world);
        send_text(fd, GET("/api/left"));
        assert_true(counter_reaches(&handler_begun, i + 1));
        struct linger hard = {1, 0}; /* a reset, not a farewell */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
    }
    assert_true(counter_reaches(&handler_ended, 3));
    assert_true(counter_reaches(&deferred, 3));
    check_int("seen", closed_seen, 3);
    check_hello();
}

static void requests_per_connection_are_bounded(void **state)
{
    int fd = dial(&world);
    for (int i = 1; i <= 3; i++) {
        send_text(fd, GET("/api/hello"));
        assert_true(read_answer(fd, false, &answer));
        check_bool("close", answer.close, i == 3);
    }
    check_bool("closed", closes_within(fd, PATIENCE_MS), true);
    close(fd);
}

static int start_three(void **state)
{
    HttpLimits limits = http_limits_default();
    limits.requests_per_connection = 3;
    start_with(limits, "*");
    return 0;
}

static void a_stop_lets_requests_finish(void **state)
{
    HttpLimits limits = short_limits();
    limits.shutdown_ms = 60000;
    limits.idle_timeout_ms = 60000;
    start_with(limits, "*");
    int idle = dial(&world), busy = dial(&world);
    send_text(idle, GET("/api/hello"));
    assert_true(read_answer(idle, false, &answer));
    send_text(busy, GET("/api/held"));
    assert_true(counter_reaches(&handler_begun, 1));
    uint64_t from = clock_mono_ms();
    http_server_stop(world.server);
    check_bool("idle closes", closes_within(idle, PATIENCE_MS), true);
    check_int("before those who work end", handler_ended, 0);
    atomic_store(&let_go, 1);
    assert_true(read_answer(busy, false, &answer));
    check_int("status", answer.status, 200);
    check_bool("says so", answer.close, true);
    world_stop(&world);
    check_bool("no longer than needed", clock_mono_ms() - from < 50000, true);
    close(idle);
    close(busy);
}

static void a_stop_has_an_end(void **state)
{
    HttpLimits limits = short_limits();
    limits.shutdown_ms = 200;
    start_with(limits, "*");
    int fd = dial(&world);
    send_text(fd, GET("/api/held"));
    assert_true(counter_reaches(&handler_begun, 1));
    http_server_stop(world.server);
    check_bool("cut off", closes_within(fd, PATIENCE_MS), true);
    check_int("before the handler ends", handler_ended, 0);
    atomic_store(&let_go, 1);
    world_stop(&world);
    check_int("cleaned up", deferred, 1);
    close(fd);
}

#define shortly(test) cmocka_unit_test_setup_teardown(test, start_short, stop_world)
#define plainly(test) cmocka_unit_test_setup_teardown(test, start_plain, stop_world)

int main(void)
{
    big = malloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 31 + i / 251);
    const struct CMUnitTest tests[] = {
        shortly(unfinished_heads_time_out),
        shortly(dripping_heads_time_out),
        shortly(idle_connections_close),
        shortly(slow_bodies_are_cut),
        cmocka_unit_test_setup_teardown(steady_bodies_are_served, start_patient, stop_world),
        shortly(stalled_readers_are_cut),
        plainly(large_answers_arrive_whole),
        plainly(large_bodies_arrive_whole),
        plainly(many_pipelined_requests),
        plainly(streams_are_chunked_or_end_with_the_connection),
        plainly(too_large_is_said_before_the_body),
        plainly(chunked_bodies_stop_at_the_limit),
        cmocka_unit_test_setup_teardown(overload_is_refused_politely, start_crowded, stop_world),
        cmocka_unit_test_setup_teardown(connections_are_bounded, start_crowded, stop_world),
        plainly(vanished_clients_leave_nothing),
        cmocka_unit_test_setup_teardown(requests_per_connection_are_bounded, start_three,
                                        stop_world),
        cmocka_unit_test(a_stop_lets_requests_finish),
        cmocka_unit_test(a_stop_has_an_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(big);
    return failed;
}
