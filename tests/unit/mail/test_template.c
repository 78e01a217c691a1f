#include "mail/mail_internal.h"
#include "testing.h"

static const Placeholder LIST[] = {
    {STR_INIT("APP_NAME"), STR_INIT("Shop & Co {TOKEN}"), false},
    {STR_INIT("TOKEN"), STR_INIT("tok"), false},
    {STR_INIT("ALERT_INFO"), STR_INIT("<b>"), true},
};

static const struct {
    const char *text, *filled;
} CASES[] = {
    {"", ""},
    {"plain", "plain"},
    {"{TOKEN}", "tok"},
    {"{TOKEN}{TOKEN} {TOKEN}", "toktok tok"},
    {"Hello {APP_NAME}!", "Hello Shop & Co {TOKEN}!"}, /* not looked into again */
    {"{ALERT_INFO}", "&lt;b&gt;"},
    {"{UNKNOWN} {} { } {token}", "{UNKNOWN} {} { } {token}"},
    {"{{TOKEN}}", "{tok}"},
    {"{TOKEN", "{TOKEN"},
    {"{", "{"},
    {"}{", "}{"},
    {"{RECORD:name}", "A &lt;i&gt; &amp; &#34;b&#34;"},
    {"{RECORD:email}", "u@example.com"},
    {"{RECORD:hidden}", "{RECORD:hidden}"},
    {"{RECORD:password}", "{RECORD:password}"},
    {"{RECORD:nope} {RECORD:}", "{RECORD:nope} {RECORD:}"},
    {"{RECORD:ok} {RECORD:off}", "true false"},
    {"{RECORD:n} {RECORD:whole}", "1.5 7"},
    {"{RECORD:day}", "2026-01-02 00:00:00.000Z"},
    {"{RECORD:tags}", "x&lt;, y"},
    {"{RECORD:data}", "{&#34;a&#34;:1}"},
};

static Record *record_of(Arena *a)
{
    const struct {
        const char *name;
        FieldType type;
        DbValue value;
        bool hidden, list;
    } FIELDS[] = {
        {"name", FIELD_TEXT, DB_VALUE_TEXT(S("A <i> & \"b\"")), false, false},
        {"email", FIELD_EMAIL, DB_VALUE_TEXT(S("u@example.com")), false, false},
        {"hidden", FIELD_TEXT, DB_VALUE_TEXT(S("secret")), true, false},
        {"password", FIELD_PASSWORD, DB_VALUE_TEXT(S("hash")), false, false},
        {"ok", FIELD_BOOL, DB_VALUE_INT(1), false, false},
        {"off", FIELD_BOOL, DB_VALUE_INT(0), false, false},
        {"n", FIELD_NUMBER, DB_VALUE_REAL(1.5), false, false},
        {"whole", FIELD_NUMBER, DB_VALUE_INT(7), false, false},
        {"day", FIELD_DATE, DB_VALUE_TEXT(S("2026-01-02 00:00:00.000Z")), false, false},
        {"tags", FIELD_SELECT, DB_VALUE_TEXT(S("[\"x<\",\"y\"]")), false, true},
        {"data", FIELD_JSON, DB_VALUE_TEXT(S("{\"a\":1}")), false, false},
    };
    Collection *c = arena_new(a, Collection, 1);
    Record *r = arena_new(a, Record, 1);
    c->field_count = COUNT(FIELDS);
    c->fields = arena_new(a, Field, COUNT(FIELDS));
    r->collection = c;
    r->values = arena_new(a, DbValue, COUNT(FIELDS));
    for (size_t i = 0; i < COUNT(FIELDS); i++) {
        c->fields[i] = (Field){.type = FIELDS[i].type,
                               .name = str_from(FIELDS[i].name),
                               .hidden = FIELDS[i].hidden,
                               .index = (int)i,
                               .max_select = FIELDS[i].list ? 3 : 0};
        r->values[i] = FIELDS[i].value;
    }
    return r;
}

static void placeholders_are_replaced_once(void **state)
{
    Arena *a = *state;
    const Record *r = record_of(a);
    for (size_t i = 0; i < COUNT(CASES); i++)
        check_str(CASES[i].text, template_fill(a, str_from(CASES[i].text), LIST, COUNT(LIST), r),
                  CASES[i].filled);
    check_str("no record", template_fill(a, S("{RECORD:name}"), LIST, COUNT(LIST), NULL),
              "{RECORD:name}");
}

static void the_layout_has_the_body_and_its_styles(void **state)
{
    Arena *a = *state;
    Str html = template_layout(a, S("<p>x</p>"));
    assert_true(str_find(html, S("<body>\n<p>x</p>\n</body>")) > 0);
    assert_true(str_find(html, S("UTF-8")) > 0);
    assert_true(str_find(html, S(".btn {")) > 0);
    assert_true(str_find(html, S(".hidden {")) > 0);
}

static const struct {
    const char *html, *text;
} TEXTS[] = {
    {"", ""},
    {"plain", "plain"},
    {"a  b\n\tc", "a b c"},
    {"<p>Hello,</p><p>World</p>", "Hello,\r\nWorld"},
    {"<p></p><div><p>one</p></div>\n\n<p>two</p>", "one\r\ntwo"},
    {"a<br>b<br/>c", "a\r\nb\r\nc"},
    {"<ul><li>one</li><li>two</li></ul>", "- one\r\n- two"},
    {"<a href=\"https://a.b/?x=1&amp;y=2\">li<b>nk</b></a>", "[link](https://a.b/?x=1&y=2)"},
    {"see <a class=btn href='x' target=_blank>here</a>.", "see [here](x)."},
    {"<a name=\"x\">no link</a>", "no link"},
    {"<a href=\"x\">never closed", "[never closed](x)"},
    {"<a href=x>one<a href=y>two</a>", "[one](x)[two](y)"},
    {"<a data-href=\"n\" href=\"y\">z</a>", "[z](y)"},
    {"a <b>bold</b> b", "a bold b"},
    {"x<script>alert('<p>')</script>y", "xy"},
    {"x<STYLE>a{}</style>y<form><p>f</p></form>z", "xyz"},
    {"x<script>never closed", "x"},
    {"x<img src=\"a>b\" alt='c'>y", "xy"},
    {"<head><title>t</title></head><body>b</body>", "b"},
    {"a<!-- <p>no</p> -->b<!doctype html>c", "abc"},
    {"a<!-- never closed", "a"},
    {"&lt;p&gt; &amp;amp; &quot;&#39;&#x27;&apos;", "<p> &amp; \"'''"},
    {"a&nbsp;b &copy; &#8364; &#x1F600;", "a b \xc2\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"&unknown; & &# &#; &#x; &#0; &#13; &#xD800; &#99999999;", "&unknown; & &# &#; &#x;"},
    {"1 < 2 <3> </ <", "1 < 2 <3> </ <"},
    {"<p title=\"unclosed", "<p title=\"unclosed"},
};

static void html_reads_well_as_text(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        check_str(TEXTS[i].html, mail_html_text(a, str_from(TEXTS[i].html)), TEXTS[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(placeholders_are_replaced_once),
        test_with_arena(the_layout_has_the_body_and_its_styles),
        test_with_arena(html_reads_well_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
