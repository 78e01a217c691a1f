/* server.c - the server as a whole: set-up, listeners, timeouts, stopping.
 *
 * Each loop has a listener of its own and nothing else to do with the others.
 * One timer a loop walks over its connections a few times a second and ends
 * those whose time is over: no connection has a timer, and a request sets
 * none.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PER_TURN 64
#define ACCEPT_PAUSE_MS 100
#define FDS_FOR_OTHERS  64 /* for the database, files, the log */
#define SWEEP_MIN_MS    20
#define SWEEP_MAX_MS    500
#define STOP_EXTRA_MS   1000 /* for handlers that do not notice that their client was cut off */

/* What each request may hold before it counts. */
#define REQUEST_MEMORY_EACH ((size_t)128 << 10)

static size_t request_memory_default(uint64_t available)
{
    return (size_t)MAX(available / (available < LITTLE_MEMORY ? 8 : 4), UINT64_C(16) << 20);
}

static size_t output_pending_default(uint64_t available)
{
    return (size_t)MIN(available / 8, UINT64_C(64) << 20);
}

HttpLimits http_limits_default(void)
{
    uint64_t available = memory_available();
    return (HttpLimits){
        .uri_bytes = 8192,
        .header_bytes = 32768,
        .header_fields = 100,
        .body_bytes = (size_t)32 << 20,
        .body_memory_bytes = (size_t)1 << 20,
        .form_fields = 1000,
        .form_field_bytes = (size_t)8 << 20,
        .request_arena_bytes = (size_t)64 << 20,
        .request_memory_bytes = request_memory_default(available),
        .output_pending_bytes = output_pending_default(available),
        .requests_per_connection = 100000,
        .connections = 20000,
        .requests_in_flight = 1000,
        .header_timeout_ms = 10000,
        .idle_timeout_ms = 75000,
        .body_grace_ms = 10000,
        .body_min_rate = 500,
        .write_stall_ms = 60000,
        .shutdown_ms = 8000,
    };
}

/* ---- the date ---- */

/* Rendered once a second. The second ends by the monotonic clock. */
Str hloop_date(HttpLoop *hl)
{
    uint64_t now = loop_now_ms(hl->loop);
    if (now >= hl->date_until_ms) {
        int64_t wall = clock_wall_ms();
        arena_reset(hl->scratch);
        hl->date = http_date_format(hl->scratch, wall);
        hl->date_until_ms = now + 1000 - (uint64_t)(wall % 1000);
    }
    return hl->date;
}

/* ---- stopping ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    HttpLoop *hl = handle->data;
    hl->handles_open--;
    hloop_check_stopped(hl);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) uv_close(handle, on_handle_closed);
}

static void stop_listening(HttpLoop *hl)
{
    if (hl->listen_fd < 0) return;
    close_handle((uv_handle_t *)&hl->listener);
    close(hl->listen_fd);
    hl->listen_fd = -1;
    close_handle((uv_handle_t *)&hl->accept_pause);
    if (hl->reserve_fd >= 0) close(hl->reserve_fd);
    hl->reserve_fd = -1;
}

static void loop_ends(HttpLoop *hl)
{
    if (hl->stopped) return;
    hl->stopped = true;
    loop_stop(hl->loop);
}

/* Fibers besides the one that asks: requests, and others' work on this loop. */
static bool fibers_at_work(const HttpLoop *hl)
{
    return loop_fiber_count(hl->loop) > (fiber_current() ? 1 : 0);
}

/* The last connection, request, fiber or handle has gone? Then the loop's work
 * is done. Others' fibers end without telling: the sweep looks again. */
void hloop_check_stopped(HttpLoop *hl)
{
    if (!hl->stopping || hl->conn_count > 0 || hl->request_count > 0 || fibers_at_work(hl)) return;
    close_handle((uv_handle_t *)&hl->sweep);
    if (hl->handles_open == 0) loop_ends(hl);
}

static void close_all(HttpLoop *hl)
{
    for (Conn *c = hl->conns; c; c = c->next)
        conn_close(c);
}

static void sweep_stopping(HttpLoop *hl, uint64_t now)
{
    hloop_check_stopped(hl);
    if (now < hl->stop_deadline_ms) return;
    close_all(hl);
    if (now < hl->stop_deadline_ms + STOP_EXTRA_MS || hl->stopped) return;
    log_warn("http", "requests still under way at the end", LOG_INT("count", hl->request_count));
    loop_ends(hl);
}

/* ---- timeouts ---- */

static void on_sweep(uv_timer_t *timer)
{
    HttpLoop *hl = timer->data;
    uint64_t now = loop_now_ms(hl->loop);
    for (Conn *c = hl->conns; c; c = c->next)
        conn_sweep(c, now);
    if (hl->stopping) sweep_stopping(hl, now);
    if (hl->conn_count == 0 && !hl->stopping) uv_timer_stop(timer);
}

void hloop_sweep_on(HttpLoop *hl)
{
    if (uv_is_active((uv_handle_t *)&hl->sweep) || uv_is_closing((uv_handle_t *)&hl->sweep)) return;
    uv_timer_start(&hl->sweep, on_sweep, hl->sweep_ms, hl->sweep_ms);
}

static uint64_t sweep_interval(const HttpLimits *l)
{
    uint64_t least = MIN(MIN(l->header_timeout_ms, l->idle_timeout_ms),
                         MIN(MIN(l->body_grace_ms, l->write_stall_ms), l->shutdown_ms));
    return MAX(SWEEP_MIN_MS, MIN(SWEEP_MAX_MS, least / 4));
}

/* ---- accepting ---- */

/* Without a connection object: the answer, and good-bye. */
static void refuse_socket(HttpLoop *hl, int fd)
{
    static const char ANSWER[] =
        "HTTP/1.1 503 Service Unavailable\r\nX-XSS-Protection: 1; mode=block\r\n"
        "X-Content-Type-Options: nosniff\r\nX-Frame-Options: SAMEORIGIN\r\nVary: Origin\r\n"
        "Content-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
        "Content-Length: 63\r\n\r\n"
        "{\"data\":{},\"message\":\"The server is overloaded.\",\"status\":503}\n";
    ssize_t n = send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n; /* who does not get it sees the connection close */
    shutdown(fd, SHUT_WR);
    close(fd);
    count_add(&hl->counters.refused, 1);
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_accept_again(uv_timer_t *timer)
{
    HttpLoop *hl = timer->data;
    if (hl->reserve_fd < 0) hl->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (hl->listen_fd >= 0) uv_poll_start(&hl->listener, UV_READABLE, on_connection);
}

/* What waits in the kernel's queue goes on waiting; asking again and again
 * would only spin. */
static void pause_accepting(HttpLoop *hl)
{
    uv_poll_stop(&hl->listener);
    uv_timer_start(&hl->accept_pause, on_accept_again, ACCEPT_PAUSE_MS, 0);
}

/* No descriptor left: one client a pause is told so, with the spare one. */
static void out_of_descriptors(HttpLoop *hl)
{
    log_warn("http", "out of file descriptors, accepting pauses");
    if (hl->reserve_fd >= 0) {
        close(hl->reserve_fd);
        hl->reserve_fd = -1;
        int fd = accept4(hl->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) refuse_socket(hl, fd);
        hl->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    pause_accepting(hl);
}

/* One connection. False when there is none, or no more for now. */
static bool accept_one(HttpLoop *hl)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    int fd = accept4(hl->listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            out_of_descriptors(hl);
        else if (errno != EAGAIN) /* one that went away before we came */
            return errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == EPERM;
        return false;
    }
    if (fd > hl->fd_ceiling) {
        refuse_socket(hl, fd);
        pause_accepting(hl);
        return false;
    }
    if (hl->conn_count >= hl->server->config.limits.connections)
        refuse_socket(hl, fd);
    else
        conn_accept(hl, fd, &peer);
    return true;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    HttpLoop *hl = poll->data;
    if (status < 0) {
        log_error("http", "listening failed", LOG_STR("cause", str_from(uv_strerror(status))));
        pause_accepting(hl);
        return;
    }
    for (int i = 0; i < ACCEPT_PER_TURN; i++)
        if (!accept_one(hl)) return;
}

/* ---- the stop ---- */

/* A connection without anything to do closes at once, unless its next request
 * is on the way already: that one is still answered. */
static void stop_loop(void *arg)
{
    HttpLoop *hl = arg;
    if (hl->stopping) return;
    for (int i = 0; i < 4096 && hl->listen_fd >= 0 && accept_one(hl); i++)
        continue; /* who was let into the queue is served */
    hl->stopping = true;
    stop_listening(hl);
    uv_update_time(loop_uv(hl->loop));
    hl->stop_deadline_ms = loop_now_ms(hl->loop) + hl->server->config.limits.shutdown_ms;
    hloop_sweep_on(hl);
    for (Conn *c = hl->conns; c; c = c->next) {
        if (c->state == CONN_IDLE && !conn_has_unread_bytes(c)) conn_close(c);
        if (c->state == CONN_STREAM) http_stream_close(c->stream);
    }
    hloop_check_stopped(hl);
}

void http_server_stop(HttpServer *server)
{
    if (atomic_exchange(&server->stopping, true)) return;
    for (size_t i = 0; i < server->loop_count; i++)
        loop_post(server->loops[i]->loop, stop_loop, server->loops[i]);
}

/* ---- set-up ---- */

Error *http_server_create(Arena *a, const HttpConfig *config, HttpServer **out)
{
    HttpServer *server = arena_new(a, HttpServer, 1);
    server->config = *config;
    server->request_memory =
        (ArenaBudget){.limit = config->limits.request_memory_bytes, .each = REQUEST_MEMORY_EACH};
    server->arena = a;
    server->router = router_new(a, config->tables, config->table_count);
    cors_set_up(a, server, config->origins);
    signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error of write(), no more */
    if (config->public_dir.len > 0) {
        Error *err = static_open(server, a);
        if (err) return err;
    }
    *out = server;
    return NULL;
}

static int descriptor_ceiling(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) return INT32_MAX;
    int most = (int)limit.rlim_cur;
    return most - MIN(FDS_FOR_OTHERS, most / 8);
}

Error *http_server_attach(HttpServer *server, Arena *a, Loop *loop, int fd)
{
    assert(server->loop_count < COUNT(server->loops));
    const HttpLimits *limits = &server->config.limits;
    HttpLoop *hl = arena_new(a, HttpLoop, 1);
    hl->server = server;
    hl->loop = loop;
    hl->listen_fd = fd;
    hl->scratch = arena_create("http loop", 0);
    hl->input_max = MAX(READ_BUFFER_BYTES, limits->header_bytes + limits->uri_bytes + 1024);
    hl->sweep_ms = sweep_interval(limits);
    hl->fd_ceiling = descriptor_ceiling();
    hl->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    int on = 1; /* connections inherit it */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    int rc = uv_poll_init(loop_uv(loop), &hl->listener, fd);
    if (rc == 0) rc = uv_timer_init(loop_uv(loop), &hl->sweep);
    if (rc == 0) rc = uv_timer_init(loop_uv(loop), &hl->accept_pause);
    hl->listener.data = hl->sweep.data = hl->accept_pause.data = hl;
    if (rc == 0) rc = uv_poll_start(&hl->listener, UV_READABLE, on_connection);
    if (rc != 0) return error_errno(a, -rc, "listen", S(""));
    hl->handles_open = 3;
    server->loops[server->loop_count++] = hl;
    return NULL;
}

/* A loop that was stopped by other means still has our handles. */
static void hloop_close(HttpLoop *hl)
{
    hl->stopping = hl->stopped = true;
    stop_listening(hl);
    close_handle((uv_handle_t *)&hl->sweep);
    if (hl->request_count == 0) close_all(hl);
    for (int i = 0; i < 100 && (hl->handles_open > 0 || hl->conn_count > 0); i++)
        uv_run(loop_uv(hl->loop), UV_RUN_NOWAIT);
    if (hl->request_count > 0)
        log_warn("http", "ended with requests under way", LOG_INT("count", hl->request_count));
}

void http_server_destroy(HttpServer *server)
{
    if (!server) return;
    for (size_t i = 0; i < server->loop_count; i++) {
        HttpLoop *hl = server->loops[i];
        hloop_close(hl);
        requests_free(hl);
        arena_destroy(hl->scratch);
        while (hl->free_buffer_count > 0)
            free(hl->free_buffers[--hl->free_buffer_count]);
    }
    static_close(server);
    server->loop_count = 0;
}

HttpStats http_server_stats(const HttpServer *server)
{
    HttpStats sum = {0};
    for (size_t i = 0; i < server->loop_count; i++) {
        HttpCounters *c = &server->loops[i]->counters;
        sum.connections_accepted += atomic_load_explicit(&c->accepted, memory_order_relaxed);
        sum.connections_open += atomic_load_explicit(&c->open, memory_order_relaxed);
        sum.requests += atomic_load_explicit(&c->requests, memory_order_relaxed);
        sum.responses_4xx += atomic_load_explicit(&c->responses_4xx, memory_order_relaxed);
        sum.responses_5xx += atomic_load_explicit(&c->responses_5xx, memory_order_relaxed);
        sum.refused_overload += atomic_load_explicit(&c->refused, memory_order_relaxed);
        sum.timeouts += atomic_load_explicit(&c->timeouts, memory_order_relaxed);
    }
    return sum;
}
