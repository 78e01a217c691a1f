/* validate.c - may this collection be saved? (api: collections §1.3-1.6, §6).
 *
 * Rules are not compiled here: that is query/'s, and whoever saves asks it. */
#include "schema/schema_internal.h"

#define NAME_MAX_BYTES 255

/* True when a row comes back. */
static Error *row_exists(Tx *tx, Str sql, const DbValue *params, size_t count, bool *found)
{
    Str ignored;
    return tx_one_str(tx, sql, params, count, &ignored, found);
}

static void check_id(Checks *checks, const Schema *schema, const Collection *c,
                     const Collection *old)
{
    if (old) {
        if (!str_eq(c->id, old->id))
            check_fail(checks, S("id"), "validation_values_mismatch", S("Values don't match."));
        return;
    }
    if (c->id.len == 0) return; /* no name: said there */
    if (!check_length(checks, S("id"), c->id, 1, 100)) return;
    size_t owners = 0; /* `c` is one of them */
    for (size_t i = 0; i < schema->count; i++)
        owners += str_eq(schema->collections[i]->id, c->id);
    if (!text_is_word(c->id))
        check_fail(checks, S("id"), "validation_match_invalid", S("Must be in a valid format."));
    else if (owners > 1)
        check_fail(checks, S("id"), "validation_invalid_or_existing_id",
                   S("The id is invalid or already exists."));
}

static void check_type(Checks *checks, const Collection *c, const Collection *old)
{
    if (old && c->system != old->system)
        check_fail(checks, S("system"), "validation_collection_system_flag_change",
                   S("The system flag of a collection cannot be changed."));
    if (c->unknown_type.len > 0)
        check_fail(checks, S("type"), "validation_in_invalid", S("Must be a valid value."));
    if (old && c->type != old->type)
        check_fail(checks, S("type"), "validation_collection_type_change",
                   S("The type of a collection cannot be changed."));
}

static Error *check_table(Checks *checks, Tx *tx, const Collection *c, const Collection *old)
{
    if (!tx || (old && str_eq_nocase(c->name, old->name))) return NULL;
    bool found;
    Error *err = row_exists(tx,
                            S("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
                              "AND lower(name) = lower(?1)"),
                            &DB_VALUE_TEXT(c->name), 1, &found);
    if (err) return err;
    if (found)
        check_fail(checks, S("name"), "validation_collection_name_invalid",
                   S("The name shouldn't match with an existing internal table."));
    return NULL;
}

static Error *check_name(Checks *checks, Tx *tx, const Schema *schema, const Collection *c,
                         const Collection *old)
{
    Str at = S("name");
    if (!check_required(checks, at, c->name.len > 0)) return NULL;
    if (!check_length(checks, at, c->name, 1, NAME_MAX_BYTES)) return NULL;
    if (name_has_via(c->name)) {
        check_fail(checks, at, "validation_found_via",
                   S("The name of the collection cannot contain \"_via_\"."));
        return NULL;
    }
    if (!text_is_word(c->name)) {
        check_fail(checks, at, "validation_match_invalid", S("Must be in a valid format."));
        return NULL;
    }
    if (old && old->system && !str_eq(c->name, old->name))
        check_fail(checks, at, "validation_collection_system_name_change",
                   S("System collection name cannot be changed."));
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *other = schema->collections[i];
        /* Itself, as it is going to be or was. Two of one id are told by check_id(). */
        if (str_eq(other->id, c->id) || (old && str_eq(other->id, old->id))) continue;
        if (str_eq_nocase(other->name, c->name))
            check_fail(checks, at, "validation_collection_name_exists",
                       S("Collection name must be unique (case insensitive)."));
        if (str_eq(other->id, c->name))
            check_fail(checks, at, "validation_collection_name_id_duplicate",
                       S("The name must not match an existing collection id."));
    }
    return check_table(checks, tx, c, old);
}

static void check_rules(Checks *checks, const Collection *c, const Collection *old)
{
    for (int i = 0; i < RULE_COUNT; i++) {
        const Rule *rule = &c->rules[i];
        if (c->type == COLLECTION_VIEW && i >= RULE_CREATE && i <= RULE_DELETE && !rule->is_null)
            check_fail(checks, str_from(rule_keys[i]), "validation_nil", S("Must be blank."));
        if (i > RULE_DELETE && c->type != COLLECTION_AUTH) break;
        if (!old || !old->system || old->type != c->type) continue;
        const Rule *before = &old->rules[i];
        if (rule->is_null == before->is_null && str_eq(rule->text, before->text)) continue;
        check_fail(checks, str_from(rule_keys[i]), "validation_collection_system_rule_change",
                   S("System collection API rule cannot be changed."));
    }
}

/* ---- indexes ---- */

static void fail_index(Checks *checks, size_t i, const char *code, Str message, Json *params)
{
    check_fail_params(checks, str_printf(checks->arena, "indexes.%zu", i), code, message, params);
}

static Str definition(Arena *a, const Index *x, bool ignore_where, bool ignore_order)
{
    IndexParts parts;
    if (!index_read(a, x->text, &parts)) return x->text;
    parts.schema = (Str){0};
    parts.name = parts.table = S("x");
    parts.if_not_exists = false;
    if (ignore_where) parts.where = (Str){0};
    for (size_t i = 0; i < parts.column_count && ignore_order; i++)
        parts.columns[i].collate = parts.columns[i].sort = (Str){0};
    return str_lower(a, index_write(a, &parts));
}

static Error *check_index_name(Checks *checks, Tx *tx, const Collection *c, const Collection *old,
                               size_t i)
{
    if (!tx) return NULL;
    DbValue params[] = {DB_VALUE_TEXT(c->indexes[i].name), DB_VALUE_TEXT(c->name),
                        DB_VALUE_TEXT(old ? old->name : c->name)};
    Str table;
    bool found;
    Error *err = tx_one_str(tx,
                            S("SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND "
                              "lower(name) = lower(?1) AND lower(tbl_name) NOT IN "
                              "(lower(?2), lower(?3))"),
                            params, COUNT(params), &table, &found);
    if (err || !found) return err;
    Json *json = json_new_object(checks->arena);
    json_set_str(checks->arena, json, S("usedTableName"), table);
    fail_index(checks, i, "validation_existing_index_name",
               str_printf(checks->arena, "The index name is already used in %.*s.", STR_ARG(table)),
               json);
    return NULL;
}

static Error *check_index_texts(Checks *checks, Tx *tx, const Collection *c, const Collection *old)
{
    Arena *a = checks->arena;
    for (size_t i = 0; i < c->index_count; i++) {
        const Index *x = &c->indexes[i];
        IndexParts parts;
        if (x->name.len == 0 || !index_read(a, x->text, &parts)) {
            fail_index(checks, i, "validation_invalid_index_expression",
                       S("Invalid CREATE INDEX expression."), NULL);
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            if (str_eq_nocase(x->name, c->indexes[k].name))
                fail_index(checks, i, "validation_duplicated_index_name",
                           S("The index name already exists."), NULL);
            if (str_eq(definition(a, x, false, false), definition(a, &c->indexes[k], false, false)))
                fail_index(checks, i, "validation_duplicated_index_definition",
                           S("The index definition already exists."), NULL);
        }
        Error *err = check_index_name(checks, tx, c, old, i);
        if (err) return err;
    }
    return NULL;
}

/* The system field that a unique index covers, or NULL. */
static const Field *covered_system_field(const Collection *c, const Index *x)
{
    for (size_t i = 0; x->unique && i < x->column_count; i++) {
        for (size_t k = 0; k < c->field_count; k++) {
            if (c->fields[k].system && str_eq_nocase(x->columns[i], c->fields[k].name))
                return &c->fields[k];
        }
    }
    return NULL;
}

static void fail_unique(Checks *checks, const char *code, Str field)
{
    Json *params = json_new_object(checks->arena);
    json_set_str(checks->arena, params, S("fieldName"), field);
    check_fail_params(checks, S("indexes"), code,
                      str_printf(checks->arena,
                                 "Unique index on the system field \"%.*s\" is invalid or missing.",
                                 STR_ARG(field)),
                      params);
}

/* Collation, order, name and WHERE of such an index may change, nothing else. */
static void check_system_indexes(Checks *checks, const Collection *c, const Collection *old)
{
    Arena *a = checks->arena;
    for (size_t i = 0; old && i < old->index_count; i++) {
        const Field *field = covered_system_field(old, &old->indexes[i]);
        if (!field) continue;
        Str before = definition(a, &old->indexes[i], true, true);
        bool kept = false;
        for (size_t k = 0; k < c->index_count && !kept; k++)
            kept = str_eq(before, definition(a, &c->indexes[k], true, true));
        if (!kept) fail_unique(checks, "validation_invalid_unique_system_field_index", field->name);
    }
    if (c->type != COLLECTION_AUTH) return;
    if (!indexes_have_unique(c, S("tokenKey")))
        fail_unique(checks, "validation_missing_required_unique_index", S("tokenKey"));
    if (!indexes_have_unique(c, S("email")))
        fail_unique(checks, "validation_missing_required_unique_index", S("email"));
}

static Error *check_indexes(Checks *checks, Tx *tx, const Collection *c, const Collection *old)
{
    if (c->type == COLLECTION_VIEW) {
        if (c->index_count > 0)
            check_fail(checks, S("indexes"), "validation_indexes_not_supported",
                       S("View collections don't support indexes."));
        return NULL;
    }
    size_t before = checks_count(checks);
    Error *err = check_index_texts(checks, tx, c, old);
    if (err || checks_count(checks) != before) return err;
    check_system_indexes(checks, c, old);
    return NULL;
}

Error *collection_validate(Tx *tx, Arena *a, const Schema *schema, const Collection *c,
                           const Collection *old)
{
    Checks checks = {.arena = a};
    check_id(&checks, schema, c, old);
    check_type(&checks, c, old);
    Error *err = check_name(&checks, tx, schema, c, old);
    if (err) return err;
    fields_check(&checks, schema, c, old);
    check_rules(&checks, c, old);
    err = check_indexes(&checks, tx, c, old);
    if (err) return err;
    if (c->type == COLLECTION_VIEW) check_required(&checks, S("viewQuery"), c->view_query.len > 0);
    if (c->type == COLLECTION_AUTH) auth_options_check(&checks, c);
    return checks.errors;
}
