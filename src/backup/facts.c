/* facts.c - what objects of a bucket say of themselves: checksum, and when it was
 * compared.
 *
 * A listing does not have it: it takes a request for each object. An object does
 * not change under its name, size and time, so it is asked once and remembered;
 * and only the newest FACTS_ASKED of a listing are asked, some at once. The ring has room for
 * more: were it as long, one new object would push out the next to be looked up,
 * that one the next, and all would be asked anew.
 */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "s3/s3.h"

#include <stdlib.h>

#define ASKED_AT_ONCE 8 /* half of the threads that send requests */
#define ASK_BYTES     ((size_t)4 << 20)

static bool is_of(const ObjectFacts *f, Str key, Str modified, uint64_t size)
{
    return f->size_bytes == size && str_eq(str_from(f->key), key) &&
           str_eq(str_from(f->modified), modified);
}

static void text_keep(char *to, size_t size, Str text)
{
    size_t len = text.len < size ? text.len : 0; /* a longer one is not ours */
    if (len) memcpy(to, text.ptr, len);
    to[len] = 0;
}

static bool facts_find(Backups *b, Str key, Str modified, uint64_t size, ObjectFacts *out)
{
    bool found = false;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < FACTS_MAX && !found; i++) {
        found = is_of(&b->facts[i], key, modified, size);
        if (found) *out = b->facts[i];
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

static void facts_keep(Backups *b, const ObjectFacts *facts)
{
    pthread_mutex_lock(&b->lock);
    bool known = false; /* two listings at once: twice in the ring it would push out another */
    for (size_t i = 0; i < FACTS_MAX && !known; i++)
        known =
            is_of(&b->facts[i], str_from(facts->key), str_from(facts->modified), facts->size_bytes);
    if (!known) b->facts[b->facts_next++ % FACTS_MAX] = *facts;
    pthread_mutex_unlock(&b->lock);
}

void facts_forget(Backups *b)
{
    pthread_mutex_lock(&b->lock);
    memset(b->facts, 0, sizeof(b->facts));
    pthread_mutex_unlock(&b->lock);
}

/* ---- asking ---- */

/* Of one listing. Its fibers share a thread, so what is here needs no lock. */
typedef struct {
    Backups *b;
    S3 *s3;
    Json **items;
    ObjectFacts *found; /* as items; without a key: not known */
    size_t count, next;
    size_t helpers; /* fibers besides the one that lists */
    Fiber *waiting; /* that one, once only helpers are left */
    bool failed;
} Asking;

typedef struct {
    Asking *all;
    Arena *arena; /* of this fiber */
    size_t i;
} Question;

static Error *facts_ask(void *arg)
{
    const Question *q = arg;
    ObjectFacts *out = &q->all->found[q->i], facts = {0};
    const Json *item = q->all->items[q->i];
    Str key = json_str(json_get(item, S("key")), S(""));
    Str modified = json_str(json_get(item, S("modified")), S(""));
    facts.size_bytes = (uint64_t)json_number(json_get(item, S("size")), 0);
    if (facts_find(q->all->b, key, modified, facts.size_bytes, out)) return NULL;
    S3Object object;
    Error *err = s3_head(q->all->s3, q->arena, key, &object);
    if (err) return err->status == 404 ? NULL : err; /* removed meanwhile */
    text_keep(facts.key, sizeof(facts.key), key);
    text_keep(facts.modified, sizeof(facts.modified), modified);
    for (size_t i = 0; i < object.meta_count; i++) {
        const S3Meta *m = &object.meta[i];
        if (str_eq(m->name, S(META_SHA256)))
            text_keep(facts.sha256, sizeof(facts.sha256), m->value);
        if (str_eq(m->name, S(META_VERIFIED)))
            text_keep(facts.verified, sizeof(facts.verified), m->value);
    }
    facts_keep(q->all->b, &facts);
    *out = facts;
    return NULL;
}

/* Until nobody has asked about none. */
static void ask_on(Asking *all)
{
    Question q = {.all = all, .arena = arena_create("backup facts", ASK_BYTES)};
    while (!all->failed && all->next < all->count) {
        q.i = all->next++;
        Error *err = arena_protect(q.arena, facts_ask, &q);
        if (err && !all->failed) { /* the list is as good without, and each may take its time */
            all->failed = true;
            log_warn("backup", "the bucket does not tell the checksums of backups",
                     LOG_STR("cause", err->cause));
        }
        arena_reset(q.arena);
    }
    arena_destroy(q.arena);
}

static void help(void *arg)
{
    Asking *all = arg;
    ask_on(all);
    if (--all->helpers == 0 && all->waiting) fiber_wake(all->waiting);
}

/* Some at once. Outside of a fiber, at the command line, one after the other. */
static void ask_all(Asking *all)
{
    bool alone = !fiber_current();
    for (size_t i = 1; !alone && i < ASKED_AT_ONCE && all->next < all->count; i++) {
        all->helpers++; /* before: it may end at once */
        if (fiber_start(loop_current(), help, all)) continue;
        all->helpers--;
        break;
    }
    ask_on(all);
    while (all->helpers > 0) {
        all->waiting = fiber_current();
        fiber_suspend();
    }
}

/* ---- telling ---- */

void item_vouch(Arena *a, Json *item, Str sha256, Str verified)
{
    if (sha256.len) json_set_str(a, item, S("checksum"), str_concat(a, S("sha256:"), sha256));
    if (verified.len) json_set_str(a, item, S("verified"), arena_copy(a, verified));
}

static int newest_first(const void *x, const void *y)
{
    const Json *a = *(Json *const *)x, *b = *(Json *const *)y;
    return str_cmp(json_str(json_get(b, S("modified")), S("")),
                   json_str(json_get(a, S("modified")), S("")));
}

void facts_add(Backups *b, S3 *s3, Arena *a, Json **items, size_t count)
{
    if (count > 1) qsort(items, count, sizeof(*items), newest_first);
    Asking all = {.b = b, .s3 = s3, .items = items, .count = MIN(count, (size_t)FACTS_ASKED)};
    all.found = arena_new(a, ObjectFacts, all.count);
    ask_all(&all);
    for (size_t i = 0; i < all.count; i++)
        item_vouch(a, items[i], str_from(all.found[i].sha256), str_from(all.found[i].verified));
}
