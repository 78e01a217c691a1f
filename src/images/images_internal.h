/* images_internal.h - messages, geometry and confinement, for the files of images/.
 *
 * Messages are structs as they lie in memory: both ends are forks of one
 * program. They are read as if they came from anywhere, because a child that
 * has been taken over writes what it likes.
 */
#ifndef CROFT_IMAGES_INTERNAL_H
#define CROFT_IMAGES_INTERNAL_H

#include "images/images.h"

/* ---- protocol.c ---- */

typedef struct {
    uint32_t magic;
    uint32_t format; /* ImageFormat */
    ImageSize size;
    uint64_t id; /* given back with the answer; never 0 */
} ImageRequest;

typedef enum {
    IMAGE_DONE,
    IMAGE_REFUSED,    /* by the decoder: text says why */
    IMAGE_OVERRAN,    /* killed when its time was up */
    IMAGE_CRASHED,    /* died of itself; text says of what */
    IMAGE_UNAVAILABLE /* no libvips, no confinement, no process */
} ImageStatus;

#define IMAGE_TEXT_MAX 200

typedef struct {
    uint32_t magic;
    uint32_t status; /* ImageStatus */
    uint64_t id;     /* 0: of whatever was under way */
    uint64_t size_bytes;
    uint32_t cpu_us, peak_kib; /* filled in by the keeper */
    char text[IMAGE_TEXT_MAX]; /* ends in NUL */
} ImageAnswer;

void image_request_make(ImageRequest *out, uint64_t id, const ImageSize *size, ImageFormat format);
void image_answer_make(ImageAnswer *out, uint64_t id, ImageStatus status, const char *text);

/* Any bytes; false unless they are a message with every value in range. */
bool image_request_read(const void *bytes, size_t len, ImageRequest *out);
bool image_answer_read(const void *bytes, size_t len, ImageAnswer *out);

/* Do these bytes begin as a file of this format does? */
bool image_format_matches(ImageFormat format, Str bytes);

/* One message with up to two descriptors; SOCK_SEQPACKET keeps them whole. */
bool image_send(int socket, const void *bytes, size_t len, const int *fds, int fd_count);
/* The length of the message, 0 when the other end is closed, -1 and errno. More
 * descriptors than `fd_count`, or fewer, make it EBADMSG with all of them closed. */
ptrdiff_t image_receive(int socket, void *bytes, size_t size, int *fds, int fd_count, bool wait);

/* ---- geometry.c ---- */

/* What vips_thumbnail is asked for, and what has to come out: a side is 0 when
 * rounding is the library's. */
typedef struct {
    int box_width, box_height;
    enum { PLAN_CROP_NONE = 0, PLAN_CROP_CENTRE = 1, PLAN_CROP_LOW = 4, PLAN_CROP_HIGH = 5 } crop;
    bool only_down;
    uint32_t out_width, out_height;
} ImagePlan;

/* For a picture of w × h pixels as it is looked at (upright). NULL, or why not. */
const char *image_plan(const ImageSize *size, uint32_t w, uint32_t h, ImagePlan *out);

/* ---- confine.c ---- */

/* All that a keeper can do without. False: what it still may do is too much. */
bool image_keeper_confine(const ImageKeeper *keeper);

/* For good: limits of memory, time and files, Landlock where the kernel has it,
 * then the list of system calls. NULL, or the step that failed. */
const char *image_child_confine(void);

/* ---- decode.c ---- */

/* Loads libvips and allows it the four formats. NULL, or why not (a text that stays). */
const char *decoder_load(void);

/* In the confined child: the bytes of the picture in, the size of what was
 * written to `out` out. NULL, or why not. */
const char *decoder_run(const ImageRequest *request, const void *bytes, size_t len, int out,
                        uint64_t *written);

#endif
