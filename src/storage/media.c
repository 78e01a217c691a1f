/* media.c - what kind of content some bytes are (libmagic), and its extension.
 *
 * libmagic's database costs milliseconds and a mapping of several MB, so each
 * pool thread loads it once, when it first needs it. What libmagic says is
 * brought into the form the API promises: one name a type, a charset with text
 * only, "text/plain; charset=utf-8" for what is just text.
 */
#include "storage/storage_internal.h"

#include <errno.h>
#include <magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SNIFF_BYTES (64 * 1024)
#define TYPE_BYTES  128

typedef struct {
    Str bytes;
    int fd;
    char *buffer; /* SNIFF_BYTES, when there is a fd */
    char type[TYPE_BYTES];
    char charset[TYPE_BYTES];
    JobResult result;
} SniffJob;

/* ---- libmagic, one cookie a thread ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t cookie_key; /* its destructor frees a thread's cookie */
static _Thread_local magic_t thread_cookie;

static void free_cookie(void *cookie)
{
    magic_close(cookie);
}

static void make_key(void)
{
    if (pthread_key_create(&cookie_key, free_cookie) != 0) abort();
}

static magic_t cookie_get(void)
{
    if (thread_cookie) return thread_cookie;
    (void)pthread_once(&once, make_key);
    /* Never run a decompressor or the ELF reader over a stranger's bytes. */
    magic_t cookie = magic_open(MAGIC_MIME_TYPE | MAGIC_MIME_ENCODING | MAGIC_NO_CHECK_COMPRESS |
                                MAGIC_NO_CHECK_ELF);
    if (!cookie) return NULL;
    if (magic_load(cookie, NULL) != 0 || pthread_setspecific(cookie_key, cookie) != 0) {
        magic_close(cookie);
        return NULL;
    }
    thread_cookie = cookie;
    return cookie;
}

static void run_sniff(void *arg)
{
    SniffJob *job = arg;
    if (job->fd >= 0) {
        ssize_t n = pread(job->fd, job->buffer, SNIFF_BYTES, 0);
        if (n < 0) {
            (void)job_fail(&job->result, errno, "read");
            return;
        }
        job->bytes = str_make(job->buffer, (size_t)n);
    }
    magic_t cookie = cookie_get();
    if (!cookie) {
        (void)job_fail(&job->result, ENOMEM, "load libmagic's database");
        return;
    }
    const char *said = magic_buffer(cookie, job->bytes.ptr, job->bytes.len);
    Str rest = str_from(said ? said : "application/octet-stream; charset=binary");
    Str type = str_split(&rest, ';');
    ptrdiff_t equals = str_find_char(rest, '=');
    Str charset = equals < 0 ? S("") : str_from_pos(rest, (size_t)equals + 1);
    (void)snprintf(job->type, sizeof(job->type), "%.*s", STR_ARG(type));
    (void)snprintf(job->charset, sizeof(job->charset), "%.*s", STR_ARG(charset));
}

/* ---- from libmagic's names to ours ---- */

static const struct {
    Str said, ours;
} NAMES[] = {
    {STR_INIT("application/CDFV2"), STR_INIT("application/x-ole-storage")},
    {STR_INIT("application/javascript"), STR_INIT("text/javascript")},
    {STR_INIT("application/vnd.ms-opentype"), STR_INIT("font/otf")},
    {STR_INIT("application/x-dosexec"), STR_INIT("application/vnd.microsoft.portable-executable")},
    {STR_INIT("application/x-gzip"), STR_INIT("application/gzip")},
    {STR_INIT("application/x-rar"), STR_INIT("application/x-rar-compressed")},
    {STR_INIT("application/x-sqlite3"), STR_INIT("application/vnd.sqlite3")},
    {STR_INIT("application/x-zip-compressed"), STR_INIT("application/zip")},
    {STR_INIT("audio/x-aiff"), STR_INIT("audio/aiff")},
    {STR_INIT("audio/x-flac"), STR_INIT("audio/flac")},
    {STR_INIT("audio/x-hx-aac-adts"), STR_INIT("audio/aac")},
    {STR_INIT("audio/x-wav"), STR_INIT("audio/wav")},
    {STR_INIT("font/sfnt"), STR_INIT("font/ttf")},
    {STR_INIT("image/svg"), STR_INIT("image/svg+xml")},
    {STR_INIT("image/vnd.microsoft.icon"), STR_INIT("image/x-icon")},
    {STR_INIT("image/x-ms-bmp"), STR_INIT("image/bmp")},
    {STR_INIT("application/x-empty"), STR_INIT("text/plain")},
    {STR_INIT("inode/x-empty"), STR_INIT("text/plain")},
};

/* Text that has a mark of its own. Every other "text/x-c", "text/x-algol68" or
 * "text/troff" is libmagic's guess from a few words, wrong as often as right. */
static const Str MARKED_TEXT[] = {
    STR_INIT("text/calendar"),        STR_INIT("text/csv"),           STR_INIT("text/html"),
    STR_INIT("text/javascript"),      STR_INIT("text/plain"),         STR_INIT("text/rtf"),
    STR_INIT("text/vcard"),           STR_INIT("text/vtt"),           STR_INIT("text/x-lua"),
    STR_INIT("text/x-perl"),          STR_INIT("text/x-php"),         STR_INIT("text/x-ruby"),
    STR_INIT("text/x-script.python"), STR_INIT("text/x-shellscript"), STR_INIT("text/xml"),
};

static bool listed(const Str *list, size_t count, Str type)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i], type)) return true;
    }
    return false;
}

/* Office documents are zip files; which kind, their folders say. libmagic sees
 * it only when the writer put the entries in Microsoft's order. */
static Str office_type(Str bytes)
{
    static const struct {
        Str folder, type;
    } KINDS[] = {
        {STR_INIT("word/"),
         STR_INIT("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
        {STR_INIT("xl/"),
         STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
        {STR_INIT("ppt/"),
         STR_INIT("application/vnd.openxmlformats-officedocument.presentationml.presentation")},
    };
    bool has_types = str_find(bytes, S("[Content_Types].xml")) >= 0;
    ptrdiff_t at;
    while (has_types && (at = str_find(bytes, S("PK\x03\x04"))) >= 0) {
        bytes = str_from_pos(bytes, (size_t)at + 4);
        Str name = str_from_pos(bytes, 26); /* local header: 30 bytes, then the name */
        for (size_t i = 0; i < COUNT(KINDS); i++) {
            if (str_starts(name, KINDS[i].folder)) return KINDS[i].type;
        }
    }
    return S("application/zip");
}

/* "video/mp4video/quicktime": libmagic sometimes joins two answers. */
static Str first_answer(Str type)
{
    static const Str TREES[] = {STR_INIT("application/"), STR_INIT("audio/"), STR_INIT("image/"),
                                STR_INIT("text/"), STR_INIT("video/")};
    size_t end = type.len;
    for (size_t i = 0; i < COUNT(TREES); i++) {
        ptrdiff_t at = str_find(str_from_pos(type, 1), TREES[i]);
        if (at >= 0) end = MIN(end, (size_t)at + 1);
    }
    return str_sub(type, 0, end);
}

static Str our_name(Str said, Str bytes)
{
    Str type = first_answer(said);
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        if (str_eq(type, NAMES[i].said)) type = NAMES[i].ours;
    }
    /* libmagic wants to see a zip file's end too, which is not in what it gets. */
    bool is_zip =
        str_eq(type, S("application/zip")) ||
        (str_eq(type, S("application/octet-stream")) && str_starts(bytes, S("PK\x03\x04")));
    if (is_zip) return office_type(bytes);
    if (str_starts(type, S("text/")) && !listed(MARKED_TEXT, COUNT(MARKED_TEXT), type)) {
        return S("text/plain");
    }
    return type;
}

static Str with_charset(Arena *a, Str type, Str charset)
{
    if (!str_starts(type, S("text/")) || charset.len == 0 || str_eq(charset, S("unknown-8bit"))) {
        return arena_copy(a, type);
    }
    /* An empty file is "binary" to libmagic. */
    if (str_eq(charset, S("us-ascii")) || str_eq(charset, S("binary"))) charset = S("utf-8");
    return str_printf(a, "%.*s; charset=%.*s", STR_ARG(type), STR_ARG(charset));
}

Error *storage_sniff(Storage *s, Arena *a, int fd, Str memory, Str *content_type)
{
    SniffJob *job = arena_new(a, SniffJob, 1);
    job->fd = fd;
    job->bytes = memory.len > 0 ? str_sub(memory, 0, SNIFF_BYTES) : S("");
    if (fd >= 0) job->buffer = arena_bytes(a, SNIFF_BYTES);

    Error *err = await_work(s->workers, a, run_sniff, job);
    if (err) return err;
    if (job->result.error) {
        return error_errno(a, job->result.error, job->result.operation, S("content"));
    }
    *content_type =
        with_charset(a, our_name(str_from(job->type), job->bytes), str_from(job->charset));
    return NULL;
}

/* ---- extensions ---- */

static const struct {
    Str type, extension;
} EXTENSIONS[] = {
    {STR_INIT("application/gzip"), STR_INIT(".gz")},
    {STR_INIT("application/epub+zip"), STR_INIT(".epub")},
    {STR_INIT("application/json"), STR_INIT(".json")},
    {STR_INIT("application/msword"), STR_INIT(".doc")},
    {STR_INIT("application/pdf"), STR_INIT(".pdf")},
    {STR_INIT("application/vnd.ms-excel"), STR_INIT(".xls")},
    {STR_INIT("application/vnd.ms-powerpoint"), STR_INIT(".ppt")},
    {STR_INIT("application/vnd.microsoft.portable-executable"), STR_INIT(".exe")},
    {STR_INIT("application/vnd.oasis.opendocument.spreadsheet"), STR_INIT(".ods")},
    {STR_INIT("application/vnd.oasis.opendocument.text"), STR_INIT(".odt")},
    {STR_INIT("application/vnd.openxmlformats-officedocument.presentationml.presentation"),
     STR_INIT(".pptx")},
    {STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
     STR_INIT(".xlsx")},
    {STR_INIT("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
     STR_INIT(".docx")},
    {STR_INIT("application/vnd.sqlite3"), STR_INIT(".sqlite")},
    {STR_INIT("application/wasm"), STR_INIT(".wasm")},
    {STR_INIT("application/x-7z-compressed"), STR_INIT(".7z")},
    {STR_INIT("application/x-bzip2"), STR_INIT(".bz2")},
    {STR_INIT("application/x-ndjson"), STR_INIT(".ndjson")},
    {STR_INIT("application/x-rar-compressed"), STR_INIT(".rar")},
    {STR_INIT("application/x-tar"), STR_INIT(".tar")},
    {STR_INIT("application/x-xz"), STR_INIT(".xz")},
    {STR_INIT("application/zip"), STR_INIT(".zip")},
    {STR_INIT("application/zstd"), STR_INIT(".zst")},
    {STR_INIT("audio/aac"), STR_INIT(".aac")},
    {STR_INIT("audio/aiff"), STR_INIT(".aiff")},
    {STR_INIT("audio/basic"), STR_INIT(".au")},
    {STR_INIT("audio/flac"), STR_INIT(".flac")},
    {STR_INIT("audio/midi"), STR_INIT(".midi")},
    {STR_INIT("audio/mpeg"), STR_INIT(".mp3")},
    {STR_INIT("audio/ogg"), STR_INIT(".oga")},
    {STR_INIT("audio/wav"), STR_INIT(".wav")},
    {STR_INIT("audio/x-m4a"), STR_INIT(".m4a")},
    {STR_INIT("font/otf"), STR_INIT(".otf")},
    {STR_INIT("font/ttf"), STR_INIT(".ttf")},
    {STR_INIT("font/woff"), STR_INIT(".woff")},
    {STR_INIT("font/woff2"), STR_INIT(".woff2")},
    {STR_INIT("image/avif"), STR_INIT(".avif")},
    {STR_INIT("image/bmp"), STR_INIT(".bmp")},
    {STR_INIT("image/gif"), STR_INIT(".gif")},
    {STR_INIT("image/heic"), STR_INIT(".heic")},
    {STR_INIT("image/jpeg"), STR_INIT(".jpg")},
    {STR_INIT("image/png"), STR_INIT(".png")},
    {STR_INIT("image/svg+xml"), STR_INIT(".svg")},
    {STR_INIT("image/tiff"), STR_INIT(".tiff")},
    {STR_INIT("image/vnd.adobe.photoshop"), STR_INIT(".psd")},
    {STR_INIT("image/webp"), STR_INIT(".webp")},
    {STR_INIT("image/x-icon"), STR_INIT(".ico")},
    {STR_INIT("text/calendar"), STR_INIT(".ics")},
    {STR_INIT("text/csv"), STR_INIT(".csv")},
    {STR_INIT("text/html"), STR_INIT(".html")},
    {STR_INIT("text/javascript"), STR_INIT(".js")},
    {STR_INIT("text/plain"), STR_INIT(".txt")},
    {STR_INIT("text/rtf"), STR_INIT(".rtf")},
    {STR_INIT("text/vcard"), STR_INIT(".vcf")},
    {STR_INIT("text/vtt"), STR_INIT(".vtt")},
    {STR_INIT("text/x-lua"), STR_INIT(".lua")},
    {STR_INIT("text/x-perl"), STR_INIT(".pl")},
    {STR_INIT("text/x-php"), STR_INIT(".php")},
    {STR_INIT("text/x-ruby"), STR_INIT(".rb")},
    {STR_INIT("text/x-script.python"), STR_INIT(".py")},
    {STR_INIT("text/x-shellscript"), STR_INIT(".sh")},
    {STR_INIT("text/xml"), STR_INIT(".xml")},
    {STR_INIT("video/3gpp"), STR_INIT(".3gp")},
    {STR_INIT("video/mp4"), STR_INIT(".mp4")},
    {STR_INIT("video/mpeg"), STR_INIT(".mpeg")},
    {STR_INIT("video/ogg"), STR_INIT(".ogv")},
    {STR_INIT("video/quicktime"), STR_INIT(".mov")},
    {STR_INIT("video/webm"), STR_INIT(".webm")},
    {STR_INIT("video/x-matroska"), STR_INIT(".mkv")},
    {STR_INIT("video/x-ms-asf"), STR_INIT(".asf")},
    {STR_INIT("video/x-msvideo"), STR_INIT(".avi")},
};

Str media_type_extension(Str content_type)
{
    Str type = str_trim(str_split(&content_type, ';'));
    for (size_t i = 0; i < COUNT(EXTENSIONS); i++) {
        if (str_eq_nocase(type, EXTENSIONS[i].type)) return EXTENSIONS[i].extension;
    }
    return S("");
}
