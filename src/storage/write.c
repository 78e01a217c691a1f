/* write.c - storing a blob so that it survives a power cut.
 *
 * 1. Bytes and sidecar are written to temporary files and fsynced.
 * 2. The sidecar is renamed into place, then the blob: a blob is never seen
 *    without its type, nor half-written.
 * 3. The record's folder is fsynced, and the parent of each folder just made.
 *
 * Temporary files live in one folder of the same file system, so that
 * storage_open() finds what a crash left without reading the whole tree.
 */
#include "storage/storage_internal.h"

#include "base/fd.h"
#include "base/random.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES (128 * 1024)
/* The record's folder may be removed, empty, between opening and renaming. */
#define RENAME_TRIES 8
#define MD5_BYTES    16
#define TEMP_NAME    33

typedef struct {
    Storage *s;
    Key key;
    int fd;
    Str memory;
    uint64_t size_bytes;
    Str attributes; /* the sidecar up to the text of "md5" */
    char *buffer;   /* COPY_BYTES, when there is a fd */
    JobResult result;
} PutJob;

static void temp_name(char out[TEMP_NAME])
{
    static const char HEX[] = "0123456789abcdef";
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = HEX[bytes[i] >> 4];
        out[2 * i + 1] = HEX[bytes[i] & 15];
    }
    out[TEMP_NAME - 1] = 0;
}

static bool copy_from_fd(PutJob *job, int out, EVP_MD_CTX *md5)
{
    uint64_t done = 0;
    while (done < job->size_bytes) {
        size_t want = (size_t)MIN(job->size_bytes - done, (uint64_t)COPY_BYTES);
        ssize_t n = pread(job->fd, job->buffer, want, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return job_fail(&job->result, n < 0 ? errno : EIO, "read upload for");
        if (!fd_write_all(out, job->buffer, (size_t)n))
            return job_fail(&job->result, errno, "write");
        if (md5) (void)EVP_DigestUpdate(md5, job->buffer, (size_t)n);
        done += (uint64_t)n;
    }
    return true;
}

static bool write_content(PutJob *job, int out, EVP_MD_CTX *md5)
{
    if (job->fd >= 0) return copy_from_fd(job, out, md5);
    if (!fd_write_all(out, job->memory.ptr, job->memory.len)) {
        return job_fail(&job->result, errno, "write");
    }
    if (md5) (void)EVP_DigestUpdate(md5, job->memory.ptr, job->memory.len);
    return true;
}

static int temp_open(PutJob *job, char name[TEMP_NAME])
{
    temp_name(name);
    int fd = openat(job->s->temp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) (void)job_fail(&job->result, errno, "create temporary file for");
    return fd;
}

/* fsync and close; what cannot be made durable is removed again. */
static bool temp_finish(PutJob *job, int fd, const char *name, bool ok)
{
    if (ok && fsync(fd) != 0) ok = job_fail(&job->result, errno, "fsync");
    if (close(fd) != 0 && ok) ok = job_fail(&job->result, errno, "close");
    if (!ok) (void)unlinkat(job->s->temp, name, 0);
    return ok;
}

/* The content, and its MD5 in base64 (24 letters; empty when OpenSSL has none,
 * as in FIPS mode: nothing reads it but other programs). */
static bool write_blob(PutJob *job, char name[TEMP_NAME], char md5_text[32])
{
    md5_text[0] = 0;
    int fd = temp_open(job, name);
    if (fd < 0) return false;
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    if (md5 && !EVP_DigestInit_ex(md5, EVP_md5(), NULL)) {
        EVP_MD_CTX_free(md5);
        md5 = NULL;
    }
    bool ok = write_content(job, fd, md5);

    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (md5 && EVP_DigestFinal_ex(md5, digest, &len) && len == MD5_BYTES) {
        (void)EVP_EncodeBlock((uint8_t *)md5_text, digest, MD5_BYTES);
    }
    EVP_MD_CTX_free(md5);
    return temp_finish(job, fd, name, ok);
}

static bool write_sidecar(PutJob *job, char name[TEMP_NAME], const char *md5_text)
{
    int fd = temp_open(job, name);
    if (fd < 0) return false;
    bool ok = fd_write_all(fd, job->attributes.ptr, job->attributes.len) &&
              fd_write_all(fd, md5_text, strlen(md5_text)) && fd_write_all(fd, "\"}\n", 3);
    if (!ok) (void)job_fail(&job->result, errno, "write sidecar of");
    return temp_finish(job, fd, name, ok);
}

/* Opens the folder `name` of `parent`, making it durably when it is missing. */
static int step_into(int parent, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd >= 0 || errno != ENOENT) return fd;
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) return -1;
    if (fsync(parent) != 0) return -1;
    return openat(parent, name, flags);
}

/* The folder of a key, made when missing; -1 and errno. */
static int folder_make(const Storage *s, const char *path)
{
    int fd = folder_open(s, path);
    if (fd >= 0 || errno != ENOENT) return fd;

    fd = folder_open(s, "");
    Str rest = str_from(path);
    while (fd >= 0 && rest.ptr) {
        Str segment = str_split(&rest, '/');
        char name[NAME_MAX_BYTES + 1];
        memcpy(name, segment.ptr, segment.len);
        name[segment.len] = 0;
        int next = step_into(fd, name);
        int saved = errno;
        close(fd);
        errno = saved;
        fd = next;
    }
    return fd;
}

/* One attempt to move both files into place; *gone when the folder vanished. */
static bool move_in(PutJob *job, const char *blob, const char *sidecar, bool *sidecar_moved,
                    bool *gone)
{
    *gone = false;
    int folder = folder_make(job->s, job->key.folder);
    if (folder < 0) {
        *gone = errno == ENOENT;
        return job_fail(&job->result, errno, "make folder of");
    }
    bool ok = *sidecar_moved || renameat(job->s->temp, sidecar, folder, job->key.sidecar) == 0;
    *sidecar_moved = ok;
    ok = ok && renameat(job->s->temp, blob, folder, job->key.name) == 0;
    if (!ok) {
        *gone = errno == ENOENT && !*sidecar_moved;
        (void)job_fail(&job->result, errno, "rename into");
    } else if (fsync(folder) != 0) {
        ok = job_fail(&job->result, errno, "fsync folder of");
    }
    close(folder);
    return ok;
}

static void run_put(void *arg)
{
    PutJob *job = arg;
    char blob[TEMP_NAME], sidecar[TEMP_NAME], md5_text[32];
    if (!write_blob(job, blob, md5_text)) return;
    if (!write_sidecar(job, sidecar, md5_text)) {
        (void)unlinkat(job->s->temp, blob, 0);
        return;
    }
    bool sidecar_moved = false, gone = true, ok = false;
    for (int i = 0; i < RENAME_TRIES && !ok && gone; i++) {
        ok = move_in(job, blob, sidecar, &sidecar_moved, &gone);
    }
    if (ok) {
        job->result.error = 0;
        return;
    }
    (void)unlinkat(job->s->temp, blob, 0);
    if (!sidecar_moved) (void)unlinkat(job->s->temp, sidecar, 0);
}

/* `{"user.cache_control":"",…,"md5":"`, the form that PocketBase reads. */
static Str attributes_text(Arena *a, Str content_type, Str original_name)
{
    Json *metadata = json_new_object(a);
    json_set_str(a, metadata, S("original-filename"), original_name);
    Json *attributes = json_new_object(a);
    static const Str EMPTY[] = {
        STR_INIT("user.cache_control"), STR_INIT("user.content_disposition"),
        STR_INIT("user.content_encoding"), STR_INIT("user.content_language")};
    for (size_t i = 0; i < COUNT(EMPTY); i++)
        json_set_str(a, attributes, EMPTY[i], S(""));
    json_set_str(a, attributes, S("user.content_type"), content_type);
    json_set(a, attributes, S("user.metadata"), metadata);

    Str text = json_format(a, attributes);
    return str_printf(a, "%.*s,\"md5\":\"", (int)text.len - 1, text.ptr);
}

Error *storage_put(Storage *s, Arena *a, Str key, int fd, Str memory, uint64_t size_bytes,
                   Str content_type, Str original_name)
{
    PutJob *job = arena_new(a, PutJob, 1);
    if (!key_parse(key, false, &job->key)) {
        return error_cause(a, error_status(a, 400), "storage: bad key %.*s", STR_ARG(key));
    }
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err) return err;
    if (s3) return remote_put(s, s3, a, key, fd, memory, size_bytes, content_type, original_name);

    job->s = s;
    job->fd = fd;
    job->memory = memory;
    job->size_bytes = size_bytes;
    job->attributes = attributes_text(a, content_type, original_name);
    if (job->attributes.len > SIDECAR_MAX_BYTES - 64) {
        return error_cause(a, error_status(a, 400), "storage: sidecar too long");
    }
    if (fd >= 0) job->buffer = arena_bytes(a, COPY_BYTES);

    err = await_work(s->workers, a, run_put, job);
    if (err) return err;
    if (job->result.error) return error_errno(a, job->result.error, job->result.operation, key);
    return NULL;
}
