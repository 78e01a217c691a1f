/* origins.c - the places that a record signs in from (api: auth §8).
 *
 *     first sign-in ever      remembered, nobody is told
 *     a known place           its `updated` moves, a moment later (touches.h)
 *     another place           a mail to the owner, then remembered; a mail that
 *                             cannot be sent leaves it unknown, to try again
 *
 * A place is the address with the user agent. Five are remembered.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/encoding.h"

#define AGENT_MAX_BYTES 200
#define ORIGINS_MAX     5
#define MAIL_TIMEOUT_MS 15000

typedef struct {
    App *app;
    const Schema *schema;
    const Collection *origins;
    const Record *record;
    Str fingerprint;
    Str known; /* the id of this place's row; empty: there is none */
    size_t count;
} OriginWork;

#define ORIGINS_OF_RECORD                                                                          \
    "SELECT \"id\",\"fingerprint\" FROM \"_authOrigins\" WHERE \"collectionRef\"=?1 AND "          \
    "\"recordRef\"=?2"

static Error *origins_prepare(Tx *tx, const OriginWork *w, Str sql, Stmt **out)
{
    Error *err = tx_prepare(tx, sql, out);
    if (err) return err;
    stmt_bind_str(*out, 1, w->record->collection->id);
    stmt_bind_str(*out, 2, record_id(w->record));
    return NULL;
}

static Error *origins_look(Tx *tx, void *arg)
{
    OriginWork *w = arg;
    w->count = 0;
    w->known = S("");
    Stmt *stmt;
    Error *err = origins_prepare(tx, w, S(ORIGINS_OF_RECORD), &stmt);
    if (err) return err;
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        w->count++;
        if (str_eq(stmt_str(stmt, 1), w->fingerprint))
            w->known = arena_copy(tx_arena(tx), stmt_str(stmt, 0));
    }
}

/* Makes room for one more. */
static Error *origins_trim(Tx *tx, const OriginWork *w)
{
    Stmt *stmt;
    const Str latest_first = S(ORIGINS_OF_RECORD " ORDER BY \"created\" DESC, \"id\"");
    Error *err = origins_prepare(tx, w, latest_first, &stmt);
    if (err) return err;
    Str old[64];
    size_t seen = 0, old_count = 0;
    for (bool row; old_count < COUNT(old);) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        if (++seen >= ORIGINS_MAX) old[old_count++] = arena_copy(tx_arena(tx), stmt_str(stmt, 0));
    }
    for (size_t i = 0; !err && i < old_count; i++)
        err = record_delete_in_tx(w->app, tx, w->schema, w->origins, old[i]);
    return err;
}

static Error *origin_store(Tx *tx, void *arg)
{
    static const Str COLUMNS[] = {STR_INIT("collectionRef"), STR_INIT("recordRef"),
                                  STR_INIT("fingerprint")};
    OriginWork *w = arg;
    Error *err = origins_look(tx, w);
    if (err) return err;
    if (w->known.len) return record_set_columns(w->app, tx, w->origins, w->known, NULL, NULL, 0);
    err = origins_trim(tx, w);
    if (err) return err;
    const DbValue values[] = {DB_VALUE_TEXT(w->record->collection->id),
                              DB_VALUE_TEXT(record_id(w->record)), DB_VALUE_TEXT(w->fingerprint)};
    Record *row;
    return record_insert_columns(w->app, tx, w->origins, COLUMNS, values, COUNT(values), &row);
}

static Str fingerprint_of(Arena *a, Str ip, Str agent)
{
    uint8_t digest[16];
    md5(str_concat(a, ip, agent), digest);
    return hex_encode(a, str_make((const char *)digest, sizeof(digest)));
}

static Error *owner_tell(Req *req, const Record *r, Str agent)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    Mail mail;
    Error *err = mail_auth_alert(cx->app, a, r, mail_alert_info(a, cx->real_ip, agent), &mail);
    if (err) return err;
    return mail_send_now(cx->app, a, &mail, MAIL_TIMEOUT_MS);
}

Error *origin_note(Req *req, const Record *r)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Json *alert = json_get(r->collection->options, S("authAlert"));
    if (!json_bool(json_get(alert, S("enabled")), false)) return NULL;

    Str agent = req_header(req, S("User-Agent"));
    if (agent.len > AGENT_MAX_BYTES)
        agent = str_concat(a, str_sub(agent, 0, AGENT_MAX_BYTES), S("..."));
    OriginWork work = {.app = cx->app,
                       .schema = cx->schema,
                       .record = r,
                       .origins = schema_find(cx->schema, S("_authOrigins")),
                       .fingerprint = fingerprint_of(a, cx->real_ip, agent)};
    if (!work.origins) return error_status(a, 500);
    Error *err = db_read(cx->app->db, a, origins_look, &work);
    if (err) return err;
    Touches *touches = ((Auth *)cx->app->auth)->touches;
    if (work.known.len && touches_add(touches, work.known, clock_wall_ms())) return NULL;
    if (work.known.len == 0 && work.count > 0 && record_str(r, S("email")).len) {
        err = owner_tell(req, r, agent);
        if (err) return err;
    }
    return db_write(cx->app->db, a, origin_store, &work);
}

void origins_settle(App *app, Arena *a, const Collection *c)
{
    const Auth *auth = app->auth;
    if (str_eq(c->name, S("_authOrigins"))) touches_settle(auth->touches, a);
}
