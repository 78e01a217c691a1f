/* test_password.c - which passwords fit which stored hashes. */
#include "testing.h"

#include "crypto/crypto.h"

#include <stdlib.h>

#define LONG_72 "0123456789012345678901234567890123456789012345678901234567890123456789ab"

/* The bcrypt vectors are those of crypt_blowfish's own test (wrapper.c). */
static const struct {
    const char *name;
    const char *password, *hash;
    bool matches, rehash;
} CASES[] = {
    {"bcrypt 2a", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", true,
     true},
    {"bcrypt 2y", "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", true,
     true},
    {"bcrypt 2b, one letter more", "U*U*",
     "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", true, true},
    {"bcrypt, empty password", "", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy",
     true, true},
    {"bcrypt, other password", "u*U",
     "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", false, false},
    {"bcrypt would cut it", LONG_72 "x",
     "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", false, false},
    {"bcrypt of an absurd cost", "U*U",
     "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", false, false},
    {"bcrypt 2x is the broken one", "U*U",
     "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", false, false},
    {"bcrypt cut short", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
     false, false},
    {"no hash", "anything", "", false, false},
    {"no hash, no password", "", "", false, false},
    {"des crypt", "test", "abgOeLfPimXQo", false, false},
    {"sha512 crypt", "Hello world!",
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfa"
     "S35inz1",
     false, false},
    {"plain text", "secret", "secret", false, false},
    {"argon2 that wants 4 GiB", "x",
     "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     false, false},
    {"argon2 cut short", "x", "$argon2id$v=19$m=", false, false},
};

static Passwords *start(Arena *a)
{
    Passwords *p;
    check_ok("init", crypto_init(a));
    check_ok("create", passwords_create(a, 2, 8, &p));
    return p;
}

static void tells_right_from_wrong(void **state)
{
    Arena *a = *state;
    Passwords *p = start(a);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        bool matches = !CASES[i].matches, rehash = !CASES[i].rehash;
        check_ok(CASES[i].name, password_verify(p, a, str_from(CASES[i].password),
                                                str_from(CASES[i].hash), &matches, &rehash));
        check_bool(CASES[i].name, matches, CASES[i].matches);
        check_bool(CASES[i].name, rehash, CASES[i].rehash);
    }
    passwords_destroy(p);
}

static void what_it_hashes_it_verifies(void **state)
{
    Arena *a = *state;
    Passwords *p = start(a);
    static const Str PASSWORDS[] = {STR_INIT("correct horse battery staple"), STR_INIT(""),
                                    STR_INIT("with\0nul"), STR_INIT("\xff\xfe"),
                                    STR_INIT(LONG_72 LONG_72)};
    for (size_t i = 0; i < COUNT(PASSWORDS); i++) {
        Str hash, again;
        bool matches, rehash;
        check_ok("hash", password_hash(p, a, PASSWORDS[i], &hash));
        check_ok("hash", password_hash(p, a, PASSWORDS[i], &again));
        assert_true(str_starts(hash, S("$argon2id$v=19$m=19456,t=2,p=1$")));
        assert_false(str_eq(hash, again));

        check_ok("verify", password_verify(p, a, PASSWORDS[i], hash, &matches, &rehash));
        assert_true(matches);
        assert_false(rehash);
        Str longer = str_concat(a, PASSWORDS[i], S("x"));
        check_ok("verify", password_verify(p, a, longer, hash, &matches, &rehash));
        assert_false(matches);
    }
    passwords_destroy(p);
}

static void too_long_is_refused(void **state)
{
    Arena *a = *state;
    Passwords *p = start(a);
    char *bytes = arena_bytes(a, PASSWORD_MAX_BYTES + 1);
    memset(bytes, 'x', PASSWORD_MAX_BYTES + 1);
    Str hash;
    bool matches, rehash;
    check_ok("longest", password_hash(p, a, str_make(bytes, PASSWORD_MAX_BYTES), &hash));
    Error *err = password_hash(p, a, str_make(bytes, PASSWORD_MAX_BYTES + 1), &hash);
    assert_non_null(err);
    assert_int_equal(err->status, 400);
    check_ok("verify", password_verify(p, a, str_make(bytes, PASSWORD_MAX_BYTES + 1), hash,
                                       &matches, &rehash));
    assert_false(matches);
    passwords_destroy(p);
}

static void an_older_argon2_asks_to_be_replaced(void **state)
{
    Arena *a = *state;
    Passwords *p = start(a);
    /* argon2id of "password", salt "somesalt": the reference implementation's
     * own test vector (argon2 src/test.c). */
    static const char HASH[] = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
                               "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    bool matches, rehash;
    check_ok("verify", password_verify(p, a, S("password"), S(HASH), &matches, &rehash));
    assert_true(matches);
    assert_true(rehash);
    passwords_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tells_right_from_wrong),
        test_with_arena(what_it_hashes_it_verifies),
        test_with_arena(too_long_is_refused),
        test_with_arena(an_older_argon2_asks_to_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
