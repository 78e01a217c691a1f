/* test_sort.c - the sort grammar of api: conventions §6.1. */
#include "query_fixture.h"

static const struct {
    const char *name, *collection, *sort, *ids;
} SORTS[] = {
    {"column", "posts", "views", "p2 p1 p3"},
    {"plus", "posts", "+views", "p2 p1 p3"},
    {"descending", "posts", "-views", "p3 p1 p2"},
    {"blanks", "posts", "  -views , id  ", "p3 p1 p2"},
    {"two terms", "posts", "-active,-views", "p3 p1 p2"},
    {"second decides", "posts", "-active,views", "p1 p3 p2"},
    {"text", "posts", "title", "p3 p1 p2"},
    {"lower", "posts", "title:lower", "p3 p1 p2"},
    {"date", "posts", "-published", "p3 p1 p2"},
    {"length", "posts", "tags:length,id", "p2 p3 p1"},
    {"length of one", "posts", "-author:length,id", "p1 p3 p2"},
    {"relation", "posts", "-author.name", "p3 p1 p2"},
    {"relation, twice", "posts", "author.org.title,id", "p2 p1 p3"},
    {"back relation", "posts", "-details_via_post.summary,id", "p1 p2 p3"},
    {"json path", "posts", "-data.x.y,id", "p1 p2 p3"},
    {"geo path", "posts", "-loc.lat,-id", "p1 p3 p2"},
    {"insertion order", "posts", "@rowid", "p1 p2 p3"},
    {"insertion order, back", "posts", "-@rowid", "p3 p2 p1"},
    {"eight terms", "posts", "-views,-views,-views,-views,-views,-views,-views,-views", "p3 p1 p2"},
    {"single relation's id is the column", "posts", "-author.id", "p3 p1 p2"},
    {"another collection", "comments", "post.title,-stars,id", "c3 c1 c2"},
    {"empty", "posts", "", "p1 p2 p3"},
};

static void sorts(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(SORTS); i++) {
        for (QueryCaller as = AS_GUEST; as <= AS_ROOT; as += AS_ROOT)
            check_str(SORTS[i].name,
                      query_ids(t, &(QueryCase){.collection = SORTS[i].collection,
                                                .sort = SORTS[i].sort,
                                                .caller = as}),
                      SORTS[i].ids);
    }
}

static const struct {
    const char *name, *sort;
} REFUSED[] = {
    {"unknown field", "nope"},
    {"unknown field behind a good one", "views,nope"},
    {"empty term at the end", "-views,"},
    {"empty term first", ",views"},
    {"empty term between", "views,,id"},
    {"sign alone", "-"},
    {"two signs", "--views"},
    {"sign and blank", "- views"},
    {"nine terms", "id,id,id,id,id,id,id,id,id"},
    {"macro", "@now"},
    {"unknown macro", "@nope"},
    {"literal", "null"},
    {"literal 2", "true"},
    {"number", "1"},
    {"text", "'id'"},
    {"function", "strftime('%Y',published)"},
    {"direction in words", "views desc"},
    {"semicolon", "views;id"},
    {"unknown modifier", "title:upper"},
    {"no such relation", "title.name"},
    {"back relation alone", "comments_via_post"},
    {"seven hops",
     "author.posts_via_author.author.posts_via_author.author.posts_via_author.author.name"},
    {"trailing dot", "author."},
    {"random with a field", "@random.x"},
};

static void refused(void **state)
{
    QueryFixture *t = *state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        for (QueryCaller as = AS_GUEST; as <= AS_ROOT; as += AS_ROOT) {
            Str answer = query_ids(t, &(QueryCase){.sort = REFUSED[i].sort, .caller = as});
            if (!str_starts(answer, S("400 ")))
                fail_msg("%s: got \"%.*s\", expected 400", REFUSED[i].name, STR_ARG(answer));
        }
    }
}

static void term_length(void **state)
{
    QueryFixture *t = *state;
    for (size_t extra = 0; extra < 2; extra++) {
        Buf sort = buf_new(t->arena, 300);
        buf_add(&sort, S("data."));
        while (sort.len < 255 + extra)
            buf_char(&sort, 'a');
        Str answer = query_ids(t, &(QueryCase){.sort = arena_cstr(t->arena, buf_str(&sort))});
        check_bool("refused", str_starts(answer, S("400 ")), extra == 1);
    }
}

static void hidden_and_foreign(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *name, *collection, *sort;
        QueryCaller caller;
        const char *answer; /* its start */
    } ROWS[] = {
        {"hidden", "posts", "-secret", AS_ANN, "400 "},
        {"hidden, superuser", "posts", "-secret", AS_ROOT, "p1 p3 p2"},
        {"hidden of a relation", "posts", "author.salary", AS_GUEST, "400 "},
        {"hidden of a relation, superuser", "posts", "-author.salary", AS_ROOT, "p3 p1 p2"},
        {"hidden relation", "posts", "audits_via_post.text", AS_GUEST, "400 "},
        {"locked collection", "posts", "notes_via_post.text", AS_GUEST, "400 "},
        {"collection", "posts", "@collection.bans.user", AS_GUEST,
         "403 Only superusers can filter by @collection."},
        {"request", "posts", "@request.auth.id", AS_ANN,
         "403 Only superusers can filter by @request."},
        {"request, superuser", "posts", "@request.auth.id", AS_ROOT, "400 "},
        {"password", "users", "password", AS_GUEST, "400 "},
        {"token key", "users", "tokenKey", AS_GUEST, "400 "},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        Str answer = query_ids(t, &(QueryCase){.collection = ROWS[i].collection,
                                               .sort = ROWS[i].sort,
                                               .caller = ROWS[i].caller});
        if (!str_starts(answer, str_from(ROWS[i].answer)))
            fail_msg("%s: got \"%.*s\"", ROWS[i].name, STR_ARG(answer));
    }
}

/* Each row once, whatever a path of several gives. */
static void several_values(void **state)
{
    QueryFixture *t = *state;
    static const char *const SORTS_OF_SEVERAL[] = {"comments_via_post.stars", "-editors.name",
                                                   "editors.posts_via_editors.title"};
    for (size_t i = 0; i < COUNT(SORTS_OF_SEVERAL); i++) {
        Str ids = query_ids(t, &(QueryCase){.sort = SORTS_OF_SEVERAL[i]});
        check_int(SORTS_OF_SEVERAL[i], ids.len, strlen("p1 p2 p3"));
        for (const char *id = "p1\0p2\0p3\0"; *id; id += 3)
            assert_true(str_find(ids, str_from(id)) >= 0);
    }
}

static void random_order(void **state)
{
    QueryFixture *t = *state;
    bool seen_change = false;
    Str first = query_ids(t, &(QueryCase){.sort = "@random"});
    check_int("all", first.len, 8);
    for (int i = 0; i < 200 && !seen_change; i++)
        seen_change = !str_eq(first, query_ids(t, &(QueryCase){.sort = "-@random"}));
    assert_true(seen_change);
}

/* A filter and a sort over the same path see the same row. */
static void with_filters_and_pages(void **state)
{
    QueryFixture *t = *state;
    static const struct {
        const char *name, *filter, *sort;
        int64_t limit, offset;
        const char *ids;
    } ROWS[] = {
        {"filter and sort", "views > 0", "-views", 0, 0, "p3 p1"},
        {"one path", "author.name != ''", "-author.name", 0, 0, "p3 p1"},
        {"several and sort", "comments_via_post.stars ?= 5", "-views", 0, 0, "p3 p1"},
        {"first page", "", "-views", 2, 0, "p3 p1"},
        {"second page", "", "-views", 2, 2, "p2"},
        {"beyond", "", "-views", 2, 4, ""},
        {"offset only", "", "-views", 0, 1, "p1 p2"},
        {"pages of joins", "comments_via_post.stars ?> 0", "-views", 1, 1, "p1"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_str(ROWS[i].name,
                  query_ids(t, &(QueryCase){.filter = ROWS[i].filter,
                                            .sort = ROWS[i].sort,
                                            .limit = ROWS[i].limit,
                                            .offset = ROWS[i].offset}),
                  ROWS[i].ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(sorts),
        test_with_query(refused),
        test_with_query(term_length),
        test_with_query(hidden_and_foreign),
        test_with_query(several_values),
        test_with_query(random_order),
        test_with_query(with_filters_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
