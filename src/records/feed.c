/* feed.c - what happens after a commit: listeners are told, callers' caches
 * are invalidated, files that no row names any more are removed. */
#include "records/records_internal.h"

typedef struct {
    App *app;
    ChangeKind kind;
    const Record *record; /* NULL: any */
} Change;

void records_on_change(App *app, ChangeListener listener, void *arg)
{
    assert(app->listener_count < COUNT(app->listeners));
    app->listeners[app->listener_count].fn = listener;
    app->listeners[app->listener_count].arg = arg;
    app->listener_count++;
}

/* The version moves first: whoever hears of the change must not find the old
 * caller in a cache. */
static void change_fire(void *arg)
{
    const Change *change = arg;
    App *app = change->app;
    const Record *r = change->record;
    if (!r || r->collection->type == COLLECTION_AUTH) app->auth_version++;
    for (size_t i = 0; i < app->listener_count; i++) {
        app->listeners[i].fn(app->listeners[i].arg, change->kind, r);
    }
}

void change_queue(App *app, Tx *tx, ChangeKind kind, const Record *r)
{
    if (app->listener_count == 0 && r && r->collection->type != COLLECTION_AUTH) return;

    Change *change = arena_new(tx_arena(tx), Change, 1);
    *change = (Change){app, kind, r};
    tx_after_commit(tx, change_fire, change);
}

void records_announce_any(App *app, Tx *tx)
{
    change_queue(app, tx, CHANGE_MANY, NULL);
}

typedef struct {
    Storage *storage;
    Str key;
} Removal;

static void removal_run(void *arg)
{
    const Removal *removal = arg;
    storage_remove_later(removal->storage, removal->key);
}

static void removal_queue(App *app, Tx *tx, Str key)
{
    Removal *removal = arena_new(tx_arena(tx), Removal, 1);
    *removal = (Removal){app->storage, key};
    tx_after_commit(tx, removal_run, removal);
}

/* Without `new` the record is gone, and its folder goes with its last file. Only
 * what it named is removed, never the folder as a whole: another record of the same
 * id may be there by then, made in the same batch or right after, and its files
 * with it. What no row named is found by the sweep at start. */
void files_remove_after_commit(App *app, Tx *tx, Arena *scratch, const Record *old,
                               const Record *new)
{
    const Collection *c = old->collection;
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (f->type != FIELD_FILE) continue;
        if (new != NULL && value_equal(&old->values[i], &new->values[i])) continue;
        StrList before = value_to_list(scratch, f, &old->values[i]), after = {0};
        if (new) after = value_to_list(scratch, f, &new->values[i]);
        for (size_t n = 0; n < before.count; n++) {
            if (list_has(after, before.items[n])) continue;
            removal_queue(app, tx, file_key(tx_arena(tx), c, record_id(old), before.items[n]));
        }
    }
}
