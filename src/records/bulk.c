/* bulk.c - many records of one collection in one request: import and deletion
 * for superusers (docs/dashboard-api.md).
 *
 *     loop     read the rows; hash their passwords
 *     writer   each row in a savepoint of its own, so that a faulty one spoils
 *              no other; BULK_STEP rows a transaction, so that other writers
 *              have their turn, unless it is all or nothing
 *
 * Each row goes the way of an ordinary create or update: validation, unique
 * indexes, autodates, the change feed. Files are not part of it. */
#include "base/random.h"
#include "records/records_internal.h"

#define BULK_MAX        1000
#define BULK_STEP       100
#define BULK_BODY_BYTES ((size_t)16 << 20)
#define ATTEMPTS        3
#define UNDO_CODE       "bulk_undo"
#define INVALID         "An error occurred while validating the submitted data."

typedef enum { MODE_CREATE, MODE_UPDATE, MODE_UPSERT, MODE_DELETE } BulkMode;

typedef struct {
    Json *data; /* an object; NULL for a deletion */
    Str id;     /* deletion: which one; else of the record as written */
    Write write;
    Write *create; /* upsert: the same with a password, for a new record; may be NULL */
    Error *fault;  /* known before the transaction */
    Error *err;    /* of the latest try */
    bool created;
} Row;

typedef struct {
    Context *cx;
    Arena *a;
    const Schema *schema;
    const Collection *c;
    BulkMode mode;
    Str key; /* the field that finds the record of a row */
    bool dry_run, atomic, random_passwords;
    Str password, password_hash; /* drawn for rows without one: nobody knows it */
    Row *rows;
    size_t count;
    size_t from, to; /* the rows of this transaction */
} Bulk;

/* ---- reading the request ---- */

static Error *too_many(Arena *a, Str field)
{
    Json *params = json_new_object(a);
    json_set_number(a, params, S("min"), 1);
    json_set_number(a, params, S("max"), BULK_MAX);
    return error_field_params(a, field, "validation_length_too_long",
                              str_printf(a, "The length must be no more than %d.", BULK_MAX),
                              params);
}

static bool mode_find(Str text, BulkMode *out)
{
    static const Str MODES[] = {[MODE_CREATE] = STR_INIT("create"),
                                [MODE_UPDATE] = STR_INIT("update"),
                                [MODE_UPSERT] = STR_INIT("upsert")};
    for (size_t i = 0; i < COUNT(MODES); i++) {
        if (!str_eq(text, MODES[i])) continue;
        *out = (BulkMode)i;
        return true;
    }
    return false;
}

/* One value of the key must be one record. */
static bool is_key(const Collection *c, Str name)
{
    const Field *f = collection_field(c, name);
    if (!f || f->type == FIELD_PASSWORD || f->hidden) return false;
    return str_eq(name, S("id")) || collection_field_is_unique(c, name, NULL);
}

static Error *bulk_options(Bulk *b, const Json *body)
{
    Error *faults = NULL;
    b->key = json_str(json_get(body, S("key")), S("id"));
    b->dry_run = json_bool(json_get(body, S("dryRun")), false);
    b->atomic = json_bool(json_get(body, S("atomic")), false);
    b->random_passwords = json_bool(json_get(body, S("randomPasswords")), false);
    if (b->mode == MODE_DELETE) return NULL;
    if (!mode_find(json_str(json_get(body, S("mode")), S("create")), &b->mode))
        error_chain(&faults, error_field(b->a, S("mode"), "validation_in_invalid",
                                         S("Must be a valid value.")));
    if (!is_key(b->c, b->key))
        error_chain(&faults, error_field(b->a, S("key"), "validation_not_unique_field",
                                         S("Must be the id or a field with a unique index.")));
    return faults;
}

static Error *bulk_rows(Bulk *b, const Json *list, Str field)
{
    JsonType wanted = b->mode == MODE_DELETE ? JSON_STRING : JSON_OBJECT;
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0) return error_required(b->a, field);
    if (json_count(list) > BULK_MAX) return too_many(b->a, field);
    b->count = json_count(list);
    b->rows = arena_new(b->a, Row, b->count);
    for (size_t i = 0; i < b->count; i++) {
        Json *item = json_at(list, i);
        if (!json_is(item, wanted))
            return error_field(b->a, str_printf(b->a, "%.*s.%zu", STR_ARG(field), i),
                               "validation_invalid_value", S("Invalid value."));
        if (wanted == JSON_OBJECT) b->rows[i].data = item;
        if (wanted == JSON_STRING) b->rows[i].id = json_str(item, S(""));
    }
    return NULL;
}

static Error *bulk_read(Req *req, Bulk *b, Str field)
{
    Body body;
    Error *err = req_collection(req, S("Missing or invalid collection context."), &b->c);
    if (err) return err;
    if (b->c->type == COLLECTION_VIEW)
        return error_new(b->a, 400, S("Unsupported collection type."));
    err = req_body(req, BULK_BODY_BYTES, &body);
    if (err) return err;
    Error *faults = bulk_options(b, body.data);
    error_chain(&faults, bulk_rows(b, json_get(body.data, field), field));
    return faults ? error_summary(faults, S(INVALID)) : NULL;
}

/* ---- on the loop ---- */

/* An export has no passwords: such users get one that nobody knows, and ask for
 * a new one by mail. It is hashed once for all of them. */
static Error *fill_password(Bulk *b, Row *row, Json **out)
{
    *out = NULL;
    if (b->c->type != COLLECTION_AUTH || b->mode == MODE_UPDATE) return NULL;
    Json *password = json_get(row->data, S("password"));
    if (password && text_of_json(b->a, password).len > 0) {
        if (!json_get(row->data, S("passwordConfirm")))
            json_set(b->a, row->data, S("passwordConfirm"), password);
        return NULL;
    }
    if (!b->random_passwords) return NULL;
    if (b->password.len == 0) {
        Str plain = random_text(b->a, 40, ALPHABET_SECRET);
        Error *err = password_hash(b->cx->app->passwords, b->a, plain, &b->password_hash);
        if (err) return err;
        b->password = plain;
    }
    *out = json_copy(b->a, row->data);
    json_set_str(b->a, *out, S("password"), b->password);
    json_set_str(b->a, *out, S("passwordConfirm"), b->password);
    return NULL;
}

static Error *hash_passwords(Bulk *b, Write *w)
{
    for (size_t i = 0; i < w->password_count; i++) {
        if (b->password.len == 0 || !str_eq(w->passwords[i].plain, b->password)) continue;
        w->passwords[i].hash = b->password_hash;
        w->any_password = true;
    }
    return write_hash_passwords(w);
}

/* A faulty row costs no hash where that can be known. */
static Error *prepare_write(Bulk *b, Write *w, Json *data, bool is_create)
{
    RecordChange change = {.collection = b->c, .data = data, .info = &b->cx->info};
    Error *err = write_begin(w, b->cx->app, b->a, b->schema, &change, !is_create);
    if (err || w->password_count == 0) return err;
    if (b->mode == MODE_CREATE) {
        err = write_apply(w, NULL);
        if (!err) err = write_check(w, NULL);
        if (err) return err;
    }
    return hash_passwords(b, w);
}

static Error *prepare_row(Bulk *b, Row *row)
{
    Json *filled;
    Error *err = fill_password(b, row, &filled);
    if (err) return err;
    if (b->mode == MODE_CREATE)
        return prepare_write(b, &row->write, filled ? filled : row->data, true);
    err = prepare_write(b, &row->write, row->data, false);
    if (err || !filled) return err;
    row->create = arena_new(b->a, Write, 1);
    return prepare_write(b, row->create, filled, true);
}

static Error *bulk_prepare(Bulk *b)
{
    for (size_t i = b->from; i < b->count && b->mode != MODE_DELETE; i++) {
        Row *row = &b->rows[i];
        row->fault = prepare_row(b, row);
        if (row->fault && row->fault->status >= 500) return row->fault;
    }
    return NULL;
}

/* ---- in the transaction ---- */

typedef struct {
    Bulk *b;
    Row *row;
} RowWork;

static Error *find_original(Bulk *b, Row *row, Tx *tx, Record **out)
{
    Str value = text_of_json(b->a, json_get(row->data, b->key));
    *out = NULL;
    if (b->mode == MODE_CREATE) return NULL;
    if (value.len == 0) {
        if (b->mode == MODE_UPSERT) return NULL;
        return error_required(b->a, b->key);
    }
    Error *err = record_find_by(tx, b->c, b->key, value, out);
    if (!err || err->status != 404) return err;
    *out = NULL;
    return b->mode == MODE_UPSERT ? NULL : err;
}

static Error *write_row(Tx *tx, void *arg)
{
    const RowWork *work = arg;
    Bulk *b = work->b;
    Row *row = work->row;
    Write *w = &row->write;
    Record *original;
    Error *err = find_original(b, row, tx, &original);
    if (!original && row->create) w = row->create;
    if (!err) err = write_apply(w, original);
    if (!err) err = write_check(w, tx);
    if (!err) err = original ? write_update(w, tx) : write_insert(w, tx);
    if (err)
        return write_error(
            b->a, err, original ? S("Failed to update record.") : S("Failed to create record."));
    row->id = record_id(w->record);
    row->created = !original;
    return NULL;
}

static Error *delete_row(Tx *tx, void *arg)
{
    const RowWork *work = arg;
    const Bulk *b = work->b;
    Error *err =
        delete_checked(b->cx->app, tx, b->schema, b->c, work->row->id, &b->cx->info, false, S(""));
    return write_error(b->a, err, S("Failed to delete record."));
}

/* Faults of a row stay with it; faults of ours end everything. */
static Error *run_row(Bulk *b, Row *row, Tx *tx)
{
    RowWork work = {b, row};
    row->err = row->fault;
    if (row->fault) return NULL;
    if (b->mode == MODE_DELETE)
        row->err = tx_nested(tx, delete_row, &work);
    else
        row->err = tx_nested(tx, write_row, &work);
    return row->err && row->err->status >= 500 ? row->err : NULL;
}

static Error *undo(Bulk *b)
{
    Error *err = error_new(b->a, 400, S(""));
    err->code = UNDO_CODE;
    return err;
}

static bool is_undo(const Error *err)
{
    return err && err->code && strcmp(err->code, UNDO_CODE) == 0;
}

static Error *bulk_work(Tx *tx, void *arg)
{
    Bulk *b = arg;
    bool failed = false;
    if (schema_version(b->cx->app->schema) != b->schema->version) return error_retry(b->a);
    for (size_t i = b->from; i < b->to; i++) {
        Error *err = run_row(b, &b->rows[i], tx);
        if (err) return err;
        if (b->rows[i].err) failed = true;
    }
    return b->dry_run || (b->atomic && failed) ? undo(b) : NULL;
}

/* *undone: nothing was written, as was wished. */
static Error *bulk_steps(Bulk *b, bool *undone)
{
    size_t step = b->atomic || b->dry_run ? b->count : BULK_STEP;
    for (; b->from < b->count; b->from = b->to) {
        b->to = MIN(b->from + step, b->count);
        Error *err = db_write(b->cx->app->db, b->a, bulk_work, b);
        *undone = is_undo(err);
        if (err && !*undone) return err;
    }
    return NULL;
}

/* A schema that changes on the way: what is written stays, the rest is prepared
 * anew. */
static Error *bulk_run(Bulk *b, bool *undone)
{
    for (int attempt = 1;; attempt++) {
        b->c = schema_find_id(b->schema, b->c->id);
        if (!b->c) return error_new(b->a, 404, S("Missing or invalid collection context."));
        Error *err = bulk_prepare(b);
        if (!err) err = bulk_steps(b, undone);
        if (!error_is_retry(err) || attempt == ATTEMPTS) return err;
        b->schema = schema_hold(b->cx->app->schema, b->a);
    }
}

/* ---- the answer ---- */

static Json *row_to_json(const Bulk *b, const Row *row)
{
    Arena *a = b->a;
    Json *item = json_new_object(a);
    int done = b->mode == MODE_DELETE ? 204 : 200;
    json_set_number(a, item, S("status"), row->err ? row->err->status : done);
    if (!row->err || b->mode == MODE_DELETE) json_set_str(a, item, S("id"), row->id);
    if (!row->err && b->mode != MODE_DELETE)
        json_set_str(a, item, S("action"), row->created ? S("created") : S("updated"));
    if (row->err) json_set(a, item, S("error"), error_to_json(a, row->err));
    return item;
}

static Error *respond(const Bulk *b, bool undone, Res *res)
{
    Arena *a = b->a;
    size_t created = 0, updated = 0, deleted = 0, failed = 0;
    Json *items = json_new_array(a);
    for (size_t i = 0; i < b->count; i++) {
        const Row *row = &b->rows[i];
        if (row->err)
            failed++;
        else if (b->mode == MODE_DELETE)
            deleted++;
        else if (row->created)
            created++;
        else
            updated++;
        json_push(a, items, row_to_json(b, row));
    }
    Json *answer = json_new_object(a);
    json_set_bool(a, answer, S("committed"), !undone);
    json_set_number(a, answer, S("total"), (double)b->count);
    if (b->mode != MODE_DELETE) {
        json_set_number(a, answer, S("created"), (double)created);
        json_set_number(a, answer, S("updated"), (double)updated);
    } else {
        json_set_number(a, answer, S("deleted"), (double)deleted);
    }
    json_set_number(a, answer, S("failed"), (double)failed);
    json_set(a, answer, S("items"), items);
    return res_json(res, 200, answer);
}

static Error *bulk(Req *req, Res *res, BulkMode mode, Str field)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Context *cx = req_context(req);
    Bulk b = {.cx = cx, .a = req->arena, .schema = cx->schema, .mode = mode};
    err = bulk_read(req, &b, field);
    if (err) return err;
    bool undone = false;
    err = bulk_run(&b, &undone);
    return err ? err : respond(&b, undone, res);
}

/* POST /api/collections/{collection}/import
 *
 *   body  {"records": [{…}, …] at most 1000, "mode": "create" | "update" |
 *          "upsert", "key": "id", "dryRun": false, "atomic": false,
 *          "randomPasswords": false}
 *   200   {"committed", "total", "created", "updated", "failed",
 *          "items": [{"status", "id", "action"} or {"status", "error"}, …]}
 *   400   data.records, data.mode, data.key
 */
Error *handle_import(Req *req, Res *res)
{
    return bulk(req, res, MODE_CREATE, S("records"));
}

/* POST /api/collections/{collection}/delete-many
 *
 *   body  {"ids": ["…", …] at most 1000, "dryRun": false, "atomic": false}
 *   200   {"committed", "total", "deleted", "failed", "items": [{"status": 204,
 *          "id"} or {"status", "id", "error"}, …]}
 *   400   data.ids
 */
Error *handle_delete_many(Req *req, Res *res)
{
    return bulk(req, res, MODE_DELETE, S("ids"));
}
