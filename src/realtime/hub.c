/* hub.c - the clients of one loop, what they listen to, and who they are.
 *
 *     Client ── subscriptions[] ──▶ Topic ◀── Head ("posts/abc")
 *       │           ▲                 │
 *       │           └─ subscribers[] ─┘        each knows its place in the other
 *       └──▶ Viewer                            shared by all connections of a caller
 *
 * An idle client is a connection (http/), this struct, 16 bytes here and 16
 * there for a subscription. */
#include "realtime/realtime_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <stdlib.h>

#define SCRATCH_BYTES ((size_t)256 << 20)

/* ---- topics ---- */

static Head *head_get(Hub *hub, Str key)
{
    Head *head = (Head *)table_find(&hub->heads, key);
    if (head) return head;
    head = calloc(1, sizeof(Head) + key.len);
    if (!head) return NULL;
    if (key.len > 0) memcpy(head->key, key.ptr, key.len);
    if (!broker_watch(hub->rt, INTEREST_TOPIC, key, hub)) {
        free(head);
        return NULL;
    }
    table_add(&hub->heads, &head->node, str_make(head->key, key.len));
    return head;
}

static void head_drop(Hub *hub, Head *head)
{
    if (head->topics) return;
    broker_unwatch(hub->rt, INTEREST_TOPIC, head->node.key, hub);
    table_remove(&hub->heads, &head->node);
    free(head);
}

static size_t topic_size(const Topic *t)
{
    return sizeof(Topic) + t->node.key.len + (t->arena ? arena_used(t->arena) + 1024 : 0);
}

static Topic *topic_new(Hub *hub, WantedTopic *wanted)
{
    Topic *t = calloc(1, sizeof(Topic) + wanted->text.len);
    if (!t) return NULL;
    t->head = head_get(hub, topic_head(wanted->text));
    if (!t->head) {
        free(t);
        return NULL;
    }
    memcpy(t->text, wanted->text.ptr, wanted->text.len);
    t->options = wanted->options;
    t->arena = wanted->arena;
    wanted->arena = NULL; /* handed over */
    t->next_of_head = t->head->topics;
    t->head->topics = t;
    table_add(&hub->topics, &t->node, str_make(t->text, wanted->text.len));
    atomic_fetch_add(&hub->rt->memory, topic_size(t));
    return t;
}

static Topic *topic_get(Hub *hub, WantedTopic *wanted)
{
    Topic *t = (Topic *)table_find(&hub->topics, wanted->text);
    return t ? t : topic_new(hub, wanted);
}

static void topic_free(Topic *t)
{
    free(t->subscribers);
    arena_destroy(t->arena);
    free(t);
}

/* Its last subscriber has gone. */
static void topic_drop(Hub *hub, Topic *t)
{
    if (t->count > 0) return;
    atomic_fetch_sub(&hub->rt->memory, topic_size(t));
    table_remove(&hub->topics, &t->node);
    Topic **at = &t->head->topics;
    while (*at != t)
        at = &(*at)->next_of_head;
    *at = t->next_of_head;
    head_drop(hub, t->head);
    t->head = NULL;
    if (hub->fanning) {
        t->next_gone = hub->gone_topics;
        hub->gone_topics = t;
    } else {
        topic_free(t);
    }
}

/* ---- subscriptions ---- */

static bool topic_room(Topic *t)
{
    if (t->count < t->cap) return true;
    uint32_t cap = t->cap ? t->cap * 2 : 1;
    Subscriber *more = realloc(t->subscribers, cap * sizeof(Subscriber));
    if (!more) return false;
    t->subscribers = more;
    t->cap = cap;
    return true;
}

static bool link_topic(Client *client, Subscription *s, Topic *t)
{
    if (!topic_room(t)) return false;
    *s = (Subscription){t, t->count};
    t->subscribers[t->count++] = (Subscriber){client, s};
    return true;
}

static void unlink_topic(Hub *hub, Subscription *s)
{
    Topic *t = s->topic;
    Subscriber last = t->subscribers[--t->count];
    t->subscribers[s->at] = last;
    last.subscription->at = s->at;
    if (t->count == 0) topic_drop(hub, t);
}

static void unlink_all(Hub *hub, Subscription *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        unlink_topic(hub, &list[i]);
    atomic_fetch_sub(&hub->rt->memory, count * (sizeof(Subscription) + sizeof(Subscriber)));
    free(list);
}

static Subscription *subscription_find(const Client *client, const Topic *topic)
{
    for (uint32_t i = 0; i < client->subscription_count; i++)
        if (client->subscriptions[i].topic == topic) return &client->subscriptions[i];
    return NULL;
}

bool client_has_topic(const Client *client, const Topic *topic)
{
    return subscription_find(client, topic) != NULL;
}

/* The same text twice is one subscription. */
static bool link_wanted(Client *client, SubscribeCall *call, Subscription *list, uint32_t *count)
{
    Hub *hub = client->hub;
    uint64_t mark = ++hub->mark;
    for (size_t i = 0; i < call->count; i++) {
        Topic *t = topic_get(hub, &call->topics[i]);
        if (!t) return false;
        if (t->mark == mark) continue;
        t->mark = mark;
        if (!link_topic(client, &list[*count], t)) {
            topic_drop(hub, t);
            return false;
        }
        (*count)++;
    }
    return true;
}

static size_t call_size(const SubscribeCall *call)
{
    size_t size = call->count * (sizeof(Subscription) + sizeof(Subscriber));
    for (size_t i = 0; i < call->count; i++)
        size += call->topics[i].text.len + (call->topics[i].arena ? 2048 : 0);
    return size;
}

/* Takes the new ones before it lets go of the old: what is in both stays. */
static bool client_set_topics(Client *client, SubscribeCall *call)
{
    Realtime *rt = client->hub->rt;
    if (atomic_load(&rt->memory) + call_size(call) > rt->limits.memory_bytes) return false;
    Subscription *list = call->count ? calloc(call->count, sizeof(Subscription)) : NULL;
    if (call->count && !list) return false;

    uint32_t count = 0;
    bool all = link_wanted(client, call, list, &count);
    atomic_fetch_add(&rt->memory, count * (sizeof(Subscription) + sizeof(Subscriber)));
    if (!all) {
        unlink_all(client->hub, list, count);
        return false;
    }
    Subscription *old = client->subscriptions;
    uint32_t old_count = client->subscription_count;
    client->subscriptions = list;
    client->subscription_count = count;
    client->generation++;
    unlink_all(client->hub, old, old_count);
    return true;
}

/* ---- viewers ---- */

static void viewer_revoke(Hub *hub, Viewer *v)
{
    v->revoked = true;
    broker_unwatch(hub->rt, INTEREST_CALLER, v->node.key, hub);
}

void viewer_let_go(Hub *hub, Viewer *v)
{
    if (v->refs == 1 && !v->revoked && v != hub->guest) {
        viewer_revoke(hub, v);
        table_remove(&hub->viewers, &v->node);
    }
    viewer_release(v);
}

/* Checked when there is something to tell, too: clocks may be set. */
static void set_token_end(Client *client, int64_t ends_ms)
{
    client->token_ends_ms = ends_ms;
    if (!client->stream) return;
    int64_t left = ends_ms - clock_wall_ms();
    http_stream_end_in(client->stream, ends_ms == 0 ? UINT64_MAX : (uint64_t)MAX(left, 0));
}

bool client_ends(Client *client, int64_t now_ms)
{
    if (client->viewer->revoked || !client->token_ends_ms || now_ms < client->token_ends_ms)
        return false;
    if (client->stream) http_stream_close(client->stream);
    return true;
}

Viewer *client_viewer(Client *client)
{
    Viewer *v = client->viewer;
    if (!v->revoked) return v;
    set_token_end(client, 0);
    client->viewer = client->hub->guest;
    client->viewer->refs++;
    viewer_release(v);
    return client->viewer;
}

static AuthInfo auth_of(const Record *r)
{
    return (AuthInfo){.id = record_id(r),
                      .email = record_str(r, S("email")),
                      .collection_id = r->collection->id,
                      .collection_name = r->collection->name,
                      .email_visibility = record_bool(r, S("emailVisibility")),
                      .verified = record_bool(r, S("verified")),
                      .is_superuser = collection_is_superusers(r->collection)};
}

static Viewer *viewer_add(Hub *hub, Str key, const AuthInfo *auth, Str token_key, Str secret)
{
    Viewer *v = viewer_new(key, auth, token_key, secret);
    if (!v) return NULL;
    if (!broker_watch(hub->rt, INTEREST_CALLER, key, hub)) {
        viewer_release(v);
        return NULL;
    }
    table_add(&hub->viewers, &v->node, str_make(v->key, key.len));
    return v;
}

/* The viewer of a caller, with a reference. One made from an older key of the
 * same record is of sessions that have ended. */
static Viewer *viewer_get(Hub *hub, const SubscribeCall *call)
{
    if (!call->caller) {
        hub->guest->refs++;
        return hub->guest;
    }
    char space[VIEWER_KEY_BYTES];
    AuthInfo auth = auth_of(call->caller);
    Str token_key = record_str(call->caller, S("tokenKey"));
    Str key = viewer_key(space, sizeof(space), auth.collection_id, auth.id);
    if (key.len == 0) return NULL;
    Viewer *v = (Viewer *)table_find(&hub->viewers, key);
    if (v && str_eq(v->token_key, token_key) && str_eq(v->secret, call->secret)) {
        if (!viewer_set(v, &auth, token_key, call->secret)) return NULL;
        v->refs++;
        return v;
    }
    if (v) {
        table_remove(&hub->viewers, &v->node);
        viewer_revoke(hub, v);
    }
    return viewer_add(hub, key, &auth, token_key, call->secret);
}

void hub_auth_changed(Hub *hub, const Change *change)
{
    char space[VIEWER_KEY_BYTES];
    const Collection *c = change->collection;
    Str id = change_text(change, S("id"));
    Viewer *v = (Viewer *)table_find(&hub->viewers, viewer_key(space, sizeof(space), c->id, id));
    if (!v) return;

    AuthInfo auth = v->auth;
    auth.email = change_text(change, S("email"));
    auth.email_visibility = change_bool(change, S("emailVisibility"));
    auth.verified = change_bool(change, S("verified"));
    bool ended =
        change->kind == CHANGE_DELETE || !str_eq(v->token_key, change_text(change, S("tokenKey")));
    if (!ended && viewer_set(v, &auth, v->token_key, v->secret)) return;
    table_remove(&hub->viewers, &v->node);
    viewer_revoke(hub, v);
}

/* True: revoked, as the collection is gone or has a new secret. */
static bool viewer_check(TableNode *node, void *arg)
{
    Hub *hub = arg;
    Viewer *v = (Viewer *)node;
    const Collection *c = schema_find_id(hub->pin->schema, v->auth.collection_id);
    bool holds =
        c && c->type == COLLECTION_AUTH && str_eq(c->auth.tokens[TOKEN_AUTH].secret, v->secret);
    AuthInfo auth = v->auth;
    if (holds) auth.collection_name = c->name;
    if (holds && viewer_set(v, &auth, v->token_key, v->secret)) return false;
    viewer_revoke(hub, v);
    return true;
}

void hub_check_schema(Hub *hub)
{
    if (schema_version(hub->rt->app->schema) == hub->pin->schema->version) return;
    Pin *pin = broker_pin(hub->rt);
    pin_release(hub->pin);
    hub->pin = pin;
    table_each(&hub->viewers, viewer_check, hub);
}

static bool end_refused(TableNode *node, void *arg)
{
    const Settings *settings = arg;
    const Topic *t = (const Topic *)node;
    for (uint32_t i = 0; i < t->count; i++) {
        const Client *client = t->subscribers[i].client;
        Str ip = str_make(client->ip, client->ip_len);
        if (client->stream && client->viewer->auth.is_superuser && !client->viewer->revoked &&
            !ip_in_list(ip, settings->superuser_ips, settings->superuser_ip_count))
            http_stream_close(client->stream);
    }
    return false;
}

void hub_check_settings(Hub *hub)
{
    const App *app = hub->rt->app;
    if (settings_version(app->settings) == hub->settings_version) return;
    Arena *arena = arena_create_sized("realtime settings", 4096, 512);
    const Settings *settings = settings_hold(app->settings, arena);
    hub->settings_version = settings->version;
    if (settings->superuser_ip_count > 0)
        table_each(&hub->topics, end_refused, (void *)(uintptr_t)settings);
    arena_destroy(arena);
}

/* ---- a client's life ---- */

static void client_free(Client *client)
{
    viewer_let_go(client->hub, client->viewer);
    free(client);
}

static void client_gone(void *arg)
{
    Client *client = arg;
    Hub *hub = client->hub;
    client->stream = NULL;
    broker_remove(hub->rt, client);
    unlink_all(hub, client->subscriptions, client->subscription_count);
    client->subscriptions = NULL;
    client->subscription_count = 0;
    client->generation++;
    if (hub->fanning) {
        client->next_gone = hub->gone_clients;
        hub->gone_clients = client;
    } else {
        client_free(client);
    }
}

static Client *client_new(Hub *hub, Arena *a, Str ip)
{
    Client *client = calloc(1, sizeof(Client));
    if (!client) return NULL;
    client->hub = hub;
    client->viewer = hub->guest;
    hub->guest->refs++;
    client->ip_len = (uint8_t)MIN(ip.len, sizeof(client->ip));
    memcpy(client->ip, ip.ptr, client->ip_len);
    memcpy(client->id, random_text(a, CLIENT_ID_BYTES, ALPHABET_SECRET).ptr, CLIENT_ID_BYTES);
    return client;
}

/* The first message, which must not be waited with. */
static void greet(const Client *client, Arena *a)
{
    Str id = str_make(client->id, CLIENT_ID_BYTES);
    Str text = str_printf(a, "id:%.*s\nevent:PB_CONNECT\ndata:{\"clientId\":\"%.*s\"}\n\n",
                          STR_ARG(id), STR_ARG(id));
    (void)http_stream_send(client->stream, text, NULL); /* who has gone is told to us */
}

Error *hub_connect(Hub *hub, Req *req, Res *res)
{
    const RealtimeLimits *l = &hub->rt->limits;
    HttpStreamLimits limits = {
        .idle_ms = l->idle_ms, .lifetime_ms = l->lifetime_ms, .pending_bytes = l->pending_bytes};
    Client *client = client_new(hub, req->arena, req_context(req)->real_ip);
    if (!client) return error_cause(req->arena, error_status(req->arena, 503), "out of memory");
    if (!broker_add(hub->rt, client)) {
        client_free(client);
        return error_new(req->arena, 503, S("Too many realtime clients."));
    }
    /* Known before it can hear its id, and nothing else can reach it before. */
    Error *err = res_stream_start(res, 200, S("text/event-stream"));
    if (!err) err = res_stream_detach(res, &limits, client_gone, client, &client->stream);
    if (err) {
        client_gone(client);
        return err;
    }
    greet(client, req->arena);
    return NULL;
}

void hub_subscribe(Client *client, void *arg)
{
    SubscribeCall *call = arg;
    Hub *hub = client->hub;
    hub_check_schema(hub);
    call->outcome = SUBSCRIBE_OTHER_IP;
    if (!str_eq(call->ip, str_make(client->ip, client->ip_len))) return;

    Viewer *now = client_viewer(client);
    bool same =
        now == hub->guest || (call->caller && str_eq(now->auth.id, record_id(call->caller)) &&
                              str_eq(now->auth.collection_id, call->caller->collection->id));
    call->outcome = SUBSCRIBE_OTHER_AUTH;
    if (!same) return;

    call->outcome = SUBSCRIBE_FULL;
    Viewer *viewer = viewer_get(hub, call);
    if (!viewer) return;
    if (!client_set_topics(client, call)) {
        viewer_let_go(hub, viewer);
        return;
    }
    Viewer *before = client->viewer;
    client->viewer = viewer;
    set_token_end(client, call->token_ends_ms);
    viewer_let_go(hub, before);
    call->outcome = SUBSCRIBED;
}

/* ---- one message to one client ---- */

static void drop_subscription(Client *client, Subscription *s)
{
    Hub *hub = client->hub;
    unlink_topic(hub, s);
    Subscription *last = &client->subscriptions[--client->subscription_count];
    if (s != last) {
        *s = *last;
        s->topic->subscribers[s->at].subscription = s;
    }
    client->generation++;
    atomic_fetch_sub(&hub->rt->memory, sizeof(Subscription) + sizeof(Subscriber));
}

void hub_send(Client *client, void *arg)
{
    SendCall *call = arg;
    const RealtimeMessage *m = call->message;
    Topic *topic = (Topic *)table_find(&client->hub->topics, m->topic);
    Subscription *s = topic ? subscription_find(client, topic) : NULL;
    call->outcome = REALTIME_NO_CLIENT;
    if (!client->stream) return;
    call->outcome = REALTIME_OTHER_IP;
    if (!str_eq(m->ip, str_make(client->ip, client->ip_len))) return;
    call->outcome = REALTIME_NOT_SUBSCRIBED;
    if (!s) return;

    call->outcome = REALTIME_SENT;
    if (m->data.len > 0) {
        HttpBytes *frame = frame_new(m->topic, m->data);
        if (!frame || !frame_send(client, frame)) call->outcome = REALTIME_NO_CLIENT;
        http_bytes_release(frame);
    }
    if (m->drop_topic && call->outcome == REALTIME_SENT) drop_subscription(client, s);
}

/* ---- the hub ---- */

static bool cut_topic(TableNode *node, void *arg)
{
    (void)arg;
    const Topic *t = (const Topic *)node;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->subscribers[i].client->stream) http_stream_close(t->subscribers[i].client->stream);
    return false;
}

void hub_cut_all(Hub *hub)
{
    log_warn("realtime", "changes cannot be told to subscribers, who are cut off",
             LOG_INT("topics", hub->topics.count));
    table_each(&hub->topics, cut_topic, NULL);
}

void hub_bury(Hub *hub)
{
    while (hub->gone_clients) {
        Client *client = hub->gone_clients;
        hub->gone_clients = client->next_gone;
        client_free(client);
    }
    while (hub->gone_topics) {
        Topic *t = hub->gone_topics;
        hub->gone_topics = t->next_gone;
        topic_free(t);
    }
}

void hub_open(Hub *hub, Realtime *rt, int index)
{
    static const AuthInfo NOBODY = {0};
    hub->rt = rt;
    hub->index = index;
    pthread_mutex_init(&hub->lock, NULL);
    table_open(&hub->topics);
    table_open(&hub->heads);
    table_open(&hub->viewers);
    hub->guest = viewer_new(S(""), &NOBODY, S(""), S(""));
    if (!hub->guest) abort(); /* at start */
    hub->pin = pin_share(rt->pin);
    hub->scratch = arena_create_sized("realtime", SCRATCH_BYTES, 4096);
    hub->eval = arena_create_sized("realtime rule", SCRATCH_BYTES, 4096);
}

void hub_close(Hub *hub)
{
    while (hub->first) {
        InboxItem *item = hub->first;
        hub->first = item->next;
        change_release(item->change);
        free(item);
    }
    hub_bury(hub);
    viewer_release(hub->guest);
    table_close(&hub->topics);
    table_close(&hub->heads);
    table_close(&hub->viewers);
    pin_release(hub->pin);
    arena_destroy(hub->scratch);
    arena_destroy(hub->eval);
    pthread_mutex_destroy(&hub->lock);
}
