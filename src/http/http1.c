/* http1.c - the head of an HTTP/1 request: found, checked, taken apart.
 *
 * Numbers in brackets are sections of RFC 9112, with a 9110 of RFC 9110. The
 * pedantry has a reason: two programs that read one head differently (this
 * server and a proxy before it) can be made to disagree on where a request
 * ends, and then one client's bytes become another client's request.
 */
#include "http/http1.h"

#define REQUEST_LINE_EXTRA (HTTP1_METHOD_MAX + 16) /* method, blanks, version, CRLF */

enum { TOKEN = 1, TARGET = 2, HOST = 4 };

/* What each character may be part of. TARGET: visible ASCII but '#'; browsers
 * send " < > \ ^ ` { | } as they are, so those are taken too. HOST: reg-name
 * and IP literal with port [9110 4.2]. */
static const uint8_t CHARS[256] = {
    ['!'] = 7, ['"'] = 2,         ['#'] = 1,         ['$'] = 7, ['%'] = 7,  ['&'] = 7, ['\''] = 7,
    ['('] = 6, [')'] = 6,         ['*'] = 7,         ['+'] = 7, [','] = 6,  ['-'] = 7, ['.'] = 7,
    ['/'] = 2, ['0' ... '9'] = 7, [':'] = 6,         [';'] = 6, ['<'] = 2,  ['='] = 6, ['>'] = 2,
    ['?'] = 2, ['@'] = 2,         ['A' ... 'Z'] = 7, ['['] = 6, ['\\'] = 2, [']'] = 6, ['^'] = 3,
    ['_'] = 7, ['`'] = 3,         ['a' ... 'z'] = 7, ['{'] = 2, ['|'] = 3,  ['}'] = 2, ['~'] = 7,
};

bool http_is_token_char(unsigned char c)
{
    return CHARS[c] & TOKEN;
}

static bool all_are(Str s, uint8_t kind)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(CHARS[(unsigned char)s.ptr[i]] & kind)) return false;
    return true;
}

/* ---- finding the end ---- */

static bool too_long(const Http1Scan *s, const HttpLimits *limits, size_t line_bytes)
{
    if (s->lines == 0) return line_bytes > limits->uri_bytes + REQUEST_LINE_EXTRA;
    return s->checked - s->skipped - s->line_bytes + line_bytes > limits->header_bytes;
}

/* One empty line before the request line is ignored [2.2]; the first character
 * must then be one of a method: a TLS hello or a stray body shows at once. */
static int scan_start(Http1Scan *s, const char *bytes, size_t len)
{
    if (s->checked == 0 && len > 0 && bytes[0] == '\r') {
        if (len < 2) return 0;
        if (bytes[1] != '\n') return 400;
        s->skipped = s->checked = 2;
    }
    if (len > s->checked && !http_is_token_char((unsigned char)bytes[s->checked])) return 400;
    return 0;
}

int http1_scan(Http1Scan *s, const HttpLimits *limits, const char *bytes, size_t len)
{
    if (s->lines == 0) {
        int status = scan_start(s, bytes, len);
        if (status) return status;
    }
    while (s->checked < len) {
        const char *line = bytes + s->checked;
        size_t left = len - s->checked;
        const char *end = memchr(line, '\n', left);
        size_t line_bytes = end ? (size_t)(end - line) + 1 : left;

        if (too_long(s, limits, line_bytes)) return s->lines == 0 ? 414 : 431;
        if (!end) return 0;
        if (line_bytes < 2 || end[-1] != '\r') return 400; /* bare LF [2.2] */
        if (line_bytes == 2 && s->lines > 0) {
            s->head_bytes = s->checked + 2;
            return HTTP1_COMPLETE;
        }
        if (s->lines == 0) s->line_bytes = line_bytes;
        if (s->lines++ > limits->header_fields) return 431;
        s->checked += line_bytes;
    }
    return 0;
}

/* ---- taking it apart ---- */

/* What the fields said that decides about the framing. */
typedef struct {
    Str host, expect;
    size_t hosts, lengths, codings;
    bool close, keep_alive;
    bool chunked;        /* seen in Transfer-Encoding */
    bool coding_bad;     /* an empty one, or one behind chunked */
    bool coding_unknown; /* something else than chunked */
} Fields;

static int refuse(Http1Head *h, int status, const char *problem)
{
    h->problem = problem;
    return status;
}

static HttpMethod method_find(Str text)
{
    static const struct {
        Str name;
        HttpMethod method;
    } METHODS[] = {
        {STR_INIT("GET"), HTTP_GET},         {STR_INIT("POST"), HTTP_POST},
        {STR_INIT("PATCH"), HTTP_PATCH},     {STR_INIT("DELETE"), HTTP_DELETE},
        {STR_INIT("PUT"), HTTP_PUT},         {STR_INIT("HEAD"), HTTP_HEAD},
        {STR_INIT("OPTIONS"), HTTP_OPTIONS},
    };
    for (size_t i = 0; i < COUNT(METHODS); i++)
        if (str_eq(text, METHODS[i].name)) return METHODS[i].method;
    return HTTP_METHOD_OTHER;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "host", "host:80", "[::1]:80"; empty is allowed in a Host field [9110 7.2]. */
static bool host_valid(Str host)
{
    if (!all_are(host, HOST)) return false;
    Str port = {0};
    if (str_starts(host, S("["))) {
        ptrdiff_t end = str_find_char(host, ']');
        if (end < 2) return false;
        Str inside = str_sub(host, 1, (size_t)end - 1);
        for (size_t i = 0; i < inside.len; i++)
            if (inside.ptr[i] == '[' || inside.ptr[i] == '%') return false;
        port = str_from_pos(host, (size_t)end + 1);
        if (port.len > 0 && port.ptr[0] != ':') return false;
    } else {
        if (str_find_char(host, '[') >= 0 || str_find_char(host, ']') >= 0) return false;
        ptrdiff_t colon = str_find_char(host, ':');
        if (colon == 0) return false;
        if (colon > 0) port = str_from_pos(host, (size_t)colon);
    }
    if (port.len > 6) return false;
    for (size_t i = 1; i < port.len; i++)
        if (!is_digit(port.ptr[i])) return false;
    return true;
}

static void split_query(Http1Head *h, Str rest)
{
    ptrdiff_t mark = str_find_char(rest, '?');
    h->path = mark < 0 ? rest : str_sub(rest, 0, (size_t)mark);
    h->query_string = mark < 0 ? S("") : str_from_pos(rest, (size_t)mark + 1);
}

/* "http://host/path?query": the authority takes the place of Host [3.2.2]. */
static int parse_absolute(Http1Head *h)
{
    Str rest;
    if (str_starts_nocase(h->target, S("http://")))
        rest = str_from_pos(h->target, 7);
    else if (str_starts_nocase(h->target, S("https://")))
        rest = str_from_pos(h->target, 8);
    else
        return refuse(h, 400, "request target is neither a path nor a URL");

    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    h->host = str_sub(rest, 0, end);
    if (h->host.len == 0 || !host_valid(h->host)) return refuse(h, 400, "bad host in the target");

    split_query(h, str_from_pos(rest, end));
    if (h->path.len == 0) h->path = h->method == HTTP_OPTIONS ? S("*") : S("/");
    return 0;
}

static int parse_target(Http1Head *h)
{
    if (!all_are(h->target, TARGET)) return refuse(h, 400, "bad character in the target");
    if (h->target.ptr[0] == '/') {
        split_query(h, h->target);
        return 0;
    }
    if (str_eq(h->target, S("*"))) {
        if (h->method != HTTP_OPTIONS) return refuse(h, 400, "'*' is for OPTIONS");
        h->path = h->target;
        h->query_string = S("");
        return 0;
    }
    return parse_absolute(h);
}

static int parse_version(Http1Head *h, Str version)
{
    bool shape = version.len == 8 && memcmp(version.ptr, "HTTP/", 5) == 0 &&
                 is_digit(version.ptr[5]) && version.ptr[6] == '.' && is_digit(version.ptr[7]);
    if (!shape) return refuse(h, 400, "no HTTP version");
    if (version.ptr[5] != '1') return refuse(h, 505, "not HTTP/1");
    h->is_http10 = version.ptr[7] == '0'; /* 1.2 and so on are read as 1.1 [9110 6.2] */
    return 0;
}

/* method SP target SP version, one blank each [3]. */
static int parse_request_line(Http1Head *h, Str line, const HttpLimits *limits)
{
    Str rest = line;
    h->method_text = str_split(&rest, ' ');
    h->target = str_split(&rest, ' ');
    if (!rest.ptr || h->method_text.len == 0 || h->target.len == 0)
        return refuse(h, 400, "malformed request line");
    if (!all_are(h->method_text, TOKEN)) return refuse(h, 400, "bad character in the method");

    int status = parse_version(h, rest);
    if (status) return status;
    if (h->method_text.len > HTTP1_METHOD_MAX) return refuse(h, 501, "method too long");
    if (str_eq(h->method_text, S("CONNECT")) || str_eq(h->method_text, S("TRACE")))
        return refuse(h, 501, "method not offered");
    if (h->target.len > limits->uri_bytes) return refuse(h, 414, "target too long");
    h->method = method_find(h->method_text);
    return parse_target(h);
}

/* A byte below 0x20 but TAB, or DEL [9110 5.5]. Eight bytes a step: subtracting
 * 0x20 from each borrows exactly where a byte is smaller; TABs land there too
 * and are told apart one by one. */
static bool value_valid(Str v)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    size_t i = 0;
    for (; i + 8 <= v.len; i += 8) {
        uint64_t word;
        memcpy(&word, v.ptr + i, 8);
        uint64_t del = word ^ (ones * 0x7f);
        uint64_t below = (word - ones * 0x20) & ~word & high;
        uint64_t is_del = (del - ones) & ~del & high;
        if (!(below | is_del)) continue;
        for (size_t k = i; k < i + 8; k++) {
            unsigned char c = (unsigned char)v.ptr[k];
            if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
        }
    }
    for (; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static Str trim_blanks(Str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_from_pos(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* The whole of Transfer-Encoding must come to "chunked", once, last [6.1, 6.3].
 * Several fields are one list. */
static void note_codings(Fields *f, Str value)
{
    Str rest = value;
    do {
        Str coding = trim_blanks(str_split(&rest, ','));
        if (coding.len == 0 || f->chunked) f->coding_bad = true;
        if (str_eq_nocase(coding, S("chunked")))
            f->chunked = true;
        else
            f->coding_unknown = true;
        f->codings++;
    } while (rest.ptr);
}

static void note_connection(Fields *f, Str value)
{
    Str rest = value;
    do {
        Str option = trim_blanks(str_split(&rest, ','));
        if (str_eq_nocase(option, S("close"))) f->close = true;
        if (str_eq_nocase(option, S("keep-alive"))) f->keep_alive = true;
    } while (rest.ptr);
}

static int note_length(Http1Head *h, Fields *f, Str value)
{
    if (f->lengths++ > 0) return refuse(h, 400, "two Content-Length fields");
    if (value.len == 0) return refuse(h, 400, "empty Content-Length");
    for (size_t i = 0; i < value.len; i++)
        if (!is_digit(value.ptr[i])) return refuse(h, 400, "Content-Length is not a number");
    while (value.len > 1 && value.ptr[0] == '0')
        value = str_from_pos(value, 1);
    uint64_t length;
    if (!str_to_u64(value, &length) || length > INT64_MAX)
        return refuse(h, 413, "Content-Length beyond all limits");
    h->content_length = length;
    h->has_length = true;
    return 0;
}

/* The fields that decide how the message is read; most names are none of them,
 * which their length shows. */
static int note_field(Http1Head *h, Fields *f, Str name, Str value)
{
    switch (name.len) {
    case 4:
        if (!str_eq_nocase(name, S("host"))) return 0;
        f->host = value;
        f->hosts++;
        return 0;
    case 6:
        if (str_eq_nocase(name, S("expect"))) f->expect = value;
        return 0;
    case 10:
        if (str_eq_nocase(name, S("connection"))) note_connection(f, value);
        return 0;
    case 14:
        return str_eq_nocase(name, S("content-length")) ? note_length(h, f, value) : 0;
    case 17:
        if (str_eq_nocase(name, S("transfer-encoding"))) note_codings(f, value);
        return 0;
    default:
        return 0;
    }
}

/* name ":" OWS value OWS; no blank before the colon [5.1], no folding [5.2]. */
static int parse_field(Http1Head *h, Fields *f, Str line)
{
    size_t colon = 0;
    while (colon < line.len && http_is_token_char((unsigned char)line.ptr[colon]))
        colon++;
    if (colon == 0 || colon == line.len || line.ptr[colon] != ':')
        return refuse(h, 400, "malformed header field");

    Str name = str_sub(line, 0, colon);
    Str value = trim_blanks(str_from_pos(line, colon + 1));
    if (!value_valid(value)) return refuse(h, 400, "control character in a header field");
    h->headers[h->header_count++] = (HttpHeader){name, value};
    return note_field(h, f, name, value);
}

static int check_host(Http1Head *h, const Fields *f)
{
    if (f->hosts > 1) return refuse(h, 400, "two Host fields");
    if (f->hosts == 0 && !h->is_http10) return refuse(h, 400, "no Host field");
    if (!host_valid(f->host)) return refuse(h, 400, "bad Host field");
    if (h->host.len == 0) h->host = f->host;
    return 0;
}

static int check_framing(Http1Head *h, const Fields *f)
{
    if (f->codings == 0) return 0;
    if (h->is_http10) return refuse(h, 400, "Transfer-Encoding in HTTP/1.0");
    if (f->lengths > 0) return refuse(h, 400, "Transfer-Encoding and Content-Length");
    if (f->coding_bad || !f->chunked)
        return refuse(h, 400, "Transfer-Encoding is not chunked once and last");
    if (f->coding_unknown) return refuse(h, 501, "unknown transfer coding");
    h->chunked = true;
    return 0;
}

static int finish(Http1Head *h, const Fields *f)
{
    int status = check_host(h, f);
    if (status) return status;
    status = check_framing(h, f);
    if (status) return status;

    h->keep_alive = h->is_http10 ? f->keep_alive && !f->close : !f->close;
    if (f->expect.ptr && !h->is_http10) {
        if (!str_eq_nocase(f->expect, S("100-continue"))) return refuse(h, 417, "unknown Expect");
        h->expect_continue = h->chunked || h->content_length > 0;
    }
    return 0;
}

int http1_parse(const Http1Scan *scan, const HttpLimits *limits, const char *bytes,
                HttpHeader *headers, Http1Head *out)
{
    *out = (Http1Head){.headers = headers};
    Fields f = {0};

    const char *at = bytes + scan->skipped;
    const char *end = bytes + scan->head_bytes - 2; /* the empty line */
    int status = parse_request_line(out, str_make(at, scan->line_bytes - 2), limits);
    if (status) return status;

    for (at += scan->line_bytes; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        status = parse_field(out, &f, str_make(at, (size_t)(line_end - at) - 1));
        if (status) return status;
        at = line_end + 1;
    }
    return finish(out, &f);
}
