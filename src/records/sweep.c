/* sweep.c - rows and blobs compared at start.
 *
 * Files are stored before their row and removed after it, so a crash between
 * leaves blobs that no row names: they are removed once they are older than any
 * request can be. A row whose blob is missing is only told: somebody else must
 * have removed it, and a backup may have it.
 *
 * In a bucket, which may be shared, only folders of our own collections are
 * looked at, and in them only objects that carry this data folder's mark and were
 * stored before this server started: all others are left alone. Rows are not
 * compared with it: that would be a request for every file there is.
 *
 * A blob older than the database was left by no crash of it: somebody put
 * another database (or none, so that this one was made) beside the files. They
 * may be all that is left, so they are left alone, and told.
 *
 * Both directions go in bounded memory: blobs folder by folder, rows page by
 * page. The arenas below live until the caller's is reset, so that an error
 * made in one of them outlives the sweep. */
#include "base/clock.h"
#include "base/log.h"
#include "records/records_internal.h"

#define LOGGED_MAX    20 /* lines of each kind; the rest is only counted */
#define SCRATCH_BYTES ((size_t)32 << 20)

typedef struct {
    App *app;
    const Schema *schema;
    int64_t before_ms;   /* younger orphans are left alone */
    int64_t database_ms; /* when it was made: so are older ones */
    size_t orphans, older, foreign, missing;
    Arena *blob, *pages[2];

    FileFolder folder; /* being walked */
    StrList names;     /* what its row names */

    const Collection *c; /* whose rows are walked */
} Sweep;

static Arena *scratch(Arena *a)
{
    return arena_within(a, "sweep", SCRATCH_BYTES);
}

/* ---- blobs without a row ---- */

/* By a request that may still be under way. An object says so itself: its store's
 * clock is not ours. */
static bool is_in_use(const Sweep *s, const BlobInfo *info)
{
    if (info->origin != BLOB_LOCAL) return info->origin == BLOB_THIS_RUN;
    return info->modified_ms >= s->before_ms;
}

static Error *visit_blob(void *arg, Str collection_id, Str record_id, Str file_name,
                         uint64_t size_bytes)
{
    Sweep *s = arg;
    BlobInfo info;
    (void)size_bytes;
    Error *err =
        file_folder_names(s->app->db, s->schema, &s->folder, collection_id, record_id, &s->names);
    if (err || list_has(s->names, file_name)) return err;

    arena_reset(s->blob); /* closes the one before */
    Str key = str_printf(s->blob, "%.*s/%.*s/%.*s", STR_ARG(collection_id), STR_ARG(record_id),
                         STR_ARG(file_name));
    err = storage_stat(s->app->storage, s->blob, key, &info);
    if (!err && is_in_use(s, &info)) return NULL;
    if (!err && info.origin == BLOB_FOREIGN) {
        s->foreign++;
        return NULL;
    }
    int64_t tick_ms = info.origin == BLOB_LOCAL ? 0 : 1000; /* S3 tells whole seconds */
    if (!err && info.modified_ms + tick_ms <= s->database_ms) {
        s->older++;
        return NULL;
    }
    if (!err) err = storage_remove(s->app->storage, s->blob, key);
    if (err) {
        log_warn("records", "orphan not removed", LOG_STR("key", key), LOG_STR("why", err->cause));
    } else if (s->orphans++ < LOGGED_MAX) {
        log_info("records", "orphan removed", LOG_STR("key", key));
    }
    return NULL; /* one stubborn file does not end the sweep */
}

/* ---- rows without their blob ---- */

static Error *check_row(void *arg, const FileRow *row)
{
    Sweep *s = arg;
    for (size_t i = 0; i < row->names.count; i++) {
        BlobInfo info;
        arena_reset(s->blob);
        Str key = file_key(s->blob, s->c, row->id, row->names.items[i]);
        const Error *err = storage_stat(s->app->storage, s->blob, key, &info);
        if (!err || err->status != 404) continue;
        if (s->missing++ < LOGGED_MAX) log_warn("records", "file missing", LOG_STR("key", key));
    }
    return NULL;
}

/* The system collections were made with the database; their `created` cannot be
 * changed. Without one nothing is removed. */
static int64_t database_made_ms(const Schema *schema)
{
    int64_t ms;
    const Collection *c = schema_find(schema, S("_superusers"));
    return c && datetime_parse(c->created, &ms) ? ms : INT64_MAX;
}

static Error *sweep_local(Sweep *s, Arena *a)
{
    Error *err = storage_walk(s->app->storage, a, visit_blob, s);
    for (size_t i = 0; !err && i < s->schema->count; i++) {
        s->c = s->schema->collections[i];
        if (collection_has_files(s->c))
            err = file_rows_each(s->app->db, s->pages, s->c, check_row, s);
    }
    return err;
}

static Error *sweep_remote(Sweep *s, Arena *a)
{
    Error *err = NULL;
    for (size_t i = 0; !err && i < s->schema->count; i++) {
        const Collection *c = s->schema->collections[i];
        if (c->type == COLLECTION_VIEW) continue;
        err = storage_walk_collection(s->app->storage, a, c->id, visit_blob, s);
    }
    return err;
}

Error *records_sweep_files(App *app, Arena *a, int64_t before_ms, size_t *orphans, size_t *missing)
{
    Sweep s = {.app = app, .schema = schema_hold(app->schema, a)};
    s.before_ms = before_ms;
    s.database_ms = database_made_ms(s.schema);
    s.folder.arena = scratch(a);
    s.blob = scratch(a);
    s.pages[0] = scratch(a);
    s.pages[1] = scratch(a);
    Error *err = storage_is_remote(app->storage) ? sweep_remote(&s, a) : sweep_local(&s, a);
    if (s.orphans || s.missing) {
        log_info("records", "files swept", LOG_INT("orphans", s.orphans),
                 LOG_INT("missing", s.missing));
    }
    if (s.foreign) {
        log_info("records",
                 "objects that no record names, but others or this server before a restore have "
                 "stored, are kept",
                 LOG_INT("count", s.foreign));
    }
    if (s.older) {
        log_warn("records", "files older than the database, which names none of them, are kept",
                 LOG_INT("count", s.older));
    }
    *orphans = s.orphans;
    *missing = s.missing;
    return err;
}
