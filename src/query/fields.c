/* fields.c - the `fields` picker (api: conventions §7).
 *
 *     "id,title,author.*,body:excerpt(80,true)"
 *
 * is read into a tree of keys:
 *
 *     id  title  author ── *   body [excerpt 80 …]
 *
 * and laid over a value: of an object what the tree names is kept, of an array
 * each element is picked, anything else is kept as it is. At each level '*'
 * stands for every key that no sibling names. A key that is named whole wins
 * over one named in part.
 */
#include "query/query.h"

#define PICK_NODES_MAX 500
#define PICK_DEPTH_MAX 32

typedef struct PickNode PickNode;
struct PickNode {
    Str key;
    PickNode *children;
    PickNode *next;
    bool whole; /* named itself, not only as a parent */
    bool has_excerpt;
    bool with_ellipsis;
    size_t max;
};

struct FieldsPick {
    PickNode *root;
};

typedef struct {
    Arena *arena;
    size_t nodes;
} Parser;

static Error *bad_fields(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 400), "fields: %s", why);
}

/* Cuts the next item off *rest at a comma outside of parentheses and quotes. */
static Error *next_item(Arena *a, Str *rest, Str *item)
{
    int depth = 0;
    char quote = 0;
    size_t i = 0;
    for (; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            if (--depth < 0) return bad_fields(a, "unbalanced parentheses");
        } else if (c == ',' && depth == 0) {
            break;
        }
    }
    if (depth != 0 || quote) return bad_fields(a, "unbalanced parentheses or quotes");

    *item = str_trim(str_sub(*rest, 0, i));
    *rest = i < rest->len ? str_from_pos(*rest, i + 1) : (Str){NULL, 0};
    return NULL;
}

/* "excerpt(80,true)" into the node. */
static Error *read_modifier(Arena *a, Str text, PickNode *node)
{
    if (!str_starts(text, S("excerpt(")) || !str_ends(text, S(")")))
        return bad_fields(a, "unknown modifier");

    Str args = str_sub(text, 8, text.len - 9);
    Str max = str_trim(str_split(&args, ','));
    int64_t count;
    if (!str_to_i64(max, &count) || count <= 0) return bad_fields(a, "excerpt wants a length");
    if (args.ptr) {
        Str flag = str_trim(str_split(&args, ','));
        node->with_ellipsis =
            str_eq(flag, S("true")) || str_eq(flag, S("t")) || str_eq(flag, S("1"));
    }
    if (args.ptr) return bad_fields(a, "excerpt takes two arguments");

    node->has_excerpt = true;
    node->max = (size_t)count;
    return NULL;
}

static PickNode *find_or_add(Parser *p, PickNode **list, Str key)
{
    for (; *list; list = &(*list)->next)
        if (str_eq((*list)->key, key)) return *list;
    p->nodes++;
    *list = arena_new(p->arena, PickNode, 1);
    (*list)->key = key;
    return *list;
}

static Error *add_item(Parser *p, PickNode **root, Str item)
{
    Arena *a = p->arena;
    ptrdiff_t colon = str_find_char(item, ':');
    Str path = colon < 0 ? item : str_sub(item, 0, (size_t)colon);
    PickNode **list = root, *node = NULL;
    for (int depth = 0; path.ptr; depth++) {
        if (depth >= PICK_DEPTH_MAX || p->nodes >= PICK_NODES_MAX)
            return bad_fields(a, "too many or too deep");
        node = find_or_add(p, list, str_trim(str_split(&path, '.')));
        list = &node->children;
    }
    if (!node) return NULL;

    node->whole = true;
    if (colon < 0) return NULL;
    return read_modifier(a, str_from_pos(item, (size_t)colon + 1), node);
}

Error *fields_parse(Arena *a, Str text, FieldsPick **out)
{
    Parser p = {.arena = a};
    FieldsPick *pick = arena_new(a, FieldsPick, 1);
    while (text.ptr && text.len > 0) {
        Str item;
        Error *err = next_item(a, &text, &item);
        if (err) return err;
        if (item.len == 0) continue;
        err = add_item(&p, &pick->root, item);
        if (err) return err;
    }
    *out = pick;
    return NULL;
}

static const PickNode *find(const PickNode *list, Str key)
{
    for (; list; list = list->next)
        if (str_eq(list->key, key)) return list;
    return NULL;
}

static const Json *excerpt_of(Arena *a, const PickNode *node, const Json *value)
{
    if (!node->has_excerpt || value->type != JSON_STRING) return value;
    return json_new_string(a, fields_excerpt(a, value->string, node->max, node->with_ellipsis));
}

static const Json *pick(Arena *a, const PickNode *list, const Json *value);

/* Keys of an object are there once each, so nothing needs to be looked up: a
 * json field may hold very many, and looking for each would take their square. */
static Json *pick_object(Arena *a, const PickNode *list, const Json *value)
{
    const PickNode *star = find(list, S("*"));
    Json *out = json_new_object(a);
    for (size_t i = 0; i < value->object.count; i++) {
        const JsonMember *m = &value->object.members[i];
        const PickNode *node = find(list, m->key);
        if (!node && star && !star->children) node = star;
        if (!node) continue;
        const Json *kept = node->whole || !node->children ? excerpt_of(a, node, &m->value)
                                                          : pick(a, node->children, &m->value);
        json_add(a, out, m->key, kept);
    }
    return out;
}

static const Json *pick(Arena *a, const PickNode *list, const Json *value)
{
    if (value->type == JSON_OBJECT) return pick_object(a, list, value);
    if (value->type != JSON_ARRAY) return value;

    Json *out = json_new_array(a);
    for (size_t i = 0; i < value->array.count; i++)
        json_push(a, out, pick(a, list, &value->array.items[i]));
    return out;
}

/* A list envelope: its items are picked, its numbers stay. */
static bool is_list(const Json *value)
{
    return json_is(json_get(value, S("items")), JSON_ARRAY) &&
           json_is(json_get(value, S("perPage")), JSON_NUMBER) &&
           json_is(json_get(value, S("page")), JSON_NUMBER);
}

const Json *fields_apply(Arena *a, const FieldsPick *fields, const Json *value)
{
    if (!fields->root) return value;
    if (!is_list(value)) return pick(a, fields->root, value);

    Json *out = json_new_object(a);
    for (size_t i = 0; i < value->object.count; i++) {
        const JsonMember *m = &value->object.members[i];
        bool items = str_eq(m->key, S("items"));
        json_set(a, out, m->key, items ? pick(a, fields->root, &m->value) : &m->value);
    }
    return out;
}

bool fields_wants(const FieldsPick *fields, Str key)
{
    return !fields->root || find(fields->root, S("*")) || find(fields->root, key);
}
