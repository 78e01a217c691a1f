/* cond.h - conditions (pthread_cond_t) that wait by the monotonic clock: the wall
 * clock may be set while somebody waits.
 *
 *     cond_init(&queue->changed);
 *     const struct timespec due = cond_due_ns(ns);
 *     while (!queue->count && rc == 0)
 *         rc = pthread_cond_timedwait(&queue->changed, &queue->lock, &due);
 */
#ifndef CROFT_COND_H
#define CROFT_COND_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

void cond_init(pthread_cond_t *cond);

/* The moment so many nanoseconds from now. */
struct timespec cond_due_ns(uint64_t ns);

#endif
