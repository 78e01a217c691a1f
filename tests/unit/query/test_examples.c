/* test_examples.c - every worked example of api: filters §10, on real rows. The
 * numbers are those of the page. */
#include "query/query_testing.h"

#define ALL "p1 p2 p3"

// clang-format off: its aligning of tables fails on comments between rows
static const struct {
    const char *name, *filter, *ids;
} CLIENT[] = {
    {"1",                                      "title = \"Hello\"",                                                "p1"   },
    {"2",                                      "title:lower = \"hello\"",                                          "p1"   },
    {"3",                                      "title ~ \"hello\"",                                                "p1 p2"},
    {"4",                                      "title ~ \"hello%\"",                                               "p1 p2"},
    {"5",                                      "title ~ \"%world\"",                                               "p2"   },
    {"6",                                      "title ~ \"100%\"",                                                 "p3"   },
    {"7",                                      "title ~ \"0\\%\"",                                                 "p3"   },
    {"8",                                      "title ~ \"H_llo\"",                                                ""     },
    {"9",                                      "title ~ \"%H_llo%\"",                                              "p1 p2"},
    {"10",                                     "title !~ \"hello\"",                                               "p3"   },
    {"11",                                     "\"hello\" ~ title",                                                "p1"   },
    {"12",                                     "views = 0",                                                        "p2"   },
    {"13",                                     "views = \"\"",                                                     ""     },
    {"13 null",                                "views = null",                                                     ""     },
    {"14",                                     "views != null",                                                    ALL    },
    {"15",                                     "views > 4 && views <= 20",                                         "p1 p3"},
    {"16",                                     "views = \"5\"",                                                    "p1"   },
    {"17",                                     "active = true",                                                    "p1 p3"},
    {"17 number",                              "active = 1",                                                       "p1 p3"},
    {"18",                                     "active != true",                                                   "p2"   },
    {"19",                                     "active = \"true\"",                                                ""     },
    {"20",                                     "published = \"\"",                                                 "p2"   },
    {"20 null",                                "published = null",                                                 "p2"   },
    {"20 NULL",                                "published = NULL",                                                 "p2"   },
    {"21",                                     "published != \"\"",                                                "p1 p3"},
    {"22",                                     "published > \"2024-03\"",                                          "p3"   },
    {"23",                                     "published >= \"2024-01-01T00:00:00Z\"",                            "p3"   },
    {"24",                                     "published < @now",                                                 ALL    },
    {"25",                                     "published != \"\" && published < @now",                            "p1 p3"},
    {"26",                                     "strftime(\"%Y\", published) = \"2024\"",                           "p1 p3"},
    {"27",                                     "strftime(\"%Y\", published) = \"\"",                               "p2"   },
    {"28",                                     "kind = \"\"",                                                      "p2"   },
    {"29",                                     "views = 0 || active = true && kind = \"news\"",                    "p1 p2"},
    {"30",                                     "(views = 0 || active = true) && kind = \"news\"",                  "p1"   },
    {"31",                                     "author = \"u1\"",                                                  "p1"   },
    {"31 id",                                  "author.id = \"u1\"",                                               "p1"   },
    {"32",                                     "author.name = \"Ann\"",                                            "p1"   },
    {"33",                                     "author.name != \"Ann\"",                                           "p2 p3"},
    {"34",                                     "author.org.title = \"Beta\"",                                      "p3"   },
    {"35",                                     "author:length = 0",                                                "p2"   },
    {"36",                                     "tags = \"b\"",                                                     ""     },
    {"37",                                     "tags = '[\"b\"]'",                                                 "p3"   },
    {"38",                                     "tags ~ \"b\"",                                                     "p1 p3"},
    {"39",                                     "tags:each = \"b\"",                                                "p3"   },
    {"40",                                     "tags:each ?= \"b\"",                                               "p1 p3"},
    {"41",                                     "tags:each != \"a\"",                                               "p2 p3"},
    {"42",                                     "tags:each ?!= \"a\"",                                              ALL    },
    {"43",                                     "tags:each !~ \"a\"",                                               "p3"   },
    {"44",                                     "tags:length = 2",                                                  "p1"   },
    {"45",                                     "tags:length = 0",                                                  "p2"   },
    {"46",                                     "editors = \"u2\"",                                                 ""     },
    {"47",                                     "editors.id ?= \"u2\"",                                             "p1 p3"},
    {"48",                                     "editors.name = \"Bob\"",                                           "p3"   },
    {"49",                                     "editors.name ?= \"Bob\"",                                          "p1 p3"},
    {"50",                                     "editors.name != \"Ann\"",                                          "p2 p3"},
    {"51",                                     "editors.name ?!= \"Ann\"",                                         ALL    },
    {"52",                                     "editors.name > \"A\"",                                             "p1 p3"},
    {"53",                                     "editors.org.title ?= \"Acme\"",                                    "p1"   },
    {"54",                                     "comments_via_post.stars = 5",                                      "p3"   },
    {"55",                                     "comments_via_post.stars ?= 5",                                     "p1 p3"},
    {"56",                                     "comments_via_post.id = \"\"",                                      "p2"   },
    {"57",                                     "comments_via_post.id != \"\"",                                     "p1 p3"},
    {"58",                                     "comments_via_post.stars ?= 1 && comments_via_post.body ?= \"ok\"", ""     },
    {"59",                                     "comments_via_post.stars ?= 5 && comments_via_post.body ?= \"ok\"", "p1"   },
    {"60",                                     "author.name = editors.name",                                       "p2 p3"},
    {"61",                                     "author.name ?= editors.name",                                      ALL    },
    {"62",                                     "data.x.y = 1",                                                     "p1"   },
    {"63",                                     "data.x.y = \"1\"",                                                 ""     },
    {"64",                                     "data.list.1 = 20",                                                 "p1"   },
    {"65",                                     "data = \"str\"",                                                   "p3"   },
    {"66",                                     "data = null",                                                      "p2"   },
    {"67",                                     "data = \"\"",                                                      ""     },
    {"68",                                     "data.x = null",                                                    "p2 p3"},
    {"69",                                     "data.x.y != 1",                                                    "p2 p3"},
    {"70",                                     "loc.lat > 40",                                                     "p1"   },
    {"71",                                     "geoDistance(loc.lon, loc.lat, 23.32, 42.69) < 25",                 "p1"   },
    {"72",                                     "id = \"p1\" // first\n|| id = \"p2\"",                             "p1 p2"},
    {"73",                                     "1 = 1",                                                            ALL    },
    {"74",                                     "null = \"\"",                                                      ALL    },
 /* beyond the page */
    {"many and many",                          "editors.org = comments_via_post.body",                             "p2"   },
    {"a value against a path",                 "\"Bob\" = editors.name",                                           "p3"   },
    {"back over a list",                       "covers_via_posts.label ?= \"one\"",                                "p1 p3"},
    {"back over a list, all",                  "covers_via_posts.label = \"one\"",                                 "p1"   },
    {"back over a unique index is one row",    "covers_via_main.label = \"one\"",                                  "p1"   },
    {"strftime over many, all",                "strftime(\"%Y\", comments_via_post.post.published) = \"2024\"",
     "p1 p3"                                                                                                              },
    {"length of a joined row that is missing", "author.org:length = 0",                                            "p2"   },
    {"lower on both sides",                    "title:lower = \"HELLO\"",                                          ""     },
    {"a dangling column",                      "docs:length = 0",                                                  ALL    },
    {"signs without blanks",                   "views>=5&&views<=5||views=20",                                     "p1 p3"},
    {"negative number",                        "views > -1",                                                       ALL    },
    {"brackets that do nothing",               "((((views = 5))))",                                                "p1"   },
    {"a number is text for ~",                 "title ~ 100",                                                      "p3"   },
    {"~ null matches nothing",                 "title ~ null || title !~ null",                                    ""     },
    {"empty ~ matches all",                    "title ~ \"\"",                                                     ALL    },
    {"json with a comparison",                 "data.x.y >= 1",                                                    "p1"   },
    {"column against column",                  "title = role",                                                     ""     },
    {"empty columns are equal",                "kind = role",                                                      "p2"   },
    {"and not equal",                          "kind != role",                                                     "p1 p3"},
    {"functions compare",                      "strftime('%Y-%m', published) > '2024-02'",                         "p3"   },
    {"an empty list has no items",             "editors:each = \"\"",                                              "p2"   },
    {"macros are numbers",                     "@year > 2000 && @month < 13 && @weekday <= 6",                     ALL    },
    {"escapes",                                "title = \"Hel\\u006co\"",                                          "p1"   },
};
// clang-format on

static void clients_filters_find(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(CLIENT); i++) {
        Arena *a = arena_create("row", 8 << 20);
        for (int super = 0; super < 2; super++) {
            Question q = {.info = test_request(t, a, super ? "super" : NULL, NULL),
                          .collection = schema_find(schema_hold(t->store, a), S("posts")),
                          .filter = str_from(CLIENT[i].filter)};
            check_ok(CLIENT[i].name, ask(t, a, &q));
            check_str(CLIENT[i].name, sorted_words(a, q.ids), CLIENT[i].ids);
        }
        arena_destroy(a);
    }
}

// clang-format off: its aligning of tables fails on comments between rows
static const struct {
    const char *name, *rule, *auth, *body, *ids;
} RULES[] = {
    {"75",                                      "@request.auth.id != \"\"",                                                              "u1", NULL,                               ALL    },
    {"75 guest",                                "@request.auth.id != \"\"",                                                              NULL, NULL,                               ""     },
    {"76",                                      "@request.auth.id = \"\"",                                                               NULL, NULL,                               ALL    },
    {"76 signed in",                            "@request.auth.id = \"\"",                                                               "u1", NULL,                               ""     },
    {"77",                                      "author = @request.auth.id",                                                             "u1", NULL,                               "p1"   },
    {"77 guest",                                "author = @request.auth.id",                                                             NULL, NULL,                               "p2"   },
    {"78",                                      "@request.auth.collectionName = \"users\" && @request.auth.verified = true",             "u1", NULL,
     ALL                                                                                                                                                                                  },
    {"78 unverified",                           "@request.auth.collectionName = \"users\" && @request.auth.verified = true",
     "u2",                                                                                                                                     NULL,                               ""     },
    {"79",                                      "@request.auth.org.title = \"Acme\"",                                                    "u1", NULL,                               ALL    },
    {"79 other",                                "@request.auth.org.title = \"Acme\"",                                                    "u2", NULL,                               ""     },
    {"79 guest",                                "@request.auth.org.title = \"Acme\"",                                                    NULL, NULL,                               ""     },
    {"80",                                      "editors.id ?= @request.auth.id",                                                        "u2", NULL,                               "p1 p3"},
    {"81",                                      "editors.id = @request.auth.id",                                                         "u2", NULL,                               "p3"   },
    {"82",                                      "@request.body.role:isset = false",                                                      NULL, "{\"title\":\"x\"}",                ALL    },
    {"82 sent",                                 "@request.body.role:isset = false",                                                      NULL, "{\"role\":null}",                  ""     },
    {"83 absent",                               "@request.body.role:changed = false",                                                    NULL, "{}",                               ALL    },
    {"83 equal",                                "@request.body.role:changed = false",                                                    NULL, "{\"role\":\"admin\"}",             "p1"   },
    {"83 empty",                                "@request.body.role:changed = false",                                                    NULL, "{\"role\":\"\"}",                  "p2"   },
    {"83 true",                                 "@request.body.role:changed = true",                                                     NULL, "{\"role\":\"admin\"}",             "p2 p3"},
    {"83 json",                                 "@request.body.data:changed = false",                                                    NULL, "{\"data\":\"str\"}",               "p3"   },
    {"83 json null",                            "@request.body.data:changed = false",                                                    NULL, "{\"data\":null}",                  "p2"   },
    {"83 list",                                 "@request.body.tags:changed = false",                                                    NULL, "{\"tags\":[\"a\",\"b\"]}",         "p1"   },
    {"83 number",                               "@request.body.views:changed = false",                                                   NULL, "{\"views\":20}",                   "p3"   },
    {"84",                                      "@request.body.tags:length <= 2",                                                        NULL, "{\"tags\":[\"a\",\"b\"]}",         ALL    },
    {"84 three",                                "@request.body.tags:length <= 2",                                                        NULL, "{\"tags\":[\"a\",\"b\",\"bc\"]}",  ""     },
    {"84 one text",                             "@request.body.kind:length = 1",                                                         NULL, "{\"kind\":\"\"}",                  ALL    },
    {"85",                                      "@request.body.tags:each ~ \"b%\"",                                                      NULL, "{\"tags\":[\"b\",\"bc\"]}",        ALL    },
    {"85 one fails",                            "@request.body.tags:each ~ \"b%\"",                                                      NULL, "{\"tags\":[\"b\",\"a\"]}",         ""     },
    {"85 any",                                  "@request.body.tags:each ?~ \"b%\"",                                                     NULL, "{\"tags\":[\"b\",\"a\"]}",         ALL    },
    {"85 empty",                                "@request.body.tags:each ~ \"b%\"",                                                      NULL, "{\"tags\":[]}",                    ""     },
    {"86",                                      "@request.body.tags:length = 0 || @request.body.tags:each ~ \"b%\"",                     NULL,
     "{\"tags\":[]}",                                                                                                                                                              ALL    },
    {"87",                                      "@request.body.author.org = @request.auth.org",                                          "u1", "{\"author\":\"u1\"}",              ALL    },
    {"87 other",                                "@request.body.author.org = @request.auth.org",                                          "u1", "{\"author\":\"u2\"}",              ""     },
    {"87 several",                              "@request.body.editors.org ?= @request.auth.org",                                        "u1",
     "{\"editors\":[\"u1\",\"u2\"]}",                                                                                                                                              ALL    },
    {"87 all",                                  "@request.body.editors.org = @request.auth.org",                                         "u1",
     "{\"editors\":[\"u1\",\"u2\"]}",                                                                                                                                              ""     },
    {"87 all of one",                           "@request.body.editors.org = @request.auth.org",                                         "u1",
     "{\"editors\":[\"u1\"]}",                                                                                                                                                     ALL    },
    {"88",                                      "@request.headers.x_api_key = \"k\"",                                                    NULL, NULL,                               ALL    },
    {"88 other",                                "@request.headers.x_api_key = \"K\"",                                                    NULL, NULL,                               ""     },
    {"88 lower",                                "@request.headers.x_upper:lower = \"abc\"",                                              NULL, NULL,                               ALL    },
    {"88 isset",                                "@request.headers.x_none:isset = true",                                                  NULL, NULL,                               ""     },
    {"89",                                      "@request.query.token = role",                                                           NULL, NULL,                               "p1"   },
    {"89 missing",                              "@request.query.none = role",                                                            NULL, NULL,                               "p2"   },
    {"90",                                      "@request.method = \"GET\" && @request.context != \"realtime\"",                         NULL, NULL,                               ALL    },
    {"91",                                      "@collection.bans.user ?!= @request.auth.id",                                            "u2", NULL,                               ""     },
    {"91 not banned",                           "@collection.bans.user ?!= @request.auth.id",                                            "u1", NULL,                               ALL    },
    {"92",                                      "@collection.bans.user != @request.auth.id",                                             "u1", NULL,                               ALL    },
    {"92 banned",                               "@collection.bans.user != @request.auth.id",                                             "u2", NULL,                               ""     },
    {"92 guest",                                "@collection.bans.user != @request.auth.id",                                             NULL, NULL,                               ALL    },
    {"93",                                      "@collection.members.user ?= @request.auth.id && @collection.members.org ?= author.org",
     "u1",                                                                                                                                     NULL,                               "p1"   },
    {"93 no membership",
     "@collection.members.user ?= @request.auth.id && @collection.members.org ?= author.org",                                            "u3",
     NULL,                                                                                                                                                                         ""     },
    {"94",                                      "@collection.members:a.user ?= \"u1\" && @collection.members:b.user ?= \"u2\"",          NULL,
     NULL,                                                                                                                                                                         ALL    },
    {"94 one row cannot",
     "@collection.members.user ?= \"u1\" && @collection.members.user ?= \"u2\"",                                                         NULL, NULL,                               ""     },
    {"95",                                      "published >= @todayStart && published <= @todayEnd",                                    NULL, NULL,                               "p1"   },
    {"96",                                      "@request.body.docs.0.size < 1000",                                                      NULL,
     "{\"docs\":[{\"name\":\"a\",\"originalName\":\"a\",\"size\":12}]}",                                                                                                           ALL    },
    {"96 large",                                "@request.body.docs.0.size < 1000",                                                      NULL, "{\"docs\":[{\"size\":1200}]}",     ""     },
    {"96 none",                                 "@request.body.docs.0.size < 1000",                                                      NULL, "{}",                               ""     },
 /* beyond the page */
    {"unknown below @request is null",
     "@request.auth.foo.bar = null && @request.foo = null && "
     "@request.body.x.y = null && @request.auth.org.nothing = \"\" && @request.auth.x_via_y.z = ''",                                     "u1", NULL,                               ALL    },
    {"the caller's own row, hidden fields too", "@request.auth.secret = \"x\"",                                                          "u1", NULL,                               ALL    },
    {"back from the caller",                    "@request.auth.posts_via_author.title ?= title",                                         "u1", NULL,                               "p1"   },
    {"a path in submitted json",                "@request.body.data.x.0 = 7",                                                            NULL, "{\"data\":{\"x\":[7]}}",           ALL    },
    {"a point",                                 "@request.body.loc.lat > 40",                                                            NULL, "{\"loc\":{\"lat\":42,\"lon\":1}}", ALL    },
    {"a submitted list is its text",            "@request.body.tags = '[\"a\",\"b\"]'",                                                  NULL,
     "{\"tags\":[\"a\",\"b\"]}",                                                                                                                                                   ALL    },
    {"and so the column",                       "tags = @request.body.tags",                                                             NULL, "{\"tags\":[\"a\",\"b\"]}",         "p1"   },
    {"number from a text",                      "views = @request.body.views",                                                           NULL, "{\"views\":\"20\"}",               "p3"   },
    {"each of one",                             "@request.body.kind:each = \"news\"",                                                    NULL, "{\"kind\":\"news\"}",              ALL    },
    {"lower of a number",                       "@request.body.views:lower ~ \"5\"",                                                     NULL, "{\"views\":5}",                    ALL    },
    {"numbers and texts differ",                "@request.body.views = \"5\"",                                                           NULL, "{\"views\":5}",                    ""     },
    {"order of kinds",                          "5 < \"3\"",                                                                             NULL, NULL,                               ALL    },
    {"null is in no order",                     "@request.query.none < 3 || @request.query.none >= 3",                                   NULL, NULL,                               ""     },
    {"folding keeps the rest",                  "(@request.auth.id = \"\" || views = 5) && views > 1",                                   "u1", NULL,
     "p1"                                                                                                                                                                                 },
    {"folding, guest",                          "(@request.auth.id = \"\" || views = 5) && views > 1",                                   NULL, NULL,                               "p1 p3"},
    {"hidden fields are for rules",             "note = \"n1\"",                                                                         NULL, NULL,                               "p1"   },
    {"collection by id",                        "@collection.orgs00000000000.title ?= \"Acme\"",                                         NULL, NULL,                               ALL    },
    {"the same collection",                     "@collection.posts.title ?= title && @collection.posts.views ?= 5",
     NULL,                                                                                                                                     NULL,                               "p1"   },
};
// clang-format on

/* 2024-01-01 08:00:00, so that #95 has a today. */
#define TEST_NOW_MS INT64_C(1704096000000)

static void lazily(void *arg, Arena *a, Json **query, Json **headers)
{
    (*(int *)arg)++;
    *query = test_json(a, "{\"token\":\"admin\"}");
    *headers = test_json(a, "{\"x_api_key\":\"k\",\"x_upper\":\"ABC\"}");
}

static void rules_pass(void **state)
{
    TestSchema *t = *state;
    for (size_t i = 0; i < COUNT(RULES); i++) {
        Arena *a = arena_create("row", 8 << 20);
        int asked = 0;
        RequestInfo info = *test_request(t, a, RULES[i].auth, RULES[i].body);
        info.now_ms = TEST_NOW_MS;
        info.lazy = lazily;
        info.lazy_arg = &asked;
        const Schema *schema = schema_hold(t->store, a);
        Question q = {.info = &info,
                      .collection = schema_find(schema, S("posts")),
                      .rule = test_filter(a, RULES[i].rule)};
        check_ok(RULES[i].name, ask(t, a, &q));
        check_str(RULES[i].name, sorted_words(a, q.ids), RULES[i].ids);
        bool needed = strstr(RULES[i].rule, "request.query") || strstr(RULES[i].rule, "headers");
        check_bool(RULES[i].name, asked > 0, needed); /* again when a slow read is run again */

        EvalResult verdict = filter_eval(q.rule, a, schema, q.collection, &info, NULL, NULL);
        if (verdict == EVAL_TRUE) check_str(RULES[i].name, sorted_words(a, q.ids), ALL);
        if (verdict == EVAL_FALSE) check_str(RULES[i].name, q.ids, "");
        check_ok(RULES[i].name,
                 rule_check(a, &sqlite_dialect, schema, q.collection, str_from(RULES[i].rule)));
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(clients_filters_find),
                                       cmocka_unit_test(rules_pass)};
    return cmocka_run_group_tests(tests, query_setup, schema_teardown);
}
