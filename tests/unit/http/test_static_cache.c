/* test_static_cache.c - files that are kept, and those who use them. */
#include "testing.h"

#include "http/static_cache.h"

#include <stdlib.h>
#include <unistd.h>

static SiteFile *file_of(size_t bytes)
{
    SiteFile *file = site_file_new();
    file->bytes = malloc(bytes);
    file->size_bytes = bytes;
    return file;
}

static void a_file_in_use_outlives_its_slot(void **state)
{
    (void)state;
    Lru *files = lru_create(1 << 20, 10, site_file_release);
    SiteFile *file = file_of(10);
    site_file_keep(files, S("a"), file, 7);
    site_file_release(file);
    assert_int_equal(lru_get(files, S("a"))->checked_ms, 7);
    SiteFile *used = site_file_use(lru_get(files, S("a"))->value);
    lru_drop(files, S("a"));
    assert_null(lru_get(files, S("a")));
    memset(used->bytes, 'x', 10);
    lru_destroy(files);
    assert_int_equal(used->bytes[9], 'x');
    site_file_release(used);
}

static void a_descriptor_costs_more_than_its_file(void **state)
{
    (void)state;
    Lru *files = lru_create(8 * DESCRIPTOR_COST, 1000, site_file_release);
    for (int i = 0; i < 20; i++) {
        SiteFile *file = site_file_new();
        file->fd = dup(STDERR_FILENO);
        char key[] = {(char)('a' + i), 0};
        site_file_keep(files, str_from(key), file, 0);
        site_file_release(file);
    }
    assert_null(lru_get(files, S("a")));
    assert_non_null(lru_get(files, S("t")));
    assert_true(lru_cost(files) <= 8 * DESCRIPTOR_COST);
    lru_destroy(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_in_use_outlives_its_slot),
        cmocka_unit_test(a_descriptor_costs_more_than_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
