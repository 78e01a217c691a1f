/* write_sql.c - INSERT and UPDATE, and what an engine's refusal means. */
#include "base/clock.h"
#include "records/records_internal.h"

/* A moment so little ahead of the clock is one of ours; beyond, the clock was set back. */
#define AHEAD_MAX_MS 1000

static bool is_touched(const Field *f, bool is_create)
{
    return f->type == FIELD_AUTODATE && (is_create ? f->on_create : f->on_update);
}

/* Now, or just after the last change: two of one millisecond must differ, since
 * a moment tells whether somebody else has saved first (etag.c). */
static int64_t moment_after(const Record *r)
{
    const Collection *c = r->collection;
    int64_t now_ms = clock_wall_ms(), moment_ms = now_ms, last_ms;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (!is_touched(f, false) || !datetime_parse(record_str(r, f->name), &last_ms)) continue;
        if (last_ms < now_ms + AHEAD_MAX_MS) moment_ms = MAX(moment_ms, last_ms + 1);
    }
    return moment_ms;
}

void record_touch(Record *r, Arena *a, bool is_create)
{
    const Collection *c = r->collection;
    Str moment = {0};
    for (size_t i = 0; i < c->field_count; i++) {
        if (!is_touched(&c->fields[i], is_create)) continue;
        if (!moment.ptr) moment = is_create ? datetime_now(a) : datetime_format(a, moment_after(r));
        r->values[i] = DB_VALUE_TEXT(moment);
    }
}

/* A password that was never hashed, a file that was never stored: a change that
 * was prepared on another row. NaN cannot be stored; validation was skipped. */
static bool is_prepared(const Write *w)
{
    for (size_t i = 0; i < w->password_count; i++) {
        if (w->passwords[i].plain.len && !w->passwords[i].hash.len) return false;
    }
    for (size_t i = 0; i < w->file_count; i++) {
        const NewFile *file = &w->files[i];
        StrList names = value_to_list(w->a, file->field, &w->record->values[file->field->index]);
        if (!file->stored && list_has(names, file->name)) return false;
    }
    return !w->old_needed;
}

static Str insert_sql(Tx *tx, const Collection *c)
{
    Buf sql = buf_new(tx_arena(tx), 64 + 32 * c->field_count);
    buf_add(&sql, S("INSERT INTO "));
    sql_name(&sql, tx, c->name);
    buf_add(&sql, S(" ("));
    sql_columns(&sql, tx, c);
    buf_add(&sql, S(") VALUES ("));
    for (size_t i = 0; i < c->field_count; i++) {
        buf_add(&sql, i ? S(",?") : S("?"));
        buf_i64(&sql, (int64_t)i + 1);
    }
    buf_char(&sql, ')');
    return buf_str(&sql);
}

Error *record_insert(App *app, Tx *tx, const Record *r)
{
    const Collection *c = r->collection;
    Stmt *stmt;
    Error *err = tx_prepare(tx, insert_sql(tx, c), &stmt);
    if (err) return err;
    for (size_t i = 0; i < c->field_count; i++) {
        stmt_bind(stmt, (int)i + 1, r->values[i]);
    }
    err = stmt_run(stmt, NULL);
    if (err) return err;
    change_queue(app, tx, CHANGE_CREATE, r);
    return NULL;
}

Error *write_insert(Write *w, Tx *tx)
{
    if (!is_prepared(w)) return error_retry(w->a);
    return record_insert(w->app, tx, w->record);
}

Error *record_store(Tx *tx, const Record *old, const Record *new)
{
    const Collection *c = old->collection;
    Buf sql = buf_new(tx_arena(tx), 64 + 24 * c->field_count);
    int *columns = arena_new(tx_arena(tx), int, c->field_count + 1), count = 0;
    buf_add(&sql, S("UPDATE "));
    sql_name(&sql, tx, c->name);
    for (size_t i = 0; i < c->field_count; i++) {
        if (value_equal(&old->values[i], &new->values[i])) continue;
        buf_add(&sql, count ? S(",") : S(" SET "));
        sql_name(&sql, tx, c->fields[i].name);
        columns[count++] = (int)i;
        buf_printf(&sql, "=?%d", count);
    }
    if (count == 0) return NULL;
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, S("id"));
    buf_printf(&sql, "=?%d", count + 1);

    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    for (int i = 0; i < count; i++)
        stmt_bind(stmt, i + 1, new->values[columns[i]]);
    stmt_bind_str(stmt, count + 1, record_id(old));
    return stmt_run(stmt, NULL);
}

Error *write_update(Write *w, Tx *tx)
{
    if (!is_prepared(w)) return error_retry(w->a);
    if (w->c->type == COLLECTION_AUTH) {
        const Field *password = collection_field(w->c, S("password"));
        bool is_new = password && write_password(w, password);
        Error *err = auth_after_update(w->app, tx, w->schema, w->original, w->record, is_new);
        if (err) return err;
    }
    Error *err = record_store(tx, w->original, w->record);
    if (err) return err;
    files_remove_after_commit(w->app, tx, w->a, w->original, w->record);
    change_queue(w->app, tx, CHANGE_UPDATE, w->record);
    return NULL;
}

/* "posts.slug,posts.lang" → one fault a column. An index on an expression names
 * none: then only the request as a whole has failed. */
static Error *unique_error(Arena *a, Error *err)
{
    Error *faults = NULL;
    Str rest = db_error_unique(err);
    while (rest.ptr && rest.len) {
        Str column = str_trim(str_split(&rest, ','));
        ptrdiff_t dot = str_rfind_char(column, '.');
        error_chain(&faults, error_field(a, str_from_pos(column, (size_t)(dot + 1)),
                                         "validation_not_unique", S("Value must be unique.")));
    }
    return faults ? faults : error_new(a, 400, S(""));
}

Error *write_error(Arena *a, Error *err, Str summary)
{
    if (!err) return NULL;
    DbErrorKind kind = db_error_kind(err);
    Str cause = err->cause;
    if (kind == DB_ERROR_UNIQUE) err = unique_error(a, err);
    if (kind == DB_ERROR_CONSTRAINT || kind == DB_ERROR_SYNTAX) {
        err = error_cause(a, error_new(a, 400, S("")), "%.*s", STR_ARG(cause));
    }
    bool says_nothing = str_eq(err->message, error_default_message(400));
    bool says_why = err->field.len == 0 && !err->code && !says_nothing;
    return err->status == 400 && !says_why ? error_summary(err, summary) : err;
}
