/* schema_internal.h - what the files of schema/ share.
 *
 * A collection has three forms:
 *
 *     model       one JSON object with every key of the API, secrets included;
 *                 what an update is laid over (model.c)
 *     Collection  the C struct everybody reads (schema.h)
 *     row         the texts of its row in "_collections" (row.c)
 */
#ifndef CROFT_SCHEMA_INTERNAL_H
#define CROFT_SCHEMA_INTERNAL_H

#include "base/clock.h"
#include "base/encoding.h"
#include "base/random.h"
#include "schema/options.h"
#include "schema/schema.h"

#define FIELDS_MAX       1000 /* of a collection; SQLite's own limit is 2000 columns */
#define INDEXES_MAX      200
#define SAFE_INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1 */

#define ID_FIELD_ID "text3208210256"
#define ID_PATTERN  "^[a-z0-9]+$"

/* ---- fields (field_types.c, fields.c) ---- */

/* Reads options into a zeroed field; pattern_code is not made. */
MUST_CHECK Error *field_from_json(Arena *a, const Json *json, Field *out);
/* A list of fields, with derived ids, as collections §3 says. */
MUST_CHECK Error *fields_from_json(Arena *a, const Json *list, Collection *c);
/* Puts the system fields of the type where they are missing, forces their
 * flags, numbers the fields. */
void fields_complete(Arena *a, Collection *c);
/* Compiles patterns; those that do not compile stay NULL, with a line in the
 * log when they are `stored` already. */
void fields_compile_patterns(Arena *a, Collection *c, bool stored);

/* ---- auth options (auth_options.c) ---- */

Json *auth_options_default(Arena *a);
MUST_CHECK Error *auth_options_merge(Arena *a, Json *target, const Json *patch);
/* Random secrets where there are none. */
void auth_options_fill_secrets(Arena *a, Json *options);
/* Collection.auth and the three rules, out of Collection.options. */
void auth_options_read(Arena *a, Collection *c);
void auth_options_redact(Json *options);
void auth_options_check(Checks *checks, const Collection *c);
extern const char *const token_keys[TOKEN_KIND_COUNT];

/* ---- models and rows ---- */

extern const char *const rule_keys[RULE_COUNT];

typedef struct {
    Str id, type, name, fields, indexes, options, created, updated;
    bool system;
    Rule rules[RULE_DELETE + 1];
} CollectionRow;

/* `key` encrypts the secrets; empty: they stay in clear. */
MUST_CHECK Error *collection_to_row(Arena *a, const Collection *c, Str key, CollectionRow *out);
/* Copies everything into `a`. */
MUST_CHECK Error *collection_from_row(Arena *a, const CollectionRow *row, Str key,
                                      Collection **out);

/* ---- secrets at rest (secrets.c) ---- */

/* In place: every secret text becomes {"sealed": "…"}, and back. Opening leaves
 * what is in clear as it is. */
MUST_CHECK Error *options_seal(Arena *a, Str key, Json *options);
MUST_CHECK Error *options_open(Arena *a, Str key, Json *options);
/* True when a secret of this row is in clear. */
bool row_is_in_clear(Arena *a, const CollectionRow *row);

/* ---- validation ---- */

/* The name of one field alone. */
void field_check_name(Checks *checks, const Collection *c, size_t i);
void fields_check(Checks *checks, const Schema *schema, const Collection *c, const Collection *old);
bool name_has_via(Str name); /* "_via_" is the separator of back-relations */

/* ---- indexes ---- */

typedef struct {
    Str text; /* a plain name without quotes, or an expression as written */
    Str collate;
    Str sort; /* "ASC", "DESC" or empty */
    bool is_expression;
} IndexColumn;

/* Everything a CREATE INDEX statement says. */
typedef struct {
    Str schema, name, table, where;
    bool unique, if_not_exists;
    IndexColumn *columns;
    size_t column_count;
} IndexParts;

bool index_read(Arena *a, Str text, IndexParts *out);
Str index_write(Arena *a, const IndexParts *parts);
/* Reads the texts of a definition; those that are no index keep an empty name. */
void indexes_set(Arena *a, Collection *c, const Str *texts, size_t count);
bool indexes_have_unique(const Collection *c, Str column);

/* ---- views (views.c) ---- */

/* A view as the database has it. */
typedef struct {
    Str name, sql; /* the CREATE VIEW statement */
    Error *fault;  /* why it does not compile; NULL when it does */
} View;

typedef struct {
    View *list;
    size_t count;
} Views;

/* All of them, also those that belong to no collection. */
MUST_CHECK Error *views_read(Tx *tx, Views *out);
/* Takes them away, and makes them again as they were. */
MUST_CHECK Error *views_drop(Tx *tx, const Views *views, bool broken_only);
MUST_CHECK Error *views_restore(Tx *tx, const Views *views);
const View *views_find(const Views *views, Str name);
MUST_CHECK Error *view_create(Tx *tx, Str name, Str select);

/* VIEW_BROKEN when a view that worked, or is new, does not compile. */
MUST_CHECK Error *views_check(Tx *tx, const ViewNotes *notes);

/* Texts in double quotes that name no column: PocketBase's SQLite takes them
 * for literals, ours does not. Makes 'literals' of them in *sql, one statement,
 * until it compiles; the error that remains is returned. */
MUST_CHECK Error *sql_mend_literals(Tx *tx, Str *sql);

/* Does so in the views and indexes of a folder that another server made. What
 * cannot be mended is left and logged. Tells in *needed if a write is needed at
 * all when `dry`. */
MUST_CHECK Error *views_mend(Tx *tx, bool dry, bool *needed);

/* ---- tables ---- */

MUST_CHECK Error *table_create(Tx *tx, const Collection *c);
/* *renamed are the views as they were before, where the table got another
 * name, else none: the engine has put the new name into them. */
MUST_CHECK Error *table_update(Tx *tx, const Collection *c, const Collection *old, Views *renamed);
MUST_CHECK Error *table_drop(Tx *tx, const Collection *c);

/* Makes the tables of an empty database, and the system collections. */
MUST_CHECK Error *system_create(SchemaStore *store, Tx *tx);

/* Schemas over shared collections; see store.c. */
Schema *schema_assemble(Arena *a, const Collection *const *collections, size_t count,
                        uint64_t version);

/* Names end up in SQL, and imports save before they validate. */
MUST_CHECK Error *schema_check_names(Arena *a, const Collection *c);
/* Whether the server can go on with `after`, read from the tables: names hold,
 * ids and system fields are there, system collections are as they were. 400. */
MUST_CHECK Error *schema_check_reloaded(Arena *a, const Schema *before, const Schema *after);

#endif
