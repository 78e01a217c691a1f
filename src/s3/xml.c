/* xml.c - S3's answers, read with expat.
 *
 * All of them are small and flat, so one reader knows every element we want by
 * its path below the root. Answers come from a server that may be anybody's: no
 * DTD (so no entities of its own), bounded depth, number and memory.
 */
#include "s3/s3_internal.h"

#include "base/buf.h"
#include "base/clock.h"

#include <expat.h>

#define DEPTH_MAX      8
#define PATH_MAX_BYTES 128
#define TEXT_MAX_BYTES 8192

typedef struct {
    XML_Parser parser;
    Arena *arena;
    S3Answer *out;
    char path[PATH_MAX_BYTES]; /* "/Contents/Key": below the root */
    size_t path_len;
    size_t lengths[DEPTH_MAX]; /* of the path before each open element */
    int depth;
    char text[TEXT_MAX_BYTES];
    size_t text_len;
    bool failed;
} Reader;

/* Expat ends an empty element it was stopped in all the same: the handlers ask for `failed`. */
static void fail(Reader *r)
{
    r->failed = true;
    (void)XML_StopParser(r->parser, XML_FALSE); /* false only when it has stopped */
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public,
                               int has_internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal;
    fail(arg);
}

static bool at(const Reader *r, const char *path)
{
    return str_eq(str_make(r->path, r->path_len), str_from(path));
}

static void XMLCALL on_start(void *arg, const char *name, const char **attributes)
{
    Reader *r = arg;
    (void)attributes;
    if (r->failed) return;
    Str element = str_from(name);
    if (r->depth == DEPTH_MAX || r->path_len + element.len + 1 > PATH_MAX_BYTES ||
        arena_room(r->arena) < 4 * TEXT_MAX_BYTES) {
        fail(r);
        return;
    }
    r->lengths[r->depth++] = r->path_len;
    r->text_len = 0;
    if (r->depth == 1) {
        r->out->root = arena_copy(r->arena, element);
        if (str_eq(element, S("Error"))) r->out->error_count++;
        return;
    }
    r->path[r->path_len++] = '/';
    memcpy(r->path + r->path_len, element.ptr, element.len);
    r->path_len += element.len;
    if (at(r, "/Contents")) {
        if (r->out->object_count == S3_PAGE_KEYS) fail(r);
        if (!r->out->objects) r->out->objects = arena_new(r->arena, S3Object, S3_PAGE_KEYS);
        if (!r->failed) r->out->object_count++;
    }
    if (at(r, "/Error")) r->out->error_count++;
}

static void XMLCALL on_text(void *arg, const char *text, int len)
{
    Reader *r = arg;
    if (r->failed) return;
    if ((size_t)len > sizeof(r->text) - r->text_len) {
        fail(r);
        return;
    }
    memcpy(r->text + r->text_len, text, (size_t)len);
    r->text_len += (size_t)len;
}

static void take_object(Reader *r, Str text)
{
    S3Object *o = &r->out->objects[r->out->object_count - 1];
    if (at(r, "/Contents/Key")) o->key = arena_copy(r->arena, text);
    if (at(r, "/Contents/ETag")) o->etag = arena_copy(r->arena, text);
    if (at(r, "/Contents/Size") && !str_to_u64(text, &o->size_bytes)) fail(r);
    if (at(r, "/Contents/LastModified") && !datetime_parse(text, &o->modified_ms)) fail(r);
}

static void take(Reader *r, Str text)
{
    S3Answer *out = r->out;
    bool is_error = str_eq(out->root, S("Error"));
    if (out->object_count > 0 && str_starts(str_make(r->path, r->path_len), S("/Contents/")))
        take_object(r, text);
    if (at(r, "/UploadId")) out->upload_id = arena_copy(r->arena, text);
    if (at(r, "/IsTruncated")) out->is_truncated = str_eq(text, S("true"));
    if (at(r, "/NextContinuationToken")) out->next_token = arena_copy(r->arena, text);
    if (out->code.len == 0 && ((is_error && at(r, "/Code")) || at(r, "/Error/Code")))
        out->code = arena_copy(r->arena, text);
    if (out->message.len == 0 && ((is_error && at(r, "/Message")) || at(r, "/Error/Message")))
        out->message = arena_copy(r->arena, text);
}

static void XMLCALL on_end(void *arg, const char *name)
{
    Reader *r = arg;
    (void)name;
    if (r->failed) return;
    take(r, str_trim(str_make(r->text, r->text_len)));
    r->text_len = 0;
    r->path_len = r->lengths[--r->depth];
}

bool s3_xml_read(Arena *a, Str text, S3Answer *out)
{
    *out = (S3Answer){0};
    if (text.len == 0 || text.len > S3_ANSWER_MAX) return false;
    Reader *r = arena_new(a, Reader, 1);
    r->arena = a;
    r->out = out;
    r->parser = XML_ParserCreate(NULL);
    if (!r->parser) return false;
    XML_SetUserData(r->parser, r);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    bool ok = XML_Parse(r->parser, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(r->parser);
    return ok && !r->failed;
}
