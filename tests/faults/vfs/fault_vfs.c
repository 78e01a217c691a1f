/* fault_vfs.c - see fault_vfs.h. Every call goes through refuse(), which counts
 * it, and decides whether it fails; what changes a file also goes onto that
 * file's list of changes. One lock guards all: this is about order, not speed.
 */
#include "vfs/fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

/* A write, or with bytes NULL a truncation to `at`. */
typedef struct Change Change;
struct Change {
    Change *next;
    int64_t at;
    size_t len;
    unsigned char *bytes;
};

/* What is known of one path. */
typedef struct State State;
struct State {
    State *next;
    char *path;
    unsigned char *platter; /* as of the last sync */
    size_t len;
    bool on_platter;      /* its name is in the folder, for good */
    bool deleted;         /* not on the platter yet */
    Change *first, *last; /* since then */
    size_t changes;
    unsigned failed_syncs;
};

struct FaultDisk {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    char *name;
    pthread_mutex_t lock;
    State *states;
    int open_files;
    uint64_t random;
    bool lie;

    bool off;
    uint64_t off_after; /* 0: never */

    unsigned fail_kinds;
    uint64_t fail_in; /* 0: never */
    bool no_space, for_ever, did_fail;
};

typedef struct {
    sqlite3_file base;
    FaultDisk *disk;
    State *state; /* NULL: a temporary file, left alone */
    sqlite3_file *real;
    unsigned failed_syncs; /* of the state: known to this handle */
} FaultFile;

uint64_t fault_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t below(FaultDisk *d, uint64_t bound)
{
    return bound ? fault_random(&d->random) % bound : 0;
}

static void *must(void *memory)
{
    if (!memory) abort(); /* a test without memory has nothing to say */
    return memory;
}

/* ---- what is on the platter ---- */

static void platter_resize(State *s, size_t len)
{
    if (len > s->len) {
        s->platter = must(realloc(s->platter, len));
        memset(s->platter + s->len, 0, len - s->len);
    }
    s->len = len;
}

static void platter_write(State *s, int64_t at, const unsigned char *bytes, size_t len)
{
    if (len == 0) return;
    if ((size_t)at + len > s->len) platter_resize(s, (size_t)at + len);
    memcpy(s->platter + at, bytes, len);
}

static void platter_apply(State *s, const Change *c)
{
    if (c->bytes)
        platter_write(s, c->at, c->bytes, c->len);
    else
        platter_resize(s, (size_t)c->at);
}

static void changes_forget(State *s)
{
    while (s->first) {
        Change *c = s->first;
        s->first = c->next;
        free(c->bytes);
        free(c);
    }
    s->last = NULL;
    s->changes = 0;
}

static void change_add(State *s, int64_t at, const void *bytes, size_t len)
{
    Change *c = must(calloc(1, sizeof *c));
    c->at = at;
    c->len = len;
    if (bytes) c->bytes = memcpy(must(malloc(len + 1)), bytes, len);
    if (s->last)
        s->last->next = c;
    else
        s->first = c;
    s->last = c;
    s->changes++;
}

static void platter_load(State *s)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return;
    if (fstat(fd, &st) == 0) {
        platter_resize(s, (size_t)st.st_size);
        ssize_t got = read(fd, s->platter, s->len);
        assert(got == (ssize_t)s->len);
        s->on_platter = true;
    }
    close(fd);
}

static State *state_of(FaultDisk *d, const char *path)
{
    for (State *s = d->states; s; s = s->next)
        if (strcmp(s->path, path) == 0) return s;
    State *s = must(calloc(1, sizeof *s));
    s->path = must(strdup(path));
    s->next = d->states;
    d->states = s;
    platter_load(s);
    return s;
}

/* ---- failing ---- */

static int error_for(FaultKind kind, bool no_space)
{
    switch (kind) {
    case FAULT_READ:
        return SQLITE_IOERR_READ;
    case FAULT_WRITE:
        return no_space ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    case FAULT_SYNC:
        return SQLITE_IOERR_FSYNC;
    case FAULT_TRUNCATE:
        return SQLITE_IOERR_TRUNCATE;
    case FAULT_SHM:
        return SQLITE_IOERR_SHMMAP;
    case FAULT_DELETE:
        return SQLITE_IOERR_DELETE;
    default:
        return SQLITE_CANTOPEN;
    }
}

/* Under the lock. Not SQLITE_OK: the call fails with that. */
static int refuse(FaultDisk *d, FaultKind kind)
{
    bool counts = kind == FAULT_WRITE || kind == FAULT_SYNC || kind == FAULT_TRUNCATE;
    if (counts && d->off_after > 0 && --d->off_after == 0) d->off = true;
    if (d->off) return error_for(kind, false);

    if (!(d->fail_kinds & kind) || d->fail_in == 0) return SQLITE_OK;
    if (d->fail_in > 1) {
        d->fail_in--;
        return SQLITE_OK;
    }
    if (!d->for_ever) d->fail_in = 0;
    d->did_fail = true;
    return error_for(kind, d->no_space);
}

/* ---- files ---- */

static int file_close(sqlite3_file *file)
{
    FaultFile *f = (FaultFile *)file;
    int rc = f->real->pMethods ? f->real->pMethods->xClose(f->real) : SQLITE_OK;
    pthread_mutex_lock(&f->disk->lock);
    f->disk->open_files--;
    pthread_mutex_unlock(&f->disk->lock);
    return rc;
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    FaultFile *f = (FaultFile *)file;
    pthread_mutex_lock(&f->disk->lock);
    int rc = refuse(f->disk, FAULT_READ);
    pthread_mutex_unlock(&f->disk->lock);
    return rc ? rc : f->real->pMethods->xRead(f->real, out, len, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    FaultFile *f = (FaultFile *)file;
    FaultDisk *d = f->disk;
    pthread_mutex_lock(&d->lock);
    bool was_off = d->off;
    int rc = refuse(d, FAULT_WRITE);
    /* The write during which the power goes may still be there, or half of it. */
    if (f->state && !was_off && (rc == SQLITE_OK || d->off))
        change_add(f->state, at, bytes, (size_t)len);
    if (rc == SQLITE_OK) rc = f->real->pMethods->xWrite(f->real, bytes, len, at);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    FaultFile *f = (FaultFile *)file;
    FaultDisk *d = f->disk;
    pthread_mutex_lock(&d->lock);
    bool was_off = d->off;
    int rc = refuse(d, FAULT_TRUNCATE);
    if (f->state && !was_off && (rc == SQLITE_OK || d->off)) change_add(f->state, size, NULL, 0);
    if (rc == SQLITE_OK) rc = f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Names become durable too: the first sync of a new file takes its folder along. */
static void names_sync(FaultDisk *d)
{
    for (State *s = d->states; s; s = s->next) {
        if (s->deleted) {
            changes_forget(s);
            platter_resize(s, 0);
        }
        s->on_platter = !s->deleted;
        s->deleted = false;
    }
}

static void state_sync(FaultDisk *d, State *s)
{
    for (const Change *c = s->first; c; c = c->next)
        platter_apply(s, c);
    changes_forget(s);
    names_sync(d);
}

static int file_sync(sqlite3_file *file, int flags)
{
    FaultFile *f = (FaultFile *)file;
    FaultDisk *d = f->disk;
    State *s = f->state;
    pthread_mutex_lock(&d->lock);
    int rc = refuse(d, FAULT_SYNC);
    if (s && rc == SQLITE_OK && !d->lie) state_sync(d, s);
    if (s && rc != SQLITE_OK && !d->off) {
        changes_forget(s);
        s->failed_syncs++;
    } else if (s && rc == SQLITE_OK && f->failed_syncs != s->failed_syncs) {
        rc = SQLITE_IOERR_FSYNC; /* another handle's failure */
    }
    if (s) f->failed_syncs = s->failed_syncs;
    pthread_mutex_unlock(&d->lock);
    return rc; /* the real one is not needed: only we pull the plug */
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xFileSize(f->real, size);
}

static int file_lock(sqlite3_file *file, int level)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xLock(f->real, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xUnlock(f->real, level);
}

static int file_check_lock(sqlite3_file *file, int *out)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xCheckReservedLock(f->real, out);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    FaultFile *f = (FaultFile *)file;
    /* No maps and no growing behind our back. */
    if (op == SQLITE_FCNTL_MMAP_SIZE || op == SQLITE_FCNTL_SIZE_HINT) return SQLITE_NOTFOUND;
    return f->real->pMethods->xFileControl(f->real, op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xSectorSize(f->real);
}

static int file_device(sqlite3_file *file)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    FaultFile *f = (FaultFile *)file;
    pthread_mutex_lock(&f->disk->lock);
    int rc = refuse(f->disk, FAULT_SHM);
    pthread_mutex_unlock(&f->disk->lock);
    return rc ? rc : f->real->pMethods->xShmMap(f->real, region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xShmLock(f->real, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    FaultFile *f = (FaultFile *)file;
    f->real->pMethods->xShmBarrier(f->real);
}

static int file_shm_unmap(sqlite3_file *file, int delete_it)
{
    FaultFile *f = (FaultFile *)file;
    return f->real->pMethods->xShmUnmap(f->real, delete_it);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2, /* no xFetch: reading by mmap would go past us */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the folder ---- */

static FaultDisk *disk_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags,
                    int *out_flags)
{
    FaultDisk *d = disk_of(vfs);
    FaultFile *f = (FaultFile *)file;
    *f = (FaultFile){.disk = d, .real = (sqlite3_file *)(f + 1)};

    pthread_mutex_lock(&d->lock);
    int rc = refuse(d, FAULT_OPEN);
    if (rc == SQLITE_OK && path) f->state = state_of(d, path); /* before the file is made */
    if (rc == SQLITE_OK) rc = d->real->xOpen(d->real, path, f->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        f->base.pMethods = &METHODS;
        if (f->state) f->state->deleted = false;
        if (f->state) f->failed_syncs = f->state->failed_syncs;
        d->open_files++;
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    FaultDisk *d = disk_of(vfs);
    pthread_mutex_lock(&d->lock);
    int rc = refuse(d, FAULT_DELETE);
    if (rc == SQLITE_OK) rc = d->real->xDelete(d->real, path, 0);
    if (rc == SQLITE_OK) {
        state_of(d, path)->deleted = true;
        if (sync_folder && !d->lie) names_sync(d);
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    FaultDisk *d = disk_of(vfs);
    return d->real->xAccess(d->real, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    FaultDisk *d = disk_of(vfs);
    return d->real->xFullPathname(d->real, path, size, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    FaultDisk *d = disk_of(vfs);
    return d->real->xRandomness(d->real, size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    FaultDisk *d = disk_of(vfs);
    return d->real->xSleep(d->real, us);
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    FaultDisk *d = disk_of(vfs);
    return d->real->xCurrentTimeInt64(d->real, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return 0; /* no errno behind our errors */
}

FaultDisk *fault_disk_create(const char *vfs_name, uint64_t seed)
{
    FaultDisk *d = must(calloc(1, sizeof *d));
    d->real = sqlite3_vfs_find(NULL);
    assert(d->real);
    d->name = must(strdup(vfs_name));
    d->random = seed;
    pthread_mutex_init(&d->lock, NULL);
    d->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(FaultFile) + d->real->szOsFile,
        .mxPathname = d->real->mxPathname,
        .zName = d->name,
        .pAppData = d,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time,
    };
    int rc = sqlite3_vfs_register(&d->vfs, 0);
    assert(rc == SQLITE_OK);
    return d;
}

static void states_forget(FaultDisk *d)
{
    while (d->states) {
        State *s = d->states;
        d->states = s->next;
        changes_forget(s);
        free(s->platter);
        free(s->path);
        free(s);
    }
}

void fault_disk_destroy(FaultDisk *d)
{
    assert(d->open_files == 0);
    sqlite3_vfs_unregister(&d->vfs);
    states_forget(d);
    pthread_mutex_destroy(&d->lock);
    free(d->name);
    free(d);
}

/* ---- the plug ---- */

void fault_disk_lie(FaultDisk *d, bool lie)
{
    d->lie = lie;
}

void fault_power_off_after(FaultDisk *d, uint64_t n)
{
    pthread_mutex_lock(&d->lock);
    d->off_after = n;
    pthread_mutex_unlock(&d->lock);
}

void fault_power_off(FaultDisk *d)
{
    pthread_mutex_lock(&d->lock);
    d->off = true;
    pthread_mutex_unlock(&d->lock);
}

bool fault_power_is_off(FaultDisk *d)
{
    pthread_mutex_lock(&d->lock);
    bool off = d->off;
    pthread_mutex_unlock(&d->lock);
    return off;
}

/* A part of a write: whole sectors of it, and the last one cut anywhere. */
static void apply_torn(FaultDisk *d, State *s, const Change *c)
{
    size_t from = 0, to = c->len;
    if (below(d, 2)) from = below(d, c->len / SECTOR + 1) * SECTOR;
    if (below(d, 2)) to = from + below(d, c->len - from + 1);
    platter_write(s, c->at + (int64_t)from, c->bytes + from, to - from);
}

static void shuffle(FaultDisk *d, const Change **list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = below(d, i);
        const Change *c = list[i - 1];
        list[i - 1] = list[j];
        list[j] = c;
    }
}

static void survive(FaultDisk *d, State *s)
{
    enum { NONE, FIRST_FEW, SOME, SOME_SHUFFLED, ALL, WAYS };
    unsigned way = (unsigned)below(d, WAYS);
    if (way == NONE || s->changes == 0) return;

    const Change **list = must(calloc(s->changes, sizeof *list));
    size_t count = 0;
    for (const Change *c = s->first; c; c = c->next)
        list[count++] = c;
    if (way == SOME_SHUFFLED) shuffle(d, list, count);
    if (way == FIRST_FEW) count = below(d, count + 1);
    for (size_t i = 0; i < count; i++) {
        bool dropped = (way == SOME || way == SOME_SHUFFLED) && below(d, 3) == 0;
        if (dropped) continue;
        bool last_of_few = way == FIRST_FEW && i + 1 == count;
        if (list[i]->bytes && (last_of_few || (way != ALL && below(d, 8) == 0)))
            apply_torn(d, s, list[i]);
        else
            platter_apply(s, list[i]);
    }
    free(list);
}

static void file_rewrite(const State *s, bool exists)
{
    (void)unlink(s->path);
    if (!exists) return;
    int fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    ssize_t put = s->len ? write(fd, s->platter, s->len) : 0;
    assert(put == (ssize_t)s->len);
    close(fd);
}

void fault_power_restore(FaultDisk *d, bool keep_nothing)
{
    assert(d->open_files == 0);
    for (State *s = d->states; s; s = s->next) {
        if (!keep_nothing) survive(d, s);
        bool exists = s->on_platter;
        /* Names that were neither added nor removed for good: either way. */
        if (!exists && !s->deleted) exists = !keep_nothing && below(d, 2);
        if (exists && s->deleted) exists = keep_nothing || below(d, 2);
        file_rewrite(s, exists);
        char shm[4096]; /* memory, not disk */
        (void)snprintf(shm, sizeof shm, "%s-shm", s->path);
        (void)unlink(shm);
    }
    states_forget(d);
    d->off = false;
    d->off_after = 0;
}

/* ---- single failures ---- */

void fault_fail_nth(FaultDisk *d, unsigned kinds, uint64_t n, bool no_space, bool for_ever)
{
    pthread_mutex_lock(&d->lock);
    d->fail_kinds = kinds;
    d->fail_in = n;
    d->no_space = no_space;
    d->for_ever = for_ever;
    d->did_fail = false;
    pthread_mutex_unlock(&d->lock);
}

bool fault_did_fail(FaultDisk *d)
{
    pthread_mutex_lock(&d->lock);
    bool failed = d->did_fail;
    pthread_mutex_unlock(&d->lock);
    return failed;
}
