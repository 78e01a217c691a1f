/* cache.c - compiled statements, kept per connection by their SQL text.
 *
 * Compiling costs more than most statements take to run. The cache keeps the
 * STMT_CACHE_MAX last used. The same text may be in it several times, when one
 * work had several in use at once: the next such work finds them all.
 *
 * The table's hash is keyed (base/map.h), so a client's filters cannot be made
 * to share a bucket.
 */
#include "db/sqlite/internal.h"

#include <limits.h>
#include <stdlib.h>

static void use_order_remove(StmtCache *cache, Stmt *s)
{
    if (s->newer)
        s->newer->older = s->older;
    else
        cache->newest = s->older;
    if (s->older)
        s->older->newer = s->newer;
    else
        cache->oldest = s->newer;
    s->newer = s->older = NULL;
}

static void use_order_push(StmtCache *cache, Stmt *s)
{
    s->older = cache->newest;
    if (cache->newest) cache->newest->newer = s;
    cache->newest = s;
    if (!cache->oldest) cache->oldest = s;
}

static void stmt_forget(StmtCache *cache, Stmt *s)
{
    Stmt **at = &cache->buckets[s->hash % STMT_BUCKETS];
    while (*at != s)
        at = &(*at)->bucket_next;
    *at = s->bucket_next;
    use_order_remove(cache, s);
    cache->count--;
    sqlite3_finalize(s->raw);
    free(s);
}

/* Those in use stay: the cache may be over its size while a work has many. */
static void make_room(StmtCache *cache)
{
    Stmt *s = cache->oldest;
    while (s && cache->count >= STMT_CACHE_MAX) {
        Stmt *newer = s->newer;
        if (!s->tx) stmt_forget(cache, s);
        s = newer;
    }
}

void cache_clear(StmtCache *cache)
{
    while (cache->newest)
        stmt_forget(cache, cache->newest);
}

static bool only_blanks(const char *tail, const char *end)
{
    for (; tail < end; tail++)
        if (!strchr(" \t\r\n\f;", *tail)) return false;
    return true;
}

static Error *compile(Conn *c, Tx *tx, Str sql, uint64_t hash, sqlite3_stmt **out)
{
    const char *tail = NULL;
    if (sql.len > INT_MAX)
        return db_error_new(tx->arena, DB_ERROR_SYNTAX, S("statement too long"), S(""));
    int rc = sqlite3_prepare_v3(c->raw, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, out,
                                &tail);
    if (rc != SQLITE_OK) return error_of_compiling(tx_failed(tx, rc, sql, hash), rc);

    const char *complaint = NULL;
    if (!*out)
        complaint = "empty statement";
    else if (!only_blanks(tail, sql.ptr + sql.len))
        complaint = "multiple statements are not supported";
    if (!complaint) return NULL;

    sqlite3_finalize(*out);
    return db_error_new(tx->arena, DB_ERROR_SYNTAX, str_from(complaint), arena_copy(tx->arena, sql));
}

static Error *add(Conn *c, Tx *tx, Str sql, uint64_t hash, Stmt **out)
{
    sqlite3_stmt *raw = NULL;
    Error *err = compile(c, tx, sql, hash, &raw);
    if (err) return err;

    make_room(&c->cache);
    Stmt *s = calloc(1, sizeof *s + sql.len);
    if (!s) {
        sqlite3_finalize(raw);
        return sqlite_error(tx->arena, c->db, NULL, SQLITE_NOMEM, sql);
    }
    s->raw = raw;
    s->conn = c;
    s->hash = hash;
    s->read_only = sqlite3_stmt_readonly(raw) != 0;
    s->sql_len = sql.len;
    memcpy(s->sql, sql.ptr, sql.len);
    s->bucket_next = c->cache.buckets[hash % STMT_BUCKETS];
    c->cache.buckets[hash % STMT_BUCKETS] = s;
    use_order_push(&c->cache, s);
    c->cache.count++;
    *out = s;
    return NULL;
}

static Stmt *find_idle(StmtCache *cache, Str sql, uint64_t hash)
{
    for (Stmt *s = cache->buckets[hash % STMT_BUCKETS]; s; s = s->bucket_next)
        if (s->hash == hash && !s->tx && str_eq(str_make(s->sql, s->sql_len), sql)) return s;
    return NULL;
}

Error *cache_take(Conn *c, Tx *tx, Str sql, uint64_t hash, Stmt **out)
{
    Stmt *s = find_idle(&c->cache, sql, hash);
    if (!s) {
        Error *err = add(c, tx, sql, hash, &s);
        if (err) return err;
    } else if (c->cache.newest != s) {
        use_order_remove(&c->cache, s);
        use_order_push(&c->cache, s);
    }
    s->tx = tx;
    s->tx_next = tx->stmts;
    tx->stmts = s;
    *out = s;
    return NULL;
}
