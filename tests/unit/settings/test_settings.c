#include "db/db_testing.h"
#include "schema/schema.h"
#include "settings/settings.h"

typedef struct {
    TestDb *db;
    Arena *arena;
    SchemaStore *schema;
    SettingsStore *settings;
} TestSettings;

static int setup(void **state)
{
    Arena *a = arena_create("test", 64 << 20);
    TestSettings *t = arena_new(a, TestSettings, 1);
    t->arena = a;
    t->db = test_db_new(a);
    test_db_open(t->db);
    check_ok("schema", schema_store_open(a, t->db->db, S(""), NULL, NULL, &t->schema));
    check_ok("settings", settings_store_open(a, t->db->db, S(""), &t->settings));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    TestSettings *t = *state;
    settings_store_close(t->settings);
    schema_store_close(t->schema);
    void *db = t->db;
    return db_teardown(&db);
}

static Error *patch(TestSettings *t, const char *text)
{
    Json *json;
    check_ok(text, json_parse(t->arena, str_from(text), NULL, &json));
    return settings_update(t->settings, t->arena, json);
}

static void reopen(TestSettings *t)
{
    settings_store_close(t->settings);
    check_ok("reopen", settings_store_open(t->arena, t->db->db, S(""), &t->settings));
}

static void starts_with_defaults(void **state)
{
    TestSettings *t = *state;
    const Settings *s = settings_hold(t->settings, t->arena);
    check_str("name", s->app_name, "Acme");
    check_str("url", s->app_url, "http://localhost:8090");
    check_int("rules", s->rate_limit_rule_count, 4);
    check_str("label", s->rate_limit_rules[0].label, "*:auth");
    check_int("duration", s->rate_limit_rules[0].duration_s, 3);
    check_int("batch", s->batch_max_requests, 50);
    check_int("logs", s->logs_max_days, 5);
    check_bool("ip", s->logs_ip, true);
    check_str("row", db_one(t->db, S("SELECT count(*) FROM _params WHERE id = 'settings'")), "1");
}

static void merges_and_keeps_secrets(void **state)
{
    TestSettings *t = *state;
    uint64_t version = settings_version(t->settings);
    const Settings *before = settings_hold(t->settings, t->arena);
    check_ok("patch",
             patch(t, "{\"meta\":{\"appName\":\"Shop\"},\"smtp\":{\"password\":\"geheim\"},"
                      "\"superuserIPs\":[\"10.0.0.0/8\"],\"unknown\":1}"));
    check_int("version", settings_version(t->settings), version + 1);
    check_str("held", before->app_name, "Acme");

    check_ok("keeps", patch(t, "{\"smtp\":{\"username\":\"me\"}}"));
    reopen(t);
    const Settings *s = settings_hold(t->settings, t->arena);
    check_str("name", s->app_name, "Shop");
    check_str("kept", s->sender_name, "Support");
    check_int("ips", s->superuser_ip_count, 1);
    const Json *smtp = json_get(s->json, S("smtp"));
    check_str("secret", json_str(json_get(smtp, S("password")), S("")), "geheim");

    const Json *shown = settings_to_json(t->arena, s);
    assert_null(json_get(json_get(shown, S("smtp")), S("password")));
    assert_null(json_get(json_get(shown, S("s3")), S("secret")));
    assert_null(json_get(json_get(json_get(shown, S("backups")), S("s3")), S("secret")));
    assert_null(json_get(shown, S("unknown")));
    check_str("shown", json_str(json_get(json_get(shown, S("smtp")), S("username")), S("")), "me");

    check_ok("clears", patch(t, "{\"smtp\":{\"password\":\"\"}}"));
    s = settings_hold(t->settings, t->arena);
    smtp = json_get(s->json, S("smtp"));
    check_str("cleared", json_str(json_get(smtp, S("password")), S("-")), "");
}

static void refuses_without_change(void **state)
{
    TestSettings *t = *state;
    uint64_t version = settings_version(t->settings);
    check_code("invalid", patch(t, "{\"meta\":{\"appName\":\"\"}}"), "validation_required");
    Error *err = patch(t, "{\"meta\":1}");
    assert_non_null(err);
    check_int("ill-typed", err->status, 400);
    check_int("version", settings_version(t->settings), version);
    check_str("name", settings_hold(t->settings, t->arena)->app_name, "Acme");
}

static Error *rename_work(Tx *tx, void *arg)
{
    TestSettings *t = arg;
    Error *err = settings_rename_collection(t->settings, tx, S("posts"), S("news"));
    if (err) return err;
    return settings_rename_collection(t->settings, tx, S("users"), S("people"));
}

static void renames_rate_limit_labels(void **state)
{
    TestSettings *t = *state;
#define RULE(label) "{\"label\":\"" label "\",\"duration\":1,\"maxRequests\":1}"
    check_ok("patch", patch(t, "{\"rateLimits\":{\"rules\":[" RULE("posts:list") "," RULE(
                                   "posts2:list") "," RULE("users:auth") "]}}"));
    check_ok("rename", db_write_alone(t->db->db, t->arena, 0, rename_work, t));
    reopen(t);
    const Settings *s = settings_hold(t->settings, t->arena);
    check_str("renamed", s->rate_limit_rules[0].label, "news:list");
    check_str("other", s->rate_limit_rules[1].label, "posts2:list");
    check_str("second in the same transaction", s->rate_limit_rules[2].label, "people:auth");
}

static void refuses_encrypted_settings(void **state)
{
    TestSettings *t = *state;
    check_ok("encrypted", db_exec(t->db, S("UPDATE _params SET value = 'bm90IGpzb24='")));
    SettingsStore *store = NULL;
    Error *err = settings_store_open(t->arena, t->db->db, S(""), &store);
    assert_non_null(err);
    check_int("status", err->status, 409);
}

/* With a key nothing of the settings can be read in the database, and nobody
 * with another key, or none, opens them. What is looked for has quotes around
 * it: sealed text is base64, which holds any short word now and then. */
static void encrypts_with_a_key(void **state)
{
    TestSettings *t = *state;
    const Str key = S("0123456789abcdef0123456789abcdef");
    const Str other = S("0123456789abcdef0123456789abcdeF");
    check_ok("patch", patch(t, "{\"smtp\":{\"password\":\"geheim\"}}"));
    check_str("in clear", db_one(t->db, S("SELECT value LIKE '%\"geheim\"%' FROM _params")), "1");

    settings_store_close(t->settings);
    check_ok("seals", settings_store_open(t->arena, t->db->db, key, &t->settings));
    check_str("sealed", db_one(t->db, S("SELECT value LIKE '%\"smtp\"%' FROM _params")), "0");
    check_ok("patch sealed", patch(t, "{\"meta\":{\"appName\":\"Shop\"}}"));
    check_str("still", db_one(t->db, S("SELECT value LIKE '%\"Shop\"%' FROM _params")), "0");

    SettingsStore *store = NULL;
    Error *err = settings_store_open(t->arena, t->db->db, other, &store);
    check_int("another key", err ? err->status : 0, 409);
    err = settings_store_open(t->arena, t->db->db, S(""), &store);
    check_int("no key", err ? err->status : 0, 409);

    settings_store_close(t->settings);
    check_ok("reopen", settings_store_open(t->arena, t->db->db, key, &t->settings));
    const Settings *s = settings_hold(t->settings, t->arena);
    check_str("name", s->app_name, "Shop");
    const Json *smtp = json_get(s->json, S("smtp"));
    check_str("secret", json_str(json_get(smtp, S("password")), S("")), "geheim");
}

typedef struct {
    Str from, to;
} Keys;

static Error *reseal_work(Tx *tx, void *arg)
{
    const Keys *keys = arg;
    return settings_reseal(tx, keys->from, keys->to);
}

static void changes_its_key(void **state)
{
    TestSettings *t = *state;
    const Str first = S("0123456789abcdef0123456789abcdef");
    const Str second = S("fedcba9876543210fedcba9876543210");
    check_ok("patch", patch(t, "{\"smtp\":{\"password\":\"geheim\"}}"));
    const Keys steps[] = {{S(""), first}, {first, second}, {second, S("")}};
    for (size_t i = 0; i < COUNT(steps); i++) {
        Keys keys = steps[i];
        check_ok("reseal", db_write_alone(t->db->db, t->arena, 0, reseal_work, &keys));
        check_str("sealed", db_one(t->db, S("SELECT value LIKE '%\"geheim\"%' FROM _params")),
                  keys.to.len ? "0" : "1");
        settings_store_close(t->settings);
        check_ok("reopen", settings_store_open(t->arena, t->db->db, keys.to, &t->settings));
        const Json *smtp = json_get(settings_hold(t->settings, t->arena)->json, S("smtp"));
        check_str("secret", json_str(json_get(smtp, S("password")), S("")), "geheim");
    }
}

/* Killed between the commit that seals and the erasing of what was let go of long ago. */
static void a_start_forgets_what_a_killed_one_left(void **state)
{
    TestSettings *t = *state;
    Keys keys = {S(""), S("0123456789abcdef0123456789abcdef")};
    const Str mark = S("SELECT count(*) FROM _params WHERE id = 'croft_to_forget'");
    check_ok("long ago", db_exec(t->db, S("CREATE TABLE old (v); INSERT INTO old VALUES "
                                          "('geheim-von-damals'); DROP TABLE old")));
    settings_store_close(t->settings);
    check_ok("nothing was sealed", settings_store_open(t->arena, t->db->db, S(""), &t->settings));
    check_ok("in the file", db_empty_wal(t->db->db, t->arena));
    check_bool("left", test_file_has(t->db, "data.db", "geheim-von-damals"), true);

    check_ok("reseal", db_write_alone(t->db->db, t->arena, 0, reseal_work, &keys));
    check_str("marked", db_one(t->db, mark), "1");
    settings_store_close(t->settings);
    check_ok("start", settings_store_open(t->arena, t->db->db, keys.to, &t->settings));
    check_bool("forgotten", test_file_has(t->db, "data.db", "geheim-von-damals"), false);
    check_str("done", db_one(t->db, mark), "0");
}

#define with_settings(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_settings(starts_with_defaults),
        with_settings(merges_and_keeps_secrets),
        with_settings(refuses_without_change),
        with_settings(renames_rate_limit_labels),
        with_settings(refuses_encrypted_settings),
        with_settings(encrypts_with_a_key),
        with_settings(changes_its_key),
        with_settings(a_start_forgets_what_a_killed_one_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
