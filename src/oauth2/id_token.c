/* id_token.c - OpenID Connect's token about the user (api: auth §7.2).
 *
 * It came from the token URL, over TLS, so its signature is checked only when
 * the owner names the keys; who it is for and when it holds always.
 */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"

static Error *refuse(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 502), "id_token: %s", why);
}

static bool audience_has(const Json *audience, Str client_id)
{
    if (json_is(audience, JSON_STRING)) return str_eq(audience->string, client_id);
    if (!json_is(audience, JSON_ARRAY)) return false;
    for (size_t i = 0; i < json_count(audience); i++) {
        if (str_eq(json_str(json_at(audience, i), S("")), client_id)) return true;
    }
    return false;
}

Error *id_token_check(Arena *a, const Json *claims, const IdTokenRules *rules, Str client_id,
                      int64_t now_s, int64_t leeway_s)
{
    const Json *exp = json_get(claims, S("exp"));
    double now = (double)now_s, leeway = (double)leeway_s;
    if (!exp && rules->needs_expiry) return refuse(a, "no exp");
    if (exp && !(json_is(exp, JSON_NUMBER) && now < exp->number + leeway))
        return refuse(a, "expired");
    static const Str NOT_BEFORE[] = {STR_INIT("nbf"), STR_INIT("iat")};
    for (size_t i = 0; i < COUNT(NOT_BEFORE); i++) {
        const Json *from = json_get(claims, NOT_BEFORE[i]);
        if (from && !(json_is(from, JSON_NUMBER) && now >= from->number - leeway))
            return refuse(a, "not valid yet");
    }
    if (client_id.len == 0 || !audience_has(json_get(claims, S("aud")), client_id))
        return refuse(a, "for another client");
    if (json_count(rules->issuers) &&
        !audience_has(rules->issuers, json_str(json_get(claims, S("iss")), S(""))))
        return refuse(a, "of another issuer");
    return NULL;
}

Error *id_token_claims(Exchange *x, const IdTokenRules *rules, Json **out)
{
    Json *claims, *keys;
    Error *err;
    if (x->token.id.len == 0) return refuse(x->a, "none was sent");
    if (rules->jwks_url.len) {
        err = public_json(x, rules->jwks_url, &keys);
        if (err) return err;
        err = jws_verify(x->a, x->token.id, keys, &claims);
    } else {
        err = jws_read_unverified(x->a, x->token.id, &claims);
    }
    if (err) return err;
    err = id_token_check(x->a, claims, rules, x->config.client_id, clock_wall_ms() / 1000,
                         state_leeway_s(x->app->oauth2));
    if (err) return err;
    *out = claims;
    return NULL;
}
