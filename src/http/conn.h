/* conn.h - connections: input, timeouts, and what the other files of the core
 * ask of them. Included through http_internal.h only. */
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
    CONN_LINGER,  /* answered and shut down; what still comes is thrown away */
    CONN_CLOSED   /* uv_close() was called */
} ConnState;

struct Conn {
    uv_tcp_t tcp; /* first: a uv_stream_t * is a Conn * */
    HttpLoop *hloop;
    Conn *prev, *next; /* in hloop->conns */
    Request *request;
    Input in;
    Http1Scan scan;
    uint64_t deadline_ms;  /* IDLE, HEAD, LINGER: closed then */
    uint64_t head_from_ms; /* first byte of the present head */
    size_t write_pending;  /* at the last sweep, to see progress */
    uint64_t write_from_ms; /* since when there is none */
    uint32_t requests;
    uint32_t linger_bytes;
    uint8_t state;
    bool reading;
    bool handle_closed;
    bool peer_eof;
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
    Conn *conns;
    size_t conn_count;
    size_t request_count; /* fibers serving */
    size_t in_flight;     /* of them those whose answer has not begun */
    Request *free_requests;
    size_t free_request_count;
    char *free_buffers[16]; /* of READ_BUFFER_BYTES, for bodies */
    size_t free_buffer_count;
    bool sweeping, accepting, stopping, stopped, destroyed;
    uint64_t stop_deadline_ms;
    uint64_t date_until_ms;
    char date[DATE_LEN + 1];
    HttpCounters counters;
    char read_buffer[READ_BUFFER_BYTES];
};

/* One thread writes a counter, any thread reads it. */
static inline void count_up(_Atomic uint64_t *counter)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/* conn.c */
Error *conn_accept(HttpLoop *hl, int fd, const struct sockaddr *peer);
void conn_close(Conn *c);               /* at once; frees it when nothing uses it */
void conn_close_after_answer(Conn *c);  /* lets the client read what was sent */
void conn_read_more(Conn *c);           /* makes sure reading is on */
void conn_own_input(Conn *c, size_t room); /* borrowed becomes owned, with room behind */
void conn_drop_input(Conn *c);
bool conn_next_head(Conn *c, int *status); /* a whole head (or a refusal) is in the input */
void conn_wait_for_request(Conn *c);    /* back to idle; frees the buffer */
void conn_free_if_unused(Conn *c);
void conn_sweep(Conn *c, uint64_t now_ms);
static inline Str conn_input(const Conn *c)
{
    return str_make(c->in.buf ? c->in.buf + c->in.start : NULL, c->in.end - c->in.start);
}

/* serve.c */
void serve_start(Conn *c, int status); /* a whole head is there, or a refusal */
void serve_client_gone(Request *r);
void request_pool_free(HttpLoop *hl);

/* server.c */
void hloop_update_date(HttpLoop *hl);
void hloop_connection_ended(HttpLoop *hl);
void hloop_start_sweep(HttpLoop *hl);

/* send.c: a whole small response without a request: refusals. Never waits. */
void send_refusal(Conn *c, int status, const char *extra_header, bool close);

/* router.c */
Router *router_new(Arena *a, const RouteTable *tables, size_t count);
/* NULL when nothing matches. *status is 0, or 400 for a path that is not valid
 * percent-encoded UTF-8. Fills the request's params. */
const Route *router_match(const Router *router, Request *r, int *status);

/* cors.c */
void cors_set_up(Arena *a, HttpServer *server);
/* The value for Access-Control-Allow-Origin, {NULL, 0} for none. */
Str cors_allow(const HttpServer *server, const Req *req);

#endif
