/* user_sessions.c - what is known of where a user is signed in, and the end of
 * it (docs/dashboard-api.md). For superusers.
 *
 * Tokens are not stored: what makes one valid is the record's tokenKey. So the
 * list shows the places a user signed in from and the linked accounts, and
 * ending sessions is a new tokenKey. */
#include "auth/auth_internal.h"

#include "base/random.h"

#define TOKEN_KEY_LENGTH 50
#define LISTED_MAX       200

typedef struct {
    App *app;
    const Collection *c;
    Str id;
    Json *out;
} SessionsWork;

/* The rows of a system collection that belong to the record, latest first. */
static Error *list_rows(Tx *tx, const SessionsWork *w, const char *table, const char *columns,
                        Str key)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    Str sql = str_printf(a,
                         "SELECT %s FROM \"%s\" WHERE \"collectionRef\"=?1 AND \"recordRef\"=?2 "
                         "ORDER BY \"created\" DESC, \"id\" LIMIT %d",
                         columns, table, LISTED_MAX);
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, w->c->id);
    stmt_bind_str(stmt, 2, w->id);
    Json *list = json_new_array(a);
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        Json *item = json_push(a, list, json_new_object(a));
        for (int i = 0; i < stmt_column_count(stmt); i++)
            json_set_str(a, item, arena_copy(a, stmt_column_name(stmt, i)),
                         arena_copy(a, stmt_str(stmt, i)));
    }
    json_set(a, w->out, key, list);
    return NULL;
}

static Error *sessions_work(Tx *tx, void *arg)
{
    SessionsWork *w = arg;
    Arena *a = tx_arena(tx);
    Record *r;
    Error *err = record_find(tx, w->c, w->id, &r);
    if (err) return err;
    w->out = json_new_object(a);
    json_set_number(a, w->out, S("tokenSeconds"), (double)w->c->auth.tokens[TOKEN_AUTH].duration_s);
    err = list_rows(tx, w, "_authOrigins", "id,fingerprint,created,updated", S("origins"));
    if (!err)
        err = list_rows(tx, w, "_externalAuths", "id,provider,\"providerId\",created,updated",
                        S("externalAuths"));
    if (!err) err = list_rows(tx, w, "_otps", "id,created", S("otps"));
    if (!err) err = list_rows(tx, w, "_mfas", "id,method,created", S("mfas"));
    return err;
}

static Error *sessions_begin(Req *req, SessionsWork *w)
{
    Error *err = require_superuser(req);
    if (err) return err;
    w->app = req_context(req)->app;
    w->id = req_param(req, "id");
    err = req_collection(req, S("Missing or invalid collection context."), &w->c);
    if (err) return err;
    if (w->c->type == COLLECTION_AUTH) return NULL;
    return error_new(req->arena, 400, S("The collection is not an auth collection."));
}

/* GET /api/collections/{collection}/records/{id}/sessions
 *
 *   200   {"tokenSeconds", "origins": [{"id", "fingerprint", "created",
 *          "updated"}], "externalAuths": [{"id", "provider", "providerId",
 *          "created", "updated"}], "otps": [{"id", "created"}],
 *          "mfas": [{"id", "method", "created"}]}
 *   404   no such record
 */
Error *handle_sessions(Req *req, Res *res)
{
    SessionsWork w = {0};
    Error *err = sessions_begin(req, &w);
    if (err) return err;
    touches_settle(((Auth *)w.app->auth)->touches, req->arena);
    err = db_read(w.app->db, req->arena, sessions_work, &w);
    return err ? err : res_json(res, 200, w.out);
}

static Error *end_work(Tx *tx, void *arg)
{
    const SessionsWork *w = arg;
    Str column = S("tokenKey");
    DbValue key = DB_VALUE_TEXT(random_text(tx_arena(tx), TOKEN_KEY_LENGTH, ALPHABET_SECRET));
    const Schema *schema = schema_in_tx(w->app->schema, tx);
    const Collection *c = schema_find_id(schema, w->c->id);
    if (!c) return error_status(tx_arena(tx), 404);
    return record_set_columns(w->app, tx, c, w->id, &column, &key, 1);
}

/* POST /api/collections/{collection}/records/{id}/end-sessions
 *
 *   204   no token of the record is valid any more; its realtime connections end
 *   404   no such record
 */
Error *handle_end_sessions(Req *req, Res *res)
{
    SessionsWork w = {0};
    Error *err = sessions_begin(req, &w);
    if (!err) err = db_write(w.app->db, req->arena, end_work, &w);
    return err ? err : res_empty(res, 204);
}
