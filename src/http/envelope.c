/* envelope.c - an error as the client sees it (api: conventions §4).
 *
 *     {"data":{"lines":{"2":{"price":{"code":"…","message":"…"}}}},
 *      "message":"Failed to create order.","status":400}
 *
 * `data` has entries for faults of fields only; whatever else is known about
 * an error (its cause) stays in our log.
 */
#include "http/http_internal.h"

static Json *field_entry(Arena *a, const Error *err)
{
    Json *entry = json_new_object(a);
    json_set_str(a, entry, S("code"),
                 err->code ? str_from(err->code) : S("validation_invalid_value"));
    Str message = err->message.len > 0 ? err->message : S("Invalid value.");
    json_set_str(a, entry, S("message"), error_sentence(a, message));
    if (json_count(err->params) > 0) json_set(a, entry, S("params"), err->params);
    return entry;
}

/* The object to put the last part of a path into; NULL when something that is
 * not a plain level stands in the way. */
static Json *level_for(Arena *a, Json *data, Str *path)
{
    Json *level = data;
    ptrdiff_t dot;
    while ((dot = str_find_char(*path, '.')) >= 0) {
        Str key = str_sub(*path, 0, (size_t)dot);
        *path = str_from_pos(*path, (size_t)dot + 1);
        Json *next = json_get(level, key);
        if (!next) next = json_set(a, level, key, json_new_object(a));
        if (json_is(json_get(next, S("code")), JSON_STRING)) return NULL;
        level = next;
    }
    return level;
}

static void add_field(Arena *a, Json *data, const Error *err)
{
    Str last = err->field;
    Json *level = level_for(a, data, &last);
    if (!level || json_get(level, last)) return; /* of one field, the first fault */
    json_set(a, level, last, field_entry(a, err));
}

static Str top_message(const Error *err)
{
    assert(err);
    Str message = err->message;
    bool of_fields = err->field.len > 0;
    if (of_fields || err->status == 400) message = err->summary.len > 0 ? err->summary : message;
    if (of_fields && err->summary.len == 0) message = S("");
    return message.len > 0 ? message : error_default_message(err->status);
}

Json *error_to_json(Arena *a, const Error *err)
{
    Json *data = json_new_object(a);
    for (const Error *e = err; e; e = e->next)
        if (e->field.len > 0) add_field(a, data, e);

    Json *envelope = json_new_object(a);
    json_set(a, envelope, S("data"), data);
    json_set_str(a, envelope, S("message"), error_sentence(a, top_message(err)));
    int status = err->status >= 400 && err->status < 600 ? err->status : 500;
    json_set_number(a, envelope, S("status"), status);
    return envelope;
}
