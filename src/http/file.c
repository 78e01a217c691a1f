/* file.c - res_file(): files with validators, conditions and ranges.
 *
 * RFC 9110 defines Range for GET only and wants it ignored elsewhere (§14.2),
 * so a HEAD request is told about the whole file.
 */
#include "http/file.h"

#include "base/clock.h"
#include "base/random.h"
#include "http/range.h"

#include <inttypes.h>
#include <unistd.h>

/* Of a header that came twice the second list continues the first. */
static void take_header(Arena *a, Str *slot, Str value)
{
    *slot = slot->ptr ? str_printf(a, "%.*s, %.*s", STR_ARG(*slot), STR_ARG(value)) : value;
}

static Conditions read_conditions(const Req *req)
{
    Conditions c = {0};
    const struct {
        Str name;
        Str *slot;
    } known[] = {
        {S("if-match"), &c.if_match},
        {S("if-none-match"), &c.if_none_match},
        {S("if-modified-since"), &c.if_modified_since},
        {S("if-unmodified-since"), &c.if_unmodified_since},
        {S("if-range"), &c.if_range},
        {S("range"), &c.range},
    };
    for (size_t i = 0; i < req->header_count; i++) {
        Str name = req->headers[i].name;
        if (!str_starts_nocase(name, S("if-")) && !str_eq_nocase(name, S("range"))) continue;
        for (size_t k = 0; k < COUNT(known); k++) {
            if (!str_eq_nocase(name, known[k].name)) continue;
            Str value = req->headers[i].value;
            take_header(req->arena, known[k].slot, value.ptr ? value : S(""));
        }
    }
    return c;
}

/* Of content that comes from elsewhere: what is asked for at a time; less at
 * first, so that the client soon sees something. */
#define READ_BYTES       ((uint64_t)1 << 20)
#define READ_FIRST_BYTES ((uint64_t)256 << 10)

static Error *send_from_elsewhere(Res *res, const FileBody *f, ByteRange r)
{
    if (res->request->req.is_head) return NULL;
    size_t room = (size_t)MIN(r.len, READ_BYTES);
    char *buf = arena_bytes(res->request->req.arena, room);
    Error *err = NULL;
    for (uint64_t most = READ_FIRST_BYTES; r.len > 0 && !err; most = READ_BYTES) {
        size_t len = (size_t)MIN(r.len, most);
        err = f->read(f->read_arg, r.start, buf, len);
        if (!err) err = res_send_bytes(res, str_make(buf, len));
        r.start += len;
        r.len -= len;
    }
    arena_give_back(res->request->req.arena, buf, room);
    return err;
}

static Error *send_part(Res *res, const FileBody *f, ByteRange r)
{
    if (f->fd >= 0) return res_send_fd(res, f->fd, r.start, r.len);
    if (f->read) return send_from_elsewhere(res, f, r);
    return res_send_bytes(res, str_sub(f->memory, (size_t)r.start, (size_t)r.len));
}

static Error *answer_empty(Res *res, int status, int64_t content_length)
{
    Error *err = res_send_head(res, status, content_length);
    if (err) return err;
    return res_finish(res);
}

static Error *answer_whole(Res *res, const FileBody *f)
{
    Error *err = res_send_head(res, 200, (int64_t)f->size_bytes);
    if (err) return err;
    if (f->size_bytes > 0) {
        err = send_part(res, f, (ByteRange){0, f->size_bytes});
        if (err) return err;
    }
    return res_finish(res);
}

static Str content_range(Arena *a, ByteRange r, uint64_t size)
{
    return str_printf(a, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r.start, r.start + r.len - 1,
                      size);
}

static Error *answer_one_range(Res *res, const FileBody *f, ByteRange r)
{
    Arena *a = res->request->req.arena;
    res_header(res, S("Content-Range"), content_range(a, r, f->size_bytes));
    Error *err = res_send_head(res, 206, (int64_t)r.len);
    if (err) return err;
    err = send_part(res, f, r);
    if (err) return err;
    return res_finish(res);
}

/* multipart/byteranges, RFC 9110 §14.6. */
static Error *answer_ranges(Res *res, const FileBody *f, const ByteRange *ranges, size_t count)
{
    Arena *a = res->request->req.arena;
    Str boundary = random_text(a, 24, ALPHABET_SECRET);
    Str heads[RANGES_MAX];
    Str tail = str_printf(a, "\r\n--%.*s--\r\n", STR_ARG(boundary));
    uint64_t length = tail.len;
    for (size_t i = 0; i < count; i++) {
        heads[i] = str_printf(a, "%s--%.*s\r\nContent-Type: %.*s\r\nContent-Range: %.*s\r\n\r\n",
                              i == 0 ? "" : "\r\n", STR_ARG(boundary), STR_ARG(f->content_type),
                              STR_ARG(content_range(a, ranges[i], f->size_bytes)));
        length += heads[i].len + ranges[i].len;
    }
    res_header(res, S("Content-Type"),
               str_printf(a, "multipart/byteranges; boundary=%.*s", STR_ARG(boundary)));
    Error *err = res_send_head(res, 206, (int64_t)length);
    for (size_t i = 0; i < count && !err; i++) {
        err = res_send_bytes(res, heads[i]);
        if (!err) err = send_part(res, f, ranges[i]);
    }
    if (err) return err;
    err = res_send_bytes(res, tail);
    if (err) return err;
    return res_finish(res);
}

static Error *answer_range_header(Res *res, const FileBody *f, Str range)
{
    ByteRange ranges[RANGES_MAX];
    size_t count;
    switch (range_parse(range, f->size_bytes, ranges, &count)) {
    case RANGE_PARTS:
        if (count == 1) return answer_one_range(res, f, ranges[0]);
        return answer_ranges(res, f, ranges, count);
    case RANGE_UNSATISFIABLE:
        res_header_remove(res, S("Cache-Control"));
        res_header(res, S("Content-Range"),
                   str_printf(res->request->req.arena, "bytes */%" PRIu64, f->size_bytes));
        return answer_empty(res, 416, 0);
    case RANGE_WHOLE:
        break;
    }
    return answer_whole(res, f);
}

Error *file_answer(Res *res, const FileBody *f)
{
    const Req *req = &res->request->req;
    Conditions c = read_conditions(req);
    bool has_ranges = f->content_encoding.len == 0;

    ConditionAnswer answer = conditions_check(&c, f->etag, f->modified_ms);
    if (answer == CONDITION_FAILED) {
        res_header_remove(res, S("Cache-Control"));
        return answer_empty(res, 412, 0);
    }
    if (f->etag.len > 0) res_header(res, S("ETag"), f->etag);
    if (f->modified_ms != 0) {
        res_header(res, S("Last-Modified"),
                   f->last_modified.len > 0 ? f->last_modified
                                            : http_date_format(req->arena, f->modified_ms));
    }
    if (answer == CONDITION_NOT_MODIFIED) return answer_empty(res, 304, (int64_t)f->size_bytes);

    res_header(res, S("Content-Type"), f->content_type);
    if (has_ranges) {
        res_header(res, S("Accept-Ranges"), S("bytes"));
    } else {
        res_header(res, S("Content-Encoding"), f->content_encoding);
    }
    bool wants_range = c.range.ptr && has_ranges && !req->is_head &&
                       if_range_holds(c.if_range, f->etag, f->modified_ms);
    return wants_range ? answer_range_header(res, f, c.range) : answer_whole(res, f);
}

static void close_fd(void *arg)
{
    close(*(int *)arg);
}

Error *res_file(Res *res, const ResFile *file)
{
    if (file->owned) {
        int *fd = arena_new(res->request->req.arena, int, 1);
        *fd = file->fd;
        arena_defer(res->request->req.arena, close_fd, fd);
    }
    FileBody body = {
        .fd = file->fd,
        .read = file->read,
        .read_arg = file->read_arg,
        .memory = file->memory,
        .size_bytes = file->size_bytes,
        .modified_ms = file->modified_ms,
        .last_modified = file->last_modified,
        .etag = file->etag,
        .content_type = file->content_type,
        .content_encoding = file->content_encoding,
    };
    return file_answer(res, &body);
}
