/* test_tokens.c - replies of token URLs, claims of id_tokens, what is remembered. */
#include "testing.h"

#include "oauth2/oauth2_internal.h"

static const struct {
    const char *name, *type, *body;
    const char *expected; /* access|refresh|id|seconds; NULL: refused */
} REPLIES[] = {
    {"JSON", "application/json",
     "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"id_token\":\"i\",\"expires_in\":60}",
     "a|r|i|60"},
    {"a number as text", "application/json", "{\"access_token\":\"a\",\"expires_in\":\"60\"}",
     "a|||60"},
    {"no expiry", "application/json;charset=utf-8", "{\"access_token\":\"a\"}", "a|||0"},
    {"an odd expiry", "application/json", "{\"access_token\":\"a\",\"expires_in\":\"soon\"}",
     "a|||0"},
    {"a negative expiry", "application/json", "{\"access_token\":\"a\",\"expires_in\":-5}",
     "a|||0"},
    {"an endless expiry", "application/json", "{\"access_token\":\"a\",\"expires_in\":1e300}",
     "a|||10000000000"},
    {"a form", "application/x-www-form-urlencoded", "access_token=a%20b&expires_in=60&x",
     "a b|||60"},
    {"text", "text/plain; charset=utf-8", "access_token=a", "a|||0"},
    {"JSON said to be text", "text/html", "{\"access_token\":\"a\"}", "a|||0"},
    {"JSON in text/plain", "text/plain", "{\"access_token\":\"a\"}", "a|||0"},
    {"an error with status 200", "application/json",
     "{\"error\":\"bad_code\",\"access_token\":\"a\"}", NULL},
    {"an error in a form", "text/plain", "error=bad&access_token=a", NULL},
    {"no token", "application/json", "{}", NULL},
    {"an empty token", "application/json", "{\"access_token\":\"\"}", NULL},
    {"no object", "application/json", "[\"access_token\"]", NULL},
    {"nothing", "application/json", "", NULL},
    {"a page", "text/html", "<html>", NULL},
};

static void replies_are_read(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(REPLIES); i++) {
        ProviderToken t = {0};
        Error *err = token_read(a, str_from(REPLIES[i].type), str_from(REPLIES[i].body), 0, &t);
        check_bool(REPLIES[i].name, err != NULL, REPLIES[i].expected == NULL);
        if (err) continue;
        Str got = str_printf(a, "%.*s|%.*s|%.*s|%lld", STR_ARG(t.access), STR_ARG(t.refresh),
                             STR_ARG(t.id), (long long)t.expires_ms / 1000);
        check_str(REPLIES[i].name, got, REPLIES[i].expected);
    }
}

#define NOW 1000000

static const struct {
    const char *name, *claims, *issuers; /* issuers: JSON or NULL */
    bool needs_expiry, good;
} CLAIMS[] = {
    {"plain", "{\"aud\":\"app\"}", NULL, false, true},
    {"one of several clients", "{\"aud\":[\"x\",\"app\"]}", NULL, false, true},
    {"for another client", "{\"aud\":\"other\"}", NULL, false, false},
    {"for nobody", "{}", NULL, false, false},
    {"an odd audience", "{\"aud\":{\"app\":1}}", NULL, false, false},
    {"expired within the leeway", "{\"aud\":\"app\",\"exp\":999701}", NULL, false, true},
    {"expired", "{\"aud\":\"app\",\"exp\":999700}", NULL, false, false},
    {"an odd expiry", "{\"aud\":\"app\",\"exp\":\"9999999999\"}", NULL, false, false},
    {"expiry missing", "{\"aud\":\"app\"}", NULL, true, false},
    {"not yet, within the leeway", "{\"aud\":\"app\",\"nbf\":1000300,\"iat\":1000300}", NULL, false,
     true},
    {"not yet", "{\"aud\":\"app\",\"nbf\":1000301}", NULL, false, false},
    {"made in the future", "{\"aud\":\"app\",\"iat\":1000301}", NULL, false, false},
    {"a named issuer", "{\"aud\":\"app\",\"iss\":\"me\"}", "[\"you\",\"me\"]", false, true},
    {"another issuer", "{\"aud\":\"app\",\"iss\":\"me\"}", "[\"you\"]", false, false},
    {"no issuer", "{\"aud\":\"app\"}", "[\"you\"]", false, false},
    {"no issuers named", "{\"aud\":\"app\",\"iss\":\"me\"}", "[]", false, true},
};

static void claims_are_checked(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CLAIMS); i++) {
        Json *claims = NULL, *issuers = NULL;
        check_ok(CLAIMS[i].name, json_parse(a, str_from(CLAIMS[i].claims), NULL, &claims));
        if (CLAIMS[i].issuers)
            check_ok(CLAIMS[i].name, json_parse(a, str_from(CLAIMS[i].issuers), NULL, &issuers));
        IdTokenRules rules = {.issuers = issuers, .needs_expiry = CLAIMS[i].needs_expiry};
        Error *err = id_token_check(a, claims, &rules, S("app"), NOW, 300);
        check_bool(CLAIMS[i].name, err == NULL, CLAIMS[i].good);
    }
}

static void names_are_given_once(void **state)
{
    Arena *a = *state;
    App app = {0};
    OAuth2 *o;
    check_ok("create", oauth2_create(a, &app, &o));
    state_name_put(o, S("code"), S("Ann B"));
    check_str("another code", state_name_take(o, a, S("other")), "");
    check_str("first", state_name_take(o, a, S("code")), "Ann B");
    check_str("again", state_name_take(o, a, S("code")), "");
    Str long_name = str_printf(a, "%*s", APPLE_NAME_LETTERS_MAX + 1, "x");
    state_name_put(o, S("code"), long_name);
    check_str("too long", state_name_take(o, a, S("code")), "");
    oauth2_destroy(o);
}

static void styles_are_remembered(void **state)
{
    Arena *a = *state;
    App app = {0};
    OAuth2 *o;
    bool known;
    check_ok("create", oauth2_create(a, &app, &o));
    check_bool("at first", state_style_in_form(o, S("http://t"), S("c"), &known), false);
    check_bool("unknown", known, false);
    state_style_remember(o, S("http://t"), S("c"), true);
    check_bool("then", state_style_in_form(o, S("http://t"), S("c"), &known), true);
    check_bool("known", known, true);
    (void)state_style_in_form(o, S("http://t"), S("other"), &known);
    check_bool("of another client", known, false);
    oauth2_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(replies_are_read),
        test_with_arena(claims_are_checked),
        test_with_arena(names_are_given_once),
        test_with_arena(styles_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
