/* diff.c - what is different between two schemas, for people (docs/dashboard-api.md).
 *
 * Fields are matched by id, so a rename is one; indexes by name; collections by
 * id. Each change has a kind, the names, and what it was and will be. */
#include "collections/collections_internal.h"

typedef struct {
    Arena *a;
    Json *changes;
    const Collection *was, *now;
} Diff;

static Json *add(const Diff *d, const char *kind, Str name)
{
    Arena *a = d->a;
    const Collection *c = d->now ? d->now : d->was;
    Json *change = json_push(a, d->changes, json_new_object(a));
    json_set_str(a, change, S("collection"), c->name);
    json_set_str(a, change, S("collectionId"), c->id);
    json_set_str(a, change, S("kind"), str_from(kind));
    json_set_str(a, change, S("name"), name);
    return change;
}

static void from_to(const Diff *d, Json *change, const Json *from, const Json *to)
{
    if (from) json_set(d->a, change, S("from"), from);
    if (to) json_set(d->a, change, S("to"), to);
}

/* The keys whose values differ: what they were, what they will be. */
static bool changed_keys(const Diff *d, const Json *was, const Json *now, Json **from, Json **to)
{
    Arena *a = d->a;
    *from = json_new_object(a);
    *to = json_new_object(a);
    for (size_t i = 0; i < json_count(now); i++) {
        const JsonMember *m = &now->object.members[i];
        const Json *before = json_get(was, m->key);
        if (before && json_equal(before, &m->value)) continue;
        if (before) json_set(a, *from, m->key, before);
        json_set(a, *to, m->key, &m->value);
    }
    for (size_t i = 0; i < json_count(was); i++) {
        const JsonMember *m = &was->object.members[i];
        if (!json_get(now, m->key)) json_set(a, *from, m->key, &m->value);
    }
    return json_count(*from) > 0 || json_count(*to) > 0;
}

/* ---- fields ---- */

static void diff_field(const Diff *d, const Field *was, const Field *now)
{
    Json *before = field_to_json(d->a, was), *after = field_to_json(d->a, now), *from, *to;
    if (!str_eq(was->name, now->name)) {
        Json *change = add(d, "field_renamed", now->name);
        from_to(d, change, json_new_string(d->a, was->name), json_new_string(d->a, now->name));
    }
    json_remove(before, S("name"));
    json_remove(after, S("name"));
    if (!changed_keys(d, before, after, &from, &to)) return;
    Json *change = add(d, "field_changed", now->name);
    json_set_str(d->a, change, S("fieldId"), now->id);
    from_to(d, change, from, to);
}

static void diff_fields(const Diff *d)
{
    const Collection *was = d->was, *now = d->now;
    for (size_t i = 0; i < was->field_count; i++) {
        const Field *f = &was->fields[i], *same = collection_field_by_id(now, f->id);
        if (!same)
            from_to(d, add(d, "field_removed", f->name), field_to_json(d->a, f), NULL);
        else
            diff_field(d, f, same);
    }
    for (size_t i = 0; i < now->field_count; i++) {
        const Field *f = &now->fields[i];
        if (collection_field_by_id(was, f->id)) continue;
        from_to(d, add(d, "field_added", f->name), NULL, field_to_json(d->a, f));
    }
}

/* The order of the fields that both have. */
static bool is_reordered(const Collection *was, const Collection *now)
{
    size_t last = 0;
    for (size_t i = 0; i < now->field_count; i++) {
        const Field *f = collection_field_by_id(was, now->fields[i].id);
        if (!f) continue;
        size_t at = (size_t)(f - was->fields);
        if (at < last) return true;
        last = at;
    }
    return false;
}

/* ---- indexes, rules, options ---- */

static const Index *index_find(const Collection *c, Str name)
{
    for (size_t i = 0; i < c->index_count; i++)
        if (str_eq_nocase(c->indexes[i].name, name)) return &c->indexes[i];
    return NULL;
}

static Json *index_text(const Diff *d, const Index *x)
{
    return json_new_string(d->a, x->text);
}

static void diff_indexes(const Diff *d)
{
    for (size_t i = 0; i < d->was->index_count; i++) {
        const Index *x = &d->was->indexes[i], *same = index_find(d->now, x->name);
        if (!same)
            from_to(d, add(d, "index_removed", x->name), index_text(d, x), NULL);
        else if (!str_eq(x->text, same->text))
            from_to(d, add(d, "index_changed", x->name), index_text(d, x), index_text(d, same));
    }
    for (size_t i = 0; i < d->now->index_count; i++) {
        const Index *x = &d->now->indexes[i];
        if (!index_find(d->was, x->name))
            from_to(d, add(d, "index_added", x->name), NULL, index_text(d, x));
    }
}

static Json *rule_json(const Diff *d, const Rule *rule)
{
    return rule->is_null ? json_new_null(d->a) : json_new_string(d->a, rule->text);
}

static bool has_rule(const Collection *c, int kind)
{
    if (kind == RULE_LIST || kind == RULE_VIEW) return true;
    if (kind <= RULE_DELETE) return c->type != COLLECTION_VIEW;
    return c->type == COLLECTION_AUTH && kind != RULE_MFA; /* mfa.rule is among the options */
}

static void diff_rules(const Diff *d)
{
    for (int i = 0; i < RULE_COUNT; i++) {
        const Rule *was = &d->was->rules[i], *now = &d->now->rules[i];
        if (!has_rule(d->now, i)) continue;
        if (was->is_null == now->is_null && str_eq(was->text, now->text)) continue;
        Json *change = add(d, "rule_changed", rule_key((RuleKind)i));
        from_to(d, change, rule_json(d, was), rule_json(d, now));
    }
}

static bool is_told_elsewhere(Str key)
{
    static const char *const KEYS[] = {"id",         "name",       "fields",     "indexes",
                                       "created",    "updated",    "listRule",   "viewRule",
                                       "createRule", "updateRule", "deleteRule", "authRule",
                                       "manageRule", "viewQuery"};
    for (size_t i = 0; i < COUNT(KEYS); i++)
        if (str_eq(key, str_from(KEYS[i]))) return true;
    return false;
}

/* Sign-in, tokens, templates, one change a key; never secrets, as in the API. */
static void diff_options(const Diff *d)
{
    Json *was = collection_to_json(d->a, d->was), *now = collection_to_json(d->a, d->now);
    for (size_t i = 0; i < json_count(now); i++) {
        const JsonMember *m = &now->object.members[i];
        const Json *before = json_get(was, m->key);
        if (is_told_elsewhere(m->key) || (before && json_equal(before, &m->value))) continue;
        from_to(d, add(d, "option_changed", m->key), before, &m->value);
    }
}

/* ---- collections ---- */

static void diff_collection(const Diff *d)
{
    const Collection *was = d->was, *now = d->now;
    Arena *a = d->a;
    if (!str_eq(was->name, now->name))
        from_to(d, add(d, "collection_renamed", now->name), json_new_string(a, was->name),
                json_new_string(a, now->name));
    if (!str_eq(was->view_query, now->view_query))
        from_to(d, add(d, "view_changed", now->name), json_new_string(a, was->view_query),
                json_new_string(a, now->view_query));
    diff_fields(d);
    if (is_reordered(was, now)) add(d, "fields_reordered", now->name);
    diff_indexes(d);
    diff_rules(d);
    diff_options(d);
}

Json *schema_diff(Arena *a, const Schema *was, const Schema *now)
{
    Diff d = {.a = a, .changes = json_new_array(a)};
    for (size_t i = 0; i < was->count; i++) {
        d.was = was->collections[i];
        d.now = schema_find_id(now, d.was->id);
        if (d.now)
            diff_collection(&d);
        else
            add(&d, "collection_removed", d.was->name);
    }
    for (size_t i = 0; i < now->count; i++) {
        d.was = NULL;
        d.now = now->collections[i];
        if (schema_find_id(was, d.now->id)) continue;
        from_to(&d, add(&d, "collection_added", d.now->name), NULL, collection_to_json(a, d.now));
    }
    return d.changes;
}
