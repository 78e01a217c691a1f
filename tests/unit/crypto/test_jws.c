/* test_jws.c - tokens of others hold under their own key and no other. */
#include "testing.h"

#include "crypto/crypto.h"
#include "crypto/jws_vectors.h"

static Json *keys(Arena *a)
{
    Json *jwks = NULL;
    check_ok("keys", json_parse(a, S(JWS_KEYS), NULL, &jwks));
    return jwks;
}

static const struct {
    const char *name, *token;
    bool good;
} TOKENS[] = {
    {"RS256", JWS_RSA, true},
    {"RS512", JWS_RSA512, true},
    {"ES256", JWS_P256, true},
    {"ES384", JWS_P384, true},
    {"EdDSA", JWS_ED, true},
    {"1024 bits", JWS_WEAK, false},
    {"alg none", JWS_NONE, false},
    {"HMAC by public key", JWS_HMAC, false},
    {"empty", "", false},
    {"two parts", "e30.e30", false},
    {"four parts", JWS_ED ".x", false},
    {"a header of nothing", "e30.e30.AAAA", false},
    {"not base64url", "e30.e30.!!!!", false},
    {"not JSON", "AAAA.AAAA.AAAA", false},
};

static void tokens_hold_or_not(void **state)
{
    Arena *a = *state;
    Json *jwks = keys(a);
    for (size_t i = 0; i < COUNT(TOKENS); i++) {
        Json *claims = NULL;
        Error *err = jws_verify(a, str_from(TOKENS[i].token), jwks, &claims);
        check_bool(TOKENS[i].name, err == NULL, TOKENS[i].good);
        if (err) {
            check_int(TOKENS[i].name, err->status, 401);
            continue;
        }
        check_str(TOKENS[i].name, json_str(json_get(claims, S("sub")), S("")), "ann");
    }
}

/* Any changed letter of a good token is noticed, but for the unused bits of the
 * last one, which the decoder refuses. */
static void changes_are_noticed(void **state)
{
    Arena *a = *state;
    Json *jwks = keys(a), *claims;
    static const char *const GOOD[] = {JWS_P256, JWS_ED};
    for (size_t t = 0; t < COUNT(GOOD); t++) {
        Str token = str_from(GOOD[t]);
        for (size_t i = 0; i < token.len; i += 3) {
            char *copy = arena_cstr(a, token);
            copy[i] = copy[i] == 'A' ? 'B' : 'A';
            check_bool(copy, jws_verify(a, str_from(copy), jwks, &claims) != NULL, true);
        }
    }
}

/* What the set must be like for a token to be accepted. */
static const struct {
    const char *name, *key, *value; /* set on the Ed25519 key; NULL removes */
    bool good;
} KEY_CASES[] = {
    {"names the algorithm", "alg", "EdDSA", true},
    {"names another algorithm", "alg", "ES256", false},
    {"for signatures", "use", "sig", true},
    {"for encryption", "use", "enc", false},
    {"another name", "kid", "other", false},
    {"another kind", "kty", "EC", false},
    {"another curve", "crv", "X25519", false},
    {"no key in it", "x", NULL, false},
    {"a short key", "x", "AAAA", false},
};

static void keys_are_looked_at(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(KEY_CASES); i++) {
        Json *jwks = keys(a), *claims;
        Json *ed = json_at(json_get(jwks, S("keys")), 4);
        Str key = str_from(KEY_CASES[i].key);
        if (KEY_CASES[i].value)
            json_set_str(a, ed, key, str_from(KEY_CASES[i].value));
        else
            json_remove(ed, key);
        check_bool(KEY_CASES[i].name, jws_verify(a, S(JWS_ED), jwks, &claims) == NULL,
                   KEY_CASES[i].good);
    }
}

static void point_must_be_on_the_curve(void **state)
{
    Arena *a = *state;
    Json *jwks = keys(a), *claims;
    Json *key = json_at(json_get(jwks, S("keys")), 2);
    json_set(a, key, S("x"), json_get(key, S("y")));
    Error *err = jws_verify(a, S(JWS_P256), jwks, &claims);
    check_int("refused", err ? err->status : 0, 401);
}

static void sets_that_are_none(void **state)
{
    Arena *a = *state;
    Json *claims;
    static const char *const SETS[] = {"{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":[1,{}]}"};
    for (size_t i = 0; i < COUNT(SETS); i++) {
        Json *jwks = NULL;
        check_ok(SETS[i], json_parse(a, str_from(SETS[i]), NULL, &jwks));
        check_bool(SETS[i], jws_verify(a, S(JWS_ED), jwks, &claims) != NULL, true);
    }
    check_bool("NULL", jws_verify(a, S(JWS_ED), NULL, &claims) != NULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tokens_hold_or_not), test_with_arena(changes_are_noticed),
        test_with_arena(keys_are_looked_at), test_with_arena(point_must_be_on_the_curve),
        test_with_arena(sets_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
