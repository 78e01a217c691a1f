/* fanout.c - changes to the subscribers of one loop, in the order of commits.
 *
 *     writer ─▶ inbox ─▶ one fiber:  for each change
 *                                      for each topic it is of
 *                                        for each subscriber: judged? send
 *
 * One fiber per loop, which exists while there is something to do: so no
 * client can hear of two changes in the wrong order, and a rule that has to
 * ask the database holds up later messages, not the loop. It gives way after
 * SLICE_SENDS messages or SLICE_NS. What it iterates over may change while it
 * waits: it works on a copy of the subscribers and looks at each one again. */
#include "realtime/realtime_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define SLICE_SENDS 64
#define SLICE_NS    UINT64_C(2000000)
#define CLOCK_EVERY 16 /* subscribers between two looks at the clock */

/* ---- the inbox ---- */

static void fan_out_wake(void *arg);

void fanout_push(Hub *hub, Change *change)
{
    size_t most = hub->rt->limits.backlog_bytes;
    InboxItem *item = change ? malloc(sizeof(*item)) : NULL;
    size_t size = change ? change->size + sizeof(*item) : 0;

    pthread_mutex_lock(&hub->lock);
    bool was_quiet = !hub->first && !hub->overflow;
    if (item && hub->inbox_bytes + size <= most) {
        *item = (InboxItem){.change = change_share(change)};
        hub->inbox_bytes += size;
        if (hub->last)
            hub->last->next = item;
        else
            hub->first = item;
        hub->last = item;
        item = NULL;
    } else {
        hub->overflow = true;
    }
    pthread_mutex_unlock(&hub->lock);
    free(item);
    if (was_quiet) loop_post(hub->loop, fan_out_wake, hub);
}

/* The oldest change; NULL when there is none. After an overflow all that waits
 * is for nobody: *overflow. */
static Change *inbox_take(Hub *hub, bool *overflow)
{
    pthread_mutex_lock(&hub->lock);
    InboxItem *item = hub->first;
    *overflow = hub->overflow;
    hub->overflow = false;
    if (*overflow || (item && !item->next)) hub->last = NULL;
    hub->first = *overflow || !item ? NULL : item->next;
    if (*overflow)
        hub->inbox_bytes = 0;
    else if (item)
        hub->inbox_bytes -= item->change->size + sizeof(*item);
    pthread_mutex_unlock(&hub->lock);

    while (*overflow && item) {
        InboxItem *next = item->next;
        change_release(item->change);
        free(item);
        item = next;
    }
    if (!item) return NULL;
    Change *change = item->change;
    free(item);
    return change;
}

/* ---- one change ---- */

/* The values by the present schema: those of fields that are new are NULL. */
static void record_of(Delivery *d)
{
    const Change *change = d->change;
    d->record = (Record){.collection = d->c, .values = change->values};
    if (d->c == change->collection) return;
    d->record.values = arena_new(d->hub->scratch, DbValue, d->c->field_count);
    for (size_t i = 0; i < d->c->field_count; i++)
        d->record.values[i] =
            value_by_field(change->collection, change->values, d->c, &d->c->fields[i]);
}

bool delivery_refresh(Delivery *d)
{
    hub_check_schema(d->hub);
    hub_check_settings(d->hub);
    if (d->pin != d->hub->pin) {
        pin_release(d->pin);
        d->pin = pin_share(d->hub->pin);
    }
    d->c = schema_find_id(d->pin->schema, d->change->collection->id);
    memset(d->json, 0, sizeof(d->json));
    if (d->c) record_of(d);
    return d->c != NULL;
}

typedef struct {
    uint64_t began_ns;
    size_t seen, sent;
} Slice;

static void slice_check(Slice *slice, bool judged)
{
    bool late =
        (judged || slice->seen % CLOCK_EVERY == 0) && clock_mono_ns() - slice->began_ns >= SLICE_NS;
    slice->seen++;
    if (!late && slice->sent < SLICE_SENDS) return;
    await_turn();
    *slice = (Slice){.began_ns = clock_mono_ns()};
}

typedef struct {
    Client *client;
    uint32_t generation;
} Recipient;

/* Is this client, as it is now, still one to be told? */
static bool is_listening(const Recipient *r, const Topic *topic)
{
    if (!r->client->stream) return false;
    return r->client->generation == r->generation || client_has_topic(r->client, topic);
}

static void tell(TopicDelivery *td, const Recipient *r, Slice *slice)
{
    while (is_listening(r, td->topic)) {
        if (client_ends(r->client, td->d->now_ms)) return;
        Viewer *viewer = client_viewer(r->client);
        bool known = viewer->stamp == td->stamp;
        if (known) {
            if (viewer->frame && frame_send(r->client, viewer->frame)) slice->sent++;
            slice_check(slice, false);
            return;
        }
        judge_viewer(td, viewer); /* may have waited: look again */
        slice_check(slice, true);
    }
}

static void forget_frames(Hub *hub, TopicDelivery *td)
{
    while (hub->judged) {
        Viewer *v = hub->judged;
        hub->judged = v->next_judged;
        http_bytes_release(v->frame);
        v->frame = NULL;
        viewer_let_go(hub, v);
    }
    for (size_t i = 0; i < COUNT(td->frames); i++)
        http_bytes_release(td->frames[i]);
}

static void deliver_topic(Delivery *d, Topic *topic, RuleKind rule, Slice *slice)
{
    Hub *hub = d->hub;
    uint32_t count = topic->count;
    Recipient *list = arena_new(hub->scratch, Recipient, count);
    for (uint32_t i = 0; i < count; i++) {
        Client *client = topic->subscribers[i].client;
        list[i] = (Recipient){client, client->generation};
    }
    TopicDelivery td = {.d = d, .topic = topic, .rule = rule, .stamp = ++hub->stamp};
    for (uint32_t i = 0; i < count && d->c; i++)
        tell(&td, &list[i], slice);
    forget_frames(hub, &td);
}

/* The topics of a head, before any of them is told: they may come and go. */
static void deliver_head(Delivery *d, Str key, RuleKind rule, Slice *slice)
{
    Hub *hub = d->hub;
    const Head *head = key.len > 0 ? (const Head *)table_find(&hub->heads, key) : NULL;
    if (!head) return;
    size_t count = 0, at = 0;
    for (Topic *t = head->topics; t; t = t->next_of_head)
        count++;
    Topic **topics = arena_new(hub->scratch, Topic *, count);
    for (Topic *t = head->topics; t; t = t->next_of_head)
        topics[at++] = t;
    for (size_t i = 0; i < count && d->c; i++)
        deliver_topic(d, topics[i], rule, slice);
}

static Error *deliver(void *arg)
{
    Delivery *d = arg;
    if (!delivery_refresh(d)) return NULL;
    char *space = arena_bytes(d->hub->scratch, HEADS_BYTES);
    Str heads[HEADS];
    Slice slice = {.began_ns = clock_mono_ns()};
    topic_heads(space, d->c->name, d->c->id, record_id(&d->record), heads);
    for (size_t i = 0; i < HEADS && d->c; i++)
        deliver_head(d, heads[i], i < HEADS_VIEW ? RULE_VIEW : RULE_LIST, &slice);
    return NULL;
}

static void deliver_change(Hub *hub, Change *change)
{
    Delivery d = {.hub = hub, .change = change, .now_ms = clock_wall_ms()};
    Error *err = arena_protect(hub->scratch, deliver, &d);
    if (err) log_error("realtime", "a change was not told", LOG_STR("cause", err->cause));
    pin_release(d.pin);
    change_release(change);
    hub_bury(hub);
    arena_reset(hub->scratch);
}

/* ---- the fiber ---- */

static void fan_out(void *arg)
{
    Hub *hub = arg;
    uint64_t began_ns = clock_mono_ns();
    for (;;) {
        bool overflow;
        Change *change = inbox_take(hub, &overflow);
        if (overflow) hub_cut_all(hub);
        if (change) deliver_change(hub, change);
        if (!change && !overflow) break;
        if (clock_mono_ns() - began_ns < SLICE_NS) continue;
        await_turn();
        began_ns = clock_mono_ns();
    }
    hub->fanning = false;
    hub_bury(hub);
}

/* Without a fiber to be had it asks again each turn: some request will end. */
static void fan_out_wake(void *arg)
{
    Hub *hub = arg;
    if (hub->fanning) return;
    hub->fanning = true;
    if (fiber_start(hub->loop, fan_out, hub)) return;
    hub->fanning = false;
    loop_post(hub->loop, fan_out_wake, hub);
}
