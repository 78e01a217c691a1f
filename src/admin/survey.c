/* survey.c - answers that were costly to make, kept for a while, and the one
 * thread that makes the costliest. */
#include "admin/admin_internal.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct {
    char *text; /* malloc; NULL = none yet */
    size_t len;
    uint64_t made_ms;
} Kept;

struct Survey {
    pthread_mutex_t lock;
    Kept kept[SURVEY_TEXTS];

    App *app;
    pthread_t thread;
    bool has_thread; /* to be joined */
    _Atomic bool running, stopping;
    _Atomic uint64_t steps, expected;
};

Error *survey_create(Arena *a, Survey **out)
{
    Survey *s = calloc(1, sizeof(*s));
    if (!s) return error_cause(a, error_status(a, 500), "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return NULL;
}

void survey_destroy(Survey *s)
{
    if (!s) return;
    atomic_store(&s->stopping, true);
    if (s->has_thread) pthread_join(s->thread, NULL);
    for (size_t i = 0; i < SURVEY_TEXTS; i++)
        free(s->kept[i].text);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- texts ---- */

bool survey_recall(Survey *s, Arena *a, size_t index, uint64_t age_ms, Str *out)
{
    if (!s) return false;
    char *copy = NULL;
    /* Room is got without the lock: an arena that has none ends the request there. */
    for (size_t room = 0;;) {
        pthread_mutex_lock(&s->lock);
        const Kept *k = &s->kept[index];
        bool fits = k->text && clock_mono_ms() - k->made_ms < age_ms;
        size_t len = fits ? k->len : 0;
        bool has_room = len <= room;
        if (fits && has_room && len > 0) memcpy(copy, k->text, len);
        pthread_mutex_unlock(&s->lock);
        if (has_room) {
            if (fits) *out = str_make(copy, len);
            return fits;
        }
        copy = arena_bytes(a, len);
        room = len;
    }
}

void survey_keep(Survey *s, size_t index, Str text)
{
    char *copy = s ? malloc(text.len + 1) : NULL;
    if (!copy) return; /* it is made again next time */
    memcpy(copy, text.ptr, text.len);
    pthread_mutex_lock(&s->lock);
    free(s->kept[index].text);
    s->kept[index] = (Kept){copy, text.len, clock_mono_ms()};
    pthread_mutex_unlock(&s->lock);
}

void survey_forget(Survey *s, size_t index)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    free(s->kept[index].text);
    s->kept[index] = (Kept){0};
    pthread_mutex_unlock(&s->lock);
}

/* ---- the walk over the files ---- */

static void *walk_thread(void *arg)
{
    Survey *s = arg;
    pthread_setname_np(pthread_self(), "survey");
    files_walk(s, s->app);
    atomic_store(&s->running, false);
    return NULL;
}

void survey_walk_start(Survey *s, App *app)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->running)) {
        if (s->has_thread) pthread_join(s->thread, NULL); /* has ended */
        s->app = app;
        atomic_store(&s->steps, 0);
        atomic_store(&s->expected, 0);
        atomic_store(&s->running, true);
        s->has_thread = pthread_create(&s->thread, NULL, walk_thread, s) == 0;
        if (!s->has_thread) atomic_store(&s->running, false);
    }
    pthread_mutex_unlock(&s->lock);
}

bool survey_walk_step(Survey *s)
{
    atomic_fetch_add_explicit(&s->steps, 1, memory_order_relaxed);
    return !atomic_load_explicit(&s->stopping, memory_order_relaxed);
}

void survey_walk_expect(Survey *s, uint64_t steps)
{
    atomic_store(&s->expected, steps);
}

bool survey_walk_state(Survey *s, int *percent)
{
    bool running = s && atomic_load(&s->running);
    uint64_t steps = s ? atomic_load(&s->steps) : 0, all = s ? atomic_load(&s->expected) : 0;
    *percent = running ? (int)(all > 0 ? MIN(steps * 100 / all, 99) : 0) : 100;
    return running;
}
