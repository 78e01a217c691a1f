/* query.h - the filter language: API rules, client filters and sorts, as SQL
 * or evaluated in memory; the `fields` picker; `expand` paths.
 *
 * A filter is parsed once into a Filter (cached by text with the collection
 * for rules), then compiled into a Select, which gathers joins and conditions:
 *
 *     Select *q = select_new(a, dialect, schema, posts, info);
 *     err = select_where_rule(q, rule);                     rules: everything allowed
 *     err = select_where_client(q, filter_text);            clients: restricted (filters §9)
 *     err = select_sort_client(q, S("-created,title"));
 *     Str sql = select_rows_sql(q, columns, count, limit, offset, skip_distinct);
 *     ... prepare, select_bind(q, stmt), step
 *
 * The language is api: filters; each worked example there is a test.
 */
#ifndef CROFT_QUERY_H
#define CROFT_QUERY_H

#include "base/base.h"
#include "base/buf.h"
#include "db/db.h"
#include "schema/schema.h"
#include "json/json.h"

/* ---- the caller and the request, as rules see them ---- */

typedef struct {
    const Collection *collection; /* of the schema held by the request */
    Str id, email, collection_id, collection_name;
    bool email_visibility, verified;
    bool is_superuser;
} AuthInfo;

typedef struct {
    Str context;          /* "default", "expand", "batch", "protectedFile" … */
    Str method;           /* "GET" */
    const AuthInfo *auth; /* NULL = guest */
    Json *query;          /* object of strings; NULL = none. Filled by need, see lazy */
    Json *headers;        /* snake_case keys */
    Json *body;           /* normalised data (records §2); NULL = none */
    Str ip;               /* the caller's; empty = of no request */
    /* Called the first time a rule asks for query or headers; may be NULL. */
    void (*lazy)(void *arg, Arena *a, Json **query, Json **headers);
    void *lazy_arg;
    int64_t now_ms; /* one moment for all macros of a request; 0 = ask the clock */
} RequestInfo;

/* ---- filters ---- */

typedef struct Filter Filter;

#define FILTER_MAX_BYTES       3500 /* of a client's filter */
#define FILTER_MAX_COMPARISONS 200
#define FILTER_MAX_NESTING     100
#define FILTER_MAX_HOPS        6

/* Parses. Status 400, code "filter_invalid", the reason in message. */
MUST_CHECK Error *filter_parse(Arena *a, Str text, Filter **out);
/* The same; on failure *fault says where, in bytes of the text: the word at
 * fault, or its end (length 0) when something is missing there. */
typedef struct {
    size_t offset, length;
} TextSpan;
MUST_CHECK Error *filter_parse_at(Arena *a, Str text, Filter **out, TextSpan *fault);

/* Verdict without touching the database. UNKNOWN: ask SQL. `row` gives the
 * value of a plain field of the row itself (false: not at hand); may be NULL. */
typedef enum { EVAL_FALSE, EVAL_TRUE, EVAL_UNKNOWN } EvalResult;
typedef bool (*EvalRow)(void *arg, const Field *field, DbValue *out);
EvalResult filter_eval(const Filter *f, Arena *a, const Schema *schema, const Collection *c,
                       const RequestInfo *info, EvalRow row, void *row_arg);

/* The parsed rule kept with the collection (made by query_compile_schema() at
 * publication), NULL for null and empty rules and for those that do not parse. */
const Filter *rule_filter(const Collection *c, RuleKind kind);
/* The SchemaPublishHook. */
void query_compile_schema(void *arg, Arena *arena, Schema *schema);

/* Compiles a rule against a schema with an empty request, for saving it: NULL
 * or an Error whose message is the raw reason. */
MUST_CHECK Error *rule_check(Arena *a, const SqlDialect *dialect, const Schema *schema,
                             const Collection *c, Str rule);

/* Finds the first fault of a text while it is being typed: as rule_check(), and
 * where it is. A filter or sort is checked as this caller's list would (`info`);
 * the empty text is fine. */
typedef enum { CHECK_RULE, CHECK_FILTER, CHECK_SORT } CheckKind;
MUST_CHECK Error *query_check(Arena *a, const SqlDialect *dialect, const Schema *schema,
                              const Collection *c, const RequestInfo *info, CheckKind kind,
                              Str text, TextSpan *fault);

/* ---- explaining a verdict ---- */

/* A rule in pieces, outermost first: each group (&&, ||) and each comparison,
 * with what it gives when asked alone. UNKNOWN: SQL must be asked, with the
 * piece as a rule of its own. */
typedef enum { PART_AND, PART_OR, PART_COMPARISON } PartKind;
typedef struct {
    Str text;
    bool known; /* without asking the database */
    bool secret;
    DbValue value;
} FilterSide;
typedef struct {
    PartKind kind;
    Str text;
    TextSpan span;
    int depth;
    EvalResult result;
    Filter *filter;         /* this piece alone */
    FilterSide left, right; /* of a comparison */
} FilterPart;
/* At most twice FILTER_MAX_COMPARISONS. */
size_t filter_parts(const Filter *f, Str text, Arena *a, const Schema *schema, const Collection *c,
                    const RequestInfo *info, EvalRow row, void *row_arg, FilterPart **out);

/* ---- selects ---- */

typedef struct Select Select;

Select *select_new(Arena *a, const SqlDialect *dialect, const Schema *schema, const Collection *c,
                   const RequestInfo *info);

/* Rows come from this SQL instead of the table: for the virtual row of a create
 * rule, "(SELECT ?1 AS id, ?2 AS title …)"; its parameters are given here. */
void select_from(Select *q, Str table_expression, const DbValue *params, size_t count);

/* AND a rule of the collection. Parts that are true or false whatever the row
 * are decided now: select_is_never() tells when nothing can match. */
MUST_CHECK Error *select_where_rule(Select *q, const Filter *rule);
/* AND a client's filter. Superusers unrestricted; others as filters §9 (403 and
 * 400 as described there). Empty text: nothing. */
MUST_CHECK Error *select_where_client(Select *q, Str filter);
/* The same for a realtime subscription: hidden fields are refused to superusers too. */
MUST_CHECK Error *select_where_subscriber(Select *q, Str filter);
/* AND "id = …". */
MUST_CHECK Error *select_where_id(Select *q, Str id);
/* AND "id IN (…)": for expands. */
MUST_CHECK Error *select_where_ids(Select *q, const Str *ids, size_t count);
MUST_CHECK Error *select_sort_client(Select *q, Str sort);

/* True when the conditions are known to match nothing. */
bool select_is_never(const Select *q);
/* True when joins may repeat rows (then DISTINCT is used). */
bool select_has_joins(const Select *q);

/* "SELECT cols FROM …". `columns` are field names of the collection, or NULL for
 * all in field order. limit < 0: none. */
Str select_rows_sql(Select *q, const Str *columns, size_t count, int64_t limit, int64_t offset);
Str select_count_sql(Select *q);  /* one row: the number of distinct ids */
Str select_exists_sql(Select *q); /* a row when there is a match */
/* Binds what the conditions collected; after each tx_prepare() of one of its SQLs. */
void select_bind(const Select *q, Stmt *stmt);

/* Does the row with this id match the rule? One step for view, update, delete,
 * expand, files; *found tells if it does. */
MUST_CHECK Error *rule_matches_row(Tx *tx, const Schema *schema, const Collection *c,
                                   const Filter *rule, Str id, const RequestInfo *info,
                                   bool *matches);

/* ---- the `fields` picker (conventions §7) ---- */

typedef struct FieldsPick FieldsPick;
/* Status 400 for a bad modifier. */
MUST_CHECK Error *fields_parse(Arena *a, Str text, FieldsPick **out);
/* What was picked of `value`, sharing its parts; lists are picked inside "items". */
const Json *fields_apply(Arena *a, const FieldsPick *pick, const Json *value);
/* False when the pick can never show this top-level key of a record (so that it
 * need not be read); true when unsure. */
bool fields_wants(const FieldsPick *pick, Str key);
/* `:excerpt(max, ellipsis)` of an HTML text. */
Str fields_excerpt(Arena *a, Str html, size_t max, bool with_ellipsis);

/* ---- `expand` paths (conventions §6.2) ---- */

typedef struct ExpandNode ExpandNode;
struct ExpandNode {
    Str step; /* "author", "comments_via_post" */
    ExpandNode *children;
    ExpandNode *next; /* sibling */
};
/* Normalises and merges the paths into a tree; at most 6 deep, 200 nodes. */
ExpandNode *expand_parse(Arena *a, Str text);

/* "comments_via_post" → the collection and its relation field pointing to
 * `target`; false when there is none. */
bool back_relation_find(const Schema *schema, const Collection *target, Str step,
                        const Collection **from, const Field **field);

#endif
