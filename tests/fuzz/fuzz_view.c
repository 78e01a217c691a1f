/* fuzz_view.c - any text as the query of a view.
 *
 * Properties: the parser survives it; whatever is inferred from it names
 * columns that the query has, once each, and shows as they are only fields
 * that collections have, hidden ones hidden; what view_infer() takes can be
 * made a view, one statement long, that reads back with the same columns. */
#include "schema/schema.h"
#include "schema/view_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/croft-fuzz-XXXXXX";

static struct {
    Arena *arena;
    Db *db;
    SchemaStore *store;
} world;

static void must(const Error *err)
{
    if (!err) return;
    fprintf(stderr, "%.*s (%.*s)\n", STR_ARG(err->message), STR_ARG(err->cause));
    abort();
}

static const char POSTS[] =
    "{\"name\":\"posts\",\"fields\":[{\"name\":\"title\",\"type\":\"text\"},"
    "{\"name\":\"n\",\"type\":\"number\"},{\"name\":\"s\",\"type\":\"text\",\"hidden\":true},"
    "{\"name\":\"pic\",\"type\":\"file\",\"protected\":true},"
    "{\"name\":\"u\",\"type\":\"relation\",\"collectionId\":\"_pb_users_auth_\"}]}";

static Error *make_posts(Tx *tx, void *arg)
{
    Arena *a = tx_arena(tx);
    Json *json;
    Error *err = json_parse(a, str_from(POSTS), NULL, &json);
    Collection *c;
    if (!err) err = collection_from_json(a, NULL, json, &c);
    return err ? err : schema_save(arg, tx, c, NULL);
}

static void remove_world(void)
{
    schema_store_close(world.store);
    db_close(world.db);
    static const char *const FILES[] = {"data.db", "data.db-wal", "data.db-shm", "croft.lock"};
    for (size_t i = 0; i < COUNT(FILES); i++) {
        Str path = str_printf(world.arena, "%s/%s", dir, FILES[i]);
        (void)unlink(arena_cstr(world.arena, path));
    }
    (void)rmdir(dir);
    arena_destroy(world.arena);
}

static void make_world(void)
{
    Arena *a = world.arena = arena_create("world", 64 << 20);
    if (!mkdtemp(dir)) abort();
    DbConfig config = db_config_default(str_from(dir));
    must(db_open(a, &config, &world.db));
    must(schema_store_open(a, world.db, S(""), NULL, NULL, &world.store));
    must(db_write_alone(world.db, a, 0, make_posts, world.store));
    (void)atexit(remove_world);
}

typedef struct {
    Collection c;
    const Schema *schema;
} Try;

static Error *infer(Tx *tx, void *arg)
{
    Try *t = arg;
    Error *err = view_infer(tx, t->schema, &t->c, NULL);
    if (err) return err;

    Arena *a = tx_arena(tx);
    Str sql = str_printf(a, "CREATE VIEW fuzzed AS %.*s", STR_ARG(t->c.view_select));
    Stmt *stmt;
    must(tx_prepare(tx, sql, &stmt)); /* one statement, or it is refused here */
    must(tx_prepare(tx, t->c.view_select, &stmt));
    assert(stmt_is_read_only(stmt));
    assert((size_t)stmt_column_count(stmt) == t->c.field_count);
    for (size_t i = 0; i < t->c.field_count; i++)
        assert(str_eq(stmt_column_name(stmt, (int)i), t->c.fields[i].name));
    return NULL;
}

static void check_fields(const Try *t)
{
    const Collection *c = &t->c;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        for (size_t k = 0; k < i; k++)
            assert(!str_eq(f->name, c->fields[k].name) && !str_eq(f->id, c->fields[k].id));
        if (f->type == FIELD_FILE) assert(f->is_protected || f->mime_type_count > 0);
        if (f->type == FIELD_PASSWORD) assert(f->hidden);
        if (f->type == FIELD_RELATION) assert(schema_find_id(t->schema, f->collection_id));
        if (f->type == FIELD_SELECT) assert(f->value_count > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.db) make_world();
    if (size > 2000) return 0;
    Arena *a = arena_create("fuzz", (size_t)64 << 20);
    Try t = {.schema = schema_hold(world.store, a)};
    t.c = (Collection){.type = COLLECTION_VIEW,
                       .name = S("fuzzed"),
                       .view_query = str_make((const char *)data, size)};
    ViewQuery q;
    (void)view_parse(a, t.c.view_query, &q);
    if (!db_read_slow(world.db, a, 1000, infer, &t)) check_fields(&t);
    arena_destroy(a);
    return 0;
}
