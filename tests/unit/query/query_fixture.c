/* query_fixture.c - see query_fixture.h. */
#include "query_fixture.h"

#include "query_data.h"

#include <stdlib.h>

/* ---- the database ---- */

const Collection *query_collection(QueryFixture *t, const char *name)
{
    const Collection *c = schema_find(t->schema, str_from(name));
    if (!c) fail_msg("no collection %s", name);
    return c;
}

static AuthInfo caller_of(QueryFixture *t, const char *collection, const char *id, bool visible,
                          bool verified)
{
    const Collection *c = query_collection(t, collection);
    return (AuthInfo){.collection = c,
                      .id = str_from(id),
                      .email = str_printf(t->base->arena, "%s@x.org", id),
                      .collection_id = c->id,
                      .collection_name = c->name,
                      .email_visibility = visible,
                      .verified = verified,
                      .is_superuser = collection_is_superusers(c)};
}

static void hold(QueryFixture *t)
{
    t->schema = schema_hold(t->base->store, t->base->arena);
    t->ann = caller_of(t, "users", "u1", true, true);
    t->bob = caller_of(t, "users", "u2", false, true);
    t->cy = caller_of(t, "users", "u3", false, false);
    t->root = caller_of(t, "_superusers", "s1", false, true);
}

void query_exec(QueryFixture *t, const char *sql)
{
    check_ok(sql, db_exec(t->base->db, str_from(sql)));
}

void query_save(QueryFixture *t, const char *target, const char *json)
{
    check_ok(json, test_save(t->base, target, json));
    hold(t);
}

int query_setup(void **state)
{
    Arena *a = arena_create("test", 256 << 20);
    QueryFixture *t = arena_new(a, QueryFixture, 1);
    t->base = arena_new(a, TestSchema, 1);
    t->base->arena = a;
    t->base->db = test_db_new(a);
    t->base->db->config.read_budget_us = 20000000; /* nothing is run twice */
    test_db_open(t->base->db);
    t->arena = a;
    check_ok("store", schema_store_open(a, t->base->db->db, S(""), query_compile_schema, NULL,
                                        &t->base->store));
    for (size_t i = 0; i < COUNT(QUERY_COLLECTIONS); i++) {
        Error *err = test_save(t->base, QUERY_COLLECTIONS[i].target, QUERY_COLLECTIONS[i].json);
        for (; err; err = err->next)
            fail_msg("%s: %.*s: %.*s", QUERY_COLLECTIONS[i].json, STR_ARG(err->field),
                     STR_ARG(err->message));
    }
    query_exec(t, QUERY_RECORDS);
    hold(t);
    *state = t;
    return 0;
}

int query_teardown(void **state)
{
    QueryFixture *t = *state;
    void *base = t->base;
    return schema_teardown(&base);
}

/* ---- the request ---- */

const AuthInfo *query_caller(QueryFixture *t, QueryCaller caller)
{
    const AuthInfo *const CALLERS[] = {NULL, &t->ann, &t->bob, &t->cy, &t->root};
    return CALLERS[caller];
}

/* What `lazy` gives; the case's own texts. */
typedef struct {
    Json *query, *headers;
} LazyParts;

static int lazy_count;

int query_lazy_count(void)
{
    return lazy_count;
}

static void give_lazily(void *arg, Arena *a, Json **query, Json **headers)
{
    (void)a;
    const LazyParts *parts = arg;
    lazy_count++;
    *query = parts->query;
    *headers = parts->headers;
}

static Json *json_or_null(Arena *a, const char *text)
{
    return text ? test_json(a, text) : NULL;
}

RequestInfo query_request(QueryFixture *t, const QueryCase *ask)
{
    LazyParts *parts = arena_new(t->arena, LazyParts, 1);
    parts->query = json_or_null(t->arena, ask->query);
    parts->headers = json_or_null(t->arena, ask->headers);
    return (RequestInfo){.context = str_from(ask->context ? ask->context : "default"),
                         .method = str_from(ask->method ? ask->method : "GET"),
                         .auth = query_caller(t, ask->caller),
                         .body = json_or_null(t->arena, ask->body),
                         .lazy = give_lazily,
                         .lazy_arg = parts,
                         .now_ms = ask->now_ms};
}

/* ---- asking ---- */

typedef struct {
    QueryFixture *t;
    const QueryCase *ask;
    RequestInfo info;
    const Collection *collection;
    Select *select;
    Str ids;
} Asking;

static Error *build(Asking *x, Arena *a, const SqlDialect *dialect)
{
    const QueryCase *ask = x->ask;
    Select *q = select_new(a, dialect, x->t->schema, x->collection, &x->info);
    x->select = q;
    if (ask->from.len > 0) select_from(q, ask->from, ask->from_params, ask->from_count);
    if (ask->rule && *ask->rule) {
        Filter *rule;
        Error *err = filter_parse(a, str_from(ask->rule), &rule);
        if (err) return err;
        err = select_where_rule(q, rule);
        if (err) return err;
    }
    if (ask->filter) {
        Error *err = select_where_client(q, str_from(ask->filter));
        if (err) return err;
    }
    return ask->sort ? select_sort_client(q, str_from(ask->sort)) : NULL;
}

static int by_bytes(const void *x, const void *y)
{
    return str_cmp(*(const Str *)x, *(const Str *)y);
}

#define IDS_MAX 1000

static Error *read_ids(Asking *x, Tx *tx, Str ids[IDS_MAX], size_t *count)
{
    const QueryCase *ask = x->ask;
    static const Str ID = STR_INIT("id");
    Stmt *stmt;
    Error *err = tx_prepare(
        tx, select_rows_sql(x->select, &ID, 1, ask->limit > 0 ? ask->limit : -1, ask->offset),
        &stmt);
    if (err) return err;
    select_bind(x->select, stmt);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) return NULL;
        assert_true(*count < IDS_MAX);
        ids[(*count)++] = arena_copy(x->t->arena, stmt_str(stmt, 0));
    }
}

/* The first column of the first row; -1 without one. */
static Error *read_number(Asking *x, Tx *tx, Str sql, int64_t *out)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    select_bind(x->select, stmt);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    *out = row ? stmt_i64(stmt, 0) : -1;
    return NULL;
}

/* All columns in field order, as a list shows them. */
static Error *check_columns(Asking *x, Tx *tx)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, select_rows_sql(x->select, NULL, 0, 1, 0), &stmt);
    if (err) return err;
    select_bind(x->select, stmt);
    const Collection *c = x->collection;
    check_int("columns", stmt_column_count(stmt), c->field_count);
    bool row;
    return stmt_step(stmt, &row);
}

static Error *check_agreement(Asking *x, Tx *tx, const Str *ids, size_t count)
{
    const char *name = x->ask->filter ? x->ask->filter : x->ask->rule;
    for (size_t i = 1; i < count; i++)
        if (!x->ask->sort && str_eq(ids[i - 1], ids[i])) fail_msg("%s: repeats a row", name);
    if (x->ask->limit > 0 || x->ask->offset > 0) return NULL;

    int64_t total, any;
    Error *err = read_number(x, tx, select_count_sql(x->select), &total);
    if (err) return err;
    check_int(name, total, count);
    err = read_number(x, tx, select_exists_sql(x->select), &any);
    if (err) return err;
    check_bool(name, any != -1, count > 0);
    if (select_is_never(x->select)) check_int(name, count, 0);
    return check_columns(x, tx);
}

/* Errors of the filter are an answer; those of SQL never are. */
static Error *ask_work(Tx *tx, void *arg)
{
    Asking *x = arg;
    Arena *a = tx_arena(tx);
    Error *err = build(x, a, db_dialect(tx_db(tx)));
    if (err) {
        x->ids = str_printf(a, "%d %.*s", err->status, STR_ARG(err->message));
        return NULL;
    }
    Str *ids = arena_new(a, Str, IDS_MAX);
    size_t count = 0;
    err = read_ids(x, tx, ids, &count);
    if (err) return err;
    if (!x->ask->sort) qsort(ids, count, sizeof ids[0], by_bytes);
    err = check_agreement(x, tx, ids, count);
    if (err) return err;

    Buf out = buf_new(a, 64);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_char(&out, ' ');
        buf_add(&out, ids[i]);
    }
    x->ids = buf_str(&out);
    return NULL;
}

Str query_ids(QueryFixture *t, const QueryCase *ask)
{
    Asking x = {.t = t, .ask = ask, .info = query_request(t, ask)};
    x.collection = query_collection(t, ask->collection ? ask->collection : "posts");
    Error *err = db_read(t->base->db->db, t->arena, ask_work, &x);
    if (err)
        fail_msg("%s / %s: %.*s", ask->rule ? ask->rule : "", ask->filter ? ask->filter : "",
                 STR_ARG(err->cause.len > 0 ? err->cause : err->message));
    return x.ids;
}

/* ---- row by row ---- */

typedef struct {
    QueryFixture *t;
    const Collection *collection;
    const Filter *rule;
    RequestInfo info;
    Buf out;
} Matching;

static Error *match_work(Tx *tx, void *arg)
{
    Matching *m = arg;
    Arena *a = tx_arena(tx);
    m->out = buf_new(a, 64);
    QueryCase all = {.collection = arena_cstr(a, m->collection->name)};
    Asking x = {.t = m->t, .ask = &all, .info = m->info, .collection = m->collection};
    Error *err = build(&x, a, db_dialect(tx_db(tx)));
    if (err) return err;
    Str *ids = arena_new(a, Str, IDS_MAX);
    size_t count = 0;
    err = read_ids(&x, tx, ids, &count);
    if (err) return err;
    qsort(ids, count, sizeof ids[0], by_bytes);
    for (size_t i = 0; i < count; i++) {
        bool matches = false;
        err =
            rule_matches_row(tx, m->t->schema, m->collection, m->rule, ids[i], &m->info, &matches);
        if (err) return err;
        if (!matches) continue;
        if (m->out.len > 0) buf_char(&m->out, ' ');
        buf_add(&m->out, ids[i]);
    }
    return NULL;
}

Str query_matching_rows(QueryFixture *t, const QueryCase *ask)
{
    Filter *rule;
    check_ok(ask->rule, filter_parse(t->arena, str_from(ask->rule), &rule));
    Matching m = {.t = t, .rule = rule, .info = query_request(t, ask)};
    m.collection = query_collection(t, ask->collection ? ask->collection : "posts");
    check_ok(ask->rule, db_read(t->base->db->db, t->arena, match_work, &m));
    return buf_str(&m.out);
}
