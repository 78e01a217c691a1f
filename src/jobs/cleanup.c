/* cleanup.c - the built-in jobs that belong to no other module: expired one-time
 * passwords and sign-ins half done, given-up outbox rows, old log entries, the
 * databases' own statistics (api: operations §4.1).
 */
#include "jobs/jobs_internal.h"

#include "base/clock.h"
#include "logs/logs.h"

#define BATCH 200

/* ---- _mfas and _otps ---- */

typedef struct {
    App *app;
    bool otps; /* otherwise mfas */
    int64_t removed;
} ExpireWork;

static Error *expired_ids(Tx *tx, Str table, const Collection *owner, Str before, Str *ids,
                          size_t *count)
{
    Arena *a = tx_arena(tx);
    Str sql = str_printf(a, "SELECT id FROM %.*s WHERE collectionRef=?1 AND created < ?2 LIMIT %d",
                         STR_ARG(table), BATCH);
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, owner->id);
    stmt_bind_str(stmt, 2, before);
    for (*count = 0;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) break;
        ids[(*count)++] = arena_copy(a, stmt_str(stmt, 0));
    }
    stmt_release(stmt);
    return err;
}

static Error *expire_of(Tx *tx, ExpireWork *w, const Schema *schema, const Collection *table,
                        const Collection *owner)
{
    int64_t duration_s = w->otps ? owner->auth.otp_duration_s : owner->auth.mfa_duration_s;
    Str before = datetime_format(tx_arena(tx), clock_wall_ms() - duration_s * 1000);
    Str ids[BATCH];
    size_t count;
    Error *err = expired_ids(tx, table->name, owner, before, ids, &count);
    for (size_t i = 0; !err && i < count; i++)
        err = record_delete_in_tx(w->app, tx, schema, table, ids[i]);
    if (!err) w->removed += (int64_t)count;
    return err;
}

static Error *expire_work(Tx *tx, void *arg)
{
    ExpireWork *w = arg;
    w->removed = 0;
    const Schema *schema = schema_in_tx(w->app->schema, tx);
    const Collection *table = schema_find(schema, w->otps ? S("_otps") : S("_mfas"));
    if (!table) return NULL;
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *owner = schema->collections[i];
        if (owner->type != COLLECTION_AUTH) continue;
        Error *err = expire_of(tx, w, schema, table, owner);
        if (err) return err;
    }
    return NULL;
}

/* In pieces, so that nobody waits long for the writer. */
static Error *expire(App *app, Arena *a, bool otps)
{
    ExpireWork w = {.app = app, .otps = otps};
    do {
        Error *err = db_write(app->db, a, expire_work, &w);
        if (err) return err;
    } while (w.removed >= BATCH);
    return NULL;
}

static Error *dead_work(Tx *tx, void *arg)
{
    (void)arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx, S("DELETE FROM _jobs WHERE dead=1 AND next_at < ?1"), &stmt);
    if (err) return err;
    stmt_bind_i64(stmt, 1, clock_wall_ms());
    return stmt_run(stmt, NULL);
}

static Error *clean_mfas(App *app, Arena *a, void *arg)
{
    (void)arg;
    return expire(app, a, false);
}

static Error *clean_otps(App *app, Arena *a, void *arg)
{
    (void)arg;
    return expire(app, a, true);
}

/* ---- the database ---- */

/* 0x10002: looks at every table, and limits by itself how much of it. The WAL is
 * copied back by db/ all the time. */
static Error *optimize_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("PRAGMA optimize=0x10002"));
}

static Error *optimize(App *app, Arena *a, void *arg)
{
    (void)arg;
    Error *err = db_write(app->db, a, dead_work, NULL);
    if (err) return err;
    err = db_write_alone(app->db, a, 0, optimize_work, NULL);
    return err ? err : logs_optimize(app->logs, a);
}

static Error *clean_logs(App *app, Arena *a, void *arg)
{
    (void)arg;
    return logs_cleanup(app->logs, a);
}

Error *cleanup_register(Jobs *jobs, Arena *a)
{
    static const struct {
        Str id, expression;
        CronRun run;
    } BUILT_IN[] = {
        {STR_INIT("__pbLogsCleanup__"), STR_INIT("0 */6 * * *"), clean_logs},
        {STR_INIT("__pbDBOptimize__"), STR_INIT("0 0 * * *"), optimize},
        {STR_INIT("__pbMFACleanup__"), STR_INIT("0 * * * *"), clean_mfas},
        {STR_INIT("__pbOTPCleanup__"), STR_INIT("0 * * * *"), clean_otps},
    };
    for (size_t i = 0; i < COUNT(BUILT_IN); i++) {
        Error *err =
            jobs_cron_set(jobs, a, BUILT_IN[i].id, BUILT_IN[i].expression, BUILT_IN[i].run, NULL);
        if (err) return err;
    }
    return NULL;
}
