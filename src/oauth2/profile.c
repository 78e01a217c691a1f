/* profile.c - a provider's answer to "who is that?" as a Profile. */
#include "oauth2/oauth2_internal.h"

#include "schema/options.h"

#define APPLE_KEYS S("https://appleid.apple.com/auth/keys")

/* ---- reading JSON by path ---- */

Json *json_path(const Json *value, const char *path)
{
    if (!path) return NULL;
    Str rest = str_from(path);
    while (rest.ptr && value) {
        Str step = str_split(&rest, '.');
        uint64_t index;
        if (json_is(value, JSON_ARRAY))
            value = str_to_u64(step, &index) ? json_at(value, (size_t)index) : NULL;
        else
            value = json_get(value, step);
    }
    return (Json *)value;
}

Str json_text(Arena *a, const Json *value)
{
    if (!value) return S("");
    switch (value->type) {
    case JSON_STRING:
        return value->string;
    case JSON_NUMBER:
    case JSON_BOOL:
        return json_format(a, value);
    default:
        return S("");
    }
}

bool json_truthy(const Json *value)
{
    if (!value) return false;
    if (value->type == JSON_BOOL) return value->boolean;
    if (value->type == JSON_NUMBER) return value->number == 1;
    Str text = json_str(value, S(""));
    return str_eq(text, S("true")) || str_eq(text, S("1"));
}

/* ---- mapping ---- */

static Str email_of(Arena *a, const Provider *def, const Json *user)
{
    for (size_t i = 0; i < COUNT(def->email_flags); i++) {
        if (def->email_flags[i] && !json_truthy(json_path(user, def->email_flags[i]))) return S("");
    }
    return json_text(a, json_path(user, def->email));
}

/* Texts and whole numbers. What others could have too is none: a number that JSON
 * rounds, or true. */
static Str id_of(Arena *a, const Json *value)
{
    int64_t whole;
    return json_is(value, JSON_STRING) || json_whole(value, &whole) ? json_text(a, value) : S("");
}

static Error *refuse(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 502), "user: %s", why);
}

Error *profile_map(Exchange *x, Json *user, Profile *out)
{
    Arena *a = x->a;
    const Provider *def = x->config.def;
    if (!json_is(user, JSON_OBJECT)) return refuse(a, "not an object");
    if (def->active.path &&
        !str_eq(json_text(a, json_path(user, def->active.path)), str_from(def->active.value)))
        return refuse(a, "the account is not active");
    *out = (Profile){
        .id = id_of(a, json_path(user, def->id)),
        .name = json_text(a, json_path(user, def->full_name)),
        .username = json_text(a, json_path(user, def->username)),
        .email = email_of(a, def, user),
        .avatar_url = json_text(a, json_path(user, def->avatar)),
        .raw = user,
    };
    if (def->adjust) def->adjust(a, x, user, out);
    return NULL;
}

/* ---- asking ---- */

static Error *user_by_url(Exchange *x, Json **user)
{
    int status;
    Error *err = provider_ask(x, x->config.user_url, x->config.def->graphql, &status, user);
    if (err || *user) return err;
    return error_cause(x->a, error_status(x->a, 502), "user: status %d", status);
}

static Error *user_by_id_token(Exchange *x, Json **user)
{
    const Json *extra = x->config.extra;
    IdTokenRules rules = {.jwks_url = json_str(json_get(extra, S("jwksURL")), S("")),
                          .issuers = json_get(extra, S("issuers"))};
    if (str_eq(x->config.name, S("apple"))) {
        Json *issuers = json_new_array(x->a);
        json_push(x->a, issuers, json_new_string(x->a, S("https://appleid.apple.com")));
        rules = (IdTokenRules){.jwks_url = APPLE_KEYS, .issuers = issuers, .needs_expiry = true};
    }
    return id_token_claims(x, &rules, user);
}

Error *profile_fetch(Exchange *x, Profile *out)
{
    Json *user;
    bool by_token = x->config.def->by_id_token && x->config.user_url.len == 0;
    Error *err = by_token ? user_by_id_token(x, &user) : user_by_url(x, &user);
    if (err) return err;
    err = profile_map(x, user, out);
    if (err) return err;
    if (x->config.def->ask_more) err = x->config.def->ask_more(x, out);
    if (err) return err;
    if (out->id.len == 0) return refuse(x->a, "no id"); /* or all of these would be one account */
    if (out->email.len && !text_is_email(out->email)) out->email = S("");
    return NULL;
}
