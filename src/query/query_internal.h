/* query_internal.h - what the files of query/ share.
 *
 * The way of a filter, and where each step is:
 *
 *     text ─ lexer.c ─▶ tokens ─ parser.c ─▶ Filter (a tree of comparisons)
 *                                   │
 *              cache.c keeps those of clients, publish.c those of rules
 *                                   │
 *         ┌─────────────────────────┴───────────────┐
 *      eval.c  verdict in memory                 compile.c  SQL
 *         │                                         │
 *      request.c, macros.c: values              resolve.c: identifiers → Operand
 *      known before any row is read             joins.c, operand.c: operand → SQL text
 *         │                                     multimatch.c: "all rows" conditions
 *      values.c: comparing known values             │
 *                                               select.c, sort.c: the statement
 *
 * Two worlds of operands: `Term` is what the text says, `Operand` is what it
 * means for one collection and one request.
 */
#ifndef CROFT_QUERY_INTERNAL_H
#define CROFT_QUERY_INTERNAL_H

#include "query/query.h"

/* ---- lexer.c ---- */

typedef enum {
    LEX_END,
    LEX_NAME,
    LEX_TEXT,
    LEX_NUMBER,
    LEX_SIGN,
    LEX_JOIN,
    LEX_OPEN,
    LEX_CLOSE,
    LEX_COMMA
} LexKind;

typedef enum { OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE, OP_LIKE, OP_NOT_LIKE } Op;

typedef struct {
    LexKind kind;
    Str text;   /* name, or the decoded text */
    Str source; /* as written, quotes and all; empty at the end of the text */
    double number;
    Op op;      /* sign */
    bool any;   /* sign: the "?" form */
    bool is_or; /* join */
} LexToken;

typedef struct {
    Arena *arena;
    Str rest;
    Str start; /* the rest as it was before the present token */
} Lexer;

MUST_CHECK Error *lexer_next(Lexer *lx, LexToken *out);
/* A name of the language from its first to its last byte. */
bool lexer_is_name(Str text);

/* Status 400, code "filter_invalid". */
Error *filter_error(Arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- parser.c ---- */

typedef enum { TERM_TEXT, TERM_NUMBER, TERM_NAME, TERM_FUNCTION } TermKind;
typedef enum { ROOT_FIELD, ROOT_REQUEST, ROOT_COLLECTION, ROOT_MACRO, ROOT_LITERAL } NameRoot;
typedef enum { MOD_NONE, MOD_LOWER, MOD_LENGTH, MOD_EACH, MOD_ISSET, MOD_CHANGED } Modifier;

typedef struct Term Term;
struct Term {
    TermKind kind;
    Str text; /* decoded text; name or function as written */
    Str source;
    double number;
    NameRoot root;     /* name */
    Modifier modifier; /* name: of the last segment, cut off there */
    Str *segments;     /* name */
    size_t segment_count;
    Term *args; /* function */
    size_t arg_count;
};

typedef enum { NODE_COMPARISON, NODE_AND, NODE_OR } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    Node *next;  /* sibling */
    Node *first; /* of a group: at least two */
    Op op;
    bool any;
    Str source; /* without the brackets around it */
    Term left, right;
};

struct Filter {
    Node *root;
};

#define FUNCTION_NESTING_MAX 3
#define STRFTIME_ARGS_MAX    10

/* A name into its segments: also for sorts. */
MUST_CHECK Error *term_from_name(Arena *a, Str name, Term *out);

/* ---- values known before any row ---- */

/* What a filter may see: who asks, about which collection. */
typedef struct {
    Arena *arena;
    const Schema *schema;
    const Collection *collection; /* whose fields @request.body has */
    const RequestInfo *info;      /* never NULL */
    Json *query, *headers;        /* of `info`, or what its `lazy` gave */
    bool asked_lazy;
    int64_t now_ms; /* 0 until a macro asks */
} Env;

void env_init(Env *env, Arena *a, const Schema *schema, const Collection *c,
              const RequestInfo *info);

/* macros.c: false when there is no macro of that name. */
bool macro_value(Env *env, Str name, DbValue *out);

/* request.c: the value of a text, number, literal, macro or @request.* that
 * needs no row. *known false: it does need one (or is a body field's :each or
 * :changed). */
MUST_CHECK Error *term_value(Env *env, const Term *term, DbValue *out, bool *known);
/* The submitted value of a field, NULL when absent. */
const Json *env_body_value(const Env *env, Str key);
DbValue value_from_json(Arena *a, const Json *json);

/* values.c: comparing as SQLite would, filters §6. */
typedef enum { SIDE_OTHER, SIDE_EMPTY, SIDE_KNOWN } SideClass;
SideClass value_class(const DbValue *v);
EvalResult values_compare(Arena *a, Op op, const DbValue *left, const DbValue *right, bool raw);
/* Filters §6.1; false when the pattern is too long for the engine. */
bool like_pattern(Arena *a, const DbValue *value, Str *out);

/* eval.c: the values on both sides of a comparison, where they are at hand. */
void eval_sides(const Filter *f, Arena *a, const Schema *schema, const Collection *c,
                const RequestInfo *info, EvalRow row, void *row_arg, FilterPart *part);

/* ---- joins and operands ---- */

typedef enum {
    JOIN_BASE,       /* the row a filter is about: main table, or the joined row of a listRule */
    JOIN_SINGLE,     /* parent.field is one id */
    JOIN_MULTI,      /* parent.field is a list of ids */
    JOIN_BACK,       /* field of `collection` points to parent */
    JOIN_COLLECTION, /* @collection.X[:label] */
    JOIN_AUTH,       /* @request.auth */
    JOIN_BODY,       /* @request.body.field */
    JOIN_EACH,       /* :each of parent.field */
    JOIN_BODY_EACH   /* :each of @request.body.field */
} JoinKind;

typedef struct Join Join;
struct Join {
    JoinKind kind;
    int scope;    /* which filter it belongs to */
    int number;   /* of its alias; 0 = the main table */
    Join *parent; /* the row it hangs on; NULL for those that hang on none */
    const Field *field;
    const Collection *collection; /* NULL for :each */
    Str label;                    /* @collection.X:label */
    DbValue value;                /* auth, body: what the row's id or items are */
    int param;                    /* its number */
    bool multi;                   /* one row of the parent may give several */
    bool path_multi;              /* it or one of its parents is */
    bool in_where;                /* false: only a sort needs it */
    bool rule_pending;            /* the collection's listRule is still to be added */
};

typedef enum {
    OPERAND_VALUE, /* known now */
    OPERAND_COLUMN,
    OPERAND_JSON, /* json column or a path in one */
    OPERAND_LENGTH,
    OPERAND_EACH,
    OPERAND_CHANGED, /* :changed of a submitted field */
    OPERAND_STRFTIME,
    OPERAND_GEO
} OperandKind;

typedef struct Operand Operand;
struct Operand {
    OperandKind kind;
    DbValue value;   /* VALUE; CHANGED: what was submitted */
    int param;       /* of `value` once it is in the SQL, else 0 */
    bool is_pattern; /* VALUE: made by like_pattern() */
    Join *join;      /* the row the column is of */
    const Field *field;
    Str path; /* JSON */
    bool lower;
    bool raw;
    bool multi;
    bool needs_visible_email;
    Operand *args; /* functions */
    size_t arg_count;
};

/* ---- the select ---- */

#define SELECT_TABLES_MAX 60 /* beside the main one; SQLite joins at most 64 */

/* Which filter is being compiled and what it may do. */
typedef struct {
    int scope;
    Join *base;
    bool no_hidden;   /* hidden fields are refused */
    bool restricted;  /* all of filters §9 */
    bool check_all;   /* compile parts that do not matter, for their errors */
    bool copy_values; /* texts of the tree do not outlive the compilation */
    bool in_where;
} Rights;

struct Select {
    Env env;
    Arena *arena;
    const SqlDialect *dialect;
    const Collection *collection;
    Join base;
    Str from; /* table expression; empty = the collection's table */
    size_t from_params;
    DbValue *params;
    size_t param_count, param_cap;
    Join **joins;
    size_t join_count, join_cap;
    int scopes, subselects;
    int client_scope; /* shared by filter and sort of a client */
    bool never;
    Buf where, order;
};

typedef struct {
    size_t params, joins, bytes;
} Mark;

/* What is not needed after all is taken back: SQL, parameters, joins. */
Mark select_mark(const Select *q, const Buf *out);
void select_undo(Select *q, Buf *out, Mark mark);

int select_param(Select *q, DbValue value);
void sql_param(Buf *out, int number);

/* joins.c. `generation` 0 is the statement itself; others are sub-selects,
 * where each row has another alias. */
MUST_CHECK Error *join_get(Select *q, const Rights *rights, const Join *wanted, Join **out);
void join_alias(Buf *out, const Join *join, const Join *base, int generation);
void join_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation);
/* The join and all it hangs on, up to `base`, outermost first. */
void join_chain_sql(Select *q, Buf *out, const Join *join, const Join *base, int generation);
bool join_depends_on(const Join *join, const Join *base);

/* resolve.c */
MUST_CHECK Error *operand_resolve(Select *q, const Rights *rights, const Term *term, Operand *out);

/* operand.c */
void operand_sql(Select *q, Buf *out, Operand *o, const Join *base, int generation);
void column_sql(Select *q, Buf *out, const Join *join, Str column, const Join *base,
                int generation);

/* compile.c */
typedef enum { FOLD_FALSE, FOLD_TRUE, FOLD_SQL } Fold;
typedef struct {
    Str sql;
    SideClass class;
    bool raw;
    bool is_pattern;
} Side;
void comparison_sql(Select *q, Buf *out, Op op, const Side *left, const Side *right);
/* `other` is what it is compared with. */
Side operand_side(Select *q, Op op, Operand *o, const Operand *other, const Join *base,
                  int generation);
/* The row whose fields the operand reads, NULL when it reads none. */
Join *operand_join(const Operand *o);
MUST_CHECK Error *filter_compile(Select *q, const Rights *rights, const Filter *f, Buf *out,
                                 Fold *fold);

/* multimatch.c: " AND NOT EXISTS (…)" behind a comparison with several rows. */
void multimatch_sql(Select *q, Buf *out, Op op, Operand *left, Operand *right, const Join *base);

/* select.c */
MUST_CHECK Error *select_where(Select *q, const Filter *f, const Rights *rights);
Rights select_rights(Select *q);        /* of a rule: everything allowed */
Rights select_client_rights(Select *q); /* one scope for filter and sort */
/* The 403 of filters §9 for what a client sent. */
MUST_CHECK Error *client_text_check(Select *q, Str text);
/* The listRules of collections that a client's paths ran into. */
MUST_CHECK Error *select_pending_rules(Select *q);

/* publish.c: what is ready for each collection. */
typedef struct {
    Filter *rules[RULE_COUNT];
    Str columns; /* "t"."id", "t"."title" … */
    Str from;    /* "posts" "t" */
} CollectionPlan;

/* Rights of a listRule that a client's path runs into: parsed, from the plan
 * or now. *out NULL for the empty rule. */
MUST_CHECK Error *collection_rule(Arena *a, const Collection *c, RuleKind kind, const Filter **out);

/* cache.c: the tree of a client's filter, valid until the next call on this
 * thread. */
MUST_CHECK Error *filter_cached(Arena *a, Str text, const Filter **out);

#endif
