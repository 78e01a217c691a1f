/* zip_write.c - writing a backup: deflate at level 1, zip64 where it is needed. */
#include "backup/zip.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/fd.h"
#include "crypto/crypto.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PIECE_BYTES (256u << 10)
#define FLUSH_BYTES (8u << 20)

struct ZipWriter {
    Arena *arena, *scratch;
    Str path;
    const ZipWatch *watch;
    struct archive *archive;
    int fd, sums;
    uint64_t size, unflushed, files, bytes, sums_size;
    Sha256 *whole, *entry;
    char *piece;
    int write_error; /* errno: from then on nothing is written */
    bool ended;
};

/* Never freed: a thread may be left with it when its arena runs over. */
static locale_t utf8_locale;

static void locale_make(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

locale_t zip_locale_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, locale_make);
    return uselocale(utf8_locale); /* NULL, without memory for it: nothing changes */
}

static Error *archive_failed(ZipWriter *z, const char *what)
{
    if (z->write_error) return error_errno(z->arena, z->write_error, "write", z->path);
    const char *why = archive_error_string(z->archive);
    return error_cause(z->arena, error_status(z->arena, 500), "%s: %s", what, why ? why : "?");
}

/* Written back as it comes, so that no commit's fsync has a heap of it to wait
 * for; and the disk is never filled to its last byte. */
static int flush_some(ZipWriter *z)
{
    struct statvfs fs;
    (void)sync_file_range(z->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    (void)posix_fadvise(z->fd, 0, 0, POSIX_FADV_DONTNEED);
    z->unflushed = 0;
    if (fstatvfs(z->fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ZIP_DISK_KEEP)
        return ENOSPC;
    return 0;
}

/* libarchive is never told of a failure: it would leave its compressor behind. We
 * look at write_error after each call. */
static la_ssize_t on_write(struct archive *archive, void *arg, const void *bytes, size_t len)
{
    ZipWriter *z = arg;
    (void)archive;
    if (z->ended || z->write_error) return (la_ssize_t)len;
    if (!fd_write_all(z->fd, bytes, len)) z->write_error = errno;
    z->unflushed += len;
    if (!z->write_error && z->unflushed >= FLUSH_BYTES) z->write_error = flush_some(z);
    sha256_add(z->whole, str_make(bytes, len));
    z->size += len;
    return (la_ssize_t)len;
}

static void writer_end(void *arg)
{
    ZipWriter *z = arg;
    z->ended = true;
    if (z->archive) archive_write_free(z->archive);
    if (z->fd >= 0) (void)close(z->fd);
    if (z->sums >= 0) (void)close(z->sums);
    free(z->piece);
    arena_destroy(z->scratch);
}

Error *zip_create(Arena *a, Str path, Str temp_dir, const ZipWatch *watch, ZipWriter **out)
{
    ZipWriter *z = arena_new(a, ZipWriter, 1);
    *z = (ZipWriter){.arena = a, .path = path, .watch = watch, .fd = -1, .sums = -1};
    z->scratch = arena_create("zip", 1u << 20);
    arena_defer(a, writer_end, z);
    z->whole = sha256_new(a);
    z->entry = sha256_new(a);
    z->piece = malloc(PIECE_BYTES);
    if (!z->piece) return error_cause(a, error_status(a, 503), "no memory for a backup");
    z->sums = open(arena_cstr(a, temp_dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (z->sums < 0) return error_errno(a, errno, "make a temporary file in", temp_dir);
    z->fd = open(arena_cstr(a, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (z->fd < 0) return error_errno(a, errno, "create", path);

    z->archive = archive_write_new();
    if (!z->archive) return error_cause(a, error_status(a, 503), "no memory for a backup");
    int rc = archive_write_set_format_zip(z->archive);
    if (rc == ARCHIVE_OK) rc = archive_write_set_options(z->archive, "zip:compression-level=1");
    locale_t before = zip_locale_enter();
    (void)archive_write_set_options(z->archive, "zip:hdrcharset=UTF-8");
    (void)uselocale(before);
    if (rc == ARCHIVE_OK) rc = archive_write_set_bytes_per_block(z->archive, PIECE_BYTES);
    if (rc == ARCHIVE_OK) rc = archive_write_set_bytes_in_last_block(z->archive, 1);
    if (rc == ARCHIVE_OK) rc = archive_write_open(z->archive, z, NULL, on_write, NULL);
    if (rc != ARCHIVE_OK) return archive_failed(z, "begin zip");
    *out = z;
    return NULL;
}

bool zip_name_stored(Str name)
{
    static const Str COMPRESSED[] = {
        STR_INIT(".jpg"),  STR_INIT(".jpeg"), STR_INIT(".png"),  STR_INIT(".gif"),
        STR_INIT(".webp"), STR_INIT(".avif"), STR_INIT(".heic"), STR_INIT(".mp3"),
        STR_INIT(".m4a"),  STR_INIT(".ogg"),  STR_INIT(".opus"), STR_INIT(".mp4"),
        STR_INIT(".mov"),  STR_INIT(".mkv"),  STR_INIT(".webm"), STR_INIT(".zip"),
        STR_INIT(".gz"),   STR_INIT(".bz2"),  STR_INIT(".xz"),   STR_INIT(".zst"),
        STR_INIT(".br"),   STR_INIT(".7z"),   STR_INIT(".rar"),  STR_INIT(".pdf"),
        STR_INIT(".docx"), STR_INIT(".xlsx"), STR_INIT(".pptx"), STR_INIT(".woff2")};
    for (size_t i = 0; i < COUNT(COMPRESSED); i++) {
        Str suffix = COMPRESSED[i];
        if (name.len > suffix.len &&
            str_eq_nocase(str_from_pos(name, name.len - suffix.len), suffix))
            return true;
    }
    return false;
}

static Error *entry_begin(ZipWriter *z, Str name, uint64_t size, int64_t modified_ms)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry) return error_cause(z->arena, error_status(z->arena, 503), "no memory for a backup");
    archive_entry_set_pathname(entry, arena_cstr(z->scratch, name));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, modified_ms / 1000, 0);
    int rc = zip_name_stored(name) ? archive_write_zip_set_compression_store(z->archive)
                                   : archive_write_zip_set_compression_deflate(z->archive);
    locale_t before = zip_locale_enter();
    if (rc == ARCHIVE_OK) rc = archive_write_header(z->archive, entry);
    (void)uselocale(before);
    archive_entry_free(entry);
    return rc == ARCHIVE_OK ? NULL : archive_failed(z, "zip entry");
}

/* Copies `size` bytes of fd into the entry that has begun. */
static Error *entry_fill(ZipWriter *z, Str name, int fd, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        size_t want = (size_t)MIN(size - done, (uint64_t)PIECE_BYTES);
        ssize_t n = pread(fd, z->piece, want, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_errno(z->arena, errno, "read", name);
        if (n == 0)
            return error_cause(z->arena, error_status(z->arena, 500),
                               "%.*s changed while it was read", STR_ARG(name));
        if (archive_write_data(z->archive, z->piece, (size_t)n) != n || z->write_error)
            return archive_failed(z, "zip data");
        sha256_add(z->entry, str_make(z->piece, (size_t)n));
        done += (uint64_t)n;
        if (z->watch && !z->watch->more(z->watch->arg, (uint64_t)n))
            return error_cause(z->arena, error_status(z->arena, 503), "stopped from outside");
    }
    return NULL;
}

static Error *entry_end(ZipWriter *z, Str name)
{
    uint8_t digest[32];
    sha256_end(z->entry, digest);
    if (archive_write_finish_entry(z->archive) != ARCHIVE_OK) return archive_failed(z, "zip entry");
    Str hex = hex_encode(z->scratch, str_make((char *)digest, sizeof(digest)));
    Str line = str_printf(z->scratch, "%.*s  %.*s\n", STR_ARG(hex), STR_ARG(name));
    if (!fd_write_all(z->sums, line.ptr, line.len))
        return error_errno(z->arena, errno, "write", S("checksums"));
    z->sums_size += line.len;
    z->files++;
    return NULL;
}

Error *zip_add(ZipWriter *z, Str name, int fd, uint64_t size, int64_t modified_ms)
{
    arena_reset(z->scratch);
    if (!zip_name_good(name))
        return error_cause(z->arena, error_status(z->arena, 500),
                           "a file's name cannot be kept: %.*s", STR_ARG(name));
    Error *err = entry_begin(z, name, size, modified_ms);
    if (!err) err = entry_fill(z, name, fd, size);
    if (!err) err = entry_end(z, name);
    z->bytes += size;
    return err;
}

Error *zip_each_name(ZipWriter *z, void (*visit)(void *arg, Str name), void *arg)
{
    int fd = fcntl(z->sums, F_DUPFD_CLOEXEC, 0);
    FILE *lines = fd < 0 ? NULL : fdopen(fd, "r");
    if (!lines) {
        if (fd >= 0) (void)close(fd);
        return error_errno(z->arena, errno, "read", S("checksums"));
    }
    char line[64 + 2 + ZIP_NAME_MAX + 2];
    rewind(lines);
    while (fgets(line, sizeof(line), lines)) {
        Str name = str_from_pos(str_from(line), 66);
        if (name.len > 0) visit(arg, str_sub(name, 0, name.len - 1));
    }
    bool whole = ferror(lines) == 0;
    (void)fclose(lines);
    if (!whole || lseek(z->sums, 0, SEEK_END) < 0)
        return error_errno(z->arena, errno, "seek", S("checksums"));
    return NULL;
}

static Error *add_about(ZipWriter *z, Json *about, int64_t now)
{
    json_set_number(z->arena, about, S("entries"), (double)z->files);
    json_set_number(z->arena, about, S("bytes"), (double)z->bytes);
    Str text = str_concat(z->arena, json_format(z->arena, about), S("\n"));
    Error *err = entry_begin(z, S(ZIP_ABOUT), text.len, now);
    if (err) return err;
    if (archive_write_data(z->archive, text.ptr, text.len) != (la_ssize_t)text.len)
        return archive_failed(z, "zip data");
    return archive_write_finish_entry(z->archive) == ARCHIVE_OK ? NULL
                                                                : archive_failed(z, "zip entry");
}

Error *zip_finish(ZipWriter *z, Json *about, uint64_t *size, Str *sha256_hex)
{
    int64_t now = clock_wall_ms();
    arena_reset(z->scratch);
    Error *err = entry_begin(z, S(ZIP_SUMS), z->sums_size, now);
    if (!err) err = entry_fill(z, S(ZIP_SUMS), z->sums, z->sums_size);
    if (err) return err;
    uint8_t digest[32];
    sha256_end(z->entry, digest);
    if (archive_write_finish_entry(z->archive) != ARCHIVE_OK) return archive_failed(z, "zip entry");
    err = add_about(z, about, now);
    if (err) return err;
    if (archive_write_close(z->archive) != ARCHIVE_OK || z->write_error)
        return archive_failed(z, "end zip");
    if (fsync(z->fd) != 0) return error_errno(z->arena, errno, "fsync", z->path);
    sha256_end(z->whole, digest);
    *sha256_hex = hex_encode(z->arena, str_make((char *)digest, sizeof(digest)));
    *size = z->size;
    return NULL;
}
