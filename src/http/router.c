/* router.c - from a path to its handler.
 *
 * A tree of path segments. Each node has children by name, one for "{name}"
 * (any segment that is not empty) and routes that end here, or here and in
 * anything below ("{path...}"):
 *
 *     api ─ collections ─ meta ─ scaffolds            GET
 *                       └ {} ─ records                GET, POST
 *                                     └ {}            GET, PATCH, DELETE
 *
 * A name goes before "{}", and that before "{...}"; where the better match has
 * no route for the method, the next one is tried. Segments are decoded one by
 * one, so "%2F" is a character of a segment, never a separator.
 */
#include "http/http_internal.h"

#include "base/encoding.h"
#include "base/utf8.h"

#define SEGMENTS_MAX 48

typedef struct Node Node;

typedef struct {
    const Route *route;
    Str method;
    Str names[ROUTE_PARAMS_MAX]; /* of the parameters, from left to right */
    size_t name_count;
} Leaf;

typedef struct {
    Str name;
    Node *node;
} Child;

struct Node {
    Child *children;
    size_t child_count;
    Node *any; /* "{name}" */
    Leaf *leaves, *rests;
    size_t leaf_count, rest_count;
};

struct Router {
    Arena *arena;
    Node root;
};

/* ---- building ---- */

static Node *child_find(const Node *n, Str name)
{
    for (size_t i = 0; i < n->child_count; i++)
        if (str_eq(n->children[i].name, name)) return n->children[i].node;
    return NULL;
}

/* Built once, from tables in the program: grown by one each time. */
static Node *child_make(Arena *a, Node *n, Str name)
{
    Node *found = child_find(n, name);
    if (found) return found;
    Child *children = arena_new(a, Child, n->child_count + 1);
    if (n->child_count > 0) memcpy(children, n->children, n->child_count * sizeof(Child));
    n->children = children;
    n->children[n->child_count] = (Child){name, arena_new(a, Node, 1)};
    return n->children[n->child_count++].node;
}

static void leaf_add(Arena *a, Leaf **leaves, size_t *count, const Leaf *leaf)
{
    for (size_t i = 0; i < *count; i++)
        assert(!str_eq((*leaves)[i].method, leaf->method)); /* two routes for one thing */
    Leaf *grown = arena_new(a, Leaf, *count + 1);
    if (*count > 0) memcpy(grown, *leaves, *count * sizeof(Leaf));
    grown[(*count)++] = *leaf;
    *leaves = grown;
}

static bool is_param(Str segment)
{
    return str_starts(segment, S("{")) && str_ends(segment, S("}"));
}

static void route_add(Router *router, const Route *route)
{
    Arena *a = router->arena;
    Leaf leaf = {.route = route, .method = str_from(route->method)};
    Node *n = &router->root;
    assert(route->path[0] == '/');
    Str rest = str_from(route->path + 1);
    while (rest.ptr) {
        Str segment = str_split(&rest, '/');
        if (!is_param(segment)) {
            n = child_make(a, n, segment);
            continue;
        }
        assert(leaf.name_count < ROUTE_PARAMS_MAX);
        Str name = str_sub(segment, 1, segment.len - 2);
        if (str_ends(name, S("..."))) {
            assert(!rest.ptr);
            leaf.names[leaf.name_count++] = str_sub(name, 0, name.len - 3);
            leaf_add(a, &n->rests, &n->rest_count, &leaf);
            return;
        }
        leaf.names[leaf.name_count++] = name;
        if (!n->any) n->any = arena_new(a, Node, 1);
        n = n->any;
    }
    leaf_add(a, &n->leaves, &n->leaf_count, &leaf);
}

Router *router_new(Arena *a, const RouteTable *tables, size_t count)
{
    Router *router = arena_new(a, Router, 1);
    router->arena = a;
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            route_add(router, &tables[t].routes[i]);
    return router;
}

/* ---- matching ---- */

typedef struct {
    Str path;
    Str method;                  /* HEAD asks for GET */
    Str segments[SEGMENTS_MAX];  /* decoded */
    size_t starts[SEGMENTS_MAX]; /* where each begins in `path` */
    size_t count;
    bool more; /* the path has more segments than fit */
    Str values[ROUTE_PARAMS_MAX];
    size_t value_count;
} Match;

static const Leaf *leaf_find(const Leaf *leaves, size_t count, Str method)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(leaves[i].method, method)) return &leaves[i];
    return NULL;
}

/* As deep as the deepest route. */
static const Leaf *match_from(const Node *n, Match *m, size_t i)
{
    const Leaf *leaf = NULL;
    if (i == m->count && !m->more) leaf = leaf_find(n->leaves, n->leaf_count, m->method);
    if (leaf || i == m->count) return leaf;

    const Node *named = child_find(n, m->segments[i]);
    if (named) leaf = match_from(named, m, i + 1);
    if (leaf) return leaf;

    if (n->any && m->segments[i].len > 0) {
        m->values[m->value_count++] = m->segments[i];
        leaf = match_from(n->any, m, i + 1);
        if (leaf) return leaf;
        m->value_count--;
    }
    leaf = leaf_find(n->rests, n->rest_count, m->method);
    if (leaf) m->values[m->value_count++] = str_from_pos(m->path, m->starts[i]);
    return leaf;
}

/* Text only: no NUL, and UTF-8 by the book. */
static bool decode(Arena *a, Str raw, bool plus_is_space, Str *out)
{
    if (!percent_decode(a, raw, plus_is_space, out)) return false;
    return out->ptr == raw.ptr || (utf8_valid(*out) && memchr(out->ptr, 0, out->len) == NULL);
}

static bool split_path(Arena *a, Str path, Match *m)
{
    size_t at = 1; /* behind the first '/' */
    while (at <= path.len) {
        if (m->count == SEGMENTS_MAX) {
            m->more = true;
            return true;
        }
        Str rest = str_from_pos(path, at);
        ptrdiff_t slash = str_find_char(rest, '/');
        Str raw = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        if (!decode(a, raw, false, &m->segments[m->count])) return false;
        m->starts[m->count++] = at;
        at += raw.len + 1;
    }
    return true;
}

static bool query_valid(Arena *a, Str query)
{
    Str decoded;
    return str_find_char(query, '%') < 0 || decode(a, query, true, &decoded);
}

const Route *router_match(const Router *router, Request *r, int *status)
{
    Req *req = &r->req;
    *status = 0;
    if (!str_starts(req->path, S("/"))) return NULL;
    bool is_api = str_starts(req->path, S("/api/"));
    Match m = {.path = req->path, .method = req->is_head ? S("GET") : req->method_text};
    if (!split_path(req->arena, req->path, &m)) {
        if (is_api) *status = 400;
        return NULL;
    }
    const Leaf *leaf = match_from(&router->root, &m, 0);
    if (!leaf) return NULL;
    if (!query_valid(req->arena, req->query_string)) *status = 400;

    assert(m.value_count == leaf->name_count);
    for (size_t i = 0; i < m.value_count; i++) {
        Str value = m.values[i];
        /* The rest of a path is taken from the path itself: not decoded yet. */
        bool raw =
            value.ptr >= req->path.ptr && value.ptr + value.len <= req->path.ptr + req->path.len;
        if (raw && !decode(req->arena, value, false, &value)) *status = 400;
        r->params[i] = (HttpHeader){leaf->names[i], value};
    }
    r->param_count = m.value_count;
    return leaf->route;
}
