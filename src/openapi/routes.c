/* routes.c - both documents over HTTP. They tell every field of every collection,
 * hidden ones and system collections included: for superusers. */
#include "openapi/openapi_internal.h"

/* GET /api/openapi.json
 *
 *   200   the OpenAPI 3.1 document of the collections as they are now
 *   401, 403   not a superuser
 */
static Error *handle_openapi(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    const Context *cx = req_context(req);
    Str json;
    err = openapi_render(req->arena, cx->schema, cx->settings->app_name, cx->settings->app_url,
                         &json);
    return err ? err : res_bytes(res, 200, S("application/json"), json);
}

/* GET /api/types.d.ts
 *
 *   200   TypeScript for the PocketBase SDK
 *   401, 403   not a superuser
 */
static Error *handle_types(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    return res_bytes(res, 200, S("application/typescript; charset=utf-8"),
                     types_render(req->arena, req_context(req)->schema));
}

const Route openapi_routes[] = {
    {"GET", "/api/openapi.json", handle_openapi, 0, NULL},
    {"GET", "/api/types.d.ts",   handle_types,   0, NULL},
};
const size_t openapi_route_count = COUNT(openapi_routes);
