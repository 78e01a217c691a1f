/* fuzz_image_size.c - any bytes, read as the size of a thumbnail; the first four are the
 * sides of a picture, 16 bits each.
 *
 * Properties: a size that is read has sides within their bounds, not both 0; what is planned for it
 * asks for no more pixels than may be made, and reads back from its own digits. */
#include "images/images_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    uint32_t w = (uint32_t)data[0] << 8 | data[1], h = (uint32_t)data[2] << 8 | data[3];
    ImageSize parsed;
    if (!image_size_parse(str_make((const char *)data + 4, size - 4), &parsed)) return 0;
    assert(parsed.width <= IMAGE_SIDE_MAX && parsed.height <= IMAGE_SIDE_MAX);
    assert(parsed.width || parsed.height);
    assert(parsed.fit <= IMAGE_FIT);

    ImagePlan plan;
    if (!image_plan(&parsed, w, h, &plan)) {
        assert((uint64_t)w * h <= IMAGE_PIXELS_MAX);
        assert(plan.box_width > 0 && plan.box_height > 0);
        assert((uint64_t)plan.out_width * plan.out_height <= 16777216);
        assert(plan.only_down == (parsed.fit == IMAGE_FIT));
    }
    static const char *const LETTERS[] = {"", "t", "b", "f"};
    Arena *a = arena_create("fuzz", 4096);
    ImageSize again;
    bool ok = image_size_parse(
        str_printf(a, "%ux%u%s", parsed.width, parsed.height, LETTERS[parsed.fit]), &again);
    assert(ok && memcmp(&parsed, &again, sizeof(again)) == 0);
    arena_destroy(a);
    return 0;
}
