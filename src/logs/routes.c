/* routes.c - the log for superusers (api: operations §3).
 *
 * "_logs" is described as if it were a collection, so that the filter language
 * is the one of records; no other name than its fields can be asked for. */
#include "logs/logs_internal.h"

#define READ_MS 10000

/* Also the whitelist. `data` takes a path: data.status. */
static const Column COLUMNS[] = {
    {"id", FIELD_TEXT},      {"created", FIELD_TEXT}, {"level", FIELD_NUMBER},
    {"message", FIELD_TEXT}, {"data", FIELD_JSON},
};

typedef struct {
    Str filter, sort, id;
    Paging paging;
    bool stats;
    int64_t total, rows;
    Buf out;
} Reading;

/* A superuser, of no collection that the filter could look into. */
static Select *select_of(Tx *tx)
{
    Arena *a = tx_arena(tx);
    const Collection *c = collection_of_table(a, S("_logs"), COLUMNS, COUNT(COLUMNS));
    AuthInfo *auth = arena_new(a, AuthInfo, 1);
    *auth = (AuthInfo){.collection = c, .is_superuser = true};
    RequestInfo *info = arena_new(a, RequestInfo, 1);
    *info = (RequestInfo){.context = S("default"), .method = S("GET"), .auth = auth};
    return select_new(a, db_dialect(tx_db(tx)), schema_of(a, NULL, 0), c, info);
}

/* In the order of COLUMNS. What is no JSON, by another hand, is text. */
static void write_row(Arena *a, Stmt *stmt, Buf *out)
{
    buf_add(out, S("{\"created\":"));
    json_write_string(out, stmt_str(stmt, 1));
    buf_add(out, S(",\"data\":"));
    Str data = stmt_str(stmt, 4);
    if (json_is_valid(a, data))
        buf_add(out, data);
    else
        json_write_string(out, data);
    buf_add(out, S(",\"id\":"));
    json_write_string(out, stmt_str(stmt, 0));
    buf_add(out, S(",\"level\":"));
    buf_i64(out, stmt_i64(stmt, 2));
    buf_add(out, S(",\"message\":"));
    json_write_string(out, stmt_str(stmt, 3));
    buf_char(out, '}');
}

static Error *read_rows(Tx *tx, Select *q, Reading *r, int64_t limit, int64_t offset)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, select_rows_sql(q, NULL, 0, limit, offset), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (r->rows = 0;; r->rows++) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        if (r->rows > 0) buf_char(&r->out, ',');
        write_row(tx_arena(tx), stmt, &r->out);
    }
    stmt_release(stmt);
    return err;
}

static Error *count_rows(Tx *tx, Select *q, Reading *r)
{
    r->total = -1;
    if (r->paging.skip_total) return NULL;
    Stmt *stmt;
    bool row;
    Error *err = tx_prepare(tx, select_count_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = stmt_step(stmt, &row);
    if (err) return err;
    r->total = row ? stmt_i64(stmt, 0) : 0;
    stmt_release(stmt);
    return NULL;
}

static Error *list_work(Tx *tx, void *arg)
{
    Reading *r = arg;
    r->out = buf_new(tx_arena(tx), 16 * 1024);
    buf_add(&r->out, S("{\"items\":["));
    Select *q = select_of(tx);
    Error *err = select_where_client(q, r->filter);
    if (!err) err = select_sort_client(q, r->sort);
    if (!err) err = read_rows(tx, q, r, r->paging.per_page, paging_offset(&r->paging));
    if (!err) err = count_rows(tx, q, r);
    if (err) return err;
    paging_write_tail(&r->out, &r->paging, r->total);
    return NULL;
}

static Error *view_work(Tx *tx, void *arg)
{
    Reading *r = arg;
    r->out = buf_new(tx_arena(tx), 2048);
    Select *q = select_of(tx);
    Error *err = select_where_id(q, r->id);
    if (!err) err = read_rows(tx, q, r, 1, 0);
    return err ? err : r->rows == 0 ? error_status(tx_arena(tx), 404) : NULL;
}

/* Hours are in the index on their expression. */
static Error *stats_work(Tx *tx, void *arg)
{
    static const Str CREATED[] = {STR_INIT("created")};
    Reading *r = arg;
    Arena *a = tx_arena(tx);
    r->out = buf_new(a, 4096);
    buf_char(&r->out, '[');
    Select *q = select_of(tx);
    Error *err = select_where_client(q, r->filter);
    if (err) return err;
    Str rows = select_rows_sql(q, CREATED, 1, -1, 0);
    Stmt *stmt;
    err = tx_prepare(tx,
                     str_printf(a,
                                "SELECT strftime('%%Y-%%m-%%d %%H:00:00', created) || '.000Z', "
                                "COUNT(*) FROM (%.*s) GROUP BY 1 ORDER BY 1",
                                STR_ARG(rows)),
                     &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (bool first = true;; first = false) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        buf_add(&r->out, first ? S("{\"date\":") : S(",{\"date\":"));
        json_write_string(&r->out, stmt_str(stmt, 0));
        buf_add(&r->out, S(",\"total\":"));
        buf_i64(&r->out, stmt_i64(stmt, 1));
        buf_char(&r->out, '}');
    }
    buf_add(&r->out, S("]\n"));
    return err;
}

/* ---- handlers ---- */

static Error *database(Req *req, Db **out)
{
    *out = logs_db(req_context(req)->app->logs);
    if (*out) return NULL;
    return error_new(req->arena, 503, S("The log is not available at the moment."));
}

/* What is wrong with a filter stays between us and the log. */
static Error *read_error(Arena *a, Error *err)
{
    bool mistake = err->status == 400 || db_error_kind(err) == DB_ERROR_SYNTAX;
    if (!mistake) return err;
    return error_cause(a, error_status(a, 400), "%.*s; %.*s", STR_ARG(err->message),
                       STR_ARG(err->cause));
}

static Error *answer(Req *req, Res *res, TxWork work, Reading *r)
{
    Db *db;
    Error *err = database(req, &db);
    if (err) return err;
    err = db_read_slow(db, req->arena, READ_MS, work, r);
    if (err) return read_error(req->arena, err);
    return res_json_text(res, 200, buf_str(&r->out));
}

/* GET /api/logs ? page perPage sort filter skipTotal fields
 *
 *   200   {"items": [{"created", "data", "id", "level", "message"}], "page", …}
 *   400   a parameter, filter or sort that does not hold
 */
static Error *handle_list(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Reading r = {.filter = req_query(req, S("filter")), .sort = req_query(req, S("sort"))};
    err = paging_read(req, &r.paging);
    if (err) return err;
    return answer(req, res, list_work, &r);
}

/* GET /api/logs/stats ? filter fields
 *
 *   200   [{"date": "2022-01-01 10:00:00.000Z", "total"}], an item for each hour with entries
 *   400   a filter that does not hold
 */
static Error *handle_stats(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Reading r = {.filter = req_query(req, S("filter"))};
    return answer(req, res, stats_work, &r);
}

/* GET /api/logs/{id}
 *
 *   200   the entry
 *   404   no such entry
 */
static Error *handle_view(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Reading r = {.id = req_param(req, "id")};
    return answer(req, res, view_work, &r);
}

/* DELETE /api/logs
 *
 *   204   all entries are gone, but one that says who did it
 */
static Error *handle_truncate(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Db *db;
    err = database(req, &db);
    if (err) return err;
    err = store_clear(db, req->arena);
    if (err) return err;
    const Context *cx = req_context(req);
    log_info("logs", "all entries deleted", LOG_STR("superuser", cx->auth->id),
             LOG_STR("ip", cx->real_ip));
    return res_empty(res, 204);
}

const Route log_routes[] = {
    {"GET", "/api/logs", handle_list, 0, NULL},
    {"DELETE", "/api/logs", handle_truncate, 0, NULL},
    {"GET", "/api/logs/stats", handle_stats, 0, NULL},
    {"GET", "/api/logs/{id}", handle_view, 0, NULL},
};
const size_t log_route_count = COUNT(log_routes);
