/* view_fields.c - what a view's query gives, as fields (api: collections §7).
 *
 * The engine compiles the query and names its columns; view_parse.c says where
 * each comes from. A column of a known collection is a copy of its field, with
 * everything it hides or protects; what cannot be told is JSON. */
#include "schema/schema_internal.h"
#include "schema/view_parse.h"

#define CLONE_PREFIX  "_clone_"
#define CLONE_LETTERS 4

static const Str WRAP_BEFORE = STR_INIT("SELECT * FROM (");
static const Str WRAP_AFTER = STR_INIT("\n)"); /* the query may end in a comment */

typedef struct {
    Arena *a;
    const Schema *schema;
    const Collection *old; /* the stored view, or NULL */
    Collection *c;
    ViewQuery query;
    bool id_is_text;
} Infer;

static Error *refuse(Arena *a, Str why)
{
    return error_new(a, 400, why);
}

/* ---- running the query ---- */

/* Cached statements know the columns of the schema they were compiled for. */
static Str uncached(Arena *a, Str sql)
{
    Str mark = random_text(a, 12, ALPHABET_ID);
    return str_printf(a, "%.*s -- %.*s", STR_ARG(sql), STR_ARG(mark));
}

static bool is_fault_of_sql(const Error *err)
{
    DbErrorKind kind = db_error_kind(err);
    return kind == DB_ERROR_SYNTAX || kind == DB_ERROR_OTHER;
}

static Str wrap(Arena *a, Str query)
{
    return str_printf(a, "%.*s%.*s%.*s", STR_ARG(WRAP_BEFORE), STR_ARG(query), STR_ARG(WRAP_AFTER));
}

/* Ids are text whatever the query gives: "1", not 1. */
static Str with_text_id(Arena *a, const SqlDialect *dialect, const Collection *c, Str query)
{
    Buf sql = buf_new(a, query.len + 256);
    buf_add(&sql, S("SELECT * FROM (SELECT "));
    for (size_t i = 0; i < c->field_count; i++) {
        bool is_id = str_eq(c->fields[i].name, S("id"));
        if (i > 0) buf_char(&sql, ',');
        if (is_id) buf_add(&sql, S("CAST("));
        dialect->quote_name(&sql, c->fields[i].name);
        if (!is_id) continue;
        buf_add(&sql, S(" as TEXT) "));
        dialect->quote_name(&sql, c->fields[i].name);
    }
    buf_printf(&sql, " FROM (%.*s\n))", STR_ARG(query));
    return buf_str(&sql);
}

/* ---- one column ---- */

static Field *add_field(Infer *in, FieldType type, Str name)
{
    Field *f = &in->c->fields[in->c->field_count];
    *f = (Field){.type = type, .name = name, .index = (int)in->c->field_count};
    in->c->field_count++;
    return f;
}

static bool id_is_taken(const Infer *in, Str id)
{
    for (size_t i = 0; i + 1 < in->c->field_count; i++)
        if (str_eq(in->c->fields[i].id, id)) return true;
    return false;
}

static void set_derived_id(Infer *in, Field *f)
{
    Str base = str_printf(in->a, "%s%u", field_type_name(f->type).ptr, crc32_ieee(f->name));
    f->id = base;
    for (int n = 2; id_is_taken(in, f->id); n++)
        f->id = str_printf(in->a, "%.*s%d", STR_ARG(base), n);
}

/* A copy keeps the id it had: clients and the next comparison know it by that. */
static void set_clone_id(Infer *in, Field *f)
{
    const Field *before = in->old ? collection_field(in->old, f->name) : NULL;
    if (before && before->type == f->type && str_starts(before->id, S(CLONE_PREFIX)) &&
        !id_is_taken(in, before->id)) {
        f->id = arena_copy(in->a, before->id);
        return;
    }
    do {
        Str letters = random_text(in->a, CLONE_LETTERS, ALPHABET_SECRET);
        f->id = str_printf(in->a, CLONE_PREFIX "%.*s", STR_ARG(letters));
    } while (id_is_taken(in, f->id));
}

static void add_id(Infer *in, Str name)
{
    Field *f = add_field(in, FIELD_TEXT, name);
    f->id = S(ID_FIELD_ID);
    f->system = f->required = f->primary_key = true;
    f->pattern = S(ID_PATTERN);
}

static void add_plain(Infer *in, FieldType type, Str name, bool only_int)
{
    Field *f = add_field(in, type, name);
    f->only_int = only_int;
    if (type == FIELD_JSON) f->max_size = 1;
    set_derived_id(in, f);
}

static void add_relation(Infer *in, const Collection *target, Str name)
{
    Field *f = add_field(in, FIELD_RELATION, name);
    f->collection_id = target->id;
    f->max_select = 1;
    set_derived_id(in, f);
}

static void add_clone(Infer *in, const Field *origin, Str name)
{
    Field *f = add_field(in, origin->type, name);
    int index = f->index;
    *f = *origin;
    f->name = name;
    f->index = index;
    f->primary_key = false;
    set_clone_id(in, f);
}

static const Field *field_nocase(const Collection *c, Str name)
{
    for (size_t i = 0; i < c->field_count; i++)
        if (str_eq_nocase(c->fields[i].name, name)) return &c->fields[i];
    return NULL;
}

/* The collection and field an item shows as they are; false when it is
 * anything else. */
static bool item_origin(const Schema *schema, const ViewQuery *q, const ViewItem *item,
                        const Collection **c, const Field **f)
{
    const ViewTable *table = view_table_of(q, item);
    if (!table || table->name.len == 0) return false;
    *c = NULL;
    for (size_t i = 0; i < schema->count; i++)
        if (str_eq_nocase(schema->collections[i]->name, table->name)) *c = schema->collections[i];
    *f = *c ? field_nocase(*c, item->column) : NULL;
    return *f != NULL;
}

static void add_cast(Infer *in, Str type, Str name)
{
    static const struct {
        const char *type;
        FieldType field;
        bool only_int;
    } CASTS[] = {
        {"real", FIELD_NUMBER, false},    {"decimal", FIELD_NUMBER, false},
        {"numeric", FIELD_NUMBER, false}, {"int", FIELD_NUMBER, true},
        {"integer", FIELD_NUMBER, true},  {"text", FIELD_TEXT, false},
        {"bool", FIELD_BOOL, false},      {"boolean", FIELD_BOOL, false},
    };
    for (size_t i = 0; i < COUNT(CASTS); i++) {
        if (!str_eq_nocase(type, str_from(CASTS[i].type))) continue;
        add_plain(in, CASTS[i].field, name, CASTS[i].only_int);
        return;
    }
    add_plain(in, FIELD_JSON, name, false);
}

static void add_column(Infer *in, const ViewItem *item, Str name)
{
    const Collection *c;
    const Field *origin;
    bool compound = in->query.is_compound;
    if (str_eq(name, S("id"))) {
        add_id(in, name);
    } else if (!compound && (item->kind == VIEW_COUNT || item->kind == VIEW_TOTAL)) {
        add_plain(in, FIELD_NUMBER, name, item->kind == VIEW_COUNT);
    } else if (!compound && item->kind == VIEW_CAST) {
        add_cast(in, item->cast, name);
    } else if (compound || item->kind == VIEW_OTHER ||
               !item_origin(in->schema, &in->query, item, &c, &origin)) {
        add_plain(in, FIELD_JSON, name, false);
    } else if (str_eq(origin->name, S("id"))) {
        add_relation(in, c, name);
    } else {
        add_clone(in, origin, name);
    }
}

/* The item of a column: the one in its place, if the text calls it the same. */
static const ViewItem *item_of(const ViewQuery *q, size_t column, size_t columns, Str name)
{
    static const ViewItem UNKNOWN = {.kind = VIEW_OTHER};
    if (q->item_count != columns) return &UNKNOWN;
    return str_eq_nocase(q->items[column].alias, name) ? &q->items[column] : &UNKNOWN;
}

/* ---- all of them ---- */

static Error *add_columns(Infer *in, Tx *tx, Str sql)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, uncached(in->a, sql), &stmt);
    if (err) return err;
    size_t count = (size_t)stmt_column_count(stmt);
    if (count > FIELDS_MAX) return refuse(in->a, S("the query has too many columns"));

    in->c->fields = arena_new(in->a, Field, count + 1);
    for (size_t i = 0; i < count; i++) {
        Str name = arena_copy(in->a, stmt_column_name(stmt, (int)i));
        add_column(in, item_of(&in->query, i, count, name), name);
        if (str_eq(name, S("id")))
            in->id_is_text = str_eq(stmt_column_declared_type(stmt, (int)i), S("TEXT"));
    }
    stmt_release(stmt);
    return NULL;
}

/* Names that could not be quoted away, and those that mean something else. */
static Error *check_names(const Infer *in)
{
    Checks checks = {.arena = in->a};
    for (size_t i = 0; i < in->c->field_count; i++) {
        field_check_name(&checks, in->c, i);
        if (!checks.errors) continue;
        return refuse(in->a, str_printf(in->a, "invalid field \"%.*s\" (%zu): name: %.*s",
                                        STR_ARG(in->c->fields[i].name), i,
                                        STR_ARG(checks.errors->message)));
    }
    if (collection_field(in->c, S("id"))) return NULL;
    return refuse(in->a, S("missing required id column (you can use `(ROW_NUMBER() OVER()) as id` "
                           "if you don't have one)"));
}

static Error *infer(Infer *in, Tx *tx)
{
    Str query = view_query_trim(in->c->view_query);
    if (query.len == 0) return refuse(in->a, S("the query is empty"));
    const char *complaint = view_parse(in->a, query, &in->query);
    if (complaint) return refuse(in->a, str_from(complaint));

    Str sql = wrap(in->a, query);
    Error *err = sql_mend_literals(tx, &sql);
    if (!err && !in->query.is_query) err = refuse(in->a, S("only SELECT statements are supported"));
    if (!err) err = add_columns(in, tx, sql);
    if (!err) err = check_names(in);
    if (err) return err;
    if (!in->id_is_text) {
        size_t around = WRAP_BEFORE.len + WRAP_AFTER.len;
        Str mended = str_sub(sql, WRAP_BEFORE.len, sql.len - around);
        sql = with_text_id(in->a, db_dialect(tx_db(tx)), in->c, mended);
    }
    in->c->view_select = sql;
    return NULL;
}

Error *view_infer(Tx *tx, const Schema *schema, Collection *c, const Collection *old)
{
    Arena *a = tx_arena(tx);
    Infer in = {.a = a, .schema = schema, .old = old, .c = c};
    c->fields = arena_new(a, Field, 1);
    c->field_count = 0;
    c->view_select = (Str){0};
    Error *err = infer(&in, tx);
    fields_compile_patterns(a, c, false);
    if (!err || !is_fault_of_sql(err)) return err;
    return error_cause(a, refuse(a, db_error_raw(err)), "%.*s", STR_ARG(err->cause));
}

bool view_field_origin(Arena *a, const Schema *schema, const Collection *view, Str field,
                       const Collection **c, const Field **origin)
{
    ViewQuery q;
    if (view_parse(a, view->view_query, &q)) return false;
    for (size_t i = 0; i < q.item_count; i++) {
        const ViewItem *item = &q.items[i];
        if (item->kind == VIEW_COLUMN && str_eq_nocase(item->alias, field))
            return item_origin(schema, &q, item, c, origin);
    }
    return false;
}
