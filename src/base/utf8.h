/* utf8.h - UTF-8 by the book (RFC 3629): overlong forms, surrogates and code
 * points above U+10FFFF are invalid. ASCII runs are checked 16 bytes a step. */
#ifndef CROFT_UTF8_H
#define CROFT_UTF8_H

#include "base/str.h"

bool utf8_valid(Str s);

/* Bytes of the first code point of any text; 0 when it is invalid, cut or empty. */
size_t utf8_sequence(Str s);

/* Code points in a valid text. */
size_t utf8_length(Str s);

/* Bytes taken by the first `count` code points (or all of s). */
size_t utf8_offset(Str s, size_t count);

/* Writes 1-4 bytes, returns how many; `cp` must be a scalar value. */
size_t utf8_encode(uint32_t cp, char out[4]);

/* Decodes one code point of a valid, non-empty text; *size = bytes taken. */
uint32_t utf8_decode(Str s, size_t *size);

#endif
