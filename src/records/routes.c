/* routes.c - the endpoints of records that write, and the table of all (api:
 * records §5, §6, §8). Tags name the actions for rate limits. */
#include "records/records_internal.h"

#define BODY_BASE_BYTES (INT64_C(32) << 20)
#define BODY_MOST_BYTES (INT64_C(1) << 40) /* sums of settings stay far from overflowing */

/* 32 MiB and what the collection's large fields may hold besides. */
static int64_t body_limit(const Collection *c)
{
    int64_t limit = BODY_BASE_BYTES;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (f->type != FIELD_FILE && f->type != FIELD_JSON && f->type != FIELD_EDITOR) continue;
        int64_t size = MIN(field_max_size(f), BODY_MOST_BYTES);
        int64_t count = f->type == FIELD_FILE ? MIN(MAX(1, f->max_select), 10000) : 1;
        limit = MIN(limit + size * count, BODY_MOST_BYTES);
    }
    return limit;
}

/* Collection, body: what a create and an update begin with. */
static Error *read_change(Req *req, RecordChange *change)
{
    Body body;
    Error *err =
        req_collection(req, S("Missing or invalid collection context."), &change->collection);
    if (err) return err;
    if (change->collection->type == COLLECTION_VIEW) {
        return error_new(req->arena, 400, S("Unsupported collection type."));
    }
    err = req_body(req, (size_t)body_limit(change->collection), &body);
    if (err)
        return err->code ? error_cause(req->arena, error_status(req->arena, err->status),
                                       "%s: %.*s", err->code, STR_ARG(err->message))
                         : err;
    change->data = body.data;
    change->uploads = body.uploads;
    change->upload_count = body.upload_count;
    change->info = &req_context(req)->info;
    return NULL;
}

typedef struct {
    const Schema *schema;
    Record *record;
    const ExpandNode *expand;
    const RequestInfo *info;
} Enrichment;

static Error *enrich_work(Tx *tx, void *arg)
{
    Enrichment *e = arg;
    e->record->expand = NULL;
    return records_enrich(tx, e->schema, &e->record, 1, e->expand, e->info);
}

static bool email_needs_rule(const Record *r, const AuthInfo *auth)
{
    const Collection *c = r->collection;
    return c->type == COLLECTION_AUTH && auth && !auth->is_superuser &&
           !c->rules[RULE_MANAGE].is_null && !record_is_owner(r, auth) &&
           !record_bool(r, S("emailVisibility"));
}

/* The record as written. The change is on disk: if what belongs around it cannot
 * be read, it is answered without. */
static Error *respond(Req *req, Res *res, Record *r)
{
    Context *cx = req_context(req);
    Str expand = req_query(req, S("expand"));
    Enrichment e = {.record = r, .info = &cx->info, .schema = cx->schema};
    e.expand = expand.len ? expand_parse(req->arena, expand) : NULL;
    if (e.expand || email_needs_rule(r, cx->auth)) {
        bool moved = schema_find_id(cx->schema, r->collection->id) != r->collection;
        if (moved) e.schema = schema_hold(cx->app->schema, req->arena);
        Error *err = db_read(cx->app->db, req->arena, enrich_work, &e);
        if (err) r->expand = NULL;
    }
    Buf out = buf_new(req->arena, 2048);
    record_write_json(&out, r, cx->auth);
    buf_char(&out, '\n');
    return res_json_text(res, 200, buf_str(&out));
}

/* POST /api/collections/{collection}/records
 *
 *   body  the record's fields: JSON, multipart with files, or urlencoded
 *   200   the record
 *   400   the create rule is not satisfied (data {}), or data.<field> is wrong
 *   403   the create rule is null
 */
static Error *handle_create(Req *req, Res *res)
{
    Context *cx = req_context(req);
    RecordChange change = {0};
    Error *err = read_change(req, &change);
    if (err) return err;

    Record *r;
    err = change_create(cx->app, req->arena, cx->schema, &change, &r);
    if (err) return err;
    return respond(req, res, r);
}

/* PATCH /api/collections/{collection}/records/{id}
 *
 *   body  the fields to change; modifiers as in api: collections §3.3
 *   200   the record
 *   400   data.<field> is wrong: the whole record is validated
 *   403   the update rule is null
 *   404   no such record, or the update rule is not satisfied
 *   412   If-Match was sent and the record has another tag: somebody saved first
 *   429   the old password was guessed at too often
 */
static Error *handle_update(Req *req, Res *res)
{
    Context *cx = req_context(req);
    RecordChange change = {.id = req_param(req, "id"), .if_match = req_header(req, S("If-Match"))};
    Error *err = read_change(req, &change);
    if (err) return err;

    Record *r;
    err = change_update(cx->app, req->arena, cx->schema, &change, &r);
    if (err) return err;
    if (change.if_match.len) res_header(res, S("ETag"), record_etag(req->arena, r));
    return respond(req, res, r);
}

/* DELETE /api/collections/{collection}/records/{id}
 *
 *   204   gone, with what cascades
 *   400   a required relation of another record points to it
 *   403   the delete rule is null
 *   404   no such record, or the delete rule is not satisfied
 *   412   If-Match was sent and the record has another tag
 */
static Error *handle_delete(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Body body;
    RecordChange change = {
        .id = req_param(req, "id"), .info = &cx->info, .if_match = req_header(req, S("If-Match"))};
    Error *err =
        req_collection(req, S("Missing or invalid collection context."), &change.collection);
    if (err) return err;
    err = req_body(req, 0, &body);
    if (err) return err;
    if (body.present) cx->info.body = body.data;

    err = change_delete(cx->app, req->arena, cx->schema, &change);
    if (err) return err;
    return res_empty(res, 204);
}

#define RECORDS "/api/collections/{collection}/records"

const Route record_routes[] = {
    {"GET", RECORDS, handle_list, 0, "list"},
    {"GET", RECORDS "/{id}", handle_view, 0, "view"},
    {"POST", RECORDS, handle_create, 0, "create"},
    {"PATCH", RECORDS "/{id}", handle_update, 0, "update"},
    {"DELETE", RECORDS "/{id}", handle_delete, 0, "delete"},
    {"POST", "/api/collections/{collection}/import", handle_import, 0, NULL},
    {"POST", "/api/collections/{collection}/delete-many", handle_delete_many, 0, NULL},
    {"POST", "/api/batch", handle_batch, 0, NULL},
};
const size_t record_route_count = COUNT(record_routes);
