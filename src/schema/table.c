/* table.c - brings the table of a collection into line with its definition,
 * keeping the data (api: collections §8).
 *
 * Columns are matched by the field's id. Whatever gets a new name goes through
 * a temporary one, so that two fields can swap names in one save:
 *
 *     fields a(1) b(2)  →  b(1) a(2)
 *     RENAME a TO t1;  RENAME b TO t2;  RENAME t1 TO b;  RENAME t2 TO a
 *
 * Indexes are dropped first and made again last. Views are taken away
 * meanwhile, because SQLite refuses to alter what a view mentions; only a
 * rename of the table is done while they are there, as SQLite puts the new
 * name into them.
 *
 * The SQL is SQLite's; another engine gets its own file. */
#include "schema/schema_internal.h"

typedef struct {
    Tx *tx;
    Arena *a;
    const SqlDialect *dialect;
    Str table;
} Table;

static void quote(const Table *t, Buf *out, Str name)
{
    t->dialect->quote_name(out, name);
}

/* "ALTER TABLE x <verb> name [<word> second]" */
static Error *alter(const Table *t, Str verb, Str name, Str word, Str second)
{
    Buf sql = buf_new(t->a, 128);
    buf_add(&sql, S("ALTER TABLE "));
    quote(t, &sql, t->table);
    buf_add(&sql, verb);
    quote(t, &sql, name);
    buf_add(&sql, word);
    if (second.len > 0) quote(t, &sql, second);
    return tx_exec(t->tx, buf_str(&sql));
}

static Error *add_column(const Table *t, Str name, ColumnKind kind)
{
    Buf definition = buf_new(t->a, 64);
    buf_char(&definition, ' ');
    t->dialect->column_definition(&definition, kind);
    return alter(t, S(" ADD COLUMN "), name, buf_str(&definition), (Str){0});
}

static Error *drop_column(const Table *t, Str name)
{
    return alter(t, S(" DROP COLUMN "), name, (Str){0}, (Str){0});
}

static Error *rename_column(const Table *t, Str from, Str to)
{
    return alter(t, S(" RENAME COLUMN "), from, S(" TO "), to);
}

/* Fills column `to` with what column `from` holds, as a list or as one value. */
static Error *convert_column(const Table *t, Str from, Str to, bool to_list)
{
    Buf name = buf_new(t->a, 64);
    quote(t, &name, from);
    Str x = buf_str(&name);
    Buf sql = buf_new(t->a, 512);
    buf_add(&sql, S("UPDATE "));
    quote(t, &sql, t->table);
    buf_add(&sql, S(" SET "));
    quote(t, &sql, to);
    if (to_list) {
        buf_printf(&sql,
                   " = CASE WHEN coalesce(%.*s, '') = '' THEN '[]' "
                   "WHEN json_valid(%.*s) AND json_type(%.*s) = 'array' THEN %.*s "
                   "ELSE json_array(%.*s) END",
                   STR_ARG(x), STR_ARG(x), STR_ARG(x), STR_ARG(x), STR_ARG(x));
    } else {
        buf_printf(&sql,
                   " = CASE WHEN coalesce(%.*s, '[]') = '[]' THEN '' "
                   "WHEN json_valid(%.*s) AND json_type(%.*s) = 'array' "
                   "THEN coalesce(json_extract(%.*s, '$[#-1]'), '') ELSE %.*s END",
                   STR_ARG(x), STR_ARG(x), STR_ARG(x), STR_ARG(x), STR_ARG(x));
    }
    return tx_exec(t->tx, buf_str(&sql));
}

/* ---- indexes ---- */

static Error *index_error(Arena *a, size_t i, const Index *x, Error *err)
{
    switch (db_error_kind(err)) {
    case DB_ERROR_SYNTAX:
    case DB_ERROR_UNIQUE:
    case DB_ERROR_CONSTRAINT:
    case DB_ERROR_OTHER:
        break;
    default:
        return err; /* no fault of the statement */
    }
    Str message = str_printf(a, "Failed to create index %.*s - %.*s.", STR_ARG(x->name),
                             STR_ARG(db_error_raw(err)));
    return error_field(a, str_printf(a, "indexes.%zu", i), "validation_invalid_index_expression",
                       message);
}

static Error *create_indexes(const Table *t, const Collection *c)
{
    for (size_t i = 0; i < c->index_count; i++) {
        const Index *x = &c->indexes[i];
        IndexParts parts;
        if (!index_read(t->a, x->text, &parts) || !str_eq(parts.table, c->name))
            return error_field(t->a, str_printf(t->a, "indexes.%zu", i),
                               "validation_invalid_index_expression",
                               S("Invalid CREATE INDEX expression."));
        Str sql = x->text;
        Error *err = sql_mend_literals(t->tx, &sql);
        if (!err) err = tx_exec(t->tx, sql);
        if (err) return index_error(t->a, i, x, err);
    }
    return NULL;
}

static Error *drop_indexes(const Table *t, const Collection *c)
{
    for (size_t i = 0; i < c->index_count; i++) {
        if (c->indexes[i].name.len == 0) continue;
        Buf sql = buf_new(t->a, 96);
        buf_add(&sql, S("DROP INDEX IF EXISTS "));
        quote(t, &sql, c->indexes[i].name);
        Error *err = tx_exec(t->tx, buf_str(&sql));
        if (err) return err;
    }
    return NULL;
}

/* ---- the three changes ---- */

static Table table_of(Tx *tx, Str name)
{
    return (Table){tx, tx_arena(tx), db_dialect(tx_db(tx)), name};
}

Error *table_create(Tx *tx, const Collection *c)
{
    Table t = table_of(tx, c->name);
    if (c->type == COLLECTION_VIEW) return view_create(tx, c->name, c->view_select);

    Buf sql = buf_new(t.a, 1024);
    buf_add(&sql, S("CREATE TABLE "));
    quote(&t, &sql, c->name);
    buf_add(&sql, S(" ("));
    for (size_t i = 0; i < c->field_count; i++) {
        if (i > 0) buf_add(&sql, S(", "));
        quote(&t, &sql, c->fields[i].name);
        buf_char(&sql, ' ');
        t.dialect->column_definition(&sql, field_column_kind(&c->fields[i]));
    }
    buf_char(&sql, ')');
    Error *err = tx_exec(tx, buf_str(&sql));
    if (err) return err;
    return create_indexes(&t, c);
}

static bool is_list_change(const Field *before, const Field *f)
{
    return before->type == f->type && field_is_multi_type(f) &&
           field_is_list(before) != field_is_list(f);
}

/* Puts the data of one field where it can be renamed to its final name; *moved
 * tells if it went to `temp`. */
static Error *prepare_column(const Table *t, const Field *before, const Field *f, Str temp,
                             bool *moved)
{
    *moved = true;
    if (!before) return add_column(t, temp, field_column_kind(f));

    if (field_column_kind(before) != field_column_kind(f)) {
        Error *err = add_column(t, temp, field_column_kind(f));
        if (err) return err;
        if (is_list_change(before, f)) {
            err = convert_column(t, before->name, temp, field_is_list(f));
            if (err) return err;
        }
        return drop_column(t, before->name);
    }
    *moved = !str_eq(before->name, f->name);
    return *moved ? rename_column(t, before->name, temp) : NULL;
}

static Error *update_columns(const Table *t, const Collection *c, const Collection *old)
{
    for (size_t i = 0; i < old->field_count; i++) {
        if (collection_field_by_id(c, old->fields[i].id)) continue;
        Error *err = drop_column(t, old->fields[i].name);
        if (err) return err;
    }
    Str unique = random_text(t->a, 8, ALPHABET_ID); /* no field of anybody has this name */
    bool *moved = arena_new(t->a, bool, c->field_count + 1);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        Str temp = str_printf(t->a, "_%.*s_%zu", STR_ARG(unique), i);
        Error *err = prepare_column(t, collection_field_by_id(old, f->id), f, temp, &moved[i]);
        if (err) return err;
    }
    for (size_t i = 0; i < c->field_count; i++) {
        if (!moved[i]) continue;
        Str temp = str_printf(t->a, "_%.*s_%zu", STR_ARG(unique), i);
        Error *err = rename_column(t, temp, c->fields[i].name);
        if (err) return err;
    }
    return NULL;
}

static bool columns_differ(const Collection *c, const Collection *old)
{
    if (c->field_count != old->field_count) return true;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i], *before = collection_field_by_id(old, f->id);
        if (!before || !str_eq(before->name, f->name) ||
            field_column_kind(before) != field_column_kind(f))
            return true;
    }
    return false;
}

static bool indexes_differ(const Collection *c, const Collection *old)
{
    if (c->index_count != old->index_count) return true;
    for (size_t i = 0; i < c->index_count; i++) {
        if (!str_eq(c->indexes[i].text, old->indexes[i].text)) return true;
    }
    return false;
}

/* The engine renames the table within views that mention it, but refuses to
 * when any view is broken: those are taken away first. */
static Error *rename_table(Table *t, const Collection *c, Views *views)
{
    if (str_eq_nocase(c->name, t->table)) return NULL;
    Error *err = alter(t, S(" RENAME TO "), c->name, (Str){0}, (Str){0});
    if (err) return err;
    t->table = c->name;

    Views now;
    err = views_read(t->tx, &now);
    if (err) return err;
    for (size_t i = 0; i < views->count; i++) {
        const View *follows = views_find(&now, views->list[i].name);
        if (follows) views->list[i].sql = follows->sql;
    }
    return NULL;
}

static Error *alter_table(Table *t, const Collection *c, const Collection *old, Views *renamed)
{
    Views views;
    Error *err = views_read(t->tx, &views);
    if (err) return err;
    if (!str_eq_nocase(c->name, t->table)) {
        *renamed = (Views){arena_new(t->a, View, views.count + 1), views.count};
        if (views.count > 0) memcpy(renamed->list, views.list, views.count * sizeof(View));
    }
    err = views_drop(t->tx, &views, true);
    if (err) return err;
    err = rename_table(t, c, &views);
    if (err) return err;
    err = views_drop(t->tx, &views, false);
    if (err) return err;
    err = update_columns(t, c, old);
    if (err) return err;
    return views_restore(t->tx, &views);
}

Error *table_update(Tx *tx, const Collection *c, const Collection *old, Views *renamed)
{
    *renamed = (Views){0};
    Table t = table_of(tx, old->name);
    if (c->type == COLLECTION_VIEW) {
        Error *err = table_drop(tx, old);
        if (err) return err;
        return view_create(tx, c->name, c->view_select);
    }
    bool altered = columns_differ(c, old) || !str_eq_nocase(c->name, old->name);
    if (!altered && !indexes_differ(c, old)) return NULL;

    Error *err = drop_indexes(&t, old);
    if (err) return err;
    if (altered) err = alter_table(&t, c, old, renamed);
    if (err) return err;
    return create_indexes(&t, c);
}

Error *table_drop(Tx *tx, const Collection *c)
{
    Table t = table_of(tx, c->name);
    Buf sql = buf_new(t.a, 96);
    buf_add(&sql,
            c->type == COLLECTION_VIEW ? S("DROP VIEW IF EXISTS ") : S("DROP TABLE IF EXISTS "));
    quote(&t, &sql, c->name);
    return tx_exec(tx, buf_str(&sql));
}
