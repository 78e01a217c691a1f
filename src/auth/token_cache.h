/* token_cache.h - callers whose tokens were verified, remembered per loop.
 *
 * Verifying a token takes reading its record and an HMAC; a caller sends the
 * same token with every request. So what a verified token proved is kept here,
 * by the bytes of the token, together with the two versions under which it was
 * true: of the schema (token secrets) and of all auth records (App.auth_version:
 * token keys). The caller of find compares both, and `expires_at_unix`.
 *
 * 4-way sets, least recently used goes first: bounded whatever clients send.
 * One loop's thread owns a cache; nothing is locked.
 */
#ifndef CROFT_AUTH_TOKEN_CACHE_H
#define CROFT_AUTH_TOKEN_CACHE_H

#include "query/query.h"

typedef struct TokenCache TokenCache;

typedef struct {
    Str token;
    int64_t expires_at_unix;
    uint64_t auth_version, schema_version;
    bool refreshable;
    /* `collection` and the collection's texts belong to the schema of
     * schema_version, and may be used only while that one is held. */
    AuthInfo auth;
} CachedCaller;

#define TOKEN_CACHE_ENTRIES 4096

/* `entries` is a power of two, at least 4. Aborts when memory is out (at start). */
TokenCache *token_cache_create(size_t entries);
void token_cache_destroy(TokenCache *cache); /* NULL is fine */

/* NULL when the token is not there. Valid until the next put or remove. */
const CachedCaller *token_cache_find(TokenCache *cache, Str token);

/* Copies `caller`, replacing an entry of the same token. Without memory nothing
 * is kept. */
void token_cache_put(TokenCache *cache, const CachedCaller *caller);
void token_cache_remove(TokenCache *cache, Str token);
size_t token_cache_count(const TokenCache *cache);

#endif
