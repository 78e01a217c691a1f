#include "settings/settings_internal.h"
#include "testing.h"

#define RULE(label, audience)                                                                      \
    "{\"label\":\"" label "\",\"audience\":\"" audience "\",\"duration\":1,\"maxRequests\":1}"
#define RULES(list) "{\"rateLimits\":{\"rules\":[" list "]}}"

static const struct {
    const char *patch, *field, *code;
} CASES[] = {
    {"{}", NULL, NULL},
    {"{\"meta\":{\"appName\":\"\"}}", "meta.appName", "validation_required"},
    {"{\"meta\":{\"appURL\":\"odd\"}}", "meta.appURL", "validation_is_url"},
    {"{\"meta\":{\"senderAddress\":\"odd\"}}", "meta.senderAddress", "validation_is_email"},
    {"{\"meta\":{\"accentColor\":\"#fff\"}}", "meta.accentColor", "validation_length_invalid"},
    {"{\"meta\":{\"accentColor\":\"#ggffff\"}}", "meta.accentColor", "validation_is_hex_color"},
    {"{\"meta\":{\"accentColor\":\"\"}}", NULL, NULL},
    {"{\"logs\":{\"maxDays\":-1}}", "logs.maxDays", "validation_min_greater_equal_than_required"},
    {"{\"logs\":{\"minLevel\":-4}}", NULL, NULL},
    {"{\"smtp\":{\"enabled\":true,\"host\":\"\"}}", "smtp.host", "validation_required"},
    {"{\"smtp\":{\"enabled\":true,\"port\":0}}", "smtp.port", "validation_required"},
    {"{\"smtp\":{\"host\":\"a b\"}}", "smtp.host", "validation_is_host"},
    {"{\"smtp\":{\"authMethod\":\"CRAM\"}}", "smtp.authMethod", "validation_in_invalid"},
    {"{\"s3\":{\"enabled\":true}}", "s3.bucket", "validation_required"},
    {"{\"backups\":{\"s3\":{\"enabled\":true}}}", "backups.s3.secret", "validation_required"},
    {"{\"s3\":{\"endpoint\":\"odd\"}}", "s3.endpoint", "validation_is_url"},
    {"{\"backups\":{\"cron\":\"* * *\"}}", "backups.cron", "validation_invalid_cron"},
    {"{\"backups\":{\"cron\":\"0 0 * * *\"}}", NULL, NULL},
    {"{\"backups\":{\"cron\":\"@daily\",\"cronMaxKeep\":0}}", "backups.cronMaxKeep",
     "validation_required"},
    {"{\"batch\":{\"enabled\":true,\"maxRequests\":0}}", "batch.maxRequests",
     "validation_required"},
    {"{\"batch\":{\"maxBodySize\":-1}}", "batch.maxBodySize",
     "validation_min_greater_equal_than_required"},
    {"{\"rateLimits\":{\"enabled\":true,\"rules\":[]}}", "rateLimits.rules",
     "validation_required"},
    {"{\"rateLimits\":{\"excludedIPs\":[\"10.0.0.0/8\",\"x\"]}}", "rateLimits.excludedIPs.1",
     "validation_invlaid_ip_or_subnet"},
    {"{\"superuserIPs\":[\"\"]}", "superuserIPs.0", "validation_invlaid_ip_or_subnet"},
    {RULES(RULE("word", "")), NULL, NULL},
    {RULES(RULE("a:b", "@guest")), NULL, NULL},
    {RULES(RULE("POST /api/x-y/", "@auth")), NULL, NULL},
    {RULES(RULE("", "")), "rateLimits.rules.0.label", "validation_required"},
    {RULES(RULE("a b", "")), "rateLimits.rules.0.label", "validation_match_invalid"},
    {RULES(RULE("*:", "")), "rateLimits.rules.0.label", "validation_match_invalid"},
    {RULES(RULE("/a?", "")), "rateLimits.rules.0.label", "validation_match_invalid"},
    {RULES(RULE("a", "@all")), "rateLimits.rules.0.audience", "validation_in_invalid"},
    {RULES("{\"label\":\"a\",\"maxRequests\":1}"), "rateLimits.rules.0.duration",
     "validation_required"},
    {RULES(RULE("a", "@guest") "," RULE("a", "@auth")), NULL, NULL},
    {RULES(RULE("a", "@guest") "," RULE("a", "")), "rateLimits.rules.1.label",
     "validation_conflicting_rate_limit_rule"},
    {RULES(RULE("a", "") "," RULE("b", "") "," RULE("a", "")), "rateLimits.rules.2.label",
     "validation_conflicting_rate_limit_rule"},
};

static void checks_documents(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Json *patch, *json = settings_defaults(a);
        check_ok(CASES[i].patch, json_parse(a, str_from(CASES[i].patch), NULL, &patch));
        check_ok(CASES[i].patch, options_merge(a, json, settings_shape(a), patch));
        const Error *err = settings_check(a, json);
        while (err && CASES[i].field && !str_eq(err->field, str_from(CASES[i].field)))
            err = err->next;
        check_code(CASES[i].patch, err, CASES[i].code);
    }
}

static const struct {
    const char *expression;
    bool valid;
} CRONS[] = {
    {"* * * * *",          true },
    {"0 0 1 1 0",          true },
    {"59 23 31 12 6",      true },
    {"*/5 1-3 1-10/2 * *", true },
    {"1,2,5-7 * * * *",    true },
    {"@hourly",            true },
    {"60 * * * *",         false},
    {"* * 0 * *",          false},
    {"* * * 13 *",         false},
    {"* * * * 7",          false},
    {"5-1 * * * *",        false},
    {"5/2 * * * *",        false},
    {"5/1 * * * *",        true },
    {"*/0 * * * *",        false},
    {"* * * *",            false},
    {"* * * * * *",        false},
    {"*  * * * *",         false},
    {"a * * * *",          false},
    {"1, * * * *",         false},
    {"@often",             false},
    {"",                   false},
};

static void checks_cron_expressions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CRONS); i++)
        check_bool(CRONS[i].expression, cron_valid(str_from(CRONS[i].expression)), CRONS[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(checks_documents),
        test_with_arena(checks_cron_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
