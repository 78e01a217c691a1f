/* resolve.c - from names to operands: which value, which column of which row
 * (api: filters §2, §3, §5, §9).
 *
 * A path is walked from left to right. Each step but the last goes to another
 * row by a join; a json or geoPoint field takes all that is left as a path into
 * its value.
 */
#include "query/query_internal.h"

typedef struct {
    Select *q;
    const Rights *rights;
    const Term *term;
    Join *join; /* the row reached so far */
    size_t at;  /* the next segment */
    int hops;
    bool lenient; /* below @request: what is unknown is NULL */
} Path;

static Error *unknown(const Path *p, const char *what, Operand *out)
{
    *out = (Operand){.kind = OPERAND_VALUE, .value = DB_VALUE_NULL};
    if (p->lenient) return NULL;
    return filter_error(p->q->arena, "%s \"%.*s\"", what, STR_ARG(p->term->text));
}

/* ---- the last step ---- */

static bool is_email(const Path *p, const Field *f)
{
    return p->join->collection->type == COLLECTION_AUTH && str_eq(f->name, S("email"));
}

static Error *each_operand(const Path *p, const Field *f, Operand *out)
{
    Join wanted = {.kind = JOIN_EACH,
                   .scope = p->rights->scope,
                   .parent = p->join,
                   .field = f,
                   .multi = field_is_list(f)};
    Join *each;
    Error *err = join_get(p->q, p->rights, &wanted, &each);
    if (err) return err;
    *out = (Operand){.kind = OPERAND_EACH, .join = each, .field = f, .multi = each->path_multi};
    return NULL;
}

static Error *column_operand(const Path *p, const Field *f, Operand *out)
{
    Modifier m = p->term->modifier;
    bool items = m == MOD_LENGTH || m == MOD_EACH;
    if (m == MOD_ISSET || m == MOD_CHANGED || (items && !field_is_multi_type(f)))
        return unknown(p, "the modifier does not apply to", out);
    if (m == MOD_EACH) return each_operand(p, f, out);

    bool json = f->type == FIELD_JSON;
    *out = (Operand){.kind = m == MOD_LENGTH ? OPERAND_LENGTH
                             : json          ? OPERAND_JSON
                                             : OPERAND_COLUMN,
                     .join = p->join,
                     .field = f,
                     .raw = json,
                     .lower = m == MOD_LOWER,
                     .multi = p->join->path_multi,
                     .needs_visible_email = p->rights->restricted && is_email(p, f)};
    return NULL;
}

static Error *json_operand(const Path *p, const Field *f, Operand *out)
{
    const Term *t = p->term;
    if (t->modifier != MOD_NONE) return unknown(p, "no modifier applies to", out);
    /* the segments lie side by side in the text */
    const char *start = t->segments[p->at + 1].ptr;
    Str last = t->segments[t->segment_count - 1];
    *out = (Operand){.kind = OPERAND_JSON,
                     .join = p->join,
                     .field = f,
                     .raw = true,
                     .path = str_make(start, (size_t)(last.ptr + last.len - start)),
                     .multi = p->join->path_multi};
    return NULL;
}

/* ---- steps to other rows ---- */

/* Filters §9: where the listRule is null nobody but superusers may look. */
static Error *enter(Path *p, Join *wanted)
{
    const Collection *c = wanted->collection;
    if (++p->hops > FILTER_MAX_HOPS)
        return filter_error(p->q->arena, "more than %d steps in \"%.*s\"", FILTER_MAX_HOPS,
                            STR_ARG(p->term->text));
    const Rule *rule = &c->rules[RULE_LIST];
    if (p->rights->restricted && rule->is_null)
        return filter_error(p->q->arena, "\"%.*s\" leads to records that only superusers may list",
                            STR_ARG(p->term->text));
    wanted->scope = p->rights->scope;
    wanted->parent = p->join;
    wanted->rule_pending = p->rights->restricted && rule->text.len > 0;
    Error *err = join_get(p->q, p->rights, wanted, &p->join);
    if (err) return err;
    p->at++;
    return NULL;
}

static Error *enter_relation(Path *p, const Field *f, const Collection *target)
{
    bool multi = field_is_list(f);
    Join wanted = {
        .kind = multi ? JOIN_MULTI : JOIN_SINGLE, .field = f, .collection = target, .multi = multi};
    return enter(p, &wanted);
}

/* A single relation field with a unique index leads to one row at most. */
static Error *enter_back(Path *p, const Collection *from, const Field *f)
{
    bool single = !field_is_list(f) && collection_field_is_unique(from, f->name, NULL);
    Join wanted = {.kind = JOIN_BACK, .field = f, .collection = from, .multi = !single};
    return enter(p, &wanted);
}

/* rel.id of a single relation is the column itself. */
static bool is_own_id(const Path *p, const Field *f)
{
    const Term *t = p->term;
    return !field_is_list(f) && p->at + 2 == t->segment_count &&
           str_eq(t->segments[p->at + 1], S("id")) &&
           (t->modifier == MOD_NONE || t->modifier == MOD_LOWER);
}

static bool is_refused(const Path *p, const Field *f)
{
    return f->hidden && p->rights->no_hidden;
}

/* One segment. *done: `out` is the operand. */
static Error *step(Path *p, Operand *out, bool *done)
{
    const Schema *schema = p->q->env.schema;
    const Collection *from;
    Str segment = p->term->segments[p->at];
    bool last = p->at + 1 == p->term->segment_count;
    const Field *f = collection_field(p->join->collection, segment);
    if (!f && !last && back_relation_find(schema, p->join->collection, segment, &from, &f) &&
        !is_refused(p, f))
        return enter_back(p, from, f);

    *done = true;
    if (!f || is_refused(p, f)) return unknown(p, "unknown field", out);
    if (last) return column_operand(p, f, out);
    if (f->type == FIELD_JSON || f->type == FIELD_GEOPOINT) return json_operand(p, f, out);
    if (f->type != FIELD_RELATION) return unknown(p, "not a relation or json field in", out);
    if (is_own_id(p, f)) return column_operand(p, f, out);
    const Collection *target = schema_find_id(schema, f->collection_id);
    if (!target) return unknown(p, "a missing collection in", out);
    *done = false;
    return enter_relation(p, f, target);
}

static Error *walk(Path *p, Operand *out)
{
    Mark mark = select_mark(p->q, &p->q->where);
    for (bool done = false; !done;) {
        Error *err = step(p, out, &done);
        if (err) return err;
    }
    if (out->kind == OPERAND_VALUE) select_undo(p->q, &p->q->where, mark);
    return NULL;
}

/* ---- where paths start ---- */

static Error *resolve_collection(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    if (t->segment_count < 3)
        return filter_error(q->arena, "\"%.*s\" needs a collection and a field", STR_ARG(t->text));
    Str label = t->segments[1];
    Str name = str_split(&label, ':');
    const Collection *c = schema_find(q->env.schema, name);
    if (!c) return filter_error(q->arena, "unknown collection in \"%.*s\"", STR_ARG(t->text));
    Join wanted = {.kind = JOIN_COLLECTION,
                   .scope = rights->scope,
                   .collection = c,
                   .label = label.ptr ? label : S(""),
                   .multi = true};
    Path p = {.q = q, .rights = rights, .term = t, .at = 2};
    Error *err = join_get(q, rights, &wanted, &p.join);
    if (err) return err;
    if (rights->copy_values) p.join->label = arena_copy(q->arena, p.join->label);
    return walk(&p, out);
}

static Error *resolve_auth(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    const AuthInfo *auth = q->env.info->auth;
    Join wanted = {.kind = JOIN_AUTH,
                   .scope = rights->scope,
                   .collection = auth->collection,
                   .value = DB_VALUE_TEXT(auth->id)};
    Path p = {.q = q, .rights = rights, .term = t, .at = 2, .lenient = true};
    Mark mark = select_mark(q, &q->where);
    Error *err = join_get(q, rights, &wanted, &p.join);
    if (err) return err;
    err = walk(&p, out);
    if (!err && out->kind == OPERAND_VALUE) select_undo(q, &q->where, mark);
    return err;
}

static Error *resolve_body_each(Select *q, const Rights *rights, const Field *f, Operand *out)
{
    Join wanted = {.kind = JOIN_BODY_EACH,
                   .scope = rights->scope,
                   .field = f,
                   .multi = field_is_list(f),
                   .value = value_from_json(q->arena, env_body_value(&q->env, f->name))};
    Join *each;
    Error *err = join_get(q, rights, &wanted, &each);
    if (err) return err;
    *out = (Operand){.kind = OPERAND_EACH, .join = each, .field = f, .multi = each->multi};
    return NULL;
}

/* @request.body.author.org: the records whose ids were submitted. */
static Error *resolve_body_relation(Select *q, const Rights *rights, const Term *t, const Field *f,
                                    Operand *out)
{
    Join wanted = {.kind = JOIN_BODY,
                   .scope = rights->scope,
                   .field = f,
                   .collection = schema_find_id(q->env.schema, f->collection_id),
                   .multi = field_is_list(f),
                   .value = value_from_json(q->arena, env_body_value(&q->env, f->name))};
    Path p = {.q = q, .rights = rights, .term = t, .at = 3, .lenient = true};
    if (!wanted.collection) return unknown(&p, "", out);
    Mark mark = select_mark(q, &q->where);
    Error *err = join_get(q, rights, &wanted, &p.join);
    if (err) return err;
    err = walk(&p, out);
    if (!err && out->kind == OPERAND_VALUE) select_undo(q, &q->where, mark);
    return err;
}

/* What term_value() could not tell: `out` has its value so far. */
static Error *resolve_request(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    if (t->modifier == MOD_LOWER && out->value.type != DB_NULL) {
        out->lower = true; /* of a number */
        return NULL;
    }
    if (str_eq(t->segments[1], S("auth"))) return resolve_auth(q, rights, t, out);

    const Field *f = collection_field(q->env.collection, t->segments[2]);
    assert(f != NULL);
    if (t->segment_count > 3) return resolve_body_relation(q, rights, t, f, out);
    if (t->modifier == MOD_EACH) return resolve_body_each(q, rights, f, out);
    assert(t->modifier == MOD_CHANGED);
    *out = (Operand){.kind = OPERAND_CHANGED,
                     .join = rights->base,
                     .field = f,
                     .raw = true,
                     .value = value_from_json(q->arena, env_body_value(&q->env, f->name))};
    return NULL;
}

/* ---- functions ---- */

static Error *resolve_args(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    out->args = arena_new(q->arena, Operand, t->arg_count);
    out->arg_count = t->arg_count;
    for (size_t i = 0; i < t->arg_count; i++) {
        Error *err = operand_resolve(q, rights, &t->args[i], &out->args[i]);
        if (err) return err;
        if (out->args[i].needs_visible_email) out->needs_visible_email = true;
    }
    return NULL;
}

static Error *resolve_geo(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    if (t->arg_count != 4) return filter_error(q->arena, "geoDistance() takes 4 arguments");
    for (size_t i = 0; i < 4; i++) {
        if (t->args[i].kind == TERM_NAME || t->args[i].kind == TERM_NUMBER) continue;
        return filter_error(q->arena, "geoDistance() takes identifiers and numbers");
    }
    *out = (Operand){.kind = OPERAND_GEO, .raw = true};
    return resolve_args(q, rights, t, out);
}

static Error *resolve_strftime(Select *q, const Rights *rights, const Term *t, Operand *out)
{
    if (t->arg_count < 1 || t->arg_count > STRFTIME_ARGS_MAX)
        return filter_error(q->arena, "strftime() takes 1 to %d arguments", STRFTIME_ARGS_MAX);
    for (size_t i = 0; i < t->arg_count; i++) {
        bool fits = i == 1 ? t->args[i].kind != TERM_FUNCTION : t->args[i].kind == TERM_TEXT;
        if (fits) continue;
        return filter_error(q->arena, "strftime() takes a format text, a time and modifier texts");
    }
    *out = (Operand){.kind = OPERAND_STRFTIME};
    Error *err = resolve_args(q, rights, t, out);
    if (err) return err;
    out->multi = t->arg_count > 1 && out->args[1].multi;
    return NULL;
}

Error *operand_resolve(Select *q, const Rights *rights, const Term *term, Operand *out)
{
    bool known;
    *out = (Operand){.kind = OPERAND_VALUE};
    Error *err = term_value(&q->env, term, &out->value, &known);
    if (err) return err;
    if (known && term->kind == TERM_TEXT && rights->copy_values)
        out->value.text = arena_copy(q->arena, out->value.text);
    if (known) return NULL;

    if (term->kind == TERM_FUNCTION) {
        if (str_eq(term->text, S("geoDistance"))) return resolve_geo(q, rights, term, out);
        if (str_eq(term->text, S("strftime"))) return resolve_strftime(q, rights, term, out);
        return filter_error(q->arena, "unknown function \"%.*s\"", STR_ARG(term->text));
    }
    if (term->root == ROOT_REQUEST) return resolve_request(q, rights, term, out);
    if (term->root == ROOT_COLLECTION) return resolve_collection(q, rights, term, out);
    Path p = {.q = q, .rights = rights, .term = term, .join = rights->base};
    return walk(&p, out);
}
