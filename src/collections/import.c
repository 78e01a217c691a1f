/* import.c - many definitions at once, all or nothing (api: collections §9).
 *
 * First all new definitions are made, so that each can be checked against the
 * schema as it is going to be: they may refer to each other in any order. Then
 * what is missing is deleted, then each is checked and written, views last. */
#include "collections/collections_internal.h"

#define IMPORT_MAX 1000

typedef struct {
    Collection *c;
    const Collection *old; /* NULL = new */
} Item;

typedef struct {
    App *app;
    Arena *a;
    const Schema *schema; /* as it is */
    const Schema *after;  /* as it is going to be */
    const Json *list;
    bool delete_missing;
    Json **changes; /* it is only tried, and this is the result; else NULL */
    Item *items;
    size_t count;
} Import;

/* ---- laying a submitted definition over the stored one ---- */

static const Collection *stored_for(const Schema *schema, const Json *json)
{
    Str id = json_str(json_get(json, S("id")), S(""));
    if (id.len > 0) return schema_find_id(schema, id);
    Str name = json_str(json_get(json, S("name")), S(""));
    return name.len > 0 ? schema_find(schema, name) : NULL;
}

/* A field under an id we do not know, but with the name and type of one we
 * have, is that one: its column stays. */
static void adopt_ids(Arena *a, const Collection *old, Json *fields)
{
    for (size_t i = 0; i < json_count(fields); i++) {
        Json *field = json_at(fields, i);
        if (!json_is(field, JSON_OBJECT)) continue;
        Str id = json_str(json_get(field, S("id")), S(""));
        if (id.len > 0 && collection_field_by_id(old, id)) continue;
        const Field *same = collection_field(old, json_str(json_get(field, S("name")), S("")));
        if (!same) continue;
        if (str_eq(json_str(json_get(field, S("type")), S("")), field_type_name(same->type)))
            json_set_str(a, field, S("id"), same->id);
    }
}

static bool has_id(const Json *fields, Str id)
{
    for (size_t i = 0; i < json_count(fields); i++) {
        if (str_eq(json_str(json_get(json_at(fields, i), S("id")), S("")), id)) return true;
    }
    return false;
}

static Json *merge_fields(const Import *im, const Collection *old, const Json *json)
{
    Arena *a = im->a;
    Json *merged = json_copy(a, json);
    Json *fields = json_get(merged, S("fields"));
    if (!fields || fields->type == JSON_NULL)
        fields = json_set(a, merged, S("fields"), json_new_array(a));
    if (!json_is(fields, JSON_ARRAY)) return merged; /* the reader says what is wrong */

    adopt_ids(a, old, fields);
    for (size_t i = 0; i < old->field_count; i++) {
        const Field *f = &old->fields[i];
        if (has_id(fields, f->id) || (im->delete_missing && !f->system)) continue;
        json_push(a, fields, field_to_json(a, f));
    }
    return merged;
}

static Error *named(Arena *a, const Json *json, Error *err)
{
    Str name = json_str(json_get(json, S("name")), json_str(json_get(json, S("id")), S("?")));
    Buf text = buf_new(a, 128);
    buf_printf(&text, "collection \"%.*s\"", STR_ARG(name));
    for (const Error *e = err; e; e = e->next) {
        Str raw = raw_sql_error(e);
        buf_printf(&text, e->field.len > 0 ? "; %.*s: %.*s" : "; %.*s%.*s", STR_ARG(e->field),
                   STR_ARG(raw.len > 0 ? raw : e->message));
    }
    if (err->status >= 500 && raw_sql_error(err).len == 0) return err;
    return error_cause(a, error_new(a, 400, buf_str(&text)), "%.*s", STR_ARG(err->cause));
}

static Error *prepare_item(Import *im, const Json *json)
{
    const Collection *old = stored_for(im->schema, json);
    for (size_t i = 0; i < im->count && old; i++) {
        if (im->items[i].old == old) return error_new(im->a, 400, S("It is listed twice."));
    }
    Collection *c;
    Error *err =
        collection_prepare(im->a, im->schema, old, old ? merge_fields(im, old, json) : json, &c);
    if (err) return err;
    for (size_t i = 0; i < im->count; i++) {
        if (str_eq(im->items[i].c->id, c->id))
            return error_new(im->a, 400, S("It is listed twice."));
    }
    im->items[im->count++] = (Item){c, old};
    return NULL;
}

/* ---- the schema as it is going to be ---- */

static const Item *item_of(const Import *im, const Collection *stored)
{
    for (size_t i = 0; i < im->count; i++) {
        if (im->items[i].old == stored) return &im->items[i];
    }
    return NULL;
}

static void foresee(Import *im)
{
    const Collection **list =
        arena_new(im->a, const Collection *, im->schema->count + im->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < im->schema->count; i++) {
        const Collection *stored = im->schema->collections[i];
        const Item *item = item_of(im, stored);
        if (item)
            list[count++] = item->c;
        else if (!im->delete_missing || stored->system)
            list[count++] = stored;
    }
    for (size_t i = 0; i < im->count; i++) {
        if (!im->items[i].old) list[count++] = im->items[i].c;
    }
    im->after = schema_of(im->a, list, count);
}

static Error *delete_missing(const Import *im, Tx *tx)
{
    for (size_t i = 0; i < im->schema->count && im->delete_missing; i++) {
        const Collection *stored = im->schema->collections[i];
        if (stored->system || item_of(im, stored)) continue;
        Error *err = collection_drop(im->app, tx, stored);
        if (err) return err;
    }
    return NULL;
}

/* What was not imported may not be left with a relation to nothing. */
static Error *check_kept(const Import *im)
{
    for (size_t i = 0; i < im->after->count; i++) {
        const Collection *c = im->after->collections[i];
        for (size_t k = 0; k < c->field_count; k++) {
            const Field *f = &c->fields[k];
            if (f->type != FIELD_RELATION || schema_find_id(im->after, f->collection_id)) continue;
            return error_new(
                im->a, 400,
                str_printf(im->a, "the field %.*s.%.*s refers to a collection that would be gone",
                           STR_ARG(c->name), STR_ARG(f->name)));
        }
    }
    return NULL;
}

static Error *named_item(const Import *im, const Item *item, Error *err)
{
    Json *name = json_new_object(im->a);
    json_set_str(im->a, name, S("name"), item->c->name);
    return named(im->a, name, err);
}

static Error *write_tables(Import *im, Tx *tx)
{
    for (size_t i = 0; i < im->count; i++) {
        Item *item = &im->items[i];
        if (item->c->type == COLLECTION_VIEW) continue;
        Error *err = collection_check(tx, im->after, item->c, item->old);
        if (!err) err = collection_write(im->app, tx, item->c, item->old);
        if (err) return named_item(im, item, err);
    }
    return NULL;
}

/* ---- views: after the tables, each after those it is made of ---- */

typedef struct {
    Import *im;
    Item *item;
} ViewItemWork;

static Error *sample_view(Tx *tx, void *arg)
{
    const ViewItemWork *w = arg;
    Record *records[VIEW_SAMPLE_MAX];
    size_t count;
    return view_sample(tx, w->item->c, records, &count);
}

static Error *write_view(Tx *tx, void *arg)
{
    const ViewItemWork *w = arg;
    Item *item = w->item;
    Error *err = collection_check(tx, w->im->after, item->c, item->old);
    if (!err) err = tx_limited(tx, VIEW_IMPORT_MS, sample_view, arg);
    if (err) return err;
    return collection_write(w->im->app, tx, item->c, item->old);
}

/* In any order they may be listed in: again and again, as long as one more
 * can be made. */
static Error *write_views(Import *im, Tx *tx)
{
    bool *done = arena_new(im->a, bool, im->count + 1);
    for (;;) {
        Error *first = NULL;
        bool progress = false;
        for (size_t i = 0; i < im->count; i++) {
            Item *item = &im->items[i];
            if (done[i] || item->c->type != COLLECTION_VIEW) continue;
            ViewItemWork work = {im, item};
            Error *err = tx_nested(tx, write_view, &work);
            if (err && !first) first = named_item(im, item, err);
            if (err) continue;
            done[i] = progress = true;
            foresee(im); /* with the fields it turned out to have */
        }
        if (!first || !progress) return first;
    }
}

/* Last: a rule may speak of any other collection. */
static Error *check_rules(const Import *im, Tx *tx)
{
    for (size_t i = 0; i < im->count; i++) {
        Error *err = collection_check_rules(tx, im->after, im->items[i].c);
        if (err) return named_item(im, &im->items[i], err);
    }
    return NULL;
}

static Error *import_work(Tx *tx, void *arg)
{
    Import *im = arg;
    im->a = tx_arena(tx);
    im->schema = schema_in_tx(im->app->schema, tx);
    im->items = arena_new(im->a, Item, json_count(im->list));
    im->count = 0;
    for (size_t i = 0; i < json_count(im->list); i++) {
        const Json *json = json_at(im->list, i);
        Error *err = prepare_item(im, json);
        if (err) return named(im->a, json, err);
    }
    foresee(im);
    ViewNotes *notes;
    Error *err = schema_views_note(tx, &notes);
    if (!err) err = delete_missing(im, tx);
    if (!err) err = write_tables(im, tx);
    if (!err) err = write_views(im, tx);
    if (!err) err = check_rules(im, tx);
    if (!err) err = check_kept(im);
    if (err) return err;
    err = schema_views_settle(im->app->schema, tx, notes);
    return err || !im->changes ? err : plan_undo(im->app, tx, im->changes);
}

/* ---- the request ---- */

static Error *import_failure(Arena *a, Error *err)
{
    Str raw = raw_sql_error(err);
    if (!err || (err->status >= 500 && raw.len == 0)) return err;
    Str message = str_printf(a, "Failed to import collections. Raw error: %.*s",
                             STR_ARG(raw.len > 0 ? raw : err->message));
    Error *shown = error_field(a, S("collections"), "validation_collections_import_failure",
                               error_sentence(a, message));
    error_cause(a, shown, "%.*s", STR_ARG(err->cause));
    return error_summary(shown, S("Failed to import collections."));
}

static Error *import(App *app, Arena *a, const Json *body, Json **changes)
{
    const Json *list = json_get(body, S("collections"));
    if (json_count(list) == 0)
        return error_summary(error_required(a, S("collections")),
                             S("An error occurred while validating the submitted data."));
    if (!json_is(list, JSON_ARRAY) || json_count(list) > IMPORT_MAX)
        return error_new(a, 400, S("An error occurred while loading the submitted data."));

    Import im = {.app = app,
                 .list = list,
                 .changes = changes,
                 .delete_missing = json_bool(json_get(body, S("deleteMissing")), false)};
    Error *err = db_write_alone(app->db, a, changes ? PLAN_MS : 0, import_work, &im);
    return plan_is_undone(err) ? NULL : import_failure(a, err);
}

Error *collections_import(App *app, Arena *a, const Json *body)
{
    return import(app, a, body, NULL);
}

Error *collections_import_try(App *app, Arena *a, const Json *body, Json **changes)
{
    return import(app, a, body, changes);
}
