/* operand.c - what an operand is in SQL. The same operand is written once into
 * the statement and, for "all" comparisons, again into a sub-select, where the
 * rows have other aliases (its generation). */
#include "query/query_internal.h"

void column_sql(Select *q, Buf *out, const Join *join, Str column, const Join *base, int generation)
{
    join_alias(out, join, base, generation);
    buf_char(out, '.');
    q->dialect->quote_name(out, column);
}

static void field_sql(Select *q, Buf *out, const Operand *o, const Join *base, int generation)
{
    column_sql(q, out, o->join, o->field->name, base, generation);
}

static Str field_text(Select *q, const Operand *o, const Join *base, int generation)
{
    Buf text = buf_new(q->arena, 48);
    field_sql(q, &text, o, base, generation);
    return buf_str(&text);
}

static void value_sql(Select *q, Buf *out, Operand *o)
{
    if (o->param == 0) o->param = select_param(q, o->value);
    sql_param(out, o->param);
}

/* A column for one value counts 0 or 1. */
static void length_sql(Select *q, Buf *out, const Operand *o, const Join *base, int generation)
{
    Str column = field_text(q, o, base, generation);
    if (field_is_list(o->field)) {
        q->dialect->json_length(out, column);
        return;
    }
    buf_add(out, S("(CASE WHEN COALESCE("));
    buf_add(out, column);
    buf_add(out, S(", '') = '' THEN 0 ELSE 1 END)"));
}

/* The submitted value differs from the stored one. */
static void changed_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation)
{
    bool json = o->field->type == FIELD_JSON;
    Operand column = {.kind = json ? OPERAND_JSON : OPERAND_COLUMN,
                      .join = o->join,
                      .field = o->field,
                      .raw = json};
    Operand submitted = {.value = o->value, .param = o->param};
    Side left = operand_side(q, OP_NE, &submitted, &column, base, generation);
    Side right = operand_side(q, OP_NE, &column, &submitted, base, generation);
    o->param = submitted.param;
    buf_char(out, '(');
    comparison_sql(q, out, OP_NE, &left, &right);
    buf_char(out, ')');
}

static void function_sql(Select *q, Buf *out, const Operand *o, const Join *base, int generation)
{
    Str args[STRFTIME_ARGS_MAX];
    assert(o->arg_count <= COUNT(args));
    for (size_t i = 0; i < o->arg_count; i++) {
        Buf text = buf_new(q->arena, 48);
        operand_sql(q, &text, &o->args[i], base, generation);
        args[i] = buf_str(&text);
    }
    if (o->kind == OPERAND_GEO)
        q->dialect->geo_distance(out, args[0], args[1], args[2], args[3]);
    else
        q->dialect->strftime(out, args, o->arg_count);
}

static void plain_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation)
{
    switch (o->kind) {
    case OPERAND_VALUE:
        value_sql(q, out, o);
        return;
    case OPERAND_COLUMN:
        field_sql(q, out, o, base, generation);
        return;
    case OPERAND_JSON:
        q->dialect->json_path(out, field_text(q, o, base, generation), o->path);
        return;
    case OPERAND_LENGTH:
        length_sql(q, out, o, base, generation);
        return;
    case OPERAND_EACH:
        column_sql(q, out, o->join, S("value"), base, generation);
        return;
    case OPERAND_CHANGED:
        changed_sql(q, out, o, base, generation);
        return;
    case OPERAND_STRFTIME:
    case OPERAND_GEO:
        function_sql(q, out, o, base, generation);
        return;
    }
}

/* In "all" comparisons an address that the caller may not see is NULL: were it
 * itself, whether it violates would tell it letter by letter. */
static void shown_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation)
{
    bool guarded = generation > 0 && o->needs_visible_email && o->arg_count == 0;
    if (guarded) {
        buf_add(out, S("CASE WHEN "));
        column_sql(q, out, o->join, S("emailVisibility"), base, generation);
        buf_add(out, S(" = TRUE THEN "));
    }
    plain_sql(q, out, o, base, generation);
    if (guarded) buf_add(out, S(" END"));
}

void operand_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation)
{
    if (!o->lower) {
        shown_sql(q, out, o, base, generation);
        return;
    }
    Buf text = buf_new(q->arena, 64);
    shown_sql(q, &text, o, base, generation);
    q->dialect->lower(out, buf_str(&text));
}

Join *operand_join(const Operand *o)
{
    /* strftime(format, time …): only the time may be of a row */
    if (o->kind == OPERAND_STRFTIME) return o->arg_count > 1 ? operand_join(&o->args[1]) : NULL;
    return o->join;
}
