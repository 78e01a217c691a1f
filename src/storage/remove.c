/* remove.c - removing blobs and whole prefixes, at once or in the background.
 *
 * Removal need not be durable: a file that comes back after a power cut is an
 * orphan that no record names.
 */
#include "storage/storage_internal.h"

#include "base/log.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Folders in folders; ours are four deep. */
#define TREE_DEPTH_MAX 16

#define ASIDE_NAME_BYTES 32

typedef struct {
    Storage *s;
    Key key;
    bool is_prefix;
    char aside[ASIDE_NAME_BYTES]; /* the folder below .tmp that it is by now; or empty */
    JobResult result;
} RemoveJob;

/* Empties an open folder; closes it. */
static bool remove_entries(int folder, int depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        close(folder);
        return false;
    }
    int error = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (unlinkat(dirfd(dir), name, 0) == 0 || errno == ENOENT) continue;
        /* Linux says EISDIR, POSIX EPERM. */
        bool is_folder = errno == EISDIR || errno == EPERM;
        if (is_folder && remove_tree(dirfd(dir), name, depth + 1)) continue;
        error = errno; /* go on: what can be removed shall be */
    }
    closedir(dir);
    errno = error;
    return error == 0;
}

bool remove_tree(int parent, const char *name, int depth)
{
    if (depth > TREE_DEPTH_MAX) {
        errno = ELOOP;
        return false;
    }
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT;
    if (!remove_entries(folder, depth)) return false;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static bool unlink_quietly(int folder, const char *name)
{
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT;
}

static void remove_blob(RemoveJob *job, int folder)
{
    char thumbs[sizeof(THUMBS_PREFIX) + NAME_MAX_BYTES];
    (void)snprintf(thumbs, sizeof(thumbs), THUMBS_PREFIX "%s", job->key.name);
    /* The sidecar last but one: what fails half-way still knows its type. */
    bool ok = remove_tree(folder, thumbs, 0) && unlink_quietly(folder, job->key.name) &&
              unlink_quietly(folder, job->key.sidecar);
    if (!ok) (void)job_fail(&job->result, errno, "remove");
}

static void remove_key(RemoveJob *job)
{
    int folder = folder_open(job->s, job->key.folder);
    if (folder < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            (void)job_fail(&job->result, errno, "open folder of");
        return;
    }
    if (job->s->held) {
        if (!held_move(job->s, folder, &job->key, job->is_prefix))
            (void)job_fail(&job->result, errno, "move aside");
    } else if (job->is_prefix) {
        if (!remove_tree(folder, job->key.name, 0)) (void)job_fail(&job->result, errno, "remove");
    } else {
        remove_blob(job, folder);
    }
    close(folder);
    /* The record's folder goes with its last file; otherwise this fails. */
    if (!job->is_prefix && job->key.folder[0]) {
        (void)unlinkat(job->s->root, job->key.folder, AT_REMOVEDIR);
    }
}

static void run_remove(void *arg)
{
    RemoveJob *job = arg;
    (void)pthread_rwlock_rdlock(&job->s->hold_lock);
    remove_key(job);
    (void)pthread_rwlock_unlock(&job->s->hold_lock);
}

static Error *remove_and_wait(Storage *s, Arena *a, Str key, bool is_prefix)
{
    RemoveJob *job = arena_new(a, RemoveJob, 1);
    if (!key_parse(key, is_prefix, &job->key)) return NULL; /* no blob has such a key */
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err) return err;
    if (s3) return remote_remove(s3, a, key, is_prefix);
    job->s = s;
    job->is_prefix = is_prefix;
    err = await_work(s->workers, a, run_remove, job);
    if (err) return err;
    if (job->result.error) return error_errno(a, job->result.error, job->result.operation, key);
    return NULL;
}

Error *storage_remove(Storage *s, Arena *a, Str key)
{
    return remove_and_wait(s, a, key, false);
}

Error *storage_remove_prefix(Storage *s, Arena *a, Str prefix)
{
    return remove_and_wait(s, a, prefix, true);
}

static void log_failure(const RemoveJob *job)
{
    if (job->result.error == 0) return;
    log_error("storage", "cannot remove", LOG_STR("folder", str_from(job->key.folder)),
              LOG_STR("name", str_from(job->key.name)),
              LOG_STR("operation", str_from(job->result.operation)),
              LOG_INT("errno", job->result.error));
}

/* A collection's folder is out of the way before its files are removed, which may
 * take minutes: a collection made anew in its place has the same id, and files of
 * its own by then. False: there is nothing left to remove. During a backup that has
 * removed some of its records before, this takes a rename for each that is left. */
static bool set_aside(RemoveJob *job)
{
    Storage *s = job->s;
    bool left = true;
    (void)pthread_rwlock_rdlock(&s->hold_lock);
    if (s->held) {
        left = !held_move(s, s->root, &job->key, true);
    } else {
        (void)snprintf(job->aside, sizeof(job->aside), "gone-%016" PRIx64, random_u64());
        int rc = renameat(s->root, job->key.name, s->temp, job->aside);
        left = rc == 0 || errno != ENOENT;
        if (rc != 0) job->aside[0] = 0; /* in its place, then */
    }
    (void)pthread_rwlock_unlock(&s->hold_lock);
    return left;
}

static void run_remove_later(void *arg)
{
    RemoveJob *job = arg;
    Storage *s = job->s;
    if (!job->aside[0])
        run_remove(job);
    else if (!remove_tree(s->temp, job->aside, 0))
        (void)job_fail(&job->result, errno, "remove");
    log_failure(job);
    free(job);

    pthread_mutex_lock(&s->lock);
    s->pending--;
    if (s->pending == 0) pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static void post(Storage *s, RemoveJob *job)
{
    job->s = s;
    pthread_mutex_lock(&s->lock);
    s->pending++;
    pthread_mutex_unlock(&s->lock);
    /* A full queue: better slow than forgotten. */
    if (!workers_post(s->workers, run_remove_later, job)) run_remove_later(job);
}

void remove_aside_later(Storage *s, const char *name)
{
    RemoveJob *job = calloc(1, sizeof(*job));
    if (!job || strlen(name) >= sizeof(job->aside)) {
        free(job); /* not ours, or the next start's */
        return;
    }
    memcpy(job->aside, name, strlen(name) + 1);
    post(s, job);
}

static void remove_later(Storage *s, Str key, bool is_prefix)
{
    RemoveJob *job = calloc(1, sizeof(*job));
    if (!job || !key_parse(key, is_prefix, &job->key)) {
        log_warn("storage", job ? "not a key to remove" : "no memory to remove",
                 LOG_STR("key", key));
        free(job);
        return;
    }
    if (remote_remove_later(s, key, is_prefix)) {
        free(job);
        return;
    }
    job->s = s;
    job->is_prefix = is_prefix;
    bool is_collection = is_prefix && !job->key.folder[0];
    if (is_collection && !set_aside(job)) {
        free(job);
        return;
    }
    post(s, job);
}

void storage_remove_later(Storage *s, Str key)
{
    remove_later(s, key, false);
}

void storage_remove_prefix_later(Storage *s, Str prefix)
{
    remove_later(s, prefix, true);
}
