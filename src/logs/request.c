/* request.c - the entry of a finished request: on its loop, after the answer, so
 * every nanosecond here is paid by all requests (docs/performance.md). */
#include "logs/logs_internal.h"

#include "base/clock.h"

#define DETAILS_ROOM ((size_t)256 << 10)

static bool is_quiet(const Req *req)
{
    const Route *route = req->route;
    if (!route) return true; /* a static file */
    Str path = str_from(route->path);
    return str_starts(path, S("/api/logs")) || str_starts(path, S("/_")) ||
           str_eq(path, S("/api/oauth2-redirect")) ||
           (str_eq(path, S("/api/realtime")) && req->method == HTTP_GET);
}

/* {"title": {"code", "message"}} of faults of fields; the reason of others. */
static Str details_of(Arena *a, const Error *err)
{
    if (arena_room(a) < DETAILS_ROOM) return S(""); /* it has outgrown its arena already */
    bool fields = false;
    for (const Error *e = err; e; e = e->next)
        fields |= e->field.len > 0;
    if (!fields && err->cause.len == 0) return S("");

    Buf out = buf_new(a, 512);
    if (fields)
        json_write(&out, json_get(error_to_json(a, err), S("data")));
    else
        json_write_string(&out, str_sub(err->cause, 0, ERROR_MAX));
    return out.len <= DETAILS_MAX ? buf_str(&out) : S("");
}

/* Settings as the request saw them. */
static const Settings *settings_of(const Logs *logs, Req *req)
{
    const Context *cx = req_context(req);
    if (cx && cx->settings) return cx->settings;
    return settings_hold(logs->app->settings, req->arena);
}

void logs_request(Logs *logs, Req *req, const Res *res, const Error *err)
{
    int status = res_status(res);
    bool failed = err || status >= 400;
    if (!failed && is_quiet(req)) return;
    const Settings *settings = settings_of(logs, req);
    int level = failed ? LEVEL_ERROR : LEVEL_INFO;
    if (settings->logs_max_days <= 0 || level < settings->logs_min_level) return;

    const Context *cx = req_context(req);
    const AuthInfo *auth = cx ? cx->auth : NULL;
    EntryHead head = {.wall_ms = clock_wall_ms(),
                      .exec_ns = clock_mono_ns() - req->started_ns,
                      .status = (int16_t)status,
                      .level = (int8_t)level,
                      .has_ip = settings->logs_ip,
                      .has_auth_id = settings->logs_auth_id && auth};
    Str parts[PART_COUNT] = {
        [PART_METHOD] = str_sub(req->method_text, 0, METHOD_MAX),
        [PART_TARGET] = str_sub(req->target, 0, URL_MAX + 1),
        [PART_REFERER] = str_sub(req_header(req, S("referer")), 0, HEADER_MAX + 1),
        [PART_AGENT] = str_sub(req_header(req, S("user-agent")), 0, HEADER_MAX + 1),
    };
    if (auth) parts[PART_AUTH] = auth->collection_name;
    if (head.has_auth_id) parts[PART_AUTH_ID] = auth->id;
    if (head.has_ip) {
        parts[PART_USER_IP] = cx && cx->real_ip.len ? cx->real_ip : req->remote_ip;
        parts[PART_REMOTE_IP] = req->remote_ip;
    }
    if (err) {
        parts[PART_ERROR] =
            str_sub(err->field.len && err->summary.len ? err->summary : err->message, 0, ERROR_MAX);
        parts[PART_DETAILS] = details_of(req->arena, err);
    }

    Loop *loop = loop_current();
    int index = loop ? loop_index(loop) : -1;
    if (index >= 0 && index < logs->config.loop_count)
        lane_put(logs, &logs->lanes[index], &head, parts);
    else
        lane_put_shared(logs, &head, parts);
}
