/* context.c - guards of handlers, and the collection a path names.
 *
 * The texts are those of api: conventions §4.2. */
#include "records/records_internal.h"

Error *require_auth(Req *req)
{
    if (req_context(req)->auth) return NULL;
    return error_new(req->arena, 401, S("The request requires valid record authorization token."));
}

Error *require_superuser(Req *req)
{
    Error *err = require_auth(req);
    if (err) return err;

    if (context_is_superuser(req_context(req))) return NULL;
    return error_new(req->arena, 403,
                     S("The authorized record is not allowed to perform this action."));
}

Error *require_same_collection_auth(Req *req, const Collection *c)
{
    Error *err = require_auth(req);
    if (err) return err;

    const AuthInfo *auth = req_context(req)->auth;
    if (str_eq(auth->collection_id, c->id)) return NULL;
    return error_new(req->arena, 403,
                     str_printf(req->arena,
                                "The request requires auth record from %.*s collection.",
                                STR_ARG(auth->collection_name)));
}

Error *req_collection(Req *req, Str message, const Collection **out)
{
    const Context *cx = req_context(req);
    const Collection *c = schema_find(cx->schema, req_param(req, "collection"));
    if (!c) return error_new(req->arena, 404, message);
    if (c->system && cx->app->settle) cx->app->settle(cx->app, req->arena, c);
    *out = c;
    return NULL;
}
