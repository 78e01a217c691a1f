/* fuzz_token.c - any bytes at all, presented as a token.
 *
 * Properties: what verifies, reads unverified with the same claims; and a
 * signature of another key never verifies. When the first byte is odd the rest
 * is taken as claims and signed rightly, so that the checks behind the
 * signature are reached: what then verifies has an `exp` in the future. */
#include "crypto/crypto.h"

#include "base/clock.h"
#include "base/encoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Str forge(Arena *a, Str claims)
{
    Str part =
        str_concat(a, S("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."), base64url_encode(a, claims));
    uint8_t mac[32];
    hmac_sha256(S("key"), part, mac);
    Str signature = base64url_encode(a, str_make((const char *)mac, sizeof(mac)));
    return str_concat(a, str_concat(a, part, S(".")), signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    Arena *a = arena_create("fuzz", 16 << 20);
    Str bytes = {(const char *)data + 1, size - 1};
    Str token = data[0] & 1 ? forge(a, bytes) : bytes;

    Json *verified, *read;
    Error *err = token_verify(a, token, S("k"), S("ey"), &verified);
    if (!err) {
        err = token_read_unverified(a, token, &read);
        assert(!err);
        assert(json_equal(verified, read));
        assert(json_number(json_get(read, S("exp")), 0) * 1000 > (double)clock_wall_ms() - 1000);
    }
    err = token_verify(a, token, S("other"), S("key"), &verified);
    assert(err);
    arena_destroy(a);
    return 0;
}
