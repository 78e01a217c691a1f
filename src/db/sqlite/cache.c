/* cache.c - compiled statements, kept per connection by their SQL text.
 *
 * Compiling costs more than most statements take to run. The cache keeps the
 * STMT_CACHE_MAX last used. The same text may be in it several times, when one
 * work had several in use at once: the next such work finds them all. A work
 * that asks for the same text in a loop gets the same statement each time, if
 * it ran it to its end: thousands of rows need one statement, not thousands.
 *
 * The table's hash is keyed (base/map.h), so a client's filters cannot be made
 * to share a bucket.
 */
#include "db/sqlite/internal.h"

#include <limits.h>
#include <stdlib.h>

/* ---- idle ones in order of their use ---- */

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
    cache->idle--;
}

static void use_order_push(StmtCache *cache, Stmt *s)
{
    s->older = cache->newest;
    if (cache->newest) cache->newest->newer = s;
    cache->newest = s;
    if (!cache->oldest) cache->oldest = s;
    cache->idle++;
}

/* ---- buckets ---- */

static void bucket_push(StmtCache *cache, Stmt *s)
{
    Stmt **bucket = &cache->buckets[s->hash % STMT_BUCKETS];
    s->bucket_next = *bucket;
    *bucket = s;
    s->in_bucket = true;
}

static void bucket_remove(StmtCache *cache, Stmt *s)
{
    Stmt **at = &cache->buckets[s->hash % STMT_BUCKETS];
    while (*at != s)
        at = &(*at)->bucket_next;
    *at = s->bucket_next;
    s->in_bucket = false;
}

static Stmt *bucket_find(const StmtCache *cache, Str sql, uint64_t hash)
{
    for (Stmt *s = cache->buckets[hash % STMT_BUCKETS]; s; s = s->bucket_next)
        if (s->hash == hash && str_eq(str_make(s->sql, s->sql_len), sql)) return s;
    return NULL;
}

/* ---- coming and going ---- */

static void stmt_forget(StmtCache *cache, Stmt *s)
{
    Tx *tx = s->conn->tx;
    if (tx && tx->first == s) tx->first = NULL;
    bucket_remove(cache, s);
    use_order_remove(cache, s);
    sqlite3_finalize(s->raw);
    free(s);
}

void cache_give_back(Stmt *s)
{
    StmtCache *cache = &s->conn->cache;
    s->tx = NULL;
    if (!s->in_bucket) bucket_push(cache, s);
    use_order_push(cache, s);
    while (cache->idle > STMT_CACHE_MAX)
        stmt_forget(cache, cache->oldest);
}

void cache_finished(Stmt *s)
{
    if (!s->in_bucket) bucket_push(&s->conn->cache, s);
}

void cache_taken_again(Stmt *s)
{
    if (s->in_bucket) bucket_remove(&s->conn->cache, s);
}

void cache_clear(StmtCache *cache)
{
    while (cache->newest)
        stmt_forget(cache, cache->newest);
}

/* ---- compiling ---- */

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
    int rc =
        sqlite3_prepare_v3(c->raw, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, out, &tail);
    if (rc != SQLITE_OK) return error_of_compiling(tx_failed(tx, rc, sql, hash), rc);

    const char *complaint = NULL;
    if (!*out)
        complaint = "empty statement";
    else if (!only_blanks(tail, sql.ptr + sql.len))
        complaint = "multiple statements are not supported";
    if (!complaint) return NULL;

    sqlite3_finalize(*out);
    return db_error_new(tx->arena, DB_ERROR_SYNTAX, str_from(complaint),
                        arena_copy(tx->arena, sql));
}

static Error *add(Conn *c, Tx *tx, Str sql, uint64_t hash, Stmt **out)
{
    sqlite3_stmt *raw = NULL;
    Error *err = compile(c, tx, sql, hash, &raw);
    if (err) return err;

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
    *out = s;
    return NULL;
}

Error *cache_take(Conn *c, Tx *tx, Str sql, uint64_t hash, Stmt **out)
{
    Stmt *s = bucket_find(&c->cache, sql, hash);
    if (s) {
        bucket_remove(&c->cache, s);
        if (s->tx)
            tx_list_remove(tx, s); /* finished, in this Tx: to the front of its list */
        else
            use_order_remove(&c->cache, s);
        stmt_reset(s);
    } else {
        Error *err = add(c, tx, sql, hash, &s);
        if (err) return err;
    }
    assert(s);
    s->tx = tx;
    tx_list_push(tx, s);
    *out = s;
    return NULL;
}
