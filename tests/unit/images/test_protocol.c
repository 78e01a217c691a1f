/* test_protocol.c - the worker's side against a keeper that lies: this test plays it. */
#include "testing.h"

#include "images/images_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void requests_and_answers_are_read_strictly(void **state)
{
    (void)state;
    ImageRequest r, back;
    ImageSize size = {100, 50, IMAGE_FIT};
    image_request_make(&r, 7, &size, IMAGE_GIF);
    assert_true(image_request_read(&r, sizeof(r), &back));
    assert_memory_equal(&r, &back, sizeof(r));
    assert_false(image_request_read(&r, sizeof(r) - 1, &back));
    assert_false(image_request_read(&r, 0, &back));
    struct {
        const char *name;
        size_t offset;
        uint32_t value;
    } bad[] = {
        {"magic", offsetof(ImageRequest, magic), 1},
        {"format", offsetof(ImageRequest, format), IMAGE_GIF + 1},
        {"fit", offsetof(ImageRequest, size.fit), IMAGE_FIT + 1},
        {"width", offsetof(ImageRequest, size.width), IMAGE_SIDE_MAX + 1},
        {"height", offsetof(ImageRequest, size.height), UINT32_MAX},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        ImageRequest changed = r;
        memcpy((char *)&changed + bad[i].offset, &bad[i].value, sizeof(uint32_t));
        check_bool(bad[i].name, image_request_read(&changed, sizeof(changed), &back), false);
    }

    ImageAnswer answer, read;
    image_answer_make(&answer, 7, IMAGE_DONE, "");
    assert_false(image_answer_read(&answer, sizeof(answer), &read)); /* done, with nothing */
    answer.size_bytes = IMAGE_OUTPUT_MAX_BYTES;
    assert_true(image_answer_read(&answer, sizeof(answer), &read));
    answer.size_bytes++;
    assert_false(image_answer_read(&answer, sizeof(answer), &read));
    image_answer_make(&answer, 7, IMAGE_UNAVAILABLE + 1, "");
    assert_false(image_answer_read(&answer, sizeof(answer), &read));
    image_answer_make(&answer, 7, IMAGE_REFUSED, "no");
    memset(answer.text, 'x', sizeof(answer.text));
    assert_false(image_answer_read(&answer, sizeof(answer), &read)); /* never ends */
}

/* ---- a keeper of our own ---- */

typedef struct {
    int line;
    void (*answer)(int line, const ImageRequest *r, int output);
} Liar;

static void *liar_thread(void *arg)
{
    Liar *liar = arg;
    for (;;) {
        ImageRequest r;
        int fds[2];
        if (image_receive(liar->line, &r, sizeof(r), fds, 2, true) != sizeof(r)) return NULL;
        liar->answer(liar->line, &r, fds[1]);
        close(fds[0]);
        close(fds[1]);
    }
}

static void say(int line, uint64_t id, ImageStatus status, uint64_t size, const char *text)
{
    ImageAnswer answer;
    image_answer_make(&answer, id, status, text);
    answer.size_bytes = size;
    (void)image_send(line, &answer, sizeof(answer), NULL, 0);
}

/* Noise before an honest answer. */
static void honest_at_last(int line, const ImageRequest *r, int output)
{
    (void)!pwrite(output, "\xff\xd8\xffhello", 8, 0);
    (void)image_send(line, "rubbish", 7, NULL, 0);
    int extra[1] = {output};
    ImageAnswer answer;
    image_answer_make(&answer, r->id, IMAGE_DONE, "");
    answer.size_bytes = 8;
    (void)image_send(line, &answer, sizeof(answer), extra, 1); /* descriptors are not welcome */
    say(line, r->id + 1, IMAGE_DONE, 8, "");
    say(line, r->id, IMAGE_DONE, UINT64_MAX, "");
    say(line, r->id, IMAGE_DONE, 8, "");
}

static void other_format(int line, const ImageRequest *r, int output)
{
    (void)!pwrite(output, "<html>", 6, 0);
    say(line, r->id, IMAGE_DONE, 6, "");
}

static void says_more_than_it_wrote(int line, const ImageRequest *r, int output)
{
    say(line, r->id, IMAGE_DONE, IMAGE_OUTPUT_MAX_BYTES, "");
}

/* The memory file stays as it is, and late. */
static void grows_the_file(int line, const ImageRequest *r, int output)
{
    bool grew = ftruncate(output, (off_t)IMAGE_OUTPUT_MAX_BYTES * 2) == 0 ||
                ftruncate(output, 0) == 0 ||
                pwrite(output, "x", 1, (off_t)IMAGE_OUTPUT_MAX_BYTES) == 1;
    say(line, r->id, IMAGE_REFUSED, 0, grew ? "grew" : "sealed");
}

static void control_characters(int line, const ImageRequest *r, int output)
{
    say(line, r->id, IMAGE_REFUSED, 0, "line one\nERROR forged \x1b[31m");
}

static void died(int line, const ImageRequest *r, int output)
{
    ImageChannel channel = {.worker = -1, .keeper = line};
    image_channel_tell_death(&channel);
}

static const struct {
    const char *name;
    void (*answer)(int line, const ImageRequest *r, int output);
    int status; /* 0: a thumbnail of 8 bytes */
    const char *cause;
} LIES[] = {
    {"honest at last", honest_at_last, 0, NULL},
    {"another format", other_format, 422, "the thumbnail is not of its format"},
    {"more than it wrote", says_more_than_it_wrote, 422, "the thumbnail is not of its format"},
    {"another size of file", grows_the_file, 422, "sealed"},
    {"control characters", control_characters, 422, "line one ERROR forged  [31m"},
    {"the keeper died", died, 503, "the process died"},
};

static void a_lying_keeper_is_not_believed(void **state)
{
    Arena *a = *state;
    int input = memfd_create("input", MFD_CLOEXEC);
    ImageSize size = {10, 10, IMAGE_FIT};
    for (size_t i = 0; i < COUNT(LIES); i++) {
        ImageChannel channel;
        check_ok(LIES[i].name, image_channel_open(a, &channel));
        Liar liar = {channel.keeper, LIES[i].answer};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, liar_thread, &liar), 0);
        Images *images;
        check_ok(LIES[i].name, images_create(a, &channel.worker, 1, &images));

        Thumbnail out;
        Error *err = images_thumbnail(images, a, input, &size, IMAGE_JPEG, &out);
        check_int(LIES[i].name, err ? err->status : 0, LIES[i].status);
        if (err)
            check_bool(LIES[i].name, str_starts(err->cause, str_from(LIES[i].cause)), true);
        else
            check_int(LIES[i].name, out.bytes.len, 8);

        images_destroy(images);
        (void)shutdown(channel.worker, SHUT_RDWR);
        pthread_join(thread, NULL);
        image_channel_close(&channel);
    }
    close(input);
}

static void nobody_on_the_line(void **state)
{
    Arena *a = *state;
    ImageChannel channel;
    check_ok("open", image_channel_open(a, &channel));
    Images *images;
    check_ok("create", images_create(a, &channel.worker, 1, &images));
    close(channel.keeper);
    ImageSize size = {10, 10, IMAGE_FIT};
    Thumbnail out;
    int input = memfd_create("input", MFD_CLOEXEC);
    Error *err = images_thumbnail(images, a, input, &size, IMAGE_JPEG, &out);
    assert_int_equal(err->status, 503);
    images_destroy(images);
    close(channel.worker);
    close(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_answers_are_read_strictly),
        test_with_arena(a_lying_keeper_is_not_believed),
        test_with_arena(nobody_on_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
