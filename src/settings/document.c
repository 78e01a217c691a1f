/* document.c - the settings as JSON: shape, defaults, secrets, and the typed
 * part the server reads (api: operations §1.1). */
#include "settings/settings_internal.h"

#define S3                                                                                         \
    "{\"enabled\":false,\"bucket\":\"\",\"region\":\"\",\"endpoint\":\"\",\"accessKey\":\"\","     \
    "\"secret\":\"\",\"forcePathStyle\":false}"

static const char SHAPE[] =
    "{"
    "\"smtp\":{\"enabled\":false,\"port\":587,\"host\":\"smtp.example.com\",\"username\":\"\","
    "\"password\":\"\","
    "\"authMethod\":\"\",\"tls\":false,\"localName\":\"\"},"
    "\"backups\":{\"cron\":\"\",\"cronMaxKeep\":3,\"s3\":" S3 "},"
    "\"s3\":" S3 ","
    "\"meta\":{\"appName\":\"Acme\",\"appURL\":\"http://"
    "localhost:8090\",\"senderName\":\"Support\","
    "\"senderAddress\":\"support@example.com\",\"hideControls\":false,\"accentColor\":\"#1055c9\"},"
    "\"rateLimits\":{\"rules\":[{\"label\":\"\",\"audience\":\"\",\"duration\":0,\"maxRequests\":0}"
    "],"
    "\"excludedIPs\":[],\"enabled\":false},"
    "\"trustedProxy\":{\"headers\":[],\"useLeftmostIP\":false},"
    "\"batch\":{\"enabled\":false,\"maxRequests\":50,\"timeout\":3,\"maxBodySize\":0},"
    "\"logs\":{\"maxDays\":5,\"minLevel\":0,\"logIP\":true,\"logAuthId\":false},"
    "\"superuserIPs\":[]"
    "}";

static const char RULES[] =
    "["
    "{\"label\":\"*:auth\",\"audience\":\"\",\"duration\":3,\"maxRequests\":2},"
    "{\"label\":\"*:create\",\"audience\":\"\",\"duration\":5,\"maxRequests\":20},"
    "{\"label\":\"/api/batch\",\"audience\":\"\",\"duration\":1,\"maxRequests\":3},"
    "{\"label\":\"/api/\",\"audience\":\"\",\"duration\":10,\"maxRequests\":300}"
    "]";

static Json *parse_own(Arena *a, Str text)
{
    Json *json = NULL;
    Error *err = json_parse(a, text, NULL, &json);
    assert(!err);
    (void)err;
    return json;
}

Json *settings_shape(Arena *a)
{
    return parse_own(a, S(SHAPE));
}

Json *settings_defaults(Arena *a)
{
    Json *json = settings_shape(a);
    json_set(a, json_get(json, S("rateLimits")), S("rules"), parse_own(a, S(RULES)));
    return json;
}

Json *settings_to_json(Arena *a, const Settings *s)
{
    Json *json = json_copy(a, s->json);
    json_remove(json_get(json, S("smtp")), S("password"));
    json_remove(json_get(json, S("s3")), S("secret"));
    json_remove(json_get(json_get(json, S("backups")), S("s3")), S("secret"));
    return json;
}

static Str *read_texts(Arena *a, const Json *list, size_t *count)
{
    *count = json_count(list);
    Str *texts = arena_new(a, Str, *count + 1);
    for (size_t i = 0; i < *count; i++)
        texts[i] = json_str(json_at(list, i), S(""));
    return texts;
}

static int64_t whole(const Json *object, Str key)
{
    int64_t number = 0;
    (void)json_whole(json_get(object, key), &number); /* 0 when it is none */
    return number;
}

static void read_rules(Arena *a, const Json *list, Settings *out)
{
    out->rate_limit_rule_count = json_count(list);
    out->rate_limit_rules = arena_new(a, RateLimitRule, json_count(list) + 1);
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *rule = json_at(list, i);
        out->rate_limit_rules[i] = (RateLimitRule){
            .label = json_str(json_get(rule, S("label")), S("")),
            .audience = json_str(json_get(rule, S("audience")), S("")),
            .duration_s = whole(rule, S("duration")),
            .max_requests = whole(rule, S("maxRequests")),
        };
    }
}

static S3Settings read_s3(const Json *s3)
{
    return (S3Settings){
        .enabled = json_bool(json_get(s3, S("enabled")), false),
        .force_path_style = json_bool(json_get(s3, S("forcePathStyle")), false),
        .endpoint = json_str(json_get(s3, S("endpoint")), S("")),
        .bucket = json_str(json_get(s3, S("bucket")), S("")),
        .region = json_str(json_get(s3, S("region")), S("")),
        .access_key = json_str(json_get(s3, S("accessKey")), S("")),
        .secret = json_str(json_get(s3, S("secret")), S("")),
    };
}

void settings_read(Arena *a, Settings *out)
{
    const Json *meta = json_get(out->json, S("meta"));
    out->app_name = json_str(json_get(meta, S("appName")), S(""));
    out->app_url = json_str(json_get(meta, S("appURL")), S(""));
    out->sender_name = json_str(json_get(meta, S("senderName")), S(""));
    out->sender_address = json_str(json_get(meta, S("senderAddress")), S(""));
    out->superuser_ips =
        read_texts(a, json_get(out->json, S("superuserIPs")), &out->superuser_ip_count);

    const Json *batch = json_get(out->json, S("batch"));
    out->batch_enabled = json_bool(json_get(batch, S("enabled")), false);
    out->batch_max_requests = whole(batch, S("maxRequests"));
    out->batch_timeout_s = whole(batch, S("timeout"));
    out->batch_max_body_bytes = whole(batch, S("maxBodySize"));

    const Json *limits = json_get(out->json, S("rateLimits"));
    out->rate_limits_enabled = json_bool(json_get(limits, S("enabled")), false);
    out->rate_limit_excluded_ips =
        read_texts(a, json_get(limits, S("excludedIPs")), &out->rate_limit_excluded_ip_count);
    read_rules(a, json_get(limits, S("rules")), out);

    const Json *proxy = json_get(out->json, S("trustedProxy"));
    out->proxy_headers = read_texts(a, json_get(proxy, S("headers")), &out->proxy_header_count);
    out->proxy_use_leftmost_ip = json_bool(json_get(proxy, S("useLeftmostIP")), false);

    const Json *logs = json_get(out->json, S("logs"));
    out->logs_max_days = whole(logs, S("maxDays"));
    out->logs_min_level = whole(logs, S("minLevel"));
    out->logs_ip = json_bool(json_get(logs, S("logIP")), false);
    out->logs_auth_id = json_bool(json_get(logs, S("logAuthId")), false);

    out->s3 = read_s3(json_get(out->json, S("s3")));
    out->backups_s3 = read_s3(json_get(json_get(out->json, S("backups")), S("s3")));
}
