/* ring.c - a queue of bytes between two threads. An entry is its length as 8
 * bytes, then itself, padded to 8; the length SKIP sends the reader back to the
 * start of the memory. */
#include "logs/ring.h"

#define HEADER sizeof(uint64_t)
#define SKIP   UINT64_MAX

void ring_init(Ring *r, char *bytes, size_t size)
{
    assert(size >= 64);
    assert((size & (size - 1)) == 0);
    r->bytes = bytes;
    r->size = size;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->reserved = r->next = 0;
}

static char *at(const Ring *r, size_t position)
{
    return r->bytes + (position & (r->size - 1));
}

static void length_put(const Ring *r, size_t position, uint64_t length)
{
    memcpy(at(r, position), &length, sizeof length);
}

char *ring_reserve(Ring *r, size_t bytes, size_t spare)
{
    size_t need = HEADER + ((bytes + 7) & ~(size_t)7);
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t to_end = r->size - (head & (r->size - 1)); /* at least HEADER: all is aligned */
    size_t skipped = to_end < need ? to_end : 0;
    if (bytes > r->size || skipped + need + spare > r->size - used) return NULL;

    if (skipped > 0) length_put(r, head, SKIP);
    length_put(r, head + skipped, need - HEADER);
    r->reserved = head + skipped + need;
    return at(r, head + skipped) + HEADER;
}

void ring_commit(Ring *r)
{
    atomic_store_explicit(&r->head, r->reserved, memory_order_release);
}

bool ring_is_empty(Ring *r)
{
    return atomic_load_explicit(&r->head, memory_order_relaxed) ==
           atomic_load_explicit(&r->tail, memory_order_relaxed);
}

bool ring_next(Ring *r, Str *out)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&r->head, memory_order_acquire)) return false;

    uint64_t length;
    memcpy(&length, at(r, tail), sizeof length);
    if (length == SKIP) {
        tail += r->size - (tail & (r->size - 1));
        memcpy(&length, at(r, tail), sizeof length);
    }
    *out = str_make(at(r, tail) + HEADER, (size_t)length);
    r->next = tail + HEADER + (size_t)length;
    return true;
}

void ring_release(Ring *r)
{
    atomic_store_explicit(&r->tail, r->next, memory_order_release);
}
