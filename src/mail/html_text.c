/* html_text.c - what somebody reads whose mail program shows no HTML.
 *
 *     <p>Hello,</p><ul><li>one</li></ul><a href="https://x.y">here</a>
 *
 *     Hello,
 *     - one
 *     [here](https://x.y)
 *
 * Not a parser of HTML: tags are found, names decide, everything else is text.
 * One pass; each byte is looked at a bounded number of times. Never fails.
 */
#include "mail/mail_internal.h"

#include "base/utf8.h"

#define HREF_BYTES_MAX 4000
#define TAG_BYTES_MAX  8192

typedef struct {
    Buf out;
    bool blank;   /* a blank is owed before the next word */
    bool newline; /* a line end is owed before anything */
    Str href;     /* of the link we are in; ptr NULL when in none */
} Text;

typedef struct {
    Str name; /* as written */
    Str attributes;
    bool is_end;
} Tag;

/* ---- writing ---- */

static void put(Text *t, Str word)
{
    if (t->newline && t->out.len)
        buf_add(&t->out, S("\r\n"));
    else if (t->blank && t->out.len && !t->newline)
        buf_char(&t->out, ' ');
    t->newline = t->blank = false;
    buf_add(&t->out, word);
}

static void put_code_point(Text *t, uint32_t c)
{
    if (c == 0xa0) { /* &nbsp; */
        t->blank = true;
        return;
    }
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000);
    if (control || c > 0x10ffff) return;
    char bytes[4];
    size_t n = 0;
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xc0 | c >> 6);
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        bytes[n++] = (char)(0xe0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        bytes[n++] = (char)(0xf0 | c >> 18);
        bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    }
    put(t, str_make(bytes, n));
}

/* ---- entities ---- */

/* The character that "&…;" at the start of `s` stands for; 0 and *len 0 if none. */
static uint32_t entity_read(Str s, size_t *len)
{
    static const struct {
        Str name;
        uint32_t c;
    } NAMED[] = {
        {STR_INIT("&amp;"), '&'},      {STR_INIT("&lt;"), '<'},
        {STR_INIT("&gt;"), '>'},       {STR_INIT("&quot;"), '"'},
        {STR_INIT("&apos;"), '\''},    {STR_INIT("&nbsp;"), 0xa0},
        {STR_INIT("&copy;"), 0xa9},    {STR_INIT("&ndash;"), 0x2013},
        {STR_INIT("&mdash;"), 0x2014}, {STR_INIT("&hellip;"), 0x2026},
    };
    for (size_t i = 0; i < COUNT(NAMED); i++) {
        *len = NAMED[i].name.len;
        if (str_starts(s, NAMED[i].name)) return NAMED[i].c;
    }
    *len = 0;
    if (!str_starts(s, S("&#"))) return 0;
    size_t at = 2;
    bool hex = s.len > at && (s.ptr[at] | 0x20) == 'x';
    at += hex;
    uint32_t c = 0;
    size_t first = at;
    for (; at < s.len && at < first + 8; at++) {
        char d = s.ptr[at];
        int lower = d | 0x20;
        int digit = d >= '0' && d <= '9'                  ? d - '0'
                    : hex && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                          : -1;
        if (digit < 0) break;
        c = c * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (at == first || at >= s.len || s.ptr[at] != ';') return 0;
    *len = at + 1;
    return c;
}

static Str decode(Arena *a, Str s)
{
    if (str_find_char(s, '&') < 0) return s;
    Text t = {.out = buf_new(a, s.len)};
    while (s.len) {
        size_t len = 0;
        uint32_t c = s.ptr[0] == '&' ? entity_read(s, &len) : 0;
        if (len)
            put_code_point(&t, c);
        else
            buf_char(&t.out, s.ptr[0]);
        s = str_from_pos(s, len ? len : 1);
    }
    return buf_str(&t.out);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_text(Text *t, Str s)
{
    while (s.len) {
        if (is_blank(s.ptr[0])) {
            t->blank = true;
            s = str_from_pos(s, 1);
            continue;
        }
        size_t len = 0;
        uint32_t c = s.ptr[0] == '&' ? entity_read(s, &len) : 0;
        if (len) {
            put_code_point(t, c);
            s = str_from_pos(s, len);
            continue;
        }
        size_t end = 1;
        while (end < s.len && !is_blank(s.ptr[end]) && s.ptr[end] != '&')
            end++;
        put(t, str_sub(s, 0, end));
        s = str_from_pos(s, end);
    }
}

/* ---- tags ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Reads the tag at the start of `s` ("<…"); its length, or 0 when it is none. */
static size_t tag_read(Str s, Tag *out)
{
    s = str_sub(s, 0, TAG_BYTES_MAX);
    size_t at = 1;
    out->is_end = at < s.len && s.ptr[at] == '/';
    at += out->is_end;
    size_t name = at;
    if (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') return 0; /* "<3" is a heart, no tag */
    while (at < s.len && is_name_char(s.ptr[at]))
        at++;
    if (at == name) return 0;
    out->name = str_sub(str_from_pos(s, name), 0, at - name);
    size_t attributes = at;
    char quote = 0;
    for (; at < s.len; at++) {
        char c = s.ptr[at];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '>')
            break;
    }
    if (at >= s.len) return 0;
    out->attributes = str_sub(str_from_pos(s, attributes), 0, at - attributes);
    return at + 1;
}

static Str attribute_value(Str rest)
{
    if (rest.len == 0) return rest;
    char quote = rest.ptr[0];
    if (quote == '"' || quote == '\'') {
        rest = str_from_pos(rest, 1);
        ptrdiff_t end = str_find_char(rest, quote);
        return end < 0 ? rest : str_sub(rest, 0, (size_t)end);
    }
    size_t end = 0;
    while (end < rest.len && !is_blank(rest.ptr[end]))
        end++;
    return str_sub(rest, 0, end);
}

static Str href_of(Arena *a, Str attributes)
{
    char before = ' ';
    for (Str rest = attributes; rest.len; before = rest.ptr[0], rest = str_from_pos(rest, 1)) {
        if (!is_blank(before) || !str_starts_nocase(rest, S("href"))) continue;
        Str value = str_trim(str_from_pos(rest, 4));
        if (!str_starts(value, S("="))) continue;
        value = str_trim(attribute_value(str_trim(str_from_pos(value, 1))));
        return str_sub(decode(a, value), 0, HREF_BYTES_MAX);
    }
    return S("");
}

static bool is_one_of(Str name, const char *const *list)
{
    for (; *list; list++) {
        if (str_eq_nocase(name, str_from(*list))) return true;
    }
    return false;
}

static const char *const BLOCKS[] = {
    "p",      "div",  "br",  "hr",      "ul",         "ol",      "li",      "table",  "tr",
    "h1",     "h2",   "h3",  "h4",      "h5",         "h6",      "body",    "html",   "header",
    "footer", "main", "nav", "section", "aside",      "article", "address", "figure", "pre",
    "dl",     "dt",   "dd",  "center",  "blockquote", NULL};
static const char *const DROPPED[] = {"script", "style",    "form",   "head",     "template", "svg",
                                      "iframe", "textarea", "select", "noscript", "object",   NULL};

/* Behind the end tag of a dropped element; everything when it has none. */
static Str skip_element(Str rest, Str name)
{
    while (rest.len) {
        ptrdiff_t at = str_find(rest, S("</"));
        if (at < 0) return S("");
        rest = str_from_pos(rest, (size_t)at + 2);
        if (!str_starts_nocase(rest, name)) continue;
        ptrdiff_t end = str_find_char(rest, '>');
        return end < 0 ? S("") : str_from_pos(rest, (size_t)end + 1);
    }
    return rest;
}

static void link_end(Text *t)
{
    if (!t->href.ptr) return;
    bool blank = t->blank;
    t->blank = false;
    put(t, S("]("));
    put(t, t->href);
    put(t, S(")"));
    t->blank = blank;
    t->href = (Str){0};
}

/* What a tag does to the text; gives what comes behind it. */
static Str add_tag(Text *t, const Tag *tag, Str rest)
{
    if (!tag->is_end && is_one_of(tag->name, DROPPED)) return skip_element(rest, tag->name);
    if (is_one_of(tag->name, BLOCKS)) t->newline = true;
    if (str_eq_nocase(tag->name, S("li")) && !tag->is_end) {
        put(t, S("- "));
    } else if (str_eq_nocase(tag->name, S("a"))) {
        link_end(t);
        Str href = tag->is_end ? S("") : href_of(t->out.arena, tag->attributes);
        if (href.len) {
            put(t, S("["));
            t->href = href;
        }
    }
    return rest;
}

/* "<!-- … -->", "<!DOCTYPE …>", "<?…>" at the start of `s`; 0 when it is none. */
static size_t declaration_len(Str s)
{
    if (s.len < 2 || (s.ptr[1] != '!' && s.ptr[1] != '?')) return 0;
    bool comment = str_starts(s, S("<!--"));
    ptrdiff_t end = str_find(str_from_pos(s, comment ? 4 : 0), comment ? S("-->") : S(">"));
    if (end < 0) return s.len;
    return (size_t)end + (comment ? 7 : 1);
}

Str mail_html_text(Arena *a, Str html)
{
    Text t = {.out = buf_new(a, html.len / 2 + 64)};
    while (html.len) {
        ptrdiff_t open = str_find_char(html, '<');
        if (open < 0) break;
        add_text(&t, str_sub(html, 0, (size_t)open));
        html = str_from_pos(html, (size_t)open);
        Tag tag;
        size_t len = declaration_len(html);
        if (len) {
            html = str_from_pos(html, len);
            continue;
        }
        len = tag_read(html, &tag);
        if (len == 0) {
            put(&t, S("<"));
            html = str_from_pos(html, 1);
            continue;
        }
        html = add_tag(&t, &tag, str_from_pos(html, len));
    }
    add_text(&t, html);
    link_end(&t);
    return buf_str(&t.out);
}
