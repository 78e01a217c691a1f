/* compile.c - a tree of comparisons as one SQL condition (api: filters §6).
 *
 * What does not depend on the row is decided here (folded), so that the usual
 * rule costs nothing in SQL:
 *
 *     @request.auth.id != "" && author = @request.auth.id
 *
 *     a guest             FOLD_FALSE: nothing can match
 *     signed in           "t"."author" = ?1
 *
 * A NULL condition is as good as a false one everywhere: the language has no
 * negation of conditions.
 */
#include "query/query_internal.h"

/* ---- one comparison ---- */

static void add3(Buf *out, Str left, Str sign, Str right)
{
    buf_add(out, left);
    buf_add(out, sign);
    buf_add(out, right);
}

static void empty_sql(Buf *out, Op op, Str x)
{
    buf_char(out, '(');
    add3(out, x, op == OP_EQ ? S(" = '' OR ") : S(" IS NOT '' AND "), x);
    buf_add(out, op == OP_EQ ? S(" IS NULL)") : S(" IS NOT NULL)"));
}

static Str or_empty(Select *q, Str x)
{
    return str_printf(q->arena, "COALESCE(%.*s, '')", STR_ARG(x));
}

static void equality_sql(Select *q, Buf *out, Op op, const Side *l, const Side *r)
{
    const SqlDialect *d = q->dialect;
    bool known = l->class == SIDE_KNOWN || r->class == SIDE_KNOWN;
    if (l->raw || r->raw)
        (op == OP_EQ ? d->is : d->is_not)(out, l->sql, r->sql);
    else if (known && op == OP_EQ)
        add3(out, l->sql, S(" = "), r->sql);
    else if (known)
        d->is_not(out, l->sql, r->sql);
    else if (l->class == SIDE_EMPTY)
        empty_sql(out, op, r->sql);
    else if (r->class == SIDE_EMPTY)
        empty_sql(out, op, l->sql);
    else if (op == OP_EQ)
        add3(out, or_empty(q, l->sql), S(" = "), or_empty(q, r->sql));
    else
        d->is_not(out, or_empty(q, l->sql), or_empty(q, r->sql));
}

static void like_sql(Select *q, Buf *out, Op op, const Side *l, const Side *r)
{
    Str pattern = r->sql;
    if (!r->is_pattern) {
        Buf wrapped = buf_new(q->arena, r->sql.len + 32);
        q->dialect->concat3(&wrapped, S("'%'"), r->sql, S("'%'"));
        pattern = buf_str(&wrapped);
    }
    q->dialect->like(out, l->sql, pattern, op == OP_NOT_LIKE);
}

void comparison_sql(Select *q, Buf *out, Op op, const Side *left, const Side *right)
{
    switch (op) {
    case OP_EQ:
    case OP_NE:
        equality_sql(q, out, op, left, right);
        return;
    case OP_GT:
        add3(out, left->sql, S(" > "), right->sql);
        return;
    case OP_GE:
        add3(out, left->sql, S(" >= "), right->sql);
        return;
    case OP_LT:
        add3(out, left->sql, S(" < "), right->sql);
        return;
    case OP_LE:
        add3(out, left->sql, S(" <= "), right->sql);
        return;
    case OP_LIKE:
    case OP_NOT_LIKE:
        like_sql(q, out, op, left, right);
        return;
    }
}

static bool is_plain_value(const Operand *o)
{
    return o->kind == OPERAND_VALUE && !o->lower;
}

/* An empty value is written without a parameter, since equality_sql() asks for
 * empty texts and NULLs by itself: a parameter that no SQL names cannot be bound. */
static bool is_spelled_out(Op op, const Operand *o, const Operand *other)
{
    return (op == OP_EQ || op == OP_NE) && is_plain_value(o) && !other->raw &&
           value_class(&o->value) == SIDE_EMPTY;
}

Side operand_side(Select *q, Op op, Operand *o, const Operand *other, const Join *base,
                  int generation)
{
    if (is_spelled_out(op, o, other)) return (Side){.sql = S("''"), .class = SIDE_EMPTY};
    Buf text = buf_new(q->arena, 48);
    operand_sql(q, &text, o, base, generation);
    return (Side){.sql = buf_str(&text),
                  .class = o->kind == OPERAND_VALUE ? value_class(&o->value) : SIDE_OTHER,
                  .raw = o->raw,
                  .is_pattern = o->is_pattern};
}

/* ---- what needs no SQL ---- */

static bool is_null(const Operand *o)
{
    return o->kind == OPERAND_VALUE && o->value.type == DB_NULL;
}

static Fold fold_comparison(Select *q, Op op, const Operand *left, const Operand *right)
{
    bool null_matters_not = op == OP_EQ || op == OP_NE;
    if (!null_matters_not && (is_null(left) || is_null(right))) return FOLD_FALSE;
    if (!is_plain_value(left) || !is_plain_value(right)) return FOLD_SQL;
    switch (values_compare(q->arena, op, &left->value, &right->value, false)) {
    case EVAL_TRUE:
        return FOLD_TRUE;
    case EVAL_FALSE:
        return FOLD_FALSE;
    case EVAL_UNKNOWN:
        break;
    }
    return FOLD_SQL;
}

/* ---- a comparison with all that belongs to it ---- */

static Error *make_pattern(Select *q, Operand *right)
{
    if (!is_plain_value(right)) return NULL;
    Str pattern;
    if (!like_pattern(q->arena, &right->value, &pattern))
        return filter_error(q->arena, "the text to search for is too long");
    right->value = DB_VALUE_TEXT(pattern);
    right->is_pattern = true;
    return NULL;
}

/* Who may not see an e-mail address must not find it either. */
static void visible_email_sql(Select *q, Buf *out, const Operand *o, const Join *base)
{
    if (!o->needs_visible_email) return;
    for (size_t i = 0; i < o->arg_count; i++)
        visible_email_sql(q, out, &o->args[i], base);
    if (o->arg_count > 0) return;
    buf_add(out, S(" AND "));
    column_sql(q, out, o->join, S("emailVisibility"), base, 0);
    buf_add(out, S(" = TRUE"));
}

static void whole_comparison_sql(Select *q, const Rights *rights, const Node *node, Operand *left,
                                 Operand *right, Buf *out)
{
    bool all = !node->any && (left->multi || right->multi);
    bool emails = left->needs_visible_email || right->needs_visible_email;
    if (all || emails) buf_char(out, '(');
    Side l = operand_side(q, node->op, left, right, rights->base, 0);
    Side r = operand_side(q, node->op, right, left, rights->base, 0);
    comparison_sql(q, out, node->op, &l, &r);
    if (all) multimatch_sql(q, out, node->op, left, right, rights->base);
    visible_email_sql(q, out, left, rights->base);
    visible_email_sql(q, out, right, rights->base);
    if (all || emails) buf_char(out, ')');
}

static Error *compile_comparison(Select *q, const Rights *rights, const Node *node, Buf *out,
                                 Fold *fold)
{
    Operand left, right;
    Error *err = operand_resolve(q, rights, &node->left, &left);
    if (err) return err;
    err = operand_resolve(q, rights, &node->right, &right);
    if (err) return err;
    *fold = fold_comparison(q, node->op, &left, &right);
    if (*fold != FOLD_SQL) return NULL;
    if (node->op == OP_LIKE || node->op == OP_NOT_LIKE) {
        err = make_pattern(q, &right);
        if (err) return err;
    }
    whole_comparison_sql(q, rights, node, &left, &right, out);
    return NULL;
}

/* ---- groups ---- */

static Error *compile_node(Select *q, const Rights *rights, const Node *node, Buf *out, Fold *fold);

/* In an AND a true part drops out and a false one decides; in an OR the other
 * way round. After the decision the rest is compiled only for its errors. */
static Error *compile_group(Select *q, const Rights *rights, const Node *group, Buf *out,
                            Fold *fold)
{
    bool is_or = group->kind == NODE_OR;
    Fold decisive = is_or ? FOLD_TRUE : FOLD_FALSE;
    Fold result = is_or ? FOLD_FALSE : FOLD_TRUE;
    Mark start = select_mark(q, out);
    if (is_or) buf_char(out, '(');
    for (const Node *child = group->first; child; child = child->next) {
        Mark mark = select_mark(q, out);
        if (result == FOLD_SQL) buf_add(out, is_or ? S(" OR ") : S(" AND "));
        Fold part;
        Error *err = compile_node(q, rights, child, out, &part);
        if (err) return err;
        if (part != FOLD_SQL || result == decisive) select_undo(q, out, mark);
        if (part == decisive)
            result = decisive;
        else if (part == FOLD_SQL && result != decisive)
            result = FOLD_SQL;
        if (result == decisive && !rights->check_all) break;
    }
    if (result != FOLD_SQL)
        select_undo(q, out, start);
    else if (is_or)
        buf_char(out, ')');
    *fold = result;
    return NULL;
}

static Error *compile_node(Select *q, const Rights *rights, const Node *node, Buf *out, Fold *fold)
{
    if (node->kind != NODE_COMPARISON) return compile_group(q, rights, node, out, fold);
    return compile_comparison(q, rights, node, out, fold);
}

Error *filter_compile(Select *q, const Rights *rights, const Filter *f, Buf *out, Fold *fold)
{
    Mark mark = select_mark(q, out);
    Error *err = compile_node(q, rights, f->root, out, fold);
    if (err) return err;
    if (*fold != FOLD_SQL) select_undo(q, out, mark);
    return NULL;
}
