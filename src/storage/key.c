/* key.c - blob keys: what may be one. */
#include "storage/storage_internal.h"

static bool segment_is_good(Str segment)
{
    return segment.len > 0 && segment.len <= NAME_MAX_BYTES && segment.ptr[0] != '.' &&
           !memchr(segment.ptr, 0, segment.len) && !memchr(segment.ptr, '\\', segment.len);
}

static void copy_text(char *to, Str from)
{
    if (from.len > 0) memcpy(to, from.ptr, from.len);
    to[from.len] = 0;
}

bool key_parse(Str text, bool is_prefix, Key *out)
{
    if (is_prefix) {
        if (!str_ends(text, S("/"))) return false;
        text.len--;
    }
    if (text.len == 0 || text.len > KEY_MAX_BYTES) return false;

    Str rest = text;
    size_t segments = 0;
    while (rest.ptr) {
        if (!segment_is_good(str_split(&rest, '/')) || ++segments > KEY_SEGMENTS_MAX) return false;
    }
    ptrdiff_t slash = str_rfind_char(text, '/');
    Str name = str_from_pos(text, (size_t)(slash + 1));
    if (!is_prefix && str_ends(name, S(SIDECAR_SUFFIX))) return false;

    copy_text(out->folder, str_sub(text, 0, slash < 0 ? 0 : (size_t)slash));
    copy_text(out->name, name);
    copy_text(out->sidecar, name);
    copy_text(out->sidecar + name.len, S(SIDECAR_SUFFIX));
    return true;
}
