/* address.c - which addresses belong to the public Internet.
 *
 * An IPv4 address is judged in its IPv6 spelling, so that each range is written
 * once and "::ffff:127.0.0.1" is what it means. Of IPv6 only 2000::/3 is given
 * out at all, so everything else is refused without a list; NAT64's 64:ff9b::/96
 * stands for the IPv4 address in its last four bytes. Sources: IANA's registries
 * of special-purpose addresses (RFC 6890, 8190).
 */
#include "outgoing/outgoing_internal.h"

#include <arpa/inet.h>

#define IPV4(a, b, c, d)                                                                           \
    {                                                                                              \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                                       \
    }
#define IPV4_BITS 96

static const AddressRange MAPPED = {{IPV4(0, 0, 0, 0)}, IPV4_BITS};
static const AddressRange NAT64 = {{{0x00, 0x64, 0xff, 0x9b}}, 96};
static const AddressRange UNICAST = {{{0x20}}, 3};

static const AddressRange SPECIAL[] = {
    {{IPV4(0, 0, 0, 0)}, IPV4_BITS + 8},       /* this network */
    {{IPV4(10, 0, 0, 0)}, IPV4_BITS + 8},      /* private */
    {{IPV4(100, 64, 0, 0)}, IPV4_BITS + 10},   /* shared: carriers' NAT */
    {{IPV4(127, 0, 0, 0)}, IPV4_BITS + 8},     /* loopback */
    {{IPV4(169, 254, 0, 0)}, IPV4_BITS + 16},  /* link-local, clouds' metadata */
    {{IPV4(172, 16, 0, 0)}, IPV4_BITS + 12},   /* private */
    {{IPV4(192, 0, 0, 0)}, IPV4_BITS + 24},    /* protocol assignments */
    {{IPV4(192, 0, 2, 0)}, IPV4_BITS + 24},    /* documentation */
    {{IPV4(192, 88, 99, 0)}, IPV4_BITS + 24},  /* 6to4 relays */
    {{IPV4(192, 168, 0, 0)}, IPV4_BITS + 16},  /* private */
    {{IPV4(198, 18, 0, 0)}, IPV4_BITS + 15},   /* benchmarking */
    {{IPV4(198, 51, 100, 0)}, IPV4_BITS + 24}, /* documentation */
    {{IPV4(203, 0, 113, 0)}, IPV4_BITS + 24},  /* documentation */
    {{IPV4(224, 0, 0, 0)}, IPV4_BITS + 3},     /* multicast, reserved, broadcast */
    {{{0x20, 0x01, 0x00, 0x00}}, 23},          /* protocol assignments, Teredo */
    {{{0x20, 0x01, 0x0d, 0xb8}}, 32},          /* documentation */
    {{{0x20, 0x02}}, 16},                      /* 6to4: some IPv4 address in disguise */
    {{{0x3f, 0xff}}, 20},                      /* documentation */
};

static Address ipv4_mapped(const uint8_t bytes[4])
{
    Address out = MAPPED.first;
    memcpy(out.bytes + 12, bytes, 4);
    return out;
}

bool address_parse(Str text, Address *out)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, 0, text.len)) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    uint8_t v4[4];
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *out = ipv4_mapped(v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

bool address_of_socket(const struct sockaddr *from, Address *out)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof(v4));
        *out = ipv4_mapped((const uint8_t *)&v4.sin_addr);
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, from, sizeof(v6));
    memcpy(out->bytes, &v6.sin6_addr, sizeof(out->bytes));
    return true;
}

bool address_range_parse(Str text, AddressRange *out)
{
    ptrdiff_t slash = str_find_char(text, '/');
    Str address = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
    if (!address_parse(address, &out->first)) return false;
    bool is_v4 = str_find_char(address, ':') < 0;
    int64_t bits = is_v4 ? 32 : 128;
    if (slash >= 0) {
        int64_t given;
        if (!str_to_i64(str_from_pos(text, (size_t)slash + 1), &given)) return false;
        if (given < 0 || given > bits) return false;
        bits = given;
    }
    out->bits = (int)bits + (is_v4 ? IPV4_BITS : 0);
    return true;
}

bool address_in(const Address *address, const AddressRange *range)
{
    size_t whole = (size_t)range->bits / 8;
    if (memcmp(address->bytes, range->first.bytes, whole) != 0) return false;
    int rest = range->bits % 8;
    if (rest == 0) return true;
    int mask = 0xff << (8 - rest) & 0xff;
    return (address->bytes[whole] & mask) == (range->first.bytes[whole] & mask);
}

bool address_public(const Address *address)
{
    Address judged = *address;
    if (address_in(address, &NAT64)) judged = ipv4_mapped(address->bytes + 12);
    if (!address_in(&judged, &MAPPED) && !address_in(&judged, &UNICAST)) return false;
    for (size_t i = 0; i < COUNT(SPECIAL); i++) {
        if (address_in(&judged, &SPECIAL[i])) return false;
    }
    return true;
}

bool address_is_public(Str ip)
{
    Address address;
    return address_parse(ip, &address) && address_public(&address);
}
