/* json_scan.h - finding the next byte of a string that needs attention, 16 at a time. */
#ifndef CROFT_JSON_SCAN_H
#define CROFT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte in [p, end) that ends the plain run of a string being read:
 * a quote, a backslash or a control character; `end` when there is none. Sets
 * *foreign when one of the bytes before it is not ASCII. */
static inline const char *scan_string(const char *p, const char *end, bool *foreign)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned stops = (unsigned)_mm_movemask_epi8(stop);
        unsigned high = (unsigned)_mm_movemask_epi8(v);
        if (stops == 0) {
            *foreign |= high != 0;
            continue;
        }
        *foreign |= (high & (stops ^ (stops - 1))) != 0; /* the bytes up to the first stop */
        return p + __builtin_ctz(stops);
    }
#endif
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\' || c < 0x20) break;
        *foreign |= c >= 0x80;
    }
    return p;
}

/* What the writer does not copy as it stands: what must be escaped, and all
 * that is not ASCII, which is checked a code point at a time. */
static inline bool must_look(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

/* Copies from [p, end) up to the first byte that needs a look; returns where
 * that is. `to` has room for all of it and 16 bytes more. */
static inline const char *copy_plain(char *to, const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    const __m128i two = _mm_set1_epi8(2), angle = _mm_set1_epi8('>');      /* '<' | 2 == '>' */
    const __m128i four = _mm_set1_epi8(4), ampersand = _mm_set1_epi8('&'); /* '"' | 4 == '&' */
    for (; end - p >= 16; p += 16, to += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)to, v);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(_mm_or_si128(v, two), angle),
                                    _mm_cmpeq_epi8(_mm_or_si128(v, four), ampersand));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, slash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned stops = (unsigned)(_mm_movemask_epi8(stop) | _mm_movemask_epi8(v));
        if (stops) return p + __builtin_ctz(stops);
    }
#endif
    for (; p < end && !must_look(*p); p++) {
        *to++ = *p;
    }
    return p;
}

#endif
