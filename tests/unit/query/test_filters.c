/* test_filters.c - the worked examples #1-#74 of api: filters §10, and what §1-§8
 * say beside them. */
#include "query_fixture.h"

typedef struct {
    const char *name, *filter, *ids;
} FilterRow;

static const FilterRow EXAMPLES[] = {
    {"1", "title = \"Hello\"", "p1"},
    {"2", "title:lower = \"hello\"", "p1"},
    {"3", "title ~ \"hello\"", "p1 p2"},
    {"4", "title ~ \"hello%\"", "p1 p2"},
    {"5", "title ~ \"%world\"", "p2"},
    {"6", "title ~ \"100%\"", "p3"},
    {"7", "title ~ \"0\\%\"", "p3"},
    {"8", "title ~ \"H_llo\"", ""},
    {"9", "title ~ \"%H_llo%\"", "p1 p2"},
    {"10", "title !~ \"hello\"", "p3"},
    {"11", "\"hello\" ~ title", "p1"},
    {"12", "views = 0", "p2"},
    {"13", "views = \"\"", ""},
    {"13 null", "views = null", ""},
    {"14", "views != null", "p1 p2 p3"},
    {"15", "views > 4 && views <= 20", "p1 p3"},
    {"16", "views = \"5\"", "p1"},
    {"17", "active = true", "p1 p3"},
    {"17 number", "active = 1", "p1 p3"},
    {"18", "active != true", "p2"},
    {"19", "active = \"true\"", ""},
    {"20", "published = \"\"", "p2"},
    {"20 null", "published = null", "p2"},
    {"20 NULL", "published = NULL", "p2"},
    {"21", "published != \"\"", "p1 p3"},
    {"22", "published > \"2024-03\"", "p3"},
    {"23", "published >= \"2024-01-01T00:00:00Z\"", "p3"},
    {"24", "published < @now", "p1 p2 p3"},
    {"25", "published != \"\" && published < @now", "p1 p3"},
    {"26", "strftime(\"%Y\", published) = \"2024\"", "p1 p3"},
    {"27", "strftime(\"%Y\", published) = \"\"", "p2"},
    {"28", "kind = \"\"", "p2"},
    {"29", "views = 0 || active = true && kind = \"news\"", "p1 p2"},
    {"30", "(views = 0 || active = true) && kind = \"news\"", "p1"},
    {"31", "author = \"u1\"", "p1"},
    {"31 id", "author.id = \"u1\"", "p1"},
    {"32", "author.name = \"Ann\"", "p1"},
    {"33", "author.name != \"Ann\"", "p2 p3"},
    {"34", "author.org.title = \"Beta\"", "p3"},
    {"35", "author:length = 0", "p2"},
    {"36", "tags = \"b\"", ""},
    {"37", "tags = '[\"b\"]'", "p3"},
    {"38", "tags ~ \"b\"", "p1 p3"},
    {"39", "tags:each = \"b\"", "p3"},
    {"40", "tags:each ?= \"b\"", "p1 p3"},
    {"41", "tags:each != \"a\"", "p2 p3"},
    {"42", "tags:each ?!= \"a\"", "p1 p2 p3"},
    {"43", "tags:each !~ \"a\"", "p3"},
    {"44", "tags:length = 2", "p1"},
    {"45", "tags:length = 0", "p2"},
    {"46", "editors = \"u2\"", ""},
    {"47", "editors.id ?= \"u2\"", "p1 p3"},
    {"48", "editors.name = \"Bob\"", "p3"},
    {"49", "editors.name ?= \"Bob\"", "p1 p3"},
    {"50", "editors.name != \"Ann\"", "p2 p3"},
    {"51", "editors.name ?!= \"Ann\"", "p1 p2 p3"},
    {"52", "editors.name > \"A\"", "p1 p3"},
    {"53", "editors.org.title ?= \"Acme\"", "p1"},
    {"54", "comments_via_post.stars = 5", "p3"},
    {"55", "comments_via_post.stars ?= 5", "p1 p3"},
    {"56", "comments_via_post.id = \"\"", "p2"},
    {"57", "comments_via_post.id != \"\"", "p1 p3"},
    {"58", "comments_via_post.stars ?= 1 && comments_via_post.body ?= \"ok\"", ""},
    {"59", "comments_via_post.stars ?= 5 && comments_via_post.body ?= \"ok\"", "p1"},
    {"60", "author.name = editors.name", "p2 p3"},
    {"61", "author.name ?= editors.name", "p1 p2 p3"},
    {"62", "data.x.y = 1", "p1"},
    {"63", "data.x.y = \"1\"", ""},
    {"64", "data.list.1 = 20", "p1"},
    {"65", "data = \"str\"", "p3"},
    {"66", "data = null", "p2"},
    {"67", "data = \"\"", ""},
    {"68", "data.x = null", "p2 p3"},
    {"69", "data.x.y != 1", "p2 p3"},
    {"70", "loc.lat > 40", "p1"},
    {"71", "geoDistance(loc.lon, loc.lat, 23.32, 42.69) < 25", "p1"},
    {"72", "id = \"p1\" // first\n|| id = \"p2\"", "p1 p2"},
    {"73", "1 = 1", "p1 p2 p3"},
    {"74", "null = \"\"", "p1 p2 p3"},
};

/* As a guest every collection on the way has listRule "", so nothing changes. */
static void worked_examples(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(EXAMPLES); i++) {
        const FilterRow *row = &EXAMPLES[i];
        check_str(row->name, query_ids(t, &(QueryCase){.filter = row->filter, .caller = AS_ROOT}),
                  row->ids);
        check_str(row->name, query_ids(t, &(QueryCase){.filter = row->filter}), row->ids);
        check_str(row->name, query_ids(t, &(QueryCase){.rule = row->filter}), row->ids);
        check_str(row->name, query_matching_rows(t, &(QueryCase){.rule = row->filter}), row->ids);
    }
}

/* ---- the grammar ---- */

static const FilterRow GRAMMAR[] = {
    {"no blanks", "views>4&&views<=20", "p1 p3"},
    {"all blanks", " \t\r\nviews\t>\n4 ", "p1 p3"},
    {"comment at the end", "views = 0 // x", "p2"},
    {"comment inside a text is text", "title = \"// x\"", ""},
    {"comment first", "// x\nviews = 0", "p2"},
    {"single quotes", "title = 'Hello'", "p1"},
    {"other quote inside", "title = 'a\"b' || views = 5", "p1"},
    {"escaped quote", "title = 'a\\'b' || views = 5", "p1"},
    {"escaped letter", "title = \"\\u0048ello\"", "p1"},
    {"newline in a text", "title = 'a\nb' || views = 5", "p1"},
    {"value first", "5 > views", "p2"},
    {"value first, any", "'u2' ?= editors.id", "p1 p3"},
    {"two values", "\"a\" = \"b\"", ""},
    {"negative number", "views > -1", "p1 p2 p3"},
    {"fraction", "views > 4.5", "p1 p3"},
    {"false", "active = false", "p2"},
    {"any case", "active = True && active != FALSE", "p1 p3"},
    {"brackets in brackets", "((views = 0) || ((views = 5)))", "p1 p2"},
    {"and, or, and", "views = 5 && active = true || views = 0 && active = false", "p1 p2"},
    {"or, and, or", "views = 5 || views = 0 && active = true || views = 20", "p1 p3"},
    {"trailing comma", "strftime(\"%Y\", published,) = \"2024\"", "p1 p3"},
    {"modifiers of a time", "strftime('%Y', published, '+1 year') = '2025'", "p1 p3"},
    {"function on the right", "'2024' = strftime('%Y', published)", "p1 p3"},
    {"empty list of a filter", "", "p1 p2 p3"},
};

static void grammar(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(GRAMMAR); i++)
        check_str(GRAMMAR[i].name, query_ids(t, &(QueryCase){.filter = GRAMMAR[i].filter}),
                  GRAMMAR[i].ids);
}

/* ---- comparing (§6) ---- */

static const FilterRow COMPARING[] = {
    {"number on a text column is a float", "title = 100", ""},
    {"number as text", "views = '20'", "p3"},
    {"column and column", "title = code", ""},
    {"empty column and empty column", "kind = code", "p2"},
    {"column differs", "kind != code", "p1 p3"},
    {"missing related row and empty column", "author.name = code", "p2"},
    {"order with a missing row", "author.name > ''", "p1 p3"},
    {"less with an empty text", "published < '2024'", "p2"},
    {"order of two columns", "code > role", "p1 p3"},
    {"null has no order", "views > null", ""},
    {"null has no order 2", "views <= null", ""},
    {"null is like nothing", "title ~ null", ""},
    {"null is unlike nothing", "title !~ null", ""},
    {"like the empty text", "title ~ ''", "p1 p2 p3"},
    {"like a number", "views ~ 2", "p3"},
    {"missing row unlike", "author.name !~ 'Ann'", "p3"},
    {"like a column", "title ~ kind", "p2"},
    {"json null as a word", "data != null", "p1 p3"},
    {"json text", "data != 'str'", "p1 p2"},
    {"json number against number", "data.list.0 = 10", "p1"},
    {"json number against text", "data.list.0 = '10'", ""},
    {"json order", "data.list.0 >= 10", "p1"},
    {"json like", "data.list ~ '10'", "p1"},
    {"json behind a hop", "comments_via_post.post.data.x.y ?= 1", "p1"},
    {"json path of geo", "loc.lon = 23.3", "p1"},
    {"json with no such key", "data.x.z = ''", ""},
    {"json with no such key 2", "data.x.z = null", "p1 p2 p3"},
    {"index out of range", "data.list.9 = null", "p1 p2 p3"},
    {"distance of nothing", "geoDistance(loc.lon, data.nope, 1, 2) < 100000", ""},
    {"distance as column", "geoDistance(0, 0, 0, 0) = 0", "p1 p2 p3"},
    {"lower of a relation", "author.name:lower = 'ann'", "p1"},
    {"length of a single select", "kind:length = 1", "p1 p3"},
    {"length of files", "docs:length > 1", "p3"},
    {"each of a single", "kind:each = 'news'", "p1"},
    {"each of files", "docs:each ?~ 'txt'", "p1 p3"},
    {"each of a relation does not join", "editors:each ?= 'u2'", "p1 p3"},
    {"length of a related list", "comments_via_post.post.tags:length ?= 2", "p1"},
};

static void comparing(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(COMPARING); i++) {
        check_str(COMPARING[i].name, query_ids(t, &(QueryCase){.filter = COMPARING[i].filter}),
                  COMPARING[i].ids);
        check_str(COMPARING[i].name, query_ids(t, &(QueryCase){.rule = COMPARING[i].filter}),
                  COMPARING[i].ids);
    }
}

/* §6.1: which titles a pattern matches. */
static const FilterRow PATTERNS[] = {
    {"ab", "title ~ 'ab'", "l1 l2 l3 l4 l5"},
    {"wildcard is explicit", "title ~ 'ab%c'", "l1 l2 l3 l4 l5"},
    {"escaped percent", "title ~ 'ab\\%c'", "l2"},
    {"escaped and free percent", "title ~ '%ab\\%c'", "l2"},
    {"underscore", "title ~ 'ab_c'", "l3"},
    {"escaped underscore", "title ~ 'ab\\_c'", "l3"},
    {"underscore beside a free percent", "title ~ '%ab_c'", "l1 l2 l3 l4"},
    {"backslash", "title ~ 'ab\\\\c'", "l4"},
    {"pattern from a column", "'ab-c' ~ title", "l1 l2 l3"},
};

static void patterns(void **state)
{
    QueryFixture *t = *state;
    query_exec(t, "DELETE FROM posts;"
                  "INSERT INTO posts (id, title) VALUES ('l1', 'ab-c'), ('l2', 'AB%C'),"
                  " ('l3', 'ab_c'), ('l4', 'ab\\c'), ('l5', 'abxxc'), ('l6', 'zz')");
    for (size_t i = 0; i < COUNT(PATTERNS); i++)
        check_str(PATTERNS[i].name, query_ids(t, &(QueryCase){.filter = PATTERNS[i].filter}),
                  PATTERNS[i].ids);
}

/* ---- joins and "all" (§7, §8) ---- */

static const struct {
    const char *name, *collection, *filter, *ids;
} JOINS[] = {
    {"back through a list, any", "posts", "boards_via_pins.name ?= 'front'", "p1 p3"},
    {"back through a list, all", "posts", "boards_via_pins.name = 'front'", "p1"},
    {"back through a list, none", "posts", "boards_via_pins.id = ''", "p2"},
    {"there and back", "comments", "post.comments_via_post.stars ?= 1", "c1 c2"},
    {"there and back, all", "comments", "post.comments_via_post.stars = 5", "c3"},
    {"unique back relation is one row", "posts", "details_via_post.summary = 'short'", "p1"},
    {"unique back relation, none", "posts", "details_via_post.summary != 'short'", "p2 p3"},
    {"list behind a list", "boards", "pins.tags:each ?= 'a'", "k1"},
    {"list behind a list, all", "boards", "pins.tags:each = 'b'", "k2"},
    {"two rows of one path", "posts",
     "comments_via_post.stars ?= 5 && comments_via_post.stars ?= 1", ""},
    {"all of both", "posts", "editors.id = comments_via_post.post.editors.id", "p2 p3"},
    {"any of both", "posts", "editors.id ?= comments_via_post.post.editors.id", "p1 p2 p3"},
    {"all of both differ", "posts", "editors.name != comments_via_post.body", "p1 p3"},
    {"order, all", "posts", "comments_via_post.stars > 0", "p1 p3"},
    {"order, all 2", "posts", "comments_via_post.stars > 2", "p3"},
    {"order, any", "posts", "comments_via_post.stars ?> 2", "p1 p3"},
    {"less, any", "posts", "comments_via_post.stars ?< 2", "p1"},
    {"less or equal, any", "posts", "comments_via_post.stars ?<= 1", "p1"},
    {"greater or equal, any", "posts", "comments_via_post.stars ?>= 5", "p1 p3"},
    {"like, any", "posts", "comments_via_post.body ?~ 'o'", "p1"},
    {"unlike, any", "posts", "comments_via_post.body ?!~ 'o'", "p1 p3"},
    {"like, all", "posts", "comments_via_post.body ~ 'o'", ""},
    {"unlike, all", "posts", "comments_via_post.body !~ 'o'", "p3"},
    {"json behind several, all", "posts", "comments_via_post.post.data.x != ''", "p1 p2 p3"},
    {"json behind several, null", "posts", "comments_via_post.post.data.x = null", "p2 p3"},
    {"function over several, all", "posts",
     "strftime('%Y', comments_via_post.post.published) = '2024'", "p1 p3"},
    {"same collection twice", "users", "posts_via_author.editors.posts_via_author.title ?= 'Hello'",
     "u1"},
    {"six hops", "comments",
     "post.author.org.users_via_org.posts_via_author.comments_via_post.stars ?= 5", "c1 c2 c3"},
    {"dangling single id is the column", "posts", "author.id = 'gone'", ""},
};

static void joins(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(JOINS); i++)
        check_str(JOINS[i].name,
                  query_ids(t, &(QueryCase){.collection = JOINS[i].collection,
                                            .filter = JOINS[i].filter}),
                  JOINS[i].ids);
}

/* Each filter has rows of its own: a rule and a client's filter, asked together,
 * need not be true of the same comment. */
static void filters_do_not_share_rows(void **state)
{
    QueryFixture *t = *state;
    QueryCase ask = {.rule = "comments_via_post.stars ?= 1",
                     .filter = "comments_via_post.stars ?= 5"};
    check_str("both", query_ids(t, &ask), "p1");
    ask.sort = "comments_via_post.stars";
    check_str("sorted", query_ids(t, &ask), "p1");
}

typedef struct {
    QueryFixture *t;
    const char *filter;
    bool repeats;
    int64_t rows;
} Actives;

static Error *actives_work(Tx *tx, void *arg)
{
    Actives *x = arg;
    RequestInfo info = {.context = S("default"), .method = S("GET")};
    Select *q = select_new(tx_arena(tx), db_dialect(tx_db(tx)), x->t->schema,
                           query_collection(x->t, "posts"), &info);
    Error *err = select_where_client(q, str_from(x->filter));
    if (err) return err;
    x->repeats = select_has_joins(q);
    static const Str ACTIVE = STR_INIT("active");
    Stmt *stmt;
    err = tx_prepare(tx, select_rows_sql(q, &ACTIVE, 1, -1, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    x->rows = 0;
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        x->rows++;
    }
}

/* Two records that look the same in the columns asked for are two. */
static void columns_without_the_id(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *filter;
        bool repeats;
        int64_t rows;
    } ROWS[] = {
        {"views > 0", false, 2},
        {"author.name != ''", false, 2},
        {"details_via_post.summary = null", false, 2},
        {"editors.name ?!= ''", true, 2},
        {"comments_via_post.stars ?> 0", true, 2},
        {"tags:each ?!= ''", true, 2},
        {"kind:each != ''", false, 2},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        Actives x = {.t = t, .filter = ROWS[i].filter};
        check_ok(ROWS[i].filter, db_read(t->base->db->db, t->arena, actives_work, &x));
        check_bool(ROWS[i].filter, x.repeats, ROWS[i].repeats);
        check_int(ROWS[i].filter, x.rows, ROWS[i].rows);
    }
}

static void dangling_ids(void **state)
{
    QueryFixture *t = *state;
    query_exec(t, "UPDATE posts SET author = 'gone', editors = '[\"gone\"]' WHERE id = 'p2'");
    static const FilterRow ROWS[] = {
        {"single: the column", "author.id = 'gone'", "p2"},
        {"single: its row is missing", "author.name = '' && author = 'gone'", "p2"},
        {"list: the join", "editors.id = 'gone'", ""},
        {"list: an empty row", "editors.id = ''", "p2"},
        {"list: the items", "editors:each = 'gone'", "p2"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_str(ROWS[i].name, query_ids(t, &(QueryCase){.filter = ROWS[i].filter}), ROWS[i].ids);
}

/* §8: the table of what an empty related set matches; p2 has no editors. */
static void empty_sets(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *op, *value;
        bool matches;
    } ROWS[] = {
        {"=", "'x'", false}, {"=", "''", true},   {"=", "null", true}, {"!=", "'x'", true},
        {"!=", "''", false}, {">", "''", false},  {">=", "''", false}, {"<", "'x'", false},
        {"<=", "''", false}, {"~", "'x'", false}, {"~", "''", false},  {"!~", "'x'", false},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        for (int any = 0; any < 2; any++) {
            Str text = str_printf(t->arena, "id = 'p2' && editors.name %s%s %s", any ? "?" : "",
                                  ROWS[i].op, ROWS[i].value);
            const char *filter = arena_cstr(t->arena, text);
            check_str(filter, query_ids(t, &(QueryCase){.filter = filter}),
                      ROWS[i].matches ? "p2" : "");
        }
    }
}

/* ---- views ---- */

static void views(void **state)
{
    QueryFixture *t = *state;
    query_save(t, "",
               "{\"id\":\"shown0\",\"name\":\"shown\",\"type\":\"view\",\"listRule\":\"\","
               "\"viewQuery\":\"SELECT id, title, author, editors, views FROM posts\",\"fields\":["
               "{\"name\":\"id\",\"type\":\"text\",\"primaryKey\":true,\"required\":true,"
               "\"system\":true,\"pattern\":\"^[a-z0-9]+$\"},"
               "{\"name\":\"title\",\"type\":\"text\"},"
               "{\"name\":\"author\",\"type\":\"relation\",\"maxSelect\":1,"
               "\"collectionId\":\"_pb_users_auth_\"},"
               "{\"name\":\"editors\",\"type\":\"relation\",\"maxSelect\":9,"
               "\"collectionId\":\"_pb_users_auth_\"},"
               "{\"name\":\"views\",\"type\":\"number\"}]}");
    static const struct {
        const char *name, *collection, *filter, *ids;
    } ROWS[] = {
        {"column", "shown", "title ~ 'hello'", "p1 p2"},
        {"number", "shown", "views = 5", "p1"},
        {"relation", "shown", "author.name = 'Ann'", "p1"},
        {"list, all", "shown", "editors.name = 'Bob'", "p3"},
        {"list, any", "shown", "editors.name ?= 'Bob'", "p1 p3"},
        {"back through a view", "users", "shown_via_author.title ?~ 'hello'", "u1"},
        {"back through a view's list", "users", "shown_via_editors.views ?> 5", "u2"},
        {"and on", "orgs", "users_via_org.shown_via_author.views ?= 20", "o2"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_str(
            ROWS[i].name,
            query_ids(t, &(QueryCase){.collection = ROWS[i].collection, .filter = ROWS[i].filter}),
            ROWS[i].ids);
    check_str("sort", query_ids(t, &(QueryCase){.collection = "shown", .sort = "-author.name,id"}),
              "p3 p1 p2");
}

/* ---- macros (§4) ---- */

static void macros(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *filter;
    } ROWS[] = {
        {"@now = '2024-02-29 13:14:15.678Z'"},
        {"@yesterday = '2024-02-28 13:14:15.678Z'"},
        {"@tomorrow = '2024-03-01 13:14:15.678Z'"},
        {"@todayStart = '2024-02-29 00:00:00.000Z'"},
        {"@todayEnd = '2024-02-29 23:59:59.999Z'"},
        {"@monthStart = '2024-02-01 00:00:00.000Z'"},
        {"@monthEnd = '2024-02-29 23:59:59.999Z'"},
        {"@yearStart = '2024-01-01 00:00:00.000Z'"},
        {"@yearEnd = '2024-12-31 23:59:59.999Z'"},
        {"@second = 15 && @minute = 14 && @hour = 13 && @day = 29"},
        {"@month = 2 && @weekday = 4 && @year = 2024"},
        {"@now ~ '13:14:15.678'"},
        {"@now > @todayStart && @now < @todayEnd"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_str(
            ROWS[i].filter,
            query_ids(t, &(QueryCase){.filter = ROWS[i].filter, .now_ms = INT64_C(1709212455678)}),
            "p1 p2 p3");
}

static void one_moment_for_all_macros(void **state)
{
    QueryFixture *t = *state;
    check_str("same", query_ids(t, &(QueryCase){.filter = "@now = @now && @now != ''"}),
              "p1 p2 p3");
}

/* ---- ids ---- */

typedef struct {
    QueryFixture *t;
    const Str *ids;
    size_t count;
    bool one;
    int64_t total;
} ByIds;

static Error *by_ids_work(Tx *tx, void *arg)
{
    ByIds *x = arg;
    RequestInfo info = {.context = S("default"), .method = S("GET")};
    Select *q = select_new(tx_arena(tx), db_dialect(tx_db(tx)), x->t->schema,
                           query_collection(x->t, "posts"), &info);
    Error *err = x->one ? select_where_id(q, x->ids[0]) : select_where_ids(q, x->ids, x->count);
    if (err) return err;
    assert_false(select_has_joins(q));
    Stmt *stmt;
    err = tx_prepare(tx, select_count_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    x->total = stmt_i64(stmt, 0);
    return NULL;
}

static void ids(void **state)
{
    QueryFixture *t = *state;
    static const Str IDS[] = {STR_INIT("p1"), STR_INIT("nope"), STR_INIT("p3"), STR_INIT("p1")};
    static const struct {
        const char *name;
        size_t first, count;
        bool one;
        int64_t total;
    } ROWS[] = {
        {"one", 0, 1, true, 1},       {"one missing", 1, 1, true, 0}, {"several", 0, 4, false, 2},
        {"a single", 2, 1, false, 1}, {"none", 0, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        ByIds x = {t, IDS + ROWS[i].first, ROWS[i].count, ROWS[i].one, -1};
        check_ok(ROWS[i].name, db_read(t->base->db->db, t->arena, by_ids_work, &x));
        check_int(ROWS[i].name, x.total, ROWS[i].total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(worked_examples),
        test_with_query(grammar),
        test_with_query(comparing),
        test_with_query(patterns),
        test_with_query(joins),
        test_with_query(dangling_ids),
        test_with_query(filters_do_not_share_rows),
        test_with_query(columns_without_the_id),
        test_with_query(views),
        test_with_query(empty_sets),
        test_with_query(macros),
        test_with_query(one_moment_for_all_macros),
        test_with_query(ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
