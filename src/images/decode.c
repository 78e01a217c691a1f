/* decode.c - libvips, loaded only where it is needed, and the one thing asked of it.
 *
 * The library is opened by its name when the first job comes: linked, it would
 * cost every start of the server thirty milliseconds and twenty megabytes. Its
 * headers would bring a hundred packages to the build for fifteen functions;
 * what is declared here is part of the ABI that ".so.42" names, and the tests
 * call every one of them. */
#include "images/images_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define LIBRARY      "libvips.so.42"
#define JPEG_QUALITY 85

typedef struct VipsImage VipsImage; /* theirs, never looked into */

/* enum VipsSize */
enum { SIZE_BOTH = 0, SIZE_DOWN = 2 };

typedef struct {
    int (*init)(const char *);
    void (*concurrency_set)(int);
    void (*cache_set_max)(int);
    void (*vector_set_enabled)(int);
    void (*block_untrusted_set)(int);
    void (*operation_block_set)(const char *, int);
    const char *(*error_buffer)(void);
    void (*error_clear)(void);
    VipsImage *(*image_new_from_buffer)(const void *, size_t, const char *, ...);
    int (*image_get_width)(const VipsImage *);
    int (*image_get_height)(const VipsImage *);
    int (*image_get_orientation_swap)(VipsImage *);
    int (*thumbnail_buffer)(void *, size_t, VipsImage **, int, ...);
    int (*jpegsave_buffer)(VipsImage *, void **, size_t *, ...);
    int (*pngsave_buffer)(VipsImage *, void **, size_t *, ...);
    int (*gifsave_buffer)(VipsImage *, void **, size_t *, ...);
} Vips;

/* Filled in once by a process with one thread, then only read. */
static Vips vips;

#define FUNCTION(name)                                                                             \
    {                                                                                              \
        "vips_" #name, offsetof(Vips, name)                                                        \
    }

static const struct {
    const char *name;
    size_t offset;
} FUNCTIONS[] = {
    FUNCTION(init),
    FUNCTION(concurrency_set),
    FUNCTION(cache_set_max),
    FUNCTION(vector_set_enabled),
    FUNCTION(block_untrusted_set),
    FUNCTION(operation_block_set),
    FUNCTION(error_buffer),
    FUNCTION(error_clear),
    FUNCTION(image_new_from_buffer),
    FUNCTION(image_get_width),
    FUNCTION(image_get_height),
    FUNCTION(image_get_orientation_swap),
    FUNCTION(thumbnail_buffer),
    FUNCTION(jpegsave_buffer),
    FUNCTION(pngsave_buffer),
    FUNCTION(gifsave_buffer),
};

static const char *functions_find(void *library)
{
    for (size_t i = 0; i < COUNT(FUNCTIONS); i++) {
        void *found = dlsym(library, FUNCTIONS[i].name);
        if (!found) return LIBRARY " is older than 8.13";
        memcpy((char *)&vips + FUNCTIONS[i].offset, &found, sizeof(found));
    }
    return NULL;
}

const char *decoder_load(void)
{
    /* One heap for all threads: each further one reserves 64 MiB of the child's
     * address space. */
    (void)mallopt(M_ARENA_MAX, 1);
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) return LIBRARY " cannot be loaded (Debian: libvips42)";
    const char *missing = functions_find(library);
    if (missing) return missing;
    if (vips.init("croft") != 0) return "vips_init failed";

    vips.concurrency_set(1);
    vips.cache_set_max(0);
    vips.vector_set_enabled(0); /* it makes machine code as it goes, which children may not */
    vips.block_untrusted_set(1);
    vips.operation_block_set("VipsForeignLoad", 1);
    vips.operation_block_set("VipsForeignLoadJpeg", 0);
    vips.operation_block_set("VipsForeignLoadPng", 0);
    vips.operation_block_set("VipsForeignLoadNsgif", 0);
    vips.operation_block_set("VipsForeignLoadWebp", 0);
    return NULL;
}

/* The shape as it is looked at: EXIF may lay a picture on its side. */
static const char *header_read(const void *bytes, size_t len, uint32_t *w, uint32_t *h)
{
    VipsImage *header = vips.image_new_from_buffer(bytes, len, "", NULL);
    if (!header) return vips.error_buffer();
    int width = vips.image_get_width(header), height = vips.image_get_height(header);
    bool on_its_side = vips.image_get_orientation_swap(header);
    *w = (uint32_t)(on_its_side ? height : width);
    *h = (uint32_t)(on_its_side ? width : height);
    return NULL;
}

/* A colour profile is applied, since it is not kept. One that is broken is left out. */
static VipsImage *shrink(const ImagePlan *plan, const void *bytes, size_t len)
{
    void *input = (void *)(uintptr_t)bytes; /* only read, whatever the prototype says */
    int size = plan->only_down ? SIZE_DOWN : SIZE_BOTH;
    VipsImage *out = NULL;
    if (vips.thumbnail_buffer(input, len, &out, plan->box_width, "height", plan->box_height, "size",
                              size, "crop", (int)plan->crop, "export_profile", "srgb", NULL) == 0)
        return out;
    vips.error_clear();
    if (vips.thumbnail_buffer(input, len, &out, plan->box_width, "height", plan->box_height, "size",
                              size, "crop", (int)plan->crop, NULL) == 0)
        return out;
    return NULL;
}

static int save(ImageFormat format, VipsImage *image, void **bytes, size_t *len)
{
    switch (format) {
    case IMAGE_JPEG:
        return vips.jpegsave_buffer(image, bytes, len, "Q", JPEG_QUALITY, "strip", 1,
                                    "optimize_coding", 1, NULL);
    case IMAGE_GIF:
        return vips.gifsave_buffer(image, bytes, len, "strip", 1, NULL);
    case IMAGE_PNG:
        break;
    }
    return vips.pngsave_buffer(image, bytes, len, "strip", 1, NULL);
}

static const char *write_out(int fd, const char *bytes, size_t len)
{
    if (len == 0 || len > IMAGE_OUTPUT_MAX_BYTES) return "the thumbnail has too many bytes";
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, bytes + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return "the thumbnail cannot be written";
        done += (size_t)n;
    }
    return NULL;
}

/* Frees nothing: the process ends with the job. */
const char *decoder_run(const ImageRequest *request, const void *bytes, size_t len, int out,
                        uint64_t *written)
{
    uint32_t w, h;
    const char *failed = header_read(bytes, len, &w, &h);
    if (failed) return failed;
    ImagePlan plan;
    failed = image_plan(&request->size, w, h, &plan);
    if (failed) return failed;

    VipsImage *small = shrink(&plan, bytes, len);
    if (!small) return vips.error_buffer();
    bool is_right = (!plan.out_width || vips.image_get_width(small) == (int)plan.out_width) &&
                    (!plan.out_height || vips.image_get_height(small) == (int)plan.out_height);
    if (!is_right) return "the thumbnail came out in another size";

    void *encoded;
    size_t encoded_len;
    if (save((ImageFormat)request->format, small, &encoded, &encoded_len) != 0)
        return vips.error_buffer();
    *written = encoded_len;
    return write_out(out, encoded, encoded_len);
}
