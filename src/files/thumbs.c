/* thumbs.c - thumbnails of stored files: found, made once, or done without
 * (api: files §5).
 *
 * A thumbnail is a blob beside its file, made when somebody first asks for it.
 * Whoever else asks meanwhile, on whatever loop, waits for the one who makes it:
 *
 *     1st  open thumb: missing → open file → begin → make → store → end ─┐
 *     2nd  open thumb: missing → open file → begin: under way … waits ◀──┘→ open thumb
 *
 * What cannot be made is remembered for some minutes, so that a picture that
 * takes its decoder five seconds does so once and not with every visitor. */
#include "files/files_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#define FAILURES_MAX     512 /* by hash; two in one place forget the older */
#define FAILURE_LIVES_MS 600000
#define DEFAULT_SIZE     "100x100"
#define THUMBS_FOLDER    "thumbs_"

/* Somebody who waits: on the stack of a fiber, which stays put meanwhile. */
typedef struct Waiter {
    Fiber *fiber;
    bool done; /* only on the fiber's own loop */
    struct Waiter *next;
} Waiter;

/* A thumbnail that is being made: in the arena of the request that makes it. */
typedef struct Flight {
    Thumbs *thumbs;
    Str key;
    Waiter *waiters;
    bool ended;
    struct Flight *next;
} Flight;

typedef struct {
    uint64_t hash, until_ms;
} Failure;

struct Thumbs {
    Images *images;
    pthread_mutex_t lock; /* all below; never held while waiting */
    Flight *flights;
    Failure failures[FAILURES_MAX];
};

Error *thumbs_create(Arena *a, Images *images, Thumbs **out)
{
    Thumbs *t = arena_new(a, Thumbs, 1);
    t->images = images;
    (void)pthread_mutex_init(&t->lock, NULL); /* cannot fail with default attributes */
    *out = t;
    return NULL;
}

void thumbs_destroy(Thumbs *t)
{
    if (!t) return;
    assert(!t->flights);
    pthread_mutex_destroy(&t->lock);
}

/* ---- names ---- */

bool thumb_is_listed(const Field *field, Str size)
{
    if (size.len == 0) return false;
    if (str_eq(size, S(DEFAULT_SIZE))) return true;
    for (size_t i = 0; i < field->thumb_count; i++) {
        if (str_eq(size, field->thumbs[i])) return true;
    }
    return false;
}

static Str thumbs_folder(Arena *a, Str key)
{
    size_t name = (size_t)(str_rfind_char(key, '/') + 1);
    return str_printf(a, "%.*s" THUMBS_FOLDER "%.*s/", (int)name, key.ptr, (int)(key.len - name),
                      key.ptr + name);
}

/* "<c>/<r>/photo.png", "100x50" -> "<c>/<r>/thumbs_photo.png/100x50_photo.png" */
static Str thumb_key(Arena *a, Str key, Str size)
{
    size_t name = (size_t)(str_rfind_char(key, '/') + 1);
    Str folder = thumbs_folder(a, key);
    return str_printf(a, "%.*s%.*s_%.*s", STR_ARG(folder), STR_ARG(size), (int)(key.len - name),
                      key.ptr + name);
}

/* ---- what cannot be made ---- */

static bool has_failed(Thumbs *t, Str key)
{
    uint64_t hash = hash_bytes(key.ptr, key.len);
    pthread_mutex_lock(&t->lock);
    const Failure *f = &t->failures[hash % FAILURES_MAX];
    bool failed = f->hash == hash && clock_mono_ms() < f->until_ms;
    pthread_mutex_unlock(&t->lock);
    return failed;
}

static void note_failure(Thumbs *t, Str key)
{
    uint64_t hash = hash_bytes(key.ptr, key.len);
    pthread_mutex_lock(&t->lock);
    t->failures[hash % FAILURES_MAX] = (Failure){hash, clock_mono_ms() + FAILURE_LIVES_MS};
    pthread_mutex_unlock(&t->lock);
}

/* ---- one at a time ---- */

static void waiter_wake(void *arg)
{
    Waiter *w = arg;
    w->done = true;
    fiber_resume(w->fiber);
}

/* Also runs when the request ends in any other way. */
static void flight_end(void *arg)
{
    Flight *flight = arg;
    Thumbs *t = flight->thumbs;
    if (flight->ended) return;
    flight->ended = true;

    pthread_mutex_lock(&t->lock);
    Flight **link = &t->flights;
    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    pthread_mutex_unlock(&t->lock);

    for (Waiter *w = flight->waiters; w;) {
        Waiter *next = w->next; /* *w may end once it is posted */
        loop_post(fiber_loop(w->fiber), waiter_wake, w);
        w = next;
    }
}

/* True: the caller makes it and calls flight_end(). False: somebody else did,
 * and has ended by now. */
static bool flight_begin(Thumbs *t, Arena *a, Str key, Flight **out)
{
    Flight *mine = arena_new(a, Flight, 1);
    mine->thumbs = t;
    mine->key = key;
    Waiter waiter = {.fiber = fiber_current()};
    assert(waiter.fiber);

    pthread_mutex_lock(&t->lock);
    Flight *other = t->flights;
    while (other && !str_eq(other->key, key))
        other = other->next;
    if (other) {
        waiter.next = other->waiters;
        other->waiters = &waiter;
    } else {
        mine->next = t->flights;
        t->flights = mine;
    }
    pthread_mutex_unlock(&t->lock);

    if (!other) {
        arena_defer(a, flight_end, mine);
        *out = mine;
        return true;
    }
    while (!waiter.done)
        fiber_suspend();
    return false;
}

/* ---- making ---- */

/* What a request for a thumbnail works with. */
typedef struct {
    Thumbs *thumbs;
    Storage *storage;
    Arena *arena;
    Str key; /* of the file */
    Str thumb_key;
    unsigned flags; /* for the blob that is sent */
    StillThere still_there;
    void *arg;
} ThumbWork;

static Error *open_thumb(const ThumbWork *w, OpenFile *out, bool *is_thumb)
{
    OpenFile file = {.key = w->thumb_key, .flags = w->flags};
    Error *err = storage_blob(w->storage, w->arena, file.key, file.flags, &file.blob, &file.info);
    if (err) return err->status == 404 ? NULL : err;
    *out = file;
    *is_thumb = true;
    return NULL;
}

/* A file that was removed while its thumbnail was made took its folder of
 * thumbnails along before ours came into it. */
static Error *remove_if_orphan(const ThumbWork *w)
{
    bool is_there;
    Error *err = w->still_there(w->arg, &is_there);
    if (err || is_there) return err;
    storage_remove_prefix_later(w->storage, thumbs_folder(w->arena, w->key));
    return error_status(w->arena, 404);
}

/* The picture as a file on this machine. */
static Error *picture_open(const ThumbWork *w, const OpenFile *original, int *fd)
{
    if (original->info.size_bytes > IMAGE_INPUT_MAX_BYTES)
        return error_cause(w->arena, error_status(w->arena, 422), "the file is too large");
    *fd = blob_fd(original->blob);
    if (*fd >= 0) return NULL;
    BlobInfo info;
    return storage_open_blob(w->storage, w->arena, w->key, fd, &info);
}

static Error *make(const ThumbWork *w, const OpenFile *original, const ImageSize *size,
                   ImageFormat format)
{
    Arena *a = w->arena;
    int fd;
    Error *err = picture_open(w, original, &fd);
    if (err) return err;
    Thumbnail thumbnail;
    err = images_thumbnail(w->thumbs->images, a, fd, size, format, &thumbnail);
    if (err) return err;
    err = storage_put(w->storage, a, w->thumb_key, -1, thumbnail.bytes, thumbnail.bytes.len,
                      image_format_type(format), original->info.original_name);
    if (err) return err;
    log_debug("thumbs", "made", LOG_STR("key", w->thumb_key), LOG_INT("cpu_us", thumbnail.cpu_us),
              LOG_INT("peak_kib", thumbnail.peak_kib));
    return remove_if_orphan(w);
}

/* Makes it unless it has been made in between; failures are logged here. */
static Error *make_once(const ThumbWork *w, const OpenFile *original, const ImageSize *size,
                        ImageFormat format, OpenFile *out, bool *is_thumb)
{
    Flight *flight;
    bool is_mine = flight_begin(w->thumbs, w->arena, w->thumb_key, &flight);
    Error *err = open_thumb(w, out, is_thumb);
    if (!is_mine) return err;
    if (!err && !*is_thumb) {
        err = make(w, original, size, format);
        if (!err) err = open_thumb(w, out, is_thumb);
    }
    if (err && err->status == 422) note_failure(w->thumbs, w->thumb_key);
    flight_end(flight);
    return err;
}

Error *thumb_open(Thumbs *thumbs, Storage *storage, Arena *a, Str size, StillThere still_there,
                  void *arg, OpenFile *out, bool *is_thumb)
{
    ThumbWork w = {.thumbs = thumbs,
                   .storage = storage,
                   .arena = a,
                   .key = out->key,
                   .thumb_key = thumb_key(a, out->key, size),
                   .flags = out->flags,
                   .still_there = still_there,
                   .arg = arg};
    *is_thumb = false;
    Error *err = open_thumb(&w, out, is_thumb);
    if (err || *is_thumb) return err;

    OpenFile original = {.key = w.key};
    err = storage_blob(storage, a, w.key, BLOB_INFO_ONLY, &original.blob, &original.info);
    if (err) return err;
    *out = original;

    ImageFormat format;
    ImageSize parsed;
    if (!thumbs || !image_format_for(original.info.content_type, &format)) return NULL;
    if (!image_size_parse(size, &parsed) || has_failed(thumbs, w.thumb_key)) return NULL;
    err = make_once(&w, &original, &parsed, format, out, is_thumb);
    if (!err || err->status == 404) return err;
    if (err->status == 503 && !err->code) return NULL; /* images/ has said so, once */
    log_warn("thumbs", "the original is served instead", LOG_STR("key", w.thumb_key),
             LOG_STR("cause", err->cause));
    return NULL;
}
