/* ip.c - addresses: the caller behind proxies, and lists of who may come.
 *
 * An IPv4 address written as IPv6 ("::ffff:10.0.0.1") is the IPv4 address, so
 * that neither a list nor a limit can be slipped past by writing it otherwise. */
#include "settings/settings.h"

#include <arpa/inet.h>

typedef struct {
    int bits; /* 32 or 128 */
    unsigned char bytes[16];
} Ip;

static bool ip_parse(Str text, Ip *out)
{
    char copy[INET6_ADDRSTRLEN + 1];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, 0, text.len)) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;

    *out = (Ip){.bits = 32};
    if (inet_pton(AF_INET, copy, out->bytes) == 1) return true;
    if (inet_pton(AF_INET6, copy, out->bytes) != 1) return false;
    out->bits = 128;
    static const unsigned char MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(out->bytes, MAPPED, sizeof MAPPED) == 0) {
        memmove(out->bytes, out->bytes + 12, 4);
        memset(out->bytes + 4, 0, 12);
        out->bits = 32;
    }
    return true;
}

static Str ip_format(Arena *a, const Ip *ip)
{
    const unsigned char *b = ip->bytes;
    if (ip->bits == 32) return str_printf(a, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    char *text = arena_bytes(a, 40);
    size_t len = 0;
    for (int i = 0; i < 16; i++) {
        text[len++] = "0123456789abcdef"[b[i] >> 4];
        text[len++] = "0123456789abcdef"[b[i] & 15];
        if (i % 2 == 1 && i < 15) text[len++] = ':';
    }
    return str_make(text, len);
}

/* "10.0.0.0/8", or an address, which is a range of one. */
static bool range_parse(Str text, Ip *ip, int *prefix)
{
    Str rest = text;
    Str address = str_split(&rest, '/');
    if (!ip_parse(address, ip)) return false;
    *prefix = ip->bits;
    if (!rest.ptr) return true;

    uint64_t number;
    bool leading_zero = rest.len > 1 && rest.ptr[0] == '0';
    if (leading_zero || !str_to_u64(rest, &number)) return false;
    bool mapped = ip->bits == 32 && str_find_char(address, ':') >= 0;
    if (mapped) { /* ::ffff:a.b.c.d/96 and longer */
        if (number < 96) return false;
        number -= 96;
    }
    if (number > (uint64_t)ip->bits) return false;
    *prefix = (int)number;
    return true;
}

static bool in_range(const Ip *ip, const Ip *range, int prefix)
{
    if (ip->bits != range->bits) return false;
    int whole = prefix / 8, rest = prefix % 8;
    if (memcmp(ip->bytes, range->bytes, (size_t)whole) != 0) return false;
    if (rest == 0) return true;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return (ip->bytes[whole] & mask) == (range->bytes[whole] & mask);
}

bool ip_or_cidr_valid(Str text)
{
    Ip ip;
    int prefix;
    return range_parse(text, &ip, &prefix);
}

bool ip_in_list(Str ip, const Str *list, size_t count)
{
    Ip address, range;
    int prefix;
    if (!ip_parse(ip, &address)) return false;
    for (size_t i = 0; i < count; i++) {
        if (range_parse(list[i], &range, &prefix) && in_range(&address, &range, prefix))
            return true;
    }
    return false;
}

/* The last, or with `leftmost` the first, element that is an address. */
static bool pick(Str value, bool leftmost, Ip *out)
{
    bool found = false;
    while (value.ptr) {
        Ip ip;
        if (!ip_parse(str_trim(str_split(&value, ',')), &ip)) continue;
        *out = ip;
        found = true;
        if (leftmost) break;
    }
    return found;
}

Str settings_real_ip(const Settings *s, Arena *a, Str peer_ip,
                     Str (*header_last)(const void *arg, Str name), const void *arg)
{
    Ip ip;
    for (size_t i = 0; i < s->proxy_header_count; i++) {
        Str value = header_last(arg, s->proxy_headers[i]);
        if (value.len > 0 && pick(value, s->proxy_use_leftmost_ip, &ip)) return ip_format(a, &ip);
    }
    if (str_find_char(peer_ip, ':') < 0) return peer_ip; /* IPv4 has one form, and this is it */
    return ip_parse(peer_ip, &ip) ? ip_format(a, &ip) : peer_ip;
}
