/* fuzz_http1.c - any bytes at all, read as a request: head, then chunked body.
 *
 * First byte: where the input is cut for the third way of feeding. The limits
 * are small, so that they are met.
 *
 * Properties: no crash; what comes out does not depend on how the bytes were
 * cut (whole, byte by byte, in two); an accepted head lies within its bytes and
 * has one framing at most; a body's pieces do too. */
#include "base/base.h"
#include "http/chunked.h"
#include "http/http1.h"

#include <stdlib.h>

static const HttpLimits LIMITS = {.uri_bytes = 100, .header_bytes = 400, .header_fields = 9};

static int scan_cut(Http1Scan *scan, Str in, size_t first, size_t step)
{
    int status = 0;
    for (size_t len = MIN(first, in.len); status == 0; len += MIN(step, in.len - len)) {
        /* A copy of just these bytes: reading beyond them would show. */
        char *copy = malloc(len + 1);
        memcpy(copy, in.ptr, len);
        status = http1_scan(scan, &LIMITS, copy, len);
        free(copy);
        if (len == in.len) break;
    }
    return status;
}

static void check_inside(Str part, const char *from, size_t len)
{
    if (part.len > 0) assert(part.ptr >= from && part.ptr + part.len <= from + len);
}

typedef struct {
    ChunkedResult result;
    size_t used;
    uint64_t hash;
} Decoded;

static Decoded decode_cut(Str in, size_t first, size_t step)
{
    Chunked c = chunked_new();
    Decoded d = {.result = CHUNKED_MORE, .hash = 14695981039346656037u};
    size_t limit = MIN(first, in.len);
    while (d.result != CHUNKED_END && d.result != CHUNKED_BAD) {
        size_t used;
        Str data;
        d.result = chunked_read(&c, str_make(in.ptr + d.used, limit - d.used), &used, &data);
        check_inside(data, in.ptr + d.used, limit - d.used);
        d.used += used;
        assert(d.used <= limit);
        for (size_t i = 0; i < data.len; i++)
            d.hash = (d.hash ^ (unsigned char)data.ptr[i]) * 1099511628211u;
        if (d.result != CHUNKED_MORE) continue;
        assert(d.used == limit);
        if (limit == in.len) break;
        limit += MIN(step, in.len - limit);
    }
    return d;
}

static void fuzz_body(Str in, size_t cut)
{
    Decoded whole = decode_cut(in, in.len, 1), bytes = decode_cut(in, 0, 1),
            two = decode_cut(in, cut, in.len);
    assert(whole.result == bytes.result && whole.result == two.result);
    assert(whole.used == bytes.used && whole.used == two.used);
    assert(whole.hash == bytes.hash && whole.hash == two.hash);
}

static bool fuzz_head(const Http1Scan *scan, Str in)
{
    HttpHeader headers[16];
    Http1Head h;
    assert(scan->lines <= COUNT(headers));
    assert(scan->head_bytes <= in.len);
    char *copy = malloc(scan->head_bytes);
    memcpy(copy, in.ptr, scan->head_bytes);
    int status = http1_parse(scan, &LIMITS, copy, headers, &h);
    if (status == 0) {
        check_inside(h.target, copy, scan->head_bytes);
        if (h.path.len > 1) check_inside(h.path, copy, scan->head_bytes); /* "/" may be ours */
        check_inside(h.query_string, copy, scan->head_bytes);
        assert(h.path.len > 0 && h.header_count < scan->lines + 1);
        assert(!(h.chunked && (h.has_length || h.is_http10)));
        for (size_t i = 0; i < h.header_count; i++) {
            check_inside(h.headers[i].name, copy, scan->head_bytes);
            check_inside(h.headers[i].value, copy, scan->head_bytes);
            assert(h.headers[i].name.len > 0);
        }
    } else {
        assert(status >= 400 && status < 600 && h.problem);
    }
    free(copy);
    return status == 0 && h.chunked;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    Str in = {(const char *)data + 1, size - 1};
    size_t cut = data[0];

    Http1Scan whole = {0}, bytes = {0}, two = {0};
    int status = scan_cut(&whole, in, in.len, 1);
    int again = scan_cut(&bytes, in, 0, 1);
    int third = scan_cut(&two, in, cut, in.len);
    assert(status == again && status == third);
    if (status != HTTP1_COMPLETE) {
        fuzz_body(in, cut);
        return 0;
    }
    assert(whole.head_bytes == bytes.head_bytes && whole.head_bytes == two.head_bytes);
    assert(whole.lines == bytes.lines && whole.line_bytes == bytes.line_bytes);
    if (fuzz_head(&whole, in)) fuzz_body(str_from_pos(in, whole.head_bytes), cut);
    return 0;
}
