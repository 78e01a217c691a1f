/* test_rules.c - the rule examples #75-#96 of api: filters §10.2, @request.* of
 * §2, and create rules, which are asked of a row that is not there yet. */
#include "query_fixture.h"

#define ALL  "p1 p2 p3"
#define NONE ""

typedef struct {
    const char *name;
    QueryCase ask;
    const char *ids;
} RuleRow;

static void check_rules(QueryFixture *t, const RuleRow *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_str(rows[i].name, query_ids(t, &rows[i].ask), rows[i].ids);
        check_str(rows[i].name, query_matching_rows(t, &rows[i].ask), rows[i].ids);
    }
}

#define VERIFIED_USER "@request.auth.collectionName = \"users\" && @request.auth.verified = true"
#define EACH_B        "@request.body.tags:each ~ \"b%\""
#define EMPTY_OR_B    "@request.body.tags:length = 0 || " EACH_B
#define MY_ORG        "@request.body.author.org = @request.auth.org"
#define NOT_REALTIME  "@request.method = \"GET\" && @request.context != \"realtime\""
#define SAME_MEMBER   "@collection.members.user ?= @request.auth.id && @collection.members.org ?= org"
#define TWO_MEMBERS                                                                                \
    "@collection.members:a.user ?= @request.auth.id && @collection.members:b.org ?= org"
#define TODAY    "published >= @todayStart && published <= @todayEnd"
#define JUNE_1ST INT64_C(1717254000000) /* 2024-06-01 15:00 */

static const RuleRow EXAMPLES[] = {
    {"75 user", {.rule = "@request.auth.id != \"\"", .caller = AS_ANN}, ALL},
    {"75 guest", {.rule = "@request.auth.id != \"\""}, NONE},
    {"76 user", {.rule = "@request.auth.id = \"\"", .caller = AS_ANN}, NONE},
    {"76 guest", {.rule = "@request.auth.id = \"\""}, ALL},
    {"77 owner", {.rule = "author = @request.auth.id", .caller = AS_ANN}, "p1"},
    {"77 another", {.rule = "author = @request.auth.id", .caller = AS_CY}, NONE},
    {"77 guest", {.rule = "author = @request.auth.id"}, "p2"},
    {"78 verified", {.rule = VERIFIED_USER, .caller = AS_BOB}, ALL},
    {"78 not verified", {.rule = VERIFIED_USER, .caller = AS_CY}, NONE},
    {"78 another collection", {.rule = VERIFIED_USER, .caller = AS_ROOT}, NONE},
    {"78 guest", {.rule = VERIFIED_USER}, NONE},
    {"79 of it", {.rule = "@request.auth.org.title = \"Acme\"", .caller = AS_ANN}, ALL},
    {"79 of another", {.rule = "@request.auth.org.title = \"Acme\"", .caller = AS_BOB}, NONE},
    {"79 of none", {.rule = "@request.auth.org.title = \"Acme\"", .caller = AS_CY}, NONE},
    {"79 guest", {.rule = "@request.auth.org.title = \"Acme\""}, NONE},
    {"80 Ann", {.rule = "editors.id ?= @request.auth.id", .caller = AS_ANN}, "p1"},
    {"80 Bob", {.rule = "editors.id ?= @request.auth.id", .caller = AS_BOB}, "p1 p3"},
    {"80 guest", {.rule = "editors.id ?= @request.auth.id"}, "p2"},
    {"81 Ann", {.rule = "editors.id = @request.auth.id", .caller = AS_ANN}, NONE},
    {"81 Bob", {.rule = "editors.id = @request.auth.id", .caller = AS_BOB}, "p3"},
    {"82 no body", {.rule = "@request.body.role:isset = false"}, ALL},
    {"82 absent", {.rule = "@request.body.role:isset = false", .body = "{\"code\":\"x\"}"}, ALL},
    {"82 there", {.rule = "@request.body.role:isset = false", .body = "{\"role\":\"x\"}"}, NONE},
    {"82 there but null",
     {.rule = "@request.body.role:isset = false", .body = "{\"role\":null}"},
     NONE},
    {"83 absent", {.rule = "@request.body.role:changed = false", .body = "{}"}, ALL},
    {"83 as stored",
     {.rule = "@request.body.role:changed = false", .body = "{\"role\":\"admin\"}"},
     "p1"},
    {"83 empty", {.rule = "@request.body.role:changed = false", .body = "{\"role\":\"\"}"}, "p2"},
    {"83 changed",
     {.rule = "@request.body.role:changed = true", .body = "{\"role\":\"admin\"}"},
     "p2 p3"},
    {"83 null", {.rule = "@request.body.role:changed = false", .body = "{\"role\":null}"}, "p2"},
    {"84 one", {.rule = "@request.body.tags:length <= 2", .body = "{\"tags\":[\"a\"]}"}, ALL},
    {"84 three",
     {.rule = "@request.body.tags:length <= 2", .body = "{\"tags\":[\"a\",\"b\",\"c\"]}"},
     NONE},
    {"84 missing", {.rule = "@request.body.tags:length <= 2"}, ALL},
    {"85 all with b", {.rule = EACH_B, .body = "{\"tags\":[\"b1\",\"b2\"]}"}, ALL},
    {"85 one without", {.rule = EACH_B, .body = "{\"tags\":[\"b1\",\"a\"]}"}, NONE},
    {"85 empty", {.rule = EACH_B, .body = "{\"tags\":[]}"}, NONE},
    {"85 missing", {.rule = EACH_B, .body = "{}"}, NONE},
    {"86 all with b", {.rule = EMPTY_OR_B, .body = "{\"tags\":[\"b1\",\"b2\"]}"}, ALL},
    {"86 one without", {.rule = EMPTY_OR_B, .body = "{\"tags\":[\"a\",\"b1\"]}"}, NONE},
    {"86 empty", {.rule = EMPTY_OR_B, .body = "{\"tags\":[]}"}, ALL},
    {"87 in my org", {.rule = MY_ORG, .caller = AS_ANN, .body = "{\"author\":\"u1\"}"}, ALL},
    {"87 in another", {.rule = MY_ORG, .caller = AS_ANN, .body = "{\"author\":\"u2\"}"}, NONE},
    {"87 not submitted", {.rule = MY_ORG, .caller = AS_ANN, .body = "{}"}, NONE},
    {"87 both without", {.rule = MY_ORG, .caller = AS_CY, .body = "{\"author\":\"u3\"}"}, ALL},
    {"87 several, all mine",
     {.rule = "@request.body.editors.org = @request.auth.org",
      .caller = AS_ANN,
      .body = "{\"editors\":[\"u1\"]}"},
     ALL},
    {"87 several, one not mine",
     {.rule = "@request.body.editors.org = @request.auth.org",
      .caller = AS_ANN,
      .body = "{\"editors\":[\"u1\",\"u2\"]}"},
     NONE},
    {"87 several, one mine",
     {.rule = "@request.body.editors.org ?= @request.auth.org",
      .caller = AS_ANN,
      .body = "{\"editors\":[\"u2\",\"u1\"]}"},
     ALL},
    {"88", {.rule = "@request.headers.x_api_key = \"k\"", .headers = "{\"x_api_key\":\"k\"}"}, ALL},
    {"88 wrong",
     {.rule = "@request.headers.x_api_key = \"k\"", .headers = "{\"x_api_key\":\"K\"}"},
     NONE},
    {"88 missing", {.rule = "@request.headers.x_api_key = \"k\"", .headers = "{}"}, NONE},
    {"89", {.rule = "@request.query.token = code", .query = "{\"token\":\"k1\"}"}, "p1"},
    {"89 missing", {.rule = "@request.query.token = code", .query = "{}"}, "p2"},
    {"89 with care", {.rule = "@request.query.token = code && code != ''"}, NONE},
    {"90", {.rule = NOT_REALTIME}, ALL},
    {"90 method", {.rule = NOT_REALTIME, .method = "POST"}, NONE},
    {"90 context", {.rule = NOT_REALTIME, .context = "realtime"}, NONE},
    {"91 not banned",
     {.rule = "@collection.bans.user ?!= @request.auth.id", .caller = AS_ANN},
     ALL},
    {"91 banned", {.rule = "@collection.bans.user ?!= @request.auth.id", .caller = AS_BOB}, ALL},
    {"92 not banned", {.rule = "@collection.bans.user != @request.auth.id", .caller = AS_ANN}, ALL},
    {"92 banned", {.rule = "@collection.bans.user != @request.auth.id", .caller = AS_BOB}, NONE},
    {"92 guest", {.rule = "@collection.bans.user != @request.auth.id"}, ALL},
    {"92 empty table",
     {.rule = "@collection.blocks.user != @request.auth.id", .caller = AS_BOB},
     ALL},
    {"93 Ann", {.rule = SAME_MEMBER, .caller = AS_ANN}, "p1"},
    {"93 Cy", {.rule = SAME_MEMBER, .caller = AS_CY}, NONE},
    {"94 Ann", {.rule = TWO_MEMBERS, .caller = AS_ANN}, "p1 p3"},
    {"94 Cy", {.rule = TWO_MEMBERS, .caller = AS_CY}, NONE},
    {"95", {.rule = TODAY, .now_ms = JUNE_1ST}, "p3"},
    {"95 a day later", {.rule = TODAY, .now_ms = JUNE_1ST + 86400000}, NONE},
    {"96 small",
     {.rule = "@request.body.docs.0.size < 1000",
      .body = "{\"docs\":[{\"name\":\"a\",\"originalName\":\"A\",\"size\":500}]}"},
     ALL},
    {"96 large",
     {.rule = "@request.body.docs.0.size < 1000",
      .body = "{\"docs\":[{\"name\":\"a\",\"originalName\":\"A\",\"size\":5000}]}"},
     NONE},
    {"96 none", {.rule = "@request.body.docs.0.size < 1000", .body = "{\"docs\":[]}"}, NONE},
};

static void worked_examples(void **state)
{
    check_rules(*state, EXAMPLES, COUNT(EXAMPLES));
}

/* ---- what §2 says of each part of a request ---- */

static const RuleRow REQUESTS[] = {
    {"unknown field of a guest", {.rule = "@request.auth.nope = ''"}, ALL},
    {"unknown field of a user", {.rule = "@request.auth.nope = ''", .caller = AS_ANN}, ALL},
    {"unknown relation of a user",
     {.rule = "@request.auth.nope.deep.x = null", .caller = AS_ANN},
     ALL},
    {"unknown back relation of a user",
     {.rule = "@request.auth.nope_via_x.y = null", .caller = AS_ANN},
     ALL},
    {"hidden field of a user", {.rule = "@request.auth.salary = 10", .caller = AS_ANN}, ALL},
    {"email", {.rule = "@request.auth.email = 'u3@x.org'", .caller = AS_CY}, ALL},
    {"visible email", {.rule = "@request.auth.emailVisibility = true", .caller = AS_ANN}, ALL},
    {"hidden email", {.rule = "@request.auth.emailVisibility = true", .caller = AS_BOB}, NONE},
    {"collection id",
     {.rule = "@request.auth.collectionId = '_pb_users_auth_'", .caller = AS_BOB},
     ALL},
    {"back relation of a user",
     {.rule = "@request.auth.posts_via_author.title ?= 'Hello'", .caller = AS_ANN},
     ALL},
    {"back relation of another",
     {.rule = "@request.auth.posts_via_author.title ?= 'Hello'", .caller = AS_BOB},
     NONE},
    {"caller against the row", {.rule = "@request.auth.org = org", .caller = AS_BOB}, "p3"},
    {"lower", {.rule = "@request.query.q:lower = 'abc'", .query = "{\"q\":\"aBC\"}"}, ALL},
    {"isset of query", {.rule = "@request.query.q:isset = true", .query = "{\"q\":\"\"}"}, ALL},
    {"isset of missing query", {.rule = "@request.query.q:isset = true", .query = "{}"}, NONE},
    {"isset of header",
     {.rule = "@request.headers.x:isset = true", .headers = "{\"x\":\"\"}"},
     ALL},
    {"unknown part", {.rule = "@request.nope.x = null"}, ALL},
    {"scalar", {.rule = "@request.body.title = 'T'", .body = "{\"title\":\"T\"}"}, ALL},
    {"number as text", {.rule = "@request.body.views = 5", .body = "{\"views\":\"5\"}"}, ALL},
    {"number", {.rule = "@request.body.views > views", .body = "{\"views\":5}"}, "p2"},
    {"bool", {.rule = "@request.body.active = true", .body = "{\"active\":true}"}, ALL},
    {"bool against the row",
     {.rule = "@request.body.active = active", .body = "{\"active\":true}"},
     "p1 p3"},
    {"list is its text",
     {.rule = "@request.body.tags = '[\"a\",\"b\"]'", .body = "{\"tags\":[\"a\",\"b\"]}"},
     ALL},
    {"list against the row",
     {.rule = "@request.body.tags = tags", .body = "{\"tags\":[\"a\",\"b\"]}"},
     "p1"},
    {"path", {.rule = "@request.body.data.x.0 = 7", .body = "{\"data\":{\"x\":[7]}}"}, ALL},
    {"path of geo", {.rule = "@request.body.loc.lat > 40", .body = "{\"loc\":{\"lat\":42}}"}, ALL},
    {"path of an unknown key",
     {.rule = "@request.body.more.x = 'y'", .body = "{\"more\":{\"x\":\"y\"}}"},
     ALL},
    {"missing is empty", {.rule = "@request.body.title = ''", .body = "{}"}, ALL},
    {"length of a scalar",
     {.rule = "@request.body.kind:length = 1", .body = "{\"kind\":\"\"}"},
     ALL},
    {"length of null", {.rule = "@request.body.tags:length = 0", .body = "{\"tags\":null}"}, ALL},
    {"each of a single",
     {.rule = "@request.body.kind:each = 'news'", .body = "{\"kind\":\"news\"}"},
     ALL},
    {"each, any",
     {.rule = "@request.body.tags:each ?= 'a'", .body = "{\"tags\":[\"b\",\"a\"]}"},
     ALL},
    {"each against the row",
     {.rule = "@request.body.tags:each ?= kind", .body = "{\"tags\":[\"news\",\"a\"]}"},
     "p1"},
    {"changed number",
     {.rule = "@request.body.views:changed = true", .body = "{\"views\":5}"},
     "p2 p3"},
    {"changed number as text",
     {.rule = "@request.body.views:changed = true", .body = "{\"views\":\"5\"}"},
     "p2 p3"},
    {"changed list",
     {.rule = "@request.body.tags:changed = false", .body = "{\"tags\":[\"b\"]}"},
     "p3"},
    {"changed empty list",
     {.rule = "@request.body.tags:changed = false", .body = "{\"tags\":[]}"},
     "p2"},
    {"changed bool",
     {.rule = "@request.body.active:changed = false", .body = "{\"active\":false}"},
     "p2"},
    {"nothing submitted to a relation",
     {.rule = "@request.body.author.org = ''", .body = "{\"author\":\"\"}"},
     ALL},
    {"submitted id is unknown",
     {.rule = "@request.body.author.org = ''", .body = "{\"author\":\"x\"}"},
     ALL},
    {"collection by id", {.rule = "@collection.bans00.user ?= author"}, "p3"},
    {"hidden field in a rule", {.rule = "secret = 'red'"}, "p1"},
    {"hidden relation in a rule", {.rule = "audits_via_post.text ?= 'seen'"}, "p1"},
    {"locked collection in a rule", {.rule = "notes_via_post.text ?= 'private'"}, "p1"},
    {"guarded collection in a rule", {.rule = "drafts_via_post.text ?!= ''"}, "p1 p3"},
    {"email in a rule", {.rule = "author.email ~ 'x.org'"}, "p1 p3"},
    {"unrelated table is not repeated", {.rule = "@collection.users.name ?!= 'x'"}, ALL},
};

static void request_parts(void **state)
{
    check_rules(*state, REQUESTS, COUNT(REQUESTS));
}

/* ---- lazily ---- */

/* How often a select that is compiled here asks. */
static int lazy_calls(QueryFixture *t, const char *rule)
{
    QueryCase ask = {.headers = "{\"a\":\"1\",\"b\":\"2\"}", .query = "{\"c\":\"3\"}"};
    RequestInfo info = query_request(t, &ask);
    Filter *f;
    check_ok(rule, filter_parse(t->arena, str_from(rule), &f));
    int before = query_lazy_count();
    Select *q = select_new(t->arena, db_dialect(t->base->db->db), t->schema,
                           query_collection(t, "posts"), &info);
    check_ok(rule, select_where_rule(q, f));
    check_bool(rule, select_is_never(q), false);
    return query_lazy_count() - before;
}

static void asks_for_headers_by_need(void **state)
{
    QueryFixture *t = *state;
    check_int("not needed",
              lazy_calls(t, "author = @request.auth.id && @request.method = 'GET' && "
                            "@request.body.x = null"),
              0);
    check_int("once",
              lazy_calls(t, "@request.headers.a = '1' && @request.headers.b = '2' && "
                            "@request.query.c = '3'"),
              1);
}

static void takes_what_is_given(void **state)
{
    QueryFixture *t = *state;
    RequestInfo info = {.context = S("default"),
                        .method = S("GET"),
                        .headers = test_json(t->arena, "{\"a\":\"1\"}"),
                        .query = test_json(t->arena, "{\"b\":\"2\"}")};
    Filter *rule;
    check_ok("parse", filter_parse(t->arena,
                                   S("@request.headers.a = '1' && @request.query.b = '2'"), &rule));
    check_int(
        "verdict",
        filter_eval(rule, t->arena, t->schema, query_collection(t, "posts"), &info, NULL, NULL),
        EVAL_TRUE);
}

/* ---- create rules: the row is made of parameters ---- */

static const char NEW_POST[] =
    "(SELECT ?1 AS id, ?2 AS title, ?3 AS views, ?4 AS active, ?5 AS published, ?6 AS kind,"
    " ?7 AS tags, ?8 AS author, ?9 AS editors, ?10 AS data, ?11 AS loc, ?12 AS code, ?13 AS role,"
    " ?14 AS org, ?15 AS docs, ?16 AS secret)";

static const struct {
    const char *name, *rule, *body;
    QueryCaller caller;
    bool allowed;
} CREATES[] = {
    {"own column", "title = 'New'", NULL, AS_GUEST, true},
    {"other value", "title = 'Hello'", NULL, AS_GUEST, false},
    {"number", "views > 6 && views < 8", NULL, AS_GUEST, true},
    {"author is the caller", "author = @request.auth.id", NULL, AS_ANN, true},
    {"author is another", "author = @request.auth.id", NULL, AS_BOB, false},
    {"relation", "author.org.title = 'Acme'", NULL, AS_GUEST, true},
    {"list", "tags:each = 'a'", NULL, AS_GUEST, true},
    {"list, all", "editors.name = 'Ann'", NULL, AS_GUEST, false},
    {"list, any", "editors.name ?= 'Ann'", NULL, AS_GUEST, true},
    {"json", "data.k = 1", NULL, AS_GUEST, true},
    {"back relation", "comments_via_post.id = ''", NULL, AS_GUEST, true},
    {"body", "@request.body.title = title", "{\"title\":\"New\"}", AS_GUEST, true},
    {"body is another", "@request.body.title = title", "{\"title\":\"Old\"}", AS_GUEST, false},
    {"body list", "@request.body.tags:each ?= 'x'", "{\"tags\":[\"x\"]}", AS_GUEST, true},
    {"unrelated, all", "@collection.bans.user != author", NULL, AS_GUEST, true},
    {"unrelated, any", "@collection.bans.user ?= author", NULL, AS_GUEST, false},
    {"distance", "geoDistance(loc.lon, loc.lat, 1, 2) < 1", NULL, AS_GUEST, true},
};

static void create_rules(void **state)
{
    QueryFixture *t = *state;
    const DbValue row[] = {DB_VALUE_TEXT(S("new1")),
                           DB_VALUE_TEXT(S("New")),
                           DB_VALUE_INT(7),
                           DB_VALUE_INT(1),
                           DB_VALUE_TEXT(S("")),
                           DB_VALUE_TEXT(S("news")),
                           DB_VALUE_TEXT(S("[\"a\"]")),
                           DB_VALUE_TEXT(S("u1")),
                           DB_VALUE_TEXT(S("[\"u1\",\"u2\"]")),
                           DB_VALUE_TEXT(S("{\"k\":1}")),
                           DB_VALUE_TEXT(S("{\"lon\":1,\"lat\":2}")),
                           DB_VALUE_TEXT(S("")),
                           DB_VALUE_TEXT(S("")),
                           DB_VALUE_TEXT(S("")),
                           DB_VALUE_TEXT(S("[]")),
                           DB_VALUE_TEXT(S(""))};
    for (size_t i = 0; i < COUNT(CREATES); i++) {
        QueryCase ask = {.rule = CREATES[i].rule,
                         .body = CREATES[i].body,
                         .caller = CREATES[i].caller,
                         .method = "POST",
                         .from = S(NEW_POST),
                         .from_params = row,
                         .from_count = COUNT(row)};
        check_str(CREATES[i].name, query_ids(t, &ask), CREATES[i].allowed ? "new1" : "");
    }
}

/* ---- rules kept with their collections ---- */

static void compiles_with_the_schema(void **state)
{
    QueryFixture *t = *state;
    assert_non_null(rule_filter(query_collection(t, "drafts"), RULE_LIST));
    assert_null(rule_filter(query_collection(t, "notes"), RULE_LIST)); /* null */
    assert_null(rule_filter(query_collection(t, "posts"), RULE_LIST)); /* everybody */

    query_save(t, "notes", "{\"listRule\":\"post.author = @request.auth.id\"}");
    assert_non_null(rule_filter(query_collection(t, "notes"), RULE_LIST));
}

static const struct {
    const char *name, *rule;
    bool fine;
} CHECKS[] = {
    {"field", "title = 'x'", true},
    {"caller's unknown field", "@request.auth.unknown = 'x'", true},
    {"caller's relation", "@request.auth.org.title = 'x'", true},
    {"body", "@request.body.title:isset = true && @request.body.other = 1", true},
    {"body relation", "@request.body.author.org = 'o1'", true},
    {"another collection", "@collection.bans.user ?= @request.auth.id", true},
    {"unknown field", "nope = 'x'", false},
    {"unknown collection", "@collection.nope.x = 1", false},
    {"unknown field there", "@collection.bans.nope = 1", false},
    {"unknown behind or", "title = 'x' || nope = 1", false},
    {"unknown behind what is always false", "1 = 2 && nope = 1", false},
    {"unknown behind what is always true", "1 = 1 || nope = 1", false},
    {"unknown behind a guest's", "@request.auth.id != '' && nope = 1", false},
    {"does not parse", "title =", false},
    {"modifier", "title:nope = 1", false},
    {"body modifier", "@request.body.title:each = 1", false},
    {"unknown function", "nope(1) = 1", false},
    {"seven hops",
     "author.posts_via_author.author.posts_via_author.author.posts_via_author.author.name = 'x'",
     false},
};

static void checks_rules(void **state)
{
    QueryFixture *t = *state;
    const SqlDialect *dialect = db_dialect(t->base->db->db);
    for (size_t i = 0; i < COUNT(CHECKS); i++) {
        Error *err = rule_check(t->arena, dialect, t->schema, query_collection(t, "posts"),
                                str_from(CHECKS[i].rule));
        check_bool(CHECKS[i].name, err == NULL, CHECKS[i].fine);
        if (err && err->message.len == 0) fail_msg("%s: no reason", CHECKS[i].name);
    }
}

/* ---- known before any row ---- */

static const struct {
    const char *rule;
    QueryCaller caller;
    EvalResult verdict;
} VERDICTS[] = {
    {"@request.auth.id != ''", AS_GUEST, EVAL_FALSE},
    {"@request.auth.id != ''", AS_ANN, EVAL_TRUE},
    {"@request.auth.id != '' && title = 'x'", AS_GUEST, EVAL_FALSE},
    {"@request.auth.id != '' && title = 'x'", AS_ANN, EVAL_UNKNOWN},
    {"@request.auth.id != '' || title = 'x'", AS_ANN, EVAL_TRUE},
    {"@request.auth.verified = true", AS_BOB, EVAL_TRUE},
    {"@request.auth.verified = true", AS_CY, EVAL_FALSE},
    {"title = 'x'", AS_ANN, EVAL_UNKNOWN},
    {"@request.method = 'POST'", AS_ANN, EVAL_FALSE},
};

static void knows_before_any_row(void **state)
{
    QueryFixture *t = *state;
    const Collection *posts = query_collection(t, "posts");
    for (size_t i = 0; i < COUNT(VERDICTS); i++) {
        QueryCase ask = {.rule = VERDICTS[i].rule, .caller = VERDICTS[i].caller};
        RequestInfo info = query_request(t, &ask);
        Filter *rule;
        check_ok(ask.rule, filter_parse(t->arena, str_from(ask.rule), &rule));
        check_int(ask.rule, filter_eval(rule, t->arena, t->schema, posts, &info, NULL, NULL),
                  VERDICTS[i].verdict);

        Select *q = select_new(t->arena, db_dialect(t->base->db->db), t->schema, posts, &info);
        check_ok(ask.rule, select_where_rule(q, rule));
        check_bool(ask.rule, select_is_never(q), VERDICTS[i].verdict == EVAL_FALSE);
        check_bool(ask.rule, select_has_joins(q), false);
    }
}

static bool row_value(void *arg, const Field *field, DbValue *out)
{
    if (!str_eq(field->name, S("author"))) return false;
    *out = DB_VALUE_TEXT(str_from(arg));
    return true;
}

static void owner_is_known_from_the_row(void **state)
{
    QueryFixture *t = *state;
    RequestInfo info = query_request(t, &(QueryCase){.caller = AS_ANN});
    Filter *rule;
    check_ok("parse", filter_parse(t->arena, S("author = @request.auth.id"), &rule));
    static const struct {
        const char *author;
        EvalResult verdict;
    } ROWS[] = {{"u1", EVAL_TRUE}, {"u2", EVAL_FALSE}, {"", EVAL_FALSE}};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        char author[4] = "";
        memcpy(author, ROWS[i].author, strlen(ROWS[i].author));
        check_int(author,
                  filter_eval(rule, t->arena, t->schema, query_collection(t, "posts"), &info,
                              row_value, author),
                  ROWS[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(worked_examples),
        test_with_query(request_parts),
        test_with_query(asks_for_headers_by_need),
        test_with_query(takes_what_is_given),
        test_with_query(create_rules),
        test_with_query(compiles_with_the_schema),
        test_with_query(checks_rules),
        test_with_query(knows_before_any_row),
        test_with_query(owner_is_known_from_the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
