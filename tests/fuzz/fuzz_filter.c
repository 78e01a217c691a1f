/* fuzz_filter.c - any text as a rule, a client's filter, a subscription's or a
 * sort, against the collections and records of the unit tests.
 *
 * First byte: who asks (bits 0-1) and as what (bits 2-3). Properties:
 *
 *  - what compiles, SQLite prepares and runs (it may take too long);
 *  - rows, their number and their existence agree, each row comes once;
 *  - what the evaluator in memory says is what SQL says;
 *  - nobody but superusers gets past the words of filters §9;
 *  - what query_check() finds no fault in is not refused, and a fault and each
 *    part of a rule is within the text.
 */
#include "query/query.h"

#include "../unit/query/query_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    const char *dir;
    Arena *arena;
    Db *db;
    SchemaStore *store;
    const Schema *schema;
    const Collection *posts;
    AuthInfo user, root;
    Json *body, *query, *headers;
} World;

static void must(const Error *err)
{
    if (!err) return;
    fprintf(stderr, "%.*s (%.*s)\n", STR_ARG(err->message), STR_ARG(err->cause));
    abort();
}

/* ---- the world, made once ---- */

static Json *json(Arena *a, const char *text)
{
    Json *value;
    must(json_parse(a, str_from(text), NULL, &value));
    return value;
}

typedef struct {
    World *w;
    size_t index;
} Making;

static Error *make_collection(Tx *tx, void *arg)
{
    Making *m = arg;
    Arena *a = tx_arena(tx);
    Str target = str_from(QUERY_COLLECTIONS[m->index].target);
    const Collection *old =
        target.len > 0 ? schema_find(schema_in_tx(m->w->store, tx), target) : NULL;
    Collection *c;
    Error *err = collection_from_json(a, old, json(a, QUERY_COLLECTIONS[m->index].json), &c);
    if (err) return err;
    if (c->type == COLLECTION_VIEW) err = view_infer(tx, schema_in_tx(m->w->store, tx), c, old);
    if (err) return err;
    return schema_save(m->w->store, tx, c, old);
}

static Error *make_records(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, str_from(QUERY_RECORDS));
}

static AuthInfo caller(World *w, const char *collection, const char *id)
{
    const Collection *c = schema_find(w->schema, str_from(collection));
    return (AuthInfo){.collection = c,
                      .id = str_from(id),
                      .email = S("u1@x.org"),
                      .collection_id = c->id,
                      .collection_name = c->name,
                      .is_superuser = collection_is_superusers(c)};
}

static World *world_make(void)
{
    static char dir[] = "/tmp/croft-fuzz-XXXXXX";
    if (!mkdtemp(dir)) abort();
    Arena *a = arena_create("world", 64 << 20);
    World *w = arena_new(a, World, 1);
    w->arena = a;
    w->dir = dir;
    DbConfig config = db_config_default(str_from(dir));
    config.loop_count = 1;
    must(db_open(a, &config, &w->db));
    must(schema_store_open(a, w->db, S(""), query_compile_schema, NULL, &w->store));
    for (size_t i = 0; i < COUNT(QUERY_COLLECTIONS); i++)
        must(db_write_alone(w->db, a, 0, make_collection, &(Making){w, i}));
    must(db_write(w->db, a, make_records, NULL));

    w->schema = schema_hold(w->store, a);
    w->posts = schema_find(w->schema, S("posts"));
    w->user = caller(w, "users", "u1");
    w->root = caller(w, "_superusers", "root");
    w->body = json(a, "{\"title\":\"Hello\",\"views\":5,\"tags\":[\"a\",\"b\"],\"author\":\"u1\","
                      "\"editors\":[\"u1\",\"u2\"],\"data\":{\"x\":[1,null,\"t\"]},\"kind\":null,"
                      "\"loc\":{\"lon\":1,\"lat\":2},\"other\":true}");
    w->query = json(a, "{\"a\":\"1\",\"b\":\"\"}");
    w->headers = json(a, "{\"x_token\":\"T\"}");
    return w;
}

static World *world;

static void world_end(void)
{
    static const char *const FILES[] = {"data.db", "data.db-wal", "data.db-shm", "croft.lock"};
    schema_store_close(world->store);
    db_close(world->db);
    for (size_t i = 0; i < COUNT(FILES); i++)
        (void)unlink(
            arena_cstr(world->arena, str_printf(world->arena, "%s/%s", world->dir, FILES[i])));
    (void)rmdir(world->dir);
    arena_destroy(world->arena);
}

/* ---- one question ---- */

typedef enum { AS_RULE, AS_CLIENT, AS_SUBSCRIBER, AS_SORT } Way;

typedef struct {
    World *w;
    Way way;
    Str text;
    RequestInfo info;
    bool refused;
    EvalResult verdict;
} Question;

static Error *conditions(Question *x, Arena *a, Select *q)
{
    Filter *f;
    Error *err;
    switch (x->way) {
    case AS_RULE:
        err = filter_parse(a, x->text, &f);
        if (err) return err;
        x->verdict = filter_eval(f, a, x->w->schema, x->w->posts, &x->info, NULL, NULL);
        return select_where_rule(q, f);
    case AS_CLIENT:
        return select_where_client(q, x->text);
    case AS_SUBSCRIBER:
        return select_where_subscriber(q, x->text);
    case AS_SORT:
        break;
    }
    return select_sort_client(q, x->text);
}

/* Rows when `ids`, else the number in the first one. */
static Error *run(Tx *tx, const Select *q, Str sql, bool ids, int64_t *out)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    select_bind(q, stmt);
    *out = 0;
    for (bool row = true; row;) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (row) *out = ids ? *out + 1 : stmt_i64(stmt, 0);
    }
    return NULL;
}

static Error *question_work(Tx *tx, void *arg)
{
    Question *x = arg;
    Arena *a = tx_arena(tx);
    x->verdict = EVAL_UNKNOWN;
    Select *q = select_new(a, db_dialect(tx_db(tx)), x->w->schema, x->w->posts, &x->info);
    Error *err = conditions(x, a, q);
    x->refused = err != NULL;
    if (err) {
        assert(err->status == 400 || err->status == 403);
        assert(err->message.len > 0);
        return NULL;
    }
    int64_t rows, number, any;
    err = run(tx, q, select_rows_sql(q, NULL, 0, -1, 0), true, &rows);
    if (err) return err;
    err = run(tx, q, select_count_sql(q), false, &number);
    if (err) return err;
    err = run(tx, q, select_exists_sql(q), false, &any);
    if (err) return err;
    assert(rows <= 3);
    assert(rows == number);
    assert(any == (rows > 0));
    assert(!select_is_never(q) || rows == 0);
    if (x->verdict == EVAL_TRUE) assert(rows == 3);
    if (x->verdict == EVAL_FALSE) assert(rows == 0);
    if (x->way == AS_SORT) assert(rows <= 3);
    return NULL;
}

/* Before the question, of the same text. True: no fault. */
static bool check_places(const Question *x, Arena *a)
{
    static const CheckKind KINDS[] = {[AS_RULE] = CHECK_RULE,
                                      [AS_CLIENT] = CHECK_FILTER,
                                      [AS_SUBSCRIBER] = CHECK_FILTER,
                                      [AS_SORT] = CHECK_SORT};
    TextSpan at = {0};
    Filter *f;
    FilterPart *parts;
    const World *w = x->w;
    Error *err = query_check(a, db_dialect(w->db), w->schema, w->posts, &x->info, KINDS[x->way],
                             x->text, &at);
    assert(at.offset <= x->text.len && at.length <= x->text.len - at.offset);
    if (x->way != AS_RULE || filter_parse(a, x->text, &f)) return !err;

    size_t count = filter_parts(f, x->text, a, w->schema, w->posts, &x->info, NULL, NULL, &parts);
    assert(count >= 1 && count < 2 * FILTER_MAX_COMPARISONS);
    for (size_t i = 0; i < count; i++) {
        TextSpan span = parts[i].span;
        assert(span.length > 0 && span.offset + span.length <= x->text.len);
        assert(str_eq(str_sub(x->text, span.offset, span.length), parts[i].text));
    }
    return !err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world) {
        world = world_make();
        atexit(world_end);
    }
    if (size == 0) return 0;

    const AuthInfo *const CALLERS[] = {NULL, &world->user, &world->root, &world->user};
    Question x = {.w = world,
                  .way = (Way)(data[0] >> 2 & 3),
                  .text = {(const char *)data + 1, size - 1},
                  .info = {.context = S("default"),
                           .method = S("GET"),
                           .now_ms = 1704096000000,
                           .auth = CALLERS[data[0] & 3],
                           .body = world->body,
                           .query = world->query,
                           .headers = world->headers}};
    Arena *a = arena_create("fuzz", 64 << 20);
    bool faultless = check_places(&x, a);
    /* many joined tables take their time: that is not an error here */
    Error *err = db_read_slow(world->db, a, 300, question_work, &x);
    if (err && db_error_kind(err) != DB_ERROR_TOO_SLOW) must(err);

    if (faultless && !err && x.text.len > 0 && x.way != AS_SUBSCRIBER) assert(!x.refused);
    bool forbidden =
        str_find(x.text, S("@request.")) >= 0 || str_find(x.text, S("@collection.")) >= 0;
    bool superuser = x.info.auth && x.info.auth->is_superuser;
    if (forbidden && !superuser && x.way != AS_RULE) assert(x.refused);
    arena_destroy(a);
    return 0;
}
