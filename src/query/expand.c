/* expand.c - `expand` paths as a tree, and the collections behind "x_via_y".
 *
 *     "author,author.org, comments_via_post"      (api: conventions §6.2)
 *
 *     author ── org
 *     comments_via_post
 *
 * Blanks are dropped everywhere, empty paths and steps are skipped, steps
 * beyond the sixth are ignored. A path that is a prefix of another one needs no
 * care: in a tree it is the same branch. The legacy step "comments(post)" is
 * "comments_via_post".
 */
#include "query/query.h"

#define EXPAND_DEPTH_MAX 6
#define EXPAND_NODES_MAX 200

typedef struct {
    Arena *arena;
    size_t nodes;
} Builder;

static Str without_spaces(Arena *a, Str text)
{
    char *out = arena_bytes(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ') out[len++] = text.ptr[i];
    return str_make(out, len);
}

/* "comments(post)" as "comments_via_post"; any other step as it is. */
static Str modern_step(Arena *a, Str step)
{
    ptrdiff_t open = str_find_char(step, '(');
    if (open <= 0 || !str_ends(step, S(")")) || (size_t)open + 2 >= step.len) return step;

    Str from = str_sub(step, 0, (size_t)open);
    Str field = str_sub(step, (size_t)open + 1, step.len - (size_t)open - 2);
    return str_printf(a, "%.*s_via_%.*s", STR_ARG(from), STR_ARG(field));
}

/* The node of `step` among the siblings starting at *list, made when missing;
 * NULL when the tree is full. */
static ExpandNode *find_or_add(Builder *b, ExpandNode **list, Str step)
{
    for (; *list; list = &(*list)->next)
        if (str_eq((*list)->step, step)) return *list;
    if (b->nodes >= EXPAND_NODES_MAX) return NULL;

    b->nodes++;
    *list = arena_new(b->arena, ExpandNode, 1);
    (*list)->step = step;
    return *list;
}

static void add_path(Builder *b, ExpandNode **root, Str path)
{
    ExpandNode **list = root;
    int depth = 0;
    while (path.ptr && depth < EXPAND_DEPTH_MAX) {
        Str step = str_split(&path, '.');
        if (step.len == 0) continue;
        ExpandNode *node = find_or_add(b, list, modern_step(b->arena, step));
        if (!node) return;
        list = &node->children;
        depth++;
    }
}

ExpandNode *expand_parse(Arena *a, Str text)
{
    Builder b = {.arena = a};
    ExpandNode *root = NULL;
    Str rest = without_spaces(a, text);
    while (rest.ptr && rest.len > 0)
        add_path(&b, &root, str_split(&rest, ','));
    return root;
}

/* Names may hold "_via" themselves, so each "_via_" is tried as the border. */
bool back_relation_find(const Schema *schema, const Collection *target, Str step,
                        const Collection **from, const Field **field)
{
    for (size_t at = 1; at + 5 < step.len; at++) {
        if (!str_starts(str_from_pos(step, at), S("_via_"))) continue;

        const Collection *c = schema_find(schema, str_sub(step, 0, at));
        if (!c) continue;
        const Field *f = collection_field(c, str_from_pos(step, at + 5));
        if (!f || f->type != FIELD_RELATION || !str_eq(f->collection_id, target->id)) continue;

        *from = c;
        *field = f;
        return true;
    }
    return false;
}
