/* beneath.c - opening files below a folder, and never outside of it. */
#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12 */
#endif

/* Length of the segment `path` starts with; 0 when it is one we refuse. */
static size_t segment_length(const char *path)
{
    size_t len = strcspn(path, "/");
    bool is_dots = (len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.');
    return is_dots ? 0 : len;
}

static bool is_plain(const char *path)
{
    for (;;) {
        size_t len = segment_length(path);
        if (len == 0) return false;
        if (path[len] == 0) return true;
        path += len + 1;
    }
}

/* The walk for kernels without openat2: every step is a folder of the one
 * before it and no link, so it cannot leave. */
static int walk(int root_fd, const char *path, int flags)
{
    int dir = root_fd;
    for (;;) {
        size_t len = segment_length(path);
        bool is_last = path[len] == 0;
        char name[256];
        int fd = -1;
        if (len >= sizeof(name)) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(name, path, len);
            name[len] = 0;
            int how = is_last ? flags : O_PATH | O_DIRECTORY;
            fd = openat(dir, name, how | O_NOFOLLOW | O_CLOEXEC, 0600);
        }
        int saved = errno;
        if (dir != root_fd) close(dir);
        errno = saved;
        if (fd < 0 || is_last) return fd;
        dir = fd;
        path += len + 1;
    }
}

int beneath_open(int root_fd, const char *path, int flags, unsigned options)
{
    if (!is_plain(path)) {
        errno = EINVAL;
        return -1;
    }
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? 0600 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    if (options & BENEATH_NO_LINKS) how.resolve |= RESOLVE_NO_SYMLINKS;
    if (options & BENEATH_CACHED) how.resolve |= RESOLVE_CACHED;

    int fd = -1;
    /* EAGAIN without RESOLVE_CACHED: a rename raced with the look-up. */
    for (int tries = 0; tries < 16; tries++) {
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || options & BENEATH_CACHED))) break;
    }
    bool is_missing = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL);
    if (!is_missing) return fd;
    if (options & BENEATH_CACHED) {
        errno = EAGAIN;
        return -1;
    }
    return walk(root_fd, path, flags);
}
