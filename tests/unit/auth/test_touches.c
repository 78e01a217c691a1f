/* test_touches.c - the moment a known place was used: noted, written together, never lost
 * by a stop, never moved back. */
#include "testing.h"

#include "app/site.h"
#include "auth/touches.h"
#include "base/clock.h"

#include <stdlib.h>

typedef struct {
    Arena *a;
    char dir[64];
    Site site;
    Touches *touches;
} Fixture;

static int setup(void **state)
{
    static Fixture f;
    f = (Fixture){.a = arena_create("test", 64 << 20), .dir = "/tmp/croft-test-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    check_ok("open", site_open(f.a, str_from(f.dir), S(""), 1, &f.site));
    f.touches = touches_create(&f.site.app);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    touches_destroy(f->touches);
    site_close(&f->site);
    arena_destroy(f->a);
    return remove_temporary(f->dir);
}

/* ---- rows of _authOrigins ---- */

typedef struct {
    App *app;
    Str id;
    Record *record;
} RowWork;

static const Collection *places(Tx *tx, App *app)
{
    const Collection *c = schema_find(schema_in_tx(app->schema, tx), S("_authOrigins"));
    assert_non_null(c);
    return c;
}

static Error *row_insert(Tx *tx, void *arg)
{
    static const Str COLUMNS[] = {STR_INIT("collectionRef"), STR_INIT("recordRef"),
                                  STR_INIT("fingerprint")};
    RowWork *w = arg;
    const DbValue values[] = {DB_VALUE_TEXT(S("c")), DB_VALUE_TEXT(S("r")), DB_VALUE_TEXT(w->id)};
    return record_insert_columns(w->app, tx, places(tx, w->app), COLUMNS, values, COUNT(values),
                                 &w->record);
}

static Error *row_read(Tx *tx, void *arg)
{
    RowWork *w = arg;
    return record_find(tx, places(tx, w->app), w->id, &w->record);
}

/* A new place; its id. */
static Str place_new(Fixture *f, const char *fingerprint)
{
    RowWork work = {.app = &f->site.app, .id = str_from(fingerprint)};
    check_ok(fingerprint, db_write(f->site.app.db, f->a, row_insert, &work));
    return record_id(work.record);
}

static int64_t place_used_ms(Fixture *f, Str id)
{
    RowWork work = {.app = &f->site.app, .id = id};
    check_ok("read", db_read(f->site.app.db, f->a, row_read, &work));
    int64_t at;
    assert_true(datetime_parse(record_str(work.record, S("updated")), &at));
    return at;
}

/* ---- */

static const struct {
    const char *name;
    int64_t noted[3]; /* ms after the row was made; 0 = no more */
    int64_t moved;    /* where `updated` is then */
} ROWS[] = {
    {"once", {5000}, 5000},
    {"several times: the latest", {5000, 6000, 7001}, 7001},
    {"never back", {-5000}, 0},
    {"not at all", {0}, 0},
};

static void moments_are_moved(void **state)
{
    Fixture *f = *state;
    Str ids[COUNT(ROWS)];
    int64_t made[COUNT(ROWS)];
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        ids[i] = place_new(f, ROWS[i].name);
        made[i] = place_used_ms(f, ids[i]);
    }
    assert_true(touches_add(f->touches, S("gone00000000000"), made[0])); /* harms nobody */
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        for (size_t k = 0; k < COUNT(ROWS[i].noted) && ROWS[i].noted[k]; k++)
            assert_true(touches_add(f->touches, ids[i], made[i] + ROWS[i].noted[k]));
    }
    uint64_t writes = db_stats(f->site.app.db).writes;
    touches_settle(f->touches, f->a);
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_int(ROWS[i].name, place_used_ms(f, ids[i]) - made[i], ROWS[i].moved);
    check_int("one write for all", db_stats(f->site.app.db).writes - writes, 1);
    touches_settle(f->touches, f->a);
    check_int("and none for none", db_stats(f->site.app.db).writes - writes, 1);
}

/* Nobody asks for the rows, nobody stops the server. */
static void written_by_itself(void **state)
{
    Fixture *f = *state;
    Str id = place_new(f, "home");
    int64_t made = place_used_ms(f, id);
    assert_true(touches_add(f->touches, id, made + 1));
    for (int i = 0; i < 600 && place_used_ms(f, id) == made; i++)
        await_sleep(50);
    check_int("moved", place_used_ms(f, id) - made, 1);
}

static void what_is_left_is_written_at_the_end(void **state)
{
    Fixture *f = *state;
    Str id = place_new(f, "home");
    int64_t made = place_used_ms(f, id);
    assert_true(touches_add(f->touches, id, made + 1));
    touches_destroy(f->touches);
    f->touches = NULL;
    check_int("moved", place_used_ms(f, id) - made, 1);
}

/* Memory is bounded: beyond it the caller writes himself. */
static void room_ends(void **state)
{
    Fixture *f = *state;
    Str longest = S("0123456789012345678901234567890"); /* 31 */
    assert_true(touches_add(f->touches, longest, 1));
    assert_false(touches_add(f->touches, S("01234567890123456789012345678901"), 1));
    assert_false(touches_add(f->touches, S(""), 1));

    int taken = 0;
    while (taken <= TOUCHES_MAX && touches_add(f->touches, str_printf(f->a, "place%d", taken), 1))
        taken++;
    assert_in_range(taken, 8, TOUCHES_MAX);
    Str refused = str_printf(f->a, "place%d", taken);
    assert_true(touches_add(f->touches, longest, 2)); /* is there already */
    touches_settle(f->touches, f->a);
    assert_true(touches_add(f->touches, refused, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moments_are_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(written_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_is_written_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(room_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
