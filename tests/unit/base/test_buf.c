/* test_buf.c - text that grows. */
#include "testing.h"

#include "base/buf.h"

static void grows_from_any_start(void **state)
{
    Arena *a = *state;
    for (size_t initial = 0; initial < 70; initial++) {
        Buf b = buf_new(a, initial);
        for (int i = 0; i < 3000; i++) {
            buf_char(&b, (char)('a' + i % 26));
            if (i % 500 == 0) (void)arena_bytes(a, 1); /* something in the way */
        }
        Str s = buf_str(&b);
        check_int("length", s.len, 3000);
        for (int i = 0; i < 3000; i++) {
            assert_int_equal(s.ptr[i], 'a' + i % 26);
        }
    }
}

static void an_empty_one_needs_no_memory(void **state)
{
    Buf b = {.arena = *state};
    check_str("empty", buf_str(&b), "");
    buf_add(&b, (Str){NULL, 0});
    buf_add(&b, S("now"));
    check_str("added", buf_str(&b), "now");
}

static void prints(void **state)
{
    Buf b = buf_new(*state, 4);
    buf_printf(&b, "%d-%s", 12, "x");
    buf_printf(&b, "%s", "");
    buf_printf(&b, "|%200d", 1);
    check_int("length", b.len, 4 + 201);
    check_str("start", str_sub(buf_str(&b), 0, 5), "12-x|");
}

static void writes_integers(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } CASES[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {10, "10"},
        {-100, "-100"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Buf b = buf_new(*state, 0);
        buf_i64(&b, CASES[i].value);
        check_str(CASES[i].text, buf_str(&b), CASES[i].text);
    }
}

static Error *grow_for_ever(void *arg)
{
    Buf b = buf_new(arg, 16);
    for (int i = 0; i < 1000000; i++) {
        buf_add(&b, S("0123456789abcdef0123456789abcdef"));
    }
    return NULL;
}

static Error *grow_beyond_counting(void *arg)
{
    Buf b = buf_new(arg, 16);
    b.len = 10;
    (void)buf_reserve(&b, SIZE_MAX - 5);
    return NULL;
}

static Error *fill_most(void *arg)
{
    Buf b = buf_new(arg, 16);
    for (int i = 0; i < 90 * 1024; i++) {
        buf_char(&b, 'x');
    }
    return NULL;
}

static void is_bounded_by_its_arena(void **state)
{
    (void)state;
    Arena *a = arena_create("buf", 128 * 1024);
    assert_non_null(arena_protect(a, grow_for_ever, a));
    arena_reset(a);
    assert_non_null(arena_protect(a, grow_beyond_counting, a));
    arena_reset(a);
    /* 90 of 128 KB fit although doubling 64 KB would not. */
    assert_null(arena_protect(a, fill_most, a));
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(grows_from_any_start),
        test_with_arena(an_empty_one_needs_no_memory),
        test_with_arena(prints),
        test_with_arena(writes_integers),
        cmocka_unit_test(is_bounded_by_its_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
