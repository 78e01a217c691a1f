/* store.c - the published settings: read at start, replaced by transactions.
 *
 * Each version is one arena with the document and the typed values in it. */
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "schema/schema.h"
#include "schema/snapshot.h"
#include "settings/settings_internal.h"

#include <stdatomic.h>

#define SETTINGS_BYTES (16u << 20)

typedef struct {
    Settings settings;
    Arena *arena;
    SettingsStore *store; /* while waiting for the commit */
} Version;

struct SettingsStore {
    Arena *arena;
    Db *db;
    Snapshots *snapshots;
    Str key; /* of the document in the database; empty = it is not encrypted */
    _Atomic uint64_t version;
    void (*changed)(void *arg);
    void *changed_arg;
    Version *pending; /* the writer's thread only */
};

static Version *version_create(const Json *json)
{
    Arena *arena = arena_create("settings", SETTINGS_BYTES);
    Version *v = arena_new(arena, Version, 1);
    v->arena = arena;
    v->settings.json = json_copy(arena, json);
    settings_read(arena, &v->settings);
    return v;
}

static void version_destroy(void *value)
{
    arena_destroy(((Version *)value)->arena);
}

static void publish(SettingsStore *store, Version *v)
{
    v->settings.version = atomic_load(&store->version) + 1;
    snapshots_publish(store->snapshots, v);
    atomic_store(&store->version, v->settings.version);
    if (store->changed) store->changed(store->changed_arg);
}

void settings_on_change(SettingsStore *store, void (*fn)(void *arg), void *arg)
{
    store->changed = fn;
    store->changed_arg = arg;
}

static void committed(void *arg)
{
    SettingsStore *store = arg;
    Version *v = store->pending;
    if (!v) return; /* an earlier change of the same transaction took it along */
    store->pending = NULL;
    publish(store, v);
}

static void rolled_back(void *arg)
{
    SettingsStore *store = arg;
    if (store->pending) version_destroy(store->pending);
    store->pending = NULL;
}

static Error *write_document(Tx *tx, Str key, const Json *json)
{
    Stmt *stmt;
    Str text = json_format(tx_arena(tx), json);
    Error *err = key.len ? secret_seal(tx_arena(tx), key, text, &text) : NULL;
    if (err) return err;
    err = tx_prepare(tx,
                     S("INSERT INTO _params (id, value, created, updated) "
                       "VALUES ('settings', ?1, ?2, ?2) "
                       "ON CONFLICT (id) DO UPDATE SET value = ?1, updated = ?2"),
                     &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, text);
    stmt_bind_str(stmt, 2, datetime_now(tx_arena(tx)));
    return stmt_run(stmt, NULL);
}

/* ---- start ---- */

typedef struct {
    Str key;
    Json *json;     /* NULL: no row */
    bool is_sealed; /* as it is in the database */
} Loading;

static bool parse_document(Arena *a, Str text, Json **out)
{
    return !json_parse(a, text, NULL, out) && (*out)->type == JSON_OBJECT;
}

static Error *load_work(Tx *tx, void *arg)
{
    Loading *l = arg;
    Arena *a = tx_arena(tx);
    Str text;
    bool found;
    l->json = NULL;
    Error *err = tx_one_str(tx, S("SELECT value FROM _params WHERE id = 'settings'"), NULL, 0,
                            &text, &found);
    if (err || !found) return err;

    Json *stored;
    text = arena_copy(a, text);
    l->is_sealed = !parse_document(a, text, &stored);
    if (l->is_sealed &&
        (!l->key.len || !secret_open(a, l->key, text, &text) || !parse_document(a, text, &stored)))
        return secret_unreadable(a, l->key, "The stored settings");
    l->json = settings_defaults(a);
    return options_merge(a, l->json, settings_shape(a), stored);
}

/* What stood in clear is sealed and overwritten. */
static Error *seal_document(Tx *tx, Str key, const Json *json)
{
    Error *err = secrets_erase(tx);
    return err ? err : write_document(tx, key, json);
}

/* The defaults into an empty table; what is in clear, sealed. */
static Error *settle_work(Tx *tx, void *arg)
{
    Loading *l = arg;
    if (l->json) return seal_document(tx, l->key, l->json);
    l->json = settings_defaults(tx_arena(tx));
    return write_document(tx, l->key, l->json);
}

/* Of the settings and of collections, whose store is open already. */
static void forget_older(Db *db, Arena *a)
{
    Error *err = secrets_forget(db, a);
    if (err)
        log_warn("settings",
                 "secrets that were in clear may still be in free pages of the database; the next "
                 "start erases them, if there is space for a second file",
                 LOG_STR("cause", err->cause));
}

Error *settings_store_open(Arena *a, Db *db, Str key, SettingsStore **out)
{
    assert(key.len == 0 || key.len == SECRET_KEY_BYTES);
    Loading loading = {.key = key};
    Error *err = db_read(db, a, load_work, &loading);
    bool to_seal = key.len && !loading.is_sealed && !db_is_read_only(db);
    if (!err && (!loading.json || to_seal)) err = db_write(db, a, settle_work, &loading);
    if (err) return err;
    if (!db_is_read_only(db)) forget_older(db, a);

    Arena *arena = arena_create("settings store", 1 << 20);
    SettingsStore *store = arena_new(arena, SettingsStore, 1);
    *store = (SettingsStore){.arena = arena, .db = db, .key = arena_copy(arena, key)};
    store->snapshots = snapshots_create(version_destroy);
    publish(store, version_create(loading.json));
    *out = store;
    return NULL;
}

void settings_store_close(SettingsStore *store)
{
    if (!store) return;
    rolled_back(store);
    snapshots_destroy(store->snapshots);
    arena_destroy(store->arena);
}

const Settings *settings_hold(SettingsStore *store, Arena *a)
{
    return &((Version *)snapshots_hold(store->snapshots, a))->settings;
}

uint64_t settings_version(const SettingsStore *store)
{
    return atomic_load_explicit(&store->version, memory_order_acquire);
}

/* ---- changes ---- */

static const Settings *present(const SettingsStore *store)
{
    if (store->pending) return &store->pending->settings;
    return &((Version *)snapshots_peek(store->snapshots))->settings;
}

static void publish_later(SettingsStore *store, Tx *tx, const Json *json)
{
    rolled_back(store); /* an earlier change in the same transaction */
    store->pending = version_create(json);
    tx_after_commit(tx, committed, store);
    tx_after_rollback(tx, rolled_back, store);
}

static Error *replace(SettingsStore *store, Tx *tx, const Json *json)
{
    Error *err = write_document(tx, store->key, json);
    if (err) return err;
    publish_later(store, tx, json);
    return NULL;
}

Error *settings_reload(SettingsStore *store, Tx *tx)
{
    Arena *a = tx_arena(tx);
    Loading loading = {.key = store->key};
    Error *err = load_work(tx, &loading);
    if (err && err->status < 500) return error_new(a, 400, S("the settings cannot be read"));
    if (err) return err;
    if (!loading.json) return error_new(a, 400, S("the settings are gone"));
    if (json_equal(loading.json, present(store)->json)) return NULL;
    err = settings_check(a, loading.json);
    if (err) return error_new(a, 400, S("the settings do not hold"));
    if (store->key.len && !loading.is_sealed) err = seal_document(tx, store->key, loading.json);
    if (err) return err;
    publish_later(store, tx, loading.json);
    return NULL;
}

Error *settings_reseal(Tx *tx, Str from, Str to)
{
    Loading loading = {.key = from};
    Error *err = load_work(tx, &loading);
    if (err || !loading.json) return err;
    return seal_document(tx, to, loading.json);
}

/* The present document with `patch` on it, as it would be saved. */
static Error *merge(Arena *a, const Json *now, const Json *patch, Json **out)
{
    if (!json_is(patch, JSON_OBJECT)) return invalid_format(a, S("settings are not an object"));
    Json *json = json_copy(a, now);
    Error *err = options_merge(a, json, settings_shape(a), patch);
    if (err) return err;
    err = settings_check(a, json);
    if (err) return err;
    *out = json;
    return NULL;
}

Error *settings_preview(SettingsStore *store, Arena *a, const Json *patch, Settings *out)
{
    Json *json;
    Error *err = merge(a, settings_hold(store, a)->json, patch, &json);
    if (err) return err;
    *out = (Settings){.json = json};
    settings_read(a, out);
    return NULL;
}

typedef struct {
    SettingsStore *store;
    const Json *patch;
} Update;

static Error *update_work(Tx *tx, void *arg)
{
    Update *u = arg;
    Json *json;
    Error *err = merge(tx_arena(tx), present(u->store)->json, u->patch, &json);
    if (err) return err;
    return replace(u->store, tx, json);
}

Error *settings_update(SettingsStore *store, Arena *a, const Json *patch)
{
    Update update = {store, patch};
    return db_write_alone(store->db, a, 0, update_work, &update);
}

Error *settings_rename_collection(SettingsStore *store, Tx *tx, Str old_name, Str new_name)
{
    Arena *a = tx_arena(tx);
    Str prefix = str_concat(a, old_name, S(":"));
    Json *json = json_copy(a, present(store)->json);
    Json *rules = json_get(json_get(json, S("rateLimits")), S("rules"));
    bool changed = false;
    for (size_t i = 0; i < json_count(rules); i++) {
        Json *rule = json_at(rules, i);
        Str label = json_str(json_get(rule, S("label")), S(""));
        if (!str_starts(label, prefix)) continue;
        Str renamed =
            str_printf(a, "%.*s:%.*s", STR_ARG(new_name), STR_ARG(str_from_pos(label, prefix.len)));
        json_set_str(a, rule, S("label"), renamed);
        changed = true;
    }
    return changed ? replace(store, tx, json) : NULL;
}
