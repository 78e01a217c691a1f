/* chunked.c - the chunked transfer coding (RFC 9112 §7.1), read strictly.
 *
 *     SIZE ─┬──────────────────────────▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *           └▶ extension states ────────▲   └ size 0 ─▶ TRAILER … ─▶ END_LF ─▶ DONE
 *
 * One character a step but for the data, which is passed on as it lies there.
 */
#include "http/chunked.h"

#include "http/http1.h"

enum {
    SIZE = 0,   /* hex digits */
    SIZE_BLANK, /* blanks behind them: only an extension may follow */
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_NAME_BLANK,
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_BLANK,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* a name or the end */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE,
    BROKEN
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 0x20 && u != 0x7f) || c == '\t';
}

static bool is_token(char c)
{
    return http_is_token_char((unsigned char)c);
}

static int size_digit(Chunked *c, int digit)
{
    if (++c->digits > 16 || c->remaining >> 59) return BROKEN; /* beyond INT64_MAX */
    c->remaining = c->remaining << 4 | (uint64_t)digit;
    return SIZE;
}

/* After a piece of the size line that may be its end. */
static int line_goes_on(char ch, int blank_state)
{
    if (ch == '\r') return SIZE_LF;
    if (ch == ';') return EXT_NAME_FIRST;
    if (is_blank(ch)) return blank_state;
    return BROKEN;
}

static int step_size(Chunked *c, char ch)
{
    int digit = hex_value(ch);
    if (digit >= 0) return size_digit(c, digit);
    return c->digits == 0 ? BROKEN : line_goes_on(ch, SIZE_BLANK);
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static int step_extension(const Chunked *c, char ch)
{
    switch (c->state) {
    case SIZE_BLANK:
        if (is_blank(ch)) return SIZE_BLANK;
        return ch == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_NAME_FIRST:
        if (is_blank(ch)) return EXT_NAME_FIRST;
        return is_token(ch) ? EXT_NAME : BROKEN;
    case EXT_NAME:
        if (is_token(ch)) return EXT_NAME;
        return ch == '=' ? EXT_VALUE_FIRST : line_goes_on(ch, EXT_NAME_BLANK);
    case EXT_NAME_BLANK:
        if (is_blank(ch)) return EXT_NAME_BLANK;
        if (ch == '=') return EXT_VALUE_FIRST;
        return ch == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_VALUE_FIRST:
        if (is_blank(ch)) return EXT_VALUE_FIRST;
        if (ch == '"') return EXT_QUOTED;
        return is_token(ch) ? EXT_VALUE : BROKEN;
    case EXT_VALUE:
        return is_token(ch) ? EXT_VALUE : line_goes_on(ch, EXT_BLANK);
    case EXT_QUOTED:
        if (ch == '"') return EXT_BLANK;
        if (ch == '\\') return EXT_ESCAPED;
        return is_text(ch) ? EXT_QUOTED : BROKEN;
    case EXT_ESCAPED:
        return is_text(ch) ? EXT_QUOTED : BROKEN;
    default: /* EXT_BLANK: behind a value */
        return line_goes_on(ch, EXT_BLANK);
    }
}

static int step_trailer(const Chunked *c, char ch)
{
    switch (c->state) {
    case TRAILER_FIRST:
        if (ch == '\r') return END_LF;
        return is_token(ch) ? TRAILER_NAME : BROKEN;
    case TRAILER_NAME:
        if (ch == ':') return TRAILER_VALUE;
        return is_token(ch) ? TRAILER_NAME : BROKEN;
    case TRAILER_VALUE:
        if (ch == '\r') return TRAILER_LF;
        return is_text(ch) ? TRAILER_VALUE : BROKEN;
    default: /* TRAILER_LF */
        return ch == '\n' ? TRAILER_FIRST : BROKEN;
    }
}

static int step_end_of_line(Chunked *c, char ch)
{
    if (ch != '\n') return BROKEN;
    c->digits = 0;
    c->line_bytes = 0;
    return c->remaining == 0 ? TRAILER_FIRST : DATA;
}

/* Counts what is neither data nor needed, so that nobody can send it for ever. */
static bool within_limits(Chunked *c)
{
    if (c->state <= SIZE_LF && ++c->line_bytes > CHUNK_LINE_MAX) return false;
    if (c->state > SIZE && c->state < SIZE_LF && ++c->overhead > CHUNK_OVERHEAD_MAX) return false;
    if (c->state >= TRAILER_FIRST && ++c->trailer_bytes > TRAILER_BYTES_MAX) return false;
    return true;
}

static int step(Chunked *c, char ch)
{
    if (!within_limits(c)) return BROKEN;
    switch (c->state) {
    case SIZE:
        return step_size(c, ch);
    case SIZE_LF:
        return step_end_of_line(c, ch);
    case DATA_CR:
        return ch == '\r' ? DATA_LF : BROKEN;
    case DATA_LF:
        return ch == '\n' ? SIZE : BROKEN;
    case END_LF:
        return ch == '\n' ? DONE : BROKEN;
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        return step_trailer(c, ch);
    default:
        return step_extension(c, ch);
    }
}

ChunkedResult chunked_read(Chunked *c, Str in, size_t *used, Str *data)
{
    size_t i = 0;
    *data = (Str){0};
    while (i < in.len && c->state != DONE && c->state != BROKEN) {
        if (c->state == DATA) {
            size_t n = c->remaining < in.len - i ? (size_t)c->remaining : in.len - i;
            *data = str_make(in.ptr + i, n);
            *used = i + n;
            c->remaining -= n;
            if (c->remaining == 0) c->state = DATA_CR;
            return CHUNKED_DATA;
        }
        c->state = step(c, in.ptr[i++]);
    }
    *used = i;
    if (c->state == DONE) return CHUNKED_END;
    return c->state == BROKEN ? CHUNKED_BAD : CHUNKED_MORE;
}
