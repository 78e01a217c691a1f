/* target.c - where backups are kept: the folder "backups", or a bucket.
 *
 * In the folder each zip made here has a sidecar in PocketBase's form, which
 * also says what its checksum was when it was read back:
 *
 *     backups/monday.zip
 *     backups/monday.zip.attrs   {…,"user.metadata":{"croft-sha256":"…","croft-verified":"2026-…"}}
 *
 * In the bucket these are the object's own metadata.
 */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIDECAR     ".attrs"
#define SIDECAR_MAX 8192
#define LIST_MAX    10000

static Error *taken(Arena *a)
{
    return error_field(a, S("name"), "validation_backup_name_exists",
                       S("The backup file name is invalid or already exists."));
}

static Error *folder_of(Backups *b, Arena *a, int *fd)
{
    return tree_open(a, str_concat(a, b->dir, S("/" BACKUPS_FOLDER)), true, fd);
}

/* ---- the bucket ---- */

static void s3_let_go(void *arg)
{
    s3_release(arg);
}

/* NULL in *out: backups are kept in the folder. */
static Error *bucket_of(Backups *b, Arena *a, S3 **out)
{
    *out = NULL;
    const Settings *settings = settings_hold(b->app->settings, a);
    const S3Settings *s = &settings->backups_s3;
    if (!s->enabled) return NULL;
    S3Config config = {.endpoint = s->endpoint,
                       .bucket = s->bucket,
                       .region = s->region,
                       .access_key = s->access_key,
                       .secret = s->secret,
                       .path_style = s->force_path_style,
                       .any_address = true};
    Error *err = s3_create(a, b->app->outgoing, b->app->workers, &config, out);
    if (!err) arena_defer(a, s3_let_go, *out);
    return err;
}

static Error *bucket_put(Backups *b, S3 *s3, Arena *a, Str key, int fd, uint64_t size, Str sha256)
{
    S3Meta meta[2] = {{S(META_SHA256), sha256}, {S(META_VERIFIED), datetime_now(a)}};
    S3Upload upload = {.from_fd = true,
                       .fd = fd,
                       .size_bytes = size,
                       .content_type = S("application/zip"),
                       .meta = meta,
                       .meta_count = sha256.len ? 2 : 0};
    atomic_store(&b->work.step, "sending it to S3");
    return s3_put(s3, a, key, &upload);
}

static Error *bucket_exists(S3 *s3, Arena *a, Str key, bool *exists)
{
    S3Object object;
    Error *err = s3_head(s3, a, key, &object);
    *exists = !err;
    return err && err->status == 404 ? NULL : err;
}

/* ---- the folder: sidecars ---- */

static Str sidecar_text(Arena *a, Str name, Str sha256)
{
    Json *meta = json_new_object(a);
    json_set_str(a, meta, S("original-filename"), name);
    if (sha256.len) {
        json_set_str(a, meta, S(META_SHA256), sha256);
        json_set_str(a, meta, S(META_VERIFIED), datetime_now(a));
    }
    Json *attributes = json_new_object(a);
    json_set_str(a, attributes, S("user.cache_control"), S(""));
    json_set_str(a, attributes, S("user.content_disposition"), S(""));
    json_set_str(a, attributes, S("user.content_encoding"), S(""));
    json_set_str(a, attributes, S("user.content_language"), S(""));
    json_set_str(a, attributes, S("user.content_type"), S("application/zip"));
    json_set(a, attributes, S("user.metadata"), meta);
    return str_concat(a, json_format(a, attributes), S("\n"));
}

/* Without one a backup is as good: so a failure is only told. */
static void sidecar_write(Arena *a, int folder, Str key, Str sha256)
{
    Str text = sidecar_text(a, key, sha256);
    int fd = openat(folder, arena_cstr(a, str_concat(a, key, S(SIDECAR))),
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && fd_write_all(fd, text.ptr, text.len) && fsync(fd) == 0;
    if (!ok) log_warn("backup", "cannot write a backup's sidecar", LOG_INT("errno", errno));
    if (fd >= 0) (void)close(fd);
}

static void sidecar_read(Arena *a, int folder, Str key, Json *item)
{
    int fd = openat(folder, arena_cstr(a, str_concat(a, key, S(SIDECAR))),
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    char text[SIDECAR_MAX];
    ssize_t len = read(fd, text, sizeof(text));
    (void)close(fd);
    Json *attributes;
    if (len <= 0 || json_parse(a, str_make(text, (size_t)len), NULL, &attributes)) return;
    const Json *meta = json_get(attributes, S("user.metadata"));
    item_vouch(a, item, json_str(json_get(meta, S(META_SHA256)), S("")),
               json_str(json_get(meta, S(META_VERIFIED)), S("")));
}

/* ---- listing ---- */

static Json *item_new(Arena *a, Str key, uint64_t size, int64_t modified_ms)
{
    Json *item = json_new_object(a);
    json_set_str(a, item, S("key"), arena_copy(a, key));
    json_set_str(a, item, S("modified"), datetime_format(a, modified_ms));
    json_set_number(a, item, S("size"), (double)size);
    return item;
}

typedef struct {
    Arena *arena;
    Json **items;
    size_t count, cap;
} Listing;

static Error *bucket_item(void *arg, const S3Object *object)
{
    Listing *l = arg;
    if (!backup_key_good(object->key) || l->count >= LIST_MAX) return NULL;
    if (l->count == l->cap) {
        l->cap = MAX(l->cap * 2, (size_t)64);
        Json **grown = arena_new(l->arena, Json *, l->cap);
        if (l->count) memcpy(grown, l->items, l->count * sizeof(*grown));
        l->items = grown;
    }
    l->items[l->count++] = item_new(l->arena, object->key, object->size_bytes, object->modified_ms);
    return NULL;
}

static Error *bucket_list(Backups *b, S3 *s3, Arena *a, bool vouched, Json *out)
{
    Listing l = {.arena = a};
    Error *err = s3_list(s3, a, S(""), bucket_item, &l);
    if (err) return err;
    if (vouched) facts_add(b, s3, a, l.items, l.count);
    for (size_t i = 0; i < l.count; i++)
        json_push(a, out, l.items[i]);
    return NULL;
}

static int64_t modified_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

typedef struct {
    Backups *b;
    Arena *arena;
    Str key;    /* to delete */
    Json *list; /* to fill */
    Error *err;
} FolderJob;

static void run_list(void *arg)
{
    FolderJob *job = arg;
    Arena *a = job->arena;
    int folder;
    job->err = folder_of(job->b, a, &folder);
    if (job->err) return;
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        job->err = error_errno(a, errno, "open", S(BACKUPS_FOLDER));
        if (copy >= 0) (void)close(copy);
        return;
    }
    while (json_count(job->list) < LIST_MAX) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) job->err = error_errno(a, errno, "read", S(BACKUPS_FOLDER));
        if (!entry) break;
        struct stat st;
        Str key = str_from(entry->d_name);
        if (!backup_key_good(key)) continue;
        if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        Json *item = item_new(a, key, (uint64_t)st.st_size, modified_of(&st));
        sidecar_read(a, folder, key, item);
        json_push(a, job->list, item);
    }
    closedir(dir);
}

Error *target_list(Backups *b, Arena *a, bool vouched, Json **out)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    *out = json_new_array(a);
    if (s3) return bucket_list(b, s3, a, vouched, *out);
    FolderJob job = {.b = b, .arena = a, .list = *out};
    err = await_work(b->app->workers, a, run_list, &job);
    return err ? err : job.err;
}

Error *target_exists(Backups *b, Arena *a, Str key, bool *exists)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    if (s3) return bucket_exists(s3, a, key, exists);
    int folder;
    struct stat st;
    err = folder_of(b, a, &folder);
    if (err) return err;
    *exists = fstatat(folder, arena_cstr(a, key), &st, AT_SYMLINK_NOFOLLOW) == 0;
    return NULL;
}

/* ---- one of them ---- */

static void run_delete(void *arg)
{
    FolderJob *job = arg;
    Arena *a = job->arena;
    int folder;
    job->err = folder_of(job->b, a, &folder);
    if (job->err) return;
    if (unlinkat(folder, arena_cstr(a, job->key), 0) != 0)
        job->err =
            errno == ENOENT ? error_status(a, 404) : error_errno(a, errno, "remove", job->key);
    else /* may have none */
        (void)unlinkat(folder, arena_cstr(a, str_concat(a, job->key, S(SIDECAR))), 0);
}

Error *target_delete(Backups *b, Arena *a, Str key)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    if (s3) {
        bool exists;
        err = bucket_exists(s3, a, key, &exists);
        if (err) return err;
        return exists ? s3_delete(s3, a, key) : error_status(a, 404);
    }
    FolderJob job = {.b = b, .arena = a, .key = key};
    err = await_work(b->app->workers, a, run_delete, &job); /* gigabytes take the disk a while */
    return err ? err : job.err;
}

static void close_fd(void *arg)
{
    int fd = *(int *)arg;
    if (fd >= 0) (void)close(fd);
}

static Error *bucket_fetch(Backups *b, S3 *s3, Arena *a, Str key, int *fd)
{
    Str temp = str_concat(a, b->dir, S("/" TEMP_FOLDER));
    int folder;
    S3Object object;
    Error *err = s3_head(s3, a, key, &object);
    if (!err) err = tree_open(a, temp, true, &folder);
    if (err) return err;
    struct statvfs fs;
    if (fstatvfs(folder, &fs) == 0 &&
        (uint64_t)fs.f_bavail * fs.f_frsize < object.size_bytes + ZIP_DISK_KEEP)
        return error_errno(a, ENOSPC, "fetch", key);
    *fd = open(arena_cstr(a, temp), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0) return error_errno(a, errno, "make a temporary file in", temp);
    return s3_get_to_fd(s3, a, key, *fd, NULL);
}

Error *target_open(Backups *b, Arena *a, Str key, int *out, struct stat *st)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    int *fd = arena_new(a, int, 1);
    *fd = -1;
    arena_defer(a, close_fd, fd); /* may end the work: before there is a descriptor */
    if (s3) {
        err = bucket_fetch(b, s3, a, key, fd);
    } else {
        int folder;
        err = folder_of(b, a, &folder);
        if (err) return err;
        *fd = openat(folder, arena_cstr(a, key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (*fd < 0)
            err = errno == ENOENT || errno == ELOOP ? error_status(a, 404)
                                                    : error_errno(a, errno, "open", key);
    }
    if (err) return err;
    if (fstat(*fd, st) != 0) return error_errno(a, errno, "stat", key);
    if (!S_ISREG(st->st_mode)) return error_status(a, 404);
    *out = *fd;
    return NULL;
}

/* ---- keeping a new one ---- */

Error *target_put(Backups *b, Arena *a, Str key, const MadeBackup *made)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    if (s3) {
        bool exists; /* by another program, or a server with the same bucket */
        err = bucket_exists(s3, a, key, &exists);
        if (err || exists) return err ? err : taken(a);
        int fd = open(arena_cstr(a, made->path), O_RDONLY | O_CLOEXEC);
        if (fd < 0) return error_errno(a, errno, "open", made->path);
        err = bucket_put(b, s3, a, key, fd, made->size, made->sha256);
        (void)close(fd);
        return err;
    }
    int folder;
    err = folder_of(b, a, &folder);
    if (err) return err;
    if (renameat2(AT_FDCWD, arena_cstr(a, made->path), folder, arena_cstr(a, key),
                  RENAME_NOREPLACE) != 0)
        return errno == EEXIST ? taken(a) : error_errno(a, errno, "keep", key);
    sidecar_write(a, folder, key, made->sha256); /* not before: the key may be another's */
    return folder_sync(folder) ? NULL : error_errno(a, errno, "fsync", S(BACKUPS_FOLDER));
}

typedef struct {
    Backups *b;
    Arena *arena;
    Str key;
    const Upload *upload;
    Error *err;
} UploadJob;

/* False and errno. */
static bool upload_write(const Upload *u, int fd)
{
    if (u->fd < 0) return fd_write_all(fd, u->memory.ptr, u->memory.len);
    off_t from = 0;
    for (uint64_t left = u->size_bytes; left > 0;) {
        ssize_t n =
            copy_file_range(u->fd, &from, fd, NULL, (size_t)MIN(left, (uint64_t)1 << 30), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; /* shorter than it was */
        if (n <= 0) return false;
        left -= (uint64_t)n;
    }
    return true;
}

/* Under a name of its own first, in the folder that is swept at start: a key is a
 * whole backup or none. */
static void run_upload(void *arg)
{
    UploadJob *job = arg;
    Arena *a = job->arena;
    int folder, temp;
    job->err = folder_of(job->b, a, &folder);
    if (!job->err)
        job->err = tree_open(a, str_concat(a, job->b->dir, S("/" TEMP_FOLDER)), true, &temp);
    if (job->err) return;
    const char *part = arena_cstr(a, str_concat(a, S("upload_"), random_text(a, 8, ALPHABET_ID)));
    int fd = openat(temp, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        job->err = error_errno(a, errno, "create", job->key);
        return;
    }
    bool ok = upload_write(job->upload, fd) && fsync(fd) == 0;
    int error = ok ? 0 : errno;
    if (close(fd) != 0 && ok) error = errno;
    if (!error && renameat2(temp, part, folder, arena_cstr(a, job->key), RENAME_NOREPLACE) != 0)
        error = errno;
    /* What a zip of this name, removed by hand, has left says nothing of this one. */
    if (!error) (void)unlinkat(folder, arena_cstr(a, str_concat(a, job->key, S(SIDECAR))), 0);
    if (!error && folder_sync(folder)) return;
    job->err = error == EEXIST ? taken(a) : error_errno(a, error ? error : errno, "keep", job->key);
    (void)unlinkat(temp, part, 0);
}

Error *target_put_upload(Backups *b, Arena *a, Str key, const Upload *upload)
{
    S3 *s3;
    Error *err = bucket_of(b, a, &s3);
    if (err) return err;
    if (s3) {
        S3Upload u = {.from_fd = upload->fd >= 0,
                      .fd = upload->fd,
                      .memory = upload->memory,
                      .size_bytes = upload->size_bytes,
                      .content_type = S("application/zip")};
        return s3_put(s3, a, key, &u);
    }
    UploadJob job = {.b = b, .arena = a, .key = key, .upload = upload};
    err = await_work(b->app->workers, a, run_upload, &job);
    return err ? err : job.err;
}

/* ---- retention ---- */

static int newest_first(const void *x, const void *y)
{
    const Json *const *a = x, *const *b = y;
    int order = str_cmp(json_str(json_get(*b, S("modified")), S("")),
                        json_str(json_get(*a, S("modified")), S("")));
    if (order) return order;
    return str_cmp(json_str(json_get(*b, S("key")), S("")),
                   json_str(json_get(*a, S("key")), S("")));
}

Error *target_prune(Backups *b, Arena *a, size_t keep)
{
    Json *list;
    Error *err = target_list(b, a, false, &list);
    if (err) return err;
    const Json **automatic = arena_new(a, const Json *, json_count(list) + 1);
    size_t count = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *item = json_at(list, i);
        if (str_starts(json_str(json_get(item, S("key")), S("")), S(AUTO_PREFIX)))
            automatic[count++] = item;
    }
    qsort(automatic, count, sizeof(*automatic), newest_first);
    for (size_t i = keep; !err && i < count; i++) {
        Str key = json_str(json_get(automatic[i], S("key")), S(""));
        if (backups_uses(b, key)) continue;
        err = target_delete(b, a, key);
        if (!err) log_info("backup", "old backup removed", LOG_STR("key", key));
    }
    return err;
}
