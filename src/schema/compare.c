/* compare.c - the tables as they are against the definitions, and putting right
 * what can be put right without losing anything.
 *
 * For each collection: its table, a column per field, its indexes; for a view
 * whether it is there and compiles. What is there beyond that is told too:
 * another program may have put it there, and nothing of it is in the way. */
#include "schema/schema_internal.h"

typedef struct {
    Tx *tx;
    Arena *a;
    TableVisit visit;
    void *arg;
} Compare;

static Error *tell(const Compare *k, TableFault fault, const Collection *c, Str name, Str detail)
{
    TableFinding finding = {.fault = fault, .collection = c, .name = name, .detail = detail};
    return k->visit(k->arg, &finding);
}

/* ---- reading ---- */

typedef struct {
    Str *names, *types;
    size_t count;
} Rows;

#define ROWS_MAX 4096 /* SQLite has 2000 columns at most */

/* Two text columns of a query with one parameter. */
static Error *rows_read(const Compare *k, Str sql, Str param, Rows *out)
{
    Stmt *stmt;
    Error *err = tx_prepare(k->tx, sql, &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, param);
    *out = (Rows){arena_new(k->a, Str, ROWS_MAX), arena_new(k->a, Str, ROWS_MAX), 0};
    for (bool row; out->count < ROWS_MAX; out->count++) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        out->names[out->count] = arena_copy(k->a, stmt_str(stmt, 0));
        out->types[out->count] = arena_copy(k->a, stmt_str(stmt, 1));
    }
    stmt_release(stmt);
    return NULL;
}

static ptrdiff_t rows_find(const Rows *rows, Str name)
{
    for (size_t i = 0; i < rows->count; i++)
        if (str_eq_nocase(rows->names[i], name)) return (ptrdiff_t)i;
    return -1;
}

/* The word before " DEFAULT …". */
static Str declared_type(const Compare *k, const Field *f)
{
    Buf definition = buf_new(k->a, 64);
    db_dialect(tx_db(k->tx))->column_definition(&definition, field_column_kind(f));
    Str rest = buf_str(&definition);
    return str_split(&rest, ' ');
}

/* ---- comparing ---- */

static Error *compare_columns(const Compare *k, const Collection *c)
{
    Rows columns;
    Error *err =
        rows_read(k, S("SELECT name, upper(type) FROM pragma_table_info(?1)"), c->name, &columns);
    for (size_t i = 0; i < c->field_count && !err; i++) {
        const Field *f = &c->fields[i];
        ptrdiff_t at = rows_find(&columns, f->name);
        if (at < 0) {
            err = tell(k, TABLE_COLUMN_MISSING, c, f->name, S(""));
        } else if (!str_eq(columns.types[at], declared_type(k, f))) {
            Str detail = str_printf(k->a, "%.*s instead of %.*s", STR_ARG(columns.types[at]),
                                    STR_ARG(declared_type(k, f)));
            err = tell(k, TABLE_COLUMN_TYPE, c, f->name, detail);
        }
    }
    for (size_t i = 0; i < columns.count && !err; i++)
        if (!collection_field(c, columns.names[i]))
            err = tell(k, TABLE_COLUMN_EXTRA, c, columns.names[i], S(""));
    return err;
}

static const Index *index_named(const Collection *c, Str name)
{
    for (size_t i = 0; i < c->index_count; i++)
        if (str_eq_nocase(c->indexes[i].name, name)) return &c->indexes[i];
    return NULL;
}

/* An index that is there under its name is taken to be the right one: its text
 * may have been mended (views.c). */
static Error *compare_indexes(const Compare *k, const Collection *c)
{
    Rows indexes;
    Error *err = rows_read(k,
                           S("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE type = "
                             "'index' AND lower(tbl_name) = lower(?1)"),
                           c->name, &indexes);
    for (size_t i = 0; i < c->index_count && !err; i++)
        if (c->indexes[i].name.len > 0 && rows_find(&indexes, c->indexes[i].name) < 0)
            err = tell(k, TABLE_INDEX_MISSING, c, c->indexes[i].name, c->indexes[i].text);
    for (size_t i = 0; i < indexes.count && !err; i++)
        if (indexes.types[i].len > 0 && !index_named(c, indexes.names[i]))
            err = tell(k, TABLE_INDEX_EXTRA, c, indexes.names[i], S(""));
    return err;
}

static Error *compare_view(const Compare *k, const Collection *c, const Views *views)
{
    const View *view = views_find(views, c->name);
    if (!view) return tell(k, TABLE_VIEW_MISSING, c, c->name, S(""));
    if (!view->fault) return NULL;
    return tell(k, TABLE_VIEW_BROKEN, c, c->name, db_error_raw(view->fault));
}

static Error *compare_extra(const Compare *k, const Schema *schema)
{
    static const char *const OURS[] = {"_collections", "_params", "_migrations", "_jobs"};
    Rows tables;
    Error *err = rows_read(k,
                           S("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')"
                             " AND name NOT LIKE 'sqlite~_%' ESCAPE ?1"),
                           S("~"), &tables);
    for (size_t i = 0; i < tables.count && !err; i++) {
        bool known = schema_find(schema, tables.names[i]) != NULL;
        for (size_t n = 0; n < COUNT(OURS); n++)
            known |= str_eq(tables.names[i], str_from(OURS[n]));
        if (!known) err = tell(k, TABLE_EXTRA, NULL, tables.names[i], tables.types[i]);
    }
    return err;
}

Error *schema_compare(Tx *tx, const Schema *schema, TableVisit visit, void *arg)
{
    Compare k = {tx, tx_arena(tx), visit, arg};
    Views views;
    Error *err = views_read(tx, &views);
    for (size_t i = 0; i < schema->count && !err; i++) {
        const Collection *c = schema->collections[i];
        if (c->type == COLLECTION_VIEW) {
            err = compare_view(&k, c, &views);
            continue;
        }
        Str name;
        bool found;
        DbValue param = DB_VALUE_TEXT(c->name);
        err = tx_one_str(tx,
                         S("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                           "lower(name) = lower(?1)"),
                         &param, 1, &name, &found);
        if (!err && !found) err = tell(&k, TABLE_MISSING, c, c->name, S(""));
        if (err || !found) continue;
        err = compare_columns(&k, c);
        if (!err) err = compare_indexes(&k, c);
    }
    return err ? err : compare_extra(&k, schema);
}

/* ---- mending ---- */

bool table_fault_mendable(TableFault fault)
{
    return fault == TABLE_MISSING || fault == TABLE_COLUMN_MISSING ||
           fault == TABLE_INDEX_MISSING || fault == TABLE_VIEW_MISSING;
}

static Error *mend_column(Tx *tx, const Collection *c, const Field *f)
{
    const SqlDialect *dialect = db_dialect(tx_db(tx));
    Buf sql = buf_new(tx_arena(tx), 128);
    buf_add(&sql, S("ALTER TABLE "));
    dialect->quote_name(&sql, c->name);
    buf_add(&sql, S(" ADD COLUMN "));
    dialect->quote_name(&sql, f->name);
    buf_char(&sql, ' ');
    dialect->column_definition(&sql, field_column_kind(f));
    return tx_exec(tx, buf_str(&sql));
}

static Error *mend_view(Tx *tx, const Schema *schema, const Collection *c)
{
    Collection made = *c;
    Error *err = view_infer(tx, schema, &made, c);
    return err ? err : view_create(tx, c->name, made.view_select);
}

Error *schema_mend(Tx *tx, const Schema *schema, const TableFinding *finding)
{
    assert(table_fault_mendable(finding->fault));
    const Collection *c = finding->collection;
    const Field *f;
    Str sql = finding->detail;
    Error *err;
    switch (finding->fault) {
    case TABLE_MISSING:
        return table_create(tx, c);
    case TABLE_COLUMN_MISSING:
        f = collection_field(c, finding->name);
        assert(f);
        return mend_column(tx, c, f);
    case TABLE_INDEX_MISSING:
        err = sql_mend_literals(tx, &sql);
        return err ? err : tx_exec(tx, sql);
    case TABLE_VIEW_MISSING:
        return mend_view(tx, schema, c);
    case TABLE_COLUMN_EXTRA:
    case TABLE_COLUMN_TYPE:
    case TABLE_INDEX_EXTRA:
    case TABLE_VIEW_BROKEN:
    case TABLE_EXTRA:
        break;
    }
    return NULL; /* not reached */
}
