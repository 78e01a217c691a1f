/* logs_internal.h - what the files of logs/ share.
 *
 *     request.c, process.c   make entries, in rings (entry.h says what one is)
 *     logs.c                 the thread: rings to rows, and when
 *     row.c                  an entry as a row: JSON, no secrets
 *     store.c                rows in auxiliary.db, and out again
 *     routes.c               the API
 */
#ifndef CROFT_LOGS_INTERNAL_H
#define CROFT_LOGS_INTERNAL_H

#include "base/log.h"
#include "logs/logs.h"
#include "logs/ring.h"

#include <pthread.h>

/* PocketBase's levels. */
#define LEVEL_DEBUG (-4)
#define LEVEL_INFO  0
#define LEVEL_WARN  4
#define LEVEL_ERROR 8

#define BATCH_ROWS 200 /* of one transaction; as many waiting wake the thread */

/* ---- entries in a ring ---- */

typedef enum {
    PART_METHOD, /* process: the area */
    PART_TARGET, /* process: the message */
    PART_REFERER,
    PART_AGENT,
    PART_AUTH,
    PART_AUTH_ID,
    PART_USER_IP,
    PART_REMOTE_IP,
    PART_ERROR,
    PART_DETAILS, /* JSON; process: members of an object */
    PART_COUNT
} EntryPart;

/* The texts follow in order, without anything between them. */
typedef struct {
    int64_t wall_ms;
    uint64_t exec_ns;
    int16_t status;
    int8_t level;
    bool is_process, has_ip, has_auth_id;
    uint16_t lengths[PART_COUNT];
} EntryHead;

/* Bytes kept of each; longer texts are cut when the row is made, which is told
 * by one byte more. */
#define METHOD_MAX  50
#define URL_MAX     3000
#define HEADER_MAX  2000
#define ERROR_MAX   2000
#define DETAILS_MAX 8000

typedef struct {
    Ring ring;
    atomic_uint_fast64_t dropped; /* the producer's */
    unsigned since_wake;          /* the producer's: entries since it woke the thread */
} Lane;

/* Copies an entry into the lane, waking the thread when it is time to. */
void lane_put(Logs *logs, Lane *lane, EntryHead *head, const Str parts[PART_COUNT]);
/* The same on the lane of all threads that are no loop. */
void lane_put_shared(Logs *logs, EntryHead *head, const Str parts[PART_COUNT]);

/* ---- row.c ---- */

typedef struct {
    int64_t wall_ms;
    int level;
    Str id, message, data, created;
} LogRow;

/* The entry's bytes as ring_next() gave them. Nothing of them is kept. */
void row_make(Arena *a, Str entry, LogRow *out);
/* A row of our own; `data` is the text of a JSON object. */
void row_of_ours(Arena *a, int level, Str message, Str data, LogRow *out);
/* The address without secrets; see logs.h. */
Str url_redact(Arena *a, Str url);
/* Percent-decoded where that gives text that can be printed. */
Str url_readable(Arena *a, Str url);

/* ---- store.c: auxiliary.db. Threads that may wait, or fibers. ---- */

MUST_CHECK Error *store_open(Arena *a, const LogsConfig *config, Db **out);
MUST_CHECK Error *store_insert(Db *db, Arena *a, const LogRow *rows, size_t count);
/* Removes the oldest rows when there are more bytes than that; *removed may be 0. */
MUST_CHECK Error *store_fit(Db *db, Arena *a, uint64_t max_bytes, int64_t *removed);
/* Removes what was created before, or is of a level below. In pieces. */
MUST_CHECK Error *store_expire(Db *db, Arena *a, int64_t before_ms, int64_t min_level);
/* All of it, and gives the room back to the disk. */
MUST_CHECK Error *store_clear(Db *db, Arena *a);
/* auxiliary.db and what belongs to it become auxiliary.db.damaged. Not open. */
void store_set_aside(Arena *a, Str dir);

/* ---- logs.c ---- */

/* NULL while there is none. */
Db *logs_db(const Logs *logs);

/* process.c: a LogSink; `arg` is the Logs. */
void process_sink(void *arg, LogLevel level, const char *area, const char *message,
                  const LogField *fields, size_t count);

struct Logs {
    App *app;
    LogsConfig config;
    Arena *arena; /* what lives as long */
    _Atomic(Db *) db;
    Lane *lanes; /* one a loop */
    Lane shared; /* its producer holds shared_lock */
    pthread_mutex_t shared_lock;
    atomic_uint_fast64_t written, dropped;
    bool is_sink;
    bool damaged; /* the thread's, then logs_destroy()'s */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* by the monotonic clock */
    bool started;
    bool waiting;  /* under lock: something is in a lane */
    bool hurry;    /* under lock: do not wait for more */
    bool stopping; /* under lock */
};

#endif
