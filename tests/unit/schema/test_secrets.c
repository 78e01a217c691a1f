/* test_secrets.c - secrets of collections in the database: sealed with a key, opened by it alone. */
#include "crypto/crypto.h"
#include "schema_testing.h"

#define KEY   S("0123456789abcdef0123456789abcdef")
#define OTHER S("0123456789abcdef0123456789abcdeF")
#define NONE  S("")

#define CLEAR "geheim-geheim-geheim-geheim-geheim"

static const char AUTH[] =
    "{\"name\":\"people\",\"type\":\"auth\",\"authToken\":{\"secret\":\"" CLEAR
    "\",\"duration\":600},"
    "\"oauth2\":{\"enabled\":true,\"providers\":[{\"name\":\"oidc\",\"clientId\":\"me\","
    "\"clientSecret\":\"geheim & so\",\"authURL\":\"https://x.example/a\","
    "\"tokenURL\":\"https://x.example/t\",\"userInfoURL\":\"https://x.example/u\"}]}}";

static void reopen(TestSchema *t, Str key)
{
    schema_store_close(t->store);
    t->store = NULL;
    check_ok("reopen", schema_store_open(t->arena, t->db->db, key, NULL, NULL, &t->store));
}

static void check_refused(TestSchema *t, const char *name, Str key, const char *words)
{
    SchemaStore *store = NULL;
    Error *err = schema_store_open(t->arena, t->db->db, key, NULL, NULL, &store);
    check_int(name, err ? err->status : 0, 409);
    check_bool(name, error_is_secret_unreadable(err), true);
    check_bool(words, str_find(err->message, str_from(words)) >= 0, true);
}

static void check_in_database(TestSchema *t, const char *name, const char *clear)
{
    check_str(name, db_one(t->db, S("SELECT sum(options LIKE '%geheim%') FROM _collections")),
              clear);
    check_str("every secret of every auth collection",
              db_one(t->db, S("SELECT count(*) FROM _collections c, json_tree(c.options) j WHERE "
                              "c.type = 'auth' AND j.key IN ('secret', 'clientSecret') AND "
                              "j.type = 'text'")),
              *clear == '0' ? "0" : "16");
}

/* As the store shows them, whatever the database holds. */
static void check_people(TestSchema *t)
{
    const Collection *c = test_find(t, "people");
    check_str("token", c->auth.tokens[TOKEN_AUTH].secret, CLEAR);
    check_int("drawn by us", c->auth.tokens[TOKEN_FILE].secret.len, 50);
    const Json *p = json_at(json_get(json_get(c->options, S("oauth2")), S("providers")), 0);
    check_str("provider", json_str(json_get(p, S("clientSecret")), NONE), "geheim & so");
    check_str("the rest", json_str(json_get(p, S("clientId")), NONE), "me");
}

/* What is in clear is sealed by the first start with a key; then only it opens them. */
static void seals_with_a_key(void **state)
{
    TestSchema *t = *state;
    check_ok("create", test_save(t, "", AUTH));
    check_ok("unknown keys", db_exec(t->db, S("UPDATE _collections SET options = "
                                              "json_set(options, '$.theirs', 7), updated = 'then' "
                                              "WHERE name = 'people'")));
    check_in_database(t, "in clear", "1");
    Str file_secret = arena_copy(t->arena, test_find(t, "people")->auth.tokens[TOKEN_FILE].secret);

    reopen(t, KEY);
    check_in_database(t, "sealed", "0");
    check_people(t);
    check_str("drawn once", test_find(t, "people")->auth.tokens[TOKEN_FILE].secret,
              arena_cstr(t->arena, file_secret));
    check_str("the rest stays as it was",
              db_one(t->db, S("SELECT updated || (options ->> '$.theirs') || (options ->> "
                              "'$.authToken.duration') FROM _collections WHERE name = 'people'")),
              "then7600");

    check_refused(t, "no key", NONE, "are encrypted");
    check_refused(t, "another key", OTHER, "another one");
    reopen(t, KEY);
    check_people(t);
}

static void seals_what_is_saved(void **state)
{
    TestSchema *t = *state;
    reopen(t, KEY);
    check_ok("create", test_save(t, "", AUTH));
    check_in_database(t, "created", "0");
    check_people(t);
    check_ok("update", test_save(t, "people", "{\"fileToken\":{\"duration\":100}}"));
    check_in_database(t, "updated", "0");
    check_people(t);
    const Error *err =
        test_save(t, "people", "{\"authToken\":{\"secret\":{\"sealed\":\"x\"},\"duration\":600}}");
    check_int("sealed things are not for clients", err ? err->status : 0, 400);
    reopen(t, KEY);
    check_people(t);
}

static Error *reload_work(Tx *tx, void *arg)
{
    TestSchema *t = arg;
    Error *err = tx_exec(tx, S("UPDATE _collections SET options = json_set(options, "
                               "'$.authToken.secret', '" CLEAR "2') WHERE name = 'people'"));
    return err ? err : schema_reload(t->store, tx);
}

/* SQL by hand writes in clear, and is sealed before it is committed. (The collection
 * has no autodate fields: those that _superusers has are not every auth collection's.) */
static void seals_what_others_wrote(void **state)
{
    TestSchema *t = *state;
    reopen(t, KEY);
    check_ok("create", test_save(t, "", AUTH));
    check_ok("by hand", db_write_alone(t->db->db, t->arena, 0, reload_work, t));
    check_in_database(t, "sealed", "0");
    check_str("taken", test_find(t, "people")->auth.tokens[TOKEN_AUTH].secret, CLEAR "2");
}

typedef struct {
    Str from, to;
} Keys;

static Error *reseal_work(Tx *tx, void *arg)
{
    const Keys *keys = arg;
    return schema_reseal(tx, keys->from, keys->to);
}

static void changes_its_key(void **state)
{
    TestSchema *t = *state;
    check_ok("create", test_save(t, "", AUTH));
    static const struct {
        const char *name;
        Str from, to;
        const char *clear;
    } STEPS[] = {
        {"first", STR_INIT(""), STR_INIT("0123456789abcdef0123456789abcdef"), "0"},
        {"another", STR_INIT("0123456789abcdef0123456789abcdef"),
         STR_INIT("fedcba9876543210fedcba9876543210"), "0"},
        {"none", STR_INIT("fedcba9876543210fedcba9876543210"), STR_INIT(""), "1"},
    };
    for (size_t i = 0; i < COUNT(STEPS); i++) {
        Keys keys = {STEPS[i].from, STEPS[i].to};
        check_ok(STEPS[i].name, db_write_alone(t->db->db, t->arena, 0, reseal_work, &keys));
        check_in_database(t, STEPS[i].name, STEPS[i].clear);
        check_str("older copies are to be forgotten", db_one(t->db, S("SELECT id FROM _params")),
                  "croft_to_forget");
        check_ok("forgotten", secrets_forget(t->db->db, t->arena));
        check_str("done", db_one(t->db, S("SELECT count(*) FROM _params")), "0");
        reopen(t, STEPS[i].to);
        check_people(t);
    }
    Keys wrong = {OTHER, KEY};
    reopen(t, KEY);
    Error *err = db_write_alone(t->db->db, t->arena, 0, reseal_work, &wrong);
    check_bool("a wrong key changes nothing", error_is_secret_unreadable(err), true);
    reopen(t, KEY);
    check_people(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_schema(seals_with_a_key),
        test_with_schema(seals_what_is_saved),
        test_with_schema(seals_what_others_wrote),
        test_with_schema(changes_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
