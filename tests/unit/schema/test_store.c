#include "schema_testing.h"

static const struct {
    const char *name, *id;
    CollectionType type;
    bool system;
    size_t fields, indexes;
    const char *list_rule, *create_rule; /* NULL = null */
} SYSTEM[] = {
#define OWNER                                                                                      \
    "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = "                   \
    "@request.auth.collectionId"
    {"_mfas", "pbc_2279338944", COLLECTION_BASE, true, 6, 1, OWNER, NULL},
    {"_otps", "pbc_1638494021", COLLECTION_BASE, true, 7, 1, OWNER, NULL},
    {"_externalAuths", "pbc_2281828961", COLLECTION_BASE, true, 7, 2, OWNER, NULL},
    {"_authOrigins", "pbc_4275539003", COLLECTION_BASE, true, 6, 1, OWNER, NULL},
    {"_superusers", "pbc_3142635823", COLLECTION_AUTH, true, 8, 2, NULL, NULL},
    {"users", "_pb_users_auth_", COLLECTION_AUTH, false, 10, 2, "id = @request.auth.id", ""},
};

static void check_rule(const char *name, const Rule *rule, const char *expected)
{
    check_bool(name, rule->is_null, expected == NULL);
    if (expected) check_str(name, rule->text, expected);
}

static void check_system(TestSchema *t)
{
    const Schema *schema = schema_hold(t->store, t->arena);
    check_int("count", schema->count, COUNT(SYSTEM));
    for (size_t i = 0; i < COUNT(SYSTEM); i++) {
        const char *name = SYSTEM[i].name;
        const Collection *c = schema->collections[i];
        check_str(name, c->name, name);
        check_str(name, c->id, SYSTEM[i].id);
        check_int(name, c->type, SYSTEM[i].type);
        check_bool(name, c->system, SYSTEM[i].system);
        check_int(name, c->field_count, SYSTEM[i].fields);
        check_int(name, c->index_count, SYSTEM[i].indexes);
        check_int(name, c->index, i);
        check_rule(name, &c->rules[RULE_LIST], SYSTEM[i].list_rule);
        check_rule(name, &c->rules[RULE_CREATE], SYSTEM[i].create_rule);
        check_str(name, c->fields[0].name, "id");
        assert_ptr_equal(schema_find(schema, c->id), c);
        assert_ptr_equal(schema_find(schema, str_from(name)), c);
    }
    assert_non_null(schema_find(schema, S("USERS")));
    assert_null(schema_find(schema, S("nothing")));
    assert_null(schema_find_id(schema, S("users")));
    check_int("session", test_find(t, "_superusers")->auth.tokens[TOKEN_AUTH].duration_s, 86400);
}

static void makes_the_system_collections(void **state)
{
    TestSchema *t = *state;
    check_system(t);
    check_str("migrations", db_one(t->db, S("SELECT count(*) FROM _migrations")), "8");
    check_str("tables", db_one(t->db, S("SELECT count(*) FROM users")), "0");
    check_str("named index",
              db_one(t->db, S("SELECT tbl_name FROM sqlite_schema WHERE name = "
                              "'idx_authOrigins_unique_pairs'")),
              "_authOrigins");

    Str secret = arena_copy(t->arena, test_find(t, "users")->auth.tokens[TOKEN_AUTH].secret);
    schema_store_close(t->store);
    check_ok("reopen", schema_store_open(t->arena, t->db->db, S(""), NULL, NULL, &t->store));
    check_system(t);
    check_str("secret kept", test_find(t, "users")->auth.tokens[TOKEN_AUTH].secret,
              arena_cstr(t->arena, secret));
}

static void count_hook(void *arg, Arena *arena, Schema *schema)
{
    (void)arena;
    (void)schema;
    (*(int *)arg)++;
}

static void publishes_after_commit(void **state)
{
    TestSchema *t = *state;
    schema_store_close(t->store);
    int hooks = 0;
    check_ok("reopen",
             schema_store_open(t->arena, t->db->db, S(""), count_hook, &hooks, &t->store));
    check_int("at start", hooks, 1);

    uint64_t version = schema_version(t->store);
    const Schema *before = schema_hold(t->store, t->arena);
    check_ok("create", test_save(t, "", "{\"name\":\"posts\"}"));
    check_int("published", hooks, 2);
    check_int("version", schema_version(t->store), version + 1);
    assert_null(schema_find(before, S("posts"))); /* held: as it was */
    check_str("created", test_find(t, "posts")->id, "pbc_1125843985");

    check_code("refused", test_save(t, "", "{\"name\":\"posts\"}"),
               "validation_invalid_or_existing_id");
    check_code("fails in SQL",
               test_save(t, "",
                         "{\"name\":\"q\",\"indexes\":[\"create index i on "
                         "q (nope)\"]}"),
               "validation_invalid_index_expression");
    check_int("not published", hooks, 2);
    check_str("rolled back",
              db_one(t->db, S("SELECT count(*) FROM sqlite_schema WHERE name = 'q'")), "0");
}

static Error *delete_work(Tx *tx, void *arg)
{
    TestSchema *t = arg;
    const Schema *schema = schema_in_tx(t->store, tx);
    const Schema *preview;
    Error *err = schema_delete(t->store, tx, schema_find(schema, S("users")));
    if (err) return err;
    err = schema_preview(t->store, tx, tx_arena(tx), &preview);
    if (err) return err;
    assert_null(schema_find(preview, S("users")));
    assert_non_null(schema_find(schema, S("users")));
    return NULL;
}

static void deletes_with_references(void **state)
{
    TestSchema *t = *state;
    check_ok("rows", db_exec(t->db, S("INSERT INTO _mfas (id, collectionRef) VALUES "
                                      "('a', '_pb_users_auth_'), ('b', 'other')")));
    check_ok("delete", db_write_alone(t->db->db, t->arena, 0, delete_work, t));
    assert_null(schema_find(schema_hold(t->store, t->arena), S("users")));
    check_str("refs", db_one(t->db, S("SELECT group_concat(id) FROM _mfas")), "b");
    check_str("table", db_one(t->db, S("SELECT count(*) FROM sqlite_schema WHERE name = 'users'")),
              "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_schema(makes_the_system_collections),
        test_with_schema(publishes_after_commit),
        test_with_schema(deletes_with_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
