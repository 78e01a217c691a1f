/* hash.c - SipHash-1-3 with a key of this process.
 *
 * The construction of J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast
 * short-input PRF" (2012), with one round a word and three at the end. Who does
 * not know the key cannot choose keys that collide.
 */
#include "base/base.h"
#include "base/map.h"
#include "base/random.h"

static uint64_t process_key[2];

/* Before main(), so that no look-up has to ask whether the key is there. */
__attribute__((constructor)) static void choose_key(void)
{
    random_bytes(process_key, sizeof process_key);
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
    uint64_t v[4] = {
        process_key[0] ^ UINT64_C(0x736f6d6570736575),
        process_key[1] ^ UINT64_C(0x646f72616e646f6d),
        process_key[0] ^ UINT64_C(0x6c7967656e657261),
        process_key[1] ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *p = bytes;
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        absorb(v, word);
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)p[i] << (8 * i);
    }
    absorb(v, last);
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
