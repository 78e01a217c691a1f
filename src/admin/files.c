/* files.c - what the uploaded files take, which are the largest, and which
 * belong to nothing (docs/dashboard-api.md).
 *
 * A walk over all files takes as long as there are many, so it runs on a thread
 * of its own, one at a time; who asks gets the latest result and how far the
 * present walk is. */
#include "admin/admin_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define LARGEST_MAX 50
#define LISTED_MAX  1000
#define FRESH_MS    (10 * 60 * 1000)
#define FAULT_MS    (60 * 1000) /* so long nobody tries again unasked */
#define DELETE_MAX  1000
#define ARENA_BYTES ((size_t)256 << 20)

typedef struct {
    Str collection_id, record_id, name;
    const Collection *collection;
    uint64_t size_bytes;
    bool is_orphan;
} Entry;

typedef struct {
    uint64_t count, bytes;
} Sum;

typedef struct {
    Survey *survey;
    App *app;
    Arena *a;
    const Schema *schema;
    Sum *sums; /* by collection */
    Sum total, orphan_sum, missing_sum;
    Entry largest[LARGEST_MAX]; /* by size */
    size_t largest_count;
    Entry *orphans, *missing;
    size_t orphan_count, missing_count;
} Walk;

/* ---- gathering ---- */

static Entry entry_of(Walk *w, const FileSeen *f)
{
    return (Entry){.collection_id = arena_copy(w->a, f->collection_id),
                   .record_id = arena_copy(w->a, f->record_id),
                   .name = arena_copy(w->a, f->name),
                   .collection = f->collection,
                   .size_bytes = f->size_bytes,
                   .is_orphan = f->is_orphan};
}

static void note_largest(Walk *w, const FileSeen *f)
{
    size_t at = w->largest_count;
    if (at == LARGEST_MAX && f->size_bytes <= w->largest[at - 1].size_bytes) return;
    if (at < LARGEST_MAX)
        w->largest_count++;
    else
        at--;
    Entry entry = entry_of(w, f);
    for (; at > 0 && w->largest[at - 1].size_bytes < f->size_bytes; at--)
        w->largest[at] = w->largest[at - 1];
    w->largest[at] = entry;
}

static void sum_add(Sum *sum, uint64_t bytes)
{
    sum->count++;
    sum->bytes += bytes;
}

static Error *note_blob(void *arg, const FileSeen *f)
{
    Walk *w = arg;
    if (f->is_missing) {
        sum_add(&w->missing_sum, 0);
        if (w->missing_count < LISTED_MAX) w->missing[w->missing_count++] = entry_of(w, f);
        return NULL;
    }
    sum_add(&w->total, f->size_bytes);
    const Collection *c = schema_find_id(w->schema, f->collection_id);
    if (c) sum_add(&w->sums[c->index], f->size_bytes);
    note_largest(w, f);
    if (f->is_orphan) {
        sum_add(&w->orphan_sum, f->size_bytes);
        if (w->orphan_count < LISTED_MAX) w->orphans[w->orphan_count++] = entry_of(w, f);
    }
    return survey_walk_step(w->survey) ? NULL : error_new(w->a, 503, S("The server stops."));
}

static Error *note_row(void *arg)
{
    const Walk *w = arg;
    return survey_walk_step(w->survey) ? NULL : error_new(w->a, 503, S("The server stops."));
}

/* ---- the result ---- */

static Json *entry_json(Arena *a, const Entry *e)
{
    Json *out = json_new_object(a);
    json_set_str(a, out, S("key"),
                 str_printf(a, "%.*s/%.*s/%.*s", STR_ARG(e->collection_id), STR_ARG(e->record_id),
                            STR_ARG(e->name)));
    json_set_str(a, out, S("collectionId"), e->collection_id);
    json_set_str(a, out, S("collectionName"), e->collection ? e->collection->name : S(""));
    json_set_str(a, out, S("recordId"), e->record_id);
    json_set_str(a, out, S("name"), e->name);
    json_set_number(a, out, S("size"), (double)e->size_bytes);
    json_set_bool(a, out, S("orphan"), e->is_orphan);
    return out;
}

static Json *sum_json(Arena *a, const Sum *sum)
{
    Json *out = json_new_object(a);
    json_set_number(a, out, S("count"), (double)sum->count);
    json_set_number(a, out, S("bytes"), (double)sum->bytes);
    return out;
}

static Json *list_json(Arena *a, const Sum *sum, const Entry *entries, size_t count)
{
    Json *out = sum_json(a, sum), *items = json_new_array(a);
    for (size_t i = 0; i < count; i++)
        json_push(a, items, entry_json(a, &entries[i]));
    json_set(a, out, S("items"), items);
    return out;
}

static Str result_text(const Walk *w)
{
    Arena *a = w->a;
    Json *out = json_new_object(a), *collections = json_new_array(a);
    json_set_str(a, out, S("at"), datetime_now(a));
    json_set_bool(a, out, S("remote"), storage_is_remote(w->app->storage));
    json_set(a, out, S("total"), sum_json(a, &w->total));
    for (size_t i = 0; i < w->schema->count; i++) {
        if (w->sums[i].count == 0) continue;
        Json *item = json_push(a, collections, sum_json(a, &w->sums[i]));
        json_set_str(a, item, S("id"), w->schema->collections[i]->id);
        json_set_str(a, item, S("name"), w->schema->collections[i]->name);
    }
    json_set(a, out, S("collections"), collections);
    Json *largest = json_new_array(a);
    for (size_t i = 0; i < w->largest_count; i++)
        json_push(a, largest, entry_json(a, &w->largest[i]));
    json_set(a, out, S("largest"), largest);
    json_set(a, out, S("orphans"), list_json(a, &w->orphan_sum, w->orphans, w->orphan_count));
    json_set(a, out, S("missing"), list_json(a, &w->missing_sum, w->missing, w->missing_count));
    return json_format(a, out);
}

/* ---- the walk ---- */

typedef struct {
    App *app;
    const Schema *schema;
    uint64_t rows;
} RowCount;

/* How much there is to do: about a blob and a look for each row. */
static Error *count_rows(Tx *tx, void *arg)
{
    RowCount *k = arg;
    k->rows = 0;
    for (size_t i = 0; i < k->schema->count; i++) {
        const Collection *c = k->schema->collections[i];
        if (!collection_has_files(c)) continue;
        Buf sql = buf_new(tx_arena(tx), 64);
        int64_t count = 0;
        bool found;
        buf_add(&sql, S("SELECT count(*) FROM "));
        db_dialect(tx_db(tx))->quote_name(&sql, c->name);
        Error *err = tx_one_i64(tx, buf_str(&sql), NULL, 0, &count, &found);
        if (err) return err;
        k->rows += (uint64_t)count;
    }
    return NULL;
}

static Error *walk(Walk *w)
{
    RowCount rows = {w->app, w->schema, 0};
    Error *err = db_read_slow(w->app->db, w->a, 10000, count_rows, &rows);
    if (err) return err;
    survey_walk_expect(w->survey, 2 * rows.rows);
    w->sums = arena_new(w->a, Sum, w->schema->count + 1);
    w->orphans = arena_new(w->a, Entry, LISTED_MAX);
    w->missing = arena_new(w->a, Entry, LISTED_MAX);
    const FileScan scan = {note_blob, note_row, w};
    return records_scan_files(w->app, w->a, &scan);
}

static Error *walk_protected(void *arg)
{
    return walk(arg);
}

/* What the disk or the bucket said is for the owner, who set it up. */
static Str fault_text(Arena *a, const Error *err)
{
    bool more = err->cause.len > 0 && !str_eq(err->cause, err->message);
    Str text = more ? str_printf(a, "%.*s (%.*s)", STR_ARG(err->message), STR_ARG(err->cause))
                    : err->message;
    return json_format(a, json_new_string(a, text));
}

/* On the survey's thread. */
void files_walk(Survey *survey, App *app)
{
    survey_forget(survey, SURVEY_FAULT);
    Arena *a = arena_create("files", ARENA_BYTES);
    Walk *w = arena_new(a, Walk, 1);
    *w = (Walk){.survey = survey, .app = app, .a = a, .schema = schema_hold(app->schema, a)};
    Error *err = arena_protect(a, walk_protected, w);
    if (err) {
        log_warn("admin", "the files could not all be looked at", LOG_STR("why", err->message),
                 LOG_STR("cause", err->cause));
        survey_keep(survey, SURVEY_FAULT, fault_text(a, err));
    } else {
        survey_keep(survey, SURVEY_FILES, result_text(w));
    }
    arena_destroy(a);
}

/* GET /api/admin/files ? fresh
 *
 *   200   {"running", "percent", "error": text or null,
 *          "result": {"at", "remote", "total", "collections", "largest", "orphans",
 *                     "missing"} or null}
 */
Error *handle_files(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    App *app = req_context(req)->app;
    Survey *survey = app->survey;
    Str text, fault;
    bool fresh = survey_recall(survey, a, SURVEY_FILES, FRESH_MS, &text);
    bool failed = survey_recall(survey, a, SURVEY_FAULT, FAULT_MS, &fault);
    if ((!fresh && !failed) || req_query_has(req, S("fresh"))) survey_walk_start(survey, app);
    int percent;
    bool running = survey_walk_state(survey, &percent); /* first: it may end meanwhile */
    if (!survey_recall(survey, a, SURVEY_FILES, UINT64_MAX, &text)) text = S("null");
    if (running || !survey_recall(survey, a, SURVEY_FAULT, FAULT_MS, &fault)) fault = S("null");
    return res_json_text(
        res, 200,
        str_printf(a, "{\"running\":%s,\"percent\":%d,\"error\":%.*s,\"result\":%.*s}\n",
                   running ? "true" : "false", percent, STR_ARG(fault), STR_ARG(text)));
}

/* ---- orphans ---- */

static Error *remove_key(App *app, Arena *a, Str key)
{
    Str rest = key;
    Str collection = str_split(&rest, '/'), record = str_split(&rest, '/');
    bool whole = rest.ptr && collection.len > 0 && record.len > 0 && rest.len > 0 &&
                 str_find_char(rest, '/') < 0 && str_find_char(key, '\0') < 0;
    bool hidden = !whole || collection.ptr[0] == '.' || record.ptr[0] == '.' || rest.ptr[0] == '.';
    if (hidden) return error_new(a, 400, S("It is not the key of a file."));
    return records_remove_orphan(app, a, collection, record, rest);
}

/* POST /api/admin/files/orphans/delete
 *
 *   body  {"keys": ["<collection id>/<record id>/<file name>", …] at most 1000}
 *   200   {"deleted", "failed", "items": [{"key", "status", "message"?}, …]}
 *   400   data.keys
 */
Error *handle_orphans_delete(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    Body body;
    err = auth_body(req, &body);
    if (err) return err;
    const Json *keys = json_get(body.data, S("keys"));
    if (!json_is(keys, JSON_ARRAY) || json_count(keys) == 0 || json_count(keys) > DELETE_MAX)
        return invalid_input(error_field(a, S("keys"), "validation_length_out_of_range",
                                         S("Must be a list of 1 to 1000 keys.")));
    size_t deleted = 0;
    Json *answer = json_new_object(a), *items = json_new_array(a);
    for (size_t i = 0; i < json_count(keys); i++) {
        Str key = json_str(json_at(keys, i), S(""));
        err = remove_key(req_context(req)->app, a, key);
        Json *item = json_push(a, items, json_new_object(a));
        json_set_str(a, item, S("key"), key);
        json_set_number(a, item, S("status"), err ? err->status : 204);
        if (err) json_set_str(a, item, S("message"), err->message);
        if (!err) deleted++;
    }
    log_info("admin", "orphaned files deleted", LOG_INT("count", deleted));
    survey_forget(req_context(req)->app->survey, SURVEY_FILES);
    json_set_number(a, answer, S("deleted"), (double)deleted);
    json_set_number(a, answer, S("failed"), (double)(json_count(keys) - deleted));
    json_set(a, answer, S("items"), items);
    return res_json(res, 200, answer);
}
