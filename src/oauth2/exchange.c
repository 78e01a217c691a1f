/* exchange.c - talking to a provider: the code for tokens, the token for data.
 *
 * RFC 6749 lets a client name itself in two ways: HTTP Basic, or in the form.
 * Providers take one or the other, so the first is tried, then the second, and
 * what worked is remembered.
 */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"

#define REPLY_BYTES_MAX (1u << 20)
#define REPLY_NODES_MAX 100000
#define HEADERS_MAX     8

static Error *refuse(Arena *a, const char *what, Str why)
{
    return error_cause(a, error_status(a, 502), "%s: %.*s", what, STR_ARG(why));
}

/* Only what is left of the time for all requests together. */
static Error *timed_fetch(Exchange *x, FetchRequest *request, FetchResponse *out)
{
    uint64_t now_ms = clock_mono_ms();
    if (now_ms >= x->deadline_ms) return refuse(x->a, "provider", S("too slow"));
    request->timeout_ms = (uint32_t)(x->deadline_ms - now_ms);
    request->max_bytes = REPLY_BYTES_MAX;
    return http_fetch(x->app->outgoing, x->a, request, out);
}

static Error *reply_json(Arena *a, Str body, Json **out)
{
    JsonLimits limits = {.depth = 32, .nodes = REPLY_NODES_MAX};
    Error *err = json_parse(a, body, &limits, out);
    return err ? refuse(a, "provider", S("the reply is not JSON")) : NULL;
}

/* ---- tokens ---- */

/* application/x-www-form-urlencoded as an object of texts. */
static Json *form_read(Arena *a, Str body)
{
    Json *out = json_new_object(a);
    while (body.ptr) {
        Str value = str_split(&body, '&');
        Str name = str_split(&value, '=');
        if (json_count(out) < 100 && percent_decode(a, name, true, &name) &&
            percent_decode(a, value.ptr ? value : S(""), true, &value))
            json_set_str(a, out, name, value);
    }
    return out;
}

static int64_t expiry_of(Arena *a, const Json *reply, int64_t now_ms)
{
    double seconds = 0;
    if (!str_to_double(json_text(a, json_get(reply, S("expires_in"))), &seconds)) return 0;
    if (!(seconds > 0)) return 0;
    return now_ms + (int64_t)MIN(seconds, 1e10) * 1000;
}

Error *token_read(Arena *a, Str content_type, Str body, int64_t now_ms, ProviderToken *out)
{
    Json *reply;
    bool is_form = str_starts_nocase(content_type, S("application/x-www-form-urlencoded")) ||
                   str_starts_nocase(content_type, S("text/plain"));
    Str start = str_trim(body);
    if (is_form && !str_starts(start, S("{"))) {
        reply = form_read(a, start);
    } else {
        Error *err = reply_json(a, body, &reply);
        if (err) return err;
    }
    Str failed = json_text(a, json_get(reply, S("error")));
    if (failed.len) return refuse(a, "token", failed);
    ProviderToken token = {
        .access = json_text(a, json_get(reply, S("access_token"))),
        .refresh = json_text(a, json_get(reply, S("refresh_token"))),
        .id = json_text(a, json_get(reply, S("id_token"))),
        .expires_ms = expiry_of(a, reply, now_ms),
        .json = reply,
    };
    if (token.access.len == 0) return refuse(a, "token", S("none in the reply"));
    *out = token;
    return NULL;
}

static void form_add(Buf *form, Str name, Str value)
{
    if (form->len) buf_char(form, '&');
    buf_add(form, name);
    buf_char(form, '=');
    buf_add(form, percent_encode(form->arena, value));
}

static Str basic_header(Arena *a, const ProviderConfig *c)
{
    Str pair = str_printf(a, "%.*s:%.*s", STR_ARG(percent_encode(a, c->client_id)),
                          STR_ARG(percent_encode(a, c->client_secret)));
    return str_concat(a, S("Basic "), base64_encode(a, pair));
}

typedef struct {
    Str code, verifier, redirect_url;
} Grant;

static Error *token_try(Exchange *x, const Grant *grant, bool in_form)
{
    Arena *a = x->a;
    const ProviderConfig *c = &x->config;
    Buf form = buf_new(a, 512);
    form_add(&form, S("grant_type"), S("authorization_code"));
    form_add(&form, S("code"), grant->code);
    if (grant->redirect_url.len) form_add(&form, S("redirect_uri"), grant->redirect_url);
    if (c->pkce) form_add(&form, S("code_verifier"), grant->verifier);
    if (in_form) {
        form_add(&form, S("client_id"), c->client_id);
        form_add(&form, S("client_secret"), c->client_secret);
    }
    const FetchHeader headers[] = {
        {S("Content-Type"), S("application/x-www-form-urlencoded")},
        {S("Accept"), S("application/json")},
        {S("Authorization"), basic_header(a, c)},
    };
    FetchRequest request = {.method = "POST",
                            .url = c->token_url,
                            .headers = headers,
                            .header_count = in_form ? 2 : 3,
                            .body = buf_str(&form)};
    FetchResponse reply;
    Error *err = timed_fetch(x, &request, &reply);
    if (err) return err;
    if (reply.status < 200 || reply.status > 299)
        return refuse(
            a, "token",
            str_printf(a, "status %d %.*s", reply.status, STR_ARG(str_sub(reply.body, 0, 200))));
    return token_read(a, fetch_header(&reply, S("content-type")), reply.body, clock_wall_ms(),
                      &x->token);
}

Error *token_fetch(Exchange *x, Str code, Str verifier, Str redirect_url)
{
    const ProviderConfig *c = &x->config;
    Grant grant = {code, verifier, redirect_url};
    bool known, in_form = state_style_in_form(x->app->oauth2, c->token_url, c->client_id, &known);
    Error *err = token_try(x, &grant, in_form);
    if (err && !known) {
        log_debug("oauth2", "trying the other way to name the client", LOG_STR("why", err->cause));
        in_form = !in_form;
        err = token_try(x, &grant, in_form);
    }
    if (!err) state_style_remember(x->app->oauth2, c->token_url, c->client_id, in_form);
    return err;
}

/* ---- data ---- */

static Str header_value(const ProviderConfig *c, const char *value)
{
    return strcmp(value, "{clientId}") == 0 ? c->client_id : str_from(value);
}

Error *provider_ask(Exchange *x, Str url, const char *graphql, int *status, Json **out)
{
    Arena *a = x->a;
    const Provider *def = x->config.def;
    FetchHeader headers[HEADERS_MAX] = {
        {S("Authorization"), str_concat(a, S("Bearer "), x->token.access)},
        {S("Accept"), S("application/json")},
        {S("User-Agent"), S("croft")},
    };
    size_t count = 3;
    for (size_t i = 0; i < COUNT(def->headers); i++) {
        if (!def->headers[i].name) continue;
        headers[count++] = (FetchHeader){str_from(def->headers[i].name),
                                         header_value(&x->config, def->headers[i].value)};
    }
    FetchRequest request = {.url = url, .headers = headers};
    if (graphql) {
        Json *query = json_new_object(a);
        json_set_str(a, query, S("query"), str_from(graphql));
        headers[count++] = (FetchHeader){S("Content-Type"), S("application/json")};
        request.method = "POST";
        request.body = json_format(a, query);
    }
    request.header_count = count;
    FetchResponse reply;
    *out = NULL;
    *status = 0;
    Error *err = timed_fetch(x, &request, &reply);
    if (err) return err;
    *status = reply.status;
    return reply.status >= 200 && reply.status < 300 ? reply_json(a, reply.body, out) : NULL;
}

Error *public_json(Exchange *x, Str url, Json **out)
{
    const FetchHeader headers[] = {{S("Accept"), S("application/json")}};
    FetchRequest request = {.url = url, .headers = headers, .header_count = COUNT(headers)};
    FetchResponse reply;
    Error *err = timed_fetch(x, &request, &reply);
    if (err) return err;
    if (reply.status != 200)
        return refuse(x->a, "keys", str_printf(x->a, "status %d", reply.status));
    return reply_json(x->a, reply.body, out);
}
