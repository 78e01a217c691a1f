/* mfa.c - asking for a second factor (api: auth §6).
 *
 * The first method that succeeds leaves a row in "_mfas" and is answered with
 * 401 {"mfaId": …}; the second one names that row, which is used up by it.
 * Consuming is a write, so of two requests with one id only one gets through.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"

#define MFAS S("_mfas")

typedef struct {
    const Schema *schema;
    const Record *record;
    const RequestInfo *info;
    bool wanted;
} WantedWork;

static Error *mfa_wanted(Tx *tx, void *arg)
{
    WantedWork *w = arg;
    const Collection *c = w->record->collection;
    w->wanted = true;
    if (c->rules[RULE_MFA].text.len == 0) return NULL;

    const Filter *filter = rule_filter(c, RULE_MFA);
    if (!filter) return error_new(tx_arena(tx), 400, S("Failed to authenticate."));
    return rule_matches_row(tx, w->schema, c, filter, record_id(w->record), w->info, &w->wanted);
}

typedef enum { SESSION_GOOD, SESSION_EXPIRED, SESSION_FOREIGN, SESSION_SAME_METHOD } Session;

typedef struct {
    App *app;
    const Schema *schema;
    const Collection *mfas;
    const Record *record;
    Str id, method;
    Session verdict;
} ConsumeWork;

static Error *mfa_consume(Tx *tx, void *arg)
{
    ConsumeWork *w = arg;
    const Collection *c = w->record->collection;
    Record *row;
    Error *err = record_find(tx, w->mfas, w->id, &row);
    w->verdict = SESSION_EXPIRED;
    if (err) return err->status == 404 ? NULL : err;

    int64_t created_ms = 0;
    bool dated = datetime_parse(record_str(row, S("created")), &created_ms);
    bool expired = !dated || clock_wall_ms() > created_ms + c->auth.mfa_duration_s * 1000;
    if (!expired) {
        if (!str_eq(record_str(row, S("recordRef")), record_id(w->record)) ||
            !str_eq(record_str(row, S("collectionRef")), c->id)) {
            w->verdict = SESSION_FOREIGN;
            return NULL;
        }
        if (str_eq(record_str(row, S("method")), w->method)) {
            w->verdict = SESSION_SAME_METHOD;
            return NULL;
        }
        w->verdict = SESSION_GOOD;
    }
    return record_delete_in_tx(w->app, tx, w->schema, w->mfas, w->id);
}

static Error *mfa_begin(Req *req, Res *res, const Collection *mfas, const Record *r, Str method)
{
    Arena *a = req->arena;
    Json *data = json_new_object(a);
    json_set_str(a, data, S("collectionRef"), r->collection->id);
    json_set_str(a, data, S("recordRef"), record_id(r));
    json_set_str(a, data, S("method"), method);
    RecordChange change = {.collection = mfas, .data = data, .as_system = true};
    Record *row;
    Error *err = record_create(req_context(req)->app, a, &change, &row);
    if (err) return err;

    Json *answer = json_new_object(a);
    json_set_str(a, answer, S("mfaId"), record_id(row));
    return res_json(res, 401, answer);
}

static Error *mfa_continue(Req *req, const Collection *mfas, const Record *r, Str method, Str id)
{
    Context *cx = req_context(req);
    ConsumeWork work = {.app = cx->app,
                        .schema = cx->schema,
                        .mfas = mfas,
                        .record = r,
                        .id = id,
                        .method = method};
    Error *err = db_write(cx->app->db, req->arena, mfa_consume, &work);
    if (err) return err;
    switch (work.verdict) {
    case SESSION_GOOD:
        return NULL;
    case SESSION_FOREIGN:
        return error_new(req->arena, 400, S("Invalid MFA session."));
    case SESSION_SAME_METHOD:
        return error_new(req->arena, 400, S("A different authentication method is required."));
    case SESSION_EXPIRED:
        break;
    }
    return error_new(req->arena, 400, S("Invalid or expired MFA session."));
}

Error *mfa_check(Req *req, Res *res, const Record *r, Str method, bool *answered)
{
    Context *cx = req_context(req);
    *answered = false;
    if (!r->collection->auth.mfa_enabled) return NULL;

    WantedWork wanted = {.schema = cx->schema, .record = r, .info = &cx->info};
    Error *err = db_read(cx->app->db, req->arena, mfa_wanted, &wanted);
    if (err) return err;
    if (!wanted.wanted) return NULL;

    const Collection *mfas = schema_find(cx->schema, MFAS);
    if (!mfas) return error_status(req->arena, 500);
    Str id = req_query(req, S("mfaId"));
    if (id.len == 0) {
        Body body;
        err = auth_body(req, &body);
        if (err) return err;
        err = body_text(req, &body, S("mfaId"), &id);
        if (err) return err;
    }
    if (id.len) return mfa_continue(req, mfas, r, method, id);
    *answered = true;
    return mfa_begin(req, res, mfas, r, method);
}
