/* zip_parse.c - libarchive over a zip that anybody may have made. Runs confined.
 *
 * libarchive keeps a list of all entries in memory, so the number of them is read
 * from the file's end first. */
#include "backup/zip_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES    (64u << 10)
#define TAIL_BYTES    (22 + 65535)
#define DIRECTORY_MAX (UINT64_C(512) << 20)

typedef struct {
    int fd;
    bool content;
    ZipEmit emit;
    void *arg;
    uint64_t offset, size; /* of the zip: where to read next, and how long it is */
    uint64_t entries;      /* as its end says */
    uint8_t tail[TAIL_BYTES];
    char buffer[READ_BYTES];
} Parser;

/* ---- telling ---- */

static bool tell(Parser *p, ZipKind kind, uint32_t flags, uint64_t size, Str bytes)
{
    ZipRecord record = {.kind = kind, .flags = flags, .size = size};
    record.len = (uint32_t)MIN(bytes.len, (size_t)ZIP_PIECE_MAX);
    return p->emit(p->arg, &record, bytes.ptr);
}

static void fail(Parser *p, const char *why)
{
    (void)tell(p, ZIP_FAILED, 0, 0, str_from(why));
}

static void damaged(Parser *p, struct archive *archive)
{
    if (archive_errno(archive) == ENOMEM) {
        fail(p, "reading it takes too much memory.");
        return;
    }
    char text[300];
    const char *why = archive_error_string(archive);
    (void)snprintf(text, sizeof(text), "it is damaged (%s).", why ? why : "unknown");
    fail(p, text);
}

/* ---- the file's end ---- */

static uint64_t number_at(const uint8_t *at, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--)
        n = n << 8 | at[i];
    return n;
}

static bool read_at(int fd, uint64_t offset, void *out, size_t len)
{
    return offset <= INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* The end record's counts (APPNOTE 4.3.16), or those of zip64 (4.3.14). */
static bool counts_read(Parser *p, uint64_t end_at, const uint8_t *end, uint64_t *directory)
{
    p->entries = number_at(end + 10, 2);
    *directory = number_at(end + 12, 4);
    bool large =
        p->entries == 0xffff || *directory == 0xffffffff || number_at(end + 16, 4) == 0xffffffff;
    uint8_t locator[20], record[56];
    if (!large || end_at < sizeof(locator)) return !large;
    if (!read_at(p->fd, end_at - sizeof(locator), locator, sizeof(locator))) return false;
    if (number_at(locator, 4) != 0x07064b50) return true; /* just that many, by chance */
    if (!read_at(p->fd, number_at(locator + 8, 8), record, sizeof(record))) return false;
    if (number_at(record, 4) != 0x06064b50) return false;
    p->entries = number_at(record + 32, 8);
    *directory = number_at(record + 40, 8);
    return true;
}

/* NULL, or what is wrong. */
static const char *tail_check(Parser *p)
{
    size_t len = (size_t)MIN(p->size, (uint64_t)TAIL_BYTES);
    if (!read_at(p->fd, p->size - len, p->tail, len)) return "it cannot be read.";
    for (size_t i = len; i >= 22; i--) {
        const uint8_t *end = p->tail + i - 22;
        if (number_at(end, 4) != 0x06054b50) continue;
        uint64_t directory;
        if (!counts_read(p, p->size - len + i - 22, end, &directory)) return "its end is damaged.";
        if (p->entries > ZIP_ENTRIES_MAX || directory > DIRECTORY_MAX)
            return "it holds more files than any backup.";
        return NULL;
    }
    return "it is no zip file, or cut short.";
}

/* ---- what libarchive reads with: no call but pread() ---- */

static la_ssize_t on_read(struct archive *archive, void *arg, const void **bytes)
{
    Parser *p = arg;
    ssize_t n;
    do
        n = pread(p->fd, p->buffer, sizeof(p->buffer), (off_t)p->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(archive, errno, "read error");
        return ARCHIVE_FATAL;
    }
    p->offset += (uint64_t)n;
    *bytes = p->buffer;
    return n;
}

static la_int64_t on_seek(struct archive *archive, void *arg, la_int64_t offset, int whence)
{
    Parser *p = arg;
    (void)archive;
    int64_t from = 0;
    if (whence == SEEK_CUR) from = (int64_t)p->offset;
    if (whence == SEEK_END) from = (int64_t)p->size;
    int64_t to;
    if (__builtin_add_overflow(from, offset, &to) || to < 0) return ARCHIVE_FATAL;
    p->offset = (uint64_t)to;
    return to;
}

static la_int64_t on_skip(struct archive *archive, void *arg, la_int64_t count)
{
    Parser *p = arg;
    (void)archive;
    if (count <= 0 || p->offset >= p->size) return 0;
    uint64_t step = MIN((uint64_t)count, p->size - p->offset);
    p->offset += step;
    return (la_int64_t)step;
}

/* ---- entries ---- */

static bool entry_tell(Parser *p, struct archive_entry *entry)
{
    const char *raw = archive_entry_pathname_utf8(entry);
    if (!raw) raw = archive_entry_pathname(entry);
    uint32_t flags = 0;
    int type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) flags |= ZIP_IS_FOLDER;
    if ((type != AE_IFREG && type != AE_IFDIR) || archive_entry_symlink(entry) ||
        archive_entry_hardlink(entry))
        flags |= ZIP_IS_OTHER;
    if (archive_entry_is_encrypted(entry)) flags |= ZIP_IS_ENCRYPTED;
    la_int64_t size = archive_entry_size(entry);
    if (!archive_entry_size_is_set(entry) || size < 0) flags |= ZIP_HAS_NO_SIZE;
    return tell(p, ZIP_ENTRY, flags, (uint64_t)MAX(size, 0), str_from(raw ? raw : ""));
}

/* False when there is no more to tell. */
static bool content_tell(Parser *p, struct archive *archive)
{
    uint64_t done = 0;
    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(archive, &bytes, &len, &offset);
        if (rc == ARCHIVE_EOF) return true;
        if (rc != ARCHIVE_OK) {
            damaged(p, archive);
            return false;
        }
        if ((uint64_t)offset != done) {
            fail(p, "a file in it has gaps.");
            return false;
        }
        done += len;
        for (Str rest = str_make(bytes, len); rest.len > 0;
             rest = str_from_pos(rest, MIN(rest.len, (size_t)ZIP_PIECE_MAX)))
            if (!tell(p, ZIP_DATA, 0, 0, str_sub(rest, 0, ZIP_PIECE_MAX))) return false;
    }
}

static void entries_tell(Parser *p, struct archive *archive)
{
    for (uint64_t count = 0;; count++) {
        struct archive_entry *entry;
        int rc = archive_read_next_header(archive, &entry);
        if (rc == ARCHIVE_EOF) {
            if (count == p->entries)
                (void)tell(p, ZIP_END, 0, 0, S(""));
            else
                fail(p, "its list of files does not agree with itself.");
            return;
        }
        if (rc != ARCHIVE_OK) {
            damaged(p, archive);
            return;
        }
        if (!entry_tell(p, entry)) return;
        if (p->content && archive_entry_filetype(entry) != AE_IFDIR && !content_tell(p, archive))
            return;
    }
}

void zip_parse(int fd, uint64_t size, bool content, ZipEmit emit, void *arg)
{
    Parser *p = calloc(1, sizeof(*p));
    struct archive *archive = archive_read_new();
    if (!p || !archive) {
        ZipRecord record = {.kind = ZIP_UNABLE};
        (void)emit(arg, &record, "");
    } else {
        p->fd = fd;
        p->size = size;
        p->content = content;
        p->emit = emit;
        p->arg = arg;
        const char *why = tail_check(p);
        if (why) fail(p, why);
        int rc = why ? ARCHIVE_OK : archive_read_support_format_zip_seekable(archive);
        (void)archive_read_set_read_callback(archive, on_read);
        (void)archive_read_set_seek_callback(archive, on_seek);
        (void)archive_read_set_skip_callback(archive, on_skip);
        (void)archive_read_set_callback_data(archive, p);
        if (!why && rc == ARCHIVE_OK) rc = archive_read_open1(archive);
        if (!why && rc == ARCHIVE_OK)
            entries_tell(p, archive);
        else if (!why)
            damaged(p, archive);
    }
    if (archive) (void)archive_read_free(archive);
    free(p);
}
