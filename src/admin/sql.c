/* sql.c - the SQL console (api: operations §5): what a superuser types, run so
 * that nobody else has to wait for it or gets to feel its mistakes.
 *
 * Queries of all superusers run one after the other on a thread of their own.
 * Those that read see one snapshot, on a connection that cannot write. Those
 * that write are a transaction of their own, which has as long as a query that
 * reads; but all other writes wait meanwhile, so it is undone when one of them has
 * waited for 30 seconds. Before it commits, the collections and the settings are read
 * anew, and a change that the server could not go on with is undone.
 *
 * Records changed this way trigger no rules and no removal of files; nobody knows
 * which they are, so that realtime streams end and their clients read anew. */
#include "admin/admin_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define QUERY_MAX   5000
#define LIMIT_MS    180000
#define OTHERS_MS   30000
#define ROWS_MAX    1000
#define COLUMNS_MAX 2000               /* the engine's own limit */
#define CELL_MAX    ((size_t)1 << 20)  /* a longer value is cut */
#define ANSWER_MAX  ((size_t)16 << 20) /* then no more rows come */

typedef enum { MODE_READ, MODE_WRITE, MODE_VACUUM } SqlMode;

typedef struct {
    App *app;
    Arena *arena;
    Str query;
    SqlMode mode;
    Error *err;
    uint64_t took_ns;
    DbChanges changes;
    int64_t row_count;
    bool cut;          /* rows or parts of cells are missing */
    Buf columns, rows; /* insides of the arrays */
} Query;

/* ---- rows ---- */

static Error *take_columns(void *arg, Stmt *stmt)
{
    Query *q = arg;
    q->columns.len = q->rows.len = 0; /* of several statements the last one counts */
    q->row_count = 0;
    q->cut = false;
    for (int i = 0; i < stmt_column_count(stmt); i++) {
        buf_add(&q->columns, i ? S(",{\"name\":") : S("{\"name\":"));
        json_write_string(&q->columns, stmt_column_name(stmt, i));
        buf_add(&q->columns, S(",\"type\":"));
        json_write_string(&q->columns, stmt_column_declared_type(stmt, i));
        buf_add(&q->columns, S(",\"nullable\":true}"));
    }
    return NULL;
}

/* Texts, whatever the value; bytes that are no UTF-8 are replaced. */
static void add_cell(Query *q, Stmt *stmt, int column)
{
    if (stmt_is_null(stmt, column)) {
        buf_add(&q->rows, S("null"));
        return;
    }
    Str cell = stmt_str(stmt, column);
    q->cut |= cell.len > CELL_MAX;
    json_write_string(&q->rows, str_sub(cell, 0, CELL_MAX));
}

static Error *take_row(void *arg, Stmt *stmt, bool *enough)
{
    Query *q = arg;
    if (q->row_count >= ROWS_MAX || q->rows.len >= ANSWER_MAX) {
        *enough = q->cut = true;
        return NULL;
    }
    if (q->row_count++ > 0) buf_char(&q->rows, ',');
    buf_char(&q->rows, '[');
    for (int i = 0; i < stmt_column_count(stmt); i++) {
        if (i > 0) buf_char(&q->rows, ',');
        if (q->rows.len < ANSWER_MAX)
            add_cell(q, stmt, i);
        else
            buf_add(&q->rows, S("null"));
    }
    buf_char(&q->rows, ']');
    return NULL;
}

/* ---- running ---- */

static Error *read_work(Tx *tx, void *arg)
{
    Query *q = arg;
    q->columns = buf_new(tx_arena(tx), 1024);
    q->rows = buf_new(tx_arena(tx), 16 * 1024);
    DbRows rows = {.columns = take_columns, .row = take_row, .arg = q};
    return tx_exec_foreign(tx, q->query, &rows, NULL);
}

static Error *write_work(Tx *tx, void *arg)
{
    Query *q = arg;
    q->columns = buf_new(tx_arena(tx), 16);
    q->rows = buf_new(tx_arena(tx), 16);
    Error *err = tx_exec_foreign(tx, q->query, NULL, &q->changes);
    if (err) return err;
    err = schema_reload(q->app->schema, tx);
    if (err) return err;
    err = settings_reload(q->app->settings, tx);
    if (err) return err;
    if (q->changes.any) records_announce_any(q->app, tx);
    return NULL;
}

/* On the console's thread. */
static void run(void *arg)
{
    Query *q = arg;
    Db *db = q->app->db;
    const DbPatience patience = {.alone_ms = LIMIT_MS, .others_ms = OTHERS_MS};
    uint64_t from = clock_mono_ns();
    switch (q->mode) {
    case MODE_READ:
        q->err = db_read_slow(db, q->arena, LIMIT_MS, read_work, q);
        break;
    case MODE_WRITE:
        q->err = db_write_patient(db, q->arena, patience, write_work, q);
        break;
    case MODE_VACUUM:
        q->err = db_vacuum(db, q->arena, patience);
        break;
    }
    q->took_ns = clock_mono_ns() - from;
}

static SqlMode mode_of(Str query)
{
    static const Str WRITING[] = {STR_INIT("INSERT"), STR_INIT("CREATE"), STR_INIT("UPDATE"),
                                  STR_INIT("DELETE"), STR_INIT("DROP"),   STR_INIT("DETACH"),
                                  STR_INIT("ALTER"),  STR_INIT("REPLACE")};
    for (size_t i = 0; i < COUNT(WRITING); i++)
        if (str_starts_nocase(query, WRITING[i])) return MODE_WRITE;
    Str bare = query;
    while (bare.len > 0 && bare.ptr[bare.len - 1] == ';')
        bare = str_trim(str_sub(bare, 0, bare.len - 1));
    return str_eq_nocase(bare, S("VACUUM")) ? MODE_VACUUM : MODE_READ;
}

/* In the order of what is tried: "WITH … DELETE" looks like reading. */
static Error *query_run(Query *q, bool read_only)
{
    q->mode = read_only ? MODE_READ : mode_of(q->query);
    Error *err = await_work(q->app->console, q->arena, run, q);
    if (err) return err;
    if (!read_only && q->mode == MODE_READ && db_error_kind(q->err) == DB_ERROR_READ_ONLY) {
        q->mode = MODE_WRITE;
        err = await_work(q->app->console, q->arena, run, q);
        if (err) return err;
    }
    return q->err;
}

static Error *query_error(Arena *a, const Error *err)
{
    if (db_error_kind(err) == DB_ERROR_BUSY) return error_status(a, 503);
    Str raw = db_error_raw(err);
    if (raw.len == 0) raw = err->message;
    Str message = str_printf(a, "Failed to execute query. Raw error:\n%.*s", STR_ARG(raw));
    return error_cause(a, error_new(a, 400, message), "%.*s", STR_ARG(err->cause));
}

static Str query_answer(const Query *q)
{
    Buf out = buf_new(q->arena, q->rows.len + q->columns.len + 128);
    uint64_t took_us = q->took_ns / 1000;
    buf_add(&out, S("{\"execTime\":"));
    json_write_number(&out, (double)took_us / 1000);
    buf_add(&out, S(",\"affectedRows\":"));
    buf_i64(&out, q->changes.rows);
    buf_add(&out, S(",\"columns\":["));
    buf_add(&out, buf_str(&q->columns));
    buf_add(&out, S("],\"rows\":["));
    buf_add(&out, buf_str(&q->rows));
    buf_add(&out, q->cut ? S("],\"truncated\":true}\n") : S("]}\n"));
    return buf_str(&out);
}

static Error *read_query(Req *req, Str *query, bool *read_only)
{
    Arena *a = req->arena;
    Body body;
    Error *err = req_body(req, 0, &body);
    if (err && err->status == 400)
        return error_summary(err, S("An error occurred while loading the submitted data."));
    if (err) return err;
    *query = str_trim(json_str(json_get(body.data, S("query")), S("")));
    *read_only = json_bool(json_get(body.data, S("readOnly")), false);
    if (query->len == 0) err = error_required(a, S("query"));
    if (query->len > QUERY_MAX) {
        Json *params = json_new_object(a);
        json_set_number(a, params, S("max"), QUERY_MAX);
        err = error_field_params(a, S("query"), "validation_length_too_long",
                                 str_printf(a, "The length must be no more than %d.", QUERY_MAX),
                                 params);
    }
    return err ? error_summary(err, S("An error occurred while validating the submitted data."))
               : NULL;
}

/* POST /api/sql
 *
 *   body  {"query": "at most 5000 bytes", "readOnly": refuse to write}
 *   200   {"execTime", "affectedRows", "columns": [{"name", "type", "nullable"}],
 *         "rows": [[text or null]]}, at most 1000 rows
 *   400   data.query, or the engine's own words
 */
Error *handle_sql(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Str text;
    bool read_only = false;
    err = read_query(req, &text, &read_only);
    if (err) return err;

    const Context *cx = req_context(req);
    Query q = {.app = cx->app, .arena = req->arena, .query = text};
    q.columns = buf_new(req->arena, 16);
    q.rows = buf_new(req->arena, 16);
    err = query_run(&q, read_only);
    if (q.mode != MODE_READ)
        log_info("sql", err ? "a query that writes has failed" : "a query has written",
                 LOG_STR("superuser", cx->auth->id), LOG_STR("ip", cx->real_ip),
                 LOG_INT("rows", q.changes.rows)); /* not the query: it may hold secrets */
    if (err) return query_error(req->arena, err);
    return res_json_text(res, 200, query_answer(&q));
}
