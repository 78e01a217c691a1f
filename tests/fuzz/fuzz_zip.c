/* fuzz_zip.c - any bytes at all, read as a backup that somebody wants restored.
 *
 * Property: zip_check() and, when it agrees, zip_unpack() without a folder end, in
 * bounded memory, and give no more bytes than the sizes that were checked. */
#include "backup/zip.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("zip", MFD_CLOEXEC);
    assert(fd >= 0);
    if (write(fd, data, size) != (ssize_t)size) size = 0;
    Arena *a = arena_create("fuzz", 16u << 20);
    ZipContent checked, read;
    Error *err = zip_check(a, fd, &checked);
    if (!err && checked.bytes < (1u << 20)) {
        err = zip_unpack(a, fd, -1, NULL, &read);
        assert(err || read.bytes == checked.bytes);
    }
    arena_destroy(a);
    (void)close(fd);
    return 0;
}
