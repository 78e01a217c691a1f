/* read.c - the list and the view of records (api: records §3, §4).
 *
 * One db_read() each, in which rows are written straight into the response's
 * buffer. When the schema was replaced meanwhile, the answer is thrown away and
 * made again: names and hidden flags must be those of the rows. */
#include "records/records_internal.h"

#define ATTEMPTS        3
#define PUBLISH_WAIT_MS 5

/* Between a schema's commit and its publication new tables are there with the
 * old names known: such a statement does not compile, and a moment helps. */
bool read_is_stale(App *app, const Schema *schema, const Error *err)
{
    if (schema_version(app->schema) != schema->version) return true;
    if (!err || db_error_kind(err) != DB_ERROR_SYNTAX) return false;
    await_sleep(PUBLISH_WAIT_MS);
    return schema_version(app->schema) != schema->version;
}

void schema_refresh(Req *req)
{
    Context *cx = req_context(req);
    cx->schema = schema_hold(cx->app->schema, req->arena);
    if (!cx->auth) return;
    AuthInfo *auth = arena_new(req->arena, AuthInfo, 1);
    *auth = *cx->auth;
    auth->collection = schema_find_id(cx->schema, auth->collection_id);
    cx->auth = auth->collection ? auth : NULL;
    cx->info.auth = cx->auth;
}

/* ---- what both share ---- */

typedef struct {
    Req *req;
    Arena *a;
    Context *cx;
    const Collection *c;
    Select *select;
    RenderPlan plan;
    const ExpandNode *expand;
    Str rows_sql, count_sql;
    Buf out;

    Paging paging;
    int64_t rows, total;
    Record **records; /* with `expand` only */
    bool found;
    bool wants_etag; /* `etag` was asked for */
    Str etag;
} ReadJob;

static Error *read_begin(ReadJob *job, RuleKind kind)
{
    Body body;
    FieldsPick *pick = NULL;
    Context *cx = job->cx;
    Error *err = req_collection(job->req, S("Missing collection context."), &job->c);
    if (err) return err;
    err = req_body(job->req, 0, &body);
    if (err) return err;
    if (body.present) cx->info.body = body.data;
    err = rule_guard_null(job->a, job->c, kind, context_is_superuser(cx));
    if (err) return err;

    Str fields = req_query(job->req, S("fields"));
    if (fields.len) {
        err = fields_parse(job->a, fields, &pick);
        if (err) return err;
    }
    Str expand = req_query(job->req, S("expand"));
    job->expand = expand.len ? expand_parse(job->a, expand) : NULL;
    render_plan(&job->plan, job->a, cx->schema, job->c, &cx->info, pick);

    job->select = select_new(job->a, db_dialect(cx->app->db), cx->schema, job->c, &cx->info);
    const Rule *rule = &job->c->rules[kind];
    if (context_is_superuser(cx) || rule->text.len == 0) return NULL;
    const Filter *filter = rule_filter(job->c, kind);
    err = filter ? select_where_rule(job->select, filter) : error_status(job->a, 400);
    if (err && kind == RULE_VIEW) return error_status(job->a, 404);
    return err ? error_cause(job->a, error_status(job->a, 400), "rule: %.*s", STR_ARG(err->message))
               : NULL;
}

static void read_sql(ReadJob *job, int64_t limit, int64_t offset)
{
    if (select_is_never(job->select)) return;
    bool all = job->expand != NULL; /* whole Records, to be expanded */
    job->rows_sql = select_rows_sql(job->select, all ? NULL : job->plan.names,
                                    all ? 0 : job->plan.count, limit, offset);
}

static Error *read_rows(ReadJob *job, Tx *tx)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, job->rows_sql, &stmt);
    if (err) return err;
    select_bind(job->select, stmt);
    for (bool row;; job->rows++) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if (job->expand) {
            job->records[job->rows] = record_read(job->a, job->c, stmt);
            continue;
        }
        if (job->rows) buf_char(&job->out, ',');
        err = render_row(&job->plan, tx, stmt, &job->out);
        if (err) return err;
    }
}

static Error *read_expanded(ReadJob *job, Tx *tx)
{
    Error *err = records_enrich(tx, job->cx->schema, job->records, (size_t)job->rows, job->expand,
                                &job->cx->info);
    if (err) return err;
    for (int64_t i = 0; i < job->rows; i++) {
        if (i) buf_char(&job->out, ',');
        record_write_json(&job->out, job->records[i], job->cx->auth);
    }
    return NULL;
}

static Error *read_items(ReadJob *job, Tx *tx)
{
    job->rows = 0;
    if (!job->rows_sql.len) return NULL;
    Error *err = read_rows(job, tx);
    if (err || !job->expand) return err;
    return read_expanded(job, tx);
}

/* ---- list ---- */

static Error *count_rows(ReadJob *job, Tx *tx)
{
    Stmt *stmt;
    bool row;
    Error *err = tx_prepare(tx, job->count_sql, &stmt);
    if (err) return err;
    select_bind(job->select, stmt);
    err = stmt_step(stmt, &row);
    if (err) return err;
    job->total = row ? stmt_i64(stmt, 0) : 0;
    stmt_reset(stmt);
    return NULL;
}

/* A page that is not full is the last one: its end is the total (but for
 * views, whose total counts ids that may come twice). */
static Error *list_total(ReadJob *job, Tx *tx)
{
    bool is_last = job->c->type != COLLECTION_VIEW && job->rows < job->paging.per_page &&
                   (job->rows > 0 || job->paging.page == 1);
    job->total = job->paging.skip_total ? -1
                 : is_last              ? paging_offset(&job->paging) + job->rows
                                        : 0;
    if (job->paging.skip_total || is_last || !job->rows_sql.len) return NULL;
    return count_rows(job, tx);
}

static Error *list_work(Tx *tx, void *arg)
{
    ReadJob *job = arg;
    job->out.len = 0;
    buf_add(&job->out, S("{\"items\":["));
    Error *err = read_items(job, tx);
    if (err) return err;
    err = list_total(job, tx);
    if (err) return err;
    paging_write_tail(&job->out, &job->paging, job->total);
    return NULL;
}

static Error *client_conditions(ReadJob *job)
{
    Str filter = req_query(job->req, S("filter")), sort = req_query(job->req, S("sort"));
    if (filter.len) {
        Error *err = select_where_client(job->select, filter);
        if (err) return err;
    }
    return sort.len ? select_sort_client(job->select, sort) : NULL;
}

/* What is wrong with a filter stays between us and the log. */
static Error *list_error(Arena *a, Error *err)
{
    bool mistake = err->status == 400 || db_error_kind(err) == DB_ERROR_SYNTAX;
    if (!mistake || err->field.len) return err;
    return error_cause(a, error_status(a, 400), "%.*s; %.*s", STR_ARG(err->message),
                       STR_ARG(err->cause));
}

static Error *list_once(ReadJob *job)
{
    Error *err = read_begin(job, RULE_LIST);
    if (err) return err;
    err = paging_read(job->req, &job->paging);
    if (err) return err;
    err = client_conditions(job);
    if (err) return list_error(job->a, err);

    read_sql(job, job->paging.per_page, paging_offset(&job->paging));
    if (job->rows_sql.len && !job->paging.skip_total)
        job->count_sql = select_count_sql(job->select);
    if (job->expand) job->records = arena_new(job->a, Record *, (size_t)job->paging.per_page);
    job->out = buf_new(job->a, 16 * 1024);
    return db_read(job->cx->app->db, job->a, list_work, job);
}

Error *handle_list(Req *req, Res *res)
{
    for (int attempt = 1;; attempt++) {
        ReadJob job = {.req = req, .a = req->arena, .cx = req_context(req)};
        const Schema *schema = job.cx->schema;
        Error *err = list_once(&job);
        if (attempt < ATTEMPTS && read_is_stale(job.cx->app, schema, err)) {
            schema_refresh(req);
            continue;
        }
        return err ? list_error(req->arena, err) : res_json_text(res, 200, buf_str(&job.out));
    }
}

/* ---- view ---- */

static Error *view_work(Tx *tx, void *arg)
{
    ReadJob *job = arg;
    job->out.len = 0;
    Error *err = read_items(job, tx);
    if (err) return err;
    if (job->rows == 0) return error_status(job->a, 404);
    buf_char(&job->out, '\n');
    if (!job->wants_etag || job->c->type == COLLECTION_VIEW) return NULL;
    Record *r;
    err = record_find(tx, job->c, req_param(job->req, "id"), &r);
    if (err) return err;
    job->etag = record_etag(job->a, r);
    return NULL;
}

static Error *view_once(ReadJob *job)
{
    Error *err = read_begin(job, RULE_VIEW);
    if (err) return err;
    err = select_where_id(job->select, req_param(job->req, "id"));
    if (err) return err;
    read_sql(job, 1, 0);
    if (!job->rows_sql.len) return error_status(job->a, 404);
    if (job->expand) job->records = arena_new(job->a, Record *, 1);
    job->out = buf_new(job->a, 2048);
    return db_read(job->cx->app->db, job->a, view_work, job);
}

Error *handle_view(Req *req, Res *res)
{
    for (int attempt = 1;; attempt++) {
        ReadJob job = {.req = req, .a = req->arena, .cx = req_context(req)};
        const Schema *schema = job.cx->schema;
        job.wants_etag = req->query_string.len > 0 && req_query_has(req, S("etag"));
        Error *err = view_once(&job);
        if (attempt < ATTEMPTS && read_is_stale(job.cx->app, schema, err)) {
            schema_refresh(req);
            continue;
        }
        if (err && db_error_kind(err) == DB_ERROR_SYNTAX) {
            err =
                error_cause(req->arena, error_status(req->arena, 404), "%.*s", STR_ARG(err->cause));
        }
        if (!err && job.etag.len) res_header(res, S("ETag"), job.etag);
        return err ? err : res_json_text(res, 200, buf_str(&job.out));
    }
}
