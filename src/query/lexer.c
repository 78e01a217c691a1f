/* lexer.c - the words of the filter language (api: filters §1).
 *
 * One token a call, in one pass over the text. Names keep their dots and
 * colons; texts come out decoded, and point into the source when nothing had
 * to be decoded.
 */
#include "base/utf8.h"
#include "query/query_internal.h"

#include <stdarg.h>
#include <stdio.h>

Error *filter_error(Arena *a, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t kept = MIN((size_t)MAX(len, 0), sizeof text - 1);
    while (kept > 0 && !utf8_valid(str_make(text, kept)))
        kept--; /* cut inside a character, or the client's bytes are none */
    Error *err = error_new(a, 400, arena_copy(a, str_make(text, kept)));
    err->code = "filter_invalid";
    return err;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts_name(char c)
{
    return is_letter(c) || c == '_' || c == '@' || c == '#';
}

static bool continues_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == ':';
}

static bool is_sign(char c)
{
    return c != '\0' && strchr("=?!><~", c) != NULL;
}

static bool is_join(char c)
{
    return c == '&' || c == '|';
}

/* The longest run of bytes from the start for which `test` holds. */
static size_t run_length(Str s, size_t from, bool (*test)(char c))
{
    size_t n = from;
    while (n < s.len && test(s.ptr[n]))
        n++;
    return n;
}

static Str take(Lexer *lx, size_t len)
{
    Str taken = str_sub(lx->rest, 0, len);
    lx->rest = str_from_pos(lx->rest, len);
    return taken;
}

/* ---- blanks and comments ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(Lexer *lx)
{
    while (true) {
        take(lx, run_length(lx->rest, 0, is_blank));
        if (!str_starts(lx->rest, S("//"))) return;
        ptrdiff_t end = str_find_char(lx->rest, '\n');
        take(lx, end < 0 ? lx->rest.len : (size_t)end);
    }
}

/* ---- names and numbers ---- */

static bool name_is_whole(Str name)
{
    char last = name.ptr[name.len - 1];
    if (last == '.' || last == ':') return false;
    return name.len > 1 || is_letter(name.ptr[0]);
}

bool lexer_is_name(Str text)
{
    if (text.len == 0 || !starts_name(text.ptr[0])) return false;
    return run_length(text, 1, continues_name) == text.len && name_is_whole(text);
}

static Error *read_name(Lexer *lx, LexToken *out)
{
    Str name = take(lx, run_length(lx->rest, 1, continues_name));
    if (!name_is_whole(name))
        return filter_error(lx->arena, "invalid identifier \"%.*s\"", STR_ARG(name));
    *out = (LexToken){.kind = LEX_NAME, .text = name};
    return NULL;
}

static Error *read_number(Lexer *lx, LexToken *out)
{
    size_t start = lx->rest.ptr[0] == '-' ? 1 : 0;
    size_t end = run_length(lx->rest, start, is_digit);
    if (end == start) return filter_error(lx->arena, "unexpected character \"-\"");
    if (end + 1 < lx->rest.len && lx->rest.ptr[end] == '.' && is_digit(lx->rest.ptr[end + 1]))
        end = run_length(lx->rest, end + 1, is_digit);

    Str text = take(lx, end);
    *out = (LexToken){.kind = LEX_NUMBER, .text = text};
    if (!str_to_double(text, &out->number))
        return filter_error(lx->arena, "invalid number \"%.*s\"", STR_ARG(text));
    return NULL;
}

/* ---- texts ---- */

static bool read_hex4(Str s, uint32_t *out)
{
    if (s.len < 4) return false;
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = s.ptr[i];
        uint32_t digit;
        if (is_digit(c))
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return false;
        value = value * 16 + digit;
    }
    *out = value;
    return true;
}

/* `s` starts behind the "u". Returns how many bytes it took: 0 when it is no
 * escape of a character that a text may hold (so the pair is kept verbatim). */
static size_t add_unicode(Buf *out, Str s)
{
    uint32_t cp, low;
    size_t used = 4;
    if (!read_hex4(s, &cp) || cp == 0) return 0;
    bool is_high = cp >= 0xD800 && cp < 0xDC00;
    if (is_high && str_starts(str_from_pos(s, 4), S("\\u")) &&
        read_hex4(str_from_pos(s, 6), &low) && low >= 0xDC00 && low < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        used = 10;
    }
    if (cp >= 0xD800 && cp < 0xE000) cp = 0xFFFD; /* half a pair */
    out->len += utf8_encode(cp, buf_reserve(out, 4));
    return used;
}

static char simple_escape(char c)
{
    switch (c) {
    case '\\':
    case '\'':
    case '"':
        return c;
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return '\0';
    }
}

/* Unknown pairs stay as they are, so that "50\%" reaches LIKE as 50\%. */
static Str decode(Arena *a, Str raw)
{
    Buf out = buf_new(a, raw.len + 4);
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c != '\\' || i + 1 == raw.len) {
            buf_char(&out, c);
            continue;
        }
        char next = raw.ptr[++i];
        size_t used = next == 'u' ? add_unicode(&out, str_from_pos(raw, i + 1)) : 0;
        i += used;
        if (used > 0) continue;
        char plain = simple_escape(next);
        if (!plain) buf_char(&out, '\\');
        buf_char(&out, plain ? plain : next);
    }
    return buf_str(&out);
}

static Error *read_text(Lexer *lx, LexToken *out)
{
    char quote = lx->rest.ptr[0];
    bool escaped = false;
    size_t i = 1;
    for (; i < lx->rest.len && lx->rest.ptr[i] != quote; i++) {
        char c = lx->rest.ptr[i];
        if (c == '\0') return filter_error(lx->arena, "unexpected NUL in a text");
        if (c != '\\') continue;
        escaped = true;
        i++;
    }
    if (i >= lx->rest.len) return filter_error(lx->arena, "unterminated text");
    Str raw = str_sub(lx->rest, 1, i - 1);
    take(lx, i + 1);
    *out = (LexToken){.kind = LEX_TEXT, .text = escaped ? decode(lx->arena, raw) : raw};
    return NULL;
}

/* ---- signs and joins ---- */

static Error *read_sign(Lexer *lx, LexToken *out)
{
    static const struct {
        Str text;
        Op op;
    } SIGNS[] = {
        {STR_INIT("="), OP_EQ},   {STR_INIT("!="), OP_NE},       {STR_INIT(">"), OP_GT},
        {STR_INIT(">="), OP_GE},  {STR_INIT("<"), OP_LT},        {STR_INIT("<="), OP_LE},
        {STR_INIT("~"), OP_LIKE}, {STR_INIT("!~"), OP_NOT_LIKE},
    };
    Str sign = take(lx, run_length(lx->rest, 0, is_sign));
    bool any = sign.ptr[0] == '?';
    Str plain = str_from_pos(sign, any ? 1 : 0);
    for (size_t i = 0; i < COUNT(SIGNS); i++) {
        if (!str_eq(plain, SIGNS[i].text)) continue;
        *out = (LexToken){.kind = LEX_SIGN, .text = sign, .op = SIGNS[i].op, .any = any};
        return NULL;
    }
    return filter_error(lx->arena, "invalid sign \"%.*s\"", STR_ARG(sign));
}

static Error *read_join(Lexer *lx, LexToken *out)
{
    Str join = take(lx, run_length(lx->rest, 0, is_join));
    bool is_or = str_eq(join, S("||"));
    if (!is_or && !str_eq(join, S("&&")))
        return filter_error(lx->arena, "invalid join \"%.*s\"", STR_ARG(join));
    *out = (LexToken){.kind = LEX_JOIN, .text = join, .is_or = is_or};
    return NULL;
}

static Error *read_token(Lexer *lx, LexToken *out)
{
    if (lx->rest.len == 0) {
        *out = (LexToken){.kind = LEX_END};
        return NULL;
    }
    char c = lx->rest.ptr[0];
    if (starts_name(c)) return read_name(lx, out);
    if (is_digit(c) || c == '-') return read_number(lx, out);
    if (c == '"' || c == '\'') return read_text(lx, out);
    if (is_sign(c)) return read_sign(lx, out);
    if (is_join(c)) return read_join(lx, out);

    LexKind kind = c == '(' ? LEX_OPEN : c == ')' ? LEX_CLOSE : c == ',' ? LEX_COMMA : LEX_END;
    if (kind == LEX_END) {
        size_t size = MAX(utf8_sequence(lx->rest), (size_t)1);
        return filter_error(lx->arena, "unexpected character \"%.*s\"", (int)size, lx->rest.ptr);
    }
    *out = (LexToken){.kind = kind, .text = take(lx, 1)};
    return NULL;
}

Error *lexer_next(Lexer *lx, LexToken *out)
{
    skip_blanks(lx);
    lx->start = lx->rest;
    Error *err = read_token(lx, out);
    if (err) return err;
    out->source = str_sub(lx->start, 0, lx->start.len - lx->rest.len);
    return NULL;
}
