/* owners.c - who a request by e-mail or by confirmation token is about. */
#include "auth/auth_internal.h"

#include "base/log.h"
#include "base/random.h"
#include "outgoing/outgoing.h"

#define UNKNOWN_PASSWORD_LETTERS 30

Error *auth_find_by_email(Tx *tx, const Collection *c, Str email, Record **out)
{
    *out = NULL;
    if (email.len == 0) return NULL;
    Error *err = record_find_by(tx, c, S("email"), email, out);
    return err && err->status == 404 ? NULL : err;
}

typedef struct {
    const Collection *collection;
    Str email;
    Record *record;
} FindWork;

static Error *find_work(Tx *tx, void *arg)
{
    FindWork *w = arg;
    return auth_find_by_email(tx, w->collection, w->email, &w->record);
}

Error *mail_recipient_find(App *app, Arena *a, const Collection *c, Str email, Record **out)
{
    FindWork work = {.collection = c, .email = email};
    *out = NULL;
    if (collection_is_superusers(c) && str_eq_nocase(email, INSTALLER_EMAIL)) return NULL;
    /* What no mail can go to answers like an unknown one, not with an error of its own. */
    if (!mail_address_valid(email)) return NULL;
    Error *err = db_read(app->db, a, find_work, &work);
    if (err) return err;
    *out = work.record;
    return NULL;
}

Error *mail_recipient_read(Req *req, const Collection *c, const char *unknown, Record **out)
{
    const Context *cx = req_context(req);
    Body body;
    Str email;
    Error *err = email_input(req, &body, &email);
    if (!err) err = mail_recipient_find(cx->app, req->arena, c, email, out);
    if (!err && !*out)
        log_info("auth", unknown, LOG_STR("collection", c->name), LOG_STR("ip", cx->real_ip));
    return err;
}

Error *auth_password_unknown(App *app, Arena *a, Str *hash)
{
    Str plain = random_text(a, UNKNOWN_PASSWORD_LETTERS, ALPHABET_SECRET);
    return password_hash(app->passwords, a, plain, hash);
}

/* ---- confirmation tokens ---- */

Error *token_fault(Arena *a, const char *code, Str message)
{
    return error_field(a, S("token"), code, message);
}

static Error *token_fault_invalid(Arena *a)
{
    return token_fault(a, "validation_invalid_token", S("Invalid or expired token."));
}

Json *token_claims(Arena *a, Str token)
{
    Json *claims;
    Error *err = token_read_unverified(a, token, &claims);
    return err ? json_new_object(a) : claims;
}

Error *token_owner(Req *req, const Collection *c, Str token, TokenKind kind, Record **out)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    Json *claims;
    Record *r;
    Error *err = auth_find_by_token(cx->app, a, cx->schema, token, kind, &r, &claims);
    if (err) return err->status == 401 ? token_fault_invalid(a) : err;
    if (!str_eq(r->collection->id, c->id))
        return token_fault(a, "validation_token_collection_mismatch",
                           S("The provided token is for different auth collection."));
    *out = r;
    return NULL;
}

Error *token_owner_again(Tx *tx, const Record *seen, Record **out)
{
    Arena *a = tx_arena(tx);
    Record *fresh;
    Error *err = record_find(tx, seen->collection, record_id(seen), &fresh);
    if (err && err->status != 404) return err;
    if (err || !str_eq(record_str(fresh, S("tokenKey")), record_str(seen, S("tokenKey"))))
        return invalid_input(token_fault_invalid(a));
    *out = fresh;
    return NULL;
}
