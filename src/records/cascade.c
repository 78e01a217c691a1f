/* cascade.c - deleting a record and what hangs on it (api: collections §5).
 *
 * Depth first, but on a stack of frames of its own instead of C's: a chain of
 * comments may be longer than a thread's stack allows.
 *
 *     frame = a deleted record + which reference to it is being looked at
 *             + the ids of the rows found there
 *
 * A reference is a relation field pointing to the record's collection, in the
 * order of collection names; of auth records first the rows of `_mfas` etc.
 *
 * A row may have changed between being listed and being looked at (a deeper
 * frame deleted it): it is read again. Thousands of rows pass through here, so
 * beyond the first few they are read into a scratch arena; only what listeners
 * will be told after the commit is kept, up to a bound. */
#include "base/map.h"
#include "db/dialect.h"
#include "records/records_internal.h"

#define DEPTH_MAX     1000
#define PAGE_ROWS     500
#define FIRST_ROWS    64                 /* in the caller's arena, */
#define FIRST_BYTES   ((size_t)1 << 20)  /* as long as it is small */
#define SCRATCH_BYTES ((size_t)64 << 20) /* one row at a time */
#define KEEP_BYTES    ((size_t)16 << 20) /* records for listeners; beyond: CHANGE_MANY */
#define BLOCK_MAX     ((size_t)1 << 20)  /* what an arena may hold beyond what was asked for */

#define REFUSED                                                                                    \
    "Failed to delete record. Make sure that the record is not part of a required relation "       \
    "reference."

typedef struct {
    const Collection *from;
    const Field *field; /* NULL: rows of `_mfas` etc., found by collectionRef and recordRef */
    Str ids_sql;
} Reference;

typedef struct {
    Reference *items;
    size_t count;
} References;

typedef struct Frame Frame;
struct Frame {
    Str id; /* of the deleted record */
    const Collection *c;
    const References *references;
    size_t reference, at;
    StrList ids;
    bool loaded, acted; /* `acted`: the page changed something, so asking again makes sense */
    Frame *below;
};

typedef struct {
    App *app;
    Tx *tx;
    const Schema *schema;
    Arena *a;
    Arena *scratch, *keep;
    bool in_scratch; /* where the row is */
    Map *untold;     /* collections of what is not kept, by id */
    Map *references; /* by collection id */
    Map *selects;    /* "SELECT … WHERE id=?1" by collection id */
    Map *deletes;    /* "DELETE … WHERE id=?1" by collection id */
    Frame *top, *spare;
    size_t depth, rows;
} Cascade;

/* ---- arenas ---- */

/* Where the next row is read to; what was there before is gone. */
static Arena *row_arena(Cascade *k)
{
    k->in_scratch = k->rows++ >= FIRST_ROWS || arena_used(k->a) > FIRST_BYTES;
    if (!k->in_scratch) return k->a;
    if (!k->scratch) k->scratch = arena_within(k->a, "cascade", SCRATCH_BYTES);
    arena_reset(k->scratch);
    return k->scratch;
}

/* Where the present row is, and what is needed only as long. */
static Arena *present_arena(const Cascade *k)
{
    return k->in_scratch ? k->scratch : k->a;
}

/* A record that outlives the row; NULL when that is too much to keep. */
static const Record *keep_record(Cascade *k, const Record *r)
{
    if (!k->in_scratch) return r;
    if (!k->keep) {
        k->keep = arena_within(k->a, "cascade events", KEEP_BYTES + 2 * BLOCK_MAX);
        arena_share(k->keep, arena_budget(k->a)); /* a request may delete a thousand times */
    }
    size_t count = r->collection->field_count, bytes = sizeof(*r) + count * sizeof(*r->values);
    for (size_t i = 0; i < count; i++)
        bytes += r->values[i].text.len;
    if (arena_used(k->keep) + bytes > KEEP_BYTES) return NULL;
    Record *copy = record_clone(k->keep, r);
    for (size_t i = 0; i < count; i++) {
        copy->values[i].text = arena_copy(k->keep, copy->values[i].text);
    }
    return copy;
}

/* Once for each collection, and from then on nothing of it one by one. */
static void announce_many(Cascade *k, const Collection *c)
{
    if (!k->untold) k->untold = map_new(k->a, 8);
    if (map_get(k->untold, c->id)) return;
    Record *any = record_alloc(k->a, c);
    map_put(k->untold, c->id, any);
    change_queue(k->app, k->tx, CHANGE_MANY, any);
}

static void announce(Cascade *k, ChangeKind kind, const Record *r)
{
    if (k->app->listener_count == 0 && r->collection->type != COLLECTION_AUTH) return;
    const Record *kept = k->untold ? NULL : keep_record(k, r);
    if (kept)
        change_queue(k->app, k->tx, kind, kept);
    else
        announce_many(k, r->collection);
}

/* ---- references to a collection ---- */

static Str ids_by_relation(Cascade *k, const Collection *from, const Field *f)
{
    Buf sql = buf_new(k->a, 160), column = buf_new(k->a, 40);
    buf_add(&column, S("t."));
    sql_name(&column, k->tx, f->name);
    buf_add(&sql, S("SELECT t.id FROM "));
    sql_name(&sql, k->tx, from->name);
    buf_add(&sql, S(" t WHERE "));
    if (field_is_list(f)) {
        buf_add(&sql, S("EXISTS (SELECT 1 FROM "));
        db_dialect(tx_db(k->tx))->json_each(&sql, buf_str(&column), S("item"));
        buf_add(&sql, S(" WHERE item.value=?1)"));
    } else {
        buf_add(&sql, buf_str(&column));
        buf_add(&sql, S("=?1"));
    }
    buf_printf(&sql, " LIMIT %d", PAGE_ROWS);
    return buf_str(&sql);
}

static Str ids_by_ref(Cascade *k, const Collection *from)
{
    Buf sql = buf_new(k->a, 128);
    buf_add(&sql, S("SELECT id FROM "));
    sql_name(&sql, k->tx, from->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, k->tx, S("recordRef"));
    buf_add(&sql, S("=?1 AND "));
    sql_name(&sql, k->tx, S("collectionRef"));
    buf_printf(&sql, "=?2 LIMIT %d", PAGE_ROWS);
    return buf_str(&sql);
}

static bool comes_first(const Reference *x, const Reference *y)
{
    if ((x->field == NULL) != (y->field == NULL)) return x->field == NULL;
    return str_cmp(x->from->name, y->from->name) < 0;
}

static void add_reference(References *list, Reference reference)
{
    size_t at = list->count++;
    while (at > 0 && comes_first(&reference, &list->items[at - 1])) {
        list->items[at] = list->items[at - 1];
        at--;
    }
    list->items[at] = reference;
}

static size_t count_fields(const Schema *schema)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->count; i++)
        count += schema->collections[i]->field_count + 1;
    return count;
}

static const References *find_references(Cascade *k, const Collection *c)
{
    if (!k->references) k->references = map_new(k->a, 8);
    References *list = map_get(k->references, c->id);
    if (list) return list;

    list = arena_new(k->a, References, 1);
    list->items = arena_new(k->a, Reference, count_fields(k->schema));
    for (size_t i = 0; i < k->schema->count; i++) {
        const Collection *from = k->schema->collections[i];
        if (from->type == COLLECTION_VIEW) continue;
        if (c->type == COLLECTION_AUTH && is_ref_collection(from)) {
            add_reference(list, (Reference){from, NULL, ids_by_ref(k, from)});
        }
        for (size_t n = 0; n < from->field_count; n++) {
            const Field *f = &from->fields[n];
            if (f->type != FIELD_RELATION || !str_eq(f->collection_id, c->id)) continue;
            add_reference(list, (Reference){from, f, ids_by_relation(k, from, f)});
        }
    }
    map_put(k->references, c->id, list);
    return list;
}

/* ---- rows ---- */

static Str select_sql(Cascade *k, const Collection *c)
{
    if (!k->selects) k->selects = map_new(k->a, 8);
    Str *known = map_get(k->selects, c->id);
    if (known) return *known;

    Buf sql = buf_new(k->a, 64 + 24 * c->field_count);
    buf_add(&sql, S("SELECT "));
    sql_columns(&sql, k->tx, c);
    buf_add(&sql, S(" FROM "));
    sql_name(&sql, k->tx, c->name);
    buf_add(&sql, S(" WHERE id=?1"));
    known = arena_new(k->a, Str, 1);
    *known = buf_str(&sql);
    map_put(k->selects, c->id, known);
    return *known;
}

/* *out stays NULL when the row is gone. */
static Error *read_row(Cascade *k, const Collection *c, Str id, Record **out)
{
    Stmt *stmt;
    *out = NULL;
    Error *err = tx_prepare(k->tx, select_sql(k, c), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, id);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    if (row) *out = record_read(row_arena(k), c, stmt);
    stmt_release(stmt);
    return NULL;
}

static Str delete_sql(Cascade *k, const Collection *c)
{
    if (!k->deletes) k->deletes = map_new(k->a, 8);
    Str *known = map_get(k->deletes, c->id);
    if (known) return *known;

    Buf sql = buf_new(k->a, 48);
    buf_add(&sql, S("DELETE FROM "));
    sql_name(&sql, k->tx, c->name);
    buf_add(&sql, S(" WHERE id=?1"));
    known = arena_new(k->a, Str, 1);
    *known = buf_str(&sql);
    map_put(k->deletes, c->id, known);
    return *known;
}

static Error *delete_row(Cascade *k, const Collection *c, Str id)
{
    Stmt *stmt;
    Error *err = tx_prepare(k->tx, delete_sql(k, c), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, id);
    return stmt_run(stmt, NULL);
}

static void push(Cascade *k, const Collection *c, Str id, const References *references)
{
    Frame *frame = k->spare;
    if (frame) {
        k->spare = frame->below;
    } else {
        frame = arena_new(k->a, Frame, 1);
    }
    Str *room = frame->ids.items; /* a spare one's */
    *frame = (Frame){.id = arena_copy(k->a, id),
                     .c = c,
                     .references = references,
                     .ids = {room, 0},
                     .below = k->top};
    k->top = frame;
    k->depth++;
}

static void pop(Cascade *k)
{
    Frame *frame = k->top;
    k->top = frame->below;
    frame->below = k->spare;
    k->spare = frame;
    k->depth--;
}

/* Removes the row; what refers to it is a frame's work. */
static Error *remove_record(Cascade *k, const Record *r)
{
    const Collection *c = r->collection;
    Error *err = auth_before_delete(k->tx, r);
    if (err) return err;
    err = delete_row(k, c, record_id(r));
    if (err) return err;
    files_remove_after_commit(k->app, k->tx, present_arena(k), r, NULL);
    announce(k, CHANGE_DELETE, r);

    const References *references = find_references(k, c);
    if (references->count == 0) return NULL;
    if (k->depth >= DEPTH_MAX) {
        return error_new(k->a, 400,
                         S("Failed to delete record. The chain of records to be "
                           "deleted with it is too long."));
    }
    push(k, c, record_id(r), references);
    return NULL;
}

/* One row `r` that holds the id of the deleted record in `f`. */
static Error *release(Cascade *k, const Record *r, const Field *f, Str gone)
{
    Arena *a = present_arena(k);
    StrList rest = list_without(a, value_to_list(a, f, &r->values[f->index]), (StrList){&gone, 1});
    if (rest.count == 0 && f->cascade_delete) return remove_record(k, r);
    if (rest.count == 0 && f->required) return error_new(k->a, 400, S(REFUSED));

    Record *new = record_clone(a, r);
    new->values[f->index] = value_from_list(a, f, rest);
    record_touch(new, a, false);
    Error *err = record_store(k->tx, r, new);
    if (err) return err;
    announce(k, CHANGE_UPDATE, new);
    return NULL;
}

static Error *visit(Cascade *k, Frame *frame, const Reference *reference, Str id)
{
    Record *r;
    Error *err = read_row(k, reference->from, id, &r);
    if (err || !r) return err;
    const Field *f = reference->field;
    Arena *a = present_arena(k);
    if (f && !list_has(value_to_list(a, f, &r->values[f->index]), frame->id)) return NULL;

    frame->acted = true;
    return f ? release(k, r, f, frame->id) : remove_record(k, r);
}

static Error *load_page(Cascade *k, Frame *frame, const Reference *reference)
{
    Stmt *stmt;
    Error *err = tx_prepare(k->tx, reference->ids_sql, &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, frame->id);
    if (!reference->field) stmt_bind_str(stmt, 2, frame->c->id);

    if (!frame->ids.items) frame->ids.items = arena_new(k->a, Str, PAGE_ROWS);
    frame->ids.count = frame->at = 0;
    frame->loaded = true;
    frame->acted = false;
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if (frame->ids.count == PAGE_ROWS) continue;
        frame->ids.items[frame->ids.count++] = arena_copy(k->a, stmt_str(stmt, 0));
    }
}

static Error *step(Cascade *k)
{
    Frame *frame = k->top;
    if (frame->reference == frame->references->count) {
        pop(k);
        return NULL;
    }
    const Reference *reference = &frame->references->items[frame->reference];
    if (frame->loaded && frame->at < frame->ids.count) {
        return visit(k, frame, reference, frame->ids.items[frame->at++]);
    }
    if (!frame->loaded || (frame->ids.count == PAGE_ROWS && frame->acted)) {
        return load_page(k, frame, reference);
    }
    frame->reference++;
    frame->loaded = false;
    return NULL;
}

static Error *run(Cascade *k, const Record *r)
{
    Error *err = remove_record(k, r);
    while (!err && k->top)
        err = step(k);
    return err;
}

Error *record_delete_in_tx(App *app, Tx *tx, const Schema *schema, const Collection *c, Str id)
{
    Cascade k = {.app = app, .tx = tx, .schema = schema, .a = tx_arena(tx)};
    Record *r;
    Error *err = record_find(tx, c, id, &r);
    if (err) return err;
    return run(&k, r);
}

/* ---- truncate ---- */

static Error *first_ids(Cascade *k, const Collection *c, StrList *ids)
{
    Buf sql = buf_new(k->a, 64);
    buf_add(&sql, S("SELECT id FROM "));
    sql_name(&sql, k->tx, c->name);
    buf_printf(&sql, " LIMIT %d", PAGE_ROWS);
    Stmt *stmt;
    Error *err = tx_prepare(k->tx, buf_str(&sql), &stmt);
    if (err) return err;

    ids->count = 0;
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        if (ids->count < PAGE_ROWS) ids->items[ids->count++] = arena_copy(k->a, stmt_str(stmt, 0));
    }
}

Error *records_truncate_in_tx(App *app, Tx *tx, const Schema *schema, const Collection *c)
{
    Cascade k = {.app = app, .tx = tx, .schema = schema, .a = tx_arena(tx)};
    StrList ids = {arena_new(k.a, Str, PAGE_ROWS), 0};
    for (;;) {
        Error *err = first_ids(&k, c, &ids);
        if (err || ids.count == 0) return err;
        for (size_t i = 0; i < ids.count; i++) {
            Record *r;
            err = read_row(&k, c, ids.items[i], &r);
            if (!err && r) err = run(&k, r);
            if (err) return err;
        }
    }
}
