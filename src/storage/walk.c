/* walk.c - visiting every blob, in batches.
 *
 * The cursor keeps the three folders it is in open. A job in the pool fills a
 * batch from there on; the caller's fiber visits what is in it, and asks for
 * the next. So memory is bounded however many files there are.
 */
#include "storage/storage_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_ENTRIES 512
#define LEVELS        3 /* collections, records, files */

typedef struct {
    char name[LEVELS][NAME_MAX_BYTES + 1];
    uint64_t size_bytes;
} WalkEntry;

typedef struct {
    Storage *s;
    DIR *dir[LEVELS];
    int first_level;                       /* 1: one collection's folder, whose name[0] is set */
    int level;                             /* of the innermost open folder; -1 when all is done */
    char name[LEVELS][NAME_MAX_BYTES + 1]; /* of the entry being looked at */
    WalkEntry *entries;
    size_t count;
    JobResult result;
} Cursor;

static void cursor_close(void *arg)
{
    Cursor *c = arg;
    for (int i = 0; i < LEVELS; i++) {
        if (c->dir[i]) closedir(c->dir[i]);
        c->dir[i] = NULL;
    }
}

/* Opens the folder `name` of the current one; what is none is passed over. */
static bool descend(Cursor *c, int parent, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd < 0) {
        bool is_gone = errno == ENOTDIR || errno == ENOENT || errno == ELOOP;
        return is_gone ? true : job_fail(&c->result, errno, "open folder");
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return job_fail(&c->result, ENOMEM, "open folder");
    }
    c->level++;
    c->dir[c->level] = dir;
    return true;
}

static void add_file(Cursor *c)
{
    const char *name = c->name[LEVELS - 1];
    struct stat st;
    if (str_ends(str_from(name), S(SIDECAR_SUFFIX))) return;
    if (fstatat(dirfd(c->dir[LEVELS - 1]), name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (!S_ISREG(st.st_mode)) return; /* thumbs_… among others */

    WalkEntry *entry = &c->entries[c->count++];
    memcpy(entry->name, c->name, sizeof(entry->name));
    entry->size_bytes = (uint64_t)st.st_size;
}

/* One entry of the innermost folder. */
static bool advance(Cursor *c)
{
    errno = 0;
    const struct dirent *entry = readdir(c->dir[c->level]);
    if (!entry) {
        if (errno != 0) return job_fail(&c->result, errno, "read folder");
        closedir(c->dir[c->level]);
        c->dir[c->level] = NULL;
        c->level--;
        return true;
    }
    size_t len = strlen(entry->d_name);
    if (entry->d_name[0] == '.' || len > NAME_MAX_BYTES) return true;
    memcpy(c->name[c->level], entry->d_name, len + 1);
    if (c->level < LEVELS - 1) return descend(c, dirfd(c->dir[c->level]), entry->d_name);
    add_file(c);
    return true;
}

static void run_fill(void *arg)
{
    Cursor *c = arg;
    c->count = 0;
    while (c->level >= c->first_level && c->count < BATCH_ENTRIES) {
        if (!advance(c)) return;
    }
}

static Error *walk_local(Storage *s, Arena *a, const char *collection, BlobVisit visit, void *arg)
{
    Cursor *c = arena_new(a, Cursor, 1);
    c->s = s;
    c->first_level = collection ? 1 : 0;
    c->level = c->first_level - 1;
    if (collection) memcpy(c->name[0], collection, strlen(collection) + 1);
    c->entries = arena_new(a, WalkEntry, BATCH_ENTRIES);
    arena_defer(a, cursor_close, c);

    Error *err = descend(c, s->root, collection ? collection : ".")
                     ? NULL
                     : error_errno(a, c->result.error, c->result.operation, S("storage"));
    while (!err && c->level >= c->first_level) {
        err = await_work(s->workers, a, run_fill, c);
        if (!err && c->result.error) {
            err = error_errno(a, c->result.error, c->result.operation, S("storage"));
        }
        for (size_t i = 0; i < c->count && !err; i++) {
            const WalkEntry *e = &c->entries[i];
            err = visit(arg, str_from(e->name[0]), str_from(e->name[1]), str_from(e->name[2]),
                        e->size_bytes);
        }
    }
    cursor_close(c);
    return err;
}

Error *storage_walk(Storage *s, Arena *a, BlobVisit visit, void *arg)
{
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err) return err;
    return s3 ? remote_walk(s3, a, S(""), visit, arg) : walk_local(s, a, NULL, visit, arg);
}

Error *storage_walk_collection(Storage *s, Arena *a, Str collection_id, BlobVisit visit, void *arg)
{
    Key key;
    S3 *s3;
    Error *err = remote_hold(s, a, &s3);
    if (err || !key_parse(collection_id, false, &key) || key.folder[0]) return err;
    return s3 ? remote_walk(s3, a, collection_id, visit, arg)
              : walk_local(s, a, key.name, visit, arg);
}
