/* body_upload.c - file parts: memory while small, temporary files beyond.
 *
 *     larger than limits.body_memory_bytes    a file of its own
 *     smaller                                 memory, up to four times that in all
 *     smaller, and that is used up            one file for all of them, mapped
 *
 * So a request has at most one descriptor for each body_memory_bytes it sent,
 * and one: a form of a thousand tiny parts must not take a thousand. The files
 * have no name, so that nothing is left behind whatever happens. Writes run in
 * the worker pool, large parts 128 KiB a time.
 */
#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WRITE_BYTES         (128 * 1024)
#define FIRST_BYTES         4096
#define MEMORY_PARTS_FACTOR 4

typedef struct {
    Upload upload;
    bool shared;        /* its bytes are in the common file … */
    uint64_t shared_at; /* … from here on */
} Part;

struct UploadSink {
    Arena *arena;
    HttpServer *server;
    Part *list;
    size_t count, cap;
    Upload now;          /* the part being read */
    Buf memory;          /* its bytes while it has no file */
    uint64_t memory_all; /* held by the parts before it */
    char *pending;       /* WRITE_BYTES, waiting for the file */
    size_t pending_len;
    int shared_fd; /* the common file, or -1 */
    uint64_t shared_bytes;
};

typedef struct {
    void *at;
    size_t len;
} Mapping;

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
    int fd = *(int *)arg;
    if (fd >= 0) (void)close(fd);
}

static void unmap(void *arg)
{
    const Mapping *m = arg;
    if (m->at != MAP_FAILED) (void)munmap(m->at, m->len);
}

static Error *open_file(UploadSink *sink, int *fd)
{
    Arena *a = sink->arena;
    Str folder = sink->server->config.temp_dir;
    if (folder.len == 0) folder = S("/tmp");
    FileJob *job = arena_new(a, FileJob, 1);
    job->fd = -1;
    arena_defer(a, close_fd, &job->fd); /* may end the request: before there is a file */
    job->folder = arena_cstr(a, folder);
    job->name = arena_cstr(a, str_concat(a, folder, S("/croft-XXXXXX")));
    Error *err = run(sink, run_create, job, "create temporary file in");
    if (err) return err;
    *fd = job->fd;
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
    Error *err = open_file(sink, &sink->now.fd);
    if (err) return err;
    if (!sink->pending) sink->pending = arena_bytes(sink->arena, WRITE_BYTES);
    sink->pending_len = 0;
    sink->now.size_bytes = 0;
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
    sink->shared_fd = -1;
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
    if (sink->now.fd < 0 && sink->memory.len + bytes.len > one_max) {
        Error *err = move_to_file(sink);
        if (err) return err;
    }
    if (sink->now.fd >= 0) return write_to_file(sink, bytes);
    buf_add(&sink->memory, bytes);
    return NULL;
}

/* A small part that there is no more memory for. */
static Error *write_shared(UploadSink *sink, Part *part)
{
    if (sink->shared_fd < 0) {
        Error *err = open_file(sink, &sink->shared_fd);
        if (err) return err;
    }
    FileJob job = {
        .fd = sink->shared_fd, .bytes = buf_str(&sink->memory), .offset = sink->shared_bytes};
    part->shared = true;
    part->shared_at = sink->shared_bytes;
    part->upload.size_bytes = sink->memory.len;
    sink->shared_bytes += sink->memory.len;
    sink->memory.len = 0; /* the room serves the next part */
    return run(sink, run_write, &job, "write temporary file in");
}

static void keep_in_memory(UploadSink *sink, Part *part)
{
    part->upload.memory = sink->memory.len > 0 ? buf_str(&sink->memory) : S("");
    part->upload.size_bytes = part->upload.memory.len;
    sink->memory_all += part->upload.memory.len;
    sink->memory = (Buf){0}; /* it belongs to the upload now */
}

static void append(UploadSink *sink, Part part)
{
    if (sink->count == sink->cap) {
        size_t cap = sink->cap ? sink->cap * 2 : 8;
        Part *grown = arena_new(sink->arena, Part, cap);
        if (sink->count > 0) memcpy(grown, sink->list, sink->count * sizeof(Part));
        sink->list = grown;
        sink->cap = cap;
    }
    sink->list[sink->count++] = part;
}

Error *upload_end(UploadSink *sink)
{
    uint64_t most = MEMORY_PARTS_FACTOR * sink->server->config.limits.body_memory_bytes;
    Part part = {.upload = sink->now};
    Error *err = NULL;
    if (sink->now.fd >= 0) {
        err = flush(sink);
        part.upload.size_bytes = sink->now.size_bytes;
    } else if (sink->memory.len > 0 && sink->memory_all + sink->memory.len > most) {
        err = write_shared(sink, &part);
    } else {
        keep_in_memory(sink, &part);
    }
    if (err) return err;
    append(sink, part);
    return NULL;
}

/* The kernel reads the common file as it is needed, and forgets it again. */
static Error *map_shared(UploadSink *sink, const char **bytes)
{
    *bytes = NULL;
    if (sink->shared_bytes == 0) return NULL;
    Mapping *m = arena_new(sink->arena, Mapping, 1);
    m->len = (size_t)sink->shared_bytes;
    m->at = MAP_FAILED;
    arena_defer(sink->arena, unmap, m); /* as above */
    m->at = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, sink->shared_fd, 0);
    if (m->at == MAP_FAILED)
        return error_errno(sink->arena, errno, "map temporary file in",
                           sink->server->config.temp_dir);
    *bytes = m->at;
    return NULL;
}

Error *upload_list(UploadSink *sink, Upload **list, size_t *count)
{
    const char *shared;
    Error *err = map_shared(sink, &shared);
    if (err) return err;
    *list = arena_new(sink->arena, Upload, sink->count);
    *count = sink->count;
    for (size_t i = 0; i < sink->count; i++) {
        const Part *part = &sink->list[i];
        (*list)[i] = part->upload;
        if (part->shared)
            (*list)[i].memory = str_make(shared + part->shared_at, (size_t)part->upload.size_bytes);
    }
    return NULL;
}
