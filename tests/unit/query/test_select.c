/* test_select.c - the statements themselves: how little SQL the usual requests
 * need, and that the trees of clients' filters are kept within their bounds. */
#include "query_fixture.h"

#include <pthread.h>

static Select *posts_select(QueryFixture *t, const RequestInfo *info)
{
    return select_new(t->arena, &sqlite_dialect, t->schema, query_collection(t, "posts"), info);
}

static const Str ID = STR_INIT("id");
static const Str TITLE = STR_INIT("title");

static const struct {
    const char *name, *rule, *filter, *sort, *sql;
} TEXTS[] = {
    {"all", "", "", "", "SELECT \"t\".\"id\" FROM \"posts\" \"t\""},
    {"rule of the request", "@request.auth.id != ''", "", "",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\""},
    {"owner", "author = @request.auth.id", "", "",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" WHERE \"t\".\"author\" = ?1"},
    {"rule that fails", "@request.auth.id = ''", "views = 1", "-views",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" WHERE 1 = 0"},
    {"owner or nobody's request", "@request.auth.id = '' || author = @request.auth.id", "", "",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" WHERE (\"t\".\"author\" = ?1)"},
    {"filter and sort", "@request.auth.id != ''", "views > 4 && kind = 'news'", "-published,id",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" WHERE \"t\".\"views\" > ?1 AND \"t\".\"kind\" = ?2 "
     "ORDER BY \"t\".\"published\" DESC, \"t\".\"id\" ASC"},
    {"relation's id", "", "author.id = 'u1'", "",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" WHERE \"t\".\"author\" = ?1"},
    {"single relation repeats nothing", "author.name = 'Ann'", "", "",
     "SELECT \"t\".\"id\" FROM \"posts\" \"t\" LEFT JOIN \"users\" \"j1\" ON \"j1\".\"id\" = "
     "\"t\".\"author\" WHERE \"j1\".\"name\" = ?1"},
    {"back-relation, any", "", "comments_via_post.stars ?> 1", "",
     "SELECT DISTINCT \"t\".\"id\" FROM \"posts\" \"t\" LEFT JOIN \"comments\" \"j1\" ON "
     "\"j1\".\"post\" = \"t\".\"id\" WHERE \"j1\".\"stars\" > ?1"},
};

static void says_no_more_than_needed(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        QueryCase ask = {.caller = AS_ANN};
        RequestInfo info = query_request(t, &ask);
        Filter *rule = NULL;
        if (*TEXTS[i].rule)
            check_ok("parse", filter_parse(t->arena, str_from(TEXTS[i].rule), &rule));
        Select *q = posts_select(t, &info);
        check_ok(TEXTS[i].name, select_where_rule(q, rule));
        check_ok(TEXTS[i].name, select_where_client(q, str_from(TEXTS[i].filter)));
        check_ok(TEXTS[i].name, select_sort_client(q, str_from(TEXTS[i].sort)));
        check_str(TEXTS[i].name, select_rows_sql(q, &ID, 1, -1, 0), TEXTS[i].sql);
    }
}

static void counts_without_what_sorts(void **state)
{
    QueryFixture *t = *state;
    Select *q = posts_select(t, NULL);
    check_ok("sort", select_sort_client(q, S("author.name")));
    check_ok("id", select_where_id(q, S("p1")));
    check_str("count", select_count_sql(q),
              "SELECT COUNT(*) FROM \"posts\" \"t\" WHERE \"t\".\"id\" = ?1");
    check_str("exists", select_exists_sql(q),
              "SELECT 1 FROM \"posts\" \"t\" WHERE \"t\".\"id\" = ?1 LIMIT 1");
    check_str("page", select_rows_sql(q, &TITLE, 1, 30, 60),
              "SELECT \"t\".\"title\" FROM \"posts\" \"t\" LEFT JOIN \"users\" \"j1\" ON "
              "\"j1\".\"id\" = \"t\".\"author\" WHERE \"t\".\"id\" = ?1 ORDER BY \"j1\".\"name\" "
              "ASC LIMIT 30 OFFSET 60");
}

static void keeps_equal_rows_apart(void **state)
{
    QueryFixture *t = *state;
    Select *q = posts_select(t, NULL);
    check_ok("filter", select_where_client(q, S("tags:each ?= 'b'")));
    Str sql = select_rows_sql(q, &TITLE, 1, -1, 0);
    check_bool("by id", str_ends(sql, S(" GROUP BY \"t\".\"id\"")), true);
    check_bool("not by title", str_starts(sql, S("SELECT \"t\"")), true);
}

/* Few texts for any number of ids, so that prepared statements are found again. */
static void pads_ids(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        size_t count;
        const char *tail;
    } CASES[] = {
        {1, " = ?1"}, {2, " IN (?1,?2)"}, {3, " IN (?1,?2,?3,?4)"}, {4, " IN (?1,?2,?3,?4)"}};
    Str *ids = arena_new(t->arena, Str, 300);
    for (size_t i = 0; i < 300; i++)
        ids[i] = S("p1");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Select *q = posts_select(t, NULL);
        check_ok("ids", select_where_ids(q, ids, CASES[i].count));
        check_bool(CASES[i].tail, str_ends(select_count_sql(q), str_from(CASES[i].tail)), true);
    }
    Select *q = posts_select(t, NULL);
    check_ok("none", select_where_ids(q, ids, 0));
    check_bool("none", select_is_never(q), true);
    q = posts_select(t, NULL);
    check_ok("many", select_where_ids(q, ids, 300));
    check_bool("many", str_find(select_count_sql(q), S("?2")) < 0, true);
}

/* ---- the cache of clients' filters ---- */

typedef struct {
    QueryFixture *t;
    Arena *arena;
    int first, failures;
} Client;

/* More filters than are kept, each twice, some of them large; values must
 * outlive the tree they came from. */
static void *ask_many(void *arg)
{
    Client *c = arg;
    const Collection *posts = query_collection(c->t, "posts");
    for (int i = c->first; i < c->first + 600; i++) {
        Str filter = str_printf(c->arena, "title = 'value %d' || kind = \"%*d\"", i,
                                i % 50 == 0 ? 3000 : 4, i);
        for (int twice = 0; twice < 2; twice++) {
            Select *q = select_new(c->arena, &sqlite_dialect, c->t->schema, posts, NULL);
            if (select_where_client(q, filter)) c->failures++;
            if (select_where_client(q, S("title ="))) continue;
            c->failures++;
        }
    }
    return NULL;
}

static void is_bounded_and_for_each_thread(void **state)
{
    QueryFixture *t = *state;
    enum { THREADS = 3 };
    Client clients[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (Client){t, arena_create("client", 64 << 20), i * 300, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, &clients[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        check_int("failures", clients[i].failures, 0);
        arena_destroy(clients[i].arena);
    }
}

typedef struct {
    QueryFixture *t;
    Str found;
} Kept;

static Error *bind_late(Tx *tx, void *arg)
{
    Kept *k = arg;
    Stmt *stmt;
    bool row;
    Select *q = posts_select(k->t, NULL);
    Error *err = select_where_client(q, S("title = 'hello world'"));
    if (err) return err;
    Client others = {k->t, k->t->arena, 5000, 0};
    ask_many(&others); /* drives the tree out */
    err = tx_prepare(tx, select_rows_sql(q, &ID, 1, -1, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = stmt_step(stmt, &row);
    if (err) return err;
    k->found = row ? arena_copy(k->t->arena, stmt_str(stmt, 0)) : S("(none)");
    return NULL;
}

static void values_outlive_their_tree(void **state)
{
    Kept k = {.t = *state};
    check_ok("late", db_read_slow(k.t->base->db->db, k.t->arena, 20000, bind_late, &k));
    check_str("late", k.found, "p2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(says_no_more_than_needed),       test_with_query(counts_without_what_sorts),
        test_with_query(keeps_equal_rows_apart),         test_with_query(pads_ids),
        test_with_query(is_bounded_and_for_each_thread), test_with_query(values_outlive_their_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
