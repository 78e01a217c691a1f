/* test_digest.c - SHA-256 and HMAC against published vectors, on many threads. */
#include "testing.h"

#include "base/encoding.h"
#include "crypto/crypto.h"

#include <pthread.h>

/* FIPS 180-4 examples. */
static const struct {
    const char *text, *digest;
} SHA_CASES[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_gives_the_published_digests(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(SHA_CASES); i++) {
        uint8_t out[32];
        sha256(str_from(SHA_CASES[i].text), out);
        check_str(SHA_CASES[i].text, hex_encode(a, str_make((char *)out, 32)), SHA_CASES[i].digest);
    }
}

/* RFC 4231 test cases 1, 2 and 6 (a key longer than a block), and an empty key. */
static const char LONG_KEY[131] = {[0 ... 130] = (char)0xaa};
static const struct {
    const char *name;
    Str key, text;
    const char *digest;
} HMAC_CASES[] = {
    {"rfc 4231 1",
     STR_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
     STR_INIT("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"rfc 4231 2", STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"),
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"rfc 4231 6",
     {LONG_KEY, sizeof(LONG_KEY)},
     STR_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {"no key",
     {NULL, 0},
     {NULL, 0},
     "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static void check_hmacs(Arena *a)
{
    for (size_t i = 0; i < COUNT(HMAC_CASES); i++) {
        uint8_t out[32];
        hmac_sha256(HMAC_CASES[i].key, HMAC_CASES[i].text, out);
        check_str(HMAC_CASES[i].name, hex_encode(a, str_make((char *)out, 32)),
                  HMAC_CASES[i].digest);
    }
}

static void hmac_gives_the_published_digests(void **state)
{
    check_hmacs(*state); /* twice: the context is used again with another key */
    check_hmacs(*state);
}

static void *hmac_thread(void *arg)
{
    Str expected = *(Str *)arg;
    for (int i = 0; i < 200; i++) {
        uint8_t out[32];
        hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), out);
        if (memcmp(out, expected.ptr, 32) != 0) return (void *)1;
    }
    return NULL;
}

static void each_thread_has_its_own_context(void **state)
{
    (void)state;
    uint8_t expected[32];
    hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), expected);
    Str digest = str_make((char *)expected, 32);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hmac_thread, &digest), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

/* RFC 1321 §A.5 */
static void md5_gives_the_published_digests(void **state)
{
    static const struct {
        const char *text, *hex;
    } CASES[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        uint8_t out[16];
        md5(str_from(CASES[i].text), out);
        check_str(CASES[i].text, hex_encode(*state, str_make((char *)out, 16)), CASES[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(sha256_gives_the_published_digests),
        test_with_arena(hmac_gives_the_published_digests),
        test_with_arena(md5_gives_the_published_digests),
        test_with_arena(each_thread_has_its_own_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
