/* crypto.h - password hashes and signed tokens; the algorithms are libsodium's,
 * libcrypt's and OpenSSL's.
 */
#ifndef CROFT_CRYPTO_H
#define CROFT_CRYPTO_H

#include "base/base.h"
#include "loop/loop.h"
#include "json/json.h"

/* Once, before threads start. */
MUST_CHECK Error *crypto_init(Arena *a);

/* ---- passwords ----
 *
 * New hashes are Argon2id, 19 MiB, t=2, p=1 (OWASP), as "$argon2id$…" text;
 * 14 ms each. Imported bcrypt hashes ($2a, $2b, $2y) verify too and ask to be
 * replaced. Everything runs in a pool of its own whose width bounds memory and
 * CPU, so that a flood of sign-ins cannot starve other work; when too many
 * wait, callers get 503. */
typedef struct Passwords Passwords;

MUST_CHECK Error *passwords_create(Arena *a, int threads, size_t queue_max, Passwords **out);
void passwords_destroy(Passwords *p);

#define PASSWORD_MAX_BYTES 1024

/* Waits (fiber) for the hash of `password`, at most PASSWORD_MAX_BYTES (400
 * when it is longer; a shorter limit for people belongs to the schema). */
MUST_CHECK Error *password_hash(Passwords *p, Arena *a, Str password, Str *hash);

/* Waits for the verdict. An empty hash verifies nothing, but takes as long as
 * a real one (so that unknown users cannot be told by time). *rehash is set
 * when the hash is right but not of today's kind. */
MUST_CHECK Error *password_verify(Passwords *p, Arena *a, Str password, Str hash, bool *matches,
                                  bool *rehash);

/* ---- tokens (JWT, RFC 7519, HS256 and nothing else) ---- */

#define TOKEN_MAX_BYTES 4096

/* Compact form of {"alg":"HS256","typ":"JWT"} over the claims. The key is the
 * two parts one after the other. */
Str token_sign(Arena *a, const Json *claims, Str key_first, Str key_second);

/* Claims without checking the signature: to find out whose key to use. Checks
 * shape, size (TOKEN_MAX_BYTES), header alg HS256, JSON. Error 401 otherwise. */
MUST_CHECK Error *token_read_unverified(Arena *a, Str token, Json **claims);

/* Signature (constant time), then `exp`, `nbf` and `iat` against the wall
 * clock without leeway. A token without `exp` is refused, as is an empty key
 * and any of the three that is not a whole number. Error 401; why goes to its
 * cause only. */
MUST_CHECK Error *token_verify(Arena *a, Str token, Str key_first, Str key_second, Json **claims);

/* ---- tokens that others sign (OpenID Connect) ---- */

#define FOREIGN_TOKEN_MAX_BYTES 65536

/* Claims of a compact JWS whose signature holds under the key of the JWK Set
 * {"keys": […]} that its header names: RS256, RS384, RS512 (2048 to 8192 bits),
 * ES256, ES384, EdDSA (Ed25519). Times and audience are the caller's to check.
 * Error 401; why goes to its cause only. */
MUST_CHECK Error *jws_verify(Arena *a, Str token, const Json *jwks, Json **claims);

/* Claims of one that came from whom it is about, over TLS. */
MUST_CHECK Error *jws_read_unverified(Arena *a, Str token, Json **claims);

/* A compact JWS by ES256 (P-256) with a private key in PEM; `header` names the
 * algorithm already. 400 when the key cannot be used; the message says why. */
MUST_CHECK Error *jws_sign_es256(Arena *a, Str pem, const Json *header, const Json *claims,
                                 Str *out);

/* ---- secrets at rest ----
 *
 * AES-256-GCM with a key that is not where the secrets are. The text is base64
 * of nonce (12 bytes, random) || ciphertext || tag (16): PocketBase's format
 * (api: operations §9.1), so either program reads what the other wrote. */
#define SECRET_KEY_BYTES 32
#define SECRET_MAX_BYTES ((size_t)16 << 20)

MUST_CHECK Error *secret_seal(Arena *a, Str key, Str plain, Str *out);
/* False when `text` was not sealed with this key, or was changed since. */
MUST_CHECK bool secret_open(Arena *a, Str key, Str text, Str *out);

/* The 409 for what cannot be opened ("The stored settings"): no key was given, or
 * another one. Its code is SECRET_UNREADABLE. */
#define SECRET_UNREADABLE "secret_unreadable"
Error *secret_unreadable(Arena *a, Str key, const char *what);
bool error_is_secret_unreadable(const Error *err);

/* ---- digests; those of memory never fail ---- */

void sha256(Str bytes, uint8_t out[32]);
/* The same of bytes that come in pieces; ending begins anew. Ends with the arena. */
typedef struct Sha256 Sha256;
Sha256 *sha256_new(Arena *a);
void sha256_add(Sha256 *s, Str piece);
void sha256_end(Sha256 *s, uint8_t out[32]);
/* Of `len` bytes of a file from `offset` on (pread): blocks. This one fails, with
 * false, when the file ends before or cannot be read. */
bool sha256_fd(int fd, uint64_t offset, uint64_t len, uint8_t out[32]);
void hmac_sha256(Str key, Str bytes, uint8_t out[32]);

/* For fingerprints whose format others have chosen; protects nothing. */
void md5(Str bytes, uint8_t out[16]);

#endif
