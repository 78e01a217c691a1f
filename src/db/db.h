/* db.h - transactions, statements and values, whatever the engine.
 *
 * All reading and writing is a function from rows to rows, given to db_read()
 * or db_write(), which may run it more than once and on another thread:
 *
 *     static Error *count_posts(Tx *tx, void *arg)
 *     {
 *         Stmt *stmt;
 *         Error *err = tx_prepare(tx, S("SELECT count(*) FROM posts WHERE views > ?1"), &stmt);
 *         if (err) return err;
 *         stmt_bind_i64(stmt, 1, 100);
 *         bool row;
 *         err = stmt_step(stmt, &row);
 *         if (err) return err;
 *         *(int64_t *)arg = stmt_i64(stmt, 0);
 *         return NULL;
 *     }
 *     err = db_read(db, req->arena, count_posts, &count);
 *
 * `work` must do nothing but read and write rows and fill what `arg` points
 * to, and must start from scratch each time it is called (a result buffer is
 * emptied first). What must happen after a commit is queued with
 * tx_after_commit().
 *
 * Reads: on the loop's own connection, at once, within a budget (the fast
 * lane); a read that spends it is abandoned and run again by a small pool (the
 * slow lane), and its statements are remembered as slow. Each db_read() sees
 * one snapshot.
 *
 * Writes (SQLite): one writer thread takes all queued work, runs each in a
 * savepoint of one transaction, commits once with synchronous=FULL and wakes
 * everybody. db_write() returns NULL only when the commit is on disk.
 *
 * In a fiber only the fiber waits; elsewhere (command line, tests) the thread.
 *
 * Errors are HTTP-shaped: 503 busy or shutting down, 507 disk full, 500
 * otherwise; db_error_kind() tells programs. The cause names SQL and reason.
 */
#ifndef CROFT_DB_H
#define CROFT_DB_H

#include "base/base.h"
#include "base/buf.h"
#include "loop/loop.h"

typedef struct Db Db;
typedef struct Tx Tx;
typedef struct Stmt Stmt;
typedef struct SqlDialect SqlDialect;

typedef struct {
    Str dir;                   /* the data folder; made when missing, mode 0700 */
    Str file;                  /* "data.db" */
    int loop_count;            /* one read connection per loop, by loop_index() */
    int slow_threads;          /* default 2 */
    uint32_t read_budget_us;   /* default 1000: about when the fast lane gives up */
    uint32_t slow_timeout_ms;  /* default 2000: when the slow lane gives up, 503 */
    size_t write_queue_max;    /* default 8192 waiting works; beyond it 503 */
    size_t mmap_bytes;         /* default 256 MiB; 0 = none */
    size_t cache_bytes;        /* default 16 MiB per connection at most */
    const char *vfs;           /* for tests: the name of a registered SQLite VFS */
    uint32_t write_timeout_ms; /* default 10000: the longest a db_write() work may run */
    uint32_t checkpoint_pages; /* default 4000: WAL pages at which copying back begins */
    uint32_t restart_pages;    /* default 16000: at which the writer itself does it */
    bool relaxed;              /* commits are not fsynced: a power cut may take the latest ones
                                  along, but never breaks the file. For what may be lost. */
    bool read_only;            /* beside a running server: takes no lock, refuses db_write() */
} DbConfig;

DbConfig db_config_default(Str dir);

/* Opens or creates; takes the folder's lock (another server on it: status 409
 * with the remedy in the message). Refuses an SQLite older than 3.51.3. */
MUST_CHECK Error *db_open(Arena *a, const DbConfig *config, Db **out);
/* Whether a process has this database open (in WAL mode, by any program that
 * uses SQLite), and which one. Not for one that this process has open: asking
 * would give up its locks. Touches nothing. A program that closes it between
 * two uses may be overlooked. */
bool db_in_use(Arena *a, Str path, int64_t *pid);

/* Finishes queued writes, checkpoints, closes, unlocks. */
void db_close(Db *db);

typedef Error *(*TxWork)(Tx *tx, void *arg);

MUST_CHECK Error *db_read(Db *db, Arena *a, TxWork work, void *arg);
/* Straight to the slow lane: for work known to be long. */
MUST_CHECK Error *db_read_slow(Db *db, Arena *a, uint32_t timeout_ms, TxWork work, void *arg);
MUST_CHECK Error *db_write(Db *db, Arena *a, TxWork work, void *arg);
/* In a transaction of its own, committed before the next work begins: for
 * schema changes, whose publication (tx_after_commit) must precede any other
 * work. `timeout_ms` 0 = no limit. */
MUST_CHECK Error *db_write_alone(Db *db, Arena *a, uint32_t timeout_ms, TxWork work, void *arg);

/* How long a work may run when nobody waits for it to end, and how long it may
 * keep other writes waiting; 0 = no limit. */
typedef struct {
    uint32_t alone_ms, others_ms;
} DbPatience;

/* As db_write_alone(), for work that matters less than everybody else's: it fails
 * with DB_ERROR_TOO_SLOW, undone, as soon as one of the two is over. */
MUST_CHECK Error *db_write_patient(Db *db, Arena *a, DbPatience patience, TxWork work, void *arg);

/* Writes the file anew without its gaps, while all other writes wait. Takes the
 * size of the content in temporary space. */
MUST_CHECK Error *db_vacuum(Db *db, Arena *a, DbPatience patience);

/* Copies the log of the latest writes into the file and empties it: for when it
 * may hold what must not stay readable. Best effort: somebody who reads meanwhile
 * puts it off, to the close at the latest. */
MUST_CHECK Error *db_empty_wal(Db *db, Arena *a);

/* After a work that erased (tx_erase()): copies that older writes left in free pages
 * go too. Writes a file of up to DB_FORGET_BYTES anew; of a larger one the log says
 * that a vacuum is left to do. Then empties the log of the latest writes. After an
 * error (no space for a second file) they may be there still. */
#define DB_FORGET_BYTES (INT64_C(64) << 20)
MUST_CHECK Error *db_forget(Db *db, Arena *a);

typedef enum {
    DB_ERROR_NONE,
    DB_ERROR_UNIQUE,     /* db_error_unique() names the columns */
    DB_ERROR_CONSTRAINT, /* another constraint */
    DB_ERROR_SYNTAX,     /* the SQL does not compile: unknown table or column, bad text */
    DB_ERROR_TOO_SLOW,   /* gave up after its time */
    DB_ERROR_BUSY,
    DB_ERROR_DISK_FULL,
    DB_ERROR_IO,
    DB_ERROR_CORRUPT,
    DB_ERROR_READ_ONLY, /* writes are stopped after a failed fsync */
    DB_ERROR_OTHER
} DbErrorKind;

/* What a failed call was about, from Error.code ("db_unique" …). An error that
 * did not come from db/ is DB_ERROR_NONE. */
DbErrorKind db_error_kind(const Error *err);
/* For DB_ERROR_UNIQUE: "table.column" names, comma separated, as in
 * "posts.slug,posts.lang"; empty for an index on an expression. */
Str db_error_unique(const Error *err);
/* The engine's own words: "no such column: foo". For messages that promise a
 * raw error to superusers. */
Str db_error_raw(const Error *err);
/* Where in the SQL the word at fault begins, in bytes; -1 when nobody knows. */
int db_error_offset(const Error *err);

/* ---- inside a transaction ---- */

Arena *tx_arena(Tx *tx); /* the caller's arena */
Db *tx_db(Tx *tx);

/* A statement for this SQL, from the connection's cache when possible; valid
 * until the work returns. The same SQL asked twice while in use gives two; one
 * that has run to its end may be handed out again. So a function called for
 * each of many rows should run its statements to the end or release them. */
MUST_CHECK Error *tx_prepare(Tx *tx, Str sql, Stmt **out);

/* Runs SQL without parameters and rows: DDL. May hold several statements. */
MUST_CHECK Error *tx_exec(Tx *tx, Str sql);

/* From here to its end, what a writing work replaces or deletes is overwritten with
 * zeros in the file, not only let go of: for secrets that stood in clear. */
MUST_CHECK Error *tx_erase(Tx *tx);

/* Runs SQL that a person typed, one or more statements, under a guard: nothing
 * that reaches out of this database or changes the connection (ATTACH, temporary
 * tables, BEGIN … ROLLBACK, PRAGMAs that set something, load_extension, module
 * tables but full-text and R-trees), values of at most 8 MiB, and no more than
 * 256 MiB of memory on the way. In a read nothing can be written:
 * DB_ERROR_READ_ONLY. `rows` may be NULL. Its functions get each statement that
 * has columns, and each row until *enough. `changes` may be NULL. */
typedef struct {
    Error *(*columns)(void *arg, Stmt *stmt);
    Error *(*row)(void *arg, Stmt *stmt, bool *enough);
    void *arg;
} DbRows;
typedef struct {
    int64_t rows; /* written, by all statements together; without those of triggers */
    bool any;     /* a row, of whatever table and by whatever means, or a table itself */
} DbChanges;
MUST_CHECK Error *tx_exec_foreign(Tx *tx, Str sql, const DbRows *rows, DbChanges *changes);

/* Calls fn(arg) once the transaction is on disk, before db_write() returns, on
 * the writer's thread, in commit order over all transactions. Must be brief and
 * must not fail or wait. `arg` must outlive the commit: the caller's arena
 * does. Not called when the work fails. */
void tx_after_commit(Tx *tx, void (*fn)(void *arg), void *arg);
/* The opposite: when the work fails or its transaction is rolled back. */
void tx_after_rollback(Tx *tx, void (*fn)(void *arg), void *arg);

/* Part of a work that may fail alone (batch items do not need it; upserts
 * might): rolls back to here when `work` fails, and returns its error. */
MUST_CHECK Error *tx_nested(Tx *tx, TxWork work, void *arg);

/* Part of a work with a time limit of its own: DB_ERROR_TOO_SLOW when that or
 * the whole's is over. For somebody else's SQL where nobody must wait long. */
MUST_CHECK Error *tx_limited(Tx *tx, uint32_t timeout_ms, TxWork work, void *arg);

typedef enum { DB_NULL, DB_INTEGER, DB_REAL, DB_TEXT, DB_BLOB } DbType;
typedef struct {
    DbType type;
    int64_t integer;
    double real;
    Str text; /* also blobs */
} DbValue;

#define DB_VALUE_NULL    ((DbValue){.type = DB_NULL})
#define DB_VALUE_INT(v)  ((DbValue){.type = DB_INTEGER, .integer = (v)})
#define DB_VALUE_REAL(v) ((DbValue){.type = DB_REAL, .real = (v)})
#define DB_VALUE_TEXT(v) ((DbValue){.type = DB_TEXT, .text = (v)})

/* Parameters are ?1, ?2 … Texts are borrowed until the statement is reset. */
void stmt_bind(Stmt *stmt, int index, DbValue value);
void stmt_bind_i64(Stmt *stmt, int index, int64_t value);
void stmt_bind_double(Stmt *stmt, int index, double value);
void stmt_bind_str(Stmt *stmt, int index, Str value);
void stmt_bind_null(Stmt *stmt, int index);

/* Moves to the next row: *row false at the end. */
MUST_CHECK Error *stmt_step(Stmt *stmt, bool *row);
/* For INSERT, UPDATE, DELETE: runs to the end; *changed may be NULL. */
MUST_CHECK Error *stmt_run(Stmt *stmt, int64_t *changed);
void stmt_reset(Stmt *stmt);   /* to bind and run again within the same work */
void stmt_release(Stmt *stmt); /* not needed any more, before the work ends */

/* Columns of the present row, from 0. Texts live until the next step or reset. */
int stmt_column_count(Stmt *stmt);
Str stmt_column_name(Stmt *stmt, int column);
Str stmt_column_declared_type(Stmt *stmt, int column); /* upper case or empty */
DbType stmt_type(Stmt *stmt, int column);
int64_t stmt_i64(Stmt *stmt, int column);
double stmt_double(Stmt *stmt, int column);
Str stmt_str(Stmt *stmt, int column);
bool stmt_is_null(Stmt *stmt, int column);
bool stmt_is_read_only(Stmt *stmt);

/* One row, one text or integer: the common look-up. *found false without a row. */
MUST_CHECK Error *tx_one_str(Tx *tx, Str sql, const DbValue *params, size_t count, Str *out,
                             bool *found);
MUST_CHECK Error *tx_one_i64(Tx *tx, Str sql, const DbValue *params, size_t count, int64_t *out,
                             bool *found);

/* ---- state ---- */

typedef struct {
    uint64_t fast_reads, slow_reads, abandoned_reads, writes, commits, wal_pages, checkpoints;
} DbStats;
DbStats db_stats(const Db *db);

/* Grows with each commit, before anybody is told of it (hooks, callers). What was
 * read after asking for it is still true while it has not grown. Any thread. */
uint64_t db_version(const Db *db);

/* "ok", or the first findings of the engine's integrity check. Slow. After
 * findings writes are refused. */
MUST_CHECK Error *db_check(Db *db, Arena *a, Str *findings);

const SqlDialect *db_dialect(const Db *db);
bool db_is_read_only(const Db *db); /* as opened */

/* ---- copies (SQLite) ---- */

/* Told now and then how far a long work is; false from progress ends it with
 * DB_ERROR_BUSY. NULL: nobody watches. On the caller's thread. */
typedef struct {
    bool (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
} DbWatch;

/* Copies the database as it is at one moment into the new file `target`, while
 * reads and writes go on. Blocks the thread: not in a fiber. *moment_ms (may be
 * NULL) gets the wall time: what was committed before it is in the copy. On an
 * error nothing is left. Gives up when less than 64 MiB of disk are left, or when
 * the WAL outgrows 1 GiB and twice the database meanwhile. */
MUST_CHECK Error *db_copy(Db *db, Arena *a, Str target, const DbWatch *watch, int64_t *moment_ms);
/* The same of a file that this process has not opened as a Db. */
MUST_CHECK Error *db_file_copy(Arena *a, Str source, Str target, const DbWatch *watch,
                               int64_t *moment_ms);
/* db_check() of a file that nobody has open. Damage is a finding, not an error. */
MUST_CHECK Error *db_file_check(Arena *a, Str path, const DbWatch *watch, Str *findings);

/* Takes the folder's lock without opening anything: nobody else can until
 * close(*fd). 409 as db_open(). */
MUST_CHECK Error *db_folder_hold(Arena *a, Str dir, int *fd);

#endif
