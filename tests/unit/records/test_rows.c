/* test_rows.c - records as rows of a file, and the tags of their versions. */
#include "fixture.h"

static const struct {
    const char *name, *text, *guarded, *raw;
} CELLS[] = {
    {"plain", "abc", "abc", "abc"},
    {"empty", "", "", ""},
    {"comma", "a,b", "\"a,b\"", "\"a,b\""},
    {"quote", "a\"b", "\"a\"\"b\"", "\"a\"\"b\""},
    {"line", "a\nb", "\"a\nb\"", "\"a\nb\""},
    {"return", "a\rb", "\"a\rb\"", "\"a\rb\""},
    {"blank first", " a", "\" a\"", "\" a\""},
    {"blank last", "a ", "\"a \"", "\"a \""},
    {"equals", "=1+1", "\"'=1+1\"", "=1+1"},
    {"plus", "+1", "\"'+1\"", "+1"},
    {"minus", "-1", "\"'-1\"", "-1"},
    {"at", "@SUM(A1)", "\"'@SUM(A1)\"", "@SUM(A1)"},
    {"tab", "\t=1", "\"'\t=1\"", "\t=1"},
    {"within", "a=1", "a=1", "a=1"},
    {"formula quote", "=\"a\"", "\"'=\"\"a\"\"\"", "\"=\"\"a\"\"\""},
};

static void cells(void **state)
{
    Fixture *f = *state;
    for (size_t i = 0; i < COUNT(CELLS); i++) {
        Buf guarded = buf_new(f->a, 64), raw = buf_new(f->a, 64);
        csv_write_text(&guarded, str_from(CELLS[i].text), true);
        csv_write_text(&raw, str_from(CELLS[i].text), false);
        check_str(CELLS[i].name, buf_str(&guarded), CELLS[i].guarded);
        check_str(CELLS[i].name, buf_str(&raw), CELLS[i].raw);
    }
}

static void whole_files(void **state)
{
    static const struct {
        RowsFormat format;
        const char *text, *none;
    } FILES[] = {
        {ROWS_CSV, "n,t\r\n-1,\"'=x\"\r\n-1,\"'=x\"\r\n", "n,t\r\n"},
        {ROWS_JSON, "[\n{\"n\":-1,\"t\":\"=x\"},\n{\"n\":-1,\"t\":\"=x\"}\n]\n", "[\n]\n"},
        {ROWS_JSONL, "{\"n\":-1,\"t\":\"=x\"}\n{\"n\":-1,\"t\":\"=x\"}\n", ""},
    };
    Fixture *f = *state;
    const Collection *c = fixture_collection(
        f, "{'name':'posts','fields':[{'name':'n','type':'number'},{'name':'t','type':'text'}]}");
    Record *r = fixture_create(f, "posts", "{'n':-1,'t':'=x'}");
    for (size_t i = 0; i < COUNT(FILES); i++) {
        RowWriter w;
        Buf out = buf_new(f->a, 64);
        check_ok("fields", rows_new(f->a, c, FILES[i].format, S("n, t"), true, &w));
        rows_head(&w, &out);
        rows_tail(&w, &out);
        check_str("none", buf_str(&out), FILES[i].none);
        out.len = 0;
        rows_head(&w, &out);
        rows_write(&w, &out, f->a, r);
        rows_write(&w, &out, f->a, r);
        rows_tail(&w, &out);
        check_str("two", buf_str(&out), FILES[i].text);
    }
}

static void fields_that_may_be_written(void **state)
{
    Fixture *f = *state;
    RowWriter w;
    const Collection *users = schema_find(schema_hold(f->app.schema, f->a), S("users"));
    check_ok("all", rows_new(f->a, users, ROWS_CSV, S(""), true, &w));
    for (size_t i = 0; i < w.count; i++) {
        assert_false(str_eq(w.fields[i]->name, S("password")));
        assert_false(str_eq(w.fields[i]->name, S("tokenKey")));
    }
    check_code("unknown", rows_new(f->a, users, ROWS_CSV, S("id,nope"), true, &w),
               "validation_unknown_field");
    check_code("secret", rows_new(f->a, users, ROWS_CSV, S("tokenKey"), true, &w),
               "validation_unknown_field");
}

static const struct {
    const char *name, *sent;
    bool matches;
} TAGS[] = {
    {"none", "", true},
    {"any", " * ", true},
    {"itself", "\"2026-01-31T10:00:00.123Z\"", true},
    {"as the field", "\"2026-01-31 10:00:00.123Z\"", true},
    {"unquoted", "2026-01-31 10:00:00.123Z", true},
    {"one of two", "\"x\", \"2026-01-31T10:00:00.123Z\"", true},
    {"another", "\"2026-01-31T10:00:00.124Z\"", false},
    {"weak", "W/\"2026-01-31T10:00:00.123Z\"", false},
    {"empty tag", "\"\"", false},
    {"comma", ",", false},
    {"half a quote", "\"", false},
};

static void tags(void **state)
{
    Fixture *f = *state;
    Str etag = etag_of_moment(f->a, S("2026-01-31 10:00:00.123Z"));
    check_str("the tag", etag, "\"2026-01-31T10:00:00.123Z\"");
    for (size_t i = 0; i < COUNT(TAGS); i++)
        check_int(TAGS[i].name, etag_matches(f->a, str_from(TAGS[i].sent), etag), TAGS[i].matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(cells),
        test_with_app(whole_files),
        test_with_app(fields_that_may_be_written),
        test_with_app(tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
