/* collections_internal.h - what the files of collections/ share.
 *
 * The handlers in routes.c read the request and call one of these; none of
 * them knows of requests, so tests call them too. All must be called outside
 * of transactions. */
#ifndef CROFT_COLLECTIONS_INTERNAL_H
#define CROFT_COLLECTIONS_INTERNAL_H

#include "collections/collections.h"

/* `target` is an id or a name; 404 when there is none. Errors as api:
 * collections §9, with the endpoint's message. */
MUST_CHECK Error *collection_create(App *app, Arena *a, const Json *json, Collection **out);
/* `if_match` as in that header: 412 unless it admits the collection's `updated`. */
MUST_CHECK Error *collection_update(App *app, Arena *a, Str target, Str if_match, const Json *json,
                                    Collection **out);
MUST_CHECK Error *collection_delete(App *app, Arena *a, Str target, Str if_match);
MUST_CHECK Error *collection_truncate(App *app, Arena *a, Str target);
/* Body of the import endpoint: {"collections": […], "deleteMissing": false}. */
MUST_CHECK Error *collections_import(App *app, Arena *a, const Json *body);

/* ---- shared by change.c and import.c ---- */

/* A new definition, with an id that is free. */
MUST_CHECK Error *collection_prepare(Arena *a, const Schema *schema, const Collection *old,
                                     const Json *json, Collection **out);
/* Everything that can be said before writing but for the rules; `after` is the
 * schema as it is going to be. A view's fields are found out here. */
MUST_CHECK Error *collection_check(Tx *tx, const Schema *after, Collection *c,
                                   const Collection *old);
/* Its rules, against that schema. */
MUST_CHECK Error *collection_check_rules(Tx *tx, const Schema *after, const Collection *c);
/* Writes it, with the rate limits that name it. */
MUST_CHECK Error *collection_write(App *app, Tx *tx, Collection *c, const Collection *old);
/* Drops it; its files go after the commit. */
MUST_CHECK Error *collection_drop(App *app, Tx *tx, const Collection *c);
/* What the engine said of a statement that a definition led to; empty when the
 * error is of another kind. */
Str raw_sql_error(const Error *err);

/* ---- for the dashboard: check_rule.c, test_rule.c, plan.c, dashboard.c ---- */

#define RULE_TEXT_MAX 20000

/* The collection that `json` means: one by name or id, or the object of one as
 * it is being edited, laid over the stored one of its id. *after is the schema
 * with it, not published. Errors name the field "collection". */
MUST_CHECK Error *collection_imagine(App *app, Arena *a, const Schema *schema, const Json *json,
                                     const Schema **after, const Collection **out);
/* Bodies and answers as in docs/dashboard-api.md. */
MUST_CHECK Error *collection_check_text(App *app, Arena *a, const Schema *schema,
                                        const RequestInfo *info, const Json *body, Json **out);

MUST_CHECK Error *collection_test_rule(App *app, Arena *a, const Schema *schema, const Json *body,
                                       Json **out);

/* plan.c, diff.c */
MUST_CHECK Error *collection_plan(App *app, Arena *a, const Json *body, Json **out);
Json *schema_diff(Arena *a, const Schema *was, const Schema *now);
/* The change itself, rolled back; *changes is what it would have done. For so
 * long at most all writers wait. */
#define PLAN_MS 2000
MUST_CHECK Error *collection_save_try(App *app, Arena *a, Str target, const Json *json,
                                      Json **changes);
MUST_CHECK Error *collections_import_try(App *app, Arena *a, const Json *body, Json **changes);
/* Ends a transaction that was only a try: notes what it changed, then is an
 * error that undoes it all. */
Error *plan_undo(App *app, Tx *tx, Json **changes);
bool plan_is_undone(const Error *err);

/* ---- views.c ---- */

/* How long a query may take to show its first rows: in a read nobody waits for,
 * and in an import, for which all writers wait. */
#define VIEW_DRY_RUN_MS 10000
#define VIEW_IMPORT_MS  2000

/* The first rows of a view whose view_infer() went well, and whether their ids
 * can be ids (error 400 otherwise). `records` may be NULL. */
MUST_CHECK Error *view_sample(Tx *tx, const Collection *c, Record **records, size_t *count);
#define VIEW_SAMPLE_MAX 10

/* Tries a query out: the fields that it gives and its first rows, as the
 * endpoint's JSON; `old` may be NULL. Nothing can be written. Error 400 with the
 * engine's words or ours. */
MUST_CHECK Error *view_dry_run(App *app, Arena *a, const Schema *schema, Str query, Json **out);

/* ---- list.c ---- */

typedef struct {
    Str filter, sort;
    int64_t page, per_page;
    bool skip_total;
} CollectionList;

/* The page of the list endpoint as JSON. */
MUST_CHECK Error *collections_list(App *app, Arena *a, const Schema *schema,
                                   const RequestInfo *info, const CollectionList *list, Json **out);

#endif
