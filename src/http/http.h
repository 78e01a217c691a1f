/* http.h - the web server: connections, requests, responses, routes.
 *
 * Worked example: a server with one endpoint.
 *
 *     static Error *handle_hello(Req *req, Res *res)
 *     {
 *         Str name = req_param(req, "name");
 *         return res_text(res, 200, str_printf(req->arena, "hello %.*s", STR_ARG(name)));
 *     }
 *     const Route hello_routes[] = {{"GET", "/api/hello/{name}", handle_hello, 0}};
 *
 * HTTP/1.1 as RFC 9110 and 9112 say, read strictly: whatever could be framed
 * in two ways is refused with 400 and the connection closed. Each request runs
 * on a fiber of its own with an arena of its own; the handler is straight-line
 * C and returns NULL or an Error, which becomes the JSON envelope of
 * api: conventions §4 and is logged, once, here. A keep-alive connection with
 * no request in flight owns no fiber, no arena and no buffer.
 *
 * Threads: a request belongs to its loop's thread. HttpServer is set up before
 * the loops run; http_server_stop() may be called from any thread.
 */
#ifndef CROFT_HTTP_H
#define CROFT_HTTP_H

#include "base/base.h"
#include "base/buf.h"
#include "loop/loop.h"
#include "json/json.h"

typedef struct Req Req;
typedef struct Res Res;
typedef struct HttpServer HttpServer;

/* ---- limits: every one named, settable, with its default ---- */

typedef struct {
    size_t uri_bytes;           /* 8192: longer request targets get 414 */
    size_t header_bytes;        /* 32768 in all, 431 */
    size_t header_fields;       /* 100, 431 */
    size_t body_bytes;          /* 32 MiB: what a handler gets that names no other limit; 413 */
    size_t body_memory_bytes;   /* 1 MiB: a body part beyond it goes to a temporary file */
    size_t form_fields;         /* 1000 parts of a form */
    size_t form_field_bytes;    /* 8 MiB: one plain (non-file) value */
    size_t request_arena_bytes; /* 64 MiB: an arena beyond it ends its request with 500 */
    /* All requests together, beyond 128 KiB each; more: 503. Default: a quarter of
     * what the process may use (base/memory.h), an eighth where that is little. */
    size_t request_memory_bytes;
    /* Large answers that are being sent, in all; more: 503. Default: 64 MiB, an eighth
     * of what the process may use where that is less. */
    size_t output_pending_bytes;
    size_t requests_per_connection; /* 100000 */
    size_t connections;             /* 20000 per loop; beyond it 503 and close */
    size_t requests_in_flight;      /* 1000 per loop; beyond it 503 + Retry-After: 1 */
    uint32_t header_timeout_ms;     /* 10000 from the first byte to the end of the head */
    uint32_t idle_timeout_ms;       /* 75000 between requests */
    uint32_t body_grace_ms;         /* 10000 before the minimum rate counts */
    uint32_t body_min_rate;         /* 500 bytes a second */
    uint32_t write_stall_ms;        /* 60000 without progress closes */
    uint32_t shutdown_ms;           /* 8000 for requests in flight at a graceful stop */
} HttpLimits;

HttpLimits http_limits_default(void);

/* ---- requests ---- */

typedef enum {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_OTHER
} HttpMethod;

typedef struct {
    Str name; /* as sent; compare without case */
    Str value;
} HttpHeader;

/* A file part of a form. Small ones stay in memory, others are in an unnamed
 * temporary file; both end with the request. */
typedef struct {
    Str field;        /* form field, modifiers included: "docs+" */
    Str file_name;    /* as the client named it, any bytes of valid UTF-8 */
    Str content_type; /* as the client said; never trusted */
    uint64_t size_bytes;
    Str memory; /* the bytes, when fd < 0 */
    int fd;     /* or -1; positioned anywhere, use pread */
} Upload;

/* A body of any accepted content type as one JSON object and its files
 * (api: conventions §2). */
typedef struct {
    Json *data;      /* always an object, {} without a body */
    Upload *uploads; /* in order */
    size_t upload_count;
    bool is_form; /* multipart or urlencoded */
    bool present; /* some body was sent */
} Body;

struct Req {
    Arena *arena;
    HttpMethod method; /* HEAD arrives as HTTP_GET with is_head set */
    bool is_head;
    Str method_text;  /* "GET", as sent */
    Str target;       /* the request target as sent: "/api/x?y=1" */
    Str path;         /* its path, still percent-encoded */
    Str query_string; /* without '?', still encoded */
    HttpHeader *headers;
    size_t header_count;
    Str remote_ip; /* of the TCP peer: "127.0.0.1", "::1" */
    bool is_tls;
    void *app;                 /* HttpConfig.app */
    void *context;             /* what HttpConfig.before left for the handlers */
    uint64_t started_ns;       /* monotonic, at the first byte of the head */
    const struct Route *route; /* NULL before routing and for static files */
};

/* First value of a header, {NULL, 0} when absent. Names without case. */
Str req_header(const Req *req, Str name);
/* Of several headers of one name the last (api: conventions §8). */
Str req_header_last(const Req *req, Str name);

/* A `{name}` of the route, percent-decoded; empty when there is none. */
Str req_param(const Req *req, const char *name);

/* First value of a query parameter, decoded; {NULL, 0} when absent. */
Str req_query(Req *req, Str key);
bool req_query_has(Req *req, Str key);
/* All of them as an object of strings, first value of each key. */
Json *req_query_all(Req *req);

/* The whole body in memory, at most `limit` bytes (0 = limits.body_bytes):
 * 413 when it is larger, 400 when it is cut short or framed badly. */
MUST_CHECK Error *req_body_bytes(Req *req, size_t limit, Str *out);

/* The body in whatever content type, as conventions §2: JSON (first value
 * only; must be an object, other values are an error 400), multipart and
 * urlencoded with scalar inference and @jsonPayload. Unsupported types: 400
 * "Unsupported Content-Type.". Nothing sent: {} and present = false. Uploads go
 * to disk as they arrive. Read once: a second call gives the same body. */
MUST_CHECK Error *req_body(Req *req, size_t limit, Body *out);

/* ---- responses ---- */

/* Sets a header, replacing one of that name. CR, LF and NUL in a value are a
 * mistake of ours and abort. Name and value are borrowed. */
void res_header(Res *res, Str name, Str value);
void res_header_add(Res *res, Str name, Str value);
void res_header_remove(Res *res, Str name);
bool res_header_has(const Res *res, Str name);

/* The answer. Each handler calls one of them, once; they return NULL, or the
 * error with which the connection ended. HEAD requests get the head only. */
Error *res_empty(Res *res, int status); /* 204 and the like */
Error *res_json(Res *res, int status, const Json *value);
Error *res_json_text(Res *res, int status, Str json); /* rendered already; must outlive the send */
Error *res_text(Res *res, int status, Str text);      /* text/plain; charset=utf-8 */
Error *res_bytes(Res *res, int status, Str content_type, Str bytes);
Error *res_redirect(Res *res, int status, Str location);

/* An open file (closed by the arena, see arena_defer, or by `owned`). Answers
 * conditional requests and byte ranges of GET and HEAD (RFC 9110 §13, §14):
 * 200, 206 also multipart/byteranges, 304, 412, 416. Uses sendfile.
 *
 * With fd -1 the content comes from `read`: exactly len bytes of it from offset
 * on, asked for piece by piece as the client takes them (in the fiber, which may
 * wait). When it fails, the connection is cut: the head has gone. Without that it
 * is `memory`, which lives until the arena's reset. */
typedef Error *(*ResRead)(void *arg, uint64_t offset, char *buf, size_t len);
typedef struct {
    int fd;
    ResRead read;
    void *read_arg;
    Str memory;
    bool owned; /* close(fd) when sent */
    uint64_t size_bytes;
    int64_t modified_ms; /* for Last-Modified; 0 = none */
    Str last_modified;   /* the same as text; empty = to be written */
    Str etag;            /* with its quotes; empty = none */
    Str content_type;
    Str content_encoding; /* "br", "gzip" or empty; an encoded file has no ranges */
} ResFile;
Error *res_file(Res *res, const ResFile *file);

/* A body of unknown length, chunked (or until close for HTTP/1.0): start,
 * write any number of times (waits while the client has not taken the last), end. */
MUST_CHECK Error *res_stream_start(Res *res, int status, Str content_type);
MUST_CHECK Error *res_stream_write(Res *res, Str bytes);
MUST_CHECK Error *res_stream_end(Res *res);
/* True when the client has gone. */
bool res_is_closed(const Res *res);

/* ---- streams that outlive their handler ----
 *
 * A client of server-sent events is silent for minutes. Its handler starts the
 * stream, hands it over and returns: from then on there is no fiber, no arena
 * and no request, only the connection and this handle.
 *
 *     err = res_stream_start(res, 200, S("text/event-stream"));
 *     if (err) return err;
 *     err = res_stream_detach(res, &limits, client_gone, client, &client->stream);
 *     if (err) return err;
 *     http_stream_send(client->stream, S("event:HELLO\ndata:{}\n\n"), NULL);
 *     return NULL;
 *
 * Sending never waits. What the socket does not take at once is queued, and a
 * client that lets more than `pending_bytes` pile up, or takes nothing for
 * limits.write_stall_ms, is cut off: it can connect again and look up what it
 * missed. Everything here is for the loop's own thread, in fibers or not. */
typedef struct HttpStream HttpStream;

typedef struct {
    uint64_t idle_ms;     /* ended after so long without anything sent */
    uint64_t lifetime_ms; /* and in any case so long after it was detached */
    size_t pending_bytes; /* of memory that may wait for the client */
} HttpStreamLimits;

/* Bytes that many streams send: one copy, however many queues it waits in. Made
 * with one reference, for who made it; NULL when memory is out. */
typedef struct {
    uint32_t refs;
    size_t len;
    char bytes[];
} HttpBytes;

HttpBytes *http_bytes_new(size_t len);
void http_bytes_release(HttpBytes *b); /* NULL is fine */

/* After res_stream_start() of a response with a body; the handler then returns
 * NULL. on_close(arg) is called once, outside of fibers and never from within a
 * call here, when the stream has ended for whatever reason; then the handle is
 * gone. An error (the client has gone already): it will not be called. */
MUST_CHECK Error *res_stream_detach(Res *res, const HttpStreamLimits *limits,
                                    void (*on_close)(void *arg), void *arg, HttpStream **out);

/* Sends `first`, which is copied if it has to wait, and then `rest` (may be
 * NULL). False when the client is gone or was cut off just now. */
bool http_stream_send(HttpStream *s, Str first, HttpBytes *rest);

/* Ends the stream in order. */
void http_stream_close(HttpStream *s);
/* It ends by itself in so many milliseconds (give or take a second), if not before;
 * UINT64_MAX takes that back. */
void http_stream_end_in(HttpStream *s, uint64_t ms);

int res_status(const Res *res); /* 0 before an answer */
uint64_t res_sent_bytes(const Res *res);

/* The envelope of an error, as JSON: {"data":{…},"message":"…","status":400}. */
Json *error_to_json(Arena *a, const Error *err);

/* ---- routes ---- */

typedef Error *(*Handler)(Req *req, Res *res);

/* `flags` and `tag` mean nothing to http/; HttpConfig.before reads them. */
typedef struct Route {
    const char *method; /* "GET" serves HEAD too */
    const char *path;   /* "/api/collections/{collection}/records/{id}"; a last
                           segment "{path...}" takes all the rest, '/' included */
    Handler handler;
    unsigned flags;
    const char *tag;
} Route;

typedef struct {
    const Route *routes;
    size_t count;
} RouteTable;

/* ---- the server ---- */

typedef struct {
    RouteTable *tables;
    size_t table_count;
    HttpLimits limits;
    Str origins;       /* CORS: "*", or patterns such as "https://?.b.example", comma separated */
    Str public_dir;    /* static site; empty = none */
    bool spa_fallback; /* unknown paths without extension get index.html */
    Str temp_dir;      /* for uploads on their way */
    void *app;         /* becomes Req.app */
    Workers *workers;  /* for file I/O and compression */

    /* Runs before the handler of a routed request, on its fiber: loads the
     * caller, counts the rate, checks flags. An error ends the request. */
    Error *(*before)(Req *req, Res *res);
    /* May replace a rendered 2xx JSON body (the `fields` picker). May be NULL.
     * *json is the body about to be sent. */
    Error *(*filter_json)(Req *req, Str *json);
    /* After the answer: for the request log. `err` is what the handler
     * returned. Must not wait. May be NULL. */
    void (*after)(Req *req, const Res *res, const Error *err);
} HttpConfig;

MUST_CHECK Error *http_server_create(Arena *a, const HttpConfig *config, HttpServer **out);
void http_server_destroy(HttpServer *server); /* after its loops have ended */

/* Serves listening socket `fd` (bound and listening already) on `loop`. One
 * call a loop, before loop_run(), on any thread. */
MUST_CHECK Error *http_server_attach(HttpServer *server, Arena *a, Loop *loop, int fd);

/* Stops accepting; idle connections close, requests in flight have
 * limits.shutdown_ms; then every attached loop is stopped. Any thread. */
void http_server_stop(HttpServer *server);

/* Binds and listens: "127.0.0.1:8090", "[::1]:80", "0.0.0.0:0". SO_REUSEPORT,
 * close-on-exec, non-blocking, backlog 4096. *port gets the port in use. */
MUST_CHECK Error *http_listen(Arena *a, Str address, int *fd, int *port);

/* Counters since start, summed over loops. */
typedef struct {
    uint64_t connections_accepted, connections_open, requests, responses_4xx, responses_5xx,
        refused_overload, timeouts;
} HttpStats;
HttpStats http_server_stats(const HttpServer *server);

#endif
