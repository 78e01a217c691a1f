/* check_records.c - the values of all records against their fields, by SQL.
 *
 * A rule here is a condition that no row should satisfy; each is counted with
 * one scan and two examples. Nothing of this can be caused through the API:
 * it comes from another program, or from options that were changed since. */
#include "folder/folder_internal.h"

typedef struct {
    Check *k;
    Tx *tx;
    Arena *a;
    const Schema *schema;
    const Collection *c;
} Rules;

/* What a work has found; told once it has run to its end. */
typedef struct {
    Str column, condition, what, repair, sql;
    int64_t count;
    Str first, last;
} ValueRule;

static Str quoted(const Rules *r, Str name)
{
    Buf b = buf_new(r->a, name.len + 4);
    db_dialect(tx_db(r->tx))->quote_name(&b, name);
    return buf_str(&b);
}

static Str literal(Arena *a, Str text)
{
    Buf b = buf_new(a, text.len + 8);
    buf_char(&b, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'') buf_char(&b, '\'');
        buf_char(&b, text.ptr[i]);
    }
    buf_char(&b, '\'');
    return buf_str(&b);
}

/* ---- repairs ---- */

static Error *sql_work(Tx *tx, void *arg)
{
    return tx_exec(tx, *(const Str *)arg);
}

static Error *run_sql(App *app, Arena *a, const Finding *self)
{
    Str sql = *(const Str *)self->data;
    return db_write_alone(app->db, a, 0, sql_work, &sql);
}

/* ---- one rule ---- */

/* Columns or tables that are missing were told already. */
static Error *count_rows(const Rules *r, ValueRule *rule)
{
    Str sql = str_printf(r->a, "SELECT count(*), min(id), max(id) FROM %.*s WHERE %.*s",
                         STR_ARG(quoted(r, r->c->name)), STR_ARG(rule->condition));
    Stmt *stmt;
    Error *err = tx_prepare(r->tx, sql, &stmt);
    bool row = false;
    if (!err) err = stmt_step(stmt, &row);
    if (db_error_kind(err) == DB_ERROR_SYNTAX) return NULL;
    if (err || !row) return err;
    rule->count = stmt_i64(stmt, 0);
    rule->first = arena_copy(r->k->a, stmt_str(stmt, 1));
    rule->last = arena_copy(r->k->a, stmt_str(stmt, 2));
    stmt_release(stmt);
    return NULL;
}

static Error *ask(const Rules *r, ValueRule rule)
{
    Error *err = count_rows(r, &rule);
    if (err || rule.count == 0) return err;
    Arena *a = r->k->a;
    Str examples = str_eq(rule.first, rule.last)
                       ? str_printf(a, "record %.*s", STR_ARG(rule.first))
                       : str_printf(a, "records such as %.*s and %.*s", STR_ARG(rule.first),
                                    STR_ARG(rule.last));
    Str what = str_printf(a, "%.*s%s%.*s: in %lld %s of %.*s (%.*s) %.*s", STR_ARG(r->c->name),
                          rule.column.len ? "." : "", STR_ARG(rule.column), (long long)rule.count,
                          rule.count == 1 ? "record" : "records", STR_ARG(r->c->name),
                          STR_ARG(examples), STR_ARG(rule.what));
    Finding *f = finding_add(r->k, FINDING_FAULT, what);
    if (rule.repair.len == 0) return NULL;
    Str *sql = arena_new(a, Str, 1);
    *sql = arena_copy(a, rule.sql);
    f->repair = arena_copy(a, rule.repair);
    f->run = run_sql;
    f->data = sql;
    return NULL;
}

/* ---- the rules of each type ---- */

/* The items of a list column as the table expression _croft_j(value), none when the
 * text is no list. */
static Str items_of(const Rules *r, Str column)
{
    return str_printf(r->a,
                      "json_each(CASE WHEN json_valid(%.*s) THEN CASE json_type(%.*s) WHEN 'array' "
                      "THEN %.*s ELSE '[]' END ELSE '[]' END) AS _croft_j",
                      STR_ARG(column), STR_ARG(column), STR_ARG(column));
}

static Error *check_relation(const Rules *r, const Field *f, Str column)
{
    const Collection *target = schema_find_id(r->schema, f->collection_id);
    if (!target)
        return ask(
            r, (ValueRule){.column = f->name,
                           .condition = str_printf(r->a, "%.*s NOT IN ('', '[]')", STR_ARG(column)),
                           .what = S("there are ids, but the collection they lead to is gone.")});
    Str table = quoted(r, target->name), me = quoted(r, r->c->name);
    Str condition, sql;
    if (field_is_list(f)) {
        Str items = items_of(r, column);
        condition = str_printf(r->a,
                               "EXISTS (SELECT 1 FROM %.*s WHERE NOT EXISTS (SELECT 1 FROM %.*s AS "
                               "_croft_t WHERE _croft_t.id = _croft_j.value))",
                               STR_ARG(items), STR_ARG(table));
        sql = str_printf(
            r->a,
            "UPDATE %.*s SET %.*s = (SELECT json_group_array(_croft_j.value) FROM %.*s WHERE "
            "EXISTS (SELECT 1 FROM %.*s AS _croft_t WHERE _croft_t.id = _croft_j.value)) WHERE "
            "%.*s",
            STR_ARG(me), STR_ARG(quoted(r, f->name)), STR_ARG(items), STR_ARG(table),
            STR_ARG(condition));
    } else {
        condition = str_printf(r->a,
                               "%.*s <> '' AND NOT EXISTS (SELECT 1 FROM %.*s AS _croft_t WHERE "
                               "_croft_t.id = %.*s)",
                               STR_ARG(column), STR_ARG(table), STR_ARG(column));
        sql = str_printf(r->a, "UPDATE %.*s SET %.*s = '' WHERE %.*s", STR_ARG(me),
                         STR_ARG(quoted(r, f->name)), STR_ARG(condition));
    }
    ValueRule rule = {.column = f->name, .condition = condition};
    rule.what =
        str_printf(r->a,
                   "an id leads to no record of %.*s. Such a record cannot be saved as it "
                   "is.%s",
                   STR_ARG(target->name),
                   f->required ? " The field is required, so choose another one there." : "");
    if (!f->required) {
        rule.repair = S("Take the ids that lead nowhere out of these records.");
        rule.sql = sql;
    }
    return ask(r, rule);
}

static Error *check_select(const Rules *r, const Field *f, Str column)
{
    Buf list = buf_new(r->a, 128);
    for (size_t i = 0; i < f->value_count; i++) {
        if (i > 0) buf_char(&list, ',');
        buf_add(&list, literal(r->a, f->values[i]));
    }
    Str values = buf_str(&list);
    Str condition =
        field_is_list(f)
            ? str_printf(r->a, "EXISTS (SELECT 1 FROM %.*s WHERE _croft_j.value NOT IN (%.*s))",
                         STR_ARG(items_of(r, column)), STR_ARG(values))
            : str_printf(r->a, "%.*s <> '' AND %.*s NOT IN (%.*s)", STR_ARG(column),
                         STR_ARG(column), STR_ARG(values));
    return ask(
        r, (ValueRule){.column = f->name,
                       .condition = condition,
                       .what = S("there is a value that the field does not offer. Such a record "
                                 "cannot be saved as it is; add the value to the field, or "
                                 "choose another one.")});
}

static Error *check_list(const Rules *r, const Field *f, Str column)
{
    Str condition = str_printf(r->a,
                               "CASE WHEN json_valid(%.*s) THEN json_type(%.*s) <> 'array' ELSE 1 "
                               "END",
                               STR_ARG(column), STR_ARG(column));
    Str sql = str_printf(r->a,
                         "UPDATE %.*s SET %.*s = CASE WHEN coalesce(%.*s, '') = '' THEN '[]' ELSE "
                         "json_array(%.*s) END WHERE %.*s",
                         STR_ARG(quoted(r, r->c->name)), STR_ARG(quoted(r, f->name)),
                         STR_ARG(column), STR_ARG(column), STR_ARG(condition));
    return ask(r, (ValueRule){.column = f->name,
                              .condition = condition,
                              .sql = sql,
                              .what = S("there is a single value where a list belongs."),
                              .repair = S("Make each a list of that one value.")});
}

/* `pattern` with the column in the place of each '$'. */
static Str with_column(Arena *a, const char *pattern, Str column)
{
    Buf out = buf_new(a, 256);
    for (; *pattern; pattern++) {
        if (*pattern == '$')
            buf_add(&out, column);
        else
            buf_char(&out, *pattern);
    }
    return buf_str(&out);
}

static const struct {
    FieldType type;
    const char *condition, *what;
} PLAIN[] = {
    {FIELD_NUMBER, "typeof($) NOT IN ('integer', 'real')", "there is something that is no number."},
    {FIELD_BOOL, "$ NOT IN (0, 1)", "there is neither true nor false."},
    {FIELD_JSON, "$ <> '' AND NOT json_valid($)", "there is text that is no JSON."},
    {FIELD_GEOPOINT, "NOT json_valid($)", "there is no point."},
    {FIELD_DATE, "$ <> '' AND $ NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] *Z'",
     "there is text that is no date."},
};

static Error *check_plain(const Rules *r, const Field *f, Str column)
{
    for (size_t i = 0; i < COUNT(PLAIN); i++) {
        if (PLAIN[i].type != f->type) continue;
        return ask(r, (ValueRule){.column = f->name,
                                  .condition = with_column(r->a, PLAIN[i].condition, column),
                                  .what = str_from(PLAIN[i].what)});
    }
    return NULL;
}

static Error *check_field(const Rules *r, const Field *f)
{
    Str column =
        str_printf(r->a, "%.*s.%.*s", STR_ARG(quoted(r, r->c->name)), STR_ARG(quoted(r, f->name)));
    Error *err = field_is_list(f) ? check_list(r, f, column) : check_plain(r, f, column);
    if (!err && f->type == FIELD_RELATION) err = check_relation(r, f, column);
    if (!err && f->type == FIELD_SELECT) err = check_select(r, f, column);
    return err;
}

static Error *check_identity(const Rules *r)
{
    Error *err = ask(r, (ValueRule){.condition = S("coalesce(id, '') = ''"),
                                    .what = S("there is no id, so nothing can reach it.")});
    if (err || r->c->type != COLLECTION_AUTH) return err;
    Str sql = str_printf(r->a,
                         "UPDATE %.*s SET tokenKey = lower(hex(randomblob(25))) WHERE "
                         "length(tokenKey) < 30",
                         STR_ARG(quoted(r, r->c->name)));
    return ask(r, (ValueRule){.column = S("tokenKey"),
                              .condition = S("length(tokenKey) < 30"),
                              .what = S("there is no usable key to sign tokens with."),
                              .sql = sql,
                              .repair = S("Give them new keys; their sessions end.")});
}

/* Second factors, codes, links and known places of accounts that are gone. */
static Error *check_refs(const Rules *r)
{
    static const char *const REFS[] = {"_mfas", "_otps", "_externalAuths", "_authOrigins"};
    bool is_ref = false;
    for (size_t i = 0; i < COUNT(REFS); i++)
        is_ref |= str_eq(r->c->name, str_from(REFS[i]));
    if (!is_ref) return NULL;
    Buf b = buf_new(r->a, 256);
    buf_add(&b, S("NOT (0"));
    for (size_t i = 0; i < r->schema->count; i++) {
        const Collection *c = r->schema->collections[i];
        if (c->type != COLLECTION_AUTH) continue;
        buf_printf(&b, " OR (collectionRef = %.*s AND recordRef IN (SELECT id FROM %.*s))",
                   STR_ARG(literal(r->a, c->id)), STR_ARG(quoted(r, c->name)));
    }
    buf_char(&b, ')');
    Str sql = str_printf(r->a, "DELETE FROM %.*s WHERE %.*s", STR_ARG(quoted(r, r->c->name)),
                         STR_ARG(buf_str(&b)));
    return ask(r, (ValueRule){.column = S("recordRef"),
                              .condition = buf_str(&b),
                              .sql = sql,
                              .what = S("the account it belongs to is gone."),
                              .repair = S("Delete these records.")});
}

static Error *check_collection(Tx *tx, void *arg)
{
    Rules *r = arg;
    r->tx = tx;
    r->a = tx_arena(tx);
    CheckReport *report = r->k->report;
    CheckReport before = *report;
    if (before.last) before.last->next = NULL; /* what an earlier run has told */
    if (!before.last) report->first = NULL;

    ValueRule all = {.condition = S("1")};
    Error *err = count_rows(r, &all);
    if (!err) err = check_identity(r);
    if (!err) err = check_refs(r);
    for (size_t i = 0; i < r->c->field_count && !err; i++)
        err = check_field(r, &r->c->fields[i]);
    if (err)
        *report = before;
    else
        report->records += (uint64_t)all.count;
    return err;
}

Error *check_records(Check *k)
{
    const Schema *schema = schema_hold(k->app->schema, k->a);
    Arena *scratch = arena_within(k->a, "check", (size_t)64 << 20);
    for (size_t i = 0; i < schema->count; i++) {
        progress_tell(k->progress, "records", false, i, schema->count);
        Rules r = {.k = k, .schema = schema, .c = schema->collections[i]};
        if (r.c->type == COLLECTION_VIEW) continue;
        Error *err = db_read_slow(k->app->db, scratch, 0, check_collection, &r);
        if (err) return err;
        arena_reset(scratch);
    }
    return NULL;
}
