/* static_cache.c - a bounded cache of site files: hash chains and an LRU list.
 *
 * The hash is keyed (base/map.h), so that paths cannot be chosen to collide.
 */
#include "http/static_cache.h"

#include "base/map.h"

#include <stdlib.h>
#include <unistd.h>

/* What an open descriptor counts for: 256 of them in 16 MiB. */
#define DESCRIPTOR_COST (64 * 1024)
#define SLOT_COST       512

typedef struct Entry Entry;
struct Entry {
    SiteSlot slot;
    Entry *next_in_chain;
    Entry *newer, *older;
    uint64_t hash;
    size_t cost;
    size_t key_len;
    char key[];
};

struct SiteCache {
    size_t budget, cost, count, count_max;
    Entry *newest, *oldest;
    size_t chain_count; /* a power of two */
    Entry *chains[];
};

/* ---- files ---- */

SiteFile *site_file_new(void)
{
    SiteFile *file = calloc(1, sizeof(*file));
    if (!file) return NULL;
    atomic_init(&file->users, 1);
    file->fd = -1;
    return file;
}

SiteFile *site_file_use(SiteFile *file)
{
    atomic_fetch_add_explicit(&file->users, 1, memory_order_relaxed);
    return file;
}

void site_file_release(void *arg)
{
    SiteFile *file = arg;
    if (atomic_fetch_sub_explicit(&file->users, 1, memory_order_acq_rel) > 1) return;
    if (file->fd >= 0) close(file->fd);
    free(file->bytes);
    free(file);
}

/* ---- the cache ---- */

static Entry **chain_of(SiteCache *c, uint64_t hash)
{
    return &c->chains[hash & (c->chain_count - 1)];
}

static Entry *find(SiteCache *c, Str key, uint64_t hash)
{
    for (Entry *e = *chain_of(c, hash); e; e = e->next_in_chain) {
        if (e->hash == hash && str_eq(str_make(e->key, e->key_len), key)) return e;
    }
    return NULL;
}

static void list_remove(SiteCache *c, Entry *e)
{
    if (e->newer) e->newer->older = e->older;
    if (e->older) e->older->newer = e->newer;
    if (c->newest == e) c->newest = e->older;
    if (c->oldest == e) c->oldest = e->newer;
    e->newer = NULL;
    e->older = NULL;
}

static void list_push(SiteCache *c, Entry *e)
{
    e->older = c->newest;
    if (c->newest) c->newest->newer = e;
    c->newest = e;
    if (!c->oldest) c->oldest = e;
}

static void remove_entry(SiteCache *c, Entry *e)
{
    Entry **at = chain_of(c, e->hash);
    while (*at != e)
        at = &(*at)->next_in_chain;
    *at = e->next_in_chain;
    list_remove(c, e);
    c->cost -= e->cost;
    c->count--;
    site_file_release(e->slot.file);
    free(e);
}

static size_t cost_of(const SiteFile *file, Str key)
{
    size_t content = file->fd >= 0 ? DESCRIPTOR_COST : (size_t)file->size_bytes;
    return content + key.len + SLOT_COST;
}

SiteCache *site_cache_create(size_t budget_bytes, size_t files_max)
{
    size_t chains = 16;
    while (chains < files_max)
        chains *= 2;
    SiteCache *c = calloc(1, sizeof(*c) + chains * sizeof(Entry *));
    if (!c) return NULL;
    c->budget = budget_bytes;
    c->count_max = files_max;
    c->chain_count = chains;
    return c;
}

void site_cache_clear(SiteCache *c)
{
    while (c->oldest)
        remove_entry(c, c->oldest);
}

void site_cache_destroy(SiteCache *c)
{
    if (!c) return;
    site_cache_clear(c);
    free(c);
}

SiteSlot *site_cache_get(SiteCache *c, Str key)
{
    Entry *e = find(c, key, hash_bytes(key.ptr, key.len));
    if (!e) return NULL;
    if (c->newest != e) {
        list_remove(c, e);
        list_push(c, e);
    }
    return &e->slot;
}

void site_cache_drop(SiteCache *c, Str key)
{
    Entry *e = find(c, key, hash_bytes(key.ptr, key.len));
    if (e) remove_entry(c, e);
}

void site_cache_put(SiteCache *c, Str key, SiteFile *file, uint64_t now_ms)
{
    site_cache_drop(c, key);
    size_t cost = cost_of(file, key);
    if (cost > c->budget / 4) return;
    Entry *e = calloc(1, sizeof(*e) + key.len);
    if (!e) return; /* a cache may forget */

    while (c->oldest && (c->cost + cost > c->budget || c->count >= c->count_max)) {
        remove_entry(c, c->oldest);
    }
    e->slot = (SiteSlot){.file = site_file_use(file), .checked_ms = now_ms};
    e->hash = hash_bytes(key.ptr, key.len);
    e->cost = cost;
    e->key_len = key.len;
    memcpy(e->key, key.ptr, key.len);
    Entry **chain = chain_of(c, e->hash);
    e->next_in_chain = *chain;
    *chain = e;
    list_push(c, e);
    c->cost += cost;
    c->count++;
}

size_t site_cache_bytes(const SiteCache *c)
{
    return c->cost;
}
