/* otp.c - one-time passwords by mail (api: auth §4.3, §4.4).
 *
 *     request-otp    row in "_otps" {hash of the code} + mail, one transaction
 *     auth-with-otp  right code ──▶ row deleted ──▶ signed in
 *
 * A code has few bits (8 digits by default), so guessing is bounded thrice: a
 * code takes five tries from everywhere, an address five in three minutes from one
 * place, and an address a hundred in all before it is refused for an hour
 * (throttle.h). A try counts before it is compared. The row is deleted by the
 * transaction that signs in: of many requests with the right code one succeeds.
 *
 * Whoever asks for an unknown address must not notice: an id comes back that
 * behaves like the id of a code that is always wrong. So every id tells us, and
 * nobody else, which address it was asked for, and tries are counted by that:
 *
 *     "k2v9x0q" "3m1c8z7a"    letters of chance; the account, hidden by them
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"

#define OPEN_MAX         10 /* unexpired codes of one record */
#define TRIES_MAX        5
#define TRIES_WINDOW_MS  UINT64_C(180000)
#define CODE_LETTERS_MAX 71
#define CHANCE_LETTERS   7
#define HIDDEN_LETTERS   8
#define HIDDEN_NUMBERS   UINT64_C(2821109907456) /* 36 to the power of HIDDEN_LETTERS */

static const Str OTPS = STR_INIT("_otps");

static Error *otp_guard(Req *req, const Collection **out)
{
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    if (!c->auth.otp_enabled)
        return error_new(req->arena, 403,
                         S("The collection is not configured to allow OTP authentication."));
    *out = c;
    return NULL;
}

/* ---- ids ---- */

/* As the address is compared: one that differs in case only may be the same. */
static Str account_key(Arena *a, const Collection *c, Str email)
{
    bool nocase = false;
    (void)collection_field_is_unique(c, S("email"), &nocase);
    return str_printf(a, "%.*s\n%.*s", STR_ARG(c->id),
                      STR_ARG(nocase ? str_lower(a, email) : email));
}

static uint64_t account_of(Arena *a, const Collection *c, Str email)
{
    Str key = account_key(a, c, email);
    return hash_bytes(key.ptr, key.len) % HIDDEN_NUMBERS;
}

static uint64_t cover_of(Arena *a, Str chance)
{
    Str text = str_concat(a, S("otp id\n"), chance);
    return hash_bytes(text.ptr, text.len) % HIDDEN_NUMBERS;
}

static Str id_make(Arena *a, Str chance, uint64_t account)
{
    assert(chance.len == CHANCE_LETTERS);
    uint64_t hidden = (account + cover_of(a, chance)) % HIDDEN_NUMBERS;
    char letters[HIDDEN_LETTERS];
    for (size_t i = 0; i < COUNT(letters); i++, hidden /= 36)
        letters[i] = ALPHABET_ID[hidden % 36];
    return str_concat(a, chance, str_make(letters, sizeof(letters)));
}

/* Of anything at all, also of ids that an earlier process made: some account. */
static uint64_t id_account(Arena *a, Str id)
{
    if (id.len != CHANCE_LETTERS + HIDDEN_LETTERS) return hash_bytes(id.ptr, id.len);
    uint64_t hidden = 0;
    for (size_t i = id.len; i-- > CHANCE_LETTERS;) {
        ptrdiff_t letter = str_find_char(S(ALPHABET_ID), id.ptr[i]);
        if (letter < 0) return hash_bytes(id.ptr, id.len);
        hidden = hidden * 36 + (uint64_t)letter;
    }
    uint64_t cover = cover_of(a, str_sub(id, 0, CHANCE_LETTERS));
    return (hidden + HIDDEN_NUMBERS - cover) % HIDDEN_NUMBERS;
}

/* ---- making one ---- */

typedef struct {
    App *app;
    const Collection *c, *otps;
    const Record *record; /* NULL: nobody, only the work is done */
    Str id, hash;
    const Mail *mail; /* NULL: told otherwise */
    Str newest;       /* there are too many: the id of the latest one */
} IssueWork;

static Error *open_count(Tx *tx, const IssueWork *w, size_t *count, Str *newest)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT \"id\" FROM \"_otps\" WHERE \"collectionRef\"=?1 AND "
                              "\"recordRef\"=?2 AND \"created\">?3 ORDER BY \"created\" DESC, "
                              "\"id\" LIMIT 10"),
                            &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, w->c->id);
    stmt_bind_str(stmt, 2, record_id(w->record));
    stmt_bind_str(stmt, 3, datetime_format(a, clock_wall_ms() - w->c->auth.otp_duration_s * 1000));
    *count = 0;
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if ((*count)++ == 0) *newest = arena_copy(a, stmt_str(stmt, 0));
    }
}

static Error *issue_work(Tx *tx, void *arg)
{
    IssueWork *w = arg;
    w->newest = S("");
    if (!w->record) return decoy_write(tx);

    size_t count;
    Str newest = S("");
    Error *err = open_count(tx, w, &count, &newest);
    if (err) return err;
    if (count >= OPEN_MAX) {
        w->newest = newest;
        return decoy_write(tx);
    }
    static const Str COLUMNS[] = {STR_INIT("id"), STR_INIT("collectionRef"), STR_INIT("recordRef"),
                                  STR_INIT("password")};
    const DbValue values[] = {DB_VALUE_TEXT(w->id), DB_VALUE_TEXT(w->c->id),
                              DB_VALUE_TEXT(record_id(w->record)), DB_VALUE_TEXT(w->hash)};
    Record *row;
    err = record_insert_columns(w->app, tx, w->otps, COLUMNS, values, COUNT(values), &row);
    if (err || !w->mail) return err;
    return mail_enqueue(tx, w->app, w->mail);
}

static Error *issue_prepare(App *app, Arena *a, const Collection *c, Str email, IssueWork *w,
                            Str *code)
{
    Str chance = random_text(a, CHANCE_LETTERS, ALPHABET_ID);
    *w = (IssueWork){.app = app, .c = c, .id = id_make(a, chance, account_of(a, c, email))};
    w->otps = schema_find(schema_hold(app->schema, a), OTPS);
    if (!w->otps) return error_status(a, 500);
    size_t length = (size_t)MIN(MAX(c->auth.otp_length, 4), CODE_LETTERS_MAX);
    *code = random_text(a, length, ALPHABET_DIGITS);
    return password_hash(app->passwords, a, *code, &w->hash);
}

/* The id that nobody's code gets: as a known address, the first ten requests in
 * the life of a code get new ones and further ones the latest again. */
static Str decoy_id(Req *req, const Collection *c, Str email)
{
    Auth *auth = req_context(req)->app->auth;
    Arena *a = req->arena;
    Str key = account_key(a, c, email);
    uint64_t end_ms;
    uint32_t count =
        windows_count(auth->otp_decoys, hash_bytes(key.ptr, key.len),
                      (uint64_t)MAX(c->auth.otp_duration_s, 1) * 1000, clock_mono_ms(), &end_ms);
    char chance[CHANCE_LETTERS];
    for (unsigned i = 0; i < COUNT(chance); i++) {
        Str letter = str_printf(a, "%u %u %llu %.*s", i, MIN(count, (uint32_t)OPEN_MAX),
                                (unsigned long long)end_ms, STR_ARG(key));
        chance[i] = ALPHABET_ID[hash_bytes(letter.ptr, letter.len) % 36];
    }
    return id_make(a, str_make(chance, sizeof(chance)), account_of(a, c, email));
}

/* ---- POST /api/collections/{collection}/request-otp
 *
 *   body  {"email"}
 *   200   {"otpId"}, whether there is such a record or not
 *   400   no e-mail address
 *   403   one-time passwords are off
 */
Error *handle_request_otp(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = otp_guard(req, &c);
    if (err) return err;
    Body body;
    Str email, code;
    err = email_input(req, &body, &email);
    if (err) return err;
    Record *record;
    err = mail_recipient_find(cx->app, a, c, email, &record);
    if (err) return err;

    IssueWork work;
    err = issue_prepare(cx->app, a, c, email, &work, &code);
    if (err) return err;
    Mail mail;
    if (record) {
        err = mail_otp(cx->app, a, record, work.id, code, &mail);
        if (err) return err;
        work.record = record;
        work.mail = &mail;
    } else {
        log_warn("auth", "one-time password for an unknown address", LOG_STR("collection", c->name),
                 LOG_STR("email", email), LOG_STR("ip", cx->real_ip));
        work.id = decoy_id(req, c, email);
    }
    err = db_write(cx->app->db, a, issue_work, &work);
    if (err) return err;

    Json *answer = json_new_object(a);
    json_set_str(a, answer, S("otpId"), work.newest.len ? work.newest : work.id);
    return res_json(res, 200, answer);
}

Error *superuser_otp(App *app, Arena *a, Str email, Str *otp_id, Str *code, int64_t *valid_s)
{
    const Collection *c = schema_find(schema_hold(app->schema, a), S("_superusers"));
    if (!c) return error_status(a, 500);
    if (!c->auth.otp_enabled)
        return error_new(a, 400,
                         S("One-time passwords are not enabled for the _superusers collection."));
    Record *record;
    Error *err = mail_recipient_find(app, a, c, email, &record);
    if (err) return err;
    if (!record) return error_new(a, 404, S("There is no superuser with this e-mail."));

    IssueWork work;
    err = issue_prepare(app, a, c, email, &work, code);
    if (err) return err;
    work.record = record;
    err = db_write(app->db, a, issue_work, &work);
    if (err) return err;
    if (work.newest.len)
        return error_new(a, 429,
                         S("There are ten one-time passwords already. Wait for them to "
                           "expire."));
    *otp_id = work.id;
    *valid_s = c->auth.otp_duration_s;
    return NULL;
}

/* ---- signing in with one ---- */

typedef struct {
    App *app;
    const Schema *schema;
    const Collection *c, *otps;
    Str id;
    Record *row, *record; /* NULL: there is no such one, or it has expired */
    Str unknown_hash;     /* the password that an unverified record gets */
} SignInWork;

static bool row_is_good(const SignInWork *w, const Record *row)
{
    int64_t created_ms = 0;
    if (!str_eq(record_str(row, S("collectionRef")), w->c->id)) return false;
    if (!datetime_parse(record_str(row, S("created")), &created_ms)) return false;
    return clock_wall_ms() <= created_ms + w->c->auth.otp_duration_s * 1000;
}

static Error *otp_find(Tx *tx, void *arg)
{
    SignInWork *w = arg;
    Record *row, *record;
    w->row = w->record = NULL;
    Error *err = record_find(tx, w->otps, w->id, &row);
    if (!err && !row_is_good(w, row)) return NULL;
    if (!err) err = record_find(tx, w->c, record_str(row, S("recordRef")), &record);
    if (err) return err->status == 404 ? NULL : err;
    w->row = row;
    w->record = record;
    return NULL;
}

/* Whoever got the mail owns the address. A password set before by somebody else
 * must not open the account any more; with a second factor it does not. */
static bool proves_address(const Record *row, const Record *r)
{
    Str email = record_str(r, S("email"));
    return !record_bool(r, S("verified")) && email.len &&
           str_eq(record_str(row, S("sentTo")), email);
}

static Error *verify(Tx *tx, SignInWork *w)
{
    static const Str COLUMNS[] = {STR_INIT("verified"), STR_INIT("password"), STR_INIT("tokenKey")};
    const DbValue values[] = {DB_VALUE_INT(1), DB_VALUE_TEXT(w->unknown_hash),
                              DB_VALUE_TEXT(random_text(tx_arena(tx), 50, ALPHABET_SECRET))};
    size_t count = w->c->auth.mfa_enabled ? 1 : COUNT(COLUMNS);
    if (count > 1 && w->unknown_hash.len == 0) return NULL; /* unverified only just now */
    Str id = record_id(w->record);
    Error *err = record_set_columns(w->app, tx, w->c, id, COLUMNS, values, count);
    if (err) return err;
    return record_find(tx, w->c, id, &w->record);
}

static Error *otp_spend(Tx *tx, void *arg)
{
    SignInWork *w = arg;
    Error *err = otp_find(tx, w);
    if (err || !w->row) return err;
    err = record_delete_in_tx(w->app, tx, w->schema, w->otps, w->id);
    if (err || !proves_address(w->row, w->record)) return err;
    return verify(tx, w);
}

static Error *too_many_tries(Req *req, const SignInWork *w)
{
    log_warn("auth", "too many tries of a one-time password", LOG_STR("collection", w->c->name),
             LOG_STR("id", w->record ? record_id(w->record) : S("")),
             LOG_STR("ip", req_context(req)->real_ip));
    return error_new(req->arena, 429,
                     S("Too many attempts, please try again later with a new OTP."));
}

static bool take(Req *req, Str what, Str id, uint64_t duration_ms)
{
    Context *cx = req_context(req);
    Auth *auth = cx->app->auth;
    Str key = str_printf(req->arena, "%.*s\n%.*s", STR_ARG(what), STR_ARG(id));
    return windows_take(auth->otp_tries, hash_bytes(key.ptr, key.len), TRIES_MAX, duration_ms,
                        clock_mono_ms());
}

/* Whose tries these are: what the id says, whether there is such a record or not.
 * An id of before a restart, or of an address changed since, says nothing. */
static Str tries_owner(Arena *a, const SignInWork *w)
{
    uint64_t account = id_account(a, w->id);
    if (w->record && account_of(a, w->c, record_str(w->record, S("email"))) != account)
        return record_id(w->record);
    return str_printf(a, "%llu", (unsigned long long)account);
}

/* Uses up one try of the code and of its owner; 429 when there is none left. */
static Error *tries_take(Req *req, const SignInWork *w, Try *try)
{
    uint64_t life_ms = (uint64_t)MAX(w->c->auth.otp_duration_s, 1) * 1000;
    if (!take(req, S("code"), w->id, MAX(life_ms, TRIES_WINDOW_MS))) return too_many_tries(req, w);
    Str owner = tries_owner(req->arena, w);
    Str pair =
        str_printf(req->arena, "%.*s\n%.*s", STR_ARG(owner), STR_ARG(req_context(req)->real_ip));
    if (!take(req, S("record"), pair, TRIES_WINDOW_MS)) return too_many_tries(req, w);
    Error *err = try_begin(req, w->c, str_concat(req->arena, S("otp\n"), owner), try);
    return err && err->status == 429 ? too_many_tries(req, w) : err;
}

static Error *code_check(Req *req, SignInWork *w, Str code)
{
    Arena *a = req->arena;
    Try *try = arena_new(a, Try, 1);
    Error *err = tries_take(req, w, try);
    if (err) return err;
    bool matches = false, rehash;
    Str hash = w->row ? record_str(w->row, S("password")) : S("");
    err = password_verify(w->app->passwords, a, code, hash, &matches, &rehash);
    if (!err) try->result = matches && w->row ? TRY_SUCCEEDED : TRY_FAILED;
    try_end(try);
    if (err || (matches && w->row)) return err;
    log_warn("auth", "sign-in failed", LOG_STR("collection", w->c->name), LOG_STR("otp", w->id),
             LOG_STR("ip", req_context(req)->real_ip));
    return error_new(a, 400, S("Invalid or expired OTP."));
}

static Error *sign_in_input(Req *req, Body *body, Str *id, Str *code)
{
    Error *err = auth_body(req, body);
    if (err) return err;
    err = body_text(req, body, S("otpId"), id);
    if (err) return err;
    err = body_text(req, body, S("password"), code);
    if (err) return err;
    Error *faults = NULL;
    error_chain(&faults, text_fault(req->arena, S("otpId"), *id, 1, 255));
    error_chain(&faults, text_fault(req->arena, S("password"), *code, 1, CODE_LETTERS_MAX));
    return invalid_input(faults);
}

/* ---- POST /api/collections/{collection}/auth-with-otp
 *
 *   body  {"otpId", "password"}
 *   200   {"record", "token"}, or 401 {"mfaId"} when a second factor is asked for
 *   400   "Invalid or expired OTP."
 *   403   one-time passwords are off, or the collection's authRule says no
 *   429   too many tries
 */
Error *handle_auth_with_otp(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c = NULL;
    Error *err = otp_guard(req, &c);
    if (err) return err;
    assert(c);
    Body body;
    Str code;
    SignInWork work = {.app = cx->app, .schema = cx->schema, .c = c};
    err = sign_in_input(req, &body, &work.id, &code);
    if (err) return err;
    work.otps = schema_find(cx->schema, OTPS);
    if (!work.otps) return error_status(a, 500);

    err = db_read(cx->app->db, a, otp_find, &work);
    if (err) return err;
    err = code_check(req, &work, code);
    if (err) return err;
    if (!record_bool(work.record, S("verified")) && !c->auth.mfa_enabled) {
        err = auth_password_unknown(cx->app, a, &work.unknown_hash);
        if (err) return err;
    }
    err = db_write(cx->app->db, a, otp_spend, &work);
    if (err) return err;
    if (!work.record) return error_new(a, 400, S("Invalid or expired OTP."));

    cx->info.body = body.data;
    return auth_respond(req, res, &(SignIn){.record = work.record, .method = S("otp")});
}
