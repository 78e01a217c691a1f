/* account.c - whose sign-in it is: finding, linking, creating (api: auth §5.2).
 *
 *     1. who was linked with this account of the provider before
 *     2. who is signed in already: links it on purpose
 *     3. who has the e-mail that the provider has proven
 *     4. nobody: a new record
 *
 * Somebody else may have made the record with that e-mail, hoping that its owner
 * comes one day (pre-hijacking). So a record whose address was never proven
 * loses its password and all its links the moment somebody proves it.
 */
#include "oauth2/oauth2_internal.h"

#include "base/log.h"
#include "base/random.h"

typedef struct {
    App *app;
    const Schema *schema;
    Account *account;
    Str caller; /* the id of who is signed in as a record of this collection; or "" */
    Str record_id;
    Str unknown_hash;
    bool created; /* the record was made by this sign-in */
    Record *record;
} LinkWork;

/* ---- 1, 2, 3 ---- */

static Error *linked_find(Tx *tx, const Account *x, Str *record_id)
{
    const DbValue key[] = {DB_VALUE_TEXT(x->c->id), DB_VALUE_TEXT(x->provider),
                           DB_VALUE_TEXT(x->profile->id)};
    bool found;
    Str id;
    Error *err = tx_one_str(tx,
                            S("SELECT \"recordRef\" FROM \"_externalAuths\" WHERE "
                              "\"collectionRef\"=?1 AND \"provider\"=?2 AND \"providerId\"=?3"),
                            key, COUNT(key), &id, &found);
    *record_id = !err && found ? arena_copy(tx_arena(tx), id) : S("");
    return err;
}

static Error *find_work(Tx *tx, void *arg)
{
    LinkWork *w = arg;
    const Account *x = w->account;
    w->record = NULL;
    Str id;
    Error *err = linked_find(tx, x, &id);
    if (err) return err;
    if (id.len == 0) id = w->caller;
    if (id.len == 0) return auth_find_by_email(tx, x->c, x->profile->email, &w->record);
    err = record_find(tx, x->c, id, &w->record);
    return err && err->status == 404 ? NULL : err;
}

/* ---- linking ---- */

static Error *unlink_all(Tx *tx, const LinkWork *w)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT \"id\" FROM \"_externalAuths\" WHERE \"collectionRef\"=?1 "
                              "AND \"recordRef\"=?2"),
                            &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, w->account->c->id);
    stmt_bind_str(stmt, 2, w->record_id);
    Str ids[64]; /* one a provider */
    size_t count = 0;
    for (bool row; count < COUNT(ids);) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        ids[count++] = arena_copy(tx_arena(tx), stmt_str(stmt, 0));
    }
    for (size_t i = 0; !err && i < count; i++)
        err = record_delete_in_tx(w->app, tx, w->schema, w->account->externals, ids[i]);
    return err;
}

typedef struct {
    Str columns[4];
    DbValue values[4];
    size_t count;
} Columns;

static void column_set(Columns *c, Str column, DbValue value)
{
    c->columns[c->count] = column;
    c->values[c->count++] = value;
}

/* What the proven address means for the record. */
static Error *record_settle(Tx *tx, const LinkWork *w, const Record *r)
{
    Columns set = {0};
    Str email = record_str(r, S("email")), proven = w->account->profile->email;
    bool verified = record_bool(r, S("verified"));
    bool is_caller = w->caller.len && str_eq(w->caller, w->record_id);
    if (!w->created && !verified && !is_caller) {
        column_set(&set, S("password"), DB_VALUE_TEXT(w->unknown_hash));
        column_set(&set, S("tokenKey"),
                   DB_VALUE_TEXT(random_text(tx_arena(tx), 50, ALPHABET_SECRET)));
    }
    if (!w->created && email.len == 0 && proven.len) {
        email = proven;
        column_set(&set, S("email"), DB_VALUE_TEXT(proven));
    }
    bool same = str_eq(email, proven) || (!w->created && email.len == 0);
    if (!verified && same) column_set(&set, S("verified"), DB_VALUE_INT(1));
    if (!w->created && !verified) {
        Error *err = unlink_all(tx, w);
        if (err) return err;
    }
    if (set.count == 0) return NULL;
    return record_set_columns(w->app, tx, w->account->c, w->record_id, set.columns, set.values,
                              set.count);
}

static Error *link_insert(Tx *tx, const LinkWork *w)
{
    static const Str COLUMNS[] = {STR_INIT("collectionRef"), STR_INIT("recordRef"),
                                  STR_INIT("provider"), STR_INIT("providerId")};
    const Account *x = w->account;
    const DbValue values[] = {DB_VALUE_TEXT(x->c->id), DB_VALUE_TEXT(w->record_id),
                              DB_VALUE_TEXT(x->provider), DB_VALUE_TEXT(x->profile->id)};
    Record *row;
    return record_insert_columns(w->app, tx, x->externals, COLUMNS, values, COUNT(values), &row);
}

static Error *failed(Arena *a, const char *why)
{
    return error_cause(a, error_new(a, 400, S("Failed to authenticate.")), "oauth2: %s", why);
}

static Error *link_work(Tx *tx, void *arg)
{
    LinkWork *w = arg;
    Arena *a = tx_arena(tx);
    Record *r;
    Error *err = record_find(tx, w->account->c, w->record_id, &r);
    if (err) return err->status == 404 ? failed(a, "the record has gone") : err;
    bool is_caller = str_eq(w->caller, w->record_id);
    if (!w->created && !is_caller && !record_bool(r, S("verified")) && w->unknown_hash.len == 0)
        return failed(a, "the record became unverified");
    err = record_settle(tx, w, r);
    if (err) return err;

    Str linked;
    err = linked_find(tx, w->account, &linked);
    if (err) return err;
    if (linked.len && !str_eq(linked, w->record_id))
        return failed(a, "linked to another meanwhile");
    if (linked.len == 0) err = link_insert(tx, w);
    if (err && db_error_kind(err) == DB_ERROR_UNIQUE)
        return failed(a, "another account of this provider is linked, or the e-mail is taken");
    if (err) return err;
    return record_find(tx, w->account->c, w->record_id, &w->record);
}

/* A record without its link would be in the way of the next try. */
static void record_take_back(App *app, Arena *a, const Record *r)
{
    RecordChange change = {.collection = r->collection, .id = record_id(r), .as_system = true};
    Error *err = record_delete(app, a, &change);
    if (err) log_error("oauth2", "a record without link stays", LOG_STR("cause", err->cause));
}

static Error *link_record(LinkWork *w, Record *r)
{
    Arena *a = w->account->req->arena;
    w->record_id = record_id(r);
    if (!w->created && !record_bool(r, S("verified"))) {
        Error *err = auth_password_unknown(w->app, a, &w->unknown_hash);
        if (err) return err;
    }
    Error *err = db_write(w->app->db, a, link_work, w);
    if (err && db_error_kind(err) == DB_ERROR_UNIQUE) err = failed(a, "the e-mail is taken");
    if (err && w->created) record_take_back(w->app, a, r);
    if (err) return err;
    w->account->record = w->record;
    return NULL;
}

Error *account_resolve(Account *x)
{
    Context *cx = req_context(x->req);
    LinkWork work = {.app = cx->app, .schema = cx->schema, .account = x, .caller = S("")};
    if (cx->auth && str_eq(cx->auth->collection_id, x->c->id)) work.caller = cx->auth->id;
    Error *err = db_read(cx->app->db, x->req->arena, find_work, &work);
    if (err) return err;
    if (work.record) return link_record(&work, work.record);

    err = account_create(x);
    if (err) {
        /* Another sign-in of the same person may have made it meanwhile. */
        Error *again =
            err->status == 400 ? db_read(cx->app->db, x->req->arena, find_work, &work) : err;
        return !again && work.record ? link_record(&work, work.record) : err;
    }
    x->is_new = work.created = true;
    return link_record(&work, x->record);
}
