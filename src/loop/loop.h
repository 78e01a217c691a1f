/* loop.h - an event loop per core, fibers that wait on it, threads behind it.
 *
 * A Loop is one thread with one libuv loop. A fiber is a straight-line
 * function with a small stack of its own: whatever waits suspends the fiber,
 * never the loop. A worker pool runs what would hold the loop (hashing, file
 * I/O, slow queries).
 *
 *     static void handle(void *arg)                  runs on a fiber
 *     {
 *         err = await_work(workers, hash_password, &job);   other fibers run meanwhile
 *         await_sleep(100);
 *     }
 *     fiber_start(loop, handle, arg);
 *
 * Stacks are mapped once with a guard page and pooled per loop; switching is
 * a few instructions (x86-64, aarch64; ucontext elsewhere). Sanitizers are
 * told of every switch.
 *
 * Threads: everything about a Loop and its fibers is called on the loop's own
 * thread, except loop_post(), fiber_wake(), loop_stop() and loop_index().
 */
#ifndef CROFT_LOOP_H
#define CROFT_LOOP_H

#include "base/base.h"

#include <uv.h>

typedef struct Loop Loop;
typedef struct Fiber Fiber;
typedef struct Workers Workers;

#define FIBER_STACK_BYTES (256 * 1024) /* eight times as much under sanitizers */
#define FIBERS_MAX        10000        /* per loop; beyond it fiber_start() refuses */

/* Makes loop number `index` (0, 1, … one per core). */
MUST_CHECK Error *loop_create(Arena *a, int index, Loop **out);
void loop_destroy(Loop *loop); /* not running any more, no fiber alive */

/* Runs until loop_stop(). The calling thread becomes the loop's thread. */
void loop_run(Loop *loop);
void loop_stop(Loop *loop); /* any thread */

uv_loop_t *loop_uv(Loop *loop);
int loop_index(const Loop *loop);
uint64_t loop_now_ms(const Loop *loop); /* monotonic, as of this turn of the loop */

/* The loop whose thread this is, or NULL on any other thread. */
Loop *loop_current(void);

/* Runs fn(arg) on the loop's thread, in order, soon. Any thread. One wake-up
 * serves all that is posted before the loop gets to it. */
void loop_post(Loop *loop, void (*fn)(void *arg), void *arg);

/* Runs fn(arg) at the end of this turn of the loop (after the events of one
 * poll have been handled): where a turn's writes are handed over at one stroke. */
void loop_at_turn_end(Loop *loop, void (*fn)(void *arg), void *arg);

/* ---- fibers ---- */

/* Starts a fiber at once: runs fn until it first suspends or ends. False when
 * FIBERS_MAX are alive or no stack can be had: nothing was started. */
MUST_CHECK bool fiber_start(Loop *loop, void (*fn)(void *arg), void *arg);

Fiber *fiber_current(void); /* NULL outside of fibers */

/* Gives way until somebody resumes this fiber. Whoever suspends keeps a note of
 * why, and checks it on return. */
void fiber_suspend(void);

/* Continues a suspended fiber at once, on its loop's thread, from outside of
 * any fiber (a libuv callback, a posted function). */
void fiber_resume(Fiber *fiber);

/* The same from any thread or from another fiber: through loop_post(). */
void fiber_wake(Fiber *fiber);

Loop *fiber_loop(const Fiber *fiber);
size_t loop_fiber_count(const Loop *loop);

/* ---- waiting ---- */

/* Works in a fiber; outside of one it blocks the calling thread. */
void await_sleep(uint64_t ms);

/* Lets events and other fibers have their turn, then goes on. Only in a fiber. */
void await_turn(void);

/* ---- workers ---- */

/* `name` shows in the log and as thread name; `queue_max` jobs may wait. */
MUST_CHECK Error *workers_create(Arena *a, const char *name, int threads, size_t queue_max,
                                 Workers **out);
void workers_destroy(Workers *workers); /* finishes what is queued, joins */

/* The number of the pool thread running this, 0 ≤ n < count, or -1 elsewhere. */
int worker_index(void);

/* Runs fn(arg) on a pool thread and waits for it. In a fiber only the fiber
 * waits; elsewhere the thread blocks. A full queue gives status 503. */
MUST_CHECK Error *await_work(Workers *workers, Arena *a, void (*fn)(void *arg), void *arg);

/* Runs fn(arg) on a pool thread; nobody waits. False when the queue is full. */
MUST_CHECK bool workers_post(Workers *workers, void (*fn)(void *arg), void *arg);

#endif
