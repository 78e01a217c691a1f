/* joins.c - the rows that paths lead to (api: filters §7).
 *
 * Each path prefix of a filter is joined once: comparisons with the same prefix
 * speak of the same joined row. Aliases are made of numbers only:
 *
 *     "t"      the main row          "m2t"   the same in the 2nd sub-select
 *     "j3"     the 3rd joined row    "m2j3"
 *     "e3"     its list item         "m2e3"
 */
#include "query/query_internal.h"

static bool same_row(const Join *x, const Join *y)
{
    return x->kind == y->kind && x->scope == y->scope && x->parent == y->parent &&
           x->field == y->field && x->collection == y->collection && str_eq(x->label, y->label);
}

static void need_in_where(Join *join)
{
    for (; join && !join->in_where; join = join->parent)
        join->in_where = true;
}

static Join *join_add(Select *q, const Join *wanted)
{
    if (q->join_count == q->join_cap) {
        size_t cap = q->join_cap ? q->join_cap * 2 : 4;
        Join **joins = arena_new(q->arena, Join *, cap);
        if (q->join_count > 0) memcpy(joins, q->joins, q->join_count * sizeof *joins);
        q->joins = joins;
        q->join_cap = cap;
    }
    Join *join = arena_new(q->arena, Join, 1);
    *join = *wanted;
    bool has_value =
        join->kind == JOIN_AUTH || join->kind == JOIN_BODY || join->kind == JOIN_BODY_EACH;
    if (has_value) join->param = select_param(q, join->value);
    join->path_multi = join->multi || (join->parent && join->parent->path_multi);
    q->joins[q->join_count++] = join;
    join->number = (int)q->join_count;
    return join;
}

/* A list of ids is unfolded by a table of its own. */
static size_t table_count(const Join *join)
{
    return join->kind == JOIN_MULTI ? 2 : 1;
}

Error *join_get(Select *q, const Rights *rights, const Join *wanted, Join **out)
{
    Join *found = NULL;
    size_t tables = table_count(wanted);
    for (size_t i = 0; i < q->join_count && !found; i++) {
        if (same_row(q->joins[i], wanted)) found = q->joins[i];
        tables += table_count(q->joins[i]);
    }
    if (!found && tables > SELECT_TABLES_MAX)
        return filter_error(q->arena, "more than %d related collections", SELECT_TABLES_MAX);
    if (!found) found = join_add(q, wanted);
    if (rights->in_where) need_in_where(found);
    *out = found;
    return NULL;
}

/* ---- names ---- */

static void alias(Buf *out, char letter, int number, int generation)
{
    buf_char(out, '"');
    if (generation > 0) {
        buf_char(out, 'm');
        buf_i64(out, generation);
    }
    buf_char(out, letter);
    if (number > 0) buf_i64(out, number);
    buf_char(out, '"');
}

/* In a sub-select the row it starts from is "t", whatever it is outside. A :each
 * has no row but its items. */
void join_alias(Buf *out, const Join *join, const Join *base, int generation)
{
    bool starts = generation > 0 && join == base;
    bool each = join->kind == JOIN_EACH || join->kind == JOIN_BODY_EACH;
    if (starts || join->number == 0)
        alias(out, 't', 0, generation);
    else
        alias(out, each ? 'e' : 'j', join->number, generation);
}

static void item_sql(Buf *out, const Join *join, int generation)
{
    alias(out, 'e', join->number, generation);
    buf_add(out, S(".\"value\""));
}

/* json_each of `expr` under the join's item alias. */
static void each_sql(Select *q, Buf *out, const Join *join, Str expr, int generation)
{
    Buf name = buf_new(q->arena, 16);
    alias(&name, 'e', join->number, generation);
    /* the dialect quotes by itself */
    q->dialect->json_each(out, expr, str_sub(buf_str(&name), 1, name.len - 2));
}

static Str column_text(Select *q, const Join *join, Str column, const Join *base, int generation)
{
    Buf text = buf_new(q->arena, 48);
    column_sql(q, &text, join, column, base, generation);
    return buf_str(&text);
}

static Str param_text(Select *q, int number)
{
    Buf text = buf_new(q->arena, 8);
    sql_param(&text, number);
    return buf_str(&text);
}

/* ---- SQL ---- */

static void left_join_each(Select *q, Buf *out, const Join *join, Str list, int generation)
{
    buf_add(out, S(" LEFT JOIN "));
    each_sql(q, out, join, list, generation);
    buf_add(out, S(" ON 1 = 1"));
}

/* LEFT JOIN "users" "j1" ON "j1"."id" … or another column, with the rest to come. */
static void left_join_on(Select *q, Buf *out, const Join *join, const Join *base, int generation,
                         Str column)
{
    buf_add(out, S(" LEFT JOIN "));
    q->dialect->quote_name(out, join->collection->name);
    buf_char(out, ' ');
    join_alias(out, join, base, generation);
    buf_add(out, S(" ON "));
    if (column.len == 0) return;
    column_sql(q, out, join, column, base, generation);
}

static void in_items_sql(Select *q, Buf *out, const Join *join, Str list, int generation)
{
    buf_add(out, S(" IN (SELECT "));
    item_sql(out, join, generation);
    buf_add(out, S(" FROM "));
    each_sql(q, out, join, list, generation);
    buf_char(out, ')');
}

static void back_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation)
{
    if (!field_is_list(join->field)) {
        left_join_on(q, out, join, base, generation, join->field->name);
        buf_add(out, S(" = "));
        column_sql(q, out, join->parent, S("id"), base, generation);
        return;
    }
    left_join_on(q, out, join, base, generation, S(""));
    column_sql(q, out, join->parent, S("id"), base, generation);
    in_items_sql(q, out, join, column_text(q, join, join->field->name, base, generation),
                 generation);
}

static void multi_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation)
{
    Str list = column_text(q, join->parent, join->field->name, base, generation);
    left_join_each(q, out, join, list, generation);
    left_join_on(q, out, join, base, generation, S("id"));
    buf_add(out, S(" = "));
    item_sql(out, join, generation);
}

void join_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation)
{
    switch (join->kind) {
    case JOIN_BASE:
        return;
    case JOIN_SINGLE:
        left_join_on(q, out, join, base, generation, S("id"));
        buf_add(out, S(" = "));
        column_sql(q, out, join->parent, join->field->name, base, generation);
        return;
    case JOIN_MULTI:
        multi_sql(q, out, join, base, generation);
        return;
    case JOIN_BACK:
        back_sql(q, out, join, base, generation);
        return;
    case JOIN_COLLECTION:
        left_join_on(q, out, join, base, generation, S(""));
        buf_add(out, S("1 = 1"));
        return;
    case JOIN_AUTH:
        left_join_on(q, out, join, base, generation, S("id"));
        buf_add(out, S(" = "));
        sql_param(out, join->param);
        return;
    case JOIN_BODY:
        left_join_on(q, out, join, base, generation, S("id"));
        in_items_sql(q, out, join, param_text(q, join->param), generation);
        return;
    case JOIN_EACH:
        left_join_each(q, out, join,
                       column_text(q, join->parent, join->field->name, base, generation),
                       generation);
        return;
    case JOIN_BODY_EACH:
        left_join_each(q, out, join, param_text(q, join->param), generation);
        return;
    }
}

void join_chain_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation)
{
    const Join *chain[2 * FILTER_MAX_HOPS + 4];
    size_t count = 0;
    for (; join && join != base; join = join->parent) {
        assert(count < COUNT(chain));
        chain[count++] = join;
    }
    while (count > 0)
        join_sql(q, out, chain[--count], base, generation);
}

bool join_depends_on(const Join *join, const Join *base)
{
    while (join && join != base)
        join = join->parent;
    return join == base;
}
