/* digest.c - SHA-256 and HMAC-SHA256 that cannot fail.
 *
 * HMAC runs for every token of every request, so each thread keeps one OpenSSL
 * context (it uses the CPU's SHA instructions and is rekeyed in 0.6 us). Should
 * OpenSSL have no memory for it, libsodium's portable code, which allocates
 * nothing, gives the same bytes more slowly.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

/* Library state of the process, set once before use and then only read. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MAC *hmac_algorithm;
static pthread_key_t context_key; /* its destructor frees a thread's context */
static bool context_key_made;

static _Thread_local EVP_MAC_CTX *thread_context;

static void free_context(void *context)
{
    EVP_MAC_CTX_free(context);
}

static void set_up(void)
{
    hmac_algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context_key_made = pthread_key_create(&context_key, free_context) == 0;
}

static EVP_MAC_CTX *make_context(void)
{
    (void)pthread_once(&once, set_up); /* fails only for an invalid argument */
    if (!hmac_algorithm || !context_key_made) return NULL;

    EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac_algorithm);
    if (!context) return NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (!EVP_MAC_CTX_set_params(context, params) ||
        pthread_setspecific(context_key, context) != 0) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool hmac_openssl(Str key, Str bytes, uint8_t out[32])
{
    if (!thread_context) thread_context = make_context();
    if (!thread_context) return false;
    /* A NULL key would mean "the key of last time". */
    const uint8_t *k = key.len > 0 ? (const uint8_t *)key.ptr : (const uint8_t *)"";
    size_t len = 0;
    return EVP_MAC_init(thread_context, k, key.len, NULL) &&
           EVP_MAC_update(thread_context, (const uint8_t *)bytes.ptr, bytes.len) &&
           EVP_MAC_final(thread_context, out, &len, 32) && len == 32;
}

static void hmac_sodium(Str key, Str bytes, uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)key.ptr, key.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)bytes.ptr, bytes.len);
    crypto_auth_hmacsha256_final(&state, out);
}

void hmac_sha256(Str key, Str bytes, uint8_t out[32])
{
    if (!hmac_openssl(key, bytes, out)) hmac_sodium(key, bytes, out);
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
    if (EVP_Digest(bytes.ptr, bytes.len, out, NULL, EVP_md5(), NULL)) return;
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
