/* field_check.c - may these fields be saved? (api: collections §1.5, §3). */
#include "base/utf8.h"
#include "schema/schema_internal.h"

#include <math.h>

#define FIELD_NAME_MAX 100
#define HELP_MAX       300
#define PASSWORD_MAX   71 /* bcrypt's, which imported hashes and other servers keep to */
#define SAMPLES        10

/* One field under check: `at` is "fields.3". */
typedef struct {
    Checks *checks;
    const Schema *schema;
    const Collection *c;
    const Field *f, *before; /* the stored field of this id, or NULL */
    size_t number;
} FieldCheck;

static Str at(const FieldCheck *k, const char *key)
{
    return str_printf(k->checks->arena, "fields.%zu.%s", k->number, key);
}

static void fail(const FieldCheck *k, const char *key, const char *code, const char *message)
{
    check_fail(k->checks, at(k, key), code, str_from(message));
}

static bool required(const FieldCheck *k, const char *key, bool present)
{
    return check_required(k->checks, at(k, key), present);
}

static bool range(const FieldCheck *k, const char *key, int64_t value, int64_t min, int64_t max)
{
    return check_range(k->checks, at(k, key), value, min, max);
}

bool name_has_via(Str name)
{
    for (size_t i = 0; i + 5 <= name.len; i++) {
        if (str_eq_nocase(str_sub(name, i, 5), S("_via_"))) return true;
    }
    return false;
}

static void check_name(const FieldCheck *k)
{
    static const char *const RESERVED[] = {"null",         "true",           "false",
                                           "collectionId", "collectionName", "expand"};
    Str name = k->f->name;
    if (!required(k, "name", name.len > 0)) return;
    if (!check_length(k->checks, at(k, "name"), name, 1, FIELD_NAME_MAX)) return;
    if (!text_is_word(name)) {
        fail(k, "name", "validation_match_invalid", "Must be in a valid format.");
        return;
    }
    bool reserved = str_eq_nocase(name, S("_rowid_")); /* to SQLite in any case */
    for (size_t i = 0; i < COUNT(RESERVED); i++)
        reserved |= str_eq(name, str_from(RESERVED[i]));
    if (reserved) fail(k, "name", "validation_not_in_invalid", "Must not be in list.");
    if (name_has_via(name))
        fail(k, "name", "validation_found_via", "The name cannot contain \"_via_\".");
    if (k->c->type != COLLECTION_AUTH) return;
    if (str_eq(name, S("passwordConfirm")) || str_eq(name, S("oldPassword")))
        fail(k, "name", "validation_reserved_field_name", "The field name is reserved.");
}

void field_check_name(Checks *checks, const Collection *c, size_t i)
{
    FieldCheck k = {.checks = checks, .c = c, .f = &c->fields[i], .number = i};
    check_name(&k);
}

static void check_pattern(const FieldCheck *k, const char *key, Str pattern)
{
    if (pattern.len == 0) return;
    void *code;
    Error *err = pattern_compile(k->checks->arena, pattern, &code);
    if (err)
        check_fail(k->checks, at(k, key), err->code ? err->code : "validation_invalid_regex",
                   err->message);
}

/* What the pattern makes has to be what the field takes. */
static void check_generator(const FieldCheck *k)
{
    const Field *f = k->f;
    if (f->autogenerate_pattern.len == 0) return;
    Arena *a = k->checks->arena;
    int64_t max = f->max > 0 ? f->max : 5000;
    void *code = NULL;
    if (f->pattern.len > 0 && pattern_compile(a, f->pattern, &code)) return; /* said already */
    for (int i = 0; i < SAMPLES; i++) {
        Str sample;
        Error *err = pattern_generate(a, f->autogenerate_pattern, &sample);
        if (err) {
            check_fail(k->checks, at(k, "autogeneratePattern"), err->code, err->message);
            return;
        }
        int64_t len = (int64_t)utf8_length(sample);
        bool fits = (len == 0 || len >= f->min) && len <= max && (len > 0 || !f->required) &&
                    (!code || len == 0 || pattern_matches(code, sample));
        if (fits) continue;
        fail(k, "autogeneratePattern", "validation_invalid_autogenerate_pattern_value",
             "The pattern makes values that the field does not accept.");
        return;
    }
}

static void check_text(const FieldCheck *k)
{
    const Field *f = k->f;
    range(k, "min", f->min, 0, SAFE_INTEGER_MAX);
    range(k, "max", f->max, MAX(f->min, 0), SAFE_INTEGER_MAX);
    check_pattern(k, "pattern", f->pattern);
    check_pattern(k, "autogeneratePattern", f->autogenerate_pattern);
    check_generator(k);
    if (!f->primary_key) return;
    if (!str_eq(f->name, S("id")))
        fail(k, "name", "validation_in_invalid", "The primary key must be named \"id\".");
    required(k, "pattern", f->pattern.len > 0);
    required(k, "required", f->required);
    if (f->hidden) fail(k, "hidden", "validation_empty", "Must be blank.");
    for (size_t i = 0; i < k->c->field_count; i++) {
        const Field *other = &k->c->fields[i];
        if (other != f && other->type == FIELD_TEXT && other->primary_key)
            fail(k, "primaryKey", "validation_unsupported_composite_pk",
                 "There can be only one primary key.");
    }
}

static void check_domains(const FieldCheck *k, const char *key, const Str *domains, size_t count,
                          size_t other_count)
{
    if (count > 0 && other_count > 0) fail(k, key, "validation_empty", "Must be blank.");
    for (size_t i = 0; i < count; i++) {
        if (text_is_domain(domains[i])) continue;
        check_fail(k->checks, str_printf(k->checks->arena, "fields.%zu.%s.%zu", k->number, key, i),
                   "validation_is_domain", S("Must be a valid domain."));
    }
}

static void check_number(const FieldCheck *k)
{
    const Field *f = k->f;
    const char *message = "Decimal numbers are not allowed.";
    if (f->only_int && f->min_set && trunc(f->min_number) != f->min_number)
        fail(k, "min", "validation_only_int_constraint", message);
    if (f->only_int && f->max_set && trunc(f->max_number) != f->max_number)
        fail(k, "max", "validation_only_int_constraint", message);
    if (!f->min_set || !f->max_set || f->max_number >= f->min_number) return;
    Json *params = json_new_object(k->checks->arena);
    json_set_number(k->checks->arena, params, S("min"), f->min_number);
    check_fail_params(
        k->checks, at(k, "max"), "validation_min_number_constraint",
        str_printf(k->checks->arena, "Must be greater or equal than %g.", f->min_number), params);
}

static void check_autodate(const FieldCheck *k)
{
    const Field *f = k->f;
    const char *message = "Either onCreate or onUpdate must be enabled.";
    if (!f->on_create && !f->on_update) {
        fail(k, "onCreate", "validation_required", message);
        fail(k, "onUpdate", "validation_required", message);
    }
    if (!k->before || !k->before->system) return;
    if (f->on_create != k->before->on_create)
        fail(k, "onCreate", "validation_values_mismatch", "Values don't match.");
    if (f->on_update != k->before->on_update)
        fail(k, "onUpdate", "validation_values_mismatch", "Values don't match.");
}

static void check_relation(const FieldCheck *k)
{
    const Field *f = k->f;
    if (required(k, "collectionId", f->collection_id.len > 0)) {
        bool self = str_eq(f->collection_id, k->c->id);
        const Collection *target = self ? k->c : schema_find_id(k->schema, f->collection_id);
        if (k->before && !str_eq(k->before->collection_id, f->collection_id))
            fail(k, "collectionId", "validation_field_relation_change",
                 "The relation collection cannot be changed.");
        else if (!target)
            fail(k, "collectionId", "validation_field_relation_missing_collection",
                 "The relation collection doesn't exist.");
        else if (target->type == COLLECTION_VIEW && k->c->type != COLLECTION_VIEW)
            fail(k, "collectionId", "validation_relation_field_non_view_base_collection",
                 "Only view collections are allowed to have relations to other views.");
    }
    range(k, "minSelect", f->min_select, 0, SAFE_INTEGER_MAX);
    if (f->min_select > 0 && !required(k, "maxSelect", f->max_select != 0)) return;
    range(k, "maxSelect", f->max_select, MAX(f->min_select, 0), SAFE_INTEGER_MAX);
}

/* 0x0[tbf] */
static bool is_zero_thumb(Str s)
{
    if (!str_starts(s, S("0x0")) || s.len > 4) return false;
    return s.len == 3 || (s.ptr[3] != 0 && strchr("tbf", s.ptr[3]));
}

/* ^(\d+)x(\d+)(t|b|f)?$ */
static bool is_thumb(Str s)
{
    size_t i = 0, digits = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        digits++;
    if (digits == 0 || i >= s.len || s.ptr[i++] != 'x') return false;
    for (digits = 0; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        digits++;
    if (digits == 0) return false;
    return i == s.len || (i + 1 == s.len && s.ptr[i] != 0 && strchr("tbf", s.ptr[i]));
}

static void check_file(const FieldCheck *k)
{
    const Field *f = k->f;
    range(k, "maxSelect", f->max_select, 0, SAFE_INTEGER_MAX);
    range(k, "maxSize", f->max_size, 0, SAFE_INTEGER_MAX);
    for (size_t i = 0; i < f->thumb_count; i++) {
        Str thumb = f->thumbs[i];
        Str path = str_printf(k->checks->arena, "fields.%zu.thumbs.%zu", k->number, i);
        if (is_zero_thumb(thumb))
            check_fail(k->checks, path, "validation_not_in_invalid", S("Must not be in list."));
        else if (!is_thumb(thumb))
            check_fail(k->checks, path, "validation_match_invalid",
                       S("Must be in a valid format."));
    }
}

static void check_password(const FieldCheck *k)
{
    const Field *f = k->f;
    range(k, "min", f->min, 0, PASSWORD_MAX);
    range(k, "max", f->max, MAX(f->min, 0), PASSWORD_MAX);
    range(k, "cost", f->cost, 4, 31);
    check_pattern(k, "pattern", f->pattern);
}

static void check_select(const FieldCheck *k)
{
    if (!required(k, "values", k->f->value_count > 0)) return;
    range(k, "maxSelect", k->f->max_select, 0, (int64_t)k->f->value_count);
}

static void check_options(const FieldCheck *k)
{
    const Field *f = k->f;
    switch (f->type) {
    case FIELD_TEXT:
        check_text(k);
        break;
    case FIELD_EDITOR:
    case FIELD_JSON:
        range(k, "maxSize", f->max_size, 0, SAFE_INTEGER_MAX);
        break;
    case FIELD_EMAIL:
    case FIELD_URL:
        check_domains(k, "exceptDomains", f->except_domains, f->except_domain_count,
                      f->only_domain_count);
        check_domains(k, "onlyDomains", f->only_domains, f->only_domain_count,
                      f->except_domain_count);
        break;
    case FIELD_NUMBER:
        check_number(k);
        break;
    case FIELD_DATE:
        if (f->min_date.len > 0 && f->max_date.len > 0 && str_cmp(f->max_date, f->min_date) < 0)
            fail(k, "max", "validation_date_out_of_range", "The date is out of range.");
        break;
    case FIELD_AUTODATE:
        check_autodate(k);
        break;
    case FIELD_SELECT:
        check_select(k);
        break;
    case FIELD_RELATION:
        check_relation(k);
        break;
    case FIELD_FILE:
        check_file(k);
        break;
    case FIELD_PASSWORD:
        check_password(k);
        break;
    case FIELD_BOOL:
    case FIELD_GEOPOINT:
        break;
    }
}

static void check_duplicates(Checks *checks, const Collection *c)
{
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        for (size_t k = 0; k < i; k++) {
            if (str_eq(f->id, c->fields[k].id))
                check_fail(checks, str_printf(checks->arena, "fields.%zu.id", i),
                           "validation_duplicated_field_id", S("Duplicated or invalid field id."));
            if (f->name.len == 0 || !str_eq_nocase(f->name, c->fields[k].name)) continue;
            Json *params = json_new_object(checks->arena);
            json_set_str(checks->arena, params, S("fieldName"), f->name);
            check_fail_params(checks, str_printf(checks->arena, "fields.%zu.name", i),
                              "validation_duplicated_field_name",
                              S("Duplicated or invalid field name."), params);
        }
    }
}

/* What an update must leave as it is. */
static void check_stored(Checks *checks, const Collection *c, const Collection *old)
{
    for (size_t i = 0; i < old->field_count; i++) {
        const Field *before = &old->fields[i];
        const Field *f = collection_field_by_id(c, before->id);
        if (before->system && (!f || !str_eq(f->name, before->name)))
            check_fail(checks, S("fields"), "validation_system_field_change",
                       S("System fields cannot be deleted or renamed."));
        if (f && f->type != before->type)
            check_fail(checks, str_printf(checks->arena, "fields.%d", f->index),
                       "validation_field_type_change", S("The type of a field cannot be changed."));
    }
}

/* The fields every collection of a type has must be of their type. */
static void check_system(Checks *checks, const Collection *c)
{
    static const struct {
        const char *name;
        FieldType type;
        bool hidden; /* has to be */
        const char *code;
    } SYSTEM[] = {
        {"password", FIELD_PASSWORD, true, "validation_missing_password_field"},
        {"tokenKey", FIELD_TEXT, true, "validation_missing_tokenKey_field"},
        {"email", FIELD_EMAIL, false, "validation_missing_email_field"},
        {"emailVisibility", FIELD_BOOL, false, "validation_missing_emailVisibility_field"},
        {"verified", FIELD_BOOL, false, "validation_missing_verified_field"},
    };
    const Field *id = collection_field(c, S("id"));
    if (!id || id->type != FIELD_TEXT || !id->primary_key)
        check_fail(checks, S("fields"), "validation_missing_primary_key",
                   S("Missing or invalid \"id\" primary key field."));
    if (c->type != COLLECTION_AUTH) return;
    for (size_t i = 0; i < COUNT(SYSTEM); i++) {
        const Field *f = collection_field(c, str_from(SYSTEM[i].name));
        Str path = str_printf(checks->arena, "fields.%s", SYSTEM[i].name);
        if (!f || f->type != SYSTEM[i].type)
            check_fail(checks, S("fields"), SYSTEM[i].code,
                       str_printf(checks->arena,
                                  "System \"%s\" field is missing or of another type.",
                                  SYSTEM[i].name));
        else if (SYSTEM[i].hidden && (!f->system || !f->hidden))
            check_fail(checks, path, "validation_must_be_system_and_hidden",
                       S("The field must be marked as system and hidden."));
        else if (!f->system)
            check_fail(checks, path, "validation_must_be_system",
                       S("The field must be marked as system."));
    }
}

void fields_check(Checks *checks, const Schema *schema, const Collection *c, const Collection *old)
{
    if (!check_required(checks, S("fields"), c->field_count > 0)) return;
    check_duplicates(checks, c);
    size_t before = checks_count(checks);
    check_system(checks, c);
    if (c->type == COLLECTION_VIEW) { /* inferred: their options are others' */
        for (size_t i = 0; i < c->field_count && checks_count(checks) == before; i++)
            field_check_name(checks, c, i);
        return;
    }
    if (old) check_stored(checks, c, old);
    /* An error of the list as a whole and errors of its members cannot both be
     * said: they would have the same key. */
    if (checks_count(checks) != before) return;

    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        FieldCheck k = {checks, schema, c, f, old ? collection_field_by_id(old, f->id) : NULL, i};
        check_length(checks, at(&k, "id"), f->id, 1, FIELD_NAME_MAX);
        check_length(checks, at(&k, "help"), f->help, 1, HELP_MAX);
        check_name(&k);
        check_options(&k);
    }
}
