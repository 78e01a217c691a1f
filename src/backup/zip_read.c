/* zip_read.c - reading a zip that anybody may have made.
 *
 * libarchive keeps a list of all entries in memory, so the number of them is
 * read from the file's end first. A checksum line counts for itself: the sum of
 * the digests of all lines in the file must be that of all lines computed, in
 * whatever order; so a zip that somebody packed anew by hand is as good.
 */
#include "backup/zip.h"

#include "base/beneath.h"
#include "base/encoding.h"
#include "base/utf8.h"
#include "crypto/crypto.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_BYTES     (64u << 10)
#define TAIL_BYTES     (22 + 65535)
#define DIRECTORY_MAX  (UINT64_C(512) << 20)
#define LINE_MAX_BYTES (64 + 2 + ZIP_NAME_MAX)

/* Adds up digests: equal for the same lines in any order. */
typedef struct {
    uint64_t lanes[4];
    uint64_t count;
} LineSum;

typedef struct {
    Arena *arena, *scratch;
    int fd, folder;
    const ZipWatch *watch;
    struct archive *archive;
    locale_t before; /* the thread's; NULL: not entered */
    ZipContent content;
    Sha256 *sha;
    LineSum computed, stated;
    char line[LINE_MAX_BYTES];
    size_t line_len;
} ZipReader;

static Error *bad_zip(Arena *a, Str why)
{
    return error_new(a, 400, str_concat(a, S("This zip cannot be restored: "), why));
}

static Error *damaged(const ZipReader *z)
{
    const char *why = archive_error_string(z->archive);
    if (archive_errno(z->archive) == ENOMEM)
        return error_cause(z->arena, error_status(z->arena, 503), "no memory to read a zip");
    return bad_zip(z->arena, str_printf(z->arena, "it is damaged (%s).", why ? why : "unknown"));
}

/* ---- names ---- */

static bool segment_good(Str s)
{
    if (s.len == 0 || s.len > 255 || str_eq(s, S(".")) || str_eq(s, S(".."))) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '\\') return false;
    }
    return true;
}

bool zip_name_good(Str name)
{
    if (name.len == 0 || name.len > ZIP_NAME_MAX || !utf8_valid(name)) return false;
    Str rest = name;
    for (int depth = 0; rest.ptr; depth++) {
        if (depth == ZIP_DEPTH_MAX || !segment_good(str_split(&rest, '/'))) return false;
    }
    return true;
}

/* ---- the file's end ---- */

static uint64_t number_at(const uint8_t *p, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--)
        n = n << 8 | p[i];
    return n;
}

static bool read_at(int fd, uint64_t offset, void *out, size_t len)
{
    return offset <= INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* The end record's counts (APPNOTE 4.3.16), or those of zip64 (4.3.14). */
static bool counts_read(int fd, uint64_t end_at, const uint8_t *end, uint64_t *entries,
                        uint64_t *directory)
{
    *entries = number_at(end + 10, 2);
    *directory = number_at(end + 12, 4);
    bool large =
        *entries == 0xffff || *directory == 0xffffffff || number_at(end + 16, 4) == 0xffffffff;
    uint8_t locator[20], record[56];
    if (!large || end_at < sizeof(locator)) return !large;
    if (!read_at(fd, end_at - sizeof(locator), locator, sizeof(locator))) return false;
    if (number_at(locator, 4) != 0x07064b50) return true; /* just that many, by chance */
    if (!read_at(fd, number_at(locator + 8, 8), record, sizeof(record))) return false;
    if (number_at(record, 4) != 0x06064b50) return false;
    *entries = number_at(record + 32, 8);
    *directory = number_at(record + 40, 8);
    return true;
}

static Error *tail_check(Arena *a, int fd, uint64_t size, uint64_t *entries)
{
    size_t len = (size_t)MIN(size, (uint64_t)TAIL_BYTES);
    uint8_t *tail = (uint8_t *)arena_bytes(a, len + 1);
    if (!read_at(fd, size - len, tail, len)) return error_errno(a, errno, "read", S("zip"));
    for (size_t i = len; i >= 22; i--) {
        const uint8_t *end = tail + i - 22;
        if (number_at(end, 4) != 0x06054b50) continue;
        uint64_t directory;
        if (!counts_read(fd, size - len + i - 22, end, entries, &directory))
            return bad_zip(a, S("its end is damaged."));
        if (*entries > ZIP_ENTRIES_MAX || directory > DIRECTORY_MAX)
            return bad_zip(a, S("it holds more files than any backup."));
        return NULL;
    }
    return bad_zip(a, S("it is no zip file, or cut short."));
}

/* ---- libarchive ---- */

static void reader_end(void *arg)
{
    ZipReader *z = arg;
    if (z->archive) archive_read_free(z->archive);
    if (z->before) (void)uselocale(z->before);
    z->archive = NULL;
    z->before = (locale_t)0;
    arena_destroy(z->scratch);
    z->scratch = NULL;
}

static Error *reader_begin(ZipReader *z)
{
    z->scratch = arena_create("zip", 1u << 20);
    z->sha = sha256_new(z->arena);
    z->before = zip_locale_enter();
    z->archive = archive_read_new();
    if (!z->archive)
        return error_cause(z->arena, error_status(z->arena, 503), "no memory for a zip");
    if (lseek(z->fd, 0, SEEK_SET) != 0) return error_errno(z->arena, errno, "seek", S("zip"));
    int rc = archive_read_support_format_zip_seekable(z->archive);
    if (rc == ARCHIVE_OK) rc = archive_read_open_fd(z->archive, z->fd, READ_BYTES);
    return rc == ARCHIVE_OK ? NULL : damaged(z);
}

/* ---- one entry ---- */

static Error *entry_next(ZipReader *z, Str *name, uint64_t *size, bool *is_folder, bool *end)
{
    struct archive_entry *entry;
    int rc = archive_read_next_header(z->archive, &entry);
    *end = rc == ARCHIVE_EOF;
    if (*end) return NULL;
    if (rc != ARCHIVE_OK) return damaged(z);

    arena_reset(z->scratch);
    const char *raw = archive_entry_pathname_utf8(entry);
    if (!raw) raw = archive_entry_pathname(entry);
    Str path = arena_copy(z->scratch, str_from(raw ? raw : ""));
    int type = archive_entry_filetype(entry);
    *is_folder = type == AE_IFDIR;
    if (*is_folder && str_ends(path, S("/"))) path.len--;
    if (!zip_name_good(path))
        return bad_zip(z->arena, str_printf(z->arena,
                                            "it names a file \"%.*s\", which would lie "
                                            "outside or cannot be.",
                                            STR_ARG(str_sub(path, 0, 200))));
    if ((type != AE_IFREG && !*is_folder) || archive_entry_symlink(entry) ||
        archive_entry_hardlink(entry))
        return bad_zip(z->arena, str_printf(z->arena, "\"%.*s\" is neither a file nor a folder.",
                                            STR_ARG(path)));
    if (archive_entry_is_encrypted(entry)) return bad_zip(z->arena, S("it is encrypted."));
    if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
        return bad_zip(z->arena, S("it does not say how large its files are."));
    *name = path;
    *size = (uint64_t)archive_entry_size(entry);
    if (z->content.entries++ >= ZIP_ENTRIES_MAX)
        return bad_zip(z->arena, S("it holds more files than any backup."));
    z->content.bytes += *size;
    if (str_eq(path, S("data.db"))) z->content.has_database = true;
    if (str_starts(path, S("storage/"))) z->content.has_storage = true;
    if (str_eq(path, S(ZIP_SUMS))) z->content.has_sums = true;
    return NULL;
}

static Error *sizes_check(const ZipReader *z, uint64_t zip_size)
{
    if (z->content.bytes / ZIP_RATIO_MAX > zip_size)
        return bad_zip(z->arena, S("it claims more than its size can hold."));
    return z->content.has_database ? NULL : bad_zip(z->arena, S("there is no data.db in it."));
}

Error *zip_check(Arena *a, int fd, ZipContent *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return error_errno(a, errno, "stat", S("zip"));
    ZipReader *z = arena_new(a, ZipReader, 1);
    *z = (ZipReader){.arena = a, .fd = fd, .folder = -1};
    uint64_t entries = 0;
    Error *err = tail_check(a, fd, (uint64_t)st.st_size, &entries);
    if (err) return err;
    err = reader_begin(z);
    for (bool end = false; !err && !end;) {
        Str name;
        uint64_t size;
        bool is_folder;
        err = entry_next(z, &name, &size, &is_folder, &end);
        if (!err && !end && z->content.bytes > (uint64_t)INT64_MAX)
            err = bad_zip(a, S("it claims more than its size can hold."));
    }
    if (!err && z->content.entries != entries)
        err = bad_zip(a, S("its list of files does not agree with itself."));
    if (!err) err = sizes_check(z, (uint64_t)st.st_size);
    reader_end(z);
    *out = z->content;
    return err;
}

/* ---- checksums ---- */

static void sum_line(LineSum *sum, Str line)
{
    uint64_t digest[4];
    sha256(line, (uint8_t *)digest);
    for (size_t i = 0; i < COUNT(digest); i++)
        sum->lanes[i] += digest[i];
    sum->count++;
}

/* The bytes of croft_backup.sha256, in whatever pieces. */
static Error *sums_feed(ZipReader *z, Str piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.ptr[i] == '\n') {
            sum_line(&z->stated, str_make(z->line, z->line_len));
            z->line_len = 0;
        } else if (z->line_len == sizeof(z->line)) {
            return bad_zip(z->arena, S("its checksums are damaged."));
        } else {
            z->line[z->line_len++] = piece.ptr[i];
        }
    }
    return NULL;
}

static Error *sums_compare(const ZipReader *z)
{
    if (!z->content.has_sums) return NULL;
    if (z->line_len > 0 || memcmp(&z->computed, &z->stated, sizeof(z->computed)) != 0)
        return bad_zip(z->arena, S("its files are not those its checksums are of."));
    return NULL;
}

/* ---- unpacking ---- */

static int step_into(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Makes what is missing of a path of folders; -1 and errno. */
static int folder_open(ZipReader *z, Str path)
{
    if (path.len == 0) return fcntl(z->folder, F_DUPFD_CLOEXEC, 0);
    int fd = beneath_open(z->folder, arena_cstr(z->scratch, path), O_RDONLY | O_DIRECTORY,
                          BENEATH_NO_LINKS);
    if (fd >= 0 || errno != ENOENT) return fd;
    fd = fcntl(z->folder, F_DUPFD_CLOEXEC, 0);
    for (Str rest = path; fd >= 0 && rest.ptr;) {
        int next = step_into(fd, arena_cstr(z->scratch, str_split(&rest, '/')));
        int saved = errno;
        (void)close(fd);
        errno = saved;
        fd = next;
    }
    return fd;
}

/* *out < 0: this one is only read. */
static Error *file_make(ZipReader *z, Str name, int *out)
{
    *out = -1;
    /* A shared-memory file belongs to running processes. */
    if (z->folder < 0 || str_starts(name, S("croft_backup.")) || str_ends(name, S(".db-shm")))
        return NULL;
    ptrdiff_t slash = str_rfind_char(name, '/');
    int folder = folder_open(z, str_sub(name, 0, slash < 0 ? 0 : (size_t)slash));
    if (folder >= 0) {
        *out = openat(folder, arena_cstr(z->scratch, str_from_pos(name, (size_t)(slash + 1))),
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int saved = errno;
        (void)close(folder);
        errno = saved;
    }
    if (*out >= 0) return NULL;
    if (errno == EEXIST || errno == ENOTDIR || errno == ELOOP)
        return bad_zip(z->arena, str_printf(z->arena, "\"%.*s\" is in it twice.", STR_ARG(name)));
    return error_errno(z->arena, errno, "create", name);
}

static Error *piece_write(ZipReader *z, int out, const char *bytes, size_t len)
{
    struct statvfs fs;
    while (out >= 0 && len > 0) {
        ssize_t n = write(out, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_errno(z->arena, errno, "write", S("restored file"));
        bytes += n;
        len -= (size_t)n;
    }
    if (out >= 0 && fstatvfs(out, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ZIP_DISK_KEEP)
        return error_errno(z->arena, ENOSPC, "write", S("restored file"));
    return NULL;
}

/* What this entry's bytes are for besides being written. */
static Error *piece_use(ZipReader *z, Str name, Str piece, Buf *about)
{
    if (str_eq(name, S(ZIP_SUMS))) return sums_feed(z, piece);
    if (!str_eq(name, S(ZIP_ABOUT))) return NULL;
    if (about->len + piece.len > ZIP_ABOUT_MAX)
        return bad_zip(z->arena, S("its description is too long."));
    buf_add(about, piece);
    return NULL;
}

static Error *content_read(ZipReader *z, Str name, uint64_t size, int out, Buf *about)
{
    uint64_t done = 0;
    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(z->archive, &bytes, &len, &offset);
        if (rc == ARCHIVE_EOF) break;
        if (rc != ARCHIVE_OK) return damaged(z);
        if ((uint64_t)offset != done || len > size - done)
            return bad_zip(z->arena, S("a file in it is larger than it says."));
        Str piece = str_make(bytes, len);
        sha256_add(z->sha, piece);
        Error *err = piece_use(z, name, piece, about);
        if (!err) err = piece_write(z, out, bytes, len);
        if (err) return err;
        done += len;
        if (z->watch && !z->watch->more(z->watch->arg, len))
            return error_cause(z->arena, error_status(z->arena, 503), "stopped from outside");
    }
    return done == size ? NULL : bad_zip(z->arena, S("a file in it is shorter than it says."));
}

static Error *entry_read(ZipReader *z, Str name, uint64_t size, Buf *about)
{
    int out;
    Error *err = file_make(z, name, &out);
    if (!err) err = content_read(z, name, size, out, about);
    if (out >= 0 && close(out) != 0 && !err) err = error_errno(z->arena, errno, "close", name);
    uint8_t digest[32];
    sha256_end(z->sha, digest);
    if (err || str_eq(name, S(ZIP_SUMS)) || str_eq(name, S(ZIP_ABOUT))) return err;
    Str hex = hex_encode(z->scratch, str_make((char *)digest, sizeof(digest)));
    sum_line(&z->computed, str_printf(z->scratch, "%.*s  %.*s", STR_ARG(hex), STR_ARG(name)));
    return NULL;
}

static Error *all_read(ZipReader *z, Buf *about)
{
    for (;;) {
        Str name;
        uint64_t size;
        bool is_folder, end;
        Error *err = entry_next(z, &name, &size, &is_folder, &end);
        if (err || end) return err;
        if (!is_folder) err = entry_read(z, name, size, about);
        if (err) return err;
    }
}

Error *zip_unpack(Arena *a, int fd, int folder, const ZipWatch *watch, ZipContent *out)
{
    ZipReader *z = arena_new(a, ZipReader, 1);
    *z = (ZipReader){.arena = a, .fd = fd, .folder = folder, .watch = watch};
    Buf about = buf_new(a, 1024);
    Error *err = reader_begin(z);
    if (!err) err = all_read(z, &about);
    if (!err) err = sums_compare(z);
    reader_end(z);
    if (err) return err;
    *out = z->content;
    /* Ours always has both: a name was damaged. */
    if (about.len && !out->has_sums) return bad_zip(a, S("its checksums are missing."));
    if (about.len && json_parse(a, buf_str(&about), NULL, &out->about)) out->about = NULL;
    return NULL;
}
