/* Changes from input to commit: modifiers, rules, autodates, what is told
 * afterwards, and a schema that moves meanwhile. */
#include "records/fixture.h"

#include "base/clock.h"
#include "records/records_internal.h"

#include <pthread.h>

/* ---- modifiers (api: collections §3.3, records §13) ---- */

static const struct {
    const char *name, *create, *update;
    const char *field, *shown; /* 'field':shown must be in the JSON */
} MODIFIERS[] = {
    {"set, add, subtract", "{'n':1,'n+':2,'n-':5}", NULL, "n", "-2"},
    {"add from zero", "{'n+':2}", NULL, "n", "2"},
    {"subtract", "{'n':10}", "{'n-':5}", "n", "5"},
    {"add text", "{'n':1}", "{'n+':'2.5'}", "n", "3.5"},
    {"no prefix form", "{'n':1}", "{'+n':5}", "n", "1"},
    {"append", "{'tags':['a']}", "{'tags+':'b'}", "tags", "['a','b']"},
    {"append several", "{'tags':['a']}", "{'tags+':['c','a']}", "tags", "['a','c']"},
    {"prepend", "{'tags':['a']}", "{'+tags':'b'}", "tags", "['b','a']"},
    {"remove", "{'tags':['a','b']}", "{'tags-':'a'}", "tags", "['b']"},
    {"remove and add", "{'tags':['a','b']}", "{'tags-':'a','tags+':['c']}", "tags", "['b','c']"},
    {"single replaced", "{'kind':'a'}", "{'kind+':'b'}", "kind", "'b'"},
    {"single prepend is nothing", "{'kind':'a'}", "{'+kind':'b'}", "kind", "'a'"},
    {"single removed", "{'kind':'a'}", "{'kind-':'a'}", "kind", "''"},
    {"single of several", "{'kind':['a','b']}", NULL, "kind", "'b'"},
    {"unknown modifier", "{'n':1}", "{'n*':5}", "n", "1"},
    {"untouched", "{'n':1,'tags':['a']}", "{}", "tags", "['a']"},
};

static void check_shown(Fixture *f, const char *name, const Record *r, const char *field,
                        const char *value)
{
    Str json = fixture_shown(f, r, NULL);
    Str want = str_printf(f->a, ",'%s':%s", field, value);
    if (str_find(json, want) < 0) {
        fail_msg("%s: no %.*s in %.*s", name, STR_ARG(want), STR_ARG(json));
    }
}

static void modifiers(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'c','fields':[{'name':'n','type':'number'},"
                          "{'name':'tags','type':'select','values':['a','b','c'],'maxSelect':3},"
                          "{'name':'kind','type':'select','values':['a','b']},"
                          "{'name':'slug','type':'text','autogeneratePattern':'[a-z]{8}'}]}");
    for (size_t i = 0; i < COUNT(MODIFIERS); i++) {
        Record *r = fixture_create(f, "c", MODIFIERS[i].create);
        if (MODIFIERS[i].update) {
            check_ok(MODIFIERS[i].name,
                     fixture_update(f, "c", record_id(r), MODIFIERS[i].update, NULL, &r));
        }
        check_shown(f, MODIFIERS[i].name, r, MODIFIERS[i].field, MODIFIERS[i].shown);
        Record *row = fixture_row(f, "c", record_id(r));
        check_str(MODIFIERS[i].name, fixture_shown(f, row, NULL),
                  arena_cstr(f->a, fixture_shown(f, r, NULL)));
    }
    Record *r = fixture_create(f, "c", "{'slug:autogenerate':'pre-'}");
    check_int("prefix", record_str(r, S("slug")).len, 12);
    check_bool("prefix", str_starts(record_str(r, S("slug")), S("pre-")), true);
    check_int("filled", record_str(fixture_create(f, "c", "{}"), S("slug")).len, 8);
    check_str("kept", record_str(fixture_create(f, "c", "{'slug':'mine'}"), S("slug")), "mine");
}

static void autodates(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'c','fields':["
                          "{'name':'made','type':'autodate','onCreate':true},"
                          "{'name':'moved','type':'autodate','onUpdate':true},"
                          "{'name':'both','type':'autodate','onCreate':true,'onUpdate':true}]}");
    Record *r = fixture_create(f, "c", "{'made':'2001-01-01','moved':'2001-01-01'}");
    Str made = record_str(r, S("made"));
    check_int("made", made.len, 24);
    check_bool("not submitted", str_starts(made, S("2001")), false);
    check_str("moved", record_str(r, S("moved")), "");
    await_sleep(3);
    check_ok("update", fixture_update(f, "c", record_id(r), "{}", NULL, &r));
    check_str("made stays", record_str(r, S("made")), arena_cstr(f->a, made));
    check_int("moved", record_str(r, S("moved")).len, 24);
    check_bool("both moves", str_eq(record_str(r, S("both")), made), false);
    check_bool(
        "told",
        fixture_told(f, arena_cstr(f->a, str_printf(f->a, "update c/%.*s", STR_ARG(record_id(r))))),
        true);
}

/* Puts a moment into the row of c, and remembers it. */
static Error *set_moment(Tx *tx, void *arg)
{
    Str sql = str_printf(tx_arena(tx),
                         "DROP TABLE IF EXISTS was; UPDATE c SET updated = %s;"
                         "CREATE TABLE was AS SELECT updated FROM c",
                         (const char *)arg);
    return tx_exec(tx, sql);
}

static Error *is_later(Tx *tx, void *arg)
{
    bool found;
    Str sql = S("SELECT c.updated > was.updated FROM c, was WHERE c.other = c.updated");
    Error *err = tx_one_i64(tx, sql, NULL, 0, arg, &found);
    if (!err) assert_true(found);
    return err;
}

/* Who saves with the moment that he knows is told when there was another change,
 * also one of the same millisecond. A clock that was set back is followed. */
static void no_two_changes_have_one_moment(void **state)
{
    static const struct {
        const char *name, *before; /* SQL */
        int64_t later;
    } CASES[] = {
        {"hardly ahead", "strftime('%Y-%m-%d %H:%M:%fZ', 'now', '+0.5 seconds')", 1},
        {"a day ahead", "strftime('%Y-%m-%d %H:%M:%fZ', 'now', '+1 day')", 0},
        {"no date", "'soon'", 0},
    };
    Fixture *f = *state;
    fixture_collection(f, "{'name':'c','fields':["
                          "{'name':'other','type':'autodate','onUpdate':true},"
                          "{'name':'updated','type':'autodate','onCreate':true,'onUpdate':true}]}");
    Record *r = fixture_create(f, "c", "{}");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char *before = arena_cstr(f->a, str_from(CASES[i].before));
        int64_t later = -1;
        check_ok(CASES[i].name, db_write(f->app.db, f->a, set_moment, before));
        check_ok("update", fixture_update(f, "c", record_id(r), "{}", NULL, NULL));
        check_ok("read", db_read(f->app.db, f->a, is_later, &later));
        check_int(CASES[i].name, later, CASES[i].later);
    }
}

/* ---- rules (api: records §2, §5, §6) ---- */

static const struct {
    const char *name, *rule; /* JSON */
    const char *create;
    int status;
    const char *field, *code; /* of a 400; NULL: data {} */
} CREATE_RULES[] = {
    {"locked", "null", "{'title':'x'}", 403, NULL, NULL},
    {"public", "''", "{'title':'x'}", 200, NULL, NULL},
    {"public, invalid", "''", "{}", 400, "title", "validation_required"},
    {"unmet hides faults", "'title = \\'y\\''", "{}", 400, NULL, NULL},
    {"met", "'title = \\'x\\''", "{'title':'x'}", 200, NULL, NULL},
    {"met, invalid", "'n = 0'", "{}", 400, "title", "validation_required"},
    {"final value", "'@request.body.n = 3'", "{'title':'x','n':1,'n+':2}", 200, NULL, NULL},
    {"isset of a modifier", "'@request.body.n:isset = true'", "{'title':'x','n+':2}", 200, NULL,
     NULL},
    {"not isset", "'@request.body.n:isset = false'", "{'title':'x','n+':2}", 400, NULL, NULL},
    {"virtual row unseen", "'@collection.posts.id = \\'\\''", "{'title':'x'}", 200, NULL, NULL},
    {"relation of the would-be", "'author.name = \\'Ann\\''",
     "{'title':'x','author':'author000000001'}", 200, NULL, NULL},
    {"relation, unmet", "'author.name = \\'Bob\\''", "{'title':'x','author':'author000000001'}",
     400, NULL, NULL},
    {"relation, unmet hides", "'author.name = \\'Bob\\''", "{'author':'author000000001'}", 400,
     NULL, NULL},
    {"relation, invalid", "'author.name = \\'Ann\\''", "{'author':'author000000001'}", 400, "title",
     "validation_required"},
    {"guest", "'@request.auth.id != \\'\\''", "{'title':'x'}", 400, NULL, NULL},
    {"hidden is not seen", "'@request.body.secret:isset = false'", "{'title':'x','secret':'s'}",
     200, NULL, NULL},
};

static void set_rule(Fixture *f, const char *key, const char *rule)
{
    Str json = str_printf(f->a, "{'name':'posts','%s':%s}", key, rule);
    Json *patch;
    Arena *a = f->a;
    /* ' inside the rule's own quotes are written \' and stay as they are */
    char *text = arena_cstr(a, json);
    for (char *p = text; *p; p++) {
        if (p[0] == '\\' && p[1] == '\'') {
            memmove(p, p + 1, strlen(p));
        } else if (*p == '\'') {
            *p = '"';
        }
    }
    check_ok(text, json_parse(a, str_from(text), NULL, &patch));
    FixtureSave save = {f, patch};
    check_ok(text, db_write_alone(f->app.db, a, 0, fixture_save_work, &save));
}

static void make_posts(Fixture *f)
{
    fixture_collection(f, "{'name':'authors','fields':[{'name':'name','type':'text'}]}");
    Str json =
        str_printf(f->a,
                   "{'name':'posts','fields':[{'name':'title','type':'text','required':true},"
                   "{'name':'n','type':'number'},"
                   "{'name':'secret','type':'text','hidden':true},"
                   "{'name':'author','type':'relation','collectionId':'%.*s'}]}",
                   STR_ARG(fixture_find(f, "authors")->id));
    fixture_collection(f, arena_cstr(f->a, json));
    fixture_create(f, "authors", "{'id':'author000000001','name':'Ann'}");
}

static void create_rules(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    for (size_t i = 0; i < COUNT(CREATE_RULES); i++) {
        const char *name = CREATE_RULES[i].name;
        set_rule(f, "createRule", CREATE_RULES[i].rule);
        Record *r;
        Error *err = fixture_try(f, "posts", CREATE_RULES[i].create, fixture_guest(f), &r);
        check_status(name, err, CREATE_RULES[i].status);
        if (!err) {
            check_str(name, record_str(r, S("secret")), "");
            check_ok(name, fixture_delete(f, "posts", record_id(r), NULL));
        } else if (CREATE_RULES[i].field) {
            check_fault(name, err, CREATE_RULES[i].field, CREATE_RULES[i].code);
        } else if (err->status == 400) {
            check_str(name, err->message, "Failed to create record.");
            check_int(name, err->field.len, 0);
        }
    }
}

static const struct {
    const char *name, *rule, *update;
    int status;
} UPDATE_RULES[] = {
    {"locked", "null", "{'n':1}", 403},
    {"public", "''", "{'n':1}", 200},
    {"stored row", "'n = 5'", "{'n':1}", 200},
    {"not the new row", "'n = 1'", "{'n':1}", 404},
    {"submitted", "'@request.body.n = 1'", "{'n':1}", 200},
    {"changed", "'@request.body.n:changed = false'", "{'n':1}", 404},
    {"not changed", "'@request.body.n:changed = false'", "{'n':5}", 200},
    {"relation", "'author.name = \\'Ann\\''", "{'n':1}", 200},
    {"relation, unmet", "'author.name = \\'Bob\\''", "{'n':1}", 404},
    {"unmet, invalid", "'author.name = \\'Bob\\''", "{'title':''}", 404},
    {"met, invalid", "'author.name = \\'Ann\\''", "{'title':''}", 400},
};

static void update_rules(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    for (size_t i = 0; i < COUNT(UPDATE_RULES); i++) {
        set_rule(f, "updateRule", UPDATE_RULES[i].rule);
        Record *r = fixture_create(f, "posts", "{'title':'x','n':5,'author':'author000000001'}");
        Error *err = fixture_update(f, "posts", record_id(r), UPDATE_RULES[i].update,
                                    fixture_guest(f), NULL);
        check_status(UPDATE_RULES[i].name, err, UPDATE_RULES[i].status);
        set_rule(f, "deleteRule", UPDATE_RULES[i].rule);
        if (strstr(UPDATE_RULES[i].rule, "body")) continue;
        if (!err) check_ok("back", fixture_update(f, "posts", record_id(r), "{'n':5}", NULL, NULL));
        int status = UPDATE_RULES[i].status == 400 ? 200 : UPDATE_RULES[i].status;
        check_status(UPDATE_RULES[i].name,
                     fixture_delete(f, "posts", record_id(r), fixture_guest(f)), status);
        check_bool(UPDATE_RULES[i].name, fixture_row(f, "posts", record_id(r)) == NULL,
                   status == 200);
    }
    set_rule(f, "updateRule", "''");
    set_rule(f, "deleteRule", "''");
    check_status("no such row", fixture_update(f, "posts", S("x"), "{}", fixture_guest(f), NULL),
                 404);
    check_status("no such row", fixture_delete(f, "posts", S("x"), fixture_guest(f)), 404);
    set_rule(f, "deleteRule", "null");
    check_status("locked, no row", fixture_delete(f, "posts", S("x"), fixture_guest(f)), 403);
}

static void views_are_not_written(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    fixture_collection(f, "{'name':'v','type':'view','viewQuery':'select id, title from posts',"
                          "'fields':[{'name':'id','type':'text','primaryKey':true},"
                          "{'name':'title','type':'text'}]}");
    Record *r = fixture_create(f, "posts", "{'title':'x'}");
    Error *err = fixture_try(f, "v", "{}", NULL, NULL);
    check_str("create", err->message, "Unsupported collection type.");
    check_status("update", fixture_update(f, "v", record_id(r), "{}", NULL, NULL), 400);
    check_status("delete", fixture_delete(f, "v", record_id(r), NULL), 400);
}

/* ---- the schema moves ---- */

/* The collection is changed between the request's schema and its writing. */
static void schema_race(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    set_rule(f, "createRule", "''");
    RecordChange change =
        fixture_change(f, "posts", S(""), "{'title':'x','n':1}", fixture_guest(f));
    set_rule(f, "createRule", "null");
    Record *r;
    check_status("the rule of now", record_create(&f->app, f->a, &change, &r), 403);

    set_rule(f, "createRule", "''");
    change = fixture_change(f, "posts", S(""), "{'title':'x','late':'y'}", fixture_guest(f));
    fixture_collection(f, "{'name':'posts','fields':[{'name':'title','type':'text'},"
                          "{'name':'late','type':'text'}]}");
    check_ok("a field more", record_create(&f->app, f->a, &change, &r));
    check_str("late", record_str(r, S("late")), "y");
}

/* Prepared with an old schema, found out on the writer's thread. */
static void stale_schema(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    set_rule(f, "createRule", "''");
    set_rule(f, "updateRule", "''");
    set_rule(f, "deleteRule", "''");
    const Schema *old = fixture_schema(f);
    Record *r = fixture_create(f, "posts", "{'title':'x'}"), *unused;
    RecordChange create = fixture_change(f, "posts", S(""), "{'title':'x'}", fixture_guest(f));
    RecordChange change = fixture_change(f, "posts", record_id(r), "{'n':1}", fixture_guest(f));

    set_rule(f, "listRule", "''");
    check_ok("create", change_create(&f->app, f->a, old, &create, &unused));
    check_ok("update", change_update(&f->app, f->a, old, &change, &unused));
    set_rule(f, "createRule", "null");
    set_rule(f, "updateRule", "null");
    set_rule(f, "deleteRule", "null");
    check_status("create", change_create(&f->app, f->a, old, &create, &unused), 403);
    check_status("update", change_update(&f->app, f->a, old, &change, &unused), 403);
    check_status("delete", change_delete(&f->app, f->a, old, &change), 403);

    set_rule(f, "createRule", "''");
    fixture_collection(f, "{'name':'posts','fields':[{'name':'other','type':'text'}]}");
    check_ok("fields gone", change_create(&f->app, f->a, old, &create, &unused));
}

/* ---- many at once ---- */

#define THREADS 4
#define ROUNDS  40

typedef struct {
    Fixture *f;
    const Collection *c;
    Str id;
    int failed;
} Adder;

/* Each thread has arenas of its own; the row is read, prepared and found
 * changed all the time. */
static void *add_many(void *arg)
{
    Adder *adder = arg;
    for (int i = 0; i < ROUNDS; i++) {
        Arena *a = arena_create("adder", 0);
        Json *data = json_new_object(a);
        json_set_number(a, data, S("n+"), 1);
        RecordChange change = {
            .collection = adder->c, .id = adder->id, .data = data, .as_system = true};
        Record *r;
        if (record_update(&adder->f->app, a, &change, &r)) adder->failed++;
        arena_destroy(a);
    }
    return NULL;
}

static void increments_add_up(void **state)
{
    Fixture *f = *state;
    make_posts(f);
    f->app.listener_count = 0;
    Record *r = fixture_create(f, "posts", "{'title':'x'}");
    Adder adders[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (Adder){f, fixture_find(f, "posts"), record_id(r), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &adders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        check_int("failed", adders[i].failed, 0);
    }
    Record *row = fixture_row(f, "posts", record_id(r));
    check_int("sum", record_value(row, S("n"))->integer, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(modifiers),
        test_with_app(autodates),
        test_with_app(no_two_changes_have_one_moment),
        test_with_app(create_rules),
        test_with_app(update_rules),
        test_with_app(views_are_not_written),
        test_with_app(schema_race),
        test_with_app(stale_schema),
        test_with_app(increments_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
