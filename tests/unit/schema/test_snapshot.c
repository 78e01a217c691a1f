/* Threads hold and let go while another publishes: no value is destroyed while
 * it is held, and every value is destroyed once. */
#include "schema/snapshot.h"
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define READERS  3
#define VERSIONS 2000

typedef struct {
    _Atomic int alive; /* 1 until destroyed */
} Value;

static _Atomic int destroyed;
static _Atomic bool done;

static void destroy(void *arg)
{
    Value *v = arg;
    int was = atomic_exchange(&v->alive, 0);
    assert(was == 1);
    (void)was;
    atomic_fetch_add(&destroyed, 1);
    free(v);
}

static Value *new_value(void)
{
    Value *v = malloc(sizeof *v);
    assert_non_null(v);
    atomic_init(&v->alive, 1);
    return v;
}

static void *read_values(void *arg)
{
    Arena *a = arena_create("reader", 0);
    while (!atomic_load(&done)) {
        for (int i = 0; i < 5; i++) {
            Value *v = snapshots_hold(arg, a);
            assert(atomic_load(&v->alive) == 1);
            (void)v;
        }
        arena_reset(a);
    }
    arena_destroy(a);
    return NULL;
}

static void replaces_under_readers(void **state)
{
    (void)state;
    destroyed = 0;
    done = false;
    Snapshots *s = snapshots_create(destroy);
    snapshots_publish(s, new_value());
    pthread_t threads[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_values, s), 0);
    for (int i = 1; i < VERSIONS; i++)
        snapshots_publish(s, new_value());
    done = true;
    for (size_t i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    check_int("all but the present", destroyed, VERSIONS - 1);
    snapshots_destroy(s);
    check_int("all", destroyed, VERSIONS);
}

static void holders_outlive_the_store(void **state)
{
    (void)state;
    destroyed = 0;
    Arena *a = arena_create("holder", 0);
    Snapshots *s = snapshots_create(destroy);
    snapshots_publish(s, new_value());
    Value *v = snapshots_hold(s, a);
    snapshots_publish(s, new_value());
    snapshots_destroy(s);
    check_int("the held one lives", v->alive, 1);
    check_int("the other does not", destroyed, 1);
    arena_destroy(a);
    check_int("both", destroyed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_under_readers),
        cmocka_unit_test(holders_outlive_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
