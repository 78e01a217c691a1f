/* oauth2_internal.h - what the files of oauth2/ share. */
#ifndef CROFT_OAUTH2_INTERNAL_H
#define CROFT_OAUTH2_INTERNAL_H

#include "oauth2/oauth2.h"
#include "outgoing/outgoing.h"

/* ---- providers.c: what is known of a provider, and what the owner said ---- */

typedef struct Exchange Exchange;
typedef struct Profile Profile;

/* Paths are steps with dots, numbers index lists: "data.0.id". */
typedef struct {
    const char *name;
    bool pkce;
    const char *scopes; /* separated by spaces; NULL = none */
    const char *auth_url, *token_url, *user_url;
    const char *graphql; /* the user is asked by POST of this query */
    struct {
        const char *name, *value; /* "{clientId}" stands for the owner's client id */
    } headers[2];
    /* Where the user's data are. The e-mail counts only when all flags are true. */
    const char *id, *full_name, *username, *email, *email_flags[2], *avatar;
    struct {
        const char *path, *value;
    } active; /* accounts with another value are refused */
    /* What a path cannot say; pure. */
    void (*adjust)(Arena *a, const Exchange *x, const Json *user, Profile *p);
    /* What takes another request. */
    Error *(*ask_more)(Exchange *x, Profile *p);
    bool by_id_token; /* without a user URL the claims of the id_token are the user */
} Provider;

extern const Provider providers[];
extern const size_t provider_count;
const Provider *provider_find(Str name);

/* A provider as a collection is configured. */
typedef struct {
    const Provider *def;
    Str name, display_name, client_id, client_secret, auth_url, token_url, user_url, scopes;
    bool pkce;
    const Json *extra; /* NULL or an object */
} ProviderConfig;

/* From an item of oauth2.providers; false when it is of no use: an unknown name
 * or no addresses. */
bool provider_config_read(Arena *a, const Json *item, ProviderConfig *out);
bool provider_config_find(Arena *a, const Collection *c, Str name, ProviderConfig *out);

/* ---- one exchange with a provider ---- */

typedef struct {
    Str access, refresh, id;
    int64_t expires_ms; /* wall time; 0 = not told */
    const Json *json;   /* the reply */
} ProviderToken;

struct Exchange {
    App *app;
    Arena *a;
    ProviderConfig config;
    ProviderToken token;
    uint64_t deadline_ms; /* monotonic, of all requests together */
};

#define EXCHANGE_MS UINT64_C(30000)

struct Profile {
    Str id, name, username, email, avatar_url; /* e-mail: proven to be theirs, or empty */
    Json *raw;
};

/* exchange.c: the code for tokens, into x->token. */
MUST_CHECK Error *token_fetch(Exchange *x, Str code, Str verifier, Str redirect_url);
/* The reply of a token URL; pure. */
MUST_CHECK Error *token_read(Arena *a, Str content_type, Str body, int64_t now_ms,
                             ProviderToken *out);
/* GET (or POST of `graphql`) with the access token; JSON. *status is the answer's:
 * what is not 2xx is no error here, and *out then NULL. */
MUST_CHECK Error *provider_ask(Exchange *x, Str url, const char *graphql, int *status, Json **out);
/* GET without any token: public keys. */
MUST_CHECK Error *public_json(Exchange *x, Str url, Json **out);

/* profile.c: who it is. An error when the account has no id or is not active. */
MUST_CHECK Error *profile_fetch(Exchange *x, Profile *out);
/* The part without requests: a user's JSON to a profile. */
MUST_CHECK Error *profile_map(Exchange *x, Json *user, Profile *out);
Json *json_path(const Json *value, const char *path); /* NULL when there is none */
Str json_text(Arena *a, const Json *value);           /* texts, numbers, booleans; else "" */
bool json_truthy(const Json *value);                  /* true, "true", "1", 1 */

/* special.c */
void adjust_apple(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_discord(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_gitlab(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_instagram(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_mailcow(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_microsoft(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_strava(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_vk(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_wakatime(Arena *a, const Exchange *x, const Json *user, Profile *p);
void adjust_yandex(Arena *a, const Exchange *x, const Json *user, Profile *p);
Error *ask_github(Exchange *x, Profile *p);
Error *ask_bitbucket(Exchange *x, Profile *p);
Error *ask_gitee(Exchange *x, Profile *p);
Error *ask_microsoft(Exchange *x, Profile *p);

/* id_token.c: the claims of x->token.id. With a `jwks_url` its signature must
 * hold; `issuers` (NULL or empty: any) limits who made it. */
typedef struct {
    Str jwks_url;
    const Json *issuers;
    bool needs_expiry;
} IdTokenRules;
MUST_CHECK Error *id_token_claims(Exchange *x, const IdTokenRules *rules, Json **out);
/* Times and audience; pure. */
MUST_CHECK Error *id_token_check(Arena *a, const Json *claims, const IdTokenRules *rules,
                                 Str client_id, int64_t now_s, int64_t leeway_s);

/* state.c: what is remembered between requests. */
bool state_style_in_form(OAuth2 *o, Str token_url, Str client_id, bool *known);
void state_style_remember(OAuth2 *o, Str token_url, Str client_id, bool in_form);
#define APPLE_CODE_BYTES_MAX   1000
#define APPLE_NAME_LETTERS_MAX 150
/* A name that Apple told with a code; taken once, within a minute. */
void state_name_put(OAuth2 *o, Str code, Str name);
Str state_name_take(OAuth2 *o, Arena *a, Str code);
int64_t state_leeway_s(const OAuth2 *o);

/* avatar.c: the picture as an upload of this field; NULL when it cannot be had. */
Upload *avatar_fetch(App *app, Arena *a, Str url, Str field);

/* account.c: whose sign-in it is. */
typedef struct {
    Req *req;
    const Collection *c, *externals;
    Str provider;
    const Profile *profile;
    const Json *create_data; /* an object */
    Record *record;          /* the result */
    bool is_new;
} Account;
MUST_CHECK Error *account_resolve(Account *account);

/* create.c: the record of somebody who comes for the first time. */
MUST_CHECK Error *account_create(Account *account);

Error *handle_auth_methods(Req *req, Res *res);
Error *handle_auth_with_oauth2(Req *req, Res *res);
Error *handle_apple_secret(Req *req, Res *res);
Error *handle_oauth2_redirect(Req *req, Res *res);

#endif
