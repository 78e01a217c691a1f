/* lru.h - a bounded map from text to values, the least recently used out first.
 *
 *     Lru *files = lru_create(16 << 20, 2048, file_release);
 *     lru_put(files, S("logo.png"), file, file->size, now_ms);   the map's own use of it
 *     LruSlot *slot = lru_get(files, S("logo.png"));             slot->value == file
 *
 * Each value is said to cost something, and no more than the budget is kept. The
 * hash is keyed (map.h), so that keys cannot be chosen to collide. It has no lock:
 * one thread has it, or whoever shares it guards it.
 */
#ifndef CROFT_LRU_H
#define CROFT_LRU_H

#include "base/base.h"

typedef struct Lru Lru;
typedef struct {
    void *value;
    uint64_t checked_ms; /* the owner's: when the value was last found to be true */
} LruSlot;

/* `release` is called for each value that is let go. NULL without memory. */
Lru *lru_create(size_t budget, size_t entries_max, void (*release)(void *value));
void lru_destroy(Lru *lru); /* NULL is fine */

/* The slot of a key, now the most recently used; NULL when there is none. Valid
 * until the next put, drop or clear. */
LruSlot *lru_get(Lru *lru, Str key);

/* Keeps `value` in place of what was there, and takes over the caller's use of it:
 * what costs more than a quarter of the budget is released at once. */
void lru_put(Lru *lru, Str key, void *value, size_t cost, uint64_t now_ms);
void lru_drop(Lru *lru, Str key);
void lru_clear(Lru *lru);

/* What is kept costs in all: each entry its value's cost, its key and some more. */
size_t lru_cost(const Lru *lru);

#endif
