/* test_images.c - real pictures through a real keeper: what comes out, and what
 * bombs, rubbish and kill -9 cost. */
#include "testing.h"

#include "base/buf.h"
#include "base/clock.h"
#include "images/images_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* ---- pictures ---- */

static void put_u32(Buf *b, uint32_t v)
{
    char bytes[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    buf_add(b, str_make(bytes, 4));
}

static void png_chunk(Buf *b, const char *type, Str data)
{
    put_u32(b, (uint32_t)data.len);
    uLong crc = crc32(0, (const Bytef *)type, 4);
    if (data.len) crc = crc32(crc, (const Bytef *)data.ptr, (uInt)data.len);
    buf_add(b, str_make(type, 4));
    buf_add(b, data);
    put_u32(b, (uint32_t)crc);
}

/* Grey, 8 bit, of which `rows` are there. Interlaced needs all its memory at once. */
static Str png(Arena *a, uint32_t w, uint32_t h, uint32_t rows, bool interlaced)
{
    Buf b = buf_new(a, 1024);
    buf_add(&b, S("\x89PNG\r\n\x1a\n"));
    Buf head = buf_new(a, 16);
    put_u32(&head, w);
    put_u32(&head, h);
    char kind[5] = {8, 0, 0, 0, interlaced ? 1 : 0};
    buf_add(&head, str_make(kind, 5));
    png_chunk(&b, "IHDR", buf_str(&head));

    z_stream z = {0};
    assert_int_equal(deflateInit(&z, 1), Z_OK);
    size_t room = 65536 + (size_t)rows * (w + 1) / 100;
    char *out = arena_bytes(a, room);
    Bytef *row = calloc(1, w + 1);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    for (uint32_t y = 0; y < rows; y++) {
        z.next_in = row;
        z.avail_in = w + 1;
        assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
    }
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    png_chunk(&b, "IDAT", str_make(out, room - z.avail_out));
    png_chunk(&b, "IEND", S(""));
    deflateEnd(&z);
    free(row);
    return buf_str(&b);
}

static int file_of(Str bytes)
{
    int fd = memfd_create("picture", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    return fd;
}

static uint32_t big(Str s, size_t at, size_t bytes)
{
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)s.ptr[at + i];
    return v;
}

/* Width and height as the file says. */
static void dimensions(Str s, uint32_t *w, uint32_t *h)
{
    *w = *h = 0;
    if (image_format_matches(IMAGE_PNG, s)) {
        *w = big(s, 16, 4);
        *h = big(s, 20, 4);
    } else if (image_format_matches(IMAGE_GIF, s)) {
        *w = (uint8_t)s.ptr[6] | (uint32_t)(uint8_t)s.ptr[7] << 8;
        *h = (uint8_t)s.ptr[8] | (uint32_t)(uint8_t)s.ptr[9] << 8;
    } else {
        for (size_t i = 2; i + 9 < s.len; i += 2 + big(s, i + 2, 2)) {
            uint8_t marker = (uint8_t)s.ptr[i + 1];
            if (marker < 0xc0 || marker > 0xc2) continue;
            *h = big(s, i + 5, 2);
            *w = big(s, i + 7, 2);
            return;
        }
    }
}

/* ---- a keeper ---- */

typedef struct {
    Arena *a;
    ImageChannel channel;
    pid_t keeper;
    Images *images;
} Fixture;

static Fixture start(Arena *a, uint32_t idle_ms)
{
    Fixture f = {.a = a};
    check_ok("channel", image_channel_open(a, &f.channel));
    f.keeper = fork();
    if (f.keeper == 0) {
        ImageKeeper keeper = {.fd = f.channel.keeper, .idle_ms = idle_ms};
        image_keeper_run(&keeper);
    }
    assert_true(f.keeper > 0);
    check_ok("create", images_create(a, &f.channel.worker, 1, &f.images));
    return f;
}

static void stop(Fixture *f)
{
    images_destroy(f->images);
    (void)kill(f->keeper, SIGKILL);
    (void)waitpid(f->keeper, NULL, 0);
    image_channel_close(&f->channel);
}

static Error *thumb(Fixture *f, Str bytes, const char *spec, ImageFormat format, Thumbnail *out)
{
    ImageSize size;
    assert_true(image_size_parse(str_from(spec), &size));
    int fd = file_of(bytes);
    Error *err = images_thumbnail(f->images, f->a, fd, &size, format, out);
    close(fd);
    return err;
}

static void the_size_is_as_asked(void **state)
{
    Fixture f = start(*state, 60000);
    static const struct {
        uint32_t w, h;
        const char *size;
        uint32_t out_w, out_h;
    } CASES[] = {
        {300, 200, "100x100", 100, 100}, {300, 200, "100x100t", 100, 100},
        {200, 300, "100x50b", 100, 50},  {300, 200, "70x50", 70, 50},
        {300, 200, "100x100f", 100, 67}, {200, 300, "100x100f", 67, 100},
        {300, 200, "0x50", 75, 50},      {300, 200, "75x0", 75, 50},
        {10, 10, "100x100", 100, 100}, /* covering enlarges */
        {10, 20, "0x40", 20, 40},      /* so does a side */
        {10, 20, "100x100f", 10, 20},  /* fitting does not */
        {1, 1, "100x100", 100, 100},     {999, 333, "100x100", 100, 100},
        {1234, 777, "333x77b", 333, 77}, {3001, 7, "100x100", 100, 100},
        {7, 999, "50x100t", 50, 100},    {4001, 3001, "1x1", 1, 1},
    };
    static const struct {
        ImageFormat format;
        const char *name;
    } FORMATS[] = {
        {IMAGE_PNG, "png"},
        {IMAGE_JPEG, "jpeg"},
        {IMAGE_GIF, "gif"},
    };
    for (size_t i = 0; i < COUNT(CASES) * COUNT(FORMATS); i++) {
        size_t c = i / COUNT(FORMATS), to = i % COUNT(FORMATS);
        if (to > 0 && c > 5) continue; /* the shape does not depend on it */
        char name[64];
        snprintf(name, sizeof(name), "%u x %u as %s, %s", CASES[c].w, CASES[c].h, CASES[c].size,
                 FORMATS[to].name);
        Thumbnail out;
        check_ok(name, thumb(&f, png(f.a, CASES[c].w, CASES[c].h, CASES[c].h, false), CASES[c].size,
                             FORMATS[to].format, &out));
        uint32_t w, h;
        check_bool(name, image_format_matches(FORMATS[to].format, out.bytes), true);
        dimensions(out.bytes, &w, &h);
        check_int(name, w, CASES[c].out_w);
        check_int(name, h, CASES[c].out_h);
    }
    stop(&f);
}

/* A JPEG that EXIF lays on its side. */
static void pictures_are_set_upright(void **state)
{
    Fixture f = start(*state, 60000);
    Thumbnail jpeg, out;
    check_ok("jpeg", thumb(&f, png(f.a, 300, 200, 200, false), "300x200", IMAGE_JPEG, &jpeg));
    static const char EXIF[] = "\xff\xe1\x00\x22"
                               "Exif\0\0MM\0*\0\0\0\x08" /* a TIFF header */
                               "\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"; /* 0x112 = 6 */
    Buf turned = buf_new(f.a, jpeg.bytes.len + sizeof(EXIF));
    buf_add(&turned, str_sub(jpeg.bytes, 0, 2));
    buf_add(&turned, str_make(EXIF, sizeof(EXIF) - 1));
    buf_add(&turned, str_from_pos(jpeg.bytes, 2));
    uint32_t w, h;
    check_ok("turned", thumb(&f, buf_str(&turned), "0x150", IMAGE_JPEG, &out));
    dimensions(out.bytes, &w, &h);
    check_int("width", w, 100);
    check_int("height", h, 150);
    stop(&f);
}

static void bad_pictures_cost_an_error(void **state)
{
    Fixture f = start(*state, 60000);
    Str whole = png(f.a, 3000, 3000, 3000, false);
    Str short_gif =
        S("GIF89a\xff\xff\xff\xff\xf0\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02"
          "D\x01\0;");
    const struct {
        const char *name;
        Str bytes;
    } BAD[] = {
        {"nothing", S("")},
        {"text", S("hello, I am a picture")},
        {"svg", S("<svg xmlns='http://www.w3.org/2000/svg'/>")},
        {"pdf", S("%PDF-1.4\n1 0 obj\n")},
        {"50,000 x 50,000 in a few KB", png(f.a, 50000, 50000, 1, false)},
        {"the largest PNG", png(f.a, 0x7fffffff, 0x7fffffff, 0, false)},
        {"a header alone", str_sub(whole, 0, 40)},
        {"65,535 x 65,535 GIF", short_gif},
        {"a JPEG's first bytes", S("\xff\xd8\xff\xe0\0\x10JFIF\0")},
        {"a WebP's first bytes", S("RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff")},
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        Thumbnail out;
        Error *err = thumb(&f, BAD[i].bytes, "100x100", IMAGE_PNG, &out);
        check_int(BAD[i].name, err ? err->status : 0, 422);
        check_bool(BAD[i].name, err->cause.len > 0, true);
    }
    /* Cut short after its header: either what is there or an error, and no harm. */
    Thumbnail out;
    Error *err = thumb(&f, str_sub(whole, 0, whole.len / 2), "100x100", IMAGE_PNG, &out);
    assert_true(!err || err->status == 422);
    check_ok("a good one after them", thumb(&f, whole, "100x100", IMAGE_PNG, &out));
    stop(&f);
}

/* 49 million pixels in 50 KB, all wanted at once: within the memory or not at all. */
static void memory_stays_within_its_limit(void **state)
{
    Fixture f = start(*state, 60000);
    Thumbnail out = {0};
    Error *err = thumb(&f, png(f.a, 7000, 7000, 7000, false), "100x100", IMAGE_PNG, &out);
    assert_true(!err || err->status == 422);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_null(err);
    assert_true(out.peak_kib < IMAGE_MEMORY_MAX_BYTES / 1024);
#endif
    stop(&f);
}

/* ---- violence ---- */

typedef struct {
    pid_t keeper;
    int signal;
    _Atomic bool over;
} Attack;

static pid_t child_of(pid_t pid)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Waits for the keeper's child and sends it the signal. */
static void *attack(void *arg)
{
    const Attack *attack = arg;
    while (!atomic_load(&attack->over)) {
        pid_t child = child_of(attack->keeper);
        if (child > 0 && kill(child, attack->signal) == 0) return NULL;
        usleep(100);
    }
    return NULL;
}

/* Tries until one is met before it is ready; what its job says. */
static Error *attacked(Fixture *f, Str picture, int signal)
{
    Error *err = NULL;
    for (int i = 0; i < 20 && !err; i++) {
        Attack plan = {.keeper = f->keeper, .signal = signal};
        pthread_t thread;
        Thumbnail out;
        assert_int_equal(pthread_create(&thread, NULL, attack, &plan), 0);
        err = thumb(f, picture, "100x100", IMAGE_PNG, &out);
        atomic_store(&plan.over, true);
        pthread_join(thread, NULL);
    }
    return err;
}

static const struct {
    const char *name;
    int signal;
    const char *cause;
} SIGNALS[] = {
    {"killed", SIGKILL, "the decoder died, signal 9"},
    {"crashed", SIGSEGV, "the decoder died, signal 11"},
    {"stopped", SIGSTOP, "it took too long"},
};

static void a_decoder_that_dies_costs_one_job(void **state)
{
    Fixture f = start(*state, 60000);
    Thumbnail out;
    check_ok("first", thumb(&f, png(f.a, 10, 10, 10, false), "5x5", IMAGE_PNG, &out));
    Str large = png(f.a, 7000, 7000, 7000, false);
    for (size_t i = 0; i < COUNT(SIGNALS); i++) {
        uint64_t began_ms = clock_mono_ms();
        Error *err = attacked(&f, large, SIGNALS[i].signal);
        check_int(SIGNALS[i].name, err ? err->status : 0, 422);
#if !defined(__SANITIZE_ADDRESS__) /* which makes an exit of a crash */
        if (!str_starts(err->cause, str_from(SIGNALS[i].cause)))
            fail_msg("%s: %.*s", SIGNALS[i].name, STR_ARG(err->cause));
#endif
        assert_true(clock_mono_ms() - began_ms < IMAGE_TIME_MAX_MS + 30000);
        check_ok("after it", thumb(&f, png(f.a, 10, 10, 10, false), "5x5", IMAGE_PNG, &out));
    }
    stop(&f);
}

static void an_idle_keeper_ends(void **state)
{
    Fixture f = start(*state, 100);
    Thumbnail out;
    check_ok("job", thumb(&f, png(f.a, 10, 10, 10, false), "5x5", IMAGE_PNG, &out));
    int status;
    assert_int_equal(waitpid(f.keeper, &status, 0), f.keeper);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    /* A job sent meanwhile is the next one's. */
    images_destroy(f.images);
    Fixture next = {.a = f.a, .channel = f.channel};
    next.keeper = fork();
    if (next.keeper == 0) {
        ImageKeeper keeper = {.fd = f.channel.keeper, .idle_ms = 60000};
        image_keeper_run(&keeper);
    }
    check_ok("create", images_create(f.a, &f.channel.worker, 1, &next.images));
    check_ok("next", thumb(&next, png(f.a, 10, 10, 10, false), "5x5", IMAGE_PNG, &out));
    stop(&next);
}

/* A keeper that can open nothing beyond the two descriptors of its job. */
static void without_the_library(void **state)
{
    Fixture f = {.a = *state};
    check_ok("channel", image_channel_open(f.a, &f.channel));
    f.keeper = fork();
    if (f.keeper == 0) {
        rlim_t files = f.channel.keeper < 6 ? 6 : 5;
        struct rlimit limit = {files, files};
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        ImageKeeper keeper = {.fd = f.channel.keeper, .idle_ms = 60000};
        image_keeper_run(&keeper);
    }
    check_ok("create", images_create(f.a, &f.channel.worker, 1, &f.images));
    for (int i = 0; i < 2; i++) {
        Thumbnail out;
        Error *err = thumb(&f, png(f.a, 10, 10, 10, false), "5x5", IMAGE_PNG, &out);
        assert_int_equal(err->status, 503);
        assert_true(str_starts(err->cause, S("libvips.so.42 cannot be loaded")));
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(the_size_is_as_asked),
        test_with_arena(pictures_are_set_upright),
        test_with_arena(bad_pictures_cost_an_error),
        test_with_arena(memory_stays_within_its_limit),
        test_with_arena(a_decoder_that_dies_costs_one_job),
        test_with_arena(an_idle_keeper_ends),
        test_with_arena(without_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
