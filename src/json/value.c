/* value.c - looking into JSON values and building them.
 *
 * Growing never frees: an array that outgrows its place moves and leaves the
 * old one to the arena.
 */
#include "json/json.h"
#include "json/json_internal.h"

#include <stdlib.h>

bool json_is(const Json *value, JsonType type)
{
    return value && value->type == type;
}

static JsonMember *member_find(const Json *object, Str key)
{
    if (!json_is(object, JSON_OBJECT)) return NULL;
    JsonMember *m = object->object.members;
    for (size_t i = 0; i < object->object.count; i++)
        if (str_eq(m[i].key, key)) return &m[i];
    return NULL;
}

Json *json_get(const Json *object, Str key)
{
    JsonMember *m = member_find(object, key);
    return m ? &m->value : NULL;
}

Json *json_at(const Json *array, size_t index)
{
    if (!json_is(array, JSON_ARRAY) || index >= array->array.count) return NULL;
    return &array->array.items[index];
}

Str json_str(const Json *value, Str fallback)
{
    return json_is(value, JSON_STRING) ? value->string : fallback;
}

double json_number(const Json *value, double fallback)
{
    return json_is(value, JSON_NUMBER) ? value->number : fallback;
}

bool json_bool(const Json *value, bool fallback)
{
    return json_is(value, JSON_BOOL) ? value->boolean : fallback;
}

size_t json_count(const Json *array_or_object)
{
    if (json_is(array_or_object, JSON_ARRAY)) return array_or_object->array.count;
    if (json_is(array_or_object, JSON_OBJECT)) return array_or_object->object.count;
    return 0;
}

static Json *json_new(Arena *a, JsonType type)
{
    Json *value = arena_new(a, Json, 1);
    value->type = type;
    return value;
}

Json *json_new_null(Arena *a)
{
    return json_new(a, JSON_NULL);
}

Json *json_new_bool(Arena *a, bool value)
{
    Json *made = json_new(a, JSON_BOOL);
    made->boolean = value;
    return made;
}

Json *json_new_number(Arena *a, double value)
{
    Json *made = json_new(a, JSON_NUMBER);
    made->number = value;
    return made;
}

Json *json_new_string(Arena *a, Str value)
{
    Json *made = json_new(a, JSON_STRING);
    made->string = value;
    return made;
}

Json *json_new_array(Arena *a)
{
    return json_new(a, JSON_ARRAY);
}

Json *json_new_object(Arena *a)
{
    return json_new(a, JSON_OBJECT);
}

Json *json_add(Arena *a, Json *object, Str key, const Json *value)
{
    assert(object->type == JSON_OBJECT);
    Json copy = *value; /* it may be in the place that is left */
    if (object->object.count == object->object.cap) {
        size_t cap = MAX(object->object.cap * 2, (size_t)4);
        JsonMember *members = arena_new(a, JsonMember, cap);
        size_t bytes = object->object.count * sizeof(JsonMember);
        if (bytes) memcpy(members, object->object.members, bytes);
        object->object.members = members;
        object->object.cap = cap;
    }
    JsonMember *m = &object->object.members[object->object.count++];
    *m = (JsonMember){key, copy};
    return &m->value;
}

Json *json_set(Arena *a, Json *object, Str key, const Json *value)
{
    assert(object->type == JSON_OBJECT);
    JsonMember *m = member_find(object, key);
    if (!m) return json_add(a, object, key, value);
    m->value = *value;
    return &m->value;
}

Json *json_push(Arena *a, Json *array, const Json *value)
{
    assert(array->type == JSON_ARRAY);
    Json copy = *value;
    if (array->array.count == array->array.cap) {
        size_t cap = MAX(array->array.cap * 2, (size_t)4);
        Json *items = arena_new(a, Json, cap);
        size_t bytes = array->array.count * sizeof(Json);
        if (bytes) memcpy(items, array->array.items, bytes);
        array->array.items = items;
        array->array.cap = cap;
    }
    Json *item = &array->array.items[array->array.count++];
    *item = copy;
    return item;
}

bool json_remove(Json *object, Str key)
{
    JsonMember *m = member_find(object, key);
    if (!m) return false;
    JsonMember *end = object->object.members + object->object.count;
    memmove(m, m + 1, (size_t)(end - (m + 1)) * sizeof(JsonMember));
    object->object.count--;
    return true;
}

Json *json_set_str(Arena *a, Json *object, Str key, Str value)
{
    return json_set(a, object, key, &(Json){.type = JSON_STRING, .string = value});
}

Json *json_set_number(Arena *a, Json *object, Str key, double value)
{
    return json_set(a, object, key, &(Json){.type = JSON_NUMBER, .number = value});
}

Json *json_set_bool(Arena *a, Json *object, Str key, bool value)
{
    return json_set(a, object, key, &(Json){.type = JSON_BOOL, .boolean = value});
}

/* Replaces what `value` points to by copies. Depth is bounded by the reader. */
static void copy_into(Arena *a, Json *value)
{
    if (value->type == JSON_STRING) {
        value->string = arena_copy(a, value->string);
    } else if (value->type == JSON_ARRAY) {
        size_t count = value->array.count;
        const Json *old = value->array.items;
        Json *items = arena_new(a, Json, count);
        for (size_t i = 0; i < count; i++) {
            items[i] = old[i];
            copy_into(a, &items[i]);
        }
        value->array.items = items;
        value->array.cap = count;
    } else if (value->type == JSON_OBJECT) {
        size_t count = value->object.count;
        const JsonMember *old = value->object.members;
        JsonMember *members = arena_new(a, JsonMember, count);
        for (size_t i = 0; i < count; i++) {
            members[i] = (JsonMember){arena_copy(a, old[i].key), old[i].value};
            copy_into(a, &members[i].value);
        }
        value->object.members = members;
        value->object.cap = count;
    }
}

Json *json_copy(Arena *a, const Json *value)
{
    if (!value) return NULL;
    Json *copy = arena_new(a, Json, 1);
    *copy = *value;
    copy_into(a, copy);
    return copy;
}

static bool arrays_equal(const Json *x, const Json *y)
{
    if (x->array.count != y->array.count) return false;
    for (size_t i = 0; i < x->array.count; i++)
        if (!json_equal(&x->array.items[i], &y->array.items[i])) return false;
    return true;
}

/* From where the keys' order differs, a table of y's keys: no order a client
 * may choose makes this slow. */
static bool reordered_equal(const JsonMember *x, const JsonMember *y, size_t count)
{
    Arena *scratch = arena_create_sized("json_equal", SIZE_MAX / 2, count * 8 + 512);
    KeyTable keys = {NULL, 0, 0};
    bool equal = key_table_start(&keys, scratch, count);
    for (size_t i = 0; equal && i < count; i++) {
        key_table_put(&keys, y, y[i].key, i);
    }
    for (size_t i = 0; equal && i < count; i++) {
        size_t at = key_table_find(&keys, y, x[i].key);
        equal = at != SIZE_MAX && json_equal(&x[i].value, &y[at].value);
    }
    arena_destroy(scratch);
    return equal;
}

static bool objects_equal(const Json *x, const Json *y)
{
    enum { FEW = 16 };
    size_t count = x->object.count, i = 0;
    if (count != y->object.count) return false;
    const JsonMember *xm = x->object.members, *ym = y->object.members;
    for (; i < count && str_eq(xm[i].key, ym[i].key); i++)
        if (!json_equal(&xm[i].value, &ym[i].value)) return false;
    if (count - i > FEW) return reordered_equal(xm + i, ym + i, count - i);
    for (; i < count; i++) {
        const Json *other = json_get(y, xm[i].key);
        if (!other || !json_equal(&xm[i].value, other)) return false;
    }
    return true;
}

bool json_equal(const Json *x, const Json *y)
{
    if (x == y) return true;
    if (!x || !y || x->type != y->type) return false;
    switch (x->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return x->boolean == y->boolean;
    case JSON_NUMBER:
        return x->number <= y->number && x->number >= y->number;
    case JSON_STRING:
        return str_eq(x->string, y->string);
    case JSON_ARRAY:
        return arrays_equal(x, y);
    case JSON_OBJECT:
        return objects_equal(x, y);
    }
    return false;
}

static int by_key(const void *x, const void *y)
{
    return str_cmp(((const JsonMember *)x)->key, ((const JsonMember *)y)->key);
}

static bool is_sorted(const JsonMember *members, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (str_cmp(members[i - 1].key, members[i].key) > 0) return false;
    return true;
}

void json_sort_keys(Json *value)
{
    if (json_is(value, JSON_ARRAY)) {
        for (size_t i = 0; i < value->array.count; i++) {
            json_sort_keys(&value->array.items[i]);
        }
    } else if (json_is(value, JSON_OBJECT)) {
        JsonMember *members = value->object.members;
        size_t count = value->object.count;
        if (!is_sorted(members, count)) qsort(members, count, sizeof(JsonMember), by_key);
        for (size_t i = 0; i < count; i++) {
            json_sort_keys(&members[i].value);
        }
    }
}
