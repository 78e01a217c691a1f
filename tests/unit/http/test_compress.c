/* test_compress.c - media types, codings, and that what is packed unpacks. */
#include "testing.h"

#include "http/compress.h"
#include "http/mime.h"

#include <zlib.h>

static const struct {
    const char *header;
    const char *codings; /* best first: g = gzip, b = brotli */
} ACCEPTS[] = {
    {"", ""},
    {"gzip", "g"},
    {"br", "b"},
    {"gzip, deflate, br", "bg"},
    {"gzip, deflate, br, zstd", "bg"},
    {"GZIP", "g"},
    {"x-gzip", "g"},
    {"gzip;q=0", ""},
    {"gzip;q=0.0", ""},
    {"gzip;q=0.5, br;q=0.1", "gb"},
    {"gzip;q=1.0, br;q=1.0", "bg"},
    {"br;q=0.001", "b"},
    {"*", "bg"},
    {"*;q=0", ""},
    {"br;q=0, *", "g"},
    {"gzip, *;q=0", "g"},
    {"identity", ""},
    {"identity, gzip;q=0.5", ""},
    {"identity;q=0.5, gzip;q=1", "g"},
    {"identity;q=0, gzip", "g"},
    {"gzip ; q=0.5", "g"},
    {"gzip;q=1.001", ""},
    {"gzip;q=2", ""},
    {"gzip;q=-1", ""},
    {"gzip;q=0.1234", ""},
    {"gzip;q=", ""},
    {"gzip;x=1", ""},
    {"gzipp, brr", ""},
    {",,gzip,,", "g"},
};

static void reads_accept_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ACCEPTS); i++) {
        Coding codings[CODINGS_MAX];
        size_t count = codings_accepted(str_from(ACCEPTS[i].header), codings);
        char got[CODINGS_MAX + 1] = {0};
        for (size_t c = 0; c < count; c++)
            got[c] = codings[c] == CODING_GZIP ? 'g' : 'b';
        check_str(ACCEPTS[i].header, str_from(got), ACCEPTS[i].codings);
    }
}

static Str text_of(Arena *a, size_t len)
{
    char *bytes = arena_bytes(a, len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = "the quick brown fox, "[(i * i / 7) % 21];
    return str_make(bytes, len);
}

static void gzip_unpacks_to_the_same(void **state)
{
    Arena *a = *state;
    for (int effort = COMPRESS_FAST; effort <= (int)COMPRESS_SMALL; effort++) {
        Str text = text_of(a, 50000);
        char *out = arena_bytes(a, text.len);
        size_t len = compress_bytes(CODING_GZIP, (CompressEffort)effort, text, out, text.len);
        assert_in_range(len, 1, text.len / 2);

        char *back = arena_bytes(a, text.len);
        z_stream z = {.next_in = (Bytef *)out,
                      .avail_in = (uInt)len,
                      .next_out = (Bytef *)back,
                      .avail_out = (uInt)text.len};
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        inflateEnd(&z);
        assert_memory_equal(back, text.ptr, text.len);
    }
}

static void brotli_makes_it_smaller(void **state)
{
    Arena *a = *state;
    Str text = text_of(a, 50000);
    char *out = arena_bytes(a, text.len);
    size_t len = compress_bytes(CODING_BROTLI, COMPRESS_SMALL, text, out, text.len);
    assert_in_range(len, 1, text.len / 2);
}

static void what_does_not_fit_is_left_alone(void **state)
{
    Arena *a = *state;
    Str text = text_of(a, 50000);
    char *out = arena_bytes(a, 64);
    assert_int_equal(compress_bytes(CODING_GZIP, COMPRESS_SMALL, text, out, 64), 0);
    assert_int_equal(compress_bytes(CODING_BROTLI, COMPRESS_SMALL, text, out, 64), 0);
    assert_int_equal(compress_bytes(CODING_IDENTITY, COMPRESS_SMALL, text, out, 64), 0);
}

static const struct {
    const char *path, *type;
    bool compressible;
} TYPES[] = {
    {"index.html", "text/html; charset=utf-8", true},
    {"a/b/INDEX.HTM", "text/html; charset=utf-8", true},
    {"css/site.css", "text/css; charset=utf-8", true},
    {"app.min.js", "text/javascript; charset=utf-8", true},
    {"m.mjs", "text/javascript; charset=utf-8", true},
    {"d.json", "application/json", true},
    {"i.svg", "image/svg+xml", true},
    {"w.wasm", "application/wasm", true},
    {"x.webmanifest", "application/manifest+json", true},
    {"f.woff2", "font/woff2", false},
    {"f.ttf", "font/ttf", true},
    {"p.png", "image/png", false},
    {"p.webp", "image/webp", false},
    {"v.mp4", "video/mp4", false},
    {"z.zip", "application/zip", false},
    {"7.7z", "application/x-7z-compressed", false},
    {"z.zst", "application/zstd", false},
    {"x.pdf", "application/pdf", false},
    {"noextension", "application/octet-stream", false},
    {"dir.d/noextension", "application/octet-stream", false},
    {"dot.", "application/octet-stream", false},
    {"x.unknown", "application/octet-stream", false},
    {"x.averyveryverylongextension", "application/octet-stream", false},
    {"", "application/octet-stream", false},
};

static void knows_types_by_extension(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        Str type = mime_type_of_path(str_from(TYPES[i].path));
        check_str(TYPES[i].path, type, TYPES[i].type);
        check_bool(TYPES[i].path, mime_is_compressible(type), TYPES[i].compressible);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_accept_encoding),
        test_with_arena(gzip_unpacks_to_the_same),
        test_with_arena(brotli_makes_it_smaller),
        test_with_arena(what_does_not_fit_is_left_alone),
        cmocka_unit_test(knows_types_by_extension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
