/* lock.c - one server a data folder.
 *
 * `<dir>/croft.lock` holds the process id as text, for people. The lock itself
 * is an OFD lock (fcntl) on one byte of it: the kernel lifts it when the
 * process ends, however it ends. Which byte follows from the database's file
 * name, so that one server may have data.db and auxiliary.db open, and a
 * second open of either is refused, also within one process.
 */
#include "base/encoding.h"
#include "db/sqlite/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES    150
#define LOCK_PAUSE_NS 20000000

static Str read_pid(Arena *a, int fd)
{
    char text[24];
    ssize_t got = pread(fd, text, sizeof text, 0);
    int64_t pid;
    Str s = str_trim(str_make(text, got > 0 ? (size_t)got : 0));
    if (!str_to_i64(s, &pid)) return S("unknown");
    return str_printf(a, "%lld", (long long)pid);
}

/* Only for people, so that a failure does not matter. */
static void write_pid(int fd)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    if (ftruncate(fd, 0) != 0) return;
    (void)!pwrite(fd, text, (size_t)len, 0);
}

static Error *already_running(Arena *a, Str dir, int fd)
{
    Str message = str_printf(a,
                             "Another Croft server (process %.*s) is using the folder %.*s. Stop "
                             "it first, or choose another folder with --dir.",
                             STR_ARG(read_pid(a, fd)), STR_ARG(dir));
    return error_new(a, 409, message);
}

/* The worker of a server that was just killed holds its descriptors until it has
 * ended, which takes a second and may wait for a flush: three seconds of patience. */
static bool lock_take(int fd, const struct flock *wanted)
{
    for (int tries = 0;; tries++) {
        if (fcntl(fd, F_OFD_SETLK, wanted) == 0) return true;
        if ((errno != EAGAIN && errno != EACCES) || tries == LOCK_TRIES) return false;
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
        (void)nanosleep(&pause, NULL);
    }
}

Error *folder_lock(Arena *a, Str dir, Str file, int *fd)
{
    const char *path = arena_cstr(a, str_printf(a, "%.*s/croft.lock", STR_ARG(dir)));
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return error_errno(a, errno, "open", str_from(path));

    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    wanted.l_start = (off_t)crc32_ieee(file) + 64; /* beyond the text */
    wanted.l_len = 1;
    if (lock_take(lock, &wanted)) {
        write_pid(lock);
        *fd = lock;
        return NULL;
    }
    int reason = errno;
    Error *err = reason == EAGAIN || reason == EACCES
                     ? already_running(a, dir, lock)
                     : error_errno(a, reason, "lock", str_from(path));
    (void)close(lock); /* nothing was written through it */
    return err;
}

/* A folder entry is on disk once its parent folder is. */
static void sync_parent(Arena *a, Str dir)
{
    ptrdiff_t slash = str_rfind_char(dir, '/');
    Str parent = slash < 0 ? S(".") : slash == 0 ? S("/") : str_sub(dir, 0, (size_t)slash);
    int fd = open(arena_cstr(a, parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd); /* some file systems refuse this for folders, and need none */
    (void)close(fd);
}

Error *folder_make(Arena *a, Str dir)
{
    while (dir.len > 1 && dir.ptr[dir.len - 1] == '/')
        dir.len--;
    const char *path = arena_cstr(a, dir);
    if (mkdir(path, 0700) == 0) {
        sync_parent(a, dir);
        return NULL;
    }
    if (errno == ENOENT) {
        ptrdiff_t slash = str_rfind_char(dir, '/');
        if (slash <= 0) return error_errno(a, ENOENT, "mkdir", dir);
        Error *err = folder_make(a, str_sub(dir, 0, (size_t)slash));
        if (err) return err;
        if (mkdir(path, 0700) == 0) {
            sync_parent(a, dir);
            return NULL;
        }
    }
    if (errno != EEXIST) return error_errno(a, errno, "mkdir", dir);

    struct stat st;
    if (stat(path, &st) != 0) return error_errno(a, errno, "stat", dir);
    if (!S_ISDIR(st.st_mode)) return error_errno(a, ENOTDIR, "open", dir);
    return NULL;
}

/* In WAL mode every connection holds a shared lock on this byte of "-shm", the
 * "dead man's switch" (SQLite, os_unix.c: UNIX_SHM_DMS). F_GETLK only asks. */
#define DEAD_MAN_SWITCH 128

bool db_in_use(Arena *a, Str path, int64_t *pid)
{
    int fd = open(arena_cstr(a, str_concat(a, path, S("-shm"))), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = DEAD_MAN_SWITCH, .l_len = 1};
    bool used = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (used) *pid = lock.l_pid;
    (void)close(fd); /* asked for nothing, so holds nothing */
    return used;
}
