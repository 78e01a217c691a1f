/* export.c - the records of a collection as a file, streamed
 * (docs/dashboard-api.md).
 *
 * A page of rows at a time is read and sent, each in a read of its own, so that
 * memory is bounded and no snapshot is held for as long as the client takes.
 * Pages follow each other by id, so a record that is there all the while comes
 * exactly once; with a sort, and of a view, by position. */
#include "admin/admin_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define PAGE_ROWS   1000
#define PAGE_BYTES  ((size_t)512 << 10) /* a page ends early when it is as long */
#define READ_BYTES  (ARENA_BYTES / 4)   /* or has read as much: whole rows, whatever is written */
#define PAGE_MS     30000
#define COUNT_MS    5000
#define SORTED_MAX  200000 /* each page by position skips all rows before it */
#define ARENA_BYTES ((size_t)64 << 20)

typedef struct {
    App *app;
    const Schema *schema;
    const Collection *c;
    RequestInfo info;
    Str filter, sort;
    RowWriter rows;
    bool by_position;
    Arena *page;   /* one page's memory */
    Str page_last; /* the last id of this page, in its memory */
    Str last_id;   /* of the page before: this page's work may run twice */
    Buf last_space;
    int64_t offset;
    Buf out;
    size_t count; /* rows of this page */
    bool more;
} Export;

/* A text of the filter language. */
static Str quoted(Arena *a, Str s)
{
    Buf b = buf_new(a, s.len + 8);
    buf_char(&b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\') buf_char(&b, '\\');
        buf_char(&b, s.ptr[i]);
    }
    buf_char(&b, '\'');
    return buf_str(&b);
}

static Error *page_select(Export *e, Arena *a, Select **out)
{
    Select *q = select_new(a, db_dialect(e->app->db), e->schema, e->c, &e->info);
    Error *err = select_where_client(q, e->filter);
    if (!err && !e->by_position && e->last_id.len > 0)
        err = select_where_client(q, str_printf(a, "id > %.*s", STR_ARG(quoted(a, e->last_id))));
    if (!err) err = select_sort_client(q, e->sort.len > 0 ? e->sort : S("id"));
    *out = q;
    return err;
}

static bool page_is_full(const Export *e, const Arena *a)
{
    return e->out.len >= PAGE_BYTES || arena_used(a) >= READ_BYTES;
}

static Error *page_work(Tx *tx, void *arg)
{
    Export *e = arg;
    Arena *a = tx_arena(tx);
    Select *q;
    Stmt *stmt;
    e->out = buf_new(a, 64 << 10);
    e->count = 0;
    e->more = false;
    Error *err = page_select(e, a, &q);
    if (err || select_is_never(q)) return err;
    int64_t skip = e->by_position ? e->offset : 0;
    err = tx_prepare(tx, select_rows_sql(q, NULL, 0, PAGE_ROWS, skip), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    RowWriter rows = e->rows;
    for (bool row; e->count < PAGE_ROWS && !page_is_full(e, a); e->count++) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) goto out;
        Record *r = record_read(a, e->c, stmt);
        rows_write(&rows, &e->out, a, r);
        e->page_last = record_id(r);
    }
    e->more = true;
out:
    stmt_release(stmt);
    return NULL;
}

static Error *count_work(Tx *tx, void *arg)
{
    Export *e = arg;
    Select *q;
    Stmt *stmt;
    bool row;
    Error *err = page_select(e, tx_arena(tx), &q);
    e->count = 0;
    if (err || select_is_never(q)) return err;
    err = tx_prepare(tx, select_count_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = stmt_step(stmt, &row);
    if (!err && row) e->count = (size_t)stmt_i64(stmt, 0);
    stmt_release(stmt);
    return err;
}

/* Also tells a faulty filter or sort before anything is sent. */
static Error *check_first(Export *e, Arena *a)
{
    Select *q;
    Error *err = page_select(e, a, &q);
    if (err)
        return err->status == 400
                   ? error_field(a, S("filter"), "validation_invalid_filter", err->message)
                   : err;
    if (!e->by_position) return NULL;
    err = db_read_slow(e->app->db, a, COUNT_MS, count_work, e);
    if (err || e->count <= SORTED_MAX) return err;
    return error_field(
        a, S("sort"), "validation_too_many",
        str_printf(a, "More than %d records can only be exported without a sort.", SORTED_MAX));
}

static Error *send_pages(Export *e, Res *res)
{
    do {
        arena_reset(e->page);
        Error *err = db_read_slow(e->app->db, e->page, PAGE_MS, page_work, e);
        if (err) return err;
        e->rows.written += e->count;
        e->offset += (int64_t)e->count;
        e->last_space.len = 0;
        if (e->count > 0) buf_add(&e->last_space, e->page_last);
        if (e->count > 0) e->last_id = buf_str(&e->last_space);
        err = e->out.len > 0 ? res_stream_write(res, buf_str(&e->out)) : NULL;
        if (err) return err;
    } while (e->more && !res_is_closed(res));
    return NULL;
}

static Error *export_send(Export *e, Req *req, Res *res)
{
    static const struct {
        Str type;
        const char *extension;
    } FORMATS[] = {
        [ROWS_CSV] = {STR_INIT("text/csv; charset=utf-8"), "csv"},
        [ROWS_JSON] = {STR_INIT("application/json"), "json"},
        [ROWS_JSONL] = {STR_INIT("application/x-ndjson"), "jsonl"},
    };
    Arena *a = req->arena;
    e->page = arena_within(a, "export page", ARENA_BYTES);
    e->last_space = buf_new(a, 256);
    Str day = str_sub(datetime_now(a), 0, 10);
    res_header(res, S("Content-Disposition"),
               str_printf(a, "attachment; filename=\"%.*s-%.*s.%s\"", STR_ARG(e->c->name),
                          STR_ARG(day), FORMATS[e->rows.format].extension));
    res_header(res, S("Cache-Control"), S("no-store"));
    Error *err = res_stream_start(res, 200, FORMATS[e->rows.format].type);
    if (err) return err;
    Buf text = buf_new(a, 1024);
    rows_head(&e->rows, &text);
    err = text.len > 0 ? res_stream_write(res, buf_str(&text)) : NULL;
    if (!err) err = send_pages(e, res);
    if (err) return err;
    text.len = 0;
    rows_tail(&e->rows, &text);
    err = text.len > 0 ? res_stream_write(res, buf_str(&text)) : NULL;
    if (err) return err;
    log_info("admin", "records exported", LOG_STR("collection", e->c->name),
             LOG_INT("records", e->rows.written));
    return res_stream_end(res);
}

static bool format_find(Str text, RowsFormat *out)
{
    *out = ROWS_CSV;
    if (str_eq(text, S("json"))) *out = ROWS_JSON;
    if (str_eq(text, S("jsonl"))) *out = ROWS_JSONL;
    return text.len == 0 || *out != ROWS_CSV || str_eq(text, S("csv"));
}

/* A browser saves a link: it has no header, but a file token. */
static Error *require_superuser_or_file_token(Req *req)
{
    Context *cx = req_context(req);
    Str token = req_query(req, S("token"));
    if (cx->auth || token.len == 0) return require_superuser(req);
    Record *owner;
    Json *claims;
    Error *err =
        auth_find_by_token(cx->app, req->arena, cx->schema, token, TOKEN_FILE, &owner, &claims);
    if (err) return err;
    bool refused = superuser_ip_refused(cx->settings, cx->real_ip);
    if (!collection_is_superusers(owner->collection) || refused)
        return error_status(req->arena, 403);
    cx->auth = auth_info_of(req->arena, owner);
    cx->info.auth = cx->auth;
    return NULL;
}

/* GET /api/collections/{collection}/export ? format filter sort fields token raw
 *
 *   200   the records, streamed: csv (default), json or jsonl
 *   400   data.format, data.filter, data.sort, data.fields
 *   404   no such collection
 */
Error *handle_export(Req *req, Res *res)
{
    Error *err = require_superuser_or_file_token(req);
    if (err) return err;
    Context *cx = req_context(req);
    Arena *a = req->arena;
    Export e = {.app = cx->app, .schema = cx->schema, .info = cx->info};
    err = req_collection(req, S("Missing or invalid collection context."), &e.c);
    if (err) return err;
    RowsFormat format;
    if (!format_find(req_query(req, S("format")), &format))
        return invalid_input(
            error_field(a, S("format"), "validation_in_invalid", S("Must be csv, json or jsonl.")));
    e.filter = req_query(req, S("filter"));
    e.sort = req_query(req, S("sort"));
    e.by_position = e.sort.len > 0 || e.c->type == COLLECTION_VIEW;
    bool raw = req_query_has(req, S("raw"));
    err = rows_new(a, e.c, format, req_query(req, S("fields")), !raw, &e.rows);
    if (!err) err = check_first(&e, a);
    return err ? invalid_input(err) : export_send(&e, req, res);
}
