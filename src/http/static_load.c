/* static_load.c - reading a file of the site from disk.
 *
 *     1. the file itself must be there; its identity is looked up in what the
 *        loops share
 *     2. "app.js.br" or "app.js.gz" beside it, not older, goes out in its place
 *     3. otherwise text up to 1 MiB is compressed here, once
 *     4. up to 64 KiB are kept in memory, of larger files the descriptor
 */
#include "http/static_load.h"

#include "base/beneath.h"
#include "base/clock.h"
#include "http/mime.h"
#include "http/static_path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t modified_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

bool site_file_is(const SiteFile *file, const struct stat *st)
{
    return file->inode == st->st_ino && file->device == st->st_dev &&
           file->modified_ns == modified_ns(st) && file->source_bytes == (uint64_t)st->st_size;
}

/* ---- facts ---- */

static void write_validators(SiteFile *file)
{
    static const char *const SUFFIX[] = {"", "-gz", "-br"};
    (void)snprintf(file->etag, sizeof(file->etag), "\"%" PRIx64 "-%" PRIx64 "%s\"",
                   (uint64_t)file->modified_ns, file->source_bytes, SUFFIX[file->coding]);
    Arena *scratch = arena_create("static date", 4096);
    Str date = http_date_format(scratch, file->modified_ns / 1000000);
    (void)snprintf(file->last_modified, sizeof(file->last_modified), "%.*s", STR_ARG(date));
    arena_destroy(scratch);
}

static SiteFile *describe(const SiteLoad *load, const struct stat *st)
{
    SiteFile *file = site_file_new();
    if (!file) return NULL;
    file->inode = st->st_ino;
    file->device = st->st_dev;
    file->modified_ns = modified_ns(st);
    file->source_bytes = (uint64_t)st->st_size;
    file->size_bytes = file->source_bytes;
    file->content_type = mime_type_of_path(str_from(load->path));
    file->cache_control = static_cache_control(str_from(load->path), file->content_type);
    file->varies = mime_is_compressible(file->content_type);
    return file;
}

/* ---- content ---- */

static int open_regular(int root, const char *path, struct stat *st)
{
    int fd = beneath_open(root, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode)) return fd;
    close(fd);
    return -1;
}

/* A ready-made "app.js.br" that is not older than "app.js"; -1 when none. */
static int open_precompressed(const SiteLoad *load, Coding coding, const SiteFile *source,
                              struct stat *st)
{
    static const char *const SUFFIX[] = {"", ".gz", ".br"};
    char path[STATIC_PATH_MAX + 32];
    int len = snprintf(path, sizeof(path), "%s%s", load->path, SUFFIX[coding]);
    if (len < 0 || (size_t)len >= sizeof(path)) return -1;
    int fd = open_regular(load->root, path, st);
    if (fd < 0 || modified_ns(st) >= source->modified_ns) return fd;
    close(fd);
    return -1;
}

static char *read_whole(int fd, size_t size)
{
    char *bytes = malloc(MAX(size, (size_t)1));
    size_t done = 0;
    while (bytes && done < size) {
        ssize_t n = pread(fd, bytes + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            /* Cut while we read: somebody is writing it in place. */
            if (n == 0) errno = EAGAIN;
            free(bytes);
            return NULL;
        }
        done += (size_t)n;
    }
    return bytes;
}

/* Takes over `fd`. */
static bool take_content(SiteFile *file, int fd, uint64_t size)
{
    file->size_bytes = size;
    if (size > SITE_MEMORY_BYTES) {
        file->fd = fd;
        return true;
    }
    file->bytes = read_whole(fd, (size_t)size);
    int saved = errno;
    close(fd);
    errno = saved;
    return file->bytes != NULL;
}

/* Replaces the content by its compressed form; false when that does not pay. */
static bool compress_content(SiteFile *file, int fd, Coding coding)
{
    size_t size = (size_t)file->source_bytes;
    size_t cap = size - size / 16;
    char *plain = read_whole(fd, size);
    char *packed = plain ? malloc(cap) : NULL;
    size_t len =
        packed ? compress_bytes(coding, COMPRESS_SMALL, str_make(plain, size), packed, cap) : 0;
    free(plain);
    char *exact = len > 0 ? realloc(packed, len) : NULL;
    if (!exact) {
        free(packed);
        return false;
    }
    file->bytes = exact;
    file->size_bytes = len;
    file->coding = coding;
    return true;
}

/* Fills in the content, in the best form for the client. Takes over `fd`. */
static bool fill(const SiteLoad *load, SiteFile *file, int fd)
{
    for (size_t i = 0; i < load->coding_count; i++) {
        struct stat st;
        int ready = open_precompressed(load, load->codings[i], file, &st);
        if (ready < 0) continue;
        close(fd);
        file->coding = load->codings[i];
        file->varies = true;
        return take_content(file, ready, (uint64_t)st.st_size);
    }
    bool pays = load->coding_count > 0 && file->varies &&
                file->source_bytes >= COMPRESS_MIN_BYTES &&
                file->source_bytes <= SITE_COMPRESS_BYTES;
    if (pays && compress_content(file, fd, load->codings[0])) {
        close(fd);
        return true;
    }
    return take_content(file, fd, file->source_bytes);
}

/* ---- the shared cache ---- */

static SiteFile *find_shared(SiteShared *shared, Str key, const struct stat *st)
{
    SiteFile *file = NULL;
    pthread_mutex_lock(&shared->lock);
    const LruSlot *slot = lru_get(shared->cache, key);
    if (slot && site_file_is(slot->value, st)) file = site_file_use(slot->value);
    pthread_mutex_unlock(&shared->lock);
    return file;
}

static void keep_shared(SiteShared *shared, Str key, SiteFile *file)
{
    pthread_mutex_lock(&shared->lock);
    site_file_keep(shared->cache, key, file, 0);
    pthread_mutex_unlock(&shared->lock);
}

/* ---- */

static bool is_missing(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV ||
           error == ENAMETOOLONG || error == EINVAL || error == EACCES || error == ENXIO;
}

/* A marker for "nothing here" or "a folder". */
static void give_kind(SiteLoad *load, SiteKind kind)
{
    load->file = site_file_new();
    load->error = load->file ? 0 : ENOMEM;
    if (load->file) load->file->kind = kind;
}

static void load_regular(SiteLoad *load, int fd, const struct stat *st)
{
    load->file = find_shared(load->shared, load->key, st);
    if (load->file) {
        close(fd);
        return;
    }
    SiteFile *file = describe(load, st);
    if (!file) {
        close(fd);
        load->error = ENOMEM;
        return;
    }
    if (!fill(load, file, fd)) {
        load->error = errno ? errno : ENOMEM;
        site_file_release(file);
        return;
    }
    write_validators(file);
    keep_shared(load->shared, load->key, file);
    load->file = file;
}

void site_load_run(void *arg)
{
    SiteLoad *load = arg;
    struct stat st;
    int fd = beneath_open(load->root, load->path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) {
        load->error = errno;
        if (is_missing(errno)) give_kind(load, SITE_NOTHING);
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        load_regular(load, fd, &st);
        return;
    }
    close(fd);
    give_kind(load, S_ISDIR(st.st_mode) ? SITE_FOLDER : SITE_NOTHING);
}
