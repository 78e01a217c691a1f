/* Changes of a definition keep the data of what stays. */
#include "schema_testing.h"

#define TEXT(id, name) "{\"type\":\"text\",\"id\":\"" id "\",\"name\":\"" name "\"}"
#define SELECT(max)                                                                                \
    "{\"type\":\"select\",\"id\":\"s\",\"name\":\"s\",\"values\":[\"a\",\"b\",\"c\"],"             \
    "\"maxSelect\":" max "}"

static const struct {
    const char *name, *before, *insert, *update, *query, *expected;
} CASES[] = {
    {"rename", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')", "{\"fields\":[" TEXT("1", "b") "]}",
     "SELECT b FROM t", "x"},
    {"swap", TEXT("1", "a") "," TEXT("2", "b"), "(id, a, b) VALUES ('r', 'x', 'y')",
     "{\"fields\":[" TEXT("1", "b") "," TEXT("2", "a") "]}", "SELECT a || b FROM t", "yx"},
    {"rename in case only", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')",
     "{\"fields\":[" TEXT("1", "A") "]}", "SELECT A FROM t", "x"},
    {"remove and add", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')",
     "{\"fields\":[" TEXT("2", "a") "]}", "SELECT a FROM t", ""},
    {"derived id keeps data", "{\"type\":\"text\",\"name\":\"name\"}",
     "(id, name) VALUES ('r', 'x')",
     "{\"fields\":[{\"type\":\"text\",\"name\":\"name\",\"max\":9}]}", "SELECT name FROM t", "x"},
    {"single to list", SELECT("1"), "(id, s) VALUES ('r', 'a')", "{\"fields\":[" SELECT("3") "]}",
     "SELECT s FROM t", "[\"a\"]"},
    {"empty to list", SELECT("1"), "(id) VALUES ('r')", "{\"fields\":[" SELECT("3") "]}",
     "SELECT s FROM t", "[]"},
    {"list to single", SELECT("3"), "(id, s) VALUES ('r', '[\"a\",\"b\"]')",
     "{\"fields\":[" SELECT("1") "]}", "SELECT s FROM t", "b"},
    {"empty list to single", SELECT("3"), "(id) VALUES ('r')", "{\"fields\":[" SELECT("1") "]}",
     "SELECT s FROM t", ""},
    {"rename table", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')", "{\"name\":\"u\"}",
     "SELECT a FROM u", "x"},
    {"options only", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')",
     "{\"fields\":[{\"type\":\"text\",\"id\":\"1\",\"name\":\"a\",\"max\":3}]}", "SELECT a FROM t",
     "x"},
    {"index and rename", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')",
     "{\"name\":\"u\",\"fields\":[" TEXT("1", "b") "],\"indexes\":[\"create index i on z (b)\"]}",
     "SELECT sql FROM sqlite_schema WHERE name = 'i'", "CREATE INDEX `i` ON `u` (`b`)"},
    {"no-op", TEXT("1", "a"), "(id, a) VALUES ('r', 'x')", "{}", "SELECT a FROM t", "x"},
};

static Error *drop_work(Tx *tx, void *arg)
{
    TestSchema *t = arg;
    const Schema *schema = schema_in_tx(t->store, tx);
    return schema_delete(t->store, tx, schema->collections[schema->count - 1]);
}

static void keeps_data(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *name = CASES[i].name;
        Str create = str_printf(t->arena, "{\"name\":\"t\",\"fields\":[%s]}", CASES[i].before);
        check_ok(name, test_save(t, "", arena_cstr(t->arena, create)));
        check_ok(name, db_exec(t->db, str_printf(t->arena, "INSERT INTO t %s", CASES[i].insert)));
        check_ok(name, test_save(t, "t", CASES[i].update));
        check_str(name, db_one(t->db, str_from(CASES[i].query)), CASES[i].expected);
        check_ok(name, db_write_alone(t->db->db, t->arena, 0, drop_work, t));
    }
}

static const struct {
    const char *field, *expected; /* the declaration and the stored default */
} COLUMNS[] = {
    {"{\"type\":\"text\",\"name\":\"c\"}", "TEXT|''|1"},
    {"{\"type\":\"number\",\"name\":\"c\"}", "NUMERIC|0|1"},
    {"{\"type\":\"bool\",\"name\":\"c\"}", "BOOLEAN|FALSE|1"},
    {"{\"type\":\"json\",\"name\":\"c\"}", "JSON|NULL|0"},
    {"{\"type\":\"geoPoint\",\"name\":\"c\"}", "JSON|'{\"lon\":0,\"lat\":0}'|1"},
    {"{\"type\":\"file\",\"name\":\"c\",\"maxSelect\":2}", "JSON|'[]'|1"},
    {"{\"type\":\"file\",\"name\":\"c\",\"maxSelect\":1}", "TEXT|''|1"},
};

static void makes_columns(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(COLUMNS); i++) {
        Str create = str_printf(t->arena, "{\"name\":\"t\",\"fields\":[%s]}", COLUMNS[i].field);
        check_ok(COLUMNS[i].field, test_save(t, "", arena_cstr(t->arena, create)));
        check_str(COLUMNS[i].field,
                  db_one(t->db, S("SELECT type || '|' || dflt_value || '|' || \"notnull\" "
                                  "FROM pragma_table_info('t') WHERE name = 'c'")),
                  COLUMNS[i].expected);
        check_ok("drop", db_write_alone(t->db->db, t->arena, 0, drop_work, t));
    }
}

static void reports_unique_violations(void **state)
{
    TestSchema *t = *state;
    check_ok("create", test_save(t, "", "{\"name\":\"t\",\"fields\":[" TEXT("1", "a") "]}"));
    check_ok("rows", db_exec(t->db, S("INSERT INTO t (id, a) VALUES ('r', 'x'), ('s', 'x')")));
    Error *err = test_save(t, "t", "{\"indexes\":[\"create unique index i on t (a)\"]}");
    check_code("duplicates", err, "validation_invalid_index_expression");
    check_str("field", err->field, "indexes.0");
    check_str("rolled back", db_one(t->db, S("SELECT count(*) FROM t")), "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_schema(keeps_data),
        test_with_schema(makes_columns),
        test_with_schema(reports_unique_violations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
