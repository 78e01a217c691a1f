#include "outgoing/outgoing_internal.h"
#include "testing.h"

static const struct {
    const char *ip;
    bool is_public;
} CASES[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"9.255.255.255", true},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.32.0.0", true},
    {"169.253.255.255", true},
    {"192.167.255.255", true},
    {"198.17.255.255", true},
    {"198.20.0.0", true},
    {"223.255.255.255", true},
    {"2606:4700:4700::1111", true},
    {"2a00:1450:4001:800::200e", true},
    {"::ffff:8.8.8.8", true},
    {"64:ff9b::8.8.8.8", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"10.255.255.255", false},
    {"100.64.0.0", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.0.1", false},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.0.1", false},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.51.100.1", false},
    {"203.0.113.1", false},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:7f00:1", false},
    {"::ffff:10.1.2.3", false},
    {"::ffff:169.254.169.254", false},
    {"0:0:0:0:0:ffff:c0a8:0001", false},
    {"::127.0.0.1", false},
    {"::8.8.8.8", false},
    {"64:ff9b::127.0.0.1", false},
    {"64:ff9b::10.0.0.1", false},
    {"64:ff9b:1::1", false},
    {"100::1", false},
    {"2001::1", false},
    {"2001:db8::1", false},
    {"2002:7f00:1::", false},
    {"2002:808:808::", false},
    {"3fff::1", false},
    {"fc00::1", false},
    {"fd12:3456::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
    {"ff0e::1", false},
    {"", false},
    {"localhost", false},
    {"127.1", false},
    {"0x7f.1", false},
    {"2130706433", false},
    {"8.8.8.8.8", false},
    {"8.8.8.8 ", false},
    {"[::1]", false},
    {"1111:2222:3333:4444:5555:6666:7777:88888", false},
};

static void only_public_addresses_are_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++)
        check_bool(CASES[i].ip, address_is_public(str_from(CASES[i].ip)), CASES[i].is_public);
    check_bool("NUL", address_is_public(str_make("8.8.8.8\0", 8)), false);
}

static const struct {
    const char *range, *ip;
    bool parses, in;
} RANGES[] = {
    {"10.1.0.0/16", "10.1.255.255", true, true},
    {"10.1.0.0/16", "10.2.0.0", true, false},
    {"10.1.0.0/16", "::ffff:10.1.2.3", true, true},
    {"10.1.2.3", "10.1.2.3", true, true},
    {"10.1.2.3", "10.1.2.4", true, false},
    {"0.0.0.0/0", "255.1.2.3", true, true},
    {"0.0.0.0/0", "fd00::1", true, false},
    {"fd00::/9", "fd00::1", true, true},
    {"fd00::/9", "fd80::1", true, false},
    {"::/0", "fd80::1", true, true},
    {"10.1.0.0/33", "", false, false},
    {"10.1.0.0/-1", "", false, false},
    {"10.1.0.0/", "", false, false},
    {"fd00::/129", "", false, false},
    {"/8", "", false, false},
    {"home", "", false, false},
};

static void ranges_hold_their_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        AddressRange range;
        Address address;
        bool parses = address_range_parse(str_from(RANGES[i].range), &range);
        check_bool(RANGES[i].range, parses, RANGES[i].parses);
        if (!parses) continue;
        check_bool(RANGES[i].ip, address_parse(str_from(RANGES[i].ip), &address), true);
        check_bool(RANGES[i].range, address_in(&address, &range), RANGES[i].in);
    }
}

static const struct {
    const char *address;
    bool valid;
} MAIL[] = {
    {"a@b.co", true},
    {"a.b+c@x-y.example", true},
    {"a@localhost", true},
    {"t\xc3\xa9@b.co", true},
    {"", false},
    {"a", false},
    {"@b", false},
    {"a@", false},
    {"a@b@c", false},
    {"a b@c", false},
    {"a@b\r\nRCPT TO:<x@y>", false},
    {"a@b\n", false},
    {"<a@b>", false},
    {"a@b,c", false},
    {"-oQ@b", false},
    {"\"a\"@b", false},
};

static void addresses_cannot_end_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(MAIL); i++)
        check_bool(MAIL[i].address, mail_address_valid(str_from(MAIL[i].address)), MAIL[i].valid);
    check_bool("NUL", mail_address_valid(str_make("a\0@b", 4)), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_public_addresses_are_public),
        cmocka_unit_test(ranges_hold_their_addresses),
        cmocka_unit_test(addresses_cannot_end_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
