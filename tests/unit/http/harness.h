/* harness.h - a real server on a free port in a thread, and a raw client.
 *
 *     World w = {0};
 *     world_start(&w, &(WorldOptions){.table = ROUTES});
 *     int fd = dial(&w);
 *     send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
 *     Answer answer;
 *     bool got = read_answer(fd, false, &answer);
 *     world_stop(&w);
 */
#ifndef CROFT_TEST_HTTP_HARNESS_H
#define CROFT_TEST_HTTP_HARNESS_H

#include "base/clock.h"
#include "base/log.h"
#include "http/http.h"
#include "testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    Loop *loop;
    Workers *workers;
    HttpServer *server;
    pthread_t thread;
    int port;
} World;

static void *world_thread(void *arg)
{
    World *w = arg;
    loop_run(w->loop);
    return NULL;
}

static inline void world_start(World *w, HttpConfig config)
{
    log_configure(LOG_ERROR, LOG_TEXT);
    w->arena = arena_create("world", 0);
    check_ok("loop", loop_create(w->arena, 0, &w->loop));
    check_ok("workers", workers_create(w->arena, "pool", 1, 64, &w->workers));
    config.workers = w->workers;
    if (config.temp_dir.len == 0) config.temp_dir = S("/tmp");
    if (config.limits.uri_bytes == 0) config.limits = http_limits_default();
    check_ok("server", http_server_create(w->arena, &config, &w->server));
    int fd;
    check_ok("listen", http_listen(w->arena, S("127.0.0.1:0"), &fd, &w->port));
    check_ok("attach", http_server_attach(w->server, w->arena, w->loop, fd));
    assert_int_equal(pthread_create(&w->thread, NULL, world_thread, w), 0);
}

static inline void world_stop(World *w)
{
    http_server_stop(w->server);
    pthread_join(w->thread, NULL);
    http_server_destroy(w->server);
    workers_destroy(w->workers);
    loop_destroy(w->loop);
    arena_destroy(w->arena);
}

/* ---- the client ---- */

static inline int dial(const World *w)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* False when the server has closed meanwhile, which can be right. */
static inline bool send_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0) return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool send_text(int fd, const char *text)
{
    return send_bytes(fd, text, strlen(text));
}

/* -1 = nothing for `ms`, 0 = closed (also by reset), else bytes read. */
static inline ssize_t read_some(int fd, char *to, size_t len, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ms) == 0) return -1;
    ssize_t n = recv(fd, to, len, 0);
    return n < 0 ? 0 : n;
}

/* "HTTP/1.1 200 OK" */
static inline int atoi_status(const char *line)
{
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

#define ANSWER_MAX  (128 * 1024)
#define PATIENCE_MS 60000

typedef struct {
    int status;
    bool close; /* "Connection: close" was said */
    Str head, body;
    char bytes[ANSWER_MAX];
    size_t len;
} Answer;

/* Value of a header in the head, {NULL, 0} when absent. */
static inline Str answer_header(const Answer *a, const char *name)
{
    Str rest = a->head;
    while (rest.ptr) {
        Str line = str_trim(str_split(&rest, '\n'));
        Str value = line;
        Str key = str_split(&value, ':');
        if (value.ptr && str_eq_nocase(key, str_from(name))) return str_trim(value);
    }
    return (Str){0};
}

static inline bool answer_fill(int fd, Answer *a)
{
    assert_true(a->len < ANSWER_MAX);
    ssize_t n = read_some(fd, a->bytes + a->len, ANSWER_MAX - a->len, PATIENCE_MS);
    if (n <= 0) return false;
    a->len += (size_t)n;
    return true;
}

/* Reads one answer. What was read beyond it stays in `rest` for the next call:
 * *rest bytes are taken over first and given back. */
typedef struct {
    char bytes[ANSWER_MAX];
    size_t len;
} Rest;

static inline bool read_answer_rest(int fd, bool is_head, Answer *a, Rest *rest)
{
    a->len = rest ? rest->len : 0;
    if (rest) memcpy(a->bytes, rest->bytes, rest->len);
    if (rest) rest->len = 0;
    ptrdiff_t end;
    do {
        while ((end = str_find(str_make(a->bytes, a->len), S("\r\n\r\n"))) < 0)
            if (!answer_fill(fd, a)) return false;
        a->status = atoi_status(a->bytes);
        if (a->status != 100) break;
        memmove(a->bytes, a->bytes + end + 4, a->len - (size_t)end - 4);
        a->len -= (size_t)end + 4;
    } while (true);
    a->head = str_make(a->bytes, (size_t)end + 2);
    a->close = str_eq(answer_header(a, "connection"), S("close"));
    size_t body_at = (size_t)end + 4, body_len = 0;
    Str length = answer_header(a, "content-length");
    uint64_t n = 0;
    bool no_body = is_head || a->status == 204 || a->status == 304;
    bool chunked = answer_header(a, "transfer-encoding").len > 0;
    if (length.ptr) assert_true(str_to_u64(length, &n));
    if (!no_body && chunked) {
        while (str_find(str_make(a->bytes + body_at - 2, a->len - body_at + 2),
                        S("\r\n0\r\n\r\n")) < 0)
            if (!answer_fill(fd, a)) return false;
        body_len = a->len - body_at;
    } else if (!no_body) {
        body_len = (size_t)n;
        while (a->len < body_at + body_len)
            if (!answer_fill(fd, a)) return false;
    }
    a->body = str_make(a->bytes + body_at, body_len);
    size_t left = a->len - body_at - body_len;
    if (rest) {
        memcpy(rest->bytes, a->bytes + body_at + body_len, left);
        rest->len = left;
    }
    return true;
}

static inline bool read_answer(int fd, bool is_head, Answer *a)
{
    return read_answer_rest(fd, is_head, a, NULL);
}

/* True when the server closes within `ms` (what still comes is thrown away). */
static inline bool closes_within(int fd, int ms)
{
    uint64_t until = clock_mono_ms() + (uint64_t)ms;
    char junk[4096];
    while (clock_mono_ms() < until) {
        ssize_t n = read_some(fd, junk, sizeof(junk), (int)(until - clock_mono_ms()) + 1);
        if (n == 0) return true;
        if (n < 0) return false;
    }
    return false;
}

/* One request on a connection of its own. */
static inline void world_ask(const World *w, const char *raw, Answer *out)
{
    int fd = dial(w);
    send_text(fd, raw);
    bool got = read_answer(fd, str_starts(str_from(raw), S("HEAD")), out);
    if (!got) fail_msg("no answer to %s", raw);
    close(fd);
}

/* ---- handlers that several tests serve ---- */

static inline Error *handle_hello(Req *req, Res *res)
{
    return res_text(res, 200, S("hello"));
}

/* The body back, so that its framing shows. */
static inline Error *handle_echo_bytes(Req *req, Res *res)
{
    Str body;
    Error *err = req_body_bytes(req, 100000, &body);
    if (err) return err;
    return res_bytes(res, 200, S("application/octet-stream"), body);
}

/* Counters that handlers move, in the loop's thread. */
static inline bool counter_reaches(_Atomic int *value, int wanted)
{
    for (int i = 0; i < PATIENCE_MS / 10 && atomic_load(value) < wanted; i++)
        await_sleep(10);
    return atomic_load(value) == wanted;
}

#endif
