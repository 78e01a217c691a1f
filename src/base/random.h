/* random.h - randomness good enough for keys, from the kernel, never blocking
 * after boot. Safe from any thread and after fork(). */
#ifndef CROFT_RANDOM_H
#define CROFT_RANDOM_H

#include "base/arena.h"

void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
uint32_t random_below(uint32_t bound); /* unbiased, bound > 0 */

#define ALPHABET_ID     "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALPHABET_SECRET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ALPHABET_DIGITS "0123456789"

/* `len` letters drawn evenly from the alphabet. */
Str random_text(Arena *a, size_t len, const char *alphabet);

/* A record id: 15 letters of ALPHABET_ID (77 bits). */
Str random_id(Arena *a);

#endif
