/* map.h - a hash map from Str to pointer.
 *
 * Hashing is SipHash-1-3 with a random key of the process, so that keys chosen
 * by a client cannot be made to collide. Keys are borrowed: they must live as
 * long as the map. Insertion order is kept by map_next().
 *
 *     Map *by_name = map_new(a, 16);
 *     map_put(by_name, collection->name, collection);
 *     Collection *c = map_get(by_name, S("posts"));
 *
 * In an arena: grows there, old tables are left to the arena's reset.
 */
#ifndef CROFT_MAP_H
#define CROFT_MAP_H

#include "base/arena.h"

typedef struct Map Map;

typedef struct {
    Str key;
    void *value;
} MapEntry;

Map *map_new(Arena *a, size_t expected);
void *map_get(const Map *m, Str key); /* NULL when absent */
bool map_has(const Map *m, Str key);
void *map_put(Map *m, Str key, void *value); /* returns the previous value or NULL */
size_t map_count(const Map *m);

/* Walks in insertion order: `size_t at = 0; while ((e = map_next(m, &at)))`.
 * The map must not grow meanwhile. */
const MapEntry *map_next(const Map *m, size_t *at);

/* The keyed hash itself, for tables that keep their own layout. */
uint64_t hash_bytes(const void *bytes, size_t len);

#endif
