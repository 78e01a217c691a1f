/* map.c - hash map from Str to pointer, in insertion order.
 *
 * Entries stand in an array in the order they came; a table of twice that size
 * holds their positions plus one, 0 being empty, found by linear probing:
 *
 *     slots    0 2 0 0 1 0 3 0
 *     entries  "b" "a" "c"
 */
#include "base/map.h"
#include "base/base.h"

typedef struct {
    MapEntry pair;
    uint64_t hash;
} Entry;

struct Map {
    Arena *arena;
    Entry *entries;
    uint32_t *slots;
    size_t count, cap; /* entries */
    size_t mask;       /* slots - 1 */
};

static void place(Map *m, size_t position)
{
    size_t i = m->entries[position].hash & m->mask;
    while (m->slots[i]) {
        i = (i + 1) & m->mask;
    }
    m->slots[i] = (uint32_t)position + 1;
}

/* Moves all to new arrays for `cap` entries. */
static void rebuild(Map *m, size_t cap)
{
    assert(cap < UINT32_MAX / 2);
    const Entry *old = m->entries;
    size_t old_count = m->count;
    size_t slots = 8;
    while (slots < cap * 2) {
        slots *= 2;
    }
    m->entries = arena_take(m->arena, cap * sizeof(Entry), alignof(Entry));
    m->slots = arena_new(m->arena, uint32_t, slots);
    m->mask = slots - 1;
    m->cap = cap;
    m->count = 0;
    for (size_t i = 0; i < old_count; i++) {
        m->entries[m->count] = old[i];
        place(m, m->count++);
    }
}

Map *map_new(Arena *a, size_t expected)
{
    Map *m = arena_new(a, Map, 1);
    m->arena = a;
    rebuild(m, MAX(expected, (size_t)4));
    return m;
}

static Entry *find(const Map *m, Str key, uint64_t hash)
{
    size_t i = hash & m->mask;
    while (m->slots[i]) {
        Entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && str_eq(e->pair.key, key)) return e;
        i = (i + 1) & m->mask;
    }
    return NULL;
}

static Entry *lookup(const Map *m, Str key)
{
    return find(m, key, hash_bytes(key.ptr, key.len));
}

void *map_get(const Map *m, Str key)
{
    const Entry *e = lookup(m, key);
    return e ? e->pair.value : NULL;
}

bool map_has(const Map *m, Str key)
{
    return lookup(m, key) != NULL;
}

void *map_put(Map *m, Str key, void *value)
{
    uint64_t hash = hash_bytes(key.ptr, key.len);
    Entry *e = find(m, key, hash);
    if (e) {
        void *previous = e->pair.value;
        e->pair.value = value;
        return previous;
    }
    if (m->count == m->cap) rebuild(m, m->cap * 2);
    m->entries[m->count] = (Entry){{key, value}, hash};
    place(m, m->count++);
    return NULL;
}

size_t map_count(const Map *m)
{
    return m->count;
}

const MapEntry *map_next(const Map *m, size_t *at)
{
    return *at < m->count ? &m->entries[(*at)++].pair : NULL;
}
