/* str.c - looking into borrowed strings. */
#include "base/str.h"

static char lower(char c)
{
    if (c < 'A' || c > 'Z') return c;
    return (char)(c | 0x20);
}

static bool equal_nocase(const char *x, const char *y, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(x[i]) != lower(y[i])) return false;
    return true;
}

bool str_eq_nocase(Str a, Str b)
{
    return a.len == b.len && equal_nocase(a.ptr, b.ptr, a.len);
}

bool str_starts_nocase(Str s, Str prefix)
{
    return s.len >= prefix.len && equal_nocase(s.ptr, prefix.ptr, prefix.len);
}

int str_cmp(Str a, Str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t str_find(Str s, Str needle)
{
    if (needle.len == 0) return 0;
    if (s.len < needle.len) return -1;
    const char *found = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return found ? found - s.ptr : -1;
}

ptrdiff_t str_find_char(Str s, char c)
{
    const char *found = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return found ? found - s.ptr : -1;
}

ptrdiff_t str_rfind_char(Str s, char c)
{
    const char *found = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return found ? found - s.ptr : -1;
}

Str str_from_pos(Str s, size_t start)
{
    if (start >= s.len) return (Str){s.ptr ? s.ptr + s.len : "", 0};
    return (Str){s.ptr + start, s.len - start};
}

Str str_sub(Str s, size_t start, size_t len)
{
    Str tail = str_from_pos(s, start);
    if (tail.len > len) tail.len = len;
    return tail;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Str str_trim(Str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

Str str_split(Str *rest, char sep)
{
    Str all = *rest;
    ptrdiff_t at = str_find_char(all, sep);
    if (at < 0) {
        *rest = (Str){NULL, 0};
        return all;
    }
    *rest = (Str){all.ptr + at + 1, all.len - (size_t)at - 1};
    return (Str){all.ptr, (size_t)at};
}

bool str_eq_constant_time(Str a, Str b)
{
    if (a.len != b.len) return false;
    const volatile unsigned char *x = (const unsigned char *)a.ptr;
    const volatile unsigned char *y = (const unsigned char *)b.ptr;
    unsigned different = 0;
    for (size_t i = 0; i < a.len; i++) {
        different |= (unsigned)(x[i] ^ y[i]);
    }
    return different == 0;
}
