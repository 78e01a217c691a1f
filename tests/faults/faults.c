/* faults.c - see faults.h. */
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Error *put_schema(Tx *tx, void *arg)
{
    return tx_exec(tx, S("CREATE TABLE IF NOT EXISTS a (k INTEGER PRIMARY KEY, v BLOB);"
                         "CREATE TABLE IF NOT EXISTS b (k INTEGER PRIMARY KEY, v BLOB);"
                         "CREATE INDEX IF NOT EXISTS b_by_size ON b (length(v), k)"));
}

static Error *put_half(Tx *tx, Str sql, const Put *put)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    stmt_bind_i64(stmt, 1, put->key);
    stmt_bind_i64(stmt, 2, put->bytes);
    return stmt_run(stmt, NULL);
}

Error *put_work(Tx *tx, void *arg)
{
    Error *err = put_half(tx, S("INSERT INTO a VALUES (?1, randomblob(?2))"), arg);
    if (err) return err;
    return put_half(tx, S("INSERT INTO b VALUES (?1, zeroblob(?2))"), arg);
}

static Error *count(Tx *tx, Str sql, const DbValue *params, size_t n, int64_t *out)
{
    bool found;
    return tx_one_i64(tx, sql, params, n, out, &found);
}

Error *found_work(Tx *tx, void *arg)
{
    Found *f = arg;
    Error *err = count(tx, S("SELECT count(*) FROM a"), NULL, 0, &f->rows);
    if (err) return err;
    return count(tx,
                 S("SELECT (SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b))"
                   " + (SELECT count(*) FROM b WHERE k NOT IN (SELECT k FROM a))"),
                 NULL, 0, &f->halves);
}

Error *key_range_work(Tx *tx, void *arg)
{
    KeyRange *r = arg;
    DbValue params[] = {DB_VALUE_INT(r->first), DB_VALUE_INT(r->last)};
    return count(tx, S("SELECT count(*) FROM a JOIN b USING (k) WHERE k BETWEEN ?1 AND ?2"), params,
                 2, &r->count);
}

Str folder_new(Arena *a)
{
    const char *tmp = getenv("TMPDIR");
    Str pattern = str_printf(a, "%s/croft-fault-XXXXXX", tmp ? tmp : "/tmp");
    char *dir = arena_cstr(a, pattern);
    if (!mkdtemp(dir)) abort();
    return str_from(dir);
}

void folder_remove(Arena *a, Str dir)
{
    static const char *const FILES[] = {"data.db", "data.db-wal", "data.db-shm", "data.db-journal",
                                        "croft.lock"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        (void)unlink(arena_cstr(a, str_printf(a, "%.*s/%s", STR_ARG(dir), FILES[i])));
    (void)rmdir(arena_cstr(a, dir));
}

bool option_set(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return false;
}

uint64_t option_u64(int argc, char **argv, const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0 && !str_to_u64(str_from(argv[i + 1]), &value)) abort();
    return value;
}
