/* Deletes and what hangs on them (api: collections §5), truncation, expands. */
#include "records/fixture.h"

#include "records/records_internal.h"

#include <malloc.h>
#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void); /* not every compiler has the header */
#endif

#define REFUSED                                                                                    \
    "Failed to delete record. Make sure that the record is not part of a required relation "       \
    "reference."

static void relate(Fixture *f, const char *name, const char *field, const char *target,
                   const char *options)
{
    Str json = str_printf(f->a,
                          "{'name':'%s','fields':[{'name':'title','type':'text'},"
                          "{'name':'%s','type':'relation','collectionId':'%.*s'%s},"
                          "{'name':'updated','type':'autodate','onUpdate':true}]}",
                          name, field, STR_ARG(fixture_find(f, target)->id), options);
    fixture_collection(f, arena_cstr(f->a, json));
}

static void make_target(Fixture *f)
{
    fixture_collection(f, "{'name':'t','fields':[{'name':'title','type':'text'}]}");
    fixture_create(f, "t", "{'id':'t00000000000001'}");
    fixture_create(f, "t", "{'id':'t00000000000002'}");
}

static const struct {
    const char *name, *options, *row;
    const char *value; /* what is left of the field; NULL = the row is gone */
    bool refused;
} CASES[] = {
    {"single", "", "'t00000000000001'", "''", false},
    {"single, other", "", "'t00000000000002'", "'t00000000000002'", false},
    {"single, cascade", ",'cascadeDelete':true", "'t00000000000001'", NULL, false},
    {"single, required", ",'required':true", "'t00000000000001'", "'t00000000000001'", true},
    {"cascade before required", ",'required':true,'cascadeDelete':true", "'t00000000000001'", NULL,
     false},
    {"list, one left", ",'maxSelect':3", "['t00000000000001','t00000000000002']",
     "['t00000000000002']", false},
    {"list, none left", ",'maxSelect':3", "['t00000000000001']", "[]", false},
    {"list, cascade, left", ",'maxSelect':3,'cascadeDelete':true",
     "['t00000000000002','t00000000000001']", "['t00000000000002']", false},
    {"list, cascade, none", ",'maxSelect':3,'cascadeDelete':true", "['t00000000000001']", NULL,
     false},
    {"list, required, left", ",'maxSelect':3,'required':true",
     "['t00000000000002','t00000000000001']", "['t00000000000002']", false},
    {"list, required, none", ",'maxSelect':3,'required':true", "['t00000000000001']",
     "['t00000000000001']", true},
    {"minSelect is not asked", ",'maxSelect':3,'minSelect':2",
     "['t00000000000001','t00000000000002']", "['t00000000000002']", false},
};

static void one_reference(void **state)
{
    Fixture *f = *state;
    make_target(f);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *name = CASES[i].name;
        const char *c = arena_cstr(f->a, str_printf(f->a, "c%zu", i));
        relate(f, c, "rel", "t", CASES[i].options);
        Str json = str_printf(f->a, "{'rel':%s}", CASES[i].row);
        Record *r = fixture_create(f, c, arena_cstr(f->a, json));
        fixture_told(f, NULL);
        Error *err = fixture_delete(f, "t", S("t00000000000001"), NULL);
        if (CASES[i].refused) {
            check_status(name, err, 400);
            check_str(name, err->message, REFUSED);
            check_int(name, f->change_count, 0);
            check_bool(name, fixture_row(f, "t", S("t00000000000001")) != NULL, true);
        } else {
            check_ok(name, err);
        }
        Record *row = fixture_row(f, c, record_id(r));
        check_bool(name, row != NULL, CASES[i].value != NULL);
        if (row) {
            Str want = str_printf(f->a, ",'rel':%s", CASES[i].value);
            check_bool(name, str_find(fixture_shown(f, row, NULL), want) >= 0, true);
            bool touched = record_str(row, S("updated")).len > 0;
            check_bool(name, touched,
                       !CASES[i].refused && strcmp(CASES[i].row, CASES[i].value) != 0);
            check_ok(name, fixture_delete(f, c, record_id(r), NULL));
        }
        if (!fixture_row(f, "t", S("t00000000000001"))) {
            fixture_create(f, "t", "{'id':'t00000000000001'}");
        }
    }
}

/* a ← b ← c, all cascading; d only loses its reference. */
static void chains(void **state)
{
    Fixture *f = *state;
    make_target(f);
    relate(f, "b", "rel", "t", ",'cascadeDelete':true");
    relate(f, "c", "rel", "b", ",'cascadeDelete':true");
    relate(f, "d", "rel", "c", "");
    fixture_create(f, "b", "{'id':'b00000000000001','rel':'t00000000000001'}");
    fixture_create(f, "c", "{'id':'c00000000000001','rel':'b00000000000001'}");
    fixture_create(f, "d", "{'id':'d00000000000001','rel':'c00000000000001'}");
    fixture_told(f, NULL);
    check_ok("delete", fixture_delete(f, "t", S("t00000000000001"), NULL));
    check_int("all told", f->change_count, 4);
    check_str("first", f->changes[0], "delete t/t00000000000001");
    check_str("then", f->changes[1], "delete b/b00000000000001");
    check_str("then", f->changes[2], "delete c/c00000000000001");
    check_str("last", f->changes[3], "update d/d00000000000001");
}

/* The required reference of a row that another reference deletes does not hold
 * the delete up: collections go in name order, deeper ones first. */
static void order(void **state)
{
    Fixture *f = *state;
    make_target(f);
    relate(f, "aa", "rel", "t", ",'cascadeDelete':true");
    Str json =
        str_printf(f->a,
                   "{'name':'bb','fields':["
                   "{'name':'need','type':'relation','required':true,'collectionId':'%.*s'},"
                   "{'name':'on','type':'relation','cascadeDelete':true,'collectionId':'%.*s'}]}",
                   STR_ARG(fixture_find(f, "t")->id), STR_ARG(fixture_find(f, "aa")->id));
    fixture_collection(f, arena_cstr(f->a, json));
    fixture_create(f, "aa", "{'id':'a00000000000001','rel':'t00000000000001'}");
    fixture_create(f, "bb", "{'need':'t00000000000001','on':'a00000000000001'}");
    check_ok("delete", fixture_delete(f, "t", S("t00000000000001"), NULL));
}

/* A list of 900 comments, each the answer to the one before; and a ring. */
static void long_chain_and_ring(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'chain','fields':[{'name':'n','type':'number'}]}");
    Str json = str_printf(f->a,
                          "{'name':'chain','fields':[{'name':'rel','type':'relation',"
                          "'cascadeDelete':true,'collectionId':'%.*s'}]}",
                          STR_ARG(fixture_find(f, "chain")->id));
    fixture_collection(f, arena_cstr(f->a, json));
    f->app.listener_count = 0;
    Str previous = record_id(fixture_create(f, "chain", "{}")), first = previous;
    for (int i = 0; i < 900; i++) {
        json = str_printf(f->a, "{'rel':'%.*s'}", STR_ARG(previous));
        previous = record_id(fixture_create(f, "chain", arena_cstr(f->a, json)));
    }
    json = str_printf(f->a, "{'rel':'%.*s'}", STR_ARG(previous));
    check_ok("ring", fixture_update(f, "chain", first, arena_cstr(f->a, json), NULL, NULL));
    check_ok("delete", fixture_delete(f, "chain", first, NULL));
    check_bool("gone", fixture_row(f, "chain", previous) == NULL, true);
}

/* More than is kept until the commit: what is left is told as one. */
static void much_is_told_as_one(void **state)
{
    enum { ROWS = 24, ROW_BYTES = 1000000 };
    Fixture *f = *state;
    make_target(f);
    relate(f, "b", "rel", "t",
           ",'cascadeDelete':true},{'name':'body','type':'editor','maxSize':2000000");
    char *body = arena_bytes(f->a, ROW_BYTES);
    memset(body, 'x', ROW_BYTES);
    Str json = str_printf(f->a, "{'rel':'t00000000000001','body':'%.*s'}", ROW_BYTES, body);
    for (int i = 0; i < ROWS; i++)
        fixture_create(f, "b", arena_cstr(f->a, json));
    fixture_told(f, NULL);
    check_ok("delete", fixture_delete(f, "t", S("t00000000000001"), NULL));
    check_bool("the first ones", f->change_count > 8 && f->change_count < ROWS, true);
    check_str("then the rest", f->changes[f->change_count - 1], "many b/");
    check_bool("once", str_starts(f->changes[f->change_count - 2], S("delete b/")), true);
}

/* A request's memory bounds how much may hang on one record. */
static void a_row_takes_little(void **state)
{
    enum { ROWS = 600, A_ROW = 2000 };
    Fixture *f = *state;
    make_target(f);
    relate(f, "b", "rel", "t", ",'cascadeDelete':true");
    relate(f, "c", "rel", "b", ",'cascadeDelete':true"); /* each row of b is looked for in c */
    f->app.listener_count = 0;
    for (int i = 0; i < ROWS; i++)
        fixture_create(f, "b", "{'rel':'t00000000000001'}");
    size_t before = arena_used(f->a);
    check_ok("delete", fixture_delete(f, "t", S("t00000000000001"), NULL));
    check_bool("little", arena_used(f->a) - before < (size_t)ROWS * A_ROW, true);
}

/* 0 where nobody counts them: under other sanitizers. */
static ptrdiff_t heap_bytes(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return (ptrdiff_t)__sanitizer_get_current_allocated_bytes();
#else
    return (ptrdiff_t)mallinfo2().uordblks;
#endif
}

typedef struct {
    Fixture *f;
    ptrdiff_t grown; /* beyond the arena */
} Finding;

static Error *find_many_work(Tx *tx, void *arg)
{
    Finding *finding = arg;
    const Collection *c = fixture_find(finding->f, "t");
    ptrdiff_t before = heap_bytes() - (ptrdiff_t)arena_used(tx_arena(tx));
    for (int i = 0; i < 500; i++) {
        Record *r;
        Error *err = record_find(tx, c, S("t00000000000001"), &r);
        if (err) return err;
    }
    finding->grown = heap_bytes() - (ptrdiff_t)arena_used(tx_arena(tx)) - before;
    return NULL;
}

/* However many rows pass through: one statement is compiled, not one for each. */
static void many_rows_take_one_statement(void **state)
{
    Fixture *f = *state;
    Finding finding = {.f = f};
    make_target(f);
    check_ok("find", db_write(f->app.db, f->a, find_many_work, &finding));
    check_bool("little", finding.grown < (ptrdiff_t)500 * 1000, true);
}

static Error *truncate_work(Tx *tx, void *arg)
{
    Fixture *f = arg;
    const Schema *schema = schema_in_tx(f->app.schema, tx);
    return records_truncate_in_tx(&f->app, tx, schema, schema_find(schema, S("t")));
}

static void truncates(void **state)
{
    Fixture *f = *state;
    make_target(f);
    relate(f, "b", "rel", "t", ",'cascadeDelete':true");
    for (int i = 0; i < 70; i++)
        fixture_create(f, "b", "{'rel':'t00000000000001'}");
    fixture_told(f, NULL);
    check_ok("truncate", db_write_alone(f->app.db, f->a, 0, truncate_work, f));
    check_int("told", f->change_count, 72);
    check_bool("told", fixture_told(f, "delete t/t00000000000002"), true);

    make_target(f);
    relate(f, "b", "rel", "t", ",'required':true");
    fixture_create(f, "b", "{'rel':'t00000000000002'}");
    check_status("refused", db_write_alone(f->app.db, f->a, 0, truncate_work, f), 400);
    check_bool("undone", fixture_row(f, "t", S("t00000000000001")) != NULL, true);
}

/* ---- expand (api: conventions §6.2) ---- */

typedef struct {
    Fixture *f;
    const char *collection, *paths;
    Str id;
    const RequestInfo *info;
    Record *record;
} Expanding;

static Error *expand_work(Tx *tx, void *arg)
{
    Expanding *e = arg;
    const Schema *schema = fixture_schema(e->f);
    Error *err = record_find(tx, schema_find(schema, str_from(e->collection)), e->id, &e->record);
    if (err) return err;
    return records_enrich(tx, schema, &e->record, 1, expand_parse(e->f->a, str_from(e->paths)),
                          e->info);
}

static const struct {
    const char *name, *collection, *id, *paths;
    bool superuser;
    const char *expand; /* of the JSON; NULL = no key */
} EXPANDS[] = {
    {"none such", "posts", "p00000000000001", "missing", false, NULL},
    {"no relation", "posts", "p00000000000001", "title", false, NULL},
    {"single", "posts", "p00000000000001", "author", false, "{'author':{u1}}"},
    {"empty", "posts", "p00000000000002", "author", false, "{}"},
    {"list in order", "posts", "p00000000000001", "editors", false, "{'editors':[{u2},{u1}]}"},
    {"dangling", "posts", "p00000000000003", "editors", false, "{'editors':[{u1}]}"},
    {"nested", "posts", "p00000000000001", "author.org", false, "{'author':{u1+org}}"},
    {"nested failing", "posts", "p00000000000001", "author.missing", false, NULL},
    {"one of two", "posts", "p00000000000001", "author.org,missing", false, "{'author':{u1+org}}"},
    {"back", "people", "u00000000000001", "posts_via_author", false, "{'posts_via_author':[{p1}]}"},
    {"back, list", "people", "u00000000000001", "posts_via_editors", false,
     "{'posts_via_editors':[{p1},{p3}]}"},
    {"back, none", "people", "u00000000000003", "posts_via_author", false, "{}"},
    {"locked target", "posts", "p00000000000001", "locked", false, NULL},
    {"locked, superuser", "posts", "p00000000000001", "locked", true, "{'locked':{l1}}"},
    {"rule unmet", "posts", "p00000000000001", "ruled", false, "{}"},
    {"hidden field", "posts", "p00000000000001", "hush", false, NULL},
    {"hidden, superuser", "posts", "p00000000000001", "hush", true, "{'hush':{u1}}"},
};

static void make_blog(Fixture *f)
{
    fixture_collection(f, "{'name':'orgs','viewRule':'','fields':[{'name':'k','type':'text'}]}");
    fixture_collection(f, "{'name':'locked','fields':[{'name':'k','type':'text'}]}");
    fixture_collection(f,
                       "{'name':'ruled','viewRule':'k = 1','fields':[{'name':'k','type':'text'}]}");
    Str json = str_printf(f->a,
                          "{'name':'people','viewRule':'','fields':[{'name':'k','type':'text'},"
                          "{'name':'org','type':'relation','collectionId':'%.*s'}]}",
                          STR_ARG(fixture_find(f, "orgs")->id));
    fixture_collection(f, arena_cstr(f->a, json));
    Str people = fixture_find(f, "people")->id;
    json =
        str_printf(f->a,
                   "{'name':'posts','viewRule':'','fields':[{'name':'k','type':'text'},"
                   "{'name':'title','type':'text'},"
                   "{'name':'author','type':'relation','collectionId':'%.*s'},"
                   "{'name':'editors','type':'relation','collectionId':'%.*s','maxSelect':5},"
                   "{'name':'hush','type':'relation','hidden':true,'collectionId':'%.*s'},"
                   "{'name':'locked','type':'relation','collectionId':'%.*s'},"
                   "{'name':'ruled','type':'relation','collectionId':'%.*s'}]}",
                   STR_ARG(people), STR_ARG(people), STR_ARG(people),
                   STR_ARG(fixture_find(f, "locked")->id), STR_ARG(fixture_find(f, "ruled")->id));
    fixture_collection(f, arena_cstr(f->a, json));
    fixture_create(f, "orgs", "{'id':'o00000000000001','k':'o1'}");
    fixture_create(f, "locked", "{'id':'l00000000000001','k':'l1'}");
    fixture_create(f, "ruled", "{'id':'r00000000000001','k':'r1'}");
    fixture_create(f, "people", "{'id':'u00000000000001','k':'u1','org':'o00000000000001'}");
    fixture_create(f, "people", "{'id':'u00000000000002','k':'u2'}");
    fixture_create(f, "people", "{'id':'u00000000000003','k':'u3'}");
    fixture_create(f, "people", "{'id':'u00000000000004','k':'u4'}");
    fixture_create(f, "posts",
                   "{'id':'p00000000000001','k':'p1','author':'u00000000000001',"
                   "'editors':['u00000000000002','u00000000000001'],'hush':'u00000000000001',"
                   "'locked':'l00000000000001','ruled':'r00000000000001'}");
    fixture_create(f, "posts", "{'id':'p00000000000002','k':'p2'}");
    fixture_create(f, "posts",
                   "{'id':'p00000000000003','k':'p3',"
                   "'editors':['u00000000000004','u00000000000001']}");
}

/* {u1}, {u1+org} …: the `k` of a record and whether it has been expanded. */
static void sketch(Fixture *f, Buf *out, const Json *v)
{
    if (v->type == JSON_ARRAY) {
        buf_char(out, '[');
        for (size_t i = 0; i < v->array.count; i++) {
            if (i) buf_char(out, ',');
            sketch(f, out, json_at(v, i));
        }
        buf_char(out, ']');
        return;
    }
    buf_printf(out, "{%.*s", STR_ARG(json_str(json_get(v, S("k")), S("?"))));
    const Json *more = json_get(v, S("expand"));
    for (size_t i = 0; i < json_count(more); i++) {
        buf_printf(out, "+%.*s", STR_ARG(more->object.members[i].key));
    }
    buf_char(out, '}');
}

static void expands(void **state)
{
    Fixture *f = *state;
    make_blog(f);
    /* A relation to nothing is what a restored table may hold. */
    f->app.listener_count = 0;
    RequestInfo *root = fixture_caller(f, fixture_superuser(f)), *guest = fixture_guest(f);
    RecordChange change = fixture_change(f, "posts", S("p00000000000003"),
                                         "{'editors':['gone','u00000000000001']}", NULL);
    change.skip_validation = true;
    Record *r;
    check_ok("dangling", record_update(&f->app, f->a, &change, &r));

    for (size_t i = 0; i < COUNT(EXPANDS); i++) {
        Expanding e = {f,
                       EXPANDS[i].collection,
                       EXPANDS[i].paths,
                       str_from(EXPANDS[i].id),
                       EXPANDS[i].superuser ? root : guest,
                       NULL};
        check_ok(EXPANDS[i].name, db_read(f->app.db, f->a, expand_work, &e));
        const Json *expand = e.record->expand;
        if (!expand || !EXPANDS[i].expand) {
            check_bool(EXPANDS[i].name, expand != NULL, EXPANDS[i].expand != NULL);
            continue;
        }
        Buf out = buf_new(f->a, 64);
        buf_char(&out, '{');
        for (size_t n = 0; n < json_count(expand); n++) {
            if (n) buf_char(&out, ',');
            buf_printf(&out, "'%.*s':", STR_ARG(expand->object.members[n].key));
            sketch(f, &out, &expand->object.members[n].value);
        }
        buf_char(&out, '}');
        check_str(EXPANDS[i].name, buf_str(&out), EXPANDS[i].expand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(one_reference),
        test_with_app(chains),
        test_with_app(order),
        test_with_app(long_chain_and_ring),
        test_with_app(much_is_told_as_one),
        test_with_app(a_row_takes_little),
        test_with_app(many_rows_take_one_statement),
        test_with_app(truncates),
        test_with_app(expands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
