/* tries.c - one throttled try of a secret, from its beginning to its result.
 *
 * A try beyond the account's budget waits in a queue until another one of the
 * same account ends; each end wakes those that wait, in the order they came, and
 * the budget lets as many through as it has room for. Whether to wait is decided
 * under the queue's lock, and an end takes it too, so no end is missed. Who waits
 * costs nothing but its fiber, and of those an account has at most WAITING_MAX.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS     64
#define WAITING_MAX 256 /* of one account; the next is refused */

typedef struct Waiter Waiter;
struct Waiter {
    Waiter *next;
    Fiber *fiber;
    uint64_t account;
    bool woken;
};

typedef struct {
    pthread_mutex_t lock;
    Waiter *first;
} Bucket;

struct TryQueue {
    Bucket buckets[BUCKETS];
};

TryQueue *try_queue_create(void)
{
    TryQueue *q = calloc(1, sizeof(*q));
    if (!q) abort();
    for (size_t i = 0; i < BUCKETS; i++)
        pthread_mutex_init(&q->buckets[i].lock, NULL);
    return q;
}

void try_queue_destroy(TryQueue *q)
{
    if (!q) return;
    for (size_t i = 0; i < BUCKETS; i++)
        pthread_mutex_destroy(&q->buckets[i].lock);
    free(q);
}

/* As throttle.c sees the account: letters without case. */
static uint64_t account_hash(Arena *a, Str account)
{
    Str lower = str_lower(a, account);
    return hash_bytes(lower.ptr, lower.len);
}

/* ---- the queue; the bucket is locked ---- */

static bool enqueue(Bucket *bucket, Waiter *waiter)
{
    size_t waiting = 0;
    Waiter **at = &bucket->first;
    for (; *at; at = &(*at)->next)
        waiting += (*at)->account == waiter->account;
    if (waiting >= WAITING_MAX) return false;
    *at = waiter;
    return true;
}

/* Takes out all of that account: a list in the order they came. */
static Waiter *dequeue(Bucket *bucket, uint64_t account)
{
    Waiter *taken = NULL, **end = &taken;
    for (Waiter **at = &bucket->first; *at;) {
        Waiter *w = *at;
        if (w->account != account) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = NULL;
        *end = w;
        end = &w->next;
    }
    return taken;
}

/* ---- a try ---- */

void try_end(void *arg)
{
    Try *try = arg;
    Auth *auth = try->auth;
    if (!auth) return;
    try->auth = NULL;
    throttle_end(auth->throttle, try->account, try->ip, try->result, clock_mono_ms());

    Bucket *bucket = &auth->queue->buckets[try->account_hash % BUCKETS];
    pthread_mutex_lock(&bucket->lock);
    /* Woken under the lock: a waiter is on its fiber's stack, and looks at `woken`
     * only after it was resumed. */
    for (Waiter *w = dequeue(bucket, try->account_hash), *next; w; w = next) {
        next = w->next;
        Fiber *fiber = w->fiber;
        w->woken = true;
        fiber_wake(fiber);
    }
    pthread_mutex_unlock(&bucket->lock);
}

/* The verdict, or, when it is to wait, the waiter in the queue. */
static TryVerdict begin_or_wait(Auth *auth, const Try *try, Waiter *waiter)
{
    Bucket *bucket = &auth->queue->buckets[try->account_hash % BUCKETS];
    *waiter = (Waiter){.fiber = fiber_current(), .account = try->account_hash};
    pthread_mutex_lock(&bucket->lock);
    TryVerdict verdict = throttle_begin(auth->throttle, try->account, try->ip, clock_mono_ms());
    if (verdict == TRY_WAIT && !enqueue(bucket, waiter)) verdict = TRY_REFUSED;
    pthread_mutex_unlock(&bucket->lock);
    return verdict;
}

static Error *try_begin_from(Auth *auth, Arena *a, const Collection *c, Str identity, Str ip,
                             Try *try)
{
    try->account = str_concat(a, str_concat(a, c->id, S("\n")), identity);
    try->account_hash = account_hash(a, try->account);
    try->ip = ip;
    try->result = TRY_UNDECIDED;

    Waiter waiter;
    TryVerdict verdict = begin_or_wait(auth, try, &waiter);
    while (verdict == TRY_WAIT) {
        while (!waiter.woken)
            fiber_suspend();
        verdict = begin_or_wait(auth, try, &waiter);
    }
    if (verdict == TRY_ALLOWED) {
        try->auth = auth;
        arena_defer(a, try_end, try);
        return NULL;
    }
    log_warn("auth", "too many sign-in attempts", LOG_STR("collection", c->name),
             LOG_STR("identity", identity), LOG_STR("ip", ip));
    return error_status(a, 429);
}

Error *try_begin(Req *req, const Collection *c, Str identity, Try *try)
{
    const Context *cx = req_context(req);
    return try_begin_from(cx->app->auth, req->arena, c, identity, cx->real_ip, try);
}

Error *password_try(App *app, Arena *a, const Record *r, Str ip, Str password, bool *matches)
{
    Try *try = arena_new(a, Try, 1);
    Str email = record_str(r, S("email"));
    *matches = false;
    Error *err =
        try_begin_from(app->auth, a, r->collection, email.len ? email : record_id(r), ip, try);
    if (err) return err;
    bool rehash;
    err = password_verify(app->passwords, a, password, record_str(r, S("password")), matches,
                          &rehash);
    if (!err) try->result = *matches ? TRY_SUCCEEDED : TRY_FAILED;
    try_end(try);
    return err;
}
