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
    check_int("both are kept", t->db->writer.conn->cache.idle, 2);
    check_ok("again", db_write(t->db, t->arena, same_text_twice, NULL));
    check_int("and found", t->db->writer.conn->cache.idle, 2);
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
    check_int("count", cache->idle, STMT_CACHE_MAX);
    check_str("the newest", str_make(cache->newest->sql, cache->newest->sql_len), "SELECT -1");
    check_str("the oldest", str_make(cache->oldest->sql, cache->oldest->sql_len), "SELECT 345");

    /* More than fit, all in use at once: none is taken away meanwhile. */
    check_ok("many", db_write(t->db, t->arena, prepare_range, &(Range){1000, 400}));
    check_int("bounded again", cached(cache), STMT_CACHE_MAX);
    check_int("count", cache->idle, STMT_CACHE_MAX);
}

/* A helper that is called for each of many rows. */
static Error *count_rows(Tx *tx, bool to_the_end, Stmt **out)
{
    Error *err = tx_prepare(tx, S("SELECT value FROM json_each('[1,2]')"), out);
    bool row = true;
    while (!err && row) {
        err = stmt_step(*out, &row);
        if (!to_the_end) break;
    }
    return err;
}

static Error *many_times(Tx *tx, void *arg)
{
    Stmt *first, *again, *open, *other;
    Error *err = count_rows(tx, true, &first);
    if (err) return err;
    err = count_rows(tx, true, &again);
    if (err) return err;
    assert_ptr_equal(first, again);

    err = count_rows(tx, false, &open); /* stays on a row */
    if (err) return err;
    assert_ptr_equal(first, open);
    err = count_rows(tx, true, &other);
    if (err) return err;
    assert_ptr_not_equal(open, other);
    check_int("the open one keeps its row", stmt_i64(open, 0), 1);

    /* The holder of a finished one may run it again; then it is taken. */
    stmt_reset(other);
    err = count_rows(tx, true, &again);
    if (err) return err;
    assert_ptr_not_equal(again, other);
    assert_ptr_not_equal(again, open);
    stmt_release(again);
    for (int i = 0; i < 1000; i++) {
        Str out;
        bool found;
        err = tx_one_str(tx, S("SELECT 'x'"), NULL, 0, &out, &found);
        if (err) return err;
    }
    return NULL;
}

static void loops_do_not_pile_up_statements(void **state)
{
    TestDb *t = *state;
    check_ok("write", db_write(t->db, t->arena, many_times, NULL));
    check_int("statements", cached(&t->db->writer.conn->cache), 4);
    check_ok("read", db_read(t->db, t->arena, many_times, NULL));
}

static Error *lead_and_follow(Tx *tx, void *arg)
{
    Str out;
    bool found;
    Error *err = tx_one_str(tx, S("SELECT 'leads'"), NULL, 0, &out, &found);
    if (err) return err;
    return prepare_range(tx, arg);
}

/* The first statement of a read is remembered as leading others, also when it
 * was given back early; and not when it has left the cache meanwhile. */
static void a_released_leader_may_be_gone(void **state)
{
    TestDb *t = *state;
    for (int i = 0; i < 2; i++)
        check_ok("read", db_read(t->db, t->arena, lead_and_follow, &(Range){i * 1000, 400}));
}

static void a_changed_schema_is_noticed(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v); INSERT INTO a VALUES (1)")));
    Str sql = S("SELECT * FROM a");
    check_str("before", db_one(t, sql), "1");
    check_ok("alter",
             db_exec(t, S("DROP TABLE a; CREATE TABLE a (w, v); INSERT INTO a VALUES ('w', 2)")));
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
        test_with_db(the_same_text_in_use_gives_two),  test_with_db(the_least_recently_used_go),
        test_with_db(loops_do_not_pile_up_statements), test_with_db(a_released_leader_may_be_gone),
        test_with_db(a_changed_schema_is_noticed),     test_with_db(columns_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
