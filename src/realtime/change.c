/* change.c - a committed record, copied once and shared by all loops.
 *
 * One block of memory: the struct, the values, the bytes of their texts. The
 * schema that tells what the values mean is held along with it. */
#include "realtime/realtime_internal.h"

#include <stdlib.h>

/* ---- schemas ---- */

Pin *pin_new(SchemaStore *store)
{
    Pin *pin = calloc(1, sizeof(Pin));
    if (!pin) return NULL;
    pin->refs = 1;
    pin->arena = arena_create_sized("realtime schema", 4096, 512);
    pin->schema = schema_hold(store, pin->arena);
    return pin;
}

Pin *pin_share(Pin *pin)
{
    atomic_fetch_add_explicit(&pin->refs, 1, memory_order_relaxed);
    return pin;
}

void pin_release(Pin *pin)
{
    if (!pin || atomic_fetch_sub_explicit(&pin->refs, 1, memory_order_acq_rel) != 1) return;
    arena_destroy(pin->arena);
    free(pin);
}

/* ---- changes ---- */

static bool has_text(const DbValue *v)
{
    return v->type == DB_TEXT || v->type == DB_BLOB;
}

/* The usual case is that nothing has changed: the same collection, by pointer. */
DbValue value_by_field(const Collection *from, const DbValue *values, const Collection *c,
                       const Field *f)
{
    if (from == c) return values[f->index];
    const Field *same = collection_field_by_id(from, f->id);
    return same && same->type == f->type ? values[same->index] : DB_VALUE_NULL;
}

Change *change_new(Pin *pin, ChangeKind kind, const Record *r)
{
    const Collection *c = schema_find_id(pin->schema, r->collection->id);
    if (!c) return NULL;
    size_t texts = 0;
    for (size_t i = 0; i < c->field_count; i++) {
        DbValue v = value_by_field(r->collection, r->values, c, &c->fields[i]);
        if (has_text(&v)) texts += v.text.len;
    }

    size_t size = sizeof(Change) + c->field_count * sizeof(DbValue) + texts;
    Change *change = malloc(size);
    if (!change) return NULL;
    *change =
        (Change){.refs = 1, .kind = kind, .pin = pin_share(pin), .collection = c, .size = size};
    change->values = (DbValue *)(void *)(change + 1);
    char *to = (char *)(change->values + c->field_count);
    for (size_t i = 0; i < c->field_count; i++) {
        DbValue *v = &change->values[i];
        *v = value_by_field(r->collection, r->values, c, &c->fields[i]);
        if (!has_text(v)) continue;
        if (v->text.len > 0) memcpy(to, v->text.ptr, v->text.len);
        v->text.ptr = to;
        to += v->text.len;
    }
    return change;
}

Change *change_share(Change *change)
{
    atomic_fetch_add_explicit(&change->refs, 1, memory_order_relaxed);
    return change;
}

/* Parents have parents: a chain as long as a cascade is deep, which is bounded
 * but too long for the C stack to be trusted with. Each one that ends is put on
 * a list of its own, linked by the pointer it needs no more. */
void change_release(Change *change)
{
    Change *ended = NULL;
    for (;;) {
        bool last =
            change && atomic_fetch_sub_explicit(&change->refs, 1, memory_order_acq_rel) == 1;
        if (last) {
            pin_release(change->pin);
            change->pin = (Pin *)(void *)ended;
            ended = change;
        }
        while (ended && ended->parent_count == 0) {
            Change *below = (Change *)(void *)ended->pin;
            free(ended->parents);
            free(ended);
            ended = below;
        }
        if (!ended) return;
        change = ended->parents[--ended->parent_count];
    }
}

static const DbValue *value_of(const Change *change, Str field)
{
    const Field *f = collection_field(change->collection, field);
    return f ? &change->values[f->index] : NULL;
}

Str change_text(const Change *change, Str field)
{
    const DbValue *v = value_of(change, field);
    return v && has_text(v) ? v->text : S("");
}

bool change_bool(const Change *change, Str field)
{
    const DbValue *v = value_of(change, field);
    return v && v->type == DB_INTEGER && v->integer != 0;
}
