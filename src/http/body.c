/* body.c - a request's body as one object, whatever its content type.
 *
 * JSON is collected and parsed, urlencoded forms too; multipart is parsed as it
 * arrives, so that uploads of any size take bounded memory. What was read once
 * is kept with the request.
 *
 * Query parameters are not merged into form fields: a harmless oddity of
 * PocketBase that the contract leaves free (conventions §2.1, rule 5).
 */
#include "http/body.h"

#include "http/form.h"
#include "http/multipart.h"

/* Above this a body is collected outside the request's arena, where growing would
 * leave every smaller copy behind; up to it room is made for what is announced. */
#define ARENA_BODY_BYTES (64 * 1024)
#define FIRST_BYTES      16384
#define BODY_MOST_BYTES  (UINT64_C(1) << 48) /* sums stay far from overflowing */

/* What a request's body gave, for whoever asks again. */
typedef struct {
    bool has_bytes, has_body;
    Str bytes;
    Body body;
} BodyCache;

static BodyCache *cache_of(Req *req)
{
    Request *r = request_of(req);
    if (!r->body_cache) r->body_cache = arena_new(req->arena, BodyCache, 1);
    return r->body_cache;
}

static uint64_t limit_of(const Req *req, size_t limit)
{
    return limit ? limit : request_of((Req *)req)->server->config.limits.body_bytes;
}

/* ---- collecting ---- */

/* Of `most` bytes, with room for `first` of them from the start. */
static Error *collect_in(Arena *a, Req *req, size_t first, size_t most, Str *out)
{
    Buf bytes = buf_new(a, first);
    for (;;) {
        Str piece;
        Error *err = req_body_read(req, &piece);
        if (err) return err;
        if (piece.len == 0) break;
        if (bytes.cap - bytes.len < piece.len) {
            size_t cap = MIN(MAX(bytes.cap * 2, bytes.len + piece.len), most);
            bytes.ptr = arena_extend(a, bytes.ptr, bytes.cap, cap);
            bytes.cap = cap;
        }
        buf_add(&bytes, piece);
    }
    *out = buf_str(&bytes);
    return NULL;
}

/* An arena of its own: the limit of the request's is for what is made of the body.
 * The memory that all requests share is the same. A large block grows by moving
 * pages, without copying, and only as bytes arrive: to announce many takes nothing. */
static Arena *large_arena(Req *req, size_t most)
{
    Arena *own = arena_within(req->arena, "request body", most + ARENA_BODY_BYTES);
    arena_share(own, arena_budget(req->arena));
    return own;
}

static Error *collect(Req *req, uint64_t limit, Str *out)
{
    Error *err = req_body_expect(req, limit);
    if (err) return err;
    bool known;
    uint64_t length = req_content_length(req, &known);
    if (known && length == 0) {
        *out = S("");
        return NULL;
    }
    if (req_body_ready(req, out)) return NULL;
    size_t most = (size_t)MIN(known ? length : limit, BODY_MOST_BYTES);
    if (known && length <= ARENA_BODY_BYTES) return collect_in(req->arena, req, most, most, out);
    return collect_in(large_arena(req, most), req, FIRST_BYTES, most, out);
}

Error *req_body_bytes(Req *req, size_t limit, Str *out)
{
    BodyCache *cache = cache_of(req);
    if (cache->has_body && !cache->has_bytes) {
        return error_cause(req->arena, error_status(req->arena, 500),
                           "the body was read as a form before");
    }
    if (!cache->has_bytes) {
        Error *err = collect(req, limit_of(req, limit), &cache->bytes);
        if (err) return err;
        cache->has_bytes = true;
    }
    if (cache->bytes.len > limit_of(req, limit)) return error_status(req->arena, 413);
    *out = cache->bytes;
    return NULL;
}

/* ---- JSON and urlencoded ---- */

static Error *read_json(Arena *a, Str text, Body *out)
{
    Json *value;
    Str rest;
    Error *err = json_parse_first(a, text, NULL, &value, &rest);
    if (err) {
        return error_cause(a, error_status(a, 400), "body: %s", err->code ? err->code : "no JSON");
    }
    if (!json_is(value, JSON_OBJECT)) return bad_body(a, "JSON, but no object");
    out->data = value;
    return NULL;
}

static Error *read_urlencoded(Req *req, Str text, Body *out)
{
    const HttpLimits *limits = &request_of(req)->server->config.limits;
    Form *form = form_new(req->arena, limits->form_fields);
    Error *err = form_add_urlencoded(form, text, limits->form_field_bytes);
    if (err) return err;
    out->is_form = true;
    return form_finish(form, &out->data);
}

/* ---- multipart ---- */

typedef struct {
    Arena *arena;
    const HttpLimits *limits;
    Form *form;
    UploadSink *uploads;
    PartHead part;
    Buf value; /* of a plain part */
} MultipartReader;

static Error *on_part_begin(void *arg, const PartHead *head)
{
    MultipartReader *reader = arg;
    reader->part = *head;
    if (!head->is_file) {
        reader->value = buf_new(reader->arena, 64);
        return NULL;
    }
    Error *err = form_count(reader->form);
    if (err) return err;
    return upload_begin(reader->uploads, head->name, head->file_name, head->content_type);
}

static Error *on_part_data(void *arg, Str bytes)
{
    MultipartReader *reader = arg;
    if (reader->part.is_file) return upload_write(reader->uploads, bytes);
    if (reader->value.len + bytes.len > reader->limits->form_field_bytes) {
        return error_status(reader->arena, 413);
    }
    buf_add(&reader->value, bytes);
    return NULL;
}

static Error *on_part_end(void *arg)
{
    MultipartReader *reader = arg;
    if (reader->part.is_file) return upload_end(reader->uploads);
    return form_add(reader->form, reader->part.name, buf_str(&reader->value));
}

/* `whole` when the bytes were collected already, otherwise {NULL, 0}. */
static Error *feed_all(Req *req, Multipart *parser, Str whole, bool *present)
{
    bool is_last = whole.len > 0;
    Str piece = whole;
    for (;;) {
        Error *err = is_last ? NULL : req_body_read(req, &piece);
        if (err) return err;
        if (piece.len > 0) *present = true;
        if (!*present) return NULL; /* chunked, and nothing in it */
        if (piece.len == 0) return multipart_finish(parser);
        err = multipart_feed(parser, piece);
        if (err || is_last) return err ? err : multipart_finish(parser);
    }
}

static Error *read_multipart(Req *req, Str content_type, Str whole, Body *out)
{
    Arena *a = req->arena;
    HttpServer *server = request_of(req)->server;
    Str boundary;
    if (!multipart_boundary(a, content_type, &boundary)) {
        return bad_body(a, "multipart without a valid boundary");
    }
    MultipartReader *reader = arena_new(a, MultipartReader, 1);
    reader->arena = a;
    reader->limits = &server->config.limits;
    reader->form = form_new(a, server->config.limits.form_fields);
    reader->uploads = upload_sink_new(a, server);

    static const MultipartEvents EVENTS = {on_part_begin, on_part_data, on_part_end};
    Multipart *parser = multipart_new(a, boundary, &EVENTS, reader);
    Error *err = feed_all(req, parser, whole, &out->present);
    if (err) return err;
    if (!out->present) return NULL;
    out->is_form = true;
    err = upload_list(reader->uploads, &out->uploads, &out->upload_count);
    if (err) return err;
    return form_finish(reader->form, &out->data);
}

/* ---- any of them ---- */

typedef enum { TYPE_OTHER, TYPE_JSON, TYPE_MULTIPART, TYPE_URLENCODED } BodyType;

static BodyType body_type(Str content_type)
{
    if (str_starts_nocase(content_type, S("application/json"))) return TYPE_JSON;
    if (str_starts_nocase(content_type, S("multipart/form-data"))) return TYPE_MULTIPART;
    if (str_starts_nocase(content_type, S("application/x-www-form-urlencoded"))) {
        return TYPE_URLENCODED;
    }
    return TYPE_OTHER;
}

static Error *unsupported(Arena *a)
{
    return error_new(a, 400, S("Unsupported Content-Type."));
}

static Error *read_body(Req *req, uint64_t limit, Body *out)
{
    Arena *a = req->arena;
    const BodyCache *cache = cache_of(req);
    out->data = json_new_object(a);

    Error *err = req_body_expect(req, limit);
    if (err) return err;
    bool known;
    uint64_t length = req_content_length(req, &known);
    if (known && length == 0) return NULL; /* of whatever type */

    Str content_type = req_header(req, S("content-type"));
    BodyType type = body_type(content_type);
    if (type == TYPE_OTHER && known) return unsupported(a);
    if (type == TYPE_MULTIPART) return read_multipart(req, content_type, cache->bytes, out);

    Str text;
    err = req_body_bytes(req, (size_t)limit, &text);
    if (err) return err;
    if (text.len == 0) return NULL; /* chunked, and nothing in it */
    out->present = true;
    if (type == TYPE_JSON) return read_json(a, text, out);
    if (type == TYPE_URLENCODED) return read_urlencoded(req, text, out);
    return unsupported(a);
}

Error *req_body(Req *req, size_t limit, Body *out)
{
    BodyCache *cache = cache_of(req);
    if (!cache->has_body) {
        Body body = {0};
        Error *err = read_body(req, limit_of(req, limit), &body);
        if (err) return err;
        cache->body = body;
        cache->has_body = true;
    }
    *out = cache->body;
    return NULL;
}
