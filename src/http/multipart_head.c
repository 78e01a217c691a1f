/* multipart_head.c - the header lines of a part, and header parameters.
 *
 * How names get into quotes differs by client, and none follows RFC 2045 whole:
 *
 *     browsers today   filename="a%22b.txt"   '"' as %22, '\' as it is
 *     curl, older      filename="a\"b.txt"    '"' and '\' behind a '\'
 *     Windows, old     filename="C:\dir\a"    '\' as it is
 *
 * So %22 and \" give '"', \\ gives '\', any other '\' or '%' stands for itself.
 */
#include "http/multipart.h"

#include "base/encoding.h"
#include "base/utf8.h"

static bool is_token_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static Str skip_blanks(Str s)
{
    size_t i = 0;
    while (i < s.len && is_blank(s.ptr[i]))
        i++;
    return str_from_pos(s, i);
}

static Str take_token(Str *rest)
{
    size_t i = 0;
    while (i < rest->len && is_token_char(rest->ptr[i]))
        i++;
    Str token = str_sub(*rest, 0, i);
    *rest = str_from_pos(*rest, i);
    return token;
}

/* Behind the opening quote; false without a closing one. */
static bool take_quoted(Arena *a, Str *rest, Str *value)
{
    char *out = arena_bytes(a, rest->len + 1);
    size_t len = 0, i = 0;
    while (i < rest->len && rest->ptr[i] != '"') {
        char next = i + 1 < rest->len ? rest->ptr[i + 1] : 0;
        if (rest->ptr[i] == '\\' && (next == '"' || next == '\\')) {
            out[len++] = next;
            i += 2;
        } else if (str_starts(str_from_pos(*rest, i), S("%22"))) {
            out[len++] = '"';
            i += 3;
        } else {
            out[len++] = rest->ptr[i++];
        }
    }
    if (i == rest->len) return false;
    *rest = str_from_pos(*rest, i + 1);
    *value = str_make(out, len);
    return true;
}

/* Not a token strictly: "boundary=----=_Part_1" is sent without quotes too. */
static bool take_bare(Str *rest, Str *value)
{
    size_t i = 0;
    while (i < rest->len && rest->ptr[i] != ';' && !is_blank(rest->ptr[i])) {
        if (rest->ptr[i] == '"') return false;
        i++;
    }
    *value = str_sub(*rest, 0, i);
    *rest = str_from_pos(*rest, i);
    return i > 0;
}

/* Takes the next `; name=value` off `*rest`, unquoted. 1 = one was there, 0 =
 * the end, -1 = neither. */
static int param_next(Arena *a, Str *rest, Str *name, Str *value)
{
    *rest = skip_blanks(*rest);
    if (rest->len == 0) return 0;
    if (rest->ptr[0] != ';') return -1;
    *rest = skip_blanks(str_from_pos(*rest, 1));
    if (rest->len == 0) return 0;

    *name = take_token(rest);
    if (name->len == 0 || rest->len == 0 || rest->ptr[0] != '=') return -1;
    *rest = str_from_pos(*rest, 1);
    bool is_quoted = rest->len > 0 && rest->ptr[0] == '"';
    if (!is_quoted) return take_bare(rest, value) ? 1 : -1;
    *rest = str_from_pos(*rest, 1);
    return take_quoted(a, rest, value) ? 1 : -1;
}

static bool boundary_is_allowed(Str b)
{
    if (b.len == 0 || b.len > MULTIPART_BOUNDARY_MAX || b.ptr[b.len - 1] == ' ') return false;
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && !(c && strchr("'()+_,-./:=? ", c))) return false;
    }
    return true;
}

bool multipart_boundary(Arena *a, Str content_type, Str *boundary)
{
    ptrdiff_t semicolon = str_find_char(content_type, ';');
    if (semicolon < 0) return false;
    Str rest = str_from_pos(content_type, (size_t)semicolon), name, value;
    bool found = false;
    int got;
    while ((got = param_next(a, &rest, &name, &value)) > 0) {
        if (!str_eq_nocase(name, S("boundary"))) continue;
        if (found) return false;
        found = true;
        *boundary = value;
    }
    return got == 0 && found && boundary_is_allowed(*boundary);
}

/* ---- Content-Disposition ---- */

static bool is_text(Str s)
{
    return (s.len == 0 || !memchr(s.ptr, 0, s.len)) && utf8_valid(s);
}

static Str latin1_to_utf8(Arena *a, Str s)
{
    Buf out = buf_new(a, s.len * 2 + 1);
    for (size_t i = 0; i < s.len; i++) {
        char *to = buf_reserve(&out, 4);
        out.len += utf8_encode((uint8_t)s.ptr[i], to);
    }
    return buf_str(&out);
}

/* RFC 8187: charset'language'percent-encoded. */
static bool decode_extended(Arena *a, Str value, Str *out)
{
    Str rest = value;
    Str charset = str_split(&rest, '\'');
    (void)str_split(&rest, '\'');
    Str bytes;
    if (!rest.ptr || !percent_decode(a, rest, false, &bytes)) return false;
    if (str_eq_nocase(charset, S("utf-8"))) {
        *out = bytes;
        return true;
    }
    if (!str_eq_nocase(charset, S("iso-8859-1"))) return false;
    *out = latin1_to_utf8(a, bytes);
    return true;
}

typedef struct {
    bool has_name, has_file_name, has_extended;
    Str name, file_name, extended;
} Disposition;

static const char *take_param(Arena *a, Disposition *d, Str name, Str value)
{
    if (str_eq_nocase(name, S("name"))) {
        if (d->has_name) return "a part with two names";
        d->has_name = true;
        d->name = value;
    } else if (str_eq_nocase(name, S("filename"))) {
        if (d->has_file_name) return "a part with two file names";
        d->has_file_name = true;
        d->file_name = value;
    } else if (str_eq_nocase(name, S("filename*"))) {
        if (d->has_extended) return "a part with two file names";
        d->has_extended = true;
        if (!decode_extended(a, value, &d->extended)) return "a part's filename* is not RFC 8187";
    } else if (str_starts_nocase(name, S("filename*")) || str_starts_nocase(name, S("name*"))) {
        return "a part's name in an encoding that forms do not use"; /* RFC 2231 continuations */
    }
    return NULL;
}

static const char *parse_disposition(Arena *a, Str value, PartHead *out)
{
    Str rest = value;
    Str type = take_token(&rest);
    if (!str_eq_nocase(type, S("form-data"))) return "a part's disposition is not form-data";

    Disposition d = {0};
    Str name, text;
    int got;
    while ((got = param_next(a, &rest, &name, &text)) > 0) {
        const char *why = take_param(a, &d, name, text);
        if (why) return why;
    }
    if (got < 0) return "a part's disposition is malformed";
    if (!d.has_name) return "a part without a name";

    out->name = d.name;
    out->file_name = d.has_extended ? d.extended : d.file_name;
    out->is_file = out->file_name.len > 0;
    if (!is_text(out->name) || !is_text(out->file_name)) return "a part's name is not UTF-8";
    return NULL;
}

/* ---- header lines ---- */

/* "name: value" without the CRLF; false when it is anything else. */
static bool split_line(Str line, Str *name, Str *value)
{
    *name = take_token(&line);
    if (name->len == 0 || line.len == 0 || line.ptr[0] != ':') return false;
    *value = str_trim(str_from_pos(line, 1));
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

/* RFC 7578 §4.7: deprecated. The harmless values say "as it is". */
static bool encoding_is_identity(Str value)
{
    return str_eq_nocase(value, S("binary")) || str_eq_nocase(value, S("8bit")) ||
           str_eq_nocase(value, S("7bit"));
}

Error *multipart_parse_head(Arena *a, Str lines, PartHead *out)
{
    PartHead head = {0};
    bool has_disposition = false, has_type = false;
    while (lines.len > 0) {
        ptrdiff_t end = str_find(lines, S("\r\n"));
        if (end < 0) return bad_body(a, "a part's head is malformed");
        Str name, value;
        if (!split_line(str_sub(lines, 0, (size_t)end), &name, &value)) {
            return bad_body(a, "a part's header line is malformed");
        }
        lines = str_from_pos(lines, (size_t)end + 2);

        if (str_eq_nocase(name, S("content-disposition"))) {
            if (has_disposition) return bad_body(a, "a part with two dispositions");
            has_disposition = true;
            const char *why = parse_disposition(a, value, &head);
            if (why) return bad_body(a, why);
        } else if (str_eq_nocase(name, S("content-type"))) {
            if (has_type) return bad_body(a, "a part with two types");
            has_type = true;
            if (!is_text(value)) return bad_body(a, "a part's type is not UTF-8");
            head.content_type = value;
        } else if (str_eq_nocase(name, S("content-transfer-encoding"))) {
            if (!encoding_is_identity(value)) return bad_body(a, "a part in a transfer encoding");
        }
    }
    if (!has_disposition) return bad_body(a, "a part without disposition");
    *out = head;
    return NULL;
}
