/* routes.c - both documents over HTTP. They tell every field of every collection,
 * hidden ones and system collections included: for superusers. */
#include "openapi/openapi_internal.h"

static Error *answer(Req *req, Res *res, DocumentKind kind, Str content_type)
{
    Error *err = require_superuser(req);
    if (err) return err;
    const Document *d;
    err = document_find(req, kind, &d);
    if (err) return err;
    res_header(res, S("Cache-Control"), S("private, no-cache"));
    ResFile file = {.fd = -1,
                    .memory = d->text,
                    .size_bytes = d->text.len,
                    .etag = str_from(d->etag),
                    .content_type = content_type};
    return res_file(res, &file);
}

/* GET /api/openapi.json
 *
 *   200   the OpenAPI 3.1 document of the collections as they are now
 *   304   it is the one that If-None-Match names
 *   401, 403   not a superuser
 */
static Error *handle_openapi(Req *req, Res *res)
{
    return answer(req, res, DOCUMENT_OPENAPI, S("application/json"));
}

/* GET /api/types.d.ts
 *
 *   200   TypeScript for the PocketBase SDK
 *   304   it is the one that If-None-Match names
 *   401, 403   not a superuser
 */
static Error *handle_types(Req *req, Res *res)
{
    return answer(req, res, DOCUMENT_TYPES, S("application/typescript; charset=utf-8"));
}

const Route openapi_routes[] = {
    {"GET", "/api/openapi.json", handle_openapi, 0, NULL},
    {"GET", "/api/types.d.ts", handle_types, 0, NULL},
};
const size_t openapi_route_count = COUNT(openapi_routes);
