/* The broker, its hubs and the writer at work together: a server on two loops
 * over a real database, and clients that come, go and subscribe across loops.
 * Under ThreadSanitizer this is the test of who may touch what. */
#define FIXTURE_LOOPS 2
#include "records/fixture.h"

#include "base/clock.h"
#include "realtime/realtime.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define LOOPS       2
#define PATIENCE_MS 60000

typedef struct {
    Fixture *f;
    Arena *a;
    Realtime *rt;
    HttpServer *server;
    Loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    int ports[LOOPS];
} World;

/* ---- the server ---- */

typedef struct {
    const Collection *c;
    Str id;
    Record *record;
} Find;

static Error *find_work(Tx *tx, void *arg)
{
    Find *find = arg;
    return record_find(tx, find->c, find->id, &find->record);
}

/* A caller is who the token says: its claims name a record of `users`. */
static Error *load_caller(Req *req, Context *cx)
{
    Json *claims;
    cx->token = req_header(req, S("Authorization"));
    if (cx->token.len == 0) return NULL;
    Error *err = token_read_unverified(req->arena, cx->token, &claims);
    if (err) return err;
    Find find = {.c = schema_find(cx->schema, S("users")),
                 .id = json_str(json_get(claims, S("id")), S(""))};
    err = db_read(cx->app->db, req->arena, find_work, &find);
    if (err) return err->status == 404 ? NULL : err;
    Str secret = find.c->auth.tokens[TOKEN_AUTH].secret;
    if (token_verify(req->arena, cx->token, record_str(find.record, S("tokenKey")), secret,
                     &claims))
        return NULL;
    AuthInfo *auth = arena_new(req->arena, AuthInfo, 1);
    *auth = (AuthInfo){.collection = find.c,
                       .id = record_id(find.record),
                       .email = record_str(find.record, S("email")),
                       .collection_id = find.c->id,
                       .collection_name = find.c->name};
    cx->auth = auth;
    return NULL;
}

static Error *before(Req *req, Res *res)
{
    Context *cx = arena_new(req->arena, Context, 1);
    req->context = cx;
    cx->app = req->app;
    cx->schema = schema_hold(cx->app->schema, req->arena);
    cx->real_ip = req->remote_ip;
    return load_caller(req, cx);
}

/* GET /send?id=…&ip=…&topic=…&data=…&drop=1 → the outcome's number */
static Error *handle_send(Req *req, Res *res)
{
    RealtimeMessage m = {.client_id = req_query(req, S("id")),
                         .ip =
                             req_query_has(req, S("ip")) ? req_query(req, S("ip")) : req->remote_ip,
                         .topic = req_query(req, S("topic")),
                         .data = req_query(req, S("data")),
                         .drop_topic = req_query_has(req, S("drop"))};
    return res_text(res, 200, str_printf(req->arena, "%d", realtime_send(req->app, &m)));
}

static const Route SEND_ROUTES[] = {
    {"GET", "/send", handle_send},
};

static void *loop_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void world_start(World *w, Fixture *f, RealtimeLimits limits)
{
    RouteTable *tables = arena_new(f->a, RouteTable, 2);
    tables[0] = (RouteTable){realtime_routes, realtime_route_count};
    tables[1] = (RouteTable){SEND_ROUTES, COUNT(SEND_ROUTES)};
    *w = (World){.f = f, .a = f->a};
    check_ok("realtime", realtime_create(f->a, &f->app, LOOPS, &limits, &w->rt));
    HttpConfig config = {.tables = tables,
                         .table_count = 2,
                         .limits = http_limits_default(),
                         .temp_dir = S("/tmp"),
                         .app = &f->app,
                         .workers = f->app.workers,
                         .before = before};
    check_ok("server", http_server_create(f->a, &config, &w->server));
    for (int i = 0; i < LOOPS; i++) {
        int fd;
        check_ok("loop", loop_create(f->a, i, &w->loops[i]));
        check_ok("listen", http_listen(f->a, S("127.0.0.1:0"), &fd, &w->ports[i]));
        check_ok("attach", http_server_attach(w->server, f->a, w->loops[i], fd));
        assert_int_equal(pthread_create(&w->threads[i], NULL, loop_thread, w->loops[i]), 0);
    }
}

static void world_stop(World *w)
{
    http_server_stop(w->server);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(w->threads[i], NULL);
    http_server_destroy(w->server);
    for (int i = 0; i < LOOPS; i++)
        loop_destroy(w->loops[i]);
    assert_int_equal(realtime_client_count(&w->f->app), 0);
    realtime_destroy(w->rt);
}

/* ---- clients ---- */

typedef struct {
    int fd;
    char id[41];
    char bytes[65536]; /* read and not used yet */
    size_t len;
    bool closed;
} Listener;

static int dial(const World *w, int loop)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->ports[loop])};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* True when something came. */
static bool fill(Listener *l, int ms)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    if (l->closed || poll(&p, 1, ms) == 0) return false;
    assert_true(l->len < sizeof(l->bytes));
    ssize_t n = recv(l->fd, l->bytes + l->len, sizeof(l->bytes) - l->len, 0);
    l->closed = n <= 0;
    if (n > 0) l->len += (size_t)n;
    return n > 0;
}

/* The next event's text, "event:…\ndata:…", in `out`; false when none comes. */
static bool next_event(Listener *l, char *out, size_t size, int ms)
{
    uint64_t until = clock_mono_ms() + (uint64_t)ms;
    for (;;) {
        Str in = str_make(l->bytes, l->len);
        ptrdiff_t from = str_find(in, S("\nevent:")),
                  end = from < 0 ? -1 : str_find(str_from_pos(in, (size_t)from), S("\n\n"));
        if (end >= 0) {
            size_t len = MIN((size_t)end - 1, size - 1);
            memcpy(out, in.ptr + from + 1, len);
            out[len] = '\0';
            size_t used = (size_t)from + (size_t)end + 2;
            memmove(l->bytes, l->bytes + used, l->len - used);
            l->len -= used;
            return true;
        }
        uint64_t now = clock_mono_ms();
        if (now >= until || (!fill(l, (int)(until - now)) && l->closed)) return false;
    }
}

/* False when the server has no room. */
static bool connect_listener(const World *w, Listener *l, int loop)
{
    char event[256];
    *l = (Listener){.fd = dial(w, loop)};
    send_text(l->fd, "GET /api/realtime HTTP/1.1\r\nHost: x\r\n\r\n");
    if (!next_event(l, event, sizeof(event), PATIENCE_MS / 4)) return false;
    const char *id = strstr(event, "clientId\":\"");
    assert_non_null(id);
    memcpy(l->id, id + 11, 40);
    return true;
}

static int answer_status(int fd, char *body, size_t size)
{
    char bytes[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t n = recv(fd, bytes, sizeof(bytes) - 1, 0);
    assert_true(n > 12);
    bytes[n] = '\0';
    const char *text = strstr(bytes, "\r\n\r\n");
    assert_non_null(text);
    if (body) snprintf(body, size, "%s", text + 4);
    return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
}

static int subscribe(const World *w, const char *id, int loop, const char *topics,
                     const char *token)
{
    char body[8192], head[9000];
    int len =
        snprintf(body, sizeof(body), "{\"clientId\":\"%s\",\"subscriptions\":[%s]}", id, topics);
    snprintf(head, sizeof(head),
             "POST /api/realtime HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
             "Authorization: %s\r\nContent-Length: %d\r\n\r\n%s",
             token, len, body);
    int fd = dial(w, loop);
    send_text(fd, head);
    int status = answer_status(fd, NULL, 0);
    close(fd);
    return status;
}

static char *token_of(Fixture *f, const Record *r)
{
    Json *claims = fixture_json(f, "{'type':'auth','collectionId':'users','exp':99999999999}");
    json_set_str(f->a, claims, S("id"), record_id(r));
    return arena_cstr(f->a, token_sign(f->a, claims, record_str(r, S("tokenKey")),
                                       r->collection->auth.tokens[TOKEN_AUTH].secret));
}

/* ---- order, under churn ---- */

typedef struct {
    World *w;
    int number;
    const char *token;
    _Atomic bool *stop;
    _Atomic int *heard, *rounds; /* of all of them */
} Churner;

/* "n":12 of an event about posts; -1 for others. */
static long number_of(const char *event)
{
    const char *n = strstr(event, "\"n\":");
    return n ? strtol(n + 4, NULL, 10) : -1;
}

/* What a churner may listen to; each at most once in a connection. */
static const struct {
    const char *json; /* as a POST says it */
    const char *line; /* how its events begin */
} CHURN_TOPICS[] = {
    {"\"posts/*\"", "event:posts/*\n"},
    {"\"posts\"", "event:posts\n"},
    {"\"posts?options={\\\"query\\\":{\\\"filter\\\":\\\"n>0\\\"}}\"",
     "event:posts?options={\"query\":{\"filter\":\"n>0\"}}\n"},
    {"\"posts?options={\\\"query\\\":{\\\"fields\\\":\\\"n\\\",\\\"expand\\\":\\\"owner\\\"}}\"",
     "event:posts?options={\"query\":{\"fields\":\"n\",\"expand\":\"owner\"}}\n"},
    {"\"guarded\"", "event:guarded\n"},
};

/* Numbers only grow, topic by topic: what was on its way when the subscription
 * moved on may still come, and the same change under two names. */
static void hear(Churner *c, Listener *l, long *last, int ms)
{
    char event[1024];
    size_t topic = 0;
    if (!next_event(l, event, sizeof(event), ms)) return;
    while (topic < COUNT(CHURN_TOPICS) &&
           !str_starts(str_from(event), str_from(CHURN_TOPICS[topic].line)))
        topic++;
    if (topic == COUNT(CHURN_TOPICS)) fail_msg("who asked for this: %s", event);
    long n = number_of(event);
    if (n <= last[topic]) fail_msg("%ld was heard after %ld of %s", n, last[topic], event);
    last[topic] = n;
    atomic_fetch_add(c->heard, 1);
}

static void *churn(void *arg)
{
    Churner *c = arg;
    static _Thread_local Listener l;
    for (int round = 0; !atomic_load(c->stop); round++) {
        long last[COUNT(CHURN_TOPICS)];
        for (size_t i = 0; i < COUNT(CHURN_TOPICS); i++)
            last[i] = -1;
        assert_true(connect_listener(c->w, &l, (c->number + round) % LOOPS));
        for (int i = 0; i < 4 && !atomic_load(c->stop); i++) {
            size_t topic = (size_t)(c->number + round + i) % COUNT(CHURN_TOPICS);
            int status =
                subscribe(c->w, l.id, (c->number + i) % LOOPS, CHURN_TOPICS[topic].json, c->token);
            if (status != 204) fail_msg("subscribing gave %d", status);
            for (int n = 0; n < 5; n++)
                hear(c, &l, last, 20);
        }
        close(l.fd);
        atomic_fetch_add(c->rounds, 1);
    }
    return NULL;
}

static void changes_come_in_order_whoever_comes_and_goes(void **state)
{
    Fixture *f = *state;
    fixture_collection(
        f, "{'name':'posts','listRule':'','viewRule':'','fields':[{'name':'n','type':'number'},"
           "{'name':'owner','type':'relation','collectionId':'_pb_users_auth_','maxSelect':1}]}");
    fixture_collection(f, "{'name':'guarded','listRule':'@collection.users.id ?= "
                          "@request.auth.id','fields':[{'name':'n','type':'number'}]}");
    Record *user = fixture_create(f, "users", "{'email':'a@example.com','password':'1234567890'}");
    Record *post = fixture_create(f, "posts", "{'n':0}");
    Record *guarded = fixture_create(f, "guarded", "{'n':0}");
    World w;
    world_start(&w, f, (RealtimeLimits){0});

    _Atomic bool stop = false;
    _Atomic int heard = 0, rounds = 0;
    Churner churners[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        churners[i] = (Churner){.w = &w,
                                .number = i,
                                .token = i % 2 ? token_of(f, user) : "",
                                .stop = &stop,
                                .heard = &heard,
                                .rounds = &rounds};
        pthread_create(&threads[i], NULL, churn, &churners[i]);
    }
    Str post_id = record_id(post), guarded_id = record_id(guarded), user_id = record_id(user);
    uint64_t from = clock_mono_ms();
    bool enough = false;
    for (int i = 0; !enough; i++) {
        uint64_t took = clock_mono_ms() - from;
        enough = (took > 2500 && heard > 50 && rounds > 6) || took > PATIENCE_MS;
        f->change_count = 0;
        check_ok("post", fixture_update(f, "posts", post_id, "{'n+':1}", NULL, NULL));
        check_ok("guarded", fixture_update(f, "guarded", guarded_id, "{'n+':1}", NULL, NULL));
        if (i % 20 == 0)
            check_ok("user", fixture_update(f, "users", user_id, "{'name':'x'}", NULL, NULL));
        if (i % 50 == 0) {
            fixture_collection(f, "{'name':'guarded','listRule':'@request.auth.id != \\'\\' && "
                                  "@collection.users.id ?= @request.auth.id'}");
        }
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_true(heard > 50);
    assert_true(rounds > 6);
    world_stop(&w);
}

/* ---- callers ---- */

static void a_revoked_caller_hears_nothing_more(void **state)
{
    static Listener l[4];
    Fixture *f = *state;
    char event[1024];
    fixture_collection(f, "{'name':'posts','listRule':'@request.auth.id != "
                          "\\'\\'','fields':[{'name':'n','type':'number'}]}");
    fixture_collection(f, "{'name':'all','listRule':'','fields':[{'name':'n','type':'number'}]}");
    Record *user = fixture_create(f, "users", "{'email':'a@example.com','password':'1234567890'}");
    World w;
    world_start(&w, f, (RealtimeLimits){0});
    for (int i = 0; i < 4; i++) {
        assert_true(connect_listener(&w, &l[i], i % LOOPS));
        assert_int_equal(subscribe(&w, l[i].id, i / 2, "\"posts\",\"all\"", token_of(f, user)),
                         204);
    }
    fixture_create(f, "posts", "{'n':1}");
    for (int i = 0; i < 4; i++) {
        assert_true(next_event(&l[i], event, sizeof(event), PATIENCE_MS));
        assert_int_equal(number_of(event), 1);
    }
    const char *old_token = token_of(f, user);
    check_ok("key",
             fixture_update(f, "users", record_id(user), "{'email':'b@example.com'}", NULL, &user));
    fixture_create(f, "posts", "{'n':2}");
    fixture_create(f, "all", "{'n':3}");
    for (int i = 0; i < 4; i++) {
        assert_true(next_event(&l[i], event, sizeof(event), PATIENCE_MS));
        if (number_of(event) != 3) fail_msg("a revoked caller heard %s", event);
    }
    /* The old token is nobody's, the new one may take the stream over. */
    assert_int_equal(subscribe(&w, l[0].id, 1, "\"posts\"", old_token), 204);
    assert_int_equal(subscribe(&w, l[1].id, 0, "\"posts\"", token_of(f, user)), 204);
    fixture_create(f, "posts", "{'n':4}");
    assert_true(next_event(&l[1], event, sizeof(event), PATIENCE_MS));
    assert_int_equal(number_of(event), 4);
    assert_false(next_event(&l[0], event, sizeof(event), 100));
    assert_int_equal(subscribe(&w, l[1].id, 0, "\"posts\"", ""), 403);
    for (int i = 0; i < 4; i++)
        close(l[i].fd);
    world_stop(&w);
}

/* ---- one message to one client ---- */

static int ask_send(const World *w, int loop, const char *query)
{
    char text[1024], body[64];
    snprintf(text, sizeof(text), "GET /send?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    int fd = dial(w, loop);
    send_text(fd, text);
    assert_int_equal(answer_status(fd, body, sizeof(body)), 200);
    close(fd);
    return body[0] - '0';
}

static void a_message_reaches_its_client_from_any_loop(void **state)
{
    static Listener l;
    char query[512], event[256];
    World w;
    world_start(&w, *state, (RealtimeLimits){0});
    assert_true(connect_listener(&w, &l, 0));
    assert_int_equal(subscribe(&w, l.id, 1, "\"@oauth2\",\"other\"", ""), 204);
    for (int loop = 0; loop < LOOPS; loop++) {
        snprintf(query, sizeof(query), "id=%s&topic=@oauth2&data=%%7B%%22a%%22:%d%%0A%%7D", l.id,
                 loop);
        assert_int_equal(ask_send(&w, loop, query), REALTIME_SENT);
        assert_true(next_event(&l, event, sizeof(event), PATIENCE_MS));
        check_str("message", str_from(event),
                  loop ? "event:@oauth2\ndata:{\"a\":1 }" : "event:@oauth2\ndata:{\"a\":0 }");
    }
    assert_int_equal(ask_send(&w, 1, "id=nobody&topic=@oauth2"), REALTIME_NO_CLIENT);
    snprintf(query, sizeof(query), "id=%s&topic=@oauth2&ip=10.0.0.1", l.id);
    assert_int_equal(ask_send(&w, 1, query), REALTIME_OTHER_IP);
    snprintf(query, sizeof(query), "id=%s&topic=nothing", l.id);
    assert_int_equal(ask_send(&w, 1, query), REALTIME_NOT_SUBSCRIBED);
    snprintf(query, sizeof(query), "id=%s&topic=@oauth2&drop=1", l.id);
    assert_int_equal(ask_send(&w, 1, query), REALTIME_SENT);
    assert_int_equal(ask_send(&w, 0, query), REALTIME_NOT_SUBSCRIBED);
    snprintf(query, sizeof(query), "id=%s&topic=other&data=1", l.id);
    assert_int_equal(ask_send(&w, 0, query), REALTIME_SENT);
    assert_true(next_event(&l, event, sizeof(event), PATIENCE_MS));
    check_str("other", str_from(event), "event:other\ndata:1");
    close(l.fd);
    world_stop(&w);
}

/* ---- limits ---- */

static void clients_and_subscriptions_are_bounded(void **state)
{
    static Listener l[3];
    World w;
    world_start(&w, *state, (RealtimeLimits){.clients = 2, .memory_bytes = 4096});
    assert_true(connect_listener(&w, &l[0], 0));
    assert_true(connect_listener(&w, &l[1], 1));
    assert_false(connect_listener(&w, &l[2], 0));
    assert_true(str_starts(str_make(l[2].bytes, l[2].len), S("HTTP/1.1 503")));

    char many[8000];
    size_t len = 0;
    for (int i = 0; i < 60; i++)
        len +=
            (size_t)snprintf(many + len, sizeof(many) - len, "%s\"posts/%060d\"", i ? "," : "", i);
    assert_int_equal(subscribe(&w, l[0].id, 1, "\"a\",\"b\"", ""), 204);
    for (int i = 0; i < 20; i++)
        assert_int_equal(subscribe(&w, l[0].id, 1, many, ""), 503);
    assert_int_equal(subscribe(&w, l[0].id, 0, "\"a\",\"b\",\"c\"", ""), 204);
    for (int i = 0; i < 100; i++) /* what is let go is given back */
        assert_int_equal(
            subscribe(&w, l[1].id, 0, i % 2 ? "\"d\",\"d\",\"e\"" : "\"x?options={}\"", ""), 204);
    close(l[0].fd);
    close(l[2].fd);
    uint64_t until = clock_mono_ms() + PATIENCE_MS;
    while (realtime_client_count(&w.f->app) > 1 && clock_mono_ms() < until)
        usleep(1000);
    assert_true(connect_listener(&w, &l[0], 0));
    close(l[0].fd);
    close(l[1].fd);
    world_stop(&w);
}

/* A change of more records than are kept until the commit (records/cascade.c). */
static void what_cannot_be_told_ends_the_streams(void **state)
{
    static Listener l[2];
    Fixture *f = *state;
    char event[256];
    fixture_collection(f, "{'name':'posts','listRule':''}");
    const Record *any = fixture_create(f, "posts", "{}");
    World w;
    world_start(&w, f, (RealtimeLimits){0});
    for (int clients = 1; clients <= 2; clients++) { /* first while one loop had none yet */
        for (int i = 0; i < clients; i++) {
            assert_true(connect_listener(&w, &l[i], i));
            assert_int_equal(subscribe(&w, l[i].id, i, "\"posts\"", ""), 204);
        }
        for (size_t i = 0; i < f->app.listener_count; i++)
            f->app.listeners[i].fn(f->app.listeners[i].arg, CHANGE_MANY, any);
        for (int i = 0; i < clients; i++) {
            assert_false(next_event(&l[i], event, sizeof(event), PATIENCE_MS));
            assert_true(l[i].closed);
            close(l[i].fd);
        }
    }
    world_stop(&w);
}

/* Keeps a loop busy until the flag is set. */
static void sleep_on_the_loop(void *arg)
{
    const _Atomic bool *awake = arg;
    while (!atomic_load(awake))
        usleep(1000);
}

/* The loop is busy, the writer is not: what cannot wait is not kept, and those
 * who would have missed it are told by the end of their streams. */
static void a_backlog_is_bounded(void **state)
{
    static Listener l[2];
    Fixture *f = *state;
    char event[4096];
    fixture_collection(f, "{'name':'posts','listRule':'','fields':[{'name':'t','type':'text'},{'"
                          "name':'n','type':'number'}]}");
    World w;
    world_start(&w, f, (RealtimeLimits){.backlog_bytes = 4096});
    assert_true(connect_listener(&w, &l[0], 0));
    assert_true(connect_listener(&w, &l[1], 1));
    for (int i = 0; i < 2; i++)
        assert_int_equal(subscribe(&w, l[i].id, i, "\"posts\"", ""), 204);
    _Atomic bool awake = false;
    loop_post(w.loops[0], sleep_on_the_loop, &awake);
    for (int i = 0; i < 40; i++) { /* the other loop keeps up */
        fixture_create(
            f, "posts",
            "{'n':1,'t':'"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}");
        assert_true(next_event(&l[1], event, sizeof(event), PATIENCE_MS));
    }
    atomic_store(&awake, true);
    while (!l[0].closed)
        if (!fill(&l[0], PATIENCE_MS)) break;
    assert_true(l[0].closed);
    assert_true(connect_listener(&w, &l[0], 0));
    assert_int_equal(subscribe(&w, l[0].id, 0, "\"posts\"", ""), 204);
    fixture_create(f, "posts", "{'n':2}");
    assert_true(next_event(&l[0], event, sizeof(event), PATIENCE_MS));
    assert_int_equal(number_of(event), 2);
    close(l[0].fd);
    close(l[1].fd);
    world_stop(&w);
}

static void silence_ends_a_stream(void **state)
{
    static Listener l;
    World w;
    world_start(&w, *state, (RealtimeLimits){.idle_ms = 200});
    assert_true(connect_listener(&w, &l, 0));
    uint64_t began = clock_mono_ms();
    while (fill(&l, PATIENCE_MS))
        continue;
    assert_true(l.closed);
    assert_in_range(clock_mono_ms() - began, 100, 50000);
    close(l.fd);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(changes_come_in_order_whoever_comes_and_goes),
        test_with_app(a_revoked_caller_hears_nothing_more),
        test_with_app(a_message_reaches_its_client_from_any_loop),
        test_with_app(clients_and_subscriptions_are_bounded),
        test_with_app(what_cannot_be_told_ends_the_streams),
        test_with_app(a_backlog_is_bounded),
        test_with_app(silence_ends_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
