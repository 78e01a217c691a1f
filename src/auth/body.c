/* body.c - reading the small, fixed bodies of the auth endpoints. */
#include "auth/auth_internal.h"

#include "schema/options.h"

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

/* ---- what is wrong with a text ---- */

Error *text_fault(Arena *a, Str field, Str value, int64_t min, int64_t max)
{
    if (value.len == 0) return error_required(a, field);
    if ((int64_t)value.len >= min && (int64_t)value.len <= max) return NULL;
    Json *params = json_new_object(a);
    json_set_number(a, params, S("max"), (double)max);
    json_set_number(a, params, S("min"), (double)min);
    return error_field_params(
        a, field, "validation_length_out_of_range",
        str_printf(a, "The length must be between %lld and %lld.", (long long)min, (long long)max),
        params);
}

Error *email_fault(Arena *a, Str field, Str value)
{
    Error *err = text_fault(a, field, value, 1, 255);
    if (err || text_is_email(value)) return err;
    return error_field(a, field, "validation_is_email", S("Must be a valid email address."));
}

Error *invalid_input(Error *faults)
{
    if (!faults) return NULL;
    return error_summary(faults, S("An error occurred while validating the submitted data."));
}

Error *email_input(Req *req, Body *body, Str *email)
{
    Error *err = auth_body(req, body);
    if (err) return err;
    err = body_text(req, body, S("email"), email);
    if (err) return err;
    return invalid_input(email_fault(req->arena, S("email"), *email));
}
