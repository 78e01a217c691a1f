/* foreign.c - SQL that a person typed, run where it can harm no more than rows and tables.
 *
 * The engine asks on_authorize() about everything a statement would do, while
 * it compiles. What would reach out of the database file, or leave something
 * behind on a connection that others use afterwards (a temporary table hides a
 * real one of its name; an open transaction is ours), is refused: "not
 * authorized". Writing to the engine's own tables is refused by the connection
 * (SQLITE_DBCONFIG_DEFENSIVE), writing at all by readers' query_only.
 */
#include "db/sqlite/internal.h"

#include <unistd.h>

#define VALUE_BYTES  (8 << 20)
#define MEMORY_BYTES (UINT64_C(256) << 20)
#define OPS_PER_LOOK 100 /* few: each may make a value of VALUE_BYTES */

/* ---- what may be done ---- */

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; name && i < count; i++)
        if (str_eq_nocase(str_from(name), str_from(list[i]))) return true;
    return false;
}

/* Those that only tell; and those that set something when given a value. */
static bool pragma_allowed(const char *name, const char *value)
{
    static const char *const TELLING[] = {
        "table_info",  "table_xinfo",     "table_list",       "index_list",
        "index_info",  "index_xinfo",     "foreign_key_list", "foreign_key_check",
        "quick_check", "integrity_check", "function_list",    "module_list",
        "pragma_list", "collation_list",  "database_list",    "compile_options",
        "page_count",  "freelist_count",
    };
    static const char *const GETTERS[] = {
        "page_size",    "schema_version", "user_version", "application_id", "encoding",
        "journal_mode", "synchronous",    "cache_size",   "mmap_size",      "foreign_keys",
        "auto_vacuum",  "query_only",     "data_version", "temp_store",     "max_page_count",
    };
    if (is_one_of(name, TELLING, COUNT(TELLING))) return true;
    return !value && is_one_of(name, GETTERS, COUNT(GETTERS));
}

static int on_authorize(void *arg, int action, const char *first, const char *second,
                        const char *database, const char *trigger)
{
    static const char *const MODULES[] = {"fts5", "rtree", "geopoly"};
    static const char *const FUNCTIONS[] = {"load_extension", "fts3_tokenizer", "writefile",
                                            "readfile", "edit"};
    (void)arg;
    (void)database;
    (void)trigger;
    bool allowed = true;
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
        allowed = false;
        break;
    case SQLITE_PRAGMA:
        allowed = pragma_allowed(first, second);
        break;
    case SQLITE_CREATE_VTABLE:
        allowed = is_one_of(second, MODULES, COUNT(MODULES));
        break;
    case SQLITE_FUNCTION:
        allowed = !is_one_of(second, FUNCTIONS, COUNT(FUNCTIONS));
        break;
    default:
        break;
    }
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

/* ---- running ---- */

typedef struct {
    Tx *tx;
    Str sql;
    const DbRows *rows;
    int64_t changed; /* rows */
    Stmt stmt;       /* the present one, in nobody's cache */
} Foreign;

static Error *rows_give(Foreign *f, bool *enough)
{
    if (*enough || !f->rows) return NULL;
    return f->rows->row(f->rows->arg, &f->stmt, enough);
}

static Error *statement_run(Foreign *f)
{
    Conn *c = f->tx->conn;
    int64_t before = sqlite3_total_changes64(c->raw);
    bool enough = false;
    Error *err = NULL;
    if (f->rows && sqlite3_column_count(f->stmt.raw) > 0)
        err = f->rows->columns(f->rows->arg, &f->stmt);
    int rc = SQLITE_ROW;
    while (!err && (rc = sqlite3_step(f->stmt.raw)) == SQLITE_ROW) {
        err = rows_give(f, &enough);
        if (enough && sqlite3_stmt_readonly(f->stmt.raw)) break; /* others go on to their end */
    }
    if (err) return err;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) return tx_failed(f->tx, rc, f->sql, 0);
    if (sqlite3_total_changes64(c->raw) != before) f->changed += sqlite3_changes64(c->raw);
    return NULL;
}

static Error *statements_run(void *arg)
{
    Foreign *f = arg;
    Conn *c = f->tx->conn;
    for (const char *at = arena_cstr(f->tx->arena, f->sql); *at;) {
        int rc = sqlite3_prepare_v3(c->raw, at, -1, 0, &f->stmt.raw, &at);
        if (rc != SQLITE_OK) return error_of_compiling(tx_failed(f->tx, rc, f->sql, 0), rc);
        if (!f->stmt.raw) continue; /* a comment or blanks */
        Error *err = statement_run(f);
        if (err) return err;
        sqlite3_finalize(f->stmt.raw);
        f->stmt.raw = NULL;
    }
    return NULL;
}

/* Grows with every change of a table; what is dropped is not counted as rows. */
static Error *schema_cookie(Tx *tx, int64_t *cookie)
{
    Stmt *stmt;
    bool row;
    Error *err = tx_prepare(tx, S("PRAGMA schema_version"), &stmt);
    if (err) return err;
    err = stmt_step(stmt, &row);
    if (!err) *cookie = stmt_i64(stmt, 0);
    stmt_release(stmt);
    return err;
}

Error *tx_exec_foreign(Tx *tx, Str sql, const DbRows *rows, DbChanges *changes)
{
    Conn *c = tx->conn;
    int64_t cookie = 0, cookie_after = 0, before = sqlite3_total_changes64(c->raw);
    Error *err = tx_before(tx, NULL, false);
    if (!err && changes) err = schema_cookie(tx, &cookie);
    if (err) return err;

    uint64_t resident = resident_pages();
    if (resident > 0) c->resident_max = resident + MEMORY_BYTES / (uint64_t)sysconf(_SC_PAGESIZE);
    int length_before = sqlite3_limit(c->raw, SQLITE_LIMIT_LENGTH, VALUE_BYTES);
    conn_progress(c, OPS_PER_LOOK);
    sqlite3_set_authorizer(c->raw, on_authorize, NULL);

    /* A work that outgrows its arena must not leave by a jump. */
    Foreign f = {.tx = tx, .sql = sql, .rows = rows, .stmt = {.conn = c, .tx = tx}};
    err = arena_protect(tx->arena, statements_run, &f);
    sqlite3_finalize(f.stmt.raw);

    sqlite3_set_authorizer(c->raw, NULL, NULL);
    conn_progress(c, PROGRESS_OPS);
    sqlite3_limit(c->raw, SQLITE_LIMIT_LENGTH, length_before);
    c->resident_max = 0;
    if (err || !changes) return err;
    err = schema_cookie(tx, &cookie_after);
    if (err) return err;
    *changes = (DbChanges){
        .rows = f.changed,
        .any = sqlite3_total_changes64(c->raw) != before || cookie_after != cookie,
    };
    return NULL;
}
