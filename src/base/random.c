/* random.c - randomness from the kernel, fetched 512 bytes at a time.
 *
 * Each thread has a pool, so an id costs no system call and no lock. What was
 * handed out is erased. After fork() the child must not repeat the parent's
 * bytes: it starts a new generation, and pools of an older one are refilled.
 */
#include "base/random.h"
#include "base/base.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { POOL_BYTES = 512 };

static atomic_uint generation = 1;

static _Thread_local struct {
    unsigned generation;
    size_t left; /* unused bytes, at the end of `bytes` */
    unsigned char bytes[POOL_BYTES];
} pool;

static void after_fork(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork);
}

static void from_kernel(unsigned char *out, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) { /* keys from anything weaker would be worse than no server */
            (void)dprintf(2, "FATAL random: the kernel gives no randomness\n");
            abort();
        }
        out += got;
        len -= (size_t)got;
    }
}

void random_bytes(void *out, size_t len)
{
    if (len == 0) return;
    if (len > POOL_BYTES / 4) {
        from_kernel(out, len);
        return;
    }
    unsigned now = atomic_load_explicit(&generation, memory_order_relaxed);
    if (pool.left < len || pool.generation != now) {
        from_kernel(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
        pool.generation = now;
    }
    unsigned char *from = pool.bytes + POOL_BYTES - pool.left;
    memcpy(out, from, len);
    explicit_bzero(from, len);
    pool.left -= len;
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}

/* D. Lemire, "Fast Random Integer Generation in an Interval" (2019): the upper
 * half of a product, redrawn in the few cases that would favour a number. */
uint32_t random_below(uint32_t bound)
{
    assert(bound > 0);
    uint32_t unfair = -bound % bound;
    for (;;) {
        uint32_t draw;
        random_bytes(&draw, sizeof draw);
        uint64_t product = (uint64_t)draw * bound;
        if ((uint32_t)product >= unfair) return (uint32_t)(product >> 32);
    }
}

Str random_text(Arena *a, size_t len, const char *alphabet)
{
    unsigned letters = (unsigned)strlen(alphabet);
    assert(letters > 0 && letters <= 256);
    unsigned fair = 256 - 256 % letters; /* bytes from here on would favour the first letters */
    char *out = arena_bytes(a, len);
    for (size_t done = 0; done < len;) {
        unsigned char draws[64];
        size_t count = MIN(len - done, sizeof draws);
        random_bytes(draws, count);
        for (size_t i = 0; i < count; i++)
            if (draws[i] < fair) out[done++] = alphabet[draws[i] % letters];
    }
    return (Str){out, len};
}

Str random_id(Arena *a)
{
    return random_text(a, 15, ALPHABET_ID);
}
