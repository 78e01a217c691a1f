/* routes.c - opening the stream, and saying what to hear of. */
#include "realtime/realtime_internal.h"

#define CLIENT_ID_MAX  255
#define TOPIC_ARENA    ((size_t)8 << 20)
#define TOKEN_ENDS_MAX 1e12 /* seconds: far beyond any token, far below overflow */

static Hub *present_hub(Req *req)
{
    Realtime *rt = req_context(req)->app->realtime;
    int index = loop_index(loop_current());
    assert(rt && index < rt->hub_count);
    return &rt->hubs[index];
}

/* GET /api/realtime
 *
 *   200   text/event-stream, first of all PB_CONNECT with {"clientId":"…"}
 *   503   too many clients
 */
static Error *handle_connect(Req *req, Res *res)
{
    res_header(res, S("Cache-Control"), S("no-store"));
    res_header(res, S("X-Accel-Buffering"), S("no"));
    if (!req->is_head) return hub_connect(present_hub(req), req, res);
    Error *err = res_stream_start(res, 200, S("text/event-stream"));
    if (err) return err;
    return res_stream_end(res);
}

/* ---- the form ---- */

typedef struct {
    Str client_id;
    WantedTopic *topics;
    size_t count;
} Form;

static Error *too_long(Arena *a, Str field, size_t max)
{
    Json *params = json_new_object(a);
    json_set_number(a, params, S("min"), 0);
    json_set_number(a, params, S("max"), (double)max);
    return error_field_params(a, field, "validation_length_too_long",
                              str_printf(a, "The length must be no more than %zu.", max), params);
}

static Error *check_client_id(Arena *a, Str id)
{
    if (id.len == 0) return error_required(a, S("clientId"));
    if (id.len <= CLIENT_ID_MAX) return NULL;
    Json *params = json_new_object(a);
    json_set_number(a, params, S("min"), 1);
    json_set_number(a, params, S("max"), CLIENT_ID_MAX);
    return error_field_params(a, S("clientId"), "validation_length_out_of_range",
                              S("The length must be between 1 and 255."), params);
}

/* Forms have texts only; the body reader may have guessed otherwise. */
static bool text_of(Req *req, const Body *body, const Json *value, Str *out)
{
    bool scalar = json_is(value, JSON_NUMBER) || json_is(value, JSON_BOOL);
    if (json_is(value, JSON_STRING))
        *out = value->string;
    else if (body->is_form && scalar)
        *out = json_format(req->arena, value);
    else
        return false;
    return true;
}

static bool read_topics(Req *req, const Body *body, Form *form)
{
    const Json *list = json_get(body->data, S("subscriptions"));
    if (!list || list->type == JSON_NULL) return true;
    bool is_array = json_is(list, JSON_ARRAY);
    if (!is_array && !body->is_form) return false;
    size_t count = is_array ? json_count(list) : 1;
    form->topics = arena_new(req->arena, WantedTopic, count);
    form->count = count;
    for (size_t i = 0; i < count; i++)
        if (!text_of(req, body, is_array ? json_at(list, i) : list, &form->topics[i].text))
            return false;
    return true;
}

static Error *check_topics(Arena *a, const Form *form)
{
    if (form->count > REALTIME_SUBSCRIPTIONS_MAX)
        return too_long(a, S("subscriptions"), REALTIME_SUBSCRIPTIONS_MAX);
    Error *faults = NULL;
    for (size_t i = 0; i < form->count; i++)
        if (form->topics[i].text.len > REALTIME_TOPIC_BYTES_MAX)
            error_chain(&faults, too_long(a, str_printf(a, "subscriptions.%zu", i),
                                          REALTIME_TOPIC_BYTES_MAX));
    return faults;
}

static Error *form_read(Req *req, Form *form)
{
    Body body;
    *form = (Form){0};
    Error *err = req_body(req, 0, &body);
    if (err) return err;
    const Json *id = json_get(body.data, S("clientId"));
    bool readable = !id || id->type == JSON_NULL || text_of(req, &body, id, &form->client_id);
    if (!readable || !read_topics(req, &body, form)) return error_status(req->arena, 400);
    err = check_client_id(req->arena, form->client_id);
    Error *more = check_topics(req->arena, form);
    error_chain(&err, more);
    return err;
}

/* ---- topics ---- */

static void drop_arena(void *arg)
{
    WantedTopic *wanted = arg;
    arena_destroy(wanted->arena); /* unless a hub has taken it over */
}

static Error *parse_options(void *arg)
{
    WantedTopic *wanted = arg;
    TopicOptions *options = arena_new(wanted->arena, TopicOptions, 1);
    topic_parse(wanted->arena, arena_copy(wanted->arena, wanted->text), options);
    wanted->options = options;
    return NULL;
}

/* A line break in an event's name would end it, and nothing can listen to such
 * a name: these topics are as good as empty ones. */
static bool is_sendable(Str topic)
{
    return topic.len > 0 && str_find_char(topic, '\n') < 0 && str_find_char(topic, '\r') < 0;
}

static Error *prepare_topics(Req *req, Form *form)
{
    size_t kept = 0;
    for (size_t i = 0; i < form->count; i++) {
        if (!is_sendable(form->topics[i].text)) continue;
        WantedTopic *wanted = &form->topics[kept++];
        *wanted = (WantedTopic){.text = form->topics[i].text};
        if (topic_head(wanted->text).len == wanted->text.len) continue;
        wanted->arena = arena_create_sized("realtime topic", TOPIC_ARENA, 512);
        arena_defer(req->arena, drop_arena, wanted);
        Error *err = arena_protect(wanted->arena, parse_options, wanted);
        if (err) return error_status(req->arena, 400);
    }
    form->count = kept;
    return NULL;
}

/* ---- the caller ---- */

typedef struct {
    const Collection *c;
    Str id;
    Record *record; /* NULL: gone */
} FindCaller;

static Error *find_caller_work(Tx *tx, void *arg)
{
    FindCaller *find = arg;
    find->record = NULL;
    Error *err = record_find(tx, find->c, find->id, &find->record);
    return err && err->status == 404 ? NULL : err;
}

/* The caller's record as it is now: its key decides for how long the stream is
 * his. A token that ended since the request began makes him a guest. */
static Error *find_caller(Req *req, SubscribeCall *call)
{
    const Context *cx = req_context(req);
    Json *claims;
    if (!cx->auth) return NULL;
    FindCaller find = {.c = cx->auth->collection, .id = cx->auth->id};
    Error *err = db_read(cx->app->db, req->arena, find_caller_work, &find);
    if (err || !find.record) return err;
    Str secret = find.c->auth.tokens[TOKEN_AUTH].secret;
    if (token_verify(req->arena, cx->token, record_str(find.record, S("tokenKey")), secret,
                     &claims))
        return NULL;
    call->caller = find.record;
    call->secret = secret;
    double ends_unix = json_number(json_get(claims, S("exp")), 0);
    call->token_ends_ms = (int64_t)(MIN(ends_unix, TOKEN_ENDS_MAX) * 1000);
    return NULL;
}

static Error *outcome_error(Arena *a, SubscribeOutcome outcome)
{
    switch (outcome) {
    case SUBSCRIBED:
        return NULL;
    case SUBSCRIBE_NO_CLIENT:
        return error_new(a, 404, S("Missing or invalid client id."));
    case SUBSCRIBE_OTHER_IP:
        return error_new(a, 400, S("Invalid realtime client."));
    case SUBSCRIBE_OTHER_AUTH:
        return error_new(a, 403,
                         S("The current and the previous request authorization don't match."));
    case SUBSCRIBE_FULL:
        break;
    }
    return error_new(a, 503, S("Too many realtime subscriptions."));
}

/* An auth record that changed while its caller was being installed was told to
 * nobody here: looked up again, and told. */
static void recheck(Client *client, void *arg)
{
    hub_auth_changed(client->hub, arg);
}

static Error *check_caller_again(Req *req, const Form *form, const SubscribeCall *call)
{
    App *app = req_context(req)->app;
    FindCaller find = {.c = call->caller->collection, .id = record_id(call->caller)};
    Error *err = db_read(app->db, req->arena, find_caller_work, &find);
    if (err) return err;
    Pin *pin = broker_pin(app->realtime);
    Change *change = change_new(pin, find.record ? CHANGE_UPDATE : CHANGE_DELETE,
                                find.record ? find.record : call->caller);
    pin_release(pin);
    if (!change) return NULL; /* the collection is gone: hub_check_schema() knows */
    (void)broker_call(app->realtime, form->client_id, recheck, change); /* gone is fine */
    change_release(change);
    return NULL;
}

/* POST /api/realtime
 *
 *   body  {"clientId": "…", "subscriptions": ["posts/…", …]}, JSON or form: the
 *         list takes the place of the one before, the caller that of his
 *   204
 *   400   clientId missing; more than 1000 topics, one of more than 2500 bytes;
 *         another address than that of the stream
 *   403   the stream belongs to another caller
 *   404   no such stream
 *   503   subscriptions have outgrown their memory
 */
static Error *handle_subscribe(Req *req, Res *res)
{
    App *app = req_context(req)->app;
    uint64_t auth_version = atomic_load(&app->auth_version);
    Form form;
    Error *err = form_read(req, &form);
    if (err) return err;
    err = prepare_topics(req, &form);
    if (err) return err;

    SubscribeCall call = {.ip = req_context(req)->real_ip,
                          .topics = form.topics,
                          .count = form.count,
                          .outcome = SUBSCRIBE_NO_CLIENT};
    err = find_caller(req, &call);
    if (err) return err;
    (void)broker_call(app->realtime, form.client_id, hub_subscribe, &call); /* outcome tells */
    err = outcome_error(req->arena, call.outcome);
    if (err) return err;
    if (call.caller && atomic_load(&app->auth_version) != auth_version) {
        err = check_caller_again(req, &form, &call);
        if (err) return err;
    }
    return res_empty(res, 204);
}

const Route realtime_routes[] = {
    {"GET", "/api/realtime", handle_connect},
    {"POST", "/api/realtime", handle_subscribe},
};
const size_t realtime_route_count = COUNT(realtime_routes);
