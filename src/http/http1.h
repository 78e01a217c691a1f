/* http1.h - the head of an HTTP/1 request: found, checked, taken apart.
 *
 * Two pure steps, both without allocation. http1_scan() looks for the end of a
 * head in bytes that arrive in any cut and refuses early what can only go
 * wrong; http1_parse() takes a whole head apart. Strict reading of RFC 9112 and
 * 9110: whatever two recipients could understand in two ways is refused.
 *
 *     Http1Scan scan = {0};
 *     int status = http1_scan(&scan, &limits, bytes, len);
 *     if (status == 0) wait for more;
 *     if (status > 0) answer with that status and close;
 *     http1_parse(…bytes, scan.head_bytes…)             status was HTTP1_COMPLETE
 */
#ifndef CROFT_HTTP1_H
#define CROFT_HTTP1_H

#include "http/http.h"

#define HTTP1_COMPLETE   (-1)
#define HTTP1_METHOD_MAX 24

typedef struct {
    size_t checked;    /* bytes before the line that is not complete yet */
    size_t skipped;    /* of them an empty line before the request line */
    size_t lines;      /* complete lines, the request line included */
    size_t line_bytes; /* length of the request line with its CRLF */
    size_t head_bytes; /* at the end: all of the head, with the empty line */
} Http1Scan;

/* Goes on where the last call stopped: `bytes` is everything since the start of
 * the head. Returns 0 (more is needed), HTTP1_COMPLETE, or the status to refuse
 * with: 400, 414, 431. */
int http1_scan(Http1Scan *scan, const HttpLimits *limits, const char *bytes, size_t len);

typedef struct {
    HttpMethod method; /* HEAD is HTTP_HEAD here */
    Str method_text, target, path, query_string;
    Str host; /* of an absolute target, else of the Host header */
    HttpHeader *headers;
    size_t header_count;
    bool is_http10; /* else 1.1 */
    bool keep_alive;
    bool chunked;
    bool has_length;
    bool expect_continue;
    uint64_t content_length;
    const char *problem; /* for the log, when refused */
} Http1Head;

/* Takes apart bytes[0 .. scan->head_bytes) into *out, whose Strs point there.
 * `headers` has room for scan->lines entries. Returns 0 or the status to refuse
 * with (400, 413, 414, 417, 431, 501, 505); the connection then closes. */
int http1_parse(const Http1Scan *scan, const HttpLimits *limits, const char *bytes,
                HttpHeader *headers, Http1Head *out);

/* True for the characters of a token (RFC 9110 §5.6.2). */
bool http_is_token_char(unsigned char c);

#endif
