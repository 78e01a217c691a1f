/* encoding.h - bytes as text and back: percent, base64, hex, CRC-32, HTML. */
#ifndef CROFT_ENCODING_H
#define CROFT_ENCODING_H

#include "base/arena.h"
#include "base/buf.h"

/* RFC 3986 percent-decoding. False on a '%' without two hex digits. With
 * `plus_is_space` also '+' (application/x-www-form-urlencoded). The result may
 * hold any byte, NUL and '/' included: callers check what they need. Returns
 * `s` itself when there is nothing to decode. */
bool percent_decode(Arena *a, Str s, bool plus_is_space, Str *out);

/* Everything but A-Z a-z 0-9 - _ . ~ becomes %XX. */
Str percent_encode(Arena *a, Str s);

/* RFC 4648. Encoders: with padding; url: without. Decoders take either, and
 * refuse foreign characters, wrong padding and non-zero trailing bits. */
Str base64_encode(Arena *a, Str bytes);
Str base64url_encode(Arena *a, Str bytes);
bool base64_decode(Arena *a, Str text, Str *out);
bool base64url_decode(Arena *a, Str text, Str *out);

Str hex_encode(Arena *a, Str bytes); /* lower case */

uint32_t crc32_ieee(Str bytes); /* the CRC of gzip and of collection ids */

/* < > & " ' as entities. */
void html_escape(Buf *out, Str text);

#endif
