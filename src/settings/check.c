/* check.c - may these settings be saved? (api: operations §1.1, conventions §11). */
#include "settings/settings_internal.h"

#define RULES_MAX 1000
#define WHOLE_MAX INT64_C(9007199254740991)

static Str text_at(const Json *object, const char *key)
{
    return json_str(json_get(object, str_from(key)), S(""));
}

static int64_t whole_at(const Json *object, const char *key)
{
    int64_t number = 0;
    (void)json_whole(json_get(object, str_from(key)), &number); /* 0 when it is none */
    return number;
}

static bool enabled(const Json *object)
{
    return json_bool(json_get(object, S("enabled")), false);
}

static Str path(Checks *c, const char *at, const char *key)
{
    return str_printf(c->arena, "%s.%s", at, key);
}

static bool need_text(Checks *c, const char *at, const Json *object, const char *key)
{
    return check_required(c, path(c, at, key), text_at(object, key).len > 0);
}

/* Zero counts as absent, which `needed` decides about; below `min` it fails. */
static void check_whole(Checks *c, const char *at, const Json *object, const char *key, int64_t min,
                        bool needed)
{
    int64_t value = whole_at(object, key);
    if (needed && !check_required(c, path(c, at, key), value != 0)) return;
    check_range(c, path(c, at, key), value, min, WHOLE_MAX);
}

static void check_meta(Checks *c, const Json *meta)
{
    if (need_text(c, "meta", meta, "appName"))
        check_length(c, S("meta.appName"), text_at(meta, "appName"), 1, 255);
    if (need_text(c, "meta", meta, "appURL") && !text_is_url(text_at(meta, "appURL")))
        check_fail(c, S("meta.appURL"), "validation_is_url", S("Must be a valid URL."));
    if (need_text(c, "meta", meta, "senderName"))
        check_length(c, S("meta.senderName"), text_at(meta, "senderName"), 1, 255);
    if (need_text(c, "meta", meta, "senderAddress") &&
        !text_is_email(text_at(meta, "senderAddress")))
        check_fail(c, S("meta.senderAddress"), "validation_is_email",
                   S("Must be a valid email address."));
    Str color = text_at(meta, "accentColor");
    if (check_length(c, S("meta.accentColor"), color, 7, 7) && color.len > 0 &&
        !text_is_hex_color(color))
        check_fail(c, S("meta.accentColor"), "validation_is_hex_color",
                   S("Must be a valid hexadecimal color code."));
}

static void check_host(Checks *c, Str field, Str host)
{
    if (host.len > 0 && !text_is_host(host))
        check_fail(c, field, "validation_is_host", S("Must be a valid IP address or DNS name."));
}

static void check_smtp(Checks *c, const Json *smtp)
{
    if (enabled(smtp)) need_text(c, "smtp", smtp, "host");
    check_host(c, S("smtp.host"), text_at(smtp, "host"));
    check_whole(c, "smtp", smtp, "port", 0, enabled(smtp));
    check_host(c, S("smtp.localName"), text_at(smtp, "localName"));
    Str method = text_at(smtp, "authMethod");
    if (method.len > 0 && !str_eq(method, S("PLAIN")) && !str_eq(method, S("LOGIN")))
        check_fail(c, S("smtp.authMethod"), "validation_in_invalid", S("Must be a valid value."));
}

static void check_s3(Checks *c, const char *at, const Json *s3)
{
    static const char *const NEEDED[] = {"endpoint", "bucket", "region", "accessKey", "secret"};
    for (size_t i = 0; i < COUNT(NEEDED) && enabled(s3); i++)
        need_text(c, at, s3, NEEDED[i]);
    Str endpoint = text_at(s3, "endpoint");
    if (endpoint.len > 0 && !text_is_url(endpoint))
        check_fail(c, path(c, at, "endpoint"), "validation_is_url", S("Must be a valid URL."));
}

/* ---- cron expressions: five fields, all of which have to match ---- */

static bool cron_number(Str text, uint64_t min, uint64_t max, uint64_t *out)
{
    return str_to_u64(text, out) && *out >= min && *out <= max;
}

/* "*", "n", "a-b", the first and the last with "/step" */
static bool cron_part(Str part, uint64_t min, uint64_t max)
{
    Str rest = part;
    Str range = str_split(&rest, '/');
    uint64_t step = 1, first, last;
    bool has_step = rest.ptr != NULL;
    if (has_step && !cron_number(rest, 1, max, &step)) return false;
    if (str_eq(range, S("*"))) return true;

    rest = range;
    Str from = str_split(&rest, '-');
    if (!cron_number(from, min, max, &first)) return false;
    if (!rest.ptr) return step == 1;
    return cron_number(rest, min, max, &last) && first <= last;
}

static bool cron_field(Str field, uint64_t min, uint64_t max)
{
    while (field.ptr) {
        if (!cron_part(str_split(&field, ','), min, max)) return false;
    }
    return true;
}

bool cron_valid(Str expression)
{
    static const char *const MACROS[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                         "@daily",  "@midnight", "@hourly"};
    static const uint64_t LIMITS[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}};
    for (size_t i = 0; i < COUNT(MACROS); i++) {
        if (str_eq(expression, str_from(MACROS[i]))) return true;
    }
    Str rest = expression;
    for (size_t i = 0; i < COUNT(LIMITS); i++) {
        if (!rest.ptr) return false;
        Str field = str_split(&rest, ' ');
        if (field.len == 0 || !cron_field(field, LIMITS[i][0], LIMITS[i][1])) return false;
    }
    return !rest.ptr;
}

static void check_backups(Checks *c, const Json *backups)
{
    Str cron = text_at(backups, "cron");
    if (cron.len > 0 && !cron_valid(cron))
        check_fail(c, S("backups.cron"), "validation_invalid_cron",
                   S("Must be a valid cron expression."));
    check_whole(c, "backups", backups, "cronMaxKeep", 1, cron.len > 0);
    check_s3(c, "backups.s3", json_get(backups, S("s3")));
}

/* ---- rate limits ---- */

static size_t word_end(Str s, size_t at)
{
    while (at < s.len && text_is_word(str_sub(s, at, 1)))
        at++;
    return at;
}

static bool is_path(Str s)
{
    if (s.len == 0 || s.ptr[0] != '/') return false;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] != '/' && s.ptr[i] != '-' && !text_is_word(str_sub(s, i, 1))) return false;
    }
    return true;
}

/* word | word:word | *:word | /path | METHOD /path */
static bool label_valid(Str label)
{
    if (str_starts(label, S("/"))) return is_path(label);
    if (str_starts(label, S("*:"))) return text_is_word(str_from_pos(label, 2));
    size_t end = word_end(label, 0);
    if (end == 0) return false;
    if (end == label.len) return true;
    Str rest = str_from_pos(label, end + 1);
    return label.ptr[end] == ':' ? text_is_word(rest) : label.ptr[end] == ' ' && is_path(rest);
}

/* One rule for everybody, or one for guests and one for the others. */
static bool labels_conflict(const Json *x, const Json *y)
{
    if (!str_eq(text_at(x, "label"), text_at(y, "label"))) return false;
    Str one = text_at(x, "audience"), other = text_at(y, "audience");
    return one.len == 0 || other.len == 0 || str_eq(one, other);
}

static void check_rule(Checks *c, const Json *rules, size_t i)
{
    const Json *rule = json_at(rules, i);
    Str at_text = str_printf(c->arena, "rateLimits.rules.%zu", i);
    const char *at = arena_cstr(c->arena, at_text);
    Str label = text_at(rule, "label"), audience = text_at(rule, "audience");
    if (need_text(c, at, rule, "label") && !label_valid(label))
        check_fail(c, path(c, at, "label"), "validation_match_invalid",
                   S("Must be in a valid format."));
    for (size_t k = 0; k < i; k++) {
        if (labels_conflict(rule, json_at(rules, k)))
            check_fail(c, path(c, at, "label"), "validation_conflicting_rate_limit_rule",
                       S("Rate limit rule configuration with this label already exists or "
                         "conflicts with another rule."));
    }
    if (audience.len > 0 && !str_eq(audience, S("@guest")) && !str_eq(audience, S("@auth")))
        check_fail(c, path(c, at, "audience"), "validation_in_invalid",
                   S("Must be a valid value."));
    check_whole(c, at, rule, "duration", 1, true);
    check_whole(c, at, rule, "maxRequests", 1, true);
}

static void check_ips(Checks *c, const char *at, const Json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (ip_or_cidr_valid(json_str(json_at(list, i), S("")))) continue;
        check_fail(c, str_printf(c->arena, "%s.%zu", at, i), "validation_invlaid_ip_or_subnet",
                   S("Invalid IP or CIDR subnet."));
    }
}

static void check_rate_limits(Checks *c, const Json *limits)
{
    const Json *rules = json_get(limits, S("rules"));
    size_t count = json_count(rules);
    if (enabled(limits)) check_required(c, S("rateLimits.rules"), count > 0);
    if (count > RULES_MAX)
        check_fail(c, S("rateLimits.rules"), "validation_length_too_long",
                   S("There are too many rules."));
    for (size_t i = 0; i < count && count <= RULES_MAX; i++)
        check_rule(c, rules, i);
    check_ips(c, "rateLimits.excludedIPs", json_get(limits, S("excludedIPs")));
}

Error *settings_check(Arena *a, const Json *json)
{
    Checks c = {.arena = a};
    check_meta(&c, json_get(json, S("meta")));
    const Json *logs = json_get(json, S("logs")), *batch = json_get(json, S("batch"));
    check_whole(&c, "logs", logs, "maxDays", 0, false);
    check_smtp(&c, json_get(json, S("smtp")));
    check_s3(&c, "s3", json_get(json, S("s3")));
    check_backups(&c, json_get(json, S("backups")));
    check_whole(&c, "batch", batch, "maxRequests", 0, enabled(batch));
    check_whole(&c, "batch", batch, "timeout", 0, enabled(batch));
    check_whole(&c, "batch", batch, "maxBodySize", 0, false);
    check_rate_limits(&c, json_get(json, S("rateLimits")));
    check_ips(&c, "superuserIPs", json_get(json, S("superuserIPs")));
    return c.errors;
}
