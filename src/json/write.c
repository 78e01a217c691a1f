/* write.c - JSON text at the end of a buffer. */
#include "base/utf8.h"
#include "json/json.h"
#include "json/json_scan.h"

static const char HEX[] = "0123456789abcdef";

/* Six bytes: \u00XX for what is not allowed, or not wanted, as it stands. */
static char *write_hex_escape(char *to, uint32_t unit)
{
    to[0] = '\\';
    to[1] = 'u';
    for (int i = 0; i < 4; i++) {
        to[2 + i] = HEX[unit >> (12 - 4 * i) & 15];
    }
    return to + 6;
}

static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    default:
        return '\0';
    }
}

/* An ASCII byte that must not stand as it is. */
static char *write_escape(char *to, char c)
{
    char letter = short_escape(c);
    if (!letter) return write_hex_escape(to, (unsigned char)c);
    *to++ = '\\';
    *to++ = letter;
    return to;
}

/* A code point that is not ASCII. A byte that is no UTF-8 (a database may hold
 * such) becomes U+FFFD: what we send is valid, whatever we store. */
static char *write_foreign(char *to, const char **from, const char *end)
{
    const char *p = *from;
    size_t size = utf8_sequence((Str){p, (size_t)(end - p)});
    if (size == 0) {
        *from = p + 1;
        return to + utf8_encode(0xFFFD, to);
    }
    *from = p + size;
    /* U+2028 and U+2029 end a line in old JavaScript. */
    if (size == 3 && memcmp(p, "\xE2\x80", 2) == 0 && (p[2] == '\xA8' || p[2] == '\xA9'))
        return write_hex_escape(to, 0x2000u | ((unsigned char)p[2] & 0x3Fu));
    memcpy(to, p, size);
    return to + size;
}

void json_write_string(Buf *out, Str value)
{
    if (!value.ptr) value = S(""); /* NULL takes no offset */
    enum { SLACK = 24 };           /* copy_plain() writes 16 at a time; an escape takes 6 */
    const char *p = value.ptr, *end = p + value.len;
    char *to = buf_reserve(out, value.len + SLACK);
    *to++ = '"';
    for (;;) {
        const char *stop = copy_plain(to, p, end);
        to += stop - p;
        p = stop;
        if (p == end) break;
        if ((unsigned char)*p < 0x80)
            to = write_escape(to, *p++);
        else
            to = write_foreign(to, &p, end);
        out->len = (size_t)(to - out->ptr);
        to = buf_reserve(out, (size_t)(end - p) + SLACK);
    }
    *to++ = '"';
    out->len = (size_t)(to - out->ptr);
}

void json_write_number(Buf *out, double value)
{
    out->len += number_format(buf_reserve(out, 32), value);
}

static void write_array(Buf *out, const Json *array)
{
    buf_char(out, '[');
    for (size_t i = 0; i < array->array.count; i++) {
        if (i) buf_char(out, ',');
        json_write(out, &array->array.items[i]);
    }
    buf_char(out, ']');
}

static void write_object(Buf *out, const Json *object)
{
    buf_char(out, '{');
    for (size_t i = 0; i < object->object.count; i++) {
        const JsonMember *m = &object->object.members[i];
        if (i) buf_char(out, ',');
        json_write_string(out, m->key);
        buf_char(out, ':');
        json_write(out, &m->value);
    }
    buf_char(out, '}');
}

/* Recursive: the reader bounds the depth (JSON_DEPTH_MAX), and what we build
 * ourselves is shallow. */
void json_write(Buf *out, const Json *value)
{
    JsonType type = value ? value->type : JSON_NULL;
    switch (type) {
    case JSON_NULL:
        buf_add(out, S("null"));
        break;
    case JSON_BOOL:
        buf_add(out, value->boolean ? S("true") : S("false"));
        break;
    case JSON_NUMBER:
        json_write_number(out, value->number);
        break;
    case JSON_STRING:
        json_write_string(out, value->string);
        break;
    case JSON_ARRAY:
        write_array(out, value);
        break;
    case JSON_OBJECT:
        write_object(out, value);
        break;
    }
}

Str json_format(Arena *a, const Json *value)
{
    Buf out = buf_new(a, 256);
    json_write(&out, value);
    return buf_str(&out);
}
