/* names.c - names of stored files (api: files §1.2).
 *
 *     My Photo.PNG  →  my_photo_k3v9x0qwz1.PNG
 *
 * Whatever a client calls a file, its stored name is flat, short, made of
 * harmless letters and cannot be guessed. */
#include "base/random.h"
#include "records/records_internal.h"

#define CLIENT_NAME_MAX    300
#define EXTENSION_MAX      20
#define BASE_MIN           3
#define BASE_MAX           100
#define NAME_RANDOM_LENGTH 10

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static Str trim_dots(Str s)
{
    while (s.len > 0 && s.ptr[0] == '.')
        s = str_from_pos(s, 1);
    while (s.len > 0 && s.ptr[s.len - 1] == '.')
        s.len--;
    return s;
}

/* Where the extension begins: the second-to-last dot, else the only one. */
static size_t extension_start(Str name)
{
    ptrdiff_t last = str_rfind_char(name, '.');
    if (last < 0) return name.len;
    ptrdiff_t before = str_rfind_char(str_sub(name, 0, (size_t)last), '.');
    return (size_t)(before >= 0 ? before : last);
}

static Str clean_extension(Arena *a, Str raw)
{
    Buf b = buf_new(a, raw.len + 1);
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (is_alnum(c) || (c != '\0' && strchr("_.*-+=#", c))) buf_char(&b, c);
    }
    Str s = trim_dots(buf_str(&b));
    if (s.len == 0) return S("");
    if (s.len > EXTENSION_MAX) s = str_from_pos(s, s.len - EXTENSION_MAX);
    s = trim_dots(s);
    return str_concat(a, S("."), s);
}

/* "My PhotoX" → "my_photo_x" */
static Str snake_case(Arena *a, Str s)
{
    Buf b = buf_new(a, s.len * 2 + 1);
    bool in_word = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alnum(c)) {
            in_word = false;
            continue;
        }
        bool starts_word = !in_word && b.len > 0;
        bool starts_hump = in_word && is_upper(c) && !is_upper(s.ptr[i - 1]);
        if (starts_word || starts_hump) buf_char(&b, '_');
        buf_char(&b, is_upper(c) ? (char)(c - 'A' + 'a') : c);
        in_word = true;
    }
    return buf_str(&b);
}

Str file_stored_name(Arena *a, Str client_name, Str extension, bool *needs_extension)
{
    if (client_name.len > CLIENT_NAME_MAX) {
        client_name = str_from_pos(client_name, client_name.len - CLIENT_NAME_MAX);
    }
    size_t dot = extension_start(client_name);
    Str ext = clean_extension(a, str_from_pos(client_name, dot));
    if (needs_extension) *needs_extension = ext.len == 0;
    if (ext.len == 0) ext = clean_extension(a, extension);

    Str base = snake_case(a, trim_dots(str_sub(client_name, 0, dot)));
    if (base.len < BASE_MIN) {
        base = str_concat(a, base, random_text(a, NAME_RANDOM_LENGTH, ALPHABET_ID));
    }
    base = str_sub(base, 0, BASE_MAX);
    Str random = random_text(a, NAME_RANDOM_LENGTH, ALPHABET_ID);
    return str_printf(a, "%.*s_%.*s%.*s", STR_ARG(base), STR_ARG(random), STR_ARG(ext));
}

Str file_key(Arena *a, const Collection *c, Str id, Str name)
{
    return str_printf(a, "%.*s/%.*s/%.*s", STR_ARG(c->id), STR_ARG(id), STR_ARG(name));
}

bool file_id_is_safe(Str id)
{
    if (id.len == 0 || id.len > 200 || id.ptr[0] == '.') return false;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') return false;
    }
    return true;
}
