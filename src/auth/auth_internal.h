/* auth_internal.h - what the files of auth/ share. */
#ifndef CROFT_AUTH_INTERNAL_H
#define CROFT_AUTH_INTERNAL_H

#include "auth/auth.h"
#include "auth/throttle.h"
#include "auth/token_cache.h"
#include "auth/touches.h"
#include "auth/windows.h"
#include "mail/mail.h"

#define INSTALLER_EMAIL S("__pbinstaller@example.com")

typedef struct TryQueue TryQueue;

struct Auth {
    App *app;
    int loop_count;
    TokenCache **callers; /* one per loop, made when it first has something to keep */
    Throttle *throttle;   /* sign-in attempts */
    TryQueue *queue;      /* those that wait for their turn */
    Windows *rates;       /* counters of settings.rateLimits */
    Windows *otp_tries;   /* attempts at one-time passwords */
    Windows *otp_decoys;  /* requests for one-time passwords that nobody gets */
    Windows *mail_pauses; /* who was sent a mail a moment ago */
    Touches *touches;     /* known places that were used a moment ago */
};

/* The collection of an auth route. Unknown: 404 "Missing or invalid collection
 * context."; the type is checked by auth_collection_check(), after the guards. */
MUST_CHECK Error *auth_route_collection(Req *req, const Collection **out);
Error *auth_collection_check(Req *req, const Collection *c);

/* ---- body.c: input ---- */

Error *email_fault(Arena *a, Str field, Str value);
/* A body whose only input is a well-formed "email". */
MUST_CHECK Error *email_input(Req *req, Body *body, Str *email);

/* ---- tries.c ---- */

/* A throttled try of a secret: what it came to is `result`. */
typedef struct {
    Auth *auth; /* NULL when there is nothing to end */
    Str account, ip;
    uint64_t account_hash;
    TryResult result;
} Try;

/* Waits for a free try; 429 when the budget is spent. The arena ends the try
 * if the handler does not get to it; `try` must live as long. */
MUST_CHECK Error *try_begin(Req *req, const Collection *c, Str identity, Try *try);
void try_end(void *try);
/* App.password_try: of who is signed in already, or has a mail. In a fiber. */
MUST_CHECK Error *password_try(App *app, Arena *a, const Record *r, Str ip, Str password,
                               bool *matches);

TryQueue *try_queue_create(void);
void try_queue_destroy(TryQueue *q);

/* ---- owners.c: who a request or a token is about ---- */

/* The record of that e-mail that mail may be sent to; NULL when there is none
 * (or it is the installer account). */
MUST_CHECK Error *mail_recipient_find(App *app, Arena *a, const Collection *c, Str email,
                                      Record **out);
/* That of the body {"email"}; with NULL the log says `unknown`. */
MUST_CHECK Error *mail_recipient_read(Req *req, const Collection *c, const char *unknown,
                                      Record **out);
/* Whose token of this kind it is: a record of the collection, or a fault of "token". */
MUST_CHECK Error *token_owner(Req *req, const Collection *c, Str token, TokenKind kind,
                              Record **out);
/* The claims of whatever was sent, an empty object for what is no token. */
Json *token_claims(Arena *a, Str token);
Error *token_fault(Arena *a, const char *code, Str message);
/* Reads the record again in the transaction that acts on a token of it: the
 * fault "token" when it has gone or its token key has changed since. So of many
 * uses of one token at a time only one has an effect. */
MUST_CHECK Error *token_owner_again(Tx *tx, const Record *seen, Record **out);

/* ---- mails.c ---- */

typedef enum { PAUSE_VERIFICATION, PAUSE_PASSWORD_RESET } Pause;
/* A record gets a mail of a kind at most every two minutes. False: not now. */
bool mail_pause_begin(App *app, Pause kind, const Record *r);
void mail_pause_end(App *app, Pause kind, const Record *r);

/* Queues the mail; NULL writes as much for nothing, so that the time a request
 * takes does not tell whether somebody gets a mail. */
MUST_CHECK Error *mail_queue(App *app, Arena *a, const Mail *mail);
MUST_CHECK Error *decoy_write(Tx *tx);

/* ---- */

/* The token that goes to a record's new address. */
Str email_change_token(Arena *a, const Record *r, Str new_email);

/* Tells the owner when a record signs in from a new place (api: auth §8). */
MUST_CHECK Error *origin_note(Req *req, const Record *r);
/* App.settle: "_authOrigins" is what auth/ holds back (touches.h). */
void origins_settle(App *app, Arena *a, const Collection *c);

/* The second factor (api: auth §6) of a sign-in by `method`. *answered tells
 * that 401 {"mfaId": …} was sent and nothing else must follow. */
MUST_CHECK Error *mfa_check(Req *req, Res *res, const Record *r, Str method, bool *answered);

Error *handle_auth_with_password(Req *req, Res *res);
Error *handle_request_otp(Req *req, Res *res);
Error *handle_auth_with_otp(Req *req, Res *res);
Error *handle_auth_refresh(Req *req, Res *res);
Error *handle_request_verification(Req *req, Res *res);
Error *handle_confirm_verification(Req *req, Res *res);
Error *handle_request_password_reset(Req *req, Res *res);
Error *handle_confirm_password_reset(Req *req, Res *res);
Error *handle_request_email_change(Req *req, Res *res);
Error *handle_confirm_email_change(Req *req, Res *res);
Error *handle_impersonate(Req *req, Res *res);
/* user_sessions.c */
Error *handle_sessions(Req *req, Res *res);
Error *handle_end_sessions(Req *req, Res *res);

/* App.batch_item_guard: an item of a batch uses up its own allowance. */
Error *rate_limit_batch_item(Req *req, const Collection *c, const char *action);

/* The change feed's ear: a new superuser ends the installer account. */
void superuser_on_change(void *arg, ChangeKind kind, const Record *record);

#endif
