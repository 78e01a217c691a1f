/* snapshot.c - values replaced as a whole; the idea is in snapshot.h. */
#include "schema/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SLOT_BITS  10
#define SLOT_SHIFT (64 - SLOT_BITS)
#define COUNT_MASK ((UINT64_C(1) << SLOT_SHIFT) - 1) /* 10^16 takes of one version */

static_assert(SNAPSHOTS_MAX == 1 << SLOT_BITS, "slot numbers fill their bits");

typedef struct {
    Snapshots *owner;
    _Atomic(void *) value; /* NULL = free */
    _Atomic int64_t refs;
} Slot;

struct Snapshots {
    _Atomic uint64_t head;
    _Atomic int64_t alive; /* values not yet destroyed, and one for the owner */
    void (*destroy)(void *value);
    bool published;
    Slot slots[SNAPSHOTS_MAX];
};

static void let_go_of_store(Snapshots *s)
{
    if (atomic_fetch_sub_explicit(&s->alive, 1, memory_order_acq_rel) == 1) free(s);
}

static void slot_destroy(Slot *slot)
{
    Snapshots *s = slot->owner;
    void *value = atomic_load_explicit(&slot->value, memory_order_acquire);
    s->destroy(value);
    atomic_store_explicit(&slot->refs, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->value, NULL, memory_order_release);
    let_go_of_store(s);
}

typedef struct {
    Slot *slot; /* NULL: the arena ended its work before it held one */
} Hold;

static void hold_release(void *arg)
{
    Slot *slot = ((Hold *)arg)->slot;
    if (slot && atomic_fetch_sub_explicit(&slot->refs, 1, memory_order_acq_rel) == 1)
        slot_destroy(slot);
}

/* `head` as it was while the slot was the present one. */
static void slot_retire(Snapshots *s, uint64_t head)
{
    Slot *slot = &s->slots[head >> SLOT_SHIFT];
    int64_t taken = (int64_t)(head & COUNT_MASK);
    if (atomic_fetch_add_explicit(&slot->refs, taken, memory_order_acq_rel) + taken == 0)
        slot_destroy(slot);
}

Snapshots *snapshots_create(void (*destroy)(void *value))
{
    Snapshots *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->destroy = destroy;
    s->alive = 1;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
        s->slots[i].owner = s;
    return s;
}

void snapshots_destroy(Snapshots *s)
{
    if (!s) return;
    if (s->published) slot_retire(s, atomic_load(&s->head));
    let_go_of_store(s);
}

static size_t free_slot(Snapshots *s)
{
    for (;;) {
        for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
            if (!atomic_load_explicit(&s->slots[i].value, memory_order_acquire)) return i;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void snapshots_publish(Snapshots *s, void *value)
{
    assert(value);
    size_t i = free_slot(s);
    atomic_fetch_add_explicit(&s->alive, 1, memory_order_relaxed);
    atomic_store_explicit(&s->slots[i].value, value, memory_order_release);
    uint64_t old =
        atomic_exchange_explicit(&s->head, (uint64_t)i << SLOT_SHIFT, memory_order_acq_rel);
    if (s->published) slot_retire(s, old);
    s->published = true;
}

void *snapshots_hold(Snapshots *s, Arena *a)
{
    Hold *hold = arena_new(a, Hold, 1);
    arena_defer(a, hold_release, hold);
    uint64_t head = atomic_fetch_add_explicit(&s->head, 1, memory_order_acq_rel);
    hold->slot = &s->slots[head >> SLOT_SHIFT];
    return atomic_load_explicit(&hold->slot->value, memory_order_acquire);
}

void *snapshots_peek(Snapshots *s)
{
    uint64_t head = atomic_load_explicit(&s->head, memory_order_acquire);
    return atomic_load_explicit(&s->slots[head >> SLOT_SHIFT].value, memory_order_acquire);
}
