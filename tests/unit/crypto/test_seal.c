/* test_seal.c - secrets at rest open with their key alone. */
#include "testing.h"

#include "crypto/crypto.h"

#define KEY S("0123456789abcdef0123456789abcdef")

static void opens_what_it_sealed(void **state)
{
    Arena *a = *state;
    static const char *const TEXTS[] = {"", "x", "{\"smtp\":{\"password\":\"geheim\"}}"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        Str sealed, again, plain = {0};
        check_ok(TEXTS[i], secret_seal(a, KEY, str_from(TEXTS[i]), &sealed));
        check_bool(TEXTS[i], secret_open(a, KEY, sealed, &plain), true);
        check_str(TEXTS[i], plain, TEXTS[i]);
        check_ok(TEXTS[i], secret_seal(a, KEY, str_from(TEXTS[i]), &again));
        check_bool("a nonce of its own", str_eq(sealed, again), false);
    }
}

/* Made by another program: nonce, then what AES-256-GCM gives, in base64. */
static void opens_what_others_sealed(void **state)
{
    Arena *a = *state;
    Str plain = {0};
    Str sealed = S("AAECAwQFBgcICQoLVsfaXuMpr4SIRLIEJ3MpglCX8LUkaec=");
    check_bool("opens", secret_open(a, KEY, sealed, &plain), true);
    check_str("text", plain, "{\"a\":1}");
}

static void opens_nothing_else(void **state)
{
    Arena *a = *state;
    Str sealed, plain;
    check_ok("seal", secret_seal(a, KEY, S("geheim"), &sealed));
    check_bool("another key", secret_open(a, S("0123456789abcdef0123456789abcdeF"), sealed, &plain),
               false);
    char *copy = arena_cstr(a, sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        char was = copy[i];
        copy[i] = was == 'A' ? 'B' : 'A';
        check_bool("changed", secret_open(a, KEY, str_make(copy, sealed.len), &plain), false);
        copy[i] = was;
    }
    check_bool("empty", secret_open(a, KEY, S(""), &plain), false);
    check_bool("short", secret_open(a, KEY, S("AAAA"), &plain), false);
    check_bool("not base64", secret_open(a, KEY, S("{\"a\":1}"), &plain), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(opens_what_it_sealed),
        test_with_arena(opens_what_others_sealed),
        test_with_arena(opens_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
