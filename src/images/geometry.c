/* geometry.c - from "100x50t" and the shape of a picture to what is asked of libvips.
 *
 * Cropping to the top (or bottom) concerns the vertical alone: a picture that
 * is too wide is still cut in the middle. libvips has one "low" for both axes,
 * so which axis is cut has to be known beforehand. */
#include "images/images_internal.h"

#define BOX_OPEN            10000000 /* VIPS_MAX_COORD: this side does not bind */
#define OUTPUT_PIXELS_MAX   UINT64_C(16777216)
#define OUTPUT_SIDE_MAX     UINT64_C(65500) /* what JPEG can say */
#define COVERING_PIXELS_MAX UINT64_C(200000000)
#define ROUNDED(a, b)       (((a) + (b) / 2) / (b))

static const char *check_output(uint64_t width, uint64_t height)
{
    if (width > OUTPUT_SIDE_MAX || height > OUTPUT_SIDE_MAX || width * height > OUTPUT_PIXELS_MAX)
        return "the thumbnail would be too large";
    return NULL;
}

/* 0xH and Wx0: the free side follows. */
static const char *plan_one_side(const ImageSize *size, uint64_t w, uint64_t h, ImagePlan *out)
{
    uint64_t width = size->width ? size->width : MAX(ROUNDED(w * size->height, h), 1);
    uint64_t height = size->height ? size->height : MAX(ROUNDED(h * size->width, w), 1);
    *out = (ImagePlan){.box_width = size->width ? (int)size->width : BOX_OPEN,
                       .box_height = size->height ? (int)size->height : BOX_OPEN,
                       .out_width = size->width,
                       .out_height = size->height};
    return check_output(width, height);
}

static const char *plan_cover(const ImageSize *size, uint64_t w, uint64_t h, ImagePlan *out)
{
    uint64_t width = size->width, height = size->height;
    /* Cross products: h / w against height / width. */
    bool too_tall = h * width > height * w;
    uint64_t covering =
        too_tall ? width * MAX(ROUNDED(h * width, w), 1) : height * MAX(ROUNDED(w * height, h), 1);
    if (covering > COVERING_PIXELS_MAX) return "the picture's shape is too far from the size's";
    *out = (ImagePlan){.box_width = (int)width,
                       .box_height = (int)height,
                       .crop = PLAN_CROP_CENTRE,
                       .out_width = size->width,
                       .out_height = size->height};
    if (too_tall && size->fit == IMAGE_CROP_TOP) out->crop = PLAN_CROP_LOW;
    if (too_tall && size->fit == IMAGE_CROP_BOTTOM) out->crop = PLAN_CROP_HIGH;
    return check_output(width, height);
}

const char *image_plan(const ImageSize *size, uint32_t w, uint32_t h, ImagePlan *out)
{
    if (w == 0 || h == 0) return "the picture is empty";
    if ((uint64_t)w * h > IMAGE_PIXELS_MAX) return "the picture has too many pixels";
    if (size->width == 0 || size->height == 0) return plan_one_side(size, w, h, out);
    if (size->fit != IMAGE_FIT) return plan_cover(size, w, h, out);
    *out = (ImagePlan){
        .box_width = (int)size->width, .box_height = (int)size->height, .only_down = true};
    return check_output(MIN(size->width, w), MIN(size->height, h));
}
