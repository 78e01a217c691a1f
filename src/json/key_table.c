/* key_table.c - which keys an object has, for objects too large to compare each
 * key with every other: with a keyed hash, so that nobody can choose keys that
 * make this slow. */
#include "base/map.h"
#include "json/json_internal.h"

bool key_table_start(KeyTable *t, Arena *a, size_t count)
{
    size_t slots = 64;
    while (slots < count * 2) {
        slots *= 2;
    }
    if (slots > t->cap) {
        key_table_end(t, a);
        if (slots * sizeof(uint32_t) > arena_room(a)) return false;
        t->slots = arena_take(a, slots * sizeof(uint32_t), alignof(uint32_t));
        t->cap = slots;
    }
    t->mask = slots - 1;
    memset(t->slots, 0, slots * sizeof(uint32_t));
    return true;
}

/* The slot of the key, or the empty one where it belongs. */
static uint32_t *slot_of(const KeyTable *t, const JsonMember *members, Str key)
{
    size_t i = hash_bytes(key.ptr, key.len) & t->mask;
    while (t->slots[i] && !str_eq(members[t->slots[i] - 1].key, key)) {
        i = (i + 1) & t->mask;
    }
    return &t->slots[i];
}

size_t key_table_put(KeyTable *t, const JsonMember *members, Str key, size_t position)
{
    uint32_t *slot = slot_of(t, members, key);
    if (*slot) return *slot - 1;
    *slot = (uint32_t)position + 1;
    return position;
}

size_t key_table_find(const KeyTable *t, const JsonMember *members, Str key)
{
    const uint32_t *slot = slot_of(t, members, key);
    return *slot ? *slot - 1 : SIZE_MAX;
}

void key_table_end(KeyTable *t, Arena *a)
{
    if (t->slots) arena_give_back(a, t->slots, t->cap * sizeof(uint32_t));
    *t = (KeyTable){NULL, 0, 0};
}
