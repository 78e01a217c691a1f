/* test_rule.c - the body and the answer of the rule tester
 * (docs/dashboard-api.md); the trial itself is records/rule_trial.c. */
#include "auth/auth.h"
#include "collections/collections_internal.h"

typedef struct {
    App *app;
    Arena *a;
    const Schema *schema; /* with the rule in place, compiled, not published */
    RuleTrial trial;
    Record *caller;
    Str auth_collection, auth_id;
} TestRule;

/* ---- the body ---- */

static bool kind_find(Str name, RuleKind *out)
{
    for (int i = 0; i < RULE_MFA; i++) {
        if (!str_eq(name, rule_key((RuleKind)i))) continue;
        *out = (RuleKind)i;
        return true;
    }
    return false;
}

static Error *bad(Arena *a, const char *field, const char *code, Str message)
{
    return error_field(a, str_from(field), code, message);
}

static bool kind_fits(const Collection *c, RuleKind kind)
{
    if (kind == RULE_AUTH || kind == RULE_MANAGE) return c->type == COLLECTION_AUTH;
    return c->type != COLLECTION_VIEW || kind == RULE_LIST || kind == RULE_VIEW;
}

/* The text that stands in for the stored rule: null is a rule, too. */
static void put_rule(Collection *c, RuleKind kind, const Json *rule)
{
    if (!rule) return;
    c->rules[kind] = (Rule){.is_null = rule->type == JSON_NULL, .text = json_str(rule, S(""))};
}

static Error *read_rule(TestRule *t, const Schema *now, const Json *body)
{
    const Schema *after;
    const Collection *c;
    const Json *rule = json_get(body, S("rule"));
    Str id = json_str(json_get(body, S("recordId")), S(""));
    Str fallback = id.len > 0 ? S("viewRule") : S("createRule");
    Str name = json_str(json_get(body, S("ruleName")), fallback);
    Error *err = collection_imagine(t->app, t->a, now, json_get(body, S("collection")), &after, &c);
    if (err) return err;
    if (!kind_find(name, &t->trial.kind) || !kind_fits(c, t->trial.kind))
        return bad(t->a, "ruleName", "validation_in_invalid", S("Must be a valid value."));
    if (json_str(rule, S("")).len > RULE_TEXT_MAX)
        return bad(t->a, "rule", "validation_length_too_long", S("The rule is too long."));
    if (id.len == 0 && t->trial.kind != RULE_CREATE) return error_required(t->a, S("recordId"));

    Collection copy = *c;
    put_rule(&copy, t->trial.kind, rule);
    t->schema = schema_with(t->a, after, &copy);
    /* nobody else has this schema */
    query_compile_schema(NULL, t->a, (Schema *)(uintptr_t)t->schema);
    t->trial.schema = t->schema;
    t->trial.c = schema_find_id(t->schema, c->id);
    assert(t->trial.c); /* it was put there */
    t->trial.id = id;
    return NULL;
}

static Json *texts(Arena *a, const Json *object, bool snake)
{
    Json *out = json_new_object(a);
    for (size_t i = 0; i < json_count(object); i++) {
        const JsonMember *m = &object->object.members[i];
        Str key = snake ? str_lower(a, m->key) : m->key;
        char *bytes = arena_cstr(a, key);
        for (size_t k = 0; snake && k < key.len; k++)
            if (bytes[k] == '-') bytes[k] = '_';
        Str value = m->value.type == JSON_STRING ? m->value.string : json_format(a, &m->value);
        json_set_str(a, out, str_make(bytes, key.len), value);
    }
    return out;
}

static Str usual_method(RuleKind kind)
{
    static const Str METHODS[] = {
        [RULE_LIST] = STR_INIT("GET"),      [RULE_VIEW] = STR_INIT("GET"),
        [RULE_CREATE] = STR_INIT("POST"),   [RULE_UPDATE] = STR_INIT("PATCH"),
        [RULE_DELETE] = STR_INIT("DELETE"), [RULE_AUTH] = STR_INIT("POST"),
        [RULE_MANAGE] = STR_INIT("PATCH"),
    };
    return METHODS[kind];
}

static Error *read_request(TestRule *t, const Json *request)
{
    static const char *const PARTS[] = {"body", "query", "headers"};
    for (size_t i = 0; i < COUNT(PARTS); i++) {
        const Json *part = json_get(request, str_from(PARTS[i]));
        if (part && part->type != JSON_NULL && part->type != JSON_OBJECT)
            return bad(t->a, "request", "validation_invalid_value", S("Must hold objects."));
    }
    Json *body = json_get(request, S("body"));
    bool has_body = json_is(body, JSON_OBJECT);
    t->trial.data = has_body ? body : json_new_object(t->a);
    t->trial.info = (RequestInfo){
        .context = S("default"),
        .method = json_str(json_get(request, S("method")), usual_method(t->trial.kind)),
        .query = texts(t->a, json_get(request, S("query")), false),
        .headers = texts(t->a, json_get(request, S("headers")), true),
        .body = has_body ? body : NULL,
    };
    return NULL;
}

/* ---- the caller ---- */

static Error *caller_work(Tx *tx, void *arg)
{
    TestRule *t = arg;
    const Collection *c = schema_find(t->schema, t->auth_collection);
    Error *err = c && c->type == COLLECTION_AUTH ? record_find(tx, c, t->auth_id, &t->caller)
                                                 : error_status(t->a, 404);
    if (err && err->status == 404)
        return bad(t->a, "auth", "validation_missing_record", S("There is no such auth record."));
    return err;
}

static Error *read_caller(TestRule *t, const Json *auth)
{
    if (!auth || auth->type == JSON_NULL) return NULL;
    t->auth_collection = json_str(json_get(auth, S("collection")), S(""));
    t->auth_id = json_str(json_get(auth, S("id")), S(""));
    Error *err = db_read(t->app->db, t->a, caller_work, t);
    if (err) return err;
    t->trial.info.auth = auth_info_of(t->a, t->caller);
    return NULL;
}

/* ---- the answer ---- */

static Json *value_json(Arena *a, const DbValue *v)
{
    switch (v->type) {
    case DB_INTEGER:
        return json_new_number(a, (double)v->integer);
    case DB_REAL:
        return json_new_number(a, v->real);
    case DB_TEXT:
        return json_new_string(a, v->text);
    default:
        return json_new_null(a);
    }
}

/* The caller's own fields need a look at the database when a rule is asked;
 * here the record is at hand. */
static const DbValue *caller_value(const Record *caller, Str text)
{
    Str prefix = S("@request.auth.");
    if (!caller || !str_starts(text, prefix)) return NULL;
    return record_value(caller, str_from_pos(text, prefix.len));
}

static Json *side_json(Arena *a, const Record *caller, const FilterSide *s)
{
    Json *side = json_new_object(a);
    const DbValue *value = s->known ? &s->value : caller_value(caller, s->text);
    json_set_str(a, side, S("text"), s->text);
    if (s->secret) json_set_bool(a, side, S("secret"), true);
    if (value && !s->secret) json_set(a, side, S("value"), value_json(a, value));
    return side;
}

static Json *part_json(Arena *a, const Record *caller, const FilterPart *p)
{
    static const Str KINDS[] = {[PART_AND] = STR_INIT("and"),
                                [PART_OR] = STR_INIT("or"),
                                [PART_COMPARISON] = STR_INIT("comparison")};
    Json *part = json_new_object(a);
    json_set_str(a, part, S("kind"), KINDS[p->kind]);
    json_set_str(a, part, S("text"), p->text);
    json_set_number(a, part, S("offset"), (double)p->span.offset);
    json_set_number(a, part, S("length"), (double)p->span.length);
    json_set_number(a, part, S("depth"), p->depth);
    if (p->result == EVAL_UNKNOWN)
        json_set(a, part, S("result"), json_new_null(a));
    else
        json_set_bool(a, part, S("result"), p->result == EVAL_TRUE);
    if (p->kind != PART_COMPARISON) return part;
    json_set(a, part, S("left"), side_json(a, caller, &p->left));
    json_set(a, part, S("right"), side_json(a, caller, &p->right));
    return part;
}

static Json *outcome_json(Arena *a, const Record *caller, const RuleOutcome *o)
{
    Json *answer = json_new_object(a), *parts = json_new_array(a);
    json_set_bool(a, answer, S("allowed"), o->allowed);
    json_set_str(a, answer, S("code"), str_from(o->code));
    json_set_str(a, answer, S("reason"), o->reason);
    for (size_t i = 0; i < o->part_count; i++)
        json_push(a, parts, part_json(a, caller, &o->parts[i]));
    json_set(a, answer, S("parts"), parts);
    if (o->part_count > 0) json_set_number(a, answer, S("deciding"), (double)o->deciding);
    return answer;
}

/* A rule that does not hold together holds for nobody. */
static Json *fault_json(Arena *a, const Error *fault, TextSpan at)
{
    RuleOutcome none = {.code = "rule_invalid", .reason = error_sentence(a, fault->message)};
    Json *answer = outcome_json(a, NULL, &none);
    json_set_number(a, answer, S("offset"), (double)at.offset);
    json_set_number(a, answer, S("length"), (double)at.length);
    return answer;
}

Error *collection_test_rule(App *app, Arena *a, const Schema *schema, const Json *body, Json **out)
{
    TestRule t = {.app = app, .a = a};
    Error *err = read_rule(&t, schema, body);
    if (!err) err = read_request(&t, json_get(body, S("request")));
    if (!err) err = read_caller(&t, json_get(body, S("auth")));
    if (err) return err;

    assert(t.trial.c); /* read_rule() has found it */
    const Rule *rule = &t.trial.c->rules[t.trial.kind];
    TextSpan at = {0};
    Error *fault = rule->is_null ? NULL
                                 : query_check(a, db_dialect(app->db), t.schema, t.trial.c, NULL,
                                               CHECK_RULE, rule->text, &at);
    if (fault && fault->status >= 500) return fault;
    if (fault) {
        *out = fault_json(a, fault, at);
        return NULL;
    }
    RuleOutcome outcome;
    err = rule_try(app, a, &t.trial, &outcome);
    if (err) return err;
    *out = outcome_json(a, t.caller, &outcome);
    return NULL;
}
