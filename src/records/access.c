/* access.c - does this row satisfy that rule?
 *
 * Most rules are about the caller and plain fields, and are decided in memory;
 * SQL is asked for the rest. A would-be row (create rules) is then selected
 * from its values, so it is invisible to @collection and back-relations. */
#include "db/dialect.h"
#include "records/records_internal.h"

Error *rule_guard_null(Arena *a, const Collection *c, RuleKind kind, bool is_superuser)
{
    if (is_superuser || !c->rules[kind].is_null) return NULL;
    return error_new(a, 403, S("Only superusers can perform this action."));
}

bool record_values_row(void *arg, const Field *f, DbValue *out)
{
    const DbValue *values = arg;
    *out = values[f->index];
    return true;
}

const char *column_cast(const Field *f)
{
    switch (field_column_kind(f)) {
    case COLUMN_ID:
    case COLUMN_TEXT:
        return "TEXT";
    case COLUMN_NUMBER:
    case COLUMN_BOOL:
        return "NUMERIC";
    case COLUMN_LIST:
    case COLUMN_JSON:
    case COLUMN_GEO:
        break;
    }
    return NULL;
}

static Str virtual_row(Tx *tx, const Collection *c)
{
    Buf sql = buf_new(tx_arena(tx), 40 * c->field_count + 16);
    buf_add(&sql, S("(SELECT "));
    for (size_t i = 0; i < c->field_count; i++) {
        const char *cast = column_cast(&c->fields[i]);
        if (i) buf_char(&sql, ',');
        if (cast) {
            buf_printf(&sql, "CAST(?%zu AS %s) AS ", i + 1, cast);
        } else {
            buf_printf(&sql, "?%zu AS ", i + 1);
        }
        sql_name(&sql, tx, c->fields[i].name);
    }
    buf_char(&sql, ')');
    return buf_str(&sql);
}

static Error *virtual_matches(Tx *tx, const RuleQuestion *q, const Filter *rule, bool *matches)
{
    Select *select = select_new(tx_arena(tx), db_dialect(tx_db(tx)), q->schema, q->c, q->info);
    select_from(select, virtual_row(tx, q->c), q->values, q->c->field_count);
    Error *err = select_where_rule(select, rule);
    if (err) return err;

    *matches = false;
    if (select_is_never(select)) return NULL;
    Stmt *stmt;
    err = tx_prepare(tx, select_exists_sql(select), &stmt);
    if (err) return err;
    select_bind(select, stmt);
    err = stmt_step(stmt, matches);
    if (err) return err;
    stmt_reset(stmt);
    return NULL;
}

Error *rule_filter_matches(Tx *tx, const RuleQuestion *q, const Filter *filter, bool *matches)
{
    return q->id.len ? rule_matches_row(tx, q->schema, q->c, filter, q->id, q->info, matches)
                     : virtual_matches(tx, q, filter, matches);
}

Error *rule_ask(Tx *tx, Arena *a, const RuleQuestion *q, Verdict *out)
{
    const Rule *rule = &q->c->rules[q->kind];
    *out = VERDICT_NO;
    if (rule->is_null) return NULL;
    *out = VERDICT_YES;
    if (rule->text.len == 0) return NULL;

    const Filter *filter = rule_filter(q->c, q->kind);
    *out = VERDICT_NO;
    if (!filter) return NULL;
    EvalResult verdict = filter_eval(filter, a, q->schema, q->c, q->info,
                                     q->values ? record_values_row : NULL, (void *)q->values);
    if (verdict != EVAL_UNKNOWN) {
        *out = verdict == EVAL_TRUE ? VERDICT_YES : VERDICT_NO;
        return NULL;
    }
    *out = VERDICT_UNKNOWN;
    if (!tx) return NULL;

    bool matches = false;
    Error *err = rule_filter_matches(tx, q, filter, &matches);
    if (err && db_error_kind(err) != DB_ERROR_NONE) return err;
    *out = !err && matches ? VERDICT_YES : VERDICT_NO; /* what does not compile matches nothing */
    return NULL;
}

Error *manager_ask(Tx *tx, Arena *a, const RuleQuestion *q, Verdict *out)
{
    const Rule *rule = &q->c->rules[RULE_MANAGE];
    *out = VERDICT_YES;
    if (q->info->auth && q->info->auth->is_superuser) return NULL;
    *out = VERDICT_NO;
    if (!q->info->auth || q->c->type != COLLECTION_AUTH || rule->is_null || rule->text.len == 0) {
        return NULL;
    }
    RuleQuestion manage = *q;
    manage.kind = RULE_MANAGE;
    return rule_ask(tx, a, &manage, out);
}

Error *record_is_managed(Tx *tx, const Schema *schema, const Record *r, const RequestInfo *info,
                         bool *managed)
{
    RuleQuestion q = {.schema = schema,
                      .c = r->collection,
                      .info = info,
                      .values = r->values,
                      .id = record_id(r)};
    Verdict verdict;
    Error *err = manager_ask(tx, tx_arena(tx), &q, &verdict);
    if (err) return err;
    *managed = verdict == VERDICT_YES;
    return NULL;
}
