/* validate_db.c - what a record must satisfy with regard to other rows:
 * relations point to something, ids are free, references hold. Unique indexes
 * are left to the database, whose verdict write_error() translates. */
#include "records/records_internal.h"

#define IDS_PER_QUERY 100

static bool checks_custom_id(const Write *w)
{
    const Field *f = collection_field(w->c, S("id"));
    return !w->is_update && f && !str_eq(f->pattern, S("^[a-z0-9]+$"));
}

static bool checks_auth_id(const Write *w)
{
    return !w->is_update && w->id_submitted && w->c->type == COLLECTION_AUTH;
}

bool validate_needs_db(const Write *w)
{
    if (checks_custom_id(w) || checks_auth_id(w) || is_ref_collection(w->c)) return true;
    for (size_t i = 0; i < w->c->field_count; i++) {
        const Field *f = &w->c->fields[i];
        if (f->type == FIELD_RELATION && !value_is_empty(f, &w->record->values[i])) return true;
    }
    return false;
}

/* ---- relations ---- */

static Error *count_ids(Tx *tx, const Collection *c, const Str *ids, size_t count, int64_t *found)
{
    Arena *a = tx_arena(tx);
    Buf sql = buf_new(a, 64 + 6 * count);
    DbValue *params = arena_new(a, DbValue, count);
    buf_add(&sql, S("SELECT count(*) FROM "));
    sql_name(&sql, tx, c->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, S("id"));
    buf_add(&sql, S(" IN ("));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&sql, i ? ",?%zu" : "?%zu", i + 1);
        params[i] = DB_VALUE_TEXT(ids[i]);
    }
    buf_char(&sql, ')');
    bool row;
    return tx_one_i64(tx, buf_str(&sql), params, count, found, &row);
}

static Error *all_exist(Tx *tx, const Collection *c, StrList ids, bool *all)
{
    *all = true;
    if (ids.count == 1) return row_exists(tx, c, ids.items[0], all);
    for (size_t at = 0; at < ids.count && *all; at += IDS_PER_QUERY) {
        size_t count = MIN(ids.count - at, (size_t)IDS_PER_QUERY);
        int64_t found = 0;
        Error *err = count_ids(tx, c, ids.items + at, count, &found);
        if (err) return err;
        *all = found == (int64_t)count;
    }
    return NULL;
}

static bool has_fault(const Error *faults, Str field)
{
    for (; faults; faults = faults->next) {
        if (str_eq(faults->field, field)) return true;
    }
    return false;
}

static Error *check_relation(Write *w, Tx *tx, const Field *f, Error **faults)
{
    StrList ids = value_to_list(w->a, f, &w->record->values[f->index]);
    if (ids.count == 0 || has_fault(*faults, f->name)) return NULL;

    const Collection *target = schema_find_id(w->schema, f->collection_id);
    if (!target) {
        error_chain(faults,
                    error_field(w->a, f->name, "validation_missing_rel_collection",
                                S("Relation connection is missing or cannot be accessed.")));
        return NULL;
    }
    bool all;
    Error *err = all_exist(tx, target, ids, &all);
    if (err || all) return err;
    error_chain(faults,
                error_field(w->a, f->name, "validation_missing_rel_records",
                            S("Failed to find all relation records with the provided ids.")));
    return NULL;
}

/* ---- ids ---- */

static Error *check_custom_id(Write *w, Tx *tx, Error **faults)
{
    Buf sql = buf_new(w->a, 64);
    buf_add(&sql, S("SELECT 1 FROM "));
    sql_name(&sql, tx, w->c->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, S("id"));
    buf_add(&sql, S("=?1 COLLATE NOCASE LIMIT 1"));
    int64_t one;
    bool taken;
    Error *err = tx_one_i64(tx, buf_str(&sql), &DB_VALUE_TEXT(w->id), 1, &one, &taken);
    if (err || !taken) return err;
    error_chain(faults, error_field(w->a, S("id"), "validation_pk_invalid",
                                    S("The record primary key is invalid or already exists.")));
    return NULL;
}

/* Ids are unique over all auth collections: tokens and references of one must
 * never fit a record of another. */
static Error *check_auth_id(Write *w, Tx *tx, Error **faults)
{
    for (size_t i = 0; i < w->schema->count; i++) {
        const Collection *c = w->schema->collections[i];
        if (c->type != COLLECTION_AUTH || str_eq(c->id, w->c->id)) continue;
        bool taken;
        Error *err = row_exists(tx, c, w->id, &taken);
        if (err) return err;
        if (!taken) continue;
        error_chain(faults, error_field(w->a, S("id"), "validation_invalid_auth_id",
                                        S("The auth record id is invalid or already used.")));
        return NULL;
    }
    return NULL;
}

Error *validate_with_db(Write *w, Tx *tx, Error **faults)
{
    Error *err;
    if (checks_custom_id(w) && !has_fault(*faults, S("id"))) {
        err = check_custom_id(w, tx, faults);
        if (err) return err;
    }
    if (checks_auth_id(w) && !has_fault(*faults, S("id"))) {
        err = check_auth_id(w, tx, faults);
        if (err) return err;
    }
    for (size_t i = 0; i < w->c->field_count; i++) {
        if (w->c->fields[i].type != FIELD_RELATION) continue;
        err = check_relation(w, tx, &w->c->fields[i], faults);
        if (err) return err;
    }
    return is_ref_collection(w->c) ? validate_ref_record(w, tx, faults) : NULL;
}
