/* test_token.c - signing, and every way a token can be wrong. */
#include "testing.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/crypto.h"

#define KEY_1 S("record key ")
#define KEY_2 S("collection secret")

/* A token over any header and claims, rightly signed. */
static Str forge(Arena *a, const char *header, const char *claims)
{
    Str signed_part = str_printf(a, "%.*s.%.*s", STR_ARG(base64url_encode(a, str_from(header))),
                                 STR_ARG(base64url_encode(a, str_from(claims))));
    uint8_t mac[32];
    hmac_sha256(str_concat(a, KEY_1, KEY_2), signed_part, mac);
    Str signature = base64url_encode(a, str_make((char *)mac, 32));
    return str_printf(a, "%.*s.%.*s", STR_ARG(signed_part), STR_ARG(signature));
}

/* Times are written as NOW+n or NOW-n in the claims. */
static const char *fill_times(Arena *a, const char *claims)
{
    Buf out = buf_new(a, 128);
    int64_t now = clock_wall_ms() / 1000;
    Str rest = str_from(claims);
    ptrdiff_t at;
    while ((at = str_find(rest, S("NOW"))) >= 0) {
        buf_add(&out, str_sub(rest, 0, (size_t)at));
        rest = str_from_pos(rest, (size_t)at + 3);
        int64_t offset = 0;
        size_t digits = 1;
        while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
            digits++;
        assert_true(str_to_i64(str_sub(rest, 1, digits - 1), &offset));
        buf_i64(&out, rest.ptr[0] == '-' ? now - offset : now + offset);
        rest = str_from_pos(rest, digits);
    }
    buf_add(&out, rest);
    return arena_cstr(a, buf_str(&out));
}

static const char HEADER[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static const struct {
    const char *name, *header, *claims;
    bool readable, valid;
} CASES[] = {
    {"ordinary", HEADER, "{\"id\":\"u1\",\"exp\":NOW+60}", true, true},
    {"header in another order", "{\"typ\":\"JWT\", \"alg\":\"HS256\"}", "{\"exp\":NOW+60}", true,
     true},
    {"type in lower case", "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", "{\"exp\":NOW+60}", true, true},
    {"no type", "{\"alg\":\"HS256\"}", "{\"exp\":NOW+60}", true, true},
    {"issued and valid since", HEADER, "{\"exp\":NOW+60,\"iat\":NOW-1,\"nbf\":NOW-1}", true, true},
    {"far future", HEADER, "{\"exp\":9007199254740991}", true, true},
    {"expired", HEADER, "{\"exp\":NOW-1}", true, false},
    {"expires now", HEADER, "{\"exp\":NOW-0}", true, false},
    {"expired in 1970", HEADER, "{\"exp\":0}", true, false},
    {"no exp", HEADER, "{\"id\":\"u1\"}", true, false},
    {"exp is text", HEADER, "{\"exp\":\"9999999999\"}", true, false},
    {"exp is null", HEADER, "{\"exp\":null}", true, false},
    {"exp is a fraction", HEADER, "{\"exp\":9999999999.5}", true, false},
    {"exp is negative", HEADER, "{\"exp\":-1}", true, false},
    {"exp is beyond", HEADER, "{\"exp\":1e300}", true, false},
    {"not before later", HEADER, "{\"exp\":NOW+60,\"nbf\":NOW+30}", true, false},
    {"issued later", HEADER, "{\"exp\":NOW+60,\"iat\":NOW+30}", true, false},
    {"nbf is text", HEADER, "{\"exp\":NOW+60,\"nbf\":\"1\"}", true, false},
    {"iat is null", HEADER, "{\"exp\":NOW+60,\"iat\":null}", true, false},
    {"none", "{\"alg\":\"none\"}", "{\"exp\":NOW+60}", false, false},
    {"HS512", "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", "{\"exp\":NOW+60}", false, false},
    {"RS256", "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", "{\"exp\":NOW+60}", false, false},
    {"hs256", "{\"alg\":\"hs256\"}", "{\"exp\":NOW+60}", false, false},
    {"algorithm is a list", "{\"alg\":[\"HS256\"]}", "{\"exp\":NOW+60}", false, false},
    {"no algorithm", "{}", "{\"exp\":NOW+60}", false, false},
    {"another type", "{\"alg\":\"HS256\",\"typ\":\"JWE\"}", "{\"exp\":NOW+60}", false, false},
    {"critical extension", "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
     "{\"exp\":NOW+60}", false, false},
    {"header is a list", "[\"HS256\"]", "{\"exp\":NOW+60}", false, false},
    {"claims are a list", HEADER, "[1]", false, false},
    {"claims are text", HEADER, "\"x\"", false, false},
    {"claims are cut", HEADER, "{\"exp\":NOW+60", false, false},
    {"claims with something behind", HEADER, "{\"exp\":NOW+60} x", false, false},
    {"claims nest too deep", HEADER,
     "{\"exp\":NOW+60,\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}", false, false},
};

static void judges_header_and_claims(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str token = forge(a, CASES[i].header, fill_times(a, CASES[i].claims));
        Json *claims = NULL;
        Error *err = token_read_unverified(a, token, &claims);
        check_bool(CASES[i].name, !err, CASES[i].readable);
        err = token_verify(a, token, KEY_1, KEY_2, &claims);
        check_bool(CASES[i].name, !err, CASES[i].valid);
        if (err) check_int(CASES[i].name, err->status, 401);
    }
}

/* RFC 7515 appendix A.1: only expired, so shape and signature are right. */
static void reads_the_token_of_the_rfc(void **state)
{
    Arena *a = *state;
    Str token = S("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                  "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    Str key;
    assert_true(base64url_decode(a,
                                 S("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0"
                                   "iPS4hcgUuTwjAzZr1Z9CAow"),
                                 &key));
    Json *claims;
    Error *err = token_verify(a, token, key, S(""), &claims);
    assert_non_null(err);
    check_str("cause", err->cause, "token: expired");
    check_ok("read", token_read_unverified(a, token, &claims));
    check_str("iss", json_str(json_get(claims, S("iss")), S("")), "joe");
}

static void signing_gives_a_token_that_verifies(void **state)
{
    Arena *a = *state;
    Json *claims = json_new_object(a), *read;
    json_set_str(a, claims, S("id"), S("u1"));
    json_set_number(a, claims, S("exp"), (double)(clock_wall_ms() / 1000 + 60));
    Str token = token_sign(a, claims, KEY_1, KEY_2);

    check_ok("verify", token_verify(a, token, KEY_1, KEY_2, &read));
    assert_true(json_equal(claims, read));
    /* The key is both parts, one after the other. */
    check_ok("joined", token_verify(a, token, str_concat(a, KEY_1, KEY_2), S(""), &read));
    assert_non_null(token_verify(a, token, KEY_1, S(""), &read));
    assert_non_null(token_verify(a, token, KEY_2, KEY_1, &read));
    assert_non_null(token_verify(a, token, S(""), S(""), &read));
}

static void any_changed_letter_is_noticed(void **state)
{
    Arena *a = *state;
    Str token = forge(a, HEADER, fill_times(a, "{\"exp\":NOW+60}"));
    Json *claims;
    for (size_t i = 0; i < token.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            char *copy = arena_cstr(a, token);
            copy[i] = (char)(copy[i] ^ (1 << bit));
            assert_non_null(token_verify(a, str_make(copy, token.len), KEY_1, KEY_2, &claims));
        }
        Str cut = str_sub(token, 0, i);
        assert_non_null(token_verify(a, cut, KEY_1, KEY_2, &claims));
    }
}

static void odd_shapes_are_refused(void **state)
{
    Arena *a = *state;
    Str good = forge(a, HEADER, fill_times(a, "{\"exp\":NOW+60}"));
    Str huge_claims = str_printf(a, "{\"exp\":9999999999,\"x\":\"%0*d\"}", TOKEN_MAX_BYTES, 0);
    const Str odd[] = {
        S(""),
        S("."),
        S(".."),
        S("..."),
        S("a.b.c"),
        str_concat(a, good, S("=")),
        str_concat(a, good, S(".")),
        str_concat(a, good, S(".e30")),
        str_concat(a, good, S(" ")),
        str_concat(a, S(" "), good),
        str_concat(a, S("Bearer "), good),
        forge(a, HEADER, arena_cstr(a, huge_claims)),
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        Json *claims;
        assert_non_null(token_verify(a, odd[i], KEY_1, KEY_2, &claims));
        assert_non_null(token_read_unverified(a, odd[i], &claims));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(judges_header_and_claims),
        test_with_arena(reads_the_token_of_the_rfc),
        test_with_arena(signing_gives_a_token_that_verifies),
        test_with_arena(any_changed_letter_is_noticed),
        test_with_arena(odd_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
