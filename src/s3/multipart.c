/* multipart.c - large objects, in parts.
 *
 * The object appears when the last request, which names all parts, is answered;
 * what was uploaded before is thrown away when something fails. Should the
 * server die, the parts stay, unseen, until the bucket's own rule for unfinished
 * uploads removes them (docs/storage.md tells owners to set one).
 */
#include "s3/s3_internal.h"

#include "base/buf.h"
#include "base/encoding.h"
#include "base/log.h"

#define PARTS_MAX 10000 /* S3's own */

static Error *begin(S3 *s3, Arena *a, Str key, const S3Upload *upload, Str *id)
{
    S3Call call = {.method = "POST", .key = key};
    s3_call_param(&call, S("uploads"), S(""));
    s3_upload_headers(a, &call, upload);
    FetchResponse answer;
    S3Answer said;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) return err;
    if (!s3_xml_read(a, answer.body, &said) || said.upload_id.len == 0)
        return s3_error(a, 502, "s3_rubbish", S("no upload id"));
    *id = said.upload_id;
    return NULL;
}

static Error *put_part(S3 *s3, Arena *a, S3Call *call, Str id, size_t number, Str *etag)
{
    s3_call_param(call, S("partNumber"), str_printf(a, "%zu", number));
    s3_call_param(call, S("uploadId"), id);
    FetchResponse answer;
    Error *err = s3_call(s3, a, call, &answer);
    if (err) return err;
    *etag = fetch_header(&answer, S("etag"));
    return etag->len ? NULL : s3_error(a, 502, "s3_rubbish", S("a part without an ETag"));
}

/* All parts, their entries in the list that finish() sends. */
static Error *put_all(S3 *s3, Arena *a, Str key, const S3Upload *upload, Str id, Buf *list)
{
    Arena *scratch = s3_scratch(a);
    uint64_t part_bytes = MAX(s3->part_bytes, (upload->size_bytes + PARTS_MAX - 1) / PARTS_MAX);
    uint64_t done = 0;
    for (size_t number = 1; done < upload->size_bytes; number++) {
        arena_reset(scratch);
        S3Call call = {.method = "PUT",
                       .key = key,
                       .body_from_fd = true,
                       .body_fd = upload->fd,
                       .body_offset = done,
                       .body_len = MIN(part_bytes, upload->size_bytes - done)};
        Str etag;
        Error *err = put_part(s3, scratch, &call, id, number, &etag);
        if (err) return s3_error_keep(a, err);
        buf_printf(list, "<Part><PartNumber>%zu</PartNumber><ETag>", number);
        html_escape(list, etag);
        buf_add(list, S("</ETag></Part>"));
        done += call.body_len;
        if (upload->progress) upload->progress(upload->progress_arg, done);
    }
    return NULL;
}

/* The answer may begin with 200 and be an <Error> all the same. */
static Error *finish(S3 *s3, Arena *a, Str key, Str id, Str list)
{
    S3Call call = {.method = "POST", .key = key};
    call.body = str_printf(a,
                           "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/"
                           "2006-03-01/\">%.*s</CompleteMultipartUpload>",
                           STR_ARG(list));
    s3_call_param(&call, S("uploadId"), id);
    s3_call_header(&call, S("content-type"), S("application/xml"));
    FetchResponse answer;
    S3Answer said;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) return err;
    if (!s3_xml_read(a, answer.body, &said))
        return s3_error(a, 502, "s3_rubbish", S("not an answer to CompleteMultipartUpload"));
    if (!said.error_count) return NULL;
    return s3_error(a, 502, "s3_failed",
                    str_printf(a, "%.*s: %.*s", STR_ARG(said.code), STR_ARG(said.message)));
}

static void throw_away(S3 *s3, Arena *a, Str key, Str id)
{
    S3Call call = {.method = "DELETE", .key = key};
    s3_call_param(&call, S("uploadId"), id);
    FetchResponse answer;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) log_warn("s3", "parts of an upload stay behind", LOG_STR("cause", err->cause));
}

Error *s3_put_parts(S3 *s3, Arena *a, Str key, const S3Upload *upload)
{
    Str id;
    Error *err = begin(s3, a, key, upload, &id);
    if (err) return err;
    Buf list = buf_new(a, 1024);
    err = put_all(s3, a, key, upload, id, &list);
    if (!err) err = finish(s3, a, key, id, buf_str(&list));
    if (err) throw_away(s3, a, key, id);
    return err;
}
