/* json_internal.h - what the files of json/ share. */
#ifndef CROFT_JSON_INTERNAL_H
#define CROFT_JSON_INTERNAL_H

#include "json/json.h"

/* Positions of keys in an array of members, found by keyed hash. Zeroed it is
 * empty; the memory is scratch space of the arena, kept from one object to the
 * next and given back by key_table_end(). */
typedef struct {
    uint32_t *slots; /* position + 1; 0 = empty */
    size_t cap, mask;
} KeyTable;

/* Makes the table empty, with room for `count` keys. False if the arena has no
 * room for that. */
bool key_table_start(KeyTable *t, Arena *a, size_t count);

/* Where `key` is in `members`; when it is new, `position`, and from now on
 * found there. */
size_t key_table_put(KeyTable *t, const JsonMember *members, Str key, size_t position);

/* Where `key` is, or SIZE_MAX. */
size_t key_table_find(const KeyTable *t, const JsonMember *members, Str key);

void key_table_end(KeyTable *t, Arena *a);

#endif
