/* formats.c - what a domain, a host, a URL, an e-mail address looks like.
 *
 * Loose on purpose: these keep typing errors out of settings, they do not prove
 * that anything exists. */
#include "schema/options.h"

#include <arpa/inet.h>

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool text_is_word(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alpha(s.ptr[i]) && !is_digit(s.ptr[i]) && s.ptr[i] != '_') return false;
    }
    return s.len > 0;
}

/* RFC 1035 §2.3.1 with a leading digit (RFC 1123 §2.1) and, as DNS has them in
 * practice, underscores. */
static bool is_label(Str s)
{
    if (s.len == 0 || s.len > 63 || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-') return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_') return false;
    }
    return true;
}

static bool is_dns_name(Str s, size_t min_labels)
{
    if (s.len == 0 || s.len > 253) return false;
    size_t labels = 0;
    Str rest = s, last = {0};
    while (rest.ptr) {
        last = str_split(&rest, '.');
        if (!is_label(last)) return false;
        labels++;
    }
    /* "1.2.3.999" is a mistyped address, not a name. */
    bool named = false;
    for (size_t i = 0; i < last.len; i++)
        named |= is_alpha(last.ptr[i]);
    return named && labels >= min_labels;
}

bool text_is_domain(Str s)
{
    return is_dns_name(s, 2) && str_find_char(s, '_') < 0;
}

static bool text_is_ip(Str s)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, 0, s.len)) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool text_is_host(Str s)
{
    return text_is_ip(s) || is_dns_name(s, 1);
}

static bool is_host_and_port(Str s)
{
    Str host = s, port = {0};
    ptrdiff_t colon = str_rfind_char(s, ':');
    bool bracketed = str_starts(s, S("["));
    if (bracketed) {
        ptrdiff_t end = str_find_char(s, ']');
        if (end < 0) return false;
        host = str_sub(s, 1, (size_t)end - 1);
        Str tail = str_from_pos(s, (size_t)end + 1);
        if (tail.len > 0 && tail.ptr[0] != ':') return false;
        port = str_from_pos(tail, 1);
    } else if (colon >= 0) {
        host = str_sub(s, 0, (size_t)colon);
        port = str_from_pos(s, (size_t)colon + 1);
        if (port.len == 0) return false;
    }
    uint64_t number;
    if (port.len > 0 && (!str_to_u64(port, &number) || number > 65535)) return false;
    return bracketed ? text_is_ip(host) : text_is_host(host);
}

bool text_is_url(Str s)
{
    if (s.len == 0 || s.len > 2083) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>') return false;
    }
    ptrdiff_t scheme_end = str_find(s, S("://"));
    bool has_scheme = scheme_end >= 0;
    if (has_scheme) {
        Str scheme = str_sub(s, 0, (size_t)scheme_end);
        if (scheme.len == 0 || !is_alpha(scheme.ptr[0])) return false;
        for (size_t i = 0; i < scheme.len; i++) {
            char c = scheme.ptr[i];
            if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
        }
        s = str_from_pos(s, (size_t)scheme_end + 3);
    }
    size_t end = 0;
    while (end < s.len && !strchr("/?#", s.ptr[end]))
        end++;
    Str authority = str_sub(s, 0, end);
    ptrdiff_t at = str_rfind_char(authority, '@');
    if (at >= 0) authority = str_from_pos(authority, (size_t)at + 1);
    if (!is_host_and_port(authority)) return false;
    /* Without a scheme a lone word is no address. */
    return has_scheme || str_find_char(authority, '.') >= 0 ||
           str_starts(authority, S("localhost"));
}

bool text_is_email(Str s)
{
    ptrdiff_t at = str_rfind_char(s, '@');
    if (at < 1 || at > 64 || s.len > 254) return false;
    Str local = str_sub(s, 0, (size_t)at);
    if (local.ptr[0] == '.' || local.ptr[local.len - 1] == '.' || str_find(local, S("..")) >= 0)
        return false;
    for (size_t i = 0; i < local.len; i++) {
        unsigned char c = (unsigned char)local.ptr[i];
        if (c <= ' ' || c == 0x7f || strchr("\"(),:;<>@[\\]", c)) return false;
    }
    Str domain = str_from_pos(s, (size_t)at + 1);
    return is_dns_name(domain, 2);
}

bool text_is_hex_color(Str s)
{
    if ((s.len != 4 && s.len != 7) || s.ptr[0] != '#') return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_hex(s.ptr[i])) return false;
    }
    return true;
}
