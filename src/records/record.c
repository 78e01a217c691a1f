/* record.c - rows as Records: reading, looking into, comparing. */
#include "db/dialect.h"
#include "records/records_internal.h"

Record *record_alloc(Arena *a, const Collection *c)
{
    Record *r = arena_new(a, Record, 1);
    r->collection = c;
    r->values = arena_new(a, DbValue, c->field_count);
    return r;
}

Record *record_clone(Arena *a, const Record *r)
{
    Record *copy = record_alloc(a, r->collection);
    memcpy(copy->values, r->values, r->collection->field_count * sizeof(DbValue));
    return copy;
}

DbValue row_value(Stmt *stmt, int column)
{
    DbValue v = {.type = stmt_type(stmt, column)};
    switch (v.type) {
    case DB_INTEGER:
        v.integer = stmt_i64(stmt, column);
        break;
    case DB_REAL:
        v.real = stmt_double(stmt, column);
        break;
    case DB_TEXT:
    case DB_BLOB:
        v.text = stmt_str(stmt, column);
        break;
    case DB_NULL:
        break;
    }
    return v;
}

DbValue row_copy(Arena *a, Stmt *stmt, int column)
{
    DbValue v = row_value(stmt, column);
    if (v.type == DB_TEXT || v.type == DB_BLOB) v.text = arena_copy(a, v.text);
    return v;
}

Record *record_read(Arena *a, const Collection *c, Stmt *stmt)
{
    Record *r = record_alloc(a, c);
    for (size_t i = 0; i < c->field_count; i++)
        r->values[i] = row_copy(a, stmt, (int)i);
    return r;
}

void sql_name(Buf *b, Tx *tx, Str name)
{
    db_dialect(tx_db(tx))->quote_name(b, name);
}

void sql_columns(Buf *b, Tx *tx, const Collection *c)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (i) buf_char(b, ',');
        sql_name(b, tx, c->fields[i].name);
    }
}

static Error *find_by(Tx *tx, const Collection *c, Str column, bool nocase, Str value, Record **out)
{
    Arena *a = tx_arena(tx);
    Buf sql = buf_new(a, 64 + 24 * c->field_count);
    buf_add(&sql, S("SELECT "));
    sql_columns(&sql, tx, c);
    buf_add(&sql, S(" FROM "));
    sql_name(&sql, tx, c->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, column);
    buf_add(&sql, nocase ? S("=?1 COLLATE NOCASE LIMIT 1") : S("=?1 LIMIT 1"));

    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, value);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    if (!row) return error_status(a, 404);
    *out = record_read(a, c, stmt);
    stmt_release(stmt);
    return NULL;
}

Error *record_find(Tx *tx, const Collection *c, Str id, Record **out)
{
    return find_by(tx, c, S("id"), false, id, out);
}

Error *record_find_by(Tx *tx, const Collection *c, Str column, Str value, Record **out)
{
    bool nocase = false;
    if (!collection_field(c, column)) return error_status(tx_arena(tx), 404);
    if (!collection_field_is_unique(c, column, &nocase)) nocase = false;
    return find_by(tx, c, column, nocase, value, out);
}

Error *row_exists(Tx *tx, const Collection *c, Str id, bool *exists)
{
    Buf sql = buf_new(tx_arena(tx), 64);
    buf_add(&sql, S("SELECT 1 FROM "));
    sql_name(&sql, tx, c->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, S("id"));
    buf_add(&sql, S("=?1"));
    int64_t one;
    return tx_one_i64(tx, buf_str(&sql), &DB_VALUE_TEXT(id), 1, &one, exists);
}

DbValue *record_slot(const Record *r, Str field)
{
    const Field *f = collection_field(r->collection, field);
    return f ? &r->values[f->index] : NULL;
}

const DbValue *record_value(const Record *r, Str field)
{
    return record_slot(r, field);
}

Str record_str(const Record *r, Str field)
{
    const DbValue *v = record_slot(r, field);
    return v && (v->type == DB_TEXT || v->type == DB_BLOB) ? v->text : S("");
}

bool record_bool(const Record *r, Str field)
{
    const DbValue *v = record_slot(r, field);
    return v && value_to_bool(v);
}

Str record_id(const Record *r)
{
    return record_str(r, S("id"));
}

bool records_same(const Record *x, const Record *y)
{
    for (size_t i = 0; i < x->collection->field_count; i++) {
        if (!value_equal(&x->values[i], &y->values[i])) return false;
    }
    return true;
}

bool record_is_owner(const Record *r, const AuthInfo *auth)
{
    return auth && str_eq(auth->collection_id, r->collection->id) && str_eq(auth->id, record_id(r));
}
