/* schema.h - collections and their fields, and how they become tables.
 *
 * A Schema is an immutable snapshot of all collections. Readers take the
 * present one and hold it as long as they use anything in it; a change makes a
 * new Schema and publishes it, so nothing on the hot path is locked.
 *
 *     const Schema *schema = schema_hold(store, req->arena);  until the arena's reset
 *     const Collection *c = schema_find(schema, S("Posts")); by id, or by name without case
 *
 * Rows of a collection are in the table of its name, one column per field, in
 * the order of the fields (PocketBase v0.39's layout: api: collections §8,
 * operations §9). The definitions are rows of "_collections".
 */
#ifndef CROFT_SCHEMA_H
#define CROFT_SCHEMA_H

#include "base/base.h"
#include "base/map.h"
#include "db/db.h"
#include "db/dialect.h"
#include "json/json.h"

typedef struct Schema Schema;
typedef struct SchemaStore SchemaStore;
typedef struct Collection Collection;
typedef struct Field Field;

/* Adding a field type? field_types.c has the table of what each one does;
 * records/values.c normalises and validates its values; api: collections §3. */
typedef enum {
    FIELD_TEXT,
    FIELD_EDITOR,
    FIELD_EMAIL,
    FIELD_URL,
    FIELD_NUMBER,
    FIELD_BOOL,
    FIELD_DATE,
    FIELD_AUTODATE,
    FIELD_SELECT,
    FIELD_RELATION,
    FIELD_FILE,
    FIELD_JSON,
    FIELD_GEOPOINT,
    FIELD_PASSWORD
} FieldType;
#define FIELD_TYPE_COUNT (FIELD_PASSWORD + 1)

/* Options of all types in one struct; those of other types are zero. Numbers
 * named *_set say whether a nullable option is there. */
struct Field {
    FieldType type;
    Str id, name, help;
    bool system, hidden, presentable, required;
    int index; /* position in Collection.fields = column position */

    int64_t min, max;                   /* text: characters; password: characters */
    Str pattern, autogenerate_pattern;  /* text; pattern also password */
    void *pattern_code;                 /* compiled (PCRE2, shared, read only), or NULL */
    bool primary_key;                   /* text */
    int64_t max_size;                   /* editor, file, json: bytes; 0 = the type's default */
    bool convert_urls;                  /* editor */
    Str *only_domains, *except_domains; /* email, url */
    size_t only_domain_count, except_domain_count;
    bool min_set, max_set; /* number */
    double min_number, max_number;
    bool only_int;
    Str min_date, max_date;    /* date; empty = none */
    bool on_create, on_update; /* autodate */
    Str *values;               /* select */
    size_t value_count;
    int64_t min_select, max_select; /* select, relation, file; 0 and 1 = single */
    Str collection_id;              /* relation: the target's id */
    bool cascade_delete;            /* relation */
    Str *mime_types, *thumbs;       /* file */
    size_t mime_type_count, thumb_count;
    bool is_protected; /* file */
    int64_t cost;      /* password: kept for import, argon2id ignores it */
};

static inline bool field_is_list(const Field *f) /* select, relation, file that hold several */
{
    return f->max_select > 1;
}
static inline bool field_is_multi_type(const Field *f)
{
    return f->type == FIELD_SELECT || f->type == FIELD_RELATION || f->type == FIELD_FILE;
}
ColumnKind field_column_kind(const Field *f);
int64_t field_max_size(const Field *f); /* with the type's default */

typedef enum { COLLECTION_BASE, COLLECTION_AUTH, COLLECTION_VIEW } CollectionType;
typedef enum {
    RULE_LIST,
    RULE_VIEW,
    RULE_CREATE,
    RULE_UPDATE,
    RULE_DELETE,
    RULE_AUTH,
    RULE_MANAGE,
    RULE_MFA
} RuleKind;
#define RULE_COUNT (RULE_MFA + 1)

typedef struct {
    bool is_null; /* superusers only */
    Str text;     /* "" = everybody */
} Rule;

typedef struct {
    Str secret;
    int64_t duration_s;
} TokenConfig;

typedef enum {
    TOKEN_AUTH,
    TOKEN_FILE,
    TOKEN_VERIFICATION,
    TOKEN_PASSWORD_RESET,
    TOKEN_EMAIL_CHANGE
} TokenKind;
#define TOKEN_KIND_COUNT (TOKEN_EMAIL_CHANGE + 1)

/* What the hot path asks of an auth collection; everything else that is stored
 * (templates, providers …) stays in Collection.options. */
typedef struct {
    bool password_enabled;
    Str *identity_fields;
    size_t identity_field_count;
    TokenConfig tokens[TOKEN_KIND_COUNT];
    bool mfa_enabled, otp_enabled, oauth2_enabled;
    int64_t mfa_duration_s, otp_duration_s, otp_length;
} AuthOptions;

typedef struct {
    Str name;
    Str *columns; /* plain column names; an expression is kept as text */
    bool *is_expression;
    size_t column_count;
    bool unique;
    bool nocase;  /* single column with COLLATE NOCASE */
    bool partial; /* has a WHERE */
    Str text;     /* the CREATE INDEX statement */
} Index;

struct Collection {
    Str id, name;
    CollectionType type;
    bool system;
    Field *fields; /* in display and column order */
    size_t field_count;
    Index *indexes;
    size_t index_count;
    Rule rules[RULE_COUNT];
    AuthOptions auth; /* COLLECTION_AUTH only */
    Json *options;    /* auth and view keys as stored, secrets included */
    Str view_query;
    Str view_select; /* what the view is made of; by view_infer(), not stored */
    Str created, updated;
    Str unknown_type; /* what was submitted as type, when it is none we know */
    int index;        /* position in the schema */

    /* Compiled pieces of the layers above (query plans, parsed rules), made when
     * the schema is published: see SchemaPublishHook. Owned by the schema's arena. */
    void *compiled;
};

struct Schema {
    uint64_t version;                     /* grows with each publication */
    const Collection *const *collections; /* in order of creation */
    size_t count;
    const struct SchemaLookup *lookup; /* maps for schema_find(); NULL: it searches */
};

/* Field by exact name, or by id; NULL when absent. */
const Field *collection_field(const Collection *c, Str name);
const Field *collection_field_by_id(const Collection *c, Str id);
/* True when `field` alone carries a UNIQUE index; *nocase may be NULL. */
bool collection_field_is_unique(const Collection *c, Str field, bool *nocase);
bool collection_is_superusers(const Collection *c);
Str collection_type_name(CollectionType type);
bool collection_type_find(Str name, CollectionType *out);
Str field_type_name(FieldType type);
Str rule_key(RuleKind kind); /* "listRule" … "mfa.rule" */

/* By id (exact) or name (ASCII case ignored). NULL when absent. */
const Collection *schema_find(const Schema *s, Str id_or_name);
const Collection *schema_find_id(const Schema *s, Str id);

/* A schema of these collections; the structs are copied, not what they point
 * to, and nothing of it has `compiled`. */
const Schema *schema_of(Arena *a, const Collection *const *collections, size_t count);
/* The schema with `c` in the place of the collection of its id, or behind all
 * others: for compiling rules against what is about to be saved. As schema_of(). */
const Schema *schema_with(Arena *a, const Schema *s, const Collection *c);

/* ---- the store ---- */

/* Called for each new Schema before anybody sees it, on the publishing thread;
 * `arena` lives as long as the schema. Fills Collection.compiled. */
typedef void (*SchemaPublishHook)(void *arg, Arena *arena, Schema *schema);

/* Opens the store of a database: on an empty one makes the tables
 * _collections and _params and the system collections of api: collections §2,
 * then loads. `hook` may be NULL.
 *
 * With a key (32 bytes; empty = none) the secrets of auth collections, those of
 * tokens and of sign-in providers, are encrypted in the database (secrets.c);
 * those that are not yet are encrypted at once. Error 409 with the code
 * SECRET_UNREADABLE (crypto/crypto.h): encrypted, and no key or another one. */
MUST_CHECK Error *schema_store_open(Arena *a, Db *db, Str key, SchemaPublishHook hook,
                                    void *hook_arg, SchemaStore **out);
void schema_store_close(SchemaStore *store);

/* The present schema, held until the arena is reset. */
const Schema *schema_hold(SchemaStore *store, Arena *a);
/* The present version without holding anything: one atomic load. */
uint64_t schema_version(const SchemaStore *store);
/* Inside a write transaction (the writer's thread): the present schema cannot
 * change until the work returns, so nothing is held. */
const Schema *schema_in_tx(SchemaStore *store, Tx *tx);

/* ---- definitions: JSON of the API and of the table, and back ---- */

/* Reads the JSON of a collection as the API shows it (api: collections §1, §3)
 * into a new Collection in `a`. With `base` (may be NULL) the JSON is laid over it
 * as an update would: nested options merged key by key, `fields` replaced as a
 * whole, oauth2 providers matched by name. Fills defaults, derived ids, system
 * fields of the type, forced flags. Unknown keys are ignored. An ill-typed value
 * (fields not an array, unknown field type) is status 400 "Failed to load the
 * submitted data due to invalid formatting.". Nothing is validated beyond that. */
MUST_CHECK Error *collection_from_json(Arena *a, const Collection *base, const Json *json,
                                       Collection **out);

/* The API's JSON; never has secrets. */
Json *collection_to_json(Arena *a, const Collection *c);
Json *field_to_json(Arena *a, const Field *f);

/* A table of ours told as if it were a collection, so that the filter language
 * can be asked for it; `columns` are in the order of the table, and are all that
 * can be asked for. Column and id have one name. Both outlive the result. */
typedef struct {
    const char *name;
    FieldType type;
} Column;
const Collection *collection_of_table(Arena *a, Str name, const Column *columns, size_t count);

/* A model with defaults, as the "scaffolds" endpoint shows it. */
Collection *collection_scaffold(Arena *a, CollectionType type);

/* Checks everything that needs no rule compiler: names, ids, fields and their
 * options, indexes, auth options, what an update must not change (api:
 * collections §1.3-1.6, §3, §6). `schema` is as it is going to be, with `c` in it:
 * schema_with(). `old` NULL on create. Chained field errors. */
MUST_CHECK Error *collection_validate(Tx *tx, Arena *a, const Schema *schema, const Collection *c,
                                      const Collection *old);

/* Reads a CREATE INDEX statement (api: collections §6); false if it is none. */
bool index_parse(Arena *a, Str text, Index *out);
/* The statement with another table name, verbatim when it already has it. */
Str index_render(Arena *a, const Index *index, Str table);

/* ---- views ---- */

/* Compiles c->view_query in this transaction and fills c->fields with what it
 * gives, and c->view_select. `old` (may be NULL) is the stored view: fields
 * that stay keep their ids. The fields are there even when their names are at
 * fault. Error 400 without a field, its message the engine's or ours: "no such
 * table: main.x", "wildcard columns (*) …". No row is read. */
MUST_CHECK Error *view_infer(Tx *tx, const Schema *schema, Collection *c, const Collection *old);

/* Which collection's field a view's field shows as it is; false when it is
 * computed. That collection may be a view again. */
bool view_field_origin(Arena *a, const Schema *schema, const Collection *view, Str field,
                       const Collection **c, const Field **origin);

/* Around a transaction's changes: notes which views work, then, once all is
 * changed, infers all views anew and saves those whose fields changed (what
 * fails there is only logged). A view that worked before and does not any more
 * is a VIEW_BROKEN error of status 400: "error in view x: no such column: y",
 * with the params {"view": "x"}. */
typedef struct ViewNotes ViewNotes;
#define VIEW_BROKEN "view_broken"
MUST_CHECK Error *schema_views_note(Tx *tx, ViewNotes **out);
MUST_CHECK Error *schema_views_settle(SchemaStore *store, Tx *tx, const ViewNotes *notes);

/* ---- changing the schema: inside db_write_alone() only ---- */

/* Writes the definition and brings the table into line (api: collections §8),
 * keeping the data: new, renamed, re-typed columns, indexes dropped and made
 * again. `old` NULL on create. SQL errors of indexes come back as
 * "indexes.N": validation_invalid_index_expression. The new Schema is published
 * after commit, before db_write_alone() returns. */
MUST_CHECK Error *schema_save(SchemaStore *store, Tx *tx, Collection *c, const Collection *old);
MUST_CHECK Error *schema_delete(SchemaStore *store, Tx *tx, const Collection *c);
/* The schema as this transaction would leave it: for several changes in one
 * (import), and for compiling rules against what is being saved. */
MUST_CHECK Error *schema_preview(SchemaStore *store, Tx *tx, Arena *a, const Schema **out);

/* Somebody else wrote to "_collections" in this transaction: reads it anew, and
 * publishes after commit. Error 400 when the server could not go on with what
 * is there: a row that cannot be read, a system collection or field gone. Not
 * in one transaction with the others above. */
MUST_CHECK Error *schema_reload(SchemaStore *store, Tx *tx);

/* Writes all secrets of collections anew under another key; either may be empty: in
 * clear. For a folder without a server: a store that is open goes on with the old
 * key. Errors as of schema_store_open(). */
MUST_CHECK Error *schema_reseal(Tx *tx, Str from, Str to);

/* What this transaction replaces is erased (tx_erase()), and a row of "_params" says
 * that older copies are to be forgotten (db_forget()): by secrets_forget(), which
 * takes the row away when it was done. Whoever is killed before, or has no space,
 * leaves the row to the next start: settings_store_open() calls it. */
MUST_CHECK Error *secrets_erase(Tx *tx);
MUST_CHECK Error *secrets_forget(Db *db, Arena *a);

/* ---- the tables against the definitions ---- */

typedef enum {
    TABLE_MISSING,
    TABLE_COLUMN_MISSING,
    TABLE_COLUMN_EXTRA,
    TABLE_COLUMN_TYPE, /* detail: "TEXT instead of JSON" */
    TABLE_INDEX_MISSING,
    TABLE_INDEX_EXTRA,
    TABLE_VIEW_MISSING,
    TABLE_VIEW_BROKEN, /* detail: the engine's words */
    TABLE_EXTRA        /* a table or view of no collection; detail: which of the two */
} TableFault;

typedef struct {
    TableFault fault;
    const Collection *collection; /* NULL for TABLE_EXTRA */
    Str name;                     /* of the table, column, index or view */
    Str detail;
} TableFinding;

/* Calls visit for whatever differs; stops on its error. The finding and its
 * texts live in the transaction's arena. */
typedef Error *(*TableVisit)(void *arg, const TableFinding *finding);
MUST_CHECK Error *schema_compare(Tx *tx, const Schema *schema, TableVisit visit, void *arg);
/* What is missing can be made anew, without touching what is there. */
bool table_fault_mendable(TableFault fault);
MUST_CHECK Error *schema_mend(Tx *tx, const Schema *schema, const TableFinding *finding);

/* ---- sign-in providers ---- */

typedef struct {
    const char *name, *display_name;
} OAuth2Provider;
extern const OAuth2Provider oauth2_providers[]; /* in the order of auth §7 */
extern const size_t oauth2_provider_count;
bool oauth2_provider_known(Str name);
/* A neutral mark as SVG text: the first letter in a circle. Vendors' logos are theirs. */
Str oauth2_provider_logo(Arena *a, Str display_name);

/* ---- text patterns ---- */

/* RE2-like patterns through PCRE2 with linear-time-minded limits (match limit,
 * no backreferences or look-around accepted). */
MUST_CHECK Error *pattern_compile(Arena *a, Str pattern, void **code);
bool pattern_matches(const void *code, Str text); /* unanchored; any thread */
/* A random text for an autogeneratePattern (api: collections §3.2). Errors:
 * validation_invalid_autogenerate_pattern. */
MUST_CHECK Error *pattern_generate(Arena *a, Str pattern, Str *out);

#endif
