/* images.h - smaller copies of pictures, made where a bad picture can do no harm.
 *
 * Whoever uploads a picture chooses the bytes that a decoder reads, and
 * decoders have a history. So no process that serves requests decodes:
 *
 *     supervisor
 *      ├─ worker    images_thumbnail(): sends two descriptors, waits for an answer
 *      └─ keeper    one or two; small until the first job, then libvips is loaded
 *          └─ child     one a job: no files, no network, ≤ 256 MiB, ≤ 5 s
 *
 * The child gets the picture and an empty memory file as descriptors, confines
 * itself for good (confine.c) and only then reads the first byte. Whatever
 * happens to it costs that one job an error. A keeper parses nothing but fixed
 * messages; after some idle minutes it ends and gives its memory back.
 *
 *     ImageSize size;
 *     if (!image_size_parse(S("100x50t"), &size)) …
 *     err = images_thumbnail(images, a, fd, &size, IMAGE_JPEG, &thumbnail);
 *
 * Threads: an Images serves any number of threads and fibers.
 */
#ifndef CROFT_IMAGES_H
#define CROFT_IMAGES_H

#include "base/base.h"
#include "loop/loop.h"

#define IMAGE_INPUT_MAX_BYTES  (64u << 20)
#define IMAGE_OUTPUT_MAX_BYTES (16u << 20)
#define IMAGE_PIXELS_MAX       UINT64_C(50000000) /* of the picture, by its header */
#define IMAGE_MEMORY_MAX_BYTES (UINT64_C(256) << 20)
#define IMAGE_TIME_MAX_MS      5000
#define IMAGE_WAIT_MAX_MS      60000 /* in the queue */
#define IMAGE_KEEPERS_MAX      2

/* ---- sizes and formats (api: files §5) ---- */

typedef enum {
    IMAGE_CROP_CENTRE, /* WxH: cover, then cut the middle out */
    IMAGE_CROP_TOP,    /* WxHt */
    IMAGE_CROP_BOTTOM, /* WxHb */
    IMAGE_FIT          /* WxHf: inside, nothing cut, never larger than the picture */
} ImageFit;

typedef struct {
    uint32_t width, height; /* 0 = as the other side and the picture's shape say; not both */
    ImageFit fit;
} ImageSize;

#define IMAGE_SIDE_MAX 10000

/*     text       width height fit
 *     100x50     100   50     centre
 *     100x50t    100   50     top      b: bottom, f: fit
 *     0x50       -     50     centre   what follows a zero side has no effect
 *     0x0, 100, 100x50c, 20000x1     false: no size, or beyond IMAGE_SIDE_MAX
 */
bool image_size_parse(Str text, ImageSize *out);

typedef enum { IMAGE_JPEG, IMAGE_PNG, IMAGE_GIF } ImageFormat;

/* What a thumbnail of a picture of this media type is written as: JPEG and GIF
 * stay what they are, PNG and WebP become PNG. False for what is no picture. */
bool image_format_for(Str content_type, ImageFormat *out);
Str image_format_type(ImageFormat format); /* "image/jpeg" */

/* ---- in the process that serves ---- */

typedef struct Images Images;

typedef struct {
    Str bytes;         /* in the format asked for; lives as long as the arena */
    uint32_t cpu_us;   /* what the child spent */
    uint32_t peak_kib; /* and its largest resident size */
} Thumbnail;

/* `fds` are ImageChannel.worker ends, one a keeper; they stay the caller's. */
MUST_CHECK Error *images_create(Arena *a, const int *fds, int count, Images **out);
void images_destroy(Images *images); /* nobody waits any more; NULL is fine */

/* Makes a smaller copy of the picture in `fd` (a file open for reading; its
 * position is left alone). Waits as fibers do.
 *
 *   422   this picture cannot be had smaller: unreadable, too large, too slow, or
 *         it brought its decoder down. The cause says which
 *   503   not now: the queue is full, the wait was too long, no libvips here
 */
MUST_CHECK Error *images_thumbnail(Images *images, Arena *a, int fd, const ImageSize *size,
                                   ImageFormat format, Thumbnail *out);

/* ---- in the process that has a single thread and forks ---- */

/* The two ends of a line. Both stay open in the supervisor, so that jobs wait
 * in it while a keeper or a worker is being replaced. */
typedef struct {
    int worker, keeper;
} ImageChannel;

MUST_CHECK Error *image_channel_open(Arena *a, ImageChannel *out);
void image_channel_close(ImageChannel *channel);

typedef struct {
    int fd; /* ImageChannel.keeper */
    uint32_t
        idle_ms; /* ends with status 0 after so long without a job, once it has loaded libvips */
    unsigned uid, gid; /* to become when started by root, if "nobody" cannot be had; 0 = stay */
} ImageKeeper;

#define IMAGE_IDLE_MS 300000

/* What a fresh fork() becomes: gives up every privilege and every other
 * descriptor, serves jobs, exits. Its parent's death ends it. */
NORETURN void image_keeper_run(const ImageKeeper *keeper);

/* Tells the worker's side that a keeper died with whatever it was doing. */
void image_channel_tell_death(const ImageChannel *channel);

#endif
