/* token_cache.c - a set-associative table of verified tokens.
 *
 * An entry is one block: the struct, then the bytes of its texts. The set is
 * found by the keyed hash of the token's last bytes (its signature, which
 * differs between any two tokens); the whole token is compared.
 */
#include "auth/token_cache.h"

#include "base/map.h"

#include <stdlib.h>

#define WAYS       4
#define HASH_BYTES 32

typedef struct {
    uint64_t hash, used; /* `used`: the cache's tick at the last hit */
    CachedCaller *caller;
} Slot;

struct TokenCache {
    Slot *slots;
    size_t set_count;
    uint64_t tick;
};

TokenCache *token_cache_create(size_t entries)
{
    assert(entries >= WAYS && (entries & (entries - 1)) == 0);
    TokenCache *cache = calloc(1, sizeof(*cache));
    if (!cache) abort();
    cache->set_count = entries / WAYS;
    cache->slots = calloc(entries, sizeof(Slot));
    if (!cache->slots) abort();
    return cache;
}

void token_cache_destroy(TokenCache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->set_count * WAYS; i++)
        free(cache->slots[i].caller);
    free(cache->slots);
    free(cache);
}

static uint64_t token_hash(Str token)
{
    Str tail = token.len > HASH_BYTES ? str_from_pos(token, token.len - HASH_BYTES) : token;
    return hash_bytes(tail.ptr, tail.len);
}

static Slot *set_of(TokenCache *cache, uint64_t hash)
{
    return &cache->slots[(hash & (cache->set_count - 1)) * WAYS];
}

static Slot *slot_find(TokenCache *cache, Str token, uint64_t hash)
{
    Slot *set = set_of(cache, hash);
    for (int i = 0; i < WAYS; i++) {
        if (set[i].caller && set[i].hash == hash && str_eq(set[i].caller->token, token))
            return &set[i];
    }
    return NULL;
}

const CachedCaller *token_cache_find(TokenCache *cache, Str token)
{
    Slot *slot = slot_find(cache, token, token_hash(token));
    if (!slot) return NULL;
    slot->used = ++cache->tick;
    return slot->caller;
}

static Str put_text(char **at, Str text)
{
    char *start = *at;
    if (text.len) memcpy(start, text.ptr, text.len);
    *at += text.len;
    return str_make(start, text.len);
}

static CachedCaller *caller_copy(const CachedCaller *from)
{
    size_t size = sizeof(*from) + from->token.len + from->auth.id.len + from->auth.email.len;
    CachedCaller *to = malloc(size);
    if (!to) return NULL;
    *to = *from;
    char *at = (char *)(to + 1);
    to->token = put_text(&at, from->token);
    to->auth.id = put_text(&at, from->auth.id);
    to->auth.email = put_text(&at, from->auth.email);
    return to;
}

static Slot *slot_oldest(Slot *set)
{
    Slot *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (!set[i].caller) return &set[i];
        if (set[i].used < oldest->used) oldest = &set[i];
    }
    return oldest;
}

void token_cache_put(TokenCache *cache, const CachedCaller *caller)
{
    CachedCaller *copy = caller_copy(caller);
    if (!copy) return;
    uint64_t hash = token_hash(caller->token);
    Slot *slot = slot_find(cache, caller->token, hash);
    if (!slot) slot = slot_oldest(set_of(cache, hash));
    free(slot->caller);
    *slot = (Slot){.hash = hash, .used = ++cache->tick, .caller = copy};
}

void token_cache_remove(TokenCache *cache, Str token)
{
    Slot *slot = slot_find(cache, token, token_hash(token));
    if (!slot) return;
    free(slot->caller);
    *slot = (Slot){0};
}

size_t token_cache_count(const TokenCache *cache)
{
    size_t count = 0;
    for (size_t i = 0; i < cache->set_count * WAYS; i++)
        count += cache->slots[i].caller != NULL;
    return count;
}
