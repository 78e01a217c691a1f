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

/* True when settings.superuserIPs keep superusers away from this address. */
bool superuser_ip_refused(const Settings *settings, Str ip);

/* A fresh token of a record. `duration_s` 0 = the collection's. */
Str auth_token_new(Arena *a, const Record *r, TokenKind kind, int64_t duration_s, bool refreshable);

/* Rate limits of settings (conventions §11) for a routed request: NULL or 429. */
MUST_CHECK Error *rate_limit_check(Req *req, Context *cx);

/* Creates or sets a superuser's password: the command line and first run. */
MUST_CHECK Error *superuser_upsert(App *app, Arena *a, Str email, Str password, bool *created);
MUST_CHECK Error *superuser_create(App *app, Arena *a, Str email, Str password);
MUST_CHECK Error *superuser_update(App *app, Arena *a, Str email, Str password);
/* *existed false when there was nothing to delete; 400 for the only one. */
MUST_CHECK Error *superuser_delete(App *app, Arena *a, Str email, bool *existed);

/* Is there a superuser other than the installer account? */
MUST_CHECK Error *superuser_exists(App *app, Arena *a, bool *exists);

/* First run (api: auth §11): when there is no superuser, makes the installer
 * account and returns its 30-minute token; empty when there is one. */
MUST_CHECK Error *superuser_installer_token(App *app, Arena *a, Str *token);

extern const Route auth_routes[];
extern const size_t auth_route_count;

#endif
