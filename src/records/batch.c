/* batch.c - POST /api/batch: several changes, all or nothing (api: records §10).
 *
 *     loop     read the items; hash their passwords, store their files
 *     writer   one transaction: each item finds what the ones before it wrote,
 *              passes its own rules and checks, and renders its answer
 *
 * An item whose fault is known on the loop is not refused there: the answer
 * must name the first failing item, and one before it may fail too. */
#include "base/clock.h"
#include "base/encoding.h"
#include "records/records_internal.h"

#define BODY_DEFAULT_BYTES (INT64_C(128) << 20)
#define TIMEOUT_DEFAULT_S  3
#define URL_MAX_BYTES      2000
#define ITEM_HEADERS_MAX   100 /* as of a request of its own; rules look them up one by one */
#define ATTEMPTS           3
#define FAILED             "Batch transaction failed."

typedef enum { ITEM_CREATE, ITEM_UPDATE, ITEM_UPSERT, ITEM_DELETE } ItemKind;

typedef struct Batch Batch;

typedef struct {
    Batch *batch;
    ItemKind kind;
    Str method, url;
    Json *body;          /* an object */
    const Json *headers; /* of the item; NULL = none */
    Json *query;
    const Collection *c;
    Str id;
    const ExpandNode *expand;
    FieldsPick *pick;
    RequestInfo info;
    Upload *uploads;
    size_t upload_count;
    Write write;
    bool has_write;
    bool put_off;   /* seemed refused before the transaction: not prepared */
    bool is_wanted; /* but passed in it */
    Error *fault;   /* known before the transaction */
} Item;

struct Batch {
    Req *req;
    Arena *a;
    Context *cx;
    const Schema *schema;
    Item *items;
    size_t count;
    uint64_t deadline_ms;
    Buf out;
    bool timed_out;
    size_t failed; /* index of the item, or SIZE_MAX */
    Error *failure;
};

/* ---- reading the request ---- */

static Error *unreadable(Arena *a)
{
    return error_new(a, 400, S("Failed to read the submitted batch data."));
}

static Error *invalid(Error *faults)
{
    return error_summary(faults, S("Invalid batch request data."));
}

static Error *length_fault(Arena *a, Str field, int64_t max)
{
    Json *params = json_new_object(a);
    json_set_number(a, params, S("min"), 0);
    json_set_number(a, params, S("max"), (double)max);
    return error_field_params(
        a, field, "validation_length_too_long",
        str_printf(a, "The length must be no more than %lld.", (long long)max), params);
}

static bool is_known_method(Str method)
{
    static const char *const METHODS[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < COUNT(METHODS); i++) {
        if (str_eq(method, str_from(METHODS[i]))) return true;
    }
    return false;
}

static Error *item_faults(Arena *a, const Item *item, size_t index)
{
    Error *faults = NULL;
    if (item->method.len == 0) {
        error_chain(&faults, error_required(a, S("method")));
    } else if (!is_known_method(item->method)) {
        error_chain(&faults, error_field(a, S("method"), "validation_in_invalid",
                                         S("Must be a valid value.")));
    }
    if (item->url.len == 0) {
        error_chain(&faults, error_required(a, S("url")));
    } else if (item->url.len > URL_MAX_BYTES) {
        error_chain(&faults, length_fault(a, S("url"), URL_MAX_BYTES));
    }
    return faults ? error_at(a, faults, "requests.%zu", index) : NULL;
}

static bool is_absent(const Json *v)
{
    return !v || v->type == JSON_NULL;
}

/* False when a key has a value of the wrong type, or too many headers. */
static bool item_read(Arena *a, const Json *json, Item *item)
{
    const Json *method = json_get(json, S("method")), *url = json_get(json, S("url"));
    const Json *headers = json_get(json, S("headers"));
    Json *body = json_get(json, S("body"));
    if (!json_is(json, JSON_OBJECT)) return false;
    if (!is_absent(method) && method->type != JSON_STRING) return false;
    if (!is_absent(url) && url->type != JSON_STRING) return false;
    if (!is_absent(headers) && headers->type != JSON_OBJECT) return false;
    if (json_count(headers) > ITEM_HEADERS_MAX) return false;
    if (!is_absent(body) && body->type != JSON_OBJECT) return false;
    item->method = json_str(method, S(""));
    item->url = json_str(url, S(""));
    item->headers = is_absent(headers) ? NULL : headers;
    item->body = is_absent(body) ? json_new_object(a) : body;
    return true;
}

/* "requests.3.docs+" or "requests[3].docs+" → 3 and "docs+". */
static bool upload_target(Str field, size_t *index, Str *name)
{
    uint64_t number;
    if (!str_starts(field, S("requests"))) return false;
    Str rest = str_from_pos(field, 8);
    if (rest.len < 2 || (rest.ptr[0] != '.' && rest.ptr[0] != '[')) return false;
    bool bracket = rest.ptr[0] == '[';
    rest = str_from_pos(rest, 1);
    Str digits = str_split(&rest, bracket ? ']' : '.');
    if (bracket && rest.len && rest.ptr[0] == '.') {
        rest = str_from_pos(rest, 1);
    } else if (bracket) {
        return false;
    }
    if (!rest.ptr || rest.len == 0 || !str_to_u64(digits, &number)) return false;
    *index = (size_t)number;
    *name = rest;
    return true;
}

static void share_uploads(Batch *b, const Body *body)
{
    size_t index;
    Str name;
    for (size_t i = 0; i < body->upload_count; i++) {
        if (!upload_target(body->uploads[i].field, &index, &name) || index >= b->count) continue;
        b->items[index].upload_count++;
    }
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].uploads = arena_new(b->a, Upload, b->items[i].upload_count + 1);
        b->items[i].upload_count = 0;
    }
    for (size_t i = 0; i < body->upload_count; i++) {
        if (!upload_target(body->uploads[i].field, &index, &name) || index >= b->count) continue;
        Item *item = &b->items[index];
        item->uploads[item->upload_count] = body->uploads[i];
        item->uploads[item->upload_count++].field = name;
    }
}

static Error *batch_read(Batch *b)
{
    Body body;
    const Settings *s = b->cx->settings;
    int64_t limit = s->batch_max_body_bytes > 0 ? s->batch_max_body_bytes : BODY_DEFAULT_BYTES;
    Error *err = req_body(b->req, (size_t)limit, &body), *faults = NULL;
    if (err) return err->status == 400 ? unreadable(b->a) : err;

    const Json *requests = json_get(body.data, S("requests"));
    if (!is_absent(requests) && requests->type != JSON_ARRAY) return unreadable(b->a);
    b->count = json_count(requests);
    if (b->count == 0) return invalid(error_required(b->a, S("requests")));
    if ((int64_t)b->count > s->batch_max_requests) {
        return invalid(length_fault(b->a, S("requests"), s->batch_max_requests));
    }
    b->items = arena_new(b->a, Item, b->count);
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].batch = b;
        if (!item_read(b->a, json_at(requests, i), &b->items[i])) return unreadable(b->a);
        error_chain(&faults, item_faults(b->a, &b->items[i], i));
    }
    if (faults) return invalid(faults);
    share_uploads(b, &body);
    return NULL;
}

/* ---- one item's request ---- */

static Str snake_header(Arena *a, Str name)
{
    Buf b = buf_new(a, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        buf_char(&b, c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    return buf_str(&b);
}

/* Headers of the outer request with those of the item over them; a rule that
 * asks for them is rare. */
static void item_lazy(void *arg, Arena *a, Json **query, Json **headers)
{
    Item *item = arg;
    const RequestInfo *outer = &item->batch->cx->info;
    Json *outer_query = outer->query, *outer_headers = outer->headers;
    if (!outer_headers && outer->lazy)
        outer->lazy(outer->lazy_arg, a, &outer_query, &outer_headers);
    *query = item->query;
    *headers = outer_headers ? json_copy(a, outer_headers) : json_new_object(a);
    for (size_t i = 0; i < json_count(item->headers); i++) {
        const JsonMember *member = &item->headers->object.members[i];
        Str name = snake_header(a, member->key);
        if (str_eq(name, S("authorization"))) continue;
        json_set_str(a, *headers, name, text_of_json(a, &member->value));
    }
}

static void parse_query(Item *item, Str text)
{
    Arena *a = item->batch->a;
    item->query = json_new_object(a);
    while (text.ptr) {
        Str value = str_split(&text, '&'), key;
        Str raw = str_split(&value, '=');
        if (raw.len == 0 || !percent_decode(a, raw, true, &key)) continue;
        if (!value.ptr || !percent_decode(a, value, true, &value)) value = S("");
        if (!json_get(item->query, key)) json_set_str(a, item->query, key, value);
    }
}

static bool parse_segment(Arena *a, Str *path, Str *out)
{
    if (!path->ptr) return false;
    return percent_decode(a, str_split(path, '/'), false, out) && out->len > 0;
}

/* The URL forms of the API page, exactly. */
static bool parse_url(Item *item, Str *collection)
{
    Arena *a = item->batch->a;
    Str query = item->url, records;
    Str path = str_split(&query, '?');
    parse_query(item, query);
    if (!str_starts(path, S("/api/collections/"))) return false;
    path = str_from_pos(path, 17);
    if (!parse_segment(a, &path, collection)) return false;
    if (!parse_segment(a, &path, &records) || !str_eq(records, S("records"))) return false;

    bool has_id = path.ptr != NULL;
    if (has_id && (!parse_segment(a, &path, &item->id) || path.ptr)) return false;
    if (str_eq(item->method, S("POST"))) item->kind = ITEM_CREATE;
    if (str_eq(item->method, S("PUT"))) item->kind = ITEM_UPSERT;
    if (str_eq(item->method, S("PATCH"))) item->kind = ITEM_UPDATE;
    if (str_eq(item->method, S("DELETE"))) item->kind = ITEM_DELETE;
    if (str_eq(item->method, S("GET"))) return false;
    return has_id == (item->kind == ITEM_UPDATE || item->kind == ITEM_DELETE);
}

static const char *item_action(const Item *item)
{
    if (item->kind == ITEM_DELETE) return "delete";
    return item->kind == ITEM_CREATE || item->id.len == 0 ? "create" : "update";
}

static Error *item_resolve(Item *item)
{
    assert(item);
    Arena *a = item->batch->a;
    Context *cx = item->batch->cx;
    Str name;
    if (!parse_url(item, &name)) return error_status(a, 400);
    item->c = schema_find(item->batch->schema, name);
    if (!item->c) return error_new(a, 404, S("Missing or invalid collection context."));
    if (item->c->type == COLLECTION_VIEW) {
        return error_new(a, 400, S("Unsupported collection type."));
    }
    if (item->kind == ITEM_UPSERT) item->id = text_of_json(a, json_get(item->body, S("id")));
    if (cx->app->batch_item_guard) {
        Error *err = cx->app->batch_item_guard(item->batch->req, item->c, item_action(item));
        if (err) return err;
    }
    Str expand = json_str(json_get(item->query, S("expand")), S(""));
    Str fields = json_str(json_get(item->query, S("fields")), S(""));
    item->expand = expand.len ? expand_parse(a, expand) : NULL;
    item->info = cx->info;
    item->info.context = S("batch");
    item->info.query = item->query;
    item->info.headers = NULL;
    item->info.body = item->body;
    item->info.lazy = item_lazy;
    item->info.lazy_arg = item;
    return fields.len ? fields_parse(a, fields, &item->pick) : NULL;
}

/* ---- costly preparations ---- */

static Error *precheck_work(Tx *tx, void *arg)
{
    Write *w = arg;
    Error *err = record_find(tx, w->c, w->id, &w->original);
    if (!err) err = write_apply(w, w->original);
    return err ? err : write_check(w, tx);
}

/* Would the update be refused as the rows are now? Then it is put off: the
 * transaction asks again, after the items before it, and only if it passes
 * there is the batch prepared once more with this item's hashes and files.
 * Which files are used is not settled here, for the row may change till then. */
static Error *item_precheck(Item *item)
{
    Write *w = &item->write;
    item->put_off = false;
    Error *err = db_read(w->app->db, w->a, precheck_work, w);
    bool may_pass = !err || err->status == 400;
    bool is_compared = item->is_wanted && w->original && json_get(w->data, S("oldPassword"));
    if ((w->old_needed && may_pass) || is_compared) {
        Error *failed = write_check_old_password(w);
        if (failed) return failed;
        err = db_read(w->app->db, w->a, precheck_work, w);
    }
    w->record = NULL;
    if (err && err->status >= 500) return err;
    item->put_off = err && !item->is_wanted;
    return NULL;
}

static Error *item_prepare(Item *item)
{
    Write *w = &item->write;
    bool renamed;
    bool is_create = item->kind == ITEM_CREATE || item->id.len == 0;
    RecordChange change = {.collection = item->c,
                           .id = item->id,
                           .data = item->body,
                           .uploads = item->uploads,
                           .upload_count = item->upload_count,
                           .info = &item->info};
    Error *err = write_begin(w, item->batch->cx->app, item->batch->a, item->batch->schema, &change,
                             !is_create);
    if (err) return err;
    item->has_write = true;
    if (!w->file_count && !w->password_count) return NULL;

    /* Where nothing stored can matter, a faulty item costs no hash. */
    if (is_create) {
        err = write_apply(w, NULL);
        if (!err) err = write_check(w, NULL);
        if (err) return err;
    } else if (w->file_count && !file_id_is_safe(w->id)) {
        return error_status(w->a, 404);
    }
    if (!is_create) {
        err = item_precheck(item);
        if (err || item->put_off) return err;
    }
    err = write_sniff(w, &renamed);
    if (err) return err;
    err = write_hash_passwords(w);
    if (err) return err;
    return write_store_files(w);
}

static void batch_prepare(Batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        Item *item = &b->items[i];
        item->fault = item_resolve(item);
        if (!item->fault && item->kind != ITEM_DELETE) item->fault = item_prepare(item);
        if (item->fault) return; /* what comes after it is never reached */
    }
}

static void batch_discard(Batch *b, const Error *why)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].has_write) write_discard_files(&b->items[i].write, why);
    }
}

/* ---- in the transaction ---- */

static Error *render(Item *item, Tx *tx, Record *r)
{
    Batch *b = item->batch;
    Error *err = records_enrich(tx, b->schema, &r, 1, item->expand, &item->info);
    if (err) return err;
    buf_add(&b->out, S("{\"body\":"));
    if (item->pick) {
        json_write(&b->out, fields_apply(b->a, item->pick, record_to_json(b->a, r, b->cx->auth)));
    } else {
        record_write_json(&b->out, r, b->cx->auth);
    }
    buf_add(&b->out, S(",\"status\":200}"));
    return NULL;
}

/* This item passes after all: once more, with everything that comes from here. */
static Error *want_rest(Item *item)
{
    Batch *b = item->batch;
    for (Item *next = item; next < b->items + b->count; next++)
        next->is_wanted = true;
    return error_retry(b->a);
}

static Error *run_create(Item *item, Tx *tx)
{
    Write *w = &item->write;
    w->info.method = item->info.method = S("POST");
    Error *err = rule_guard_null(w->a, w->c, RULE_CREATE, w->is_superuser);
    if (!err) err = write_apply(w, NULL);
    if (!err) err = write_check(w, tx);
    if (!err && item->put_off) return want_rest(item); /* an upsert of what is not there */
    if (!err) err = write_insert(w, tx);
    if (!err) err = render(item, tx, w->record);
    return write_error(w->a, err, S("Failed to create record."));
}

static Error *run_update(Item *item, Tx *tx)
{
    Write *w = &item->write;
    Record *original;
    w->info.method = item->info.method = S("PATCH");
    Error *err = rule_guard_null(w->a, w->c, RULE_UPDATE, w->is_superuser);
    if (!err) err = record_find(tx, w->c, item->id, &original);
    if (!err) err = write_apply(w, original);
    if (!err) err = write_check(w, tx);
    if (!err && item->put_off) return want_rest(item);
    if (!err) err = write_update(w, tx);
    if (!err) err = render(item, tx, w->record);
    return write_error(w->a, err, S("Failed to update record."));
}

static Error *run_upsert(Item *item, Tx *tx)
{
    bool exists = false;
    if (item->id.len) {
        Error *err = row_exists(tx, item->c, item->id, &exists);
        if (err) return err;
    }
    return exists ? run_update(item, tx) : run_create(item, tx);
}

static Error *run_delete(Item *item, Tx *tx)
{
    Batch *b = item->batch;
    item->info.method = S("DELETE");
    Error *err =
        delete_checked(b->cx->app, tx, b->schema, item->c, item->id, &item->info, false, S(""));
    if (err) return err;
    buf_add(&b->out, S("{\"body\":null,\"status\":204}"));
    return NULL;
}

static Error *run_item(Item *item, Tx *tx)
{
    if (item->fault) return item->fault;
    switch (item->kind) {
    case ITEM_CREATE:
        return run_create(item, tx);
    case ITEM_UPDATE:
        return run_update(item, tx);
    case ITEM_UPSERT:
        return run_upsert(item, tx);
    case ITEM_DELETE:
        break;
    }
    return run_delete(item, tx);
}

static Error *batch_work(Tx *tx, void *arg)
{
    Batch *b = arg;
    b->out.len = 0;
    b->failed = SIZE_MAX;
    if (schema_version(b->cx->app->schema) != b->schema->version) return error_retry(b->a);
    for (size_t i = 0; i < b->count; i++) {
        b->timed_out = clock_mono_ms() > b->deadline_ms;
        if (b->timed_out) return error_new(b->a, 400, S(FAILED));
        buf_char(&b->out, i ? ',' : '[');
        Error *err = run_item(&b->items[i], tx);
        if (!err) continue;
        if (!error_is_retry(err)) b->failed = i;
        b->failure = err;
        return err;
    }
    buf_add(&b->out, S("]\n"));
    return NULL;
}

/* ---- the answer ---- */

static Error *respond_failed(Batch *b, Res *res)
{
    Arena *a = b->a;
    Json *response = error_to_json(a, b->failure), *item = json_new_object(a);
    json_set_str(a, item, S("code"), S("batch_request_failed"));
    json_set_str(a, item, S("message"), S("Batch request failed."));
    json_set(a, item, S("response"), response);

    Json *requests = json_new_object(a), *data = json_new_object(a), *all = json_new_object(a);
    json_set(a, requests, str_printf(a, "%zu", b->failed), item);
    json_set(a, data, S("requests"), requests);
    json_set(a, all, S("data"), data);
    json_set_str(a, all, S("message"), S(FAILED));
    json_set_number(a, all, S("status"), 400);
    return res_json(res, 400, all);
}

static Error *batch_once(Batch *b)
{
    batch_prepare(b);
    b->out = buf_new(b->a, 1024 * b->count);
    b->failed = SIZE_MAX;
    Error *err = db_write(b->cx->app->db, b->a, batch_work, b);
    if (err) batch_discard(b, err);
    return err;
}

static Error *batch_allowed(const Batch *b)
{
    const Settings *s = b->cx->settings;
    if (s->batch_enabled && s->batch_max_requests > 0) return NULL;
    return error_new(b->a, 403, S("Batch requests are not allowed."));
}

/* POST /api/batch
 *
 *   body  {"requests": [{"method","url","headers","body"}, …]}, or a form with
 *         it in @jsonPayload and files named requests.N.field
 *   200   [{"body": record, "status": 200}, …]
 *   400   an item failed: data.requests.<N>.response is its own answer
 *   403   settings.batch is off
 */
Error *handle_batch(Req *req, Res *res)
{
    Batch b = {.req = req, .a = req->arena, .cx = req_context(req)};
    Error *err = batch_allowed(&b);
    if (err) return err;
    err = batch_read(&b);
    if (err) return err;

    int64_t seconds = b.cx->settings->batch_timeout_s;
    if (seconds <= 0) seconds = TIMEOUT_DEFAULT_S;
    b.deadline_ms = clock_mono_ms() + (uint64_t)MIN(seconds, 86400) * 1000;
    b.schema = b.cx->schema;
    for (int attempt = 1;; attempt++) {
        err = batch_once(&b);
        if (!err) return res_json_text(res, 200, buf_str(&b.out));
        if (!error_is_retry(err) || attempt == ATTEMPTS) break;
        b.schema = schema_hold(b.cx->app->schema, b.a);
    }
    if (b.failed != SIZE_MAX && b.failure->status < 500) return respond_failed(&b, res);
    return err;
}
