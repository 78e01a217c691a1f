/* error.c - SQLite's result codes as errors a handler can answer with.
 *
 * Every error made here is a DbError: an Error with a tail that remembers the
 * engine's words. It is recognised by the address of its code, so code that
 * changes the code (to validation_not_unique, say) also takes the tail away.
 */
#include "db/sqlite/internal.h"

#include <errno.h>

typedef struct {
    Error base; /* first: see from_error() */
    Str raw;
    Str unique;
    int offset; /* -1 = unknown */
} DbError;

/* Arrays, not literals: no other text in the program has their addresses. */
static const char CODE_UNIQUE[] = "db_unique";
static const char CODE_CONSTRAINT[] = "db_constraint";
static const char CODE_SYNTAX[] = "db_syntax";
static const char CODE_TOO_SLOW[] = "db_too_slow";
static const char CODE_BUSY[] = "db_busy";
static const char CODE_DISK_FULL[] = "db_disk_full";
static const char CODE_IO[] = "db_io";
static const char CODE_CORRUPT[] = "db_corrupt";
static const char CODE_READ_ONLY[] = "db_read_only";
static const char CODE_OTHER[] = "db_other";

/* Adding a kind? Also db.h and kind_of(). */
static const struct {
    const char *code;
    int status;
    Str message; /* empty: the status's own */
} KINDS[] = {
    [DB_ERROR_NONE] = {NULL, 500, STR_INIT("")},
    [DB_ERROR_UNIQUE] = {CODE_UNIQUE, 500, STR_INIT("")},
    [DB_ERROR_CONSTRAINT] = {CODE_CONSTRAINT, 500, STR_INIT("")},
    [DB_ERROR_SYNTAX] = {CODE_SYNTAX, 500, STR_INIT("")},
    [DB_ERROR_TOO_SLOW] = {CODE_TOO_SLOW, 503, STR_INIT("The query took too long.")},
    [DB_ERROR_BUSY] = {CODE_BUSY, 503, STR_INIT("")},
    [DB_ERROR_DISK_FULL] = {CODE_DISK_FULL, 507, STR_INIT("")},
    [DB_ERROR_IO] = {CODE_IO, 500, STR_INIT("")},
    [DB_ERROR_CORRUPT] = {CODE_CORRUPT, 500, STR_INIT("")},
    [DB_ERROR_READ_ONLY] = {CODE_READ_ONLY, 503,
                            STR_INIT("The server does not accept changes at the moment.")},
    [DB_ERROR_OTHER] = {CODE_OTHER, 500, STR_INIT("")},
};

Error *db_error_new(Arena *a, DbErrorKind kind, Str raw, Str cause)
{
    DbError *err = arena_new(a, DbError, 1);
    err->base.status = KINDS[kind].status;
    err->base.code = KINDS[kind].code;
    err->base.message = KINDS[kind].message;
    if (err->base.message.len == 0) err->base.message = error_default_message(KINDS[kind].status);
    err->base.cause = cause;
    err->raw = raw;
    err->offset = -1;
    return &err->base;
}

DbErrorKind db_error_kind(const Error *err)
{
    if (!err || !err->code) return DB_ERROR_NONE;
    for (size_t i = 1; i < COUNT(KINDS); i++)
        if (KINDS[i].code == err->code) return (DbErrorKind)i;
    return DB_ERROR_NONE;
}

static const DbError *from_error(const Error *err)
{
    return db_error_kind(err) == DB_ERROR_NONE ? NULL : (const DbError *)err;
}

Str db_error_unique(const Error *err)
{
    const DbError *mine = from_error(err);
    return mine ? mine->unique : S("");
}

Str db_error_raw(const Error *err)
{
    const DbError *mine = from_error(err);
    return mine ? mine->raw : S("");
}

int db_error_offset(const Error *err)
{
    const DbError *mine = from_error(err);
    return mine ? mine->offset : -1;
}

static bool no_space(sqlite3 *raw)
{
    int reason = raw ? sqlite3_system_errno(raw) : 0;
    return reason == ENOSPC || reason == EDQUOT;
}

static DbErrorKind constraint_kind(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return DB_ERROR_UNIQUE;
    default:
        return DB_ERROR_CONSTRAINT;
    }
}

static DbErrorKind kind_of(sqlite3 *raw, int rc, Str message)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return constraint_kind(rc);
    case SQLITE_INTERRUPT:
        return DB_ERROR_TOO_SLOW;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return DB_ERROR_BUSY;
    case SQLITE_FULL:
        return DB_ERROR_DISK_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        /* Never a full disk in disguise for fsync: its loss is for good. */
        if (rc != SQLITE_IOERR_FSYNC && no_space(raw)) return DB_ERROR_DISK_FULL;
        return DB_ERROR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DB_ERROR_CORRUPT;
    case SQLITE_READONLY:
        return DB_ERROR_READ_ONLY;
    case SQLITE_ERROR:
        /* A cached statement notices a dropped table only when it runs. */
        if (str_starts(message, S("no such "))) return DB_ERROR_SYNTAX;
        return DB_ERROR_OTHER;
    default:
        return DB_ERROR_OTHER;
    }
}

/* "UNIQUE constraint failed: posts.slug, posts.lang" gives "posts.slug,posts.lang";
 * "UNIQUE constraint failed: index 'by_lower_slug'" gives nothing. */
static Str unique_columns(Arena *a, Str message)
{
    static const Str PREFIX = STR_INIT("UNIQUE constraint failed: ");
    if (!str_starts(message, PREFIX)) return S("");
    Str rest = str_from_pos(message, PREFIX.len);
    if (str_starts(rest, S("index '"))) return S("");

    char *out = arena_bytes(a, rest.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == ' ' && i > 0 && rest.ptr[i - 1] == ',') continue;
        out[len++] = rest.ptr[i];
    }
    return str_make(out, len);
}

Error *sqlite_error(Arena *a, Db *db, sqlite3 *raw, int rc, Str sql)
{
    /* errmsg belongs to the last call only: trust it when it is about this one. */
    bool about_this = raw && sqlite3_extended_errcode(raw) == rc;
    Str message = arena_copy(a, str_from(about_this ? sqlite3_errmsg(raw) : sqlite3_errstr(rc)));
    DbErrorKind kind = kind_of(raw, rc, message);
    Str cause = str_printf(a, "%.*s (SQLite %d, %.*s)%s%.*s", STR_ARG(message), rc,
                           STR_ARG(db ? db->config.file : S("file")), sql.len ? ": " : "",
                           STR_ARG(str_sub(sql, 0, 1000)));
    DbError *err = (DbError *)db_error_new(a, kind, message, cause);
    if (about_this) err->offset = sqlite3_error_offset(raw);
    if (kind == DB_ERROR_UNIQUE) err->unique = unique_columns(a, message);
    return &err->base;
}

Error *error_of_compiling(Error *err, int rc)
{
    if (rc == SQLITE_ERROR && db_error_kind(err) == DB_ERROR_OTHER) err->code = CODE_SYNTAX;
    return err;
}

/* ---- from outside of a work ---- */

typedef struct {
    Arena *a;
    Db *db;
    sqlite3 *raw;
    int rc;
    DbErrorKind kind;
    Str text;
} SafeCall;

static Error *safe_sqlite_error(void *arg)
{
    SafeCall *s = arg;
    return sqlite_error(s->a, s->db, s->raw, s->rc, s->text);
}

static Error *safe_db_error(void *arg)
{
    SafeCall *s = arg;
    return db_error_new(s->a, s->kind, s->text, s->text);
}

Error *sqlite_error_safe(Arena *a, Db *db, sqlite3 *raw, int rc, Str sql)
{
    SafeCall call = {.a = a, .db = db, .raw = raw, .rc = rc, .text = sql};
    return arena_protect(a, safe_sqlite_error, &call);
}

Error *db_error_safe(Arena *a, DbErrorKind kind, Str cause)
{
    SafeCall call = {.a = a, .kind = kind, .text = cause};
    return arena_protect(a, safe_db_error, &call);
}
