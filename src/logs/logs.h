/* logs.h - what happened: the request log and the server's own, for superusers
 * to read (api: operations §3).
 *
 * An entry costs its request a copy into a ring of the loop's own (no lock, no
 * allocation, no I/O). A thread of logs/ takes the entries out, makes rows of
 * them and writes them to "_logs" in auxiliary.db, many in a transaction:
 *
 *     loop 0 ─▶ ring ─┐  200 entries, 3 s,
 *     loop 1 ─▶ ring ─┼────────────────────▶ rows ─▶ auxiliary.db
 *     others ─▶ ring ─┘  or the end
 *
 *     err = logs_create(a, app, &config, &app->logs);      at start
 *     logs_request(app->logs, req, res, err);              after each answer
 *     logs_destroy(app->logs);                             writes what is left
 *
 * Serving never waits for it and never fails with it. Limits keep that so: a
 * ring that is full drops what comes next (successes first), the thread writes
 * a twentieth of the time at most, and the table's oldest rows go when it has
 * grown to `max_bytes`. What was dropped is counted, and the count is an entry.
 *
 * Secrets stay out: values of parameters named like a token, password, code or
 * secret, and whatever looks like a signed token, are "***". Text is stored as
 * JSON or with its control characters percent-encoded, so no client can forge
 * an entry or a line of one.
 */
#ifndef CROFT_LOGS_H
#define CROFT_LOGS_H

#include "records/records.h"

typedef struct Logs Logs; /* any thread, unless said otherwise */

typedef struct {
    Str dir;            /* the data folder */
    int loop_count;     /* a ring for each */
    size_t ring_bytes;  /* default 512 KiB, about 1500 entries; a power of two */
    uint64_t max_bytes; /* default 256 MiB of rows: then the oldest go */
    uint32_t flush_ms;  /* default 3000: the longest an entry waits */
} LogsConfig;

LogsConfig logs_config_default(Str dir);

/* Opens or creates auxiliary.db and starts the thread. A file that is damaged is
 * set aside as auxiliary.db.damaged; where none can be had, it is tried again
 * every minute, and until then entries are dropped. app->settings is needed. */
MUST_CHECK Error *logs_create(Arena *a, App *app, const LogsConfig *config, Logs **out);
/* When nothing logs any more: writes what is left, closes. NULL is fine. */
void logs_destroy(Logs *logs);

/* The finished request, with what its handler returned, unless it is one of
 * those that are not logged. On its loop. */
void logs_request(Logs *logs, Req *req, const Res *res, const Error *err);

/* From now on, what base/log.h writes is an entry too: until logs_destroy().
 * One a process. */
void logs_take_process_log(Logs *logs);

/* Settings have changed: what they no longer keep is removed soon. */
void logs_settings_changed(Logs *logs);

/* For crons: removes what has become too old; the database's own statistics.
 * Nothing when `logs` is NULL. */
MUST_CHECK Error *logs_cleanup(Logs *logs, Arena *a);
MUST_CHECK Error *logs_optimize(Logs *logs, Arena *a);

typedef struct {
    uint64_t written, dropped; /* entries since start */
} LogsStats;
LogsStats logs_stats(const Logs *logs);

/* Requests over time: `count` buckets of `bucket_ms` from `from_ms` on. Only the
 * newest 200,000 entries are looked at: *complete tells whether that was all.
 * Not available: there is no log at the moment. In a fiber or a thread that may
 * wait. */
typedef struct {
    int64_t from_ms, bucket_ms;
    int count;
} TrafficQuery;
typedef struct {
    uint64_t total, errors_4xx, errors_5xx;
    double p50_ms, p99_ms; /* of the time to the answer; 0 without requests */
} TrafficBucket;
typedef struct {
    bool available, complete;
    TrafficBucket *buckets;
} Traffic;
MUST_CHECK Error *logs_traffic(Logs *logs, Arena *a, const TrafficQuery *query, Traffic *out);

extern const Route log_routes[]; /* /api/logs */
extern const size_t log_route_count;

#endif
