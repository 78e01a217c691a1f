/* formats.c - the shapes of e-mail addresses and URLs, as the `email` and
 * `url` fields accept them (api: collections §3.2).
 *
 * Deliberately about shape only: whether mail arrives is found out by sending
 * it. Bytes above 127 are letters, for international names. Linear in the
 * length, no backtracking. */
#include "records/records_internal.h"

#define EMAIL_MAX_BYTES 320
#define URL_MAX_BYTES   2083

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 5322 §3.2.3 atext. */
static bool is_atext(unsigned char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_label(Str s, bool underscore)
{
    if (s.len == 0 || s.len > 63) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool inner = i > 0 && i + 1 < s.len && (c == '-' || (underscore && c == '_'));
        if (!is_letter(c) && !is_digit(c) && !inner) return false;
    }
    return true;
}

/* Labels separated by dots; *labels counts them, *last is the last one. */
static bool is_name(Str host, bool underscore, size_t *labels, Str *last)
{
    *labels = 0;
    if (host.len == 0 || host.len > 253) return false;
    Str rest = host;
    while (rest.ptr) {
        *last = str_split(&rest, '.');
        if (!is_label(*last, underscore)) return false;
        (*labels)++;
    }
    return true;
}

static bool is_dot_atom(Str s)
{
    if (s.len == 0 || s.len > 64) return false;
    Str rest = s;
    while (rest.ptr) {
        Str atom = str_split(&rest, '.');
        if (atom.len == 0) return false;
        for (size_t i = 0; i < atom.len; i++) {
            if (!is_atext((unsigned char)atom.ptr[i])) return false;
        }
    }
    return true;
}

bool is_email(Str s)
{
    ptrdiff_t at = str_rfind_char(s, '@');
    if (at <= 0 || s.len > EMAIL_MAX_BYTES) return false;
    if (!is_dot_atom(str_sub(s, 0, (size_t)at))) return false;

    size_t labels;
    Str top;
    if (!is_name(str_from_pos(s, (size_t)at + 1), false, &labels, &top)) return false;
    return labels >= 2 && is_letter((unsigned char)top.ptr[0]) &&
           is_letter((unsigned char)top.ptr[top.len - 1]);
}

static Str after_scheme(Str s, bool *has_scheme)
{
    static const char *const SCHEMES[] = {"http://", "https://", "ftp://", "tcp://",
                                          "udp://",  "ws://",    "wss://"};
    *has_scheme = true;
    for (size_t i = 0; i < COUNT(SCHEMES); i++) {
        Str scheme = str_from(SCHEMES[i]);
        if (str_starts_nocase(s, scheme)) return str_from_pos(s, scheme.len);
    }
    *has_scheme = false;
    return s;
}

/* user:password@host:port, without the user part. */
static Str authority_host(Str rest)
{
    size_t end = 0;
    while (end < rest.len && !strchr("/?#", rest.ptr[end]))
        end++;
    Str authority = str_sub(rest, 0, end);
    ptrdiff_t at = str_rfind_char(authority, '@');
    return at < 0 ? authority : str_from_pos(authority, (size_t)at + 1);
}

Str url_host(Str s)
{
    bool has_scheme;
    Str rest = after_scheme(s, &has_scheme);
    return authority_host(rest);
}

static bool is_port(Str s)
{
    uint64_t port;
    return s.len <= 5 && str_to_u64(s, &port) && port <= 65535;
}

static bool is_ipv6_literal(Str s)
{
    size_t colons = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!hex && c != ':' && c != '.') return false;
        colons += c == ':';
    }
    return colons >= 2 && colons <= 7;
}

static bool is_host(Str host, bool needs_dot)
{
    if (host.len > 0 && host.ptr[0] == '[') {
        ptrdiff_t end = str_find_char(host, ']');
        if (end < 0 || !is_ipv6_literal(str_sub(host, 1, (size_t)end - 1))) return false;
        Str port = str_from_pos(host, (size_t)end + 1);
        return port.len == 0 || (port.ptr[0] == ':' && is_port(str_from_pos(port, 1)));
    }
    ptrdiff_t colon = str_find_char(host, ':');
    if (colon >= 0) {
        if (!is_port(str_from_pos(host, (size_t)colon + 1))) return false;
        host.len = (size_t)colon;
    }
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    size_t labels;
    Str last;
    return is_name(host, true, &labels, &last) && (labels > 1 || !needs_dot);
}

bool is_url(Str s)
{
    if (s.len < 3 || s.len > URL_MAX_BYTES || s.ptr[0] == '.') return false;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f) return false;
    }
    bool has_scheme;
    Str rest = after_scheme(s, &has_scheme);
    return is_host(authority_host(rest), !has_scheme);
}
