/* copy.c - trees of files, copied so that the original stays what it was.
 *
 * Every step opens one name in an open folder and follows no link, so a link
 * in an upload folder leads nowhere. Reading changes nothing but access times,
 * and O_NOATIME keeps even those where we own the file. */
#include "folder/folder_internal.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX   16
#define CHUNK_BYTES ((size_t)8 << 20)

Str path_join(Arena *a, Str dir, const char *name)
{
    return str_printf(a, "%.*s/%s", STR_ARG(dir), name);
}

Str path_parent(Str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    ptrdiff_t slash = str_rfind_char(path, '/');
    return slash < 0 ? S(".") : slash == 0 ? S("/") : str_sub(path, 0, (size_t)slash);
}

/* ---- one file ---- */

typedef struct {
    Arena *a;
    const FolderProgress *progress;
    uint64_t total;
    TreeSize *copied;
} Copy;

static int open_to_read(int dir, const char *name)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int fd = openat(dir, name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(dir, name, flags) : fd;
}

/* For file systems that copy_file_range() does not know. */
static ssize_t copy_by_hand(int from, int to, char *buffer)
{
    ssize_t got = read(from, buffer, CHUNK_BYTES);
    return got > 0 && !fd_write_all(to, buffer, (size_t)got) ? -1 : got;
}

static int copy_bytes(Copy *k, int from, int to)
{
    char *buffer = NULL;
    for (;;) {
        ssize_t n = buffer ? copy_by_hand(from, to, buffer)
                           : copy_file_range(from, NULL, to, NULL, CHUNK_BYTES, 0);
        if (n < 0 && errno == EINTR) continue;
        bool unknown = n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                                 errno == EOPNOTSUPP || errno == EPERM);
        if (unknown && !buffer) {
            buffer = arena_bytes(k->a, CHUNK_BYTES);
            continue;
        }
        int failed = n < 0 ? errno : 0;
        if (n <= 0) {
            if (buffer) arena_give_back(k->a, buffer, CHUNK_BYTES);
            return failed;
        }
        k->copied->bytes += (uint64_t)n;
        progress_tell(k->progress, "copying", true, k->copied->bytes, k->total);
    }
}

/* From the open file `from` into the new file `name` of the folder `dir`. */
static Error *copy_open_file(Copy *k, int from, const struct stat *st, int dir, const char *name)
{
    int to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) return error_errno(k->a, errno, "create", arena_copy(k->a, str_from(name)));
    int failed = copy_bytes(k, from, to);
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (!failed && futimens(to, times) != 0) failed = errno;
    if (close(to) != 0 && !failed) failed = errno;
    if (failed) return error_errno(k->a, failed, "copy", arena_copy(k->a, str_from(name)));
    k->copied->files++;
    return NULL;
}

Error *file_copy(Arena *a, Str from, Str to, const FolderProgress *progress, uint64_t total,
                 TreeSize *copied, bool *exists)
{
    Copy k = {a, progress, total, copied};
    *exists = false;
    int fd = open_to_read(AT_FDCWD, arena_cstr(a, from));
    if (fd < 0) return errno == ENOENT ? NULL : error_errno(a, errno, "open", from);
    struct stat st;
    Error *err = NULL;
    if (fstat(fd, &st) != 0)
        err = error_errno(a, errno, "stat", from);
    else if (!S_ISREG(st.st_mode))
        err = error_errno(a, EINVAL, "read", from);
    if (!err) err = copy_open_file(&k, fd, &st, AT_FDCWD, arena_cstr(a, to));
    *exists = !err;
    close(fd);
    return err;
}

/* ---- walking ---- */

/* Calls for the entries of a folder; `to` is -1 when only measuring. */
static Error *walk(Copy *k, int from, int to, int depth);

static Error *walk_folder(Copy *k, int from, int to, const char *name, int depth)
{
    int sub = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0) return error_errno(k->a, errno, "open folder", arena_copy(k->a, str_from(name)));
    int made = -1;
    Error *err = NULL;
    if (to >= 0 && mkdirat(to, name, 0700) != 0)
        err = error_errno(k->a, errno, "mkdir", arena_copy(k->a, str_from(name)));
    if (!err && to >= 0) {
        made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (made < 0) err = error_errno(k->a, errno, "open", arena_copy(k->a, str_from(name)));
    }
    if (!err) return walk(k, sub, made, depth + 1); /* closes both */
    close(sub);
    return err;
}

static Error *walk_file(Copy *k, int from, int to, const char *name)
{
    struct stat st;
    int fd = open_to_read(from, name);
    if (fd < 0) return error_errno(k->a, errno, "open", arena_copy(k->a, str_from(name)));
    Error *err = NULL;
    if (fstat(fd, &st) != 0) err = error_errno(k->a, errno, "stat", S(""));
    if (!err && to >= 0) {
        err = copy_open_file(k, fd, &st, to, name);
    } else if (!err) {
        k->copied->files++;
        k->copied->bytes += (uint64_t)st.st_size;
    }
    close(fd);
    return err;
}

static Error *walk_entry(Copy *k, int from, int to, const char *name, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(k->a, errno, "stat", arena_copy(k->a, str_from(name)));
    if (S_ISDIR(st.st_mode)) return walk_folder(k, from, to, name, depth);
    if (S_ISREG(st.st_mode)) return walk_file(k, from, to, name);
    k->copied->skipped++;
    return NULL;
}

static Error *walk(Copy *k, int from, int to, int depth)
{
    Error *err = NULL;
    DIR *dir = depth < DEPTH_MAX ? fdopendir(from) : NULL;
    if (!dir) {
        close(from);
        err = error_errno(k->a, depth < DEPTH_MAX ? ENOMEM : ELOOP, "open folder", S(""));
    }
    while (dir && !err) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0) err = error_errno(k->a, errno, "read folder", S(""));
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        err = walk_entry(k, from, to, entry->d_name, depth);
    }
    if (dir) closedir(dir);
    if (to >= 0) close(to);
    return err;
}

Error *tree_measure(Arena *a, Str dir, TreeSize *out)
{
    *out = (TreeSize){0};
    Copy k = {.a = a, .copied = out};
    int fd = open(arena_cstr(a, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? NULL : error_errno(a, errno, "open", dir);
    return walk(&k, fd, -1, 0);
}

Error *tree_copy(Arena *a, Str from, Str to, const FolderProgress *progress, uint64_t total,
                 TreeSize *copied)
{
    Copy k = {a, progress, total, copied};
    int source = open(arena_cstr(a, from), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0) return errno == ENOENT ? NULL : error_errno(a, errno, "open", from);
    const char *path = arena_cstr(a, to);
    int target = mkdir(path, 0700) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (target >= 0) return walk(&k, source, target, 0);
    Error *err = error_errno(a, errno, "mkdir", to);
    close(source);
    return err;
}

Error *folder_copy_tree(Arena *a, Str from, Str to)
{
    TreeSize copied = {0};
    return tree_copy(a, from, to, NULL, 0, &copied);
}

/* ---- removing ---- */

static int remove_below(int dir, int depth)
{
    DIR *entries = depth < DEPTH_MAX ? fdopendir(dir) : NULL;
    if (!entries) {
        close(dir);
        return ELOOP;
    }
    int failed = 0;
    const struct dirent *entry;
    while (!failed && (entry = readdir(entries))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (unlinkat(dir, name, 0) == 0) continue;
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        failed = sub < 0 ? errno : remove_below(sub, depth + 1);
        if (!failed && unlinkat(dir, name, AT_REMOVEDIR) != 0) failed = errno;
    }
    closedir(entries);
    return failed;
}

Error *tree_delete(Arena *a, Str dir)
{
    const char *path = arena_cstr(a, dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? NULL : error_errno(a, errno, "open", dir);
    int failed = remove_below(fd, 0);
    if (!failed && rmdir(path) != 0) failed = errno;
    return failed ? error_errno(a, failed, "remove", dir) : NULL;
}

/* ---- folders ---- */

Error *folder_is_empty(Arena *a, Str dir, bool *empty)
{
    *empty = true;
    DIR *entries = opendir(arena_cstr(a, dir));
    if (!entries) return errno == ENOENT ? NULL : error_errno(a, errno, "open folder", dir);
    const struct dirent *entry;
    while (*empty && (entry = readdir(entries)))
        *empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(entries);
    return NULL;
}

static Error *sync_by(Arena *a, Str dir, int (*call)(int fd), const char *what)
{
    int fd = open(arena_cstr(a, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_errno(a, errno, "open", dir);
    int failed = call(fd) == 0 ? 0 : errno;
    close(fd);
    return failed ? error_errno(a, failed, what, dir) : NULL;
}

Error *sync_folder(Arena *a, Str dir)
{
    return sync_by(a, dir, fsync, "fsync");
}

Error *sync_all(Arena *a, Str dir)
{
    return sync_by(a, dir, syncfs, "syncfs");
}

static Error *work_folder_busy(Arena *a, Str path)
{
    return error_new(a, 409, str_printf(a, "Another command is at work on %.*s.", STR_ARG(path)));
}

/* Whoever opened the folder just before it got its final name must not take it
 * for one left behind: after locking, the name has to lead to it still. */
static bool still_named(int fd, const char *path)
{
    struct stat st, named;
    return fstat(fd, &st) == 0 && lstat(path, &named) == 0 && st.st_dev == named.st_dev &&
           st.st_ino == named.st_ino;
}

static Error *parents_make(Arena *a, Str path)
{
    Str parent = path_parent(path);
    const char *name = arena_cstr(a, parent);
    if (access(name, F_OK) == 0) return NULL;
    Error *err = parents_make(a, parent);
    if (!err && mkdir(name, 0700) != 0 && errno != EEXIST)
        err = error_errno(a, errno, "mkdir", parent);
    return err;
}

Error *work_folder_make(Arena *a, Str to, const char *suffix, Str *path, int *fd)
{
    while (to.len > 1 && to.ptr[to.len - 1] == '/')
        to.len--;
    *path = str_printf(a, "%.*s.%s", STR_ARG(to), suffix);
    const char *name = arena_cstr(a, *path);
    Error *err = parents_make(a, *path);
    if (err) return err;
    if (mkdir(name, 0700) != 0 && errno != EEXIST) return error_errno(a, errno, "mkdir", *path);
    *fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0) return error_errno(a, errno, "open", *path);
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0 || !still_named(*fd, name)) {
        err = work_folder_busy(a, *path);
    } else {
        int below = openat(*fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int failed = below < 0 ? errno : remove_below(below, 0);
        if (failed) err = error_errno(a, failed, "remove", *path);
    }
    if (err) close(*fd);
    return err;
}
