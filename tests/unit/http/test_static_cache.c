/* test_static_cache.c - what is kept, and what goes first. */
#include "testing.h"

#include "http/static_cache.h"

#include <stdlib.h>

static SiteFile *file_of(size_t bytes)
{
    SiteFile *file = site_file_new();
    file->bytes = malloc(bytes);
    file->size_bytes = bytes;
    return file;
}

static void put(SiteCache *cache, const char *key, size_t bytes)
{
    SiteFile *file = file_of(bytes);
    site_cache_put(cache, str_from(key), file, 7);
    site_file_release(file);
}

static bool has(SiteCache *cache, const char *key)
{
    return site_cache_get(cache, str_from(key)) != NULL;
}

static void keeps_the_lately_used(void **state)
{
    (void)state;
    SiteCache *cache = site_cache_create(1 << 20, 3);
    put(cache, "a", 10);
    put(cache, "b", 20);
    put(cache, "c", 30);
    assert_int_equal(site_cache_get(cache, S("b"))->file->size_bytes, 20);
    assert_int_equal(site_cache_get(cache, S("b"))->checked_ms, 7);
    assert_true(has(cache, "a")); /* now c is the oldest */
    put(cache, "d", 40);
    assert_false(has(cache, "c"));
    assert_true(has(cache, "a"));
    assert_true(has(cache, "b"));
    assert_true(has(cache, "d"));
    site_cache_destroy(cache);
}

static void stays_in_its_budget(void **state)
{
    (void)state;
    SiteCache *cache = site_cache_create(100000, 1000);
    for (int i = 0; i < 500; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i % 60);
        put(cache, key, (size_t)(i * 37 % 9000));
        assert_true(site_cache_bytes(cache) <= 100000);
    }
    put(cache, "huge", 30000); /* more than a quarter */
    assert_false(has(cache, "huge"));
    put(cache, "k1", 50);
    put(cache, "k1", 30000); /* too large to replace it, but it is outdated */
    assert_false(has(cache, "k1"));
    site_cache_clear(cache);
    assert_int_equal(site_cache_bytes(cache), 0);
    site_cache_destroy(cache);
}

static void a_file_in_use_outlives_its_slot(void **state)
{
    (void)state;
    SiteCache *cache = site_cache_create(1 << 20, 10);
    put(cache, "a", 10);
    SiteFile *used = site_file_use(site_cache_get(cache, S("a"))->file);
    site_cache_drop(cache, S("a"));
    site_cache_drop(cache, S("a"));
    assert_false(has(cache, "a"));
    memset(used->bytes, 'x', 10);
    site_cache_destroy(cache);
    assert_int_equal(used->bytes[9], 'x');
    site_file_release(used);
    site_cache_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_lately_used),
        cmocka_unit_test(stays_in_its_budget),
        cmocka_unit_test(a_file_in_use_outlives_its_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
