/* test_size.c - sizes as the API writes them, and what is asked of the library for them. */
#include "testing.h"

#include "images/images_internal.h"

static void reads_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint32_t width, height;
        ImageFit fit;
    } CASES[] = {
        {"100x50", true, 100, 50, IMAGE_CROP_CENTRE},
        {"100x50t", true, 100, 50, IMAGE_CROP_TOP},
        {"100x50b", true, 100, 50, IMAGE_CROP_BOTTOM},
        {"100x50f", true, 100, 50, IMAGE_FIT},
        {"0x50", true, 0, 50, IMAGE_CROP_CENTRE},
        {"100x0", true, 100, 0, IMAGE_CROP_CENTRE},
        {"0x50t", true, 0, 50, IMAGE_CROP_CENTRE},
        {"00100x0050", true, 100, 50, IMAGE_CROP_CENTRE},
        {"10000x10000", true, 10000, 10000, IMAGE_CROP_CENTRE},
        {"10001x1", false, 0, 0, 0},
        {"0x0", false, 0, 0, 0},
        {"0x0f", false, 0, 0, 0},
        {"", false, 0, 0, 0},
        {"x", false, 0, 0, 0},
        {"t", false, 0, 0, 0},
        {"100", false, 0, 0, 0},
        {"100x", false, 0, 0, 0},
        {"x100", false, 0, 0, 0},
        {"100x50c", false, 0, 0, 0},
        {"100x50tt", false, 0, 0, 0},
        {"100x50x2", false, 0, 0, 0},
        {"-1x50", false, 0, 0, 0},
        {"1x-0", false, 0, 0, 0},
        {"+1x50", false, 0, 0, 0},
        {" 1x50", false, 0, 0, 0},
        {"1.5x50", false, 0, 0, 0},
        {"18446744073709551617x1", false, 0, 0, 0},
        {"4294967297x1", false, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ImageSize size = {7, 7, IMAGE_FIT};
        bool ok = image_size_parse(str_from(CASES[i].text), &size);
        check_bool(CASES[i].text, ok, CASES[i].ok);
        check_int(CASES[i].text, size.width, ok ? CASES[i].width : 7);
        check_int(CASES[i].text, size.height, ok ? CASES[i].height : 7);
        check_int(CASES[i].text, size.fit, ok ? CASES[i].fit : IMAGE_FIT);
    }
}

static void plans(void **state)
{
    (void)state;
    static const struct {
        const char *size;
        uint32_t w, h;
        bool ok;
        int box_width, box_height, crop;
        uint32_t out_width, out_height;
    } CASES[] = {
        {"100x50", 400, 100, true, 100, 50, 1, 100, 50},
        {"100x50t", 400, 100, true, 100, 50, 1, 100, 50}, /* too wide: the middle */
        {"100x50t", 100, 400, true, 100, 50, 4, 100, 50},
        {"100x50b", 100, 400, true, 100, 50, 5, 100, 50},
        {"100x50b", 200, 100, true, 100, 50, 1, 100, 50}, /* just right */
        {"100x50f", 100, 400, true, 100, 50, 0, 0, 0},
        {"0x50", 100, 400, true, 10000000, 50, 0, 0, 50},
        {"70x0", 100, 400, true, 70, 10000000, 0, 70, 0},
        {"100x100", 7071, 7071, true, 100, 100, 1, 100, 100}, /* 49.999 Mpixel */
        {"100x100", 7072, 7071, false, 0, 0, 0, 0, 0},
        {"100x100", 50000, 50000, false, 0, 0, 0, 0, 0},
        {"100x100", 0, 10, false, 0, 0, 0, 0, 0},
        {"100x100", 65535, 1, false, 0, 0, 0, 0, 0}, /* covering: 655 Mpixel */
        {"4096x4096", 10, 10, true, 4096, 4096, 1, 4096, 4096},
        {"4097x4096", 10, 10, false, 0, 0, 0, 0, 0},
        {"5000x5000f", 10, 10, true, 5000, 5000, 0, 0, 0}, /* stays 10 × 10 */
        {"0x10000", 10, 2, false, 0, 0, 0, 0, 0},          /* 50000 × 10000 */
        {"0x100", 65535, 1, false, 0, 0, 0, 0, 0},
        {"1x0", 65535, 1, true, 1, 10000000, 0, 1, 0},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ImageSize size;
        ImagePlan plan = {0};
        assert_true(image_size_parse(str_from(CASES[i].size), &size));
        const char *why = image_plan(&size, CASES[i].w, CASES[i].h, &plan);
        char name[64];
        snprintf(name, sizeof(name), "%s of %u x %u", CASES[i].size, CASES[i].w, CASES[i].h);
        check_bool(name, !why, CASES[i].ok);
        if (why) continue;
        check_int(name, plan.box_width, CASES[i].box_width);
        check_int(name, plan.box_height, CASES[i].box_height);
        check_int(name, plan.crop, CASES[i].crop);
        check_int(name, plan.out_width, CASES[i].out_width);
        check_int(name, plan.out_height, CASES[i].out_height);
    }
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: no thumbnails of it */
    } CASES[] = {
        {"image/png", "image/png"},
        {"image/jpg", "image/jpeg"},
        {"image/jpeg", "image/jpeg"},
        {"image/gif", "image/gif"},
        {"image/webp", "image/png"},
        {"image/svg+xml", NULL},
        {"image/bmp", NULL},
        {"application/pdf", NULL},
        {"image/png; charset=utf8", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ImageFormat format;
        bool ok = image_format_for(str_from(CASES[i].in), &format);
        check_bool(CASES[i].in, ok, CASES[i].out);
        if (ok) check_str(CASES[i].in, image_format_type(format), CASES[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(plans),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
