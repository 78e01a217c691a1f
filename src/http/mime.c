/* mime.c - the media type of a static file, by its name's extension.
 *
 * Types as registered with IANA; text/javascript as RFC 9239 says.
 */
#include "http/mime.h"

#include <stdlib.h>

#define EXTENSION_MAX 12

/* Sorted by extension, for bsearch. */
static const struct Known {
    const char *extension;
    Str type;
} KNOWN[] = {
    {"7z", STR_INIT("application/x-7z-compressed")},
    {"aac", STR_INIT("audio/aac")},
    {"apk", STR_INIT("application/vnd.android.package-archive")},
    {"apng", STR_INIT("image/apng")},
    {"appcache", STR_INIT("text/cache-manifest; charset=utf-8")},
    {"atom", STR_INIT("application/atom+xml; charset=utf-8")},
    {"avi", STR_INIT("video/x-msvideo")},
    {"avif", STR_INIT("image/avif")},
    {"bmp", STR_INIT("image/bmp")},
    {"bz2", STR_INIT("application/x-bzip2")},
    {"cjs", STR_INIT("text/javascript; charset=utf-8")},
    {"css", STR_INIT("text/css; charset=utf-8")},
    {"csv", STR_INIT("text/csv; charset=utf-8")},
    {"doc", STR_INIT("application/msword")},
    {"docx", STR_INIT("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
    {"eot", STR_INIT("application/vnd.ms-fontobject")},
    {"epub", STR_INIT("application/epub+zip")},
    {"flac", STR_INIT("audio/flac")},
    {"gif", STR_INIT("image/gif")},
    {"glb", STR_INIT("model/gltf-binary")},
    {"gltf", STR_INIT("model/gltf+json")},
    {"gz", STR_INIT("application/gzip")},
    {"htm", STR_INIT("text/html; charset=utf-8")},
    {"html", STR_INIT("text/html; charset=utf-8")},
    {"ico", STR_INIT("image/x-icon")},
    {"ics", STR_INIT("text/calendar; charset=utf-8")},
    {"jpeg", STR_INIT("image/jpeg")},
    {"jpg", STR_INIT("image/jpeg")},
    {"js", STR_INIT("text/javascript; charset=utf-8")},
    {"json", STR_INIT("application/json")},
    {"jsonld", STR_INIT("application/ld+json")},
    {"jxl", STR_INIT("image/jxl")},
    {"m3u8", STR_INIT("application/vnd.apple.mpegurl")},
    {"m4a", STR_INIT("audio/mp4")},
    {"m4v", STR_INIT("video/mp4")},
    {"map", STR_INIT("application/json")},
    {"md", STR_INIT("text/markdown; charset=utf-8")},
    {"mid", STR_INIT("audio/midi")},
    {"mjs", STR_INIT("text/javascript; charset=utf-8")},
    {"mkv", STR_INIT("video/x-matroska")},
    {"mov", STR_INIT("video/quicktime")},
    {"mp3", STR_INIT("audio/mpeg")},
    {"mp4", STR_INIT("video/mp4")},
    {"mpd", STR_INIT("application/dash+xml")},
    {"mpeg", STR_INIT("video/mpeg")},
    {"mpg", STR_INIT("video/mpeg")},
    {"odp", STR_INIT("application/vnd.oasis.opendocument.presentation")},
    {"ods", STR_INIT("application/vnd.oasis.opendocument.spreadsheet")},
    {"odt", STR_INIT("application/vnd.oasis.opendocument.text")},
    {"oga", STR_INIT("audio/ogg")},
    {"ogg", STR_INIT("audio/ogg")},
    {"ogv", STR_INIT("video/ogg")},
    {"opus", STR_INIT("audio/ogg")},
    {"otf", STR_INIT("font/otf")},
    {"pdf", STR_INIT("application/pdf")},
    {"png", STR_INIT("image/png")},
    {"ppt", STR_INIT("application/vnd.ms-powerpoint")},
    {"pptx", STR_INIT("application/vnd.openxmlformats-officedocument.presentationml.presentation")},
    {"rar", STR_INIT("application/vnd.rar")},
    {"rss", STR_INIT("application/rss+xml; charset=utf-8")},
    {"rtf", STR_INIT("application/rtf")},
    {"svg", STR_INIT("image/svg+xml")},
    {"tar", STR_INIT("application/x-tar")},
    {"tif", STR_INIT("image/tiff")},
    {"tiff", STR_INIT("image/tiff")},
    {"ttf", STR_INIT("font/ttf")},
    {"txt", STR_INIT("text/plain; charset=utf-8")},
    {"vcf", STR_INIT("text/vcard; charset=utf-8")},
    {"vtt", STR_INIT("text/vtt; charset=utf-8")},
    {"wasm", STR_INIT("application/wasm")},
    {"wav", STR_INIT("audio/wav")},
    {"weba", STR_INIT("audio/webm")},
    {"webm", STR_INIT("video/webm")},
    {"webmanifest", STR_INIT("application/manifest+json")},
    {"webp", STR_INIT("image/webp")},
    {"woff", STR_INIT("font/woff")},
    {"woff2", STR_INIT("font/woff2")},
    {"xhtml", STR_INIT("application/xhtml+xml")},
    {"xls", STR_INIT("application/vnd.ms-excel")},
    {"xlsx", STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
    {"xml", STR_INIT("text/xml; charset=utf-8")},
    {"zip", STR_INIT("application/zip")},
    {"zst", STR_INIT("application/zstd")},
};

static int compare_extension(const void *key, const void *known)
{
    return strcmp(key, ((const struct Known *)known)->extension);
}

Str mime_type_of_path(Str path)
{
    Str name = str_from_pos(path, (size_t)(str_rfind_char(path, '/') + 1));
    ptrdiff_t dot = str_rfind_char(name, '.');
    Str extension = dot < 0 ? S("") : str_from_pos(name, (size_t)dot + 1);
    if (extension.len == 0 || extension.len > EXTENSION_MAX) return S("application/octet-stream");

    char lower[EXTENSION_MAX + 1] = {0};
    for (size_t i = 0; i < extension.len; i++) {
        char c = extension.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    const struct Known *known =
        bsearch(lower, KNOWN, COUNT(KNOWN), sizeof(KNOWN[0]), compare_extension);
    return known ? known->type : S("application/octet-stream");
}

bool mime_is_compressible(Str content_type)
{
    static const Str TYPES[] = {
        STR_INIT("application/json"),
        STR_INIT("application/javascript"),
        STR_INIT("application/wasm"),
        STR_INIT("application/rtf"),
        STR_INIT("application/x-tar"),
        STR_INIT("application/vnd.apple.mpegurl"),
        STR_INIT("application/vnd.ms-fontobject"),
        STR_INIT("font/otf"),
        STR_INIT("font/ttf"),
        STR_INIT("image/bmp"),
        STR_INIT("image/x-icon"),
    };
    Str type = str_trim(str_split(&content_type, ';'));
    if (str_starts_nocase(type, S("text/"))) return true;
    if (str_ends(type, S("+xml")) || str_ends(type, S("+json"))) return true;
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        if (str_eq_nocase(type, TYPES[i])) return true;
    }
    return false;
}
