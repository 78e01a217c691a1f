/* schema_testing.h - a database with a schema store, and short ways to change it. */
#ifndef CROFT_SCHEMA_TESTING_H
#define CROFT_SCHEMA_TESTING_H

#include "db/db_testing.h"
#include "schema/schema.h"

typedef struct {
    Arena *arena;
    TestDb *db;
    SchemaStore *store;
} TestSchema;

static inline Json *test_json(Arena *a, const char *text)
{
    Json *json = NULL;
    Error *err = json_parse(a, str_from(text), NULL, &json);
    check_ok(text, err);
    return json;
}

static inline int schema_setup(void **state)
{
    Arena *a = arena_create("test", 64 << 20);
    TestSchema *t = arena_new(a, TestSchema, 1);
    t->arena = a;
    t->db = test_db_new(a);
    test_db_open(t->db);
    check_ok("store", schema_store_open(a, t->db->db, S(""), NULL, NULL, &t->store));
    *state = t;
    return 0;
}

static inline int schema_teardown(void **state)
{
    TestSchema *t = *state;
    schema_store_close(t->store);
    void *db = t->db;
    return db_teardown(&db); /* the arena with it */
}

#define test_with_schema(fn) cmocka_unit_test_setup_teardown(fn, schema_setup, schema_teardown)

typedef struct {
    TestSchema *t;
    Str target; /* empty = create */
    const Json *json;
} TestSave;

/* With `c` added whatever its id, or in the place of what it changes. */
static inline const Schema *test_schema_after(Arena *a, const Schema *schema, const Collection *c,
                                              const Collection *old)
{
    if (old) return schema_with(a, schema, c);
    const Collection **list = arena_new(a, const Collection *, schema->count + 1);
    memcpy(list, schema->collections, schema->count * sizeof(Collection *));
    list[schema->count] = c;
    return schema_of(a, list, schema->count + 1);
}

static inline Error *test_save_work(Tx *tx, void *arg)
{
    TestSave *s = arg;
    Arena *a = tx_arena(tx);
    const Schema *schema = schema_in_tx(s->t->store, tx);
    const Collection *old = s->target.len > 0 ? schema_find(schema, s->target) : NULL;
    assert_true(s->target.len == 0 || old);
    Collection *c;
    Error *err = collection_from_json(a, old, s->json, &c);
    if (err) return err;
    if (c->type == COLLECTION_VIEW) err = view_infer(tx, schema, c, old);
    if (err) return err;
    err = collection_validate(tx, a, test_schema_after(a, schema, c, old), c, old);
    if (err) return err;
    ViewNotes *notes;
    err = schema_views_note(tx, &notes);
    if (err) return err;
    err = schema_save(s->t->store, tx, c, old);
    return err ? err : schema_views_settle(s->t->store, tx, notes);
}

/* Creates, or with a target updates, a collection. */
static inline Error *test_save(TestSchema *t, const char *target, const char *json)
{
    TestSave save = {t, str_from(target), test_json(t->arena, json)};
    return db_write_alone(t->db->db, t->arena, 0, test_save_work, &save);
}

static inline const Collection *test_find(TestSchema *t, const char *name)
{
    const Collection *c = schema_find(schema_hold(t->store, t->arena), str_from(name));
    if (!c) fail_msg("no collection %s", name);
    return c;
}

/* The error of this field, or NULL. */
static inline const Error *test_error_at(const Error *err, const char *field)
{
    for (; err; err = err->next) {
        if (str_eq(err->field, str_from(field))) return err;
    }
    return NULL;
}

#endif
