/* fixture.h - a whole App over a folder of its own, and short ways to use it.
 *
 *     static void counts_up(void **state)
 *     {
 *         Fixture *f = *state;
 *         fixture_collection(f, "{'name':'posts','fields':[{'name':'n','type':'number'}]}");
 *         Record *r = fixture_create(f, "posts", "{'n':1}");
 *         check_error("n", fixture_update(f, "posts", record_id(r), "{'n+':2}", NULL, &r), NULL);
 *     }
 *     test_with_app(counts_up)
 *
 * JSON in tests is written with ' for ". Callers are RequestInfos: NULL is the
 * system, fixture_guest() nobody, fixture_caller() a record of an auth
 * collection. */
#ifndef CROFT_RECORDS_FIXTURE_H
#define CROFT_RECORDS_FIXTURE_H

#include "testing.h"

#include "base/log.h"
#include "records/records.h"

#include <stdlib.h>
#include <unistd.h>

#define FIXTURE_CHANGES 256
#ifndef FIXTURE_LOOPS
#define FIXTURE_LOOPS 1 /* read connections of the database */
#endif

typedef struct {
    Arena *a;
    Str dir;
    App app;
    Str changes[FIXTURE_CHANGES]; /* "create posts/abc", in commit order */
    size_t change_count;
} Fixture;

static inline Str fixture_text(Arena *a, const char *text)
{
    char *copy = arena_cstr(a, str_from(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'') *p = '"';
    }
    return str_from(copy);
}

static inline Json *fixture_json(Fixture *f, const char *text)
{
    Json *json = NULL;
    check_ok(text, json_parse(f->a, fixture_text(f->a, text), NULL, &json));
    return json;
}

/* ---- one app ---- */

static inline void fixture_note(void *arg, ChangeKind kind, const Record *r)
{
    static const char *const NAMES[] = {"create", "update", "delete", "many"};
    Fixture *f = arg;
    assert_true(f->change_count < FIXTURE_CHANGES);
    f->changes[f->change_count++] = str_printf(f->a, "%s %.*s/%.*s", NAMES[kind],
                                               STR_ARG(r->collection->name), STR_ARG(record_id(r)));
}

static inline int fixture_setup(void **state)
{
    log_configure(LOG_ERROR, LOG_TEXT);
    Arena *a = arena_create("fixture", (size_t)256 << 20);
    Fixture *f = arena_new(a, Fixture, 1);
    f->a = a;
    char *dir = arena_cstr(a, S("/tmp/croft-app-XXXXXX"));
    assert_non_null(mkdtemp(dir));
    f->dir = str_from(dir);
    DbConfig config = db_config_default(f->dir);
    config.loop_count = FIXTURE_LOOPS;
    check_ok("crypto", crypto_init(a));
    check_ok("db", db_open(a, &config, &f->app.db));
    check_ok("schema",
             schema_store_open(a, f->app.db, S(""), query_compile_schema, NULL, &f->app.schema));
    check_ok("settings", settings_store_open(a, f->app.db, S(""), &f->app.settings));
    check_ok("workers", workers_create(a, "work", 2, 64, &f->app.workers));
    check_ok("storage", storage_open(a, str_concat(a, f->dir, S("/storage")), f->app.workers,
                                     &f->app.storage));
    check_ok("passwords", passwords_create(a, 1, 64, &f->app.passwords));
    records_on_change(&f->app, fixture_note, f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    Fixture *f = *state;
    workers_destroy(f->app.workers);
    passwords_destroy(f->app.passwords);
    storage_close(f->app.storage);
    settings_store_close(f->app.settings);
    schema_store_close(f->app.schema);
    db_close(f->app.db);
    (void)remove_temporary(arena_cstr(f->a, f->dir));
    arena_destroy(f->a);
    return 0;
}

#define test_with_app(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

/* Was this change told? Also forgets all told so far when `text` is NULL. */
static inline bool fixture_told(Fixture *f, const char *text)
{
    if (!text) f->change_count = 0;
    for (size_t i = 0; text && i < f->change_count; i++) {
        if (str_eq(f->changes[i], str_from(text))) return true;
    }
    return false;
}

/* ---- collections ---- */

static inline const Schema *fixture_schema(Fixture *f)
{
    return schema_hold(f->app.schema, f->a);
}

static inline const Collection *fixture_find(Fixture *f, const char *name)
{
    const Collection *c = schema_find(fixture_schema(f), str_from(name));
    if (!c) fail_msg("no collection %s", name);
    return c;
}

typedef struct {
    Fixture *f;
    const Json *json;
} FixtureSave;

static inline Error *fixture_save_work(Tx *tx, void *arg)
{
    FixtureSave *s = arg;
    Arena *a = tx_arena(tx);
    const Schema *schema = schema_in_tx(s->f->app.schema, tx);
    const Collection *old = schema_find(schema, json_str(json_get(s->json, S("name")), S("")));
    Collection *c;
    Error *err = collection_from_json(a, old, s->json, &c);
    if (err) return err;
    if (c->type == COLLECTION_VIEW) err = view_infer(tx, schema, c, old);
    if (err) return err;
    err = collection_validate(tx, a, schema_with(a, schema, c), c, old);
    if (err) return err;
    return schema_save(s->f->app.schema, tx, c, old);
}

/* Creates the collection, or updates the one of that name. */
static inline const Collection *fixture_collection(Fixture *f, const char *json)
{
    FixtureSave save = {f, fixture_json(f, json)};
    const char *name = arena_cstr(f->a, json_str(json_get(save.json, S("name")), S("")));
    Error *err = db_write_alone(f->app.db, f->a, 0, fixture_save_work, &save);
    if (err) {
        fail_msg("collection %s: %.*s: %s %.*s; %.*s", name, STR_ARG(err->field),
                 err->code ? err->code : "-", STR_ARG(err->message), STR_ARG(err->cause));
    }
    return fixture_find(f, name);
}

/* ---- callers ---- */

static inline RequestInfo *fixture_guest(Fixture *f)
{
    RequestInfo *info = arena_new(f->a, RequestInfo, 1);
    info->context = S("default");
    info->method = S("POST");
    return info;
}

static inline RequestInfo *fixture_caller(Fixture *f, const Record *r)
{
    RequestInfo *info = fixture_guest(f);
    AuthInfo *auth = arena_new(f->a, AuthInfo, 1);
    *auth = (AuthInfo){.collection = r->collection,
                       .id = record_id(r),
                       .email = record_str(r, S("email")),
                       .collection_id = r->collection->id,
                       .collection_name = r->collection->name,
                       .email_visibility = record_bool(r, S("emailVisibility")),
                       .verified = record_bool(r, S("verified")),
                       .is_superuser = collection_is_superusers(r->collection)};
    info->auth = auth;
    return info;
}

/* ---- records ---- */

static inline RecordChange fixture_change(Fixture *f, const char *collection, Str id,
                                          const char *json, const RequestInfo *info)
{
    return (RecordChange){.collection = fixture_find(f, collection),
                          .id = id,
                          .data = json ? fixture_json(f, json) : NULL,
                          .as_system = info == NULL,
                          .info = info};
}

static inline Error *fixture_try(Fixture *f, const char *collection, const char *json,
                                 const RequestInfo *info, Record **out)
{
    Record *unused;
    RecordChange change = fixture_change(f, collection, S(""), json, info);
    return record_create(&f->app, f->a, &change, out ? out : &unused);
}

static inline Record *fixture_create(Fixture *f, const char *collection, const char *json)
{
    Record *r = NULL;
    check_ok(json, fixture_try(f, collection, json, NULL, &r));
    return r;
}

static inline Error *fixture_update(Fixture *f, const char *collection, Str id, const char *json,
                                    const RequestInfo *info, Record **out)
{
    Record *unused;
    RecordChange change = fixture_change(f, collection, id, json, info);
    return record_update(&f->app, f->a, &change, out ? out : &unused);
}

static inline Error *fixture_delete(Fixture *f, const char *collection, Str id,
                                    const RequestInfo *info)
{
    RecordChange change = fixture_change(f, collection, id, NULL, info);
    return record_delete(&f->app, f->a, &change);
}

static inline Record *fixture_superuser(Fixture *f)
{
    return fixture_create(f, "_superusers", "{'email':'root@example.com','password':'1234567890'}");
}

typedef struct {
    const Collection *c;
    Str id;
    Record *record;
} FixtureFind;

static inline Error *fixture_find_work(Tx *tx, void *arg)
{
    FixtureFind *find = arg;
    return record_find(tx, find->c, find->id, &find->record);
}

/* The row as it is in the database, or NULL. */
static inline Record *fixture_row(Fixture *f, const char *collection, Str id)
{
    FixtureFind find = {fixture_find(f, collection), id, NULL};
    Error *err = db_read(f->app.db, f->a, fixture_find_work, &find);
    return err ? NULL : find.record;
}

/* The record's JSON for this caller, " turned to ' for easy comparison. */
static inline Str fixture_shown(Fixture *f, const Record *r, const RequestInfo *info)
{
    Buf out = buf_new(f->a, 256);
    record_write_json(&out, r, info ? info->auth : NULL);
    for (size_t i = 0; i < out.len; i++) {
        if (out.ptr[i] == '"') out.ptr[i] = '\'';
    }
    return buf_str(&out);
}

static inline const Error *fixture_fault(const Error *err, const char *field)
{
    for (; err; err = err->next) {
        if (str_eq(err->field, str_from(field))) return err;
    }
    return NULL;
}

/* `code` of that field's fault; NULL = no error at all is expected. */
static inline void check_fault(const char *name, const Error *err, const char *field,
                               const char *code)
{
    if (!code) {
        check_code(name, err, NULL);
        return;
    }
    if (!err) fail_msg("%s: accepted, expected %s: %s", name, field, code);
    const Error *fault = fixture_fault(err, field);
    if (!fault) {
        fail_msg("%s: no fault of %s but of \"%.*s\" (%s; %.*s; %.*s)", name, field,
                 STR_ARG(err->field), err->code ? err->code : "-", STR_ARG(err->message),
                 STR_ARG(err->cause));
        return;
    }
    check_str(name, str_from(fault->code ? fault->code : "-"), code);
}

static inline void check_status(const char *name, const Error *err, int status)
{
    int actual = err ? err->status : 200;
    if (actual != status) {
        fail_msg("%s: status %d (%.*s; %.*s), expected %d", name, actual,
                 STR_ARG(err ? err->message : S("")), STR_ARG(err ? err->cause : S("")), status);
    }
}

#endif
