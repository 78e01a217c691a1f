/* test_filter_errors.c - what is refused (api: filters §10.3) and where the
 * limits are (§1.4): the last accepted beside the first refused, and the worst
 * accepted filters compiled in bounded time. */
#include "query_fixture.h"

#include <time.h>

/* NULL: any reason will do. */
static const struct {
    const char *name, *filter;
} REFUSED[] = {
    {"blanks only", "   "},
    {"comment only", "// x"},
    {"comments and blanks", " // x\n // y\n"},
    {"brackets only", "()"},
    {"no right side", "title ="},
    {"no left side", "= 1"},
    {"no sign", "title"},
    {"bool alone", "active"},
    {"open bracket", "(title = \"a\""},
    {"closing bracket", "title = \"a\")"},
    {"closing bracket first", ")title = \"a\""},
    {"unterminated text", "title = \"a"},
    {"unterminated text, single", "title = 'a"},
    {"text ends in its escape", "title = 'a\\'"},
    {"doubled sign", "title == \"a\""},
    {"turned sign", "title =! \"a\""},
    {"unknown sign", "title <> \"a\""},
    {"sign of three", "title ?? \"a\""},
    {"any alone", "title ? \"a\""},
    {"single and", "title = \"a\" & views = 1"},
    {"single or", "title = \"a\" | views = 1"},
    {"triple or", "title = \"a\" ||| views = 1"},
    {"mixed join", "title = \"a\" &| views = 1"},
    {"join first", "&& title = \"a\""},
    {"join last", "title = \"a\" &&"},
    {"join twice", "title = \"a\" && && views = 1"},
    {"join missing", "title = \"a\" views = 1"},
    {"word for a sign", "title like \"a\""},
    {"word for a join", "title = \"a\" and views = 1"},
    {"not", "not title = \"a\""},
    {"semicolon", "title = \"a\"; views = 1"},
    {"bracket list", "title = [1]"},
    {"placeholder", "title = {:x}"},
    {"plus", "views + 1 = 2"},
    {"star", "title = *"},
    {"unicode name", "t\xc3\xaftle = 1"},
    {"control byte", "title = \"a\" \x01"},
    {"exponent", "views = 1e3"},
    {"leading dot", "views = .5"},
    {"trailing dot", "views = 5."},
    {"plus sign", "views = +5"},
    {"minus alone", "views = -"},
    {"name ends in a dot", "author. = 1"},
    {"name ends in a colon", "title: = 1"},
    {"two dots", "author..name = 1"},
    {"at alone", "@ = 1"},
    {"hash alone", "# = 1"},
    {"underscore alone", "_ = 1"},
    {"unknown field", "foo = 1"},
    {"unknown field behind or", "title = 'a' || foo = 1"},
    {"unknown field behind false", "1 = 2 && foo = 1"},
    {"unknown field behind true", "1 = 1 || foo = 1"},
    {"field in another case", "Title = 'a'"},
    {"no column", "collectionName = 'posts'"},
    {"no column 2", "expand = 'posts'"},
    {"text is no relation", "title.x = 1"},
    {"number is no relation", "views.x = 1"},
    {"unknown field of a relation", "author.foo = 1"},
    {"unknown back relation", "author.posts_via_foo.x = 1"},
    {"back relation of another target", "comments_via_author.x = 1"},
    {"unknown collection of a back relation", "foo_via_post.x = 1"},
    {"back relation alone", "comments_via_post = 1"},
    {"unknown modifier", "title:upper = \"A\""},
    {"two modifiers", "title:lower:lower = \"a\""},
    {"modifier in the middle", "author:lower.name = \"a\""},
    {"unknown macro", "@nope = 1"},
    {"macro with a field", "@now.x = 1"},
    {"macro in another case", "@NOW = 1"},
    {"unknown function", "foo(1) = 1"},
    {"function in another case", "GeoDistance(1,2,3,4) = 1"},
    {"function without brackets", "geoDistance = 1"},
    {"function not closed", "strftime('%Y' = 1"},
    {"comma first", "strftime(,'%Y') = 1"},
    {"two commas", "strftime('%Y',,'now') = 1"},
    {"three of four arguments", "geoDistance(1,2,3) < 1"},
    {"five of four arguments", "geoDistance(1,2,3,4,5) < 1"},
    {"text arguments", "geoDistance(\"1\",2,3,4) < 1"},
    {"function arguments", "geoDistance(strftime('%Y'),2,3,4) < 1"},
    {"no format", "strftime() = 1"},
    {"format is a field", "strftime(title) = 1"},
    {"time is a function", "strftime('%Y', strftime('%Y', published)) = 1"},
    {"format is a number", "strftime(1) = 1"},
    {"modifier is a field", "strftime('%Y', published, title) = 1"},
    {"eleven arguments",
     "strftime('%Y','now','+1 day','+1 day','+1 day','+1 day','+1 day','+1 day','+1 day','+1 day',"
     "'+1 day') = ''"},
    {"seven hops", "author.posts_via_author.author.posts_via_author.author.posts_via_author."
                   "author.name = 'x'"},
};

static void refused(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        for (QueryCaller as = AS_GUEST; as <= AS_ROOT; as += AS_ROOT) {
            Str answer = query_ids(t, &(QueryCase){.filter = REFUSED[i].filter, .caller = as});
            if (!str_starts(answer, S("400 ")) || answer.len < 6)
                fail_msg("%s: got \"%.*s\", expected 400 and a reason", REFUSED[i].name,
                         STR_ARG(answer));
        }
    }
}

static void errors_are_told_apart(void **state)
{
    QueryFixture *t = *state;
    Filter *f;
    check_code("parser", filter_parse(t->arena, S("title =="), &f), "filter_invalid");
    Select *q =
        select_new(t->arena, db_dialect(t->base->db->db), t->schema, query_collection(t, "posts"),
                   &(RequestInfo){.context = S("default"), .method = S("GET")});
    check_code("field", select_where_client(q, S("nope = 1")), "filter_invalid");
}

/* ---- limits: the last accepted, the first refused ---- */

static const char *repeated(QueryFixture *t, const char *before, const char *piece,
                            const char *between, size_t times, const char *after)
{
    Buf b = buf_new(t->arena, 4096);
    buf_add(&b, str_from(before));
    for (size_t i = 0; i < times; i++) {
        if (i > 0) buf_add(&b, str_from(between));
        buf_add(&b, str_from(piece));
    }
    buf_add(&b, str_from(after));
    return arena_cstr(t->arena, buf_str(&b));
}

static void check_limit(QueryFixture *t, const char *name, const char *last, const char *first)
{
    Str answer = query_ids(t, &(QueryCase){.filter = last});
    if (str_starts(answer, S("4"))) fail_msg("%s: last: %.*s", name, STR_ARG(answer));
    answer = query_ids(t, &(QueryCase){.filter = first});
    if (!str_starts(answer, S("400 "))) fail_msg("%s: first: %.*s", name, STR_ARG(answer));
}

static const char *brackets(QueryFixture *t, size_t depth)
{
    const char *open = repeated(t, "", "(", "", depth, "views=5");
    return repeated(t, open, ")", "", depth, "");
}

static void limits(void **state)
{
    QueryFixture *t = *state;
    check_limit(t, "comparisons", repeated(t, "", "views=5", "||", 200, ""),
                repeated(t, "", "views=5", "||", 201, ""));
    check_limit(t, "bytes", repeated(t, "title!='", "x", "", FILTER_MAX_BYTES - 9, "'"),
                repeated(t, "title!='", "x", "", FILTER_MAX_BYTES - 8, "'"));
    check_limit(t, "brackets", brackets(t, FILTER_MAX_NESTING),
                brackets(t, FILTER_MAX_NESTING + 1));
    check_str("brackets side by side",
              query_ids(t, &(QueryCase){.filter = repeated(t, "", "(views=5)", "||", 150, "")}),
              "p1");
    check_limit(t, "arguments", repeated(t, "strftime('%Y','now',", "'+1 day'", ",", 8, ")!=''"),
                repeated(t, "strftime('%Y','now',", "'+1 day'", ",", 9, ")!=''"));
    check_limit(
        t, "hops",
        "author.posts_via_author.author.posts_via_author.author.posts_via_author.title!='x'",
        "author.posts_via_author.author.posts_via_author.author.posts_via_author.author."
        "name!='x'");
}

/* No function takes another one; the grammar does. */
static void functions_nest_a_little(void **state)
{
    QueryFixture *t = *state;
    Filter *f;
    check_ok("last", filter_parse(t->arena, S("f(g(h(1))) = 1"), &f));
    check_code("first", filter_parse(t->arena, S("f(g(h(i(1)))) = 1"), &f), "filter_invalid");
    check_code("first, right", filter_parse(t->arena, S("1 = f(g(h(i())))"), &f), "filter_invalid");
}

/* Rules may be longer than clients' filters, but not have more comparisons. */
static void rules_may_be_long(void **state)
{
    QueryFixture *t = *state;
    const SqlDialect *dialect = db_dialect(t->base->db->db);
    const Collection *posts = query_collection(t, "posts");
    Str text = str_from(repeated(t, "title != '", "x", "", 5000, "'"));
    check_ok("long", rule_check(t->arena, dialect, t->schema, posts, text));
    text = str_from(repeated(t, "", "views = 5", " || ", 201, ""));
    assert_non_null(rule_check(t->arena, dialect, t->schema, posts, text));
}

/* ---- the worst that is accepted ---- */

#define COMPILE_MAX_NS INT64_C(400000000) /* with sanitizers; a release takes a tenth */

static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

typedef struct {
    QueryFixture *t;
    const char *name;
    Str text;
    bool as_rule, accepted;
} Worst;

static Error *prepare_all(Tx *tx, Select *q)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, select_rows_sql(q, NULL, 0, 30, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = tx_prepare(tx, select_count_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    err = tx_prepare(tx, select_exists_sql(q), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    return NULL;
}

static Error *compile(Worst *w, Select *q)
{
    if (!w->as_rule) return select_where_client(q, w->text);
    Filter *rule;
    Error *err = filter_parse(w->t->arena, w->text, &rule);
    return err ? err : select_where_rule(q, rule);
}

/* Refusing is fine, being slow or giving SQL that does not prepare is not. */
static Error *worst_work(Tx *tx, void *arg)
{
    Worst *w = arg;
    RequestInfo info = query_request(w->t, &(QueryCase){.caller = w->as_rule ? AS_ANN : AS_GUEST});
    int64_t start = cpu_ns();
    Select *q = select_new(tx_arena(tx), db_dialect(tx_db(tx)), w->t->schema,
                           query_collection(w->t, "posts"), &info);
    Error *err = compile(w, q);
    int64_t spent = cpu_ns() - start;
    if (spent > COMPILE_MAX_NS) fail_msg("%s: compiled in %lld ns", w->name, (long long)spent);
    w->accepted = err == NULL;
    if (err) {
        check_int(w->name, err->status, 400);
        return NULL;
    }
    start = cpu_ns();
    err = prepare_all(tx, q);
    spent = cpu_ns() - start;
    if (spent > 3 * COMPILE_MAX_NS) fail_msg("%s: prepared in %lld ns", w->name, (long long)spent);
    return err;
}

/* At most `most` pieces, as many as fit in a client's filter; "$" in a piece is
 * its number. */
static Str filled(QueryFixture *t, const char *piece, const char *between, int most)
{
    Buf b = buf_new(t->arena, FILTER_MAX_BYTES + 200);
    for (int i = 0; i < most; i++) {
        size_t before = b.len;
        if (i > 0) buf_add(&b, str_from(between));
        for (const char *p = piece; *p; p++) {
            if (*p == '$')
                buf_i64(&b, i);
            else
                buf_char(&b, *p);
        }
        if (b.len <= FILTER_MAX_BYTES) continue;
        b.len = before;
        break;
    }
    return buf_str(&b);
}

static const struct {
    const char *name, *piece, *between;
    bool as_rule, accepted;
} WORST[] = {
    {"many columns", "views=$", "||", false, true},
    {"many columns, and", "views!=$", "&&", false, true},
    {"and within or", "views=$", "||id='x'&&", false, true},
    {"many likes", "title~'%a%$%'", "||", false, true},
    {"one path often", "editors.name!='$'", "&&", false, true},
    {"each often", "tags:each!='$'", "&&", false, true},
    {"both sides several", "editors.name=tags:each", "||", false, true},
    {"long path often",
     "author.posts_via_author.editors.posts_via_editors.editors.posts_via_editors.title!='$'", "||",
     false, true},
    {"long path, both sides",
     "editors.posts_via_editors.editors.posts_via_editors.title!="
     "comments_via_post.post.comments_via_post.post.title",
     "||", false, true},
    {"json often", "data.a.b.c.d.e.f.g.0.1.2.3='$'", "||", false, true},
    {"functions often", "strftime('%Y',published,'+1 day')='$'", "||", false, true},
    {"distance often", "geoDistance(loc.lon,loc.lat,$,$)<1", "||", false, true},
    {"guarded often", "drafts_via_post.text='$'", "||", false, true},
    {"emails often", "editors.email!='$'", "||", false, true},
    {"text of escapes", "title~'\\\\\\\\\\%\\_\\\\\\\\'", "||", false, true},
    {"many tables", "@collection.posts:a$.title?='$'", "||", true, false},
    {"many tables, all", "@collection.posts:a$.title='$'", "||", true, false},
    {"many tables of lists", "@collection.posts:a$.editors.name?='$'", "||", true, false},
    {"many items", "@collection.posts:a$.tags:each?='$'", "||", true, false},
    {"few tables", "@collection.posts:a.title='$'", "||", true, true},
    {"caller's relations", "@request.auth.posts_via_author.editors.name='$'", "||", true, true},
    {"changed often", "@request.body.title:changed=true", "||", true, true},
};

static void worst_filters(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(WORST); i++) {
        int most = FILTER_MAX_COMPARISONS / (strlen(WORST[i].between) > 2 ? 2 : 1);
        Worst w = {.t = t,
                   .name = WORST[i].name,
                   .text = filled(t, WORST[i].piece, WORST[i].between, most),
                   .as_rule = WORST[i].as_rule};
        check_ok(w.name, db_read(t->base->db->db, t->arena, worst_work, &w));
        check_bool(w.name, w.accepted, WORST[i].accepted);
    }
}

/* SQLite joins at most 64 tables: whatever is accepted stays below. */
static void any_number_of_tables(void **state)
{
    QueryFixture *t = *state;
    static const char *const PIECES[] = {
        "@collection.posts:a$.title ?= '$'",           "@collection.posts:a$.editors.name ?= '$'",
        "@collection.posts:a$.tags:each ?= '$'",       "@collection.posts:a$.editors.name = '$'",
        "@collection.boards:a$.pins.editors.id = '$'", "@collection.posts:a$.author.name ?= '$'",
    };
    for (size_t i = 0; i < COUNT(PIECES); i++) {
        bool refused = false;
        for (int count = 1; count <= 70; count++) {
            Str text = filled(t, PIECES[i], "||", count);
            Worst w = {.t = t, .name = arena_cstr(t->arena, text), .text = text, .as_rule = true};
            Error *err = db_read(t->base->db->db, t->arena, worst_work, &w);
            if (err) fail_msg("%d of %s: %.*s", count, PIECES[i], STR_ARG(err->cause));
            if (count <= 8) assert_true(w.accepted);
            if (refused) assert_false(w.accepted);
            refused = !w.accepted;
        }
    }
}

/* Nothing but brackets, signs, dots: refused, and soon. */
static void worst_nonsense(void **state)
{
    QueryFixture *t = *state;
    static const char *const PIECES[] = {"(",    ")",    "a.",   "&&", "=",      "'",       "\\",
                                         "//\n", "a=1(", "f(",   "-",  "1.",     ":a",      "@a.",
                                         "a,",   "%",    "\xff", "a=", "((a=1)", "(1=1)&&("};
    for (size_t i = 0; i < COUNT(PIECES); i++) {
        Str text = filled(t, PIECES[i], "", FILTER_MAX_COMPARISONS);
        while (text.len > 0 && text.len < FILTER_MAX_BYTES / 2)
            text = str_concat(t->arena, text, text);
        Worst w = {.t = t, .name = PIECES[i], .text = text};
        check_ok(w.name, db_read(t->base->db->db, t->arena, worst_work, &w));
        check_bool(w.name, w.accepted, false);
    }
}

/* A pattern of many wildcards against a long text, in memory. */
static void worst_pattern(void **state)
{
    QueryFixture *t = *state;
    const char *pattern = repeated(t, "@request.body.title ~ '", "%a", "", 1500, "%b'");
    const char *body = repeated(t, "{\"title\":\"", "a", "", 100000, "\"}");
    RequestInfo info = query_request(t, &(QueryCase){.body = body});
    Filter *f;
    check_ok("parse", filter_parse(t->arena, str_from(pattern), &f));
    int64_t start = cpu_ns();
    EvalResult verdict =
        filter_eval(f, t->arena, t->schema, query_collection(t, "posts"), &info, NULL, NULL);
    assert_true(verdict != EVAL_TRUE);
    assert_true(cpu_ns() - start < COMPILE_MAX_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(refused),
        test_with_query(errors_are_told_apart),
        test_with_query(limits),
        test_with_query(rules_may_be_long),
        test_with_query(functions_nest_a_little),
        test_with_query(any_number_of_tables),
        test_with_query(worst_filters),
        test_with_query(worst_nonsense),
        test_with_query(worst_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
