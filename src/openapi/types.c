/* types.c - TypeScript of a schema.
 *
 * For each collection an interface of what is read, one of what create() takes
 * and one of what update() takes (with the modifiers "views+", "tags-" …); then
 * one interface that leads from names to them, on which prelude.ts builds.
 *
 * Interface names are made of the letters and digits of the collection's name
 * and numbered when two would be the same: "_superusers" and "superusers" give
 * Superusers and Superusers2. */
#include "openapi/openapi_internal.h"

#include "base/map.h"

typedef struct {
    Arena *a;
    Buf out;
    const Schema *schema;
    Str *names; /* per collection */
} Types;

/* ---- names ---- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static Str pascal_case(Arena *a, Str name)
{
    Buf out = buf_new(a, name.len + 8);
    bool upper = true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_alnum(c)) {
            upper = true;
            continue;
        }
        if (out.len == 0 && c >= '0' && c <= '9') buf_char(&out, 'C');
        bool raise = upper && c >= 'a' && c <= 'z';
        buf_char(&out, raise ? (char)(c - 'a' + 'A') : c);
        upper = false;
    }
    return out.len ? buf_str(&out) : S("Collection");
}

static void names_make(Types *t)
{
    Map *taken = map_new(t->a, t->schema->count);
    t->names = arena_new(t->a, Str, t->schema->count + 1);
    for (size_t i = 0; i < t->schema->count; i++) {
        Str base = pascal_case(t->a, t->schema->collections[i]->name), name = base;
        for (unsigned n = 2; map_has(taken, name); n++)
            name = str_printf(t->a, "%.*s%u", STR_ARG(base), n);
        (void)map_put(taken, name, t);
        t->names[i] = name;
    }
}

/* ---- texts ---- */

/* JSON's escapes are TypeScript's too; '<', '>' and '&' are escaped as well. */
static void quoted(Types *t, Str text)
{
    json_write_string(&t->out, text);
}

static void property(Types *t, Str name, const char *suffix, const char *prefix)
{
    bool plain =
        name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9') && !*suffix && !*prefix;
    for (size_t i = 0; i < name.len; i++)
        plain = plain && (is_alnum(name.ptr[i]) || name.ptr[i] == '_');
    buf_add(&t->out, S("  "));
    if (plain)
        buf_add(&t->out, name);
    else
        quoted(t, str_printf(t->a, "%s%.*s%s", prefix, STR_ARG(name), suffix));
}

/* One line of a comment that no text can end or break. */
static void comment(Types *t, Str text)
{
    buf_add(&t->out, S("  /** "));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        /* 0xe2 begins U+2028 and U+2029, which end lines. */
        bool fine = c >= ' ' && c != 0x7f && c != '*' && c != '/' && c != '@' && c != 0xe2;
        buf_char(&t->out, fine ? (char)c : ' ');
        if (c == 0xe2 && i + 2 < text.len) i += 2;
    }
    buf_add(&t->out, S(" */\n"));
}

/* ---- values ---- */

static void id_type(Types *t, const Field *f)
{
    const Collection *target = schema_find_id(t->schema, f->collection_id);
    if (!target) {
        buf_add(&t->out, S("string"));
        return;
    }
    buf_add(&t->out, S("IdOf<"));
    quoted(t, target->name);
    buf_char(&t->out, '>');
}

static void select_type(Types *t, const Field *f, bool may_be_empty)
{
    buf_char(&t->out, '(');
    for (size_t i = 0; i < f->value_count; i++) {
        if (i > 0) buf_add(&t->out, S(" | "));
        quoted(t, f->values[i]);
    }
    if (may_be_empty) buf_add(&t->out, f->value_count ? S(" | \"\"") : S("\"\""));
    if (!may_be_empty && f->value_count == 0) buf_add(&t->out, S("string"));
    buf_char(&t->out, ')');
}

static void item_type(Types *t, const Field *f, bool input)
{
    switch (f->type) {
    case FIELD_NUMBER:
        buf_add(&t->out, S("number"));
        return;
    case FIELD_BOOL:
        buf_add(&t->out, S("boolean"));
        return;
    case FIELD_DATE:
    case FIELD_AUTODATE:
        buf_add(&t->out, input ? S("DateText | Date") : S("DateText"));
        return;
    case FIELD_SELECT:
        select_type(t, f, !field_is_list(f) && !f->required);
        return;
    case FIELD_RELATION:
        id_type(t, f);
        return;
    case FIELD_FILE:
        buf_add(&t->out, input ? S("FileInput") : S("StoredFile"));
        return;
    case FIELD_JSON:
        buf_add(&t->out, input ? S("unknown") : S("any"));
        return;
    case FIELD_GEOPOINT:
        buf_add(&t->out, S("GeoPoint"));
        return;
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_PASSWORD:
        break;
    }
    buf_add(&t->out, S("string"));
}

/* Every object has these, as functions; an optional property of another type
 * would make no object fit. */
static bool every_object_has(Str name)
{
    static const Str NAMES[] = {STR_INIT("constructor"),    STR_INIT("hasOwnProperty"),
                                STR_INIT("isPrototypeOf"),  STR_INIT("propertyIsEnumerable"),
                                STR_INIT("toLocaleString"), STR_INIT("toString"),
                                STR_INIT("valueOf")};
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (str_eq(name, NAMES[i])) return true;
    return false;
}

static void value_type(Types *t, const Field *f, bool input)
{
    if (input && every_object_has(f->name)) {
        buf_add(&t->out, S("any"));
        return;
    }
    bool many = field_is_multi_type(f) && field_is_list(f);
    if (many && input && f->type != FIELD_SELECT) buf_char(&t->out, '(');
    item_type(t, f, input);
    if (many && input && f->type != FIELD_SELECT) buf_char(&t->out, ')');
    if (many) buf_add(&t->out, S("[]"));
    if (input && f->type == FIELD_FILE) buf_add(&t->out, S(" | null"));
}

/* ---- interfaces ---- */

static void expand_type(Types *t, const Collection *c)
{
    buf_add(&t->out, S("  expand?: {\n"));
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        const Collection *target =
            f->type == FIELD_RELATION ? schema_find_id(t->schema, f->collection_id) : NULL;
        if (!target || f->hidden) continue;
        buf_add(&t->out, S("  "));
        property(t, f->name, "", "");
        buf_printf(&t->out, "?: %.*sRecord%s;\n", STR_ARG(t->names[target->index]),
                   field_is_list(f) ? "[]" : "");
    }
    buf_add(&t->out, S("    [back: `${string}_via_${string}`]: any;\n  };\n"));
}

static void record_interface(Types *t, const Collection *c, Str name)
{
    buf_printf(&t->out,
               "\nexport interface %.*sRecord {\n  collectionId: string;\n"
               "  collectionName: ",
               STR_ARG(name));
    quoted(t, c->name);
    buf_add(&t->out, S(";\n"));
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (!field_in_api(c, f)) continue;
        if (f->help.len) comment(t, f->help);
        property(t, f->name, "", "");
        bool sometimes = f->hidden || (c->type == COLLECTION_AUTH && str_eq(f->name, S("email")));
        buf_add(&t->out, sometimes ? S("?: ") : S(": "));
        value_type(t, f, false);
        buf_add(&t->out, S(";\n"));
    }
    expand_type(t, c);
    buf_add(&t->out, S("}\n"));
}

static bool must_be_sent(const Field *f)
{
    bool is_filled = f->primary_key || f->autogenerate_pattern.len > 0 || f->type == FIELD_BOOL ||
                     f->type == FIELD_AUTODATE;
    return f->required && !is_filled;
}

static bool can_be_sent(const Collection *c, const Field *f)
{
    if (f->type == FIELD_AUTODATE) return false;
    return c->type != COLLECTION_AUTH || !str_eq(f->name, S("tokenKey"));
}

static void modifiers(Types *t, const Field *f)
{
    bool many = field_is_multi_type(f) && field_is_list(f);
    if (f->type != FIELD_NUMBER && !many) return;
    for (int kind = 0; kind < (many ? 3 : 2); kind++) {
        property(t, f->name, kind == 0 ? "+" : kind == 1 ? "-" : "", kind == 2 ? "+" : "");
        buf_add(&t->out, S("?: "));
        value_type(t, f, true);
        if (many) {
            buf_add(&t->out, S(" | "));
            item_type(t, f, true);
        }
        buf_add(&t->out, S(";\n"));
    }
}

static void input_interface(Types *t, const Collection *c, Str name, bool create)
{
    buf_printf(&t->out, "\nexport interface %.*s%s {\n", STR_ARG(name),
               create ? "Create" : "Update");
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (!can_be_sent(c, f) || (!create && f->primary_key)) continue;
        property(t, f->name, "", "");
        buf_add(&t->out, create && must_be_sent(f) ? S(": ") : S("?: "));
        value_type(t, f, true);
        buf_add(&t->out, S(";\n"));
        modifiers(t, f);
    }
    if (c->type == COLLECTION_AUTH) {
        buf_printf(&t->out, "  passwordConfirm%s: string;\n", create ? "" : "?");
        if (!create) buf_add(&t->out, S("  oldPassword?: string;\n"));
    }
    buf_add(&t->out, S("}\n"));
}

static void collections_interface(Types *t)
{
    buf_add(&t->out, S("\n/** From names to types. */\nexport interface Collections {\n"));
    for (size_t i = 0; i < t->schema->count; i++) {
        const Collection *c = t->schema->collections[i];
        Str name = t->names[i];
        property(t, c->name, "", "");
        if (c->type == COLLECTION_VIEW)
            buf_printf(&t->out, ": { record: %.*sRecord; create: never; update: never };\n",
                       STR_ARG(name));
        else
            buf_printf(&t->out,
                       ": { record: %.*sRecord; create: %.*sCreate; update: %.*sUpdate };\n",
                       STR_ARG(name), STR_ARG(name), STR_ARG(name));
    }
    buf_add(&t->out, S("}\n"));
}

Str types_render(Arena *a, const Schema *schema)
{
    Types t = {.a = a, .out = buf_new(a, 64 * 1024), .schema = schema};
    names_make(&t);
    buf_add(&t.out, str_make(types_prelude, types_prelude_len));
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *c = schema->collections[i];
        record_interface(&t, c, t.names[i]);
        if (c->type == COLLECTION_VIEW) continue;
        input_interface(&t, c, t.names[i], true);
        input_interface(&t, c, t.names[i], false);
    }
    collections_interface(&t);
    return buf_str(&t.out);
}
