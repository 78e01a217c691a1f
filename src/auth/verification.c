/* verification.c - proving that an e-mail address is the record's (api: auth §4.8). */
#include "auth/auth_internal.h"

#include "base/random.h"

static Error *verification_guard(Req *req, const Collection **out)
{
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    if (collection_is_superusers(c))
        return error_new(req->arena, 400, S("All superusers are verified by default."));
    *out = c;
    return NULL;
}

/* ---- POST /api/collections/{collection}/request-verification
 *
 *   body  {"email"}
 *   204   a mail is on its way, if there is such a record, it is not verified yet
 *         and it got none in the last two minutes
 *   400   no e-mail address; superusers
 */
Error *handle_request_verification(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = verification_guard(req, &c);
    if (err) return err;
    Record *r;
    err = mail_recipient_read(req, c, "verification asked for an unknown address", &r);
    if (err) return err;

    Mail mail, *wanted = NULL;
    if (r && !record_bool(r, S("verified")) && mail_pause_begin(cx->app, PAUSE_VERIFICATION, r)) {
        Str token = auth_token_new(a, r, TOKEN_VERIFICATION, 0, false);
        err = mail_verification(cx->app, a, r, token, &mail);
        if (err) return err;
        wanted = &mail;
    }
    err = mail_queue(cx->app, a, wanted);
    return err ? err : res_empty(res, 204);
}

/* ---- confirming ---- */

typedef struct {
    App *app;
    const Record *seen;
    Str unknown_hash; /* the password it gets; empty: it keeps its own */
} VerifyWork;

static Error *verify_work(Tx *tx, void *arg)
{
    static const Str COLUMNS[] = {STR_INIT("verified"), STR_INIT("password"), STR_INIT("tokenKey")};
    const VerifyWork *w = arg;
    Record *r;
    Error *err = token_owner_again(tx, w->seen, &r);
    if (err || record_bool(r, S("verified"))) return err;
    const DbValue values[] = {DB_VALUE_INT(1), DB_VALUE_TEXT(w->unknown_hash),
                              DB_VALUE_TEXT(random_text(tx_arena(tx), 50, ALPHABET_SECRET))};
    return record_set_columns(w->app, tx, r->collection, record_id(r), COLUMNS, values,
                              w->unknown_hash.len ? COUNT(COLUMNS) : 1);
}

static Error *token_check(Req *req, const Collection *c, Str token, Record **out)
{
    Arena *a = req->arena;
    if (token.len == 0) return error_required(a, S("token"));
    Str email = json_str(json_get(token_claims(a, token), S("email")), S(""));
    if (email.len == 0)
        return token_fault(a, "validation_invalid_token_claims", S("Missing email token claim."));
    Error *err = token_owner(req, c, token, TOKEN_VERIFICATION, out);
    if (err) return err;
    if (!str_eq(record_str(*out, S("email")), email))
        return token_fault(a, "validation_token_email_mismatch",
                           S("The record email doesn't match with the requested token claims."));
    return NULL;
}

/* ---- POST /api/collections/{collection}/confirm-verification
 *
 *   body  {"token"}
 *   204   verified, now or before. Accounts linked until now are unlinked: whoever
 *         linked them may have been somebody else
 *   400   data.token; superusers
 */
Error *handle_confirm_verification(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = verification_guard(req, &c);
    if (err) return err;
    Body body;
    err = auth_body(req, &body);
    if (err) return err;
    Str token;
    err = body_text(req, &body, S("token"), &token);
    if (err) return err;
    Record *r = NULL;
    err = token_check(req, c, token, &r);
    if (err) return err->status == 400 ? invalid_input(err) : err;

    mail_pause_end(cx->app, PAUSE_VERIFICATION, r);
    if (record_bool(r, S("verified"))) return res_empty(res, 204);
    VerifyWork work = {.app = cx->app, .seen = r};
    if (!c->auth.password_enabled) {
        err = auth_password_unknown(cx->app, a, &work.unknown_hash);
        if (err) return err;
    }
    err = db_write(cx->app->db, a, verify_work, &work);
    return err ? err : res_empty(res, 204);
}
