/* storage_internal.h - what the files of storage/ share.
 *
 *     <dir>/.tmp/<random>                           being written
 *     <dir>/.tmp/gone-<random>/…                    a collection's, being removed
 *     <dir>/.site                                   whose objects in a bucket are ours
 *     <dir>/.held/<collection>/<record>/<name>      removed during a backup
 *     <dir>/<collection>/<record>/<name>            a blob
 *     <dir>/<collection>/<record>/<name>.attrs      its sidecar
 *     <dir>/<collection>/<record>/thumbs_<name>/…   made from it
 *
 * Functions named run_… are jobs for the worker pool: they fill in a struct
 * that the calling fiber allocated, and never touch an arena.
 */
#ifndef CROFT_STORAGE_INTERNAL_H
#define CROFT_STORAGE_INTERNAL_H

#include "storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>

#define KEY_MAX_BYTES     1024
#define KEY_SEGMENTS_MAX  8
#define NAME_MAX_BYTES    240 /* leaves room for ".attrs" and "thumbs_" */
#define SIDECAR_MAX_BYTES 8192
#define SIDECAR_SUFFIX    ".attrs"
#define THUMBS_PREFIX     "thumbs_"
#define TEMP_FOLDER       ".tmp"
#define HELD_FOLDER       ".held"

#define SITE_LETTERS 16
#define RUN_LETTERS  8

struct Storage {
    int root; /* the storage folder */
    int temp; /* its .tmp folder */
    Workers *workers;
    /* Told by storage_follow(); without it `outgoing` is NULL. */
    Outgoing *outgoing;
    StorageSource source;
    Workers *removers; /* of objects: a dead S3 server holds no other work */
    char site[SITE_LETTERS + 1], run[RUN_LETTERS + 1];
    pthread_mutex_t remote_lock; /* guards `s3` and `broken` */
    S3 *s3;                      /* NULL: local */
    bool broken;                 /* settings that no client can be made of */
    _Atomic uint64_t seen;       /* version of the settings that these are of */
    _Atomic bool remote;         /* s3 || broken */
    pthread_mutex_t lock;        /* guards `pending` */
    pthread_cond_t idle;
    size_t pending;             /* background removals not done yet */
    pthread_rwlock_t hold_lock; /* read by whoever removes, while it does */
    bool held;                  /* under hold_lock: see hold.c */
};

/* A checked key as paths for openat() and friends. */
typedef struct {
    char folder[KEY_MAX_BYTES + 1]; /* "c/r", empty for a key of one segment */
    char name[NAME_MAX_BYTES + 1];
    char sidecar[NAME_MAX_BYTES + sizeof(SIDECAR_SUFFIX)];
} Key;

/* Splits a key into folder and name. False unless every segment is 1 to
 * NAME_MAX_BYTES long, free of NUL and '\', does not start with a dot, and the
 * name is not a sidecar's. With `is_prefix` the text ends in '/'. */
bool key_parse(Str text, bool is_prefix, Key *out);

/* Opens the folder of a key; -1 and errno. An empty path is the root. */
int folder_open(const Storage *s, const char *path);

/* ---- remote.c, remote_remove.c ---- */

/* The client that blobs go through now; NULL: local disk. Released with `a`. */
MUST_CHECK Error *remote_hold(Storage *s, Arena *a, S3 **out);
/* S3's errors as storage.h promises them. */
Error *remote_error(Arena *a, Error *err);
void remote_info(const Storage *s, Arena *a, const S3Object *object, BlobInfo *info);

MUST_CHECK Error *remote_put(Storage *s, S3 *s3, Arena *a, Str key, int fd, Str memory,
                             uint64_t size_bytes, Str content_type, Str original_name);
MUST_CHECK Error *remote_to_file(Storage *s, S3 *s3, Arena *a, Str key, int *fd, BlobInfo *info);
MUST_CHECK Error *remote_walk(S3 *s3, Arena *a, Str collection_id, BlobVisit visit, void *arg);
MUST_CHECK Error *remote_remove(S3 *s3, Arena *a, Str key, bool is_prefix);
/* False: local disk it is. */
bool remote_remove_later(Storage *s, Str key, bool is_prefix);

/* ---- read.c ---- */

MUST_CHECK Error *local_open(Storage *s, Arena *a, Str key, int *fd, BlobInfo *info);

/* Removes the folder `name` with all in it. Links are removed, not followed. */
bool remove_tree(int parent, const char *name, int depth);
/* In the background: a folder `name` below .tmp, which was set aside by a process
 * that ended before it was removed. */
void remove_aside_later(Storage *s, const char *name);

/* While storage is held: moves a blob with its sidecar, or a whole prefix, out of
 * the open folder of its key. */
bool held_move(const Storage *s, int folder, const Key *key, bool is_prefix);
void held_sweep(const Storage *s);

/* What a job could not do: errno and the name of the call. */
typedef struct {
    int error; /* 0 = all went well */
    const char *operation;
} JobResult;

static inline bool job_fail(JobResult *result, int error, const char *operation)
{
    result->error = error;
    result->operation = operation;
    return false;
}

#endif
