/* throttle.c - counters of sign-in attempts in a sharded table.
 *
 * One kind of counter serves both limits: of (account, address) and of the
 * account alone; they differ in budget and in how long they block. Each call
 * takes at most one shard's lock at a time.
 *
 * 1. A counter's failures and tries in flight together never exceed its budget.
 * 2. A counter with a try in flight is never evicted.
 */
#include "auth/throttle.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#define SHARDS    ((size_t)16)
#define WAYS      ((size_t)8)
#define QUIET_MS  (UINT64_C(24) * 3600 * 1000) /* then a counter means nothing any more */
#define WINDOW_MS UINT64_C(60000)

typedef struct {
    uint64_t key;        /* 0 = free */
    uint64_t window_ms;  /* when the first of `failures` was */
    uint64_t blocked_ms; /* refused until then */
    uint64_t seen_ms;
    uint16_t failures, in_flight, blocks;
    bool trusted; /* a sign-in succeeded */
} Counter;

typedef struct {
    pthread_mutex_t lock;
    Counter *counters; /* sets × WAYS */
} Shard;

struct Throttle {
    Shard shards[SHARDS];
    size_t sets; /* per shard */
};

typedef struct {
    uint16_t tries;
    uint64_t window_ms, block_ms, block_max_ms;
} Budget;

static const Budget PAIR = {THROTTLE_PAIR_TRIES, WINDOW_MS, THROTTLE_PAIR_BLOCK_MS,
                            THROTTLE_PAIR_MAX_MS};
static const Budget WHOLE = {THROTTLE_ALL_TRIES, UINT64_MAX, THROTTLE_ALL_BLOCK_MS,
                             THROTTLE_ALL_MAX_MS};

Throttle *throttle_create(size_t entries)
{
    if (entries == 0) entries = 16384;
    assert(entries >= SHARDS * WAYS && (entries & (entries - 1)) == 0);
    Throttle *t = calloc(1, sizeof(*t));
    if (!t) abort();
    t->sets = entries / SHARDS / WAYS;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&t->shards[i].lock, NULL);
        t->shards[i].counters = calloc(t->sets * WAYS, sizeof(Counter)); /* untouched: no memory */
        if (!t->shards[i].counters) abort();
    }
    return t;
}

void throttle_destroy(Throttle *t)
{
    if (!t) return;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&t->shards[i].lock);
        free(t->shards[i].counters);
    }
    free(t);
}

/* Keys of the two counters. Texts beyond the sizes below are refused earlier
 * (identity at most 255 bytes); cut ones would only share a counter. */
static void keys_of(Str account, Str ip, uint64_t *pair, uint64_t *whole)
{
    char text[640];
    size_t len = MIN(account.len, (size_t)512);
    for (size_t i = 0; i < len; i++) {
        char c = account.ptr[i];
        text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    *whole = hash_bytes(text, len) | 1;
    text[len++] = '\0';
    size_t ip_len = MIN(ip.len, sizeof(text) - len);
    if (ip_len) memcpy(text + len, ip.ptr, ip_len);
    *pair = hash_bytes(text, len + ip_len) | 1;
}

static Shard *shard_of(Throttle *t, uint64_t key)
{
    return &t->shards[key >> 60];
}

static Counter *set_of(const Throttle *t, Shard *shard, uint64_t key)
{
    return &shard->counters[((key >> 8) & (t->sets - 1)) * WAYS];
}

static Counter *counter_find(const Throttle *t, Shard *shard, uint64_t key)
{
    Counter *set = set_of(t, shard, key);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) return &set[i];
    }
    return NULL;
}

/* How much would be lost by forgetting this counter. */
static uint64_t counter_worth(const Counter *c, uint64_t now_ms)
{
    if (c->key == 0) return 0;
    if (c->in_flight) return UINT64_MAX;
    if (now_ms - c->seen_ms > QUIET_MS && now_ms >= c->blocked_ms && !c->trusted) return 1;
    return 2 + c->failures + UINT64_C(10) * c->blocks + (c->trusted ? 5 : 0);
}

/* The counter of a key, made when missing; NULL when the set is full of tries
 * in flight. */
static Counter *counter_take(const Throttle *t, Shard *shard, uint64_t key, uint64_t now_ms)
{
    Counter *found = counter_find(t, shard, key);
    if (found) return found;

    Counter *set = set_of(t, shard, key);
    Counter *victim = NULL;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t worth = counter_worth(&set[i], now_ms);
        if (worth > least || worth == UINT64_MAX) continue;
        if (worth == least && victim && set[i].seen_ms >= victim->seen_ms) continue;
        least = worth;
        victim = &set[i];
    }
    if (victim) *victim = (Counter){.key = key, .seen_ms = now_ms};
    return victim;
}

/* Lets time pass: an ended block and an old window give the tries back. */
static void counter_age(Counter *c, const Budget *budget, uint64_t now_ms)
{
    if (c->blocked_ms && now_ms >= c->blocked_ms) {
        c->blocked_ms = 0;
        c->failures = 0;
    }
    if (c->failures && budget->window_ms != UINT64_MAX && !c->blocked_ms &&
        now_ms - c->window_ms >= budget->window_ms)
        c->failures = 0;
    if (now_ms - c->seen_ms > QUIET_MS && !c->in_flight) {
        c->failures = 0;
        c->blocks = 0;
    }
}

static TryVerdict counter_begin(Throttle *t, uint64_t key, const Budget *budget, bool ignore_limit,
                                uint64_t now_ms)
{
    Shard *shard = shard_of(t, key);
    TryVerdict verdict = TRY_ALLOWED;
    pthread_mutex_lock(&shard->lock);
    Counter *c = counter_take(t, shard, key, now_ms);
    if (!c) { /* whose end nobody of this account would be told of */
        verdict = TRY_REFUSED;
        goto out;
    }
    counter_age(c, budget, now_ms);
    c->seen_ms = now_ms;
    if (!ignore_limit) {
        if (c->blocked_ms)
            verdict = TRY_REFUSED;
        else if (c->failures + c->in_flight >= budget->tries)
            verdict = TRY_WAIT;
    } else if (c->in_flight == UINT16_MAX) {
        verdict = TRY_REFUSED;
    }
    if (verdict == TRY_ALLOWED) c->in_flight++;
out:
    pthread_mutex_unlock(&shard->lock);
    return verdict;
}

static void counter_block(Counter *c, const Budget *budget, uint64_t now_ms)
{
    uint64_t wait = budget->block_ms;
    for (int i = 0; i < c->blocks && wait < budget->block_max_ms; i++)
        wait *= 2;
    c->blocked_ms = now_ms + MIN(wait, budget->block_max_ms);
    if (c->blocks < 100) c->blocks++;
}

static void counter_end(Throttle *t, uint64_t key, const Budget *budget, TryResult result,
                        uint64_t now_ms)
{
    Shard *shard = shard_of(t, key);
    pthread_mutex_lock(&shard->lock);
    Counter *c = counter_find(t, shard, key);
    assert(c && c->in_flight > 0); /* invariant 2 */
    c->in_flight--;
    c->seen_ms = now_ms;
    if (result == TRY_SUCCEEDED) {
        c->failures = 0;
        c->blocks = 0;
        c->blocked_ms = 0;
        c->trusted = true;
    }
    if (result == TRY_FAILED) {
        if (c->failures == 0) c->window_ms = now_ms;
        if (c->failures < UINT16_MAX) c->failures++;
        if (c->failures >= budget->tries && !c->blocked_ms) counter_block(c, budget, now_ms);
    }
    pthread_mutex_unlock(&shard->lock);
}

static bool pair_is_trusted(Throttle *t, uint64_t key)
{
    Shard *shard = shard_of(t, key);
    pthread_mutex_lock(&shard->lock);
    const Counter *c = counter_find(t, shard, key);
    bool trusted = c && c->trusted;
    pthread_mutex_unlock(&shard->lock);
    return trusted;
}

TryVerdict throttle_begin(Throttle *t, Str account, Str ip, uint64_t now_ms)
{
    uint64_t pair, whole;
    keys_of(account, ip, &pair, &whole);
    TryVerdict verdict = counter_begin(t, pair, &PAIR, false, now_ms);
    if (verdict != TRY_ALLOWED) return verdict;

    verdict = counter_begin(t, whole, &WHOLE, pair_is_trusted(t, pair), now_ms);
    if (verdict != TRY_ALLOWED) counter_end(t, pair, &PAIR, TRY_UNDECIDED, now_ms);
    return verdict;
}

void throttle_end(Throttle *t, Str account, Str ip, TryResult result, uint64_t now_ms)
{
    uint64_t pair, whole;
    keys_of(account, ip, &pair, &whole);
    counter_end(t, pair, &PAIR, result, now_ms);
    counter_end(t, whole, &WHOLE, result, now_ms);
}
