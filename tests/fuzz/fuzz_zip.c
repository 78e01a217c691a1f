/* fuzz_zip.c - any bytes at all, read as a backup that somebody wants restored; and,
 * when the first byte is odd, what a parser that has been taken over tells of one.
 *
 * Property: parsing, and the side that believes nothing of it, end in bounded
 * memory, and give no more bytes than the sizes that were checked. Server: a
 * process for each; here both in one. */
#include "backup/zip_internal.h"

#include <sys/mman.h>
#include <unistd.h>

#define TOLD_MAX (4u << 20)

static int file_of(const void *bytes, size_t size)
{
    int fd = memfd_create("zip", MFD_CLOEXEC);
    assert(fd >= 0);
    assert(write(fd, bytes, size) == (ssize_t)size);
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

typedef struct {
    int fd;
    uint64_t bytes;
} Told;

static bool emit(void *arg, const ZipRecord *record, const char *bytes)
{
    Told *told = arg;
    assert(record->len <= ZIP_PIECE_MAX);
    assert(record->kind < ZIP_KINDS);
    told->bytes += sizeof(*record) + record->len;
    return write(told->fd, record, sizeof(*record)) == (ssize_t)sizeof(*record) &&
           write(told->fd, bytes, record->len) == (ssize_t)record->len && told->bytes < TOLD_MAX;
}

static ZipSource *parse(Arena *a, int zip, size_t size, bool content)
{
    Told told = {.fd = memfd_create("told", MFD_CLOEXEC)};
    assert(told.fd >= 0);
    zip_parse(zip, size, content, emit, &told);
    (void)lseek(told.fd, 0, SEEK_SET);
    return zip_source_of(a, told.fd, 60000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)zip_locale_enter();
    Arena *a = arena_create("fuzz", 16u << 20);
    ZipContent checked, read;
    if (size > 0 && data[0] & 1) {
        ZipSource *source = zip_source_of(a, file_of(data + 1, size - 1), 60000);
        Error *err = zip_unpack_source(a, source, -1, NULL, &read);
        assert(!err || err->status == 400 || err->status == 503);
    } else {
        int fd = file_of(data, size);
        Error *err = zip_check_source(a, parse(a, fd, size, false), size, &checked);
        if (!err && checked.bytes < (1u << 20)) {
            err = zip_unpack_source(a, parse(a, fd, size, true), -1, NULL, &read);
            assert(err || read.bytes == checked.bytes);
        }
        (void)close(fd);
    }
    arena_destroy(a);
    return 0;
}
