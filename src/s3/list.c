/* list.c - all objects below a prefix, a page of a thousand at a time. */
#include "s3/s3_internal.h"

#include "base/buf.h"
#include "base/encoding.h"
#include "crypto/crypto.h"

/* More pages than any bucket of ours has; a server that never ends is stopped. */
#define PAGES_MAX 100000

static Error *rubbish(Arena *a, const char *what)
{
    return s3_error(a, 502, "s3_rubbish", str_from(what));
}

static Error *page_get(S3 *s3, Arena *a, Str prefix, Str token, S3Answer *out)
{
    S3Call call = {.method = "GET"};
    s3_call_param(&call, S("list-type"), S("2"));
    s3_call_param(&call, S("max-keys"), S("1000"));
    if (prefix.len) s3_call_param(&call, S("prefix"), prefix);
    if (token.len) s3_call_param(&call, S("continuation-token"), token);
    FetchResponse answer;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) return err;
    if (!s3_xml_read(a, answer.body, out) || !str_eq(out->root, S("ListBucketResult")))
        return rubbish(a, "not a listing");
    for (size_t i = 0; i < out->object_count; i++) {
        /* What was not asked for is not handed on: it might be removed. */
        if (!str_starts(out->objects[i].key, prefix) || out->objects[i].key.len == 0)
            return rubbish(a, "keys that were not asked for");
    }
    if (out->is_truncated && out->next_token.len == 0) return rubbish(a, "a page without a next");
    return NULL;
}

typedef Error *(*PageVisit)(void *arg, Arena *scratch, const S3Answer *page);

static Error *each_page(S3 *s3, Arena *a, Str prefix, PageVisit visit, void *arg)
{
    Arena *scratch = s3_scratch(a);
    Arena *tokens[2] = {s3_scratch(a), s3_scratch(a)};
    Str token = S("");
    for (size_t i = 0; i < PAGES_MAX; i++) {
        S3Answer page;
        arena_reset(scratch);
        Error *err = page_get(s3, scratch, prefix, token, &page);
        if (!err) {
            arena_reset(tokens[i % 2]);
            Str next = arena_copy(tokens[i % 2], page.next_token);
            bool same = page.is_truncated && str_eq(next, token);
            token = next;
            err = same ? rubbish(scratch, "the same page again") : visit(arg, scratch, &page);
        }
        if (err) return s3_error_keep(a, err);
        if (!page.is_truncated) return NULL;
    }
    return rubbish(a, "a listing without an end");
}

typedef struct {
    S3Visit visit;
    void *arg;
} Visiting;

static Error *visit_page(void *arg, Arena *scratch, const S3Answer *page)
{
    const Visiting *v = arg;
    (void)scratch;
    for (size_t i = 0; i < page->object_count; i++) {
        Error *err = v->visit(v->arg, &page->objects[i]);
        if (err) return err;
    }
    return NULL;
}

Error *s3_list(S3 *s3, Arena *a, Str prefix, S3Visit visit, void *arg)
{
    Visiting visiting = {visit, arg};
    return each_page(s3, a, prefix, visit_page, &visiting);
}

/* ---- removing many ---- */

typedef struct {
    S3 *s3;
    bool one_by_one; /* the server does not know DeleteObjects */
} Removing;

static Str delete_body(Arena *a, const S3Answer *page)
{
    Buf body = buf_new(a, 4096);
    buf_add(&body, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                     "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                     "<Quiet>true</Quiet>"));
    for (size_t i = 0; i < page->object_count; i++) {
        buf_add(&body, S("<Object><Key>"));
        html_escape(&body, page->objects[i].key); /* the same five characters as in XML */
        buf_add(&body, S("</Key></Object>"));
    }
    buf_add(&body, S("</Delete>"));
    return buf_str(&body);
}

static Error *delete_at_once(S3 *s3, Arena *a, const S3Answer *page)
{
    S3Call call = {.method = "POST", .body = delete_body(a, page)};
    uint8_t digest[16];
    md5(call.body, digest);
    s3_call_param(&call, S("delete"), S(""));
    s3_call_header(&call, S("content-type"), S("application/xml"));
    s3_call_header(&call, S("content-md5"),
                   base64_encode(a, str_make((const char *)digest, sizeof(digest))));
    FetchResponse answer;
    S3Answer said;
    Error *err = s3_call(s3, a, &call, &answer);
    if (err) return err;
    if (!s3_xml_read(a, answer.body, &said) || !str_eq(said.root, S("DeleteResult")))
        return rubbish(a, "not an answer to DeleteObjects");
    if (said.error_count)
        return s3_error(a, 502, "s3_failed",
                        str_printf(a, "%zu objects not removed: %.*s: %.*s", said.error_count,
                                   STR_ARG(said.code), STR_ARG(said.message)));
    return NULL;
}

static Error *delete_page(void *arg, Arena *scratch, const S3Answer *page)
{
    Removing *r = arg;
    if (page->object_count == 0) return NULL;
    if (!r->one_by_one && page->object_count > 1) {
        Error *err = delete_at_once(r->s3, scratch, page);
        /* Google's and others' S3 lacks this one request. */
        bool unknown = err && err->code && strcmp(err->code, "s3_failed") == 0;
        if (!unknown) return err;
        r->one_by_one = true;
    }
    for (size_t i = 0; i < page->object_count; i++) {
        Error *err = s3_delete(r->s3, scratch, page->objects[i].key);
        if (err) return err;
    }
    return NULL;
}

Error *s3_delete_prefix(S3 *s3, Arena *a, Str prefix)
{
    assert(prefix.len > 0); /* never a whole bucket */
    Removing removing = {.s3 = s3};
    return each_page(s3, a, prefix, delete_page, &removing);
}
