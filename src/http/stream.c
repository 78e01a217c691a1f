/* stream.c - responses that outlive their request: no fiber, no arena, no buffer.
 *
 * A message goes straight to the socket in one system call. What does not fit
 * is an Item in libuv's queue of that socket; its long part is shared with
 * every other stream that waits for it. `pending` counts the memory, not only
 * the bytes, so a thousand small messages cannot hide behind a byte limit.
 *
 * The connection owns the stream: whoever ends it closes the connection, and
 * when libuv has let go of that, the stream's owner is told (conn.c).
 */
#include "http/http_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <sys/socket.h>

#define COPY_FIRST 256 /* a `first` up to this goes behind its chunk's size line */

struct HttpStream {
    Conn *conn;
    void (*on_close)(void *arg);
    void *arg;
    uint64_t idle_ms, ends_at_ms;
    uint64_t until_ms; /* http_stream_end_in() */
    size_t pending, pending_max;
    bool chunked;
};

/* What waits for the socket: the rest of one message. */
typedef struct {
    uv_write_t req; /* first */
    HttpStream *stream;
    HttpBytes *shared; /* one reference; or NULL */
    size_t size;       /* as counted in `pending` */
    char bytes[];
} Item;

HttpBytes *http_bytes_new(size_t len)
{
    HttpBytes *b = malloc(sizeof(HttpBytes) + len);
    if (!b) return NULL;
    b->refs = 1;
    b->len = len;
    return b;
}

void http_bytes_release(HttpBytes *b)
{
    if (b && --b->refs == 0) free(b);
}

/* ---- life ---- */

static void set_deadline(HttpStream *s)
{
    uint64_t now = loop_now_ms(s->conn->hloop->loop);
    s->conn->deadline_ms = MIN(now + s->idle_ms, s->ends_at_ms);
}

void http_stream_end_in(HttpStream *s, uint64_t ms)
{
    uint64_t now = loop_now_ms(s->conn->hloop->loop);
    s->until_ms = ms > UINT64_MAX - now ? UINT64_MAX : now + ms;
}

Error *res_stream_detach(Res *res, const HttpStreamLimits *limits, void (*on_close)(void *arg),
                         void *arg, HttpStream **out)
{
    Request *r = res->request;
    Conn *c = r->conn;
    assert(res->streaming && res->head_sent && res->has_body && !res->finished);
    assert(!c->stream);
    if (res_is_closed(res)) {
        res->failed = true;
        return error_new(r->req.arena, 499, S("The client closed the connection."));
    }
    HttpStream *s = calloc(1, sizeof(HttpStream));
    if (!s) return error_cause(r->req.arena, error_status(r->req.arena, 503), "out of memory");
    *s = (HttpStream){.conn = c,
                      .on_close = on_close,
                      .arg = arg,
                      .idle_ms = limits->idle_ms,
                      .ends_at_ms = loop_now_ms(r->hloop->loop) + limits->lifetime_ms,
                      .until_ms = UINT64_MAX,
                      .pending_max = limits->pending_bytes,
                      .chunked = res->chunked};
    c->stream = s;
    set_deadline(s);
    res->finished = true;
    *out = s;
    return NULL;
}

void stream_ended(HttpStream *s)
{
    s->on_close(s->arg);
    free(s);
}

void http_stream_close(HttpStream *s)
{
    Conn *c = s->conn;
    if (!conn_alive(c)) return;
    if (s->chunked && s->pending == 0) {
        char end[] = "0\r\n\r\n";
        uv_buf_t buf = uv_buf_init(end, sizeof(end) - 1);
        (void)uv_try_write((uv_stream_t *)&c->tcp, &buf, 1); /* else an honest cut */
    }
    conn_close(c);
}

/* For clients that do not read: a reset, so that the kernel does not keep what
 * waits in the socket either. */
static void cut_off(HttpStream *s)
{
    Conn *c = s->conn;
    struct linger at_once = {.l_onoff = 1};
    int fd;
    log_info("http", "a stream's client reads too slowly and was cut off",
             LOG_STR("ip", str_make(c->remote_ip, c->remote_ip_len)),
             LOG_INT("pending", s->pending));
    count_add(&c->hloop->counters.timeouts, 1);
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    conn_close(c);
}

/* ---- the queue ---- */

static void on_item_written(uv_write_t *req, int status)
{
    Item *item = (Item *)req;
    HttpStream *s = item->stream;
    s->pending -= item->size;
    http_bytes_release(item->shared);
    free(item);
    if (status < 0) conn_close(s->conn); /* which has happened already when we closed it */
}

static size_t total_len(const uv_buf_t *bufs, unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += bufs[i].len;
    return total;
}

static void skip(uv_buf_t *bufs, unsigned count, size_t sent)
{
    for (unsigned i = 0; i < count && sent > 0; i++) {
        size_t part = MIN(sent, bufs[i].len);
        bufs[i].base += part;
        bufs[i].len -= part;
        sent -= part;
    }
}

/* Copies what is the message's own, shares the rest. */
static bool enqueue(HttpStream *s, uv_buf_t *bufs, unsigned count, HttpBytes *shared)
{
    Conn *c = s->conn;
    bool shares = shared && bufs[1].len > 0;
    size_t own = bufs[0].len, size = sizeof(Item) + own + (shares ? bufs[1].len : 0);
    Item *item = s->pending + size <= s->pending_max ? malloc(sizeof(Item) + own) : NULL;
    if (!item) {
        cut_off(s);
        return false;
    }
    item->stream = s;
    item->size = size;
    item->shared = shares ? shared : NULL;
    if (shares) shared->refs++;
    memcpy(item->bytes, bufs[0].base, own);
    bufs[0].base = item->bytes;
    if (s->pending == 0) {
        c->write_pending = 0;
        c->write_from_ms = loop_now_ms(c->hloop->loop);
    }
    s->pending += size;
    if (uv_write(&item->req, (uv_stream_t *)&c->tcp, bufs, count, on_item_written) == 0)
        return true;
    s->pending -= size;
    http_bytes_release(item->shared);
    free(item);
    conn_close(c);
    return false;
}

/* bufs[0] is the message's own, bufs[1] shared, bufs[2] a literal. */
static bool send_bufs(HttpStream *s, uv_buf_t *bufs, unsigned count, HttpBytes *shared)
{
    size_t sent = 0;
    if (s->pending == 0) {
        int rc = uv_try_write((uv_stream_t *)&s->conn->tcp, bufs, count);
        if (rc < 0 && rc != UV_EAGAIN) {
            conn_close(s->conn);
            return false;
        }
        if (rc > 0) sent = (size_t)rc;
        if (sent == total_len(bufs, count)) return true;
    }
    skip(bufs, count, sent);
    return enqueue(s, bufs, count, shared);
}

/* "1f3\r\n", at most 18 bytes. */
static size_t put_size_line(char *to, size_t size)
{
    char digits[16];
    size_t n = 0, at = 0;
    do {
        digits[n++] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size > 0);
    while (n > 0)
        to[at++] = digits[--n];
    to[at++] = '\r';
    to[at++] = '\n';
    return at;
}

/* A long `first` becomes a shared piece that nobody shares. */
static bool send_long(HttpStream *s, Str first, const HttpBytes *rest)
{
    HttpBytes *all = http_bytes_new(first.len + (rest ? rest->len : 0));
    if (!all) {
        conn_close(s->conn);
        return false;
    }
    memcpy(all->bytes, first.ptr, first.len);
    if (rest) memcpy(all->bytes + first.len, rest->bytes, rest->len);
    bool sent = http_stream_send(s, S(""), all);
    http_bytes_release(all);
    return sent;
}

bool http_stream_send(HttpStream *s, Str first, HttpBytes *rest)
{
    static char line_end[] = "\r\n";
    size_t shared_len = rest ? rest->len : 0;
    if (!conn_alive(s->conn)) return false;
    if (first.len + shared_len == 0) return true;
    if (first.len > COPY_FIRST) return send_long(s, first, rest);
    set_deadline(s);

    char own[COPY_FIRST + 24];
    size_t at = s->chunked ? put_size_line(own, first.len + shared_len) : 0;
    if (first.len > 0) memcpy(own + at, first.ptr, first.len);
    uv_buf_t bufs[3] = {uv_buf_init(own, (unsigned)(at + first.len)),
                        uv_buf_init(rest ? rest->bytes : line_end, (unsigned)shared_len),
                        uv_buf_init(line_end, s->chunked ? 2 : 0)};
    return send_bufs(s, bufs, 3, rest);
}

/* ---- the sweep ---- */

void stream_sweep(HttpStream *s, uint64_t now_ms)
{
    Conn *c = s->conn;
    size_t waiting = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    if (waiting != c->write_pending) {
        c->write_pending = waiting;
        c->write_from_ms = now_ms;
    }
    bool stalls = now_ms - c->write_from_ms >= c->hloop->server->config.limits.write_stall_ms;
    if (waiting > 0 && stalls)
        cut_off(s);
    else if (now_ms >= c->deadline_ms || now_ms >= s->until_ms)
        http_stream_close(s);
}
