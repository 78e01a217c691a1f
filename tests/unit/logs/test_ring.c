/* Tests of the ring: order, room, the wrap, and two threads at once. */
#include "testing.h"

#include "logs/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static bool put(Ring *r, Str text, size_t spare)
{
    char *to = ring_reserve(r, text.len, spare);
    if (!to) return false;
    memcpy(to, text.ptr, text.len);
    ring_commit(r);
    return true;
}

static void in_order_also_around_the_end(void **state)
{
    Ring r;
    ring_init(&r, arena_take(*state, 128, 16), 128);
    assert_true(ring_is_empty(&r));
    for (int round = 0; round < 50; round++) {
        Str out;
        assert_true(put(&r, S("0123456789"), 0)); /* 24 bytes with its length */
        assert_true(put(&r, S("abcdefghijklmnopqrst"), 0));
        assert_false(ring_is_empty(&r));
        assert_true(ring_next(&r, &out));
        check_str("first", str_sub(out, 0, 10), "0123456789");
        ring_release(&r);
        assert_true(ring_next(&r, &out));
        check_str("second", str_sub(out, 0, 20), "abcdefghijklmnopqrst");
        ring_release(&r);
        assert_false(ring_next(&r, &out));
    }
}

static void refuses_what_does_not_fit(void **state)
{
    Ring r;
    ring_init(&r, arena_take(*state, 128, 16), 128);
    static const char BIG[256];
    assert_false(put(&r, str_make(BIG, 121), 0));
    assert_false(put(&r, str_make(BIG, sizeof BIG), 0));
    assert_true(put(&r, str_make(BIG, 40), 0)); /* 48 */
    assert_false(put(&r, str_make(BIG, 40), 64));
    assert_true(put(&r, str_make(BIG, 40), 16)); /* 96 */
    assert_false(put(&r, str_make(BIG, 40), 0));
    assert_true(put(&r, str_make(BIG, 24), 0)); /* full to the last byte */
    assert_false(put(&r, S(""), 0));
    Str out;
    assert_true(ring_next(&r, &out));
    ring_release(&r);
    assert_true(put(&r, str_make(BIG, 40), 0));
}

#define ENTRIES 200000

static void *produce(void *arg)
{
    Ring *r = arg;
    for (uint64_t i = 0; i < ENTRIES;) {
        size_t size = sizeof i + i % 57;
        char *to = ring_reserve(r, size, 0);
        if (!to) {
            sched_yield();
            continue;
        }
        memset(to, (int)(i & 0x7F), size);
        memcpy(to, &i, sizeof i);
        ring_commit(r);
        i++;
    }
    return NULL;
}

static void two_threads(void **state)
{
    Ring r;
    ring_init(&r, arena_take(*state, 4096, 16), 4096);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &r), 0);
    for (uint64_t i = 0; i < ENTRIES;) {
        Str out;
        if (!ring_next(&r, &out)) {
            sched_yield();
            continue;
        }
        uint64_t number;
        memcpy(&number, out.ptr, sizeof number);
        if (number != i || out.len < sizeof i + i % 57)
            fail_msg("entry %llu", (unsigned long long)i);
        for (size_t k = sizeof i; k < sizeof i + i % 57; k++)
            if (out.ptr[k] != (char)(i & 0x7F)) fail_msg("bytes of %llu", (unsigned long long)i);
        ring_release(&r);
        i++;
    }
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(in_order_also_around_the_end),
        test_with_arena(refuses_what_does_not_fit),
        test_with_arena(two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
