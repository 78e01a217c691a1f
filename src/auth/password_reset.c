/* password_reset.c - a new password by mail (api: auth §4.9).
 *
 * The token is signed with the record's token key, which the reset changes: of
 * one token, and of all others of the record, only one use has an effect.
 */
#include "auth/auth_internal.h"

#include "base/log.h"
#include "base/random.h"

#define INPUT_MAX 255

/* ---- POST /api/collections/{collection}/request-password-reset
 *
 *   body  {"email"}
 *   204   a mail is on its way, if there is such a record and it got none in the
 *         last two minutes
 *   400   no e-mail address; sign-in by password is off
 */
Error *handle_request_password_reset(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    if (!c->auth.password_enabled)
        return error_new(a, 400,
                         S("The collection is not configured to allow password authentication."));
    Record *r;
    err = mail_recipient_read(req, c, "password reset asked for an unknown address", &r);
    if (err) return err;

    Mail mail, *wanted = NULL;
    if (r && mail_pause_begin(cx->app, PAUSE_PASSWORD_RESET, r)) {
        Str token = auth_token_new(a, r, TOKEN_PASSWORD_RESET, 0, false);
        err = mail_password_reset(cx->app, a, r, token, &mail);
        wanted = &mail;
    }
    if (!err) err = mail_queue(cx->app, a, wanted);
    if (err && wanted) mail_pause_end(cx->app, PAUSE_PASSWORD_RESET, r);
    return err ? err : res_empty(res, 204);
}

/* ---- confirming ---- */

typedef struct {
    App *app;
    const Record *seen;
    Str hash, email; /* `email`: the address that the token went to */
} ResetWork;

static Error *reset_work(Tx *tx, void *arg)
{
    static const Str COLUMNS[] = {STR_INIT("password"), STR_INIT("tokenKey"), STR_INIT("verified")};
    const ResetWork *w = arg;
    Record *r;
    Error *err = token_owner_again(tx, w->seen, &r);
    if (err) return err;
    bool proves_address = !record_bool(r, S("verified")) && w->email.len &&
                          str_eq(record_str(r, S("email")), w->email);
    const DbValue values[] = {DB_VALUE_TEXT(w->hash),
                              DB_VALUE_TEXT(random_text(tx_arena(tx), 50, ALPHABET_SECRET)),
                              DB_VALUE_INT(1)};
    return record_set_columns(w->app, tx, r->collection, record_id(r), COLUMNS, values,
                              proves_address ? 3 : 2);
}

typedef struct {
    Str token, password, confirm;
} ResetInput;

static Error *input_read(Req *req, ResetInput *in)
{
    Body body;
    Error *err = auth_body(req, &body);
    if (err) return err;
    err = body_text(req, &body, S("token"), &in->token);
    if (err) return err;
    err = body_text(req, &body, S("password"), &in->password);
    if (err) return err;
    return body_text(req, &body, S("passwordConfirm"), &in->confirm);
}

static Error *token_check(Req *req, const Collection *c, Str token, Record **out)
{
    if (token.len == 0) return error_required(req->arena, S("token"));
    return token_owner(req, c, token, TOKEN_PASSWORD_RESET, out);
}

static Error *confirm_fault(Arena *a, const ResetInput *in)
{
    if (in->confirm.len == 0) return error_required(a, S("passwordConfirm"));
    if (str_eq(in->confirm, in->password)) return NULL;
    return error_field(a, S("passwordConfirm"), "validation_values_mismatch",
                       S("Values don't match."));
}

/* Form first, then the field's own rules, as the contract has it. */
static Error *input_check(Req *req, const Collection *c, const ResetInput *in, Record **out)
{
    Arena *a = req->arena;
    const Field *field = collection_field(c, S("password"));
    Error *faults = token_check(req, c, in->token, out);
    if (faults && faults->status != 400) return faults;
    error_chain(&faults, text_fault(a, S("password"), in->password, field ? MAX(field->min, 1) : 1,
                                    INPUT_MAX));
    error_chain(&faults, confirm_fault(a, in));
    if (faults) return invalid_input(faults);
    Error *err = field ? password_check(a, field, in->password) : NULL;
    return err ? error_summary(err, S("Failed to set new password.")) : NULL;
}

/* ---- POST /api/collections/{collection}/confirm-password-reset
 *
 *   body  {"token", "password", "passwordConfirm"}
 *   204   the password is set; all sessions, codes and tokens of the record end
 *   400   data.token, data.password, data.passwordConfirm
 */
Error *handle_confirm_password_reset(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    ResetInput in = {0};
    err = input_read(req, &in);
    if (err) return err;
    Record *r = NULL;
    err = input_check(req, c, &in, &r);
    if (err) return err;

    Str email = json_str(json_get(token_claims(a, in.token), S("email")), S(""));
    ResetWork work = {.app = cx->app, .seen = r, .email = email};
    err = password_hash(cx->app->passwords, a, in.password, &work.hash);
    if (err) return err;
    err = db_write(cx->app->db, a, reset_work, &work);
    if (err) return err;
    mail_pause_end(cx->app, PAUSE_PASSWORD_RESET, r);
    log_info("auth", "password reset", LOG_STR("collection", c->name), LOG_STR("id", record_id(r)),
             LOG_STR("ip", cx->real_ip));
    return res_empty(res, 204);
}
