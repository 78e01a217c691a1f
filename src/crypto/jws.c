/* jws.c - tokens that others sign with their own keys: JWS in compact form
 * (RFC 7515) and the public keys of a JWK Set (RFC 7517, 7518, 8037).
 *
 * The algorithm is a property of the key, not of the token: a token's `alg` must
 * be one of ALGORITHMS, of the kind of key that the set has under its `kid`, and
 * the one that the key names, if it names one. "none" and HMAC are not in the
 * table, so nobody can sign with a public key's text.
 */
#include "crypto/crypto.h"

#include "base/encoding.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define KEYS_MAX      100
#define RSA_BYTES_MIN 256  /* 2048 bits */
#define RSA_BYTES_MAX 1024 /* 8192 bits: what checking may cost */
#define SIGNATURE_MAX 1024
#define EC_PART_MAX   48

typedef struct {
    Str name, kty, curve;
    const char *group, *digest;
    size_t part; /* bytes of a coordinate, and of each half of a signature */
} Algorithm;

static const Algorithm ALGORITHMS[] = {
    {STR_INIT("RS256"), STR_INIT("RSA"), STR_INIT(""), NULL, "SHA256", 0},
    {STR_INIT("RS384"), STR_INIT("RSA"), STR_INIT(""), NULL, "SHA384", 0},
    {STR_INIT("RS512"), STR_INIT("RSA"), STR_INIT(""), NULL, "SHA512", 0},
    {STR_INIT("ES256"), STR_INIT("EC"), STR_INIT("P-256"), "prime256v1", "SHA256", 32},
    {STR_INIT("ES384"), STR_INIT("EC"), STR_INIT("P-384"), "secp384r1", "SHA384", 48},
    {STR_INIT("EdDSA"), STR_INIT("OKP"), STR_INIT("Ed25519"), NULL, NULL, 0},
};

static Error *refuse(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 401), "signed token: %s", why);
}

static Str text(const Json *object, const char *key)
{
    return json_str(json_get(object, str_from(key)), S(""));
}

/* ---- the token's parts ---- */

typedef struct {
    Str header, claims, signature, signed_part;
} Parts;

static Error *split(Arena *a, Str token, Parts *out)
{
    if (token.len > FOREIGN_TOKEN_MAX_BYTES) return refuse(a, "too long");
    Str rest = token;
    Parts p = {0};
    p.header = str_split(&rest, '.');
    p.claims = str_split(&rest, '.');
    p.signature = rest;
    if (p.header.len == 0 || p.claims.len == 0 || p.signature.len == 0 ||
        str_find_char(p.signature, '.') >= 0)
        return refuse(a, "not three parts");
    p.signed_part = str_make(token.ptr, p.header.len + 1 + p.claims.len);
    *out = p;
    return NULL;
}

static Error *read_object(Arena *a, Str part, Json **out)
{
    Str decoded;
    if (!base64url_decode(a, part, &decoded)) return refuse(a, "not base64url");
    JsonLimits limits = {.depth = 16, .nodes = 10000};
    Json *value;
    Error *err = json_parse(a, decoded, &limits, &value);
    if (err) return refuse(a, "not JSON");
    if (!json_is(value, JSON_OBJECT)) return refuse(a, "not an object");
    *out = value;
    return NULL;
}

Error *jws_read_unverified(Arena *a, Str token, Json **claims)
{
    Parts parts;
    Error *err = split(a, token, &parts);
    if (err) return err;
    return read_object(a, parts.claims, claims);
}

/* ---- public keys ---- */

static bool key_bytes(Arena *a, const Json *jwk, const char *name, Str *out)
{
    return base64url_decode(a, text(jwk, name), out) && out->len > 0;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params); /* key stays NULL */
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(Arena *a, const Json *jwk)
{
    Str n, e;
    if (!key_bytes(a, jwk, "n", &n) || !key_bytes(a, jwk, "e", &e)) return NULL;
    if (n.len < RSA_BYTES_MIN || n.len > RSA_BYTES_MAX || n.ptr[0] == 0 || e.len > 4) return NULL;

    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.ptr, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const uint8_t *)e.ptr, (int)e.len, NULL);
    if (build && modulus && exponent && BN_is_odd(modulus) && BN_is_odd(exponent) &&
        !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params) key = key_from("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* OpenSSL checks that the point is on the curve. */
static EVP_PKEY *ec_key(Arena *a, const Algorithm *alg, const Json *jwk)
{
    Str x, y;
    if (!key_bytes(a, jwk, "x", &x) || !key_bytes(a, jwk, "y", &y)) return NULL;
    if (x.len != alg->part || y.len != alg->part) return NULL;
    uint8_t point[1 + 2 * EC_PART_MAX] = {4}; /* uncompressed */
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    char *group = arena_cstr(a, str_from(alg->group));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * alg->part),
        OSSL_PARAM_construct_end(),
    };
    return key_from("EC", params);
}

static EVP_PKEY *ed25519_key(Arena *a, const Json *jwk)
{
    Str x;
    if (!key_bytes(a, jwk, "x", &x) || x.len != 32) return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)x.ptr, x.len);
}

static EVP_PKEY *key_make(Arena *a, const Algorithm *alg, const Json *jwk)
{
    if (str_eq(alg->kty, S("RSA"))) return rsa_key(a, jwk);
    if (str_eq(alg->kty, S("EC"))) return ec_key(a, alg, jwk);
    return ed25519_key(a, jwk);
}

static bool key_fits(const Algorithm *alg, const Json *jwk)
{
    Str use = text(jwk, "use"), names = text(jwk, "alg");
    return str_eq(text(jwk, "kty"), alg->kty) && (use.len == 0 || str_eq(use, S("sig"))) &&
           (names.len == 0 || str_eq(names, alg->name)) &&
           (alg->curve.len == 0 || str_eq(text(jwk, "crv"), alg->curve));
}

/* The key that the header names. Without a `kid` there must be only one that
 * fits. */
static const Json *key_choose(const Json *jwks, const Algorithm *alg, Str kid)
{
    const Json *keys = json_get(jwks, S("keys")), *only = NULL;
    if (!json_is(keys, JSON_ARRAY)) return NULL;
    for (size_t i = 0; i < json_count(keys) && i < KEYS_MAX; i++) {
        const Json *jwk = json_at(keys, i);
        if (!key_fits(alg, jwk)) continue;
        if (kid.len && !str_eq(text(jwk, "kid"), kid)) continue;
        if (kid.len) return jwk;
        if (only) return NULL;
        only = jwk;
    }
    return only;
}

/* ---- the signature ---- */

/* r || s, as JWS has it, becomes the DER that OpenSSL wants. */
static bool ec_signature(const Algorithm *alg, Str raw, uint8_t **der, int *len)
{
    if (raw.len != 2 * alg->part) return false;
    const uint8_t *bytes = (const uint8_t *)raw.ptr;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, (int)alg->part, NULL);
    BIGNUM *s = BN_bin2bn(bytes + alg->part, (int)alg->part, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
        *der = NULL;
        *len = i2d_ECDSA_SIG(sig, der);
        ECDSA_SIG_free(sig);
        return *len > 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return false;
}

static bool digest_verify(const Algorithm *alg, EVP_PKEY *key, const uint8_t *signature, size_t len,
                          Str bytes)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, alg->digest, NULL, NULL, key, NULL) > 0 &&
                EVP_DigestVerify(ctx, signature, len, (const uint8_t *)bytes.ptr, bytes.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool signature_holds(const Algorithm *alg, EVP_PKEY *key, Str signature, Str bytes)
{
    if (alg->part == 0)
        return digest_verify(alg, key, (const uint8_t *)signature.ptr, signature.len, bytes);
    uint8_t *der;
    int len;
    if (!ec_signature(alg, signature, &der, &len)) return false;
    bool good = digest_verify(alg, key, der, (size_t)len, bytes);
    OPENSSL_free(der);
    return good;
}

static const Algorithm *algorithm_find(Str name)
{
    for (size_t i = 0; i < COUNT(ALGORITHMS); i++) {
        if (str_eq(ALGORITHMS[i].name, name)) return &ALGORITHMS[i];
    }
    return NULL;
}

Error *jws_verify(Arena *a, Str token, const Json *jwks, Json **claims)
{
    Parts parts;
    Error *err = split(a, token, &parts);
    if (err) return err;
    Json *header, *read;
    err = read_object(a, parts.header, &header);
    if (err) return err;
    /* RFC 7515 §4.1.11: extensions we don't know must not be ignored. */
    if (json_get(header, S("crit"))) return refuse(a, "critical extensions");
    const Algorithm *alg = algorithm_find(text(header, "alg"));
    if (!alg) return refuse(a, "algorithm");
    const Json *jwk = key_choose(jwks, alg, text(header, "kid"));
    if (!jwk) return refuse(a, "no such key");
    Str signature;
    if (!base64url_decode(a, parts.signature, &signature) || signature.len > SIGNATURE_MAX)
        return refuse(a, "signature is not base64url");

    EVP_PKEY *key = key_make(a, alg, jwk);
    bool good = key && signature_holds(alg, key, signature, parts.signed_part);
    EVP_PKEY_free(key);
    ERR_clear_error(); /* this thread's queue is shared with others' calls */
    if (!key) return refuse(a, "malformed key");
    if (!good) return refuse(a, "wrong signature");
    err = read_object(a, parts.claims, &read);
    if (err) return err;
    *claims = read;
    return NULL;
}
