/* traffic.c - requests over time, from their entries.
 *
 * The newest entries are at the end of the table, and no more than TRAFFIC_ROWS
 * of them are looked at, however large it is. Percentiles are exact: the times
 * of each bucket are sorted. */
#include "logs/logs_internal.h"

#include "base/clock.h"

#include <stdlib.h>

#define TRAFFIC_ROWS 200000
#define TRAFFIC_MS   8000

typedef struct {
    int bucket;
    float exec_ms;
} Sample;

typedef struct {
    TrafficQuery query;
    Traffic *out;
    Sample *samples;
    size_t count;
} Reading;

static const char ROWS_SQL[] =
    "SELECT created, json_extract(data, '$.status'), json_extract(data, '$.execTime') FROM "
    "(SELECT created, data FROM _logs ORDER BY _rowid_ DESC LIMIT ?2) WHERE created >= ?1 AND "
    "json_valid(data) AND json_extract(data, '$.type') = 'request'";

static void note(Reading *r, Stmt *stmt)
{
    int64_t ms;
    if (!datetime_parse(stmt_str(stmt, 0), &ms)) return;
    int64_t bucket = (ms - r->query.from_ms) / r->query.bucket_ms;
    if (ms < r->query.from_ms || bucket >= r->query.count) return;
    TrafficBucket *b = &r->out->buckets[bucket];
    int64_t status = stmt_i64(stmt, 1);
    b->total++;
    if (status >= 500)
        b->errors_5xx++;
    else if (status >= 400)
        b->errors_4xx++;
    r->samples[r->count++] = (Sample){(int)bucket, (float)stmt_double(stmt, 2)};
}

static Error *oldest_work(Tx *tx, Reading *r)
{
    Str first;
    bool found;
    int64_t ms = 0;
    DbValue skip = DB_VALUE_INT(TRAFFIC_ROWS - 1);
    /* The oldest of those that are looked at; none when all are. */
    Error *err =
        tx_one_str(tx, S("SELECT created FROM _logs ORDER BY _rowid_ DESC LIMIT 1 OFFSET ?1"),
                   &skip, 1, &first, &found);
    if (err) return err;
    r->out->complete = !found || !datetime_parse(first, &ms) || ms <= r->query.from_ms;
    return NULL;
}

static Error *traffic_work(Tx *tx, void *arg)
{
    Reading *r = arg;
    Stmt *stmt;
    r->count = 0;
    memset(r->out->buckets, 0, (size_t)r->query.count * sizeof(TrafficBucket));
    Error *err = tx_prepare(tx, S(ROWS_SQL), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, datetime_format(tx_arena(tx), r->query.from_ms));
    stmt_bind_i64(stmt, 2, TRAFFIC_ROWS);
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        note(r, stmt);
    }
    stmt_release(stmt);
    return err ? err : oldest_work(tx, r);
}

static int by_bucket_and_time(const void *x, const void *y)
{
    const Sample *l = x, *r = y;
    if (l->bucket != r->bucket) return l->bucket < r->bucket ? -1 : 1;
    return l->exec_ms < r->exec_ms ? -1 : l->exec_ms > r->exec_ms;
}

/* The smallest time that so many of a hundred do not exceed. */
static float percentile(const Sample *sorted, size_t count, size_t percent)
{
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank > 0 ? rank - 1 : 0].exec_ms;
}

static void percentiles(Reading *r)
{
    qsort(r->samples, r->count, sizeof(Sample), by_bucket_and_time);
    for (size_t from = 0, to; from < r->count; from = to) {
        to = from + 1;
        while (to < r->count && r->samples[to].bucket == r->samples[from].bucket)
            to++;
        TrafficBucket *b = &r->out->buckets[r->samples[from].bucket];
        b->p50_ms = (double)percentile(&r->samples[from], to - from, 50);
        b->p99_ms = (double)percentile(&r->samples[from], to - from, 99);
    }
}

Error *logs_traffic(Logs *logs, Arena *a, const TrafficQuery *query, Traffic *out)
{
    Db *db = logs ? logs_db(logs) : NULL;
    *out = (Traffic){.buckets = arena_new(a, TrafficBucket, (size_t)query->count)};
    if (!db) return NULL;
    Reading r = {.query = *query, .out = out, .samples = arena_new(a, Sample, TRAFFIC_ROWS)};
    Error *err = db_read_slow(db, a, TRAFFIC_MS, traffic_work, &r);
    if (err) return err;
    out->available = true;
    percentiles(&r);
    return NULL;
}
