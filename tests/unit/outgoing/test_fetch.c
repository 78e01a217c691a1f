#include "outgoing/outgoing.h"
#include "peer.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef struct {
    Arena *a;
    Outgoing *o;
} World;

static int world_setup(void **state)
{
    Arena *a = arena_create("test", 64 << 20);
    World *w = arena_new(a, World, 1);
    w->a = a;
    OutgoingConfig config = outgoing_config_default();
    config.threads = 2;
    check_ok("create", outgoing_create(a, &config, &w->o));
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    World *w = *state;
    outgoing_destroy(w->o);
    arena_destroy(w->a);
    return 0;
}

static Str peer_url(Arena *a, const Peer *p, const char *rest)
{
    return str_printf(a, "http://127.0.0.1:%d%s", p->port, rest);
}

#define OK_HELLO                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\nx-ONE: b\r\nConnection: close\r\n\r\n"    \
    "hello"

static void a_request_and_its_answer(void **state)
{
    World *w = *state;
    Peer p = {.answer = OK_HELLO};
    peer_start(&p);
    FetchHeader headers[] = {{S("X-Mine"), S("yes")}, {S("X-Empty"), S("")}};
    FetchRequest request = {
        .url = peer_url(w->a, &p, "/x?y=1"), .headers = headers, .header_count = 2};
    FetchResponse answer;
    check_ok("get", http_fetch(w->o, w->a, &request, &answer));
    check_int("status", answer.status, 200);
    check_str("body", answer.body, "hello");
    check_int("bytes", answer.body_bytes, 5);
    check_str("header", fetch_header(&answer, S("x-one")), "a");
    check_int("headers", answer.header_count, 4);
    request.method = "POST";
    request.body = S("{\"a\":1}");
    request.headers = (FetchHeader[]){{S("Content-Type"), S("application/json")}};
    request.header_count = 1;
    check_ok("post", http_fetch(w->o, w->a, &request, &answer));
    request.method = "DELETE";
    request.body = S("");
    request.header_count = 0;
    check_ok("delete", http_fetch(w->o, w->a, &request, &answer));
    peer_stop(&p);
    assert_non_null(strstr(p.heard, "GET /x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(p.heard, "X-Mine: yes\r\n"));
    assert_non_null(strstr(p.heard, "X-Empty:"));
    assert_non_null(strstr(p.heard, "POST /x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(p.heard, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(p.heard, "\r\n\r\n{\"a\":1}"));
    assert_non_null(strstr(p.heard, "DELETE /x?y=1 HTTP/1.1\r\n"));
    assert_null(strstr(p.heard, "Expect"));
    assert_null(strstr(p.heard, "form-urlencoded"));
}

static void bodies_have_a_limit(void **state)
{
    World *w = *state;
    Peer p = {.answer = OK_HELLO};
    peer_start(&p);
    FetchRequest request = {.url = peer_url(w->a, &p, "/"), .max_bytes = 4};
    FetchResponse answer;
    check_code("one too many", http_fetch(w->o, w->a, &request, &answer), "outgoing_too_large");
    request.flags = FETCH_CUT;
    check_ok("cut", http_fetch(w->o, w->a, &request, &answer));
    check_str("cut", answer.body, "hell");
    check_bool("cut", answer.cut, true);
    request.max_bytes = 5;
    check_ok("just enough", http_fetch(w->o, w->a, &request, &answer));
    check_bool("just enough", answer.cut, false);
    peer_stop(&p);
}

static void streams_from_and_to_files(void **state)
{
    World *w = *state;
    Peer p = {.answer = OK_HELLO};
    peer_start(&p);
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    FetchRequest request = {.method = "PUT",
                            .url = peer_url(w->a, &p, "/put"),
                            .body_from_fd = true,
                            .body_fd = fd,
                            .body_offset = 2,
                            .body_len = 5,
                            .to_sink = true,
                            .sink_fd = fd};
    FetchResponse answer;
    check_ok("put", http_fetch(w->o, w->a, &request, &answer));
    check_int("bytes", answer.body_bytes, 5);
    check_int("nothing in memory", answer.body.len, 0);
    char back[16] = {0};
    assert_int_equal(pread(fd, back, 15, 0), 15);
    assert_string_equal(back, "0123456789hello");
    request.body_len = 50; /* more than there is */
    check_bool("short file", http_fetch(w->o, w->a, &request, &answer) != NULL, true);
    request.body_len = 5;
    request.max_bytes = 4;
    check_code("sink limit", http_fetch(w->o, w->a, &request, &answer), "outgoing_too_large");
    close(fd);
    peer_stop(&p);
    assert_non_null(strstr(p.heard, "PUT /put HTTP/1.1\r\n"));
    assert_non_null(strstr(p.heard, "\r\n\r\n23456"));
}

static void an_error_page_is_kept_in_memory(void **state)
{
    World *w = *state;
    Peer p = {.answer =
                  "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"};
    peer_start(&p);
    FetchRequest request = {.url = peer_url(w->a, &p, "/"), .to_sink = true, .sink_fd = -1};
    FetchResponse answer;
    check_ok("404", http_fetch(w->o, w->a, &request, &answer));
    check_int("404", answer.status, 404);
    check_str("404", answer.body, "nope");
    peer_stop(&p);
}

static void redirects_are_followed_when_asked(void **state)
{
    World *w = *state;
    Peer target = {.answer = OK_HELLO};
    peer_start(&target);
    Str redirect = str_printf(w->a,
                              "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/there\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n",
                              target.port);
    Peer p = {.answer = arena_cstr(w->a, redirect)};
    peer_start(&p);
    FetchHeader secret = {S("Authorization"), S("Bearer hush")};
    FetchRequest request = {.url = peer_url(w->a, &p, "/"), .headers = &secret, .header_count = 1};
    FetchResponse answer;
    check_ok("not followed", http_fetch(w->o, w->a, &request, &answer));
    check_int("not followed", answer.status, 302);
    request.max_redirects = 1;
    check_ok("followed", http_fetch(w->o, w->a, &request, &answer));
    check_int("followed", answer.status, 200);
    check_str("of the last one", fetch_header(&answer, S("location")), "");
    request.flags = FETCH_HTTPS_ONLY;
    check_code("http", http_fetch(w->o, w->a, &request, &answer), "outgoing_bad_request");
    peer_stop(&p);
    peer_stop(&target);
    assert_non_null(strstr(p.heard, "Bearer hush"));
    assert_null(strstr(target.heard, "hush")); /* another port is another server */
}

static void private_addresses_are_refused_in_any_spelling(void **state)
{
    static const char *const HOSTS[] = {
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "127.0.0.1.",
        "user:pw@127.0.0.1",
    };
    World *w = *state;
    Peer p = {.answer = OK_HELLO};
    peer_start(&p);
    for (size_t i = 0; i < COUNT(HOSTS); i++) {
        Str url = str_printf(w->a, "http://%s:%d/", HOSTS[i], p.port);
        FetchRequest request = {.url = url, .flags = FETCH_PUBLIC_ONLY, .timeout_ms = 5000};
        FetchResponse answer;
        Error *err = http_fetch(w->o, w->a, &request, &answer);
        check_bool(HOSTS[i], err != NULL, true);
        if (err->code && strcmp(err->code, "outgoing_unreachable") == 0)
            continue; /* no such name */
        check_code(HOSTS[i], err, "outgoing_address");
    }
    check_int("nobody came", p.connections, 0);

    /* Also at the end of a redirect, and unless the owner allows it. */
    OutgoingConfig config = outgoing_config_default();
    config.threads = 1;
    Str loopback = S("127.0.0.0/8");
    config.allow = &loopback;
    config.allow_count = 1;
    Outgoing *allowing;
    check_ok("create", outgoing_create(w->a, &config, &allowing));
    FetchRequest request = {.url = peer_url(w->a, &p, "/"), .flags = FETCH_PUBLIC_ONLY};
    FetchResponse answer;
    check_ok("allowed", http_fetch(allowing, w->a, &request, &answer));
    outgoing_destroy(allowing);
    peer_stop(&p);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    static const char *const URLS[] = {
        "",           "x",    "ftp://a/", "file:///etc/passwd", "http://a b/", "http://a/\r\nX: y",
        "gopher://a", "//a/", "http://"};
    World *w = *state;
    FetchResponse answer;
    for (size_t i = 0; i < COUNT(URLS); i++) {
        FetchRequest request = {.url = str_from(URLS[i])};
        check_code(URLS[i], http_fetch(w->o, w->a, &request, &answer), "outgoing_bad_request");
    }
    static const FetchHeader HEADERS[] = {
        {STR_INIT("X"), STR_INIT("a\r\nY: b")},
        {STR_INIT("X Y"), STR_INIT("a")},
        {STR_INIT(""), STR_INIT("a")},
        {STR_INIT("X: a\n"), STR_INIT("a")},
    };
    for (size_t i = 0; i < COUNT(HEADERS); i++) {
        FetchRequest request = {
            .url = S("http://127.0.0.1/"), .headers = &HEADERS[i], .header_count = 1};
        check_code("header", http_fetch(w->o, w->a, &request, &answer), "outgoing_bad_request");
    }
}

static void nobody_there_and_too_slow(void **state)
{
    World *w = *state;
    FetchResponse answer;
    Peer gone = {0};
    peer_bind(&gone); /* its port is nobody else's, and nobody listens */
    FetchRequest request = {.url = peer_url(w->a, &gone, "/?secret=1")};
    Error *err = http_fetch(w->o, w->a, &request, &answer);
    close(gone.fd);
    check_code("refused", err, "outgoing_unreachable");
    assert_true(str_find(err->cause, S("secret")) < 0);

    Peer slow = {.answer = "STALL\n", .smtp = true};
    peer_start(&slow);
    request = (FetchRequest){.url = peer_url(w->a, &slow, "/"), .timeout_ms = 300};
    uint64_t started = clock_mono_ms();
    err = http_fetch(w->o, w->a, &request, &answer);
    check_code("slow", err, "outgoing_timeout");
    check_int("slow", err->status, 504);
    check_bool("in time", clock_mono_ms() - started < 20000, true);
    peer_stop(&slow);
}

static void *stop_soon(void *arg)
{
    await_sleep(200);
    outgoing_stop(arg);
    return NULL;
}

static void a_stop_ends_what_is_under_way(void **state)
{
    World *w = *state;
    Peer slow = {.answer = "STALL\n", .smtp = true};
    peer_start(&slow);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_soon, w->o);
    FetchRequest request = {.url = peer_url(w->a, &slow, "/"), .timeout_ms = 20000};
    FetchResponse answer;
    uint64_t started = clock_mono_ms();
    check_code("stopped", http_fetch(w->o, w->a, &request, &answer), "outgoing_stopped");
    check_bool("at once", clock_mono_ms() - started < 15000, true);
    check_code("nothing new", http_fetch(w->o, w->a, &request, &answer), "outgoing_stopped");
    pthread_join(thread, NULL);
    peer_stop(&slow);
}

/* ---- in fibers ---- */

typedef struct {
    World *w;
    Peer *p;
    Loop *loop;
    int left;
} Crowd;

static void fiber_fetch(void *arg)
{
    Crowd *c = arg;
    Arena *a = arena_create("fiber", 0);
    FetchRequest request = {.url = peer_url(a, c->p, "/")};
    FetchResponse answer;
    check_ok("in a fiber", http_fetch(c->w->o, a, &request, &answer));
    check_str("in a fiber", answer.body, "hello");
    arena_destroy(a);
    if (--c->left == 0) loop_stop(c->loop);
}

static void start_fibers(void *arg)
{
    Crowd *c = arg;
    for (int i = c->left; i > 0; i--)
        assert_true(fiber_start(c->loop, fiber_fetch, c));
}

static void many_fibers_wait_for_one_pool(void **state)
{
    World *w = *state;
    Peer p = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
    peer_start(&p);
    Crowd c = {.w = w, .p = &p, .left = 20};
    check_ok("loop", loop_create(w->a, 0, &c.loop));
    loop_post(c.loop, start_fibers, &c);
    loop_run(c.loop);
    loop_destroy(c.loop);
    check_int("all", c.left, 0);
    peer_stop(&p);
}

#define test_with_world(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_world(a_request_and_its_answer),
        test_with_world(bodies_have_a_limit),
        test_with_world(streams_from_and_to_files),
        test_with_world(an_error_page_is_kept_in_memory),
        test_with_world(redirects_are_followed_when_asked),
        test_with_world(private_addresses_are_refused_in_any_spelling),
        test_with_world(what_cannot_be_sent_is_refused),
        test_with_world(nobody_there_and_too_slow),
        test_with_world(a_stop_ends_what_is_under_way),
        test_with_world(many_fibers_wait_for_one_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
