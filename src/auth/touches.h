/* touches.h - `updated` of places that are known already, moved a little later.
 *
 * A sign-in from a known place has nothing to store but that it happened: the
 * row's `updated` moves (api: auth §8). To wait for a flushed write of that would
 * cost the sign-in more than all of it but the hash. So the row is noted here,
 * and what was noted within two seconds is written together:
 *
 *     sign-in ──▶ touches_add("k2hq…", now)      in memory, at most 1024 rows
 *                        │
 *                        │ after 2 s, or as soon as somebody asks for such rows
 *                        ▼ (touches_settle), or when the server stops
 *                 one db_write() for 64 rows: `updated` becomes the moment noted
 *
 * So who reads the rows through the API sees the moment at once. A server that is
 * killed forgets up to two seconds of them: the places stay known, only the time
 * of the last sign-in from there is an older one. A row that has gone meanwhile
 * is skipped, and none is moved back (docs/decisions/0012-touches.md).
 *
 * Any thread. The thread that writes starts with the first row.
 */
#ifndef CROFT_AUTH_TOUCHES_H
#define CROFT_AUTH_TOUCHES_H

#include "records/records.h"

typedef struct Touches Touches;

#define TOUCHES_MAX      1024
#define TOUCHES_DELAY_MS 2000

Touches *touches_create(App *app);
/* Writes what is left. Before db_close(); NULL is fine. */
void touches_destroy(Touches *t);

/* Notes that the row `id` of "_authOrigins" was used at this moment. False when
 * there is no room for it: the caller writes it himself. */
MUST_CHECK bool touches_add(Touches *t, Str id, int64_t wall_ms);

/* Writes what is noted, and waits for it; nothing to do costs nothing. What
 * cannot be written is logged and forgotten. */
void touches_settle(Touches *t, Arena *a);

#endif
