/* test_writer.c - group commit: nobody is lost, nobody takes others along. */
#include "db_testing.h"

#include "db/sqlite/internal.h"

enum { THREADS = 8, EACH = 60 };

typedef struct {
    TestDb *t;
    int number;
    int committed_hooks, failed_hooks; /* only touched by the writer's thread */
    int failures;
} Client;

typedef struct {
    Client *client;
    int64_t value;
    bool fail;
} Insert;

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static Error *insert_value(Tx *tx, void *arg)
{
    Insert *in = arg;
    tx_after_commit(tx, count_up, &in->client->committed_hooks);
    tx_after_rollback(tx, count_up, &in->client->failed_hooks);
    for (int half = 0; half < 2; half++) {
        Stmt *stmt;
        Error *err = tx_prepare(
            tx, half ? S("INSERT INTO b VALUES (?1)") : S("INSERT INTO a VALUES (?1)"), &stmt);
        if (err) return err;
        stmt_bind_i64(stmt, 1, in->value);
        err = stmt_run(stmt, NULL);
        if (err) return err;
        if (in->fail && half == 0) return error_new(tx_arena(tx), 400, S("Refused."));
    }
    return NULL;
}

static void client_main(void *arg)
{
    Client *c = arg;
    Arena *a = arena_create("client", 0);
    for (int i = 0; i < EACH; i++) {
        Insert in = {.client = c, .value = c->number * 1000 + i, .fail = i % 5 == 4};
        Error *err = db_write(c->t->db, a, insert_value, &in);
        if (err) c->failures++;
        arena_reset(a);
    }
    arena_destroy(a);
}

static void many_threads_share_commits(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT PRIMARY KEY); CREATE TABLE b (v INT)")));

    Client clients[THREADS] = {0};
    uv_thread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (Client){.t = t, .number = i};
        assert_int_equal(uv_thread_create(&threads[i], client_main, &clients[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);

    for (int i = 0; i < THREADS; i++) {
        check_int("failures", clients[i].failures, EACH / 5);
        check_int("commit hooks", clients[i].committed_hooks, EACH - EACH / 5);
        check_int("rollback hooks", clients[i].failed_hooks, EACH / 5);
    }
    check_str("rows of a", db_one(t, S("SELECT count(*) FROM a")), "384");
    check_str("no half work", db_one(t, S("SELECT count(*) FROM a NATURAL JOIN b")), "384");
    DbStats stats = db_stats(t->db);
    check_bool("fewer commits than works", stats.commits < stats.writes, true);
}

/* ---- the order of hooks ---- */

typedef struct {
    int *log;
    int *at;
    int number;
} Note;

static void note(void *arg)
{
    Note *n = arg;
    n->log[(*n->at)++] = n->number;
}

static Error *two_notes(Tx *tx, void *arg)
{
    Note *n = arg;
    tx_after_commit(tx, note, n);
    Note *second = arena_new(tx_arena(tx), Note, 1);
    *second = (Note){n->log, n->at, n->number + 1};
    tx_after_commit(tx, note, second);
    return tx_exec(tx, S("INSERT INTO a VALUES (1)"));
}

static void hooks_run_in_order_and_before_the_answer(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT)")));
    int log[8] = {0}, at = 0;
    for (int i = 0; i < 3; i++) {
        Note n = {log, &at, i * 2};
        Error *err = i == 1 ? db_write_alone(t->db, t->arena, 0, two_notes, &n)
                            : db_write(t->db, t->arena, two_notes, &n);
        check_ok("write", err);
        check_int("run before db_write returned", at, i * 2 + 2);
    }
    for (int i = 0; i < 6; i++)
        check_int("order", log[i], i);
}

typedef struct {
    TestDb *t;
    uint64_t in_work, in_hook;
} Versions;

static void ask_version(void *arg)
{
    Versions *v = arg;
    v->in_hook = db_version(v->t->db);
}

static Error *one_asking(Tx *tx, void *arg)
{
    Versions *v = arg;
    v->in_work = db_version(v->t->db);
    tx_after_commit(tx, ask_version, v);
    return tx_exec(tx, S("INSERT INTO a VALUES (1)"));
}

static void the_version_grows_before_anybody_is_told(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT)")));
    for (int i = 0; i < 3; i++) {
        Versions v = {.t = t};
        uint64_t before = db_version(t->db);
        check_ok("write", i == 1 ? db_write_alone(t->db, t->arena, 0, one_asking, &v)
                                 : db_write(t->db, t->arena, one_asking, &v));
        check_int("not before the commit", v.in_work, before);
        assert_true(v.in_hook > before);
        check_int("once", db_version(t->db), v.in_hook);
    }
}

/* ---- time limits ---- */

static const Str RUNAWAY = STR_INIT(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) INSERT INTO a SELECT i FROM n"
    " WHERE i < 0");

static Error *runaway(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("INSERT INTO a VALUES (-1)"));
    if (err) return err;
    err = tx_exec(tx, RUNAWAY);
    (void)err; /* a work that does not care: nothing of it may be kept all the same */
    return tx_exec(tx, S("INSERT INTO a VALUES (-2)"));
}

typedef struct {
    TestDb *t;
    TxWork work;
    void *arg;
    Error *err;
    Arena *arena;
} Thread;

static void thread_main(void *arg)
{
    Thread *th = arg;
    th->err = db_write(th->t->db, th->arena, th->work, th->arg);
}

static Error *one_row(Tx *tx, void *arg)
{
    return tx_exec(tx, S("INSERT INTO a VALUES (1)"));
}

typedef struct {
    uv_sem_t entered, open;
} Gate;

static void gate_init(Gate *gate)
{
    assert_int_equal(uv_sem_init(&gate->entered, 0), 0);
    assert_int_equal(uv_sem_init(&gate->open, 0), 0);
}

static void gate_destroy(Gate *gate)
{
    uv_sem_destroy(&gate->entered);
    uv_sem_destroy(&gate->open);
}

/* Holds the writer until the test opens the gate. */
static Error *held(Tx *tx, void *arg)
{
    Gate *gate = arg;
    uv_sem_post(&gate->entered);
    uv_sem_wait(&gate->open);
    return NULL;
}

/* Until that many works wait or run: then they are one batch. */
static void wait_for_works(TestDb *t, size_t count)
{
    while (atomic_load(&t->db->waiting) < count)
        uv_sleep(1);
    uv_sleep(5); /* counted, but maybe not in the queue yet */
}

static void a_runaway_write_does_not_harm_its_neighbours(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT)")));
    db_close(t->db);
    t->config.write_timeout_ms = 1000;
    test_db_open(t);

    /* While the first work holds the writer, a runaway and good ones queue up:
     * one batch, which the runaway's end undoes as a whole. */
    Gate gate;
    gate_init(&gate);
    Thread threads[6];
    uv_thread_t ids[COUNT(threads)];
    for (size_t i = 0; i < COUNT(threads); i++) {
        threads[i] = (Thread){.t = t,
                              .arena = arena_create("thread", 0),
                              .arg = &gate,
                              .work = i == 0   ? held
                                      : i == 3 ? runaway
                                               : one_row};
        assert_int_equal(uv_thread_create(&ids[i], thread_main, &threads[i]), 0);
        if (i == 0) uv_sem_wait(&gate.entered);
        wait_for_works(t, i + 1);
    }
    uv_sem_post(&gate.open);
    for (size_t i = 0; i < COUNT(threads); i++) {
        uv_thread_join(&ids[i]);
        check_int("kind", db_error_kind(threads[i].err),
                  i == 3 ? DB_ERROR_TOO_SLOW : DB_ERROR_NONE);
        if (i != 3) check_ok("neighbour", threads[i].err);
        arena_destroy(threads[i].arena);
    }
    gate_destroy(&gate);
    check_str("rows", db_one(t, S("SELECT group_concat(v) FROM a")), "1,1,1,1");
}

static Error *endless(Tx *tx, void *arg)
{
    Error *err = one_row(tx, NULL);
    return err ? err : tx_exec(tx, RUNAWAY);
}

typedef struct {
    TestDb *t;
    Arena *arena;
    Error *err;
    _Atomic bool ended;
} Patient;

static void patient_main(void *arg)
{
    Patient *p = arg;
    p->err = db_write_patient(p->t->db, p->arena, (DbPatience){60000, 50}, endless, NULL);
    atomic_store(&p->ended, true);
}

static void a_patient_write_gives_way_to_those_who_wait(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT)")));
    Patient p = {.t = t, .arena = arena_create("thread", 0)};
    uv_thread_t id;
    assert_int_equal(uv_thread_create(&id, patient_main, &p), 0);
    wait_for_works(t, 1);
    uv_sleep(200);
    check_bool("nobody waits: it goes on", atomic_load(&p.ended), false);

    check_ok("another one", db_write(t->db, t->arena, one_row, NULL));
    uv_thread_join(&id);
    check_int("it was ended", db_error_kind(p.err), DB_ERROR_TOO_SLOW);
    check_str("and undone", db_one(t, S("SELECT count(*) FROM a")), "1");
    arena_destroy(p.arena);

    Error *err = db_write_patient(t->db, t->arena, (DbPatience){50, 0}, endless, NULL);
    check_int("its own limit", db_error_kind(err), DB_ERROR_TOO_SLOW);
    check_ok("limits are its own", db_write_alone(t->db, t->arena, 0, one_row, NULL));
}

/* ---- refusals ---- */

static Error *write_inside(Tx *tx, void *arg)
{
    return db_write(tx_db(tx), tx_arena(tx), one_row, NULL);
}

static Error *read_inside(Tx *tx, void *arg)
{
    Error *err = one_row(tx, NULL);
    if (err) return err;
    OneQuery q = {.sql = S("SELECT count(*) FROM a")};
    err = db_read(tx_db(tx), tx_arena(tx), one_work, &q);
    check_str("sees what is committed only", q.out, "0");
    return err;
}

static void a_write_inside_of_a_write_is_refused(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v INT)")));
    check_code("write", db_write(t->db, t->arena, write_inside, NULL), "db_other");
    check_ok("read", db_write(t->db, t->arena, read_inside, NULL));
}

static void a_full_queue_is_refused(void **state)
{
    TestDb *t = *state;
    db_close(t->db);
    t->config.write_queue_max = 1;
    test_db_open(t);
    Gate gate;
    gate_init(&gate);
    Thread first = {.t = t, .arena = arena_create("thread", 0), .work = held, .arg = &gate};
    uv_thread_t id;
    assert_int_equal(uv_thread_create(&id, thread_main, &first), 0);
    uv_sem_wait(&gate.entered);
    Error *err = db_exec(t, S("CREATE TABLE x (y)"));
    check_int("status", err ? err->status : 0, 503);
    uv_sem_post(&gate.open);
    uv_thread_join(&id);
    check_ok("the first", first.err);
    arena_destroy(first.arena);
    gate_destroy(&gate);
    check_ok("room again", db_exec(t, S("CREATE TABLE x (y)")));
}

/* ---- checkpoints ---- */

static void the_wal_does_not_grow_for_ever(void **state)
{
    TestDb *t = *state;
    db_close(t->db);
    t->config.checkpoint_pages = 20;
    t->config.restart_pages = 100;
    test_db_open(t);
    check_ok("schema", db_exec(t, S("CREATE TABLE a (v BLOB)")));
    uint64_t longest = 0;
    for (int i = 0; i < 300; i++) {
        check_ok("write", db_exec(t, S("INSERT INTO a VALUES (zeroblob(6000))")));
        longest = MAX(longest, db_stats(t->db).wal_pages);
    }
    check_bool("bounded", longest < 800, true);
    check_bool("checkpoints", db_stats(t->db).checkpoints > 2, true);
    check_str("rows", db_one(t, S("SELECT count(*) FROM a")), "300");
}

/* Secrets that stood in clear: neither the file nor the log of latest writes has
 * them any more, short or over pages of their own. */
static Error *erase_work(Tx *tx, void *arg)
{
    Error *err = *(bool *)arg ? tx_erase(tx) : NULL;
    return err ? err : tx_exec(tx, S("UPDATE a SET v = 'sealed'"));
}

static void what_is_erased_is_in_no_file(void **state)
{
    TestDb *t = *state;
    for (int erase = 0; erase < 2; erase++) {
        bool on = erase == 1;
        check_ok("schema", db_exec(t, S("DROP TABLE IF EXISTS a; CREATE TABLE a (v TEXT);"
                                        "INSERT INTO a VALUES ('geheim-kurz-und-gut'), "
                                        "(printf('%.9000cgeheim-lang', 'x'))")));
        check_ok("in the file", db_empty_wal(t->db, t->arena));
        check_bool("short", test_file_has(t, "data.db", "geheim-kurz"), true);
        check_bool("long", test_file_has(t, "data.db", "geheim-lang"), true);
        check_ok("replaced", db_write_alone(t->db, t->arena, 0, erase_work, &on));
        check_ok("emptied", db_empty_wal(t->db, t->arena));
        check_bool("log", test_file_has(t, "data.db-wal", "geheim"), false);
        check_bool(on ? "erased" : "only let go of", test_file_has(t, "data.db", "geheim"), !on);
        check_ok("anew", db_forget(t->db, t->arena));
        check_bool("forgotten, however long ago it was written",
                   test_file_has(t, "data.db", "geheim"), false);
    }
    check_str("later works do not erase", db_one(t, S("PRAGMA secure_delete")), "0");
    check_int("empty", db_stats(t->db).wal_pages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(many_threads_share_commits),
        test_with_db(hooks_run_in_order_and_before_the_answer),
        test_with_db(the_version_grows_before_anybody_is_told),
        test_with_db(a_runaway_write_does_not_harm_its_neighbours),
        test_with_db(a_patient_write_gives_way_to_those_who_wait),
        test_with_db(a_write_inside_of_a_write_is_refused),
        test_with_db(a_full_queue_is_refused),
        test_with_db(the_wal_does_not_grow_for_ever),
        test_with_db(what_is_erased_is_in_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
