/* form.c - form fields become one JSON object. */
#include "http/form.h"

#include "base/encoding.h"
#include "base/map.h"
#include "base/utf8.h"
#include "http/multipart.h"

#include <math.h>

/* No double needs more: 2^1023 has 308 digits, the smallest one 325 places and
 * 17 digits behind "-0.". */
#define NUMBER_TEXT_MAX 400

typedef struct {
    Json first;
    Json *array; /* all values, once there are two */
} Field;

struct Form {
    Arena *arena;
    size_t count, fields_max;
    Map *fields; /* Str to Field * */
    Str *payloads;
    size_t payload_count, payload_cap;
};

/* ---- scalars ---- */

/* `shortest` is digits with an optional '.', exponent e: writes them without an
 * exponent. "1.5e-7" becomes "0.00000015". */
static size_t expand_exponent(Str shortest, char out[NUMBER_TEXT_MAX])
{
    ptrdiff_t e = str_find_char(shortest, 'e');
    Str exponent_text = str_from_pos(shortest, (size_t)e + 1);
    if (exponent_text.ptr[0] == '+') exponent_text = str_from_pos(exponent_text, 1);
    int64_t exponent = 0;
    if (!str_to_i64(exponent_text, &exponent)) return 0;

    size_t len = 0;
    char digits[32];
    int64_t count = 0, point = -1;
    for (size_t i = 0; i < (size_t)e; i++) {
        char c = shortest.ptr[i];
        if (c == '-') out[len++] = '-';
        if (c == '.') point = count;
        if (c >= '0' && c <= '9') digits[count++] = c;
    }
    point = (point < 0 ? count : point) + exponent; /* where the point belongs */
    if (point < -350 || point > 350) return 0;

    if (point <= 0) out[len++] = '0';
    for (int64_t i = 0; i < MAX(count, point); i++) {
        if (i == 0 && point <= 0) {
            out[len++] = '.';
            for (int64_t zeros = point; zeros < 0; zeros++)
                out[len++] = '0';
        } else if (i == point) {
            out[len++] = '.';
        }
        out[len++] = i < count ? digits[i] : '0';
    }
    return len;
}

static bool is_shortest_form(Str text, double value)
{
    if (value == 0 && signbit(value)) return str_eq(text, S("-0"));
    char shortest[32];
    Str form = str_make(shortest, number_format(shortest, value));
    if (str_find_char(form, 'e') < 0) return str_eq(text, form);
    char plain[NUMBER_TEXT_MAX];
    return str_eq(text, str_make(plain, expand_exponent(form, plain)));
}

static bool looks_like_number(Str text)
{
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX || text.ptr[0] == '.') return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '-' && c != '.' && (c < '0' || c > '9')) return false;
    }
    return true;
}

Json form_infer(Str text)
{
    if (str_eq(text, S("true"))) return (Json){.type = JSON_BOOL, .boolean = true};
    if (str_eq(text, S("false"))) return (Json){.type = JSON_BOOL, .boolean = false};
    double value;
    if (looks_like_number(text) && str_to_double(text, &value) && isfinite(value) &&
        is_shortest_form(text, value)) {
        return (Json){.type = JSON_NUMBER, .number = value};
    }
    return (Json){.type = JSON_STRING, .string = text};
}

/* ---- fields ---- */

Form *form_new(Arena *a, size_t fields_max)
{
    Form *f = arena_new(a, Form, 1);
    f->arena = a;
    f->fields_max = fields_max;
    f->fields = map_new(a, 16);
    return f;
}

Error *form_count(Form *f)
{
    if (++f->count <= f->fields_max) return NULL;
    return error_cause(f->arena, error_status(f->arena, 413), "body: more than %zu form fields",
                       f->fields_max);
}

static void add_payload(Form *f, Str text)
{
    if (f->payload_count == f->payload_cap) {
        size_t cap = f->payload_cap ? f->payload_cap * 2 : 4;
        Str *grown = arena_new(f->arena, Str, cap);
        if (f->payload_count > 0) memcpy(grown, f->payloads, f->payload_count * sizeof(Str));
        f->payloads = grown;
        f->payload_cap = cap;
    }
    f->payloads[f->payload_count++] = text;
}

static bool is_text(Str s)
{
    return (s.len == 0 || !memchr(s.ptr, 0, s.len)) && utf8_valid(s);
}

Error *form_add(Form *f, Str key, Str value)
{
    Arena *a = f->arena;
    Error *err = form_count(f);
    if (err) return err;
    if (!is_text(key) || !is_text(value)) return bad_body(a, "a form field is not UTF-8 text");
    if (value.len == 0) value = S(""); /* never NULL: it is a value, an empty one */

    if (str_eq(key, S("@jsonPayload"))) {
        add_payload(f, value);
        return NULL;
    }
    Json scalar = form_infer(value);
    Field *field = map_get(f->fields, key);
    if (!field) {
        field = arena_new(a, Field, 1);
        field->first = scalar;
        (void)map_put(f->fields, key, field);
        return NULL;
    }
    if (!field->array) {
        field->array = json_new_array(a);
        (void)json_push(a, field->array, &field->first);
    }
    (void)json_push(a, field->array, &scalar);
    return NULL;
}

Error *form_add_urlencoded(Form *f, Str body, size_t value_max)
{
    Arena *a = f->arena;
    Str rest = body;
    while (rest.ptr) {
        Str value = str_split(&rest, '&');
        if (value.len == 0) continue; /* "a=1&&b=2" */
        Str key = str_split(&value, '=');
        if (value.len > value_max) return error_status(a, 413);
        Str plain_key, plain_value;
        if (!percent_decode(a, key, true, &plain_key) ||
            !percent_decode(a, value, true, &plain_value)) {
            return bad_body(a, "a form field is not percent-encoded");
        }
        Error *err = form_add(f, plain_key, plain_value);
        if (err) return err;
    }
    return NULL;
}

/* ---- the object ---- */

/* Lays an object over the fields. A map, because a payload may have very many
 * keys and looking each one up in a list would take their square. */
static Error *lay_over(Arena *a, Map *values, Str text)
{
    Json *object;
    Error *err = json_parse(a, text, NULL, &object);
    if (err || !json_is(object, JSON_OBJECT)) return bad_body(a, "@jsonPayload is no JSON object");
    for (size_t i = 0; i < object->object.count; i++) {
        JsonMember *member = &object->object.members[i];
        (void)map_put(values, member->key, &member->value);
    }
    return NULL;
}

Error *form_finish(Form *f, Json **object)
{
    Arena *a = f->arena;
    Map *values = map_new(a, map_count(f->fields));
    size_t at = 0;
    const MapEntry *entry;
    while ((entry = map_next(f->fields, &at))) {
        Field *field = entry->value;
        (void)map_put(values, entry->key, field->array ? field->array : &field->first);
    }
    for (size_t i = 0; i < f->payload_count; i++) {
        Error *err = lay_over(a, values, f->payloads[i]);
        if (err) return err;
    }

    Json *result = json_new_object(a);
    size_t count = map_count(values);
    result->object.members = arena_new(a, JsonMember, MAX(count, (size_t)1));
    result->object.cap = MAX(count, (size_t)1);
    at = 0;
    while ((entry = map_next(values, &at))) {
        JsonMember *member = &result->object.members[result->object.count++];
        member->key = entry->key;
        member->value = *(const Json *)entry->value;
    }
    *object = result;
    return NULL;
}
