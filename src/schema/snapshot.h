/* snapshot.h - a value that is replaced as a whole while others hold it.
 *
 * Readers take the present value with one atomic addition and hold it until
 * their arena is reset; a replaced value is destroyed when the last of them
 * lets go. Nothing is locked and no reader ever waits.
 *
 *     const Schema *schema = snapshots_hold(store->snapshots, req->arena);
 *
 * How: `head` packs the number of the present slot and how often it was taken
 * since it was published. Taking is one fetch-and-add on it, so the slot and
 * the count can never disagree. Letting go counts down in the slot (below zero
 * while it is the present one); replacing adds what head had counted. Whoever
 * brings that sum to zero, and only he, destroys the value.
 *
 * Used by the schema and the settings. Threads: hold and release anywhere,
 * publish by one thread at a time.
 */
#ifndef CROFT_SCHEMA_SNAPSHOT_H
#define CROFT_SCHEMA_SNAPSHOT_H

#include "base/base.h"

typedef struct Snapshots Snapshots;

/* `destroy` is called on whatever thread lets go last. */
Snapshots *snapshots_create(void (*destroy)(void *value));
/* Lets go of the present value. Holders may outlive this call. */
void snapshots_destroy(Snapshots *s);

/* Makes `value` the present one. Versions still held at the same time are
 * limited to SNAPSHOTS_MAX; beyond it this waits for one to be let go. */
#define SNAPSHOTS_MAX 1024
void snapshots_publish(Snapshots *s, void *value);

/* The present value, held until the arena is reset. */
void *snapshots_hold(Snapshots *s, Arena *a);

/* The present value for the publishing thread itself; not held. */
void *snapshots_peek(Snapshots *s);

#endif
