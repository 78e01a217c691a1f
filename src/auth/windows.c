/* windows.c - fixed windows in sharded sets. */
#include "auth/windows.h"

#include <pthread.h>
#include <stdlib.h>

#define SHARDS ((size_t)16)
#define WAYS   ((size_t)8)

typedef struct {
    uint64_t key, end_ms; /* key 0 = free */
    uint32_t count;
} Window;

typedef struct {
    pthread_mutex_t lock;
    Window *windows; /* NULL until first used */
} Shard;

struct Windows {
    Shard shards[SHARDS];
    size_t sets; /* per shard */
};

Windows *windows_create(size_t entries)
{
    if (entries == 0) entries = 32768;
    assert(entries >= SHARDS * WAYS && (entries & (entries - 1)) == 0);
    Windows *w = calloc(1, sizeof(*w));
    if (!w) abort();
    w->sets = entries / SHARDS / WAYS;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&w->shards[i].lock, NULL);
    return w;
}

void windows_destroy(Windows *w)
{
    if (!w) return;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&w->shards[i].lock);
        free(w->shards[i].windows);
    }
    free(w);
}

/* The window of a key, or the one to give up for it. */
static Window *window_choose(Window *set, uint64_t key)
{
    Window *first_to_end = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) return &set[i];
        if (set[i].end_ms < first_to_end->end_ms) first_to_end = &set[i];
    }
    return first_to_end;
}

/* The present window of the key, opened when there is none; the shard's lock is
 * held. NULL without memory. */
static Window *window_open(Windows *w, Shard *shard, uint64_t key, uint64_t duration_ms,
                           uint64_t now_ms)
{
    if (!shard->windows) shard->windows = calloc(w->sets * WAYS, sizeof(Window));
    if (!shard->windows) return NULL;
    Window *window = window_choose(&shard->windows[((key >> 8) & (w->sets - 1)) * WAYS], key);
    if (window->key != key || now_ms >= window->end_ms)
        *window = (Window){.key = key, .end_ms = now_ms + duration_ms};
    return window;
}

bool windows_take(Windows *w, uint64_t key, uint32_t max, uint64_t duration_ms, uint64_t now_ms)
{
    key |= 1;
    Shard *shard = &w->shards[key >> 60];
    bool fits = true; /* without memory nobody is refused */
    pthread_mutex_lock(&shard->lock);
    Window *window = window_open(w, shard, key, duration_ms, now_ms);
    if (window) fits = window->count < max;
    if (window && fits) window->count++;
    pthread_mutex_unlock(&shard->lock);
    return fits;
}

uint32_t windows_count(Windows *w, uint64_t key, uint64_t duration_ms, uint64_t now_ms,
                       uint64_t *end_ms)
{
    key |= 1;
    Shard *shard = &w->shards[key >> 60];
    uint32_t count = 1;
    *end_ms = now_ms + duration_ms;
    pthread_mutex_lock(&shard->lock);
    Window *window = window_open(w, shard, key, duration_ms, now_ms);
    if (window) {
        if (window->count < UINT32_MAX) window->count++;
        count = window->count;
        *end_ms = window->end_ms;
    }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

void windows_forget(Windows *w, uint64_t key)
{
    key |= 1;
    Shard *shard = &w->shards[key >> 60];
    pthread_mutex_lock(&shard->lock);
    if (shard->windows) {
        Window *window = window_choose(&shard->windows[((key >> 8) & (w->sets - 1)) * WAYS], key);
        if (window->key == key) *window = (Window){0};
    }
    pthread_mutex_unlock(&shard->lock);
}
