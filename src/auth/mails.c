/* mails.c - mails that somebody asked for: not too often, and without telling
 * the one who asked whether there is anybody to get them.
 *
 * A mail is queued by a write that is on disk before the answer. Whoever asks
 * for an unknown address must wait as long, so that request writes too: a row
 * that the same transaction takes away again.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

#define PAUSE_MS UINT64_C(120000)

static uint64_t pause_key(Pause kind, const Record *r)
{
    Str id = record_id(r);
    uint64_t key =
        hash_bytes(id.ptr, id.len) ^ hash_bytes(r->collection->id.ptr, r->collection->id.len);
    return key + 2 * (uint64_t)kind; /* windows_take() sets the lowest bit */
}

bool mail_pause_begin(App *app, Pause kind, const Record *r)
{
    Auth *auth = app->auth;
    return windows_take(auth->mail_pauses, pause_key(kind, r), 1, PAUSE_MS, clock_mono_ms());
}

void mail_pause_end(App *app, Pause kind, const Record *r)
{
    Auth *auth = app->auth;
    windows_forget(auth->mail_pauses, pause_key(kind, r));
}

Error *decoy_write(Tx *tx)
{
    static const Str SQL[] = {
        STR_INIT("INSERT INTO \"_otps\" (\"id\",\"collectionRef\",\"recordRef\",\"password\","
                 "\"sentTo\",\"created\",\"updated\") VALUES (?1,'','','','','','')"),
        STR_INIT("DELETE FROM \"_otps\" WHERE \"id\"=?1"),
    };
    Str id = random_id(tx_arena(tx));
    for (size_t i = 0; i < COUNT(SQL); i++) {
        Stmt *stmt;
        Error *err = tx_prepare(tx, SQL[i], &stmt);
        if (err) return err;
        stmt_bind_str(stmt, 1, id);
        err = stmt_run(stmt, NULL);
        if (err) return err;
    }
    return NULL;
}

typedef struct {
    App *app;
    const Mail *mail;
} QueueWork;

static Error *queue_work(Tx *tx, void *arg)
{
    const QueueWork *w = arg;
    return w->mail ? mail_enqueue(tx, w->app, w->mail) : decoy_write(tx);
}

Error *mail_queue(App *app, Arena *a, const Mail *mail)
{
    QueueWork work = {.app = app, .mail = mail};
    return db_write(app->db, a, queue_work, &work);
}
