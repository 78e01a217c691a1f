/* publish.c - what is made ready for each collection when a schema is
 * published: its rules as trees, and the ends of the commonest SELECT. */
#include "query/query_internal.h"

/* NULL for a rule that is null, empty or does not parse: who asks for one that
 * has a text knows the difference. */
static Filter *parse_rule(Arena *a, const Rule *rule)
{
    Filter *f;
    if (rule->is_null || rule->text.len == 0) return NULL;
    return filter_parse(a, rule->text, &f) ? NULL : f;
}

static void write_ends(Arena *a, const Collection *c, CollectionPlan *plan)
{
    const SqlDialect *dialect = &sqlite_dialect;
    Buf columns = buf_new(a, 64 * (c->field_count + 1)), from = buf_new(a, c->name.len + 16);
    for (size_t i = 0; i < c->field_count; i++) {
        buf_add(&columns, i > 0 ? S(", \"t\".") : S("\"t\"."));
        dialect->quote_name(&columns, c->fields[i].name);
    }
    dialect->quote_name(&from, c->name);
    buf_add(&from, S(" \"t\""));
    plan->columns = buf_str(&columns);
    plan->from = buf_str(&from);
}

void query_compile_schema(void *arg, Arena *arena, Schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        /* nobody has seen the schema yet: this is where its collections are filled */
        Collection *c = (Collection *)(uintptr_t)schema->collections[i];
        CollectionPlan *plan = arena_new(arena, CollectionPlan, 1);
        for (int kind = 0; kind < RULE_COUNT; kind++)
            plan->rules[kind] = parse_rule(arena, &c->rules[kind]);
        write_ends(arena, c, plan);
        c->compiled = plan;
    }
}

const Filter *rule_filter(const Collection *c, RuleKind kind)
{
    const CollectionPlan *plan = c->compiled;
    return plan ? plan->rules[kind] : NULL;
}

Error *collection_rule(Arena *a, const Collection *c, RuleKind kind, const Filter **out)
{
    *out = rule_filter(c, kind);
    if (*out || c->rules[kind].text.len == 0) return NULL;
    Filter *parsed; /* not published, or it does not parse: then for the error */
    Error *err = filter_parse(a, c->rules[kind].text, &parsed);
    if (err) return err;
    *out = parsed;
    return NULL;
}

Error *rule_check(Arena *a, const SqlDialect *dialect, const Schema *schema, const Collection *c,
                  Str rule)
{
    if (rule.len == 0) return NULL;
    Filter *f;
    Error *err = filter_parse(a, rule, &f);
    if (err) return err;
    Select *q = select_new(a, dialect, schema, c, NULL);
    Rights rights = select_rights(q);
    rights.check_all = true;
    return select_where(q, f, &rights);
}
