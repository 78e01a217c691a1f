/* test_lanes.c - fibers that read and write: the fast lane, the slow lane, one
 * snapshot a read, and writes of one turn of the loop in one batch. */
#include "db_testing.h"

#include "base/clock.h"

/* Runs `main_fiber` on a loop of this thread until it calls loop_stop(). */
typedef struct {
    TestDb *t;
    Loop *loop;
    void (*fiber)(void *arg);
    int left; /* fibers alive */
    int point_reads;
    bool slow_done;
    Error *slow_err;
    uint64_t longest_ns;
} World;

static void start_fibers(void *arg)
{
    World *w = arg;
    for (int i = w->left; i > 0; i--)
        assert_true(fiber_start(w->loop, w->fiber, w));
}

static void world_run_on(World *w, Arena *a, int index, void (*fiber)(void *arg), int count)
{
    check_ok("loop", loop_create(a, index, &w->loop));
    w->fiber = fiber;
    w->left = count;
    loop_post(w->loop, start_fibers, w);
    loop_run(w->loop);
    loop_destroy(w->loop);
}

static void world_run(World *w, void (*fiber)(void *arg), int count)
{
    world_run_on(w, w->t->arena, 0, fiber, count);
}

static void fiber_ends(World *w)
{
    if (--w->left == 0) loop_stop(w->loop);
}

/* ---- lanes ---- */

static void schema(TestDb *t)
{
    check_ok(
        "schema",
        db_exec(t, S("CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT);"
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500)"
                     " INSERT INTO a SELECT i, 'row ' || i FROM n")));
}

static Error *point(Tx *tx, void *arg)
{
    Str out;
    bool found;
    DbValue id = DB_VALUE_INT(*(int *)arg % 500 + 1);
    return tx_one_str(tx, S("SELECT v FROM a WHERE id = ?1"), &id, 1, &out, &found);
}

static void point_reader(void *arg)
{
    World *w = arg;
    Arena *a = arena_create("reader", 0);
    await_sleep(1); /* the loop runs now */
    while (!w->slow_done) {
        uint64_t start = clock_mono_ns();
        check_ok("point read", db_read(w->t->db, a, point, &w->point_reads));
        w->longest_ns = MAX(w->longest_ns, clock_mono_ns() - start);
        w->point_reads++;
        arena_reset(a);
        await_sleep(1);
    }
    arena_destroy(a);
    fiber_ends(w);
}

static Error *cross_join(Tx *tx, void *arg)
{
    Str out;
    bool found;
    return tx_one_str(tx, S("SELECT count(*) FROM a x, a y, a z, a q WHERE x.v < y.v"), NULL, 0,
                      &out, &found);
}

static void slow_reader(void *arg)
{
    World *w = arg;
    Arena *a = arena_create("slow", 0);
    await_sleep(2);
    Error *err = db_read(w->t->db, a, cross_join, NULL);
    check_code("runaway", err, "db_too_slow");
    check_int("status", err->status, 503);
    w->slow_done = true;
    arena_destroy(a);
    fiber_ends(w);
}

static void lanes_main(void *arg)
{
    World *w = arg;
    if (w->left == 2 && !w->point_reads) {
        w->point_reads = 1;
        point_reader(w);
    } else {
        slow_reader(w);
    }
}

static void a_runaway_read_stalls_nobody(void **state)
{
    TestDb *t = *state;
    schema(t);
    db_close(t->db);
    t->config.slow_timeout_ms = 1000;
    test_db_open(t);

    World w = {.t = t};
    world_run(&w, lanes_main, 2);
    check_bool("point reads went on", w.point_reads > 5, true);
    DbStats stats = db_stats(t->db);
    check_bool("fast", stats.fast_reads > 5, true);
    check_bool("abandoned", stats.abandoned_reads >= 1, true);
    check_bool("slow", stats.slow_reads >= 1, true);
}

/* ---- slow, but it ends: the answer is right, and remembered as slow ---- */

typedef struct {
    int runs;
    int64_t out;
} Heavy;

static Error *heavy(Tx *tx, void *arg)
{
    Heavy *h = arg;
    h->runs++;
    bool found;
    return tx_one_i64(
        tx,
        S("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000)"
          " SELECT sum(i) FROM n"),
        NULL, 0, &h->out, &found);
}

static void heavy_fiber(void *arg)
{
    World *w = arg;
    Arena *a = arena_create("heavy", 0);
    await_sleep(1);
    for (int i = 0; i < 3; i++) {
        Heavy h = {0};
        check_ok("heavy", db_read(w->t->db, a, heavy, &h));
        check_int("sum", h.out, INT64_C(5000050000));
        check_int("runs", h.runs, 2); /* the second and third are broken off by the memory of it */
    }
    Heavy h = {0};
    check_ok("slow at once", db_read_slow(w->t->db, a, 0, heavy, &h));
    check_int("runs", h.runs, 1);
    arena_destroy(a);
    fiber_ends(w);
}

static void a_slow_read_moves_to_the_slow_lane(void **state)
{
    TestDb *t = *state;
    db_close(t->db);
    t->config.slow_timeout_ms = 60000; /* slow, but not too slow, on any machine */
    test_db_open(t);
    World w = {.t = t};
    world_run(&w, heavy_fiber, 1);
    check_int("slow reads", db_stats(t->db).slow_reads, 4);
    check_int("abandoned", db_stats(t->db).abandoned_reads, 3);
}

/* ---- snapshots ---- */

static Error *bump(Tx *tx, void *arg)
{
    return tx_exec(tx, S("UPDATE a SET v = v + 1 WHERE id = 1"));
}

static void bump_thread(void *arg)
{
    TestDb *t = arg;
    Arena *a = arena_create("bump", 0);
    check_ok("bump", db_write(t->db, a, bump, NULL));
    arena_destroy(a);
}

/* Another thread commits between the two statements. */
static void commit_meanwhile(TestDb *t)
{
    uv_thread_t id;
    assert_int_equal(uv_thread_create(&id, bump_thread, t), 0);
    uv_thread_join(&id);
}

typedef struct {
    TestDb *t;
    int64_t first, second;
    int runs;
} Twice;

static Error *read_twice(Tx *tx, void *arg)
{
    Twice *twice = arg;
    twice->runs++;
    bool found;
    Error *err = tx_one_i64(tx, S("SELECT v FROM a WHERE id = 1"), NULL, 0, &twice->first, &found);
    if (err) return err;
    commit_meanwhile(twice->t);
    return tx_one_i64(tx, S("SELECT v FROM a WHERE id = 1 AND 1"), NULL, 0, &twice->second, &found);
}

/* The first statement is on a row still when the second begins. */
static Error *read_nested(Tx *tx, void *arg)
{
    Twice *twice = arg;
    twice->runs++;
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("SELECT v FROM a ORDER BY id"), &stmt);
    if (err) return err;
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    twice->first = stmt_i64(stmt, 0);
    commit_meanwhile(twice->t);
    bool found;
    err = tx_one_i64(tx, S("SELECT v FROM a WHERE id = 1"), NULL, 0, &twice->second, &found);
    if (err) return err;
    return stmt_step(stmt, &row);
}

/* The same statement twice. */
static Error *read_again(Tx *tx, void *arg)
{
    Twice *twice = arg;
    twice->runs++;
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("SELECT v FROM a WHERE id = ?1"), &stmt);
    if (err) return err;
    for (int i = 0; i < 2; i++) {
        stmt_bind_i64(stmt, 1, 1);
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        *(i ? &twice->second : &twice->first) = stmt_i64(stmt, 0);
        stmt_reset(stmt);
        if (i == 0) commit_meanwhile(twice->t);
    }
    return NULL;
}

static const struct {
    const char *name;
    TxWork work;
    int first_runs, later_runs;
} SNAPSHOTS[] = {
    {"one after the other", read_twice, 2, 1},
    {"one inside the other", read_nested, 1, 1},
    {"the same again", read_again, 2, 1},
};

static void snapshots(World *w, Arena *a)
{
    for (size_t i = 0; i < COUNT(SNAPSHOTS); i++) {
        for (int round = 0; round < 2; round++) {
            Twice twice = {.t = w->t};
            check_ok(SNAPSHOTS[i].name, db_read(w->t->db, a, SNAPSHOTS[i].work, &twice));
            check_int(SNAPSHOTS[i].name, twice.second, twice.first);
            check_int(SNAPSHOTS[i].name, twice.runs,
                      round ? SNAPSHOTS[i].later_runs : SNAPSHOTS[i].first_runs);
        }
    }
}

static void snapshot_fiber(void *arg)
{
    World *w = arg;
    Arena *a = arena_create("snapshot", 0);
    await_sleep(1);
    snapshots(w, a);
    arena_destroy(a);
    fiber_ends(w);
}

static void a_read_sees_one_snapshot(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (id INTEGER PRIMARY KEY, v INT);"
                                    "INSERT INTO a VALUES (1, 0), (2, 0)")));
    db_close(t->db);
    /* The waiting for the other thread must not count as slow. */
    t->config.read_budget_us = 5000000;
    test_db_open(t);

    World w = {.t = t};
    snapshots(&w, t->arena); /* outside of loops */
    world_run(&w, snapshot_fiber, 1);
}

/* ---- writes of fibers ---- */

enum { FIBERS = 64, EACH = 5 };

static Error *insert(Tx *tx, void *arg)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("INSERT INTO a (v) VALUES (?1)"), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, S("text"));
    return stmt_run(stmt, NULL);
}

static void insert_fiber(void *arg)
{
    World *w = arg;
    Arena *a = arena_create("insert", 0);
    for (int i = 0; i < EACH; i++) {
        check_ok("insert", db_write(w->t->db, a, insert, NULL));
        int any = i;
        check_ok("read", db_read(w->t->db, a, point, &any));
        arena_reset(a);
    }
    arena_destroy(a);
    fiber_ends(w);
}

typedef struct {
    World world;
    int index;
} LoopThread;

static void loop_thread(void *arg)
{
    LoopThread *lt = arg;
    Arena *a = arena_create("loop", 0);
    world_run_on(&lt->world, a, lt->index, insert_fiber, FIBERS);
    arena_destroy(a);
}

static void fibers_of_two_loops_share_commits(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT)")));
    uint64_t before = db_stats(t->db).commits;

    LoopThread loops[3]; /* the third has no slot: it must work all the same */
    uv_thread_t ids[COUNT(loops)];
    for (int i = 0; i < (int)COUNT(loops); i++) {
        loops[i] = (LoopThread){.world = {.t = t}, .index = i};
        assert_int_equal(uv_thread_create(&ids[i], loop_thread, &loops[i]), 0);
    }
    for (size_t i = 0; i < COUNT(loops); i++)
        uv_thread_join(&ids[i]);

    check_str("rows", db_one(t, S("SELECT count(*) FROM a")), "960");
    check_bool("shared", db_stats(t->db).commits - before < 960 / 4, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(a_runaway_read_stalls_nobody),
        test_with_db(a_slow_read_moves_to_the_slow_lane),
        test_with_db(a_read_sees_one_snapshot),
        test_with_db(fibers_of_two_loops_share_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
