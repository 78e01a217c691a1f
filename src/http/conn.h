/* conn.h - connections and loops, and what the files of the core ask of each
 * other. Included through http_internal.h only. */
#ifndef CROFT_HTTP_CONN_H
#define CROFT_HTTP_CONN_H

#include <netinet/in.h>

/* Bytes received and not used yet: buf[start .. end). */
typedef struct {
    char *buf; /* NULL = nothing */
    uint32_t start, end, cap;
    bool borrowed; /* buf is the loop's read buffer */
} Input;

typedef enum {
    CONN_IDLE,    /* between requests; nothing received */
    CONN_HEAD,    /* part of a head received */
    CONN_REQUEST, /* a fiber is at work */
    CONN_STREAM,  /* handed over: `stream` sends, what comes is thrown away */
    CONN_LINGER,  /* answered and shut down; what still comes is thrown away */
    CONN_CLOSED   /* uv_close() was called */
} ConnState;

struct Conn {
    uv_tcp_t tcp; /* first: a uv_stream_t * is a Conn * */
    HttpLoop *hloop;
    Conn *prev, *next; /* in hloop->conns */
    Request *request;
    HttpStream *stream; /* since res_stream_detach() */
    Input in;
    Http1Scan scan;
    uint64_t deadline_ms;   /* IDLE, HEAD, STREAM, LINGER: closed then */
    uint64_t head_from_ms;  /* first byte of the present head */
    size_t write_pending;   /* at the last sweep, to see progress */
    uint64_t write_from_ms; /* since when there is none */
    uint32_t requests;
    uint32_t linger_bytes;
    uint8_t state;
    bool reading;
    bool handle_closed;
    bool peer_eof;
    uint8_t remote_ip_len;
    char remote_ip[INET6_ADDRSTRLEN];
};

typedef struct {
    _Atomic uint64_t accepted, requests, responses_4xx, responses_5xx, refused, timeouts;
    _Atomic uint64_t open;
} HttpCounters;

/* What the server has on one loop. */
struct HttpLoop {
    HttpServer *server;
    Loop *loop;
    uv_poll_t listener;
    uv_timer_t sweep;
    uv_timer_t accept_pause;
    int listen_fd;
    int reserve_fd; /* given up for a moment when descriptors run out */
    int fd_ceiling; /* connections beyond this number are refused: the rest is for files */
    Conn *conns;
    size_t conn_count;
    size_t request_count; /* fibers serving */
    size_t in_flight;     /* of them those whose answer has not begun */
    size_t input_max;     /* bytes of input a connection may hold */
    Request *free_requests;
    size_t free_request_count;
    char *free_buffers[BUFFERS_POOLED]; /* of READ_BUFFER_BYTES */
    size_t free_buffer_count;
    bool stopping;    /* accepts nothing any more */
    bool stopped;     /* nothing left; the loop was told to stop */
    int handles_open; /* listener and timers not closed yet */
    uint64_t sweep_ms;
    uint64_t stop_deadline_ms;
    uint64_t date_until_ms;
    Arena *scratch; /* for `date` */
    Str date;
    HttpCounters counters;
    char read_buffer[READ_BUFFER_BYTES];
};

/* One thread writes a counter, any thread reads it. */
static inline void count_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline Str conn_input(const Conn *c)
{
    return str_make(c->in.buf ? c->in.buf + c->in.start : NULL, c->in.end - c->in.start);
}

static inline bool conn_alive(const Conn *c)
{
    return c->state != CONN_CLOSED;
}

/* conn.c */
void conn_accept(HttpLoop *hl, int fd, const struct sockaddr_storage *peer);
void conn_close(Conn *c);              /* at once; frees it when nothing uses it */
void conn_close_after_answer(Conn *c); /* lets the client read what was sent */
void conn_read_more(Conn *c);          /* makes sure reading is on */
void conn_own_input(Conn *c);          /* borrowed becomes owned */
void conn_wait_for_request(Conn *c);   /* back to idle; frees the buffer */
void conn_become_stream(Conn *c);      /* its request has ended, its stream goes on */
void conn_free_if_unused(Conn *c);
void conn_sweep(Conn *c, uint64_t now_ms);
bool conn_has_unread_bytes(const Conn *c); /* in the kernel's buffer */
/* Whether a whole head, or a reason to refuse (*status > 0), is in the input. */
bool conn_next_head(Conn *c, int *status);

/* serve.c */
void serve_start(Conn *c, int status); /* a whole head is there, or a refusal */
void requests_free(HttpLoop *hl);

/* receive.c */
bool body_drain(Request *r); /* skips what was not read; false = the connection must end */
void body_sweep(Request *r, uint64_t now_ms);

/* stream.c */
void stream_sweep(HttpStream *s, uint64_t now_ms);
void stream_ended(HttpStream *s); /* tells its owner, frees it */

/* send.c */
void write_sweep(Request *r, uint64_t now_ms);
Error *send_continue(Request *r);
Error *res_send_whole(Res *res, Str body, Str tail); /* both and the end, in one write */
/* A whole small envelope without a request. Never waits. */
void send_refusal(Conn *c, int status, bool close, bool head_only);

/* output.c */
/* Before a whole body in memory is sent: NULL, or 503. Counts until the request
 * ends. */
MUST_CHECK Error *output_take(Request *r, size_t body_bytes);

/* server.c */
Str hloop_date(HttpLoop *hl);
void hloop_check_stopped(HttpLoop *hl);
void hloop_sweep_on(HttpLoop *hl);

/* router.c */
Router *router_new(Arena *a, const RouteTable *tables, size_t count);
/* NULL when nothing matches. *status is 0, or 400 for a path or query that is
 * not percent-encoded UTF-8. Fills the request's params. */
const Route *router_match(const Router *router, Request *r, int *status);

/* cors.c */
void cors_set_up(Arena *a, HttpServer *server, Str origins);
/* The value for Access-Control-Allow-Origin, empty for none. */
Str cors_allow(const HttpServer *server, const Req *req);
Error *cors_preflight(Req *req, Res *res);

#endif
