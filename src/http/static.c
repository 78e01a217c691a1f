/* static.c - serving the site in public_dir.
 *
 * A hit costs no system call but the answer's write: each loop keeps the files
 * it serves, and asks the disk at most once a second whether one has changed.
 *
 *     request path ──▶ relative path ──▶ this loop's cache ──▶ answer
 *                      (static_path.c)        │ miss
 *                                             ▼
 *                               pool thread: what the loops share, or the disk
 *                               (static_load.c: ready-made .br/.gz, compression)
 *
 * Nothing outside the folder is reachable: paths are mapped strictly, and the
 * kernel refuses to leave it (base/beneath.h), symbolic links included. The
 * folder itself may be a link that a deploy switches: it is looked up again
 * each second, and a new folder starts with an empty cache.
 *
 * Cache-Control (static_path.c): pages, JSON, text and service workers are
 * "no-cache", which means asked for each time and answered with 304; files
 * below a folder named "immutable" may be kept for a year; all others for ten
 * minutes.
 */
#include "base/beneath.h"
#include "http/file.h"
#include "http/static_load.h"
#include "http/static_path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK_EVERY_MS     1000
#define LOOP_CACHE_BYTES   (16 * 1024 * 1024)
#define SHARED_CACHE_BYTES (32 * 1024 * 1024)
#define CACHE_FILES        2048

/* The folder, kept open while a load uses it. */
typedef struct {
    size_t users;
    int fd;
    struct stat st;
} Root;

/* Somebody waiting for a load that another fiber of this loop began. */
typedef struct Waiter Waiter;
struct Waiter {
    Fiber *fiber;
    bool done;
    Waiter *next;
};

typedef struct Pending Pending;
struct Pending {
    Str key;
    Waiter *waiters;
    Pending *next;
};

/* What one loop has; touched by its thread only. */
typedef struct {
    Lru *cache; /* of SiteFiles */
    Root *root; /* NULL while there is no such folder */
    uint64_t root_checked_ms;
    bool root_checked;
    Pending *pending;
} SiteLoop;

struct StaticSite {
    char *folder; /* public_dir */
    SiteShared shared;
    SiteLoop *loops[256];
};

/* ---- setting up ---- */

Error *static_open(HttpServer *server, Arena *a)
{
    struct StaticSite *site = calloc(1, sizeof(*site));
    char *folder = strndup(server->config.public_dir.ptr, server->config.public_dir.len);
    Lru *cache = lru_create(SHARED_CACHE_BYTES, CACHE_FILES, site_file_release);
    if (!site || !folder || !cache) {
        free(site);
        free(folder);
        lru_destroy(cache);
        return error_cause(a, error_status(a, 500), "no memory for the site's cache");
    }
    site->folder = folder;
    site->shared.cache = cache;
    (void)pthread_mutex_init(&site->shared.lock, NULL); /* cannot fail with default attributes */
    server->site = site;
    return NULL;
}

static void root_release(Root *root)
{
    if (!root || --root->users > 0) return;
    close(root->fd);
    free(root);
}

void static_close(HttpServer *server)
{
    struct StaticSite *site = server->site;
    if (!site) return;
    for (size_t i = 0; i < COUNT(site->loops); i++) {
        if (!site->loops[i]) continue;
        lru_destroy(site->loops[i]->cache);
        root_release(site->loops[i]->root);
        free(site->loops[i]);
    }
    lru_destroy(site->shared.cache);
    pthread_mutex_destroy(&site->shared.lock);
    free(site->folder);
    free(site);
    server->site = NULL;
}

static SiteLoop *loop_state(struct StaticSite *site, const Loop *loop)
{
    SiteLoop **slot = &site->loops[loop_index(loop) & 255];
    if (*slot) return *slot;
    SiteLoop *fresh = calloc(1, sizeof(*fresh));
    if (!fresh) return NULL;
    fresh->cache = lru_create(LOOP_CACHE_BYTES, CACHE_FILES, site_file_release);
    if (!fresh->cache) {
        free(fresh);
        return NULL;
    }
    *slot = fresh;
    return fresh;
}

/* ---- the folder ---- */

static Root *root_open(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return NULL;
    Root *root = calloc(1, sizeof(*root));
    if (!root || fstat(fd, &root->st) != 0) {
        free(root);
        close(fd);
        return NULL;
    }
    root->users = 1;
    root->fd = fd;
    return root;
}

static bool root_is_current(const SiteLoop *sl, const char *folder)
{
    struct stat st;
    return sl->root && stat(folder, &st) == 0 && st.st_ino == sl->root->st.st_ino &&
           st.st_dev == sl->root->st.st_dev;
}

/* The folder as it is named now; NULL when there is none. */
static Root *root_now(struct StaticSite *site, SiteLoop *sl, uint64_t now_ms)
{
    if (sl->root_checked && now_ms - sl->root_checked_ms < CHECK_EVERY_MS) return sl->root;
    sl->root_checked = true;
    sl->root_checked_ms = now_ms;
    if (root_is_current(sl, site->folder)) return sl->root;
    lru_clear(sl->cache);
    root_release(sl->root);
    sl->root = root_open(site->folder);
    return sl->root;
}

/* ---- finding a file ---- */

/* Only asks what the kernel has in memory: anything else counts as changed, and
 * is loaded again by a thread that may wait. */
static bool is_unchanged(const Root *root, const char *path, const SiteFile *file)
{
    struct stat st;
    int fd = beneath_open(root->fd, path, O_PATH, BENEATH_CACHED);
    if (fd < 0) return false;
    bool same = fstat(fd, &st) == 0 && site_file_is(file, &st);
    close(fd);
    return same;
}

static SiteFile *find_cached(SiteLoop *sl, const Root *root, const char *path, Str key,
                             uint64_t now_ms)
{
    LruSlot *slot = lru_get(sl->cache, key);
    if (!slot) return NULL;
    if (now_ms - slot->checked_ms >= CHECK_EVERY_MS) {
        if (!is_unchanged(root, path, slot->value)) {
            lru_drop(sl->cache, key);
            return NULL;
        }
        slot->checked_ms = now_ms;
    }
    return slot->value;
}

/* Nothing there, and the kernel knows it without asking the disk. */
static bool is_surely_missing(const Root *root, const char *path)
{
    int fd = beneath_open(root->fd, path, O_PATH, BENEATH_CACHED);
    if (fd >= 0) close(fd);
    return fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV);
}

/* Waits while another fiber of this loop loads the same. True when one did. */
static bool wait_for_pending(SiteLoop *sl, Str key)
{
    for (Pending *p = sl->pending; p; p = p->next) {
        if (!str_eq(p->key, key)) continue;
        Waiter self = {.fiber = fiber_current(), .next = p->waiters};
        if (!self.fiber) return false;
        p->waiters = &self;
        while (!self.done)
            fiber_suspend();
        return true;
    }
    return false;
}

static void end_pending(SiteLoop *sl, Pending *pending)
{
    Pending **at = &sl->pending;
    while (*at != pending)
        at = &(*at)->next;
    *at = pending->next;
    Waiter *w = pending->waiters;
    while (w) {
        Waiter *next = w->next; /* it lives on a stack that goes on running */
        w->done = true;
        fiber_wake(w->fiber);
        w = next;
    }
}

/* Loads in the pool and keeps the result. The file counts one user more. */
static Error *load(Req *req, SiteLoop *sl, Root *root, SiteLoad *job)
{
    struct StaticSite *site = request_of(req)->server->site;
    Pending pending = {.key = job->key, .next = sl->pending};
    sl->pending = &pending;
    root->users++;
    job->root = root->fd;
    job->shared = &site->shared;
    Error *err =
        await_work(request_of(req)->server->config.workers, req->arena, site_load_run, job);
    end_pending(sl, &pending);
    bool is_current = sl->root == root;
    root_release(root);
    if (err) return err;
    if (!job->file) return error_errno(req->arena, job->error, "read", str_from(job->path));

    uint64_t now_ms = loop_now_ms(request_of(req)->hloop->loop);
    if (is_current && job->file->kind == SITE_FILE) {
        site_file_keep(sl->cache, job->key, job->file, now_ms);
    }
    return NULL;
}

static Str cache_key(Arena *a, Str path, const Coding *codings, size_t count)
{
    char kind = 'a';
    for (size_t i = 0; i < count; i++)
        kind = (char)(kind + (int)codings[i] * (i == 0 ? 3 : 1));
    return str_concat(a, str_make(&kind, 1), path);
}

/* Finds what to serve for a relative path; *file stays valid until the arena's
 * reset. NULL in *file: nothing there. */
static Error *find(Req *req, SiteLoop *sl, Str path, SiteFile **file)
{
    struct StaticSite *site = request_of(req)->server->site;
    SiteLoad job = {.path = path.ptr};
    job.coding_count = codings_accepted(req_header(req, S("accept-encoding")), job.codings);
    job.key = cache_key(req->arena, path, job.codings, job.coding_count);

    *file = NULL;
    for (int tries = 0; tries < 3; tries++) {
        uint64_t now_ms = loop_now_ms(request_of(req)->hloop->loop);
        Root *root = root_now(site, sl, now_ms);
        if (!root) return NULL;
        SiteFile *cached = find_cached(sl, root, path.ptr, job.key, now_ms);
        if (cached) {
            *file = site_file_use(cached);
            arena_defer(req->arena, site_file_release, *file);
            return NULL;
        }
        if (is_surely_missing(root, path.ptr)) return NULL;
        if (tries < 2 && wait_for_pending(sl, job.key)) continue;

        Error *err = load(req, sl, root, &job);
        if (err) return err;
        arena_defer(req->arena, site_file_release, job.file);
        *file = job.file->kind == SITE_NOTHING ? NULL : job.file;
        return NULL;
    }
    return NULL;
}

/* ---- answering ---- */

/* "/docs" is a folder: "/docs/" is where its index is. Relative, so that it
 * holds behind any proxy, and cannot name another host. */
static Error *redirect_to_folder(Req *req, Res *res)
{
    Str name = str_from_pos(req->path, (size_t)(str_rfind_char(req->path, '/') + 1));
    Str query = req->query_string;
    Str location = str_printf(req->arena, "./%.*s/%s%.*s", STR_ARG(name), query.len > 0 ? "?" : "",
                              STR_ARG(query));
    return res_redirect(res, 301, location);
}

static Error *answer(Res *res, const SiteFile *file)
{
    FileBody body = {
        .fd = file->fd,
        .memory = str_make(file->bytes, file->fd >= 0 ? 0 : (size_t)file->size_bytes),
        .size_bytes = file->size_bytes,
        .modified_ms = file->modified_ns / 1000000,
        .last_modified = str_from(file->last_modified),
        .etag = str_from(file->etag),
        .content_type = file->content_type,
        .content_encoding = coding_name(file->coding),
    };
    res_header(res, S("Cache-Control"), file->cache_control);
    if (file->varies) res_header_add(res, S("Vary"), S("Accept-Encoding"));
    return file_answer(res, &body);
}

/* An unknown path of a single-page application is a view of its own. */
static bool falls_back(const Req *req, Str path)
{
    return request_of((Req *)req)->server->config.spa_fallback && !static_path_has_extension(path);
}

Error *static_serve(Req *req, Res *res)
{
    Arena *a = req->arena;
    HttpServer *server = request_of(req)->server;
    if (!server->site || req->method != HTTP_GET) return error_status(a, 404);

    Str path;
    if (!static_path_map(a, req->path, &path)) return error_status(a, 404);
    SiteLoop *sl = loop_state(server->site, request_of(req)->hloop->loop);
    if (!sl) return error_cause(a, error_status(a, 503), "no memory for the site's cache");

    SiteFile *file;
    Error *err = find(req, sl, path, &file);
    if (err) return err;
    bool is_folder = file && file->kind == SITE_FOLDER;
    if (is_folder && !str_ends(req->path, S("/"))) return redirect_to_folder(req, res);

    if ((!file || is_folder) && falls_back(req, str_ends(req->path, S("/")) ? S("") : path)) {
        err = find(req, sl, S("index.html"), &file);
        if (err) return err;
    }
    if (!file || file->kind != SITE_FILE) return error_status(a, 404);
    return answer(res, file);
}
