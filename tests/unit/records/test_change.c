/* Changes from input to commit: modifiers, rules, auth records, autodates, what
 * is told afterwards, and a schema that moves meanwhile. */
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

/* ---- auth records (api: records §7, auth §1.4) ---- */

static Record *make_user(Fixture *f, const char *email)
{
    Str json = str_printf(f->a, "{'email':'%s','password':'12345678'}", email);
    return fixture_create(f, "users", arena_cstr(f->a, json));
}

static void sign_up(void **state)
{
    Fixture *f = *state;
    RequestInfo *guest = fixture_guest(f);
    Error *err =
        fixture_try(f, "users", "{'password':'12345678','passwordConfirm':'x'}", guest, NULL);
    check_fault("mismatch", err, "passwordConfirm", "validation_values_mismatch");
    check_bool("alone", err->next == NULL, true);
    err = fixture_try(f, "users", "{}", guest, NULL);
    check_fault("empty", err, "password", "validation_required");
    check_fault("empty", err, "passwordConfirm", "validation_required");
    err = fixture_try(f, "users", "{'password':'1234','passwordConfirm':'1234'}", guest, NULL);
    check_fault("short", err, "password", "validation_min_text_constraint");
    check_fault("no e-mail", err, "email", "validation_required");
    err = fixture_try(f, "users",
                      "{'email':'a@b.io','password':'12345678','passwordConfirm':'12345678',"
                      "'verified':true}",
                      guest, NULL);
    check_fault("verified", err, "verified", "validation_values_mismatch");

    Record *r = NULL;
    check_ok("right", fixture_try(f, "users",
                                  "{'email':'a@b.io','password':'12345678','passwordConfirm':"
                                  "'12345678','tokenKey':'mine','name':'A'}",
                                  guest, &r));
    Record *row = fixture_row(f, "users", record_id(r));
    check_bool("hashed", str_starts(record_str(row, S("password")), S("$argon2id$")), true);
    check_int("key", record_str(row, S("tokenKey")).len, 50);
    Str shown = fixture_shown(f, r, guest);
    check_bool("e-mail is private", str_find(shown, S("a@b.io")) < 0, true);
    check_bool("hash", str_find(shown, S("argon2")) < 0, true);
    check_bool("key", str_find(shown, S("tokenKey")) < 0, true);
    check_bool("self", str_find(fixture_shown(f, r, fixture_caller(f, r)), S("a@b.io")) > 0, true);
    check_bool("root",
               str_find(fixture_shown(f, r, fixture_caller(f, fixture_superuser(f))), S("argon2")) <
                   0,
               true);
}

static void own_record(void **state)
{
    Fixture *f = *state;
    Record *r = make_user(f, "a@b.io");
    RequestInfo *self = fixture_caller(f, r);
    Str id = record_id(r), key = record_str(r, S("tokenKey"));

    check_fault("e-mail", fixture_update(f, "users", id, "{'email':'c@d.io'}", self, NULL), "email",
                "validation_values_mismatch");
    check_ok("same e-mail",
             fixture_update(f, "users", id, "{'email':'a@b.io','name':'N'}", self, &r));
    check_str("key stays", record_str(r, S("tokenKey")), arena_cstr(f->a, key));
    check_fault("no old",
                fixture_update(f, "users", id,
                               "{'password':'87654321','passwordConfirm':'87654321'}", self, NULL),
                "oldPassword", "validation_required");
    check_fault(
        "wrong old",
        fixture_update(f, "users", id,
                       "{'password':'87654321','passwordConfirm':'87654321','oldPassword':'x'}",
                       self, NULL),
        "oldPassword", "validation_invalid_old_password");
    check_fault("only old",
                fixture_update(f, "users", id, "{'oldPassword':'12345678'}", self, NULL),
                "password", "validation_required");
    Error *err = fixture_update(f, "users", id,
                                "{'password':'87654321','passwordConfirm':'x','oldPassword':'y'}",
                                self, NULL);
    check_fault("both", err, "oldPassword", "validation_invalid_old_password");
    check_fault("both", err, "passwordConfirm", "validation_values_mismatch");
    check_ok("right", fixture_update(f, "users", id,
                                     "{'password':'87654321','passwordConfirm':'87654321',"
                                     "'oldPassword':'12345678'}",
                                     self, &r));
    check_bool("key rotates", str_eq(record_str(r, S("tokenKey")), key), false);
    bool matches, rehash;
    check_ok("verify", password_verify(f->app.passwords, f->a, S("87654321"),
                                       record_str(fixture_row(f, "users", id), S("password")),
                                       &matches, &rehash));
    check_bool("matches", matches, true);
    check_status("not of another",
                 fixture_update(f, "users", record_id(make_user(f, "z@b.io")), "{}", self, NULL),
                 404);
}

static void superuser_and_manager(void **state)
{
    Fixture *f = *state;
    fixture_collection(
        f,
        "{'name':'users','updateRule':'','manageRule':'@request.auth.name = \\u0027boss\\u0027'}");
    Record *r = make_user(f, "a@b.io"), *boss = make_user(f, "boss@b.io");
    check_ok("name", fixture_update(f, "users", record_id(boss), "{'name':'boss'}", NULL, &boss));
    Str key = record_str(r, S("tokenKey"));
    RequestInfo *root = fixture_caller(f, fixture_superuser(f));
    uint64_t version = f->app.auth_version;
    check_ok("e-mail", fixture_update(f, "users", record_id(r), "{'email':'c@d.io'}", root, &r));
    check_bool("rotated", str_eq(record_str(r, S("tokenKey")), key), false);
    check_bool("callers are asked anew", f->app.auth_version > version, true);
    check_ok("manager",
             fixture_update(f, "users", record_id(r), "{'email':'e@f.io','verified':true}",
                            fixture_caller(f, boss), &r));
    check_ok("password", fixture_update(f, "users", record_id(r),
                                        "{'password':'87654321','passwordConfirm':'87654321'}",
                                        fixture_caller(f, boss), &r));
    check_fault("regular",
                fixture_update(f, "users", record_id(boss), "{'verified':true}",
                               fixture_caller(f, r), NULL),
                "verified", "validation_values_mismatch");
}

static void make_ref(Fixture *f, const char *collection, const Record *r, const char *rest)
{
    Str json = str_printf(f->a, "{'collectionRef':'%.*s','recordRef':'%.*s',%s}",
                          STR_ARG(r->collection->id), STR_ARG(record_id(r)), rest);
    fixture_create(f, collection, arena_cstr(f->a, json));
}

typedef struct {
    const char *table;
    int64_t count;
} Counting;

static Error *count_work(Tx *tx, void *arg)
{
    Counting *c = arg;
    bool found;
    Str sql = str_printf(tx_arena(tx), "SELECT count(*) FROM %s", c->table);
    return tx_one_i64(tx, sql, NULL, 0, &c->count, &found);
}

static int64_t rows_of(Fixture *f, const char *table)
{
    Counting c = {table, -1};
    check_ok(table, db_read(f->app.db, f->a, count_work, &c));
    return c.count;
}

static void make_refs(Fixture *f, const Record *r)
{
    make_ref(f, "_mfas", r, "'method':'otp'");
    make_ref(f, "_otps", r, "'password':'123456'");
    make_ref(f, "_externalAuths", r, "'provider':'google','providerId':'1'");
    make_ref(f, "_authOrigins", r, "'fingerprint':'x'");
}

static void check_refs(Fixture *f, const char *name, int mfas, int otps, int links, int origins)
{
    check_int(name, rows_of(f, "_mfas"), mfas);
    check_int(name, rows_of(f, "_otps"), otps);
    check_int(name, rows_of(f, "_externalAuths"), links);
    check_int(name, rows_of(f, "_authOrigins"), origins);
}

static void what_hangs_on_a_user(void **state)
{
    Fixture *f = *state;
    Record *r = make_user(f, "a@b.io");
    make_refs(f, r);
    check_refs(f, "made", 1, 1, 1, 1);
    check_ok("name", fixture_update(f, "users", record_id(r), "{'name':'x'}", NULL, &r));
    check_refs(f, "name", 1, 1, 1, 1);
    check_ok("e-mail", fixture_update(f, "users", record_id(r), "{'email':'c@d.io'}", NULL, &r));
    check_refs(f, "e-mail", 1, 0, 1, 1);
    Str key = record_str(r, S("tokenKey"));
    check_ok("verified", fixture_update(f, "users", record_id(r), "{'verified':true}", NULL, &r));
    check_refs(f, "verified", 1, 0, 0, 1);
    check_bool("links were there", str_eq(record_str(r, S("tokenKey")), key), false);
    check_ok("password",
             fixture_update(f, "users", record_id(r), "{'password':'abcdefgh'}", NULL, &r));
    check_refs(f, "password", 0, 0, 0, 0);
    make_refs(f, r);
    check_ok("delete", fixture_delete(f, "users", record_id(r), NULL));
    check_refs(f, "deleted", 0, 0, 0, 0);
}

static void superusers(void **state)
{
    Fixture *f = *state;
    Record *root = fixture_superuser(f);
    check_bool("verified", record_bool(root, S("verified")), true);
    Error *err = fixture_delete(f, "_superusers", record_id(root), fixture_caller(f, root));
    check_str("last", err->message, "You can't delete the only existing superuser.");
    fixture_create(f, "_superusers", "{'email':'b@example.com','password':'1234567890'}");
    check_ok("not last",
             fixture_delete(f, "_superusers", record_id(root), fixture_caller(f, root)));
}

static void ids_over_auth_collections(void **state)
{
    Fixture *f = *state;
    fixture_create(f, "users", "{'id':'123456789012345','email':'a@b.io','password':'12345678'}");
    check_fault("taken",
                fixture_try(f, "_superusers",
                            "{'id':'123456789012345','email':'a@b.io','password':'1234567890'}",
                            NULL, NULL),
                "id", "validation_invalid_auth_id");
}

typedef struct {
    Fixture *f;
    const Record *r;
    const char *column;
    DbValue value;
} SetColumn;

static Error *set_work(Tx *tx, void *arg)
{
    SetColumn *s = arg;
    Str column = str_from(s->column);
    return record_set_columns(&s->f->app, tx, s->r->collection, record_id(s->r), &column, &s->value,
                              1);
}

static void single_columns(void **state)
{
    Fixture *f = *state;
    Record *r = make_user(f, "a@b.io");
    make_refs(f, r);
    fixture_told(f, NULL);
    SetColumn set = {f, r, "password", DB_VALUE_TEXT(S("$2a$10$other"))};
    check_ok("rehash", db_write(f->app.db, f->a, set_work, &set));
    check_refs(f, "the same password", 1, 1, 1, 1);
    check_int("told", f->change_count, 1);
    set = (SetColumn){f, r, "tokenKey", DB_VALUE_TEXT(S("123456789012345678901234567890"))};
    check_ok("key", db_write(f->app.db, f->a, set_work, &set));
    check_refs(f, "key", 1, 0, 1, 1);
    Record *row = fixture_row(f, "users", record_id(r));
    check_str("password", record_str(row, S("password")), "$2a$10$other");
    check_bool("moved",
               str_eq(record_str(row, S("updated")), record_str(r, S("updated"))) &&
                   record_str(row, S("updated")).len == 0,
               false);
}

typedef struct {
    Fixture *f;
    const Collection *c;
    Record *row;
} InsertColumns;

static Error *insert_work(Tx *tx, void *arg)
{
    InsertColumns *w = arg;
    static const Str COLUMNS[] = {STR_INIT("fingerprint"), STR_INIT("recordRef")};
    const DbValue values[] = {DB_VALUE_TEXT(S("print")), DB_VALUE_TEXT(S("who"))};
    return record_insert_columns(&w->f->app, tx, w->c, COLUMNS, values, COUNT(values), &w->row);
}

static void single_columns_of_a_new_row(void **state)
{
    Fixture *f = *state;
    fixture_told(f, NULL);
    InsertColumns w = {f, fixture_find(f, "_authOrigins"), NULL};
    check_ok("insert", db_write(f->app.db, f->a, insert_work, &w));
    Record *row = fixture_row(f, "_authOrigins", record_id(w.row));
    check_int("id", (int64_t)record_id(row).len, 15);
    check_str("given", record_str(row, S("fingerprint")), "print");
    check_str("not given", record_str(row, S("collectionRef")), "");
    check_int("created", (int64_t)record_str(row, S("created")).len, DATETIME_LEN);
    check_int("told", f->change_count, 1);
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
        test_with_app(create_rules),
        test_with_app(update_rules),
        test_with_app(views_are_not_written),
        test_with_app(sign_up),
        test_with_app(own_record),
        test_with_app(superuser_and_manager),
        test_with_app(what_hangs_on_a_user),
        test_with_app(superusers),
        test_with_app(ids_over_auth_collections),
        test_with_app(single_columns),
        test_with_app(single_columns_of_a_new_row),
        test_with_app(schema_race),
        test_with_app(stale_schema),
        test_with_app(increments_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
