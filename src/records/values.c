/* values.c - one value of one field, between three worlds.
 *
 *     submitted JSON ── value_normalise ──▶ DbValue ── value_to_json ──▶ JSON for rules
 *                                             │
 *                            what the column holds: texts; whole numbers as
 *                            integers; lists and json as JSON text; no value NULL
 *
 * Normalising never fails (api: collections §3.2): clients of twenty languages
 * send what they have, and validation tells them what is wrong with it. A
 * number that is none becomes NaN, which validate.c refuses.
 *
 * Adding a field type? value_zero, value_normalise, value_is_empty,
 * value_to_json here; value_write_json in render.c; validate.c. */
#include "base/clock.h"
#include "base/map.h"
#include "records/records_internal.h"

#include <math.h>

#define GEO_ZERO          "{\"lon\":0,\"lat\":0}"
#define EXACT_INTEGER_MAX 9007199254740992.0 /* 2^53: doubles are whole up to here */
#define LIST_SCAN_MAX     16                 /* beyond it duplicates are found by a map */

DbValue value_zero(const Field *f)
{
    switch (f->type) {
    case FIELD_NUMBER:
    case FIELD_BOOL:
        return DB_VALUE_INT(0);
    case FIELD_JSON:
        return DB_VALUE_NULL;
    case FIELD_GEOPOINT:
        return DB_VALUE_TEXT(S(GEO_ZERO));
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        return DB_VALUE_TEXT(field_is_list(f) ? S("[]") : S(""));
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
    case FIELD_PASSWORD:
        break;
    }
    return DB_VALUE_TEXT(S(""));
}

/* ---- scalars ---- */

Str text_of_json(Arena *a, const Json *v)
{
    if (!v) return S("");
    if (v->type == JSON_STRING) return v->string;
    if (v->type == JSON_BOOL) return v->boolean ? S("true") : S("false");
    if (v->type != JSON_NUMBER) return S("");
    char digits[32];
    return arena_copy(a, str_make(digits, number_format(digits, v->number)));
}

bool bool_of_text(Str s, bool *out)
{
    static const char *const YES[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const NO[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < COUNT(YES); i++) {
        bool yes = str_eq(s, str_from(YES[i]));
        if (!yes && !str_eq(s, str_from(NO[i]))) continue;
        *out = yes;
        return true;
    }
    return false;
}

/* The way NUMERIC columns keep it: whole numbers as integers. */
DbValue value_from_number(double number)
{
    if (number == floor(number) && fabs(number) < EXACT_INTEGER_MAX) {
        return DB_VALUE_INT((int64_t)number);
    }
    return DB_VALUE_REAL(number);
}

static bool is_infinity_or_nan(Str s)
{
    if (s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '-')) s = str_from_pos(s, 1);
    return str_eq_nocase(s, S("inf")) || str_eq_nocase(s, S("infinity")) ||
           str_eq_nocase(s, S("nan"));
}

static double number_of_text(Str s)
{
    double number;
    s = str_trim(s);
    if (is_infinity_or_nan(s)) return NAN;
    bool plus = s.len > 1 && s.ptr[0] == '+' && s.ptr[1] != '-';
    if (!str_to_double(str_from_pos(s, plus ? 1 : 0), &number)) return 0;
    return isfinite(number) ? number : NAN;
}

static double number_of_json(const Json *v)
{
    if (!v) return 0;
    if (v->type == JSON_NUMBER) return v->number;
    if (v->type == JSON_BOOL) return v->boolean ? 1 : 0;
    if (v->type == JSON_STRING) return number_of_text(v->string);
    return 0;
}

static bool bool_of_json(const Json *v)
{
    bool yes = false;
    if (!v) return false;
    if (v->type == JSON_BOOL) return v->boolean;
    if (v->type == JSON_NUMBER) return v->number != 0;
    if (v->type == JSON_STRING) (void)bool_of_text(v->string, &yes); /* no bool: false */
    return yes;
}

static DbValue date_of_json(Arena *a, const Json *v)
{
    int64_t ms;
    if (!v || v->type != JSON_STRING || !datetime_parse(str_trim(v->string), &ms)) {
        return DB_VALUE_TEXT(S(""));
    }
    return DB_VALUE_TEXT(datetime_format(a, ms));
}

/* ---- lists ---- */

typedef struct {
    Arena *a;
    StrList list;
    size_t cap;
    Map *seen; /* once the list is long */
} ListBuilder;

static void list_index(ListBuilder *b)
{
    b->seen = map_new(b->a, b->list.count * 4);
    for (size_t i = 0; i < b->list.count; i++)
        map_put(b->seen, b->list.items[i], b);
}

static bool list_knows(ListBuilder *b, Str s)
{
    if (b->list.count < LIST_SCAN_MAX) return list_has(b->list, s);
    if (!b->seen) list_index(b);
    return map_has(b->seen, s);
}

static void list_add(ListBuilder *b, Str s)
{
    if (s.len == 0 || list_knows(b, s)) return;
    if (b->list.count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 4;
        Str *items = arena_new(b->a, Str, cap);
        if (b->list.count) memcpy(items, b->list.items, b->list.count * sizeof(Str));
        b->list.items = items;
        b->cap = cap;
    }
    b->list.items[b->list.count++] = s;
    if (b->seen) map_put(b->seen, s, b);
}

static void list_add_all(ListBuilder *b, StrList list)
{
    for (size_t i = 0; i < list.count; i++)
        list_add(b, list.items[i]);
}

bool list_has(StrList list, Str s)
{
    for (size_t i = 0; i < list.count; i++) {
        if (str_eq(list.items[i], s)) return true;
    }
    return false;
}

StrList list_join(Arena *a, StrList first, StrList second)
{
    ListBuilder b = {.a = a};
    list_add_all(&b, first);
    list_add_all(&b, second);
    return b.list;
}

StrList list_without(Arena *a, StrList list, StrList removed)
{
    ListBuilder gone = {.a = a}, b = {.a = a};
    list_add_all(&gone, removed);
    for (size_t i = 0; i < list.count; i++) {
        if (!list_knows(&gone, list.items[i])) list_add(&b, list.items[i]);
    }
    return b.list;
}

static StrList list_of_array(Arena *a, const Json *array)
{
    ListBuilder b = {.a = a};
    for (size_t i = 0; i < json_count(array); i++) {
        list_add(&b, text_of_json(a, json_at(array, i)));
    }
    return b.list;
}

/* A text may be a JSON array itself: that is how forms send several values. */
static bool list_of_text(Arena *a, Str text, StrList *out)
{
    Json *array;
    Str trimmed = str_trim(text);
    if (trimmed.len == 0 || trimmed.ptr[0] != '[') return false;
    if (json_parse(a, trimmed, NULL, &array) || array->type != JSON_ARRAY) return false;
    *out = list_of_array(a, array);
    return true;
}

StrList list_of_json(Arena *a, const Json *v)
{
    StrList list;
    if (v && v->type == JSON_ARRAY) return list_of_array(a, v);
    if (v && v->type == JSON_STRING && list_of_text(a, v->string, &list)) return list;

    ListBuilder b = {.a = a};
    list_add(&b, text_of_json(a, v));
    return b.list;
}

DbValue value_from_list(Arena *a, const Field *f, StrList list)
{
    if (!field_is_list(f)) {
        return DB_VALUE_TEXT(list.count ? list.items[list.count - 1] : S(""));
    }
    if (list.count == 0) return DB_VALUE_TEXT(S("[]"));

    Buf b = buf_new(a, 32 * list.count);
    for (size_t i = 0; i < list.count; i++) {
        buf_char(&b, i ? ',' : '[');
        json_write_string(&b, list.items[i]);
    }
    buf_char(&b, ']');
    return DB_VALUE_TEXT(buf_str(&b));
}

StrList value_to_list(Arena *a, const Field *f, const DbValue *v)
{
    StrList list;
    Str text = value_to_text(a, v);
    if (text.len == 0 || (field_is_list(f) && str_eq(text, S("[]")))) return (StrList){0};
    if (field_is_list(f) && list_of_text(a, text, &list)) return list;

    ListBuilder b = {.a = a};
    list_add(&b, text);
    return b.list;
}

/* ---- json and geoPoint ---- */

static DbValue json_of_parsed(Arena *a, const Json *v)
{
    if (v->type == JSON_NULL) return DB_VALUE_NULL;
    if (v->type == JSON_NUMBER) return value_from_number(v->number);
    return DB_VALUE_TEXT(json_format(a, v));
}

/* A string that looks like JSON and is valid JSON is taken as that. Whether one
 * is that has more levels or values than we read is not known: it stays a blob,
 * which validate.c refuses. */
static DbValue json_of_json(Arena *a, const Json *in)
{
    Json *parsed;
    if (!in) return DB_VALUE_NULL;
    if (in->type != JSON_STRING) return json_of_parsed(a, in);

    Str s = in->string;
    if (str_eq(s, S("null"))) return DB_VALUE_NULL;
    if (str_eq(s, S("true")) || str_eq(s, S("false"))) return DB_VALUE_TEXT(s);
    bool looks = s.len > 0 && ((s.ptr[0] >= '0' && s.ptr[0] <= '9') ||
                               (s.ptr[0] != '\0' && strchr("-\"[{", s.ptr[0])));
    Error *err = looks ? json_parse(a, s, NULL, &parsed) : NULL;
    if (looks && !err) return json_of_parsed(a, parsed);
    bool unread = err && strcmp(err->code, "json_invalid") != 0;
    return unread ? (DbValue){.type = DB_BLOB, .text = s} : DB_VALUE_TEXT(json_format(a, in));
}

static DbValue geo_from(Arena *a, double lon, double lat)
{
    if (!isfinite(lon)) lon = 0;
    if (!isfinite(lat)) lat = 0;
    if (lon == 0 && lat == 0) return DB_VALUE_TEXT(S(GEO_ZERO));

    Buf b = buf_new(a, 64);
    buf_add(&b, S("{\"lon\":"));
    json_write_number(&b, lon);
    buf_add(&b, S(",\"lat\":"));
    json_write_number(&b, lat);
    buf_char(&b, '}');
    return DB_VALUE_TEXT(buf_str(&b));
}

static DbValue geo_of_json(Arena *a, const Json *in)
{
    Json *parsed;
    if (in && in->type == JSON_STRING && !json_parse(a, in->string, NULL, &parsed)) in = parsed;
    if (!in || in->type != JSON_OBJECT) return DB_VALUE_TEXT(S(GEO_ZERO));
    return geo_from(a, number_of_json(json_get(in, S("lon"))),
                    number_of_json(json_get(in, S("lat"))));
}

bool value_to_geo(Arena *a, const DbValue *v, double *lon, double *lat)
{
    Json *parsed;
    *lon = *lat = 0;
    if (v->type != DB_TEXT || json_parse(a, v->text, NULL, &parsed)) return false;
    *lon = number_of_json(json_get(parsed, S("lon")));
    *lat = number_of_json(json_get(parsed, S("lat")));
    return true;
}

/* ---- the table ---- */

DbValue value_normalise(Arena *a, const Field *f, const Json *in)
{
    switch (f->type) {
    case FIELD_NUMBER:
        return value_from_number(number_of_json(in));
    case FIELD_BOOL:
        return DB_VALUE_INT(bool_of_json(in));
    case FIELD_DATE:
        return date_of_json(a, in);
    case FIELD_JSON:
        return json_of_json(a, in);
    case FIELD_GEOPOINT:
        return geo_of_json(a, in);
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        return value_from_list(a, f, list_of_json(a, in));
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_AUTODATE:
    case FIELD_PASSWORD:
        break;
    }
    return DB_VALUE_TEXT(text_of_json(a, in));
}

double value_to_number(const DbValue *v)
{
    double number;
    if (v->type == DB_INTEGER) return (double)v->integer;
    if (v->type == DB_REAL) return v->real;
    if (v->type == DB_TEXT && str_to_double(v->text, &number)) return number;
    return 0;
}

bool value_to_bool(const DbValue *v)
{
    bool yes = false;
    if (v->type == DB_TEXT) (void)bool_of_text(v->text, &yes); /* no bool: false */
    return yes || (v->type == DB_INTEGER && v->integer != 0) ||
           (v->type == DB_REAL && v->real != 0);
}

Str value_to_text(Arena *a, const DbValue *v)
{
    char digits[32];
    if (v->type == DB_TEXT || v->type == DB_BLOB) return v->text;
    if (v->type == DB_INTEGER) return str_printf(a, "%lld", (long long)v->integer);
    if (v->type == DB_NULL) return S("");
    return arena_copy(a, str_make(digits, number_format(digits, v->real)));
}

bool value_is_empty(const Field *f, const DbValue *v)
{
    if (v->type == DB_NULL) return true;
    switch (f->type) {
    case FIELD_NUMBER:
        return value_to_number(v) == 0;
    case FIELD_BOOL:
        return !value_to_bool(v);
    case FIELD_JSON:
        return v->type == DB_TEXT &&
               (v->text.len == 0 || str_eq(v->text, S("\"\"")) || str_eq(v->text, S("[]")) ||
                str_eq(v->text, S("{}")) || str_eq(v->text, S("null")));
    case FIELD_GEOPOINT:
        return v->type == DB_TEXT && (v->text.len == 0 || str_eq(v->text, S(GEO_ZERO)));
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        return v->type == DB_TEXT &&
               (v->text.len == 0 || (field_is_list(f) && str_eq(v->text, S("[]"))));
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
    case FIELD_PASSWORD:
        break;
    }
    return v->type == DB_TEXT && v->text.len == 0;
}

bool value_equal(const DbValue *x, const DbValue *y)
{
    if (x->type != y->type) return false;
    switch (x->type) {
    case DB_NULL:
        return true;
    case DB_INTEGER:
        return x->integer == y->integer;
    case DB_REAL:
        return x->real == y->real;
    case DB_TEXT:
    case DB_BLOB:
        break;
    }
    return str_eq(x->text, y->text);
}

static Json *json_text_value(Arena *a, Str text)
{
    Json *parsed;
    if (json_parse(a, text, NULL, &parsed)) return json_new_string(a, text);
    return parsed;
}

static Json *list_value(Arena *a, const Field *f, const DbValue *v)
{
    StrList list = value_to_list(a, f, v);
    Json *array = json_new_array(a);
    for (size_t i = 0; i < list.count; i++)
        json_push(a, array, json_new_string(a, list.items[i]));
    return array;
}

/* A computed column of a view has no field that says what it holds: numbers
 * are numbers, texts are JSON if they can be read as such. */
static Json *json_value(Arena *a, const DbValue *v)
{
    if (v->type == DB_NULL || (v->type == DB_TEXT && v->text.len == 0)) return json_new_null(a);
    if (v->type == DB_TEXT || v->type == DB_BLOB) return json_text_value(a, v->text);
    return json_new_number(a, value_to_number(v));
}

Json *value_to_json(Arena *a, const Field *f, const DbValue *v)
{
    double lon, lat;
    switch (f->type) {
    case FIELD_NUMBER:
        return json_new_number(a, value_to_number(v));
    case FIELD_BOOL:
        return json_new_bool(a, value_to_bool(v));
    case FIELD_JSON:
        return json_value(a, v);
    case FIELD_GEOPOINT: {
        (void)value_to_geo(a, v, &lon, &lat); /* no point: zero */
        Json *point = json_new_object(a);
        json_set_number(a, point, S("lon"), lon);
        json_set_number(a, point, S("lat"), lat);
        return point;
    }
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        if (field_is_list(f)) return list_value(a, f, v);
        break;
    case FIELD_PASSWORD:
        return json_new_string(a, S(""));
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
        break;
    }
    return json_new_string(a, value_to_text(a, v));
}
