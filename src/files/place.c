/* place.c - which record owns the bytes behind /api/files/<c>/<record>/<name>.
 *
 * A name must equal a value stored in the record, so a URL can never name a
 * path. A view's column comes from elsewhere: its query says from which field,
 * through at most five nested views, and that collection is asked for a record
 * that holds the name, the one with the view row's own id first (the usual case).
 */
#include "files/files_internal.h"

#define VIEW_DEPTH_MAX 5

bool file_value_holds(Arena *a, const Field *field, Str value, Str name)
{
    if (name.len == 0) return false;
    if (!field_is_list(field)) return str_eq(value, name);
    if (value.len <= name.len || str_find(value, name) < 0) return false;
    Json *list;
    Error *err = json_parse(a, value, NULL, &list);
    if (err) return false;
    for (size_t i = 0; i < json_count(list); i++) {
        if (str_eq(json_str(json_at(list, i), S("")), name)) return true;
    }
    return false;
}

static const Field *field_holding(Arena *a, const Record *r, Str name)
{
    const Collection *c = r->collection;
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].type != FIELD_FILE || r->values[i].type != DB_TEXT) continue;
        if (file_value_holds(a, &c->fields[i], r->values[i].text, name)) return &c->fields[i];
    }
    return NULL;
}

/* ---- views ---- */

/* The field of a real collection that a view's field shows. */
static bool origin_find(Arena *a, const Schema *schema, const Collection *view, Str field,
                        const Collection **c, const Field **origin)
{
    *c = view;
    for (int depth = 0; depth < VIEW_DEPTH_MAX; depth++) {
        if (!view_field_origin(a, schema, *c, field, c, origin)) return false;
        if ((*c)->type != COLLECTION_VIEW) return (*origin)->type == FIELD_FILE;
        field = (*origin)->name;
    }
    return false;
}

static Error *source_by_id(Tx *tx, const Collection *c, const Field *field, Str id, Str name,
                           FilePlace *out)
{
    Record *r;
    Error *err = record_find(tx, c, id, &r);
    if (err) return err->status == 404 ? NULL : err;
    if (!file_value_holds(tx_arena(tx), field, record_str(r, field->name), name)) return NULL;
    out->origin = c;
    out->origin_id = record_id(r);
    return NULL;
}

/* Looks through a whole column: only for views that do not show their
 * source's id. */
static Error *source_by_scan(Tx *tx, const Collection *c, const Field *field, Str name,
                             FilePlace *out)
{
    Arena *a = tx_arena(tx);
    const SqlDialect *dialect = db_dialect(tx_db(tx));
    Buf sql = buf_new(a, 256);
    buf_add(&sql, S("SELECT \"id\", "));
    dialect->quote_name(&sql, field->name);
    buf_add(&sql, S(" FROM "));
    dialect->quote_name(&sql, c->name);
    buf_add(&sql, S(" WHERE instr("));
    dialect->quote_name(&sql, field->name);
    buf_add(&sql, S(", ?1) > 0"));

    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, name);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if (!file_value_holds(a, field, stmt_str(stmt, 1), name)) continue;
        out->origin = c;
        out->origin_id = arena_copy(a, stmt_str(stmt, 0));
        return NULL;
    }
}

static Error *view_origin_find(Tx *tx, const Schema *schema, const Collection *view, Str record_id,
                               Str name, FilePlace *out)
{
    Arena *a = tx_arena(tx);
    const Collection *c;
    const Field *field;
    if (!origin_find(a, schema, view, out->field->name, &c, &field)) return error_status(a, 404);
    Error *err = source_by_id(tx, c, field, record_id, name, out);
    if (!err && !out->origin) err = source_by_scan(tx, c, field, name, out);
    if (err) return err;
    return out->origin ? NULL : error_status(a, 404);
}

Error *file_place_find(Tx *tx, const Schema *schema, const Collection *c, Str record_id, Str name,
                       FilePlace *out)
{
    *out = (FilePlace){0};
    Record *r;
    Error *err = record_find(tx, c, record_id, &r);
    if (err) return err;
    out->field = field_holding(tx_arena(tx), r, name);
    if (!out->field) return error_status(tx_arena(tx), 404);

    if (c->type == COLLECTION_VIEW) return view_origin_find(tx, schema, c, record_id, name, out);
    out->origin = c;
    out->origin_id = record_id;
    return NULL;
}
