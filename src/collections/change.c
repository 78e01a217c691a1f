/* change.c - creating, updating, deleting, truncating one collection (api:
 * collections §9). Each is one transaction of its own. */
#include "collections/collections_internal.h"

#include <string.h>

Str raw_sql_error(const Error *err)
{
    switch (db_error_kind(err)) {
    case DB_ERROR_SYNTAX:
    case DB_ERROR_UNIQUE:
    case DB_ERROR_CONSTRAINT:
    case DB_ERROR_OTHER:
        return db_error_raw(err);
    default:
        return (Str){0};
    }
}

static bool is_broken_view(const Error *err)
{
    return err && err->code && strcmp(err->code, VIEW_BROKEN) == 0;
}

/* The endpoint's message above failing fields, or with the engine's words. */
static Error *explain(Arena *a, Error *err, Str message)
{
    if (!err) return NULL;
    Str raw = raw_sql_error(err);
    if (raw.len > 0) {
        Error *shown = error_new(a, 400,
                                 str_printf(a, "%.*s Raw error: %.*s", STR_ARG(message),
                                            STR_ARG(error_sentence(a, raw))));
        return error_cause(a, shown, "%.*s", STR_ARG(err->cause));
    }
    if (is_broken_view(err))
        return error_new(a, 400,
                         str_printf(a, "%.*s Raw error: %.*s", STR_ARG(message),
                                    STR_ARG(error_sentence(a, err->message))));
    return err->field.len > 0 ? error_summary(err, message) : err;
}

/* ---- the pieces ---- */

Error *collection_prepare(Arena *a, const Schema *schema, const Collection *old, const Json *json,
                          Collection **out)
{
    Error *err = collection_from_json(a, old, json, out);
    if (err || old || json_str(json_get(json, S("id")), S("")).len > 0) return err;

    /* The derived id may belong to a collection that had this name before. */
    Str base = (*out)->id;
    for (int n = 2; schema_find_id(schema, (*out)->id); n++) {
        Json *with_id = json_copy(a, json);
        json_set_str(a, with_id, S("id"), str_printf(a, "%.*s%d", STR_ARG(base), n));
        err = collection_from_json(a, NULL, with_id, out);
        if (err) return err;
    }
    return NULL;
}

Error *collection_check_rules(Tx *tx, const Schema *after, const Collection *c)
{
    Arena *a = tx_arena(tx);
    Error *errors = NULL;
    int last = c->type == COLLECTION_AUTH ? RULE_MFA : RULE_DELETE;
    for (int i = 0; i <= last; i++) {
        const Rule *rule = &c->rules[i];
        if (rule->is_null || rule->text.len == 0) continue;
        Error *err = rule_check(a, db_dialect(tx_db(tx)), after, c, rule->text);
        if (!err) continue;
        if (err->status >= 500) return err;
        Str message = str_printf(a, "Invalid rule. Raw error: %.*s", STR_ARG(err->message));
        error_chain(&errors,
                    error_field(a, rule_key((RuleKind)i), "validation_invalid_rule", message));
    }
    return errors;
}

static bool has_field(const Error *err, Str field)
{
    for (; err; err = err->next) {
        if (str_eq(err->field, field)) return true;
    }
    return false;
}

/* Chains errors of fields that are not at fault already. */
static void chain_new(Error **errors, Error *more)
{
    while (more) {
        Error *next = more->next;
        more->next = NULL;
        if (!has_field(*errors, more->field)) error_chain(errors, more);
        more = next;
    }
}

static Error *view_fault(Arena *a, Str reason)
{
    Str message = str_printf(a, "Invalid query - %.*s", STR_ARG(reason));
    return error_field(a, S("viewQuery"), "validation_invalid_view_query",
                       error_sentence(a, message));
}

Error *collection_check(Tx *tx, const Schema *after, Collection *c, const Collection *old)
{
    Arena *a = tx_arena(tx);
    Error *query = NULL;
    if (c->type == COLLECTION_VIEW) {
        query = view_infer(tx, after, c, old);
        if (query && query->status != 400) return query;
        after = schema_with(a, after, c); /* with the fields found */
    }
    Error *errors = collection_validate(tx, a, after, c, old);
    if (errors && errors->field.len == 0) return errors; /* the database failed */
    if (query) chain_new(&errors, view_fault(a, query->message));
    return errors;
}

Error *collection_write(App *app, Tx *tx, Collection *c, const Collection *old)
{
    if (old && !str_eq(old->name, c->name)) {
        Error *err = settings_rename_collection(app->settings, tx, old->name, c->name);
        if (err) return err;
    }
    return schema_save(app->schema, tx, c, old);
}

typedef struct {
    Storage *storage;
    Str prefix;
} Files;

static void remove_files(void *arg)
{
    const Files *files = arg;
    storage_remove_prefix_later(files->storage, files->prefix);
}

Error *collection_drop(App *app, Tx *tx, const Collection *c)
{
    Arena *a = tx_arena(tx);
    Files *files = arena_new(a, Files, 1);
    *files = (Files){app->storage, str_printf(a, "%.*s/", STR_ARG(c->id))};
    Error *err = schema_delete(app->schema, tx, c);
    if (err) return err;
    if (c->type != COLLECTION_VIEW) tx_after_commit(tx, remove_files, files);
    return NULL;
}

/* ---- create, update ---- */

typedef struct {
    App *app;
    const Json *json;
    Str target; /* update: id or name */
    Str if_match;
    bool update;
    Str view_fault; /* what trying the view's query said; empty = nothing */
    Collection *saved;
    Json **changes; /* it is only tried, and this is the result; else NULL */
} Save;

static Error *save_check(const Save *save, Tx *tx, const Schema *schema, Collection *c,
                         const Collection *old)
{
    Arena *a = tx_arena(tx);
    Error *errors = collection_check(tx, schema_with(a, schema, c), c, old);
    if (errors && errors->field.len == 0) return errors;
    if (!old && schema_find_id(schema, c->id))
        chain_new(&errors, error_field(a, S("id"), "validation_invalid_or_existing_id",
                                       S("The id is invalid or already exists.")));
    if (save->view_fault.len > 0) chain_new(&errors, view_fault(a, save->view_fault));
    /* Once more: the fields of a view are known only now. */
    Error *rules = collection_check_rules(tx, schema_with(a, schema, c), c);
    if (rules && rules->field.len == 0) return rules;
    chain_new(&errors, rules);
    return errors;
}

static Error *check_etag(Arena *a, Str if_match, const Collection *c)
{
    if (if_match.len == 0) return NULL;
    Str etag = etag_of_moment(a, c->updated);
    if (etag_matches(a, if_match, etag)) return NULL;
    return etag_stale(a, c->updated, etag, S("The collection was changed meanwhile."));
}

static Error *save_work(Tx *tx, void *arg)
{
    Save *save = arg;
    Arena *a = tx_arena(tx);
    const Schema *schema = schema_in_tx(save->app->schema, tx);
    const Collection *old = save->update ? schema_find(schema, save->target) : NULL;
    if (save->update && !old) return error_status(a, 404);

    Collection *c;
    Error *err = old ? check_etag(a, save->if_match, old) : NULL;
    if (!err) err = collection_prepare(a, schema, old, save->json, &c);
    if (err) return err;
    err = save_check(save, tx, schema, c, old);
    if (err) return err;
    ViewNotes *notes;
    err = schema_views_note(tx, &notes);
    if (err) return err;
    err = collection_write(save->app, tx, c, old);
    if (err) return err;
    err = schema_views_settle(save->app->schema, tx, notes);
    if (err) return err;
    save->saved = c;
    return save->changes ? plan_undo(save->app, tx, save->changes) : NULL;
}

/* The query that this save gives a view; empty when it is none, or has none. */
static Str submitted_query(const Save *save, const Schema *schema)
{
    const Collection *old = save->update ? schema_find(schema, save->target) : NULL;
    Str type = json_str(json_get(save->json, S("type")), S(""));
    bool view = save->update ? old && old->type == COLLECTION_VIEW : str_eq(type, S("view"));
    if (!view) return (Str){0};
    return json_str(json_get(save->json, S("viewQuery")), old ? old->view_query : S(""));
}

/* Rows are read before the transaction, where a slow query stops nobody. What
 * does not compile is said again inside. */
static Error *save_try(Save *save, Arena *a)
{
    const Schema *schema = schema_hold(save->app->schema, a);
    Str query = submitted_query(save, schema);
    if (str_trim(query).len == 0) return NULL;
    Json *ignored;
    Error *err = view_dry_run(save->app, a, schema, query, &ignored);
    if (err && err->status != 400) return err;
    if (err) save->view_fault = err->message;
    return NULL;
}

static Error *save(Save *save, Arena *a)
{
    Error *err = save_try(save, a);
    uint32_t limit_ms = save->changes ? PLAN_MS : 0;
    return err ? err : db_write_alone(save->app->db, a, limit_ms, save_work, save);
}

Error *collection_create(App *app, Arena *a, const Json *json, Collection **out)
{
    Save s = {.app = app, .json = json};
    Error *err = save(&s, a);
    *out = s.saved;
    return explain(a, err, S("Failed to create collection."));
}

Error *collection_update(App *app, Arena *a, Str target, Str if_match, const Json *json,
                         Collection **out)
{
    Save s = {.app = app, .json = json, .target = target, .if_match = if_match, .update = true};
    Error *err = save(&s, a);
    *out = s.saved;
    return explain(a, err, S("Failed to update collection."));
}

Error *collection_save_try(App *app, Arena *a, Str target, const Json *json, Json **changes)
{
    Save s = {
        .app = app, .json = json, .target = target, .update = target.len > 0, .changes = changes};
    Error *err = save(&s, a);
    if (plan_is_undone(err)) return NULL;
    return explain(
        a, err, s.update ? S("Failed to update collection.") : S("Failed to create collection."));
}

/* ---- delete ---- */

static bool has_relation_to(const Collection *c, Str id)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].type == FIELD_RELATION && str_eq(c->fields[i].collection_id, id))
            return true;
    }
    return false;
}

/* Names of the collections that have relations to this one, comma separated.
 * The views that need it are found by dropping it. */
static Str referencing(Arena *a, const Schema *schema, const Collection *c)
{
    Buf names = buf_new(a, 64);
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *other = schema->collections[i];
        if (str_eq(other->id, c->id)) continue;
        if (other->type == COLLECTION_VIEW || !has_relation_to(other, c->id)) continue;
        if (names.len > 0) buf_add(&names, S(", "));
        buf_add(&names, other->name);
    }
    return buf_str(&names);
}

typedef struct {
    App *app;
    Str target;
    Str if_match;
} Target;

static Error *is_referenced(Arena *a, Str names)
{
    return error_new(a, 400,
                     str_printf(a,
                                "Failed to delete collection probably due to existing reference "
                                "in %.*s.",
                                STR_ARG(names)));
}

static Error *delete_work(Tx *tx, void *arg)
{
    const Target *t = arg;
    Arena *a = tx_arena(tx);
    const Schema *schema = schema_in_tx(t->app->schema, tx);
    const Collection *c = schema_find(schema, t->target);
    if (!c) return error_status(a, 404);
    if (c->system)
        return error_cause(a, error_new(a, 400, S("Failed to delete collection.")),
                           "it is a system collection");
    Error *err = check_etag(a, t->if_match, c);
    if (err) return err;
    Str names = referencing(a, schema, c);
    if (names.len > 0) return is_referenced(a, names);
    ViewNotes *notes;
    err = schema_views_note(tx, &notes);
    if (!err) err = collection_drop(t->app, tx, c);
    if (!err) err = schema_views_settle(t->app->schema, tx, notes);
    if (is_broken_view(err))
        return is_referenced(a, json_str(json_get(err->params, S("view")), S("")));
    return err;
}

Error *collection_delete(App *app, Arena *a, Str target, Str if_match)
{
    Target t = {app, target, if_match};
    Error *err = db_write_alone(app->db, a, 0, delete_work, &t);
    return explain(a, err, S("Failed to delete collection."));
}

/* ---- truncate ---- */

static Error *truncate_work(Tx *tx, void *arg)
{
    const Target *t = arg;
    Arena *a = tx_arena(tx);
    const Schema *schema = schema_in_tx(t->app->schema, tx);
    const Collection *c = schema_find(schema, t->target);
    if (!c) return error_status(a, 404);
    if (c->type == COLLECTION_VIEW)
        return error_new(a, 400,
                         S("View collections cannot be truncated since they don't store their own "
                           "records."));
    Error *err = records_truncate_in_tx(t->app, tx, schema, c);
    if (!err || err->status != 400) return err;
    Error *shown = error_new(a, 400,
                             S("Failed to truncate collection (most likely due to required "
                               "cascade delete record references)."));
    return error_cause(a, shown, "%.*s", STR_ARG(err->message));
}

Error *collection_truncate(App *app, Arena *a, Str target)
{
    Target t = {.app = app, .target = target};
    return db_write_alone(app->db, a, 0, truncate_work, &t);
}
