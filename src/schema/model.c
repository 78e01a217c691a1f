/* model.c - collections from and to JSON, and what they need to be complete.
 *
 * An update is laid over a copy of the stored definition as JSON, so there is
 * one reader for new collections, updates and imports, and nothing of the new
 * Collection points into the old one. */
#include "crypto/crypto.h"
#include "schema/schema_internal.h"

#define CRUD_RULES (RULE_DELETE + 1)

/* ---- to JSON ---- */

static Json *rule_to_json(Arena *a, const Rule *rule)
{
    return rule->is_null ? json_new_null(a) : json_new_string(a, rule->text);
}

/* Everything, secrets included. */
static Json *collection_to_model(Arena *a, const Collection *c)
{
    Json *o = json_new_object(a);
    json_set_str(a, o, S("id"), c->id);
    json_set_str(a, o, S("name"), c->name);
    json_set_str(a, o, S("type"), collection_type_name(c->type));
    json_set_bool(a, o, S("system"), c->system);
    json_set_str(a, o, S("created"), c->created);
    json_set_str(a, o, S("updated"), c->updated);
    for (int i = 0; i < CRUD_RULES; i++)
        json_set(a, o, str_from(rule_keys[i]), rule_to_json(a, &c->rules[i]));

    Json *fields = json_new_array(a);
    for (size_t i = 0; i < c->field_count; i++)
        json_push(a, fields, field_to_json(a, &c->fields[i]));
    json_set(a, o, S("fields"), fields);

    Json *indexes = json_new_array(a);
    for (size_t i = 0; i < c->index_count; i++)
        json_push(a, indexes, json_new_string(a, c->indexes[i].text));
    json_set(a, o, S("indexes"), indexes);

    if (c->type == COLLECTION_VIEW) json_set_str(a, o, S("viewQuery"), c->view_query);
    if (c->type != COLLECTION_AUTH) return o;
    const Json *options = json_copy(a, c->options);
    for (size_t i = 0; i < json_count(options); i++)
        json_set(a, o, options->object.members[i].key, &options->object.members[i].value);
    return o;
}

Json *collection_to_json(Arena *a, const Collection *c)
{
    Json *o = collection_to_model(a, c);
    auth_options_redact(o);
    json_sort_keys(o);
    return o;
}

/* ---- completing ---- */

/* Indexes of the two columns sign-in looks records up by. */
static void ensure_auth_index(Arena *a, Collection *c, const char *field, const char *where)
{
    if (indexes_have_unique(c, str_from(field))) return;
    Str suffix = c->id.len > 0 ? c->id : random_text(a, 10, ALPHABET_ID);
    Str name = str_printf(a, "idx_%s_%.*s", field, STR_ARG(suffix));
    name = str_sub(name, 0, 64);
    Str text = str_printf(a, "CREATE UNIQUE INDEX `%.*s` ON `%.*s` (`%s`)%s", STR_ARG(name),
                          STR_ARG(c->name), field, where);
    Index made;
    if (!index_parse(a, text, &made)) { /* a scaffold has no table name yet */
        Str *column = arena_new(a, Str, 1);
        *column = str_from(field);
        made = (Index){.name = name, .columns = column, .column_count = 1, .unique = true};
        made.is_expression = arena_new(a, bool, 1);
        made.text = text;
    }
    Index *grown = arena_new(a, Index, c->index_count + 1);
    if (c->index_count > 0) memcpy(grown, c->indexes, c->index_count * sizeof *grown);
    grown[c->index_count++] = made;
    c->indexes = grown;
}

static void complete_indexes(Arena *a, Collection *c)
{
    for (size_t i = 0; i < c->index_count; i++) {
        Index *x = &c->indexes[i];
        if (x->name.len > 0) x->text = index_render(a, x, c->name);
    }
    if (c->type != COLLECTION_AUTH) return;
    ensure_auth_index(a, c, "tokenKey", "");
    ensure_auth_index(a, c, "email", " WHERE `email` != ''");
}

static void drop_stale_mapped_fields(Arena *a, Collection *c)
{
    Json *mapped = json_get(json_get(c->options, S("oauth2")), S("mappedFields"));
    for (size_t i = 0; i < json_count(mapped); i++) {
        JsonMember *m = &mapped->object.members[i];
        if (!collection_field(c, json_str(&m->value, S(""))))
            json_set_str(a, mapped, m->key, S(""));
    }
}

/* The owners' accounts stay reachable by password whatever was submitted. */
static void force_superusers(Arena *a, Collection *c)
{
    Json *oauth2 = json_get(c->options, S("oauth2"));
    json_set_bool(a, oauth2, S("enabled"), false);
    json_set(a, oauth2, S("providers"), json_new_array(a));
    json_set_bool(a, json_get(c->options, S("passwordAuth")), S("enabled"), true);
    if (json_bool(json_get(json_get(c->options, S("otp")), S("enabled")), false))
        json_set_bool(a, json_get(c->options, S("mfa")), S("enabled"), true);
}

static bool rule_equal(const Rule *x, const Rule *y)
{
    return x->is_null == y->is_null && (x->is_null || str_eq(x->text, y->text));
}

static void complete_auth(Arena *a, Collection *c, const Collection *base)
{
    if (base ? collection_is_superusers(base) : collection_is_superusers(c)) force_superusers(a, c);
    drop_stale_mapped_fields(a, c);
    bool stricter = base && base->type == COLLECTION_AUTH &&
                    !rule_equal(&base->rules[RULE_AUTH], &c->rules[RULE_AUTH]);
    if (stricter) { /* who got in by the old rule has to come again */
        Json *token = json_get(c->options, S("authToken"));
        json_set_str(a, token, S("secret"), S(""));
        auth_options_fill_secrets(a, c->options);
    }
    auth_options_read(a, c);
}

/* Everything an update leaves to us: derived id, system fields, indexes on the
 * table's name, forced options. */
static void complete(Arena *a, Collection *c, const Collection *base)
{
    if (c->id.len == 0 && c->name.len > 0) {
        Str seed = str_concat(a, collection_type_name(c->type), c->name);
        c->id = str_printf(a, "pbc_%u", crc32_ieee(seed));
    }
    fields_complete(a, c);
    if (c->type == COLLECTION_AUTH) complete_auth(a, c, base);
    complete_indexes(a, c);
    fields_compile_patterns(a, c, false);
}

/* ---- from JSON ---- */

static Error *wrong_type(Arena *a, const char *key)
{
    return invalid_format(a, str_printf(a, "wrong type of \"%s\"", key));
}

/* The value at `key`; NULL when absent or null. False when it is no text. */
static bool text_at(const Json *json, const char *key, const Str **out)
{
    const Json *value = json_get(json, str_from(key));
    *out = NULL;
    if (!value || value->type == JSON_NULL) return true;
    if (value->type != JSON_STRING) return false;
    *out = &value->string;
    return true;
}

static Error *read_texts(Arena *a, const Json *json, Collection *c)
{
    struct {
        const char *key;
        Str *to;
    } const TEXTS[] = {{"id", &c->id}, {"name", &c->name}, {"viewQuery", &c->view_query}};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        const Str *text;
        if (!text_at(json, TEXTS[i].key, &text)) return wrong_type(a, TEXTS[i].key);
        if (text) *TEXTS[i].to = arena_copy(a, *text);
    }
    const Json *system = json_get(json, S("system"));
    if (system && system->type != JSON_NULL) {
        if (system->type != JSON_BOOL) return wrong_type(a, "system");
        c->system = system->boolean;
    }
    for (int i = 0; i < CRUD_RULES; i++) {
        const Json *rule = json_get(json, str_from(rule_keys[i]));
        if (!rule) continue;
        const Str *text;
        if (!text_at(json, rule_keys[i], &text)) return wrong_type(a, rule_keys[i]);
        c->rules[i] = text ? (Rule){.text = arena_copy(a, *text)} : (Rule){.is_null = true};
    }
    return NULL;
}

static Error *read_indexes(Arena *a, const Json *json, Collection *c)
{
    const Json *list = json_get(json, S("indexes"));
    if (!list) return NULL;
    if (list->type != JSON_ARRAY && list->type != JSON_NULL) return wrong_type(a, "indexes");
    size_t count = list->type == JSON_ARRAY ? list->array.count : 0;
    if (count > INDEXES_MAX) return invalid_format(a, S("too many indexes"));

    Str *texts = arena_new(a, Str, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (list->array.items[i].type != JSON_STRING) return wrong_type(a, "indexes");
        texts[i] = arena_copy(a, list->array.items[i].string);
    }
    indexes_set(a, c, texts, count);
    return NULL;
}

static Error *read_fields(Arena *a, const Json *json, Collection *c)
{
    const Json *list = json_get(json, S("fields"));
    if (!list || list->type == JSON_NULL) return NULL;
    return fields_from_json(a, json_copy(a, list), c);
}

static Error *read_type(Arena *a, const Collection *base, const Json *json, Collection *c)
{
    c->type = base ? base->type : COLLECTION_BASE;
    const Str *text;
    if (!text_at(json, "type", &text)) return wrong_type(a, "type");
    if (text && (base || text->len > 0) && !collection_type_find(*text, &c->type))
        c->unknown_type = arena_copy(a, *text);
    return NULL;
}

static Error *read_options(Arena *a, const Json *json, Collection *c)
{
    if (c->type != COLLECTION_AUTH) return NULL;
    Error *err = auth_options_merge(a, c->options, json_copy(a, json));
    if (err) return err;
    auth_options_fill_secrets(a, c->options);
    auth_options_read(a, c);
    return NULL;
}

/* `stored`: the definition as it is, not what somebody submits over it. */
static Error *overlay(Arena *a, const Json *json, bool stored, Collection *c)
{
    Error *err = read_texts(a, json, c);
    if (err) return err;
    if (stored || c->type != COLLECTION_VIEW) err = read_fields(a, json, c); /* views infer them */
    if (err) return err;
    err = read_indexes(a, json, c);
    if (err) return err;
    return read_options(a, json, c);
}

Error *collection_from_json(Arena *a, const Collection *base, const Json *json, Collection **out)
{
    if (!json_is(json, JSON_OBJECT)) return invalid_format(a, S("a collection is not an object"));

    Collection *c = arena_new(a, Collection, 1);
    Error *err = read_type(a, base, json, c);
    if (err) return err;
    for (int i = 0; i < CRUD_RULES; i++)
        c->rules[i].is_null = true;
    c->options = c->type == COLLECTION_AUTH ? auth_options_default(a) : json_new_object(a);
    c->created = c->updated = datetime_now(a);
    if (base) {
        err = overlay(a, json_copy(a, collection_to_model(a, base)), true, c);
        if (err) return err;
        c->created = arena_copy(a, base->created);
        int64_t ms;
        if (datetime_parse(json_str(json_get(json, S("created")), S("")), &ms))
            c->created = datetime_format(a, ms);
    }
    err = overlay(a, json, false, c);
    if (err) return err;
    complete(a, c, base);
    *out = c;
    return NULL;
}

const Collection *collection_of_table(Arena *a, Str name, const Column *columns, size_t count)
{
    Collection *c = arena_new(a, Collection, 1);
    c->id = c->name = name;
    c->fields = arena_new(a, Field, count);
    c->field_count = count;
    for (size_t i = 0; i < count; i++) {
        Str column = str_from(columns[i].name);
        c->fields[i] =
            (Field){.type = columns[i].type, .id = column, .name = column, .index = (int)i};
    }
    return c;
}

Collection *collection_scaffold(Arena *a, CollectionType type)
{
    Json *json = json_new_object(a);
    json_set_str(a, json, S("type"), collection_type_name(type));
    Collection *c = NULL;
    Error *err = collection_from_json(a, NULL, json, &c);
    assert(!err && c);
    (void)err;
    c->created = c->updated = S("");
    return c;
}

/* ---- rows ---- */

Error *collection_to_row(Arena *a, const Collection *c, Str key, CollectionRow *out)
{
    const Json *model = collection_to_model(a, c);
    Json *options = json_new_object(a);
    if (c->type == COLLECTION_AUTH) {
        options = json_copy(a, c->options);
        Error *err = options_seal(a, key, options);
        if (err) return err;
    }
    if (c->type == COLLECTION_VIEW) json_set_str(a, options, S("viewQuery"), c->view_query);
    *out = (CollectionRow){.id = c->id,
                           .type = collection_type_name(c->type),
                           .name = c->name,
                           .fields = json_format(a, json_get(model, S("fields"))),
                           .indexes = json_format(a, json_get(model, S("indexes"))),
                           .options = json_format(a, options),
                           .created = c->created,
                           .updated = c->updated,
                           .system = c->system};
    for (int i = 0; i < CRUD_RULES; i++)
        out->rules[i] = c->rules[i];
    return NULL;
}

static Error *damaged(Arena *a, const CollectionRow *row, Error *err)
{
    Error *wrapped = error_status(a, 500);
    Str why = err ? (err->cause.len > 0 ? err->cause : err->message) : S("unknown type");
    return error_cause(a, wrapped, "definition of collection \"%.*s\" cannot be read: %.*s",
                       STR_ARG(row->name), STR_ARG(why));
}

static Error *row_lists(Arena *a, const CollectionRow *row, Collection *c)
{
    Json *list;
    Error *err = json_parse(a, arena_copy(a, row->fields), NULL, &list);
    if (!err) err = fields_from_json(a, list, c);
    if (err) return err;
    err = json_parse(a, arena_copy(a, row->indexes), NULL, &list);
    if (err) return err;
    Str *texts = arena_new(a, Str, json_count(list) + 1);
    for (size_t i = 0; i < json_count(list); i++)
        texts[i] = json_str(json_at(list, i), S(""));
    indexes_set(a, c, texts, json_count(list));
    return NULL;
}

static Error *row_options(Arena *a, const CollectionRow *row, Str key, Collection *c)
{
    Json *options;
    Error *err = json_parse(a, arena_copy(a, row->options), NULL, &options);
    if (err) return err;
    if (c->type == COLLECTION_AUTH) {
        err = options_open(a, key, options);
        if (err) return err;
        c->options = auth_options_default(a);
        err = auth_options_merge(a, c->options, options);
        if (err) return err;
        auth_options_read(a, c);
        return NULL;
    }
    c->options = options;
    c->view_query = json_str(json_get(options, S("viewQuery")), S(""));
    return NULL;
}

Error *collection_from_row(Arena *a, const CollectionRow *row, Str key, Collection **out)
{
    Collection *c = arena_new(a, Collection, 1);
    c->id = arena_copy(a, row->id);
    c->name = arena_copy(a, row->name);
    c->system = row->system;
    c->created = arena_copy(a, row->created);
    c->updated = arena_copy(a, row->updated);
    if (!collection_type_find(row->type, &c->type)) return damaged(a, row, NULL);
    for (int i = 0; i < CRUD_RULES; i++) {
        c->rules[i] = row->rules[i];
        c->rules[i].text = arena_copy(a, row->rules[i].text);
    }
    Error *err = row_lists(a, row, c);
    if (!err) err = row_options(a, row, key, c);
    if (err) return error_is_secret_unreadable(err) ? err : damaged(a, row, err);
    for (size_t i = 0; i < c->field_count; i++)
        c->fields[i].index = (int)i;
    fields_compile_patterns(a, c, true);
    *out = c;
    return NULL;
}
