/* multimatch.c - "and no row violates": comparisons without "?" over paths that
 * lead to several rows (api: filters §8).
 *
 *     editors.name = "Bob"
 *
 *     AND NOT EXISTS (SELECT 1 FROM
 *       (SELECT "m1j1"."name" AS "v" FROM "posts" "m1t" LEFT JOIN … WHERE "m1t"."id" = "t"."id") "m1s"
 *       WHERE NOT ("m1s"."v" = ?1))
 *
 * The sub-select walks the path anew, under aliases of its own generation. The
 * condition inside is the one outside: NULLs count the same.
 */
#include "query/query_internal.h"

static void source_alias(Buf *out, int generation)
{
    buf_add(out, S("\"m"));
    buf_i64(out, generation);
    buf_add(out, S("s\""));
}

static void base_table_sql(Select *q, Buf *out, const Join *base)
{
    bool virtual_row = base->number == 0 && q->from.len > 0;
    if (virtual_row)
        buf_add(out, q->from);
    else
        q->dialect->quote_name(out, base->collection->name);
}

/* (SELECT <operand> AS "v" FROM …) "m1s": one row for each value of the path. */
static void source_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation)
{
    const Join *join = operand_join(o);
    bool of_row = join_depends_on(join, base);
    buf_add(out, S("(SELECT "));
    operand_sql(q, out, o, base, generation);
    buf_add(out, S(" AS \"v\" FROM "));
    if (of_row)
        base_table_sql(q, out, base);
    else
        buf_add(out, S("(SELECT 1)"));
    buf_char(out, ' ');
    join_alias(out, base, base, generation);
    join_chain_sql(q, out, join, base, generation);
    if (of_row) {
        buf_add(out, S(" WHERE "));
        column_sql(q, out, base, S("id"), base, generation);
        buf_add(out, S(" = "));
        column_sql(q, out, base, S("id"), base, 0);
    }
    buf_add(out, S(") "));
    source_alias(out, generation);
}

/* A side that is one value stays as it is outside. */
static Side source_side(Select *q, Op op, Operand *o, const Operand *other, const Join *base,
                        int generation)
{
    if (generation == 0) return operand_side(q, op, o, other, base, 0);
    Buf text = buf_new(q->arena, 16);
    source_alias(&text, generation);
    buf_add(&text, S(".\"v\""));
    return (Side){.sql = buf_str(&text), .class = SIDE_OTHER, .raw = o->raw};
}

void multimatch_sql(Select *q, Buf *out, Op op, Operand *left, Operand *right, const Join *base)
{
    int left_source = left->multi ? ++q->subselects : 0;
    int right_source = right->multi ? ++q->subselects : 0;

    buf_add(out, S(" AND NOT EXISTS (SELECT 1 FROM "));
    if (left->multi) source_sql(q, out, left, base, left_source);
    if (left->multi && right->multi) buf_add(out, S(" LEFT JOIN "));
    if (right->multi) source_sql(q, out, right, base, right_source);
    if (left->multi && right->multi) buf_add(out, S(" ON 1 = 1"));

    buf_add(out, S(" WHERE NOT ("));
    Side l = source_side(q, op, left, right, base, left_source);
    Side r = source_side(q, op, right, left, base, right_source);
    comparison_sql(q, out, op, &l, &r);
    buf_add(out, S("))"));
}
