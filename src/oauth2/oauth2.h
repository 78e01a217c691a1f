/* oauth2.h - signing in through somebody else: Google, GitHub, any OpenID
 * provider (api: auth §4.1, §5, §7).
 *
 *     page                          we                          provider
 *      │ auth-methods ─────────────▶ authURL with state, PKCE
 *      │ opens authURL ──────────────────────────────────────────▶ "is it you?"
 *      │                            /api/oauth2-redirect ◀──────── code
 *      │ ◀──────── code, by realtime
 *      │ auth-with-oauth2 {code} ──▶ code for token ─────────────▶
 *      │                             who is that? ───────────────▶
 *      │ ◀── token, record           find, link or create the record
 *
 * Start reading at providers.c (what is known of each provider), then login.c.
 */
#ifndef CROFT_OAUTH2_H
#define CROFT_OAUTH2_H

#include "auth/auth.h"

typedef struct OAuth2 OAuth2; /* any thread */

/* Becomes app->oauth2. In the arena, but for what destroy frees. */
MUST_CHECK Error *oauth2_create(Arena *a, App *app, OAuth2 **out);
void oauth2_destroy(OAuth2 *o); /* NULL is fine */

extern const Route oauth2_routes[];
extern const size_t oauth2_route_count;

#endif
