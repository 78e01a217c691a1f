/* field_types.c - what each type of field is called, which options it has and
 * which column it gets.
 *
 * Adding a field type? Its name goes into TYPE_NAMES, its options into OPTIONS
 * (in the order of their keys: fields are written in it), its column into
 * field_column_kind(), its checks into field_check.c; its values are
 * records/values.c's. */
#include "schema/schema_internal.h"

#include <math.h>

static const char *const TYPE_NAMES[FIELD_TYPE_COUNT] = {
    [FIELD_TEXT] = "text",         [FIELD_EDITOR] = "editor",     [FIELD_EMAIL] = "email",
    [FIELD_URL] = "url",           [FIELD_NUMBER] = "number",     [FIELD_BOOL] = "bool",
    [FIELD_DATE] = "date",         [FIELD_AUTODATE] = "autodate", [FIELD_SELECT] = "select",
    [FIELD_RELATION] = "relation", [FIELD_FILE] = "file",         [FIELD_JSON] = "json",
    [FIELD_GEOPOINT] = "geoPoint", [FIELD_PASSWORD] = "password",
};

typedef enum {
    OPT_BOOL,
    OPT_WHOLE,
    OPT_NUMBER, /* nullable; `more` is the bool that says if it is set */
    OPT_TEXT,
    OPT_DATE,
    OPT_TEXTS, /* nullable list; `more` is the count */
    OPT_TYPE   /* the place of "type" in the order */
} OptionKind;

typedef struct {
    const char *key;
    OptionKind kind;
    unsigned types; /* bit per FieldType */
    size_t at, more;
} Option;

#define T(type) (1u << FIELD_##type)
#define ALL     ((1u << FIELD_TYPE_COUNT) - 1)
#define AT(m)   offsetof(Field, m)

static const Option OPTIONS[] = {
    {"autogeneratePattern", OPT_TEXT, T(TEXT), AT(autogenerate_pattern), 0},
    {"cascadeDelete", OPT_BOOL, T(RELATION), AT(cascade_delete), 0},
    {"collectionId", OPT_TEXT, T(RELATION), AT(collection_id), 0},
    {"convertURLs", OPT_BOOL, T(EDITOR), AT(convert_urls), 0},
    {"cost", OPT_WHOLE, T(PASSWORD), AT(cost), 0},
    {"exceptDomains", OPT_TEXTS, T(EMAIL) | T(URL), AT(except_domains), AT(except_domain_count)},
    {"help", OPT_TEXT, ALL & ~T(AUTODATE), AT(help), 0},
    {"hidden", OPT_BOOL, ALL, AT(hidden), 0},
    {"id", OPT_TEXT, ALL, AT(id), 0},
    {"max", OPT_WHOLE, T(TEXT) | T(PASSWORD), AT(max), 0},
    {"max", OPT_NUMBER, T(NUMBER), AT(max_number), AT(max_set)},
    {"max", OPT_DATE, T(DATE), AT(max_date), 0},
    {"maxSelect", OPT_WHOLE, T(SELECT) | T(RELATION) | T(FILE), AT(max_select), 0},
    {"maxSize", OPT_WHOLE, T(EDITOR) | T(FILE) | T(JSON), AT(max_size), 0},
    {"mimeTypes", OPT_TEXTS, T(FILE), AT(mime_types), AT(mime_type_count)},
    {"min", OPT_WHOLE, T(TEXT) | T(PASSWORD), AT(min), 0},
    {"min", OPT_NUMBER, T(NUMBER), AT(min_number), AT(min_set)},
    {"min", OPT_DATE, T(DATE), AT(min_date), 0},
    {"minSelect", OPT_WHOLE, T(RELATION), AT(min_select), 0},
    {"name", OPT_TEXT, ALL, AT(name), 0},
    {"onCreate", OPT_BOOL, T(AUTODATE), AT(on_create), 0},
    {"onUpdate", OPT_BOOL, T(AUTODATE), AT(on_update), 0},
    {"onlyDomains", OPT_TEXTS, T(EMAIL) | T(URL), AT(only_domains), AT(only_domain_count)},
    {"onlyInt", OPT_BOOL, T(NUMBER), AT(only_int), 0},
    {"pattern", OPT_TEXT, T(TEXT) | T(PASSWORD), AT(pattern), 0},
    {"presentable", OPT_BOOL, ALL, AT(presentable), 0},
    {"primaryKey", OPT_BOOL, T(TEXT), AT(primary_key), 0},
    {"protected", OPT_BOOL, T(FILE), AT(is_protected), 0},
    {"required", OPT_BOOL, ALL & ~T(AUTODATE), AT(required), 0},
    {"system", OPT_BOOL, ALL, AT(system), 0},
    {"thumbs", OPT_TEXTS, T(FILE), AT(thumbs), AT(thumb_count)},
    {"type", OPT_TYPE, ALL, 0, 0},
    {"values", OPT_TEXTS, T(SELECT), AT(values), AT(value_count)},
};

Str field_type_name(FieldType type)
{
    assert(type < FIELD_TYPE_COUNT);
    return str_from(TYPE_NAMES[type]);
}

static bool type_find(Str name, FieldType *out)
{
    for (int i = 0; i < FIELD_TYPE_COUNT; i++) {
        if (!str_eq(name, str_from(TYPE_NAMES[i]))) continue;
        *out = (FieldType)i;
        return true;
    }
    return false;
}

ColumnKind field_column_kind(const Field *f)
{
    switch (f->type) {
    case FIELD_TEXT:
        return f->primary_key ? COLUMN_ID : COLUMN_TEXT;
    case FIELD_NUMBER:
        return COLUMN_NUMBER;
    case FIELD_BOOL:
        return COLUMN_BOOL;
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        return field_is_list(f) ? COLUMN_LIST : COLUMN_TEXT;
    case FIELD_JSON:
        return COLUMN_JSON;
    case FIELD_GEOPOINT:
        return COLUMN_GEO;
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
    case FIELD_PASSWORD:
        break;
    }
    return COLUMN_TEXT;
}

int64_t field_max_size(const Field *f)
{
    if (f->max_size > 0) return f->max_size;
    return f->type == FIELD_JSON ? 1 << 20 : 5 << 20;
}

/* ---- reading ---- */

static void *member(Field *f, size_t at)
{
    return (char *)f + at;
}

static Error *wrong_option(Arena *a, const char *key)
{
    return invalid_format(a, str_printf(a, "wrong type of the field option \"%s\"", key));
}

static Error *read_texts(Arena *a, const Option *option, const Json *value, Field *out)
{
    if (value->type != JSON_ARRAY) return wrong_option(a, option->key);
    size_t count = value->array.count;
    Str *texts = arena_new(a, Str, count + 1); /* never NULL: [] is not null */
    for (size_t i = 0; i < count; i++) {
        if (value->array.items[i].type != JSON_STRING) return wrong_option(a, option->key);
        texts[i] = value->array.items[i].string;
    }
    *(Str **)member(out, option->at) = texts;
    *(size_t *)member(out, option->more) = count;
    return NULL;
}

/* What is beyond the safe integers becomes the first of those, so that
 * field_check.c can say which option is too large. */
static bool read_whole(const Json *value, int64_t *out)
{
    const double limit = (double)(SAFE_INTEGER_MAX + 1);
    if (!json_is(value, JSON_NUMBER) || trunc(value->number) != value->number) return false;
    *out = (int64_t)fmax(-limit, fmin(limit, value->number));
    return true;
}

static Error *read_option(Arena *a, const Option *option, const Json *value, Field *out)
{
    void *to = member(out, option->at);
    switch (option->kind) {
    case OPT_BOOL:
        if (value->type != JSON_BOOL) break;
        *(bool *)to = value->boolean;
        return NULL;
    case OPT_WHOLE:
        if (!read_whole(value, to)) break;
        return NULL;
    case OPT_NUMBER:
        if (value->type != JSON_NUMBER) break;
        *(double *)to = value->number;
        *(bool *)member(out, option->more) = true;
        return NULL;
    case OPT_TEXT:
        if (value->type != JSON_STRING) break;
        *(Str *)to = value->string;
        return NULL;
    case OPT_DATE: { /* as in records: what is no date is empty */
        int64_t ms;
        if (datetime_parse(json_str(value, S("")), &ms)) *(Str *)to = datetime_format(a, ms);
        return NULL;
    }
    case OPT_TEXTS:
        return read_texts(a, option, value, out);
    case OPT_TYPE:
        return NULL;
    }
    return wrong_option(a, option->key);
}

Error *field_from_json(Arena *a, const Json *json, Field *out)
{
    if (!json_is(json, JSON_OBJECT)) return invalid_format(a, S("a field is not an object"));
    Str type = json_str(json_get(json, S("type")), S(""));
    *out = (Field){0};
    if (!type_find(type, &out->type))
        return invalid_format(a, str_printf(a, "unknown field type \"%.*s\"", STR_ARG(type)));

    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        const Option *option = &OPTIONS[i];
        if (!(option->types & (1u << out->type))) continue;
        const Json *value = json_get(json, str_from(option->key));
        if (!value || value->type == JSON_NULL) continue;
        Error *err = read_option(a, option, value, out);
        if (err) return err;
    }
    return NULL;
}

/* ---- writing ---- */

static Json *texts_to_json(Arena *a, const Str *texts, size_t count)
{
    if (!texts) return json_new_null(a);
    Json *list = json_new_array(a);
    for (size_t i = 0; i < count; i++)
        json_push(a, list, json_new_string(a, texts[i]));
    return list;
}

static Json *option_to_json(Arena *a, const Option *option, const Field *f)
{
    const void *from = (const char *)f + option->at;
    const void *more = (const char *)f + option->more;
    switch (option->kind) {
    case OPT_BOOL:
        return json_new_bool(a, *(const bool *)from);
    case OPT_WHOLE:
        return json_new_number(a, (double)*(const int64_t *)from);
    case OPT_NUMBER:
        return *(const bool *)more ? json_new_number(a, *(const double *)from) : json_new_null(a);
    case OPT_TEXT:
    case OPT_DATE:
        return json_new_string(a, *(const Str *)from);
    case OPT_TEXTS:
        return texts_to_json(a, *(Str *const *)from, *(const size_t *)more);
    case OPT_TYPE:
        break;
    }
    return json_new_string(a, field_type_name(f->type));
}

Json *field_to_json(Arena *a, const Field *f)
{
    Json *object = json_new_object(a);
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        if (!(OPTIONS[i].types & (1u << f->type))) continue;
        json_set(a, object, str_from(OPTIONS[i].key), option_to_json(a, &OPTIONS[i], f));
    }
    return object;
}
