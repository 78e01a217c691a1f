/* read.c - opening a blob and reading what its sidecar says.
 *
 * Most downloads are of files the kernel has in memory. So the loop's own
 * thread tries first, in a way that cannot wait for the disk; only when the
 * kernel says EAGAIN does the work go to the pool.
 */
#include "storage/storage_internal.h"

#include "base/beneath.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct {
    Storage *s;
    char path[KEY_MAX_BYTES + sizeof(SIDECAR_SUFFIX)];
    size_t path_len; /* without ".attrs" */
    bool may_wait;
    int fd;
    struct stat st;
    char *sidecar; /* SIDECAR_MAX_BYTES */
    size_t sidecar_len;
    JobResult result;
} OpenJob;

static int open_one(const OpenJob *job)
{
    unsigned options = BENEATH_NO_LINKS | (job->may_wait ? 0 : BENEATH_CACHED);
    return beneath_open(job->s->root, job->path, O_RDONLY | O_NONBLOCK, options);
}

/* A missing or unreadable sidecar leaves sidecar_len 0; false on EAGAIN. */
static bool read_sidecar(OpenJob *job)
{
    memcpy(job->path + job->path_len, SIDECAR_SUFFIX, sizeof(SIDECAR_SUFFIX));
    int fd = open_one(job);
    job->path[job->path_len] = 0;
    if (fd < 0) return errno != EAGAIN;

    struct iovec to = {job->sidecar, SIDECAR_MAX_BYTES};
    ssize_t n = job->may_wait ? pread(fd, job->sidecar, SIDECAR_MAX_BYTES, 0)
                              : preadv2(fd, &to, 1, 0, RWF_NOWAIT);
    bool ok = n >= 0 || job->may_wait;
    job->sidecar_len = n > 0 ? (size_t)n : 0;
    close(fd);
    return ok;
}

static void give_up(OpenJob *job, int error, const char *operation)
{
    if (job->fd >= 0) close(job->fd);
    job->fd = -1;
    (void)job_fail(&job->result, error, operation);
}

static void run_open(void *arg)
{
    OpenJob *job = arg;
    job->result.error = 0;
    job->fd = open_one(job);
    if (job->fd < 0) {
        give_up(job, errno, "open");
    } else if (fstat(job->fd, &job->st) != 0) {
        give_up(job, errno, "stat");
    } else if (!S_ISREG(job->st.st_mode)) {
        give_up(job, ENOENT, "open");
    } else if (!read_sidecar(job)) {
        give_up(job, EAGAIN, "read sidecar of");
    }
}

static void close_fd(void *arg)
{
    close(*(int *)arg);
}

static void read_attributes(Arena *a, Str text, BlobInfo *info)
{
    info->content_type = S("application/octet-stream");
    info->original_name = S("");
    Json *attributes;
    Error *err = json_parse(a, text, NULL, &attributes);
    if (err) return; /* none, or damaged: bytes without a type are still served */

    Str type = json_str(json_get(attributes, S("user.content_type")), S(""));
    bool is_clean = type.len > 0;
    for (size_t i = 0; i < type.len; i++) {
        if (type.ptr[i] < 0x20 || type.ptr[i] > 0x7e) is_clean = false; /* it becomes a header */
    }
    if (is_clean) info->content_type = type;
    const Json *metadata = json_get(attributes, S("user.metadata"));
    info->original_name = json_str(json_get(metadata, S("original-filename")), S(""));
}

static bool is_missing(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV ||
           error == ENAMETOOLONG || error == EINVAL;
}

Error *local_open(Storage *s, Arena *a, Str key, int *fd, BlobInfo *info)
{
    OpenJob *job = arena_new(a, OpenJob, 1);
    job->s = s;
    memcpy(job->path, key.ptr, key.len);
    job->path_len = key.len;
    job->sidecar = arena_bytes(a, SIDECAR_MAX_BYTES);
    run_open(job);
    if (job->result.error == EAGAIN) {
        job->may_wait = true;
        Error *err = await_work(s->workers, a, run_open, job);
        if (err) return err;
    }
    if (is_missing(job->result.error)) return error_status(a, 404);
    if (job->result.error) return error_errno(a, job->result.error, job->result.operation, key);

    arena_defer(a, close_fd, &job->fd);
    info->origin = BLOB_LOCAL;
    info->size_bytes = (uint64_t)job->st.st_size;
    info->modified_ms = (int64_t)job->st.st_mtim.tv_sec * 1000 + job->st.st_mtim.tv_nsec / 1000000;
    read_attributes(a, str_make(job->sidecar, job->sidecar_len), info);
    *fd = job->fd;
    return NULL;
}

Error *storage_open_blob(Storage *s, Arena *a, Str key, int *fd, BlobInfo *info)
{
    Key parsed;
    if (!key_parse(key, false, &parsed)) return error_status(a, 404);
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err) return err;
    return s3 ? remote_to_file(s, s3, a, key, fd, info) : local_open(s, a, key, fd, info);
}
