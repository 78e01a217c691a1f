/* body_upload.c - file parts: memory while small, a temporary file beyond.
 *
 * A part moves to a file when it passes limits.body_memory_bytes, or when the
 * request's parts together pass four times that. The file has no name, so that
 * nothing is left behind whatever happens. Its writes run in the worker pool,
 * 128 KiB a time.
 */
#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BYTES         (128 * 1024)
#define FIRST_BYTES         4096
#define MEMORY_PARTS_FACTOR 4

struct UploadSink {
    Arena *arena;
    HttpServer *server;
    Upload *list;
    size_t count, cap;
    Upload now;          /* the part being read */
    Buf memory;          /* its bytes while it has no file */
    uint64_t memory_all; /* held by all parts of this request */
    char *pending;       /* WRITE_BYTES, waiting for the file */
    size_t pending_len;
};

typedef struct {
    const char *folder;
    char *name; /* "<folder>/croft-XXXXXX", for systems without O_TMPFILE */
    int fd;
    Str bytes;
    uint64_t offset;
    int error;
} FileJob;

/* ---- on the pool's threads ---- */

static void run_create(void *arg)
{
    FileJob *job = arg;
    job->fd = open(job->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (job->fd >= 0) return;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) {
        job->error = errno;
        return;
    }
    job->fd = mkostemp(job->name, O_CLOEXEC);
    if (job->fd < 0) {
        job->error = errno;
    } else {
        (void)unlink(job->name);
    }
}

static void run_write(void *arg)
{
    FileJob *job = arg;
    while (job->bytes.len > 0) {
        ssize_t n = pwrite(job->fd, job->bytes.ptr, job->bytes.len, (off_t)job->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            job->error = errno;
            return;
        }
        job->bytes = str_from_pos(job->bytes, (size_t)n);
        job->offset += (uint64_t)n;
    }
}

static Error *run(UploadSink *sink, void (*fn)(void *arg), FileJob *job, const char *operation)
{
    Error *err = await_work(sink->server->config.workers, sink->arena, fn, job);
    if (err) return err;
    if (!job->error) return NULL;
    return error_errno(sink->arena, job->error, operation, sink->server->config.temp_dir);
}

/* ---- the sink ---- */

static void close_fd(void *arg)
{
    close(*(int *)arg);
}

static Error *open_file(UploadSink *sink)
{
    Arena *a = sink->arena;
    Str folder = sink->server->config.temp_dir;
    if (folder.len == 0) folder = S("/tmp");
    FileJob *job = arena_new(a, FileJob, 1);
    job->folder = arena_cstr(a, folder);
    job->name = arena_cstr(a, str_concat(a, folder, S("/croft-XXXXXX")));
    Error *err = run(sink, run_create, job, "create temporary file in");
    if (err) return err;
    sink->now.fd = job->fd;
    arena_defer(a, close_fd, &job->fd);
    return NULL;
}

/* Appends to the part's file. */
static Error *write_out(UploadSink *sink, Str bytes)
{
    if (bytes.len == 0) return NULL;
    FileJob job = {.fd = sink->now.fd, .bytes = bytes, .offset = sink->now.size_bytes};
    Error *err = run(sink, run_write, &job, "write temporary file in");
    if (err) return err;
    sink->now.size_bytes += bytes.len;
    return NULL;
}

static Error *flush(UploadSink *sink)
{
    Error *err = write_out(sink, str_make(sink->pending, sink->pending_len));
    sink->pending_len = 0;
    return err;
}

static Error *move_to_file(UploadSink *sink)
{
    Error *err = open_file(sink);
    if (err) return err;
    if (!sink->pending) sink->pending = arena_bytes(sink->arena, WRITE_BYTES);
    sink->pending_len = 0;
    sink->now.size_bytes = 0;
    sink->memory_all -= sink->memory.len;
    err = write_out(sink, buf_str(&sink->memory));
    sink->memory.len = 0; /* the room serves the next part */
    return err;
}

static Error *write_to_file(UploadSink *sink, Str bytes)
{
    while (bytes.len > 0) {
        Str part = str_sub(bytes, 0, WRITE_BYTES - sink->pending_len);
        memcpy(sink->pending + sink->pending_len, part.ptr, part.len);
        sink->pending_len += part.len;
        bytes = str_from_pos(bytes, part.len);
        if (sink->pending_len < WRITE_BYTES) return NULL;
        Error *err = flush(sink);
        if (err) return err;
    }
    return NULL;
}

UploadSink *upload_sink_new(Arena *a, HttpServer *server)
{
    UploadSink *sink = arena_new(a, UploadSink, 1);
    sink->arena = a;
    sink->server = server;
    return sink;
}

Error *upload_begin(UploadSink *sink, Str field, Str file_name, Str content_type)
{
    sink->now =
        (Upload){.field = field, .file_name = file_name, .content_type = content_type, .fd = -1};
    if (!sink->memory.arena) sink->memory = buf_new(sink->arena, FIRST_BYTES);
    return NULL;
}

Error *upload_write(UploadSink *sink, Str bytes)
{
    uint64_t one_max = sink->server->config.limits.body_memory_bytes;
    bool is_big = sink->memory.len + bytes.len > one_max ||
                  sink->memory_all + bytes.len > one_max * MEMORY_PARTS_FACTOR;
    if (sink->now.fd < 0 && is_big) {
        Error *err = move_to_file(sink);
        if (err) return err;
    }
    if (sink->now.fd >= 0) return write_to_file(sink, bytes);
    buf_add(&sink->memory, bytes);
    sink->memory_all += bytes.len;
    return NULL;
}

static void append(UploadSink *sink)
{
    if (sink->count == sink->cap) {
        size_t cap = sink->cap ? sink->cap * 2 : 8;
        Upload *grown = arena_new(sink->arena, Upload, cap);
        if (sink->count > 0) memcpy(grown, sink->list, sink->count * sizeof(Upload));
        sink->list = grown;
        sink->cap = cap;
    }
    sink->list[sink->count++] = sink->now;
}

Error *upload_end(UploadSink *sink)
{
    if (sink->now.fd >= 0) {
        Error *err = flush(sink);
        if (err) return err;
    } else {
        sink->now.memory = sink->memory.len > 0 ? buf_str(&sink->memory) : S("");
        sink->now.size_bytes = sink->now.memory.len;
        sink->memory = (Buf){0}; /* it belongs to the upload now */
    }
    append(sink);
    return NULL;
}

Upload *upload_list(UploadSink *sink, size_t *count)
{
    *count = sink->count;
    return sink->list;
}
