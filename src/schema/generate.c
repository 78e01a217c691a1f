/* generate.c - random texts for an autogeneratePattern: "[a-z0-9]{15}".
 *
 * The pattern is read into a tree of nodes, then walked with dice (api:
 * collections §3.2). Only what describes a text by construction is
 * understood: literals, classes, '.', groups, alternatives, repetition. */
#include "base/utf8.h"
#include "schema/schema_internal.h"

#define UNBOUNDED_REPEAT 6 /* what '*', '+' and '{n,}' go up to */
#define REPEAT_MAX       1000
#define DEPTH_MAX        50
#define OUTPUT_MAX       (16 * 1024)
#define STEPS_MAX        (64 * 1024) /* also of parts that write nothing */

/* Halves of UTF-16 pairs are no characters, but stand amid them. */
#define SURROGATE_FIRST 0xD800
#define SURROGATE_LAST  0xDFFF

typedef enum { NODE_CLASS, NODE_SEQUENCE, NODE_CHOICE, NODE_REPEAT } NodeType;

typedef struct {
    uint32_t first, last;
} Range;

typedef struct Node Node;
struct Node {
    NodeType type;
    Range *ranges; /* class: one of these characters */
    size_t range_count, range_cap;
    Node *child; /* sequence, choice: the first of a list; repeat: what */
    Node *next;
    size_t child_count;
    uint32_t min, max;
};

typedef struct {
    Arena *arena;
    Str text;
    size_t at;
    int depth;
    const char *fault;
} Reader;

static bool fail(Reader *r, const char *why)
{
    if (!r->fault) r->fault = why;
    return false;
}

static char peek(const Reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : 0;
}

static bool more(const Reader *r)
{
    return r->at < r->text.len;
}

static uint32_t take_char(Reader *r)
{
    size_t size;
    uint32_t c = utf8_decode(str_from_pos(r->text, r->at), &size);
    r->at += size;
    return c;
}

static Node *new_node(Reader *r, NodeType type)
{
    Node *n = arena_new(r->arena, Node, 1);
    n->type = type;
    return n;
}

static void add_range(Reader *r, Node *n, uint32_t first, uint32_t last)
{
    if (n->range_count == n->range_cap) {
        size_t cap = n->range_cap ? n->range_cap * 2 : 4;
        Range *grown = arena_new(r->arena, Range, cap);
        if (n->range_count > 0) memcpy(grown, n->ranges, n->range_count * sizeof *grown);
        n->ranges = grown;
        n->range_cap = cap;
    }
    n->ranges[n->range_count++] = (Range){first, last};
}

/* \d \w \s and, negated, everything else that prints in ASCII. */
static bool add_named(Reader *r, Node *n, char letter)
{
    switch (letter) {
    case 'd':
        add_range(r, n, '0', '9');
        return true;
    case 'w':
        add_range(r, n, '0', '9');
        add_range(r, n, 'A', 'Z');
        add_range(r, n, '_', '_');
        add_range(r, n, 'a', 'z');
        return true;
    case 's':
        add_range(r, n, ' ', ' ');
        add_range(r, n, '\t', '\n');
        return true;
    case 'D':
        add_range(r, n, ' ', '/');
        add_range(r, n, ':', '~');
        return true;
    case 'W':
        add_range(r, n, ' ', '/');
        add_range(r, n, ':', '@');
        add_range(r, n, '[', '^');
        add_range(r, n, '`', '`');
        add_range(r, n, '{', '~');
        return true;
    case 'S':
        add_range(r, n, '!', '~');
        return true;
    default:
        return false;
    }
}

static bool add_posix(Reader *r, Node *n)
{
    static const struct {
        const char *name;
        Range ranges[3];
    } CLASSES[] = {
        {"[:alpha:]", {{'A', 'Z'}, {'a', 'z'}}},
        {"[:digit:]", {{'0', '9'}}},
        {"[:alnum:]", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
        {"[:lower:]", {{'a', 'z'}}},
        {"[:upper:]", {{'A', 'Z'}}},
        {"[:xdigit:]", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    };
    for (size_t i = 0; i < COUNT(CLASSES); i++) {
        Str name = str_from(CLASSES[i].name);
        if (!str_starts(str_from_pos(r->text, r->at), name)) continue;
        for (size_t k = 0; k < 3 && CLASSES[i].ranges[k].last; k++)
            add_range(r, n, CLASSES[i].ranges[k].first, CLASSES[i].ranges[k].last);
        r->at += name.len;
        return true;
    }
    return fail(r, "unknown class");
}

/* The character an escape stands for; classes are the caller's. */
static bool escaped_char(Reader *r, uint32_t *out)
{
    if (!more(r)) return fail(r, "trailing backslash");
    uint32_t c = take_char(r);
    switch (c) {
    case 'n':
        *out = '\n';
        return true;
    case 't':
        *out = '\t';
        return true;
    case 'r':
        *out = '\r';
        return true;
    default:
        break;
    }
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum) return fail(r, "this escape is not supported");
    *out = c;
    return true;
}

/* Printable ASCII without what the class holds. */
static void negate(Reader *r, Node *n)
{
    Node *other = new_node(r, NODE_CLASS);
    for (uint32_t c = ' '; c <= '~'; c++) {
        bool in = false;
        for (size_t i = 0; i < n->range_count; i++)
            in |= c >= n->ranges[i].first && c <= n->ranges[i].last;
        if (!in) add_range(r, other, c, c);
    }
    *n = *other;
}

static bool class_item(Reader *r, Node *n)
{
    if (str_starts(str_from_pos(r->text, r->at), S("[:"))) return add_posix(r, n);
    uint32_t first = take_char(r);
    if (first == '\\') {
        if (add_named(r, n, peek(r))) {
            r->at++;
            return true;
        }
        if (!escaped_char(r, &first)) return false;
    }
    uint32_t last = first;
    if (peek(r) == '-' && r->at + 1 < r->text.len && r->text.ptr[r->at + 1] != ']') {
        r->at++;
        if (peek(r) == '[') return fail(r, "a range cannot end in a class");
        last = take_char(r);
        if (last == '\\' && !escaped_char(r, &last)) return false;
    }
    if (last < first) return fail(r, "range out of order");
    if (first < SURROGATE_FIRST && last > SURROGATE_LAST) {
        add_range(r, n, first, SURROGATE_FIRST - 1);
        first = SURROGATE_LAST + 1;
    }
    add_range(r, n, first, last);
    return true;
}

static Node *read_class(Reader *r) /* behind '[' */
{
    Node *n = new_node(r, NODE_CLASS);
    bool negated = peek(r) == '^';
    if (negated) r->at++;
    for (bool first = true; more(r) && (first || peek(r) != ']'); first = false) {
        if (!class_item(r, n)) return n;
    }
    if (!more(r)) {
        fail(r, "missing ]");
        return n;
    }
    r->at++;
    if (negated) negate(r, n);
    if (n->range_count == 0) fail(r, "empty class");
    return n;
}

static Node *read_choice(Reader *r);

static Node *read_group(Reader *r) /* behind '(' */
{
    if (peek(r) == '?') {
        if (!str_starts(str_from_pos(r->text, r->at), S("?:"))) fail(r, "unsupported group");
        r->at = MIN(r->at + 2, r->text.len);
    }
    Node *n = read_choice(r);
    if (peek(r) != ')') fail(r, "missing )");
    r->at = MIN(r->at + 1, r->text.len);
    return n;
}

static Node *read_atom(Reader *r)
{
    uint32_t c = take_char(r);
    if (c == '[') return read_class(r);
    if (c == '(') return read_group(r);

    Node *n = new_node(r, NODE_CLASS);
    if (c == '.') {
        add_range(r, n, '0', '9');
        add_range(r, n, 'A', 'Z');
        add_range(r, n, 'a', 'z');
        return n;
    }
    if (c == '\\') {
        if (add_named(r, n, peek(r))) {
            r->at++;
            return n;
        }
        if (!escaped_char(r, &c)) return n;
    } else if (c < 128 && strchr("^$*+?)", (int)c)) {
        fail(r, "anchors and other operators are not supported");
    }
    add_range(r, n, c, c);
    return n;
}

static bool read_number(Reader *r, uint32_t *out)
{
    uint32_t n = 0;
    size_t start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') {
        n = MIN(n * 10 + (uint32_t)(peek(r) - '0'), 100000u);
        r->at++;
    }
    *out = n;
    return r->at > start;
}

/* "{n}", "{n,}", "{n,m}"; the brace is a plain character otherwise. */
static bool read_counts(Reader *r, uint32_t *min, uint32_t *max)
{
    size_t start = r->at++;
    if (read_number(r, min)) {
        *max = *min;
        if (peek(r) == ',') {
            r->at++;
            if (!read_number(r, max)) *max = MAX(*min, (uint32_t)UNBOUNDED_REPEAT);
        }
        if (peek(r) == '}') {
            r->at++;
            return true;
        }
    }
    r->at = start;
    return false;
}

static Node *read_repeat(Reader *r)
{
    Node *n = read_atom(r);
    while (!r->fault && more(r)) {
        uint32_t min, max;
        char c = peek(r);
        if (c == '*' || c == '+' || c == '?') {
            min = c == '+';
            max = c == '?' ? 1 : UNBOUNDED_REPEAT;
            r->at++;
        } else if (c != '{' || !read_counts(r, &min, &max)) {
            break;
        }
        if (max < min || max > REPEAT_MAX) fail(r, "invalid repeat count");
        if (n->type == NODE_REPEAT) fail(r, "nested repetition");
        if (peek(r) == '?') r->at++; /* lazy: the same texts */
        Node *repeat = new_node(r, NODE_REPEAT);
        *repeat = (Node){.type = NODE_REPEAT, .child = n, .min = min, .max = max};
        n = repeat;
    }
    return n;
}

static void append(Node *parent, Node ***end, Node *child)
{
    **end = child;
    *end = &child->next;
    parent->child_count++;
}

static Node *read_sequence(Reader *r)
{
    Node *sequence = new_node(r, NODE_SEQUENCE);
    Node **end = &sequence->child;
    while (!r->fault && more(r) && peek(r) != '|' && peek(r) != ')')
        append(sequence, &end, read_repeat(r));
    return sequence;
}

static Node *read_choice(Reader *r)
{
    Node *choice = new_node(r, NODE_CHOICE);
    if (++r->depth > DEPTH_MAX) {
        fail(r, "nested too deeply");
        return choice;
    }
    Node **end = &choice->child;
    append(choice, &end, read_sequence(r));
    while (!r->fault && peek(r) == '|') {
        r->at++;
        append(choice, &end, read_sequence(r));
    }
    r->depth--;
    return choice;
}

/* ---- throwing the dice ---- */

typedef struct {
    Buf out;
    size_t steps;
} Writer;

static void write_char(Writer *w, const Node *n)
{
    uint32_t total = 0;
    for (size_t i = 0; i < n->range_count; i++)
        total += n->ranges[i].last - n->ranges[i].first + 1;
    uint32_t pick = random_below(total);
    for (size_t i = 0; i < n->range_count; i++) {
        uint32_t size = n->ranges[i].last - n->ranges[i].first + 1;
        if (pick >= size) {
            pick -= size;
            continue;
        }
        uint32_t c = n->ranges[i].first + pick;
        if (c >= 0xd800 && c <= 0xdfff) c = '?'; /* a range across the surrogates */
        char bytes[4];
        buf_add(&w->out, str_make(bytes, utf8_encode(c, bytes)));
        return;
    }
}

static bool write_node(Writer *w, const Node *n)
{
    if (++w->steps > STEPS_MAX || w->out.len > OUTPUT_MAX) return false;
    switch (n->type) {
    case NODE_CLASS:
        write_char(w, n);
        return true;
    case NODE_SEQUENCE:
        for (const Node *child = n->child; child; child = child->next) {
            if (!write_node(w, child)) return false;
        }
        return true;
    case NODE_CHOICE: {
        const Node *child = n->child;
        for (uint32_t skip = random_below((uint32_t)n->child_count); skip > 0; skip--)
            child = child->next;
        return write_node(w, child);
    }
    case NODE_REPEAT: {
        uint32_t count = n->min + (n->max > n->min ? random_below(n->max - n->min) : 0);
        for (uint32_t i = 0; i < count; i++) {
            if (!write_node(w, n->child)) return false;
        }
        return true;
    }
    }
    return false;
}

static Error *invalid_pattern(Arena *a, const char *why)
{
    return error_field(a, (Str){0}, "validation_invalid_autogenerate_pattern",
                       str_printf(a, "Invalid or unsupported pattern: %s.", why));
}

Error *pattern_generate(Arena *a, Str pattern, Str *out)
{
    if (pattern.len > 1000 || !utf8_valid(pattern)) return invalid_pattern(a, "too long");

    Reader r = {.arena = a, .text = pattern};
    const Node *root = read_choice(&r);
    if (!r.fault && more(&r)) fail(&r, "unbalanced )");
    if (r.fault) return invalid_pattern(a, r.fault);

    Writer w = {.out = buf_new(a, 64)};
    if (!write_node(&w, root)) return invalid_pattern(a, "it makes too long a text");
    *out = buf_str(&w.out);
    return NULL;
}
