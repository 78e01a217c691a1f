/* storage_internal.h - what the files of storage/ share.
 *
 *     <dir>/.tmp/<random>                           being written
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

#define KEY_MAX_BYTES     1024
#define KEY_SEGMENTS_MAX  8
#define NAME_MAX_BYTES    240 /* leaves room for ".attrs" and "thumbs_" */
#define SIDECAR_MAX_BYTES 8192
#define SIDECAR_SUFFIX    ".attrs"
#define THUMBS_PREFIX     "thumbs_"
#define TEMP_FOLDER       ".tmp"

struct Storage {
    int root; /* the storage folder */
    int temp; /* its .tmp folder */
    Workers *workers;
    pthread_mutex_t lock; /* guards `pending` */
    pthread_cond_t idle;
    size_t pending; /* background removals not done yet */
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
