/* file_rows.c - which files rows name: of each its id and its file columns alone,
 * as all else in it may be large. */
#include "records/records_internal.h"

#define PAGE_ROWS  200
#define PAGE_BYTES ((size_t)8 << 20) /* a page ends early when it is as long */
#define PAGE_MS    30000             /* what is not wanted of large rows is read over */

typedef struct {
    const Collection *c;
    Str id; /* or the one before the page */
    StrList names;
    FileRow *items; /* the page: at least one row where there is one */
    size_t count;
    bool more; /* there may be rows after these */
} Rows;

/* "SELECT id,avatar,docs FROM users" */
static Buf select_files(Tx *tx, const Collection *c)
{
    Buf sql = buf_new(tx_arena(tx), 256);
    buf_add(&sql, S("SELECT "));
    sql_name(&sql, tx, S("id"));
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].type != FIELD_FILE) continue;
        buf_char(&sql, ',');
        sql_name(&sql, tx, c->fields[i].name);
    }
    buf_add(&sql, S(" FROM "));
    sql_name(&sql, tx, c->name);
    return sql;
}

/* The names in the present row of such a statement. */
static StrList row_names(Arena *a, const Collection *c, Stmt *stmt)
{
    StrList all = {0};
    int column = 1;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (f->type != FIELD_FILE) continue;
        DbValue v = row_copy(a, stmt, column++);
        all = list_join(a, all, value_to_list(a, f, &v));
    }
    return all;
}

static Error *names_work(Tx *tx, void *arg)
{
    Rows *r = arg;
    Buf sql = select_files(tx, r->c);
    buf_add(&sql, S(" WHERE id=?1"));
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, r->id);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    r->names = row ? row_names(tx_arena(tx), r->c, stmt) : (StrList){0};
    stmt_release(stmt);
    return NULL;
}

static Error *page_work(Tx *tx, void *arg)
{
    Rows *r = arg;
    Arena *a = tx_arena(tx);
    Buf sql = select_files(tx, r->c);
    buf_add(&sql, S(" WHERE id>?1 ORDER BY id"));
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, r->id);
    FileRow *rows = arena_new(a, FileRow, PAGE_ROWS);
    size_t count = 0;
    bool row = true;
    while (count < PAGE_ROWS && arena_used(a) < PAGE_BYTES) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        rows[count++] = (FileRow){arena_copy(a, stmt_str(stmt, 0)), row_names(a, r->c, stmt)};
    }
    stmt_release(stmt);
    r->items = rows;
    r->count = count;
    r->more = row;
    return NULL;
}

Error *file_folder_names(Db *db, const Schema *schema, FileFolder *f, Str collection_id,
                         Str record_id, StrList *names)
{
    if (!file_folder_enter(f, schema, collection_id, record_id)) return NULL;
    *names = (StrList){0};
    if (!file_folder_has_rows(f)) return NULL;
    Rows r = {.c = f->c, .id = f->record_id};
    Error *err = db_read(db, f->arena, names_work, &r);
    if (!err) *names = r.names;
    return err;
}

Error *file_rows_each(Db *db, Arena *const pages[2], const Collection *c,
                      Error *(*row)(void *arg, const FileRow *row), void *arg)
{
    Rows r = {.c = c, .id = S("")};
    for (size_t round = 0;; round++) {
        Arena *a = pages[round % 2]; /* `id` is in the other one */
        arena_reset(a);
        Error *err = db_read_slow(db, a, PAGE_MS, page_work, &r);
        for (size_t i = 0; !err && i < r.count; i++)
            err = row(arg, &r.items[i]);
        if (err || !r.more) return err;
        r.id = r.items[r.count - 1].id;
    }
}
