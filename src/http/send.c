/* send.c - heads, bytes and files to the socket, waiting when it is full.
 *
 * A head is rendered into the request's arena and goes out with the first
 * bytes of the body: one write() per response. What the socket does not take
 * at once is queued in libuv and the fiber waits, so nothing is buffered
 * without bound and what is sent only has to live as long as the request.
 */
#include "http/http_internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define COPY_WITH_HEAD 8192 /* a body up to this is copied behind its head: one buffer to write */
#define SENDFILE_BYTES (256 * 1024)
#define PIECE_BYTES    (64 * 1024)
#define REFUSAL_BYTES  1024
#define SEND_BYTES_MAX ((size_t)1 << 30)

#define DEFAULT_BLOCK                                                                              \
    "X-XSS-Protection: 1; mode=block\r\nX-Content-Type-Options: nosniff\r\n"                       \
    "X-Frame-Options: SAMEORIGIN\r\nVary: Origin\r\n"

static const struct {
    int status;
    Str line;
} STATUS_LINES[] = {
    {200, STR_INIT("HTTP/1.1 200 OK\r\n")},
    {204, STR_INIT("HTTP/1.1 204 No Content\r\n")},
    {400, STR_INIT("HTTP/1.1 400 Bad Request\r\n")},
    {401, STR_INIT("HTTP/1.1 401 Unauthorized\r\n")},
    {403, STR_INIT("HTTP/1.1 403 Forbidden\r\n")},
    {404, STR_INIT("HTTP/1.1 404 Not Found\r\n")},
    {201, STR_INIT("HTTP/1.1 201 Created\r\n")},
    {202, STR_INIT("HTTP/1.1 202 Accepted\r\n")},
    {206, STR_INIT("HTTP/1.1 206 Partial Content\r\n")},
    {301, STR_INIT("HTTP/1.1 301 Moved Permanently\r\n")},
    {302, STR_INIT("HTTP/1.1 302 Found\r\n")},
    {303, STR_INIT("HTTP/1.1 303 See Other\r\n")},
    {304, STR_INIT("HTTP/1.1 304 Not Modified\r\n")},
    {307, STR_INIT("HTTP/1.1 307 Temporary Redirect\r\n")},
    {308, STR_INIT("HTTP/1.1 308 Permanent Redirect\r\n")},
    {408, STR_INIT("HTTP/1.1 408 Request Timeout\r\n")},
    {409, STR_INIT("HTTP/1.1 409 Conflict\r\n")},
    {410, STR_INIT("HTTP/1.1 410 Gone\r\n")},
    {412, STR_INIT("HTTP/1.1 412 Precondition Failed\r\n")},
    {413, STR_INIT("HTTP/1.1 413 Content Too Large\r\n")},
    {414, STR_INIT("HTTP/1.1 414 URI Too Long\r\n")},
    {415, STR_INIT("HTTP/1.1 415 Unsupported Media Type\r\n")},
    {416, STR_INIT("HTTP/1.1 416 Range Not Satisfiable\r\n")},
    {417, STR_INIT("HTTP/1.1 417 Expectation Failed\r\n")},
    {422, STR_INIT("HTTP/1.1 422 Unprocessable Content\r\n")},
    {429, STR_INIT("HTTP/1.1 429 Too Many Requests\r\n")},
    {431, STR_INIT("HTTP/1.1 431 Request Header Fields Too Large\r\n")},
    {500, STR_INIT("HTTP/1.1 500 Internal Server Error\r\n")},
    {501, STR_INIT("HTTP/1.1 501 Not Implemented\r\n")},
    {502, STR_INIT("HTTP/1.1 502 Bad Gateway\r\n")},
    {503, STR_INIT("HTTP/1.1 503 Service Unavailable\r\n")},
    {504, STR_INIT("HTTP/1.1 504 Gateway Timeout\r\n")},
    {505, STR_INIT("HTTP/1.1 505 HTTP Version Not Supported\r\n")},
    {507, STR_INIT("HTTP/1.1 507 Insufficient Storage\r\n")},
};

/* ---- rendering ---- */

static char *put(char *to, Str s)
{
    memcpy(to, s.ptr, s.len);
    return to + s.len;
}

static char *put_u64(char *to, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

/* At most 64 bytes. A reason phrase may be empty (RFC 9112 §4). */
static char *put_status(char *to, int status)
{
    for (size_t i = 0; i < COUNT(STATUS_LINES); i++)
        if (STATUS_LINES[i].status == status) return put(to, STATUS_LINES[i].line);
    to = put(to, S("HTTP/1.1 "));
    to = put_u64(to, (uint64_t)status);
    return put(to, S(" \r\n"));
}

static char *put_date(char *to, HttpLoop *hl)
{
    to = put(to, S("Date: "));
    to = put(to, hloop_date(hl));
    return put(to, S("\r\n"));
}

static char *put_field(char *to, Str name, Str value)
{
    to = put(to, name);
    to = put(to, S(": "));
    to = put(to, value);
    return put(to, S("\r\n"));
}

static char *put_defaults(char *to, unsigned defaults)
{
    if (defaults == DEFAULT_ALL) return put(to, S(DEFAULT_BLOCK));
    if (defaults & DEFAULT_XSS) to = put(to, S("X-XSS-Protection: 1; mode=block\r\n"));
    if (defaults & DEFAULT_NOSNIFF) to = put(to, S("X-Content-Type-Options: nosniff\r\n"));
    if (defaults & DEFAULT_FRAME) to = put(to, S("X-Frame-Options: SAMEORIGIN\r\n"));
    if (defaults & DEFAULT_VARY) to = put(to, S("Vary: Origin\r\n"));
    return to;
}

/* Whether this response may be followed by another one. */
static bool keeps_connection(const Request *r)
{
    const HttpLimits *limits = &r->server->config.limits;
    const ReqBody *b = &r->body;
    if (!r->keep_alive || r->res.close || r->hloop->stopping || r->conn->peer_eof) return false;
    if (r->conn->requests >= limits->requests_per_connection) return false;
    if (b->done) return true;
    /* The rest of the body would have to be skipped; a client that was told to
     * wait for 100 may send it or not, which cannot be known. */
    if (b->failed || b->continue_pending) return false;
    return b->kind == BODY_CHUNKED || b->length - b->received <= DRAIN_BYTES;
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static char *put_framing(char *to, const Request *r, int64_t content_length)
{
    const Res *res = &r->res;
    if (status_has_body(res->status)) {
        if (content_length >= 0) {
            to = put(to, S("Content-Length: "));
            to = put_u64(to, (uint64_t)content_length);
            to = put(to, S("\r\n"));
        } else if (res->chunked) {
            to = put(to, S("Transfer-Encoding: chunked\r\n"));
        }
    }
    if (res->close) return put(to, S("Connection: close\r\n"));
    return r->is_http10 ? put(to, S("Connection: keep-alive\r\n")) : to;
}

static size_t fields_size(const Res *res)
{
    size_t size = 0;
    for (size_t i = 0; i < res->header_count; i++)
        size += res->headers[i].name.len + res->headers[i].value.len + 4;
    return size;
}

static void render_head(Request *r, int64_t content_length)
{
    Res *res = &r->res;
    Str allow = cors_allow(r->server, &r->req);
    size_t most = 512 + fields_size(res) + allow.len;
    char *head = arena_bytes(r->req.arena, most);

    char *to = put_status(head, res->status);
    to = put_date(to, r->hloop);
    to = put_defaults(to, res->defaults);
    if (allow.len > 0) to = put_field(to, S("Access-Control-Allow-Origin"), allow);
    for (size_t i = 0; i < res->header_count; i++)
        to = put_field(to, res->headers[i].name, res->headers[i].value);
    to = put_framing(to, r, content_length);
    to = put(to, S("\r\n"));

    size_t len = (size_t)(to - head);
    assert(len <= most);
    res->head = str_make(head, len);
    res->head_cap = most;
}

Error *res_send_head(Res *res, int status, int64_t content_length)
{
    Request *r = res->request;
    if (res->head_sent)
        return error_cause(r->req.arena, error_status(r->req.arena, 500),
                           "a second answer to one request");
    res->status = status;
    res->head_sent = true;
    res->content_length = content_length;
    res->has_body = status_has_body(status) && !r->req.is_head;
    bool unknown = content_length < 0 && status_has_body(status);
    res->chunked = unknown && !r->is_http10;
    if (unknown && r->is_http10) res->close = true; /* its end is the connection's */
    if (!keeps_connection(r)) res->close = true;
    render_head(r, content_length);

    if (r->counted) r->hloop->in_flight--; /* from here on it is the client's time */
    r->counted = false;
    return NULL;
}

/* ---- the socket ---- */

static Error *gone(Request *r)
{
    r->res.failed = true;
    return error_new(r->req.arena, 499, S("The client closed the connection."));
}

static Error *fail(Request *r)
{
    conn_close(r->conn);
    return gone(r);
}

typedef struct {
    uv_write_t req; /* first */
    Request *request;
    int status;
    bool done;
} Write;

static void on_written(uv_write_t *req, int status)
{
    Write *w = (Write *)req;
    w->status = status;
    w->done = true;
    fiber_resume(w->request->fiber);
}

static Error *wait_written(Request *r, uv_buf_t *bufs, unsigned count)
{
    Conn *c = r->conn;
    Write w = {.request = r};
    if (uv_write(&w.req, (uv_stream_t *)&c->tcp, bufs, count, on_written) != 0) return fail(r);

    c->write_pending = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    c->write_from_ms = loop_now_ms(r->hloop->loop);
    r->wait = WAIT_WRITE;
    while (!w.done)
        fiber_suspend();
    r->wait = WAIT_NONE;
    return w.status == 0 && !r->res.failed ? NULL : fail(r);
}

/* All of it, waiting if need be. `bufs` is used up. */
static Error *send_all(Request *r, uv_buf_t *bufs, unsigned count)
{
    Conn *c = r->conn;
    if (r->res.failed || !conn_alive(c)) return gone(r);
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += bufs[i].len;

    int rc = uv_try_write((uv_stream_t *)&c->tcp, bufs, count);
    if (rc < 0 && rc != UV_EAGAIN) return fail(r);
    r->res.sent_bytes += total;
    size_t sent = rc > 0 ? (size_t)rc : 0;
    if (sent == total) return NULL;

    while (sent >= bufs->len) {
        sent -= bufs->len;
        bufs++;
        count--;
    }
    bufs->base += sent;
    bufs->len -= sent;
    return wait_written(r, bufs, count);
}

static uv_buf_t buf_of(Str s)
{
    return uv_buf_init((char *)(uintptr_t)s.ptr, (unsigned)s.len);
}

Error *send_continue(Request *r)
{
    uv_buf_t buf = buf_of(S("HTTP/1.1 100 Continue\r\n\r\n"));
    uint64_t before = r->res.sent_bytes;
    Error *err = send_all(r, &buf, 1);
    r->res.sent_bytes = before;
    return err;
}

Error *res_flush(Res *res)
{
    if (res->head.len == 0) return NULL;
    uv_buf_t buf = buf_of(res->head);
    res->head = (Str){0};
    return send_all(res->request, &buf, 1);
}

/* One buffer when the body is small; the head is the arena's latest piece, so
 * it grows in place. */
static Error *send_with_head(Res *res, Str bytes, Str tail)
{
    Request *r = res->request;
    Str head = res->head;
    res->head = (Str){0};
    size_t total = head.len + bytes.len + tail.len;
    if (bytes.len <= COPY_WITH_HEAD) {
        char *all = (char *)(uintptr_t)head.ptr;
        if (total > res->head_cap) all = arena_extend(r->req.arena, all, res->head_cap, total);
        (void)put(put(all + head.len, bytes), tail);
        uv_buf_t buf = uv_buf_init(all, (unsigned)total);
        return send_all(r, &buf, 1);
    }
    uv_buf_t bufs[3] = {buf_of(head), buf_of(bytes), buf_of(tail)};
    return send_all(r, bufs, tail.len > 0 ? 3 : 2);
}

static Error *send_chunk(Res *res, Str bytes)
{
    char size[24];
    int n = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
    uv_buf_t bufs[4] = {buf_of(res->head), buf_of(str_make(size, (size_t)n)), buf_of(bytes),
                        buf_of(S("\r\n"))};
    bool with_head = res->head.len > 0;
    res->head = (Str){0};
    return send_all(res->request, with_head ? bufs : bufs + 1, with_head ? 4 : 3);
}

static Error *send_part(Res *res, Str part, Str tail)
{
    res->body_bytes += part.len + tail.len;
    assert(res->content_length < 0 || res->body_bytes <= (uint64_t)res->content_length);
    if (res->chunked) return send_chunk(res, part);
    if (res->head.len > 0) return send_with_head(res, part, tail);
    uv_buf_t bufs[2] = {buf_of(part), buf_of(tail)};
    return send_all(res->request, bufs, tail.len > 0 ? 2 : 1);
}

Error *res_send_bytes(Res *res, Str bytes)
{
    assert(res->head_sent);
    if (res->failed) return gone(res->request);
    if (!res->has_body) return NULL;
    while (bytes.len > 0) { /* one call of the kernel takes 2 GB at most */
        Str part = str_sub(bytes, 0, SEND_BYTES_MAX);
        bytes = str_from_pos(bytes, part.len);
        Error *err = send_part(res, part, S(""));
        if (err) return err;
    }
    return NULL;
}

Error *res_send_whole(Res *res, Str body, Str tail)
{
    bool at_once = res->has_body && !res->failed && !res->chunked && body.len <= SEND_BYTES_MAX &&
                   body.len > 0;
    Error *err = at_once ? send_part(res, body, tail) : res_send_bytes(res, body);
    if (err) return err;
    if (!at_once) err = res_send_bytes(res, tail);
    if (err) return err;
    return res_finish(res);
}

Error *res_finish(Res *res)
{
    Request *r = res->request;
    assert(res->head_sent);
    if (res->finished) return NULL;
    Error *err = res_flush(res);
    if (err) return err;
    if (res->chunked && res->has_body) {
        uv_buf_t buf = buf_of(S("0\r\n\r\n"));
        err = send_all(r, &buf, 1);
        if (err) return err;
    }
    bool whole = !res->has_body || res->content_length < 0 ||
                 res->body_bytes == (uint64_t)res->content_length;
    if (!whole) return fail(r); /* an honest cut */
    res->finished = true;
    return NULL;
}

/* ---- files ---- */

typedef struct {
    int fd;
    off_t offset;
    size_t len;
    char *buf;
    ssize_t got;
} FileRead;

static void read_piece(void *arg)
{
    FileRead *f = arg;
    size_t done = 0;
    while (done < f->len) {
        ssize_t n = pread(f->fd, f->buf + done, f->len - done, f->offset + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    f->got = (ssize_t)done;
}

/* Whether reading here would not wait for the disk. Unknown counts as cached. */
static bool is_cached(int fd, off_t offset)
{
    char byte;
    struct iovec iov = {&byte, 1};
    return preadv2(fd, &iov, 1, offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

/* A pool thread reads what is not in the page cache, so that no disk holds up
 * the loop. */
static Error *read_from_pool(Request *r, FileRead *f)
{
    Workers *workers = r->server->config.workers;
    bool cached = is_cached(f->fd, f->offset) && is_cached(f->fd, f->offset + (off_t)f->len - 1);
    if (workers && !cached) return await_work(workers, r->req.arena, read_piece, f);
    read_piece(f);
    return NULL;
}

/* The slow way round a full socket: a piece through memory, waiting. */
static Error *send_piece(Request *r, int fd, uint64_t *offset, uint64_t *len, char **scratch)
{
    if (!*scratch) *scratch = arena_bytes(r->req.arena, PIECE_BYTES);
    FileRead f = {
        .fd = fd, .offset = (off_t)*offset, .len = (size_t)MIN(*len, PIECE_BYTES), .buf = *scratch};
    Error *err = read_from_pool(r, &f);
    if (err) return err;
    if (f.got <= 0) return fail(r);
    *offset += (uint64_t)f.got;
    *len -= (uint64_t)f.got;
    uv_buf_t buf = uv_buf_init(f.buf, (unsigned)f.got);
    return send_all(r, &buf, 1);
}

/* The head without a packet of its own. */
static Error *send_head_before_file(Res *res, int sock)
{
    Str head = res->head;
    if (head.len == 0) return NULL;
    ssize_t n = send(sock, head.ptr, head.len, MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) n = 0;
    res->sent_bytes += (uint64_t)n;
    res->head = str_from_pos(head, (size_t)n);
    return res_flush(res);
}

static Error *send_file(Request *r, int sock, int fd, uint64_t offset, uint64_t len)
{
    char *scratch = NULL;
    uint64_t this_turn = 0;
    while (len > 0) {
        if (r->res.failed || !conn_alive(r->conn)) return gone(r);
        size_t want = (size_t)MIN(len, SENDFILE_BYTES);
        off_t at = (off_t)offset;
        bool cached = is_cached(fd, at) && is_cached(fd, at + (off_t)want - 1);
        ssize_t n = cached ? sendfile(sock, fd, &at, want) : -1;
        if (n > 0) {
            offset += (uint64_t)n;
            len -= (uint64_t)n;
            this_turn += (uint64_t)n;
            r->res.sent_bytes += (uint64_t)n;
            if (this_turn >= SENDFILE_TURN_BYTES && len > 0) {
                await_turn();
                this_turn = 0;
            }
            continue;
        }
        if (n == 0) return fail(r); /* shorter than announced */
        if (cached && (errno == EPIPE || errno == ECONNRESET)) return fail(r);
        Error *err = send_piece(r, fd, &offset, &len, &scratch);
        if (err) return err;
    }
    return NULL;
}

Error *res_send_fd(Res *res, int fd, uint64_t offset, uint64_t len)
{
    Request *r = res->request;
    assert(res->head_sent);
    assert(!res->chunked);
    if (res->failed || !conn_alive(r->conn)) return gone(r);
    if (!res->has_body || len == 0) return NULL;
    res->body_bytes += len;
    assert(res->content_length < 0 || res->body_bytes <= (uint64_t)res->content_length);

    int sock;
    if (uv_fileno((uv_handle_t *)&r->conn->tcp, &sock) != 0) return fail(r);
    Error *err = send_head_before_file(res, sock);
    if (err) return err;
    return send_file(r, sock, fd, offset, len);
}

/* ---- timeouts and refusals ---- */

void write_sweep(Request *r, uint64_t now_ms)
{
    Conn *c = r->conn;
    size_t pending = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    if (pending != c->write_pending) {
        c->write_pending = pending;
        c->write_from_ms = now_ms;
        return;
    }
    if (now_ms - c->write_from_ms < r->server->config.limits.write_stall_ms) return;
    count_add(&r->hloop->counters.timeouts, 1);
    conn_close(c);
}

void send_refusal(Conn *c, int status, bool close, bool head_only)
{
    HttpLoop *hl = c->hloop;
    if (status >= 500)
        count_add(&hl->counters.responses_5xx, 1);
    else
        count_add(&hl->counters.responses_4xx, 1);
    count_add(&hl->counters.requests, 1);

    char body[REFUSAL_BYTES / 2];
    Str message = error_default_message(status);
    int len = snprintf(body, sizeof(body), "{\"data\":{},\"message\":\"%.*s\",\"status\":%d}\n",
                       STR_ARG(message), status);
    assert(len > 0 && (size_t)len < sizeof(body));

    char out[REFUSAL_BYTES + sizeof(body)];
    char *to = put_status(out, status);
    to = put_date(to, hl);
    to = put(to, S(DEFAULT_BLOCK "Content-Type: application/json\r\nContent-Length: "));
    to = put_u64(to, (uint64_t)len);
    to = put(to, S("\r\n"));
    if (hl->server->origins_any) to = put(to, S("Access-Control-Allow-Origin: *\r\n"));
    if (status == 503) to = put(to, S("Retry-After: 1\r\n"));
    if (close) to = put(to, S("Connection: close\r\n"));
    to = put(to, S("\r\n"));
    if (!head_only) to = put(to, str_make(body, (size_t)len));

    uv_buf_t buf = uv_buf_init(out, (unsigned)(to - out));
    int rc = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    if (rc != (int)buf.len)
        conn_close(c);
    else if (close)
        conn_close_after_answer(c);
}
