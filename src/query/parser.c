/* parser.c - from words to a tree of comparisons (api: filters §1).
 *
 *     a = 1 || b = 2 && (c = 3 || d = 4)
 *
 *     OR ─ a = 1
 *        └ AND ─ b = 2
 *              └ OR ─ c = 3
 *                   └ d = 4
 *
 * && binds tighter than ||. A group has at least two children, so brackets
 * leave no trace of their own. The C stack grows with brackets only, of which
 * FILTER_MAX_NESTING may be open at a time.
 */
#include "query/query_internal.h"

typedef struct {
    Arena *arena;
    Lexer lexer;
    LexToken token;  /* the next one */
    const char *end; /* of the token before it */
    Str fault;       /* what an error is about, when it is not the present token */
    size_t comparisons;
    int depth;
} Parser;

static Error *advance(Parser *p)
{
    p->end = p->token.source.ptr + p->token.source.len;
    Error *err = lexer_next(&p->lexer, &p->token);
    if (!err) return NULL;
    size_t rest = p->lexer.rest.len, start = p->lexer.start.len;
    bool took = rest < start;
    p->fault = took ? str_sub(p->lexer.start, 0, start - rest) : p->lexer.start;
    return err;
}

/* From there to the end of what was read last. */
static Str source_from(const Parser *p, const char *start)
{
    return str_make(start, (size_t)(p->end - start));
}

/* ---- names ---- */

static bool modifier_find(Str text, Modifier *out)
{
    static const Str NAMES[] = {
        [MOD_LOWER] = STR_INIT("lower"),     [MOD_LENGTH] = STR_INIT("length"),
        [MOD_EACH] = STR_INIT("each"),       [MOD_ISSET] = STR_INIT("isset"),
        [MOD_CHANGED] = STR_INIT("changed"),
    };
    for (int i = MOD_LOWER; i <= MOD_CHANGED; i++) {
        if (!str_eq(text, NAMES[i])) continue;
        *out = (Modifier)i;
        return true;
    }
    return false;
}

static bool is_literal(Str name)
{
    return str_eq_nocase(name, S("null")) || str_eq_nocase(name, S("true")) ||
           str_eq_nocase(name, S("false"));
}

static NameRoot name_root(const Term *t)
{
    if (str_eq(t->segments[0], S("@request"))) return ROOT_REQUEST;
    if (str_eq(t->segments[0], S("@collection"))) return ROOT_COLLECTION;
    if (t->segments[0].ptr[0] == '@') return ROOT_MACRO;
    if (t->segment_count == 1 && is_literal(t->text)) return ROOT_LITERAL;
    return ROOT_FIELD;
}

/* A ":" elsewhere than in the last segment is for @collection.X:label only. */
static Error *check_segments(Arena *a, const Term *t)
{
    for (size_t i = 0; i < t->segment_count; i++) {
        Str s = t->segments[i];
        bool may_label = i == 1 && t->root == ROOT_COLLECTION;
        if (s.len == 0 || (!may_label && str_find_char(s, ':') >= 0))
            return filter_error(a, "invalid identifier \"%.*s\"", STR_ARG(t->text));
    }
    return NULL;
}

Error *term_from_name(Arena *a, Str name, Term *out)
{
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++)
        dots += name.ptr[i] == '.';
    Term t = {.kind = TERM_NAME, .text = name, .segments = arena_new(a, Str, dots + 1)};
    for (Str rest = name; rest.ptr;)
        t.segments[t.segment_count++] = str_split(&rest, '.');

    Str *last = &t.segments[t.segment_count - 1];
    ptrdiff_t colon = str_find_char(*last, ':');
    bool labels = t.segment_count == 2 && str_eq(t.segments[0], S("@collection"));
    if (colon >= 0 && !labels) {
        Str modifier = str_from_pos(*last, (size_t)colon + 1);
        *last = str_sub(*last, 0, (size_t)colon);
        if (!modifier_find(modifier, &t.modifier))
            return filter_error(a, "unknown modifier in \"%.*s\"", STR_ARG(name));
    }
    t.root = name_root(&t);
    Error *err = check_segments(a, &t);
    if (err) return err;
    *out = t;
    return NULL;
}

/* ---- operands ---- */

static Error *parse_operand(Parser *p, int function_depth, Term *out);

static Error *expected(Parser *p, const char *what)
{
    if (p->token.kind == LEX_END)
        return filter_error(p->arena, "invalid or incomplete filter: %s expected", what);
    return filter_error(p->arena, "%s expected instead of \"%.*s\"", what, STR_ARG(p->token.text));
}

/* The present token is what stands behind the "(". */
static Error *parse_arguments(Parser *p, int function_depth, Term *function)
{
    Term args[STRFTIME_ARGS_MAX];
    size_t count = 0;
    while (p->token.kind != LEX_CLOSE) {
        if (count == COUNT(args))
            return filter_error(p->arena, "too many arguments of %.*s()", STR_ARG(function->text));
        Error *err = parse_operand(p, function_depth, &args[count++]);
        if (err) return err;
        if (p->token.kind == LEX_CLOSE) break;
        if (p->token.kind != LEX_COMMA) return expected(p, "\",\" or \")\"");
        err = advance(p);
        if (err) return err;
    }
    function->args = arena_new(p->arena, Term, count);
    function->arg_count = count;
    if (count > 0) memcpy(function->args, args, count * sizeof args[0]);
    return advance(p);
}

static Error *parse_name(Parser *p, int function_depth, Term *out)
{
    Str name = p->token.text;
    Error *err = advance(p);
    if (err) return err;
    if (p->token.kind != LEX_OPEN) {
        err = term_from_name(p->arena, name, out);
        if (err) p->fault = name;
        return err;
    }

    if (function_depth >= FUNCTION_NESTING_MAX)
        return filter_error(p->arena, "functions are nested too deep");
    *out = (Term){.kind = TERM_FUNCTION, .text = name};
    err = advance(p);
    if (err) return err;
    return parse_arguments(p, function_depth + 1, out);
}

static Error *parse_operand(Parser *p, int function_depth, Term *out)
{
    const char *start = p->token.source.ptr;
    Error *err;
    switch (p->token.kind) {
    case LEX_NAME:
        err = parse_name(p, function_depth, out);
        break;
    case LEX_TEXT:
        *out = (Term){.kind = TERM_TEXT, .text = p->token.text};
        err = advance(p);
        break;
    case LEX_NUMBER:
        *out = (Term){.kind = TERM_NUMBER, .number = p->token.number};
        err = advance(p);
        break;
    default:
        return expected(p, "operand");
    }
    if (!err) out->source = source_from(p, start);
    return err;
}

/* ---- comparisons and groups ---- */

static Error *parse_comparison(Parser *p, Node **out)
{
    if (++p->comparisons > FILTER_MAX_COMPARISONS)
        return filter_error(p->arena, "more than %d comparisons", FILTER_MAX_COMPARISONS);
    Node *node = arena_new(p->arena, Node, 1);
    const char *start = p->token.source.ptr;
    Error *err = parse_operand(p, 0, &node->left);
    if (err) return err;
    if (p->token.kind != LEX_SIGN) return expected(p, "sign");
    node->op = p->token.op;
    node->any = p->token.any;
    err = advance(p);
    if (err) return err;
    err = parse_operand(p, 0, &node->right);
    if (err) return err;
    node->source = source_from(p, start);
    *out = node;
    return NULL;
}

static Error *parse_or(Parser *p, Node **out);

static Error *parse_unit(Parser *p, Node **out)
{
    if (p->token.kind != LEX_OPEN) return parse_comparison(p, out);
    if (++p->depth > FILTER_MAX_NESTING)
        return filter_error(p->arena, "more than %d open brackets", FILTER_MAX_NESTING);
    Error *err = advance(p);
    if (err) return err;
    err = parse_or(p, out);
    if (err) return err;
    if (p->token.kind != LEX_CLOSE) return expected(p, "join or \")\"");
    p->depth--;
    return advance(p);
}

/* Children of one kind, linked; a single one stays without a group. */
static Error *parse_group(Parser *p, bool is_or, Error *(*parse)(Parser *p, Node **out), Node **out)
{
    Node *first;
    const char *start = p->token.source.ptr;
    Error *err = parse(p, &first);
    if (err) return err;
    *out = first;
    Node *last = first;
    while (p->token.kind == LEX_JOIN && p->token.is_or == is_or) {
        if (last == first) {
            Node *group = arena_new(p->arena, Node, 1);
            group->kind = is_or ? NODE_OR : NODE_AND;
            group->first = first;
            *out = group;
        }
        err = advance(p);
        if (err) return err;
        err = parse(p, &last->next);
        if (err) return err;
        last = last->next;
    }
    if (last != first) (*out)->source = source_from(p, start);
    return NULL;
}

static Error *parse_and(Parser *p, Node **out)
{
    return parse_group(p, false, parse_unit, out);
}

static Error *parse_or(Parser *p, Node **out)
{
    return parse_group(p, true, parse_and, out);
}

static Error *parse_all(Parser *p, Node **out)
{
    Error *err = advance(p);
    if (err) return err;
    if (p->token.kind == LEX_END) return filter_error(p->arena, "the filter is empty");
    err = parse_or(p, out);
    if (err) return err;
    return p->token.kind == LEX_END ? NULL : expected(p, "join (&& or ||)");
}

Error *filter_parse_at(Arena *a, Str text, Filter **out, TextSpan *fault)
{
    if (text.len == 0) text = S("");
    Parser p = {
        .arena = a,
        .lexer = {.arena = a, .rest = text, .start = text},
        .token = {.source = str_sub(text, 0, 0)},
    };
    Node *root;
    Error *err = parse_all(&p, &root);
    if (err) {
        Str at = p.fault.ptr ? p.fault : p.token.source;
        *fault = (TextSpan){(size_t)(at.ptr - text.ptr), at.len};
        return err;
    }
    *out = arena_new(a, Filter, 1);
    (*out)->root = root;
    return NULL;
}

Error *filter_parse(Arena *a, Str text, Filter **out)
{
    TextSpan ignored;
    return filter_parse_at(a, text, out, &ignored);
}
