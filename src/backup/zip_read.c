/* zip_read.c - judging and unpacking a zip that anybody may have made.
 *
 * It is parsed in another process (zip_internal.h); here names, kinds and sizes
 * are checked and files written. A checksum line counts for itself: the sum of
 * the digests of all lines in the file must be that of all lines computed, in
 * whatever order; so a zip that somebody packed anew by hand is as good.
 */
#include "backup/zip_internal.h"

#include "base/beneath.h"
#include "base/encoding.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64 + 2 + ZIP_NAME_MAX)

/* Adds up digests: equal for the same lines in any order. */
typedef struct {
    uint64_t lanes[4];
    uint64_t count;
} LineSum;

typedef struct {
    Arena *arena, *scratch;
    int folder;
    const ZipWatch *watch;
    ZipSource *source;
    ZipItem ahead; /* read, not used yet; of kind END also before the first */
    ZipContent content;
    Sha256 *sha;
    LineSum computed, stated;
    char line[LINE_MAX_BYTES];
    size_t line_len;
} ZipReader;

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

/* ---- the parser ---- */

static Error *reader_begin(ZipReader *z)
{
    z->scratch = arena_within(z->arena, "zip", 1u << 20);
    z->sha = sha256_new(z->arena);
    return zip_source_next(z->source, &z->ahead);
}

/* ---- one entry ---- */

static Error *entry_judge(ZipReader *z, Str path, uint32_t flags)
{
    Arena *a = z->arena;
    if (!zip_name_good(path))
        return zip_bad(a, str_printf(a,
                                     "it names a file \"%.*s\", which would lie "
                                     "outside or cannot be.",
                                     STR_ARG(str_sub(path, 0, 200))));
    if (flags & ZIP_IS_OTHER)
        return zip_bad(a, str_printf(a, "\"%.*s\" is neither a file nor a folder.", STR_ARG(path)));
    if (flags & ZIP_IS_ENCRYPTED) return zip_bad(a, S("it is encrypted."));
    if (flags & ZIP_HAS_NO_SIZE) return zip_bad(a, S("it does not say how large its files are."));
    return NULL;
}

/* The record ahead, which is an entry or the end. */
static Error *entry_next(ZipReader *z, Str *name, uint64_t *size, bool *is_folder, bool *end)
{
    const ZipItem *item = &z->ahead;
    *end = item->kind == ZIP_END;
    if (*end) return NULL;
    if (item->kind != ZIP_ENTRY) return zip_bad(z->arena, S("a file in it has no name."));

    arena_reset(z->scratch);
    Str path = arena_copy(z->scratch, item->bytes);
    *is_folder = item->flags & ZIP_IS_FOLDER;
    if (*is_folder && str_ends(path, S("/"))) path.len--;
    Error *err = entry_judge(z, path, item->flags);
    if (err) return err;
    *name = path;
    *size = item->size;
    if (z->content.entries++ >= ZIP_ENTRIES_MAX)
        return zip_bad(z->arena, S("it holds more files than any backup."));
    if (*size > INT64_MAX || z->content.bytes + *size > INT64_MAX)
        return zip_bad(z->arena, S("it claims more than its size can hold."));
    z->content.bytes += *size;
    if (str_eq(path, S("data.db"))) z->content.has_database = true;
    if (str_starts(path, S("storage/"))) z->content.has_storage = true;
    if (str_eq(path, S(ZIP_SUMS))) z->content.has_sums = true;
    return zip_source_next(z->source, &z->ahead);
}

static Error *sizes_check(const ZipReader *z, uint64_t zip_size)
{
    if (z->content.bytes / ZIP_RATIO_MAX > zip_size)
        return zip_bad(z->arena, S("it claims more than its size can hold."));
    return z->content.has_database ? NULL : zip_bad(z->arena, S("there is no data.db in it."));
}

Error *zip_check_source(Arena *a, ZipSource *source, uint64_t zip_size, ZipContent *out)
{
    ZipReader *z = arena_new(a, ZipReader, 1);
    *z = (ZipReader){.arena = a, .folder = -1, .source = source};
    Error *err = reader_begin(z);
    for (bool end = false; !err && !end;) {
        Str name;
        uint64_t size;
        bool is_folder;
        err = entry_next(z, &name, &size, &is_folder, &end);
    }
    if (!err) err = sizes_check(z, zip_size);
    zip_source_end(source);
    *out = z->content;
    return err;
}

Error *zip_check(Arena *a, int fd, const ZipWatch *watch, ZipContent *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return error_errno(a, errno, "stat", S("zip"));
    ZipSource *source;
    Error *err = zip_source_open(a, fd, false, watch, &source);
    return err ? err : zip_check_source(a, source, (uint64_t)st.st_size, out);
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
            return zip_bad(z->arena, S("its checksums are damaged."));
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
        return zip_bad(z->arena, S("its files are not those its checksums are of."));
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
        return zip_bad(z->arena, str_printf(z->arena, "\"%.*s\" is in it twice.", STR_ARG(name)));
    return error_errno(z->arena, errno, "create", name);
}

static Error *piece_write(ZipReader *z, int out, Str piece)
{
    struct statvfs fs;
    if (out < 0) return NULL;
    if (!fd_write_all(out, piece.ptr, piece.len))
        return error_errno(z->arena, errno, "write", S("restored file"));
    if (fstatvfs(out, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ZIP_DISK_KEEP)
        return error_errno(z->arena, ENOSPC, "write", S("restored file"));
    return NULL;
}

/* What this entry's bytes are for besides being written. */
static Error *piece_use(ZipReader *z, Str name, Str piece, Buf *about)
{
    if (str_eq(name, S(ZIP_SUMS))) return sums_feed(z, piece);
    if (!str_eq(name, S(ZIP_ABOUT))) return NULL;
    if (about->len + piece.len > ZIP_ABOUT_MAX)
        return zip_bad(z->arena, S("its description is too long."));
    buf_add(about, piece);
    return NULL;
}

static Error *content_read(ZipReader *z, Str name, uint64_t size, int out, Buf *about)
{
    uint64_t done = 0;
    while (z->ahead.kind == ZIP_DATA) {
        Str piece = z->ahead.bytes;
        if (piece.len > size - done)
            return zip_bad(z->arena, S("a file in it is larger than it says."));
        sha256_add(z->sha, piece);
        Error *err = piece_use(z, name, piece, about);
        if (!err) err = piece_write(z, out, piece);
        if (err) return err;
        done += piece.len;
        if (z->watch && !z->watch->more(z->watch->arg, piece.len))
            return error_cause(z->arena, error_status(z->arena, 503), "stopped from outside");
        err = zip_source_next(z->source, &z->ahead);
        if (err) return err;
    }
    return done == size ? NULL : zip_bad(z->arena, S("a file in it is shorter than it says."));
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

Error *zip_unpack_source(Arena *a, ZipSource *source, int folder, const ZipWatch *watch,
                         ZipContent *out)
{
    ZipReader *z = arena_new(a, ZipReader, 1);
    *z = (ZipReader){.arena = a, .folder = folder, .watch = watch, .source = source};
    Buf about = buf_new(a, 1024);
    Error *err = reader_begin(z);
    if (!err) err = all_read(z, &about);
    if (!err) err = sums_compare(z);
    zip_source_end(source);
    if (err) return err;
    *out = z->content;
    /* Ours always has both: a name was damaged. */
    if (about.len && !out->has_sums) return zip_bad(a, S("its checksums are missing."));
    if (about.len && json_parse(a, buf_str(&about), NULL, &out->about)) out->about = NULL;
    return NULL;
}

Error *zip_unpack(Arena *a, int fd, int folder, const ZipWatch *watch, ZipContent *out)
{
    ZipSource *source;
    Error *err = zip_source_open(a, fd, true, watch, &source);
    return err ? err : zip_unpack_source(a, source, folder, watch, out);
}
