/* fuzz_percent.c - any bytes, percent- and base64-decoded.
 *
 * Properties: decoding gives back what encoding made of any bytes; of what a
 * decoder accepts the text is no longer than before, and base64 has exactly
 * one text (but for padding) for the bytes it gives.
 */
#include "base/encoding.h"
#include "base/utf8.h"

#include <stdlib.h>

static void must(bool fact)
{
    if (!fact) abort();
}

static Str without_padding(Str s)
{
    while (s.len && s.ptr[s.len - 1] == '=') {
        s.len--;
    }
    return s;
}

static void percent(Arena *a, Str text)
{
    Str out;
    for (int plus = 0; plus < 2; plus++) {
        must(percent_decode(a, percent_encode(a, text), plus, &out) && str_eq(out, text));
        if (percent_decode(a, text, plus, &out)) must(out.len <= text.len);
    }
}

static void base64(Arena *a, Str text)
{
    Str out;
    must(base64_decode(a, base64_encode(a, text), &out) && str_eq(out, text));
    must(base64url_decode(a, base64url_encode(a, text), &out) && str_eq(out, text));
    if (base64_decode(a, text, &out))
        must(str_eq(without_padding(text), without_padding(base64_encode(a, out))));
    if (base64url_decode(a, text, &out))
        must(str_eq(without_padding(text), base64url_encode(a, out)));
}

/* Valid text is a row of valid code points, and the other way round. */
static void utf8(Str text)
{
    bool valid = utf8_valid(text);
    size_t count = 0, at = 0;
    while (at < text.len) {
        size_t size = utf8_sequence(str_from_pos(text, at)), taken;
        if (size == 0) break;
        char bytes[4];
        uint32_t cp = utf8_decode(str_from_pos(text, at), &taken);
        must(taken == size && utf8_encode(cp, bytes) == size);
        must(memcmp(bytes, text.ptr + at, size) == 0);
        at += size;
        count++;
    }
    must(valid == (at == text.len));
    if (valid) must(utf8_length(text) == count && utf8_offset(text, count) == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_create("fuzz", 0);
    Str text = {(const char *)data, size};
    percent(a, text);
    base64(a, text);
    utf8(text);
    Buf out = buf_new(a, 0);
    html_escape(&out, text);
    must(str_find_char(buf_str(&out), '<') < 0 && out.len >= size);
    arena_destroy(a);
    return 0;
}
