/* s3.h - a bucket of an S3-compatible object store: AWS, R2, MinIO, Garage, Ceph …
 *
 *     S3 *s3;
 *     err = s3_create(a, outgoing, workers, &config, &s3);
 *     err = s3_put(s3, a, S("backups/monday.zip"),
 *                  &(S3Upload){.from_fd = true, .fd = fd, .size_bytes = size,
 *                              .content_type = S("application/zip")});
 *     err = s3_get_to_fd(s3, a, S("backups/monday.zip"), fd, &object);
 *     s3_release(s3);
 *
 * Requests are signed with AWS Signature Version 4. The content is part of the
 * signature over http://; over https:// TLS protects it, and it is not read
 * twice. What is larger than a part goes up in parts, what comes down comes in
 * windows, so memory is bounded and no transfer holds a connection while
 * somebody else is slow.
 *
 * A request that meets a dead connection, a timeout, 429 or 5xx is tried again,
 * with growing pauses, until `retry_ms` have passed; everything here may be done
 * twice. In a fiber only the fiber waits.
 *
 * Errors, besides those of http_fetch() (`cause` has what the other side said):
 *
 *     s3_config      the endpoint, bucket … cannot be used (status 400)
 *     s3_not_found   no such object (404); a missing bucket is s3_failed
 *     s3_denied      the other side says 401 or 403 (502)
 *     s3_changed     the object is not the one it was (409)
 *     s3_failed      any other refusal (502)
 *     s3_rubbish     an answer that is not S3's (502)
 */
#ifndef CROFT_S3_H
#define CROFT_S3_H

#include "base/base.h"
#include "loop/loop.h"
#include "outgoing/outgoing.h"

typedef struct S3 S3; /* any thread; counted references */

#define S3_KEY_MAX_BYTES 1024

typedef struct {
    Str endpoint; /* "s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000"; https when it does
                     not say; may have a path */
    Str bucket, region, access_key, secret;
    bool path_style; /* <endpoint>/<bucket>/<key>; otherwise <bucket>.<endpoint>/<key>, unless the
                        endpoint is an IP address */
    /* The owner named the endpoint, so it may be in a private network or on this
     * machine; otherwise it has to be a public address. */
    bool any_address;
    uint32_t connect_timeout_ms; /* 0 = 5000 */
    uint32_t stall_timeout_ms;   /* 0 = 10000 without a byte */
    uint32_t retry_ms;           /* 0 = 15000: no new try later than this; 1 = a single try */
    uint64_t part_bytes;         /* 0 = 16 MiB; S3 itself wants 5 MiB at least */
} S3Config;

/* Copies what it needs; talks to nobody. Error s3_config. */
MUST_CHECK Error *s3_create(Arena *a, Outgoing *outgoing, Workers *workers, const S3Config *config,
                            S3 **out);
S3 *s3_retain(S3 *s3);
void s3_release(S3 *s3); /* the last one frees it; NULL is fine */

/* Metadata of an object: names of a-z 0-9 '-'; values may be any text, they
 * travel percent-encoded. */
typedef struct {
    Str name, value;
} S3Meta;

typedef struct {
    Str key;
    uint64_t size_bytes;
    int64_t modified_ms;
    Str etag;         /* with its quotes */
    Str content_type; /* empty in listings */
    S3Meta *meta;     /* none in listings */
    size_t meta_count;
} S3Object;

typedef struct {
    /* `memory`, or, with from_fd, size_bytes of fd from its start (pread). */
    Str memory;
    bool from_fd;
    int fd;
    uint64_t size_bytes;
    Str content_type; /* empty = application/octet-stream */
    const S3Meta *meta;
    size_t meta_count;
    void (*progress)(void *arg, uint64_t done_bytes); /* after each part; may be NULL */
    void *progress_arg;
} S3Upload;

/* Stores an object, whole or not at all; replaces one that is there. */
MUST_CHECK Error *s3_put(S3 *s3, Arena *a, Str key, const S3Upload *upload);

MUST_CHECK Error *s3_head(S3 *s3, Arena *a, Str key, S3Object *out);

/* Reads at most `len` bytes from `offset` on into `buf`; *got is less only at
 * the end. With `etag` (not empty) only of that very version: s3_changed. *out
 * (may be NULL) describes the whole object. Loops give an arena that they reset. */
MUST_CHECK Error *s3_read(S3 *s3, Arena *a, Str key, Str etag, uint64_t offset, char *buf,
                          size_t len, size_t *got, S3Object *out);

/* Writes the object to `fd` from its position on (write(2)), window by window.
 * `out` may be NULL. After an error the file holds some beginning of it. */
MUST_CHECK Error *s3_get_to_fd(S3 *s3, Arena *a, Str key, int fd, S3Object *out);

/* Fine when it is not there. */
MUST_CHECK Error *s3_delete(S3 *s3, Arena *a, Str key);

/* Removes every object whose key starts with `prefix` (not empty; usually it
 * ends in '/'). */
MUST_CHECK Error *s3_delete_prefix(S3 *s3, Arena *a, Str prefix);

/* Calls visit for each object whose key starts with `prefix`, in the order of
 * the keys' bytes; *object lives until it returns. Stops on its error. */
typedef Error *(*S3Visit)(void *arg, const S3Object *object);
MUST_CHECK Error *s3_list(S3 *s3, Arena *a, Str prefix, S3Visit visit, void *arg);

#endif
