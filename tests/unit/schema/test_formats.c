#include "schema/options.h"
#include "testing.h"

static const struct {
    const char *text;
    bool domain, host, url, email, color;
} CASES[] = {
    {"example.com", true, true, true, false, false},
    {"a.b-c.example", true, true, true, false, false},
    {"localhost", false, true, true, false, false},
    {"word", false, true, false, false, false},
    {"-a.com", false, false, false, false, false},
    {"a..com", false, false, false, false, false},
    {"127.0.0.1", false, true, true, false, false},
    {"127.0.0.999", false, false, false, false, false},
    {"::1", false, true, false, false, false},
    {"https://example.com", false, false, true, false, false},
    {"http://localhost:8090", false, false, true, false, false},
    {"http://[::1]:8090/x?y#z", false, false, true, false, false},
    {"http://u:p@example.com/", false, false, true, false, false},
    {"http://example.com:99999", false, false, false, false, false},
    {"http://", false, false, false, false, false},
    {"http://a b.com", false, false, false, false, false},
    {"javascript:alert(1)", false, false, false, false, false},
    {"me@example.com", false, false, true, true, false},
    {"me.too+tag@sub.example.eu", false, false, true, true, false},
    {".me@example.com", false, false, true, false, false},
    {"me@localhost", false, false, true, false, false},
    {"@example.com", false, false, true, false, false},
    {"#1055c9", false, false, false, false, true},
    {"#fff", false, false, false, false, true},
    {"#ggg", false, false, false, false, false},
    {"", false, false, false, false, false},
};

static void tells_formats_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str s = str_from(CASES[i].text);
        check_bool(CASES[i].text, text_is_domain(s), CASES[i].domain);
        check_bool(CASES[i].text, text_is_host(s), CASES[i].host);
        check_bool(CASES[i].text, text_is_url(s), CASES[i].url);
        check_bool(CASES[i].text, text_is_email(s), CASES[i].email);
        check_bool(CASES[i].text, text_is_hex_color(s), CASES[i].color);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_formats_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
