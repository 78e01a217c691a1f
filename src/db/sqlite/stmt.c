/* stmt.c - binding, stepping and reading columns of a statement. */
#include "db/sqlite/internal.h"

/* ---- parameters ---- */

static void note_bind(Stmt *s, int rc)
{
    /* Told by the first step: also SQLITE_RANGE, no such ?N in the SQL. */
    if (rc != SQLITE_OK && s->bind_result == SQLITE_OK) s->bind_result = rc;
    s->bound = true;
}

/* SQLite takes a NULL pointer for NULL, but an empty Str is an empty text. */
static const char *never_null(Str s)
{
    return s.ptr ? s.ptr : "";
}

void stmt_bind_i64(Stmt *stmt, int index, int64_t value)
{
    note_bind(stmt, sqlite3_bind_int64(stmt->raw, index, value));
}

void stmt_bind_double(Stmt *stmt, int index, double value)
{
    note_bind(stmt, sqlite3_bind_double(stmt->raw, index, value));
}

void stmt_bind_str(Stmt *stmt, int index, Str value)
{
    note_bind(stmt, sqlite3_bind_text64(stmt->raw, index, never_null(value), value.len,
                                        SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_bind_null(Stmt *stmt, int index)
{
    note_bind(stmt, sqlite3_bind_null(stmt->raw, index));
}

static void bind_blob(Stmt *stmt, int index, Str value)
{
    note_bind(stmt,
              sqlite3_bind_blob64(stmt->raw, index, never_null(value), value.len, SQLITE_STATIC));
}

void stmt_bind(Stmt *stmt, int index, DbValue value)
{
    switch (value.type) {
    case DB_NULL:
        stmt_bind_null(stmt, index);
        return;
    case DB_INTEGER:
        stmt_bind_i64(stmt, index, value.integer);
        return;
    case DB_REAL:
        stmt_bind_double(stmt, index, value.real);
        return;
    case DB_TEXT:
        stmt_bind_str(stmt, index, value.text);
        return;
    case DB_BLOB:
        bind_blob(stmt, index, value.text);
        return;
    }
}

/* ---- running ---- */

static Str stmt_sql(const Stmt *s)
{
    return str_make(s->sql, s->sql_len);
}

static Error *start(Stmt *s)
{
    Error *err = tx_before(s->tx, s, s->read_only);
    if (err) return err;
    if (s->bind_result != SQLITE_OK)
        return sqlite_error(s->tx->arena, s->tx->db, NULL, s->bind_result, stmt_sql(s));
    s->dirty = true;
    return NULL;
}

Error *stmt_step(Stmt *stmt, bool *row)
{
    assert(stmt->tx); /* not after its work has returned */
    if (stmt->done) {
        *row = false;
        return NULL;
    }
    if (!stmt->running) {
        Error *err = start(stmt);
        if (err) return err;
    }
    int rc = sqlite3_step(stmt->raw);
    stmt->running = rc == SQLITE_ROW;
    stmt->done = !stmt->running; /* a failed one is not run again unasked */
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return tx_failed(stmt->tx, rc, stmt_sql(stmt), stmt->hash);

    if (rc == SQLITE_DONE) cache_finished(stmt);
    *row = stmt->running;
    return NULL;
}

Error *stmt_run(Stmt *stmt, int64_t *changed)
{
    bool row;
    do {
        Error *err = stmt_step(stmt, &row);
        if (err) return err;
    } while (row);
    if (changed) *changed = sqlite3_changes64(stmt->conn->raw);
    return NULL;
}

void stmt_reset(Stmt *stmt)
{
    if (stmt->dirty) (void)sqlite3_reset(stmt->raw); /* repeats the error of the last step */
    if (stmt->bound) (void)sqlite3_clear_bindings(stmt->raw); /* always SQLITE_OK */
    if (stmt->done && stmt->tx) cache_taken_again(stmt);
    stmt->dirty = stmt->bound = stmt->running = stmt->done = false;
    stmt->bind_result = SQLITE_OK;
}

/* ---- columns ---- */

int stmt_column_count(Stmt *stmt)
{
    return sqlite3_column_count(stmt->raw);
}

Str stmt_column_name(Stmt *stmt, int column)
{
    return str_from(sqlite3_column_name(stmt->raw, column));
}

Str stmt_column_declared_type(Stmt *stmt, int column)
{
    Str type = str_from(sqlite3_column_decltype(stmt->raw, column));
    bool upper = true;
    for (size_t i = 0; i < type.len; i++)
        if (type.ptr[i] >= 'a' && type.ptr[i] <= 'z') upper = false;
    if (upper) return type;

    char *copy = arena_bytes(stmt->tx->arena, type.len);
    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        copy[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return str_make(copy, type.len);
}

DbType stmt_type(Stmt *stmt, int column)
{
    switch (sqlite3_column_type(stmt->raw, column)) {
    case SQLITE_INTEGER:
        return DB_INTEGER;
    case SQLITE_FLOAT:
        return DB_REAL;
    case SQLITE_TEXT:
        return DB_TEXT;
    case SQLITE_BLOB:
        return DB_BLOB;
    default:
        return DB_NULL;
    }
}

int64_t stmt_i64(Stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->raw, column);
}

double stmt_double(Stmt *stmt, int column)
{
    return sqlite3_column_double(stmt->raw, column);
}

Str stmt_str(Stmt *stmt, int column)
{
    const void *ptr;
    if (sqlite3_column_type(stmt->raw, column) == SQLITE_BLOB)
        ptr = sqlite3_column_blob(stmt->raw, column);
    else
        ptr = sqlite3_column_text(stmt->raw, column);
    if (!ptr) return S(""); /* NULL, an empty blob, or no memory */
    return str_make(ptr, (size_t)sqlite3_column_bytes(stmt->raw, column));
}

bool stmt_is_null(Stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->raw, column) == SQLITE_NULL;
}

bool stmt_is_read_only(Stmt *stmt)
{
    return stmt->read_only;
}

/* ---- one row ---- */

static Error *one_row(Tx *tx, Str sql, const DbValue *params, size_t count, Stmt **out, bool *found)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    for (size_t i = 0; i < count; i++)
        stmt_bind(stmt, (int)i + 1, params[i]);
    err = stmt_step(stmt, found);
    if (err) return err;
    *out = stmt;
    return NULL;
}

Error *tx_one_str(Tx *tx, Str sql, const DbValue *params, size_t count, Str *out, bool *found)
{
    Stmt *stmt;
    Error *err = one_row(tx, sql, params, count, &stmt, found);
    if (err) return err;
    if (*found) *out = arena_copy(tx->arena, stmt_str(stmt, 0));
    stmt_release(stmt);
    return NULL;
}

Error *tx_one_i64(Tx *tx, Str sql, const DbValue *params, size_t count, int64_t *out, bool *found)
{
    Stmt *stmt;
    Error *err = one_row(tx, sql, params, count, &stmt, found);
    if (err) return err;
    if (*found) *out = stmt_i64(stmt, 0);
    stmt_release(stmt);
    return NULL;
}
