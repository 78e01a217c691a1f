/* auth.c - from a token to its owner, and back.
 *
 * auth_load() is on the way of every request: the header's token is looked up
 * in the loop's cache and its two versions compared. Only when that fails is
 * the token verified by database and HMAC. The version of auth records is
 * taken before the record is read: a change in between makes the entry stale,
 * never wrongly fresh.
 *
 * Tokens are api: auth §2; the signing key is the record's tokenKey followed by
 * the collection's secret for that kind of token.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

static const Str KIND_NAMES[TOKEN_KIND_COUNT] = {
    [TOKEN_AUTH] = STR_INIT("auth"),
    [TOKEN_FILE] = STR_INIT("file"),
    [TOKEN_VERIFICATION] = STR_INIT("verification"),
    [TOKEN_PASSWORD_RESET] = STR_INIT("passwordReset"),
    [TOKEN_EMAIL_CHANGE] = STR_INIT("emailChange"),
};

Error *auth_create(Arena *a, App *app, int loop_count, Auth **out)
{
    Auth *auth = arena_new(a, Auth, 1);
    auth->app = app;
    auth->loop_count = loop_count;
    auth->callers = arena_new(a, TokenCache *, (size_t)MAX(loop_count, 1));
    auth->throttle = throttle_create(0);
    auth->queue = try_queue_create();
    auth->rates = windows_create(0);
    auth->otp_tries = windows_create(8192);
    auth->otp_decoys = windows_create(8192);
    auth->mail_pauses = windows_create(8192);
    records_on_change(app, superuser_on_change, auth);
    app->auth = auth;
    auth->touches = touches_create(app);
    app->batch_item_guard = rate_limit_batch_item;
    app->password_try = password_try;
    app->settle = origins_settle;
    *out = auth;
    return NULL;
}

void auth_destroy(Auth *auth)
{
    if (!auth) return;
    touches_destroy(auth->touches);
    for (int i = 0; i < auth->loop_count; i++)
        token_cache_destroy(auth->callers[i]);
    throttle_destroy(auth->throttle);
    try_queue_destroy(auth->queue);
    windows_destroy(auth->rates);
    windows_destroy(auth->otp_tries);
    windows_destroy(auth->otp_decoys);
    windows_destroy(auth->mail_pauses);
    auth->app->auth = NULL;
}

/* ---- making tokens ---- */

static Str token_new(Arena *a, const Record *r, TokenKind kind, int64_t duration_s,
                     bool refreshable, Str new_email)
{
    const Collection *c = r->collection;
    const TokenConfig *config = &c->auth.tokens[kind];
    int64_t now_s = clock_wall_ms() / 1000;
    if (duration_s <= 0) duration_s = config->duration_s;

    Json *claims = json_new_object(a);
    json_set_str(a, claims, S("collectionId"), c->id);
    if (kind != TOKEN_AUTH && kind != TOKEN_FILE)
        json_set_str(a, claims, S("email"), record_str(r, S("email")));
    json_set_number(a, claims, S("exp"), (double)(now_s + duration_s));
    json_set_str(a, claims, S("id"), record_id(r));
    if (kind == TOKEN_EMAIL_CHANGE) json_set_str(a, claims, S("newEmail"), new_email);
    if (kind == TOKEN_AUTH) json_set_bool(a, claims, S("refreshable"), refreshable);
    json_set_str(a, claims, S("type"), KIND_NAMES[kind]);
    return token_sign(a, claims, record_str(r, S("tokenKey")), config->secret);
}

Str auth_token_new(Arena *a, const Record *r, TokenKind kind, int64_t duration_s, bool refreshable)
{
    assert(kind != TOKEN_EMAIL_CHANGE);
    return token_new(a, r, kind, duration_s, refreshable, S(""));
}

Str email_change_token(Arena *a, const Record *r, Str new_email)
{
    return token_new(a, r, TOKEN_EMAIL_CHANGE, 0, false, new_email);
}

/* ---- verifying tokens by database ---- */

typedef struct {
    const Collection *collection;
    Str id;
    Record *record;
} FindWork;

static Error *find_record(Tx *tx, void *arg)
{
    FindWork *w = arg;
    return record_find(tx, w->collection, w->id, &w->record);
}

Error *auth_record_find(App *app, Arena *a, const Collection *c, Str id, Record **out)
{
    FindWork work = {.collection = c, .id = id};
    Error *err = db_read(app->db, a, find_record, &work);
    if (err) return err;
    *out = work.record;
    return NULL;
}

static Error *token_refused(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 401), "token: %s", why);
}

Error *auth_find_by_token(App *app, Arena *a, const Schema *schema, Str token, TokenKind kind,
                          Record **out, Json **claims)
{
    Json *read;
    Error *err = token_read_unverified(a, token, &read);
    if (err) return err;

    Str id = json_str(json_get(read, S("id")), S(""));
    Str collection_id = json_str(json_get(read, S("collectionId")), S(""));
    Str type = json_str(json_get(read, S("type")), S(""));
    if (id.len == 0 || collection_id.len == 0) return token_refused(a, "missing claims");
    if (!str_eq(type, KIND_NAMES[kind])) return token_refused(a, "of another type");

    const Collection *c = schema_find_id(schema, collection_id);
    if (!c || c->type != COLLECTION_AUTH) return token_refused(a, "of no auth collection");

    Record *record;
    err = auth_record_find(app, a, c, id, &record);
    if (err) return err->status == 404 ? token_refused(a, "of no record") : err;

    Str key = record_str(record, S("tokenKey"));
    if (key.len == 0) return token_refused(a, "record without token key");
    err = token_verify(a, token, key, c->auth.tokens[kind].secret, claims);
    if (err) return err;
    if (collection_is_superusers(c) && str_eq(record_str(record, S("email")), INSTALLER_EMAIL)) {
        /* The account is removed in the background; its power ends at once. */
        bool exists;
        err = superuser_exists(app, a, &exists);
        if (err) return err;
        if (exists) return token_refused(a, "the setup link is used up");
    }
    *out = record;
    return NULL;
}

AuthInfo *auth_info_of(Arena *a, const Record *r)
{
    const Collection *c = r->collection;
    AuthInfo *info = arena_new(a, AuthInfo, 1);
    *info = (AuthInfo){
        .collection = c,
        .id = record_id(r),
        .email = record_str(r, S("email")),
        .collection_id = c->id,
        .collection_name = c->name,
        .email_visibility = record_bool(r, S("emailVisibility")),
        .verified = record_bool(r, S("verified")),
        .is_superuser = collection_is_superusers(c),
    };
    return info;
}

/* ---- the caller of a request ---- */

/* The token of "Authorization: <token>" or "Bearer <token>". */
static Str bearer_token(Str header)
{
    if (str_starts_nocase(header, S("Bearer "))) return str_from_pos(header, 7);
    return header;
}

/* This thread's cache; NULL off the loops (tests, command line). */
static TokenCache *cache_of(Auth *auth)
{
    const Loop *loop = loop_current();
    if (!loop || loop_index(loop) >= auth->loop_count) return NULL;
    TokenCache **cache = &auth->callers[loop_index(loop)];
    if (!*cache) *cache = token_cache_create(TOKEN_CACHE_ENTRIES);
    return *cache;
}

/* The entry may be evicted while this request waits for something, so its
 * texts are copied; the collection's belong to the schema the request holds. */
static void caller_from_cache(Arena *a, Context *cx, const CachedCaller *hit)
{
    AuthInfo *info = arena_new(a, AuthInfo, 1);
    *info = hit->auth;
    info->id = arena_copy(a, hit->auth.id);
    info->email = arena_copy(a, hit->auth.email);
    cx->auth = info;
    cx->token_refreshable = hit->refreshable;
}

static void caller_remember(TokenCache *cache, const Context *cx, const Json *claims,
                            uint64_t auth_version)
{
    token_cache_put(cache,
                    &(CachedCaller){
                        .token = cx->token,
                        .expires_at_unix = (int64_t)json_number(json_get(claims, S("exp")), 0),
                        .auth_version = auth_version,
                        .schema_version = cx->schema->version,
                        .refreshable = cx->token_refreshable,
                        .auth = *cx->auth,
                    });
}

static Error *caller_verify(Req *req, Context *cx, TokenCache *cache, uint64_t auth_version)
{
    Record *record = NULL;
    Json *claims = NULL;
    Error *err = auth_find_by_token(cx->app, req->arena, cx->schema, cx->token, TOKEN_AUTH, &record,
                                    &claims);
    /* A bad token is a guest; a database that cannot tell is an error, or
     * clients would sign their users out. */
    if (err && err->status != 401) return err;
    if (err) {
        if (cache) token_cache_remove(cache, cx->token);
        cx->token = (Str){NULL, 0};
        return NULL;
    }
    assert(record);
    cx->auth = auth_info_of(req->arena, record);
    cx->token_refreshable = json_bool(json_get(claims, S("refreshable")), false);
    if (cache) caller_remember(cache, cx, claims, auth_version);
    return NULL;
}

static Str header_last(const void *arg, Str name)
{
    return req_header_last(arg, name);
}

Str caller_ip(Req *req, const Settings *settings)
{
    return settings_real_ip(settings, req->arena, req->remote_ip, header_last, req);
}

bool superuser_ip_refused(const Settings *settings, Str ip)
{
    return settings->superuser_ip_count > 0 &&
           !ip_in_list(ip, settings->superuser_ips, settings->superuser_ip_count);
}

Error *auth_load(Req *req, Context *cx)
{
    cx->token = bearer_token(req_header(req, S("Authorization")));
    if (cx->token.len == 0 || cx->token.len > TOKEN_MAX_BYTES) {
        cx->token = (Str){NULL, 0};
        return NULL;
    }

    TokenCache *cache = cache_of(cx->app->auth);
    uint64_t auth_version = atomic_load_explicit(&cx->app->auth_version, memory_order_acquire);
    const CachedCaller *hit = cache ? token_cache_find(cache, cx->token) : NULL;
    if (hit && hit->auth_version == auth_version && hit->schema_version == cx->schema->version &&
        hit->expires_at_unix > clock_wall_ms() / 1000) {
        caller_from_cache(req->arena, cx, hit);
    } else {
        Error *err = caller_verify(req, cx, cache, auth_version);
        if (err) return err;
    }

    cx->info.auth = cx->auth;
    if (context_is_superuser(cx) && superuser_ip_refused(cx->settings, cx->real_ip)) {
        log_warn("auth", "superuser refused by address", LOG_STR("id", cx->auth->id),
                 LOG_STR("ip", cx->real_ip));
        return error_status(req->arena, 403);
    }
    return NULL;
}
