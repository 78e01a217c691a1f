/* email_change.c - another e-mail address for a record (api: auth §4.10).
 *
 * The token goes to the new address; using it takes the record's password too,
 * so neither a stolen session nor a stolen mail is enough.
 */
#include "auth/auth_internal.h"

#include "base/log.h"

#define PASSWORD_INPUT_MAX 100

static Error *superusers_refuse(Req *req, const Collection *c)
{
    if (!collection_is_superusers(c)) return NULL;
    return error_new(req->arena, 400, S("All superusers can change their emails directly."));
}

typedef struct {
    const Collection *collection;
    Str email;
    Record *record;
} TakenWork;

static Error *taken_work(Tx *tx, void *arg)
{
    TakenWork *w = arg;
    return auth_find_by_email(tx, w->collection, w->email, &w->record);
}

static Error *email_taken(Req *req, const Collection *c, Str email, bool *taken)
{
    TakenWork work = {.collection = c, .email = email};
    Error *err = db_read(req_context(req)->app->db, req->arena, taken_work, &work);
    *taken = work.record != NULL;
    return err;
}

static Error *new_email_check(Req *req, const Collection *c, const Record *r, Str email)
{
    Arena *a = req->arena;
    Error *err = email_fault(a, S("newEmail"), email);
    if (err) return err;
    if (str_eq(email, record_str(r, S("email"))))
        return error_field(a, S("newEmail"), "validation_not_in_invalid",
                           S("Must not be in list."));
    bool taken;
    err = email_taken(req, c, email, &taken);
    if (err || !taken) return err;
    return error_field(a, S("newEmail"), "validation_invalid_new_email",
                       S("Invalid new email address."));
}

/* ---- POST /api/collections/{collection}/request-email-change
 *
 *   body  {"newEmail"}
 *   204   a mail was sent to the new address
 *   400   data.newEmail; the mail could not be sent; superusers
 *   401, 403   not signed in as a record of this collection
 */
Error *handle_request_email_change(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_collection(req, &c);
    if (!err) err = require_same_collection_auth(req, c);
    if (!err) err = auth_collection_check(req, c);
    if (!err) err = superusers_refuse(req, c);
    if (err) return err;
    Body body;
    err = auth_body(req, &body);
    if (err) return err;
    Str email;
    err = body_text(req, &body, S("newEmail"), &email);
    if (err) return err;
    Record *r;
    err = auth_record_find(cx->app, a, c, cx->auth->id, &r);
    if (err) return err;
    err = new_email_check(req, c, r, email);
    if (err) return err->status == 400 ? invalid_input(err) : err;

    Mail mail;
    err = mail_email_change(cx->app, a, r, email, email_change_token(a, r, email), &mail);
    if (!err) err = mail_send_now(cx->app, a, &mail, 0);
    if (err)
        return error_cause(a, error_new(a, 400, S("Failed to request email change.")), "%.*s",
                           STR_ARG(mail_raw_error(err)));
    return res_empty(res, 204);
}

/* ---- confirming ---- */

static Error *taken_fault(Arena *a)
{
    return token_fault(a, "validation_invalid_token_email", S("The new email address is invalid."));
}

/* *out stays NULL with a fault. */
static Error *token_check(Req *req, const Collection *c, Str token, Str *new_email, Record **out)
{
    Arena *a = req->arena;
    Record *r;
    if (token.len == 0) return error_required(a, S("token"));
    *new_email = json_str(json_get(token_claims(a, token), S("newEmail")), S(""));
    if (new_email->len == 0)
        return token_fault(a, "validation_invalid_token_payload",
                           S("Invalid token payload - newEmail must be set."));
    Error *err = token_owner(req, c, token, TOKEN_EMAIL_CHANGE, &r);
    if (err) return err;
    bool taken;
    err = email_taken(req, c, *new_email, &taken);
    if (err) return err;
    if (taken) return taken_fault(a);
    *out = r;
    return NULL;
}

/* The password as a throttled try: a mail alone must not allow to guess it. */
static Error *password_matches(Req *req, const Record *r, Str password)
{
    Context *cx = req_context(req);
    bool matches = false;
    if (r) {
        Error *err = password_try(cx->app, req->arena, r, cx->real_ip, password, &matches);
        if (err) return err;
    }
    if (matches) return NULL;
    return error_field(req->arena, S("password"), "validation_invalid_password",
                       S("Missing or invalid auth record password."));
}

typedef struct {
    App *app;
    const Record *seen;
    Str new_email;
} ChangeWork;

/* A changed address rotates the token key: all sessions and tokens end. */
static Error *change_work(Tx *tx, void *arg)
{
    static const Str COLUMNS[] = {STR_INIT("email"), STR_INIT("verified")};
    const ChangeWork *w = arg;
    Record *r;
    Error *err = token_owner_again(tx, w->seen, &r);
    if (err) return err;
    const DbValue values[] = {DB_VALUE_TEXT(w->new_email), DB_VALUE_INT(1)};
    err =
        record_set_columns(w->app, tx, r->collection, record_id(r), COLUMNS, values, COUNT(values));
    if (err && db_error_kind(err) == DB_ERROR_UNIQUE)
        return invalid_input(taken_fault(tx_arena(tx)));
    return err;
}

/* ---- POST /api/collections/{collection}/confirm-email-change
 *
 *   body  {"token", "password"}
 *   204   the address is changed and verified; all sessions end
 *   400   data.token, data.password; superusers
 *   429   too many wrong passwords
 */
Error *handle_confirm_email_change(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (!err) err = superusers_refuse(req, c);
    if (err) return err;
    Body body;
    Str token, password;
    err = auth_body(req, &body);
    if (!err) err = body_text(req, &body, S("token"), &token);
    if (!err) err = body_text(req, &body, S("password"), &password);
    if (err) return err;

    Record *r = NULL;
    Str new_email = S("");
    Error *faults = token_check(req, c, token, &new_email, &r);
    if (faults && faults->status != 400) return faults;
    err = text_fault(a, S("password"), password, 1, PASSWORD_INPUT_MAX);
    if (!err) err = password_matches(req, r, password);
    if (err && err->status != 400) return err;
    error_chain(&faults, err);
    if (faults) return invalid_input(faults);

    ChangeWork work = {.app = cx->app, .seen = r, .new_email = new_email};
    err = db_write(cx->app->db, a, change_work, &work);
    if (err) return err;
    log_info("auth", "e-mail changed", LOG_STR("collection", c->name), LOG_STR("id", record_id(r)),
             LOG_STR("ip", cx->real_ip));
    return res_empty(res, 204);
}
