#include "settings/settings.h"
#include "testing.h"

static const struct {
    const char *ip, *entry;
    bool valid, in;
} LISTS[] = {
    {"10.1.2.3", "10.1.2.3", true, true},
    {"10.1.2.3", "10.1.2.4", true, false},
    {"10.1.2.3", "10.0.0.0/8", true, true},
    {"11.1.2.3", "10.0.0.0/8", true, false},
    {"10.1.2.3", "10.1.2.0/23", true, true},
    {"10.1.4.3", "10.1.2.0/23", true, false},
    {"10.1.2.3", "0.0.0.0/0", true, true},
    {"::1", "0.0.0.0/0", true, false},
    {"10.1.2.3", "::/0", true, false},
    {"::1", "::1", true, true},
    {"0:0:0:0:0:0:0:1", "::1/128", true, true},
    {"2001:db8:1::5", "2001:db8::/32", true, true},
    {"2001:db9::5", "2001:db8::/32", true, false},
    {"2001:db8:80::", "2001:db8:80::/41", true, true},
    {"2001:db8:7f::", "2001:db8:80::/41", true, false},
    {"::ffff:10.1.2.3", "10.0.0.0/8", true, true},
    {"10.1.2.3", "::ffff:10.0.0.0/104", true, true},
    {"10.1.2.3", "::ffff:10.0.0.0/8", false, false},
    {"nonsense", "0.0.0.0/0", true, false},
    {"10.1.2.3", "10.0.0.0/33", false, false},
    {"10.1.2.3", "10.0.0.0/08", false, false},
    {"10.1.2.3", "10.0.0.0/", false, false},
    {"10.1.2.3", "10.0.0.0/-1", false, false},
    {"10.1.2.3", "10.0.0", false, false},
    {"::1", "::1/129", false, false},
    {"::1", "", false, false},
    {"::1", "localhost", false, false},
};

static void matches_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(LISTS); i++) {
        Str entry = str_from(LISTS[i].entry);
        check_bool(LISTS[i].entry, ip_or_cidr_valid(entry), LISTS[i].valid);
        check_bool(LISTS[i].entry, ip_in_list(str_from(LISTS[i].ip), &entry, 1), LISTS[i].in);
    }
    check_bool("empty list", ip_in_list(S("::1"), NULL, 0), false);
}

static const struct {
    const char *header, *value, *peer;
    bool leftmost;
    const char *expected;
} REAL[] = {
    {NULL, "1.2.3.4", "10.0.0.1", false, "10.0.0.1"},
    {NULL, NULL, "::1", false, "0000:0000:0000:0000:0000:0000:0000:0001"},
    {NULL, NULL, "::ffff:127.0.0.1", false, "127.0.0.1"},
    {"X-IP", NULL, "10.0.0.1", false, "10.0.0.1"},
    {"X-IP", "1.2.3.4", "10.0.0.1", false, "1.2.3.4"},
    {"X-IP", "1.2.3.4, 5.6.7.8", "10.0.0.1", false, "5.6.7.8"},
    {"X-IP", "1.2.3.4, 5.6.7.8", "10.0.0.1", true, "1.2.3.4"},
    {"X-IP", "unknown, 5.6.7.8, garbage", "10.0.0.1", true, "5.6.7.8"},
    {"X-IP", "unknown, 5.6.7.8, garbage", "10.0.0.1", false, "5.6.7.8"},
    {"X-IP", "garbage", "10.0.0.1", false, "10.0.0.1"},
    {"X-IP", "2001:DB8::1", "10.0.0.1", false, "2001:0db8:0000:0000:0000:0000:0000:0001"},
};

static Str header(const void *arg, Str name)
{
    const char *value = *(const char *const *)arg;
    return str_eq(name, S("X-IP")) ? str_from(value) : (Str){0};
}

static void finds_the_caller(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(REAL); i++) {
        Str headers[] = {S("Other"), str_from(REAL[i].header)};
        Settings s = {.proxy_headers = headers,
                      .proxy_header_count = REAL[i].header ? 2 : 0,
                      .proxy_use_leftmost_ip = REAL[i].leftmost};
        Str ip = settings_real_ip(&s, a, str_from(REAL[i].peer), header, &REAL[i].value);
        check_str(REAL[i].expected, ip, REAL[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(matches_lists),
        test_with_arena(finds_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
