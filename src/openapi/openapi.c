/* openapi.c - the OpenAPI document: common.json, and for each collection the
 * paths of records.json and auth.json with its name for '@', and the schemas of
 * its fields. */
#include "openapi/openapi_internal.h"

/* ---- schemas of fields ---- */

static Json *typed(Arena *a, const char *type)
{
    Json *o = json_new_object(a);
    json_set_str(a, o, S("type"), str_from(type));
    return o;
}

static Json *reference(Arena *a, Str name)
{
    Json *o = json_new_object(a);
    json_set_str(a, o, S("$ref"), str_printf(a, "#/components/schemas/%.*s", STR_ARG(name)));
    return o;
}

static void set_if(Arena *a, Json *o, const char *key, int64_t value)
{
    if (value > 0) json_set_number(a, o, str_from(key), (double)value);
}

static Json *text_schema(Arena *a, const Field *f)
{
    Json *o = typed(a, "string");
    if (f->required) set_if(a, o, "minLength", MAX(f->min, 1));
    set_if(a, o, "maxLength", f->max ? f->max : f->type == FIELD_TEXT ? 5000 : 0);
    if (f->pattern.len && f->required) json_set_str(a, o, S("pattern"), f->pattern);
    return o;
}

static Json *number_schema(Arena *a, const Field *f)
{
    Json *o = typed(a, f->only_int ? "integer" : "number");
    if (f->min_set) json_set_number(a, o, S("minimum"), f->min_number);
    if (f->max_set) json_set_number(a, o, S("maximum"), f->max_number);
    return o;
}

static Json *select_schema(Arena *a, const Field *f)
{
    Json *o = typed(a, "string"), *values = json_new_array(a);
    for (size_t i = 0; i < f->value_count; i++)
        json_push(a, values, json_new_string(a, f->values[i]));
    if (!f->required && !field_is_list(f)) json_push(a, values, json_new_string(a, S("")));
    if (json_count(values) > 0) json_set(a, o, S("enum"), values);
    return o;
}

static Json *item_schema(Arena *a, const Schema *schema, const Field *f, bool input)
{
    Json *o = NULL;
    const Collection *target;
    switch (f->type) {
    case FIELD_NUMBER:
        return number_schema(a, f);
    case FIELD_BOOL:
        return typed(a, "boolean");
    case FIELD_SELECT:
        return select_schema(a, f);
    case FIELD_GEOPOINT:
        return reference(a, S("common.geoPoint"));
    case FIELD_JSON:
        return json_new_object(a); /* anything */
    case FIELD_RELATION:
        o = typed(a, "string");
        target = schema_find_id(schema, f->collection_id);
        if (target)
            json_set_str(a, o, S("description"),
                         str_printf(a, "Id of a record of %.*s.", STR_ARG(target->name)));
        return o;
    case FIELD_FILE:
        o = typed(a, "string");
        json_set_str(a, o, S("description"),
                     input ? S("A file in multipart/form-data, or the name of a stored one.")
                           : S("The name of the stored file."));
        return o;
    case FIELD_DATE:
    case FIELD_AUTODATE:
        o = typed(a, "string");
        json_set_str(a, o, S("description"), S("\"2022-01-01 10:00:00.123Z\", UTC; may be empty."));
        return o;
    case FIELD_EMAIL:
    case FIELD_URL:
        o = typed(a, "string");
        if (f->required)
            json_set_str(a, o, S("format"), f->type == FIELD_URL ? S("uri") : S("email"));
        return o;
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_PASSWORD:
        break;
    }
    return text_schema(a, f);
}

static Json *field_schema(Arena *a, const Schema *schema, const Field *f, bool input)
{
    Json *o = item_schema(a, schema, f, input);
    if (field_is_multi_type(f) && field_is_list(f)) {
        Json *list = typed(a, "array");
        json_set(a, list, S("items"), o);
        set_if(a, list, "maxItems", f->max_select);
        if (f->type == FIELD_SELECT) json_set_bool(a, list, S("uniqueItems"), true);
        o = list;
    }
    if (f->help.len > 0 && !json_get(o, S("$ref"))) json_set_str(a, o, S("description"), f->help);
    return o;
}

/* ---- schemas of collections ---- */

static void require(Arena *a, Json *schema, Str name)
{
    Json *list = json_get(schema, S("required"));
    if (!list) list = json_set(a, schema, S("required"), json_new_array(a));
    json_push(a, list, json_new_string(a, name));
}

static Json *record_schema(Arena *a, const Schema *schema, const Collection *c)
{
    Json *o = typed(a, "object");
    Json *properties = json_new_object(a);
    json_set(a, properties, S("collectionId"), typed(a, "string"));
    Json *name = typed(a, "string");
    json_set_str(a, name, S("const"), c->name);
    json_set(a, properties, S("collectionName"), name);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (!field_in_api(c, f)) continue;
        json_set(a, properties, f->name, field_schema(a, schema, f, false));
    }
    Json *expand = typed(a, "object");
    json_set_str(a, expand, S("description"), S("Records that relations lead to, as asked for."));
    json_set(a, properties, S("expand"), expand);
    json_set(a, o, S("properties"), properties);
    require(a, o, S("id"));
    return o;
}

static bool can_be_sent(const Collection *c, const Field *f)
{
    if (f->type == FIELD_AUTODATE) return false;
    return c->type != COLLECTION_AUTH || !str_eq(f->name, S("tokenKey"));
}

static Json *input_schema(Arena *a, const Schema *schema, const Collection *c, bool create)
{
    Json *o = typed(a, "object");
    Json *properties = json_new_object(a);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (!can_be_sent(c, f) || (!create && f->primary_key)) continue;
        json_set(a, properties, f->name, field_schema(a, schema, f, true));
        bool filled = f->primary_key || f->autogenerate_pattern.len || f->type == FIELD_BOOL;
        if (create && f->required && !filled) require(a, o, f->name);
    }
    if (c->type == COLLECTION_AUTH) {
        json_set(a, properties, S("passwordConfirm"), typed(a, "string"));
        if (create) require(a, o, S("passwordConfirm"));
        if (!create) json_set(a, properties, S("oldPassword"), typed(a, "string"));
    }
    json_set(a, o, S("properties"), properties);
    if (!create)
        json_set_str(a, o, S("description"),
                     S("Only what is to change. \"name+\" and \"name-\" add to and take from "
                       "numbers and lists, \"+name\" puts in front of a list."));
    return o;
}

/* ---- paths ---- */

/* `template` with the collection's name for each '@' that is not at the start of
 * a word in a text ("@jsonPayload" is only in common.json). */
static Error *add_paths(Arena *a, Json *paths, Str template, Str name, bool read_only)
{
    Buf text = buf_new(a, template.len * 2);
    Buf quoted = buf_new(a, name.len + 8);
    json_write_string(&quoted, name); /* of word characters; but who knows what is stored */
    Str inner = str_sub(buf_str(&quoted), 1, quoted.len - 2);
    for (size_t i = 0; i < template.len; i++) {
        if (template.ptr[i] == '@')
            buf_add(&text, inner);
        else
            buf_char(&text, template.ptr[i]);
    }
    Json *made;
    Error *err = json_parse(a, buf_str(&text), NULL, &made);
    for (size_t i = 0; i < json_count(made) && !err; i++) {
        JsonMember *m = &made->object.members[i];
        if (read_only) {
            (void)json_remove(&m->value, S("post"));
            (void)json_remove(&m->value, S("patch"));
            (void)json_remove(&m->value, S("delete"));
        }
        json_add(a, paths, m->key, &m->value);
    }
    return err;
}

static Error *add_collection(Arena *a, Json *document, const Schema *schema, const Collection *c)
{
    Json *paths = json_get(document, S("paths"));
    Json *schemas = json_get(json_get(document, S("components")), S("schemas"));
    bool view = c->type == COLLECTION_VIEW;
    json_add(a, schemas, c->name, record_schema(a, schema, c));
    if (!view) {
        json_add(a, schemas, str_concat(a, c->name, S(".create")),
                 input_schema(a, schema, c, true));
        json_add(a, schemas, str_concat(a, c->name, S(".update")),
                 input_schema(a, schema, c, false));
    }
    Json *tag = json_new_object(a);
    json_set_str(a, tag, S("name"), c->name);
    json_push(a, json_get(document, S("tags")), tag);
    Error *err = add_paths(a, paths, str_make(records_json, records_json_len), c->name, view);
    if (err || c->type != COLLECTION_AUTH) return err;
    return add_paths(a, paths, str_make(auth_json, auth_json_len), c->name, false);
}

Error *openapi_render(Arena *a, const Schema *schema, Str title, Str server_url, Str *json)
{
    Json *document;
    Error *err = json_parse(a, str_make(common_json, common_json_len), NULL, &document);
    if (err) return err;
    json_set_str(a, json_get(document, S("info")), S("title"), title);
    if (server_url.len > 0) {
        Json *server = json_new_object(a);
        json_set_str(a, server, S("url"), server_url);
        json_push(a, json_get(document, S("servers")), server);
    } else {
        (void)json_remove(document, S("servers"));
    }
    for (size_t i = 0; i < schema->count && !err; i++)
        err = add_collection(a, document, schema, schema->collections[i]);
    *json = json_format(a, document);
    return err;
}
