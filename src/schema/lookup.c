/* lookup.c - finding collections and fields in a schema. */
#include "schema/schema_internal.h"

const char *const rule_keys[RULE_COUNT] = {
    [RULE_LIST] = "listRule",     [RULE_VIEW] = "viewRule",     [RULE_CREATE] = "createRule",
    [RULE_UPDATE] = "updateRule", [RULE_DELETE] = "deleteRule", [RULE_AUTH] = "authRule",
    [RULE_MANAGE] = "manageRule", [RULE_MFA] = "mfa.rule",
};

Str rule_key(RuleKind kind)
{
    assert(kind < RULE_COUNT);
    return str_from(rule_keys[kind]);
}

Str collection_type_name(CollectionType type)
{
    static const char *const NAMES[] = {"base", "auth", "view"};
    assert(type < COUNT(NAMES));
    return str_from(NAMES[type]);
}

bool collection_type_find(Str name, CollectionType *out)
{
    for (int i = COLLECTION_BASE; i <= COLLECTION_VIEW; i++) {
        if (!str_eq(name, collection_type_name((CollectionType)i))) continue;
        *out = (CollectionType)i;
        return true;
    }
    return false;
}

const Field *collection_field(const Collection *c, Str name)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (str_eq(c->fields[i].name, name)) return &c->fields[i];
    }
    return NULL;
}

const Field *collection_field_by_id(const Collection *c, Str id)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (str_eq(c->fields[i].id, id)) return &c->fields[i];
    }
    return NULL;
}

bool collection_field_is_unique(const Collection *c, Str field, bool *nocase)
{
    bool found = false;
    if (nocase) *nocase = false;
    for (size_t i = 0; i < c->index_count; i++) {
        const Index *x = &c->indexes[i];
        if (!x->unique || x->column_count != 1 || x->is_expression[0]) continue;
        if (!str_eq_nocase(x->columns[0], field)) continue;
        found = true;
        if (nocase) *nocase |= x->nocase;
    }
    return found;
}

bool collection_is_superusers(const Collection *c)
{
    return c->system && str_eq(c->name, S("_superusers"));
}

/* Maps of a schema: made with it, read by everybody. */
typedef struct SchemaLookup {
    Map *by_id;
    Map *by_name; /* lower case */
} SchemaLookup;

#define NAME_MAX_BYTES 255

const Collection *schema_find_id(const Schema *s, Str id)
{
    if (s->lookup) return map_get(s->lookup->by_id, id);
    for (size_t i = 0; i < s->count; i++) {
        if (str_eq(s->collections[i]->id, id)) return s->collections[i];
    }
    return NULL;
}

static const Collection *find_name(const Schema *s, Str name)
{
    if (name.len > NAME_MAX_BYTES) return NULL;
    if (!s->lookup) {
        for (size_t i = 0; i < s->count; i++) {
            if (str_eq_nocase(s->collections[i]->name, name)) return s->collections[i];
        }
        return NULL;
    }
    char lower[NAME_MAX_BYTES];
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return map_get(s->lookup->by_name, str_make(lower, name.len));
}

const Collection *schema_find(const Schema *s, Str id_or_name)
{
    const Collection *c = schema_find_id(s, id_or_name);
    return c ? c : find_name(s, id_or_name);
}

Schema *schema_assemble(Arena *a, const Collection *const *collections, size_t count,
                        uint64_t version)
{
    Schema *s = arena_new(a, Schema, 1);
    const Collection **list = arena_new(a, const Collection *, count + 1);
    SchemaLookup *lookup = arena_new(a, SchemaLookup, 1);
    lookup->by_id = map_new(a, count);
    lookup->by_name = map_new(a, count);
    for (size_t i = 0; i < count; i++) {
        Collection *c = arena_new(a, Collection, 1);
        *c = *collections[i];
        c->index = (int)i;
        c->compiled = NULL;
        list[i] = c;
        map_put(lookup->by_id, c->id, c);
        map_put(lookup->by_name, str_lower(a, c->name), c);
    }
    *s = (Schema){.version = version, .collections = list, .count = count, .lookup = lookup};
    return s;
}

const Schema *schema_of(Arena *a, const Collection *const *collections, size_t count)
{
    return schema_assemble(a, collections, count, 0);
}

const Schema *schema_with(Arena *a, const Schema *s, const Collection *c)
{
    const Collection **list = arena_new(a, const Collection *, s->count + 1);
    size_t count = s->count;
    bool replaced = false;
    for (size_t i = 0; i < count; i++) {
        bool same = str_eq(s->collections[i]->id, c->id);
        list[i] = same ? c : s->collections[i];
        replaced |= same;
    }
    if (!replaced) list[count++] = c;
    return schema_assemble(a, list, count, s->version);
}
