/* options.c - option documents: merging by shape, and the checks they share.
 * The idea is in options.h. */
#include "schema/options.h"

#include <math.h>

#define WHOLE_MAX 9007199254740991.0 /* 2^53 - 1 */

Error *invalid_format(Arena *a, Str cause)
{
    Error *err =
        error_new(a, 400, S("Failed to load the submitted data due to invalid formatting."));
    return error_cause(a, err, "%.*s", STR_ARG(cause));
}

bool json_whole(const Json *value, int64_t *out)
{
    if (!json_is(value, JSON_NUMBER)) return false;
    if (!(fabs(value->number) <= WHOLE_MAX) || trunc(value->number) != value->number) return false;
    *out = (int64_t)value->number;
    return true;
}

static Error *wrong_type(Arena *a, Str key)
{
    return invalid_format(a, str_printf(a, "wrong type of \"%.*s\"", STR_ARG(key)));
}

static Error *merge_list(Arena *a, Json *target, Str key, const Json *shape, const Json *patch)
{
    if (patch->type != JSON_ARRAY) return wrong_type(a, key);

    const Json *item_shape = json_at(shape, 0);
    Json *list = json_new_array(a);
    for (size_t i = 0; i < patch->array.count; i++) {
        const Json *item = &patch->array.items[i];
        if (!item_shape) {
            if (item->type != JSON_STRING) return wrong_type(a, key);
            json_push(a, list, item);
            continue;
        }
        if (item->type != JSON_OBJECT) return wrong_type(a, key);
        Json *made = json_copy(a, item_shape);
        Error *err = options_merge(a, made, item_shape, item);
        if (err) return err;
        json_push(a, list, made);
    }
    json_set(a, target, key, list);
    return NULL;
}

static Error *merge_object(Arena *a, Json *target, Str key, const Json *shape, const Json *patch)
{
    if (patch->type != JSON_OBJECT) return wrong_type(a, key);
    Json *inner = json_get(target, key);
    if (!json_is(inner, JSON_OBJECT)) inner = json_set(a, target, key, json_copy(a, shape));
    return options_merge(a, inner, shape, patch);
}

static Error *merge_scalar(Arena *a, Json *target, Str key, const Json *shape, const Json *patch)
{
    int64_t whole;
    if (shape->type == JSON_NUMBER && !json_whole(patch, &whole)) return wrong_type(a, key);
    if (shape->type != JSON_NULL && patch->type != shape->type) return wrong_type(a, key);
    json_set(a, target, key, patch);
    return NULL;
}

Error *options_merge(Arena *a, Json *target, const Json *shape, const Json *patch)
{
    assert(shape->type == JSON_OBJECT && target->type == JSON_OBJECT);
    for (size_t i = 0; i < shape->object.count; i++) {
        Str key = shape->object.members[i].key;
        const Json *type = &shape->object.members[i].value;
        const Json *value = json_get(patch, key);
        if (!value || (value->type == JSON_NULL && type->type != JSON_NULL)) continue;

        Error *err;
        if (type->type == JSON_ARRAY)
            err = merge_list(a, target, key, type, value);
        else if (type->type == JSON_OBJECT)
            err = merge_object(a, target, key, type, value);
        else
            err = merge_scalar(a, target, key, type, value);
        if (err) return err;
    }
    return NULL;
}

/* ---- checks ---- */

static bool has_error(const Checks *c, Str field)
{
    for (const Error *e = c->errors; e; e = e->next) {
        if (str_eq(e->field, field)) return true;
    }
    return false;
}

size_t checks_count(const Checks *c)
{
    size_t count = 0;
    for (const Error *e = c->errors; e; e = e->next)
        count++;
    return count;
}

void check_fail(Checks *c, Str field, const char *code, Str message)
{
    check_fail_params(c, field, code, message, NULL);
}

void check_fail_params(Checks *c, Str field, const char *code, Str message, Json *params)
{
    if (has_error(c, field)) return;
    error_chain(&c->errors, error_field_params(c->arena, field, code, message, params));
}

bool check_required(Checks *c, Str field, bool present)
{
    if (!present) check_fail(c, field, "validation_required", S("Cannot be blank."));
    return present;
}

bool check_length(Checks *c, Str field, Str value, int64_t min, int64_t max)
{
    int64_t len = (int64_t)value.len;
    if (len == 0 || (len >= min && len <= max)) return true;

    Json *params = json_new_object(c->arena);
    json_set_number(c->arena, params, S("min"), (double)min);
    json_set_number(c->arena, params, S("max"), (double)max);
    if (min == max) {
        check_fail_params(c, field, "validation_length_invalid",
                          str_printf(c->arena, "The length must be exactly %lld.", (long long)min),
                          params);
    } else if (min == 0) {
        check_fail_params(
            c, field, "validation_length_too_long",
            str_printf(c->arena, "The length must be no more than %lld.", (long long)max), params);
    } else {
        check_fail_params(c, field, "validation_length_out_of_range",
                          str_printf(c->arena, "The length must be between %lld and %lld.",
                                     (long long)min, (long long)max),
                          params);
    }
    return false;
}

bool check_range(Checks *c, Str field, int64_t value, int64_t min, int64_t max)
{
    if (value == 0 || (value >= min && value <= max)) return true;

    bool low = value < min;
    int64_t threshold = low ? min : max;
    Json *params = json_new_object(c->arena);
    json_set_number(c->arena, params, S("threshold"), (double)threshold);
    check_fail_params(c, field,
                      low ? "validation_min_greater_equal_than_required"
                          : "validation_max_less_equal_than_required",
                      str_printf(c->arena, "Must be no %s than %lld.", low ? "less" : "greater",
                                 (long long)threshold),
                      params);
    return false;
}
