/* touches.c - noted rows in small sets, and the thread that writes them.
 *
 * A row stays in its set until it has been written, so that whoever settles finds
 * all that is not on disk yet, also what the thread is about to write. Two may
 * write the same row at a time; the second one finds nothing to move.
 */
#include "auth/touches.h"

#include "base/cond.h"
#include "base/log.h"
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAYS         ((size_t)8)
#define SETS         (TOUCHES_MAX / WAYS)
#define ID_MAX_BYTES 31
#define NS_PER_MS    UINT64_C(1000000)
#define ROWS_A_WORK  64 /* of one db_write(): others must not wait long */

typedef struct {
    int64_t at_ms;
    uint8_t len; /* 0 = free */
    char id[ID_MAX_BYTES];
} Touch;

struct Touches {
    App *app;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    atomic_size_t count; /* read without the lock to see whether there is any */
    pthread_t thread;
    bool started, closing;
    Touch rows[SETS][WAYS];
};

Touches *touches_create(App *app)
{
    Touches *t = calloc(1, sizeof(*t)); /* untouched: no memory */
    if (!t) abort();
    t->app = app;
    pthread_mutex_init(&t->lock, NULL);
    cond_init(&t->changed);
    return t;
}

/* ---- the sets; the lock is held ---- */

static Str touch_id(const Touch *row)
{
    return str_make(row->id, row->len);
}

/* The row of this id, or else a free one, or NULL. */
static Touch *row_find(Touches *t, Str id)
{
    Touch *set = t->rows[hash_bytes(id.ptr, id.len) % SETS];
    Touch *unused = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].len == 0)
            unused = unused ? unused : &set[i];
        else if (str_eq(touch_id(&set[i]), id))
            return &set[i];
    }
    return unused;
}

/* Takes out what was written, unless the place was used again since. */
static void rows_forget(Touches *t, const Touch *written, size_t count)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < count; i++) {
        Touch *row = row_find(t, touch_id(&written[i]));
        if (!row || row->len == 0 || row->at_ms != written[i].at_ms) continue;
        row->len = 0;
        t->count--;
    }
    pthread_mutex_unlock(&t->lock);
}

static size_t rows_copy(Touches *t, Arena *a, Touch **out)
{
    size_t count = 0, room = t->count; /* what comes meanwhile waits for the next time */
    Touch *rows = arena_new(a, Touch, MAX(room, 1));
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TOUCHES_MAX && count < room; i++) {
        const Touch *row = &t->rows[i / WAYS][i % WAYS];
        if (row->len) rows[count++] = *row;
    }
    pthread_mutex_unlock(&t->lock);
    *out = rows;
    return count;
}

/* ---- writing ---- */

typedef struct {
    App *app;
    const Touch *rows;
    size_t count;
} TouchWork;

static Error *touch_rows(Tx *tx, void *arg)
{
    const TouchWork *w = arg;
    const Collection *c = schema_find(schema_in_tx(w->app->schema, tx), S("_authOrigins"));
    for (size_t i = 0; c && i < w->count; i++) {
        Error *err = record_touch_at(w->app, tx, c, touch_id(&w->rows[i]), w->rows[i].at_ms);
        if (err && err->status != 404) return err;
    }
    return NULL;
}

void touches_settle(Touches *t, Arena *a)
{
    if (atomic_load(&t->count) == 0) return;
    Touch *rows;
    size_t count = rows_copy(t, a, &rows);
    for (size_t at = 0; at < count; at += ROWS_A_WORK) {
        TouchWork work = {t->app, rows + at, MIN(count - at, ROWS_A_WORK)};
        Error *err = db_write(t->app->db, a, touch_rows, &work);
        if (err)
            log_warn("auth", "could not note when known places were last used",
                     LOG_INT("places", work.count), LOG_STR("cause", err->cause));
        rows_forget(t, work.rows, work.count);
    }
}

/* ---- the thread ---- */

/* Waits for a first row, then for company. False when the server stops. */
static bool rows_await(Touches *t)
{
    pthread_mutex_lock(&t->lock);
    while (t->count == 0 && !t->closing)
        pthread_cond_wait(&t->changed, &t->lock);
    const struct timespec due = cond_due_ns(TOUCHES_DELAY_MS * NS_PER_MS);
    int rc = 0;
    while (!t->closing && rc == 0)
        rc = pthread_cond_timedwait(&t->changed, &t->lock, &due);
    bool go_on = !t->closing;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void *touches_thread(void *arg)
{
    Touches *t = arg;
    Arena *a = arena_create("touches", 0);
    while (rows_await(t)) {
        touches_settle(t, a);
        arena_reset(a);
    }
    arena_destroy(a);
    return NULL;
}

/* The lock is held. */
static bool thread_ready(Touches *t)
{
    if (t->started) return true;
    t->started = !t->closing && pthread_create(&t->thread, NULL, touches_thread, t) == 0;
    if (t->started) pthread_setname_np(t->thread, "touches");
    return t->started;
}

bool touches_add(Touches *t, Str id, int64_t wall_ms)
{
    if (id.len == 0 || id.len > ID_MAX_BYTES) return false;
    pthread_mutex_lock(&t->lock);
    Touch *row = thread_ready(t) ? row_find(t, id) : NULL;
    bool first = row && t->count == 0;
    if (row && row->len == 0) {
        row->len = (uint8_t)id.len;
        memcpy(row->id, id.ptr, id.len);
        t->count++;
    }
    if (row) row->at_ms = wall_ms;
    pthread_mutex_unlock(&t->lock);
    if (first) pthread_cond_signal(&t->changed);
    return row != NULL;
}

void touches_destroy(Touches *t)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->closing = true;
    pthread_mutex_unlock(&t->lock);
    pthread_cond_signal(&t->changed);
    if (t->started) pthread_join(t->thread, NULL);

    Arena *a = arena_create("touches", 0);
    touches_settle(t, a);
    arena_destroy(a);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
