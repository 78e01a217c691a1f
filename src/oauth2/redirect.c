/* redirect.c - where providers send the visitor back to (api: auth §5.1).
 *
 * The page that began the sign-in waits at its realtime connection, whose id it
 * gave as `state`. Only it gets the code, and only when the visitor comes from
 * the address that the connection came from.
 */
#include "oauth2/oauth2_internal.h"

#include "realtime/realtime.h"

#define BODY_BYTES_MAX (256u << 10)

typedef struct {
    Str state, code, error, user;
} Redirect;

static Str form_text(Req *req, const Body *body, Str key)
{
    Str text;
    Error *err = body_text(req, body, key, &text);
    return err ? S("") : text;
}

static void redirect_read(Req *req, Redirect *out)
{
    *out = (Redirect){0};
    if (req->method == HTTP_GET) {
        *out = (Redirect){req_query(req, S("state")), req_query(req, S("code")),
                          req_query(req, S("error")), req_query(req, S("user"))};
        return;
    }
    Body body;
    Error *err = req_body(req, BODY_BYTES_MAX, &body);
    if (err) return; /* an empty state fails like any other */
    *out = (Redirect){form_text(req, &body, S("state")), form_text(req, &body, S("code")),
                      form_text(req, &body, S("error")), form_text(req, &body, S("user"))};
}

/* Apple's {"name": {"firstName", "lastName"}}. */
static void name_keep(Req *req, const Redirect *r)
{
    Arena *a = req->arena;
    Json *user;
    if (r->user.len == 0 || r->code.len == 0) return;
    Error *err = json_parse(a, r->user, &(JsonLimits){.depth = 8, .nodes = 100}, &user);
    if (err) return;
    Str first = json_str(json_path(user, "name.firstName"), S(""));
    Str last = json_str(json_path(user, "name.lastName"), S(""));
    state_name_put(req_context(req)->app->oauth2, r->code,
                   str_trim(str_printf(a, "%.*s %.*s", STR_ARG(first), STR_ARG(last))));
}

static bool page_tell(Req *req, const Redirect *r)
{
    Context *cx = req_context(req);
    Json *data = json_new_object(req->arena);
    json_set_str(req->arena, data, S("state"), r->state);
    json_set_str(req->arena, data, S("code"), r->code);
    if (r->error.len) json_set_str(req->arena, data, S("error"), r->error);
    RealtimeMessage message = {.client_id = r->state,
                               .ip = cx->real_ip,
                               .topic = S("@oauth2"),
                               .data = json_format(req->arena, data),
                               .drop_topic = true};
    return r->state.len && realtime_send(cx->app, &message) == REALTIME_SENT;
}

/* ---- GET, POST /api/oauth2-redirect?state=…&code=…
 *
 *   307, 303   to the page that says how it went
 */
Error *handle_oauth2_redirect(Req *req, Res *res)
{
    Redirect r;
    redirect_read(req, &r);
    name_keep(req, &r);
    bool told = page_tell(req, &r);
    bool good = told && r.error.len == 0 && r.code.len;
    /* The address of this page holds the code. */
    res_header(res, S("Referrer-Policy"), S("no-referrer"));
    res_header(res, S("Cache-Control"), S("no-store"));
    return res_redirect(res, req->method == HTTP_GET ? 307 : 303,
                        good ? S("../_/#/auth/oauth2-redirect-success")
                             : S("../_/#/auth/oauth2-redirect-failure"));
}
