#include "schema_testing.h"

#define FIELD(options) "{\"name\":\"x\",\"fields\":[{\"name\":\"f\"," options "}]}"
#define AUTH(options)  "{\"name\":\"x\",\"type\":\"auth\"," options "}"

static const struct {
    const char *json, *field, *code;
} CREATES[] = {
    {"{}", "name", "validation_required"},
    {"{\"name\":\"a b\"}", "name", "validation_match_invalid"},
    {"{\"name\":\"a_VIA_b\"}", "name", "validation_found_via"},
    {"{\"name\":\"USERS\"}", "name", "validation_collection_name_exists"},
    {"{\"name\":\"_pb_users_auth_\"}", "name", "validation_collection_name_id_duplicate"},
    {"{\"name\":\"_params\"}", "name", "validation_collection_name_invalid"},
    {"{\"name\":\"x\",\"id\":\"_pb_users_auth_\"}", "id", "validation_invalid_or_existing_id"},
    {"{\"name\":\"x\",\"id\":\"a b\"}", "id", "validation_match_invalid"},
    {"{\"name\":\"x\",\"type\":\"odd\"}", "type", "validation_in_invalid"},
    {FIELD("\"type\":\"text\",\"min\":5,\"max\":2"), "fields.1.max",
     "validation_min_greater_equal_than_required"},
    {FIELD("\"type\":\"text\",\"min\":-1"), "fields.1.min",
     "validation_min_greater_equal_than_required"},
    {FIELD("\"type\":\"text\",\"pattern\":\"(?=a)\""), "fields.1.pattern",
     "validation_invalid_regex"},
    {FIELD("\"type\":\"text\",\"autogeneratePattern\":\"^a\""), "fields.1.autogeneratePattern",
     "validation_invalid_autogenerate_pattern"},
    {FIELD("\"type\":\"text\",\"min\":9,\"autogeneratePattern\":\"[a-z]{3}\""),
     "fields.1.autogeneratePattern", "validation_invalid_autogenerate_pattern_value"},
    {FIELD("\"type\":\"text\",\"primaryKey\":true"), "fields.1.name", "validation_in_invalid"},
    {FIELD("\"type\":\"text\",\"primaryKey\":true"), "fields.1.primaryKey",
     "validation_unsupported_composite_pk"},
    {FIELD("\"type\":\"email\",\"onlyDomains\":[\"a.com\"],\"exceptDomains\":[\"b.com\"]"),
     "fields.1.onlyDomains", "validation_empty"},
    {FIELD("\"type\":\"url\",\"exceptDomains\":[\"a.com\",\"b\"]"), "fields.1.exceptDomains.1",
     "validation_is_domain"},
    {FIELD("\"type\":\"number\",\"min\":5,\"max\":2"), "fields.1.max",
     "validation_min_number_constraint"},
    {FIELD("\"type\":\"number\",\"onlyInt\":true,\"max\":2.5"), "fields.1.max",
     "validation_only_int_constraint"},
    {FIELD("\"type\":\"date\",\"min\":\"2022-01-02\",\"max\":\"2022-01-01\""), "fields.1.max",
     "validation_date_out_of_range"},
    {FIELD("\"type\":\"autodate\""), "fields.1.onCreate", "validation_required"},
    {FIELD("\"type\":\"select\""), "fields.1.values", "validation_required"},
    {FIELD("\"type\":\"select\",\"values\":[\"a\"],\"maxSelect\":2"), "fields.1.maxSelect",
     "validation_max_less_equal_than_required"},
    {FIELD("\"type\":\"relation\""), "fields.1.collectionId", "validation_required"},
    {FIELD("\"type\":\"relation\",\"collectionId\":\"users\""), "fields.1.collectionId",
     "validation_field_relation_missing_collection"},
    {FIELD("\"type\":\"relation\",\"collectionId\":\"_pb_users_auth_\",\"minSelect\":1"),
     "fields.1.maxSelect", "validation_required"},
    {FIELD("\"type\":\"file\",\"thumbs\":[\"10x10\",\"0x0t\"]"), "fields.1.thumbs.1",
     "validation_not_in_invalid"},
    {FIELD("\"type\":\"file\",\"thumbs\":[\"0x01\",\"10x0\"]"), NULL, NULL},
    {FIELD("\"type\":\"file\",\"thumbs\":[\"10x10z\"]"), "fields.1.thumbs.0",
     "validation_match_invalid"},
    {FIELD("\"type\":\"password\",\"max\":72"), "fields.1.max",
     "validation_max_less_equal_than_required"},
    {FIELD("\"type\":\"password\",\"cost\":3"), "fields.1.cost",
     "validation_min_greater_equal_than_required"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"bool\",\"name\":\"expand\"}]}", "fields.1.name",
     "validation_not_in_invalid"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"bool\",\"name\":\"\"}]}", "fields.1.name",
     "validation_required"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"bool\",\"name\":\"a_via_b\"}]}", "fields.1.name",
     "validation_found_via"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"bool\",\"name\":\"a\"},{\"type\":\"bool\","
     "\"name\":\"A\"}]}",
     "fields.2.name", "validation_duplicated_field_name"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"bool\",\"id\":\"1\",\"name\":\"a\"},{\"type\":"
     "\"bool\",\"id\":\"1\",\"name\":\"b\"}]}",
     "fields.2.id", "validation_duplicated_field_id"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"number\",\"name\":\"id\"}]}", "fields",
     "validation_missing_primary_key"},
    {"{\"name\":\"x\",\"fields\":[{\"type\":\"text\",\"name\":\"oldPassword\"}]}", NULL, NULL},
    {AUTH("\"fields\":[{\"type\":\"text\",\"name\":\"oldPassword\"}]"), "fields.1.name",
     "validation_reserved_field_name"},
    {AUTH("\"fields\":[{\"type\":\"text\",\"name\":\"email\"}]"), "fields",
     "validation_missing_email_field"},
    {AUTH("\"manageRule\":\"\""), "manageRule", "validation_nil_or_not_empty_required"},
    {AUTH("\"authToken\":{\"duration\":5}"), "authToken.duration",
     "validation_min_greater_equal_than_required"},
    {AUTH("\"fileToken\":{\"duration\":0}"), "fileToken.duration", "validation_required"},
    {AUTH("\"fileToken\":{\"secret\":\"short\"}"), "fileToken.secret",
     "validation_length_out_of_range"},
    {AUTH("\"passwordAuth\":{\"identityFields\":[]}"), "passwordAuth.identityFields",
     "validation_required"},
    {AUTH("\"passwordAuth\":{\"identityFields\":[\"email\",\"nope\"]}"),
     "passwordAuth.identityFields", "validation_missing_field"},
    {AUTH("\"passwordAuth\":{\"identityFields\":[\"verified\"]}"), "passwordAuth.identityFields",
     "validation_missing_unique_constraint"},
    {AUTH("\"mfa\":{\"enabled\":true}"), "mfa.enabled", "validation_mfa_not_enough_auths"},
    {AUTH("\"mfa\":{\"enabled\":true},\"otp\":{\"enabled\":true}"), NULL, NULL},
    {AUTH("\"otp\":{\"enabled\":true,\"length\":3}"), "otp.length",
     "validation_min_greater_equal_than_required"},
    {AUTH("\"otp\":{\"emailTemplate\":{\"subject\":\"\"}}"), "otp.emailTemplate.subject",
     "validation_required"},
    {AUTH("\"verificationTemplate\":{\"body\":\"\"}"), "verificationTemplate.body",
     "validation_required"},
    {AUTH("\"oauth2\":{\"enabled\":true,\"providers\":[{\"name\":\"odd\"}]}"),
     "oauth2.providers.0.name", "validation_missing_provider"},
    {AUTH("\"oauth2\":{\"enabled\":true,\"providers\":[{\"name\":\"google\"}]}"),
     "oauth2.providers.0.clientSecret", "validation_required"},
    {AUTH("\"oauth2\":{\"enabled\":true,\"providers\":[{\"name\":\"google\",\"clientId\":\"1\","
          "\"clientSecret\":\"2\"},{\"name\":\"google\",\"clientId\":\"1\",\"clientSecret\":\"2\"}]"
          "}"),
     "oauth2.providers.1.name", "validation_duplicated_provider"},
    {AUTH("\"oauth2\":{\"enabled\":false,\"providers\":[{\"name\":\"odd\"}]}"), NULL, NULL},
    {"{\"name\":\"x\",\"indexes\":[\"create garbage\"]}", "indexes.0",
     "validation_invalid_index_expression"},
    {"{\"name\":\"x\",\"indexes\":[\"create index i on x (missing)\"]}", "indexes.0",
     "validation_invalid_index_expression"},
    {"{\"name\":\"x\",\"indexes\":[\"create index i on x (id)\",\"create index I on x (lower(id))"
     "\"]}",
     "indexes.1", "validation_duplicated_index_name"},
    {"{\"name\":\"x\",\"indexes\":[\"create index i on x (id)\",\"create index k on y (`id`)\"]}",
     "indexes.1", "validation_duplicated_index_definition"},
    {"{\"name\":\"x\",\"indexes\":[\"create index idx_email__pb_users_auth_ on x (id)\"]}",
     "indexes.0", "validation_existing_index_name"},
};

static Str text_or_none(const Error *err, bool message)
{
    if (!err) return S("none");
    return message ? err->message : err->field;
}

static void check_field_error(const char *name, const Error *err, const char *field,
                              const char *code)
{
    const Error *at = field ? test_error_at(err, field) : err;
    if (!field) {
        check_ok(name, err);
    } else if (!at) {
        fail_msg("%s: no error at %s (first: %.*s: %.*s)", name, field,
                 STR_ARG(text_or_none(err, false)), STR_ARG(text_or_none(err, true)));
    } else {
        check_code(name, at, code);
    }
}

static void checks_new_collections(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(CREATES); i++) {
        check_field_error(CREATES[i].json, test_save(t, "", CREATES[i].json), CREATES[i].field,
                          CREATES[i].code);
        if (CREATES[i].field) continue;
        /* Accepted: gone again, for the next row. */
        Error *err = db_exec(t->db, S("DROP TABLE x; DELETE FROM _collections WHERE name = 'x'"));
        check_ok("drop", err);
        schema_store_close(t->store);
        check_ok("reopen", schema_store_open(t->arena, t->db->db, S(""), NULL, NULL, &t->store));
    }
}

static const struct {
    const char *target, *json, *field, *code;
} UPDATES[] = {
    {"users", "{}", NULL, NULL},
    {"users", "{\"type\":\"base\"}", "type", "validation_collection_type_change"},
    {"users", "{\"system\":true}", "system", "validation_collection_system_flag_change"},
    {"users", "{\"id\":\"other\"}", "id", "validation_values_mismatch"},
    {"users", "{\"name\":\"_MFAS\"}", "name", "validation_collection_name_exists"},
    {"users", "{\"name\":\"Users\"}", NULL, NULL},
    {"users", "{\"fields\":[{\"type\":\"text\",\"id\":\"text3208210256\",\"name\":\"key\"}]}",
     "fields", "validation_system_field_change"},
    {"users", "{\"fields\":[{\"type\":\"bool\",\"id\":\"text1579384326\",\"name\":\"name\"}]}",
     "fields.1", "validation_field_type_change"},
    {"users", "{\"indexes\":[]}", NULL, NULL},
    {"_mfas", "{\"name\":\"other\"}", "name", "validation_collection_system_name_change"},
    {"_mfas", "{\"listRule\":null}", "listRule", "validation_collection_system_rule_change"},
    {"_superusers", "{\"manageRule\":\"id != ''\"}", "manageRule",
     "validation_collection_system_rule_change"},
    {"_superusers", "{\"mfa\":{\"rule\":\"id != ''\"}}", "mfa.rule",
     "validation_collection_system_rule_change"},
    {"_superusers", "{\"name\":\"other\"}", "name", "validation_collection_system_name_change"},
    {"_superusers", "{\"passwordAuth\":{\"enabled\":false},\"authToken\":{\"duration\":100}}", NULL,
     NULL},
    {"_authOrigins", "{\"indexes\":[]}", "indexes", "validation_invalid_unique_system_field_index"},
    {"_authOrigins",
     "{\"indexes\":[\"create unique index other on z (collectionRef collate nocase, recordRef "
     "desc, fingerprint) where 1=1\"]}",
     NULL, NULL},
    {"_mfas",
     "{\"fields\":[{\"type\":\"autodate\",\"id\":\"autodate2990389176\",\"name\":\"created\","
     "\"onUpdate\":true}]}",
     "fields", "validation_system_field_change"},
};

static void checks_updates(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(UPDATES); i++)
        check_field_error(UPDATES[i].json, test_save(t, UPDATES[i].target, UPDATES[i].json),
                          UPDATES[i].field, UPDATES[i].code);
    check_bool("password sign-in stays", test_find(t, "_superusers")->auth.password_enabled, true);
    check_int("duration", test_find(t, "_superusers")->auth.tokens[TOKEN_AUTH].duration_s, 100);
}

static Collection *view_of(Arena *a, const char *json)
{
    Collection *c;
    check_ok(json, collection_from_json(a, NULL, test_json(a, json), &c));
    return c;
}

/* Views have no fields before their query was tried: that makes them not one. */
static void tells_itself_from_others(void **state)
{
    const TestSchema *t = *state;
    Arena *a = t->arena;
    const Schema *before = schema_hold(t->store, a);
    const Collection *v =
        view_of(a, "{\"name\":\"v\",\"type\":\"view\",\"viewQuery\":\"select 1\"}");
    static const struct {
        const char *json, *code;
    } CASES[] = {
        {"{\"name\":\"w\",\"type\":\"view\"}", NULL},
        {"{\"name\":\"w\",\"id\":\"w\",\"type\":\"view\"}", NULL},
        {"{\"name\":\"V\",\"type\":\"view\"}", "validation_collection_name_exists"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const Collection *c = view_of(a, CASES[i].json);
        const Schema *after = test_schema_after(a, schema_with(a, before, v), c, NULL);
        Error *err = collection_validate(NULL, a, after, c, NULL);
        check_code(CASES[i].json, test_error_at(err, "name"), CASES[i].code);
        check_code(CASES[i].json, test_error_at(err, "id"), NULL);
    }
    const Schema *twice = test_schema_after(a, schema_with(a, before, v), v, NULL);
    check_field_error("the same id", collection_validate(NULL, a, twice, v, NULL), "id",
                      "validation_invalid_or_existing_id");
}

static bool has_unique_index(const Collection *c, const char *name)
{
    for (size_t i = 0; i < c->index_count; i++) {
        if (str_eq(c->indexes[i].name, str_from(name))) return c->indexes[i].unique;
    }
    return false;
}

/* What sign-in stands on cannot be taken away: it is put back, not refused. */
static void puts_back_what_sign_in_needs(void **state)
{
    TestSchema *t = *state;
    check_ok("no indexes", test_save(t, "users", "{\"indexes\":[]}"));
    const Collection *users = test_find(t, "users");
    check_bool("tokenKey", has_unique_index(users, "idx_tokenKey__pb_users_auth_"), true);
    check_bool("email", has_unique_index(users, "idx_email__pb_users_auth_"), true);

    check_ok("no flags", test_save(t, "",
                                   AUTH("\"fields\":["
                                        "{\"type\":\"password\",\"name\":\"password\","
                                        "\"system\":false,\"hidden\":false},"
                                        "{\"type\":\"text\",\"name\":\"tokenKey\","
                                        "\"system\":false,\"hidden\":false},"
                                        "{\"type\":\"email\",\"name\":\"email\","
                                        "\"system\":false,\"hidden\":true}]")));
    const Collection *made = test_find(t, "x");
    static const struct {
        const char *name;
        bool hidden;
    } FLAGS[] = {{"password", true}, {"tokenKey", true}, {"email", false}};
    for (size_t i = 0; i < COUNT(FLAGS); i++) {
        const Field *f = collection_field(made, str_from(FLAGS[i].name));
        check_bool(FLAGS[i].name, f->system, true);
        check_bool(FLAGS[i].name, f->hidden, FLAGS[i].hidden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_schema(checks_new_collections),
        test_with_schema(checks_updates),
        test_with_schema(tells_itself_from_others),
        test_with_schema(puts_back_what_sign_in_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
