/* password.c - hashing and checking passwords, on threads of their own.
 *
 * A hash costs 14 ms and 19 MiB on purpose. The pool's width times 19 MiB is
 * all the memory that sign-ins can take at once, its queue all that may wait.
 *
 * What the worker thread gets is a job in the caller's arena with everything
 * allocated beforehand: the arena belongs to the fiber, the worker only fills
 * the job in.
 */
#include "crypto/crypto.h"

#include <crypt.h>
#include <sodium.h>
#include <stdio.h>

#define OPSLIMIT 2
#define MEMLIMIT ((size_t)19 * 1024 * 1024)

/* A stored hash names its own cost. Beyond these an import would be a way to
 * stop the server: 256 MiB, 16 rounds, bcrypt cost 15 (2 s). */
#define ARGON2_MAX_KIB    262144
#define ARGON2_MAX_ROUNDS 16
#define BCRYPT_MAX_COST   15
/* bcrypt reads no further: a longer password never made such a hash. */
#define BCRYPT_MAX_BYTES 72

struct Passwords {
    Workers *workers;
    char dummy[crypto_pwhash_STRBYTES]; /* what unknown users are checked against */
};

typedef enum { KIND_UNKNOWN, KIND_ARGON2, KIND_BCRYPT } HashKind;

typedef struct {
    Str password;
    char hash[crypto_pwhash_STRBYTES]; /* in for verifying, out for hashing */
    struct crypt_data *bcrypt;         /* room for crypt_rn, when the hash is bcrypt */
    const char *password_text;         /* NUL-terminated, for crypt_rn */
    bool ok;
    bool rehash;
} Job;

/* ---- what is in a hash ---- */

/* Takes "<name>=<number>" and the separator behind it off `*text`. */
static bool take_number(Str *text, char separator, Str name, int64_t *out)
{
    Str piece = str_split(text, separator);
    return str_starts(piece, name) && str_to_i64(str_from_pos(piece, name.len), out);
}

static bool argon2_is_bearable(Str hash)
{
    Str rest = hash;
    (void)str_split(&rest, '$');
    (void)str_split(&rest, '$'); /* "argon2id" */
    int64_t version, kib, rounds;
    return take_number(&rest, '$', S("v="), &version) && take_number(&rest, ',', S("m="), &kib) &&
           take_number(&rest, ',', S("t="), &rounds) && kib > 0 && kib <= ARGON2_MAX_KIB &&
           rounds > 0 && rounds <= ARGON2_MAX_ROUNDS;
}

/* "$2b$10$" and 53 letters. */
static bool bcrypt_is_bearable(Str hash)
{
    int64_t cost;
    return hash.len == 60 && hash.ptr[6] == '$' && str_to_i64(str_sub(hash, 4, 2), &cost) &&
           cost >= 4 && cost <= BCRYPT_MAX_COST;
}

static HashKind hash_kind(Str hash)
{
    if (hash.len >= crypto_pwhash_STRBYTES || memchr(hash.ptr, 0, hash.len)) return KIND_UNKNOWN;
    if (str_starts(hash, S("$argon2"))) {
        return argon2_is_bearable(hash) ? KIND_ARGON2 : KIND_UNKNOWN;
    }
    bool is_bcrypt =
        str_starts(hash, S("$2a$")) || str_starts(hash, S("$2b$")) || str_starts(hash, S("$2y$"));
    return is_bcrypt && bcrypt_is_bearable(hash) ? KIND_BCRYPT : KIND_UNKNOWN;
}

/* ---- on the pool's threads ---- */

static void run_hash(void *arg)
{
    Job *job = arg;
    job->ok =
        crypto_pwhash_str(job->hash, job->password.ptr, job->password.len, OPSLIMIT, MEMLIMIT) == 0;
}

static void run_argon2(void *arg)
{
    Job *job = arg;
    job->ok = crypto_pwhash_str_verify(job->hash, job->password.ptr, job->password.len) == 0;
    job->rehash = job->ok && crypto_pwhash_str_needs_rehash(job->hash, OPSLIMIT, MEMLIMIT) != 0;
}

/* crypt_rn rather than crypt_r: NULL on failure, where crypt_r gives a "*0" that
 * must not be taken for a hash. */
static void run_bcrypt(void *arg)
{
    Job *job = arg;
    const char *again =
        crypt_rn(job->password_text, job->hash, job->bcrypt, (int)sizeof(*job->bcrypt));
    job->ok = again && str_eq_constant_time(str_from(again), str_from(job->hash));
    job->rehash = job->ok;
    sodium_memzero(job->bcrypt, sizeof(*job->bcrypt));
}

/* ---- the module's face ---- */

static Job *job_new(Arena *a, Str password)
{
    Job *job = arena_new(a, Job, 1);
    /* libsodium wants a pointer also for an empty password. */
    job->password = password.len > 0 ? password : S("");
    return job;
}

Error *password_hash(Passwords *p, Arena *a, Str password, Str *hash)
{
    if (password.len > PASSWORD_MAX_BYTES) {
        return error_new(a, 400, S("The password is too long."));
    }
    Job *job = job_new(a, password);
    Error *err = await_work(p->workers, a, run_hash, job);
    if (err) return err;

    if (!job->ok) return error_cause(a, error_status(a, 503), "no memory to hash a password");
    *hash = str_from(job->hash);
    return NULL;
}

Error *password_verify(Passwords *p, Arena *a, Str password, Str hash, bool *matches, bool *rehash)
{
    *matches = false;
    *rehash = false;
    if (password.len > PASSWORD_MAX_BYTES) return NULL; /* the same for everybody */

    Job *job = job_new(a, password);
    HashKind kind = hash_kind(hash);
    bool fits_bcrypt = password.len <= BCRYPT_MAX_BYTES &&
                       (password.len == 0 || !memchr(password.ptr, 0, password.len));
    bool is_real = kind == KIND_ARGON2 || (kind == KIND_BCRYPT && fits_bcrypt);
    if (is_real) {
        memcpy(job->hash, hash.ptr, hash.len);
    } else {
        memcpy(job->hash, p->dummy, sizeof(job->hash));
    }
    if (is_real && kind == KIND_BCRYPT) {
        job->bcrypt = arena_new(a, struct crypt_data, 1);
        job->password_text = arena_cstr(a, password);
    }

    Error *err = await_work(p->workers, a, job->bcrypt ? run_bcrypt : run_argon2, job);
    if (err) return err;

    *matches = is_real && job->ok;
    *rehash = is_real && job->rehash;
    return NULL;
}

/* A hash of today's kind that nothing matches: random bytes in the place of a
 * result. Making it by hashing would cost every start the time of a sign-in. */
static void dummy_make(char out[crypto_pwhash_STRBYTES])
{
    uint8_t salt[crypto_pwhash_SALTBYTES], result[32];
    char salt_text[32], result_text[64];
    randombytes_buf(salt, sizeof(salt));
    randombytes_buf(result, sizeof(result));
    sodium_bin2base64(salt_text, sizeof(salt_text), salt, sizeof(salt),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64(result_text, sizeof(result_text), result, sizeof(result),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    snprintf(out, crypto_pwhash_STRBYTES, "$argon2id$v=19$m=%zu,t=%d,p=1$%s$%s", MEMLIMIT / 1024,
             OPSLIMIT, salt_text, result_text);
}

Error *passwords_create(Arena *a, int threads, size_t queue_max, Passwords **out)
{
    Passwords *p = arena_new(a, Passwords, 1);
    dummy_make(p->dummy);
    Error *err = workers_create(a, "passwords", threads, queue_max, &p->workers);
    if (err) return err;
    *out = p;
    return NULL;
}

void passwords_destroy(Passwords *p)
{
    workers_destroy(p->workers);
}
