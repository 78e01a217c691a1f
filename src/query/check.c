/* check.c - where a text that is being typed is at fault.
 *
 * Names are resolved one operand at a time, in the order they are written, so
 * that the first unknown one is named; what remains (too many joins, an
 * operand that fits no comparison) is the fault of a comparison. */
#include "query/query_internal.h"

typedef struct {
    Select *q;
    Rights rights;
    Str text;
    TextSpan *fault;
} Check;

static void blame(Check *k, Str part)
{
    *k->fault = (TextSpan){(size_t)(part.ptr - k->text.ptr), part.len};
}

static Error *check_operand(Check *k, const Term *term)
{
    Operand ignored;
    for (size_t i = 0; i < term->arg_count; i++) {
        Error *err = term->args[i].kind == TERM_TEXT ? NULL : check_operand(k, &term->args[i]);
        if (err) return err;
    }
    Error *err = operand_resolve(k->q, &k->rights, term, &ignored);
    if (err) blame(k, term->source);
    return err;
}

static Error *check_node(Check *k, const Node *node)
{
    for (const Node *child = node->first; child; child = child->next) {
        Error *err = check_node(k, child);
        if (err) return err;
    }
    if (node->kind != NODE_COMPARISON) return NULL;
    Error *err = check_operand(k, &node->left);
    if (!err) err = check_operand(k, &node->right);
    if (err) return err;

    Fold fold;
    Node alone = *node;
    alone.next = NULL;
    Filter filter = {&alone};
    Buf sql = buf_new(k->q->arena, 128);
    err = filter_compile(k->q, &k->rights, &filter, &sql, &fold);
    if (err) blame(k, node->source);
    return err;
}

static Error *check_filter(Check *k, CheckKind kind)
{
    Filter *f;
    if (kind == CHECK_FILTER && k->text.len > FILTER_MAX_BYTES) {
        *k->fault = (TextSpan){FILTER_MAX_BYTES, k->text.len - FILTER_MAX_BYTES};
        return filter_error(k->q->arena, "the filter has more than %d bytes", FILTER_MAX_BYTES);
    }
    Error *err = kind == CHECK_FILTER ? client_text_check(k->q, k->text) : NULL;
    if (!err) err = filter_parse_at(k->q->arena, k->text, &f, k->fault);
    if (err) return err;
    k->rights = kind == CHECK_RULE ? select_rights(k->q) : select_client_rights(k->q);
    k->rights.check_all = true;
    err = check_node(k, f->root);
    if (err) return err;

    /* Each part holds; do all of them together? */
    blame(k, k->text);
    err = select_where(k->q, f, &k->rights);
    return err || kind == CHECK_RULE ? err : select_pending_rules(k->q);
}

static Error *check_sort(Check *k)
{
    for (Str rest = k->text; rest.ptr;) {
        Str piece = str_split(&rest, ',');
        Str term = str_trim(piece);
        if (term.len == 0) {
            *k->fault = (TextSpan){(size_t)(piece.ptr - k->text.ptr), 0};
            return filter_error(k->q->arena, "a field to sort by is missing");
        }
        blame(k, term);
        Error *err = select_sort_client(k->q, term);
        if (err) return err;
    }
    blame(k, k->text);
    Select *whole =
        select_new(k->q->arena, k->q->dialect, k->q->env.schema, k->q->collection, k->q->env.info);
    return select_sort_client(whole, k->text);
}

Error *query_check(Arena *a, const SqlDialect *dialect, const Schema *schema, const Collection *c,
                   const RequestInfo *info, CheckKind kind, Str text, TextSpan *fault)
{
    if (text.len == 0) return NULL;
    Check k = {.q = select_new(a, dialect, schema, c, kind == CHECK_RULE ? NULL : info),
               .text = text,
               .fault = fault};
    *fault = (TextSpan){0};
    Error *err = kind == CHECK_SORT ? check_sort(&k) : check_filter(&k, kind);
    if (err) return err;
    *fault = (TextSpan){0};
    return NULL;
}

/* ---- the pieces of a rule ---- */

typedef struct {
    FilterPart *parts;
    size_t count;
    Str text;
    Arena *a;
    const Schema *schema;
    const Collection *c;
    const RequestInfo *info;
    EvalRow row;
    void *row_arg;
} Parts;

/* What nobody gets to see, superusers neither. */
static bool is_secret(const Collection *c, const Term *t)
{
    if (t->kind != TERM_NAME || t->segment_count == 0) return false;
    const Field *f = collection_field(c, t->segments[t->segment_count - 1]);
    Str last = t->segments[t->segment_count - 1];
    return (f && f->type == FIELD_PASSWORD) || str_eq(last, S("tokenKey")) ||
           str_eq(last, S("password"));
}

static void add_part(Parts *p, const Node *node, int depth)
{
    FilterPart *part = &p->parts[p->count++];
    Node *alone = arena_new(p->a, Node, 1);
    *alone = *node;
    alone->next = NULL;
    *part = (FilterPart){
        .kind = node->kind == NODE_COMPARISON ? PART_COMPARISON
                : node->kind == NODE_AND      ? PART_AND
                                              : PART_OR,
        .text = node->source,
        .span = {(size_t)(node->source.ptr - p->text.ptr), node->source.len},
        .depth = depth,
        .filter = arena_new(p->a, Filter, 1),
    };
    part->filter->root = alone;
    part->result = filter_eval(part->filter, p->a, p->schema, p->c, p->info, p->row, p->row_arg);
    if (node->kind == NODE_COMPARISON) {
        part->left.text = node->left.source;
        part->right.text = node->right.source;
        part->left.secret = is_secret(p->c, &node->left);
        part->right.secret = is_secret(p->c, &node->right);
        eval_sides(part->filter, p->a, p->schema, p->c, p->info, p->row, p->row_arg, part);
    }
    for (const Node *child = node->first; child; child = child->next)
        add_part(p, child, depth + 1);
}

size_t filter_parts(const Filter *f, Str text, Arena *a, const Schema *schema, const Collection *c,
                    const RequestInfo *info, EvalRow row, void *row_arg, FilterPart **out)
{
    Parts p = {.parts = arena_new(a, FilterPart, 2 * (size_t)FILTER_MAX_COMPARISONS),
               .text = text,
               .a = a,
               .schema = schema,
               .c = c,
               .info = info,
               .row = row,
               .row_arg = row_arg};
    add_part(&p, f->root, 0);
    *out = p.parts;
    return p.count;
}
