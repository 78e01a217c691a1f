#include "schema_testing.h"

static Collection *make(Arena *a, const char *text)
{
    Collection *c = NULL;
    check_ok(text, collection_from_json(a, NULL, test_json(a, text), &c));
    return c;
}

static Collection *update(Arena *a, const Collection *base, const char *text)
{
    Collection *c = NULL;
    check_ok(text, collection_from_json(a, base, test_json(a, text), &c));
    return c;
}

/* Example 1 of api: collections §10. */
static void completes_a_base_collection(void **state)
{
    Arena *a = *state;
    Collection *c = make(a, "{\"name\":\"new\",\"type\":\"base\",\"fields\":[{\"type\":\"text\","
                            "\"id\":\"12345789\",\"name\":\"test\"}]}");
    check_int("fields", c->field_count, 2);
    check_str("id field", json_format(a, field_to_json(a, &c->fields[0])),
              "{\"autogeneratePattern\":\"[a-z0-9]{15}\",\"help\":\"\",\"hidden\":false,"
              "\"id\":\"text3208210256\",\"max\":15,\"min\":15,\"name\":\"id\","
              "\"pattern\":\"^[a-z0-9]+$\",\"presentable\":false,\"primaryKey\":true,"
              "\"required\":true,\"system\":true,\"type\":\"text\"}");
    check_str("text field", json_format(a, field_to_json(a, &c->fields[1])),
              "{\"autogeneratePattern\":\"\",\"help\":\"\",\"hidden\":false,\"id\":\"12345789\","
              "\"max\":0,\"min\":0,\"name\":\"test\",\"pattern\":\"\",\"presentable\":false,"
              "\"primaryKey\":false,\"required\":false,\"system\":false,\"type\":\"text\"}");
    check_str("id", make(a, "{\"name\":\"posts\"}")->id, "pbc_1125843985");
    assert_non_null(c->fields[0].pattern_code);
}

/* Example 2. */
static void completes_an_auth_collection(void **state)
{
    Arena *a = *state;
    Collection *c = make(a, "{\"name\":\"x\",\"type\":\"auth\",\"emailChangeToken\":{\"duration\":"
                            "123},\"fields\":[{\"type\":\"text\",\"name\":\"tokenKey\",\"system\":"
                            "true,\"required\":false,\"min\":10}]}");
    const Field *key = collection_field(c, S("tokenKey"));
    check_bool("hidden", key->hidden && key->required && key->system, true);
    check_int("min", key->min, 10);
    check_int("max", key->max, 0);
    static const char *const NAMES[] = {"id", "password", "email", "emailVisibility", "verified"};
    for (size_t i = 0; i < COUNT(NAMES); i++)
        assert_non_null(collection_field(c, str_from(NAMES[i])));
    check_int("duration", c->auth.tokens[TOKEN_EMAIL_CHANGE].duration_s, 123);
    check_int("secret", c->auth.tokens[TOKEN_AUTH].secret.len, 50);
    check_int("indexes", c->index_count, 2);
    check_bool("unique", collection_field_is_unique(c, S("email"), NULL), true);
    Str json = json_format(a, collection_to_json(a, c));
    assert_true(str_find(json, S("ecret")) < 0);
    assert_true(str_find(json, S("\"authRule\":\"\"")) > 0);
    assert_true(str_find(json, S("\"manageRule\":null")) > 0);
}

static void derives_ids_of_fields(void **state)
{
    Arena *a = *state;
    Collection *c = make(a, "{\"name\":\"x\",\"fields\":[{\"type\":\"text\",\"name\":\"name\"},"
                            "{\"type\":\"text\",\"id\":\"own\",\"name\":\"b\"},"
                            "{\"type\":\"number\",\"name\":\"name\"}]}");
    check_int("replaced by name", c->field_count, 3);
    check_str("keeps the id", c->fields[1].id, "text1579384326");
    check_str("new type", field_type_name(c->fields[1].type), "number");
}

static const char EVERY_TYPE[] =
    "{\"name\":\"all\",\"fields\":["
    "{\"type\":\"text\",\"name\":\"a\",\"min\":1,\"max\":5,\"pattern\":\"^x\",\"help\":\"h\"},"
    "{\"type\":\"editor\",\"name\":\"b\",\"maxSize\":7,\"convertURLs\":true},"
    "{\"type\":\"email\",\"name\":\"c\",\"onlyDomains\":[\"x.com\"]},"
    "{\"type\":\"url\",\"name\":\"d\",\"exceptDomains\":[]},"
    "{\"type\":\"number\",\"name\":\"e\",\"min\":-1.5,\"onlyInt\":false},"
    "{\"type\":\"bool\",\"name\":\"f\",\"presentable\":true},"
    "{\"type\":\"date\",\"name\":\"g\",\"min\":\"2022-01-01\",\"max\":\"garbage\"},"
    "{\"type\":\"autodate\",\"name\":\"h\",\"onCreate\":true},"
    "{\"type\":\"select\",\"name\":\"i\",\"values\":[\"x\",\"y\"],\"maxSelect\":2},"
    "{\"type\":\"relation\",\"name\":\"j\",\"collectionId\":\"c1\",\"cascadeDelete\":true},"
    "{\"type\":\"file\",\"name\":\"k\",\"mimeTypes\":[\"image/png\"],\"thumbs\":[\"1x1\"],"
    "\"protected\":true},"
    "{\"type\":\"json\",\"name\":\"l\",\"maxSize\":9},"
    "{\"type\":\"geoPoint\",\"name\":\"m\",\"required\":true},"
    "{\"type\":\"password\",\"name\":\"n\",\"cost\":8,\"min\":3}]}";

static void round_trips_every_type(void **state)
{
    Arena *a = *state;
    Collection *c = make(a, EVERY_TYPE);
    check_int("fields", c->field_count, FIELD_TYPE_COUNT + 1);
    Str first = json_format(a, collection_to_json(a, c));
    Collection *again = NULL;
    Json *json = NULL;
    check_ok("parse", json_parse(a, first, NULL, &json));
    check_ok("read", collection_from_json(a, NULL, json, &again));
    again->created = c->created;
    again->updated = c->updated;
    assert_true(json_equal(collection_to_json(a, again), collection_to_json(a, c)));
    check_str("date", collection_field(c, S("g"))->min_date, "2022-01-01 00:00:00.000Z");
    check_str("no date", collection_field(c, S("g"))->max_date, "");
    assert_non_null(collection_field(c, S("d"))->except_domains);
    assert_null(collection_field(c, S("d"))->only_domains);
}

static void refuses_ill_typed_input(void **state)
{
    static const char *const CASES[] = {
        "[]",
        "{\"name\":1}",
        "{\"fields\":{}}",
        "{\"fields\":[1]}",
        "{\"fields\":[{\"type\":\"nothing\",\"name\":\"x\"}]}",
        "{\"fields\":[{\"name\":\"x\"}]}",
        "{\"fields\":[{\"type\":\"text\",\"name\":\"x\",\"min\":\"1\"}]}",
        "{\"fields\":[{\"type\":\"text\",\"name\":\"x\",\"min\":1.5}]}",
        "{\"fields\":[{\"type\":\"select\",\"name\":\"x\",\"values\":[1]}]}",
        "{\"indexes\":[1]}",
        "{\"indexes\":\"x\"}",
        "{\"listRule\":1}",
        "{\"system\":\"x\"}",
        "{\"type\":\"auth\",\"authToken\":1}",
        "{\"type\":\"auth\",\"authRule\":1}",
        "{\"type\":\"auth\",\"oauth2\":{\"providers\":[{\"name\":\"google\",\"pkce\":1}]}}",
    };
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Collection *c;
        Error *err = collection_from_json(a, NULL, test_json(a, CASES[i]), &c);
        if (!err) fail_msg("%s: accepted", CASES[i]);
        check_int(CASES[i], err->status, 400);
        check_str(CASES[i], err->message,
                  "Failed to load the submitted data due to invalid formatting.");
    }
}

static void lays_updates_over_the_stored(void **state)
{
    Arena *a = *state;
    Collection *c =
        make(a, "{\"name\":\"x\",\"type\":\"auth\",\"listRule\":\"a = 1\",\"oauth2\":{\"enabled\":"
                "true,\"mappedFields\":{\"name\":\"gone\",\"username\":\"email\"},\"providers\":["
                "{\"name\":\"google\",\"clientId\":\"1\",\"clientSecret\":\"s1\"},"
                "{\"name\":\"github\",\"clientId\":\"2\",\"clientSecret\":\"s2\"}]}}");
    Collection *u = update(a, c,
                           "{\"name\":\"y\",\"otp\":{\"enabled\":true},\"oauth2\":{"
                           "\"providers\":[{\"name\":\"github\",\"clientId\":\"3\"}]}}");
    check_str("id", u->id, c->id.ptr ? arena_cstr(a, c->id) : "");
    check_str("rule kept", u->rules[RULE_LIST].text, "a = 1");
    check_bool("otp", u->auth.otp_enabled, true);
    check_int("otp length kept", u->auth.otp_length, 8);
    check_str("secret kept", u->auth.tokens[TOKEN_AUTH].secret,
              arena_cstr(a, c->auth.tokens[TOKEN_AUTH].secret));
    const Json *oauth2 = json_get(u->options, S("oauth2"));
    const Json *providers = json_get(oauth2, S("providers"));
    check_int("providers replaced", json_count(providers), 1);
    check_str("by name", json_str(json_get(json_at(providers, 0), S("clientSecret")), S("")), "s2");
    check_str("new value", json_str(json_get(json_at(providers, 0), S("clientId")), S("")), "3");
    const Json *mapped = json_get(oauth2, S("mappedFields"));
    check_str("stale", json_str(json_get(mapped, S("name")), S("-")), "");
    check_str("kept", json_str(json_get(mapped, S("username")), S("-")), "email");
    assert_true(str_find(u->indexes[0].text, S("ON `y`")) > 0);

    Collection *r = update(a, u, "{\"authRule\":\"verified = true\"}");
    assert_false(str_eq(r->auth.tokens[TOKEN_AUTH].secret, u->auth.tokens[TOKEN_AUTH].secret));
    assert_true(str_eq(r->auth.tokens[TOKEN_FILE].secret, u->auth.tokens[TOKEN_FILE].secret));
}

static void makes_scaffolds(void **state)
{
    Arena *a = *state;
    for (int type = COLLECTION_BASE; type <= COLLECTION_VIEW; type++) {
        Collection *c = collection_scaffold(a, (CollectionType)type);
        const Json *json = collection_to_json(a, c);
        check_str("id", json_str(json_get(json, S("id")), S("-")), "");
        check_str("name", json_str(json_get(json, S("name")), S("-")), "");
        check_int("indexes", json_count(json_get(json, S("indexes"))),
                  type == COLLECTION_AUTH ? 2 : 0);
        check_int("fields", c->field_count,
                  type == COLLECTION_AUTH   ? 6
                  : type == COLLECTION_BASE ? 1
                                            : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(completes_a_base_collection),
        test_with_arena(completes_an_auth_collection),
        test_with_arena(derives_ids_of_fields),
        test_with_arena(round_trips_every_type),
        test_with_arena(refuses_ill_typed_input),
        test_with_arena(lays_updates_over_the_stored),
        test_with_arena(makes_scaffolds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
