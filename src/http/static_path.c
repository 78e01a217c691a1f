/* static_path.c - from a request's path to a file below the public folder. */
#include "http/static_path.h"

#include "base/encoding.h"
#include "base/utf8.h"

static bool has_only_text(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7f || c == '\\') return false;
    }
    return utf8_valid(s);
}

static bool segment_is_public(Str segment, bool is_first)
{
    if (segment.len == 0 || segment.len > STATIC_SEGMENT_MAX) return false;
    if (segment.ptr[0] != '.') return true;
    return is_first && str_eq(segment, S(".well-known"));
}

/* A '/' that was written as %2F would split a name behind the client's back. */
static bool has_encoded_slash(Str path)
{
    return str_find(path, S("%2f")) >= 0 || str_find(path, S("%2F")) >= 0;
}

bool static_path_map(Arena *a, Str request_path, Str *relative)
{
    Str path;
    if (request_path.len == 0 || request_path.ptr[0] != '/') return false;
    if (request_path.len > 3 * STATIC_PATH_MAX || has_encoded_slash(request_path)) return false;
    if (!percent_decode(a, request_path, false, &path)) return false;
    if (path.len > STATIC_PATH_MAX || !has_only_text(path)) return false;

    path = str_from_pos(path, 1);
    bool is_folder = path.len == 0 || str_ends(path, S("/"));
    Str rest = is_folder && path.len > 0 ? str_sub(path, 0, path.len - 1) : path;
    bool is_first = true;
    while (path.len > 0 && rest.ptr) {
        if (!segment_is_public(str_split(&rest, '/'), is_first)) return false;
        is_first = false;
    }
    Str file = is_folder ? S("index.html") : S("");
    *relative = str_make(arena_cstr(a, str_concat(a, path, file)), path.len + file.len);
    return true;
}

bool static_path_has_extension(Str relative)
{
    Str name = str_from_pos(relative, (size_t)(str_rfind_char(relative, '/') + 1));
    return str_find_char(name, '.') >= 0;
}

Str static_cache_control(Str relative, Str content_type)
{
    static const Str REVALIDATED[] = {STR_INIT("text/html"), STR_INIT("application/json"),
                                      STR_INIT("application/manifest+json"), STR_INIT("text/xml"),
                                      STR_INIT("text/plain")};
    bool is_immutable =
        str_starts(relative, S("immutable/")) || str_find(relative, S("/immutable/")) >= 0;
    if (is_immutable) return S("public, max-age=31536000, immutable");

    Str type = str_trim(str_split(&content_type, ';'));
    for (size_t i = 0; i < COUNT(REVALIDATED); i++) {
        if (str_eq(type, REVALIDATED[i])) return S("no-cache");
    }
    Str name = str_from_pos(relative, (size_t)(str_rfind_char(relative, '/') + 1));
    bool is_worker = str_eq(name, S("sw.js")) || str_eq(name, S("service-worker.js"));
    return is_worker ? S("no-cache") : S("public, max-age=600");
}
