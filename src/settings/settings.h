/* settings.h - the owner's settings: one JSON document in "_params", typed
 * where the server itself reads it (api: operations §1).
 *
 * Like the schema, the present Settings is an immutable snapshot, held by
 * whoever uses it and replaced as a whole.
 */
#ifndef CROFT_SETTINGS_H
#define CROFT_SETTINGS_H

#include "base/base.h"
#include "db/db.h"
#include "json/json.h"

typedef struct SettingsStore SettingsStore;

typedef struct {
    Str label, audience;
    int64_t duration_s, max_requests;
} RateLimitRule;

/* Where files or backups go when it is enabled (api: files §8); see s3/s3.h. */
typedef struct {
    bool enabled, force_path_style;
    Str endpoint, bucket, region, access_key, secret;
} S3Settings;

typedef struct {
    uint64_t version;
    Json *json; /* everything, secrets included */

    Str app_name, app_url, sender_name, sender_address;
    Str *superuser_ips;
    size_t superuser_ip_count;
    bool batch_enabled;
    int64_t batch_max_requests, batch_timeout_s, batch_max_body_bytes;
    bool rate_limits_enabled;
    Str *rate_limit_excluded_ips;
    size_t rate_limit_excluded_ip_count;
    RateLimitRule *rate_limit_rules;
    size_t rate_limit_rule_count;
    Str *proxy_headers;
    size_t proxy_header_count;
    bool proxy_use_leftmost_ip;
    int64_t logs_max_days, logs_min_level;
    bool logs_ip, logs_auth_id;
    S3Settings s3, backups_s3;
} Settings;

/* Loads, or writes the defaults into an empty database. The table is
 * schema/'s; open that store first.
 *
 * With a key (32 bytes; empty = none) the document is encrypted in the database
 * (secret_seal() of crypto/crypto.h); one that is not yet is written anew at
 * once. Older copies in clear are forgotten (secrets_forget()). Error 409 when the
 * document cannot be read: encrypted, and no key or another one was given. */
MUST_CHECK Error *settings_store_open(Arena *a, Db *db, Str key, SettingsStore **out);
void settings_store_close(SettingsStore *store);

const Settings *settings_hold(SettingsStore *store, Arena *a);
uint64_t settings_version(const SettingsStore *store);

/* At start: calls fn(arg) after each change, on the writer's thread; brief. One
 * listener. NULL takes it back. */
void settings_on_change(SettingsStore *store, void (*fn)(void *arg), void *arg);

/* Deep-merges `patch` onto the present settings, validates (api: operations
 * §1.1; chained field errors), saves, publishes. */
MUST_CHECK Error *settings_update(SettingsStore *store, Arena *a, const Json *patch);

/* What settings_update() would make of the present settings, in `a`: for who has
 * to know before. Same errors; nothing is saved. */
MUST_CHECK Error *settings_preview(SettingsStore *store, Arena *a, const Json *patch,
                                   Settings *out);
/* Somebody else may have written to "_params" in this transaction: reads it
 * anew, and publishes what changed after commit. Error 400 when the settings are
 * gone or do not hold. */
MUST_CHECK Error *settings_reload(SettingsStore *store, Tx *tx);
/* Writes them anew under another key; either may be empty: in clear. For a folder
 * without a server: a store that is open goes on with the old key. */
MUST_CHECK Error *settings_reseal(Tx *tx, Str from, Str to);
/* Rate-limit labels "old:tag" become "new:tag": for a collection that is being
 * renamed in `tx`. */
MUST_CHECK Error *settings_rename_collection(SettingsStore *store, Tx *tx, Str old_name,
                                             Str new_name);

/* The API's JSON: secrets absent (api: operations §1.2). */
Json *settings_to_json(Arena *a, const Settings *s);

/* The caller's address behind trusted proxies (api: conventions §8): picks from
 * the headers by `header_last`, else the peer. IPv6 comes fully expanded. */
Str settings_real_ip(const Settings *s, Arena *a, Str peer_ip,
                     Str (*header_last)(const void *arg, Str name), const void *arg);
/* True when `ip` equals or lies in one of the addresses and CIDR ranges. */
bool ip_in_list(Str ip, const Str *list, size_t count);
bool ip_or_cidr_valid(Str text);

#endif
