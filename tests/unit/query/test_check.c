/* test_check.c - where a text that is being typed is at fault, and a rule in
 * pieces with what each gives. */
#include "query_fixture.h"

/* `at` NULL: nothing is wrong. "" with `offset`: something is missing there. */
static const struct {
    const char *name;
    CheckKind kind;
    const char *text, *at;
    int offset;
} FAULTS[] = {
    {"empty", CHECK_RULE, "", NULL, 0},
    {"good", CHECK_RULE, "title = 'a' && views > 1", NULL, 0},
    {"blanks only", CHECK_RULE, "  ", "", 2},
    {"no right side", CHECK_RULE, "title = ", "", 8},
    {"unknown field", CHECK_RULE, "title = 'a' && nope = 1", "nope", 15},
    {"on the right", CHECK_RULE, "title = nope", "nope", 8},
    {"path", CHECK_RULE, "(title.x = 1)", "title.x", 1},
    {"sign", CHECK_RULE, "title == 1", "==", 6},
    {"join", CHECK_RULE, "title = 1 & views = 1", "&", 10},
    {"unterminated", CHECK_RULE, "title = 'a", "'a", 8},
    {"modifier", CHECK_RULE, "title:nope = 1", "title:nope", 0},
    {"bracket", CHECK_RULE, "title = 1)", ")", 9},
    {"open bracket", CHECK_RULE, "(title = 1", "", 10},
    {"character", CHECK_RULE, "title = 1; views = 1", "; views = 1", 9},
    {"after a comment", CHECK_RULE, "// x\nnope = 1", "nope", 5},
    {"collection", CHECK_RULE, "@collection.nope.x = 1", "@collection.nope.x", 0},
    {"function's argument", CHECK_RULE, "geoDistance(nope, 1, 2, 3) < 1", "nope", 12},
    {"client's filter", CHECK_FILTER, "title ?? 1", "??", 6},
    {"sort", CHECK_SORT, "-views,title", NULL, 0},
    {"sort, unknown", CHECK_SORT, "-views, nope", "nope", 8},
    {"sort, doubled", CHECK_SORT, "views,,title", "", 6},
    {"sort, open end", CHECK_SORT, "views,", "", 6},
};

static void faults_have_a_place(void **state)
{
    QueryFixture *t = *state;
    QueryCase ask = {.caller = AS_ROOT};
    RequestInfo info = query_request(t, &ask);
    for (size_t i = 0; i < COUNT(FAULTS); i++) {
        TextSpan at = {0};
        Str text = str_from(FAULTS[i].text);
        Error *err = query_check(t->arena, &sqlite_dialect, t->schema, query_collection(t, "posts"),
                                 &info, FAULTS[i].kind, text, &at);
        check_int(FAULTS[i].name, err != NULL, FAULTS[i].at != NULL);
        if (!err) continue;
        check_int(FAULTS[i].name, err->status, 400);
        check_int(FAULTS[i].name, (long long)at.offset, FAULTS[i].offset);
        check_str(FAULTS[i].name, str_sub(text, at.offset, at.length), FAULTS[i].at);
    }
}

static void a_rule_in_pieces(void **state)
{
    static const struct {
        int depth;
        PartKind kind;
        const char *text;
        EvalResult result;
    } PARTS[] = {
        {0, PART_OR, "(1 = 1 && @request.auth.id = '') || title = 'x'", EVAL_TRUE},
        {1, PART_AND, "1 = 1 && @request.auth.id = ''", EVAL_TRUE},
        {2, PART_COMPARISON, "1 = 1", EVAL_TRUE},
        {2, PART_COMPARISON, "@request.auth.id = ''", EVAL_TRUE},
        {1, PART_COMPARISON, "title = 'x'", EVAL_UNKNOWN},
    };
    QueryFixture *t = *state;
    QueryCase ask = {0};
    RequestInfo info = query_request(t, &ask);
    Filter *f;
    FilterPart *parts;
    Str text = str_from(PARTS[0].text);
    assert_null(filter_parse(t->arena, text, &f));
    size_t count = filter_parts(f, text, t->arena, t->schema, query_collection(t, "posts"), &info,
                                NULL, NULL, &parts);
    check_int("pieces", (long long)count, COUNT(PARTS));
    for (size_t i = 0; i < count; i++) {
        check_int(PARTS[i].text, parts[i].depth, PARTS[i].depth);
        check_int(PARTS[i].text, parts[i].kind, PARTS[i].kind);
        check_str(PARTS[i].text, parts[i].text, PARTS[i].text);
        check_int(PARTS[i].text, parts[i].result, PARTS[i].result);
        check_str("the span", str_sub(text, parts[i].span.offset, parts[i].span.length),
                  PARTS[i].text);
    }
    check_str("the left side", parts[3].left.text, "@request.auth.id");
    assert_true(parts[3].left.known && parts[3].right.known && !parts[4].left.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(faults_have_a_place),
        test_with_query(a_rule_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
