/* test_copy.c - copies are of one moment, whatever is written meanwhile. */
#include "testing.h"

#include "db/db.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[32];

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/croft-copy-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int leave_root(void **state)
{
    (void)state;
    return remove_temporary(root);
}

static Str temp_dir(Arena *a)
{
    char *path = arena_cstr(a, str_concat(a, str_from(root), S("/XXXXXX")));
    assert_non_null(mkdtemp(path));
    return str_from(path);
}

static Error *make_tables(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx,
                   S("CREATE TABLE debit (n INTEGER PRIMARY KEY, pad TEXT);"
                     "CREATE TABLE credit (n INTEGER PRIMARY KEY, pad TEXT);"
                     "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<2000)"
                     "INSERT INTO debit SELECT n, hex(randomblob(500)) FROM c;"
                     "INSERT INTO credit SELECT n, pad FROM debit"));
}

/* The two tables always have the same rows, after every commit. */
static Error *write_pair(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("INSERT INTO debit SELECT max(n)+1, hex(randomblob(500)) FROM debit;"
                         "INSERT INTO credit SELECT n, pad FROM debit ORDER BY n DESC LIMIT 1"));
}

typedef struct {
    Db *db;
    atomic_bool stop;
    atomic_int commits;
} Writing;

static void *writer(void *arg)
{
    Writing *w = arg;
    Arena *a = arena_create("writer", 0);
    while (!atomic_load(&w->stop)) {
        assert_null(db_write(w->db, a, write_pair, NULL));
        atomic_fetch_add(&w->commits, 1);
        arena_reset(a);
    }
    arena_destroy(a);
    return NULL;
}

/* Makes the copy slow enough for many commits in the midst of it. */
static bool slowly(void *arg, uint64_t done, uint64_t total)
{
    const Writing *w = arg;
    int seen = atomic_load(&w->commits);
    for (int i = 0; i < 2000 && atomic_load(&w->commits) < seen + 5; i++)
        await_sleep(5);
    return done <= total;
}

static Error *differences(Tx *tx, void *arg)
{
    bool found;
    Error *err =
        tx_one_i64(tx,
                   S("SELECT (SELECT count(*) FROM (SELECT * FROM debit EXCEPT SELECT * FROM "
                     "credit)) + abs((SELECT count(*) FROM debit) - (SELECT count(*) FROM "
                     "credit))"),
                   NULL, 0, (int64_t *)arg, &found);
    return err;
}

static void a_copy_is_of_one_moment(void **state)
{
    Arena *a = *state;
    Str dir = temp_dir(a), other = temp_dir(a);
    DbConfig config = db_config_default(dir);
    config.checkpoint_pages = 50;
    config.restart_pages = 200;
    Writing w = {0};
    assert_null(db_open(a, &config, &w.db));
    assert_null(db_write(w.db, a, make_tables, NULL));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer, &w), 0);

    DbWatch watch = {slowly, &w};
    Str target = str_concat(a, other, S("/data.db"));
    int64_t moment = 0;
    int before = atomic_load(&w.commits);
    assert_null(db_copy(w.db, a, target, &watch, &moment));
    assert_true(atomic_load(&w.commits) > before); /* writes went on */
    assert_true(moment > 0);
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    db_close(w.db);

    Str findings;
    assert_null(db_file_check(a, target, NULL, &findings));
    check_str("check", findings, "ok");
    DbConfig copied = db_config_default(other);
    Db *db;
    int64_t wrong = -1;
    assert_null(db_open(a, &copied, &db));
    assert_null(db_read(db, a, differences, &wrong));
    assert_int_equal(wrong, 0);
    db_close(db);
}

static bool at_once(void *arg, uint64_t done, uint64_t total)
{
    (void)arg, (void)done, (void)total;
    return false;
}

static void a_stopped_copy_leaves_nothing(void **state)
{
    Arena *a = *state;
    DbConfig config = db_config_default(temp_dir(a));
    Db *db;
    assert_null(db_open(a, &config, &db));
    DbWatch watch = {at_once, NULL};
    Str target = str_concat(a, config.dir, S("/copy.db"));
    Error *err = db_copy(db, a, target, &watch, NULL);
    assert_int_equal(db_error_kind(err), DB_ERROR_BUSY);
    assert_int_equal(access(arena_cstr(a, target), F_OK), -1);

    err = db_copy(db, a, S("/nonexistent/copy.db"), NULL, NULL);
    assert_int_equal(err->status, 500);
    int fd;
    err = db_folder_hold(a, config.dir, &fd);
    assert_int_equal(err->status, 409);
    db_close(db);
    assert_null(db_folder_hold(a, config.dir, &fd));
    assert_int_equal(db_open(a, &config, &db)->status, 409);
    close(fd);
}

static void damage_is_a_finding(void **state)
{
    Arena *a = *state;
    DbConfig config = db_config_default(temp_dir(a));
    Db *db;
    assert_null(db_open(a, &config, &db));
    assert_null(db_write(db, a, make_tables, NULL));
    db_close(db);
    Str path = str_concat(a, config.dir, S("/data.db"));
    int fd = open(arena_cstr(a, path), O_RDWR);
    char junk[4096];
    memset(junk, 0x5a, sizeof junk);
    for (off_t page = 3; page < 9; page++)
        assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), sizeof junk);
    close(fd);
    Str findings;
    assert_null(db_file_check(a, path, NULL, &findings));
    assert_true(findings.len > 2);

    fd = open(arena_cstr(a, path), O_RDWR | O_TRUNC);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 0), sizeof junk);
    close(fd);
    assert_null(db_file_check(a, path, NULL, &findings));
    assert_false(str_eq(findings, S("ok")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_is_of_one_moment, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(a_stopped_copy_leaves_nothing, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(damage_is_a_finding, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, make_root, leave_root);
}
