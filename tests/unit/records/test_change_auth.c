/* Auth records from input to commit (api: records §7, auth §1.4), what hangs on them, and
 * single columns. */
#include "records/fixture.h"

#include "base/clock.h"
#include "records/records_internal.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(sign_up),
        test_with_app(own_record),
        test_with_app(superuser_and_manager),
        test_with_app(what_hangs_on_a_user),
        test_with_app(superusers),
        test_with_app(ids_over_auth_collections),
        test_with_app(single_columns),
        test_with_app(single_columns_of_a_new_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
