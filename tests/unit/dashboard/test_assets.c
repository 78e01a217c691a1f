/* test_assets.c - which stored form a client gets. */
#include "dashboard/assets.h"
#include "testing.h"

static void codings_as_the_header_allows(void **state)
{
    (void)state;
    static const struct {
        const char *header, *coding;
        bool allowed;
    } cases[] = {
        {"gzip, deflate, br", "br", true},
        {"gzip, deflate, br", "gzip", true},
        {"gzip", "br", false},
        {"GZIP", "gzip", true},
        {"br;q=0, gzip", "br", false},
        {"br; q=0.000", "br", false},
        {"br;q=0.001", "br", true},
        {"*", "br", true},
        {"*;q=0", "br", false},
        {"*, br;q=0", "br", false},
        {"", "br", false},
        {"identity", "gzip", false},
        {"brotli", "br", false},
        {"gzip;x=1;q=0, br;q=1.0", "gzip", false},
        {",,;;", "gzip", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(coding_is_allowed(str_from(cases[i].header), str_from(cases[i].coding)),
                         cases[i].allowed);
    assert_true(coding_is_allowed((Str){NULL, 0}, S("gzip")));
}

/* Every file has a form that any browser takes, and a tag of its own. */
static void assets_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < dashboard_assets_count; i++) {
        const Asset *asset = &dashboard_assets[i];
        assert_true(asset->plain.ptr || (asset->gzip.ptr && asset->brotli.ptr));
        assert_true(asset->etag.len == 22 && asset->etag.ptr[0] == '"');
        assert_true(asset->content_type.len > 0);
        for (size_t j = 0; j < i; j++)
            assert_false(str_eq(dashboard_assets[j].path, asset->path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings_as_the_header_allows),
        cmocka_unit_test(assets_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
