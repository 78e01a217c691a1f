/* check_files.c - files against records, both ways.
 *
 * Files folder by folder, records page by page, as records/sweep.c does at
 * start; this one changes nothing and tells more. A file that no record names
 * may belong to a write under way on a running server: what is younger than
 * YOUNG_MS is passed over then. */
#include "folder/folder_internal.h"

#include "base/clock.h"

#define PAGE_ROWS     500
#define KEYS_MAX      100000 /* kept for a repair; more are only counted */
#define SCRATCH_BYTES ((size_t)64 << 20)
#define YOUNG_MS      600000

typedef struct {
    Str *items;
    size_t count, cap;
} Keys;

typedef struct {
    Check *k;
    const Schema *schema;
    Arena *blob, *page, *ends;
    FileFolder folder;   /* being walked */
    Keys names;          /* what its record names */
    bool unknown;        /* its columns are not as they should be */
    const Collection *c; /* whose records are walked */
    Str after;           /* last id of the page before; in `ends` */
    Keys wanted;
    Keys orphans, bare, missing;
    uint64_t orphan_bytes;
} Files;

static Arena *scratch(Arena *a)
{
    return arena_within(a, "check files", SCRATCH_BYTES);
}

static void keys_push(Arena *a, Keys *keys, Str key)
{
    if (keys->count == keys->cap) {
        size_t cap = keys->cap ? keys->cap * 2 : 16;
        Str *grown = arena_new(a, Str, cap);
        if (keys->count) memcpy(grown, keys->items, keys->count * sizeof(Str));
        keys->items = grown;
        keys->cap = cap;
    }
    keys->items[keys->count++] = key;
}

static void keys_keep(Files *s, Keys *keys, Str key)
{
    if (keys->count < KEYS_MAX) keys_push(s->k->a, keys, arena_copy(s->k->a, key));
}

/* The file names of one value of one field. */
static void push_names(Arena *a, const Field *f, Str text, Keys *names)
{
    if (!field_is_list(f)) {
        if (text.len > 0) keys_push(a, names, text);
        return;
    }
    Json *list;
    if (json_parse(a, text, NULL, &list)) return; /* told by check_records.c */
    for (size_t i = 0; i < json_count(list); i++)
        keys_push(a, names, json_str(json_at(list, i), S("")));
}

/* "SELECT id,avatar,docs FROM users" of a collection's file fields. */
static Buf file_columns(Tx *tx, const Collection *c)
{
    const SqlDialect *dialect = db_dialect(tx_db(tx));
    Buf sql = buf_new(tx_arena(tx), 256);
    buf_add(&sql, S("SELECT id"));
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].type != FIELD_FILE) continue;
        buf_char(&sql, ',');
        dialect->quote_name(&sql, c->fields[i].name);
    }
    buf_add(&sql, S(" FROM "));
    dialect->quote_name(&sql, c->name);
    return sql;
}

/* The names in the present row of such a statement. */
static void push_row_names(Arena *a, const Collection *c, Stmt *stmt, Keys *names)
{
    int column = 1;
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].type != FIELD_FILE) continue;
        push_names(a, &c->fields[i], arena_copy(a, stmt_str(stmt, column++)), names);
    }
}

/* ---- files without a record ---- */

static Error *names_work(Tx *tx, void *arg)
{
    Files *s = arg;
    s->names = (Keys){0};
    Buf sql = file_columns(tx, s->folder.c);
    buf_add(&sql, S(" WHERE id = ?1"));
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, s->folder.record_id);
    bool row;
    err = stmt_step(stmt, &row);
    if (!err && row) push_row_names(s->folder.arena, s->folder.c, stmt, &s->names);
    return err;
}

static Error *enter_folder(Files *s, Str collection_id, Str record_id)
{
    if (!file_folder_enter(&s->folder, s->schema, collection_id, record_id)) return NULL;
    s->names = (Keys){0};
    s->unknown = false;
    if (!file_folder_has_rows(&s->folder)) return NULL;
    Error *err = db_read(s->k->app->db, s->folder.arena, names_work, s);
    s->unknown = db_error_kind(err) == DB_ERROR_SYNTAX; /* told by check_tables.c */
    return s->unknown ? NULL : err;
}

static bool is_named(const Files *s, Str name)
{
    for (size_t i = 0; i < s->names.count; i++)
        if (str_eq(s->names.items[i], name)) return true;
    return false;
}

static Error *visit_blob(void *arg, Str collection_id, Str record_id, Str name, uint64_t size)
{
    Files *s = arg;
    Error *err = enter_folder(s, collection_id, record_id);
    if (err || s->unknown) return err;
    s->k->report->files++;
    progress_tell(s->k->progress, "files", false, s->k->report->files, 0);
    arena_reset(s->blob);
    Str key = str_printf(s->blob, "%.*s/%.*s/%.*s", STR_ARG(collection_id), STR_ARG(record_id),
                         STR_ARG(name));
    BlobInfo info;
    err = storage_stat(s->k->app->storage, s->blob, key, &info);
    if (err) return err->status == 404 ? NULL : err;
    if (!is_named(s, name)) {
        if (s->k->live && info.modified_ms > clock_wall_ms() - YOUNG_MS) return NULL;
        s->orphan_bytes += size;
        keys_keep(s, &s->orphans, key);
    } else if (info.original_name.len == 0 &&
               str_eq(info.content_type, S("application/octet-stream"))) {
        keys_keep(s, &s->bare, key);
    }
    return NULL;
}

/* ---- records without their file ---- */

static Error *page_work(Tx *tx, void *arg)
{
    Files *s = arg;
    Arena *a = tx_arena(tx);
    Buf sql = file_columns(tx, s->c);
    buf_printf(&sql, " WHERE id > ?1 ORDER BY id LIMIT %d", PAGE_ROWS);
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, s->after);
    s->wanted = (Keys){0};
    Str last = S("");
    size_t rows = 0;
    for (bool row;; rows++) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        last = arena_copy(a, stmt_str(stmt, 0));
        Keys names = {0};
        push_row_names(a, s->c, stmt, &names);
        for (size_t n = 0; n < names.count; n++)
            keys_push(a, &s->wanted,
                      str_printf(a, "%.*s/%.*s/%.*s", STR_ARG(s->c->id), STR_ARG(last),
                                 STR_ARG(names.items[n])));
    }
    s->after = rows == PAGE_ROWS ? arena_copy(s->ends, last) : S("");
    return NULL;
}

static Error *check_collection(Files *s)
{
    s->after = S("");
    arena_reset(s->ends);
    do {
        arena_reset(s->page);
        Error *err = db_read_slow(s->k->app->db, s->page, 0, page_work, s);
        if (db_error_kind(err) == DB_ERROR_SYNTAX) return NULL; /* told by check_tables.c */
        if (err) return err;
        for (size_t i = 0; i < s->wanted.count; i++) {
            BlobInfo info;
            arena_reset(s->blob);
            err = storage_stat(s->k->app->storage, s->blob, s->wanted.items[i], &info);
            if (err && err->status != 404) return err;
            if (err) keys_keep(s, &s->missing, s->wanted.items[i]);
        }
    } while (s->after.len > 0);
    return NULL;
}

/* ---- repairs ---- */

static Error *run_remove(App *app, Arena *a, const Finding *self)
{
    const Keys *keys = self->data;
    for (size_t i = 0; i < keys->count; i++) {
        Error *err = storage_remove(app->storage, a, keys->items[i]);
        if (err) return err;
    }
    return NULL;
}

/* The name under which it is stored is the best that is known of its own. */
static Error *write_sidecar(App *app, Arena *a, Str key)
{
    int fd;
    BlobInfo info;
    Str type;
    Error *err = storage_open_blob(app->storage, a, key, &fd, &info);
    if (!err) err = storage_sniff(app->storage, a, fd, S(""), &type);
    if (err) return err;
    Str name = str_from_pos(key, (size_t)str_rfind_char(key, '/') + 1);
    return storage_put(app->storage, a, key, fd, S(""), info.size_bytes, type, name);
}

static Error *run_sidecars(App *app, Arena *a, const Finding *self)
{
    const Keys *keys = self->data;
    Arena *each = scratch(a);
    for (size_t i = 0; i < keys->count; i++) {
        arena_reset(each); /* closes the one before */
        Error *err = write_sidecar(app, each, keys->items[i]);
        if (err) return err;
    }
    return NULL;
}

/* ---- telling ---- */

static Finding *tell(Files *s, const Keys *keys, FindingKind kind, const char *what)
{
    if (keys->count == 0) return NULL;
    Arena *a = s->k->a;
    Str text = str_printf(a, "%zu%s %s such as %.*s", keys->count,
                          keys->count == KEYS_MAX ? " or more" : "", what, STR_ARG(keys->items[0]));
    Finding *f = finding_add(s->k, kind, str_concat(a, text, S(".")));
    Keys *kept = arena_new(a, Keys, 1);
    *kept = *keys;
    f->data = kept;
    return f;
}

static void tell_all(Files *s)
{
    (void)tell(s, &s->missing, FINDING_FAULT,
               "files that records name are missing; downloads answer 404. A backup may have "
               "them, else take the names out of the records:");
    Finding *f = tell(s, &s->bare, FINDING_FAULT,
                      "files have lost what is known of them (\".attrs\"), so they are only "
                      "offered for download:");
    if (f) {
        f->repair = S("Find the types out from their contents.");
        f->run = run_sidecars;
    }
    f = tell(s, &s->orphans, FINDING_FAULT,
             "files belong to no record; nothing can reach them. The server removes such files "
             "at its start, unless they are older than its database:");
    if (f) {
        f->repair =
            str_printf(s->k->a, "Remove them (%llu bytes).", (unsigned long long)s->orphan_bytes);
        f->run = run_remove;
    }
}

Error *check_files(Check *k)
{
    if (k->app->settings && settings_hold(k->app->settings, k->a)->s3.enabled) {
        (void)finding_add(k, FINDING_NOTE,
                          S("Uploaded files are in S3 by the settings; they were not looked at."));
        return NULL;
    }
    Files s = {.k = k, .schema = schema_hold(k->app->schema, k->a)};
    s.folder.arena = scratch(k->a);
    s.ends = scratch(k->a);
    s.blob = scratch(k->a);
    s.page = scratch(k->a);
    Error *err = storage_walk(k->app->storage, k->a, visit_blob, &s);
    for (size_t i = 0; i < s.schema->count && !err; i++) {
        s.c = s.schema->collections[i];
        if (collection_has_files(s.c)) err = check_collection(&s);
    }
    if (!err) tell_all(&s);
    return err;
}
