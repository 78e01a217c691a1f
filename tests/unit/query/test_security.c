/* test_security.c - what clients' filters may not do (api: filters §9): every row
 * is asked as a guest or a user, and as a superuser, who is not restricted. */
#include "query_fixture.h"

/* ---- 403: words that only superusers may use, wherever they stand ---- */

static const struct {
    const char *name, *filter, *word;
} FORBIDDEN[] = {
    {"caller", "@request.auth.id = 'x'", "@request."},
    {"own id", "author = @request.auth.id", "@request."},
    {"body", "@request.body.x = 1", "@request."},
    {"collection", "@collection.bans.user ?= 'u1'", "@collection."},
    {"in a text", "title = '@request.'", "@request."},
    {"in a text 2", "title = \"x@collection.y\"", "@collection."},
    {"in a comment", "title = 'a' // @request.auth", "@request."},
    {"in what does not parse", "@collection. ((", "@collection."},
};

static void forbidden_words(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(FORBIDDEN); i++) {
        Str expected =
            str_printf(t->arena, "403 Only superusers can filter by %s", FORBIDDEN[i].word);
        for (QueryCaller as = AS_GUEST; as <= AS_CY; as++)
            check_str(FORBIDDEN[i].name,
                      query_ids(t, &(QueryCase){.filter = FORBIDDEN[i].filter, .caller = as}),
                      arena_cstr(t->arena, expected));
        Str answer = query_ids(t, &(QueryCase){.filter = FORBIDDEN[i].filter, .caller = AS_ROOT});
        if (str_starts(answer, S("403"))) fail_msg("%s: superuser", FORBIDDEN[i].name);
    }
}

/* ---- 400: hidden fields and locked collections anywhere in a path ---- */

static const struct {
    const char *name, *collection, *filter;
    const char *ids; /* for a superuser */
} LOCKED[] = {
    {"hidden field", "posts", "secret = 'red'", "p1"},
    {"hidden field on the right", "posts", "'red' = secret", "p1"},
    {"hidden field with a modifier", "posts", "secret:lower = 'red'", "p1"},
    {"hidden field behind or", "posts", "1 = 1 || secret = 'red'", "p1 p2 p3"},
    {"hidden field behind false", "posts", "1 = 2 && secret = 'red'", ""},
    {"hidden field in a function", "posts", "strftime('%Y', secret) = ''", "p1 p2 p3"},
    {"hidden field of a relation", "posts", "author.salary > 15", "p3"},
    {"hidden field of several", "posts", "editors.salary ?> 15", "p1 p3"},
    {"hidden field far away", "comments", "post.author.salary = 10", "c1 c2"},
    {"there and back", "posts", "author.posts_via_author.secret ?= 'red'", "p1"},
    {"hidden back relation", "posts", "audits_via_post.text ?= 'seen'", "p1"},
    {"hidden back relation's id", "posts", "audits_via_post.id != ''", "p1"},
    {"hidden relation", "audits", "post.title = 'Hello'", "t1"},
    {"hidden relation's id", "audits", "post = 'p1'", "t1"},
    {"password", "users", "password != ''", "u1 u2 u3"},
    {"password of a relation", "posts", "author.password ~ 'h'", "p1 p3"},
    {"token key", "users", "tokenKey = 'k1'", "u1"},
    {"token key of a relation", "posts", "author.tokenKey > 'k'", "p1 p3"},
    {"locked collection", "posts", "notes_via_post.text ?= 'private'", "p1"},
    {"locked collection's id", "posts", "notes_via_post.id != ''", "p1"},
    {"locked collection's length", "comments", "post.notes_via_post.text ?~ 'p'", "c1 c2"},
    {"through a locked collection", "posts", "notes_via_post.post.title ?= 'Hello'", "p1"},
};

static void hidden_and_locked(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(LOCKED); i++) {
        for (QueryCaller as = AS_GUEST; as <= AS_ROOT; as++) {
            Str answer = query_ids(t, &(QueryCase){.collection = LOCKED[i].collection,
                                                   .filter = LOCKED[i].filter,
                                                   .caller = as});
            if (as == AS_ROOT)
                check_str(LOCKED[i].name, answer, LOCKED[i].ids);
            else if (!str_starts(answer, S("400 ")))
                fail_msg("%s: got \"%.*s\", expected 400", LOCKED[i].name, STR_ARG(answer));
        }
    }
}

/* What is refused must not tell if such a field exists. */
static void hidden_is_as_unknown(void **state)
{
    QueryFixture *t = *state;
    Str hidden = query_ids(t, &(QueryCase){.filter = "secret = 'red'"});
    Str unknown = query_ids(t, &(QueryCase){.filter = "sxcret = 'red'"});
    check_int("same words", hidden.len, unknown.len);
    check_str("same start", str_sub(hidden, 0, 12), arena_cstr(t->arena, str_sub(unknown, 0, 12)));
}

/* ---- email only where its owner shows it ---- */

static const struct {
    const char *name, *collection, *filter;
    const char *ids, *all; /* for others, for superusers */
} EMAILS[] = {
    {"own row", "users", "email ~ 'x.org'", "u1", "u1 u2 u3"},
    {"hidden one", "users", "email = 'u2@x.org'", "", "u2"},
    {"shown one", "users", "email = 'u1@x.org'", "u1", "u1"},
    {"differs", "users", "email != 'nope'", "u1", "u1 u2 u3"},
    {"on the right", "users", "'u2@x.org' = email", "", "u2"},
    {"with a modifier", "users", "email:lower = 'u2@x.org'", "", "u2"},
    {"negated is not a way round", "users", "email !~ 'zzz'", "u1", "u1 u2 u3"},
    {"in an or", "users", "email = 'u2@x.org' || name = 'Cy'", "u3", "u2 u3"},
    {"of a relation", "posts", "author.email ~ 'x.org'", "p1", "p1 p3"},
    {"of a relation, differs", "posts", "author.email != 'u1@x.org'", "", "p2 p3"},
    {"of several, any", "posts", "editors.email ?= 'u2@x.org'", "", "p1 p3"},
    {"of several, any shown", "posts", "editors.email ?= 'u1@x.org'", "p1", "p1"},
    {"both sides", "users", "email = email", "u1", "u1 u2 u3"},
};

static void emails(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(EMAILS); i++) {
        for (QueryCaller as = AS_GUEST; as <= AS_ROOT; as++)
            check_str(EMAILS[i].name,
                      query_ids(t, &(QueryCase){.collection = EMAILS[i].collection,
                                                .filter = EMAILS[i].filter,
                                                .caller = as}),
                      as == AS_ROOT ? EMAILS[i].all : EMAILS[i].ids);
    }
}

/* Comparisons with all of several: a hidden address does not count against, else
 * it could be found letter by letter. */
static void hidden_emails_are_no_violators(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *hit, *miss; /* the hidden address and another one */
    } ROWS[] = {
        {"editors.email != 'u2@x.org'", "editors.email != 'zz@x.org'"},
        {"editors.email !~ 'u2%'", "editors.email !~ 'z%'"},
        {"editors.email < 'u2@x.org'", "editors.email < 'u9@x.org'"},
        {"editors.email <= 'u2@x.or'", "editors.email <= 'u2@x.org'"},
        {"'u2@x.org' != editors.email", "'zz@x.org' != editors.email"},
        {"editors.email:lower != 'u2@x.org'", "editors.email:lower != 'zz@x.org'"},
        {"strftime('%Y', editors.email, '+1 day') = ''", "strftime('%Y', editors.email) = ''"},
        {"editors.email != tags:each", "editors.email != kind"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        Str hit = query_ids(t, &(QueryCase){.filter = ROWS[i].hit});
        Str miss = query_ids(t, &(QueryCase){.filter = ROWS[i].miss});
        check_str(ROWS[i].hit, hit, arena_cstr(t->arena, miss));
        check_str(ROWS[i].hit, hit, "p1");
    }
}

/* An order must not tell hidden addresses either: they all sort as one. */
static void emails_do_not_order(void **state)
{
    QueryFixture *t = *state;
    query_exec(t, "UPDATE users SET email = 'a@x.org' WHERE id = 'u3'");
    Str before = query_ids(t, &(QueryCase){.collection = "users", .sort = "email,id"});
    query_exec(t, "UPDATE users SET email = 'z@x.org' WHERE id = 'u3'");
    Str after = query_ids(t, &(QueryCase){.collection = "users", .sort = "email,id"});
    check_str("order", before, arena_cstr(t->arena, after));
    check_str(
        "superuser",
        query_ids(t, &(QueryCase){.collection = "users", .sort = "-email", .caller = AS_ROOT}),
        "u3 u2 u1");
}

/* ---- collections with a listRule: drafts of their owners ---- */

static const struct {
    const char *name, *filter;
    QueryCaller caller;
    const char *ids;
} GUARDED[] = {
    {"guest", "drafts_via_post.text ?= 'mine'", AS_GUEST, ""},
    {"owner", "drafts_via_post.text ?= 'mine'", AS_ANN, "p1"},
    {"another", "drafts_via_post.text ?= 'mine'", AS_BOB, ""},
    {"superuser", "drafts_via_post.text ?= 'mine'", AS_ROOT, "p1"},
    {"all, owner", "drafts_via_post.text = 'mine'", AS_ANN, "p1"},
    {"all, another", "drafts_via_post.text = 'mine'", AS_BOB, ""},
    {"posts without drafts", "drafts_via_post.id = ''", AS_GUEST, "p2"},
    {"posts with drafts, guest", "drafts_via_post.id ?!= ''", AS_GUEST, ""},
    {"posts with drafts, owner", "drafts_via_post.id ?!= ''", AS_BOB, "p3"},
    {"or does not go round it", "drafts_via_post.text ?= 'mine' || id != ''", AS_GUEST, "p2"},
    {"or does not go round it, owner", "drafts_via_post.text ?= 'x' || id != ''", AS_ANN, "p1 p2"},
    {"what is always true does not go round it", "drafts_via_post.text ?= 'mine' || 1 = 1",
     AS_GUEST, "p2"},
    {"through it", "drafts_via_post.owner.name ?= 'Ann'", AS_ANN, "p1"},
    {"through it, another", "drafts_via_post.owner.name ?= 'Ann'", AS_BOB, ""},
};

static void guarded_collections(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(GUARDED); i++)
        check_str(
            GUARDED[i].name,
            query_ids(t, &(QueryCase){.filter = GUARDED[i].filter, .caller = GUARDED[i].caller}),
            GUARDED[i].ids);
}

/* A rule may itself use joins, hidden fields and the request. */
static void rules_with_joins(void **state)
{
    QueryFixture *t = *state;
    query_save(t, "users",
               "{\"listRule\":\"posts_via_author.secret ?= 'red' && "
               "@request.headers.x = 'y'\"}");
    static const struct {
        const char *name, *filter, *headers;
        QueryCaller caller;
        const char *ids;
    } ROWS[] = {
        {"single relation", "author.name = 'Ann'", "{\"x\":\"y\"}", AS_GUEST, "p1"},
        {"single relation, hidden by rule", "author.name = 'Bob'", "{\"x\":\"y\"}", AS_GUEST, ""},
        {"no author", "author.name = ''", "{\"x\":\"y\"}", AS_GUEST, "p2"},
        {"without the header", "author.name = 'Ann'", "{}", AS_GUEST, ""},
        {"superuser", "author.name = 'Bob'", "{}", AS_ROOT, "p3"},
        {"several, any", "editors.name ?= 'Ann'", "{\"x\":\"y\"}", AS_GUEST, "p1"},
        {"several, any, hidden by rule", "editors.name ?= 'Bob'", "{\"x\":\"y\"}", AS_GUEST, ""},
        {"invisible rows still count against all", "editors.name = 'Ann'", "{\"x\":\"y\"}",
         AS_GUEST, ""},
        {"the id itself is no traversal", "author = 'u2'", "{}", AS_GUEST, "p3"},
        {"twice the same path", "author.name != '' && author.org.title ~ 'A'", "{\"x\":\"y\"}",
         AS_GUEST, "p1"},
        {"rules are not restricted", NULL, "{}", AS_GUEST, "p1"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_str(ROWS[i].name,
                  query_ids(t, &(QueryCase){.filter = ROWS[i].filter,
                                            .rule = ROWS[i].filter ? NULL : "author.name = 'Ann'",
                                            .headers = ROWS[i].headers,
                                            .caller = ROWS[i].caller}),
                  ROWS[i].ids);
}

/* The rule of a collection that is reached twice, by two paths. */
static void two_paths_to_a_guarded_collection(void **state)
{
    QueryFixture *t = *state;
    query_save(t, "users", "{\"listRule\":\"id = @request.auth.id\"}");
    check_str("one hidden hides",
              query_ids(t, &(QueryCase){.filter = "author.name != 'x' && editors.name ?= 'Bob'",
                                        .caller = AS_BOB}),
              "p3");
    check_str("both must be seen",
              query_ids(t, &(QueryCase){.filter = "author.name = 'Ann' && editors.name ?= 'Bob'",
                                        .caller = AS_BOB}),
              "");
    check_str("sort follows too",
              query_ids(t, &(QueryCase){.sort = "author.name", .caller = AS_BOB}), "p2 p3");
    check_str("filter and sort together",
              query_ids(t, &(QueryCase){.filter = "editors.name ?= 'Bob'",
                                        .sort = "author.name",
                                        .caller = AS_BOB}),
              "p3");
}

/* A listRule's own "all" comparisons start from the joined record. */
static void rules_with_all(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *rule, *filter, *ids;
    } ROWS[] = {
        {"posts_via_author.secret = 'red'", "author.name != ''", "p1"},
        {"posts_via_author.secret = 'red'", "editors.name ?!= ''", "p1"},
        {"posts_via_author.comments_via_post.stars = 5", "author.name != ''", "p3"},
        {"posts_via_author.tags:each = 'b'", "author.name != ''", "p3"},
        {"posts_via_author.tags:each ?= 'b'", "author.name != ''", "p1 p3"},
        {"@collection.bans.user != id", "author.name != ''", "p1"},
        {"posts_via_author.editors.id = id", "author.name != ''", "p3"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        Str json = str_printf(t->arena, "{\"listRule\":\"%s\"}", ROWS[i].rule);
        query_save(t, "users", arena_cstr(t->arena, json));
        check_str(ROWS[i].rule, query_ids(t, &(QueryCase){.filter = ROWS[i].filter}), ROWS[i].ids);
    }
}

/* A listRule that runs into itself ends. */
static void rules_that_meet(void **state)
{
    QueryFixture *t = *state;
    query_save(t, "comments", "{\"listRule\":\"post.comments_via_post.stars ?> 0\"}");
    query_save(t, "posts", "{\"listRule\":\"comments_via_post.post.title ?= 'Hello'\"}");
    check_str("there", query_ids(t, &(QueryCase){.filter = "comments_via_post.post.views ?= 5"}),
              "p1");
    check_str("hidden post",
              query_ids(t, &(QueryCase){.collection = "comments", .filter = "post.views = 20"}),
              "");
}

/* ---- values never become SQL ---- */

static const char *const INJECTIONS[] = {
    "title = \"' OR 1=1 --\"",
    "title = \"'); DROP TABLE posts; --\"",
    "title ~ \"%' OR '1'='1\"",
    "title = '\" OR 1=1 --'",
    "data.a = \"') OR 1=1 --\"",
    "strftime(\"%Y') OR 1=1 --\", published) = 'x'",
    "strftime('%Y', published, \"') OR 1=1 --\") = 'x'",
    "title = '?1' && title = ':a' && title = '$x'",
};

static void values_never_become_sql(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(INJECTIONS); i++) {
        Str ids = query_ids(t, &(QueryCase){.filter = INJECTIONS[i]});
        if (!str_starts(ids, S("400"))) check_str(INJECTIONS[i], ids, "");
    }
    QueryCase bodies = {.rule = "@request.body.tags:each = 'x' || @request.body.author.name = 'x' "
                                "|| @request.body.data.a = title || @request.headers.h = title",
                        .headers = "{\"h\":\"' OR 1=1 --\"}",
                        .body = "{\"tags\":[\"') OR 1=1 --\",\"\\\"]\"],\"author\":\"' OR 1=1 --\","
                                "\"data\":{\"a\":\"' OR 1=1 --\"}}"};
    check_str("request", query_ids(t, &bodies), "");
    check_str("still there", query_ids(t, &(QueryCase){.filter = ""}), "p1 p2 p3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(forbidden_words),
        test_with_query(hidden_and_locked),
        test_with_query(hidden_is_as_unknown),
        test_with_query(emails),
        test_with_query(hidden_emails_are_no_violators),
        test_with_query(emails_do_not_order),
        test_with_query(guarded_collections),
        test_with_query(rules_with_joins),
        test_with_query(two_paths_to_a_guarded_collection),
        test_with_query(rules_with_all),
        test_with_query(rules_that_meet),
        test_with_query(values_never_become_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
