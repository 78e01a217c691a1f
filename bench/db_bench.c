/* db_bench.c - what db/ itself costs: fibers of one loop that insert and read.
 *
 *     db_bench [seconds]
 *
 * Prints operations a second and CPU time an operation, over all threads, for
 * inserts (64 fibers, one row each with a created index: docs/performance.md),
 * point reads, and reads of two statements (inside BEGIN).
 */
#include "base/buf.h"
#include "base/clock.h"
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FIBERS = 64, ROWS = 100000 };

typedef struct Bench Bench;
struct Bench {
    Db *db;
    Loop *loop;
    const char *name;
    Error *(*op)(Bench *b, Arena *a);
    uint64_t end_ns;
    uint64_t ops;
    uint64_t random;
    int left;
    int64_t sum; /* of what was read, so that it is read */
};

static uint64_t next_random(Bench *b)
{
    b->random = b->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return b->random >> 33;
}

static void must(const char *what, Error *err)
{
    if (!err) return;
    (void)fprintf(stderr, "%s: %.*s %.*s\n", what, STR_ARG(err->message), STR_ARG(err->cause));
    exit(1);
}

static const char BODY[] =
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut "
    "labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat "
    "cupidatat "
    "non proident, sunt in culpa qui officia.";

/* ---- the operations ---- */

typedef struct {
    Bench *b;
    uint64_t number;
    char id[16];
} Row;

static void row_id(Row *r)
{
    uint64_t x = r->number * UINT64_C(0x9e3779b97f4a7c15);
    (void)snprintf(r->id, sizeof r->id, "%015llx", (unsigned long long)(x >> 4));
}

static Error *insert_work(Tx *tx, void *arg)
{
    Row *r = arg;
    Stmt *stmt;
    Error *err =
        tx_prepare(tx, S("INSERT INTO posts (id, created, body) VALUES (?1, ?2, ?3)"), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, str_make(r->id, 15));
    stmt_bind_i64(stmt, 2, (int64_t)r->number);
    stmt_bind_str(stmt, 3, S(BODY));
    return stmt_run(stmt, NULL);
}

static Error *op_insert(Bench *b, Arena *a)
{
    static uint64_t number = ROWS * UINT64_C(10);
    Row r = {.b = b, .number = number++};
    row_id(&r);
    return db_write(b->db, a, insert_work, &r);
}

static Error *read_row(Tx *tx, Row *r, Str sql)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, str_make(r->id, 15));
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    if (row) r->b->sum += (int64_t)stmt_str(stmt, 2).len + stmt_i64(stmt, 1);
    return NULL;
}

static Error *point_work(Tx *tx, void *arg)
{
    return read_row(tx, arg, S("SELECT id, created, body FROM posts WHERE id = ?1"));
}

static Error *pair_work(Tx *tx, void *arg)
{
    Error *err = read_row(tx, arg, S("SELECT id, created, body FROM posts WHERE id = ?1 LIMIT 1"));
    if (err) return err;
    return point_work(tx, arg);
}

static Error *op_point(Bench *b, Arena *a)
{
    Row r = {.b = b, .number = next_random(b) % ROWS};
    row_id(&r);
    return db_read(b->db, a, point_work, &r);
}

static Error *op_pair(Bench *b, Arena *a)
{
    Row r = {.b = b, .number = next_random(b) % ROWS};
    row_id(&r);
    return db_read(b->db, a, pair_work, &r);
}

static Error *fill_work(Tx *tx, void *arg)
{
    Error *err = tx_exec(tx, S("CREATE TABLE posts (id TEXT PRIMARY KEY, created INT, body TEXT);"
                               "CREATE INDEX by_created ON posts (created)"));
    if (err) return err;
    for (uint64_t i = 0; i < ROWS; i++) {
        Row r = {.number = i};
        row_id(&r);
        err = insert_work(tx, &r);
        if (err) return err;
    }
    return NULL;
}

/* ---- running ---- */

static void fiber_main(void *arg)
{
    Bench *b = arg;
    Arena *a = arena_create("bench", 0);
    while (clock_mono_ns() < b->end_ns) {
        for (int i = 0; i < 16; i++) {
            must(b->name, b->op(b, a));
            arena_reset(a);
            b->ops++;
        }
    }
    arena_destroy(a);
    if (--b->left == 0) loop_stop(b->loop);
}

static void start_fibers(void *arg)
{
    Bench *b = arg;
    for (int i = b->left; i > 0; i--)
        if (!fiber_start(b->loop, fiber_main, b)) exit(1);
}

static double cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void run(Bench *b, Arena *a, double seconds, int fibers)
{
    must("loop", loop_create(a, 0, &b->loop));
    uint64_t start = clock_mono_ns();
    double cpu = cpu_us();
    DbStats before = db_stats(b->db);
    b->ops = 0;
    b->left = fibers;
    b->end_ns = start + (uint64_t)(seconds * 1e9);
    loop_post(b->loop, start_fibers, b);
    loop_run(b->loop);
    loop_destroy(b->loop);

    double ops = (double)b->ops, wall = (double)(clock_mono_ns() - start) / 1e9;
    uint64_t commits = db_stats(b->db).commits - before.commits;
    printf("%-12s %8.0f/s  %6.2f us CPU each", b->name, ops / wall, (cpu_us() - cpu) / ops);
    if (commits) printf("  %.1f works a commit", ops / (double)commits);
    printf("\n");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    char dir[] = "/var/tmp/croft-bench-XXXXXX";
    if (!mkdtemp(dir)) return 1;

    Arena *a = arena_create("main", 0);
    DbConfig config = db_config_default(str_from(dir));
    Bench b = {.random = 1};
    must("open", db_open(a, &config, &b.db));
    must("fill", db_write_alone(b.db, a, 0, fill_work, NULL));

    static const struct {
        const char *name;
        Error *(*op)(Bench *b, Arena *a);
        int fibers;
    } RUNS[] = {
        {"point read", op_point, 1},
        {"two reads", op_pair, 1},
        {"insert", op_insert, FIBERS},
        {"insert x1", op_insert, 1},
    };
    for (size_t i = 0; i < COUNT(RUNS); i++) {
        b.name = RUNS[i].name;
        b.op = RUNS[i].op;
        run(&b, a, seconds, RUNS[i].fibers);
    }
    db_close(b.db);
    static const char *const FILES[] = {"data.db", "data.db-wal", "data.db-shm", "croft.lock"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        (void)unlink(arena_cstr(a, str_printf(a, "%s/%s", dir, FILES[i])));
    (void)rmdir(dir);
    arena_destroy(a);
    return 0;
}
