/* storage.c - opening the storage folder, and sweeping what a crash left. */
#include "storage/storage_internal.h"

#include "base/beneath.h"

#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A younger temporary file may belong to a server that is just handing over. */
#define TEMP_FILE_LIVES_S 3600
#define SITE_FILE         ".site"

int folder_open(const Storage *s, const char *path)
{
    if (path[0] == 0) return fcntl(s->root, F_DUPFD_CLOEXEC, 0);
    return beneath_open(s->root, path, O_RDONLY | O_DIRECTORY, BENEATH_NO_LINKS);
}

/* Removes temporary files of uploads, and folders of removals, that never came to
 * their end. */
static void sweep(Storage *s)
{
    int temp = s->temp, fd = openat(temp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    time_t now = time(NULL);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (entry->d_name[0] == '.') continue;
        if (fstatat(temp, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISDIR(st.st_mode))
            remove_aside_later(s, entry->d_name);
        else if (now - st.st_mtime > TEMP_FILE_LIVES_S)
            (void)unlinkat(temp, entry->d_name, 0);
    }
    closedir(dir);
}

static int open_folder_at(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!strchr("0123456789abcdef", text[i]) || !text[i]) return false;
    }
    return true;
}

/* Whose objects in a bucket are ours: a random text kept in the folder, and the
 * folder's own number, so that a copy of it does not judge the original's. */
static bool site_read(Storage *s)
{
    char text[SITE_LETTERS + 1] = "";
    struct stat st;
    int fd = openat(s->root, SITE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool ok = fstat(s->root, &st) == 0;
    if (ok && (pread(fd, text, SITE_LETTERS, 0) != SITE_LETTERS || !is_hex(text, SITE_LETTERS))) {
        (void)snprintf(text, sizeof(text), "%016" PRIx64, random_u64());
        ok = pwrite(fd, text, SITE_LETTERS, 0) == SITE_LETTERS && fsync(fd) == 0;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    uint64_t number =
        strtoull(text, NULL, 16) ^ ((uint64_t)st.st_ino * UINT64_C(0x9e3779b97f4a7c15));
    (void)snprintf(s->site, sizeof(s->site), "%016" PRIx64, number);
    (void)snprintf(s->run, sizeof(s->run), "%08" PRIx32, (uint32_t)random_u64());
    return ok;
}

bool storage_disown(int parent, const char *name)
{
    int root = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return errno == ENOENT;
    bool ok = unlinkat(root, SITE_FILE, 0) == 0 ? fsync(root) == 0 : errno == ENOENT;
    int saved = errno;
    close(root);
    errno = saved;
    return ok;
}

Error *storage_open(Arena *a, Str dir, Workers *workers, Storage **out)
{
    Storage *s = arena_new(a, Storage, 1);
    s->workers = workers;
    s->root = open_folder_at(AT_FDCWD, arena_cstr(a, dir));
    if (s->root < 0) return error_errno(a, errno, "open", dir);

    s->temp = open_folder_at(s->root, TEMP_FOLDER);
    if (s->temp < 0) {
        int saved = errno;
        close(s->root);
        return error_errno(a, saved, "open " TEMP_FOLDER " in", dir);
    }
    if (!site_read(s)) {
        int saved = errno;
        close(s->temp);
        close(s->root);
        return error_errno(a, saved, "write " SITE_FILE " in", dir);
    }
    held_sweep(s);
    (void)pthread_rwlock_init(&s->hold_lock, NULL);
    (void)pthread_mutex_init(&s->remote_lock, NULL); /* nor these two */
    (void)pthread_mutex_init(&s->lock, NULL);        /* cannot fail with default attributes */
    (void)pthread_cond_init(&s->idle, NULL);
    sweep(s);
    *out = s;
    return NULL;
}

void storage_close(Storage *s)
{
    storage_unfollow(s);
    pthread_mutex_destroy(&s->remote_lock);
    pthread_mutex_lock(&s->lock);
    while (s->pending > 0)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);

    pthread_rwlock_destroy(&s->hold_lock);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    close(s->temp);
    close(s->root);
}
