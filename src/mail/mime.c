/* mime.c - a mail as it travels (RFC 5322, 2045-2047): ASCII, short lines.
 *
 * A header's value cannot end its line, whatever is in it: controls become
 * blanks, and everything that is not plain ASCII becomes encoded words.
 */
#include "mail/mail_internal.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"

#define LINE_MAX_CHARS 76
#define WORD_MAX_CHARS 75 /* of an encoded word, RFC 2047 §2 */
#define WORD_OPEN      "=?utf-8?q?"
#define WORD_CLOSE     "?="

static const char HEX[] = "0123456789ABCDEF";

/* ---- headers ---- */

static bool is_plain(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c >= 0x7f) return false;
    }
    return str_find(s, S("=?")) < 0; /* would be read as an encoded word */
}

static bool is_word_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!*+-/", c)); /* RFC 2047 §5 (3): also fit for a phrase */
}

static size_t word_cost(Str s, size_t from, size_t count)
{
    size_t cost = 0;
    for (size_t i = from; i < from + count; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        cost += is_word_char(c) || c == ' ' ? 1 : 3;
    }
    return cost;
}

static void add_word_byte(Buf *out, unsigned char c)
{
    if (c < 0x20 || c == 0x7f) c = ' ';
    if (c == ' ') {
        buf_char(out, '_');
    } else if (is_word_char(c)) {
        buf_char(out, (char)c);
    } else {
        buf_char(out, '=');
        buf_char(out, HEX[c >> 4]);
        buf_char(out, HEX[c & 15]);
    }
}

/* Bytes of the character at `at`: never divided between two words. */
static size_t char_len(Str s, size_t at)
{
    size_t n = 1;
    while (n < 4 && at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void encoded_words(Buf *out, Str text, size_t column)
{
    const size_t frame = sizeof(WORD_OPEN) + sizeof(WORD_CLOSE) - 2;
    size_t room = 0;
    for (size_t i = 0; i < text.len;) {
        size_t len = char_len(text, i);
        size_t cost = word_cost(text, i, len);
        if (cost > room) {
            if (i > 0) buf_add(out, S(WORD_CLOSE "\r\n "));
            buf_add(out, S(WORD_OPEN));
            room = WORD_MAX_CHARS - frame - (i == 0 ? MIN(column, (size_t)40) : 1);
        }
        for (size_t k = 0; k < len; k++)
            add_word_byte(out, (unsigned char)text.ptr[i + k]);
        room -= cost;
        i += len;
    }
    buf_add(out, S(WORD_CLOSE));
}

/* Plain text folded at blanks; a word longer than a line stays whole. */
static void folded(Buf *out, Str text, size_t column)
{
    Str rest = text;
    bool first = true;
    while (rest.ptr) {
        Str word = str_split(&rest, ' ');
        if (!first) {
            bool fold = column + 1 + word.len > LINE_MAX_CHARS && word.len > 0;
            buf_add(out, fold ? S("\r\n ") : S(" "));
            column = fold ? 1 : column + 1;
        }
        buf_add(out, word);
        column += word.len;
        first = false;
    }
}

void header_text(Buf *out, Str text, size_t column)
{
    text = str_trim(text);
    if (text.len == 0) return;
    if (is_plain(text) && text.len < 900)
        folded(out, text, column);
    else
        encoded_words(out, text, column);
}

/* A display name: quoted when plain, so that commas and dots do no harm. */
static void display_name(Buf *out, Str name, size_t column)
{
    name = str_trim(name);
    if (name.len == 0) return;
    if (!is_plain(name) || name.len > 60) {
        encoded_words(out, name, column);
    } else {
        buf_char(out, '"');
        for (size_t i = 0; i < name.len; i++) {
            if (name.ptr[i] == '"' || name.ptr[i] == '\\') buf_char(out, '\\');
            buf_char(out, name.ptr[i]);
        }
        buf_char(out, '"');
    }
    buf_char(out, ' ');
}

Str message_id_new(Arena *a, Str sender_address)
{
    ptrdiff_t at = str_rfind_char(sender_address, '@');
    Str domain = at < 0 ? S("localhost") : str_from_pos(sender_address, (size_t)at + 1);
    Str letters = random_text(a, 15, ALPHABET_ID);
    return str_printf(a, "<%.*s@%.*s>", STR_ARG(letters), STR_ARG(domain));
}

static void add_headers(Buf *out, const Message *m)
{
    Str date = http_date_format(out->arena, m->date_ms); /* "… GMT", which mail writes +0000 */
    buf_add(out, S("From: "));
    display_name(out, m->from_name, 6);
    buf_printf(out, "<%.*s>\r\nTo: %.*s\r\nSubject: ", STR_ARG(m->from_address), STR_ARG(m->to));
    header_text(out, m->subject, 9);
    buf_printf(out, "\r\nDate: %.*s+0000\r\n", (int)date.len - 3, date.ptr);
    buf_printf(out, "Message-ID: %.*s\r\nMIME-Version: 1.0\r\n", STR_ARG(m->message_id));
    /* RFC 3834: no "out of office" in answer to these. */
    buf_add(out, S("Auto-Submitted: auto-generated\r\n"));
}

/* ---- bodies ---- */

static bool ends_line(Str s, size_t at)
{
    return at >= s.len || s.ptr[at] == '\n' ||
           (s.ptr[at] == '\r' && at + 1 < s.len && s.ptr[at + 1] == '\n');
}

void quoted_printable(Buf *out, Str s)
{
    size_t column = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\r' && ends_line(s, i)) continue;
        if (c == '\n') {
            buf_add(out, S("\r\n"));
            column = 0;
            continue;
        }
        bool blank = (c == ' ' || c == '\t') && !ends_line(s, i + 1);
        bool literal = blank || (c > ' ' && c < 0x7f && c != '=');
        /* A dot that begins a line would have to be doubled on the way. */
        if (c == '.' && column == 0) literal = false;
        size_t width = literal ? 1 : 3;
        size_t limit = ends_line(s, i + 1) ? LINE_MAX_CHARS : LINE_MAX_CHARS - 1;
        if (column + width > limit) {
            buf_add(out, S("=\r\n"));
            column = 0;
            if (c == '.') {
                literal = false;
                width = 3;
            }
        }
        if (literal) {
            buf_char(out, (char)c);
        } else {
            buf_char(out, '=');
            buf_char(out, HEX[c >> 4]);
            buf_char(out, HEX[c & 15]);
        }
        column += width;
    }
}

static void add_part(Buf *out, Str type, Str text)
{
    buf_printf(out,
               "Content-Type: %.*s; charset=UTF-8\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
               STR_ARG(type));
    quoted_printable(out, text);
    buf_add(out, S("\r\n"));
}

static Str with_lf(Arena *a, Str s)
{
    Buf out = buf_new(a, s.len);
    while (s.len) {
        ptrdiff_t at = str_find_char(s, '\r');
        size_t len = at < 0 ? s.len : (size_t)at;
        buf_add(&out, str_sub(s, 0, len));
        s = str_from_pos(s, len + 1);
    }
    return buf_str(&out);
}

Str message_format(Arena *a, const Message *m)
{
    Buf out = buf_new(a, 2048 + 2 * m->html.len);
    add_headers(&out, m);
    if (m->html_only) {
        add_part(&out, S("text/html"), m->html);
        return with_lf(a, buf_str(&out));
    }
    Str boundary = random_text(a, 24, ALPHABET_SECRET);
    buf_printf(&out, "Content-Type: multipart/alternative; boundary=\"%.*s\"\r\n",
               STR_ARG(boundary));
    buf_printf(&out, "\r\n--%.*s\r\n", STR_ARG(boundary));
    add_part(&out, S("text/plain"), mail_html_text(a, m->html));
    buf_printf(&out, "--%.*s\r\n", STR_ARG(boundary));
    add_part(&out, S("text/html"), m->html);
    buf_printf(&out, "--%.*s--\r\n", STR_ARG(boundary));
    return buf_str(&out);
}
