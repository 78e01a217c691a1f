/* http_internal.h - what the files of http/ share and nobody else sees.
 *
 * The way of a request:
 *
 *     conn.c      accepts, reads into one buffer per loop, finds whole heads
 *     http1.c     checks and takes apart a head          (pure, fuzzed)
 *     serve.c     gives it a fiber and an arena, routes, runs, answers errors
 *     receive.c   the request's body, piece by piece     (chunked.c: pure, fuzzed)
 *     send.c      heads, bytes and files to the socket, waiting when it is full
 *     response.c  the res_* calls of http.h on top of send.c
 *     output.c    how much of large answers may be in memory at a time
 *     stream.c    responses that outlive their request: server-sent events
 *     server.c    the set-up, the listeners, the sweep of timeouts, the stop
 *
 * Everything of a connection happens on its loop's thread. A connection has at
 * most one request at a time; pipelined ones wait in its input.
 *
 * Invariants
 *  1. A Conn is freed when its handle is closed AND it has no request. Its
 *     stream, if it has become one, ends with the handle.
 *  2. conn->request is set exactly while a fiber serves this connection.
 *  3. Input is "borrowed" (in the loop's shared read buffer) only until control
 *     returns to libuv; whoever may suspend first makes it the connection's own.
 */
#ifndef CROFT_HTTP_INTERNAL_H
#define CROFT_HTTP_INTERNAL_H

#include "http/chunked.h"
#include "http/http.h"
#include "http/http1.h"

#include <stdatomic.h>

typedef struct Conn Conn;
typedef struct Request Request;
typedef struct HttpLoop HttpLoop;
typedef struct Router Router;

#define READ_BUFFER_BYTES   (64 * 1024) /* one a loop; also the most that waits unread on a conn */
#define DRAIN_BYTES         (64 * 1024) /* unread body that is skipped to keep a connection */
#define LINGER_MS           2000        /* how long a refused client may go on sending */
#define LINGER_BYTES        (1024 * 1024)
#define BUFFERS_POOLED      16  /* per loop */
#define REQUESTS_POOLED     256 /* per loop */
#define ROUTE_PARAMS_MAX    8
#define SENDFILE_TURN_BYTES (1024 * 1024) /* then other fibers get their turn */

/* ---- the body of a request, as it arrives (receive.c) ---- */

typedef enum { BODY_NONE, BODY_LENGTH, BODY_CHUNKED } BodyKind;

typedef struct {
    BodyKind kind;
    bool done;             /* the last byte was handed out */
    bool continue_pending; /* "Expect: 100-continue" not answered yet */
    bool too_slow;         /* the sweep found it under the minimum rate */
    int failed;            /* the status a read failed with; it fails again */
    uint64_t length;       /* BODY_LENGTH: Content-Length */
    uint64_t received;     /* body bytes handed out so far */
    uint64_t limit;        /* 413 beyond */
    uint64_t waited_ms;    /* spent waiting for the client, in all */
    uint64_t wait_from_ms; /* when the present wait began */
    uint64_t window_ms;    /* the rate is measured since this much waiting … */
    uint64_t window_bytes; /* … and this much received; 0, 0 = not yet */
    Chunked chunked;
    Str outstanding; /* the piece the caller holds, in the conn's input */
} ReqBody;

/* ---- a response under way ---- */

/* Headers every response has unless removed (api: conventions §3). */
enum {
    DEFAULT_XSS = 1,
    DEFAULT_NOSNIFF = 2,
    DEFAULT_FRAME = 4,
    DEFAULT_VARY = 8,
    DEFAULT_ALL = 15
};

#define INLINE_HEADERS 12

struct Res {
    Request *request;
    int status; /* 0 before an answer */
    unsigned defaults;
    HttpHeader *headers; /* inline_headers, or in the arena when there are more */
    size_t header_count, header_cap;
    Str head;               /* rendered, waiting to go out with the first bytes */
    size_t head_cap;        /* bytes it has in the arena */
    uint64_t sent_bytes;    /* head and body, as handed to the socket */
    int64_t content_length; /* as announced; -1 = unknown */
    uint64_t body_bytes;    /* of the body sent so far */
    bool head_sent;         /* the head is rendered: nothing can be changed any more */
    bool has_body;          /* body bytes go out (not for HEAD, 204, 304) */
    bool chunked;           /* body in chunks */
    bool streaming;         /* res_stream_start() */
    bool finished;          /* res_finish() was called */
    bool failed;            /* the connection ended meanwhile */
    bool close;             /* the connection ends after this response */
    HttpHeader inline_headers[INLINE_HEADERS];
};

typedef enum { WAIT_NONE, WAIT_BODY, WAIT_WRITE } Wait;

/* A request, its response and its arena; pooled per loop. */
struct Request {
    Req req; /* first: a Req * is a Request * */
    Res res;
    ReqBody body;
    Conn *conn;
    HttpServer *server;
    HttpLoop *hloop;
    Fiber *fiber;
    Wait wait;
    size_t output_held;  /* of the server's output_pending_bytes */
    int refused;         /* the head was malformed: this status, then close */
    const char *problem; /* and why */
    bool keep_alive;     /* what the client wants */
    bool is_http10;
    bool counted;                        /* in hloop->in_flight */
    bool silent;                         /* a preflight: not for the request log */
    HttpHeader params[ROUTE_PARAMS_MAX]; /* of the route, decoded */
    size_t param_count;
    void *body_cache; /* web: what req_body() gave the first time */
    Request *next_free;
};

static inline Request *request_of(const Req *req)
{
    return (Request *)req;
}

/* ---- the server ---- */

struct HttpServer {
    HttpConfig config; /* limits filled in: config.limits.body_bytes … */
    Arena *arena;      /* the one http_server_create() was given */
    Router *router;
    Str *origins; /* patterns of config.origins */
    size_t origin_count;
    bool origins_any;
    HttpLoop *loops[256];
    size_t loop_count;
    struct StaticSite *site; /* static.c: the public_dir; NULL = none */
    _Atomic bool stopping;
    ArenaBudget request_memory;    /* of the arenas of all requests */
    _Atomic size_t output_pending; /* held by requests: output.c */
};

/* ---- the body of a request ---- */

/* Says how many bytes the reader will take: 413 at once when Content-Length is
 * more; when chunked passes it, req_body_read() gives 413. Before the first
 * call the limit is limits.body_bytes. 415 for a Content-Encoding. */
MUST_CHECK Error *req_body_expect(Req *req, uint64_t limit);

/* The Content-Length. *known = false when the body is chunked. 0 and known when
 * there is no body. */
uint64_t req_content_length(const Req *req, bool *known);

/* When the whole body came together with the head, as a small JSON document
 * does: takes it all at once, in the arena. False otherwise, and nothing was
 * read. Checks no limit: call req_body_expect() first. */
bool req_body_ready(Req *req, Str *whole);

/* The next piece, de-chunked, waiting for it if need be; chunk->len == 0 at the
 * end (again and again). The piece is valid until the next call. Sends
 * "100 Continue" before it waits for the first time. 400 for bad framing or a
 * body cut short, 408 below the minimum rate, 413 beyond the limit; after any
 * of them the connection closes behind the answer. */
MUST_CHECK Error *req_body_read(Req *req, Str *chunk);

/* ---- sending ---- */

/* Renders the head: status, headers so far, Date, CORS, security headers,
 * framing. It goes out with the first bytes. content_length: bytes of the body
 * (for HEAD and 304: of the body there would be), or -1: chunked. */
MUST_CHECK Error *res_send_head(Res *res, int status, int64_t content_length);

/* Body bytes; nothing for HEAD, 204 and 304. Waits while the socket is full.
 * `bytes` must not change meanwhile. */
MUST_CHECK Error *res_send_bytes(Res *res, Str bytes);

/* Sends the head now, if it still waits for the first bytes. */
MUST_CHECK Error *res_flush(Res *res);

/* `len` bytes of a file from `offset`, by sendfile(2). A file that turns out
 * shorter ends the connection. Does not close fd. */
MUST_CHECK Error *res_send_fd(Res *res, int fd, uint64_t offset, uint64_t len);

/* Ends the response; sends the head if no body did. */
MUST_CHECK Error *res_finish(Res *res);

/* ---- implemented by the static files' side ---- */

/* http_server_create() calls the first when public_dir is not empty, and
 * http_server_destroy() the second in any case (after the loops have ended). */
MUST_CHECK Error *static_open(HttpServer *server, Arena *a);
void static_close(HttpServer *server);

/* Called for GET and HEAD when no route matches, a public_dir is set and the
 * path is not under /api/. An error 404 becomes the envelope. */
Error *static_serve(Req *req, Res *res);

/* Compresses *body for this client when that pays: true and *encoding is
 * "br" or "gzip", the new bytes in the arena. May wait. */
bool res_compress(Req *req, Str content_type, Str *body, Str *encoding);

/* ---- between conn.c, serve.c, receive.c, send.c (http/ core only) ---- */

#include "http/conn.h"

#endif
