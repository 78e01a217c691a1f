/* cache.c - trees of clients' filters, kept by their text.
 *
 * Clients send the same few filters over and over. Each thread has its own
 * cache, so nothing is locked: at most CACHE_ENTRIES trees and CACHE_BYTES, the
 * least recently used go first. An entry's text and tree are in an arena of its
 * own. A tree knows nothing of any schema, so it is never out of date.
 *
 * Buckets are chains by hash; a ring through all entries keeps their age.
 */
#include "base/map.h"
#include "query/query_internal.h"

#include <pthread.h>
#include <stdlib.h>

#define CACHE_ENTRIES     256
#define CACHE_BYTES       (2u << 20)
#define CACHE_BUCKETS     256
#define ENTRY_FIRST_BYTES 2048
#define ENTRY_LIMIT_BYTES (4u << 20) /* a filter of FILTER_MAX_BYTES needs far less */

typedef struct Entry Entry;
struct Entry {
    Entry *newer, *older; /* the ring */
    Entry *next;          /* in its bucket */
    uint64_t hash;
    Str text;
    Filter *filter;
    Arena *arena;
    size_t bytes;
};

typedef struct {
    Entry ring; /* ring.older is the newest, ring.newer the oldest */
    Entry *buckets[CACHE_BUCKETS];
    size_t count, bytes;
} Cache;

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

/* ---- the ring ---- */

static void ring_remove(Entry *e)
{
    e->newer->older = e->older;
    e->older->newer = e->newer;
}

static void ring_add_newest(Cache *c, Entry *e)
{
    e->newer = &c->ring;
    e->older = c->ring.older;
    e->older->newer = e;
    c->ring.older = e;
}

/* ---- entries ---- */

static Entry **bucket_of(Cache *c, uint64_t hash)
{
    return &c->buckets[hash % CACHE_BUCKETS];
}

static void evict(Cache *c, Entry *e)
{
    Entry **at = bucket_of(c, e->hash);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    ring_remove(e);
    c->count--;
    c->bytes -= e->bytes;
    arena_destroy(e->arena); /* the entry itself is in it */
}

static void make_room(Cache *c)
{
    while (c->count > CACHE_ENTRIES || (c->bytes > CACHE_BYTES && c->count > 1))
        evict(c, c->ring.newer);
}

static Entry *find(Cache *c, uint64_t hash, Str text)
{
    Entry *e = *bucket_of(c, hash);
    while (e && (e->hash != hash || !str_eq(e->text, text)))
        e = e->next;
    if (!e) return NULL;
    ring_remove(e);
    ring_add_newest(c, e);
    return e;
}

static Error *add(Cache *c, Arena *a, uint64_t hash, Str text, Entry **out)
{
    Arena *own = arena_create_sized("filter", ENTRY_LIMIT_BYTES, ENTRY_FIRST_BYTES);
    Entry *e = arena_new(own, Entry, 1);
    e->arena = own;
    e->hash = hash;
    e->text = arena_copy(own, text);
    Error *err = filter_parse(own, e->text, &e->filter);
    if (err) {
        Error *kept = filter_error(a, "%.*s", STR_ARG(err->message));
        arena_destroy(own);
        return kept;
    }
    e->bytes = MAX(arena_used(own), (size_t)ENTRY_FIRST_BYTES);
    e->next = *bucket_of(c, hash);
    *bucket_of(c, hash) = e;
    ring_add_newest(c, e);
    c->count++;
    c->bytes += e->bytes;
    make_room(c);
    *out = e;
    return NULL;
}

/* ---- one for each thread ---- */

static void cache_destroy(void *arg)
{
    Cache *c = arg;
    while (c->count > 0)
        evict(c, c->ring.newer);
    free(c);
}

static void make_key(void)
{
    int rc = pthread_key_create(&cache_key, cache_destroy);
    assert(rc == 0);
    (void)rc;
}

/* NULL without memory. */
static Cache *cache_get(void)
{
    pthread_once(&cache_once, make_key);
    Cache *c = pthread_getspecific(cache_key);
    if (c) return c;
    c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->ring.newer = c->ring.older = &c->ring;
    if (pthread_setspecific(cache_key, c) == 0) return c;
    free(c);
    return NULL;
}

Error *filter_cached(Arena *a, Str text, const Filter **out)
{
    Cache *c = cache_get();
    Filter *parsed;
    if (!c) {
        Error *err = filter_parse(a, text, &parsed);
        if (!err) *out = parsed;
        return err;
    }
    uint64_t hash = hash_bytes(text.ptr, text.len);
    Entry *e = find(c, hash, text);
    if (!e) {
        Error *err = add(c, a, hash, text, &e);
        if (err) return err;
    }
    assert(e);
    *out = e->filter;
    return NULL;
}
