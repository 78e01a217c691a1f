/* excerpt.c - plain text of an HTML text, for the `:excerpt()` modifier.
 *
 * A tokenizer of three things: text, tags, comments. It does not build a tree:
 * an element whose content is left out is skipped to its end tag, counting
 * nested ones of the same name. Whatever is malformed is text.
 */
#include "query/query.h"

#include "base/buf.h"
#include "base/utf8.h"

#define TAG_NAME_MAX 16

static const Str INLINE[] = {
    STR_INIT("a"),    STR_INIT("abbr"),   STR_INIT("acronym"), STR_INIT("b"),    STR_INIT("bdo"),
    STR_INIT("big"),  STR_INIT("br"),     STR_INIT("button"),  STR_INIT("cite"), STR_INIT("code"),
    STR_INIT("em"),   STR_INIT("i"),      STR_INIT("label"),   STR_INIT("q"),    STR_INIT("small"),
    STR_INIT("span"), STR_INIT("strong"), STR_INIT("strike"),  STR_INIT("sub"),  STR_INIT("sup"),
    STR_INIT("time"),
};

static const Str SKIPPED[] = {
    STR_INIT("head"),   STR_INIT("style"),   STR_INIT("script"),   STR_INIT("iframe"),
    STR_INIT("embed"),  STR_INIT("applet"),  STR_INIT("object"),   STR_INIT("svg"),
    STR_INIT("img"),    STR_INIT("picture"), STR_INIT("dialog"),   STR_INIT("template"),
    STR_INIT("button"), STR_INIT("form"),    STR_INIT("textarea"), STR_INIT("input"),
    STR_INIT("select"), STR_INIT("option"),
};

/* Elements without content: nothing to skip but the tag itself. */
static const Str VOID[] = {STR_INIT("img"), STR_INIT("embed"), STR_INIT("input"), STR_INIT("br"),
                           STR_INIT("hr")};

static const struct {
    Str name;
    uint32_t code_point;
} ENTITIES[] = {
    {STR_INIT("amp"), '&'},      {STR_INIT("lt"), '<'},        {STR_INIT("gt"), '>'},
    {STR_INIT("quot"), '"'},     {STR_INIT("apos"), '\''},     {STR_INIT("nbsp"), 0xA0},
    {STR_INIT("copy"), 0xA9},    {STR_INIT("reg"), 0xAE},      {STR_INIT("deg"), 0xB0},
    {STR_INIT("euro"), 0x20AC},  {STR_INIT("pound"), 0xA3},    {STR_INIT("ndash"), 0x2013},
    {STR_INIT("mdash"), 0x2014}, {STR_INIT("hellip"), 0x2026}, {STR_INIT("lsquo"), 0x2018},
    {STR_INIT("rsquo"), 0x2019}, {STR_INIT("ldquo"), 0x201C},  {STR_INIT("rdquo"), 0x201D},
    {STR_INIT("laquo"), 0xAB},   {STR_INIT("raquo"), 0xBB},    {STR_INIT("bull"), 0x2022},
    {STR_INIT("middot"), 0xB7},  {STR_INIT("times"), 0xD7},    {STR_INIT("trade"), 0x2122},
    {STR_INIT("auml"), 0xE4},    {STR_INIT("ouml"), 0xF6},     {STR_INIT("uuml"), 0xFC},
    {STR_INIT("Auml"), 0xC4},    {STR_INIT("Ouml"), 0xD6},     {STR_INIT("Uuml"), 0xDC},
    {STR_INIT("szlig"), 0xDF},   {STR_INIT("eacute"), 0xE9},   {STR_INIT("egrave"), 0xE8},
    {STR_INIT("agrave"), 0xE0},  {STR_INIT("ccedil"), 0xE7},   {STR_INIT("ntilde"), 0xF1},
};

typedef struct {
    Buf out;
    size_t points, max; /* code points written, and wanted */
    bool blank;         /* a blank waits to be written before the next letter */
} Text;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool in_list(const Str *list, size_t count, Str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(list[i], name)) return true;
    return false;
}

static void add_code_point(Text *t, Str bytes)
{
    if (t->blank && t->points > 0) {
        buf_char(&t->out, ' ');
        t->points++;
    }
    t->blank = false;
    buf_add(&t->out, bytes);
    t->points++;
}

static uint32_t number_entity(Str name)
{
    bool hex = name.len > 2 && (name.ptr[1] == 'x' || name.ptr[1] == 'X');
    uint32_t value = 0;
    for (size_t i = hex ? 2 : 1; i < name.len; i++) {
        char c = name.ptr[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (hex && ((c | 32) >= 'a' && (c | 32) <= 'f'))
            digit = (uint32_t)((c | 32) - 'a' + 10);
        else
            return 0;
        value = value * (hex ? 16 : 10) + digit;
        if (value > 0x10FFFF) return 0;
    }
    return value >= 0xD800 && value <= 0xDFFF ? 0 : value;
}

/* The entity at the start of s ("&amp;…"): how many bytes it takes, 0 if none. */
static size_t read_entity(Str s, uint32_t *code_point)
{
    ptrdiff_t end = str_find_char(str_sub(s, 0, 12), ';');
    if (end < 2) return 0;

    Str name = str_sub(s, 1, (size_t)end - 1);
    *code_point = 0;
    if (name.ptr[0] == '#') {
        *code_point = number_entity(name);
    } else {
        for (size_t i = 0; i < COUNT(ENTITIES); i++)
            if (str_eq(ENTITIES[i].name, name)) *code_point = ENTITIES[i].code_point;
    }
    return *code_point ? (size_t)end + 1 : 0;
}

/* One character of text; returns the bytes taken. */
static size_t add_text(Text *t, Str s)
{
    if (is_blank(s.ptr[0])) {
        t->blank = true;
        return 1;
    }
    uint32_t code_point;
    size_t taken = s.ptr[0] == '&' ? read_entity(s, &code_point) : 0;
    if (taken > 0) {
        if (code_point == 0xA0 || (code_point < 128 && is_blank((char)code_point))) {
            t->blank = true;
            return taken;
        }
        char bytes[4];
        add_code_point(t, str_make(bytes, utf8_encode(code_point, bytes)));
        return taken;
    }
    size_t size;
    utf8_decode(s, &size);
    add_code_point(t, str_sub(s, 0, size));
    return size;
}

/* Length of the tag or comment at the start of s, 0 when it is none. *name is
 * the element's name, empty for comments and declarations. */
static size_t read_tag(Str s, Str *name, bool *closing)
{
    *name = (Str){NULL, 0};
    *closing = false;
    if (str_starts(s, S("<!--"))) {
        ptrdiff_t end = str_find(str_from_pos(s, 4), S("-->"));
        return end < 0 ? s.len : (size_t)end + 7;
    }
    size_t at = 1;
    if (at < s.len && s.ptr[at] == '/') {
        *closing = true;
        at++;
    }
    size_t start = at;
    while (at < s.len && at - start < TAG_NAME_MAX &&
           (((s.ptr[at] | 32) >= 'a' && (s.ptr[at] | 32) <= 'z') ||
            (at > start && s.ptr[at] >= '0' && s.ptr[at] <= '9')))
        at++;
    *name = str_sub(s, start, at - start);
    bool declaration = s.len > 1 && (s.ptr[1] == '!' || s.ptr[1] == '?');
    if (name->len == 0 && !declaration) return 0;

    char quote = 0;
    for (; at < s.len; at++) {
        char c = s.ptr[at];
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return at + 1;
        }
    }
    return s.len;
}

/* Bytes from the end of an element's start tag to the end of its end tag. */
static size_t skip_content(Str s, Str element)
{
    size_t at = 0;
    int depth = 1;
    while (at < s.len && depth > 0) {
        if (s.ptr[at] != '<') {
            at++;
            continue;
        }
        Str name;
        bool closing;
        size_t taken = read_tag(str_from_pos(s, at), &name, &closing);
        if (taken > 0 && str_eq_nocase(name, element)) depth += closing ? -1 : 1;
        at += taken > 0 ? taken : 1;
    }
    return at;
}

/* Text of `html` as api: conventions §7 wants it: entities decoded, blanks
 * folded, a space around block elements, the content of head, style, script and
 * the like left out. Stops reading once `max` code points (and one more) are
 * there, so its cost follows the answer, not the document. */
static Str html_text(Arena *a, Str html, size_t max)
{
    Text t = {.out = buf_new(a, 256), .max = max};
    size_t at = 0;
    while (at < html.len && t.points <= t.max) {
        Str rest = str_from_pos(html, at), name;
        bool closing;
        size_t taken = rest.ptr[0] == '<' ? read_tag(rest, &name, &closing) : 0;
        if (taken == 0) {
            at += add_text(&t, rest);
            continue;
        }
        at += taken;
        if (name.len > 0 && !in_list(INLINE, COUNT(INLINE), name)) t.blank = true;
        if (!closing && in_list(SKIPPED, COUNT(SKIPPED), name) && !in_list(VOID, COUNT(VOID), name))
            at += skip_content(str_from_pos(html, at), name);
    }
    return buf_str(&t.out);
}

Str fields_excerpt(Arena *a, Str html, size_t max, bool with_ellipsis)
{
    if (!utf8_valid(html)) return html;
    Str text = html_text(a, html, max);
    if (utf8_length(text) <= max) return text;

    Str cut = str_trim(str_sub(text, 0, utf8_offset(text, max)));
    return with_ellipsis ? str_concat(a, cut, S("...")) : cut;
}
