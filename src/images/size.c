/* size.c - sizes and formats of thumbnails as the API writes them. */
#include "images/images.h"

static bool side_parse(Str text, uint32_t *out)
{
    uint64_t value;
    if (text.len == 0 || text.ptr[0] == '-' || !str_to_u64(text, &value)) return false;
    if (value > IMAGE_SIDE_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

bool image_size_parse(Str text, ImageSize *out)
{
    ImageSize size = {.fit = IMAGE_CROP_CENTRE};
    if (text.len > 0) {
        char last = text.ptr[text.len - 1];
        if (last == 't') size.fit = IMAGE_CROP_TOP;
        if (last == 'b') size.fit = IMAGE_CROP_BOTTOM;
        if (last == 'f') size.fit = IMAGE_FIT;
        if (size.fit != IMAGE_CROP_CENTRE) text.len--;
    }
    ptrdiff_t x = str_find_char(text, 'x');
    if (x < 0) return false;
    if (!side_parse(str_sub(text, 0, (size_t)x), &size.width)) return false;
    if (!side_parse(str_from_pos(text, (size_t)x + 1), &size.height)) return false;
    if (size.width == 0 && size.height == 0) return false;
    if (size.width == 0 || size.height == 0) size.fit = IMAGE_CROP_CENTRE;
    *out = size;
    return true;
}

bool image_format_for(Str content_type, ImageFormat *out)
{
    static const struct {
        Str type;
        ImageFormat format;
    } TYPES[] = {
        {STR_INIT("image/jpeg"), IMAGE_JPEG}, {STR_INIT("image/jpg"), IMAGE_JPEG},
        {STR_INIT("image/png"), IMAGE_PNG},   {STR_INIT("image/gif"), IMAGE_GIF},
        {STR_INIT("image/webp"), IMAGE_PNG},
    };
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        if (!str_eq(content_type, TYPES[i].type)) continue;
        *out = TYPES[i].format;
        return true;
    }
    return false;
}

Str image_format_type(ImageFormat format)
{
    if (format == IMAGE_JPEG) return S("image/jpeg");
    if (format == IMAGE_GIF) return S("image/gif");
    return S("image/png");
}
