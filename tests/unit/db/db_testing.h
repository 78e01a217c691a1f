/* db_testing.h - a database in a folder of its own, and short ways to use it. */
#ifndef CROFT_DB_TESTING_H
#define CROFT_DB_TESTING_H

#include "testing.h"

#include "base/buf.h"
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    Str dir;
    DbConfig config;
    Db *db;
} TestDb;

/* Two loops at most, small limits where a test would otherwise take long. */
static inline void test_db_open(TestDb *t)
{
    Error *err = db_open(t->arena, &t->config, &t->db);
    check_ok("open", err);
}

static inline TestDb *test_db_new(Arena *a)
{
    TestDb *t = arena_new(a, TestDb, 1);
    t->arena = a;
    char *dir = arena_cstr(a, S("/tmp/croft-db-XXXXXX"));
    assert_non_null(mkdtemp(dir));
    t->dir = str_from(dir);
    t->config = db_config_default(t->dir);
    t->config.loop_count = 2;
    return t;
}

static inline int db_setup(void **state)
{
    TestDb *t = test_db_new(arena_create("test", 64 << 20));
    test_db_open(t);
    *state = t;
    return 0;
}

static inline void test_file_remove(TestDb *t, const char *name)
{
    (void)unlink(arena_cstr(t->arena, str_printf(t->arena, "%.*s/%s", STR_ARG(t->dir), name)));
}

/* Looks at the first megabyte. */
static inline bool test_file_has(TestDb *t, const char *name, const char *text)
{
    FILE *f =
        fopen(arena_cstr(t->arena, str_printf(t->arena, "%.*s/%s", STR_ARG(t->dir), name)), "rb");
    if (!f) return false;
    char *bytes = arena_bytes(t->arena, 1 << 20);
    size_t len = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return str_find(str_make(bytes, len), str_from(text)) >= 0;
}

static inline int db_teardown(void **state)
{
    TestDb *t = *state;
    db_close(t->db);
    static const char *const FILES[] = {"data.db",         "data.db-wal", "data.db-shm",
                                        "data.db-journal", "other.db",    "other.db-wal",
                                        "other.db-shm",    "croft.lock"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        test_file_remove(t, FILES[i]);
    (void)rmdir(arena_cstr(t->arena, t->dir));
    arena_destroy(t->arena);
    return 0;
}

#define test_with_db(fn) cmocka_unit_test_setup_teardown(fn, db_setup, db_teardown)

static inline Error *exec_work(Tx *tx, void *arg)
{
    return tx_exec(tx, *(const Str *)arg);
}

static inline Error *db_exec(TestDb *t, Str sql)
{
    return db_write(t->db, t->arena, exec_work, &sql);
}

typedef struct {
    Str sql;
    Str out;
    bool found;
} OneQuery;

static inline Error *one_work(Tx *tx, void *arg)
{
    OneQuery *q = arg;
    return tx_one_str(tx, q->sql, NULL, 0, &q->out, &q->found);
}

/* The first column of the first row as text, "(none)" without a row. */
static inline Str db_one(TestDb *t, Str sql)
{
    OneQuery q = {.sql = sql};
    Error *err = db_read(t->db, t->arena, one_work, &q);
    check_ok("query", err);
    return q.found ? q.out : S("(none)");
}

#endif
