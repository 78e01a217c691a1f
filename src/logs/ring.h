/* ring.h - entries on their way from one thread to another, without a lock.
 *
 *     char *to = ring_reserve(&ring, bytes);          the producer
 *     if (to) { fill it; ring_commit(&ring); }
 *
 *     Str entry;
 *     while (ring_next(&ring, &entry)) {              the consumer
 *         use entry;
 *         ring_release(&ring);
 *     }
 *
 * One producer and one consumer at a time. Each entry is in one piece: where it
 * would not fit before the end of the memory, the rest there is skipped.
 */
#ifndef CROFT_LOGS_RING_H
#define CROFT_LOGS_RING_H

#include "base/base.h"

#include <stdalign.h>
#include <stdatomic.h>

typedef struct {
    char *bytes;
    size_t size; /* a power of two */
    /* Both only grow; their place is taken modulo `size`. */
    alignas(64) atomic_size_t head; /* the producer's: what is committed */
    size_t reserved;                /* the producer's: head after ring_commit() */
    alignas(64) atomic_size_t tail; /* the consumer's: what is released */
    size_t next;                    /* the consumer's: tail after ring_release() */
} Ring;

void ring_init(Ring *r, char *bytes, size_t size);

/* Memory for an entry, aligned for any type; NULL when it does not fit with
 * `spare` bytes left for others. */
char *ring_reserve(Ring *r, size_t bytes, size_t spare);
void ring_commit(Ring *r);
/* As the producer sees it: nothing is waiting. */
bool ring_is_empty(Ring *r);

/* The oldest entry, false when there is none. Its memory is the producer's
 * again with ring_release(). The length is rounded up to 8. */
bool ring_next(Ring *r, Str *out);
void ring_release(Ring *r);

#endif
