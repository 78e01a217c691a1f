/* eval.c - a verdict without the database, for rules that speak of the request
 * and of plain fields of a row that is at hand.
 *
 * Whatever SQL might see differently is EVAL_UNKNOWN: other rows, lists, JSON,
 * modifiers of columns, and columns compared with values of another kind, which
 * SQLite converts first.
 */
#include "query/query_internal.h"

typedef struct {
    Env env;
    EvalRow row;
    void *row_arg;
} Eval;

typedef struct {
    DbValue value;
    bool is_column;
    bool is_number; /* the column's kind */
} EvalSide;

static bool column_is_number(const Field *f)
{
    return f->type == FIELD_NUMBER || f->type == FIELD_BOOL;
}

static bool column_is_text(const Field *f)
{
    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
        return true;
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        return !field_is_list(f);
    default:
        return false;
    }
}

/* Columns of views may be of any kind and collation. */
static bool column_value(Eval *e, const Term *t, EvalSide *out)
{
    const Collection *c = e->env.collection;
    if (!e->row || t->root != ROOT_FIELD || c->type == COLLECTION_VIEW) return false;
    if (t->kind != TERM_NAME || t->segment_count != 1 || t->modifier != MOD_NONE) return false;
    const Field *f = collection_field(c, t->segments[0]);
    if (!f || (!column_is_number(f) && !column_is_text(f))) return false;
    if (!e->row(e->row_arg, f, &out->value)) return false;

    out->is_column = true;
    out->is_number = column_is_number(f);
    DbType type = out->value.type;
    return out->is_number ? type == DB_INTEGER || type == DB_REAL : type == DB_TEXT;
}

static bool side_value(Eval *e, const Term *t, EvalSide *out)
{
    bool known;
    *out = (EvalSide){0};
    if (t->kind == TERM_FUNCTION) return false;
    if (term_value(&e->env, t, &out->value, &known)) return false; /* SQL tells the error */
    return known || column_value(e, t, out);
}

/* SQLite brings a value to the column's kind first: only where that changes
 * nothing the comparison is ours. */
static bool is_ours(const EvalSide *column, const EvalSide *other)
{
    if (!column->is_column || other->value.type == DB_NULL) return true;
    if (other->is_column) return column->is_number == other->is_number;
    bool number = other->value.type != DB_TEXT;
    return column->is_number == number || (column->is_number && other->value.text.len == 0);
}

static EvalResult eval_comparison(Eval *e, const Node *node)
{
    EvalSide left, right;
    if (!side_value(e, &node->left, &left) || !side_value(e, &node->right, &right))
        return EVAL_UNKNOWN;
    bool like = node->op == OP_LIKE || node->op == OP_NOT_LIKE;
    if (like && right.is_column) return EVAL_UNKNOWN;
    if (!like && (!is_ours(&left, &right) || !is_ours(&right, &left))) return EVAL_UNKNOWN;
    return values_compare(e->env.arena, node->op, &left.value, &right.value, false);
}

static EvalResult eval_node(Eval *e, const Node *node)
{
    if (node->kind == NODE_COMPARISON) return eval_comparison(e, node);
    EvalResult decisive = node->kind == NODE_OR ? EVAL_TRUE : EVAL_FALSE;
    EvalResult result = node->kind == NODE_OR ? EVAL_FALSE : EVAL_TRUE;
    for (const Node *child = node->first; child; child = child->next) {
        EvalResult part = eval_node(e, child);
        if (part == decisive) return decisive;
        if (part == EVAL_UNKNOWN) result = EVAL_UNKNOWN;
    }
    return result;
}

EvalResult filter_eval(const Filter *f, Arena *a, const Schema *schema, const Collection *c,
                       const RequestInfo *info, EvalRow row, void *row_arg)
{
    if (!f) return EVAL_TRUE;
    Eval e = {.row = row, .row_arg = row_arg};
    env_init(&e.env, a, schema, c, info);
    return eval_node(&e, f->root);
}

void eval_sides(const Filter *f, Arena *a, const Schema *schema, const Collection *c,
                const RequestInfo *info, EvalRow row, void *row_arg, FilterPart *part)
{
    Eval e = {.row = row, .row_arg = row_arg};
    EvalSide side;
    env_init(&e.env, a, schema, c, info);
    part->left.known = side_value(&e, &f->root->left, &side);
    if (part->left.known) part->left.value = side.value;
    part->right.known = side_value(&e, &f->root->right, &side);
    if (part->right.known) part->right.value = side.value;
}
