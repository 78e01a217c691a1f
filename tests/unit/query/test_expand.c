/* test_expand.c - `expand` paths as trees (conventions §6.2). */
#include "base/buf.h"
#include "query/query.h"
#include "testing.h"

/* a(b(c),d) */
static void draw(Buf *out, const ExpandNode *n)
{
    for (bool first = true; n; n = n->next, first = false) {
        if (!first) buf_char(out, ',');
        buf_add(out, n->step);
        if (!n->children) continue;
        buf_char(out, '(');
        draw(out, n->children);
        buf_char(out, ')');
    }
}

static const struct {
    const char *name, *text, *tree;
} CASES[] = {
    {"nothing", "", ""},
    {"one", "author", "author"},
    {"a prefix is the same branch", "author,author.org", "author(org)"},
    {"order does not matter", "author.org,author", "author(org)"},
    {"duplicates", "a,b,a", "a,b"},
    {"blanks and dots", " .a . b. , ,c", "a(b),c"},
    {"six steps, not seven", "a.b.c.d.e.f.g", "a(b(c(d(e(f)))))"},
    {"back relation", "comments_via_post.user", "comments_via_post(user)"},
    {"the old form", "comments(post).user", "comments_via_post(user)"},
};

static void parses(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Buf out = buf_new(a, 64);
        draw(&out, expand_parse(a, str_from(CASES[i].text)));
        check_str(CASES[i].name, buf_str(&out), CASES[i].tree);
    }
}

static void is_bounded(void **state)
{
    Arena *a = *state;
    Buf text = buf_new(a, 8192);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "f%d,", i);
    size_t count = 0;
    for (ExpandNode *n = expand_parse(a, buf_str(&text)); n; n = n->next)
        count++;
    check_int("nodes", count, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(parses), test_with_arena(is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
