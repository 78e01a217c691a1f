/* sessions.c - what follows once it is known who signs in: the standard auth
 * response (api: auth §3), refresh, impersonation.
 *
 * Each route's order of refusals is the contract's: unknown collection, then
 * the rate limit (before the handler), then the guard, then the type.
 */
#include "auth/auth_internal.h"

#include "base/log.h"

Error *auth_route_collection(Req *req, const Collection **out)
{
    return req_collection(req, S("Missing or invalid collection context."), out);
}

Error *auth_collection_check(Req *req, const Collection *c)
{
    if (c->type == COLLECTION_AUTH) return NULL;
    return error_new(req->arena, 404, S("Missing or invalid auth collection context."));
}

Error *auth_route_open(Req *req, const Collection **out)
{
    const Collection *c;
    Error *err = auth_route_collection(req, &c);
    if (err) return err;
    *out = c;
    return auth_collection_check(req, c);
}

/* ---- the standard response ---- */

typedef struct {
    const Context *cx;
    Record *record;
    const ExpandNode *expand;
    RequestInfo self; /* the request as the new caller would make it */
    bool allowed;
} RespondWork;

/* Nothing to look up: no rule, or a superuser signs somebody in. */
static bool rule_is_open(const RespondWork *w)
{
    const Rule *rule = &w->record->collection->rules[RULE_AUTH];
    return context_is_superuser(w->cx) || (!rule->is_null && rule->text.len == 0);
}

static Error *rule_and_expand(Tx *tx, void *arg)
{
    RespondWork *w = arg;
    const Record *r = w->record;
    w->record->expand = NULL;
    w->allowed = rule_is_open(w);
    if (!w->allowed && !r->collection->rules[RULE_AUTH].is_null) {
        const Filter *filter = rule_filter(r->collection, RULE_AUTH);
        if (filter) {
            Error *err = rule_matches_row(tx, w->cx->schema, r->collection, filter, record_id(r),
                                          &w->cx->info, &w->allowed);
            if (err) return err;
        }
    }
    if (!w->allowed || !w->expand) return NULL;
    return records_expand(tx, w->cx->schema, &w->record, 1, w->expand, &w->self);
}

/* authRule and `expand` in one read; `self` becomes the new caller. */
static Error *rule_check_and_expand(Req *req, Record *r, const AuthInfo *self)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    RespondWork work = {.cx = cx, .record = r, .self = cx->info};
    work.self.auth = self;
    work.self.context = S("default");
    Str expand = req_query(req, S("expand"));
    if (expand.len) work.expand = expand_parse(a, expand);
    if (rule_is_open(&work) && !work.expand) return NULL;
    Error *err = db_read(cx->app->db, a, rule_and_expand, &work);
    if (err || work.allowed) return err;
    log_warn("auth", "sign-in refused by rule", LOG_STR("collection", self->collection_name),
             LOG_STR("id", self->id), LOG_STR("ip", cx->real_ip));
    return error_new(a, 403,
                     S("The request doesn't satisfy the collection requirements to authenticate."));
}

static Error *answer_write(Res *res, Arena *a, const SignIn *in, const AuthInfo *self)
{
    Record *r = in->record;
    Str token = in->token.len ? in->token : auth_token_new(a, r, TOKEN_AUTH, 0, true);
    r->email_shown = true;
    Buf out = buf_new(a, 1024);
    buf_char(&out, '{');
    if (in->meta) {
        buf_add(&out, S("\"meta\":"));
        json_write(&out, in->meta);
        buf_char(&out, ',');
    }
    buf_add(&out, S("\"record\":"));
    record_write_json(&out, r, self);
    buf_add(&out, S(",\"token\":"));
    json_write_string(&out, token);
    buf_add(&out, S("}\n"));
    return res_json_text(res, 200, buf_str(&out));
}

Error *auth_respond(Req *req, Res *res, const SignIn *in)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    AuthInfo *self = auth_info_of(a, in->record);

    if (self->is_superuser && superuser_ip_refused(cx->settings, cx->real_ip)) {
        log_warn("auth", "superuser sign-in refused by address", LOG_STR("id", self->id),
                 LOG_STR("ip", cx->real_ip));
        return error_status(a, 403);
    }
    if (in->method.len) cx->info.context = in->method;
    Error *err = rule_check_and_expand(req, in->record, self);
    if (err || in->method.len == 0) return err ? err : answer_write(res, a, in, self);

    bool answered = false;
    err = mfa_check(req, res, in->record, in->method, &answered);
    if (err || answered) return err;
    log_info("auth", "signed in", LOG_STR("collection", self->collection_name),
             LOG_STR("id", self->id), LOG_STR("method", in->method), LOG_STR("ip", cx->real_ip));
    err = origin_note(req, in->record);
    if (err) /* no reason to refuse who has proven to be it */
        log_warn("auth", "alert of a sign-in from a new place failed", LOG_STR("id", self->id),
                 LOG_STR("cause", err->cause.len ? err->cause : err->message));
    return answer_write(res, a, in, self);
}

/* ---- POST /api/collections/{collection}/auth-refresh
 *
 *   200   {"record", "token"}: a fresh token, or the same one when it is not
 *         refreshable (impersonation)
 *   401   no valid token
 *   403   a token of another collection
 */
Error *handle_auth_refresh(Req *req, Res *res)
{
    const Collection *c;
    Error *err = auth_route_collection(req, &c);
    if (err) return err;
    err = require_same_collection_auth(req, c);
    if (err) return err;
    err = auth_collection_check(req, c);
    if (err) return err;

    Context *cx = req_context(req);
    SignIn in = {.token = cx->token_refreshable ? S("") : cx->token};
    err = auth_record_find(cx->app, req->arena, c, cx->auth->id, &in.record);
    if (err) return err;
    return auth_respond(req, res, &in);
}

/* A whole number of seconds, 0 when absent. */
static Error *duration_read(Req *req, const Body *body, int64_t *out)
{
    Arena *a = req->arena;
    const Json *value = json_get(body->data, S("duration"));
    double seconds = 0;
    if (json_is(value, JSON_NUMBER))
        seconds = value->number;
    else if (value && value->type != JSON_NULL && !(body->is_form && json_is(value, JSON_STRING)))
        return error_new(a, 400, S("An error occurred while loading the submitted data."));

    if (seconds < 0) {
        Json *params = json_new_object(a);
        json_set_number(a, params, S("threshold"), 0);
        return error_summary(error_field_params(a, S("duration"),
                                                "validation_min_greater_equal_than_required",
                                                S("Must be no less than 0."), params),
                             S("An error occurred while validating the submitted data."));
    }
    if (seconds > 94670856) seconds = 94670856; /* three years, as for stored durations */
    *out = (int64_t)seconds;
    return NULL;
}

/* ---- POST /api/collections/{collection}/impersonate/{id}
 *
 *   body  {"duration": seconds}, optional
 *   200   {"record", "token"}: a token that cannot be refreshed
 *   401, 403   not a superuser
 *   404   no such record
 */
Error *handle_impersonate(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    const Collection *c;
    err = req_collection(req, S("Missing or invalid auth collection context."), &c);
    if (err) return err;
    err = auth_collection_check(req, c);
    if (err) return err;

    Context *cx = req_context(req);
    Record *r;
    err = auth_record_find(cx->app, req->arena, c, req_param(req, "id"), &r);
    if (err) return err;
    Body body;
    err = auth_body(req, &body);
    if (err) return err;
    int64_t duration_s = 0;
    err = duration_read(req, &body, &duration_s);
    if (err) return err;

    log_info("auth", "impersonation", LOG_STR("superuser", cx->auth->id),
             LOG_STR("collection", c->name), LOG_STR("id", record_id(r)),
             LOG_STR("ip", cx->real_ip));
    Str token = auth_token_new(req->arena, r, TOKEN_AUTH, duration_s, false);
    return auth_respond(req, res, &(SignIn){.record = r, .token = token});
}
