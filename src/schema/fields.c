/* fields.c - the list of fields of a collection: derived ids, and the system
 * fields every collection of a type has (api: collections §2.1, §3). */
#include "base/log.h"
#include "schema/schema_internal.h"

static Field *named(Collection *c, Str name)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (str_eq(c->fields[i].name, name)) return &c->fields[i];
    }
    return NULL;
}

static bool id_taken(const Field *fields, size_t count, Str id)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(fields[i].id, id)) return true;
    }
    return false;
}

/* type + CRC-32 of the name: the same field gets the same id on every server,
 * so that definitions without ids still match their columns. */
static Str derive_id(Arena *a, const Field *fields, size_t count, const Field *f)
{
    Str base = str_printf(a, "%s%u", field_type_name(f->type).ptr, crc32_ieee(f->name));
    Str id = base;
    for (int n = 2; id_taken(fields, count, id); n++)
        id = str_printf(a, "%.*s%d", STR_ARG(base), n);
    return id;
}

/* Appends, or replaces an earlier field of the same name when `f` has no id. */
static void add_field(Arena *a, Collection *c, Field *f)
{
    if (f->id.len == 0) {
        Field *same = f->name.len > 0 ? named(c, f->name) : NULL;
        if (same) {
            f->id = same->id;
            *same = *f;
            return;
        }
        f->id = derive_id(a, c->fields, c->field_count, f);
    }
    c->fields[c->field_count++] = *f;
}

Error *fields_from_json(Arena *a, const Json *list, Collection *c)
{
    if (!json_is(list, JSON_ARRAY)) return invalid_format(a, S("\"fields\" is not a list"));
    size_t count = json_count(list);
    if (count > FIELDS_MAX) return invalid_format(a, S("too many fields"));

    c->fields = arena_new(a, Field, count + 1);
    c->field_count = 0;
    for (size_t i = 0; i < count; i++) {
        Field f;
        Error *err = field_from_json(a, json_at(list, i), &f);
        if (err) return err;
        add_field(a, c, &f);
    }
    return NULL;
}

static Field *append_system(Arena *a, Collection *c, FieldType type, const char *name)
{
    Field *fields = arena_new(a, Field, c->field_count + 1);
    if (c->field_count > 0) memcpy(fields, c->fields, c->field_count * sizeof *fields);
    c->fields = fields;
    Field f = {.type = type, .name = str_from(name), .system = true};
    f.id = derive_id(a, c->fields, c->field_count, &f);
    c->fields[c->field_count] = f;
    return &c->fields[c->field_count++];
}

static void complete_id(Arena *a, Collection *c)
{
    Field *id = named(c, S("id"));
    if (!id) {
        append_system(a, c, FIELD_TEXT, "id");
        Field made = c->fields[c->field_count - 1];
        memmove(c->fields + 1, c->fields, (c->field_count - 1) * sizeof made);
        c->fields[0] = made;
        id = &c->fields[0];
        id->min = id->max = 15;
        id->autogenerate_pattern = S("[a-z0-9]{15}");
    }
    if (id->type != FIELD_TEXT) return; /* validation says what is wrong */
    id->system = id->required = id->primary_key = true;
    id->hidden = false;
    if (id->pattern.len == 0) id->pattern = S(ID_PATTERN);
}

/* The field of this name and type; NULL when the name is taken by another type. */
static Field *ensure(Arena *a, Collection *c, FieldType type, const char *name, bool *made)
{
    Field *f = named(c, str_from(name));
    *made = !f;
    if (!f) f = append_system(a, c, type, name);
    if (f->type != type) return NULL;
    f->system = true;
    return f;
}

static void complete_auth(Arena *a, Collection *c)
{
    bool made;
    Field *f = ensure(a, c, FIELD_PASSWORD, "password", &made);
    if (f) f->hidden = f->required = true;
    if (f && made) f->min = 8;

    f = ensure(a, c, FIELD_TEXT, "tokenKey", &made);
    if (f) f->hidden = f->required = true;
    if (f && made) {
        f->min = 30;
        f->max = 60;
        f->autogenerate_pattern = S("[a-zA-Z0-9]{50}");
    }

    f = ensure(a, c, FIELD_EMAIL, "email", &made);
    if (f) f->hidden = false;
    if (f && made) f->required = true;

    ensure(a, c, FIELD_BOOL, "emailVisibility", &made);
    ensure(a, c, FIELD_BOOL, "verified", &made);
}

void fields_complete(Arena *a, Collection *c)
{
    if (c->type != COLLECTION_VIEW) complete_id(a, c);
    if (c->type == COLLECTION_AUTH) complete_auth(a, c);
    for (size_t i = 0; i < c->field_count; i++)
        c->fields[i].index = (int)i;
}

void fields_compile_patterns(Arena *a, Collection *c, bool stored)
{
    for (size_t i = 0; i < c->field_count; i++) {
        Field *f = &c->fields[i];
        f->pattern_code = NULL;
        if (f->pattern.len == 0) continue;
        Error *err = pattern_compile(a, f->pattern, &f->pattern_code);
        /* Only in imported folders: saving refuses such a pattern. */
        if (err && stored)
            log_warn("schema", "pattern ignored", LOG_STR("collection", c->name),
                     LOG_STR("field", f->name), LOG_STR("reason", err->message));
    }
}
