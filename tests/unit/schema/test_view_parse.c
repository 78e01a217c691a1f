/* What the text of a view's query tells. */
#include "testing.h"

#include "schema/view_parse.h"

static const char *const KINDS[] = {"other", "column", "count", "total", "cast"};

/* "column p.id=id, count =c | posts p, - u" */
static Str describe(Arena *a, const ViewQuery *q)
{
    Buf out = buf_new(a, 128);
    for (size_t i = 0; i < q->item_count; i++) {
        const ViewItem *item = &q->items[i];
        buf_printf(&out, "%s%s ", i > 0 ? ", " : "", KINDS[item->kind]);
        if (item->table.len > 0) buf_printf(&out, "%.*s.", STR_ARG(item->table));
        buf_printf(&out, "%.*s%.*s=%.*s", STR_ARG(item->column), STR_ARG(item->cast),
                   STR_ARG(item->alias));
    }
    for (size_t i = 0; i < q->table_count; i++) {
        const ViewTable *table = &q->tables[i];
        buf_add(&out, i > 0 ? S(", ") : S(" | "));
        buf_add(&out, table->name.len > 0 ? table->name : S("-"));
        if (!str_eq(table->alias, table->name)) buf_printf(&out, " %.*s", STR_ARG(table->alias));
    }
    if (q->is_compound) buf_add(&out, S(" | compound"));
    return buf_str(&out);
}

#define WILDCARD                                                                                   \
    "wildcard columns (*) are not supported - manually type the collection field names you want "  \
    "the view query to have"

static const struct {
    const char *query, *expected;
} READ[] = {
    {"select id from posts", "column id=id | posts"},
    {" ; SELECT id FROM posts ;; ", "column id=id | posts"},
    {"select distinct id, all_x x from posts", "column id=id, column all_x=x | posts"},
    {"select p.id, p.title as t from posts as p", "column p.id=id, column p.title=t | posts p"},
    {"select main.posts.id from main.posts q", "column posts.id=id | posts q"},
    {"select \"id\", `a b`, [c] from \"x y\" 'z'",
     "column id=id, column a b=a b, column c=c | x y"},
    {"select \"a\"\"b\" as `c``d` from t", "column a\"b=c`d | t"},
    {"select id 'x', 'y' as z, 'it''s' from t", "column id=x, other =z, other = | t"},
    {"select count(*) as c, COUNT( n ) d from t", "count =c, count =d | t"},
    {"select count(*) over () c, total(n) x from t", "count =c, total =x | t"},
    {"select count(*)+1 a, total(n) / 2 b from t", "total =a, total =b | t"},
    {"select count(*) || 'x' a, 1 + count(*) b from t", "other =a, other =b | t"},
    {"select counted(n) a, total.n b from t", "other =a, column total.n=b | t"},
    {"select cast(n as int) a, CAST( a+1 AS text) b", "cast int=a, cast text=b"},
    {"select cast(n as varchar(10)) a, cast(n as real)+1 b", "cast =a, other =b"},
    {"select cast(cast(n as text) as int) a", "cast int=a"},
    {"select (select x from u) as s, (id) from t", "other =s, other = | t"},
    {"select case when a then b else c end from t", "other = | t"},
    {"select case when a then b else c end d from t", "other =d | t"},
    {"select a is not distinct from b as d, a from t", "other =d, column a=a | t"},
    {"select a is null, b notnull, not c, -d e from t", "other =, other =, other =, other =e | t"},
    {"select a like 'x', b collate nocase, c from t", "other =, other =, column c=c | t"},
    {"select sum(n) over w s, n from t window w as (order by n)", "other =s, column n=n | t"},
    {"select f(a, b, (c, d)), 'from x' y from t", "other =, other =y | t"},
    {"select x'00' a, 0x1F b, 1.5e3 c, .5 d", "other =a, other =b, other =c, other =d"},
    {"select 1 as id limit 1", "other =id"},
    {"select 1 as id where 1 group by 2 having 3", "other =id"},
    {"select id -- , x\n, a /* , y from z */ from t -- end", "column id=id, column a=a | t"},
    {"select a.x from a, b c join d on d.y = a.y left outer join e as f using (g, h)",
     "column a.x=x | a, b c, d, e f"},
    {"select a.x from (select 1) s join f(1, 2) as g cross join h", "column a.x=x | - s, - g, h"},
    {"select x from a natural join b indexed by i where c", "column x=x | a, b"},
    {"with p as (select 1 from q), r(s) as not materialized (values (1)) select p.x, y from P, r, "
     "main.p z",
     "column p.x=x, column y=y | - P, - r, p z"},
    {"with recursive a as (select 1) select id from b", "column id=id | b"},
    {"select id, a from t union all select id, b from u",
     "column id=id, column a=a | t | compound"},
    {"select id except select 2", "column id=id | compound"},
    {"((select id, a from posts))", "column id=id, column a=a | posts"},
    {"(select id from t) union (select 1)", ""},
    {"values (1)", ""},
    {"(select id from posts) x", ""},
    {"with x", ""},
    {"selekt id from t", ""},
    {"select", "other ="},
    {"select id, from", "column id=id, other = | -"},
    {"", ""},
};

static const struct {
    const char *query, *complaint;
} REFUSED[] = {
    {"select * from posts", WILDCARD},
    {"select p . * from posts p", WILDCARD},
    {"select id from a union select * from b", WILDCARD},
    {"select 1 as id; select 2", "multiple statements are not supported"},
    {"select id from t;drop table t", "multiple statements are not supported"},
    {"select 1 as id) union select (2", "unbalanced parentheses"},
    {"select (1 as id", "unbalanced parentheses"},
    {"select 'abc", "unterminated quoted text"},
    {"select [abc", "unterminated quoted text"},
    {"select \"abc\"\"", "unterminated quoted text"},
    {"select 1 /* as id", "unterminated comment"},
    {"select ?1 as id", "parameters are not allowed in views"},
    {"select :a as id", "parameters are not allowed in views"},
    {"select 1 as id \\ 2", "unrecognized token"},
};

static void reads(void **state)
{
    (void)state;
    Arena *a = arena_create("test", 8 << 20);
    for (size_t i = 0; i < COUNT(READ); i++) {
        ViewQuery q;
        const char *complaint = view_parse(a, str_from(READ[i].query), &q);
        if (complaint) fail_msg("%s: %s", READ[i].query, complaint);
        check_str(READ[i].query, describe(a, &q), READ[i].expected);
    }
    arena_destroy(a);
}

static void refuses(void **state)
{
    (void)state;
    Arena *a = arena_create("test", 8 << 20);
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        ViewQuery q;
        const char *complaint = view_parse(a, str_from(REFUSED[i].query), &q);
        check_str(REFUSED[i].query, str_from(complaint ? complaint : "accepted"),
                  REFUSED[i].complaint);
    }
    ViewQuery q;
    char *nul = arena_cstr(a, S("select 1 as id, 2"));
    nul[9] = '\0';
    assert_non_null(view_parse(a, str_make(nul, 17), &q));
    char *large = arena_bytes(a, VIEW_QUERY_MAX_BYTES + 1);
    memset(large, ' ', VIEW_QUERY_MAX_BYTES + 1);
    assert_non_null(view_parse(a, str_make(large, VIEW_QUERY_MAX_BYTES + 1), &q));
    arena_destroy(a);
}

static void names_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *query, *table;
    } CASES[] = {
        {"select x from a, b", "a"},
        {"select b.x from a, b", "b"},
        {"select B.x from a, b", "b"},
        {"select c.x from a, b c", "b"},
        {"select b.x from a, b c", NULL},
        {"select x from (select 1) s, b", ""},
        {"select x + 1 from a", NULL},
        {"select x from a union select 1", NULL},
        {"select x", NULL},
    };
    Arena *a = arena_create("test", 8 << 20);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ViewQuery q;
        assert_null(view_parse(a, str_from(CASES[i].query), &q));
        const ViewTable *table = view_table_of(&q, &q.items[0]);
        if (!table != !CASES[i].table) fail_msg("%s", CASES[i].query);
        if (table) check_str(CASES[i].query, table->name, CASES[i].table);
    }
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(names_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
