/* headers.c - how a stored file may be shown by a browser (api: files §4.1).
 *
 * Only types that cannot run anything in our origin are shown in place; all
 * others are downloads, whatever their name says.
 */
#include "files/files_internal.h"

#include "base/encoding.h"

static const Str INLINE_TYPES[] = {
    STR_INIT("image/png"),         STR_INIT("image/jpg"),       STR_INIT("image/jpeg"),
    STR_INIT("image/gif"),         STR_INIT("image/webp"),      STR_INIT("image/x-icon"),
    STR_INIT("image/bmp"),         STR_INIT("video/webm"),      STR_INIT("video/mp4"),
    STR_INIT("video/3gpp"),        STR_INIT("video/quicktime"), STR_INIT("video/x-ms-wmv"),
    STR_INIT("audio/basic"),       STR_INIT("audio/aiff"),      STR_INIT("audio/mpeg"),
    STR_INIT("audio/midi"),        STR_INIT("audio/mp3"),       STR_INIT("audio/wave"),
    STR_INIT("audio/wav"),         STR_INIT("audio/x-wav"),     STR_INIT("audio/x-mpeg"),
    STR_INIT("audio/x-m4a"),       STR_INIT("audio/aac"),       STR_INIT("application/pdf"),
    STR_INIT("application/x-pdf"),
};

#define OOXML "application/vnd.openxmlformats-officedocument."

static const struct {
    Str extension, type;
} OVERRIDES[] = {
    {STR_INIT(".svg"), STR_INIT("image/svg+xml")},
    {STR_INIT(".css"), STR_INIT("text/css")},
    {STR_INIT(".js"), STR_INIT("text/javascript")},
    {STR_INIT(".mjs"), STR_INIT("text/javascript")},
    {STR_INIT(".xlsx"), STR_INIT(OOXML "spreadsheetml.sheet")},
    {STR_INIT(".docx"), STR_INIT(OOXML "wordprocessingml.document")},
    {STR_INIT(".pptx"), STR_INIT(OOXML "presentationml.presentation")},
};

Str file_content_type(Str name, Str stored_type)
{
    for (size_t i = 0; i < COUNT(OVERRIDES); i++) {
        if (str_ends(name, OVERRIDES[i].extension)) return OVERRIDES[i].type;
    }
    for (size_t i = 0; i < stored_type.len; i++) {
        unsigned char c = (unsigned char)stored_type.ptr[i];
        if (c < ' ' || c > '~') return S("application/octet-stream"); /* a foreign sidecar's */
    }
    return stored_type.len ? stored_type : S("application/octet-stream");
}

bool file_is_inline(Str stored_type)
{
    for (size_t i = 0; i < COUNT(INLINE_TYPES); i++) {
        if (str_eq(stored_type, INLINE_TYPES[i])) return true;
    }
    return false;
}

/* RFC 9110 §5.6.2 token characters need no quotes. */
static bool is_token(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr("!#$%&'*+-.^_`|~=", c))) return false;
    }
    return s.len > 0;
}

Str file_disposition(Arena *a, Str name, bool is_inline)
{
    const char *kind = is_inline ? "inline" : "attachment";
    if (is_token(name)) return str_printf(a, "%s; filename=%.*s", kind, STR_ARG(name));
    /* An imported name may hold anything: RFC 8187 is safe for all of it. */
    return str_printf(a, "%s; filename*=UTF-8''%.*s", kind, STR_ARG(percent_encode(a, name)));
}
