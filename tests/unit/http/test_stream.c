/* Streams that outlive their request, under clients that read, stall and go. */
#include "harness.h"

#include <stdatomic.h>

#define STREAMS_MAX 64

/* What the server's side holds; its loop's thread only, but for the counters. */
static struct {
    HttpStream *stream[STREAMS_MAX];
    int count;
    HttpStreamLimits limits;
} hub;
static _Atomic int opened, closed, refused, fibers;

static void on_gone(void *arg)
{
    assert_null(fiber_current());
    hub.stream[(size_t)(uintptr_t)arg] = NULL;
    atomic_fetch_add(&closed, 1);
}

static Error *handle_events(Req *req, Res *res)
{
    size_t at = (size_t)hub.count++;
    Error *err = res_stream_start(res, 200, S("text/event-stream"));
    if (err) return err;
    err = res_stream_detach(res, &hub.limits, on_gone, (void *)(uintptr_t)at, &hub.stream[at]);
    if (err) return err;
    assert_true(http_stream_send(hub.stream[at], S("hello\n"), NULL));
    atomic_fetch_add(&opened, 1);
    return NULL;
}

static const Route ROUTES[] = {
    {"GET", "/events", handle_events},
    {"GET", "/hello", handle_hello},
};
static RouteTable tables[] = {{ROUTES, COUNT(ROUTES)}};

static void start(World *w, HttpStreamLimits limits)
{
    hub.count = 0;
    memset(hub.stream, 0, sizeof(hub.stream));
    hub.limits = limits;
    opened = closed = refused = fibers = 0;
    HttpConfig config = {.tables = tables, .table_count = 1, .limits = http_limits_default()};
    config.limits.write_stall_ms = 400;
    world_start(w, config);
}

static const HttpStreamLimits USUAL = {
    .idle_ms = 60000, .lifetime_ms = 60000, .pending_bytes = 64 * 1024};

static void wait_for(_Atomic int *what, int value)
{
    uint64_t until = clock_mono_ms() + PATIENCE_MS;
    while (atomic_load(what) != value && clock_mono_ms() < until)
        usleep(1000);
    assert_int_equal(atomic_load(what), value);
}

/* ---- sending, on the loop's thread ---- */

typedef struct {
    Str first;
    size_t shared; /* bytes of a shared part */
    int times;
    _Atomic int done;
} Broadcast;

static void broadcast_now(void *arg)
{
    Broadcast *b = arg;
    HttpBytes *shared = b->shared ? http_bytes_new(b->shared) : NULL;
    if (shared) memset(shared->bytes, 'x', shared->len);
    for (int n = 0; n < b->times; n++) {
        for (int i = 0; i < hub.count; i++) {
            if (hub.stream[i] && !http_stream_send(hub.stream[i], b->first, shared))
                atomic_fetch_add(&refused, 1);
        }
    }
    http_bytes_release(shared);
    atomic_store(&b->done, 1);
}

static void broadcast(World *w, const char *first, size_t shared, int times)
{
    Broadcast b = {.first = str_from(first), .shared = shared, .times = times};
    loop_post(w->loop, broadcast_now, &b);
    wait_for(&b.done, 1);
}

static int subscribe(World *w)
{
    int before = atomic_load(&opened);
    int fd = dial(w);
    assert_true(send_text(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait_for(&opened, before + 1);
    return fd;
}

/* All that comes within PATIENCE_MS until `end` was seen or the server closed. */
static size_t read_until(int fd, char *to, size_t cap, const char *end)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read_some(fd, to + len, cap - len, PATIENCE_MS);
        if (n <= 0) break;
        len += (size_t)n;
        if (str_ends(str_make(to, len), str_from(end))) break;
    }
    return len;
}

/* ---- tests ---- */

static void messages_are_chunks(void **state)
{
    static char got[16384];
    World w = {0};
    start(&w, USUAL);
    int fd = subscribe(&w);
    size_t len = read_until(fd, got, sizeof(got), "hello\n\r\n");
    assert_true(str_find(str_make(got, len), S("Transfer-Encoding: chunked\r\n")) > 0);
    assert_true(str_ends(str_make(got, len), S("\r\n\r\n6\r\nhello\n\r\n")));

    broadcast(&w, "one:", 3, 1);
    len = read_until(fd, got, sizeof(got), "\r\none:xxx\r\n");
    check_str("chunk", str_make(got, len), "7\r\none:xxx\r\n");

    char long_text[1001];
    memset(long_text, 'y', 1000);
    long_text[1000] = '\0';
    broadcast(&w, long_text, 24, 1);
    len = read_until(fd, got, sizeof(got), "x\r\n");
    assert_true(str_starts(str_make(got, len), S("400\r\nyyyy")));
    assert_int_equal(len, 5 + 1024 + 2);

    close(fd);
    wait_for(&closed, 1);
    world_stop(&w);
}

/* HTTP/1.0: no chunks, the end is the connection's. */
static void old_clients_get_plain_bytes(void **state)
{
    char got[4096];
    World w = {0};
    start(&w, USUAL);
    int fd = dial(&w);
    assert_true(send_text(fd, "GET /events HTTP/1.0\r\n\r\n"));
    wait_for(&opened, 1);
    broadcast(&w, "id:1\n", 2, 1);
    size_t len = read_until(fd, got, sizeof(got), "id:1\nxx");
    assert_true(str_ends(str_make(got, len), S("\r\n\r\nhello\nid:1\nxx")));
    close(fd);
    wait_for(&closed, 1);
    world_stop(&w);
}

static void count_fibers(void *arg)
{
    World *w = arg;
    atomic_store(&fibers, (int)loop_fiber_count(w->loop) + 1000);
}

static void waiting_streams_hold_no_fiber(void **state)
{
    World w = {0};
    int fd[20];
    start(&w, USUAL);
    for (int i = 0; i < 20; i++)
        fd[i] = subscribe(&w);
    loop_post(w.loop, count_fibers, &w);
    wait_for(&fibers, 1000);
    broadcast(&w, "all", 0, 1);
    for (int i = 0; i < 20; i++) {
        char got[4096];
        size_t len = read_until(fd[i], got, sizeof(got), "3\r\nall\r\n");
        assert_true(str_ends(str_make(got, len), S("3\r\nall\r\n")));
    }
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    wait_for(&closed, 20);
    world_stop(&w);
}

/* 4 MB at a client that reads nothing: it is cut off, the other one gets all. */
static void a_slow_client_is_cut_off(void **state)
{
    static char got[256 * 1024];
    World w = {0};
    start(&w, USUAL);
    int slow = subscribe(&w), quick = subscribe(&w);
    int small = 4096;
    setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    size_t total = 0;
    for (int i = 0; i < 600 && atomic_load(&refused) == 0; i++) {
        broadcast(&w, "m", 32 * 1024, 1);
        size_t len = read_until(quick, got, sizeof(got), "xx\r\n");
        assert_true(len >= 32 * 1024);
        total += len;
    }
    assert_int_equal(atomic_load(&refused), 1);
    wait_for(&closed, 1);
    assert_true(total > 64 * 1024);
    assert_true(closes_within(slow, PATIENCE_MS));
    broadcast(&w, "still there", 0, 1);
    assert_true(read_until(quick, got, sizeof(got), "still there\r\n") > 0);
    close(slow);
    close(quick);
    world_stop(&w);
}

/* Less than the bound waits, but nothing is ever taken. */
static void a_stalled_client_is_cut_off(void **state)
{
    World w = {0};
    HttpStreamLimits limits = USUAL;
    limits.pending_bytes = (size_t)64 << 20;
    start(&w, limits);
    int fd = subscribe(&w);
    broadcast(&w, "m", 1 << 20, 12); /* more than a socket's buffers take */
    assert_int_equal(atomic_load(&refused), 0);
    wait_for(&closed, 1);
    close(fd);
    world_stop(&w);
}

static void many_small_messages_count_too(void **state)
{
    World w = {0};
    start(&w, USUAL);
    int fd = subscribe(&w);
    broadcast(&w, "m", 1 << 20, 8);
    broadcast(&w, "m", 0, 2000);
    wait_for(&closed, 1);
    close(fd);
    world_stop(&w);
}

static void silence_and_age_end_a_stream(void **state)
{
    static const struct {
        const char *name;
        HttpStreamLimits limits;
        bool talk;
    } CASES[] = {
        {"idle", {.idle_ms = 300, .lifetime_ms = 60000, .pending_bytes = 65536}, false},
        {"lifetime", {.idle_ms = 60000, .lifetime_ms = 1000, .pending_bytes = 65536}, true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char got[16384];
        World w = {0};
        start(&w, CASES[i].limits);
        uint64_t began = clock_mono_ms();
        int fd = subscribe(&w);
        for (int n = 0; CASES[i].talk && n < 4; n++) {
            usleep(100000);
            broadcast(&w, "tick", 0, 1);
        }
        size_t len = read_until(fd, got, sizeof(got), "0\r\n\r\n");
        assert_true(str_ends(str_make(got, len), S("0\r\n\r\n")));
        uint64_t took = clock_mono_ms() - began;
        check_bool(CASES[i].name, took >= 250 && took < 50000, true);
        assert_true(closes_within(fd, PATIENCE_MS));
        wait_for(&closed, 1);
        close(fd);
        world_stop(&w);
    }
}

static void what_a_subscriber_sends_is_ignored(void **state)
{
    char got[4096];
    World w = {0};
    start(&w, USUAL);
    int fd = subscribe(&w);
    assert_true(send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    broadcast(&w, "after", 0, 1);
    size_t len = read_until(fd, got, sizeof(got), "after\r\n");
    assert_true(str_find(str_make(got, len), S("HTTP/1.1 200")) == 0);
    assert_true(str_find(str_from_pos(str_make(got, len), 10), S("HTTP/1.1 200")) < 0);
    close(fd);
    wait_for(&closed, 1);
    world_stop(&w);
}

/* A stop ends streams at once and in order; it does not wait for them. */
static void a_stop_ends_streams(void **state)
{
    char got[4096];
    World w = {0};
    start(&w, USUAL);
    int fd = subscribe(&w), other = subscribe(&w);
    close(other);
    uint64_t began = clock_mono_ms();
    http_server_stop(w.server);
    size_t len = read_until(fd, got, sizeof(got), "0\r\n\r\n");
    assert_true(str_ends(str_make(got, len), S("0\r\n\r\n")));
    world_stop(&w);
    assert_true(clock_mono_ms() - began < 7000); /* others get 8 s to finish */
    assert_int_equal(atomic_load(&closed), 2);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_chunks),
        cmocka_unit_test(old_clients_get_plain_bytes),
        cmocka_unit_test(waiting_streams_hold_no_fiber),
        cmocka_unit_test(a_slow_client_is_cut_off),
        cmocka_unit_test(a_stalled_client_is_cut_off),
        cmocka_unit_test(many_small_messages_count_too),
        cmocka_unit_test(silence_and_age_end_a_stream),
        cmocka_unit_test(what_a_subscriber_sends_is_ignored),
        cmocka_unit_test(a_stop_ends_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
