/* utf8.c - UTF-8 by the book (RFC 3629). */
#include "base/utf8.h"
#include "base/base.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first of p's bytes that is not ASCII, or `end`. */
static inline const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (high) return p + __builtin_ctz((unsigned)high);
    }
#else
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if (word & UINT64_C(0x8080808080808080)) break;
    }
#endif
    while (p < end && *p < 0x80) {
        p++;
    }
    return p;
}

size_t utf8_sequence(Str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (s.len == 0) return 0;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2) return 0; /* a continuation, or overlong for ASCII */
    if (s.len < 2) return 0;
    if (p[0] < 0xE0) return (p[1] & 0xC0) == 0x80 ? 2 : 0;

    /* The second byte decides about overlong forms, surrogates and the end. */
    unsigned char low = 0x80, high = 0xBF;
    if (p[0] == 0xE0) low = 0xA0;
    if (p[0] == 0xED) high = 0x9F;
    if (p[0] == 0xF0) low = 0x90;
    if (p[0] == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high || s.len < 3 || (p[2] & 0xC0) != 0x80) return 0;
    if (p[0] < 0xF0) return 3;
    if (p[0] > 0xF4 || s.len < 4 || (p[3] & 0xC0) != 0x80) return 0;
    return 4;
}

bool utf8_valid(Str s)
{
    if (s.len == 0) return true; /* may be NULL, which takes no offset */
    const unsigned char *p = (const unsigned char *)s.ptr;
    const unsigned char *end = p + s.len;
    for (;;) {
        p = skip_ascii(p, end);
        if (p == end) return true;
        do { /* letters that are not ASCII come in words */
            size_t size = utf8_sequence((Str){(const char *)p, (size_t)(end - p)});
            if (size == 0) return false;
            p += size;
        } while (p < end && *p >= 0x80);
    }
}

static bool starts_code_point(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

size_t utf8_length(Str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        count += starts_code_point(s.ptr[i]);
    }
    return count;
}

size_t utf8_offset(Str s, size_t count)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!starts_code_point(s.ptr[i])) continue;
        if (count-- == 0) return i;
    }
    return s.len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    assert(cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF));
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

uint32_t utf8_decode(Str s, size_t *size)
{
    assert(s.len > 0);
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    assert(n <= s.len);
    *size = n;
    if (n == 1) return p[0];
    uint32_t cp = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        cp = cp << 6 | (p[i] & 0x3F);
    }
    return cp;
}
