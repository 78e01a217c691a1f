/* request.c - what a filter can know before any row is read: literals, macros
 * and @request.* (api: filters §2.1, §2.2, §3).
 *
 * Names below @request that nobody knows are NULL, never an error, so that a
 * rule may ask for what only some requests have.
 */
#include "query/query_internal.h"

void env_init(Env *env, Arena *a, const Schema *schema, const Collection *c,
              const RequestInfo *info)
{
    static const RequestInfo NOTHING;
    *env = (Env){.arena = a, .schema = schema, .collection = c, .info = info ? info : &NOTHING};
}

DbValue value_from_json(Arena *a, const Json *json)
{
    if (!json) return DB_VALUE_NULL;
    switch (json->type) {
    case JSON_NULL:
        return DB_VALUE_NULL;
    case JSON_BOOL:
        return DB_VALUE_INT(json->boolean ? 1 : 0);
    case JSON_NUMBER:
        return DB_VALUE_REAL(json->number);
    case JSON_STRING:
        return DB_VALUE_TEXT(json->string);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return DB_VALUE_TEXT(json_format(a, json));
}

const Json *env_body_value(const Env *env, Str key)
{
    return json_get(env->info->body, key);
}

static const Json *step_into(const Json *value, Str segment)
{
    uint64_t index;
    if (!json_is(value, JSON_ARRAY)) return json_get(value, segment);
    return str_to_u64(segment, &index) ? json_at(value, (size_t)index) : NULL;
}

/* The value at segments[from…] of `root`, NULL when there is none. */
static const Json *look_up(const Json *root, const Term *t, size_t from)
{
    const Json *value = root;
    for (size_t i = from; i < t->segment_count && value; i++)
        value = step_into(value, t->segments[i]);
    return value;
}

static Error *wrong_modifier(Env *env, const Term *t)
{
    return filter_error(env->arena, "the modifier of \"%.*s\" does not apply there",
                        STR_ARG(t->text));
}

/* LOWER() of a value; *known false for numbers, whose text only SQL knows. */
static void lower_value(Env *env, DbValue *v, bool *known)
{
    if (v->type == DB_TEXT)
        v->text = str_lower(env->arena, v->text);
    else if (v->type != DB_NULL)
        *known = false;
}

static Error *plain_value(Env *env, const Term *t, const Json *found, DbValue *out, bool *known)
{
    *known = true;
    switch (t->modifier) {
    case MOD_ISSET:
        *out = DB_VALUE_INT(found ? 1 : 0);
        return NULL;
    case MOD_NONE:
        *out = value_from_json(env->arena, found);
        return NULL;
    case MOD_LOWER:
        *out = value_from_json(env->arena, found);
        lower_value(env, out, known);
        return NULL;
    default:
        return wrong_modifier(env, t);
    }
}

/* ---- @request.query, @request.headers ---- */

static const Json *query_or_headers(Env *env, bool headers)
{
    const RequestInfo *info = env->info;
    if (!env->asked_lazy) {
        env->asked_lazy = true;
        env->query = info->query;
        env->headers = info->headers;
        bool missing = !info->query || !info->headers;
        if (missing && info->lazy)
            info->lazy(info->lazy_arg, env->arena, &env->query, &env->headers);
    }
    return headers ? env->headers : env->query;
}

/* ---- @request.body ---- */

static int64_t item_count(const Json *value)
{
    if (!value || value->type == JSON_NULL) return 0;
    return value->type == JSON_ARRAY ? (int64_t)value->array.count : 1;
}

/* Numeric strings for number fields become numbers. */
static DbValue field_value(Env *env, const Field *f, const Json *value)
{
    double number;
    if (f->type == FIELD_NUMBER && json_is(value, JSON_STRING) &&
        str_to_double(value->string, &number))
        return DB_VALUE_REAL(number);
    return value_from_json(env->arena, value);
}

/* @request.body.F where F is a field of the collection. */
static Error *body_field(Env *env, const Term *t, const Field *f, DbValue *out, bool *known)
{
    const Json *value = env_body_value(env, f->name);
    *known = true;
    switch (t->modifier) {
    case MOD_ISSET:
        *out = DB_VALUE_INT(value ? 1 : 0);
        return NULL;
    case MOD_CHANGED:
        *out = DB_VALUE_INT(0);
        *known = value == NULL;
        return NULL;
    case MOD_LENGTH:
        if (!field_is_multi_type(f)) return wrong_modifier(env, t);
        *out = DB_VALUE_INT(item_count(value));
        return NULL;
    case MOD_EACH:
        if (!field_is_multi_type(f)) return wrong_modifier(env, t);
        *known = false;
        return NULL;
    case MOD_NONE:
        *out = field_value(env, f, value);
        return NULL;
    case MOD_LOWER:
        *out = field_value(env, f, value);
        lower_value(env, out, known);
        return NULL;
    }
    return wrong_modifier(env, t);
}

static Error *body_value(Env *env, const Term *t, DbValue *out, bool *known)
{
    const Field *f = collection_field(env->collection, t->segments[2]);
    if (f && t->segment_count == 3) return body_field(env, t, f, out, known);
    if (f && f->type == FIELD_RELATION) { /* the target's fields: a join, if anything was sent */
        *known = item_count(env_body_value(env, f->name)) == 0;
        *out = DB_VALUE_NULL;
        return NULL;
    }
    return plain_value(env, t, look_up(env->info->body, t, 2), out, known);
}

/* ---- @request.auth ---- */

static bool auth_plain_value(const AuthInfo *auth, Str name, DbValue *out)
{
    if (str_eq(name, S("id")))
        *out = DB_VALUE_TEXT(auth->id);
    else if (str_eq(name, S("collectionId")))
        *out = DB_VALUE_TEXT(auth->collection_id);
    else if (str_eq(name, S("collectionName")))
        *out = DB_VALUE_TEXT(auth->collection_name);
    else if (str_eq(name, S("email")))
        *out = DB_VALUE_TEXT(auth->email);
    else if (str_eq(name, S("emailVisibility")))
        *out = DB_VALUE_INT(auth->email_visibility ? 1 : 0);
    else if (str_eq(name, S("verified")))
        *out = DB_VALUE_INT(auth->verified ? 1 : 0);
    else
        return false;
    return true;
}

/* What is not one of the plain values is read from the caller's own record. */
static Error *auth_value(Env *env, const Term *t, DbValue *out, bool *known)
{
    const AuthInfo *auth = env->info->auth;
    if (t->modifier == MOD_ISSET || t->modifier == MOD_CHANGED) return wrong_modifier(env, t);
    *known = true;
    *out = DB_VALUE_NULL;
    if (!auth) return NULL;

    bool plain = t->modifier == MOD_NONE || t->modifier == MOD_LOWER;
    if (plain && t->segment_count == 3 && auth_plain_value(auth, t->segments[2], out)) {
        if (t->modifier == MOD_LOWER) lower_value(env, out, known);
        return NULL;
    }
    *known = !auth->collection || !collection_field(auth->collection, t->segments[2]);
    if (*known && auth->collection && str_find(t->segments[2], S("_via_")) > 0) *known = false;
    return NULL;
}

/* ---- all of @request ---- */

static Error *word_value(Env *env, const Term *t, Str word, DbValue *out, bool *known)
{
    *known = true;
    *out = t->segment_count == 2 ? DB_VALUE_TEXT(word) : DB_VALUE_NULL;
    if (t->modifier == MOD_LOWER)
        lower_value(env, out, known);
    else if (t->modifier != MOD_NONE)
        return wrong_modifier(env, t);
    return NULL;
}

static Error *request_value(Env *env, const Term *t, DbValue *out, bool *known)
{
    if (t->segment_count < 2)
        return filter_error(env->arena, "\"%.*s\" needs a field", STR_ARG(t->text));
    Str part = t->segments[1];
    if (str_eq(part, S("context"))) return word_value(env, t, env->info->context, out, known);
    if (str_eq(part, S("method"))) return word_value(env, t, env->info->method, out, known);

    if (t->segment_count > 2) {
        if (str_eq(part, S("auth"))) return auth_value(env, t, out, known);
        if (str_eq(part, S("body"))) return body_value(env, t, out, known);
        if (str_eq(part, S("query")))
            return plain_value(env, t, look_up(query_or_headers(env, false), t, 2), out, known);
        if (str_eq(part, S("headers")))
            return plain_value(env, t, look_up(query_or_headers(env, true), t, 2), out, known);
    }
    return plain_value(env, t, NULL, out, known);
}

static Error *name_value(Env *env, const Term *t, DbValue *out, bool *known)
{
    switch (t->root) {
    case ROOT_REQUEST:
        return request_value(env, t, out, known);
    case ROOT_MACRO:
        *known = true;
        if (t->modifier == MOD_NONE && macro_value(env, t->text, out)) return NULL;
        return filter_error(env->arena, "unknown field \"%.*s\"", STR_ARG(t->text));
    case ROOT_LITERAL:
        *known = !collection_field(env->collection, t->text); /* a field may be named "True" */
        if (!*known) return NULL;
        if (t->modifier != MOD_NONE) return wrong_modifier(env, t);
        *out = str_eq_nocase(t->text, S("null"))
                   ? DB_VALUE_NULL
                   : DB_VALUE_INT(str_eq_nocase(t->text, S("true")) ? 1 : 0);
        return NULL;
    case ROOT_FIELD:
    case ROOT_COLLECTION:
        break;
    }
    *known = false;
    return NULL;
}

Error *term_value(Env *env, const Term *term, DbValue *out, bool *known)
{
    *known = true;
    switch (term->kind) {
    case TERM_TEXT:
        *out = DB_VALUE_TEXT(term->text);
        return NULL;
    case TERM_NUMBER:
        *out = DB_VALUE_REAL(term->number);
        return NULL;
    case TERM_NAME:
        return name_value(env, term, out, known);
    case TERM_FUNCTION:
        break;
    }
    *known = false;
    return NULL;
}
