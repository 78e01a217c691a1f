/* test_key.c - what may be a blob's key. */
#include "testing.h"

#include "storage/storage_internal.h"

#define NAME_240                                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    Str text;
    bool is_prefix, is_good;
    const char *folder, *name;
} CASES[] = {
    {STR_INIT("c/r/photo_x.png"), false, true, "c/r", "photo_x.png"},
    {STR_INIT("c/r/thumbs_a.png/100x100_a.png"), false, true, "c/r/thumbs_a.png", "100x100_a.png"},
    {STR_INIT("single"), false, true, "", "single"},
    {STR_INIT("c/r/a b \xc3\xa9"), false, true, "c/r", "a b \xc3\xa9"},
    {STR_INIT("c/r/a..b"), false, true, "c/r", "a..b"},
    {STR_INIT("c/r/" NAME_240), false, true, "c/r", NAME_240},
    {STR_INIT("c/r/" NAME_240 "a"), false, false, NULL, NULL},
    {STR_INIT(""), false, false, NULL, NULL},
    {STR_INIT("/"), false, false, NULL, NULL},
    {STR_INIT("/etc/passwd"), false, false, NULL, NULL},
    {STR_INIT("c//name"), false, false, NULL, NULL},
    {STR_INIT("c/r/"), false, false, NULL, NULL},
    {STR_INIT("c/../x"), false, false, NULL, NULL},
    {STR_INIT("../x"), false, false, NULL, NULL},
    {STR_INIT("c/r/.."), false, false, NULL, NULL},
    {STR_INIT("c/./x"), false, false, NULL, NULL},
    {STR_INIT("c/r/.hidden"), false, false, NULL, NULL},
    {STR_INIT(".tmp/x"), false, false, NULL, NULL},
    {STR_INIT("c/r/a\0b"), false, false, NULL, NULL},
    {STR_INIT("c/r/a\\b"), false, false, NULL, NULL},
    {STR_INIT("c/r/x.attrs"), false, false, NULL, NULL},
    {STR_INIT("1/2/3/4/5/6/7/8"), false, true, "1/2/3/4/5/6/7", "8"},
    {STR_INIT("1/2/3/4/5/6/7/8/9"), false, false, NULL, NULL},
    {STR_INIT("c/r/"), true, true, "c", "r"},
    {STR_INIT("c/"), true, true, "", "c"},
    {STR_INIT("c/r/thumbs_x/"), true, true, "c/r", "thumbs_x"},
    {STR_INIT("c/r"), true, false, NULL, NULL},
    {STR_INIT("/"), true, false, NULL, NULL},
    {STR_INIT(""), true, false, NULL, NULL},
    {STR_INIT("c//"), true, false, NULL, NULL},
    {STR_INIT("../"), true, false, NULL, NULL},
    {STR_INIT(".tmp/"), true, false, NULL, NULL},
};

static void splits_good_keys_and_refuses_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Key key;
        const char *name = CASES[i].text.ptr;
        check_bool(name, key_parse(CASES[i].text, CASES[i].is_prefix, &key), CASES[i].is_good);
        if (!CASES[i].is_good) continue;
        check_str(name, str_from(key.folder), CASES[i].folder);
        check_str(name, str_from(key.name), CASES[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_good_keys_and_refuses_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
