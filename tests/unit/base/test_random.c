/* test_random.c - evenness, bounds, threads and fork(). */
#include "testing.h"

#include "base/random.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static void draws_are_within_bounds_and_even(void **state)
{
    (void)state;
    static const uint32_t BOUNDS[] = {1, 2, 3, 10, 36, 1000};
    enum { DRAWS = 60000 }; /* each of a thousand comes, but once in 10^23 */
    for (size_t i = 0; i < COUNT(BOUNDS); i++) {
        unsigned seen[1000] = {0};
        for (int n = 0; n < DRAWS; n++) {
            uint32_t draw = random_below(BOUNDS[i]);
            assert_true(draw < BOUNDS[i]);
            seen[draw]++;
        }
        unsigned average = DRAWS / BOUNDS[i];
        for (uint32_t k = 0; k < BOUNDS[i]; k++) {
            assert_true(seen[k] > 0 && seen[k] < average * 4 + 10);
        }
    }
    assert_true(random_below(UINT32_MAX) < UINT32_MAX);
}

static void texts_use_the_whole_alphabet(void **state)
{
    Arena *a = *state;
    Str text = random_text(a, 50000, ALPHABET_ID);
    unsigned seen[256] = {0};
    for (size_t i = 0; i < text.len; i++) {
        seen[(unsigned char)text.ptr[i]]++;
    }
    size_t letters = 0;
    for (size_t i = 0; i < 256; i++) {
        letters += seen[i] > 0;
        assert_true(seen[i] == 0 || strchr(ALPHABET_ID, (int)i) != NULL);
        assert_true(seen[i] == 0 || (seen[i] > 1000 && seen[i] < 1800)); /* 1389 ± 11 sigma */
    }
    check_int("letters", letters, 36);
    check_int("empty", random_text(a, 0, ALPHABET_DIGITS).len, 0);
    check_int("id", random_id(a).len, 15);
    check_bool("ids differ", str_eq(random_id(a), random_id(a)), false);
}

static void sizes_of_all_kinds(void **state)
{
    (void)state;
    static unsigned char bytes[5000];
    for (size_t size = 0; size < sizeof bytes; size = size * 2 + 1) {
        memset(bytes, 0, sizeof bytes);
        random_bytes(bytes, size);
        for (size_t i = size; i < sizeof bytes; i++) {
            assert_int_equal(bytes[i], 0);
        }
        if (size < 8) continue;
        unsigned any = 0;
        for (size_t i = size - 8; i < size; i++) {
            any |= bytes[i];
        }
        check_bool("filled to the end", any != 0, true);
    }
}

static void a_child_draws_other_numbers(void **state)
{
    (void)state;
    (void)random_u64(); /* the pool is full now, and is copied */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t value = random_u64();
        ssize_t n = write(ends[1], &value, sizeof value);
        _exit(n == (ssize_t)sizeof value ? 0 : 1);
    }
    uint64_t ours = random_u64(), theirs = 0;
    assert_int_equal(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
    (void)waitpid(child, NULL, 0);
    check_bool("different", ours != theirs, true);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void *draw_one(void *out)
{
    *(uint64_t *)out = random_u64();
    return NULL;
}

static void threads_draw_other_numbers(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    uint64_t values[N];
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_one, &values[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 0; k < i; k++) {
            assert_true(values[i] != values[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_within_bounds_and_even),
        test_with_arena(texts_use_the_whole_alphabet),
        cmocka_unit_test(sizes_of_all_kinds),
        cmocka_unit_test(a_child_draws_other_numbers),
        cmocka_unit_test(threads_draw_other_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
