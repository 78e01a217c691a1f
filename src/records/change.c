/* change.c - the way of a change from input to commit.
 *
 *     loop     begin, apply, check; prepare: hash, sniff, store files
 *     writer   is the schema, is the row still the same? check again what
 *              hangs on other rows; INSERT or UPDATE; queue what follows
 *     loop     the record as written: nothing is read back
 *
 * When the schema has moved on meanwhile, all of it starts again. */
#include "base/clock.h"
#include "base/random.h"
#include "records/records_internal.h"

#define ATTEMPTS 3

static bool schema_is_stale(const Write *w)
{
    return schema_version(w->app->schema) != w->schema->version;
}

/* An update is prepared on the row as read before. In the transaction the row
 * may be another one: then the same keys are applied to that. */
static Error *settle_in_tx(Write *w, Tx *tx, Record *fresh)
{
    bool same = !fresh || records_same(fresh, w->original);
    if (!same) {
        Error *err = write_apply(w, fresh);
        if (err) return err;
    }
    if (same && !w->asked_db) return NULL;
    return write_check(w, tx);
}

static Error *create_work(Tx *tx, void *arg)
{
    Write *w = arg;
    if (schema_is_stale(w)) return error_retry(w->a);
    Error *err = settle_in_tx(w, tx, NULL);
    if (err) return err;
    return write_insert(w, tx);
}

static Error *update_work(Tx *tx, void *arg)
{
    Write *w = arg;
    Record *fresh;
    if (schema_is_stale(w)) return error_retry(w->a);
    Error *err = record_find(tx, w->c, w->id, &fresh);
    if (err) return err;
    err = settle_in_tx(w, tx, fresh);
    if (!err) err = record_check_etag(w->a, w->if_match, fresh);
    if (err) return err;
    return write_update(w, tx);
}

static Error *find_work(Tx *tx, void *arg)
{
    Write *w = arg;
    return record_find(tx, w->c, w->id, &w->original);
}

/* Prepared, written, or cleaned up. */
static Error *commit(Write *w, TxWork work, Record **out)
{
    Error *err = write_prepare(w);
    if (!err) err = db_write(w->app->db, w->a, work, w);
    if (err) {
        write_discard_files(w, err);
        return err;
    }
    *out = w->record;
    return NULL;
}

static Error *create_once(App *app, Arena *a, const Schema *schema, const RecordChange *change,
                          Record **out)
{
    Write w;
    Error *err = write_begin(&w, app, a, schema, change, false);
    if (err) return err;
    if (!w.as_system) {
        err = rule_guard_null(a, w.c, RULE_CREATE, w.is_superuser);
        if (err) return err;
    }
    err = write_apply(&w, NULL);
    if (err) return err;
    return commit(&w, create_work, out);
}

static Error *update_once(App *app, Arena *a, const Schema *schema, const RecordChange *change,
                          Record **out)
{
    Write w;
    Error *err = write_begin(&w, app, a, schema, change, true);
    if (err) return err;
    if (!w.as_system) {
        err = rule_guard_null(a, w.c, RULE_UPDATE, w.is_superuser);
        if (err) return err;
    }
    err = db_read(app->db, a, find_work, &w);
    if (err) return err;
    err = write_apply(&w, w.original);
    if (err) return err;
    return commit(&w, update_work, out);
}

/* ---- delete ---- */

typedef struct {
    App *app;
    const Schema *schema;
    const Collection *c;
    Str id;
    RequestInfo info;
    AuthInfo auth;
    bool as_system;
    Str if_match;
} Deletion;

static bool is_superuser(const RequestInfo *info)
{
    return info->auth && info->auth->is_superuser;
}

static Error *check_delete(Tx *tx, const Schema *schema, const Record *r, const RequestInfo *info)
{
    RuleQuestion q = {.schema = schema,
                      .c = r->collection,
                      .kind = RULE_DELETE,
                      .info = info,
                      .values = r->values,
                      .id = record_id(r)};
    Verdict verdict;
    if (is_superuser(info)) return NULL;
    Error *err = rule_ask(tx, tx_arena(tx), &q, &verdict);
    if (err) return err;
    return verdict == VERDICT_YES ? NULL : error_status(tx_arena(tx), 404);
}

Error *delete_checked(App *app, Tx *tx, const Schema *schema, const Collection *c, Str id,
                      const RequestInfo *info, bool as_system, Str if_match)
{
    if (!as_system) {
        Record *r;
        Error *err = rule_guard_null(tx_arena(tx), c, RULE_DELETE, is_superuser(info));
        if (err) return err;
        err = record_find(tx, c, id, &r);
        if (err) return err;
        err = check_delete(tx, schema, r, info);
        if (!err) err = record_check_etag(tx_arena(tx), if_match, r);
        if (err) return err;
    }
    return record_delete_in_tx(app, tx, schema, c, id);
}

static Error *check_delete_work(Tx *tx, void *arg)
{
    const Deletion *d = arg;
    Record *r;
    Error *err = record_find(tx, d->c, d->id, &r);
    if (err) return err;
    return check_delete(tx, d->schema, r, &d->info);
}

static Error *delete_work(Tx *tx, void *arg)
{
    const Deletion *d = arg;
    if (schema_version(d->app->schema) != d->schema->version) return error_retry(tx_arena(tx));
    return delete_checked(d->app, tx, d->schema, d->c, d->id, &d->info, d->as_system, d->if_match);
}

static void set_caller(Deletion *d, const RecordChange *change)
{
    if (!change->info) return;
    d->info = *change->info;
    if (!d->info.auth) return;
    d->auth = *d->info.auth;
    d->auth.collection = schema_find_id(d->schema, d->auth.collection_id);
    d->info.auth = d->auth.collection ? &d->auth : NULL;
}

/* A rule is asked on the loop first, so that a caller who may not delete
 * anything costs the writer nothing. */
static Error *delete_once(App *app, Arena *a, const Schema *schema, const RecordChange *change)
{
    Deletion d = {.app = app,
                  .schema = schema,
                  .id = change->id,
                  .as_system = change->as_system,
                  .if_match = change->if_match};
    d.c = schema_find_id(schema, change->collection->id);
    if (!d.c) return error_new(a, 404, S("Missing or invalid collection context."));
    if (d.c->type == COLLECTION_VIEW) return error_new(a, 400, S("Unsupported collection type."));
    set_caller(&d, change);

    if (!d.as_system) {
        Error *err = rule_guard_null(a, d.c, RULE_DELETE, is_superuser(&d.info));
        if (err) return err;
        bool needs_rule = !is_superuser(&d.info) && d.c->rules[RULE_DELETE].text.len > 0;
        err = needs_rule ? db_read(app->db, a, check_delete_work, &d) : NULL;
        if (err) return err;
    }
    return db_write(app->db, a, delete_work, &d);
}

/* ---- the doors ---- */

/* True when the attempt failed for being made with an old schema. */
static bool should_retry(App *app, const Schema **schema, Arena *a, const Error *err, int attempt)
{
    if (!err || attempt + 1 >= ATTEMPTS) return false;
    bool moved = schema_version(app->schema) != (*schema)->version;
    if (!error_is_retry(err) && !(moved && db_error_kind(err) == DB_ERROR_SYNTAX)) return false;
    *schema = schema_hold(app->schema, a);
    return true;
}

Error *change_create(App *app, Arena *a, const Schema *schema, const RecordChange *change,
                     Record **out)
{
    if (!schema) schema = schema_hold(app->schema, a);
    for (int attempt = 0;; attempt++) {
        Error *err = create_once(app, a, schema, change, out);
        if (should_retry(app, &schema, a, err, attempt)) continue;
        return write_error(a, err, S("Failed to create record."));
    }
}

Error *change_update(App *app, Arena *a, const Schema *schema, const RecordChange *change,
                     Record **out)
{
    if (!schema) schema = schema_hold(app->schema, a);
    for (int attempt = 0;; attempt++) {
        Error *err = update_once(app, a, schema, change, out);
        if (should_retry(app, &schema, a, err, attempt)) continue;
        return write_error(a, err, S("Failed to update record."));
    }
}

Error *change_delete(App *app, Arena *a, const Schema *schema, const RecordChange *change)
{
    if (!schema) schema = schema_hold(app->schema, a);
    for (int attempt = 0;; attempt++) {
        Error *err = delete_once(app, a, schema, change);
        if (should_retry(app, &schema, a, err, attempt)) continue;
        return write_error(a, err, S("Failed to delete record."));
    }
}

Error *record_create(App *app, Arena *a, const RecordChange *change, Record **out)
{
    return change_create(app, a, NULL, change, out);
}

Error *record_update(App *app, Arena *a, const RecordChange *change, Record **out)
{
    return change_update(app, a, NULL, change, out);
}

Error *record_delete(App *app, Arena *a, const RecordChange *change)
{
    return change_delete(app, a, NULL, change);
}

/* ---- single columns ---- */

static bool has_column(const Str *columns, size_t count, Str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(columns[i], name)) return true;
    }
    return false;
}

static bool changed(const Record *old, const Record *new, Str field)
{
    const DbValue *before = record_value(old, field), *after = record_value(new, field);
    return before && after && !value_equal(before, after);
}

Error *record_set_columns(App *app, Tx *tx, const Collection *c, Str id, const Str *columns,
                          const DbValue *values, size_t count)
{
    Arena *a = tx_arena(tx);
    Record *old;
    Error *err = record_find(tx, c, id, &old);
    if (err) return err;

    Record *new = record_clone(a, old);
    for (size_t i = 0; i < count; i++) {
        DbValue *slot = record_slot(new, columns[i]);
        assert(slot); /* the caller names fields of the collection */
        *slot = values[i];
    }
    record_touch(new, a, false);
    if (c->type == COLLECTION_AUTH) {
        const Schema *schema = schema_in_tx(app->schema, tx);
        bool keeps_key = has_column(columns, count, S("tokenKey"));
        if (!keeps_key && changed(old, new, S("email"))) auth_rotate_token_key(a, new);
        bool password_is_new = changed(old, new, S("password")) && changed(old, new, S("tokenKey"));
        err = auth_after_update(app, tx, schema, old, new, password_is_new);
        if (err) return err;
    }
    err = record_store(tx, old, new);
    if (err) return err;
    files_remove_after_commit(app, tx, a, old, new);
    change_queue(app, tx, CHANGE_UPDATE, new);
    return NULL;
}

Error *record_touch_at(App *app, Tx *tx, const Collection *c, Str id, int64_t wall_ms)
{
    Arena *a = tx_arena(tx);
    Record *old;
    Error *err = record_find(tx, c, id, &old);
    if (err) return err;

    const Str moment = datetime_format(a, wall_ms);
    Record *new = record_clone(a, old);
    bool moved = false;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (f->type != FIELD_AUTODATE || !f->on_update) continue;
        if (str_cmp(record_str(old, f->name), moment) >= 0) continue;
        new->values[i] = DB_VALUE_TEXT(moment);
        moved = true;
    }
    if (!moved) return NULL;
    err = record_store(tx, old, new);
    if (!err) change_queue(app, tx, CHANGE_UPDATE, new);
    return err;
}

Error *record_insert_columns(App *app, Tx *tx, const Collection *c, const Str *columns,
                             const DbValue *values, size_t count, Record **out)
{
    Arena *a = tx_arena(tx);
    Record *r = record_alloc(a, c);
    for (size_t i = 0; i < c->field_count; i++)
        r->values[i] = value_zero(&c->fields[i]);
    *record_slot(r, S("id")) = DB_VALUE_TEXT(random_id(a));
    for (size_t i = 0; i < count; i++) {
        DbValue *slot = record_slot(r, columns[i]);
        assert(slot); /* the caller names fields of the collection */
        *slot = values[i];
    }
    record_touch(r, a, true);
    Error *err = record_insert(app, tx, r);
    if (err) return err;
    *out = r;
    return NULL;
}
