/* Views in the database: what they give as fields, and changes around them. */
#include "schema/schema_testing.h"

#define POSTS                                                                                      \
    "{\"name\":\"posts\",\"fields\":[{\"name\":\"title\",\"type\":\"text\",\"max\":50},"           \
    "{\"name\":\"n\",\"type\":\"number\"},{\"name\":\"secret\",\"type\":\"text\",\"hidden\":true}" \
    ","                                                                                            \
    "{\"name\":\"pic\",\"type\":\"file\",\"protected\":true},"                                     \
    "{\"name\":\"tags\",\"type\":\"select\",\"values\":[\"a\",\"b\"],\"maxSelect\":1},"            \
    "{\"name\":\"author\",\"type\":\"relation\",\"collectionId\":\"_pb_users_auth_\"}]}"

#define VIEW(name, query) "{\"name\":\"" name "\",\"type\":\"view\",\"viewQuery\":\"" query "\"}"

static void exec(TestSchema *t, const char *sql)
{
    check_ok(sql, db_exec(t->db, str_from(sql)));
}

static void query_is(TestSchema *t, const char *sql, const char *expected)
{
    Str value = db_one(t->db, str_from(sql));
    check_str(sql, value, expected);
}

/* "title:text!h" : ! required, h hidden, p protected */
static Str fields_of(TestSchema *t, const char *view)
{
    const Collection *c = test_find(t, view);
    Buf out = buf_new(t->arena, 128);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        buf_printf(&out, "%s%.*s:%.*s", i > 0 ? " " : "", STR_ARG(f->name),
                   STR_ARG(field_type_name(f->type)));
        if (f->only_int) buf_char(&out, 'i');
        if (f->hidden) buf_char(&out, 'h');
        if (f->is_protected) buf_char(&out, 'p');
        if (f->primary_key) buf_char(&out, 'k');
    }
    return buf_str(&out);
}

static const struct {
    const char *query, *fields;
} INFERRED[] = {
    {"select id, title, secret, pic from posts", "id:textk title:text secret:texth pic:filep"},
    {"select id, id as pid, author as a from posts", "id:textk pid:relation a:relation"},
    {"select posts.id, users.id uid, email e from posts, users", "id:textk uid:relation e:json"},
    {"select p.id, u.password, u.email from posts p join users u",
     "id:textk password:passwordh email:email"},
    {"select id, count(*) c, total(n) t, cast(n as bool) b, n + 1 x from posts group by id",
     "id:textk c:numberi t:number b:bool x:json"},
    {"select x.id, x.secret from (select id, secret from posts) x", "id:textk secret:json"},
    {"with posts as (select 1 as id, 2 as title) select id, title from posts",
     "id:textk title:json"},
    {"select id, TITLE from POSTS", "id:textk TITLE:text"},
    {"select id, title from posts union select id, n from posts", "id:textk title:json"},
    {"select 1 as id", "id:textk"},
};

static void infers(void **state)
{
    TestSchema *t = *state;
    check_ok("posts", test_save(t, "", POSTS));
    for (size_t i = 0; i < COUNT(INFERRED); i++) {
        Str json = str_printf(t->arena, VIEW("v%zu", "%s"), i, INFERRED[i].query);
        check_ok(INFERRED[i].query, test_save(t, "", arena_cstr(t->arena, json)));
        Str name = str_printf(t->arena, "v%zu", i);
        check_str(INFERRED[i].query, fields_of(t, arena_cstr(t->arena, name)), INFERRED[i].fields);
    }
    query_is(t, "SELECT typeof(id) FROM v9", "text");
    const Field *tag = collection_field(test_find(t, "v0"), S("title"));
    check_int("options", tag->max, 50);
    assert_true(str_starts(tag->id, S("_clone_")));
    check_str("relation", collection_field(test_find(t, "v1"), S("pid"))->collection_id,
              arena_cstr(t->arena, test_find(t, "posts")->id));
}

static const struct {
    const char *query, *message;
} REFUSED[] = {
    {"select title from posts", "missing required id column (you can use `(ROW_NUMBER() "
                                "OVER()) as id` if you don't have one)"},
    {"select id, n+1 from posts", "invalid field \"n+1\" (1): name: Must be in a valid format."},
    {"select id, n as expand from posts",
     "invalid field \"expand\" (1): name: Must not be in list."},
    {"select 1 as id, 2 as id", "invalid field \"id:1\" (1): name: Must be in a valid format."},
    {"select id from nope", "no such table: nope"},
    {"insert into posts (title) values (1)", "near \"insert\": syntax error"},
    {"select id from posts where title = nope", "no such column: nope"},
    {"posts", "only SELECT statements are supported"},
    {"(posts) p join users", "only SELECT statements are supported"},
    {"", "the query is empty"},
};

static void refuses(void **state)
{
    TestSchema *t = *state;
    check_ok("posts", test_save(t, "", POSTS));
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        Json *json = json_new_object(t->arena);
        json_set_str(t->arena, json, S("name"), S("v"));
        json_set_str(t->arena, json, S("type"), S("view"));
        json_set_str(t->arena, json, S("viewQuery"), str_from(REFUSED[i].query));
        Str text = json_format(t->arena, json);
        Error *err = test_save(t, "", arena_cstr(t->arena, text));
        if (!err) fail_msg("%s: accepted", REFUSED[i].query);
        check_int(REFUSED[i].query, err->status, 400);
        check_str(REFUSED[i].query, err->message, REFUSED[i].message);
    }
}

/* Changes of what a view shows. */
static void follows(void **state)
{
    TestSchema *t = *state;
    check_ok("posts", test_save(t, "", POSTS));
    check_ok("v", test_save(t, "", VIEW("v", "select id, title, tags from posts")));
    check_ok("w", test_save(t, "", VIEW("w", "select v.id, v.title as t from v")));
    exec(t, "INSERT INTO posts (id, title, tags) VALUES ('r', 'x', 'a')");
    const Json *fields = json_get(collection_to_json(t->arena, test_find(t, "posts")), S("fields"));
    Str before = collection_field(test_find(t, "v"), S("title"))->id;

    /* hidden in the table, so hidden in both views */
    Json *patch = json_new_object(t->arena);
    Json *changed = json_copy(t->arena, fields);
    json_set_bool(t->arena, json_at(changed, 1), S("hidden"), true);
    json_set_number(t->arena, json_at(changed, 5), S("maxSelect"), 2);
    json_set(t->arena, patch, S("fields"), changed);
    Str text = json_format(t->arena, patch);
    check_ok("hide", test_save(t, "posts", arena_cstr(t->arena, text)));
    check_str("v", fields_of(t, "v"), "id:textk title:texth tags:select");
    check_str("w", fields_of(t, "w"), "id:textk t:texth");
    check_str("id kept", collection_field(test_find(t, "v"), S("title"))->id,
              arena_cstr(t->arena, before));
    assert_true(field_is_list(collection_field(test_find(t, "v"), S("tags"))));
    query_is(t, "SELECT tags FROM v", "[\"a\"]");

    /* a column that a view needs */
    patch = json_new_object(t->arena);
    changed = json_new_array(t->arena);
    json_push(t->arena, changed, json_at(fields, 0));
    json_set(t->arena, patch, S("fields"), changed);
    text = json_format(t->arena, patch);
    Error *err = test_save(t, "posts", arena_cstr(t->arena, text));
    assert_non_null(err);
    check_str("drop", err->code ? str_from(err->code) : S("-"), VIEW_BROKEN);
    check_str("drop", err->message, "error in view v: no such column: title");
    query_is(t, "SELECT title FROM v", "x");

    /* a new name goes into the query */
    check_ok("rename", test_save(t, "posts", "{\"name\":\"articles\"}"));
    check_str("query", test_find(t, "v")->view_query, "select id, title, tags from \"articles\"");
    query_is(t, "SELECT t FROM w", "x");
    check_ok("saved again", test_save(t, "v", "{\"listRule\":\"\"}"));
    check_str("v", fields_of(t, "v"), "id:textk title:texth tags:select");
}

/* Texts in double quotes are literals for other servers' SQLite. */
static void mends(void **state)
{
    TestSchema *t = *state;
    check_ok("posts", test_save(t, "", POSTS));
    check_ok("v", test_save(t, "",
                            VIEW("v", "select id, \\\"it's\\\" as lit, \\\"title\\\" from posts")));
    exec(t, "INSERT INTO posts (id, title) VALUES ('r', 'x')");
    query_is(t, "SELECT lit || title FROM v", "it'sx");
    check_str("as written", test_find(t, "v")->view_query,
              "select id, \"it's\" as lit, \"title\" from posts");

    /* as another server leaves them */
    exec(t, "DROP VIEW v; CREATE VIEW `v` AS SELECT * FROM (select id, \"a\" as lit, title from "
            "posts where n < \"z\"); CREATE VIEW w AS SELECT lit, \"b\" AS m FROM v");
    schema_store_close(t->store);
    check_ok("reopen", schema_store_open(t->arena, t->db->db, S(""), NULL, NULL, &t->store));
    query_is(t, "SELECT lit || m FROM w", "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_schema(infers),
        test_with_schema(refuses),
        test_with_schema(follows),
        test_with_schema(mends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
