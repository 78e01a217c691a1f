/* test_cache.c - the statement cache keeps the latest and gives nobody another's. */
#include "db_testing.h"

#include "db/sqlite/internal.h"

static Error *same_text_twice(Tx *tx, void *arg)
{
    Str sql = S("SELECT value FROM json_each('[1,2,3]') WHERE value > ?1");
    Stmt *first, *second;
    Error *err = tx_prepare(tx, sql, &first);
    if (err) return err;
    err = tx_prepare(tx, sql, &second);
    if (err) return err;
    assert_ptr_not_equal(first, second);

    stmt_bind_i64(first, 1, 0);
    stmt_bind_i64(second, 1, 1);
    bool row;
    for (int i = 0; i < 2; i++) {
        err = stmt_step(first, &row);
        if (err) return err;
        err = stmt_step(second, &row);
        if (err) return err;
    }
    check_int("first", stmt_i64(first, 0), 2);
    check_int("second", stmt_i64(second, 0), 3);

    stmt_reset(first);
    err = stmt_step(first, &row);
    if (err) return err;
    check_bool("a reset forgets the parameters", row, false);
    return NULL;
}

static void the_same_text_in_use_gives_two(void **state)
{
    TestDb *t = *state;
    check_ok("write", db_write(t->db, t->arena, same_text_twice, NULL));
    check_int("both are kept", t->db->writer.conn->cache.count, 2);
    check_ok("again", db_write(t->db, t->arena, same_text_twice, NULL));
    check_int("and found", t->db->writer.conn->cache.count, 2);
    check_ok("read", db_read(t->db, t->arena, same_text_twice, NULL));
}

typedef struct {
    int from, count;
} Range;

static Error *prepare_range(Tx *tx, void *arg)
{
    Range *r = arg;
    for (int i = r->from; i < r->from + r->count; i++) {
        Stmt *stmt;
        Error *err = tx_prepare(tx, str_printf(tx_arena(tx), "SELECT %d", i), &stmt);
        if (err) return err;
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        check_int("value", stmt_i64(stmt, 0), i);
    }
    return NULL;
}

static size_t cached(const StmtCache *cache)
{
    size_t n = 0;
    for (const Stmt *s = cache->newest; s; s = s->older) {
        assert_null(s->tx);
        n++;
    }
    return n;
}

static void the_least_recently_used_go(void **state)
{
    TestDb *t = *state;
    StmtCache *cache = &t->db->writer.conn->cache;
    for (int i = 0; i < 600; i++) {
        check_ok("one", db_write(t->db, t->arena, prepare_range, &(Range){i, 1}));
        check_ok("often", db_write(t->db, t->arena, prepare_range, &(Range){-1, 1}));
    }
    check_int("bounded", cached(cache), STMT_CACHE_MAX);
    check_int("count", cache->count, STMT_CACHE_MAX);
    check_str("the newest", str_make(cache->newest->sql, cache->newest->sql_len), "SELECT -1");
    check_str("the oldest", str_make(cache->oldest->sql, cache->oldest->sql_len), "SELECT 345");

    /* More than fit, all in use at once: none is taken away meanwhile. */
    check_ok("many", db_write(t->db, t->arena, prepare_range, &(Range){1000, 400}));
    check_int("over its size for once", cached(cache), 400);
    check_ok("back", db_write(t->db, t->arena, prepare_range, &(Range){9999, 1}));
    check_int("and back", cached(cache), STMT_CACHE_MAX);
}

static void a_changed_schema_is_noticed(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v); INSERT INTO a VALUES (1)")));
    Str sql = S("SELECT * FROM a");
    check_str("before", db_one(t, sql), "1");
    check_ok("alter", db_exec(t, S("DROP TABLE a; CREATE TABLE a (w, v); INSERT INTO a VALUES ('w', 2)")));
    check_str("after", db_one(t, sql), "w");
    check_ok("drop", db_exec(t, S("DROP TABLE a")));
    OneQuery q = {.sql = sql};
    check_code("gone", db_read(t->db, t->arena, one_work, &q), "db_syntax");
}

static Error *columns(Tx *tx, void *arg)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("SELECT id, n + 1 AS more FROM c"), &stmt);
    if (err) return err;
    check_int("count", stmt_column_count(stmt), 2);
    check_str("name", stmt_column_name(stmt, 1), "more");
    check_str("type", stmt_column_declared_type(stmt, 0), "TEXT");
    check_str("no type", stmt_column_declared_type(stmt, 1), "");
    check_bool("read only", stmt_is_read_only(stmt), true);
    err = tx_prepare(tx, S("DELETE FROM c"), &stmt);
    check_bool("not read only", stmt_is_read_only(stmt), false);
    return err;
}

static void columns_are_described(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE c (id text, n INT)")));
    check_ok("read", db_read(t->db, t->arena, columns, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(the_same_text_in_use_gives_two),
        test_with_db(the_least_recently_used_go),
        test_with_db(a_changed_schema_is_noticed),
        test_with_db(columns_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
