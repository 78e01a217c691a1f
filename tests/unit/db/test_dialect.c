/* test_dialect.c - the pieces of SQL mean what api: filters and collections say. */
#include "db_testing.h"

#include "db/dialect.h"

/* ---- JSON paths ---- */

static const struct {
    const char *name, *column, *path, *value, *type;
} PATHS[] = {
    {"key", "'{\"x\":{\"y\":1}}'", "x.y", "1", "integer"},
    {"text stays text", "'{\"n\":\"1\"}'", "n", "1", "text"},
    {"index", "'{\"list\":[10,20]}'", "list.1", "20", "integer"},
    {"index first", "'[7,8]'", "0", "7", "integer"},
    {"index then key", "'[{\"a\":5}]'", "0.a", "5", "integer"},
    {"true", "'{\"a\":true}'", "a", "1", "integer"},
    {"false", "'{\"a\":false}'", "a", "0", "integer"},
    {"null", "'{\"a\":null}'", "a", "", "null"},
    {"absent", "'{\"a\":1}'", "b.c", "", "null"},
    {"object as JSON", "'{\"a\":{\"b\": 1}}'", "a", "{\"b\":1}", "text"},
    {"whole: text", "'\"str\"'", "", "str", "text"},
    {"whole: number", "'1.5'", "", "1.5", "real"},
    {"whole: true", "'true'", "", "1", "integer"},
    {"whole: null", "'null'", "", "", "null"},
    {"whole: SQL null", "NULL", "", "", "null"},
    {"no JSON", "'plain text'", "", "plain text", "text"},
    {"no JSON, path", "'plain text'", "a.0", "", "null"},
    {"broken JSON", "'{\"a\":'", "a", "", "null"},
    {"empty", "''", "", "", "text"},
    {"JSON5 is no JSON", "'{a:1}'", "a", "", "null"},
    {"key like an index", "'{\"0\":1}'", "0", "", "null"},
    {"index too large", "'[1]'", "4294967296", "", "null"},
    {"key in a list", "'[1]'", "a", "", "null"},
    {"odd key", "'{\"a-b\":1}'", "a-b", "1", "integer"},
    {"quotes stay inside", "'{\"a\":1}'", "a') OR ('1", "", "null"},
    {"quotes stay inside", "'{\"a\":1}'", "a\").\"b", "", "null"},
};

static void json_paths(void **state)
{
    TestDb *t = *state;
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        Buf sql = buf_new(t->arena, 256);
        buf_printf(&sql, "SELECT coalesce(v, '') || '|' || typeof(v) FROM (SELECT ");
        sqlite_dialect.json_path(&sql, S("c"), str_from(PATHS[i].path));
        buf_printf(&sql, " AS v FROM (SELECT %s AS c))", PATHS[i].column);
        Str want = str_printf(t->arena, "%s|%s", PATHS[i].value, PATHS[i].type);
        check_str(PATHS[i].name, db_one(t, buf_str(&sql)), arena_cstr(t->arena, want));
    }
}

/* ---- lists ---- */

static const struct {
    const char *name, *column, *items;
    int length;
} LISTS[] = {
    {"two", "'[\"a\",\"b\"]'", "a,b", 2},
    {"none", "'[]'", "(none)", 0},
    {"scalar", "'a'", "a", 0},
    {"number", "'5'", "5", 0},
    {"object", "'{\"a\":1}'", "{\"a\":1}", 0},
    {"empty text", "''", "", 0},
    {"null", "NULL", "(null)", 0},
    {"broken", "'[1,'", "[1,", 0},
};

static void json_lists(void **state)
{
    TestDb *t = *state;
    for (size_t i = 0; i < COUNT(LISTS); i++) {
        Buf sql = buf_new(t->arena, 256);
        buf_printf(&sql,
                   "SELECT CASE WHEN count(*) = 0 THEN '(none)' ELSE"
                   " group_concat(coalesce(e.value, '(null)')) END FROM (SELECT %s AS c), ",
                   LISTS[i].column);
        sqlite_dialect.json_each(&sql, S("c"), S("e"));
        check_str(LISTS[i].name, db_one(t, buf_str(&sql)), LISTS[i].items);

        sql.len = 0;
        buf_printf(&sql, "SELECT ");
        sqlite_dialect.json_length(&sql, S("c"));
        buf_printf(&sql, " FROM (SELECT %s AS c)", LISTS[i].column);
        int64_t length = -1;
        check_bool(LISTS[i].name, str_to_i64(db_one(t, buf_str(&sql)), &length), true);
        check_int(LISTS[i].name, length, LISTS[i].length);
    }
}

/* ---- columns ---- */

static const struct {
    const char *name;
    ColumnKind kind;
    const char *sql;
} COLUMNS[] = {
    {"id", COLUMN_ID, "TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL"},
    {"text", COLUMN_TEXT, "TEXT DEFAULT '' NOT NULL"},
    {"number", COLUMN_NUMBER, "NUMERIC DEFAULT 0 NOT NULL"},
    {"bool", COLUMN_BOOL, "BOOLEAN DEFAULT FALSE NOT NULL"},
    {"list", COLUMN_LIST, "JSON DEFAULT '[]' NOT NULL"},
    {"json", COLUMN_JSON, "JSON DEFAULT NULL"},
    {"geo", COLUMN_GEO, "JSON DEFAULT '{\"lon\":0,\"lat\":0}' NOT NULL"},
};

static void column_definitions(void **state)
{
    TestDb *t = *state;
    Buf table = buf_new(t->arena, 256);
    buf_add(&table, S("CREATE TABLE defaults ("));
    for (size_t i = 0; i < COUNT(COLUMNS); i++) {
        Buf sql = buf_new(t->arena, 64);
        sqlite_dialect.column_definition(&sql, COLUMNS[i].kind);
        check_str(COLUMNS[i].name, buf_str(&sql), COLUMNS[i].sql);
        if (i > 0) buf_char(&table, ',');
        sqlite_dialect.quote_name(&table, str_from(COLUMNS[i].name));
        buf_char(&table, ' ');
        buf_add(&table, buf_str(&sql));
    }
    buf_add(&table, S("); INSERT INTO defaults DEFAULT VALUES"));
    check_ok("table", db_exec(t, buf_str(&table)));
    check_str("id", db_one(t, S("SELECT length(id) FROM defaults")), "15");
    check_str("others",
              db_one(t, S("SELECT text||number||bool||list||coalesce(json,'NULL')||geo"
                          " FROM defaults")),
              "00[]NULL{\"lon\":0,\"lat\":0}");
}

/* ---- the rest, by what it evaluates to ---- */

static void names_are_quoted(void **state)
{
    TestDb *t = *state;
    Buf out = buf_new(t->arena, 64);
    sqlite_dialect.quote_name(&out, S("a\"b`c"));
    check_str("name", buf_str(&out), "\"a\"\"b`c\"");
}

static Str eval(TestDb *t, const Buf *expr)
{
    return db_one(t, str_printf(t->arena, "SELECT %.*s", STR_ARG(buf_str(expr))));
}

static void comparisons(void **state)
{
    TestDb *t = *state;
    static const struct {
        const char *name, *left, *right;
        bool negate;
        const char *is, *like;
    } CASES[] = {
        {"equal", "'a'", "'a'", false, "1", "1"},
        {"case", "'A'", "'a'", false, "0", "1"},
        {"null", "NULL", "NULL", false, "1", ""},
        {"null, other", "NULL", "'a'", true, "1", ""},
        {"percent", "'abc'", "'a%'", false, "0", "1"},
        {"escaped", "'abc'", "'a\\%'", false, "0", "0"},
        {"escaped, is", "'a%'", "'a\\%'", false, "0", "1"},
        {"not", "'abc'", "'x%'", true, "1", "1"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Buf sql = buf_new(t->arena, 64);
        (CASES[i].negate ? sqlite_dialect.is_not : sqlite_dialect.is)(&sql, str_from(CASES[i].left),
                                                                      str_from(CASES[i].right));
        check_str(CASES[i].name, eval(t, &sql), CASES[i].is);
        sql.len = 0;
        sqlite_dialect.like(&sql, str_from(CASES[i].left), str_from(CASES[i].right),
                            CASES[i].negate);
        check_str(CASES[i].name, eval(t, &sql), CASES[i].like);
    }
}

static void functions(void **state)
{
    TestDb *t = *state;
    Buf sql = buf_new(t->arena, 256);
    sqlite_dialect.lower(&sql, S("'ABC'"));
    check_str("lower", eval(t, &sql), "abc");
    sql.len = 0;
    sqlite_dialect.concat3(&sql, S("'%'"), S("'x'"), S("'%'"));
    check_str("concat3", eval(t, &sql), "%x%");
    sql.len = 0;
    sqlite_dialect.strftime(
        &sql, (const Str[]){S("'%Y'"), S("'2024-06-01 12:00:00.000Z'"), S("'+1 year'")}, 3);
    check_str("strftime", eval(t, &sql), "2025");

    static const struct {
        const char *name, *lon_a, *lat_a, *lon_b, *lat_b;
        double low, high;
    } POINTS[] = {
        {"near", "23.32", "42.69", "23.3", "42.7", 1.9, 2.1},
        {"same", "13.1", "52.3", "13.1", "52.3", -0.001, 0.001},
        {"antipodes", "0", "0", "180", "0", 20015.0, 20015.2},
        {"pole", "0", "90", "77", "90", -0.001, 0.001},
    };
    for (size_t i = 0; i < COUNT(POINTS); i++) {
        sql.len = 0;
        sqlite_dialect.geo_distance(&sql, str_from(POINTS[i].lon_a), str_from(POINTS[i].lat_a),
                                    str_from(POINTS[i].lon_b), str_from(POINTS[i].lat_b));
        double km = -1;
        check_bool(POINTS[i].name, str_to_double(eval(t, &sql), &km), true);
        check_bool(POINTS[i].name, km > POINTS[i].low && km < POINTS[i].high, true);
    }
    sql.len = 0;
    sqlite_dialect.geo_distance(&sql, S("NULL"), S("1"), S("2"), S("3"));
    check_str("null", eval(t, &sql), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(json_paths),       test_with_db(json_lists),  test_with_db(column_definitions),
        test_with_db(names_are_quoted), test_with_db(comparisons), test_with_db(functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
