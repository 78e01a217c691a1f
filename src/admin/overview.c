/* overview.c - what the owner wants to see at a glance (docs/dashboard-api.md).
 *
 * Everything is read in one piece of work in the slow lane, so a large site
 * holds no loop up, and kept for a few seconds: a dashboard asks often. */
#include "admin/admin_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define OVERVIEW_MS 8000
#define CACHE_MS    15000
#define NEWEST_MAX  100000 /* records of a collection that are looked at */
#define HOUR_S      INT64_C(3600)

typedef struct {
    Str name;
    int64_t bucket_s;
    int count;
} Range;

static const Range RANGES[SURVEY_RANGES] = {
    {STR_INIT("24h"), HOUR_S, 24},
    {STR_INIT("7d"), 3 * HOUR_S, 56},
    {STR_INIT("30d"), 24 * HOUR_S, 30},
};

/* ---- buckets ---- */

/* They end with the one that is not over yet. */
static int64_t first_bucket_s(const Range *r, int64_t now_ms)
{
    int64_t present = now_ms / 1000 / r->bucket_s * r->bucket_s;
    return present - (r->count - 1) * r->bucket_s;
}

static Json *zeros(Arena *a, int count)
{
    Json *list = json_new_array(a);
    for (int i = 0; i < count; i++)
        json_push(a, list, json_new_number(a, 0));
    return list;
}

static bool keeps_created(const Collection *c)
{
    const Field *f = collection_field(c, S("created"));
    return c->type != COLLECTION_VIEW && f && f->type == FIELD_AUTODATE && f->on_create;
}

/* Records come in the order of their rows, so the newest are at the end: no
 * index is needed, and however large the table is, only its end is read. */
static Str created_sql(Tx *tx, const Collection *c)
{
    Arena *a = tx_arena(tx);
    Buf name = buf_new(a, 64);
    db_dialect(tx_db(tx))->quote_name(&name, c->name);
    return str_printf(a,
                      "SELECT (CAST(strftime('%%s', substr(\"created\", 1, 19)) AS INTEGER) - ?1) "
                      "/ ?2 AS bucket, count(*) FROM (SELECT \"created\" FROM %.*s ORDER BY "
                      "_rowid_ DESC LIMIT %d) WHERE \"created\" >= ?3 GROUP BY bucket",
                      STR_ARG(buf_str(&name)), NEWEST_MAX);
}

static Error *count_created(Tx *tx, const Collection *c, const Range *r, int64_t from_s,
                            Json *counts, int64_t *total)
{
    Stmt *stmt;
    *total = 0;
    Error *err = tx_prepare(tx, created_sql(tx, c), &stmt);
    if (err) return err;
    stmt_bind_i64(stmt, 1, from_s);
    stmt_bind_i64(stmt, 2, r->bucket_s);
    stmt_bind_str(stmt, 3, datetime_format(tx_arena(tx), from_s * 1000));
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        Json *slot = json_at(counts, (size_t)MAX(stmt_i64(stmt, 0), 0));
        if (stmt_i64(stmt, 0) < 0 || !slot) continue;
        slot->number += (double)stmt_i64(stmt, 1);
        *total += stmt_i64(stmt, 1);
    }
    stmt_release(stmt);
    return err;
}

typedef struct {
    Context *cx;
    const Range *range;
    int64_t now_ms;
    Json *out;
    Warnings warnings;
} Overview;

static Error *add_records(Tx *tx, Overview *o, int64_t from_s)
{
    Arena *a = tx_arena(tx);
    const Schema *schema = o->cx->schema;
    Json *records = json_new_array(a), *sign_ups = zeros(a, o->range->count);
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *c = schema->collections[i];
        if (c->system || !keeps_created(c)) continue;
        int64_t total;
        Json *counts = zeros(a, o->range->count);
        Error *err = count_created(tx, c, o->range, from_s, counts, &total);
        if (err && db_error_kind(err) == DB_ERROR_SYNTAX) continue; /* dropped just now */
        if (err) return err;
        for (int k = 0; k < o->range->count && c->type == COLLECTION_AUTH; k++)
            json_at(sign_ups, (size_t)k)->number += json_at(counts, (size_t)k)->number;
        Json *item = json_push(a, records, json_new_object(a));
        json_set_str(a, item, S("collection"), c->name);
        json_set_str(a, item, S("type"), collection_type_name(c->type));
        json_set_number(a, item, S("total"), (double)total);
        json_set_bool(a, item, S("atLeast"), total >= NEWEST_MAX);
        json_set(a, item, S("counts"), counts);
    }
    json_set(a, o->out, S("records"), records);
    json_set(a, o->out, S("signUps"), sign_ups);
    return NULL;
}

static void add_buckets(Arena *a, Overview *o, int64_t from_s)
{
    Json *buckets = json_new_array(a);
    for (int i = 0; i < o->range->count; i++)
        json_push(a, buckets,
                  json_new_string(a, datetime_format(a, (from_s + i * o->range->bucket_s) * 1000)));
    json_set_str(a, o->out, S("range"), o->range->name);
    json_set_number(a, o->out, S("bucketSeconds"), (double)o->range->bucket_s);
    json_set(a, o->out, S("buckets"), buckets);
}

/* ---- the server ---- */

/* Seconds since this process began, from what the kernel keeps of it. */
static double uptime_s(void)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) return 0;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    Str rest = str_make(text, len);
    rest =
        str_from_pos(rest, (size_t)(str_rfind_char(rest, ')') + 1)); /* the name may have blanks */
    uint64_t ticks = 0;
    for (int i = 0; i <= 20 && rest.ptr; i++) { /* field 22, the first blank before field 3 */
        Str field = str_split(&rest, ' ');
        if (i == 20 && !str_to_u64(field, &ticks)) return 0;
    }
    struct timespec now;
    long per_second = sysconf(_SC_CLK_TCK);
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0 || per_second <= 0) return 0;
    return (double)now.tv_sec - (double)ticks / (double)per_second;
}

static void add_server(Arena *a, Overview *o)
{
    Json *server = json_new_object(a);
    json_set_str(a, server, S("version"), str_from(CROFT_VERSION));
    json_set_number(a, server, S("uptimeSeconds"), (double)(int64_t)uptime_s());
    json_set(a, o->out, S("server"), server);
}

/* ---- requests ---- */

static Json *traffic_json(Arena *a, const Traffic *t, int count)
{
    static const char *const KEYS[] = {"total", "clientErrors", "serverErrors", "p50", "p99"};
    Json *lists[COUNT(KEYS)], *out = json_new_object(a);
    for (size_t i = 0; i < COUNT(KEYS); i++)
        lists[i] = json_new_array(a);
    for (int i = 0; i < count; i++) {
        const TrafficBucket *b = &t->buckets[i];
        const double values[] = {(double)b->total, (double)b->errors_4xx, (double)b->errors_5xx,
                                 b->p50_ms, b->p99_ms};
        _Static_assert(COUNT(values) == COUNT(KEYS), "a list for each");
        for (size_t k = 0; k < COUNT(KEYS); k++)
            json_push(a, lists[k], json_new_number(a, values[k]));
    }
    for (size_t i = 0; i < COUNT(KEYS); i++)
        json_set(a, out, str_from(KEYS[i]), lists[i]);
    json_set_bool(a, out, S("complete"), t->complete);
    return out;
}

/* A log that cannot be read costs the owner its plot, not the page. */
static void add_requests(Arena *a, Overview *o)
{
    Traffic traffic;
    const Range *r = o->range;
    TrafficQuery query = {.from_ms = first_bucket_s(r, o->now_ms) * 1000,
                          .bucket_ms = r->bucket_s * 1000,
                          .count = r->count};
    Error *err = logs_traffic(o->cx->app->logs, a, &query, &traffic);
    bool shown = !err && traffic.available;
    json_set(a, o->out, S("requests"),
             shown ? traffic_json(a, &traffic, r->count) : json_new_null(a));
}

/* ---- the whole ---- */

static Error *overview_work(Tx *tx, void *arg)
{
    Overview *o = arg;
    Arena *a = tx_arena(tx);
    int64_t from_s = first_bucket_s(o->range, o->now_ms);
    o->out = json_new_object(a);
    o->warnings.list = json_new_array(a);
    json_set_str(a, o->out, S("at"), datetime_format(a, o->now_ms));
    add_buckets(a, o, from_s);
    Error *err = add_records(tx, o, from_s);
    if (!err) err = usage_read(tx, o->out, &o->warnings);
    if (!err) err = warnings_of_rows(tx, o->cx, &o->warnings);
    return err;
}

static const Range *range_find(Str name, size_t *index)
{
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        if (!str_eq(name, RANGES[i].name) && !(i == 0 && name.len == 0)) continue;
        *index = i;
        return &RANGES[i];
    }
    return NULL;
}

static Error *overview_make(Req *req, const Range *range, Str *out)
{
    Context *cx = req_context(req);
    Overview o = {.cx = cx, .range = range, .now_ms = clock_wall_ms()};
    JobStats jobs = {0};
    Error *err = db_read_slow(cx->app->db, req->arena, OVERVIEW_MS, overview_work, &o);
    if (!err) err = backups_read(cx->app, req->arena, o.out, &o.warnings);
    if (!err && cx->app->jobs) err = jobs_stats(cx->app->jobs, req->arena, &jobs);
    if (err) return err;
    add_requests(req->arena, &o);
    add_server(req->arena, &o);
    warnings_of_settings(req->arena, cx, &jobs, &o.warnings);
    json_set(req->arena, o.out, S("warnings"), o.warnings.list);
    *out = json_format(req->arena, o.out);
    return NULL;
}

/* GET /api/admin/overview ? range=24h|7d|30d
 *
 *   200   {"at", "range", "bucketSeconds", "buckets", "requests", "records", "signUps",
 *          "storage", "backup", "server", "warnings"}; at most 15 seconds old
 *   400   data.range
 */
Error *handle_overview(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    size_t index;
    const Range *range = range_find(req_query(req, S("range")), &index);
    if (!range)
        return invalid_input(error_field(req->arena, S("range"), "validation_in_invalid",
                                         S("Must be 24h, 7d or 30d.")));
    Survey *survey = req_context(req)->app->survey;
    Str text;
    if (!req_query_has(req, S("fresh")) &&
        survey_recall(survey, req->arena, index, CACHE_MS, &text))
        return res_json_text(res, 200, text);
    err = overview_make(req, range, &text);
    if (err) return err;
    survey_keep(survey, index, text);
    return res_json_text(res, 200, text);
}
