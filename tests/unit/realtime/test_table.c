/* The hash table: found, removed, walked while it grows and shrinks. */
#include "testing.h"

#include "realtime/realtime_internal.h"

#define ITEMS 5000

typedef struct {
    TableNode node;
    int number;
    char key[16];
} Item;

static Item items[ITEMS];

static void fill(Table *t)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i].number = i;
        int len = snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
        table_add(t, &items[i].node, str_make(items[i].key, (size_t)len));
    }
}

static Item *find(const Table *t, int i)
{
    char key[16];
    int len = snprintf(key, sizeof(key), "key-%d", i);
    return (Item *)table_find(t, str_make(key, (size_t)len));
}

static void finds_what_was_put_in(void **state)
{
    Table t;
    table_open(&t);
    assert_null(table_find(&t, S("")));
    fill(&t);
    assert_int_equal(t.count, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        assert_ptr_equal(find(&t, i), &items[i]);
    assert_null(find(&t, ITEMS));
    for (int i = 0; i < ITEMS; i += 2)
        table_remove(&t, &items[i].node);
    for (int i = 0; i < ITEMS; i++)
        assert_true((find(&t, i) != NULL) == (i % 2 == 1));
    assert_int_equal(t.count, ITEMS / 2);
    table_close(&t);
}

static bool take_thirds(TableNode *node, void *arg)
{
    ++*(int *)arg;
    return ((Item *)node)->number % 3 == 0;
}

static void a_walk_may_take_out(void **state)
{
    Table t;
    int seen = 0;
    table_open(&t);
    fill(&t);
    table_each(&t, take_thirds, &seen);
    assert_int_equal(seen, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        assert_true((find(&t, i) != NULL) == (i % 3 != 0));
    table_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_in),
        cmocka_unit_test(a_walk_may_take_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
