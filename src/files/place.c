/* place.c - which record owns the bytes behind /api/files/<c>/<record>/<name>.
 *
 * A name must equal a value stored in the record, so a URL can never name a
 * path. A view's columns come from elsewhere: the collections its query
 * mentions are asked for a record that holds the name, the one with the view
 * row's own id first (the usual case), through at most five nested views.
 */
#include "files/files_internal.h"

#define VIEW_DEPTH_MAX 5
#define SOURCES_MAX    32

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

typedef struct {
    const Collection *list[SOURCES_MAX];
    size_t count;
} Sources;

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does the query mention the collection as a whole word? */
static bool query_mentions(Str query, Str name)
{
    for (size_t i = 0; i + name.len <= query.len; i++) {
        if (!str_eq_nocase(str_sub(query, i, name.len), name)) continue;
        bool starts = i == 0 || !is_name_char(query.ptr[i - 1]);
        bool ends = i + name.len == query.len || !is_name_char(query.ptr[i + name.len]);
        if (starts && ends) return true;
    }
    return false;
}

static void sources_collect(const Schema *schema, const Collection *view, int depth, Sources *out)
{
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *c = schema->collections[i];
        if (c == view || !query_mentions(view->view_query, c->name)) continue;
        if (c->type == COLLECTION_VIEW) {
            if (depth < VIEW_DEPTH_MAX) sources_collect(schema, c, depth + 1, out);
            continue;
        }
        bool known = false;
        for (size_t k = 0; k < out->count; k++)
            known = known || out->list[k] == c;
        if (!known && out->count < SOURCES_MAX) out->list[out->count++] = c;
    }
}

static Error *source_by_id(Tx *tx, const Collection *c, Str id, Str name, FilePlace *out)
{
    Record *r;
    Error *err = record_find(tx, c, id, &r);
    if (err) return err->status == 404 ? NULL : err;
    if (!field_holding(tx_arena(tx), r, name)) return NULL;
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
    Sources sources = {0};
    sources_collect(schema, view, 1, &sources);
    for (size_t i = 0; i < sources.count && !out->origin; i++) {
        Error *err = source_by_id(tx, sources.list[i], record_id, name, out);
        if (err) return err;
    }
    for (size_t i = 0; i < sources.count; i++) {
        const Collection *c = sources.list[i];
        for (size_t f = 0; f < c->field_count && !out->origin; f++) {
            if (c->fields[f].type != FIELD_FILE) continue;
            Error *err = source_by_scan(tx, c, &c->fields[f], name, out);
            if (err) return err;
        }
    }
    return out->origin ? NULL : error_status(tx_arena(tx), 404);
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
