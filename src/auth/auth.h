/* auth.h - who is asking: tokens to callers, sign-in, sessions (api: auth). */
#ifndef CROFT_AUTH_H
#define CROFT_AUTH_H

#include "records/records.h"

typedef struct Auth Auth;

/* Tables of callers per loop, counters of sign-in attempts. Becomes App.auth. */
MUST_CHECK Error *auth_create(Arena *a, App *app, int loop_count, Auth **out);
void auth_destroy(Auth *auth);

/* Fills cx->auth from the Authorization header (conventions §5): a bad token is
 * a guest, not an error. A verified token is remembered per loop until any auth
 * record or the schema changes, so the usual request costs no SQL. 403 when
 * settings.superuserIPs exclude the caller. */
MUST_CHECK Error *auth_load(Req *req, Context *cx);

/* The owner of a token of this kind, by database (file tokens, confirmations);
 * 401 when it does not hold. */
MUST_CHECK Error *auth_find_by_token(App *app, Arena *a, const Schema *schema, Str token,
                                     TokenKind kind, Record **out, Json **claims);

/* Reads one record in a transaction of its own; 404 when absent. No rules. */
MUST_CHECK Error *auth_record_find(App *app, Arena *a, const Collection *c, Str id, Record **out);

/* What rules and guards see of a record of an auth collection as the caller. */
AuthInfo *auth_info_of(Arena *a, const Record *r);

/* Where the request comes from, as these settings trust proxies. */
Str caller_ip(Req *req, const Settings *settings);
/* True when settings.superuserIPs keep superusers away from this address. */
bool superuser_ip_refused(const Settings *settings, Str ip);

/* A fresh token of a record. `duration_s` 0 = the collection's. */
Str auth_token_new(Arena *a, const Record *r, TokenKind kind, int64_t duration_s, bool refreshable);

/* ---- for whoever signs people in: a sign-in's beginning and end ---- */

/* The auth collection of the route's {collection}, or 404. */
MUST_CHECK Error *auth_route_open(Req *req, const Collection **out);
/* The body as an object; malformed ones are 400 "An error occurred while
 * loading the submitted data.". */
MUST_CHECK Error *auth_body(Req *req, Body *out);
/* A text of the body. What a form made a number or a boolean is given back as
 * it was sent; absent and null are empty; anything else is 400. */
MUST_CHECK Error *body_text(Req *req, const Body *body, Str key, Str *out);
/* NULL, or the fault of a required text of `min` to `max` bytes. */
Error *text_fault(Arena *a, Str field, Str value, int64_t min, int64_t max);
/* The chained faults with the summary of invalid input; NULL for none. */
Error *invalid_input(Error *faults);
/* By e-mail, as its index collates; *out NULL when there is none. */
MUST_CHECK Error *auth_find_by_email(Tx *tx, const Collection *c, Str email, Record **out);
/* The hash of a password that nobody knows. */
MUST_CHECK Error *auth_password_unknown(App *app, Arena *a, Str *hash);

typedef struct {
    Record *record;
    Str method;       /* "password", "otp", "oauth2"; empty for refresh and impersonation */
    Str token;        /* empty: a fresh refreshable one */
    const Json *meta; /* NULL: none */
} SignIn;

/* Ends a sign-in whose credentials hold: api: auth §3. With a method, rules see
 * it as @request.context, a second factor may be asked for (401 {"mfaId"}), and
 * an unusual place is told to the owner. */
Error *auth_respond(Req *req, Res *res, const SignIn *in);

/* ---- */

/* Rate limits of settings (conventions §11) for a routed request: NULL or 429. */
MUST_CHECK Error *rate_limit_check(Req *req, Context *cx);

/* Creates or sets a superuser's password: the command line and first run. */
MUST_CHECK Error *superuser_upsert(App *app, Arena *a, Str email, Str password, bool *created);
MUST_CHECK Error *superuser_create(App *app, Arena *a, Str email, Str password);
MUST_CHECK Error *superuser_update(App *app, Arena *a, Str email, Str password);
/* *existed false when there was nothing to delete; 400 for the only one. */
MUST_CHECK Error *superuser_delete(App *app, Arena *a, Str email, bool *existed);

/* A one-time password for a superuser who cannot get mail, for `valid_s` seconds. */
MUST_CHECK Error *superuser_otp(App *app, Arena *a, Str email, Str *otp_id, Str *code,
                                int64_t *valid_s);

/* Is there a superuser other than the installer account? */
MUST_CHECK Error *superuser_exists(App *app, Arena *a, bool *exists);

/* First run (api: auth §11): when there is no superuser, makes the installer
 * account and returns its 30-minute token; empty when there is one. */
MUST_CHECK Error *superuser_installer_token(App *app, Arena *a, Str *token);

extern const Route auth_routes[];
extern const size_t auth_route_count;

#endif
