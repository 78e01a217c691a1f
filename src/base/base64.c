/* base64.c - RFC 4648, both alphabets. */
#include "base/base.h"
#include "base/encoding.h"

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static Str encode(Arena *a, Str bytes, const char *alphabet, bool pad)
{
    char *out = arena_bytes(a, (bytes.len + 2) / 3 * 4);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t len = 0, i = 0;
    for (; bytes.len - i >= 3; i += 3) {
        uint32_t group = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        out[len++] = alphabet[group >> 18];
        out[len++] = alphabet[group >> 12 & 63];
        out[len++] = alphabet[group >> 6 & 63];
        out[len++] = alphabet[group & 63];
    }
    size_t left = bytes.len - i;
    if (left == 0) return (Str){out, len};

    uint32_t group = (uint32_t)p[i] << 16 | (left == 2 ? (uint32_t)p[i + 1] << 8 : 0);
    out[len++] = alphabet[group >> 18];
    out[len++] = alphabet[group >> 12 & 63];
    if (left == 2) out[len++] = alphabet[group >> 6 & 63];
    while (pad && len % 4) {
        out[len++] = '=';
    }
    return (Str){out, len};
}

static int value_of(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == alphabet[62]) return 62;
    if (c == alphabet[63]) return 63;
    return -1;
}

/* Padding is all of what RFC 4648 asks for, or none. */
static bool strip_padding(Str *text)
{
    size_t pads = 0;
    while (pads < text->len && pads < 3 && text->ptr[text->len - 1 - pads] == '=') {
        pads++;
    }
    if (pads > 0 && (pads > 2 || text->len % 4 != 0)) return false;
    text->len -= pads;
    return text->len % 4 != 1;
}

static bool decode(Arena *a, Str text, const char *alphabet, Str *out)
{
    if (!strip_padding(&text)) return false;
    char *to = arena_bytes(a, text.len / 4 * 3 + 2);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.ptr[i], alphabet);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        to[len++] = (char)(bits >> count & 0xFF);
    }
    if (bits & ((1u << count) - 1)) return false; /* two texts for the same bytes */
    *out = (Str){to, len};
    return true;
}

Str base64_encode(Arena *a, Str bytes)
{
    return encode(a, bytes, STANDARD, true);
}

Str base64url_encode(Arena *a, Str bytes)
{
    return encode(a, bytes, URL, false);
}

bool base64_decode(Arena *a, Str text, Str *out)
{
    return decode(a, text, STANDARD, out);
}

bool base64url_decode(Arena *a, Str text, Str *out)
{
    return decode(a, text, URL, out);
}
