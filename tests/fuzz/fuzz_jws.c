/* fuzz_jws.c - a JWK Set and a token, parted by the first newline.
 *
 * Property: what verifies, reads unverified with the same claims, and does not
 * verify under a set without keys. */
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_create("fuzz", 16 << 20);
    Str token = {(const char *)data, size};
    Str set = str_split(&token, '\n');
    Json *jwks, *verified, *read;
    Error *err = json_parse(a, set, NULL, &jwks);
    if (!err && token.ptr) {
        err = jws_verify(a, token, jwks, &verified);
        if (!err) {
            err = jws_read_unverified(a, token, &read);
            assert(!err && json_equal(verified, read));
            err = jws_verify(a, token, json_new_object(a), &verified);
            assert(err);
        }
    }
    arena_destroy(a);
    return 0;
}
