/* conn.c - one connection: reading, what waits in its input, how it ends.
 *
 *     accept ─▶ IDLE ─▶ HEAD ─▶ REQUEST ─▶ IDLE …      the usual round
 *                 └──────┴────────┴─▶ LINGER ─▶ CLOSED
 *                                 └─▶ STREAM ─▶ CLOSED
 *
 * An idle connection reads into the loop's shared buffer. Only what cannot be
 * used at once (part of a head, a body, pipelined requests) is moved to, and
 * from then on read into, a buffer of the connection's own; it is given back
 * before the connection is idle again.
 */
#include "http/http_internal.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL_BUFFER 512

/* ---- buffers ---- */

static char *buffer_take(HttpLoop *hl, size_t cap)
{
    if (cap == READ_BUFFER_BYTES && hl->free_buffer_count > 0)
        return hl->free_buffers[--hl->free_buffer_count];
    return malloc(cap);
}

static void buffer_give(HttpLoop *hl, char *buf, size_t cap)
{
    if (cap == READ_BUFFER_BYTES && hl->free_buffer_count < BUFFERS_POOLED)
        hl->free_buffers[hl->free_buffer_count++] = buf;
    else
        free(buf);
}

static void drop_input(Conn *c)
{
    if (c->in.buf && !c->in.borrowed) buffer_give(c->hloop, c->in.buf, c->in.cap);
    c->in = (Input){0};
}

/* Moves the input into a buffer of `cap` bytes. */
static bool move_input(Conn *c, size_t cap)
{
    Str in = conn_input(c);
    assert(in.len <= cap);
    char *buf = buffer_take(c->hloop, cap);
    if (!buf) return false;
    if (in.ptr) memcpy(buf, in.ptr, in.len);
    drop_input(c);
    c->in = (Input){.buf = buf, .end = (uint32_t)in.len, .cap = (uint32_t)cap};
    return true;
}

static bool wants_body(const Conn *c)
{
    return c->request && c->request->body.kind != BODY_NONE && !c->request->body.done;
}

/* A size for what is there and some more; all sizes double up to input_max. */
static size_t buffer_size(const Conn *c, size_t needed)
{
    if (wants_body(c)) return READ_BUFFER_BYTES;
    size_t cap = SMALL_BUFFER;
    while (cap < needed)
        cap *= 2;
    return MIN(cap, c->hloop->input_max);
}

void conn_own_input(Conn *c)
{
    if (!c->in.borrowed) return;
    size_t len = c->in.end - c->in.start;
    if (len == 0 || !conn_alive(c)) {
        drop_input(c);
        return;
    }
    if (!move_input(c, buffer_size(c, len + len / 2))) {
        c->in = (Input){0};
        conn_close(c);
    }
}

/* Where the next bytes go; no room means: read later. A piece of a body that
 * somebody still holds must stay where it is. */
static uv_buf_t input_room(Conn *c)
{
    Input *in = &c->in;
    bool held = c->request && c->request->body.outstanding.len > 0;
    if (!held) {
        if (in->start == in->end) in->start = in->end = 0;
        if (!in->buf || (in->end == in->cap && in->start == 0 && in->cap < c->hloop->input_max)) {
            size_t cap = in->buf ? MIN((size_t)in->cap * 2, c->hloop->input_max) : 0;
            if (!move_input(c, MAX(cap, buffer_size(c, READ_BUFFER_BYTES / 16))))
                return uv_buf_init(NULL, 0);
        }
        if (in->end == in->cap && in->start > 0) {
            memmove(in->buf, in->buf + in->start, in->end - in->start);
            in->end -= in->start;
            in->start = 0;
        }
    }
    if (!in->buf) return uv_buf_init(NULL, 0);
    return uv_buf_init(in->buf + in->end, in->cap - in->end);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    Conn *c = (Conn *)handle;
    bool own = c->state == CONN_HEAD || c->state == CONN_REQUEST;
    *out = own ? input_room(c) : uv_buf_init(c->hloop->read_buffer, READ_BUFFER_BYTES);
}

bool conn_next_head(Conn *c, int *status)
{
    Str in = conn_input(c);
    if (in.len == 0) return false;
    int rc = http1_scan(&c->scan, &c->hloop->server->config.limits, in.ptr, in.len);
    *status = rc == HTTP1_COMPLETE ? 0 : rc;
    return rc != 0;
}

/* The input grew while no request is under way. */
static void use_input(Conn *c)
{
    int status;
    if (conn_next_head(c, &status)) serve_start(c, status);
    conn_own_input(c); /* invariant 3 */
}

static void input_begins(Conn *c, size_t len)
{
    HttpLoop *hl = c->hloop;
    c->in = (Input){
        .buf = hl->read_buffer, .end = (uint32_t)len, .cap = READ_BUFFER_BYTES, .borrowed = true};
    c->state = CONN_HEAD;
    c->head_from_ms = loop_now_ms(hl->loop);
    c->deadline_ms = c->head_from_ms + hl->server->config.limits.header_timeout_ms;
    use_input(c);
}

static void stop_reading(Conn *c)
{
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = false;
}

static void request_input(Conn *c)
{
    Request *r = c->request;
    if (r->wait == WAIT_BODY) {
        fiber_resume(r->fiber);
        return;
    }
    /* Nobody wants it yet: enough is enough. */
    if (c->in.end - c->in.start >= READ_BUFFER_BYTES) stop_reading(c);
}

static void on_eof(Conn *c)
{
    c->peer_eof = true;
    c->reading = false;
    if (c->state != CONN_REQUEST) {
        conn_close(c);
        return;
    }
    /* A client may stop sending and still want its answer. */
    Request *r = c->request;
    if (r->wait == WAIT_BODY) fiber_resume(r->fiber);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    Conn *c = (Conn *)stream;
    if (nread == 0 || c->state == CONN_CLOSED) return;
    if (nread == UV_ENOBUFS) {
        stop_reading(c);
        return;
    }
    if (nread < 0) {
        if (nread == UV_EOF)
            on_eof(c);
        else
            conn_close(c);
        return;
    }
    switch (c->state) {
    case CONN_IDLE:
        input_begins(c, (size_t)nread);
        break;
    case CONN_HEAD:
        c->in.end += (uint32_t)nread;
        use_input(c);
        break;
    case CONN_REQUEST:
        c->in.end += (uint32_t)nread;
        request_input(c);
        break;
    default: /* STREAM, LINGER */
        c->linger_bytes += (uint32_t)nread;
        if (c->linger_bytes > LINGER_BYTES) conn_close(c);
    }
}

void conn_read_more(Conn *c)
{
    if (c->reading || c->peer_eof || !conn_alive(c)) return;
    if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
        conn_close(c);
    else
        c->reading = true;
}

void conn_wait_for_request(Conn *c)
{
    HttpLoop *hl = c->hloop;
    const HttpLimits *limits = &hl->server->config.limits;
    uint64_t now = loop_now_ms(hl->loop);
    bool partial = c->in.end > c->in.start;
    if (!partial) drop_input(c);
    if (c->peer_eof || (hl->stopping && !partial)) {
        conn_close(c);
        return;
    }
    c->state = partial ? CONN_HEAD : CONN_IDLE;
    c->head_from_ms = now;
    c->deadline_ms = now + (partial ? limits->header_timeout_ms : limits->idle_timeout_ms);
    conn_read_more(c);
}

/* Read on, to hear of the client's end; what it sends is for nobody. */
void conn_become_stream(Conn *c)
{
    drop_input(c);
    c->linger_bytes = 0;
    c->state = CONN_STREAM;
    if (c->peer_eof)
        conn_close(c);
    else
        conn_read_more(c);
}

/* ---- beginning and end ---- */

/* An IPv4 client of a dual-stack socket is shown as IPv4. */
static void note_peer(Conn *c, const struct sockaddr_storage *peer)
{
    const void *address = NULL;
    int family = peer->ss_family;
    if (family == AF_INET) address = &((const struct sockaddr_in *)peer)->sin_addr;
    if (family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)peer)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(in6);
        address = mapped ? (const void *)&in6->s6_addr[12] : (const void *)in6;
        if (mapped) family = AF_INET;
    }
    if (address && inet_ntop(family, address, c->remote_ip, sizeof(c->remote_ip)))
        c->remote_ip_len = (uint8_t)strlen(c->remote_ip);
}

void conn_accept(HttpLoop *hl, int fd, const struct sockaddr_storage *peer)
{
    Conn *c = calloc(1, sizeof(Conn));
    if (!c) {
        close(fd);
        return;
    }
    c->hloop = hl;
    uv_tcp_init(loop_uv(hl->loop), &c->tcp);
    if (hl->conns) hl->conns->prev = c;
    c->next = hl->conns;
    hl->conns = c;
    hl->conn_count++;
    count_add(&hl->counters.accepted, 1);
    count_add(&hl->counters.open, 1);
    hloop_sweep_on(hl);

    if (uv_tcp_open(&c->tcp, fd) != 0) {
        close(fd);
        conn_close(c);
        return;
    }
    note_peer(c, peer);
    conn_wait_for_request(c);
}

void conn_free_if_unused(Conn *c)
{
    if (!c->handle_closed || c->request) return;
    HttpLoop *hl = c->hloop;
    drop_input(c);
    free(c);
    hloop_check_stopped(hl);
}

static void on_closed(uv_handle_t *handle)
{
    Conn *c = (Conn *)handle;
    HttpLoop *hl = c->hloop;
    if (c->prev)
        c->prev->next = c->next;
    else
        hl->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    hl->conn_count--;
    count_add(&hl->counters.open, UINT64_MAX); /* minus one */
    c->handle_closed = true;
    if (c->stream) stream_ended(c->stream);
    c->stream = NULL;
    conn_free_if_unused(c);
}

void conn_close(Conn *c)
{
    if (c->state == CONN_CLOSED) return;
    c->state = CONN_CLOSED;
    c->reading = false;
    uv_close((uv_handle_t *)&c->tcp, on_closed); /* a pending write ends with ECANCELED */
    Request *r = c->request;
    if (!r) return;

    r->res.failed = true;
    if (fiber_current()) return; /* it is this request's own fiber; it sees `failed` */
    if (r->wait == WAIT_BODY) fiber_resume(r->fiber);
}

/* Closing a socket that has unread bytes resets the connection, and a reset can
 * destroy the answer before the client has read it [RFC 9112 9.6]. So: say
 * that nothing more comes, and read on for a moment. */
void conn_close_after_answer(Conn *c)
{
    if (!conn_alive(c)) return;
    int fd;
    bool open = uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0 && shutdown(fd, SHUT_WR) == 0;
    if (!open || c->peer_eof) {
        conn_close(c);
        return;
    }
    drop_input(c);
    c->state = CONN_LINGER;
    c->deadline_ms = loop_now_ms(c->hloop->loop) + LINGER_MS;
    conn_read_more(c);
}

bool conn_has_unread_bytes(const Conn *c)
{
    int fd;
    char byte;
    if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) != 0) return false;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void conn_sweep(Conn *c, uint64_t now_ms)
{
    if (c->state == CONN_CLOSED) return;
    if (c->state == CONN_REQUEST) {
        if (c->request->wait == WAIT_BODY)
            body_sweep(c->request, now_ms);
        else if (c->request->wait == WAIT_WRITE)
            write_sweep(c->request, now_ms);
        return;
    }
    if (c->state == CONN_STREAM) {
        stream_sweep(c->stream, now_ms);
        return;
    }
    if (now_ms < c->deadline_ms) return;
    bool began = c->state == CONN_HEAD && c->in.end - c->in.start > c->scan.skipped;
    if (c->state == CONN_HEAD) count_add(&c->hloop->counters.timeouts, 1);
    if (began)
        send_refusal(c, 408, true, false);
    else
        conn_close(c);
}
