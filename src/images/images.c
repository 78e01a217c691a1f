/* images.c - the side of those who want a thumbnail.
 *
 * A thread for each keeper takes jobs from a bounded queue: it sends two
 * descriptors down the keeper's line and waits for the answer, so that there is
 * one job in a line at a time. What comes back is believed only so far as it was
 * looked at: an id, a size within the memory file, the first bytes of a format. */
#include "images/images_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define QUEUE_MAX      128
#define ANSWER_WAIT_MS (3 * IMAGE_TIME_MAX_MS) /* a keeper may have to load the library first */

struct Images {
    Workers *workers;
    int lines[IMAGE_KEEPERS_MAX];
    _Atomic uint64_t last_id;
    _Atomic bool absence_told;
};

typedef struct {
    Images *images;
    ImageRequest request;
    int input;
    uint64_t give_up_ms; /* monotonic: not begun after this */
    ImageAnswer answer;
    char *bytes; /* malloc'd, answer.size_bytes; when the status is IMAGE_DONE */
} Job;

Error *images_create(Arena *a, const int *fds, int count, Images **out)
{
    assert(count > 0);
    assert(count <= IMAGE_KEEPERS_MAX);
    Images *images = arena_new(a, Images, 1);
    for (int i = 0; i < count; i++)
        images->lines[i] = fds[i];
    /* Answers to an earlier worker may still be in the lines. */
    atomic_store(&images->last_id, clock_mono_ns());
    Error *err = workers_create(a, "images", count, QUEUE_MAX, &images->workers);
    if (err) return err;
    *out = images;
    return NULL;
}

void images_destroy(Images *images)
{
    if (images) workers_destroy(images->workers);
}

/* ---- on the queue's threads ---- */

static void answer_set(Job *job, ImageStatus status, const char *text)
{
    image_answer_make(&job->answer, job->request.id, status, text);
}

/* What an earlier job did not wait for. */
static void line_drain(int line)
{
    ImageAnswer old;
    while (image_receive(line, &old, sizeof(old), NULL, 0, false) > 0 || errno == EBADMSG)
        continue;
}

/* Sealed at its full size: the child can neither make it longer nor take away
 * what we are about to read. */
static int output_create(void)
{
    int fd = memfd_create("thumbnail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    if (ftruncate(fd, IMAGE_OUTPUT_MAX_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}

static void answer_wait(Job *job, int line)
{
    uint64_t end_ms = clock_mono_ms() + ANSWER_WAIT_MS;
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        struct pollfd ready = {.fd = line, .events = POLLIN};
        int n = now_ms >= end_ms ? 0 : poll(&ready, 1, (int)(end_ms - now_ms));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            answer_set(job, IMAGE_UNAVAILABLE, "no answer");
            return;
        }
        ImageAnswer raw, answer;
        ptrdiff_t got = image_receive(line, &raw, sizeof(raw), NULL, 0, true);
        if (got == 0 || (got < 0 && errno != EBADMSG)) {
            answer_set(job, IMAGE_UNAVAILABLE, "there is no process for images");
            return;
        }
        if (got < 0 || !image_answer_read(&raw, (size_t)got, &answer)) continue;
        if (answer.id == 0) answer.status = IMAGE_UNAVAILABLE; /* not this picture's fault */
        if (answer.id != 0 && answer.id != job->request.id) continue;
        job->answer = answer;
        return;
    }
}

static void output_read(Job *job, int fd)
{
    size_t len = (size_t)job->answer.size_bytes;
    job->bytes = malloc(len);
    if (!job->bytes) {
        answer_set(job, IMAGE_UNAVAILABLE, "no memory");
        return;
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, job->bytes + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            answer_set(job, IMAGE_UNAVAILABLE, "cannot read the thumbnail");
            return;
        }
        done += (size_t)n;
    }
    if (!image_format_matches((ImageFormat)job->request.format, str_make(job->bytes, len)))
        answer_set(job, IMAGE_CRASHED, "the thumbnail is not of its format");
}

static void run_job(void *arg)
{
    Job *job = arg;
    int line = job->images->lines[worker_index()];
    if (clock_mono_ms() >= job->give_up_ms) {
        answer_set(job, IMAGE_UNAVAILABLE, "waited too long");
        return;
    }
    int output = output_create();
    if (output < 0) {
        answer_set(job, IMAGE_UNAVAILABLE, "no memory file");
        return;
    }
    line_drain(line);
    int fds[2] = {job->input, output};
    if (image_send(line, &job->request, sizeof(job->request), fds, 2))
        answer_wait(job, line);
    else
        answer_set(job, IMAGE_UNAVAILABLE, "there is no process for images");
    if (job->answer.status == IMAGE_DONE) output_read(job, output);
    close(output);
}

/* ---- for the caller ---- */

/* Whoever reads it sees printable ASCII: a decoder's words may quote the picture. */
static Str printable(Arena *a, const char *text)
{
    Str copy = arena_copy(a, str_from(text));
    char *bytes = arena_cstr(a, copy);
    for (size_t i = 0; i < copy.len; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~') bytes[i] = ' ';
    }
    return str_trim(str_make(bytes, copy.len));
}

/* Once, until one can be made again. */
static void tell_absence(Images *images, Str why)
{
    if (!atomic_exchange(&images->absence_told, true))
        log_warn("images", "cannot make thumbnails now; originals are served",
                 LOG_STR("cause", why));
}

static Error *failed(Arena *a, Images *images, const ImageAnswer *answer)
{
    Str why = printable(a, answer->text);
    bool is_absent = answer->status == IMAGE_UNAVAILABLE;
    if (is_absent) tell_absence(images, why);
    return error_cause(a, error_status(a, is_absent ? 503 : 422), "%.*s (%u ms of CPU, %u KiB)",
                       STR_ARG(why), answer->cpu_us / 1000, answer->peak_kib);
}

Error *images_thumbnail(Images *images, Arena *a, int fd, const ImageSize *size, ImageFormat format,
                        Thumbnail *out)
{
    Job *job = arena_new(a, Job, 1);
    job->images = images;
    job->input = fd;
    job->give_up_ms = clock_mono_ms() + IMAGE_WAIT_MAX_MS;
    image_request_make(&job->request, atomic_fetch_add(&images->last_id, 1) + 1, size, format);
    Error *err = await_work(images->workers, a, run_job, job);
    if (err) tell_absence(images, err->cause);
    if (err) return err;

    if (job->bytes) arena_defer(a, free, job->bytes);
    if (job->answer.status != IMAGE_DONE) return failed(a, images, &job->answer);
    atomic_store(&images->absence_told, false);
    *out = (Thumbnail){.bytes = str_make(job->bytes, (size_t)job->answer.size_bytes),
                       .cpu_us = job->answer.cpu_us,
                       .peak_kib = job->answer.peak_kib};
    return NULL;
}
