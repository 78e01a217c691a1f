/* auth_internal.h - what the files of auth/ share. */
#ifndef CROFT_AUTH_INTERNAL_H
#define CROFT_AUTH_INTERNAL_H

#include "auth/auth.h"
#include "auth/throttle.h"
#include "auth/token_cache.h"
#include "auth/windows.h"

#define INSTALLER_EMAIL S("__pbinstaller@example.com")

struct Auth {
    App *app;
    int loop_count;
    TokenCache **callers; /* one per loop, made when it first has something to keep */
    Throttle *throttle;   /* sign-in attempts */
    Windows *rates;       /* counters of settings.rateLimits */
};

/* The collection of an auth route. Unknown: 404 "Missing or invalid collection
 * context."; the type is checked by auth_collection_check(), after the guards. */
MUST_CHECK Error *auth_route_collection(Req *req, const Collection **out);
Error *auth_collection_check(Req *req, const Collection *c);

/* The body as an object; malformed ones are 400 "An error occurred while
 * loading the submitted data.". */
MUST_CHECK Error *auth_body(Req *req, Body *out);
/* A text of the body. What a form made a number or a boolean is given back as
 * it was sent; absent and null are empty; anything else is 400. */
MUST_CHECK Error *body_text(Req *req, const Body *body, Str key, Str *out);

/* Ends a sign-in whose credentials hold: api: auth §3. `method` is "password"
 * …, or empty for refresh and impersonation (no second factor then). `token`
 * empty: a fresh refreshable one. */
Error *auth_respond(Req *req, Res *res, Record *r, Str method, Str token);

/* The second factor (api: auth §6) of a sign-in by `method`. *answered tells
 * that 401 {"mfaId": …} was sent and nothing else must follow. */
MUST_CHECK Error *mfa_check(Req *req, Res *res, const Record *r, Str method, bool *answered);

Error *handle_auth_with_password(Req *req, Res *res);

/* App.batch_item_guard: an item of a batch uses up its own allowance. */
Error *rate_limit_batch_item(Req *req, const Collection *c, const char *action);

/* The change feed's ear: a new superuser ends the installer account. */
void superuser_on_change(void *arg, ChangeKind kind, const Record *record);

#endif
