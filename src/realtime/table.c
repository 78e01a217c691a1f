/* table.c - a hash table whose entries are part of the structs they find.
 *
 * Chained; doubles when there are as many entries as chains. Keys come from
 * clients, so the hash is keyed. When memory is out the chains get longer. */
#include "realtime/realtime_internal.h"

#include "base/map.h"

#include <stdlib.h>

#define FIRST_BUCKETS 64

void table_open(Table *t)
{
    *t = (Table){.cap = FIRST_BUCKETS};
    t->buckets = calloc(t->cap, sizeof(TableNode *));
    if (!t->buckets) abort();
}

void table_close(Table *t)
{
    free(t->buckets);
    *t = (Table){0};
}

TableNode *table_find(const Table *t, Str key)
{
    if (t->count == 0) return NULL;
    uint64_t hash = hash_bytes(key.ptr, key.len);
    TableNode *node = t->buckets[hash & (t->cap - 1)];
    while (node && (node->hash != hash || !str_eq(node->key, key)))
        node = node->next;
    return node;
}

static void grow(Table *t)
{
    size_t cap = t->cap * 2;
    TableNode **buckets = calloc(cap, sizeof(TableNode *));
    if (!buckets) return;
    for (size_t i = 0; i < t->cap; i++) {
        for (TableNode *node = t->buckets[i], *next; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (cap - 1)];
            buckets[node->hash & (cap - 1)] = node;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->cap = cap;
}

void table_add(Table *t, TableNode *node, Str key)
{
    if (t->count >= t->cap) grow(t);
    node->key = key;
    node->hash = hash_bytes(key.ptr, key.len);
    TableNode **bucket = &t->buckets[node->hash & (t->cap - 1)];
    node->next = *bucket;
    *bucket = node;
    t->count++;
}

void table_remove(Table *t, TableNode *node)
{
    TableNode **at = &t->buckets[node->hash & (t->cap - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    t->count--;
}

void table_each(Table *t, bool (*fn)(TableNode *node, void *arg), void *arg)
{
    for (size_t i = 0; i < t->cap; i++) {
        TableNode **at = &t->buckets[i];
        while (*at) {
            TableNode *node = *at, *next = node->next;
            if (fn(node, arg)) {
                *at = next;
                t->count--;
            } else {
                at = &node->next;
            }
        }
    }
}
