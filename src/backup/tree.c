/* tree.c - walking and removing folders, in bounded memory. */
#include "backup/backup_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    const TreeWalk *walk;
    char path[ZIP_NAME_MAX + 1];
    size_t len;
} Walker;

static bool is_gone(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static Error *walk_folder(Walker *w, int parent, const char *name, int depth);

static Error *walk_entry(Walker *w, int folder, const char *name, int depth)
{
    struct stat st;
    size_t before = w->len, name_len = strlen(name);
    if (before + 1 + name_len > ZIP_NAME_MAX)
        return error_cause(w->arena, error_status(w->arena, 500), "path too long: %s/%s", w->path,
                           name);
    if (before) w->path[w->len++] = '/';
    memcpy(w->path + w->len, name, name_len + 1);
    w->len += name_len;
    Str path = str_make(w->path, w->len);
    Error *err = NULL;
    bool skipped = w->walk->skip && w->walk->skip(path);
    if (skipped || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (!skipped && !is_gone(errno)) err = error_errno(w->arena, errno, "stat", path);
    } else if (S_ISDIR(st.st_mode)) {
        err = walk_folder(w, folder, name, depth + 1);
    } else if (S_ISREG(st.st_mode)) {
        err = w->walk->visit(w->walk->arg, path, folder, name, &st);
    }
    w->len = before;
    w->path[before] = 0;
    return err;
}

static Error *walk_folder(Walker *w, int parent, const char *name, int depth)
{
    if (depth > FOLDER_DEPTH)
        return error_errno(w->arena, ELOOP, "walk", str_make(w->path, w->len));
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int error = errno;
        if (fd >= 0) (void)close(fd);
        return is_gone(error) ? NULL
                              : error_errno(w->arena, error, "open", str_make(w->path, w->len));
    }
    Error *err = NULL;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) err = error_errno(w->arena, errno, "read", str_make(w->path, w->len));
        if (!entry || err) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        err = walk_entry(w, fd, entry->d_name, depth);
        if (err) break;
    }
    closedir(dir);
    return err;
}

Error *tree_walk(Arena *a, int root, Str prefix, const TreeWalk *walk)
{
    Walker w = {.arena = a, .walk = walk, .len = prefix.len};
    assert(prefix.len < sizeof(w.path));
    if (prefix.len) memcpy(w.path, prefix.ptr, prefix.len);
    return walk_folder(&w, root, ".", 0);
}

static bool remove_at(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return false;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 || depth > FOLDER_DEPTH + 2 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) (void)close(fd);
        return false;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!remove_at(fd, entry->d_name, depth + 1)) failed = errno;
    }
    closedir(dir);
    errno = failed;
    return failed == 0 && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

bool tree_remove(int parent, const char *name)
{
    return remove_at(parent, name, 0);
}

static void close_fd(void *arg)
{
    int fd = *(int *)arg;
    if (fd >= 0) (void)close(fd);
}

Error *tree_open(Arena *a, Str path, bool make, int *out)
{
    const char *name = arena_cstr(a, path);
    if (make && mkdir(name, 0700) != 0 && errno != EEXIST)
        return error_errno(a, errno, "mkdir", path);
    int *fd = arena_new(a, int, 1);
    *fd = -1;
    arena_defer(a, close_fd, fd); /* may end the work: before there is a descriptor */
    *fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return error_errno(a, errno, "open", path);
    *out = *fd;
    return NULL;
}

bool folder_sync(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL; /* some file systems have nothing to sync */
}
