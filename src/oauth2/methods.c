/* methods.c - what a collection's sign-in page may offer (api: auth §4.1). */
#include "oauth2/oauth2_internal.h"

#include "base/encoding.h"
#include "base/random.h"

#define STATE_LETTERS    30
#define VERIFIER_LETTERS 43 /* the fewest that RFC 7636 allows: 256 bits */

/* As HTML forms encode: blanks become '+'. */
static void param(Buf *url, const char *name, Str value)
{
    if (value.len == 0) return;
    buf_printf(url, "%s=", name);
    Str encoded = percent_encode(url->arena, value);
    for (size_t i = 0; i < encoded.len; i++) {
        bool blank = str_starts(str_from_pos(encoded, i), S("%20"));
        buf_char(url, blank ? '+' : encoded.ptr[i]);
        if (blank) i += 2;
    }
    buf_char(url, '&');
}

/* Ends in "&redirect_uri=", because clients append theirs. Parameters in order
 * of their names. */
static Str auth_url(Arena *a, const ProviderConfig *c, Str state, Str challenge)
{
    Buf url = buf_new(a, 512);
    buf_add(&url, c->auth_url);
    buf_char(&url, str_find_char(c->auth_url, '?') >= 0 ? '&' : '?');
    param(&url, "client_id", c->client_id);
    param(&url, "code_challenge", challenge);
    if (challenge.len) param(&url, "code_challenge_method", S("S256"));
    /* Apple sends e-mail and name only by POST. */
    if (str_eq(c->name, S("apple"))) param(&url, "response_mode", S("form_post"));
    param(&url, "response_type", S("code"));
    param(&url, "scope", c->scopes);
    param(&url, "state", state);
    buf_add(&url, S("redirect_uri="));
    return buf_str(&url);
}

static Str challenge_of(Arena *a, Str verifier)
{
    uint8_t digest[32];
    sha256(verifier, digest);
    return base64url_encode(a, str_make((const char *)digest, sizeof(digest)));
}

static Json *provider_json(Arena *a, const ProviderConfig *c, Str logo)
{
    Str state = random_text(a, STATE_LETTERS, ALPHABET_SECRET);
    Str verifier = c->pkce ? random_text(a, VERIFIER_LETTERS, ALPHABET_SECRET) : S("");
    Str challenge = c->pkce ? challenge_of(a, verifier) : S("");
    Str url = auth_url(a, c, state, challenge);
    Json *json = json_new_object(a);
    json_set_str(a, json, S("name"), c->name);
    json_set_str(a, json, S("displayName"), c->display_name);
    json_set_str(a, json, S("logo"), logo);
    json_set_str(a, json, S("state"), state);
    json_set_str(a, json, S("authURL"), url);
    json_set_str(a, json, S("authUrl"), url);
    json_set_str(a, json, S("codeVerifier"), verifier);
    json_set_str(a, json, S("codeChallenge"), challenge);
    json_set_str(a, json, S("codeChallengeMethod"), c->pkce ? S("S256") : S(""));
    return json;
}

/* *legacy gets the same without logos, as clients of old want it. */
static Json *providers_json(Arena *a, const Collection *c, Json **legacy)
{
    Json *list = json_new_array(a);
    *legacy = json_new_array(a);
    const Json *items = json_get(json_get(c->options, S("oauth2")), S("providers"));
    for (size_t i = 0; i < json_count(items); i++) {
        ProviderConfig config;
        if (!provider_config_read(a, json_at(items, i), &config)) continue;
        Json *json = provider_json(a, &config, oauth2_provider_logo(a, config.display_name));
        json_push(a, list, json);
        Json *old = json_copy(a, json);
        json_set_str(a, old, S("logo"), S(""));
        json_push(a, *legacy, old);
    }
    return list;
}

static Json *method_json(Arena *a, bool enabled, int64_t duration_s)
{
    Json *method = json_new_object(a);
    json_set_bool(a, method, S("enabled"), enabled);
    json_set_number(a, method, S("duration"), enabled ? (double)duration_s : 0);
    return method;
}

static Json *password_json(Arena *a, const AuthOptions *auth)
{
    Json *fields = json_new_array(a);
    for (size_t i = 0; auth->password_enabled && i < auth->identity_field_count; i++)
        json_push(a, fields, json_new_string(a, auth->identity_fields[i]));
    Json *password = json_new_object(a);
    json_set(a, password, S("identityFields"), fields);
    json_set_bool(a, password, S("enabled"), auth->password_enabled);
    return password;
}

static bool has_identity_field(const AuthOptions *auth, Str name)
{
    for (size_t i = 0; i < auth->identity_field_count; i++) {
        if (str_eq(auth->identity_fields[i], name)) return auth->password_enabled;
    }
    return false;
}

/* ---- GET /api/collections/{collection}/auth-methods
 *
 *   200   what is switched on; each provider with a fresh state and PKCE pair,
 *         which the client keeps and compares: nothing of it is stored here
 */
Error *handle_auth_methods(Req *req, Res *res)
{
    Arena *a = req->arena;
    const Collection *c;
    Error *err = auth_route_open(req, &c);
    if (err) return err;
    const AuthOptions *auth = &c->auth;

    Json *legacy = json_new_null(a);
    Json *oauth2 = json_new_object(a);
    json_set(a, oauth2, S("providers"),
             auth->oauth2_enabled ? providers_json(a, c, &legacy) : json_new_array(a));
    json_set_bool(a, oauth2, S("enabled"), auth->oauth2_enabled);

    Json *all = json_new_object(a);
    json_set(a, all, S("password"), password_json(a, auth));
    json_set(a, all, S("oauth2"), oauth2);
    json_set(a, all, S("mfa"), method_json(a, auth->mfa_enabled, auth->mfa_duration_s));
    json_set(a, all, S("otp"), method_json(a, auth->otp_enabled, auth->otp_duration_s));
    json_set(a, all, S("authProviders"), legacy);
    json_set_bool(a, all, S("usernamePassword"), has_identity_field(auth, S("username")));
    json_set_bool(a, all, S("emailPassword"), has_identity_field(auth, S("email")));
    return res_json(res, 200, all);
}
