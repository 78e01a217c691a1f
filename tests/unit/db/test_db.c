/* test_db.c - opening, values, errors, transactions: what any engine must do. */
#include "db_testing.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <uv.h>

/* ---- values ---- */

typedef struct {
    DbValue in;
    DbValue out;
} RoundTrip;

static Error *round_trip(Tx *tx, void *arg)
{
    RoundTrip *r = arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("SELECT ?1"), &stmt);
    if (err) return err;
    stmt_bind(stmt, 1, r->in);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    check_bool("row", row, true);
    r->out.type = stmt_type(stmt, 0);
    r->out.integer = r->out.type == DB_INTEGER ? stmt_i64(stmt, 0) : 0;
    r->out.real = r->out.type == DB_REAL ? stmt_double(stmt, 0) : 0;
    r->out.text = arena_copy(tx_arena(tx), stmt_str(stmt, 0));
    err = stmt_step(stmt, &row);
    check_bool("end", row, false);
    return err;
}

static const struct {
    const char *name;
    DbValue value;
    const char *text;
} VALUES[] = {
    {"null", {.type = DB_NULL}, ""},
    {"zero", {.type = DB_INTEGER, .integer = 0}, "0"},
    {"smallest", {.type = DB_INTEGER, .integer = INT64_MIN}, "-9223372036854775808"},
    {"real", {.type = DB_REAL, .real = 0.5}, "0.5"},
    {"text", {.type = DB_TEXT, .text = STR_INIT("it's \xc3\xa4")}, "it's \xc3\xa4"},
    {"empty text", {.type = DB_TEXT, .text = STR_INIT("")}, ""},
    {"text, no ptr", {.type = DB_TEXT, .text = {NULL, 0}}, ""},
    {"blob", {.type = DB_BLOB, .text = STR_INIT("\xff\xfe")}, "\xff\xfe"},
    {"empty blob", {.type = DB_BLOB, .text = {NULL, 0}}, ""},
};

static void values_come_back_as_they_went(void **state)
{
    TestDb *t = *state;
    for (size_t i = 0; i < COUNT(VALUES); i++) {
        RoundTrip r = {.in = VALUES[i].value};
        check_ok(VALUES[i].name, db_read(t->db, t->arena, round_trip, &r));
        check_int(VALUES[i].name, r.out.type, VALUES[i].value.type);
        check_int(VALUES[i].name, r.out.integer, VALUES[i].value.integer);
        check_str(VALUES[i].name, r.out.text, VALUES[i].text);
    }
}

/* ---- errors ---- */

static const struct {
    const char *name, *sql;
    const char *code;
    DbErrorKind kind;
    int status;
    const char *unique;
} ERRORS[] = {
    {"fine", "INSERT INTO p VALUES (2, 'b', 'de', 1)", NULL, DB_ERROR_NONE, 0, ""},
    {"primary key", "INSERT INTO p VALUES (1, 'x', 'de', 1)", "db_unique", DB_ERROR_UNIQUE, 500,
     "p.id"},
    {"two columns", "INSERT INTO p VALUES (3, 'a', 'en', 1)", "db_unique", DB_ERROR_UNIQUE, 500,
     "p.slug,p.lang"},
    {"expression", "INSERT INTO p VALUES (4, 'A', 'fr', 1)", "db_unique", DB_ERROR_UNIQUE, 500, ""},
    {"not null", "INSERT INTO p VALUES (5, 'c', NULL, 1)", "db_constraint", DB_ERROR_CONSTRAINT,
     500, ""},
    {"check", "INSERT INTO p VALUES (6, 'c', 'de', -1)", "db_constraint", DB_ERROR_CONSTRAINT, 500,
     ""},
    {"unknown table", "INSERT INTO q VALUES (1)", "db_syntax", DB_ERROR_SYNTAX, 500, ""},
    {"unknown column", "SELECT nope FROM p", "db_syntax", DB_ERROR_SYNTAX, 500, ""},
    {"no SQL", "hello", "db_syntax", DB_ERROR_SYNTAX, 500, ""},
    {"at run time", "SELECT json_extract('{', '$')", "db_other", DB_ERROR_OTHER, 500, ""},
    {"second of two", "DELETE FROM p WHERE id=2; SELECT nope", "db_syntax", DB_ERROR_SYNTAX, 500,
     ""},
};

static void errors_have_a_kind(void **state)
{
    TestDb *t = *state;
    check_ok("schema",
             db_exec(t, S("CREATE TABLE p (id INTEGER PRIMARY KEY, slug TEXT, lang TEXT NOT NULL,"
                          " n INT CHECK (n > 0));"
                          "CREATE UNIQUE INDEX a ON p (slug, lang);"
                          "CREATE UNIQUE INDEX b ON p (lower(slug)) WHERE lang = 'fr' OR id = 1;"
                          "INSERT INTO p VALUES (1, 'a', 'en', 1);")));
    for (size_t i = 0; i < COUNT(ERRORS); i++) {
        Error *err = db_exec(t, str_from(ERRORS[i].sql));
        check_code(ERRORS[i].name, err, ERRORS[i].code);
        check_int(ERRORS[i].name, db_error_kind(err), ERRORS[i].kind);
        check_str(ERRORS[i].name, db_error_unique(err), ERRORS[i].unique);
        if (err) check_int(ERRORS[i].name, err->status, ERRORS[i].status);
    }
    check_str("the last error undid its whole work", db_one(t, S("SELECT count(*) FROM p")), "2");

    Error *err = db_exec(t, S("SELECT nope FROM p"));
    check_str("raw", db_error_raw(err), "no such column: nope");
    Error foreign = {.status = 400, .code = "db_unique"};
    check_int("not ours", db_error_kind(&foreign), DB_ERROR_NONE);
}

static Error *prepare_two(Tx *tx, void *arg)
{
    Stmt *stmt;
    return tx_prepare(tx, *(Str *)arg, &stmt);
}

static void one_statement_at_a_time(void **state)
{
    TestDb *t = *state;
    static const struct {
        const char *sql, *code;
    } CASES[] = {
        {"SELECT 1", NULL}, {"SELECT 1; ", NULL},        {"SELECT 1; SELECT 2", "db_syntax"},
        {"", "db_syntax"},  {"-- nothing", "db_syntax"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str sql = str_from(CASES[i].sql);
        check_code(CASES[i].sql, db_read(t->db, t->arena, prepare_two, &sql), CASES[i].code);
    }
}

static void reads_cannot_write(void **state)
{
    TestDb *t = *state;
    Str sql = S("CREATE TABLE x (a)");
    Error *err = db_read(t->db, t->arena, exec_work, &sql);
    check_int("kind", db_error_kind(err), DB_ERROR_READ_ONLY);
    sql = S("ATTACH '/tmp/croft-attached.db' AS other");
    check_int("attach", db_read(t->db, t->arena, exec_work, &sql) != NULL, true);
}

/* ---- transactions ---- */

static Error *insert_then_fail(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("INSERT INTO n VALUES (100)"));
    if (err) return err;
    return error_new(tx_arena(tx), 403, S("No."));
}

static void count_up(void *arg)
{
    ++*(int *)arg;
}

typedef struct {
    int committed, undone;
} Hooks;

static Error *nested_fails(Tx *tx, void *arg)
{
    Hooks *hooks = arg;
    tx_after_commit(tx, count_up, &hooks->committed);
    tx_after_rollback(tx, count_up, &hooks->undone);
    return insert_then_fail(tx, arg);
}

static Error *nested_works(Tx *tx, void *arg)
{
    Hooks *hooks = arg;
    tx_after_commit(tx, count_up, &hooks->committed);
    tx_after_rollback(tx, count_up, &hooks->undone);
    return tx_exec(tx, S("INSERT INTO n VALUES (2)"));
}

static Error *outer(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("INSERT INTO n VALUES (1)"));
    if (err) return err;
    err = tx_nested(tx, nested_works, arg);
    if (err) return err;
    err = tx_nested(tx, nested_fails, arg);
    check_int("status of the nested one", err ? err->status : 0, 403);
    return tx_exec(tx, S("INSERT INTO n VALUES (3)"));
}

static void nested_works_fail_alone(void **state)
{
    TestDb *t = *state;
    Hooks hooks = {0};
    check_ok("schema", db_exec(t, S("CREATE TABLE n (v INT)")));
    check_ok("write", db_write(t->db, t->arena, outer, &hooks));
    check_str("rows", db_one(t, S("SELECT group_concat(v) FROM n")), "1,2,3");
    check_int("commit hooks", hooks.committed, 1);
    check_int("rollback hooks", hooks.undone, 1);

    Error *err = db_write(t->db, t->arena, insert_then_fail, NULL);
    check_int("own error passes through", err ? err->status : 0, 403);
    check_str("undone", db_one(t, S("SELECT count(*) FROM n")), "3");
}

static Error *fill_arena(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("INSERT INTO n VALUES (7)"));
    if (err) return err;
    for (;;)
        (void)arena_bytes(tx_arena(tx), 4096);
}

static void an_outgrown_arena_ends_its_own_work(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE n (v INT)")));
    for (int round = 0; round < 2; round++) {
        Arena *small = arena_create("small", 256 << 10);
        Error *err = round ? db_read(t->db, small, fill_arena, NULL)
                           : db_write(t->db, small, fill_arena, NULL);
        check_int("status", err ? err->status : 0, round ? 503 : 500);
        arena_destroy(small);
    }
    check_str("undone", db_one(t, S("SELECT count(*) FROM n")), "0");
    check_ok("goes on", db_exec(t, S("INSERT INTO n VALUES (1)")));
}

static Error *outgrown_within(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("INSERT INTO n VALUES (8)"));
    if (err) return err;
    return tx_nested(tx, fill_arena, arg);
}

typedef struct {
    TestDb *t;
    Error *err;
    Arena *small;
} NestedWriter;

static void nested_writer(void *arg)
{
    NestedWriter *w = arg;
    w->err = db_write(w->t->db, w->small, outgrown_within, NULL);
}

/* Holds the writer until another work waits, so that the two after it share a
 * transaction. */
static Error *hold_writer(Tx *tx, void *arg)
{
    (void)tx;
    const atomic_int *go = arg;
    while (!atomic_load(go))
        (void)usleep(1000);
    return NULL;
}

typedef struct {
    TestDb *t;
    atomic_int go;
} Holder;

static void holder(void *arg)
{
    Holder *h = arg;
    Arena *a = arena_create("holder", 0);
    check_ok("hold", db_write(h->t->db, a, hold_writer, &h->go));
    arena_destroy(a);
}

static void plain_writer(void *arg)
{
    TestDb *t = arg;
    Arena *a = arena_create("plain", 0);
    Str sql = S("INSERT INTO n VALUES (1)");
    check_ok("the other one", db_write(t->db, a, exec_work, &sql));
    arena_destroy(a);
}

static void an_outgrown_nested_work_takes_its_outer_one_along(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE n (v INT)")));
    Holder h = {.t = t};
    NestedWriter w = {.t = t, .small = arena_create("small", 256 << 10)};
    uv_thread_t threads[3];
    assert_int_equal(uv_thread_create(&threads[0], holder, &h), 0);
    (void)usleep(50000);
    assert_int_equal(uv_thread_create(&threads[1], nested_writer, &w), 0);
    assert_int_equal(uv_thread_create(&threads[2], plain_writer, t), 0);
    (void)usleep(100000);
    atomic_store(&h.go, 1);
    for (size_t i = 0; i < COUNT(threads); i++)
        uv_thread_join(&threads[i]);

    check_int("status", w.err ? w.err->status : 0, 500);
    check_str("only the other one's row", db_one(t, S("SELECT group_concat(v) FROM n")), "1");
    arena_destroy(w.small);
}

static Error *read_deep(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("SELECT 1"));
    if (err) return err;
    for (;;)
        (void)arena_bytes(tx_arena(tx), 4096);
}

static void an_outgrown_arena_ends_its_own_read(void **state)
{
    TestDb *t = *state;
    Arena *small = arena_create("small", 256 << 10);
    Error *err = db_read(t->db, small, read_deep, NULL);
    check_int("status", err ? err->status : 0, 500);
    arena_destroy(small);
    check_str("goes on", db_one(t, S("SELECT 5")), "5");
}

/* ---- the folder ---- */

static int mode_of(TestDb *t, const char *name)
{
    struct stat st;
    Str path = str_printf(t->arena, "%.*s/%s", STR_ARG(t->dir), name);
    assert_int_equal(stat(arena_cstr(t->arena, path), &st), 0);
    return (int)(st.st_mode & 0777);
}

static void files_are_private(void **state)
{
    TestDb *t = *state;
    check_ok("write", db_exec(t, S("CREATE TABLE a (b)")));
    check_int("database", mode_of(t, "data.db"), 0600);
    check_int("wal", mode_of(t, "data.db-wal"), 0600);
    check_int("lock", mode_of(t, "croft.lock"), 0600);
}

static void a_second_server_is_refused(void **state)
{
    TestDb *t = *state;
    Db *second;
    Error *err = db_open(t->arena, &t->config, &second);
    check_int("status", err ? err->status : 0, 409);
    check_bool("names the process",
               err && str_find(err->message, str_printf(t->arena, "process %d", getpid())) > 0,
               true);

    DbConfig other = t->config;
    other.file = S("other.db");
    check_ok("another file of the same server", db_open(t->arena, &other, &second));
    db_close(second);

    db_close(t->db);
    test_db_open(t); /* the lock was lifted */
}

static void everything_is_there_after_reopening(void **state)
{
    TestDb *t = *state;
    check_ok("write", db_exec(t, S("CREATE TABLE a (b); INSERT INTO a VALUES ('kept')")));
    db_close(t->db);

    struct stat st;
    Str wal = str_printf(t->arena, "%.*s/data.db-wal", STR_ARG(t->dir));
    check_int("wal is empty or gone",
              stat(arena_cstr(t->arena, wal), &st) == 0 ? (int)st.st_size : 0, 0);
    test_db_open(t);
    check_str("row", db_one(t, S("SELECT b FROM a")), "kept");
}

static void makes_its_folder(void **state)
{
    TestDb *t = *state;
    DbConfig config = db_config_default(str_printf(t->arena, "%.*s/x/y/", STR_ARG(t->dir)));
    Db *db;
    check_ok("open", db_open(t->arena, &config, &db));
    check_int("mode", mode_of(t, "x/y"), 0700);
    db_close(db);
    static const char *const FILES[] = {"x/y/data.db", "x/y/data.db-wal", "x/y/data.db-shm",
                                        "x/y/croft.lock"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        test_file_remove(t, FILES[i]);
    (void)rmdir(arena_cstr(t->arena, str_printf(t->arena, "%.*s/x/y", STR_ARG(t->dir))));
    (void)rmdir(arena_cstr(t->arena, str_printf(t->arena, "%.*s/x", STR_ARG(t->dir))));
}

static void overwrite(TestDb *t, off_t at, size_t len)
{
    Str path = str_printf(t->arena, "%.*s/data.db", STR_ARG(t->dir));
    int fd = open(arena_cstr(t->arena, path), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *junk = memset(arena_bytes(t->arena, len), 0x5a, len);
    assert_int_equal(pwrite(fd, junk, len, at), (ssize_t)len);
    (void)close(fd);
}

static void a_damaged_file_refuses_writes(void **state)
{
    TestDb *t = *state;
    check_ok("rows",
             db_exec(t, S("CREATE TABLE a (b TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                          " SELECT i+1 FROM n WHERE i < 2000)"
                          " INSERT INTO a SELECT hex(randomblob(40)) FROM n")));
    db_close(t->db);
    overwrite(t, 4096 * 3, 4096 * 8);
    test_db_open(t);

    Str findings;
    check_ok("check", db_check(t->db, t->arena, &findings));
    check_bool("finds it", str_eq(findings, S("ok")), false);
    Error *err = db_exec(t, S("INSERT INTO a VALUES ('x')"));
    check_int("writes are refused", db_error_kind(err), DB_ERROR_READ_ONLY);

    db_close(t->db);
    t->db = NULL;
    overwrite(t, 0, 100);
    err = db_open(t->arena, &t->config, &t->db);
    check_int("not a database", db_error_kind(err), DB_ERROR_CORRUPT);
}

static void a_sound_file_is_ok(void **state)
{
    TestDb *t = *state;
    Str findings;
    check_ok("check", db_check(t->db, t->arena, &findings));
    check_str("findings", findings, "ok");
}

/* ---- disk full ---- */

static void a_full_disk_stops_nothing_for_good(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE a (b BLOB); PRAGMA max_page_count = 40")));
    Error *err = db_exec(t, S("INSERT INTO a VALUES (zeroblob(1000000))"));
    check_int("kind", db_error_kind(err), DB_ERROR_DISK_FULL);
    check_int("status", err->status, 507);
    check_str("reads go on", db_one(t, S("SELECT count(*) FROM a")), "0");
    check_ok("small ones still fit", db_exec(t, S("INSERT INTO a VALUES (zeroblob(10))")));
    check_ok("space again", db_exec(t, S("PRAGMA max_page_count = 4000")));
    check_ok("writes again", db_exec(t, S("INSERT INTO a VALUES (zeroblob(1000000))")));
    check_str("rows", db_one(t, S("SELECT count(*) FROM a")), "2");
}

/* ---- somebody else's SQL ---- */

#define ENDLESS                                                                                    \
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"

static Error *run_endless(Tx *tx, void *arg)
{
    (void)arg;
    int64_t value;
    bool found;
    return tx_one_i64(tx, S(ENDLESS), NULL, 0, &value, &found);
}

/* What took too long fails alone: the work goes on, and may take its time. */
static Error *limited_writer(Tx *tx, void *arg)
{
    (void)arg;
    Error *err = tx_exec(tx, S("CREATE TABLE kept (x)"));
    if (err) return err;
    err = tx_limited(tx, 30, run_endless, NULL);
    check_int("kind", db_error_kind(err), DB_ERROR_TOO_SLOW);
    return tx_exec(tx, S("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT "
                         "200000) INSERT INTO kept SELECT count(*) FROM c"));
}

static void a_part_can_have_a_limit_of_its_own(void **state)
{
    TestDb *t = *state;
    check_ok("write", db_write_alone(t->db, t->arena, 0, limited_writer, NULL));
    check_str("goes on", db_one(t, S("SELECT x FROM kept")), "200000");

    /* the whole's limit holds within the part */
    Error *err = db_write_alone(t->db, t->arena, 50, run_endless, NULL);
    check_int("outer", db_error_kind(err), DB_ERROR_TOO_SLOW);
}

static void errors_tell_where(void **state)
{
    static const struct {
        const char *sql;
        int offset;
    } CASES[] = {
        {"SELECT nope", 7},
        {"SELECT 1, \"nope\"", 10},
        {"SELECT 1 FROM sqlite_schema WHERE a=1", 34},
        {"SELEKT 1", 0},
        {"SELECT 1", -1},
    };
    TestDb *t = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Error *err = db_exec(t, str_from(CASES[i].sql));
        check_int(CASES[i].sql, db_error_offset(err), CASES[i].offset);
    }
    check_int("not of a database", db_error_offset(error_status(t->arena, 400)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(values_come_back_as_they_went),
        test_with_db(errors_have_a_kind),
        test_with_db(one_statement_at_a_time),
        test_with_db(reads_cannot_write),
        test_with_db(nested_works_fail_alone),
        test_with_db(a_part_can_have_a_limit_of_its_own),
        test_with_db(errors_tell_where),
        test_with_db(an_outgrown_arena_ends_its_own_work),
        test_with_db(an_outgrown_nested_work_takes_its_outer_one_along),
        test_with_db(an_outgrown_arena_ends_its_own_read),
        test_with_db(files_are_private),
        test_with_db(a_second_server_is_refused),
        test_with_db(everything_is_there_after_reopening),
        test_with_db(makes_its_folder),
        test_with_db(a_damaged_file_refuses_writes),
        test_with_db(a_sound_file_is_ok),
        test_with_db(a_full_disk_stops_nothing_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
