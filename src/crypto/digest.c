/* digest.c - SHA-256, HMAC-SHA256 and MD5 that cannot fail.
 *
 * HMAC is libsodium's: it allocates nothing and touches little. OpenSSL's would be
 * done in 1.2 us instead of 2.6 when it runs again and again, but a token is signed
 * or verified once, after a password's hash has emptied the caches, and then all
 * that code and those objects cost 31 us, libsodium's 11. Long inputs go through
 * OpenSSL, which uses the CPU's SHA instructions.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

/* Library state of the process, set once before use and then only read. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *md5_algorithm; /* to ask for it each time costs as much as the digest */

static void set_up(void)
{
    md5_algorithm = EVP_MD_fetch(NULL, "MD5", NULL);
}

void hmac_sha256(Str key, Str bytes, uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;
    if (key.len == 0) key = S(""); /* libsodium wants a pointer also for an empty one */
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)key.ptr, key.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)bytes.ptr, bytes.len);
    crypto_auth_hmacsha256_final(&state, out);
}

void sha256(Str bytes, uint8_t out[32])
{
    crypto_hash_sha256(out, (const uint8_t *)bytes.ptr, bytes.len);
}

static bool update_from_fd(EVP_MD_CTX *sha, int fd, uint64_t offset, uint64_t len)
{
    char buf[16 * 1024];
    while (len > 0) {
        ssize_t n = pread(fd, buf, (size_t)MIN(len, (uint64_t)sizeof(buf)), (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || !EVP_DigestUpdate(sha, buf, (size_t)n)) return false;
        offset += (uint64_t)n;
        len -= (uint64_t)n;
    }
    return true;
}

bool sha256_fd(int fd, uint64_t offset, uint64_t len, uint8_t out[32])
{
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    bool ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) &&
              update_from_fd(sha, fd, offset, len) && EVP_DigestFinal_ex(sha, out, NULL);
    EVP_MD_CTX_free(sha);
    return ok;
}

void md5(Str bytes, uint8_t out[16])
{
    /* A machine in FIPS mode has no MD5: another digest tells as well. */
    uint8_t other[32];
    (void)pthread_once(&once, set_up); /* fails only for an invalid argument */
    if (md5_algorithm && EVP_Digest(bytes.ptr, bytes.len, out, NULL, md5_algorithm, NULL)) return;
    sha256(bytes, other);
    memcpy(out, other, 16);
}

Error *crypto_init(Arena *a)
{
    (void)pthread_once(&once, set_up);
    if (sodium_init() < 0) {
        return error_cause(a, error_status(a, 500), "libsodium has no source of randomness");
    }
    return NULL;
}

/* ---- in pieces ---- */

struct Sha256 {
    EVP_MD_CTX *evp; /* twice as fast as libsodium's; NULL when OpenSSL refuses */
    crypto_hash_sha256_state sodium;
};

static void sha256_free(void *arg)
{
    EVP_MD_CTX_free(((Sha256 *)arg)->evp);
}

static void sha256_begin(Sha256 *s)
{
    if (s->evp && EVP_DigestInit_ex(s->evp, EVP_sha256(), NULL)) return;
    EVP_MD_CTX_free(s->evp);
    s->evp = NULL;
    crypto_hash_sha256_init(&s->sodium);
}

Sha256 *sha256_new(Arena *a)
{
    Sha256 *s = arena_new(a, Sha256, 1);
    s->evp = EVP_MD_CTX_new();
    arena_defer(a, sha256_free, s);
    sha256_begin(s);
    return s;
}

void sha256_add(Sha256 *s, Str piece)
{
    if (s->evp)
        (void)EVP_DigestUpdate(s->evp, piece.ptr, piece.len); /* SHA-256 of memory cannot fail */
    else
        crypto_hash_sha256_update(&s->sodium, (const uint8_t *)piece.ptr, piece.len);
}

void sha256_end(Sha256 *s, uint8_t out[32])
{
    if (s->evp)
        (void)EVP_DigestFinal_ex(s->evp, out, NULL);
    else
        crypto_hash_sha256_final(&s->sodium, out);
    sha256_begin(s);
}
