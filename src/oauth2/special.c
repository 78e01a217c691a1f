/* special.c - where one provider differs from all others (api: auth §7.1, §7.2). */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"
#include "schema/options.h"

static Str at(Arena *a, const Json *json, const char *path)
{
    return json_text(a, json_path(json, path));
}

static Str join_names(Arena *a, Str first, Str last)
{
    return str_trim(str_printf(a, "%.*s %.*s", STR_ARG(first), STR_ARG(last)));
}

/* Apple tells the name only with the redirect, and only the first time: login.c
 * has it from there. */
void adjust_apple(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)a, (void)x, (void)user;
    p->name = S("");
}

void adjust_discord(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)x;
    Str discriminator = at(a, user, "discriminator"), avatar = at(a, user, "avatar");
    if (p->name.len == 0) {
        bool plain = discriminator.len == 0 || str_eq(discriminator, S("0"));
        p->name = plain ? p->username
                        : str_printf(a, "%.*s#%.*s", STR_ARG(p->username), STR_ARG(discriminator));
    }
    if (avatar.len)
        p->avatar_url = str_printf(a, "https://cdn.discordapp.com/avatars/%.*s/%.*s.png",
                                   STR_ARG(p->id), STR_ARG(avatar));
}

void adjust_gitlab(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)x;
    int64_t confirmed_ms;
    if (!datetime_parse(at(a, user, "confirmed_at"), &confirmed_ms)) p->email = S("");
}

void adjust_instagram(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)user;
    const Json *permissions = json_get(x->token.json, S("permissions"));
    if (permissions) json_set(a, p->raw, S("permissions"), permissions);
}

void adjust_mailcow(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)a, (void)x, (void)user;
    p->username = str_split(&p->username, '@');
}

void adjust_strava(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)x;
    if (str_eq(p->id, S("0"))) p->id = S("");
    p->name = join_names(a, at(a, user, "firstname"), at(a, user, "lastname"));
}

void adjust_vk(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    p->name =
        join_names(a, at(a, user, "response.0.first_name"), at(a, user, "response.0.last_name"));
    p->email = at(a, x->token.json, "email");
}

void adjust_wakatime(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)x;
    if (json_truthy(json_path(user, "data.photo_public")))
        p->avatar_url = at(a, user, "data.photo");
}

void adjust_yandex(Arena *a, const Exchange *x, const Json *user, Profile *p)
{
    (void)x;
    Str avatar = at(a, user, "default_avatar_id");
    if (avatar.len && !json_truthy(json_path(user, "is_avatar_empty")))
        p->avatar_url =
            str_printf(a, "https://avatars.yandex.net/get-yapic/%.*s/islands-200", STR_ARG(avatar));
}

/* ---- addresses in a list of their own ---- */

typedef struct {
    const char *list; /* NULL: the reply itself */
    const char *email, *flags[2];
} EmailList;

static Str email_pick(Arena *a, const Json *reply, const EmailList *how)
{
    const Json *list = how->list ? json_get(reply, str_from(how->list)) : reply;
    for (size_t i = 0; i < json_count(list) && json_is(list, JSON_ARRAY); i++) {
        const Json *entry = json_at(list, i);
        if (json_truthy(json_path(entry, how->flags[0])) &&
            json_truthy(json_path(entry, how->flags[1])))
            return at(a, entry, how->email);
    }
    return S("");
}

/* Some owners do not ask for the scope that this takes: then there is no e-mail. */
static Error *emails_ask(Exchange *x, Str url, int *status, Json **reply)
{
    Error *err = provider_ask(x, url, NULL, status, reply);
    if (err || *reply) return err;
    if (*status == 401 || *status == 403 || *status == 404) return NULL;
    return error_cause(x->a, error_status(x->a, 502), "e-mail addresses: status %d", *status);
}

Error *ask_github(Exchange *x, Profile *p)
{
    static const EmailList HOW = {NULL, "email", {"verified", "primary"}};
    int status;
    Json *reply;
    Error *err = emails_ask(x, str_concat(x->a, x->config.user_url, S("/emails")), &status, &reply);
    if (!err && reply) p->email = email_pick(x->a, reply, &HOW);
    return err;
}

Error *ask_bitbucket(Exchange *x, Profile *p)
{
    static const EmailList HOW = {"values", "email", {"is_primary", "is_confirmed"}};
    int status;
    Json *reply;
    Error *err = emails_ask(x, str_concat(x->a, x->config.user_url, S("/emails")), &status, &reply);
    if (!err && reply) p->email = email_pick(x->a, reply, &HOW);
    return err;
}

/* The profile's address is a free text; the list knows which ones are proven. */
Error *ask_gitee(Exchange *x, Profile *p)
{
    if (text_is_email(p->email)) return NULL;
    p->email = S("");
    int status;
    Json *list;
    Error *err = emails_ask(x, S("https://gitee.com/api/v5/emails"), &status, &list);
    if (err || !json_is(list, JSON_ARRAY)) return err;
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *entry = json_at(list, i), *scope = json_get(entry, S("scope"));
        if (!str_eq(at(x->a, entry, "state"), S("confirmed"))) continue;
        for (size_t s = 0; s < json_count(scope) && json_is(scope, JSON_ARRAY); s++) {
            if (!str_eq(json_str(json_at(scope, s), S("")), S("primary"))) continue;
            p->email = at(x->a, entry, "email");
            return NULL;
        }
    }
    return NULL;
}

/* ---- Microsoft: which claim of the id_token is the e-mail ---- */

static Str first_verified(Arena *a, const Json *claims)
{
    const Json *primary = json_get(claims, S("verified_primary_email"));
    return json_is(primary, JSON_ARRAY) ? json_text(a, json_at(primary, 0)) : json_text(a, primary);
}

static Str domain_verified(Arena *a, const Json *claims)
{
    return json_truthy(json_get(claims, S("xms_edov"))) ? at(a, claims, "email") : S("");
}

Error *ask_microsoft(Exchange *x, Profile *p)
{
    Str claim = at(x->a, x->config.extra, "idTokenEmailClaim");
    if (claim.len == 0) return NULL;
    p->email = S("");
    Json *claims;
    Error *err = id_token_claims(x, &(IdTokenRules){0}, &claims);
    if (err) return err;
    if (str_eq(claim, S("verified_primary_email"))) p->email = first_verified(x->a, claims);
    if (str_eq(claim, S("email_and_xms_edov"))) p->email = domain_verified(x->a, claims);
    if (str_eq(claim, S("any_verified"))) {
        p->email = first_verified(x->a, claims);
        if (p->email.len == 0) p->email = domain_verified(x->a, claims);
    }
    if (str_eq(claim, S("email"))) p->email = at(x->a, claims, "email");
    return NULL;
}
