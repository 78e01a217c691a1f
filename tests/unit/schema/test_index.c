#include "schema/schema.h"
#include "testing.h"

static const struct {
    const char *text;
    const char *columns;  /* comma separated, expressions in {}; NULL: refused */
    const char *rendered; /* on table "t"; NULL: verbatim */
    bool unique, nocase, partial;
} CASES[] = {
    {"create index idx on anything (title)", "title", "CREATE INDEX `idx` ON `t` (`title`)", false,
     false, false},
    {"CREATE UNIQUE INDEX `i` ON `t` (`a`)", "a", NULL, true, false, false},
    {"CREATE UNIQUE INDEX IF NOT EXISTS [i] ON \"x\" ('a' COLLATE NOCASE DESC)", "a",
     "CREATE UNIQUE INDEX IF NOT EXISTS `i` ON `t` (`a` COLLATE NOCASE DESC)", true, true, false},
    {"create index main.i on x (a, b desc)", "a,b",
     "CREATE INDEX `main`.`i` ON `t` (\n  `a`,\n  `b` desc\n)", false, false, false},
    {"create index i on x(lower(a), json_extract(b, '$.c, )'))",
     "{lower(a)},{json_extract(b, '$.c, )')}",
     "CREATE INDEX `i` ON `t` (\n  lower(a),\n  json_extract(b, '$.c, )')\n)", false, false, false},
    {"create index i on x(a) where a != '' ;", "a", "CREATE INDEX `i` ON `t` (`a`) WHERE a != ''",
     false, false, true},
    {"create index i on x(a collate rtrim, b)", "a,b",
     "CREATE INDEX `i` ON `t` (\n  `a` COLLATE rtrim,\n  `b`\n)", false, false, false},
    {"create index i on x(a); drop table y", NULL, NULL, false, false, false},
    {"create index i on x(a) where 1; drop table y", NULL, NULL, false, false, false},
    {"create index i on x(a) -- c", NULL, NULL, false, false, false},
    {"create index i on x(a /* c */)", NULL, NULL, false, false, false},
    {"create index i on x(a))", NULL, NULL, false, false, false},
    {"create index i on x((a)", NULL, NULL, false, false, false},
    {"create index i on x()", NULL, NULL, false, false, false},
    {"create index i on x(a,)", NULL, NULL, false, false, false},
    {"create index i on x(a) where", NULL, NULL, false, false, false},
    {"create index i on x(a) garbage", NULL, NULL, false, false, false},
    {"create index `i on x(a)", NULL, NULL, false, false, false},
    {"create index on x(a)", NULL, NULL, false, false, false},
    {"createindex i on x(a)", NULL, NULL, false, false, false},
    {"create table x(a)", NULL, NULL, false, false, false},
    {"", NULL, NULL, false, false, false},
};

static Str column_list(Arena *a, const Index *x)
{
    Str out = S("");
    for (size_t i = 0; i < x->column_count; i++)
        out = x->is_expression[i] ? str_printf(a, "%.*s%s{%.*s}", STR_ARG(out), i > 0 ? "," : "",
                                               STR_ARG(x->columns[i]))
                                  : str_printf(a, "%.*s%s%.*s", STR_ARG(out), i > 0 ? "," : "",
                                               STR_ARG(x->columns[i]));
    return out;
}

static void reads_and_renders(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Index x;
        bool valid = index_parse(a, str_from(CASES[i].text), &x);
        check_bool(CASES[i].text, valid, CASES[i].columns != NULL);
        if (!valid) continue;
        check_str(CASES[i].text, column_list(a, &x), CASES[i].columns);
        check_bool(CASES[i].text, x.unique, CASES[i].unique);
        check_bool(CASES[i].text, x.nocase, CASES[i].nocase);
        check_bool(CASES[i].text, x.partial, CASES[i].partial);
        check_str(CASES[i].text, index_render(a, &x, S("t")),
                  CASES[i].rendered ? CASES[i].rendered : CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(reads_and_renders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
