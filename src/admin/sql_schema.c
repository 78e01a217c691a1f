/* sql_schema.c - names for the SQL console to complete: tables, views, columns,
 * indexes, those without a collection too. */
#include "admin/admin_internal.h"

#define SCHEMA_MS  5000
#define TABLES_MAX 2000

typedef struct {
    Json *tables;
} SchemaNames;

static Error *add_columns(Tx *tx, Json *table, Str name)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    Json *columns = json_new_array(a);
    Error *err = tx_prepare(tx, S("SELECT name, type, pk > 0 FROM pragma_table_info(?1)"), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, name);
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        Json *column = json_push(a, columns, json_new_object(a));
        json_set_str(a, column, S("name"), arena_copy(a, stmt_str(stmt, 0)));
        json_set_str(a, column, S("type"), arena_copy(a, stmt_str(stmt, 1)));
        if (stmt_i64(stmt, 2)) json_set_bool(a, column, S("primaryKey"), true);
    }
    stmt_release(stmt);
    json_set(a, table, S("columns"), columns);
    /* A view that does not work any more has none. */
    return err && db_error_kind(err) == DB_ERROR_TOO_SLOW ? err : NULL;
}

static Error *add_indexes(Tx *tx, Json *table, Str name)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    Json *indexes = json_new_array(a);
    Error *err = tx_prepare(tx,
                            S("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = "
                              "?1 AND sql IS NOT NULL ORDER BY name"),
                            &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, name);
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        json_push(a, indexes, json_new_string(a, arena_copy(a, stmt_str(stmt, 0))));
    }
    stmt_release(stmt);
    json_set(a, table, S("indexes"), indexes);
    return err;
}

static Error *names_work(Tx *tx, void *arg)
{
    SchemaNames *n = arg;
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    n->tables = json_new_array(a);
    Error *err = tx_prepare(tx,
                            S("SELECT name, type FROM sqlite_schema WHERE type IN ('table', "
                              "'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"),
                            &stmt);
    if (err) return err;
    for (bool row; json_count(n->tables) < TABLES_MAX;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        Str name = arena_copy(a, stmt_str(stmt, 0));
        Json *table = json_push(a, n->tables, json_new_object(a));
        json_set_str(a, table, S("name"), name);
        json_set_str(a, table, S("type"), arena_copy(a, stmt_str(stmt, 1)));
        err = add_columns(tx, table, name);
        if (!err) err = add_indexes(tx, table, name);
        if (err) return err;
    }
    return NULL;
}

/* GET /api/admin/sql/schema
 *
 *   200   {"tables": [{"name", "type": "table" | "view", "columns": [{"name",
 *          "type", "primaryKey"?}], "indexes": ["…"]}]}
 */
Error *handle_sql_schema(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    SchemaNames names;
    err = db_read_slow(req_context(req)->app->db, req->arena, SCHEMA_MS, names_work, &names);
    if (err) return err;
    Json *answer = json_new_object(req->arena);
    json_set(req->arena, answer, S("tables"), names.tables);
    return res_json(res, 200, answer);
}
