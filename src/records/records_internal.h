/* records_internal.h - what the files of records/ share.
 *
 * The way of a write (change.c) is a Write going through these stations:
 *
 *     write_begin     which keys mean which fields, which parts are files      loop
 *     write_apply     stored row + submitted keys = the row wanted            anywhere
 *     write_check     rule, form checks, validation                          anywhere
 *     write_prepare   costly things: old password, sniffing, hashing, storing loop
 *     write_insert / write_update                                    writer's thread
 *
 * write_apply() and write_check() are pure but for what they ask the database,
 * so they run again on the writer's thread when the row has changed meanwhile,
 * and inside a batch, where the row may be one that an earlier item made.
 */
#ifndef CROFT_RECORDS_INTERNAL_H
#define CROFT_RECORDS_INTERNAL_H

#include "records/records.h"

/* ---- values.c: one value of one field ---- */

typedef struct {
    Str *items;
    size_t count;
} StrList;

DbValue value_zero(const Field *f);
/* What the API accepts for this field, as the column holds it. Never fails:
 * what makes no sense becomes the zero value, or NaN for validate.c to refuse. */
DbValue value_normalise(Arena *a, const Field *f, const Json *in);
DbValue value_from_number(double number);
DbValue value_from_list(Arena *a, const Field *f, StrList list);
/* Select, relation and file values as texts; a single value as none or one. */
StrList value_to_list(Arena *a, const Field *f, const DbValue *v);
double value_to_number(const DbValue *v);
bool value_to_bool(const DbValue *v);
Str value_to_text(Arena *a, const DbValue *v);
bool value_to_geo(Arena *a, const DbValue *v, double *lon, double *lat);
bool value_is_empty(const Field *f, const DbValue *v); /* as `required` means it */
bool value_equal(const DbValue *x, const DbValue *y);
Json *value_to_json(Arena *a, const Field *f, const DbValue *v);

Str text_of_json(Arena *a, const Json *v); /* any scalar; "" for null, arrays, objects */
bool bool_of_text(Str s, bool *out);       /* 1 t T TRUE true True, 0 f F FALSE false False */

/* Non-empty texts of a value, each once, in order. */
StrList list_of_json(Arena *a, const Json *v);
StrList list_join(Arena *a, StrList first, StrList second); /* each text once */
StrList list_without(Arena *a, StrList list, StrList removed);
bool list_has(StrList list, Str s);

/* ---- formats.c ---- */

bool is_email(Str s);
bool is_url(Str s);
Str url_host(Str s); /* with its port */

/* ---- names.c: stored file names (api: files §1.2) ---- */

/* `extension` (".png", may be empty) is used when the client's name has none;
 * *needs_extension (may be NULL) tells that. */
Str file_stored_name(Arena *a, Str client_name, Str extension, bool *needs_extension);
Str file_key(Arena *a, const Collection *c, Str id, Str name);
/* True when a record id can be a folder's name. */
bool file_id_is_safe(Str id);

/* ---- record.c ---- */

Record *record_alloc(Arena *a, const Collection *c);
Record *record_clone(Arena *a, const Record *r); /* own values, shared texts */
DbValue row_value(Stmt *stmt, int column);       /* text borrowed from the statement */
DbValue row_copy(Arena *a, Stmt *stmt, int column);
void sql_name(Buf *b, Tx *tx, Str name);
void sql_columns(Buf *b, Tx *tx, const Collection *c);
bool records_same(const Record *x, const Record *y);
MUST_CHECK Error *row_exists(Tx *tx, const Collection *c, Str id, bool *exists);
DbValue *record_slot(const Record *r, Str field); /* NULL when no such field */
bool record_is_owner(const Record *r, const AuthInfo *auth);

/* ---- file_rows.c: which files rows name ---- */

typedef struct {
    Str id;
    StrList names; /* of all its file fields, each once */
} FileRow;

/* What the row of this folder names; of the folder before, *names stays as it is. Not
 * in a transaction. */
MUST_CHECK Error *file_folder_names(Db *db, const Schema *schema, FileFolder *f, Str collection_id,
                                    Str record_id, StrList *names);
/* All rows by id, page by page, each about 8 MB at the most: read to `pages` in turn.
 * An error of `row` ends it. Not in a transaction. */
MUST_CHECK Error *file_rows_each(Db *db, Arena *const pages[2], const Collection *c,
                                 Error *(*row)(void *arg, const FileRow *row), void *arg);

/* ---- render.c: rows to JSON ---- */

typedef struct {
    const Field *field;
    Str key; /* `,"title":` */
} RenderColumn;

/* How rows of one collection are written for one caller. */
typedef struct {
    const Collection *c;
    const Schema *schema;
    const RequestInfo *info;
    Str head;              /* `{"collectionId":"…","collectionName":"…","id":` */
    RenderColumn *columns; /* the columns of the statement; [0] is the id */
    size_t count;
    Str *names;            /* of the columns, for select_rows_sql() */
    bool guards_email;     /* "email" is shown by row */
    int visibility_column; /* of emailVisibility, or -1 */
} RenderPlan;

void render_plan(RenderPlan *plan, Arena *a, const Schema *schema, const Collection *c,
                 const RequestInfo *info, const FieldsPick *pick);
MUST_CHECK Error *render_row(const RenderPlan *plan, Tx *tx, Stmt *stmt, Buf *out);
bool field_is_shown(const Collection *c, const Field *f, bool is_superuser);
void value_write_json(Buf *out, const Field *f, const DbValue *v, bool is_view);

/* ---- access.c: rules ---- */

typedef enum { VERDICT_NO, VERDICT_YES, VERDICT_UNKNOWN } Verdict;

/* Error 403 when the rule is null and the caller no superuser. */
Error *rule_guard_null(Arena *a, const Collection *c, RuleKind kind, bool is_superuser);

/* Does the row satisfy the rule? `values` are in field order, may be NULL (then
 * only what does not need the row can be decided). Without `tx` UNKNOWN is
 * possible. With `id` the row is stored; without it is a would-be row. A rule
 * that does not compile is satisfied by nothing. Superusers are not special. */
typedef struct {
    const Schema *schema;
    const Collection *c;
    RuleKind kind;
    const RequestInfo *info;
    const DbValue *values;
    Str id;
} RuleQuestion;
MUST_CHECK Error *rule_ask(Tx *tx, Arena *a, const RuleQuestion *q, Verdict *out);

/* The same for any filter, by SQL alone. */
MUST_CHECK Error *rule_filter_matches(Tx *tx, const RuleQuestion *q, const Filter *filter,
                                      bool *matches);
/* EvalRow over values in field order. */
bool record_values_row(void *arg, const Field *f, DbValue *out);

/* manageRule for this caller and row; superusers manage everything. */
MUST_CHECK Error *manager_ask(Tx *tx, Arena *a, const RuleQuestion *q, Verdict *out);

/* ---- the write ---- */

typedef struct {
    const Upload *upload;
    const Field *field;
    Str key;          /* the part's name: "docs+" */
    Str name;         /* as stored */
    Str content_type; /* by content; empty before it was sniffed */
    bool needs_extension;
    bool stored;
} NewFile;

typedef struct {
    const Field *field;
    Str plain;
    Str hash; /* empty before it was hashed */
} NewPassword;

typedef enum { OP_SET, OP_ADD, OP_REMOVE, OP_PREPEND, OP_AUTOGENERATE } OpKind;

/* One submitted key. */
typedef struct {
    const Field *field;
    OpKind kind;
    Str key;
    const Json *value; /* NULL: only files came under this key */
} Op;

typedef struct {
    App *app;
    Arena *a;
    const Schema *schema;
    const Collection *c;
    RequestInfo info; /* body = the normalised data */
    AuthInfo auth;
    bool as_system, is_superuser, skip_validation, any_password, is_update;
    const Json *data;

    Op *ops;
    size_t op_count;
    NewFile *files;
    size_t file_count;
    NewPassword *passwords;
    size_t password_count;

    Str id; /* of the record; on create chosen once */
    bool id_submitted, id_is_final;
    Record *original;  /* as stored; NULL on create */
    Record *record;    /* as wanted */
    DbValue *rule_row; /* what rules see: the stored row, or the virtual one */
    bool *submitted;   /* by field */
    Verdict manager;
    Str if_match;
    bool asked_db;   /* the verdict depends on other rows: ask again when writing */
    bool incomplete; /* write_check() without a transaction could not ask everything */

    Str old_checked; /* the hash that oldPassword was compared with */
    bool old_matches;
    bool old_needed; /* oldPassword must be compared with the stored hash */
} Write;

/* A write that must be prepared again: the schema, or the row's password, has
 * changed since. */
Error *error_retry(Arena *a);
bool error_is_retry(const Error *err);

/* modifiers.c */
void write_collect(Write *w, const RecordChange *change);
MUST_CHECK Error *write_apply_ops(Write *w);
bool write_key_is_foreign(const Write *w, Str key);

/* write.c */
MUST_CHECK Error *write_begin(Write *w, App *app, Arena *a, const Schema *schema,
                              const RecordChange *change, bool is_update);
MUST_CHECK Error *write_apply(Write *w, Record *original);
MUST_CHECK Error *write_check(Write *w, Tx *tx);
MUST_CHECK Error *write_prepare(Write *w);
MUST_CHECK Error *write_sniff(Write *w, bool *renamed);
MUST_CHECK Error *write_hash_passwords(Write *w);
MUST_CHECK Error *write_check_old_password(Write *w);
MUST_CHECK Error *write_store_files(Write *w);
void write_discard_files(Write *w, const Error *why);
const NewFile *write_new_file(const Write *w, const Field *f, Str name);
NewPassword *write_password(const Write *w, const Field *f);

/* write_sql.c */
MUST_CHECK Error *write_insert(Write *w, Tx *tx);
MUST_CHECK Error *write_update(Write *w, Tx *tx);
/* As it is; tells the change feed. */
MUST_CHECK Error *record_insert(App *app, Tx *tx, const Record *r);
/* UPDATE of what differs, or nothing. */
MUST_CHECK Error *record_store(Tx *tx, const Record *old, const Record *new);
void record_touch(Record *r, Arena *a, bool is_create); /* autodates */
/* The error of a write for the client: unique indexes become fields. */
Error *write_error(Arena *a, Error *err, Str summary);

/* change.c: with the schema at hand (NULL: the present one). */
MUST_CHECK Error *change_create(App *app, Arena *a, const Schema *schema,
                                const RecordChange *change, Record **out);
MUST_CHECK Error *change_update(App *app, Arena *a, const Schema *schema,
                                const RecordChange *change, Record **out);
MUST_CHECK Error *change_delete(App *app, Arena *a, const Schema *schema,
                                const RecordChange *change);
/* The rule of a delete, then the delete, in a transaction. */
MUST_CHECK Error *delete_checked(App *app, Tx *tx, const Schema *schema, const Collection *c,
                                 Str id, const RequestInfo *info, bool as_system, Str if_match);

/* etag.c: NULL, or 412. */
Error *record_check_etag(Arena *a, Str if_match, const Record *r);

/* validate.c, validate_db.c: NULL or chained field errors. */
Error *validate_fields(Write *w);
bool validate_needs_db(const Write *w);
MUST_CHECK Error *validate_with_db(Write *w, Tx *tx, Error **faults);

/* auth_record.c */
Error *auth_form_errors(Write *w, Verdict manager);
bool auth_form_needs_manager(const Write *w);
void auth_apply(Write *w); /* tokenKey rotation, forced verified */
MUST_CHECK Error *auth_after_update(App *app, Tx *tx, const Schema *schema, const Record *old,
                                    Record *new, bool password_is_new);
MUST_CHECK Error *auth_before_delete(Tx *tx, const Record *r);
void auth_rotate_token_key(Arena *a, Record *r);
bool is_ref_collection(const Collection *c);
MUST_CHECK Error *validate_ref_record(Write *w, Tx *tx, Error **faults);

/* feed.c */
void change_queue(App *app, Tx *tx, ChangeKind kind, const Record *r);
/* `new` NULL: deleted. What is only needed meanwhile is in `scratch`. */
void files_remove_after_commit(App *app, Tx *tx, Arena *scratch, const Record *old,
                               const Record *new);

/* expand.c */
MUST_CHECK Error *records_enrich(Tx *tx, const Schema *schema, Record **records, size_t count,
                                 const ExpandNode *tree, const RequestInfo *info);

/* read.c, batch.c: handlers of routes.c */
Error *handle_list(Req *req, Res *res);
Error *handle_view(Req *req, Res *res);
Error *handle_batch(Req *req, Res *res);
/* bulk.c */
Error *handle_import(Req *req, Res *res);
Error *handle_delete_many(Req *req, Res *res);

#endif
