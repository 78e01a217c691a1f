/* broker.c - what the loops and the writer share: who is connected where, and
 * which loop wants to hear of what.
 *
 * The writer tells every committed change here. With nobody connected that is
 * one load; otherwise six look-ups under the lock, and only when some loop
 * wants to hear of this record is it copied and put into that loop's inbox.
 *
 * Calls to another loop's client are posted while the lock is held and the
 * client is in the table: its connection is open then, so its loop runs until
 * after the call (invariant 1), and who waits for the answer will get it. */
#include "realtime/realtime_internal.h"

#include "base/map.h"

#include <stdlib.h>

#define DELETED_MAX   256 /* of one commit that are remembered */
#define DELETED_BYTES (64 * 1024)
#define PARENTS_MAX   32 /* of one record */

typedef struct {
    TableNode node;
    uint64_t loops; /* bit n: hub n */
    char key[];
} Interest;

/* The records deleted by the present commit. Parents come before children, so
 * when a child is told, what it pointed to is here. The first half stays (the
 * roots of cascades), the rest goes round. */
typedef struct Deleted {
    uint64_t commit;
    size_t count;
    uint64_t hashes[DELETED_MAX]; /* of the ids */
    Change *changes[DELETED_MAX];
} Deleted;

/* ---- interests ---- */

static Table *interests(Realtime *rt, InterestKind kind)
{
    return kind == INTEREST_TOPIC ? &rt->topics : &rt->callers;
}

static Interest *interest_add(Table *t, Str key)
{
    Interest *interest = calloc(1, sizeof(Interest) + key.len);
    if (!interest) return NULL;
    if (key.len > 0) memcpy(interest->key, key.ptr, key.len);
    table_add(t, &interest->node, str_make(interest->key, key.len));
    return interest;
}

bool broker_watch(Realtime *rt, InterestKind kind, Str key, const Hub *hub)
{
    Table *t = interests(rt, kind);
    pthread_mutex_lock(&rt->lock);
    Interest *interest = (Interest *)table_find(t, key);
    if (!interest) interest = interest_add(t, key);
    if (interest) interest->loops |= UINT64_C(1) << hub->index;
    pthread_mutex_unlock(&rt->lock);
    return interest != NULL;
}

void broker_unwatch(Realtime *rt, InterestKind kind, Str key, const Hub *hub)
{
    Table *t = interests(rt, kind);
    pthread_mutex_lock(&rt->lock);
    Interest *interest = (Interest *)table_find(t, key);
    if (interest) interest->loops &= ~(UINT64_C(1) << hub->index);
    if (interest && !interest->loops) {
        table_remove(t, &interest->node);
        free(interest);
    }
    pthread_mutex_unlock(&rt->lock);
}

static uint64_t interested(const Table *t, Str key)
{
    const Interest *interest = key.len > 0 ? (const Interest *)table_find(t, key) : NULL;
    return interest ? interest->loops : 0;
}

/* ---- clients ---- */

bool broker_add(Realtime *rt, Client *client)
{
    pthread_mutex_lock(&rt->lock);
    if (!client->hub->loop) client->hub->loop = loop_current();
    bool room = rt->clients.count < rt->limits.clients;
    if (room) {
        table_add(&rt->clients, &client->node, str_make(client->id, CLIENT_ID_BYTES));
        atomic_store(&rt->client_count, rt->clients.count);
    }
    pthread_mutex_unlock(&rt->lock);
    return room;
}

void broker_remove(Realtime *rt, Client *client)
{
    pthread_mutex_lock(&rt->lock);
    table_remove(&rt->clients, &client->node);
    atomic_store(&rt->client_count, rt->clients.count);
    pthread_mutex_unlock(&rt->lock);
}

typedef struct {
    Realtime *rt;
    Str id;
    void (*fn)(Client *client, void *arg);
    void *arg;
    Fiber *fiber;
    bool found;
    _Atomic bool done;
} Call;

static Client *client_find(Realtime *rt, Str id)
{
    return (Client *)table_find(&rt->clients, id);
}

/* On the loop of the client, who may have gone meanwhile. */
static void call_run(void *arg)
{
    Call *call = arg;
    pthread_mutex_lock(&call->rt->lock);
    Client *client = client_find(call->rt, call->id);
    pthread_mutex_unlock(&call->rt->lock);
    call->found = client != NULL;
    if (client) call->fn(client, call->arg);

    Fiber *fiber = call->fiber;
    atomic_store(&call->done, true); /* from here on the call may be gone */
    fiber_wake(fiber);
}

bool broker_call(Realtime *rt, Str id, void (*fn)(Client *client, void *arg), void *arg)
{
    Call call = {.rt = rt, .id = id, .fn = fn, .arg = arg, .fiber = fiber_current()};
    assert(call.fiber);
    pthread_mutex_lock(&rt->lock);
    Client *client = client_find(rt, id);
    bool is_ours = client && client->hub->loop == loop_current();
    if (client && !is_ours) loop_post(client->hub->loop, call_run, &call);
    pthread_mutex_unlock(&rt->lock);
    if (!client) return false;
    if (is_ours) {
        fn(client, arg);
        return true;
    }
    do
        fiber_suspend();
    while (!atomic_load(&call.done));
    return call.found;
}

/* ---- the feed ---- */

/* Under the lock. */
static Pin *present_pin(Realtime *rt)
{
    if (schema_version(rt->app->schema) == rt->pin->schema->version) return rt->pin;
    Pin *pin = pin_new(rt->app->schema);
    if (!pin) return rt->pin;
    pin_release(rt->pin);
    rt->pin = pin;
    return pin;
}

Pin *broker_pin(Realtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    Pin *pin = pin_share(present_pin(rt));
    pthread_mutex_unlock(&rt->lock);
    return pin;
}

static uint64_t topics_interested(Realtime *rt, const Record *r)
{
    char space[HEADS_BYTES];
    Str heads[HEADS];
    uint64_t loops = 0;
    topic_heads(space, r->collection->name, r->collection->id, record_id(r), heads);
    for (size_t i = 0; i < HEADS; i++)
        loops |= interested(&rt->topics, heads[i]);
    return loops;
}

static uint64_t callers_interested(Realtime *rt, const Record *r)
{
    char space[VIEWER_KEY_BYTES];
    if (r->collection->type != COLLECTION_AUTH) return 0;
    return interested(&rt->callers,
                      viewer_key(space, sizeof(space), r->collection->id, record_id(r)));
}

static Change *deleted_find(const Deleted *deleted, Str collection_id, Str id)
{
    uint64_t hash = hash_bytes(id.ptr, id.len);
    size_t held = MIN(deleted->count, (size_t)DELETED_MAX);
    for (size_t i = 0; i < held; i++) {
        Change *change = deleted->changes[i];
        if (deleted->hashes[i] == hash && str_eq(change->collection->id, collection_id) &&
            str_eq(change_text(change, S("id")), id))
            return change;
    }
    return NULL;
}

static void parent_add(const Deleted *deleted, Change *child, Str collection_id, Str id)
{
    if (id.len == 0 || child->parent_count == PARENTS_MAX) return;
    Change *parent = deleted_find(deleted, collection_id, id);
    if (!parent) return;
    if (!child->parents) child->parents = calloc(PARENTS_MAX, sizeof(Change *));
    if (child->parents) child->parents[child->parent_count++] = change_share(parent);
}

/* `value` is an id or a JSON array of ids, which need no escapes. */
static void parents_add(const Deleted *deleted, Change *child, const Field *f, Str value)
{
    if (!field_is_list(f)) {
        parent_add(deleted, child, f->collection_id, value);
        return;
    }
    for (Str rest = value; rest.ptr;) {
        (void)str_split(&rest, '"');
        if (rest.ptr) parent_add(deleted, child, f->collection_id, str_split(&rest, '"'));
    }
}

static void deleted_forget(Deleted *deleted)
{
    size_t held = MIN(deleted->count, (size_t)DELETED_MAX);
    for (size_t i = 0; i < held; i++)
        change_release(deleted->changes[i]);
    deleted->count = 0;
}

static void deleted_add(Realtime *rt, Change *change)
{
    Deleted *deleted = rt->deleted;
    uint64_t commit = db_stats(rt->app->db).commits;
    if (commit != deleted->commit) deleted_forget(deleted);
    deleted->commit = commit;

    const Collection *c = change->collection;
    for (size_t i = 0; i < c->field_count && deleted->count > 0; i++)
        if (c->fields[i].type == FIELD_RELATION)
            parents_add(deleted, change, &c->fields[i], change_text(change, c->fields[i].name));

    if (change->size > DELETED_BYTES) return;
    size_t at = deleted->count, half = DELETED_MAX / 2;
    if (at >= DELETED_MAX) {
        at = half + at % half;
        change_release(deleted->changes[at]);
    }
    Str id = change_text(change, S("id"));
    deleted->changes[at] = change_share(change);
    deleted->hashes[at] = hash_bytes(id.ptr, id.len);
    deleted->count++;
}

typedef struct {
    Hub *hub;
    Change *change;
} CallerChange;

static void caller_changed(void *arg)
{
    CallerChange *cc = arg;
    hub_auth_changed(cc->hub, cc->change);
    change_release(cc->change);
    free(cc);
}

/* Past the inbox: a revoked caller must not hear what still waits there. */
static void tell_callers_loop(Hub *hub, Change *change)
{
    CallerChange *cc = malloc(sizeof(*cc));
    if (!cc) abort(); /* going on would leave a revoked session its eyes */
    *cc = (CallerChange){hub, change_share(change)};
    loop_post(hub->loop, caller_changed, cc);
}

/* What cannot be told ends the streams: who comes back reads anew. */
static void end_streams(Realtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    for (int i = 0; i < rt->hub_count; i++)
        if (rt->hubs[i].loop) fanout_push(&rt->hubs[i], NULL); /* else nobody was there yet */
    pthread_mutex_unlock(&rt->lock);
}

static void on_change(void *arg, ChangeKind kind, const Record *r)
{
    Realtime *rt = arg;
    if (atomic_load(&rt->client_count) == 0) return;
    if (kind == CHANGE_MANY) {
        end_streams(rt);
        return;
    }

    pthread_mutex_lock(&rt->lock);
    uint64_t topics = topics_interested(rt, r), callers = callers_interested(rt, r);
    bool wanted = topics || callers || kind == CHANGE_DELETE;
    Change *change = wanted ? change_new(present_pin(rt), kind, r) : NULL;
    if (change && kind == CHANGE_DELETE) deleted_add(rt, change);
    if (!change) topics |= callers; /* what cannot be told ends them all */
    for (int i = 0; wanted && i < rt->hub_count; i++) {
        Hub *hub = &rt->hubs[i];
        if (change && (callers >> i & 1)) tell_callers_loop(hub, change);
        if (topics >> i & 1) fanout_push(hub, change);
    }
    pthread_mutex_unlock(&rt->lock);
    if (change) change_release(change);
}

/* ---- start and end ---- */

static void fill_limits(RealtimeLimits *l)
{
    if (!l->clients) l->clients = 50000;
    if (!l->memory_bytes) l->memory_bytes = (size_t)128 << 20;
    if (!l->backlog_bytes) l->backlog_bytes = (size_t)32 << 20;
    if (!l->pending_bytes) l->pending_bytes = (size_t)256 << 10;
    if (!l->idle_ms) l->idle_ms = 5 * 60 * 1000;
    if (!l->lifetime_ms) l->lifetime_ms = 30 * 60 * 1000;
}

Error *realtime_create(Arena *a, App *app, int loop_count, const RealtimeLimits *limits,
                       Realtime **out)
{
    assert(loop_count > 0 && loop_count <= LOOPS_MAX);
    Realtime *rt = arena_new(a, Realtime, 1);
    rt->app = app;
    if (limits) rt->limits = *limits;
    fill_limits(&rt->limits);
    pthread_mutex_init(&rt->lock, NULL);
    table_open(&rt->clients);
    table_open(&rt->topics);
    table_open(&rt->callers);
    rt->deleted = arena_new(a, Deleted, 1);
    rt->pin = pin_new(app->schema);
    if (!rt->pin) return error_cause(a, error_status(a, 500), "out of memory");
    rt->hubs = arena_new(a, Hub, (size_t)loop_count);
    rt->hub_count = loop_count;
    for (int i = 0; i < loop_count; i++)
        hub_open(&rt->hubs[i], rt, i);
    records_on_change(app, on_change, rt);
    app->realtime = rt;
    *out = rt;
    return NULL;
}

static bool interest_free(TableNode *node, void *arg)
{
    (void)arg;
    free(node);
    return true;
}

void realtime_destroy(Realtime *rt)
{
    if (!rt) return;
    atomic_store(&rt->client_count, 0);
    for (int i = 0; i < rt->hub_count; i++)
        hub_close(&rt->hubs[i]);
    deleted_forget(rt->deleted);
    table_each(&rt->topics, interest_free, NULL);
    table_each(&rt->callers, interest_free, NULL);
    table_close(&rt->clients);
    table_close(&rt->topics);
    table_close(&rt->callers);
    pin_release(rt->pin);
    pthread_mutex_destroy(&rt->lock);
}

size_t realtime_client_count(const App *app)
{
    return app->realtime ? atomic_load(&app->realtime->client_count) : 0;
}

/* ---- one message to one client ---- */

RealtimeOutcome realtime_send(App *app, const RealtimeMessage *m)
{
    SendCall call = {.message = m};
    if (!app->realtime || m->client_id.len != CLIENT_ID_BYTES) return REALTIME_NO_CLIENT;
    if (!broker_call(app->realtime, m->client_id, hub_send, &call)) return REALTIME_NO_CLIENT;
    return call.outcome;
}
