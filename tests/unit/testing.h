/* testing.h - what unit tests share: table checks that name the failing row.
 *
 *     check_str(row.name, money_format(a, m), row.back);
 *
 * Each test gets a fresh arena as *state through arena_setup/arena_teardown:
 *
 *     cmocka_unit_test_setup_teardown(parses_and_writes_back, arena_setup, arena_teardown)
 */
#ifndef CROFT_TESTING_H
#define CROFT_TESTING_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

#define check_int(name, actual, expected)                                                          \
    do {                                                                                           \
        int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                      \
        if (actual_ != expected_)                                                                  \
            fail_msg("%s: got %lld, expected %lld", (name), (long long)actual_,                    \
                     (long long)expected_);                                                        \
    } while (0)

#define check_bool(name, actual, expected)                                                         \
    do {                                                                                           \
        if ((bool)(actual) != (bool)(expected))                                                    \
            fail_msg("%s: got %s", (name), (actual) ? "true" : "false");                           \
    } while (0)

/* `expected` is a C string. */
#define check_str(name, actual, expected)                                                          \
    do {                                                                                           \
        Str actual_ = (actual), expected_ = str_from(expected);                                    \
        if (!str_eq(actual_, expected_))                                                           \
            fail_msg("%s: got \"%.*s\", expected \"%.*s\"", (name), STR_ARG(actual_),              \
                     STR_ARG(expected_));                                                          \
    } while (0)

/* `expected` is an error code, or NULL when no error is expected. */
#define check_code(name, err, expected)                                                            \
    do {                                                                                           \
        const Error *err_ = (err);                                                                 \
        const char *want_ = (expected);                                                            \
        if (!err_ && want_) fail_msg("%s: accepted, expected %s", (name), want_);                  \
        if (err_ && (!want_ || !err_->code || strcmp(err_->code, want_) != 0))                     \
            fail_msg("%s: refused with %s (%.*s; %.*s), expected %s", (name),                      \
                     err_->code ? err_->code : "no code", STR_ARG(err_->message),                  \
                     STR_ARG(err_->cause), want_ ? want_ : "success");                             \
    } while (0)

#define check_ok(name, err) check_code((name), (err), NULL)

static inline int arena_setup(void **state)
{
    *state = arena_create("test", 64 << 20);
    return 0;
}

static inline int arena_teardown(void **state)
{
    arena_destroy(*state);
    return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Removes a temporary folder and all in it; gives 0, or nonzero when something is left. */
static inline int remove_temporary(const char *folder)
{
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- chance ----
 *
 * The same numbers in each run, so that a change is judged by itself, and only
 * by one thread; SEED=<number> gives others. */

static inline uint64_t chance_u64(void)
{
    static uint64_t state; /* splitmix64 */
    if (state == 0) {
        const char *seed = getenv("SEED");
        if (!seed || !str_to_u64(str_from(seed), &state)) state = 1;
        print_message("SEED=%llu\n", (unsigned long long)state);
    }
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t chance_below(size_t bound)
{
    return (size_t)(chance_u64() % bound);
}

static inline void chance_bytes(char *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (char)chance_u64();
}

#define test_with_arena(fn) cmocka_unit_test_setup_teardown(fn, arena_setup, arena_teardown)

#endif
