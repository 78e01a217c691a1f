/* records.h - reading and writing records: validation, rules, modifiers,
 * cascades, expand, batch (api: records).
 *
 * The routes here are the records API. Other modules use the same operations
 * on the caller's behalf, or as the system:
 *
 *     Record *user;
 *     err = record_find(tx, schema, users, id, &user);
 *     Str name = record_str(user, "name");
 *
 * A Record is the values of one row, in the order of its collection's fields,
 * as the database holds them (lists as JSON text).
 *
 * Writing is in two steps: on the request's loop the body is read, values are
 * normalised, passwords hashed, files stored; then one db_write() checks rules,
 * validates against the database and writes.
 */
#ifndef CROFT_RECORDS_H
#define CROFT_RECORDS_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "http/http.h"
#include "query/query.h"
#include "schema/schema.h"
#include "settings/settings.h"
#include "storage/storage.h"

/* ---- what a request carries: made by the app, read by every module above ---- */

typedef enum {
    CHANGE_CREATE,
    CHANGE_UPDATE,
    CHANGE_DELETE,
    CHANGE_MANY, /* more than can be kept until the commit: of the record only the
                    collection; NULL: any of any collection (records_announce_any()) */
} ChangeKind;
typedef struct Record Record;
/* After commit, in commit order, on the writer's thread; must be brief. */
typedef void (*ChangeListener)(void *arg, ChangeKind kind, const Record *record);

/* The parts of a running server. One per process or test; no globals. */
typedef struct App App;
struct App {
    Db *db;
    SchemaStore *schema;
    SettingsStore *settings;
    Storage *storage;
    Passwords *passwords;
    Workers *workers;
    /* Grows when any auth record is written: caches of callers check it. */
    _Atomic uint64_t auth_version;
    void *auth;                   /* auth/'s state */
    struct Outgoing *outgoing;    /* outgoing/: HTTP client, mail transport */
    struct Jobs *jobs;            /* jobs/: crons and the outbox */
    struct Mailer *mailer;        /* mail/ */
    struct Realtime *realtime;    /* realtime/ */
    struct Logs *logs;            /* logs/ */
    Workers *console;             /* one thread: queries that superusers typed, in turn */
    struct Backups *backups;      /* backup/ */
    struct OAuth2 *oauth2;        /* oauth2/ */
    struct Survey *survey;        /* admin/; NULL: nothing is kept */
    struct Thumbs *thumbs;        /* files/; NULL where none are made */
    struct FileCache *file_cache; /* files/; NULL: none are kept */
    struct Documents *documents;  /* openapi/; NULL: none are kept */
    struct {
        ChangeListener fn;
        void *arg;
    } listeners[8]; /* records_on_change() */
    size_t listener_count;
    /* Counts one item of a batch against the rate limits (conventions §11): set
     * by whoever owns them; NULL = no limits. `action` is "create", "update" or
     * "delete". An error fails that item. */
    Error *(*batch_item_guard)(Req *req, const Collection *c, const char *action);
    /* Compares a password with the record's own, as a try that counts: 429 when it
     * was guessed at too often from this address. Set by whoever counts; NULL = nobody. */
    Error *(*password_try)(App *app, Arena *a, const Record *r, Str ip, Str password,
                           bool *matches);
    /* Writes what is held back of a system collection's rows, before a request looks
     * at them: set by whoever holds back; NULL = nobody. */
    void (*settle)(App *app, Arena *a, const Collection *c);
};

/* Req.context of every routed request; made by app/'s `before`. */
typedef struct {
    App *app;
    const Schema *schema;
    const Settings *settings;
    AuthInfo *auth; /* NULL = guest */
    Str token;      /* the one that proved it */
    bool token_refreshable;
    Str real_ip;
    RequestInfo info;
    bool manager_checked;
} Context;

static inline Context *req_context(Req *req)
{
    return (Context *)req->context;
}
static inline bool context_is_superuser(const Context *cx)
{
    return cx->auth && cx->auth->is_superuser;
}

/* Guards (conventions §4.2): NULL, or the error to answer with. */
Error *require_superuser(Req *req);
Error *require_auth(Req *req);
Error *require_same_collection_auth(Req *req, const Collection *c);

/* The page a list endpoint is asked for (conventions §6): 400 for what is no
 * number or flag; too small and too large ones are brought into range. */
typedef struct {
    int64_t page, per_page;
    bool skip_total;
} Paging;
MUST_CHECK Error *paging_read(Req *req, Paging *out);
int64_t paging_offset(const Paging *p);
/* `],"page":1,"perPage":30,"totalItems":…,"totalPages":…}` and a newline, behind
 * the items; total < 0: not counted. */
void paging_write_tail(Buf *out, const Paging *p, int64_t total);

/* The {collection} of the path, settled (App.settle); 404 with `message` when unknown. */
MUST_CHECK Error *req_collection(Req *req, Str message, const Collection **out);

/* Was the schema replaced under a read by it, which ended with `err`? Then it is to
 * be run again by the present one. May wait a moment. */
bool read_is_stale(App *app, const Schema *schema, const Error *err);
/* The present schema becomes the request's, and its caller's collection one of it. */
void schema_refresh(Req *req);

/* ---- records ---- */

struct Record {
    const Collection *collection;
    DbValue *values;  /* one per field; texts live with the record */
    Json *expand;     /* the "expand" object, NULL = no key */
    bool email_shown; /* the rules of records §1.2 were satisfied */
};

/* Reads one row by id; 404 when absent. No rules. */
MUST_CHECK Error *record_find(Tx *tx, const Collection *c, Str id, Record **out);
/* By the value of one (indexed) column, exact or as its index collates. */
MUST_CHECK Error *record_find_by(Tx *tx, const Collection *c, Str column, Str value, Record **out);

/* The present row of a statement whose columns are the fields, in their order. */
Record *record_read(Arena *a, const Collection *c, Stmt *stmt);

const DbValue *record_value(const Record *r, Str field); /* NULL when no such field */
Str record_str(const Record *r, Str field);              /* "" when absent */
bool record_bool(const Record *r, Str field);
Str record_id(const Record *r);

/* The API's JSON (records §1) for this caller. */
void record_write_json(Buf *out, const Record *r, const AuthInfo *viewer);
Json *record_to_json(Arena *a, const Record *r, const AuthInfo *viewer);

/* Fills Record.expand of `count` records for this caller (conventions §6.2). */
MUST_CHECK Error *records_expand(Tx *tx, const Schema *schema, Record **records, size_t count,
                                 const ExpandNode *tree, const RequestInfo *info);

/* True when the caller may see the e-mail and change e-mail, verified and
 * password freely (manageRule; records §1.2, §7). */
MUST_CHECK Error *record_is_managed(Tx *tx, const Schema *schema, const Record *r,
                                    const RequestInfo *info, bool *managed);

/* ---- saving, for modules and the command line ---- */

/* A change to one record. */
typedef struct {
    const Collection *collection;
    Str id;     /* update: which one; create: empty, or the wanted id */
    Json *data; /* body keys, modifiers included */
    Upload *uploads;
    size_t upload_count;
    bool as_system; /* no rules, no form checks of records §7; hidden fields allowed */
    bool skip_validation;
    bool any_password;       /* it was drawn at random: its field's rules are for people */
    const RequestInfo *info; /* the caller, for rules; NULL with as_system */
    Str if_match;            /* update, delete: the tags it may have, as in If-Match; empty = any */
} RecordChange;

/* The whole way from input to committed row; must be called outside of
 * transactions, in a fiber or on the command line. *out is the record as
 * committed. Errors as records §5, §6 with the endpoint's message. */
MUST_CHECK Error *record_create(App *app, Arena *a, const RecordChange *change, Record **out);
MUST_CHECK Error *record_update(App *app, Arena *a, const RecordChange *change, Record **out);
MUST_CHECK Error *record_delete(App *app, Arena *a, const RecordChange *change);

/* The strong tag of a record's present state, with its quotes (etag.c), and one
 * made of the text of an `updated`. */
Str record_etag(Arena *a, const Record *r);
Str etag_of_moment(Arena *a, Str updated);
/* Does an If-Match admit this tag? An empty one admits everything. */
bool etag_matches(Arena *a, Str if_match, Str etag);
/* The 412: data.updated.params has both. `updated` may be empty. */
Error *etag_stale(Arena *a, Str updated, Str etag, Str summary);

/* In a running transaction, as the system: sets single columns without
 * validation, moving onUpdate autodates and firing the change feed. Of auth
 * records the invariants of api: auth §1.4 hold: a changed e-mail rotates the
 * tokenKey unless it is among the columns, a changed tokenKey ends open OTPs
 * (and, with a changed password, MFAs and known origins), and becoming verified
 * drops linked accounts. A password alone is taken as the same one hashed
 * anew, and changes nothing else. */
MUST_CHECK Error *record_set_columns(App *app, Tx *tx, const Collection *c, Str id,
                                     const Str *columns, const DbValue *values, size_t count);
/* As the system too: moves onUpdate autodates to a moment that has passed, never
 * back; nothing happens when all are later. 404 when the row has gone. */
MUST_CHECK Error *record_touch_at(App *app, Tx *tx, const Collection *c, Str id, int64_t wall_ms);
/* A new row of these columns in the same way, for collections whose only
 * generated field is the id: that and the autodates are filled in. */
MUST_CHECK Error *record_insert_columns(App *app, Tx *tx, const Collection *c, const Str *columns,
                                        const DbValue *values, size_t count, Record **out);
/* NULL, or the fault of `plain` as a value of the password field `f`, of `value`
 * as one of the text field `f` (that others have it already is not one). */
Error *password_check(Arena *a, const Field *f, Str plain);
Error *text_check(Arena *a, const Field *f, Str value);
/* Deletes with cascades (collections §5), no rules. */
MUST_CHECK Error *record_delete_in_tx(App *app, Tx *tx, const Schema *schema, const Collection *c,
                                      Str id);
/* Every record of a collection, one after the other (collections §9 truncate). */
MUST_CHECK Error *records_truncate_in_tx(App *app, Tx *tx, const Schema *schema,
                                         const Collection *c);

/* Blobs that no row mentions and rows whose blob is missing: the sweep at
 * start. Removes orphans last written before `before_ms` (younger ones may
 * belong to a write under way), logs and counts both. */
MUST_CHECK Error *records_sweep_files(App *app, Arena *a, int64_t before_ms, size_t *orphans,
                                      size_t *missing);

/* ---- records as rows of a file (rows.c) ---- */

typedef enum { ROWS_CSV, ROWS_JSON, ROWS_JSONL } RowsFormat;
typedef struct {
    RowsFormat format;
    const Field **fields;
    size_t count;
    bool guarded;   /* CSV: texts that a spreadsheet would run as formulas are disarmed */
    size_t written; /* rows so far */
} RowWriter;

/* `names` are comma separated; empty: all but passwords and token keys. Error
 * 400 of the field "fields". */
MUST_CHECK Error *rows_new(Arena *a, const Collection *c, RowsFormat format, Str names,
                           bool guarded, RowWriter *out);
void rows_head(RowWriter *w, Buf *out);
/* `a` is scratch space. */
void rows_write(RowWriter *w, Buf *out, Arena *a, const Record *r);
void rows_tail(const RowWriter *w, Buf *out);
/* One cell of RFC 4180. */
void csv_write_text(Buf *out, Str s, bool guarded);

/* ---- trying a rule ---- */

/* What one rule of `c` says to a caller about a record. `schema` need not be a
 * published one, but compiled (query_compile_schema()). Whatever is decided is
 * what the endpoint would decide. */
typedef struct {
    const Schema *schema;
    const Collection *c;
    RuleKind kind;
    Str id;     /* of the stored record; not for a create */
    Json *data; /* of a create or update: the body, an object */
    RequestInfo info;
} RuleTrial;
typedef struct {
    bool allowed;
    const char *code; /* superuser, guest, rule_null, rule_empty, rule_holds, rule_fails */
    Str reason;
    FilterPart *parts; /* none where the text did not matter */
    size_t part_count;
    size_t deciding; /* index of the part that decided */
} RuleOutcome;
/* Error 400 of the field "recordId" when there is no such record. */
MUST_CHECK Error *rule_try(App *app, Arena *a, const RuleTrial *trial, RuleOutcome *out);

/* "TEXT", "NUMERIC" or NULL: the cast that gives a value the affinity which its column
 * has, so that comparisons with it come out alike. Lists and json stay as they are: a
 * cast would read them as numbers. */
const char *column_cast(const Field *f);

/* ---- looking at all files (file_scan.c) ---- */

typedef struct {
    const Collection *collection; /* NULL when there is none of that id */
    Str collection_id, record_id, name;
    uint64_t size_bytes;
    bool is_orphan;  /* no row names it, and it is old enough to be sure */
    bool is_missing; /* a row names it, but there is no such blob */
} FileSeen;
typedef struct {
    Error *(*blob)(void *arg, const FileSeen *file);
    Error *(*row)(void *arg); /* a row was compared; may be NULL */
    void *arg;
} FileScan;
/* The folder of one record, on a walk over blobs, which come folder by folder. */
typedef struct {
    Arena *arena;        /* reset for each */
    const Collection *c; /* NULL: none has this id */
    Str collection_id, record_id;
    bool entered;
} FileFolder;
/* True when it is another one than before: all but `arena` is set anew. */
bool file_folder_enter(FileFolder *f, const Schema *schema, Str collection_id, Str record_id);
/* Its collection has rows, one of which may name the files. */
bool file_folder_has_rows(const FileFolder *f);

#define ORPHAN_AGE_MS (10 * 60 * 1000) /* no upload takes so long to get its row */
/* Takes as long as there are files; an error of a callback ends it. Not in a
 * transaction. */
MUST_CHECK Error *records_scan_files(App *app, Arena *a, const FileScan *scan);
bool collection_has_files(const Collection *c);
/* Removes one blob if it is an orphan now: 400 when a row names it, 404 when it
 * is none. */
MUST_CHECK Error *records_remove_orphan(App *app, Arena *a, Str collection_id, Str record_id,
                                        Str name);

/* ---- the change feed ---- */

/* At start, before the first request. */
void records_on_change(App *app, ChangeListener listener, void *arg);
/* Of a transaction that wrote past this module, as SQL typed by hand does: once it
 * is committed, nothing that is kept of records and callers is good any more. */
void records_announce_any(App *app, Tx *tx);

extern const Route record_routes[]; /* /api/collections/{collection}/records…, /api/batch */
extern const size_t record_route_count;

#endif
