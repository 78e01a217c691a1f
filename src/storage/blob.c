/* blob.c - a blob being read: a file here, or windows of an object in a bucket.
 *
 * A download from S3 is a request for its first window, which also tells all
 * about the object, and then one for each further window when the client has
 * taken the one before: a slow client costs a buffer, not a connection. All of
 * them ask for the same version (If-Match).
 */
#include "storage/storage_internal.h"

#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_BYTES   (256u << 10)
#define SCRATCH_BYTES (16u << 20)

struct Blob {
    Arena *arena;
    int fd; /* -1: remote */
    S3 *s3;
    Str key, etag;
    uint64_t size_bytes;
    Arena *scratch; /* of one request */
    char *first;    /* the beginning of the content */
    size_t first_len;
};

static Error *open_remote(Storage *s, S3 *s3, Blob *b, unsigned flags, BlobInfo *info)
{
    Arena *a = b->arena;
    S3Object object;
    b->s3 = s3;
    b->scratch = arena_within(a, "blob", SCRATCH_BYTES);
    Error *err;
    if (flags & BLOB_INFO_ONLY) {
        err = s3_head(s3, b->scratch, b->key, &object);
    } else {
        b->first = arena_bytes(a, FIRST_BYTES);
        err = s3_read(s3, b->scratch, b->key, S(""), 0, b->first, FIRST_BYTES, &b->first_len,
                      &object);
    }
    if (err) {
        Error *said = remote_error(a, err);
        said->cause = arena_copy(a, said->cause);
        return said;
    }
    b->size_bytes = object.size_bytes;
    b->etag = arena_copy(a, object.etag);
    remote_info(s, a, &object, info);
    return NULL;
}

Error *storage_blob(Storage *s, Arena *a, Str key, unsigned flags, Blob **out, BlobInfo *info)
{
    Key parsed;
    if (!key_parse(key, false, &parsed)) return error_status(a, 404);
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err) return err;
    Blob *b = arena_new(a, Blob, 1);
    *b = (Blob){.arena = a, .fd = -1, .key = key};
    err = s3 ? open_remote(s, s3, b, flags, info) : local_open(s, a, key, &b->fd, info);
    if (!err) *out = b;
    return err;
}

int blob_fd(const Blob *blob)
{
    return blob->fd;
}

bool blob_read_at_once(const Blob *blob, char *buf, size_t size_bytes)
{
    struct iovec to = {buf, size_bytes};
    return blob->fd >= 0 && preadv2(blob->fd, &to, 1, 0, RWF_NOWAIT) == (ssize_t)size_bytes;
}

static void tag_of(const struct stat *st, BlobTag *out)
{
    *out = (BlobTag){.inode = st->st_ino,
                     .device = st->st_dev,
                     .size_bytes = (uint64_t)st->st_size,
                     .changed_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec};
}

bool blob_tag(const Blob *blob, BlobTag *out)
{
    struct stat st;
    if (blob->fd < 0 || fstat(blob->fd, &st) != 0) return false;
    tag_of(&st, out);
    return true;
}

bool storage_is_still(const Storage *s, Str key, const BlobTag *tag)
{
    char path[KEY_MAX_BYTES + 1];
    Key parsed;
    if (!key_parse(key, false, &parsed)) return false;
    memcpy(path, key.ptr, key.len);
    path[key.len] = 0;
    int fd = beneath_open(s->root, path, O_PATH, BENEATH_NO_LINKS | BENEATH_CACHED);
    if (fd < 0) return false;
    struct stat st;
    BlobTag now = {0};
    if (fstat(fd, &st) == 0) tag_of(&st, &now);
    close(fd);
    return now.inode == tag->inode && now.device == tag->device &&
           now.size_bytes == tag->size_bytes && now.changed_ns == tag->changed_ns;
}

static Error *read_file(Blob *b, uint64_t offset, char *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = pread(b->fd, buf, len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return error_errno(b->arena, n < 0 ? errno : EIO, "read", b->key);
        buf += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return NULL;
}

Error *blob_read(Blob *b, uint64_t offset, char *buf, size_t len)
{
    if (b->fd >= 0) return read_file(b, offset, buf, len);
    assert(offset <= b->size_bytes && len <= b->size_bytes - offset);
    if (offset < b->first_len) {
        size_t n = MIN(len, b->first_len - (size_t)offset);
        memcpy(buf, b->first + offset, n);
        buf += n;
        offset += n;
        len -= n;
    }
    if (len == 0) return NULL;
    arena_reset(b->scratch);
    size_t got;
    S3Object object;
    Error *err = s3_read(b->s3, b->scratch, b->key, b->etag, offset, buf, len, &got, &object);
    if (!err && (got != len || object.size_bytes != b->size_bytes))
        err = error_cause(b->scratch, error_status(b->scratch, 409), "the object has changed");
    if (!err) return NULL;
    Error *said = remote_error(b->arena, err);
    said->cause = arena_copy(b->arena, said->cause);
    return said;
}

Error *storage_stat(Storage *s, Arena *a, Str key, BlobInfo *info)
{
    Blob *blob;
    return storage_blob(s, a, key, BLOB_INFO_ONLY, &blob, info);
}
