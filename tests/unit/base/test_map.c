/* test_map.c - the hash map and its hash. */
#include "testing.h"

#include "base/map.h"

static void keeps_what_is_put(void **state)
{
    Arena *a = *state;
    enum { N = 5000 };
    Map *m = map_new(a, 0);
    for (size_t i = 0; i < N; i++) {
        assert_null(map_put(m, str_printf(a, "key %zu", i), (void *)(i + 1)));
    }
    check_int("count", map_count(m), N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal((uintptr_t)map_get(m, str_printf(a, "key %zu", i)), i + 1);
    }
    assert_null(map_get(m, S("key 5000")));
    check_bool("absent", map_has(m, S("")), false);

    size_t at = 0, n = 0;
    for (const MapEntry *e; (e = map_next(m, &at)); n++) {
        assert_int_equal((uintptr_t)e->value, n + 1); /* insertion order */
    }
    check_int("walked", n, N);
}

static void replaces(void **state)
{
    Arena *a = *state;
    char one, two;
    Map *m = map_new(a, 4);
    assert_null(map_put(m, S("a"), &one));
    assert_ptr_equal(map_put(m, S("a"), &two), &one);
    assert_null(map_put(m, S(""), NULL));
    check_bool("a NULL value is there", map_has(m, (Str){NULL, 0}), true);
    check_int("count", map_count(m), 2);
    assert_ptr_equal(map_get(m, S("a")), &two);
}

static void hashes_every_byte(void **state)
{
    (void)state;
    unsigned char bytes[40] = {0};
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint64_t zero = hash_bytes(bytes, len);
        check_bool("stable", hash_bytes(bytes, len) == zero, true);
        check_bool("length counts", len == 0 || hash_bytes(bytes, len - 1) != zero, true);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            check_bool("byte counts", hash_bytes(bytes, len) != zero, true);
            bytes[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(keeps_what_is_put),
        test_with_arena(replaces),
        cmocka_unit_test(hashes_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
