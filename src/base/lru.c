/* lru.c - hash chains, and a list from the newest to the oldest. */
#include "base/lru.h"

#include "base/map.h"

#include <stdlib.h>

#define ENTRY_COST 512 /* the entry, and what the allocator loses */

typedef struct Entry Entry;
struct Entry {
    LruSlot slot;
    Entry *next_in_chain;
    Entry *newer, *older;
    uint64_t hash;
    size_t cost;
    size_t key_len;
    char key[];
};

struct Lru {
    void (*release)(void *value);
    size_t budget, cost, count, count_max;
    Entry *newest, *oldest;
    size_t chain_count; /* a power of two */
    Entry *chains[];
};

static Entry **chain_of(Lru *lru, uint64_t hash)
{
    return &lru->chains[hash & (lru->chain_count - 1)];
}

static Entry *find(Lru *lru, Str key, uint64_t hash)
{
    for (Entry *e = *chain_of(lru, hash); e; e = e->next_in_chain) {
        if (e->hash == hash && str_eq(str_make(e->key, e->key_len), key)) return e;
    }
    return NULL;
}

static void list_remove(Lru *lru, Entry *e)
{
    if (e->newer) e->newer->older = e->older;
    if (e->older) e->older->newer = e->newer;
    if (lru->newest == e) lru->newest = e->older;
    if (lru->oldest == e) lru->oldest = e->newer;
    e->newer = NULL;
    e->older = NULL;
}

static void list_push(Lru *lru, Entry *e)
{
    e->older = lru->newest;
    if (lru->newest) lru->newest->newer = e;
    lru->newest = e;
    if (!lru->oldest) lru->oldest = e;
}

static void remove_entry(Lru *lru, Entry *e)
{
    Entry **at = chain_of(lru, e->hash);
    while (*at != e)
        at = &(*at)->next_in_chain;
    *at = e->next_in_chain;
    list_remove(lru, e);
    lru->cost -= e->cost;
    lru->count--;
    lru->release(e->slot.value);
    free(e);
}

Lru *lru_create(size_t budget, size_t entries_max, void (*release)(void *value))
{
    size_t chains = 16;
    while (chains < entries_max)
        chains *= 2;
    Lru *lru = calloc(1, sizeof(*lru) + chains * sizeof(Entry *));
    if (!lru) return NULL;
    lru->release = release;
    lru->budget = budget;
    lru->count_max = entries_max;
    lru->chain_count = chains;
    return lru;
}

void lru_clear(Lru *lru)
{
    while (lru->oldest)
        remove_entry(lru, lru->oldest);
}

void lru_destroy(Lru *lru)
{
    if (!lru) return;
    lru_clear(lru);
    free(lru);
}

LruSlot *lru_get(Lru *lru, Str key)
{
    Entry *e = find(lru, key, hash_bytes(key.ptr, key.len));
    if (!e) return NULL;
    if (lru->newest != e) {
        list_remove(lru, e);
        list_push(lru, e);
    }
    return &e->slot;
}

void lru_drop(Lru *lru, Str key)
{
    Entry *e = find(lru, key, hash_bytes(key.ptr, key.len));
    if (e) remove_entry(lru, e);
}

void lru_put(Lru *lru, Str key, void *value, size_t cost, uint64_t now_ms)
{
    lru_drop(lru, key);
    size_t whole = cost + key.len + ENTRY_COST;
    Entry *e = whole <= lru->budget / 4 ? calloc(1, sizeof(*e) + key.len) : NULL;
    if (!e) { /* it may forget */
        lru->release(value);
        return;
    }
    while (lru->oldest && (lru->cost + whole > lru->budget || lru->count >= lru->count_max)) {
        remove_entry(lru, lru->oldest);
    }
    e->slot = (LruSlot){.value = value, .checked_ms = now_ms};
    e->hash = hash_bytes(key.ptr, key.len);
    e->cost = whole;
    e->key_len = key.len;
    memcpy(e->key, key.ptr, key.len);
    Entry **chain = chain_of(lru, e->hash);
    e->next_in_chain = *chain;
    *chain = e;
    list_push(lru, e);
    lru->cost += whole;
    lru->count++;
}

size_t lru_cost(const Lru *lru)
{
    return lru->cost;
}
