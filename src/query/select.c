/* select.c - the statement: gathers joins, conditions and parameters, and puts
 * them together (api: filters §7).
 *
 *     SELECT DISTINCT "t"."id", … FROM "posts" "t" LEFT JOIN … WHERE … ORDER BY … LIMIT 30
 *
 * Invariants:
 *  1. Parameter N of each of its SQLs is params[N - 1], and each SQL names the
 *     last one: so one select_bind() fits all of them.
 *  2. DISTINCT only where a join may give several rows for one.
 *  3. When nothing can match, the SQL has neither joins nor parameters beyond
 *     those of the table expression.
 */
#include "query/query_internal.h"

Select *select_new(Arena *a, const SqlDialect *dialect, const Schema *schema, const Collection *c,
                   const RequestInfo *info)
{
    Select *q = arena_new(a, Select, 1);
    env_init(&q->env, a, schema, c, info);
    q->arena = a;
    q->dialect = dialect;
    q->collection = c;
    q->base = (Join){.kind = JOIN_BASE, .collection = c, .in_where = true};
    q->where = buf_new(a, 128);
    return q;
}

/* ---- parameters and taking back ---- */

int select_param(Select *q, DbValue value)
{
    if (q->param_count == q->param_cap) {
        size_t cap = q->param_cap ? q->param_cap * 2 : 8;
        DbValue *params = arena_new(q->arena, DbValue, cap);
        if (q->param_count > 0) memcpy(params, q->params, q->param_count * sizeof *params);
        q->params = params;
        q->param_cap = cap;
    }
    q->params[q->param_count++] = value;
    return (int)q->param_count;
}

void sql_param(Buf *out, int number)
{
    buf_char(out, '?');
    buf_i64(out, number);
}

Mark select_mark(const Select *q, const Buf *out)
{
    return (Mark){.params = q->param_count, .joins = q->join_count, .bytes = out->len};
}

static bool any_rule_pending(const Select *q, size_t from)
{
    for (size_t i = from; i < q->join_count; i++)
        if (q->joins[i]->rule_pending) return true;
    return false;
}

/* Joins to guarded collections stay: their listRule counts also where the
 * comparison does not. They are a client's, so no parameter is theirs. */
void select_undo(Select *q, Buf *out, Mark mark)
{
    q->param_count = mark.params;
    if (!any_rule_pending(q, mark.joins)) q->join_count = mark.joins;
    out->len = mark.bytes;
}

void select_from(Select *q, Str table_expression, const DbValue *params, size_t count)
{
    assert(q->param_count == 0);
    q->from = table_expression;
    q->from_params = count;
    for (size_t i = 0; i < count; i++)
        select_param(q, params[i]);
}

/* ---- conditions ---- */

static void and_where(Select *q)
{
    if (q->where.len > 0) buf_add(&q->where, S(" AND "));
}

Error *select_where(Select *q, const Filter *f, const Rights *rights)
{
    Mark mark = select_mark(q, &q->where);
    and_where(q);
    Fold fold;
    Error *err = filter_compile(q, rights, f, &q->where, &fold);
    if (err) return err;
    if (fold != FOLD_SQL) select_undo(q, &q->where, mark);
    if (fold == FOLD_FALSE) q->never = true;
    return NULL;
}

Rights select_rights(Select *q)
{
    return (Rights){.scope = ++q->scopes, .base = &q->base, .in_where = true};
}

Error *select_where_rule(Select *q, const Filter *rule)
{
    if (!rule) return NULL;
    Rights rights = select_rights(q);
    return select_where(q, rule, &rights);
}

static void where_id(Select *q, Str id)
{
    and_where(q);
    column_sql(q, &q->where, &q->base, S("id"), &q->base, 0);
    buf_add(&q->where, S(" = "));
    sql_param(&q->where, select_param(q, DB_VALUE_TEXT(id)));
}

Error *select_where_id(Select *q, Str id)
{
    where_id(q, id);
    return NULL;
}

/* Beyond this one JSON parameter holds them all. */
#define IN_PARAMS_MAX 256

static void ids_as_params(Select *q, const Str *ids, size_t count)
{
    size_t padded = 1;
    while (padded < count)
        padded *= 2; /* few different statements: the last id is repeated */
    buf_add(&q->where, S(" IN ("));
    for (size_t i = 0; i < padded; i++) {
        if (i > 0) buf_char(&q->where, ',');
        sql_param(&q->where, select_param(q, DB_VALUE_TEXT(ids[MIN(i, count - 1)])));
    }
    buf_char(&q->where, ')');
}

static void ids_as_json(Select *q, const Str *ids, size_t count)
{
    Json *list = json_new_array(q->arena);
    for (size_t i = 0; i < count; i++)
        json_push(q->arena, list, json_new_string(q->arena, ids[i]));
    int number = select_param(q, DB_VALUE_TEXT(json_format(q->arena, list)));
    buf_add(&q->where, S(" IN (SELECT \"ids\".\"value\" FROM "));
    q->dialect->json_each(&q->where, str_printf(q->arena, "?%d", number), S("ids"));
    buf_char(&q->where, ')');
}

Error *select_where_ids(Select *q, const Str *ids, size_t count)
{
    if (count == 1) where_id(q, ids[0]);
    if (count == 0) q->never = true;
    if (count <= 1) return NULL;
    and_where(q);
    column_sql(q, &q->where, &q->base, S("id"), &q->base, 0);
    if (count <= IN_PARAMS_MAX)
        ids_as_params(q, ids, count);
    else
        ids_as_json(q, ids, count);
    return NULL;
}

/* ---- the texts ---- */

bool select_is_never(const Select *q)
{
    return q->never;
}

bool select_has_joins(const Select *q)
{
    for (size_t i = 0; i < q->join_count; i++)
        if (q->joins[i]->multi) return true;
    return false;
}

static const CollectionPlan *plan_of(const Select *q)
{
    return q->collection->compiled;
}

static void from_sql(Select *q, Buf *out)
{
    buf_add(out, S(" FROM "));
    if (q->from.len > 0) {
        buf_add(out, q->from);
        buf_add(out, S(" \"t\""));
    } else if (plan_of(q)) {
        buf_add(out, plan_of(q)->from);
    } else {
        q->dialect->quote_name(out, q->collection->name);
        buf_add(out, S(" \"t\""));
    }
}

/* FROM, joins and WHERE. A join that only sorting needs is left out of counts,
 * unless it has a parameter (invariant 1). */
static void body_sql(Select *q, Buf *out, bool sorted)
{
    from_sql(q, out);
    if (q->never) {
        buf_add(out, S(" WHERE 1 = 0"));
        return;
    }
    bool skip = !sorted;
    for (size_t i = 0; i < q->join_count; i++)
        if (!q->joins[i]->in_where && q->joins[i]->param > 0) skip = false;
    for (size_t i = 0; i < q->join_count; i++)
        if (!skip || q->joins[i]->in_where) join_sql(q, out, q->joins[i], &q->base, 0);
    if (q->where.len > 0) buf_add(out, S(" WHERE "));
    buf_add(out, buf_str(&q->where));
}

static void columns_sql(Select *q, Buf *out, const Str *columns, size_t count)
{
    const Collection *c = q->collection;
    if (!columns && plan_of(q)) {
        buf_add(out, plan_of(q)->columns);
        return;
    }
    size_t n = columns ? count : c->field_count;
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_add(out, S(", "));
        column_sql(q, out, &q->base, columns ? columns[i] : c->fields[i].name, &q->base, 0);
    }
}

static bool has_id(const Str *columns, size_t count)
{
    if (!columns) return true;
    for (size_t i = 0; i < count; i++)
        if (str_eq(columns[i], S("id"))) return true;
    return false;
}

static void limit_sql(Buf *out, int64_t limit, int64_t offset)
{
    if (limit < 0 && offset <= 0) return;
    buf_add(out, S(" LIMIT "));
    buf_i64(out, limit);
    if (offset <= 0) return;
    buf_add(out, S(" OFFSET "));
    buf_i64(out, offset);
}

Str select_rows_sql(Select *q, const Str *columns, size_t count, int64_t limit, int64_t offset)
{
    assert(!columns || count > 0);
    Buf out = buf_new(q->arena, 512);
    bool repeats = !q->never && select_has_joins(q);
    /* without the id two rows may look the same */
    bool distinct = repeats && has_id(columns, count);
    buf_add(&out, distinct ? S("SELECT DISTINCT ") : S("SELECT "));
    columns_sql(q, &out, columns, count);
    body_sql(q, &out, true);
    if (repeats && !distinct) buf_add(&out, S(" GROUP BY \"t\".\"id\""));
    if (q->order.len > 0 && !q->never) {
        buf_add(&out, S(" ORDER BY "));
        buf_add(&out, buf_str(&q->order));
    }
    limit_sql(&out, limit, offset);
    return buf_str(&out);
}

Str select_count_sql(Select *q)
{
    Buf out = buf_new(q->arena, 256);
    /* Nothing keeps a view from giving an id twice. */
    bool view = q->collection->type == COLLECTION_VIEW;
    bool repeats = !q->never && (view || select_has_joins(q));
    buf_add(&out, repeats ? S("SELECT COUNT(DISTINCT \"t\".\"id\")") : S("SELECT COUNT(*)"));
    body_sql(q, &out, false);
    return buf_str(&out);
}

Str select_exists_sql(Select *q)
{
    Buf out = buf_new(q->arena, 256);
    buf_add(&out, S("SELECT 1"));
    body_sql(q, &out, false);
    buf_add(&out, S(" LIMIT 1"));
    return buf_str(&out);
}

void select_bind(const Select *q, Stmt *stmt)
{
    size_t count = q->never ? q->from_params : q->param_count;
    for (size_t i = 0; i < count; i++)
        stmt_bind(stmt, (int)i + 1, q->params[i]);
}

Error *rule_matches_row(Tx *tx, const Schema *schema, const Collection *c, const Filter *rule,
                        Str id, const RequestInfo *info, bool *matches)
{
    Select *q = select_new(tx_arena(tx), db_dialect(tx_db(tx)), schema, c, info);
    where_id(q, id);
    Error *err = select_where_rule(q, rule);
    if (err) return err;
    if (q->never) {
        *matches = false;
        return NULL;
    }
    Stmt *stmt;
    err = tx_prepare(tx, select_exists_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = stmt_step(stmt, matches);
    if (!err) stmt_release(stmt); /* asked for each of many rows */
    return err;
}
