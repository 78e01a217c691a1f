/* check_rule.c - a rule, filter or sort while it is being typed (docs/dashboard-api.md). */
#include "collections/collections_internal.h"
#include "schema/options.h"

#define INFER_MS 2000

typedef struct {
    const Schema *schema;
    Collection *c;
    const Collection *old;
} Infer;

static Error *infer_work(Tx *tx, void *arg)
{
    Infer *w = arg;
    return view_infer(tx, w->schema, w->c, w->old);
}

/* The fields of a view that is not saved come from its query; while that is not
 * right they are those it had. */
static Error *infer_fields(App *app, Arena *a, const Schema *schema, const Collection *old,
                           Collection *c)
{
    Infer w = {.schema = schema, .c = c, .old = old};
    if (str_trim(c->view_query).len == 0) return NULL;
    Error *err = db_read_slow(app->db, a, INFER_MS, infer_work, &w);
    bool theirs = err && (err->status < 500 || raw_sql_error(err).len > 0);
    if (!theirs || !old) return theirs ? NULL : err;
    c->fields = old->fields;
    c->field_count = old->field_count;
    return NULL;
}

Error *collection_imagine(App *app, Arena *a, const Schema *schema, const Json *json,
                          const Schema **after, const Collection **out)
{
    if (json_is(json, JSON_STRING)) {
        *after = schema;
        *out = schema_find(schema, json_str(json, S("")));
        return *out ? NULL
                    : error_field(a, S("collection"), "validation_missing_collection",
                                  S("There is no such collection."));
    }
    if (!json_is(json, JSON_OBJECT)) return error_required(a, S("collection"));
    const Collection *old = schema_find_id(schema, json_str(json_get(json, S("id")), S("")));
    Collection *c;
    Error *err = collection_prepare(a, schema, old, json, &c);
    if (err) return err;
    if (c->type == COLLECTION_VIEW) {
        err = infer_fields(app, a, schema, old, c);
        if (err) return err;
    }
    *after = schema_with(a, schema, c);
    *out = schema_find_id(*after, c->id);
    return NULL;
}

static bool kind_find(Str text, CheckKind *out)
{
    static const Str KINDS[] = {
        [CHECK_RULE] = STR_INIT("rule"),
        [CHECK_FILTER] = STR_INIT("filter"),
        [CHECK_SORT] = STR_INIT("sort"),
    };
    for (size_t i = 0; i < COUNT(KINDS); i++) {
        if (!str_eq(text, KINDS[i])) continue;
        *out = (CheckKind)i;
        return true;
    }
    return false;
}

Error *collection_check_text(App *app, Arena *a, const Schema *schema, const RequestInfo *info,
                             const Json *body, Json **out)
{
    const Schema *after;
    const Collection *c;
    CheckKind kind;
    Str text = json_str(json_get(body, S("rule")), S(""));
    if (!kind_find(json_str(json_get(body, S("kind")), S("rule")), &kind))
        return error_field(a, S("kind"), "validation_in_invalid", S("Must be a valid value."));
    if (text.len > RULE_TEXT_MAX)
        return error_field(a, S("rule"), "validation_length_too_long", S("The rule is too long."));
    Error *err = collection_imagine(app, a, schema, json_get(body, S("collection")), &after, &c);
    if (err) return err;

    TextSpan fault = {0};
    Error *found = query_check(a, db_dialect(app->db), after, c, info, kind, text, &fault);
    if (found && found->status >= 500) return found;
    Json *answer = json_new_object(a);
    json_set_bool(a, answer, S("ok"), !found);
    if (found) {
        json_set_str(a, answer, S("message"), error_sentence(a, found->message));
        json_set_number(a, answer, S("offset"), (double)fault.offset);
        json_set_number(a, answer, S("length"), (double)fault.length);
    }
    *out = answer;
    return NULL;
}
