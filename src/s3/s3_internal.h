/* s3_internal.h - what the files of s3/ share. */
#ifndef CROFT_S3_INTERNAL_H
#define CROFT_S3_INTERNAL_H

#include "s3/s3.h"

#include <stdatomic.h>

#define S3_PARAMS_MAX  6
#define S3_HEADERS_MAX 24
#define S3_META_MAX    8
#define S3_HASH_HEX    64
/* Of one answer, one read, one part to a file. */
#define S3_ANSWER_MAX   (4u << 20)
#define S3_WINDOW_BYTES (8u << 20)
#define S3_PAGE_KEYS    1000

/* ---- signing (sign.c) ---- */

typedef struct {
    Str region, access_key, secret;
} S3Keys;

/* A request as its signature sees it. */
typedef struct {
    const char *method;
    Str path;                   /* percent-encoded, as sent */
    Str query;                  /* s3_query()'s */
    const FetchHeader *headers; /* lower case, sorted by name; host is among them */
    size_t header_count;
    Str payload_hash; /* hex, or UNSIGNED-PAYLOAD */
    int64_t now_ms;
} S3Signing;

/* The value of the Authorization header. */
Str s3_authorization(Arena *a, const S3Keys *keys, const S3Signing *request);
/* "20130524T000000Z" */
Str s3_date(Arena *a, int64_t now_ms);
void s3_sort(FetchHeader *list, size_t count); /* by name; they are few */
/* Parameters percent-encoded and sorted: "list-type=2&prefix=a%2F". */
Str s3_query(Arena *a, FetchHeader *params, size_t count);
/* Percent-encoded but for its slashes. */
Str s3_encode_path(Arena *a, Str path);

/* ---- requests (request.c) ---- */

struct S3 {
    Arena *arena;
    atomic_int references;
    Outgoing *outgoing;
    Workers *workers;
    bool is_plain; /* http:// */
    Str host;      /* with the bucket and the port, as the Host header has them */
    Str base_path; /* encoded; "", "/bucket", "/some/path/bucket" */
    Str bucket;
    S3Keys keys;
    unsigned fetch_flags;
    uint32_t connect_timeout_ms, stall_timeout_ms, retry_ms;
    uint64_t part_bytes;
};

typedef struct {
    const char *method;
    Str key; /* empty: the bucket itself */
    FetchHeader params[S3_PARAMS_MAX];
    size_t param_count;
    FetchHeader headers[S3_HEADERS_MAX]; /* names in lower case */
    size_t header_count;
    Str body;
    bool body_from_fd;
    int body_fd;
    uint64_t body_offset, body_len;
    bool to_sink;
    int sink_fd;
    char *sink_memory;  /* instead of sink_fd */
    uint64_t max_bytes; /* 0 = S3_ANSWER_MAX */
} S3Call;

void s3_call_param(S3Call *call, Str name, Str value);
void s3_call_header(S3Call *call, Str name, Str value);

/* When to try again: the caller's loop asks after each failure. */
typedef struct {
    uint64_t until, pause;
    int tries;
} S3Retry;

S3Retry s3_retry_start(const S3 *s3);
/* Waits and says true when another try may help; `status` is the answer's, 0
 * without one. */
bool s3_retry(S3Retry *retry, const Error *err, int status);

/* Signs, sends, tries again while that may help (not with a sink_fd, which is
 * the caller's to rewind). NULL with any answer that is 2xx; the others are
 * errors as s3.h lists them. */
MUST_CHECK Error *s3_call(S3 *s3, Arena *a, const S3Call *call, FetchResponse *out);

/* An error that stays when the scratch arena of `err` goes. */
Error *s3_error_keep(Arena *a, Error *err);
Error *s3_error(Arena *a, int status, const char *code, Str cause);
/* An arena that ends with `a`, for loops: reset it each round. */
Arena *s3_scratch(Arena *a);
bool s3_key_good(Str key);

/* ---- answers (xml.c) ---- */

typedef struct {
    Str code, message; /* of an <Error>, wherever it is */
    size_t error_count;
    Str upload_id;
    S3Object *objects;
    size_t object_count;
    bool is_truncated;
    Str next_token;
    Str root; /* name of the outermost element */
} S3Answer;

/* Reads any of S3's answers. False when it is not well-formed, has a DTD, is
 * too deep, or has more than S3_PAGE_KEYS objects. */
bool s3_xml_read(Arena *a, Str text, S3Answer *out);

/* ---- multipart.c ---- */

MUST_CHECK Error *s3_put_parts(S3 *s3, Arena *a, Str key, const S3Upload *upload);
void s3_upload_headers(Arena *a, S3Call *call, const S3Upload *upload);

#endif
