/* encoding.c - bytes as text and back. */
#include "base/encoding.h"
#include "base/base.h"

static const char HEX_UPPER[] = "0123456789ABCDEF";
static const char HEX_LOWER[] = "0123456789abcdef";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return -1;
}

bool percent_decode(Arena *a, Str s, bool plus_is_space, Str *out)
{
    size_t plain = 0;
    while (plain < s.len && s.ptr[plain] != '%' && !(plus_is_space && s.ptr[plain] == '+')) {
        plain++;
    }
    if (plain == s.len) {
        *out = s;
        return true;
    }
    char *to = arena_bytes(a, s.len);
    size_t len = plain;
    if (plain) memcpy(to, s.ptr, plain);
    for (size_t i = plain; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            if (s.len - i < 3) return false;
            int high = hex_value(s.ptr[i + 1]), low = hex_value(s.ptr[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (plus_is_space && c == '+') {
            c = ' ';
        }
        to[len++] = c;
    }
    *out = (Str){to, len};
    return true;
}

static bool is_unreserved(char c)
{
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

Str percent_encode(Arena *a, Str s)
{
    size_t escapes = 0;
    for (size_t i = 0; i < s.len; i++) {
        escapes += !is_unreserved(s.ptr[i]);
    }
    if (escapes == 0) return s;

    char *to = arena_bytes(a, s.len + 2 * escapes);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_unreserved(s.ptr[i])) {
            to[len++] = s.ptr[i];
            continue;
        }
        to[len++] = '%';
        to[len++] = HEX_UPPER[c >> 4];
        to[len++] = HEX_UPPER[c & 15];
    }
    return (Str){to, len};
}

Str hex_encode(Arena *a, Str bytes)
{
    char *to = arena_bytes(a, bytes.len * 2);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        to[2 * i] = HEX_LOWER[c >> 4];
        to[2 * i + 1] = HEX_LOWER[c & 15];
    }
    return (Str){to, bytes.len * 2};
}

/* Four bits at a time: a table one can read, and fast enough for ids. Large
 * files have zlib's. Polynomial 0xEDB88320, reflected (RFC 1952 §8). */
uint32_t crc32_ieee(Str bytes)
{
    static const uint32_t NIBBLES[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        crc = crc >> 4 ^ NIBBLES[crc & 15];
        crc = crc >> 4 ^ NIBBLES[crc & 15];
    }
    return ~crc;
}

static Str html_entity(char c)
{
    switch (c) {
    case '<':
        return S("&lt;");
    case '>':
        return S("&gt;");
    case '&':
        return S("&amp;");
    case '"':
        return S("&#34;");
    case '\'':
        return S("&#39;");
    default:
        return S("");
    }
}

void html_escape(Buf *out, Str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        Str entity = html_entity(text.ptr[i]);
        if (entity.len == 0) continue;
        buf_add(out, (Str){text.ptr + from, i - from});
        buf_add(out, entity);
        from = i + 1;
    }
    buf_add(out, str_from_pos(text, from));
}
