/* test_token_cache.c - callers are kept by the whole token, bounded, copied. */
#include "testing.h"

#include "auth/token_cache.h"

static CachedCaller caller(Str token, Str id)
{
    return (CachedCaller){.token = token,
                          .expires_at_unix = 1,
                          .auth_version = 2,
                          .schema_version = 3,
                          .auth = {.id = id, .email = S("a@b.c")}};
}

static void keeps_copies(void **state)
{
    (void)state;
    TokenCache *cache = token_cache_create(8);
    char token[] = "header.payload.signature-of-thirty-two-bytes-and-more";
    char id[] = "record000000001";
    CachedCaller in = caller(str_from(token), str_from(id));
    token_cache_put(cache, &in);
    memset(id, 'x', sizeof(id) - 1);

    const CachedCaller *out = token_cache_find(cache, str_from(token));
    assert_non_null(out);
    check_str("id", out->auth.id, "record000000001");
    check_str("email", out->auth.email, "a@b.c");
    check_int("version", out->schema_version, 3);
    token_cache_destroy(cache);
}

/* Two tokens with one signature are still two tokens. */
static void compares_whole_tokens(void **state)
{
    (void)state;
    TokenCache *cache = token_cache_create(8);
    CachedCaller in = caller(S("good.payload.0123456789012345678901234567890123456789"), S("one"));
    token_cache_put(cache, &in);
    assert_null(
        token_cache_find(cache, S("evil.payload.0123456789012345678901234567890123456789")));
    assert_null(token_cache_find(cache, S("")));
    token_cache_destroy(cache);
}

static void replaces_and_removes(void **state)
{
    (void)state;
    TokenCache *cache = token_cache_create(8);
    CachedCaller in = caller(S("token"), S("one"));
    token_cache_put(cache, &in);
    in.auth.id = S("two");
    token_cache_put(cache, &in);
    check_int("one entry", token_cache_count(cache), 1);
    check_str("the later", token_cache_find(cache, S("token"))->auth.id, "two");
    token_cache_remove(cache, S("token"));
    token_cache_remove(cache, S("never there"));
    check_int("none", token_cache_count(cache), 0);
    token_cache_destroy(cache);
}

static void is_bounded_and_keeps_the_recent(void **state)
{
    Arena *a = *state;
    TokenCache *cache = token_cache_create(64);
    CachedCaller busy = caller(S("busy"), S("busy"));
    token_cache_put(cache, &busy);
    for (int i = 0; i < 10000; i++) {
        CachedCaller in = caller(str_printf(a, "token %d", i), S("x"));
        token_cache_put(cache, &in);
        assert_non_null(token_cache_find(cache, S("busy"))); /* used all the time: never evicted */
    }
    assert_true(token_cache_count(cache) <= 64);
    token_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_copies),
        cmocka_unit_test(compares_whole_tokens),
        cmocka_unit_test(replaces_and_removes),
        test_with_arena(is_bounded_and_keeps_the_recent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
