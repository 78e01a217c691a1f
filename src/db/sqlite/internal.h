/* internal.h - what the files of db/sqlite/ share.
 *
 *     Db ── LoopSlot[loop_index] ── Conn      the fast lane, used by that loop's thread only
 *      │                                      opened by the first read there
 *      ├── pool of Conn                       slow lane, command line, tests: one each at a time
 *      ├── Writer ── Conn                     the only one that writes
 *      └── Checkpointer ── Conn               copies the WAL back into the file
 *
 *     Conn ── cache of Stmt ── in use by at most one Tx
 *
 * A Tx is one run of a work: it lives on the stack of whoever runs it. Every
 * statement handed out is on its list and is reset and given back at its end,
 * whatever way the work ended.
 *
 * Start reading at read.c (what a GET pays) or writer.c (group commit).
 */
#ifndef CROFT_DB_SQLITE_INTERNAL_H
#define CROFT_DB_SQLITE_INTERNAL_H

#include "db/db.h"
#include "db/dialect.h"

#include <sqlite3.h>
#include <stdalign.h>
#include <stdatomic.h>

#define STMT_CACHE_MAX 256
#define STMT_BUCKETS   256
#define SLOW_SLOTS     256
#define PROGRESS_OPS   1000 /* VM operations between two looks at the clock, 24-150 µs */

typedef struct Conn Conn;

/* ---- statements ---- */

/* A statement is idle (no Tx), taken, or finished: run to its end, still on its
 * Tx's list, and free to be handed out again by the same Tx. Those idle or
 * finished are in their bucket; the idle ones are also in order of their use. */
struct Stmt {
    sqlite3_stmt *raw;
    Conn *conn;
    Tx *tx;
    Stmt *tx_newer, *tx_older; /* of the same Tx */
    Stmt *bucket_next;
    Stmt *newer, *older; /* idle ones, by last use */
    uint64_t hash;
    int bind_result; /* the first binding that failed */
    bool in_bucket;
    bool read_only;
    bool bound;   /* has parameters to clear */
    bool dirty;   /* stepped since the last reset */
    bool running; /* on a row */
    bool done;    /* past the last row */
    bool leads;   /* was seen to be followed by others in one read: see snapshot_hold() */
    size_t sql_len;
    char sql[];
};

typedef struct {
    Stmt *buckets[STMT_BUCKETS];
    Stmt *newest, *oldest; /* of the idle ones */
    size_t idle;
} StmtCache;

/* Finds or compiles; the statement belongs to `tx` until it is given back. */
MUST_CHECK Error *cache_take(Conn *c, Tx *tx, Str sql, uint64_t hash, Stmt **out);
void cache_give_back(Stmt *s);   /* reset already; not on its Tx's list any more */
void cache_finished(Stmt *s);    /* it has come to its end */
void cache_taken_again(Stmt *s); /* its holder runs it once more */
void cache_clear(StmtCache *cache);

/* ---- connections ---- */

/* What the connection itself says around works, compiled once. */
typedef enum {
    CONTROL_BEGIN,
    CONTROL_BEGIN_IMMEDIATE,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_SAVEPOINT,
    CONTROL_RELEASE,
    CONTROL_ROLLBACK_TO,
    CONTROL_COUNT
} Control;

typedef enum { CONN_READ, CONN_WRITE, CONN_CHECKPOINT } ConnRole;

/* A statement that spent the fast lane's budget lately. */
typedef struct {
    uint64_t hash;
    uint64_t until_ms;
    uint32_t penalty_ms;
} SlowEntry;

struct Conn {
    sqlite3 *raw;
    Db *db;
    Conn *next; /* in the pool */
    Tx *tx;     /* the work running now */
    StmtCache cache;
    sqlite3_stmt *control[CONTROL_COUNT];

    uint64_t limit_ns;    /* how long a work may run; 0 = for ever */
    uint64_t others_ns;   /* how long others may wait for it; 0 = for ever. The writer's only */
    uint64_t waited_ns;   /* when others were first seen to wait; 0 = nobody yet */
    uint64_t deadline_ns; /* set at the first look at the clock; 0 = not yet */
    uint32_t looks;
    bool timed_out;
    bool erases;           /* secure_delete is on: tx_erase() */
    uint64_t resident_max; /* of the process in pages, beyond which a work ends; 0 = none */

    SlowEntry slow[SLOW_SLOTS];
};

MUST_CHECK Error *conn_open(Db *db, Arena *a, ConnRole role, Conn **out);
void db_conn_close(Conn *c);             /* NULL is fine */
int conn_control(Conn *c, Control what); /* an SQLite result code */
void conn_limit(Conn *c, uint64_t limit_ns);
void conn_progress(Conn *c, int ops); /* how many VM operations lie between two looks */
uint64_t resident_pages(void);        /* of the process; 0 when it cannot be told */
bool conn_time_is_up(Conn *c);        /* a look at the clock: the running statement must end */
int like_install(Conn *c);            /* like.c; an SQLite result code */

MUST_CHECK Error *pool_take(Db *db, Arena *a, Conn **out);
void pool_put(Db *db, Conn *c);

bool slow_known(Conn *c, uint64_t hash);
void slow_remember(Conn *c, uint64_t hash);

/* ---- transactions ---- */

typedef struct Hook Hook;
struct Hook {
    void (*fn)(void *arg);
    void *arg;
    Hook *next;
};

typedef struct {
    Hook *first, *last;
} HookList;

void hooks_run(HookList *list); /* in order, and empties it */

/* How a read's run ends when not by itself: the caller runs the work again. */
typedef enum {
    VERDICT_NONE,
    VERDICT_SLOW,    /* belongs into the slow lane */
    VERDICT_RESTART, /* needs a transaction from its first statement on */
} Verdict;

typedef enum { SAVEPOINT_NONE, SAVEPOINT_WANTED, SAVEPOINT_OPEN } SavepointState;

struct Tx {
    Db *db;
    Conn *conn;
    Arena *arena;
    bool write;
    bool fast;  /* in the fast lane */
    bool begun; /* a read inside BEGIN */
    SavepointState savepoint;
    Verdict verdict;
    uint32_t runs;    /* statements started so far */
    bool first_leads; /* the first statement begins the transaction */
    Stmt *first;
    Stmt *stmts; /* taken or finished, newest first */
    Error *lost; /* SQLite gave up the whole transaction: why */
    HookList on_commit, on_rollback;
};

/* Calls work under arena_protect(), then gives back its statements. */
MUST_CHECK Error *tx_run(Tx *tx, TxWork work, void *arg);
void tx_list_push(Tx *tx, Stmt *s);
void tx_list_remove(Tx *tx, Stmt *s);
/* Before anything is executed; `stmt` NULL: tx_exec(). */
MUST_CHECK Error *tx_before(Tx *tx, Stmt *stmt, bool read_only);
/* The error for a failed step; looks after what it does to the transaction. */
Error *tx_failed(Tx *tx, int rc, Str sql, uint64_t hash);

/* ---- errors ---- */

/* From the connection's last failure. `raw` and `db` may be NULL. */
Error *sqlite_error(Arena *a, Db *db, sqlite3 *raw, int rc, Str sql);
/* The SQL did not compile: what SQLite calls an error is one of syntax. */
Error *error_of_compiling(Error *err, int rc);
Error *db_error_new(Arena *a, DbErrorKind kind, Str raw, Str cause);
/* The same for the writer's thread, where an arena must not be outgrown
 * outside of arena_protect(). */
Error *sqlite_error_safe(Arena *a, Db *db, sqlite3 *raw, int rc, Str sql);
Error *db_error_safe(Arena *a, DbErrorKind kind, Str cause);

/* ---- writing ---- */

typedef struct WriteJob WriteJob;

typedef struct {
    WriteJob *first, *last;
    size_t count;
} JobList;

typedef struct {
    uv_thread_t thread;
    bool started;
    uv_mutex_t lock;
    uv_cond_t wake;
    JobList queue; /* under lock */
    bool stopping; /* under lock */
    Conn *conn;
    JobList *wake_lists; /* per loop, used by finish */
    uint64_t restart_at; /* WAL pages */
} Writer;

MUST_CHECK Error *writer_start(Db *db, Arena *a);
void writer_stop(Db *db); /* drains, checkpoints, closes its connection */

typedef struct {
    uv_thread_t thread;
    bool started;
    uv_mutex_t lock;
    uv_cond_t wake;
    bool wanted;   /* under lock */
    bool stopping; /* under lock */
    Conn *conn;
} Checkpointer;

MUST_CHECK Error *checkpointer_start(Db *db, Arena *a);
void checkpointer_stop(Db *db);
void checkpointer_wake_if_due(Db *db);
/* By the writer between two transactions, when the WAL got long. */
void checkpoint_restart_if_due(Db *db);
void checkpoint_empty(Db *db); /* by the writer, or when it has ended */

/* ---- the database ---- */

/* One per loop; its own cache line, as each belongs to another thread. */
typedef struct {
    alignas(64) Conn *conn;
    JobList turn; /* writes of this turn of the loop, not handed over yet */
    Db *db;
    atomic_uint_fast64_t fast_reads;
} LoopSlot;

struct Db {
    Arena *arena; /* what lives as long as the Db */
    DbConfig config;
    Str path;
    int lock_fd;
    LoopSlot *slots; /* config.loop_count */
    Workers *slow;

    uv_mutex_t pool_lock;
    Conn *pool; /* idle ones; under pool_lock */
    int pool_idle;

    Writer writer;
    Checkpointer checkpointer;

    atomic_int stopped; /* a DbErrorKind: why writes are refused */
    atomic_bool closing;
    atomic_int copies;     /* db_copy() under way: the WAL cannot begin anew */
    atomic_size_t waiting; /* write works accepted and not finished */
    atomic_uint_fast64_t slow_reads, abandoned_reads, writes, commits, checkpoints;
    atomic_uint_fast64_t wal_pages, wal_copied; /* as of the last commit, last checkpoint */
};

/* Writes stop for good; says so in the log, once. */
void db_stop_writes(Db *db, DbErrorKind why, int rc, const char *doing);
/* Does so when this result code means that the disk or the file is broken. */
void db_note_failure(Db *db, int rc, const char *doing);

MUST_CHECK Error *library_start(Arena *a);
MUST_CHECK Error *folder_lock(Arena *a, Str dir, Str file, int *fd);
MUST_CHECK Error *folder_make(Arena *a, Str dir);

#endif
