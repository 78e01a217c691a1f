/* hold.c - what is removed while somebody copies the files is only moved aside.
 *
 * A backup copies the database as it was at one moment, and the files that it
 * names afterwards. A record deleted in between takes its files along. So while
 * storage is held, removing a blob moves it into ".held", under the same path:
 *
 *     storage/<collection>/<record>/<name>  ─▶  storage/.held/<collection>/<record>/<name>
 *
 * It is gone for everybody else at once, as it should be, also when a record of
 * the same id is made anew. What is there already stays: it was removed first,
 * and is nearer to the moment. Letting go removes the folder; so does opening,
 * after a crash.
 */
#include "storage/storage_internal.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

/* ---- moving ---- */

static bool move_aside(int from, const char *name, int to, int depth);

/* Both are folders: what is in the one goes into the other. Closes them. */
static bool merge_folder(int from, int to, int depth)
{
    DIR *dir = fdopendir(from);
    if (!dir) {
        close(from);
        close(to);
        return false;
    }
    bool ok = true;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!move_aside(from, name, to, depth + 1)) ok = false;
    }
    closedir(dir);
    close(to);
    return ok;
}

static bool merge_into(int from, const char *name, int to, int depth)
{
    assert(name);
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int source = openat(from, name, flags);
    if (source < 0) return errno == ENOTDIR ? unlinkat(from, name, 0) == 0 : errno == ENOENT;
    int target = openat(to, name, flags);
    if (target < 0) {
        close(source);
        return false;
    }
    return merge_folder(source, target, depth) && unlinkat(from, name, AT_REMOVEDIR) == 0;
}

/* A file or a folder with all in it. */
static bool move_aside(int from, const char *name, int to, int depth)
{
    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return false;
    }
    if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0) return true;
    if (errno == ENOENT) return true;
    return errno == EEXIST && merge_into(from, name, to, depth);
}

/* The folder of a key below .held, made when missing. */
static int held_folder(const Storage *s, const char *path)
{
    int fd = openat(s->root, HELD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Str rest = str_from(path);
    while (fd >= 0 && rest.ptr && path[0]) {
        Str segment = str_split(&rest, '/');
        char name[NAME_MAX_BYTES + 1];
        memcpy(name, segment.ptr, segment.len);
        name[segment.len] = 0;
        if (mkdirat(fd, name, 0700) != 0 && errno != EEXIST) {
            close(fd);
            return -1;
        }
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        close(fd);
        errno = saved;
        fd = next;
    }
    return fd;
}

bool held_move(const Storage *s, int folder, const Key *key, bool is_prefix)
{
    int to = held_folder(s, key->folder);
    if (to < 0) return false;
    char thumbs[sizeof(THUMBS_PREFIX) + NAME_MAX_BYTES];
    (void)snprintf(thumbs, sizeof(thumbs), THUMBS_PREFIX "%s", key->name);
    if (!is_prefix) (void)remove_tree(folder, thumbs, 0); /* can be made again */
    bool ok = move_aside(folder, key->name, to, 0) &&
              (is_prefix || move_aside(folder, key->sidecar, to, 0));
    int saved = errno;
    close(to);
    errno = saved;
    return ok;
}

/* ---- holding ---- */

void held_sweep(const Storage *s)
{
    if (!remove_tree(s->root, HELD_FOLDER, 0))
        log_warn("storage", "cannot remove what was held for a backup", LOG_INT("errno", errno));
}

Error *storage_hold(Storage *s, Arena *a)
{
    if (mkdirat(s->root, HELD_FOLDER, 0700) != 0 && errno != EEXIST)
        return error_errno(a, errno, "mkdir", S("storage/" HELD_FOLDER));
    (void)pthread_rwlock_wrlock(&s->hold_lock); /* removals under way end first */
    s->held = true;
    (void)pthread_rwlock_unlock(&s->hold_lock);
    return NULL;
}

void storage_let_go(Storage *s)
{
    (void)pthread_rwlock_wrlock(&s->hold_lock);
    s->held = false;
    (void)pthread_rwlock_unlock(&s->hold_lock);
    held_sweep(s);
}
