/* routes.c - the handlers of /api/collections; the table is at the end. */
#include "base/log.h"
#include "collections/collections_internal.h"
#include "schema/options.h"

#define VIEW_QUERY_MAX    5000
#define IMPORT_BODY_BYTES (64u << 20)
#define NAMES_MAX         1000 /* bytes of names in a line of the log */

/* The body of a superuser's request: 401 and 403 before a byte of it is read. */
static Error *superuser_body(Req *req, size_t limit, const Json **out)
{
    Error *err = require_superuser(req);
    if (err) return err;

    Body body = {0};
    err = req_body(req, limit, &body);
    if (err && err->status == 400)
        return error_summary(err,
                             S("Failed to load the submitted data due to invalid formatting."));
    if (err) return err;
    *out = body.data;
    return NULL;
}

/* ---- lists ---- */

/* GET /api/collections ? page perPage sort filter skipTotal fields
 *
 *   200   {"items": […], "page", "perPage", "totalItems", "totalPages"}
 *   400   a parameter, filter or sort that does not hold
 */
static Error *handle_list(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    CollectionList list = {.filter = req_query(req, S("filter")),
                           .sort = req_query(req, S("sort"))};
    Paging paging;
    err = paging_read(req, &paging);
    if (err) return err;
    list.page = MIN(paging.page, INT64_MAX / (2 * paging.per_page));
    list.per_page = paging.per_page;
    list.skip_total = paging.skip_total;

    Context *cx = req_context(req);
    Json *page;
    err = collections_list(cx->app, req->arena, cx->schema, &cx->info, &list, &page);
    if (err) return err;
    return res_json(res, 200, page);
}

/* GET /api/collections/{collection}
 *
 *   200   the collection
 *   404   no such collection
 */
static Error *handle_view(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    const Collection *c;
    err = req_collection(req, S(""), &c);
    if (err) return err;
    return res_json(res, 200, collection_to_json(req->arena, c));
}

/* ---- changes ---- */

static void note(const Context *cx, const char *what, Str name)
{
    log_info("collections", what, LOG_STR("collection", name), LOG_STR("superuser", cx->auth->id),
             LOG_STR("ip", cx->real_ip));
}

/* POST /api/collections
 *
 *   body  a collection; what is left out gets the defaults of its type
 *   200   the collection
 *   400   data says what is wrong with which key
 */
static Error *handle_create(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, 0, &body);
    if (err) return err;
    Collection *c;
    err = collection_create(req_context(req)->app, req->arena, body, &c);
    if (err) return err;
    note(req_context(req), "collection created", c->name);
    return res_json(res, 200, collection_to_json(req->arena, c));
}

/* PATCH /api/collections/{collection}
 *
 *   body  the keys to change; `fields` and `indexes` replace the whole list
 *   200   the collection
 *   400   data says what is wrong with which key
 *   404   no such collection
 *   412   If-Match was sent, and is not its `updated`: somebody saved first
 */
static Error *handle_update(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, 0, &body);
    if (err) return err;
    Collection *c;
    err = collection_update(req_context(req)->app, req->arena, req_param(req, "collection"),
                            req_header(req, S("If-Match")), body, &c);
    if (err) return err;
    note(req_context(req), "collection changed", c->name);
    return res_json(res, 200, collection_to_json(req->arena, c));
}

/* DELETE /api/collections/{collection}
 *
 *   204   gone, with its records and files
 *   400   a system collection, or one that others refer to
 *   404   no such collection
 */
static Error *handle_delete(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    Str name = req_param(req, "collection");
    err =
        collection_delete(req_context(req)->app, req->arena, name, req_header(req, S("If-Match")));
    if (err) return err;
    note(req_context(req), "collection deleted", name);
    return res_empty(res, 204);
}

/* DELETE /api/collections/{collection}/truncate
 *
 *   204   all its records are gone, as if deleted one by one
 *   400   a view, or records that others need
 *   404   no such collection
 */
static Error *handle_truncate(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    Str name = req_param(req, "collection");
    err = collection_truncate(req_context(req)->app, req->arena, name);
    if (err) return err;
    note(req_context(req), "collection emptied", name);
    return res_empty(res, 204);
}

/* "posts, users": as the request names them; a long list is cut. */
static Str imported_names(Arena *a, const Json *list)
{
    Buf out = buf_new(a, 256);
    for (size_t i = 0; i < json_count(list) && out.len < NAMES_MAX; i++) {
        const Json *one = json_at(list, i);
        if (out.len) buf_add(&out, S(", "));
        buf_add(&out, json_str(json_get(one, S("name")), json_str(json_get(one, S("id")), S(""))));
    }
    return str_sub(buf_str(&out), 0, NAMES_MAX);
}

/* PUT /api/collections/import
 *
 *   body  {"collections": [collection, …], "deleteMissing": false}
 *   204   all of them are as submitted
 *   400   nothing was changed; data.collections says why
 */
static Error *handle_import(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, IMPORT_BODY_BYTES, &body);
    if (err) return err;
    err = collections_import(req_context(req)->app, req->arena, body);
    if (err) return err;
    const Context *cx = req_context(req);
    const Json *list = json_get(body, S("collections"));
    log_info("collections", "collections imported",
             LOG_STR("collections", imported_names(req->arena, list)),
             LOG_INT("count", json_count(list)),
             LOG_INT("deleteMissing", json_bool(json_get(body, S("deleteMissing")), false)),
             LOG_STR("superuser", cx->auth->id), LOG_STR("ip", cx->real_ip));
    return res_empty(res, 204);
}

/* ---- meta ---- */

/* GET /api/collections/meta/scaffolds
 *
 *   200   {"auth": {…}, "base": {…}, "view": {…}}: new collections to fill in
 */
static Error *handle_scaffolds(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    static const CollectionType TYPES[] = {COLLECTION_AUTH, COLLECTION_BASE, COLLECTION_VIEW};
    Arena *a = req->arena;
    Json *all = json_new_object(a);
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        const Collection *c = collection_scaffold(a, TYPES[i]);
        json_set(a, all, collection_type_name(TYPES[i]), collection_to_json(a, c));
    }
    return res_json(res, 200, all);
}

/* GET /api/collections/meta/oauth2-providers
 *
 *   200   [{"name", "displayName", "logo"}, …]; the logo is an SVG text
 */
static Error *handle_providers(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;

    Arena *a = req->arena;
    Json *list = json_new_array(a);
    for (size_t i = 0; i < oauth2_provider_count; i++) {
        Str display_name = str_from(oauth2_providers[i].display_name);
        Json *provider = json_push(a, list, json_new_object(a));
        json_set_str(a, provider, S("name"), str_from(oauth2_providers[i].name));
        json_set_str(a, provider, S("displayName"), display_name);
        json_set_str(a, provider, S("logo"), oauth2_provider_logo(a, display_name));
    }
    return res_json(res, 200, list);
}

/* POST /api/collections/meta/dry-run-view
 *
 *   body  {"query": "SELECT …"}
 *   200   {"fields": […], "sample": […]}: what a view of it would have, and its
 *         first records
 *   400   it cannot be the query of a view
 */
static Error *handle_dry_run(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, 0, &body);
    if (err) return err;
    Checks checks = {.arena = req->arena};
    Str query = json_str(json_get(body, S("query")), S(""));
    if (check_required(&checks, S("query"), query.len > 0))
        check_length(&checks, S("query"), query, 0, VIEW_QUERY_MAX);
    if (checks.errors)
        return error_summary(checks.errors,
                             S("An error occurred while validating the submitted data."));
    Context *cx = req_context(req);
    Json *answer;
    err = view_dry_run(cx->app, req->arena, cx->schema, query, &answer);
    if (!err) return res_json(res, 200, answer);
    if (err->status != 400) return err;
    Str message =
        str_printf(req->arena, "Invalid view query. Raw error: \n%.*s", STR_ARG(err->message));
    return error_new(req->arena, 400, error_sentence(req->arena, message));
}

/* POST /api/collections/meta/check-rule
 *
 *   body  {"collection": name, id or an object not saved yet, "rule": "…",
 *          "kind": "rule" | "filter" | "sort"}
 *   200   {"ok": true}, or {"ok": false, "message", "offset", "length"}, in bytes
 *   400   data.collection, data.kind
 */
static Error *handle_check_rule(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, 0, &body);
    if (err) return err;
    Context *cx = req_context(req);
    Json *answer;
    err = collection_check_text(cx->app, req->arena, cx->schema, &cx->info, body, &answer);
    if (err) return error_summary(err, S("An error occurred while validating the submitted data."));
    return res_json(res, 200, answer);
}

/* POST /api/collections/meta/plan
 *
 *   body  {"collection": {…}} as for a create, or with its id an update; or
 *          {"collections": […], "deleteMissing"} as for an import
 *   200   {"valid", "errors", "changes": […], "counted"}; nothing is applied
 *   400   neither was sent
 */
static Error *handle_plan(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, IMPORT_BODY_BYTES, &body);
    if (err) return err;
    Json *answer;
    err = collection_plan(req_context(req)->app, req->arena, body, &answer);
    if (err) return error_summary(err, S("An error occurred while validating the submitted data."));
    return res_json(res, 200, answer);
}

/* POST /api/collections/meta/test-rule
 *
 *   body  {"collection", "ruleName", "rule", "recordId", "auth": {"collection",
 *          "id"} | null, "request": {"body", "query", "headers", "method"}}
 *   200   {"allowed", "code", "reason", "parts": […], "deciding"}
 *   400   data.collection, ruleName, rule, recordId, auth, request
 */
static Error *handle_test_rule(Req *req, Res *res)
{
    const Json *body;
    Error *err = superuser_body(req, 0, &body);
    if (err) return err;
    Context *cx = req_context(req);
    Json *answer;
    err = collection_test_rule(cx->app, req->arena, cx->schema, body, &answer);
    if (err) return error_summary(err, S("An error occurred while validating the submitted data."));
    return res_json(res, 200, answer);
}

const Route collection_routes[] = {
    {"GET", "/api/collections", handle_list, 0, NULL},
    {"POST", "/api/collections", handle_create, 0, NULL},
    {"PUT", "/api/collections/import", handle_import, 0, NULL},
    {"GET", "/api/collections/meta/scaffolds", handle_scaffolds, 0, NULL},
    {"GET", "/api/collections/meta/oauth2-providers", handle_providers, 0, NULL},
    {"POST", "/api/collections/meta/dry-run-view", handle_dry_run, 0, NULL},
    {"POST", "/api/collections/meta/plan", handle_plan, 0, NULL},
    {"POST", "/api/collections/meta/test-rule", handle_test_rule, 0, NULL},
    {"POST", "/api/collections/meta/check-rule", handle_check_rule, 0, NULL},
    {"GET", "/api/collections/{collection}", handle_view, 0, NULL},
    {"PATCH", "/api/collections/{collection}", handle_update, 0, NULL},
    {"DELETE", "/api/collections/{collection}", handle_delete, 0, NULL},
    {"DELETE", "/api/collections/{collection}/truncate", handle_truncate, 0, NULL},
};
const size_t collection_route_count = COUNT(collection_routes);
