/* password_login.c - signing in with an identity and a password.
 *
 * Nobody may learn from the answer, or from the time it takes, whether an
 * account exists. So an unknown identity goes the whole way too: its password
 * is compared with the hash of some existing record, always the same one for
 * the same identity, and the verdict thrown away. Should a collection hold
 * imported bcrypt hashes beside Argon2id ones, unknown identities are slow and
 * fast in the same proportion as known ones.
 *
 * Guessing is bounded by throttle.h before anything is compared.
 */
#include "auth/auth_internal.h"

#include "base/log.h"
#include "base/map.h"
#include "base/random.h"

#define IDENTITY_MAX_BYTES 255
#define PASSWORD_INPUT_MAX 255

typedef struct {
    Str identity, password, identity_field;
} LoginInput;

/* ---- input ---- */

static bool is_identity_field(const AuthOptions *auth, Str name)
{
    for (size_t i = 0; i < auth->identity_field_count; i++) {
        if (str_eq(auth->identity_fields[i], name)) return true;
    }
    return false;
}

static Error *input_validate(Arena *a, const Collection *c, const LoginInput *in)
{
    Error *errors = NULL;
    error_chain(&errors, text_fault(a, S("identity"), in->identity, 1, IDENTITY_MAX_BYTES));
    error_chain(&errors, text_fault(a, S("password"), in->password, 1, PASSWORD_INPUT_MAX));
    if (in->identity_field.len && !is_identity_field(&c->auth, in->identity_field))
        error_chain(&errors, error_field(a, S("identityField"), "validation_in_invalid",
                                         S("Must be a valid value.")));
    return invalid_input(errors);
}

static Error *input_read(Req *req, const Collection *c, Body *body, LoginInput *in)
{
    Error *err = auth_body(req, body);
    if (err) return err;
    err = body_text(req, body, S("identity"), &in->identity);
    if (err) return err;
    err = body_text(req, body, S("password"), &in->password);
    if (err) return err;
    err = body_text(req, body, S("identityField"), &in->identity_field);
    if (err) return err;
    return input_validate(req->arena, c, in);
}

/* ---- the record and the hash to compare with ---- */

typedef struct {
    const Collection *collection;
    const LoginInput *in;
    Record *record; /* NULL when there is none */
    Str decoy;      /* the hash an unknown identity is compared with */
} LookupWork;

/* "something@something.something", no blanks: not worth a look-up otherwise. */
static bool is_email_shaped(Str s)
{
    ptrdiff_t at = str_find_char(s, '@');
    if (at <= 0 || str_rfind_char(s, '@') != at) return false;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ') return false;
    }
    return str_find_char(str_from_pos(s, (size_t)at + 1), '.') > 0;
}

static Error *find_by(Tx *tx, LookupWork *w, Str column)
{
    if (w->record) return NULL;
    Error *err = record_find_by(tx, w->collection, column, w->in->identity, &w->record);
    return err && err->status == 404 ? NULL : err;
}

static Error *find_identity(Tx *tx, LookupWork *w)
{
    const AuthOptions *auth = &w->collection->auth;
    if (w->in->identity_field.len) return find_by(tx, w, w->in->identity_field);

    if (is_identity_field(auth, S("email")) && is_email_shaped(w->in->identity)) {
        Error *err = find_by(tx, w, S("email"));
        if (err) return err;
    }
    for (size_t i = 0; i < auth->identity_field_count; i++) {
        if (str_eq(auth->identity_fields[i], S("email"))) continue;
        Error *err = find_by(tx, w, auth->identity_fields[i]);
        if (err) return err;
    }
    return NULL;
}

/* The hash of the first record whose id is not below a point that depends on
 * the identity alone. Read for known identities too, for the same work. */
static Error *find_decoy(Tx *tx, LookupWork *w)
{
    uint64_t hash = hash_bytes(w->in->identity.ptr, w->in->identity.len);
    char from[12];
    for (size_t i = 0; i < sizeof(from); i++, hash /= 36)
        from[i] = ALPHABET_ID[hash % 36];

    Arena *a = tx_arena(tx);
    Buf sql = buf_new(a, 128);
    buf_add(&sql, S("SELECT \"password\" FROM "));
    db_dialect(tx_db(tx))->quote_name(&sql, w->collection->name);
    buf_add(&sql, S(" WHERE \"id\" >= ?1 ORDER BY \"id\" LIMIT 1"));

    DbValue point = DB_VALUE_TEXT(str_make(from, sizeof(from)));
    bool found;
    Error *err = tx_one_str(tx, buf_str(&sql), &point, 1, &w->decoy, &found);
    if (err || found) return err;
    point.text = S("");
    err = tx_one_str(tx, buf_str(&sql), &point, 1, &w->decoy, &found);
    if (!err && !found) w->decoy = S("");
    return err;
}

static Error *lookup(Tx *tx, void *arg)
{
    LookupWork *w = arg;
    w->record = NULL;
    w->decoy = S("");
    Error *err = find_identity(tx, w);
    if (err) return err;
    err = find_decoy(tx, w);
    w->decoy = arena_copy(tx_arena(tx), w->decoy);
    return err;
}

/* ---- replacing an imported hash ---- */

typedef struct {
    App *app;
    const Record *record;
    Str old_hash, new_hash;
} RehashWork;

/* Only if nobody changed the password meanwhile. Neither `updated` nor the
 * token key moves: it is the same password. */
static Error *store_hash(Tx *tx, void *arg)
{
    const RehashWork *w = arg;
    Buf sql = buf_new(tx_arena(tx), 128);
    buf_add(&sql, S("UPDATE "));
    db_dialect(tx_db(tx))->quote_name(&sql, w->record->collection->name);
    buf_add(&sql, S(" SET \"password\" = ?1 WHERE \"id\" = ?2 AND \"password\" = ?3"));
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, w->new_hash);
    stmt_bind_str(stmt, 2, record_id(w->record));
    stmt_bind_str(stmt, 3, w->old_hash);
    return stmt_run(stmt, NULL);
}

/* Failing to upgrade is no reason to refuse the sign-in; the next one tries again. */
static void password_upgrade(App *app, Arena *a, const Record *r, Str password)
{
    RehashWork work = {.app = app, .record = r, .old_hash = record_str(r, S("password"))};
    Error *err = password_hash(app->passwords, a, password, &work.new_hash);
    if (!err) err = db_write(app->db, a, store_hash, &work);
    if (err)
        log_warn("auth", "could not upgrade a password hash", LOG_STR("id", record_id(r)),
                 LOG_STR("cause", err->cause));
}

/* *record is whose password it is, or NULL. */
static Error *credentials_check(Req *req, const Collection *c, const LoginInput *in,
                                Record **record)
{
    App *app = req_context(req)->app;
    Arena *a = req->arena;
    LookupWork work = {.collection = c, .in = in};
    Error *err = db_read(app->db, a, lookup, &work);
    if (err) return err;

    Str hash = work.record ? record_str(work.record, S("password")) : S("");
    bool is_decoy = hash.len == 0;
    bool matches = false, rehash = false;
    err = password_verify(app->passwords, a, in->password, is_decoy ? work.decoy : hash, &matches,
                          &rehash);
    if (err) return err;
    *record = matches && !is_decoy ? work.record : NULL;
    if (*record && rehash) password_upgrade(app, a, *record, in->password);
    return NULL;
}

/* ---- POST /api/collections/{collection}/auth-with-password
 *
 *   body  {"identity", "password", "identityField"}
 *   200   {"record", "token"}, or 401 {"mfaId"} when a second factor is asked for
 *   400   "Failed to authenticate.": no such record or another password
 *   403   sign-in by password is off, or the collection's authRule says no
 *   429   too many tries for this account
 */
Error *handle_auth_with_password(Req *req, Res *res)
{
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    if (!c->auth.password_enabled)
        return error_new(a, 403,
                         S("The collection is not configured to allow password authentication."));

    Body body;
    LoginInput in = {0};
    err = input_read(req, c, &body, &in);
    if (err) return err;

    Try *try = arena_new(a, Try, 1);
    err = try_begin(req, c, in.identity, try);
    if (err) return err;
    Record *r = NULL;
    err = credentials_check(req, c, &in, &r);
    if (!err) try->result = r ? TRY_SUCCEEDED : TRY_FAILED;
    try_end(try);
    if (err) return err;

    Context *cx = req_context(req);
    if (!r) {
        log_warn("auth", "sign-in failed", LOG_STR("collection", c->name),
                 LOG_STR("identity", in.identity), LOG_STR("ip", cx->real_ip));
        return error_new(a, 400, S("Failed to authenticate."));
    }
    cx->info.body = body.data;
    return auth_respond(req, res, &(SignIn){.record = r, .method = S("password")});
}
