/* survey.c - answers that were costly to make, kept for a while. */
#include "admin/admin_internal.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
    char *text; /* malloc; NULL = none yet */
    size_t len;
    uint64_t made_ms;
} Kept;

struct Survey {
    pthread_mutex_t lock;
    Kept kept[SURVEY_RANGES];
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
    for (size_t i = 0; i < SURVEY_RANGES; i++)
        free(s->kept[i].text);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool survey_recall(Survey *s, Arena *a, size_t index, uint64_t age_ms, Str *out)
{
    if (!s) return false;
    pthread_mutex_lock(&s->lock);
    const Kept *k = &s->kept[index];
    bool fits = k->text && clock_mono_ms() - k->made_ms < age_ms;
    if (fits) *out = arena_copy(a, str_make(k->text, k->len));
    pthread_mutex_unlock(&s->lock);
    return fits;
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
