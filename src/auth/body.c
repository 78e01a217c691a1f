/* body.c - reading the small, fixed bodies of the auth endpoints. */
#include "auth/auth_internal.h"

#define BODY_BYTES_MAX (32u << 20)

Error *auth_body(Req *req, Body *out)
{
    Error *err = req_body(req, BODY_BYTES_MAX, out);
    if (!err || err->status != 400) return err;
    Error *said =
        error_new(req->arena, 400, S("An error occurred while loading the submitted data."));
    said->cause = err->cause.len ? err->cause : err->message;
    return said;
}

/* A form value: all are texts, but the body reader guessed at numbers and
 * booleans, whose text is the one they were read from (conventions §2.1). */
static bool form_text(Arena *a, const Json *value, Str *out)
{
    if (json_is(value, JSON_ARRAY) && json_count(value) > 0) value = json_at(value, 0);
    switch (value->type) {
    case JSON_STRING:
        *out = value->string;
        return true;
    case JSON_BOOL:
        *out = value->boolean ? S("true") : S("false");
        return true;
    case JSON_NUMBER:
        *out = json_format(a, value);
        return true;
    default:
        return false;
    }
}

Error *body_text(Req *req, const Body *body, Str key, Str *out)
{
    const Json *value = json_get(body->data, key);
    *out = S("");
    if (!value || value->type == JSON_NULL) return NULL;
    if (value->type == JSON_STRING) {
        *out = value->string;
        return NULL;
    }
    if (body->is_form && form_text(req->arena, value, out)) return NULL;
    return error_new(req->arena, 400, S("An error occurred while loading the submitted data."));
}
