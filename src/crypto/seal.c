/* seal.c - secrets at rest, and the one signature we make with a key of others. */
#include "crypto/crypto.h"

#include "base/encoding.h"
#include "base/random.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define NONCE_BYTES 12
#define TAG_BYTES   16
#define PART_BYTES  32 /* of a P-256 signature's r and s */
#define PEM_MAX     16384

/* ---- AES-256-GCM ---- */

static bool gcm_encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, Str plain, uint8_t *out)
{
    uint8_t *nonce = out, *text = out + NONCE_BYTES;
    int len, rest;
    return EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key, nonce, NULL) > 0 &&
           EVP_EncryptUpdate(ctx, text, &len, (const uint8_t *)plain.ptr, (int)plain.len) > 0 &&
           EVP_EncryptFinal_ex(ctx, text + len, &rest) > 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + plain.len) > 0;
}

Error *secret_seal(Arena *a, Str key, Str plain, Str *out)
{
    assert(key.len == SECRET_KEY_BYTES);
    assert(plain.len <= SECRET_MAX_BYTES);
    size_t total = NONCE_BYTES + plain.len + TAG_BYTES;
    char *bytes = arena_bytes(a, total);
    random_bytes(bytes, NONCE_BYTES);

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx && gcm_encrypt(ctx, (const uint8_t *)key.ptr, plain, (uint8_t *)bytes);
    EVP_CIPHER_CTX_free(ctx);
    if (!good) return error_cause(a, error_status(a, 500), "AES-256-GCM");
    *out = base64_encode(a, str_make(bytes, total));
    return NULL;
}

static bool gcm_decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, Str sealed, uint8_t *plain,
                        size_t len)
{
    uint8_t *nonce = (uint8_t *)(uintptr_t)sealed.ptr, *text = nonce + NONCE_BYTES;
    int got, rest;
    return EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key, nonce, NULL) > 0 &&
           EVP_DecryptUpdate(ctx, plain, &got, text, (int)len) > 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, text + len) > 0 &&
           EVP_DecryptFinal_ex(ctx, plain + got, &rest) > 0;
}

bool secret_open(Arena *a, Str key, Str text, Str *out)
{
    Str sealed;
    assert(key.len == SECRET_KEY_BYTES);
    if (!base64_decode(a, text, &sealed) || sealed.len < NONCE_BYTES + TAG_BYTES) return false;
    size_t len = sealed.len - NONCE_BYTES - TAG_BYTES;
    if (len > SECRET_MAX_BYTES) return false;
    char *plain = arena_bytes(a, len + 1);

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx && gcm_decrypt(ctx, (const uint8_t *)key.ptr, sealed, (uint8_t *)plain, len);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (good) *out = str_make(plain, len);
    return good;
}

Error *secret_unreadable(Arena *a, Str key, const char *what)
{
    Str message =
        key.len ? str_printf(a,
                             "%s cannot be decrypted: the key in the variable that "
                             "--encryption-env names is another one than they were saved with.",
                             what)
                : str_printf(a,
                             "%s are encrypted. Name the environment variable that holds their "
                             "key: --encryption-env NAME (PocketBase's --encryptionEnv).",
                             what);
    Error *err = error_new(a, 409, message);
    err->code = SECRET_UNREADABLE;
    return err;
}

bool error_is_secret_unreadable(const Error *err)
{
    return err && err->code && strcmp(err->code, SECRET_UNREADABLE) == 0;
}

/* ---- ES256 ---- */

static EVP_PKEY *private_key(Str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    /* The empty text stands for a passphrase: without it OpenSSL would ask a terminal. */
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (char[]){""}) : NULL;
    BIO_free(bio);
    return key;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32];
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == 256 &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) > 0 &&
           strcmp(group, "prime256v1") == 0;
}

/* DER becomes r || s, as JWS has it (RFC 7518 §3.4). */
static bool raw_signature(const uint8_t *der, size_t len, uint8_t out[2 * PART_BYTES])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, PART_BYTES) > 0 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + PART_BYTES, PART_BYTES) > 0;
    ECDSA_SIG_free(sig);
    return good;
}

static bool es256(EVP_PKEY *key, Str bytes, uint8_t out[2 * PART_BYTES])
{
    uint8_t der[128];
    size_t len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) > 0 &&
                EVP_DigestSign(ctx, der, &len, (const uint8_t *)bytes.ptr, bytes.len) > 0 &&
                raw_signature(der, len, out);
    EVP_MD_CTX_free(ctx);
    return good;
}

Error *jws_sign_es256(Arena *a, Str pem, const Json *header, const Json *claims, Str *out)
{
    EVP_PKEY *key = pem.len <= PEM_MAX ? private_key(pem) : NULL;
    uint8_t signature[2 * PART_BYTES];
    Str head = base64url_encode(a, json_format(a, header));
    Str body = base64url_encode(a, json_format(a, claims));
    Str text = str_printf(a, "%.*s.%.*s", STR_ARG(head), STR_ARG(body));
    bool fits = key && is_p256(key);
    bool good = fits && es256(key, text, signature);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!key) return error_new(a, 400, S("The private key cannot be read."));
    if (!fits) return error_new(a, 400, S("The private key is not one of the curve P-256."));
    if (!good) return error_cause(a, error_status(a, 500), "ES256");
    Str raw = base64url_encode(a, str_make((const char *)signature, sizeof(signature)));
    *out = str_printf(a, "%.*s.%.*s", STR_ARG(text), STR_ARG(raw));
    return NULL;
}
