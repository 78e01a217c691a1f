/* views.c - the views of the database itself: kept out of the way of ALTERs,
 * checked around changes, mended when another server wrote them.
 *
 * A view compiles or it does not: EXPLAIN asks the engine, runs nothing, and
 * goes past the cache of statements, which would answer for an older schema. */
#include "base/log.h"
#include "schema/schema_internal.h"

#define LITERALS_MAX 1000 /* in one statement */

static void quote(Tx *tx, Buf *out, Str name)
{
    db_dialect(tx_db(tx))->quote_name(out, name);
}

static Error *compiles(Tx *tx, Str sql)
{
    return tx_exec(tx, str_concat(tx_arena(tx), S("EXPLAIN "), sql));
}

static bool is_fault_of_sql(const Error *err)
{
    DbErrorKind kind = db_error_kind(err);
    return kind == DB_ERROR_SYNTAX || kind == DB_ERROR_OTHER;
}

/* Whether SELECT * FROM the view compiles; NULL in *fault when it does. */
static Error *view_try(Tx *tx, Str name, Error **fault)
{
    Buf sql = buf_new(tx_arena(tx), 64);
    buf_add(&sql, S("SELECT * FROM "));
    quote(tx, &sql, name);
    *fault = compiles(tx, buf_str(&sql));
    return *fault && !is_fault_of_sql(*fault) ? *fault : NULL;
}

/* ---- reading, dropping, restoring ---- */

Error *views_read(Tx *tx, Views *out)
{
    Arena *a = tx_arena(tx);
    *out = (Views){0};
    int64_t count;
    bool found;
    Error *err = tx_one_i64(tx, S("SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), NULL,
                            0, &count, &found);
    if (err) return err;
    out->list = arena_new(a, View, (size_t)count + 1);
    Stmt *stmt;
    err = tx_prepare(
        tx, S("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY _rowid_"), &stmt);
    if (err) return err;
    for (bool row; out->count < (size_t)count; out->count++) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        out->list[out->count] = (View){.name = arena_copy(a, stmt_str(stmt, 0)),
                                       .sql = arena_copy(a, stmt_str(stmt, 1))};
    }
    stmt_release(stmt); /* nothing may be running while the schema changes */
    for (size_t i = 0; i < out->count; i++) {
        err = view_try(tx, out->list[i].name, &out->list[i].fault);
        if (err) return err;
    }
    return NULL;
}

const View *views_find(const Views *views, Str name)
{
    for (size_t i = 0; i < views->count; i++)
        if (str_eq_nocase(views->list[i].name, name)) return &views->list[i];
    return NULL;
}

Error *views_drop(Tx *tx, const Views *views, bool broken_only)
{
    for (size_t i = 0; i < views->count; i++) {
        if (broken_only && !views->list[i].fault) continue;
        Buf sql = buf_new(tx_arena(tx), 64);
        buf_add(&sql, S("DROP VIEW IF EXISTS "));
        quote(tx, &sql, views->list[i].name);
        Error *err = tx_exec(tx, buf_str(&sql));
        if (err) return err;
    }
    return NULL;
}

Error *views_restore(Tx *tx, const Views *views)
{
    for (size_t i = 0; i < views->count; i++) {
        Error *err = tx_exec(tx, views->list[i].sql);
        if (err) return err;
    }
    return NULL;
}

Error *view_create(Tx *tx, Str name, Str select)
{
    assert(select.len > 0); /* view_infer() was asked */
    Buf sql = buf_new(tx_arena(tx), select.len + 64);
    buf_add(&sql, S("CREATE VIEW "));
    quote(tx, &sql, name);
    buf_add(&sql, S(" AS "));
    buf_add(&sql, select);
    return tx_exec(tx, buf_str(&sql));
}

/* ---- literals in double quotes ---- */

/* "it's ""so""" at `at` as 'it''s "so"'; false when no quoted text is there. */
static bool requote(Arena *a, Str *sql, size_t at)
{
    if (at >= sql->len || sql->ptr[at] != '"') return false;
    Buf out = buf_new(a, sql->len + 16);
    buf_add(&out, str_sub(*sql, 0, at));
    buf_char(&out, '\'');
    for (size_t i = at + 1; i < sql->len; i++) {
        char c = sql->ptr[i];
        if (c == '"' && (i + 1 == sql->len || sql->ptr[i + 1] != '"')) {
            buf_char(&out, '\'');
            buf_add(&out, str_from_pos(*sql, i + 1));
            *sql = buf_str(&out);
            return true;
        }
        if (c == '"') i++;
        if (c == '\'') buf_char(&out, c);
        buf_char(&out, c);
    }
    return false;
}

Error *sql_mend_literals(Tx *tx, Str *sql)
{
    Str text = *sql;
    const int before = (int)S("EXPLAIN ").len;
    for (int i = 0; i < LITERALS_MAX; i++) {
        Error *err = compiles(tx, text);
        if (!err) *sql = text;
        if (!err || db_error_kind(err) != DB_ERROR_SYNTAX) return err;
        int at = db_error_offset(err) - before;
        if (at < 0 || !requote(tx_arena(tx), &text, (size_t)at)) return err;
    }
    return error_new(tx_arena(tx), 400, S("too many literals in double quotes"));
}

/* ---- folders of other servers ---- */

/* What CREATE VIEW name AS … is followed by; empty when it looks different. */
static Str select_of(Str sql)
{
    if (!str_starts_nocase(sql, S("CREATE VIEW "))) return (Str){0};
    Str rest = str_trim(str_from_pos(sql, 12));
    if (rest.len == 0) return (Str){0};
    char close = rest.ptr[0] == '[' ? ']' : rest.ptr[0];
    ptrdiff_t end = -1;
    if (close == '`' || close == '"' || close == '\'' || close == ']')
        end = str_find_char(str_from_pos(rest, 1), close) + 1;
    else
        end = str_find_char(rest, ' ') - 1;
    if (end < 0) return (Str){0};
    rest = str_trim(str_from_pos(rest, (size_t)end + 1));
    if (!str_starts_nocase(rest, S("AS "))) return (Str){0};
    return str_from_pos(rest, 3);
}

static Error *mend_view(Tx *tx, const View *view, bool dry, bool *needed)
{
    if (!view->fault) return NULL;
    Str select = select_of(view->sql), mended = select;
    Error *err = select.len > 0 ? sql_mend_literals(tx, &mended) : view->fault;
    if (err) {
        if (!is_fault_of_sql(err) && err->status >= 500) return err;
        if (!dry)
            log_warn("schema", "a view does not work", LOG_STR("view", view->name),
                     LOG_STR("reason", db_error_raw(err)));
        return NULL;
    }
    *needed = true;
    if (dry || str_eq(mended, select)) return NULL; /* it works since another one does */
    Views one = {.list = (View[]){*view}, .count = 1};
    err = views_drop(tx, &one, false);
    return err ? err : view_create(tx, view->name, mended);
}

/* Views may be made of views: until nothing more gets better. */
static Error *mend_views(Tx *tx, bool dry, bool *needed)
{
    size_t before = SIZE_MAX;
    for (;;) {
        Views views;
        Error *err = views_read(tx, &views);
        if (err) return err;
        size_t broken = 0;
        for (size_t i = 0; i < views.count; i++)
            broken += views.list[i].fault != NULL;
        if (broken == 0 || broken >= before) return NULL;
        before = broken;
        for (size_t i = 0; i < views.count; i++) {
            err = mend_view(tx, &views.list[i], dry, needed);
            if (err) return err;
        }
        if (dry) return NULL;
    }
}

typedef struct {
    Str name, sql;
} StoredIndex;

/* Compiles under another name, as its own is taken by itself. */
static Error *mend_index(Tx *tx, const StoredIndex *index, bool dry, bool *needed)
{
    Arena *a = tx_arena(tx);
    IndexParts parts;
    if (!index_read(a, index->sql, &parts)) return NULL;
    parts.name = random_text(a, 20, "abcdefghijklmnopqrstuvwxyz");
    Str sql = index_write(a, &parts), mended = sql;
    Error *err = sql_mend_literals(tx, &mended);
    if (err) return is_fault_of_sql(err) || err->status < 500 ? NULL : err;
    if (str_eq(sql, mended)) return NULL;
    *needed = true;
    if (dry || !index_read(a, mended, &parts)) return NULL;
    parts.name = index->name;
    Buf drop = buf_new(a, 64);
    buf_add(&drop, S("DROP INDEX "));
    quote(tx, &drop, index->name);
    err = tx_exec(tx, buf_str(&drop));
    return err ? err : tx_exec(tx, index_write(a, &parts));
}

static Error *mend_indexes(Tx *tx, bool dry, bool *needed)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql "
                              "LIKE '%\"%' LIMIT 10000"),
                            &stmt);
    if (err) return err;
    StoredIndex *list = arena_new(a, StoredIndex, 10000);
    size_t count = 0;
    for (bool row; count < 10000; count++) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        list[count] =
            (StoredIndex){arena_copy(a, stmt_str(stmt, 0)), arena_copy(a, stmt_str(stmt, 1))};
    }
    stmt_release(stmt);
    for (size_t i = 0; i < count; i++) {
        err = mend_index(tx, &list[i], dry, needed);
        if (err) return err;
    }
    return NULL;
}

Error *views_mend(Tx *tx, bool dry, bool *needed)
{
    *needed = false;
    Error *err = mend_views(tx, dry, needed);
    return err ? err : mend_indexes(tx, dry, needed);
}

/* ---- around changes ---- */

struct ViewNotes {
    Views views;
};

Error *schema_views_note(Tx *tx, ViewNotes **out)
{
    *out = arena_new(tx_arena(tx), ViewNotes, 1);
    return views_read(tx, &(*out)->views);
}

Error *views_check(Tx *tx, const ViewNotes *notes)
{
    Arena *a = tx_arena(tx);
    Views now;
    Error *err = views_read(tx, &now);
    if (err) return err;
    for (size_t i = 0; i < now.count; i++) {
        const View *view = &now.list[i], *before = views_find(&notes->views, view->name);
        if (!view->fault || (before && before->fault)) continue;
        err = error_new(a, 400,
                        str_printf(a, "error in view %.*s: %.*s", STR_ARG(view->name),
                                   STR_ARG(db_error_raw(view->fault))));
        err->code = VIEW_BROKEN;
        err->params = json_new_object(a);
        json_set_str(a, err->params, S("view"), view->name);
        return err;
    }
    return NULL;
}
