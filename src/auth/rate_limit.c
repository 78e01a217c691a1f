/* rate_limit.c - the owner's rate limits (api: conventions §11).
 *
 * The labels of a request, most telling first: "posts:list", "*:list" for each
 * tag of its route, then "GET /api/x" and "/api/x". The first rule that one of
 * them meets counts the request, and no other does. Counters start over when
 * settings change, because their version is part of the key.
 */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/map.h"

#define LABELS_MAX 10

typedef struct {
    Str labels[LABELS_MAX];
    size_t count;
    const Collection *collection; /* of a tagged route */
    const char *tag;
} Labels;

static void label_add(Labels *l, Str label)
{
    if (l->count < LABELS_MAX) l->labels[l->count++] = label;
}

/* False when the route is of a collection and there is no such one. */
static bool labels_of(Req *req, const Context *cx, Labels *out)
{
    Arena *a = req->arena;
    const char *tag = req->route ? req->route->tag : NULL;
    Str name = tag ? req_param(req, "collection") : S("");
    if (name.len) {
        out->collection = schema_find(cx->schema, name);
        if (!out->collection) return false;
        out->tag = tag;
        Str rest = str_from(tag);
        while (rest.ptr) {
            Str one = str_split(&rest, ' ');
            label_add(out,
                      str_printf(a, "%.*s:%.*s", STR_ARG(out->collection->name), STR_ARG(one)));
        }
        rest = str_from(tag);
        while (rest.ptr) {
            Str one = str_split(&rest, ' ');
            label_add(out, str_concat(a, S("*:"), one));
        }
    }
    Str path;
    if (!percent_decode(a, req->path, false, &path)) path = req->path;
    label_add(out, str_printf(a, "%.*s %.*s", STR_ARG(req->method_text), STR_ARG(path)));
    label_add(out, path);
    return true;
}

static bool audience_matches(Str audience, bool is_guest)
{
    return audience.len == 0 || str_eq(audience, is_guest ? S("@guest") : S("@auth"));
}

/* "/api/" is met by "/api/x" and by "/api" itself. */
static bool prefix_matches(Str rule, Str label)
{
    if (!str_ends(rule, S("/"))) return false;
    if (rule.len == label.len + 1) return str_starts(rule, label);
    return str_starts(label, rule);
}

static const RateLimitRule *rule_find(const Settings *s, const Labels *labels, bool is_guest)
{
    for (size_t l = 0; l < labels->count; l++) {
        for (int prefix = 0; prefix < 2; prefix++) {
            for (size_t i = 0; i < s->rate_limit_rule_count; i++) {
                const RateLimitRule *rule = &s->rate_limit_rules[i];
                if (!audience_matches(rule->audience, is_guest)) continue;
                if (prefix ? prefix_matches(rule->label, labels->labels[l])
                           : str_eq(rule->label, labels->labels[l]))
                    return rule;
            }
        }
    }
    return NULL;
}

static uint64_t counter_key(Req *req, const Context *cx, const Labels *labels,
                            const RateLimitRule *rule)
{
    Arena *a = req->arena;
    Str limiter = labels->collection ? str_printf(a, "%.*s %s %s", STR_ARG(labels->collection->id),
                                                  req->route->path, labels->tag)
                                     : rule->label;
    Str text = str_printf(a, "%llu\n%.*s\n%.*s\n%.*s", (unsigned long long)cx->settings->version,
                          STR_ARG(limiter), STR_ARG(rule->audience), STR_ARG(cx->real_ip));
    return hash_bytes(text.ptr, text.len);
}

/* Counts one event of these labels; 429 when its rule is exhausted. */
static Error *labels_count(Req *req, const Context *cx, const Labels *labels)
{
    const Settings *s = cx->settings;
    const RateLimitRule *rule = rule_find(s, labels, cx->auth == NULL);
    if (!rule) return NULL;

    Auth *auth = cx->app->auth;
    uint32_t max = (uint32_t)MIN(MAX(rule->max_requests, 0), (int64_t)UINT32_MAX);
    uint64_t duration_ms = (uint64_t)MIN(MAX(rule->duration_s, 1), INT64_C(1) << 40) * 1000;
    if (windows_take(auth->rates, counter_key(req, cx, labels, rule), max, duration_ms,
                     clock_mono_ms()))
        return NULL;
    return error_status(req->arena, 429);
}

static bool is_exempt(const Context *cx)
{
    const Settings *s = cx->settings;
    if (!s->rate_limits_enabled || context_is_superuser(cx)) return true;
    return s->rate_limit_excluded_ip_count &&
           ip_in_list(cx->real_ip, s->rate_limit_excluded_ips, s->rate_limit_excluded_ip_count);
}

Error *rate_limit_check(Req *req, Context *cx)
{
    if (is_exempt(cx)) return NULL;
    Labels labels = {0};
    if (!labels_of(req, cx, &labels)) return NULL; /* the handler's 404 comes first */
    return labels_count(req, cx, &labels);
}

Error *rate_limit_batch_item(Req *req, const Collection *c, const char *action)
{
    const Context *cx = req_context(req);
    if (is_exempt(cx)) return NULL;
    Labels labels = {.collection = c, .tag = action};
    label_add(&labels, str_printf(req->arena, "%.*s:%s", STR_ARG(c->name), action));
    label_add(&labels, str_printf(req->arena, "*:%s", action));
    return labels_count(req, cx, &labels);
}
