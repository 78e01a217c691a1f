/* auth_options.c - the options of auth collections: defaults, merging,
 * secrets, checks (api: auth §1.2, collections §1.3).
 *
 * They are kept as one JSON object, as PocketBase stores it; what the server
 * asks for on every request is read out of it once, into AuthOptions. */
#include "schema/schema_internal.h"

#define SECRET_LENGTH      50
#define TOKEN_DURATION_MAX 94670856 /* three years */

const char *const token_keys[TOKEN_KIND_COUNT] = {
    [TOKEN_AUTH] = "authToken",
    [TOKEN_FILE] = "fileToken",
    [TOKEN_VERIFICATION] = "verificationToken",
    [TOKEN_PASSWORD_RESET] = "passwordResetToken",
    [TOKEN_EMAIL_CHANGE] = "emailChangeToken",
};

/* JSON, laid out as JSON */
/* clang-format off */
#define BUTTON(path, label)                                                                        \
    "<p><a class='btn' target='_blank' rel='noopener' href='{APP_URL}/_/#/auth/" path              \
    "/{TOKEN}'>" label "</a></p>"
#define SIGN_OFF "<p>Kind regards,<br>the {APP_NAME} team</p>"

static const char SHAPE[] =
    "{"
    "\"authRule\":null,"
    "\"manageRule\":null,"
    "\"authAlert\":{\"enabled\":true,\"emailTemplate\":{"
    "\"subject\":\"Login from a new location\","
    "\"body\":\"<p>Hello,</p><p>Somebody just signed in to your {APP_NAME} account from a place we "
    "have not seen before:</p>"
    "<p><em>{ALERT_INFO}</em></p>"
    "<p>If this was you, there is nothing to do. If not, please change your {APP_NAME} password at "
    "once: that ends all other sessions.</p>" SIGN_OFF "\"}},"
    "\"oauth2\":{"
    "\"providers\":[{\"pkce\":null,\"name\":\"\",\"clientId\":\"\",\"clientSecret\":\"\","
    "\"authURL\":\"\","
    "\"tokenURL\":\"\",\"userInfoURL\":\"\",\"displayName\":\"\",\"extra\":null}],"
    "\"mappedFields\":{\"id\":\"\",\"name\":\"\",\"username\":\"\",\"avatarURL\":\"\"},"
    "\"enabled\":false},"
    "\"passwordAuth\":{\"enabled\":true,\"identityFields\":[]},"
    "\"mfa\":{\"enabled\":false,\"duration\":600,\"rule\":\"\"},"
    "\"otp\":{\"enabled\":false,\"duration\":180,\"length\":8,\"emailTemplate\":{"
    "\"subject\":\"OTP for {APP_NAME}\","
    "\"body\":\"<p>Hello,</p><p>Your one-time password is: <strong>{OTP}</strong></p>"
    "<p><em>If you did not ask for it, you can ignore this message.</em></p>" SIGN_OFF "\"}},"
    "\"authToken\":{\"secret\":\"\",\"duration\":432000},"
    "\"passwordResetToken\":{\"secret\":\"\",\"duration\":1800},"
    "\"emailChangeToken\":{\"secret\":\"\",\"duration\":1800},"
    "\"verificationToken\":{\"secret\":\"\",\"duration\":86400},"
    "\"fileToken\":{\"secret\":\"\",\"duration\":180},"
    "\"verificationTemplate\":{"
    "\"subject\":\"Verify your {APP_NAME} email\","
    "\"body\":\"<p>Hello,</p><p>Welcome to {APP_NAME}. Please confirm that this address is "
    "yours.</p>"
    BUTTON("confirm-verification", "Verify")
    "<p><em>If you did not sign up, you can ignore this message.</em></p>" SIGN_OFF "\"},"
    "\"resetPasswordTemplate\":{"
    "\"subject\":\"Reset your {APP_NAME} password\","
    "\"body\":\"<p>Hello,</p><p>With this button you can choose a new password.</p>"
    BUTTON("confirm-password-reset", "Reset password")
    "<p><em>If you did not ask for a new password, you can ignore this message.</em></p>"
    SIGN_OFF "\"},"
    "\"confirmEmailChangeTemplate\":{"
    "\"subject\":\"Confirm your {APP_NAME} new email address\","
    "\"body\":\"<p>Hello,</p><p>Please confirm that this is your new email address.</p>"
    BUTTON("confirm-email-change", "Confirm new email")
    "<p><em>If you did not ask for the change, you can ignore this message.</em></p>"
    SIGN_OFF "\"}"
    "}";
/* clang-format on */

/* Defaults and shape in one; authRule and manageRule are null in the shape. */
static Json *options_shape(Arena *a)
{
    Json *shape = NULL;
    Error *err = json_parse(a, S(SHAPE), NULL, &shape);
    assert(!err);
    (void)err;
    return shape;
}

Json *auth_options_default(Arena *a)
{
    Json *options = options_shape(a);
    json_set_str(a, options, S("authRule"), S(""));
    json_set(a, json_get(options, S("oauth2")), S("providers"), json_new_array(a));
    Json *names = json_new_array(a);
    json_push(a, names, json_new_string(a, S("email")));
    json_set(a, json_get(options, S("passwordAuth")), S("identityFields"), names);
    return options;
}

/* ---- merging ---- */

static bool is_null_or(const Json *value, JsonType type)
{
    return !value || value->type == JSON_NULL || value->type == type;
}

/* The stored provider that a submitted one continues: of the same name, and
 * only without a name the one at the same place. */
static const Json *provider_before(const Json *stored, const Json *item, size_t index)
{
    const Json *name = json_get(item, S("name"));
    if (!json_is(name, JSON_STRING)) return json_at(stored, index);
    for (size_t i = 0; i < json_count(stored); i++) {
        const Json *other = json_at(stored, i);
        if (str_eq(json_str(json_get(other, S("name")), S("")), name->string)) return other;
    }
    return NULL;
}

static Error *merge_providers(Arena *a, const Json *shape, const Json *stored, const Json *patch,
                              Json **out)
{
    if (patch->type == JSON_NULL) {
        *out = json_new_array(a);
        return NULL;
    }
    if (patch->type != JSON_ARRAY) return invalid_format(a, S("providers is not a list"));
    Json *list = json_new_array(a);
    for (size_t i = 0; i < patch->array.count; i++) {
        const Json *item = &patch->array.items[i];
        if (item->type != JSON_OBJECT) return invalid_format(a, S("a provider is not an object"));
        const Json *before = provider_before(stored, item, i);
        Json *made = json_copy(a, before ? before : shape);
        Error *err = options_merge(a, made, shape, item);
        if (err) return err;
        if (!is_null_or(json_get(made, S("pkce")), JSON_BOOL) ||
            !is_null_or(json_get(made, S("extra")), JSON_OBJECT))
            return invalid_format(a, S("wrong type of a provider's option"));
        json_push(a, list, made);
    }
    *out = list;
    return NULL;
}

Error *auth_options_merge(Arena *a, Json *target, const Json *patch)
{
    Json *shape = options_shape(a);
    Json *oauth2 = json_get(target, S("oauth2"));
    const Json *item_shape = json_at(json_get(json_get(shape, S("oauth2")), S("providers")), 0);
    const Json *submitted = json_get(json_get(patch, S("oauth2")), S("providers"));
    Json *providers = NULL;
    if (submitted) {
        Error *err =
            merge_providers(a, item_shape, json_get(oauth2, S("providers")), submitted, &providers);
        if (err) return err;
    }
    Error *err = options_merge(a, target, shape, patch);
    if (err) return err;
    if (providers) json_set(a, json_get(target, S("oauth2")), S("providers"), providers);

    if (!is_null_or(json_get(target, S("authRule")), JSON_STRING) ||
        !is_null_or(json_get(target, S("manageRule")), JSON_STRING))
        return invalid_format(a, S("a rule is neither text nor null"));
    return NULL;
}

void auth_options_fill_secrets(Arena *a, Json *options)
{
    for (int i = 0; i < TOKEN_KIND_COUNT; i++) {
        Json *token = json_get(options, str_from(token_keys[i]));
        if (json_str(json_get(token, S("secret")), S("")).len > 0) continue;
        json_set_str(a, token, S("secret"), random_text(a, SECRET_LENGTH, ALPHABET_SECRET));
    }
}

void auth_options_redact(Json *options)
{
    for (int i = 0; i < TOKEN_KIND_COUNT; i++)
        json_remove(json_get(options, str_from(token_keys[i])), S("secret"));
    Json *providers = json_get(json_get(options, S("oauth2")), S("providers"));
    for (size_t i = 0; i < json_count(providers); i++)
        json_remove(json_at(providers, i), S("clientSecret"));
}

/* ---- reading ---- */

static Rule read_rule(const Json *value)
{
    if (!json_is(value, JSON_STRING)) return (Rule){.is_null = true};
    return (Rule){.text = value->string};
}

static int64_t whole_at(const Json *object, Str key)
{
    int64_t number = 0;
    (void)json_whole(json_get(object, key), &number); /* 0 when it is none */
    return number;
}

static bool flag_at(const Json *options, Str key)
{
    return json_bool(json_get(json_get(options, key), S("enabled")), false);
}

void auth_options_read(Arena *a, Collection *c)
{
    const Json *o = c->options;
    AuthOptions *auth = &c->auth;
    *auth = (AuthOptions){0};
    c->rules[RULE_AUTH] = read_rule(json_get(o, S("authRule")));
    c->rules[RULE_MANAGE] = read_rule(json_get(o, S("manageRule")));
    const Json *mfa = json_get(o, S("mfa")), *otp = json_get(o, S("otp"));
    c->rules[RULE_MFA] = (Rule){.text = json_str(json_get(mfa, S("rule")), S(""))};

    auth->password_enabled = flag_at(o, S("passwordAuth"));
    const Json *names = json_get(json_get(o, S("passwordAuth")), S("identityFields"));
    auth->identity_fields = arena_new(a, Str, json_count(names) + 1);
    for (size_t i = 0; i < json_count(names); i++)
        auth->identity_fields[auth->identity_field_count++] = json_str(json_at(names, i), S(""));

    for (int i = 0; i < TOKEN_KIND_COUNT; i++) {
        const Json *token = json_get(o, str_from(token_keys[i]));
        auth->tokens[i].secret = json_str(json_get(token, S("secret")), S(""));
        auth->tokens[i].duration_s = whole_at(token, S("duration"));
    }
    auth->mfa_enabled = flag_at(o, S("mfa"));
    auth->otp_enabled = flag_at(o, S("otp"));
    auth->oauth2_enabled = flag_at(o, S("oauth2"));
    auth->mfa_duration_s = whole_at(mfa, S("duration"));
    auth->otp_duration_s = whole_at(otp, S("duration"));
    auth->otp_length = whole_at(otp, S("length"));
}

/* ---- checking ---- */

static void check_template(Checks *checks, const char *path, const Json *template)
{
    static const char *const PARTS[] = {"subject", "body"};
    for (size_t i = 0; i < COUNT(PARTS); i++) {
        Str field = str_printf(checks->arena, "%s.%s", path, PARTS[i]);
        check_required(checks, field, json_str(json_get(template, str_from(PARTS[i])), S("")).len);
    }
}

static void check_tokens(Checks *checks, const AuthOptions *auth)
{
    Arena *a = checks->arena;
    for (int i = 0; i < TOKEN_KIND_COUNT; i++) {
        const TokenConfig *token = &auth->tokens[i];
        Str secret = str_printf(a, "%s.secret", token_keys[i]);
        if (check_required(checks, secret, token->secret.len > 0))
            check_length(checks, secret, token->secret, 30, 255);
        Str duration = str_printf(a, "%s.duration", token_keys[i]);
        if (check_required(checks, duration, token->duration_s != 0))
            check_range(checks, duration, token->duration_s, 10, TOKEN_DURATION_MAX);
    }
}

static void check_identity_fields(Checks *checks, const Collection *c)
{
    Str field = S("passwordAuth.identityFields");
    if (!check_required(checks, field, c->auth.identity_field_count > 0)) return;
    for (size_t i = 0; i < c->auth.identity_field_count; i++) {
        Str name = c->auth.identity_fields[i];
        Json *params = json_new_object(checks->arena);
        json_set_str(checks->arena, params, S("fieldName"), name);
        if (!collection_field(c, name)) {
            check_fail_params(
                checks, field, "validation_missing_field",
                str_printf(checks->arena, "Invalid or missing field \"%.*s\".", STR_ARG(name)),
                params);
            return;
        }
        if (indexes_have_unique(c, name)) continue;
        check_fail_params(checks, field, "validation_missing_unique_constraint",
                          str_printf(checks->arena,
                                     "The field \"%.*s\" has no unique index of its own.",
                                     STR_ARG(name)),
                          params);
        return;
    }
}

static void check_provider(Checks *checks, const Json *providers, size_t index)
{
    Arena *a = checks->arena;
    const Json *p = json_at(providers, index);
    Str name = json_str(json_get(p, S("name")), S(""));
    Str at = str_printf(a, "oauth2.providers.%zu.name", index);
    if (check_required(checks, at, name.len > 0) && !oauth2_provider_known(name))
        check_fail(checks, at, "validation_missing_provider", S("Invalid or missing provider."));
    for (size_t i = 0; i < index; i++) {
        if (name.len > 0 &&
            str_eq(name, json_str(json_get(json_at(providers, i), S("name")), S(""))))
            check_fail(checks, at, "validation_duplicated_provider",
                       S("The provider is listed twice."));
    }
    static const char *const NEEDED[] = {"clientId", "clientSecret"};
    for (size_t i = 0; i < COUNT(NEEDED); i++) {
        Str field = str_printf(a, "oauth2.providers.%zu.%s", index, NEEDED[i]);
        check_required(checks, field, json_str(json_get(p, str_from(NEEDED[i])), S("")).len > 0);
    }
    static const char *const URLS[] = {"authURL", "tokenURL", "userInfoURL"};
    for (size_t i = 0; i < COUNT(URLS); i++) {
        Str url = json_str(json_get(p, str_from(URLS[i])), S(""));
        if (url.len > 0 && !text_is_url(url))
            check_fail(checks, str_printf(a, "oauth2.providers.%zu.%s", index, URLS[i]),
                       "validation_is_url", S("Must be a valid URL."));
    }
}

static void check_mfa_and_otp(Checks *checks, const AuthOptions *auth)
{
    if (auth->mfa_enabled) {
        if (check_required(checks, S("mfa.duration"), auth->mfa_duration_s != 0))
            check_range(checks, S("mfa.duration"), auth->mfa_duration_s, 10, 86400);
        if (auth->password_enabled + auth->oauth2_enabled + auth->otp_enabled < 2)
            check_fail(checks, S("mfa.enabled"), "validation_mfa_not_enough_auths",
                       S("MFA needs at least two of the sign-in methods enabled."));
    }
    if (auth->otp_enabled) {
        if (check_required(checks, S("otp.duration"), auth->otp_duration_s != 0))
            check_range(checks, S("otp.duration"), auth->otp_duration_s, 10, 86400);
        if (check_required(checks, S("otp.length"), auth->otp_length != 0))
            check_range(checks, S("otp.length"), auth->otp_length, 4, 100);
    }
}

void auth_options_check(Checks *checks, const Collection *c)
{
    const Json *o = c->options;
    const Rule *manage = &c->rules[RULE_MANAGE];
    if (!manage->is_null && manage->text.len == 0)
        check_fail(checks, S("manageRule"), "validation_nil_or_not_empty_required",
                   S("Cannot be blank."));

    check_template(checks, "authAlert.emailTemplate",
                   json_get(json_get(o, S("authAlert")), S("emailTemplate")));
    check_template(checks, "otp.emailTemplate",
                   json_get(json_get(o, S("otp")), S("emailTemplate")));
    check_template(checks, "verificationTemplate", json_get(o, S("verificationTemplate")));
    check_template(checks, "resetPasswordTemplate", json_get(o, S("resetPasswordTemplate")));
    check_template(checks, "confirmEmailChangeTemplate",
                   json_get(o, S("confirmEmailChangeTemplate")));
    check_tokens(checks, &c->auth);
    if (c->auth.password_enabled) check_identity_fields(checks, c);
    check_mfa_and_otp(checks, &c->auth);
    if (!c->auth.oauth2_enabled) return;
    const Json *providers = json_get(json_get(o, S("oauth2")), S("providers"));
    for (size_t i = 0; i < json_count(providers); i++)
        check_provider(checks, providers, i);
}
