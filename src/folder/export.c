/* export.c - definitions and records written out for other programs.
 *
 *     <to>.exporting     made, filled, synced
 *     <to>               that folder, by one rename
 *
 * Records of all collections are read in one transaction, so they are as of one
 * moment although a server may write meanwhile. Rows stream: one at a time is in
 * memory. Uploaded files follow their record; one that the server removes while
 * this is at work is counted as missing. */
#include "folder/folder_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES   ((size_t)256 << 10)
#define ROW_BYTES     ((size_t)64 << 20)
#define SHOWN_EVERY   256 /* records between two looks at the clock */
#define FOLDER_MODE   0700
#define NO_TIME_LIMIT 0

typedef struct {
    App *app;
    Arena *a;
    const ExportRequest *request;
    const FolderProgress *progress;
    ExportReport *report;
    const Schema *schema;
    const Collection **collections; /* all that go into collections.json */
    size_t count;
    Str work; /* the folder being made */
    Arena *row;
    char *chunk;
    uint64_t done, total; /* records */
} Export;

/* ---- what to take ---- */

static Error *choose(Export *e)
{
    const ExportRequest *q = e->request;
    const Schema *s = e->schema;
    e->collections =
        arena_new(e->a, const Collection *, (q->name_count ? q->name_count : s->count) + 1);
    for (size_t i = 0; i < q->name_count; i++) {
        const Collection *c = schema_find(s, q->names[i]);
        if (!c)
            return error_new(
                e->a, 400,
                str_printf(e->a, "There is no collection \"%.*s\".", STR_ARG(q->names[i])));
        e->collections[e->count++] = c;
    }
    for (size_t i = 0; q->name_count == 0 && i < s->count; i++)
        if (!s->collections[i]->system) e->collections[e->count++] = s->collections[i];
    return NULL;
}

static bool has_records(const Export *e, const Collection *c)
{
    return c->type != COLLECTION_VIEW || e->request->name_count > 0;
}

/* ---- files of ours ---- */

static Error *folder_make(Export *e, Str path)
{
    if (mkdir(arena_cstr(e->row, path), FOLDER_MODE) == 0 || errno == EEXIST) return NULL;
    return error_errno(e->a, errno, "mkdir", arena_copy(e->a, path));
}

static Error *file_open(Export *e, Str path, FILE **out)
{
    *out = fopen(arena_cstr(e->a, path), "w");
    return *out ? NULL : error_errno(e->a, errno, "open", path);
}

static Error *file_close(Export *e, FILE *file, Str path, Error *err)
{
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    return !err && failed ? error_errno(e->a, errno, "write", path) : err;
}

static void put(Buf *out, FILE *file)
{
    (void)fwrite(out->ptr, 1, out->len, file); /* file_close() tells */
    out->len = 0;
}

static Error *json_file(Export *e, const char *name, const Json *value)
{
    Str path = path_join(e->a, e->work, name);
    FILE *file;
    Error *err = file_open(e, path, &file);
    if (err) return err;
    Buf text = buf_new(e->a, 4096);
    json_write(&text, value);
    buf_char(&text, '\n');
    put(&text, file);
    return file_close(e, file, path, NULL);
}

static Error *write_definitions(Export *e)
{
    Json *list = json_new_array(e->a);
    for (size_t i = 0; i < e->count; i++)
        json_push(e->a, list, collection_to_json(e->a, e->collections[i]));
    Error *err = json_file(e, "collections.json", list);
    if (err) return err;
    const Settings *settings = settings_hold(e->app->settings, e->a);
    return json_file(e, "settings.json", settings_to_json(e->a, settings));
}

/* ---- uploaded files ---- */

/* A stored name leads nowhere but into the folder it is put in, whoever wrote
 * the row. */
static bool is_plain_name(Str name)
{
    return name.len > 0 && name.len < 256 && name.ptr[0] != '.' && str_find_char(name, '/') < 0 &&
           str_find_char(name, '\0') < 0;
}

static Error *blob_copy(Export *e, Str key, Str path)
{
    Blob *blob;
    BlobInfo info;
    Error *err = storage_blob(e->app->storage, e->row, key, 0, &blob, &info);
    if (err && err->status == 404) {
        e->report->missing++;
        return NULL;
    }
    if (err) return err;
    FILE *file;
    err = file_open(e, path, &file);
    if (err) return err;
    for (uint64_t at = 0; !err && at < info.size_bytes;) {
        size_t n = (size_t)MIN(info.size_bytes - at, (uint64_t)CHUNK_BYTES);
        err = blob_read(blob, at, e->chunk, n);
        if (!err && fwrite(e->chunk, 1, n, file) < n) break;
        at += n;
    }
    e->report->files++;
    e->report->bytes += info.size_bytes;
    return file_close(e, file, path, err);
}

static Error *file_write(Export *e, const Collection *c, Str id, Str name)
{
    if (!is_plain_name(name) || !is_plain_name(id)) {
        e->report->missing++;
        return NULL;
    }
    Str parts[] = {S("files"), c->name, id};
    Str path = e->work;
    for (size_t i = 0; i < COUNT(parts); i++) {
        path = str_printf(e->row, "%.*s/%.*s", STR_ARG(path), STR_ARG(parts[i]));
        Error *err = folder_make(e, path);
        if (err) return err;
    }
    Str key = str_printf(e->row, "%.*s/%.*s/%.*s", STR_ARG(c->id), STR_ARG(id), STR_ARG(name));
    return blob_copy(e, key, str_printf(e->row, "%.*s/%.*s", STR_ARG(path), STR_ARG(name)));
}

static Error *record_files(Export *e, const Record *r)
{
    const Collection *c = r->collection;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (f->type != FIELD_FILE) continue;
        Str text = record_str(r, f->name);
        Json *list = json_new_array(e->row);
        if (!field_is_list(f) && text.len > 0)
            json_push(e->row, list, json_new_string(e->row, text));
        else if (text.len > 0 && json_parse(e->row, text, NULL, &list))
            continue; /* no list of names: croft check tells */
        for (size_t n = 0; n < json_count(list); n++) {
            Error *err = file_write(e, c, record_id(r), json_str(json_at(list, n), S("")));
            if (err) return err;
        }
    }
    return NULL;
}

/* ---- records ---- */

static void shown(Export *e)
{
    if (e->done++ % SHOWN_EVERY == 0)
        progress_tell(e->progress, "records", false, e->done, e->total);
}

static Error *rows_stream(Export *e, const Collection *c, Stmt *stmt, RowWriter *rows, FILE *file)
{
    Buf out = buf_new(e->a, CHUNK_BYTES / 4);
    rows_head(rows, &out);
    for (bool row;;) {
        Error *err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        arena_reset(e->row);
        Record *r = record_read(e->row, c, stmt);
        rows_write(rows, &out, e->row, r);
        put(&out, file);
        if (e->request->files && c->type != COLLECTION_VIEW) err = record_files(e, r);
        if (err) return err;
        shown(e);
    }
    rows_tail(rows, &out);
    put(&out, file);
    return NULL;
}

static Error *select_all(Export *e, Tx *tx, const Collection *c, Stmt **out)
{
    RequestInfo info = {.context = S("default"), .now_ms = clock_wall_ms()};
    Select *q = select_new(tx_arena(tx), db_dialect(e->app->db), e->schema, c, &info);
    Error *err = select_sort_client(q, S("id"));
    if (!err) err = tx_prepare(tx, select_rows_sql(q, NULL, 0, -1, 0), out);
    if (!err) select_bind(q, *out);
    return err;
}

static Error *collection_write(Export *e, Tx *tx, const Collection *c)
{
    static const char *const ENDINGS[] = {
        [ROWS_CSV] = "csv", [ROWS_JSON] = "json", [ROWS_JSONL] = "jsonl"};
    Str path = str_printf(e->a, "%.*s/records/%.*s.%s", STR_ARG(e->work), STR_ARG(c->name),
                          ENDINGS[e->request->format]);
    RowWriter rows;
    Stmt *stmt = NULL;
    FILE *file;
    Error *err = rows_new(e->a, c, e->request->format, S(""), true, &rows);
    if (!err) err = select_all(e, tx, c, &stmt);
    if (!err) err = file_open(e, path, &file);
    if (err) return err;
    err = rows_stream(e, c, stmt, &rows, file);
    stmt_release(stmt);
    err = file_close(e, file, path, err);
    e->report->collections[e->report->collection_count++] =
        (ExportedCollection){c->name, rows.written};
    return err;
}

static Error *count_all(Export *e, Tx *tx)
{
    e->total = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (!has_records(e, e->collections[i])) continue;
        Buf sql = buf_new(e->a, 128);
        buf_add(&sql, S("SELECT count(*) FROM "));
        db_dialect(e->app->db)->quote_name(&sql, e->collections[i]->name);
        int64_t count = 0;
        bool found;
        Error *err = tx_one_i64(tx, buf_str(&sql), NULL, 0, &count, &found);
        if (err) return err;
        e->total += (uint64_t)count;
    }
    return NULL;
}

static Error *export_work(Tx *tx, void *arg)
{
    Export *e = arg;
    *e->report = (ExportReport){.collections = arena_new(e->a, ExportedCollection, e->count + 1)};
    e->done = 0;
    Error *err = count_all(e, tx);
    for (size_t i = 0; !err && i < e->count; i++)
        if (has_records(e, e->collections[i])) err = collection_write(e, tx, e->collections[i]);
    progress_tell(e->progress, "records", false, e->done, e->total);
    return err;
}

/* ---- the whole ---- */

static Error *put_in_place(Export *e)
{
    progress_tell(e->progress, "writing", false, 0, 0);
    Error *err = sync_all(e->a, e->work);
    if (err) return err;
    if (rename(arena_cstr(e->a, e->work), arena_cstr(e->a, e->request->to)) != 0)
        return error_errno(e->a, errno, "rename", e->work);
    return sync_folder(e->a, path_parent(e->request->to));
}

static Error *may_begin(Export *e)
{
    bool empty;
    Error *err = folder_is_empty(e->a, e->request->to, &empty);
    if (err) return err;
    if (!empty)
        return error_new(e->a, 400,
                         str_printf(e->a, "There is something at %.*s already; name a new folder.",
                                    STR_ARG(e->request->to)));
    if (e->request->files && settings_hold(e->app->settings, e->a)->s3.enabled)
        return error_new(e->a, 400,
                         S("Uploaded files are in S3 by the settings: leave --files out, and copy "
                           "the bucket with a tool of its own."));
    return NULL;
}

Error *folder_export(App *app, Arena *a, const ExportRequest *request,
                     const FolderProgress *progress, ExportReport *report)
{
    Export e = {.app = app,
                .a = a,
                .request = request,
                .progress = progress,
                .report = report,
                .schema = schema_hold(app->schema, a),
                .chunk = arena_bytes(a, CHUNK_BYTES)};
    int lock;
    Error *err = choose(&e);
    if (!err) err = may_begin(&e);
    if (!err) err = work_folder_make(a, request->to, "exporting", &e.work, &lock);
    if (err) return err;

    e.row = arena_create("export row", ROW_BYTES);
    err = folder_make(&e, path_join(a, e.work, "records"));
    if (!err) err = write_definitions(&e);
    if (!err) err = db_read_slow(app->db, a, NO_TIME_LIMIT, export_work, &e);
    if (!err) err = put_in_place(&e);
    arena_destroy(e.row);
    if (err) {
        Error *ignored = tree_delete(a, e.work); /* then the next export does it */
        (void)ignored;
    }
    close(lock);
    return err;
}
