/* compress.c - gzip and brotli: which one a client wants, and doing it. */
#include "http/compress.h"

#include "http/http_internal.h"
#include "http/mime.h"

#include <brotli/encode.h>
#include <zlib.h>

/* Responses up to this are compressed on the loop: about 0.1 ms. */
#define COMPRESS_INLINE_BYTES  (8 * 1024)
#define COMPRESS_DYNAMIC_BYTES (8 * 1024 * 1024)

/* ---- Accept-Encoding ---- */

/* "0.8" in thousandths; -1 when it is no weight (RFC 9110 §12.4.2). */
static int read_weight(Str s)
{
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1')) return -1;
    if (s.len > 1 && s.ptr[1] != '.') return -1;
    int weight = (s.ptr[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return -1;
        weight += (s.ptr[i] - '0') * unit;
    }
    return weight <= 1000 ? weight : -1;
}

/* One list element: the coding's name, and its weight; a bad one weighs 0. */
static Str read_element(Str element, int *weight)
{
    Str rest = element;
    Str name = str_trim(str_split(&rest, ';'));
    Str parameter = str_trim(rest);
    *weight = 1000;
    if (parameter.len > 0) {
        bool is_weight = str_starts_nocase(parameter, S("q="));
        *weight = is_weight ? MAX(read_weight(str_from_pos(parameter, 2)), 0) : 0;
    }
    return name;
}

size_t codings_accepted(Str accept_encoding, Coding out[CODINGS_MAX])
{
    enum { UNSAID = -1 };
    int gzip = UNSAID, brotli = UNSAID, identity = UNSAID, rest_weight = UNSAID;
    Str rest = accept_encoding;
    while (rest.ptr) {
        int weight;
        Str name = read_element(str_split(&rest, ','), &weight);
        if (str_eq_nocase(name, S("gzip")) || str_eq_nocase(name, S("x-gzip"))) gzip = weight;
        if (str_eq_nocase(name, S("br"))) brotli = weight;
        if (str_eq_nocase(name, S("identity"))) identity = weight;
        if (str_eq(name, S("*"))) rest_weight = weight;
    }
    if (gzip == UNSAID) gzip = MAX(rest_weight, 0);
    if (brotli == UNSAID) brotli = MAX(rest_weight, 0);
    if (identity == UNSAID) identity = 0; /* always possible, never preferred */

    bool wants_brotli = brotli > 0 && brotli >= identity;
    bool wants_gzip = gzip > 0 && gzip >= identity;
    size_t count = 0;
    if (wants_brotli && brotli >= gzip) out[count++] = CODING_BROTLI;
    if (wants_gzip) out[count++] = CODING_GZIP;
    if (wants_brotli && brotli < gzip) out[count++] = CODING_BROTLI;
    return count;
}

Str coding_name(Coding coding)
{
    static const Str NAMES[] = {STR_INIT(""), STR_INIT("gzip"), STR_INIT("br")};
    return NAMES[coding];
}

/* ---- doing it ---- */

static size_t gzip_bytes(int level, Str in, char *out, size_t cap)
{
    z_stream z = {0};
    const int with_gzip_header = 15 + 16;
    if (in.len > UINT32_MAX / 2 || cap > UINT32_MAX / 2) return 0;
    if (deflateInit2(&z, level, Z_DEFLATED, with_gzip_header, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t len = cap - z.avail_out;
    deflateEnd(&z);
    return ok ? len : 0;
}

static size_t brotli_bytes(int quality, Str in, char *out, size_t cap)
{
    size_t len = cap;
    BROTLI_BOOL ok = BrotliEncoderCompress(quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, in.len,
                                           (const uint8_t *)in.ptr, &len, (uint8_t *)out);
    return ok ? len : 0;
}

size_t compress_bytes(Coding coding, CompressEffort effort, Str in, char *out, size_t cap)
{
    bool is_fast = effort == COMPRESS_FAST;
    if (coding == CODING_GZIP) return gzip_bytes(is_fast ? 5 : 9, in, out, cap);
    if (coding == CODING_BROTLI) return brotli_bytes(is_fast ? 4 : 9, in, out, cap);
    return 0;
}

/* ---- responses made on the fly ---- */

typedef struct {
    Coding coding;
    Str in;
    char *out;
    size_t cap, len;
} CompressJob;

static void run_compress(void *arg)
{
    CompressJob *job = arg;
    job->len = compress_bytes(job->coding, COMPRESS_FAST, job->in, job->out, job->cap);
}

bool res_compress(Req *req, Str content_type, Str *body, Str *encoding)
{
    if (body->len < COMPRESS_MIN_BYTES || body->len > COMPRESS_DYNAMIC_BYTES) return false;
    if (!mime_is_compressible(content_type)) return false;
    Coding codings[CODINGS_MAX];
    if (codings_accepted(req_header(req, S("accept-encoding")), codings) == 0) return false;

    CompressJob *job = arena_new(req->arena, CompressJob, 1);
    job->coding = codings[0];
    job->in = *body;
    job->cap = body->len - body->len / 16; /* a gain worth unpacking for */
    job->out = arena_bytes(req->arena, job->cap);
    if (body->len <= COMPRESS_INLINE_BYTES) {
        run_compress(job);
    } else {
        Workers *workers = request_of(req)->server->config.workers;
        Error *err = await_work(workers, req->arena, run_compress, job);
        if (err) return false; /* too busy to save bandwidth */
    }
    if (job->len == 0) return false;
    *body = str_make(job->out, job->len);
    *encoding = coding_name(job->coding);
    return true;
}
