/* login.c - POST auth-with-oauth2: a provider's code for a session of ours. */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define PROVIDER_NAME_MAX 100

typedef struct {
    Str provider, code, verifier, redirect_url;
    const Json *create_data;
} LoginInput;

static Error *loading_failed(Arena *a)
{
    return error_new(a, 400, S("An error occurred while loading the submitted data."));
}

static Error *provider_fault(Arena *a, const Collection *c, Str name, ProviderConfig *config)
{
    if (name.len == 0) return error_required(a, S("provider"));
    Json *params = json_new_object(a);
    if (name.len > PROVIDER_NAME_MAX) {
        json_set_number(a, params, S("max"), PROVIDER_NAME_MAX);
        json_set_number(a, params, S("min"), 0);
        return error_field_params(a, S("provider"), "validation_length_too_long",
                                  S("The length must be no more than 100."), params);
    }
    if (provider_config_find(a, c, name, config)) return NULL;
    json_set_str(a, params, S("name"), name);
    return error_field_params(
        a, S("provider"), "validation_invalid_provider",
        str_printf(a, "Provider with name %.*s is missing or is not enabled.", STR_ARG(name)),
        params);
}

static Error *input_read(Req *req, Body *body, LoginInput *in)
{
    Arena *a = req->arena;
    Error *err = auth_body(req, body);
    if (!err) err = body_text(req, body, S("provider"), &in->provider);
    if (!err) err = body_text(req, body, S("code"), &in->code);
    if (!err) err = body_text(req, body, S("codeVerifier"), &in->verifier);
    if (!err) err = body_text(req, body, S("redirectURL"), &in->redirect_url);
    if (!err && in->redirect_url.len == 0)
        err = body_text(req, body, S("redirectUrl"), &in->redirect_url);
    if (err) return err;
    in->create_data = json_get(body->data, S("createData"));
    if (!in->create_data || in->create_data->type == JSON_NULL)
        in->create_data = json_new_object(a);
    return json_is(in->create_data, JSON_OBJECT) ? NULL : loading_failed(a);
}

static Error *input_check(Arena *a, const Collection *c, const LoginInput *in,
                          ProviderConfig *config)
{
    Error *faults = provider_fault(a, c, in->provider, config);
    if (in->code.len == 0) error_chain(&faults, error_required(a, S("code")));
    if (!faults) return NULL;
    return error_summary(faults, S("An error occurred while loading the submitted data."));
}

/* What went wrong with the provider is for the owner; a server that is stopping
 * or out of memory says so itself. */
static Error *exchange_failed(Exchange *x, Error *err, Str said)
{
    if (err->status == 500 || err->status == 503) return err;
    log_warn("oauth2", "exchange failed", LOG_STR("provider", x->config.name),
             LOG_STR("cause", err->cause.len ? err->cause : err->message));
    return error_new(x->a, 400, said);
}

static Error *profile_exchange(Exchange *x, const LoginInput *in, Profile *profile)
{
    Error *err = token_fetch(x, in->code, in->verifier, in->redirect_url);
    if (err) return exchange_failed(x, err, S("Failed to fetch OAuth2 token."));
    err = profile_fetch(x, profile);
    if (err) return exchange_failed(x, err, S("Failed to fetch OAuth2 user."));
    if (profile->name.len == 0) profile->name = state_name_take(x->app->oauth2, x->a, in->code);
    return NULL;
}

static Json *meta_json(Arena *a, const Exchange *x, const Profile *p, bool is_new)
{
    Json *meta = json_new_object(a);
    json_set_str(a, meta, S("id"), p->id);
    json_set_str(a, meta, S("name"), p->name);
    json_set_str(a, meta, S("username"), p->username);
    json_set_str(a, meta, S("email"), p->email);
    json_set_str(a, meta, S("avatarURL"), p->avatar_url);
    json_set_str(a, meta, S("avatarUrl"), p->avatar_url);
    json_set(a, meta, S("rawUser"), p->raw);
    json_set_str(a, meta, S("accessToken"), x->token.access);
    json_set_str(a, meta, S("refreshToken"), x->token.refresh);
    json_set_str(a, meta, S("expiry"),
                 x->token.expires_ms ? datetime_format(a, x->token.expires_ms) : S(""));
    json_set_bool(a, meta, S("isNew"), is_new);
    return meta;
}

/* ---- POST /api/collections/{collection}/auth-with-oauth2
 *
 *   body  {"provider", "code", "codeVerifier", "redirectURL", "createData"}
 *   200   {"record", "token", "meta"}, or 401 {"mfaId"}
 *   400   data.provider, data.code; the provider refused; the record cannot be made
 *   403   sign-in by OAuth2 is off, nobody may register, or authRule says no
 */
Error *handle_auth_with_oauth2(Req *req, Res *res)
{
    Context *cx = req_context(req);
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    if (!c->auth.oauth2_enabled)
        return error_new(a, 403,
                         S("The collection is not configured to allow OAuth2 authentication."));
    Body body;
    LoginInput in = {0};
    Exchange x = {.app = cx->app, .a = a, .deadline_ms = clock_mono_ms() + EXCHANGE_MS};
    err = input_read(req, &body, &in);
    if (err) return err;
    err = input_check(a, c, &in, &x.config);
    if (err) return err;
    Profile profile;
    err = profile_exchange(&x, &in, &profile);
    if (err) return err;

    cx->info.context = S("oauth2");
    cx->info.body = body.data;
    Account account = {.req = req,
                       .c = c,
                       .externals = schema_find(cx->schema, S("_externalAuths")),
                       .provider = in.provider,
                       .profile = &profile,
                       .create_data = in.create_data};
    if (!account.externals) return error_status(a, 500);
    err = account_resolve(&account);
    if (err) return err;
    Json *meta = meta_json(a, &x, &profile, account.is_new);
    return auth_respond(req, res,
                        &(SignIn){.record = account.record, .method = S("oauth2"), .meta = meta});
}
