/* store.c - "_logs" in auxiliary.db, in PocketBase's layout (api: operations
 * §9.1), so that either server finds what the other one wrote.
 *
 * Rows are in the order of their rowid: the oldest are the first. The file does
 * not shrink when rows go; what they took is used again. */
#include "logs/logs_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define PIECE_ROWS 2000 /* deleted by one transaction */
#define CLEAR_MS   30000

static const char TABLE_SQL[] =
    "CREATE TABLE IF NOT EXISTS _logs ("
    "id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, "
    "level INTEGER DEFAULT 0 NOT NULL, "
    "message TEXT DEFAULT '' NOT NULL, "
    "data JSON DEFAULT '{}' NOT NULL, "
    "created TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL);"
    "CREATE INDEX IF NOT EXISTS idx_logs_level ON _logs (level);"
    "CREATE INDEX IF NOT EXISTS idx_logs_message ON _logs (message);"
    "CREATE INDEX IF NOT EXISTS idx_logs_created_hour ON _logs "
    "(strftime('%Y-%m-%d %H:00:00', created));";

/* ---- opening ---- */

void store_set_aside(Arena *a, Str dir)
{
    static const char *const PARTS[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(PARTS); i++) {
        Str from = str_printf(a, "%.*s/auxiliary.db%s", STR_ARG(dir), PARTS[i]);
        Str to = str_printf(a, "%.*s/auxiliary.db.damaged%s", STR_ARG(dir), PARTS[i]);
        (void)unlink(arena_cstr(a, to));                       /* an earlier one; may be none */
        (void)!rename(arena_cstr(a, from), arena_cstr(a, to)); /* told by the next opening */
    }
}

static Error *table_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S(TABLE_SQL));
}

static Error *open_once(Arena *a, const LogsConfig *config, Db **out)
{
    DbConfig db_config = db_config_default(config->dir);
    db_config.file = S("auxiliary.db");
    db_config.loop_count = 0; /* read by superusers only: the slow lane is good enough */
    db_config.slow_threads = 1;
    db_config.mmap_bytes = 0;
    db_config.cache_bytes = (size_t)2 << 20;
    db_config.checkpoint_pages = 1000;
    db_config.restart_pages = 4000;
    db_config.relaxed = true;
    Db *db;
    Error *err = db_open(a, &db_config, &db);
    if (err) return err;
    err = db_write_alone(db, a, 0, table_work, NULL);
    if (err) {
        db_close(db);
        return err;
    }
    *out = db;
    return NULL;
}

Error *store_open(Arena *a, const LogsConfig *config, Db **out)
{
    Error *err = open_once(a, config, out);
    if (db_error_kind(err) != DB_ERROR_CORRUPT) return err;
    log_error("logs", "auxiliary.db is damaged: set aside as auxiliary.db.damaged, and begun anew",
              LOG_STR("cause", err->cause));
    store_set_aside(a, config->dir);
    return open_once(a, config, out);
}

/* ---- in ---- */

typedef struct {
    const LogRow *rows;
    size_t count;
} Insert;

static Error *insert_work(Tx *tx, void *arg)
{
    const Insert *in = arg;
    Stmt *stmt;
    Error *err = tx_prepare(
        tx, S("INSERT INTO _logs (id, level, message, data, created) VALUES (?1, ?2, ?3, ?4, ?5)"),
        &stmt);
    for (size_t i = 0; !err && i < in->count; i++) {
        const LogRow *row = &in->rows[i];
        stmt_reset(stmt);
        stmt_bind_str(stmt, 1, row->id);
        stmt_bind_i64(stmt, 2, row->level);
        stmt_bind_str(stmt, 3, row->message);
        stmt_bind_str(stmt, 4, row->data);
        stmt_bind_str(stmt, 5, row->created);
        err = stmt_run(stmt, NULL);
    }
    return err;
}

Error *store_insert(Db *db, Arena *a, const LogRow *rows, size_t count)
{
    Insert in = {rows, count};
    return db_write(db, a, insert_work, &in);
}

/* ---- out ---- */

typedef struct {
    Str sql;
    DbValue param;
    int64_t removed;
} Removal;

static Error *removal_work(Tx *tx, void *arg)
{
    Removal *r = arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx, r->sql, &stmt);
    if (err) return err;
    stmt_bind(stmt, 1, r->param);
    return stmt_run(stmt, &r->removed);
}

/* In pieces, so that entries can be written in between. */
static Error *remove_all(Db *db, Arena *a, Removal *r)
{
    do {
        Error *err = db_write(db, a, removal_work, r);
        if (err) return err;
    } while (r->removed > 0);
    return NULL;
}

Error *store_expire(Db *db, Arena *a, int64_t before_ms, int64_t min_level)
{
    Removal old = {
        .sql = str_printf(a,
                          "DELETE FROM _logs WHERE rowid IN (SELECT rowid FROM _logs WHERE "
                          "strftime('%%Y-%%m-%%d %%H:00:00', created) <= "
                          "strftime('%%Y-%%m-%%d %%H:00:00', ?1) AND created <= ?1 LIMIT %d)",
                          PIECE_ROWS),
        .param = DB_VALUE_TEXT(datetime_format(a, before_ms)),
    };
    Error *err = remove_all(db, a, &old);
    if (err) return err;
    Removal low = {
        .sql = str_printf(a,
                          "DELETE FROM _logs WHERE rowid IN "
                          "(SELECT rowid FROM _logs WHERE level < ?1 LIMIT %d)",
                          PIECE_ROWS),
        .param = DB_VALUE_INT(min_level),
    };
    return remove_all(db, a, &low);
}

static Error *clear_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("DELETE FROM _logs"));
}

Error *store_clear(Db *db, Arena *a)
{
    Error *err = db_write_alone(db, a, CLEAR_MS, clear_work, NULL);
    return err ? err : db_vacuum(db, a, (DbPatience){.alone_ms = CLEAR_MS});
}

static Error *size_work(Tx *tx, void *arg)
{
    int64_t *bytes = arg;
    int64_t pages = 0, unused = 0, page_bytes = 0;
    bool found;
    Error *err = tx_one_i64(tx, S("PRAGMA page_count"), NULL, 0, &pages, &found);
    if (!err) err = tx_one_i64(tx, S("PRAGMA freelist_count"), NULL, 0, &unused, &found);
    if (!err) err = tx_one_i64(tx, S("PRAGMA page_size"), NULL, 0, &page_bytes, &found);
    *bytes = (pages - unused) * page_bytes;
    return err;
}

/* Five hundredths at once: then it need not be done for every batch. */
Error *store_fit(Db *db, Arena *a, uint64_t max_bytes, int64_t *removed)
{
    Removal oldest = {
        .sql = S("DELETE FROM _logs WHERE rowid IN (SELECT rowid FROM _logs ORDER BY rowid "
                 "LIMIT ?1)"),
        .param = DB_VALUE_INT(PIECE_ROWS),
    };
    int64_t bytes = 0, aim = (int64_t)max_bytes;
    *removed = 0;
    for (;;) {
        Error *err = db_write(db, a, size_work, &bytes);
        if (err || bytes <= aim) return err;
        aim = (int64_t)(max_bytes - max_bytes / 20);
        err = db_write(db, a, removal_work, &oldest);
        if (err || oldest.removed == 0) return err;
        *removed += oldest.removed;
    }
}
