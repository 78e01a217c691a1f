/* store.c - the published schema, and transactions that change it.
 *
 * Each definition lives in an arena of its own, a Part, counted by the schemas
 * that show it: publishing a change copies structs, not definitions.
 *
 *     schema 7 ──▶ part posts    part users    part tags
 *     schema 8 ──▶ part posts'   ──┘           ──┘
 *
 * A transaction that saves collects parts in `pending`, on the writer's
 * thread; its commit makes a schema of them and publishes it. Only one
 * transaction at a time changes the schema (db_write_alone), so one pending is
 * enough. */
#include "base/log.h"
#include "crypto/crypto.h"
#include "schema/schema_internal.h"
#include "schema/snapshot.h"
#include "schema/view_parse.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PART_BYTES   (32u << 20) /* of one definition */
#define SCHEMA_BYTES (512u << 20)

typedef struct {
    _Atomic int refs;
    Arena *arena;
    Collection *collection;
} Part;

/* A published value. Lives in its own arena. */
typedef struct {
    Schema *schema;
    Arena *arena;
    Part **parts; /* one per collection, in order */
    size_t count;
} Published;

typedef struct {
    Tx *tx; /* NULL = nothing pending */
    Arena *arena;
    Part **parts;
    size_t count, cap;
} Pending;

struct SchemaStore {
    Arena *arena;
    Db *db;
    Str key; /* of the secrets in the database; empty = they are in clear */
    Snapshots *snapshots;
    _Atomic uint64_t version;
    SchemaPublishHook hook;
    void *hook_arg;
    Pending pending; /* the writer's thread only */
};

/* ---- parts ---- */

static void part_release(Part *part)
{
    if (atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) == 1)
        arena_destroy(part->arena);
}

/* Errors come back in `a`, as the part's arena does not outlive them. */
static Error *part_create(Arena *a, const CollectionRow *row, Str key, Part **out)
{
    Arena *arena = arena_create("collection", PART_BYTES);
    Part *part = arena_new(arena, Part, 1);
    part->arena = arena;
    Error *err = collection_from_row(arena, row, key, &part->collection);
    if (err) {
        Error *copy = error_new(a, err->status, arena_copy(a, err->message));
        copy->code = err->code;
        if (err->cause.len) copy = error_cause(a, copy, "%.*s", STR_ARG(err->cause));
        arena_destroy(arena);
        return copy;
    }
    atomic_init(&part->refs, 1);
    *out = part;
    return NULL;
}

/* ---- what a transaction would leave ---- */

static void pending_add(Pending *p, Part *part)
{
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 32;
        Part **grown = arena_new(p->arena, Part *, cap);
        if (p->count > 0) memcpy(grown, p->parts, p->count * sizeof(Part *));
        p->parts = grown;
        p->cap = cap;
    }
    p->parts[p->count++] = part;
}

static void pending_discard(void *arg)
{
    Pending *p = &((SchemaStore *)arg)->pending;
    if (!p->arena) return;
    for (size_t i = 0; i < p->count; i++)
        part_release(p->parts[i]);
    Arena *arena = p->arena;
    *p = (Pending){0};
    arena_destroy(arena);
}

static void published_destroy(void *value)
{
    Published *p = value;
    for (size_t i = 0; i < p->count; i++)
        part_release(p->parts[i]);
    arena_destroy(p->arena);
}

static void collect(Arena *a, const Pending *p, const Collection ***out)
{
    const Collection **list = arena_new(a, const Collection *, p->count + 1);
    for (size_t i = 0; i < p->count; i++)
        list[i] = p->parts[i]->collection;
    *out = list;
}

/* After the commit: on the writer's thread, before anybody's next work. */
static void publish(void *arg)
{
    SchemaStore *store = arg;
    Pending *p = &store->pending;
    assert(p->arena);

    Arena *arena = arena_create("schema", SCHEMA_BYTES);
    Published *next = arena_new(arena, Published, 1);
    const Collection **list;
    collect(arena, p, &list);
    uint64_t version = atomic_load(&store->version) + 1;
    *next = (Published){.schema = schema_assemble(arena, list, p->count, version),
                        .arena = arena,
                        .parts = arena_new(arena, Part *, p->count + 1),
                        .count = p->count};
    for (size_t i = 0; i < p->count; i++)
        next->parts[i] = p->parts[i]; /* the references move over */
    p->count = 0;
    pending_discard(store);

    if (store->hook) store->hook(store->hook_arg, arena, next->schema);
    snapshots_publish(store->snapshots, next);
    atomic_store(&store->version, version);
}

static const Published *present(SchemaStore *store)
{
    return snapshots_peek(store->snapshots);
}

static Pending *pending_of(SchemaStore *store, Tx *tx)
{
    Pending *p = &store->pending;
    if (p->tx == tx) return p;

    pending_discard(store);
    p->tx = tx;
    p->arena = arena_create("pending schema", SCHEMA_BYTES);
    const Published *now = present(store);
    for (size_t i = 0; now && i < now->count; i++) {
        atomic_fetch_add_explicit(&now->parts[i]->refs, 1, memory_order_relaxed);
        pending_add(p, now->parts[i]);
    }
    tx_after_commit(tx, publish, store);
    tx_after_rollback(tx, pending_discard, store);
    return p;
}

static void part_release_later(void *arg)
{
    part_release(arg);
}

/* A definition that was replaced or deleted stays readable until the
 * transaction has ended: callers still look at `old`. */
static void pending_drop(Pending *p, size_t at)
{
    arena_defer(p->arena, part_release_later, p->parts[at]);
    p->parts[at] = NULL;
}

static ptrdiff_t pending_find(const Pending *p, Str id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_eq(p->parts[i]->collection->id, id)) return (ptrdiff_t)i;
    }
    return -1;
}

Error *schema_preview(SchemaStore *store, Tx *tx, Arena *a, const Schema **out)
{
    const Published *now = present(store);
    if (store->pending.tx != tx) {
        *out = now ? now->schema : schema_assemble(a, NULL, 0, 0);
        return NULL;
    }
    const Collection **list;
    collect(a, &store->pending, &list);
    *out = schema_assemble(a, list, store->pending.count, atomic_load(&store->version) + 1);
    return NULL;
}

/* ---- saving ---- */

static DbValue rule_value(const Rule *rule)
{
    return rule->is_null ? DB_VALUE_NULL : DB_VALUE_TEXT(rule->text);
}

static Error *write_row(Tx *tx, const CollectionRow *row, bool insert)
{
    Stmt *stmt;
    Error *err = tx_prepare(
        tx,
        insert ? S("INSERT INTO _collections (id, system, type, name, fields, indexes, listRule, "
                   "viewRule, createRule, updateRule, deleteRule, options, created, updated) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")
               : S("UPDATE _collections SET system = ?2, type = ?3, name = ?4, fields = ?5, "
                   "indexes = ?6, listRule = ?7, viewRule = ?8, createRule = ?9, updateRule = ?10, "
                   "deleteRule = ?11, options = ?12, created = ?13, updated = ?14 WHERE id = ?1"),
        &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, row->id);
    stmt_bind_i64(stmt, 2, row->system);
    stmt_bind_str(stmt, 3, row->type);
    stmt_bind_str(stmt, 4, row->name);
    stmt_bind_str(stmt, 5, row->fields);
    stmt_bind_str(stmt, 6, row->indexes);
    for (int i = RULE_LIST; i <= RULE_DELETE; i++)
        stmt_bind(stmt, 7 + i, rule_value(&row->rules[i]));
    stmt_bind_str(stmt, 12, row->options);
    stmt_bind_str(stmt, 13, row->created);
    stmt_bind_str(stmt, 14, row->updated);
    return stmt_run(stmt, NULL);
}

/* The row and what readers will see; the table is in line already. */
static Error *save_definition(SchemaStore *store, Tx *tx, const Collection *c,
                              const Collection *old)
{
    Arena *a = tx_arena(tx);
    CollectionRow row;
    Error *err = collection_to_row(a, c, store->key, &row);
    if (err) return err;
    if (old) row.id = old->id;
    err = write_row(tx, &row, !old);
    if (err) return err;

    Part *part;
    err = part_create(a, &row, store->key, &part);
    if (err) return err;
    Pending *p = pending_of(store, tx);
    ptrdiff_t at = old ? pending_find(p, old->id) : -1;
    if (at < 0) {
        pending_add(p, part);
    } else {
        pending_drop(p, (size_t)at);
        p->parts[at] = part;
    }
    return NULL;
}

/* The query of a view whose statement the engine changed, when all around it
 * stayed as it was. */
static bool query_follows(Str query, Str before, Str now, Str *out)
{
    ptrdiff_t start = str_find(before, query);
    if (start < 0 || query.len == 0) return false;
    Str head = str_sub(before, 0, (size_t)start);
    Str tail = str_from_pos(before, (size_t)start + query.len);
    if (now.len < head.len + tail.len || !str_starts(now, head) || !str_ends(now, tail))
        return false;
    *out = str_sub(now, head.len, now.len - head.len - tail.len);
    return !str_eq(*out, query);
}

/* Views that mention a renamed table: their queries get its new name too. */
static Error *follow_rename(SchemaStore *store, Tx *tx, const Views *before)
{
    Arena *a = tx_arena(tx);
    Views now;
    const Schema *schema;
    Error *err = views_read(tx, &now);
    if (!err) err = schema_preview(store, tx, a, &schema);
    for (size_t i = 0; i < before->count && !err; i++) {
        const View *view = views_find(&now, before->list[i].name);
        const Collection *c = schema_find(schema, before->list[i].name);
        if (!view || !c || c->type != COLLECTION_VIEW) continue;
        Collection changed = *c;
        Str query = view_query_trim(c->view_query);
        if (!query_follows(query, before->list[i].sql, view->sql, &changed.view_query)) continue;
        err = save_definition(store, tx, &changed, c);
    }
    return err;
}

Error *schema_save(SchemaStore *store, Tx *tx, Collection *c, const Collection *old)
{
    Arena *a = tx_arena(tx);
    Error *err = schema_check_names(a, c);
    if (err) return err;

    c->updated = datetime_now(a);
    Views renamed = {0};
    err = old ? table_update(tx, c, old, &renamed) : table_create(tx, c);
    if (err) return err;
    err = save_definition(store, tx, c, old);
    if (err || renamed.count == 0) return err;
    return follow_rename(store, tx, &renamed);
}

/* Rows of the system collections that belong to records of this one. */
static Error *delete_refs(Tx *tx, const Schema *schema, const Collection *c)
{
    static const char *const TABLES[] = {"_mfas", "_otps", "_externalAuths", "_authOrigins"};
    if (c->type != COLLECTION_AUTH) return NULL;
    for (size_t i = 0; i < COUNT(TABLES); i++) {
        if (!schema_find(schema, str_from(TABLES[i]))) continue;
        Stmt *stmt;
        Str sql = str_printf(tx_arena(tx), "DELETE FROM %s WHERE collectionRef = ?1", TABLES[i]);
        Error *err = tx_prepare(tx, sql, &stmt);
        if (err) return err;
        stmt_bind_str(stmt, 1, c->id);
        err = stmt_run(stmt, NULL);
        if (err) return err;
    }
    return NULL;
}

Error *schema_delete(SchemaStore *store, Tx *tx, const Collection *c)
{
    const Schema *schema;
    Error *err = schema_preview(store, tx, tx_arena(tx), &schema);
    if (err) return err;
    err = delete_refs(tx, schema, c);
    if (err) return err;
    err = table_drop(tx, c);
    if (err) return err;

    Stmt *stmt;
    err = tx_prepare(tx, S("DELETE FROM _collections WHERE id = ?1"), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, c->id);
    err = stmt_run(stmt, NULL);
    if (err) return err;

    Pending *p = pending_of(store, tx);
    ptrdiff_t at = pending_find(p, c->id);
    if (at < 0) return NULL;
    pending_drop(p, (size_t)at);
    memmove(p->parts + at, p->parts + at + 1, (p->count - (size_t)at - 1) * sizeof(Part *));
    p->count--;
    return NULL;
}

/* ---- views follow what they show ---- */

static bool fields_equal(Arena *a, const Collection *x, const Collection *y)
{
    if (x->field_count != y->field_count) return false;
    for (size_t i = 0; i < x->field_count; i++) {
        Json *before = field_to_json(a, &x->fields[i]), *now = field_to_json(a, &y->fields[i]);
        if (!str_eq(json_format(a, before), json_format(a, now))) return false;
    }
    return true;
}

static Error *refresh_view(SchemaStore *store, Tx *tx, const Schema *schema, const Collection *view,
                           bool *changed)
{
    Arena *a = tx_arena(tx);
    Collection now = *view;
    Error *err = view_infer(tx, schema, &now, view);
    if (err && err->status >= 500) return err;
    if (err) {
        log_warn("schema", "the fields of a view cannot be found out", LOG_STR("view", view->name),
                 LOG_STR("reason", err->message));
        return NULL;
    }
    if (fields_equal(a, view, &now)) return NULL;
    *changed = true;
    now.updated = datetime_now(a);
    err = table_drop(tx, view);
    if (!err) err = view_create(tx, now.name, now.view_select);
    return err ? err : save_definition(store, tx, &now, view);
}

/* A view may be made of views: once for each of them is enough. */
Error *schema_views_settle(SchemaStore *store, Tx *tx, const ViewNotes *notes)
{
    Arena *a = tx_arena(tx);
    Error *err = views_check(tx, notes);
    const Schema *schema = NULL;
    if (!err) err = schema_preview(store, tx, a, &schema);
    if (err) return err;
    for (size_t round = 0, rounds = schema->count; round < rounds; round++) {
        bool changed = false;
        for (size_t i = 0; i < schema->count; i++) {
            if (schema->collections[i]->type != COLLECTION_VIEW) continue;
            err = refresh_view(store, tx, schema, schema->collections[i], &changed);
            if (err) return err;
        }
        if (!changed) return NULL;
        err = schema_preview(store, tx, a, &schema);
        if (err) return err;
    }
    return NULL;
}

/* ---- loading ---- */

static Rule column_rule(Stmt *stmt, int column)
{
    if (stmt_is_null(stmt, column)) return (Rule){.is_null = true};
    return (Rule){.text = stmt_str(stmt, column)};
}

/* *clear: there is a secret that nobody has encrypted yet. */
static Error *load(SchemaStore *store, Tx *tx, bool *clear)
{
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT id, system, type, name, fields, indexes, listRule, viewRule, "
                              "createRule, updateRule, deleteRule, options, created, updated "
                              "FROM _collections ORDER BY _rowid_"),
                            &stmt);
    if (err) return err;
    Pending *p = &store->pending;
    pending_discard(store);
    p->arena = arena_create("pending schema", SCHEMA_BYTES);
    *clear = false;
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        CollectionRow r = {.id = stmt_str(stmt, 0),
                           .system = stmt_i64(stmt, 1) != 0,
                           .type = stmt_str(stmt, 2),
                           .name = stmt_str(stmt, 3),
                           .fields = stmt_str(stmt, 4),
                           .indexes = stmt_str(stmt, 5),
                           .options = stmt_str(stmt, 11),
                           .created = stmt_str(stmt, 12),
                           .updated = stmt_str(stmt, 13)};
        for (int i = RULE_LIST; i <= RULE_DELETE; i++)
            r.rules[i] = column_rule(stmt, 6 + i);
        Part *part;
        err = part_create(tx_arena(tx), &r, store->key, &part);
        if (err) return err;
        pending_add(p, part);
        if (store->key.len && !*clear) *clear = row_is_in_clear(tx_arena(tx), &r);
    }
}

/* ---- reloading ---- */

Error *schema_reload(SchemaStore *store, Tx *tx)
{
    Arena *a = tx_arena(tx);
    bool clear;
    Error *err = load(store, tx, &clear);
    if (!err) {
        const Collection **list;
        collect(a, &store->pending, &list);
        const Schema *after = schema_assemble(a, list, store->pending.count, 0);
        err = schema_check_reloaded(a, present(store)->schema, after);
    }
    if (!err && clear) err = schema_reseal(tx, store->key, store->key);
    if (err) {
        pending_discard(store);
        return err;
    }
    store->pending.tx = tx;
    tx_after_commit(tx, publish, store);
    tx_after_rollback(tx, pending_discard, store);
    return NULL;
}

static Error *has_table(Tx *tx, const char *name, bool *found)
{
    Str ignored;
    DbValue param = DB_VALUE_TEXT(str_from(name));
    return tx_one_str(tx, S("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?1"),
                      &param, 1, &ignored, found);
}

/* Folders of PocketBase before v0.23 look quite different. */
static Error *refuse_old_layout(Tx *tx)
{
    bool found;
    Error *err = has_table(tx, "_admins", &found);
    if (err || !found) return err;
    err = has_table(tx, "_superusers", &found);
    if (err || found) return err;
    return error_new(tx_arena(tx), 409,
                     S("The data folder was made by PocketBase before v0.23. Start it once with "
                       "PocketBase v0.39 to upgrade it, then with Croft."));
}

typedef struct {
    SchemaStore *store;
    bool found;
    bool mend;  /* another server's views or indexes do not work as they are */
    bool clear; /* secrets are to be encrypted */
} Opening;

static Error *load_existing(Tx *tx, void *arg)
{
    Opening *o = arg;
    Error *err = has_table(tx, "_collections", &o->found);
    if (err || !o->found) return err;
    err = refuse_old_layout(tx);
    if (err) return err;
    err = views_mend(tx, true, &o->mend);
    if (err) return err;
    return load(o->store, tx, &o->clear);
}

static Error *seal_existing(Tx *tx, void *arg)
{
    const SchemaStore *store = arg;
    return schema_reseal(tx, store->key, store->key);
}

static Error *mend_existing(Tx *tx, void *arg)
{
    (void)arg;
    bool needed;
    return views_mend(tx, false, &needed);
}

static Error *create_all(Tx *tx, void *arg)
{
    return system_create(arg, tx);
}

Error *schema_store_open(Arena *a, Db *db, Str key, SchemaPublishHook hook, void *hook_arg,
                         SchemaStore **out)
{
    assert(key.len == 0 || key.len == SECRET_KEY_BYTES);
    Arena *arena = arena_create("schema store", 1 << 20);
    SchemaStore *store = arena_new(arena, SchemaStore, 1);
    *store = (SchemaStore){.arena = arena,
                           .db = db,
                           .key = arena_copy(arena, key),
                           .hook = hook,
                           .hook_arg = hook_arg};
    store->snapshots = snapshots_create(published_destroy);

    Opening opening = {.store = store};
    Error *err = db_read_slow(db, a, 60000, load_existing, &opening);
    if (!err && opening.mend && !db_is_read_only(db))
        err = db_write_alone(db, a, 0, mend_existing, NULL);
    if (!err && opening.clear && !db_is_read_only(db))
        err = db_write_alone(db, a, 0, seal_existing, store);
    if (!err && opening.found)
        publish(store);
    else if (!err)
        err = db_write_alone(db, a, 0, create_all, store);
    if (err) {
        schema_store_close(store);
        return err;
    }
    *out = store;
    return NULL;
}

void schema_store_close(SchemaStore *store)
{
    if (!store) return;
    pending_discard(store);
    snapshots_destroy(store->snapshots);
    arena_destroy(store->arena);
}

const Schema *schema_hold(SchemaStore *store, Arena *a)
{
    return ((Published *)snapshots_hold(store->snapshots, a))->schema;
}

uint64_t schema_version(const SchemaStore *store)
{
    return atomic_load_explicit(&store->version, memory_order_acquire);
}

const Schema *schema_in_tx(SchemaStore *store, Tx *tx)
{
    (void)tx;
    const Published *now = present(store);
    assert(now);
    return now->schema;
}
