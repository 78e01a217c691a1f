/* file_scan.c - every blob with whether a row names it, and every row's file
 * without a blob: what sweep.c does at start, for looking at.
 *
 * Bounded memory: blobs folder by folder, rows page by page. In a bucket rows
 * are not compared with it: that would be a request for every file there is. */
#include "base/clock.h"
#include "records/records_internal.h"

#define SCRATCH_BYTES ((size_t)32 << 20)

typedef struct {
    App *app;
    const Schema *schema;
    const FileScan *scan;
    Arena *blob, *pages[2];
    FileFolder folder;   /* being walked */
    StrList names;       /* what its row names */
    const Collection *c; /* whose rows are walked */
} Scan;

static Arena *scratch(Arena *a)
{
    return arena_within(a, "file scan", SCRATCH_BYTES);
}

bool file_folder_enter(FileFolder *f, const Schema *schema, Str collection_id, Str record_id)
{
    if (f->entered && str_eq(f->collection_id, collection_id) && str_eq(f->record_id, record_id))
        return false;
    arena_reset(f->arena);
    f->entered = true;
    f->collection_id = arena_copy(f->arena, collection_id);
    f->record_id = arena_copy(f->arena, record_id);
    f->c = schema_find_id(schema, collection_id);
    return true;
}

bool file_folder_has_rows(const FileFolder *f)
{
    return f->c && f->c->type != COLLECTION_VIEW;
}

/* Without a row, and not of an upload that may still be under way, nor of
 * somebody else who uses the same bucket. */
static Error *is_orphan(Scan *s, Str name, bool *orphan)
{
    BlobInfo info;
    *orphan = false;
    arena_reset(s->blob);
    Str key = str_printf(s->blob, "%.*s/%.*s/%.*s", STR_ARG(s->folder.collection_id),
                         STR_ARG(s->folder.record_id), STR_ARG(name));
    Error *err = storage_stat(s->app->storage, s->blob, key, &info);
    if (err) return err->status == 404 ? NULL : err;
    bool young = info.modified_ms > clock_wall_ms() - ORPHAN_AGE_MS;
    *orphan = info.origin != BLOB_FOREIGN && !young;
    return NULL;
}

static Error *visit_blob(void *arg, Str collection_id, Str record_id, Str file_name,
                         uint64_t size_bytes)
{
    Scan *s = arg;
    Error *err =
        file_folder_names(s->app->db, s->schema, &s->folder, collection_id, record_id, &s->names);
    if (err) return err;
    FileSeen seen = {.collection = s->folder.c,
                     .collection_id = collection_id,
                     .record_id = record_id,
                     .name = file_name,
                     .size_bytes = size_bytes};
    if (!list_has(s->names, file_name)) {
        err = is_orphan(s, file_name, &seen.is_orphan);
        if (err) return err;
    }
    return s->scan->blob(s->scan->arg, &seen);
}

/* ---- rows ---- */

static Error *check_row(void *arg, const FileRow *row)
{
    Scan *s = arg;
    for (size_t i = 0; i < row->names.count; i++) {
        BlobInfo info;
        arena_reset(s->blob);
        Str key = file_key(s->blob, s->c, row->id, row->names.items[i]);
        Error *err = storage_stat(s->app->storage, s->blob, key, &info);
        if (err && err->status != 404) return err;
        FileSeen seen = {.collection = s->c,
                         .collection_id = s->c->id,
                         .record_id = row->id,
                         .name = row->names.items[i],
                         .is_missing = true};
        if (err) err = s->scan->blob(s->scan->arg, &seen);
        if (err) return err;
    }
    return s->scan->row ? s->scan->row(s->scan->arg) : NULL;
}

bool collection_has_files(const Collection *c)
{
    for (size_t i = 0; i < c->field_count; i++)
        if (c->fields[i].type == FIELD_FILE) return c->type != COLLECTION_VIEW;
    return false;
}

Error *records_scan_files(App *app, Arena *a, const FileScan *scan)
{
    Scan s = {.app = app, .schema = schema_hold(app->schema, a), .scan = scan};
    s.folder.arena = scratch(a);
    s.blob = scratch(a);
    s.pages[0] = scratch(a);
    s.pages[1] = scratch(a);
    bool remote = storage_is_remote(app->storage);
    Error *err = remote ? NULL : storage_walk(app->storage, a, visit_blob, &s);
    for (size_t i = 0; !err && i < s.schema->count; i++) {
        s.c = s.schema->collections[i];
        if (!collection_has_files(s.c)) continue;
        if (remote) err = storage_walk_collection(app->storage, a, s.c->id, visit_blob, &s);
        if (!remote && !err) err = file_rows_each(app->db, s.pages, s.c, check_row, &s);
    }
    return err;
}

/* ---- one orphan ---- */

Error *records_remove_orphan(App *app, Arena *a, Str collection_id, Str record_id, Str name)
{
    Scan s = {.app = app, .schema = schema_hold(app->schema, a)};
    s.folder.arena = scratch(a);
    s.blob = scratch(a);
    bool orphan = false;
    Error *err =
        file_folder_names(app->db, s.schema, &s.folder, collection_id, record_id, &s.names);
    if (!err && list_has(s.names, name)) return error_new(a, 400, S("A record has this file."));
    if (!err) err = is_orphan(&s, name, &orphan);
    if (err) return err;
    if (!orphan) return error_new(a, 404, S("There is no such orphan, or it is too young."));
    Str key =
        str_printf(a, "%.*s/%.*s/%.*s", STR_ARG(collection_id), STR_ARG(record_id), STR_ARG(name));
    return storage_remove(app->storage, a, key);
}
