/* objects.c - one object: stored, described, read, removed. */
#include "s3/s3_internal.h"

#include "base/clock.h"
#include "base/encoding.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define META_PREFIX "x-amz-meta-"

static Error *bad_key(Arena *a)
{
    return s3_error(a, 400, "s3_config", S("the key is empty, too long or has . or .. in it"));
}

/* ---- storing ---- */

void s3_upload_headers(Arena *a, S3Call *call, const S3Upload *upload)
{
    s3_call_header(call, S("content-type"),
                   upload->content_type.len ? upload->content_type : S("application/octet-stream"));
    assert(upload->meta_count <= S3_META_MAX);
    for (size_t i = 0; i < upload->meta_count; i++) {
        if (upload->meta[i].value.len == 0) continue;
        s3_call_header(call, str_concat(a, S(META_PREFIX), upload->meta[i].name),
                       percent_encode(a, upload->meta[i].value));
    }
}

Error *s3_put(S3 *s3, Arena *a, Str key, const S3Upload *upload)
{
    if (!s3_key_good(key)) return bad_key(a);
    if (upload->from_fd && upload->size_bytes > s3->part_bytes)
        return s3_put_parts(s3, a, key, upload);
    S3Call call = {.method = "PUT", .key = key};
    call.body = upload->memory;
    call.body_from_fd = upload->from_fd && upload->size_bytes > 0;
    call.body_fd = upload->fd;
    call.body_len = upload->size_bytes;
    s3_upload_headers(a, &call, upload);
    FetchResponse answer;
    Error *err = s3_call(s3, a, &call, &answer);
    if (!err && upload->progress)
        upload->progress(upload->progress_arg,
                         upload->from_fd ? upload->size_bytes : upload->memory.len);
    return err;
}

/* ---- what the headers say ---- */

static void read_meta(Arena *a, const FetchResponse *r, S3Object *out)
{
    out->meta = arena_new(a, S3Meta, S3_META_MAX);
    for (size_t i = 0; i < r->header_count && out->meta_count < S3_META_MAX; i++) {
        const FetchHeader *h = &r->headers[i];
        if (!str_starts(h->name, S(META_PREFIX))) continue;
        Str value;
        if (!percent_decode(a, h->value, false, &value)) value = h->value; /* another program's */
        out->meta[out->meta_count++] =
            (S3Meta){str_from_pos(h->name, sizeof(META_PREFIX) - 1), value};
    }
}

/* "bytes 0-1023/4096" */
static bool range_total(Str text, uint64_t *first, uint64_t *total)
{
    if (!str_starts(text, S("bytes "))) return false;
    ptrdiff_t dash = str_find_char(text, '-'), slash = str_rfind_char(text, '/');
    if (dash < 0 || slash < dash) return false;
    return str_to_u64(str_sub(text, 6, (size_t)dash - 6), first) &&
           str_to_u64(str_from_pos(text, (size_t)slash + 1), total);
}

static Error *read_object(Arena *a, Str key, const FetchResponse *r, uint64_t size, S3Object *out)
{
    S3Object o = {.key = key, .size_bytes = size};
    Str modified = fetch_header(r, S("last-modified"));
    if (!modified.len || !http_date_parse(modified, &o.modified_ms))
        return s3_error(a, 502, "s3_rubbish", S("no Last-Modified"));
    o.etag = fetch_header(r, S("etag"));
    o.content_type = fetch_header(r, S("content-type"));
    read_meta(a, r, &o);
    *out = o;
    return NULL;
}

static Error *read_whole_head(Arena *a, Str key, const FetchResponse *r, S3Object *out)
{
    uint64_t size;
    if (!str_to_u64(fetch_header(r, S("content-length")), &size))
        return s3_error(a, 502, "s3_rubbish", S("no Content-Length"));
    return read_object(a, key, r, size, out);
}

Error *s3_head(S3 *s3, Arena *a, Str key, S3Object *out)
{
    if (!s3_key_good(key)) return error_status(a, 404);
    S3Call call = {.method = "HEAD", .key = key};
    FetchResponse answer;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) return err;
    return read_whole_head(a, key, &answer, out);
}

/* ---- reading ---- */

/* An answer to a request for `offset` on: 206, or 200 from a server without
 * ranges when the start was asked for. */
static Error *check_window(Arena *a, Str key, const FetchResponse *r, uint64_t offset, size_t len,
                           S3Object *out)
{
    uint64_t first = 0, total;
    if (r->status == 206) {
        if (!range_total(fetch_header(r, S("content-range")), &first, &total) || first != offset ||
            offset + r->body_bytes > total || r->body_bytes != MIN((uint64_t)len, total - offset))
            return s3_error(a, 502, "s3_rubbish", S("not the range that was asked for"));
        return read_object(a, key, r, total, out);
    }
    if (r->status != 200 || offset != 0)
        return s3_error(a, 502, "s3_rubbish", S("the server does not know ranges"));
    return read_whole_head(a, key, r, out);
}

static Error *get_window(S3 *s3, Arena *a, S3Call *call, Str etag, uint64_t offset, size_t len,
                         FetchResponse *r, S3Object *out)
{
    s3_call_header(call, S("range"),
                   str_printf(a, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + len - 1));
    if (etag.len) s3_call_header(call, S("if-match"), etag);
    call->max_bytes = len;
    Error *err = s3_call(s3, a, call, r);
    if (err && r->status == 416) { /* an empty object has no range at all */
        Error *failed = s3_head(s3, a, call->key, out);
        if (failed) return failed;
        r->body_bytes = 0;
        return offset >= out->size_bytes ? NULL : err;
    }
    if (err) return err;
    return check_window(a, call->key, r, offset, len, out);
}

Error *s3_read(S3 *s3, Arena *a, Str key, Str etag, uint64_t offset, char *buf, size_t len,
               size_t *got, S3Object *out)
{
    if (!s3_key_good(key)) return error_status(a, 404);
    assert(len > 0);
    S3Call call = {.method = "GET", .key = key, .to_sink = true, .sink_memory = buf};
    FetchResponse r;
    S3Object object;
    Error *err = get_window(s3, a, &call, etag, offset, len, &r, &object);
    if (err) return err;
    *got = (size_t)r.body_bytes;
    if (out) *out = object;
    return NULL;
}

/* One window to the file, from `start` of it on; it is asked for again, whole,
 * when the connection broke in the middle. */
static Error *window_to_fd(S3 *s3, Arena *a, const S3Object *object, int fd, off_t start,
                           uint64_t offset, S3Object *seen)
{
    S3Retry retry = s3_retry_start(s3);
    for (;;) {
        S3Call call = {.method = "GET", .key = object->key, .to_sink = true, .sink_fd = fd};
        FetchResponse r = {0};
        Error *err = get_window(s3, a, &call, object->etag, offset, S3_WINDOW_BYTES, &r, seen);
        if (!err || !s3_retry(&retry, err, r.status)) return err;
        if (lseek(fd, start, SEEK_SET) < 0 || ftruncate(fd, start) != 0)
            return error_errno(a, errno, "rewind for", object->key);
    }
}

static void keep_object(Arena *a, Str key, const S3Object *seen, S3Object *out)
{
    *out = *seen;
    out->key = key;
    out->etag = arena_copy(a, seen->etag);
    out->content_type = arena_copy(a, seen->content_type);
    out->meta = arena_new(a, S3Meta, S3_META_MAX);
    for (size_t i = 0; i < seen->meta_count; i++) {
        out->meta[i].name = arena_copy(a, seen->meta[i].name);
        out->meta[i].value = arena_copy(a, seen->meta[i].value);
    }
}

Error *s3_get_to_fd(S3 *s3, Arena *a, Str key, int fd, S3Object *out)
{
    S3Object object = {.key = key}, seen;
    if (!s3_key_good(key)) return error_status(a, 404);
    Arena *scratch = s3_scratch(a);
    uint64_t offset = 0;
    do {
        arena_reset(scratch);
        off_t start = lseek(fd, 0, SEEK_CUR);
        if (start < 0) return error_errno(a, errno, "seek", key);
        Error *err = window_to_fd(s3, scratch, &object, fd, start, offset, &seen);
        if (err) return s3_error_keep(a, err);
        if (offset == 0) keep_object(a, key, &seen, &object);
        off_t end = lseek(fd, 0, SEEK_CUR);
        if (end < start) return error_errno(a, errno, "seek", key);
        offset += (uint64_t)(end - start);
        if (end == start && offset < object.size_bytes)
            return s3_error(a, 502, "s3_rubbish", S("an empty range"));
    } while (offset < object.size_bytes);
    if (out) *out = object;
    return NULL;
}

/* ---- removing ---- */

Error *s3_delete(S3 *s3, Arena *a, Str key)
{
    if (!s3_key_good(key)) return NULL;
    S3Call call = {.method = "DELETE", .key = key};
    FetchResponse answer;
    Error *err = s3_call(s3, a, &call, &answer);
    return err && err->status == 404 ? NULL : err;
}
