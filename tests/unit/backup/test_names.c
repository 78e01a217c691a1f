/* test_names.c - what backups may be called, and are when nobody says. */
#include "testing.h"

#include "backup/backup_internal.h"

static const struct {
    const char *name, *app, *prefix, *expected;
} DEFAULTS[] = {
    {"plain", "Acme", "pb_backup_", "pb_backup_acme_20260102030405.zip"},
    {"words", "My Site, again!", "pb_backup_", "pb_backup_my_site_again_20260102030405.zip"},
    {"camel case", "cornerShop", "@auto_pb_backup_",
     "@auto_pb_backup_corner_shop_20260102030405.zip"},
    {"capitals", "ACME", "pb_backup_", "pb_backup_acme_20260102030405.zip"},
    {"no letters", "\xc3\xa9\xc3\xa9", "pb_backup_", "pb_backup_20260102030405.zip"},
    {"longer than fifty", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffff", "pb_backup_",
     "pb_backup_aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee_20260102030405.zip"},
};

static void default_names(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(DEFAULTS); i++) {
        Str name = backup_default_name(a, str_from(DEFAULTS[i].prefix), str_from(DEFAULTS[i].app),
                                       INT64_C(1767323045000));
        check_str(DEFAULTS[i].name, name, DEFAULTS[i].expected);
    }
}

static const struct {
    const char *name, *code;
} GIVEN[] = {
    {"a.zip", NULL},
    {"a-b_9.zip", NULL},
    {".zip", "validation_match_invalid"},
    {"a.zip.zip", "validation_match_invalid"},
    {"A.zip", "validation_match_invalid"},
    {"a b.zip", "validation_match_invalid"},
    {"../a.zip", "validation_match_invalid"},
    {"@auto_x.zip", "validation_match_invalid"},
    {"a.ZIP", "validation_match_invalid"},
    {"zip", "validation_match_invalid"},
};

static void given_names(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(GIVEN); i++)
        check_code(GIVEN[i].name, backup_name_check(a, str_from(GIVEN[i].name)), GIVEN[i].code);
    char longest[160];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 146, ".zip", 4);
    check_code("150", backup_name_check(a, str_make(longest, 150)), NULL);
    memcpy(longest + 147, ".zip", 4);
    check_code("151", backup_name_check(a, str_make(longest, 151)),
               "validation_length_out_of_range");
}

static const struct {
    const char *key;
    bool good;
} KEYS[] = {
    {"x.zip", true},     {"Von Hand 1.zip", true}, {"\xc3\xa9.zip", true}, {"@auto_x.zip", true},
    {"", false},         {".x.zip", false},        {"..", false},          {"a/b.zip", false},
    {"a\\b.zip", false}, {"a\nb.zip", false},      {"\xff.zip", false},    {"x.zip.attrs", false},
    {"progress", false},
};

static void keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(KEYS); i++)
        check_bool(KEYS[i].key, backup_key_good(str_from(KEYS[i].key)), KEYS[i].good);
}

static const struct {
    const char *name;
    bool good;
} ENTRIES[] = {
    {"data.db", true},
    {"storage/c/r/x.txt", true},
    {"...", true},
    {"", false},
    {"/etc/passwd", false},
    {"../x", false},
    {"a/../../x", false},
    {"a/./b", false},
    {"a//b", false},
    {"a/", false},
    {"a\\..\\b", false},
    {"a\tb", false},
    {"\xc3", false},
    {"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g", false},
};

static void entries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ENTRIES); i++)
        check_bool(ENTRIES[i].name, zip_name_good(str_from(ENTRIES[i].name)), ENTRIES[i].good);
    check_bool("photo", zip_name_stored(S("a/b.JPG")), true);
    check_bool("text", zip_name_stored(S("a/b.txt")), false);
    check_bool("suffix alone", zip_name_stored(S(".jpg")), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(default_names, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(given_names, arena_setup, arena_teardown),
        cmocka_unit_test(keys),
        cmocka_unit_test(entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
