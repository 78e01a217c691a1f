/* test_error.c - what each level adds to an error. */
#include "testing.h"

#include <errno.h>

static void has_default_messages(void **state)
{
    Arena *a = *state;
    check_str("404", error_status(a, 404)->message, "The requested resource wasn't found.");
    check_str("429", error_default_message(429), "Too Many Requests.");
    check_str("unknown", error_default_message(499),
              "Something went wrong while processing your request.");
    check_str("empty", error_new(a, 403, S(""))->message,
              "You are not allowed to perform this request.");
    static const int STATUSES[] = {400, 401, 403, 404, 405, 408, 411, 413, 414,
                                   415, 417, 429, 431, 500, 501, 503, 505, 507};
    for (size_t i = 0; i < COUNT(STATUSES); i++) {
        Str m = error_default_message(STATUSES[i]);
        check_bool("a sentence", m.len > 10 && m.ptr[m.len - 1] == '.', true);
    }
}

static void names_fields(void **state)
{
    Arena *a = *state;
    Error *err = error_required(a, S("price"));
    check_int("status", err->status, 400);
    check_code("code", err, "validation_required");
    check_str("message", err->message, "Cannot be blank.");

    error_chain(&err, error_field(a, S("count"), "validation_in_invalid", S("No.")));
    error_chain(&err, error_status(a, 400));
    error_chain(&err, error_status(a, 500));
    err = error_at(a, err, "lines.%d", 2);
    err = error_at(a, err, "order");
    check_str("first", err->field, "order.lines.2.price");
    check_str("second", err->next->field, "order.lines.2.count");
    check_str("without field", err->next->next->field, "order.lines.2");
    check_str("not the input's fault", err->next->next->next->field, "");
    assert_null(error_at(a, NULL, "x"));

    char wide[400];
    memset(wide, 'w', sizeof wide);
    err = error_at(a, error_required(a, S("x")), "%.*s", (int)sizeof wide, wide);
    check_int("long path", err->field.len, sizeof wide + 2);
}

static void chains(void **state)
{
    Arena *a = *state;
    Error *list = NULL;
    error_chain(&list, NULL);
    assert_null(list);
    error_chain(NULL, error_status(a, 400));
    Error *first = error_required(a, S("a")), *second = error_required(a, S("b"));
    error_chain(&list, first);
    error_chain(&list, second);
    error_chain(&list, NULL);
    assert_ptr_equal(list, first);
    assert_ptr_equal(list->next, second);
}

static void summaries(void **state)
{
    Arena *a = *state;
    Error *err = error_summary(error_required(a, S("a")), S("Failed."));
    check_str("field keeps its message", err->message, "Cannot be blank.");
    check_str("summary", err->summary, "Failed.");
    err = error_summary(err, S("Other."));
    check_str("the inner one stays", err->summary, "Failed.");

    err = error_summary(error_new(a, 400, S("UNIQUE constraint")), S("Failed to create."));
    check_str("plain 400: message", err->message, "Failed to create.");
    check_str("plain 400: cause", err->cause, "UNIQUE constraint");
    err = error_summary(err, S("Other."));
    check_str("plain 400: stays", err->message, "Failed to create.");

    err = error_cause(a, error_status(a, 400), "sql %d", 19);
    err = error_summary(err, S("Failed."));
    check_str("cause stays", err->cause, "sql 19");

    err = error_summary(error_status(a, 404), S("Failed."));
    check_str("other status", err->message, "The requested resource wasn't found.");
    err = error_new(a, 400, S("Too deep."));
    err->code = "json_too_deep";
    check_str("with code", error_summary(err, S("Failed."))->message, "Too deep.");
    assert_null(error_summary(NULL, S("x")));
}

static void causes(void **state)
{
    Arena *a = *state;
    Error *err = error_errno(a, ENOENT, "open", S("/data/x"));
    check_int("status", err->status, 500);
    check_str("cause", err->cause, "open /data/x: No such file or directory (2)");
    check_int("full", error_errno(a, ENOSPC, "write", S("f"))->status, 507);
    check_int("quota", error_errno(a, EDQUOT, "write", S("f"))->status, 507);
    check_str("unknown", error_errno(a, 99999, "write", S(""))->cause,
              "write: unknown error (99999)");
    err = error_cause(a, err, "backup %s", "b1");
    check_str("outer first", err->cause, "backup b1: open /data/x: No such file or directory (2)");
    assert_null(error_cause(a, NULL, "x"));
}

static void sentences(void **state)
{
    static const struct {
        const char *text, *sentence;
    } CASES[] = {
        {"cannot be blank", "Cannot be blank."},
        {"Done.", "Done."},
        {"done!", "Done!"},
        {" why? ", "Why?"},
        {"", ""},
        {"  ", ""},
        {"über", "über."},
        {"x", "X."},
        {"1 is odd", "1 is odd."},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        check_str(CASES[i].text, error_sentence(*state, str_from(CASES[i].text)),
                  CASES[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(has_default_messages),
        test_with_arena(names_fields),
        test_with_arena(chains),
        test_with_arena(summaries),
        test_with_arena(causes),
        test_with_arena(sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
