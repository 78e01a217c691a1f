/* admin.c - the owner's endpoints: health and settings (api: operations §1, §6). */
#include "admin/admin_internal.h"

#include "auth/auth.h"
#include "backup/backup.h"
#include "base/log.h"
#include "logs/logs.h"

/* The first header that tells of a proxy in front: the owner should then name
 * it in settings.trustedProxy, or all visitors share one address. */
static Str proxy_header(Req *req, const Settings *settings)
{
    for (size_t i = 0; i < settings->proxy_header_count; i++) {
        if (req_header(req, settings->proxy_headers[i]).len) return settings->proxy_headers[i];
    }
    static const Str KNOWN[] = {STR_INIT("CF-Connecting-IP"), STR_INIT("Fly-Client-IP"),
                                STR_INIT("X-Forwarded-For")};
    for (size_t i = 0; i < COUNT(KNOWN); i++) {
        if (req_header(req, KNOWN[i]).len) return KNOWN[i];
    }
    return S("");
}

/* GET /api/health
 *
 *   200   {"message", "code", "data"}; superusers see how the server sees them
 */
static Error *handle_health(Req *req, Res *res)
{
    Context *cx = req_context(req);
    if (!context_is_superuser(cx))
        return res_json_text(res, 200,
                             S("{\"message\":\"API is healthy.\",\"code\":200,\"data\":{}}\n"));

    Arena *a = req->arena;
    Json *data = json_new_object(a);
    json_set_bool(a, data, S("canBackup"), backups_idle(cx->app));
    json_set_str(a, data, S("possibleProxyHeader"), proxy_header(req, cx->settings));
    json_set_str(a, data, S("realIP"), cx->real_ip);
    Json *answer = json_new_object(a);
    json_set_str(a, answer, S("message"), S("API is healthy."));
    json_set_number(a, answer, S("code"), 200);
    json_set(a, answer, S("data"), data);
    return res_json(res, 200, answer);
}

/* GET /api/settings
 *
 *   200   everything but the secrets
 */
static Error *handle_settings_view(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    return res_json(res, 200, settings_to_json(req->arena, req_context(req)->settings));
}

/* Another trusted header gives the caller another address: not one from which
 * superusers may no longer come. Lists of addresses that leave the caller out are
 * another matter: they say so themselves. */
static Error *proxy_lockout(Req *req, const Json *patch)
{
    Arena *a = req->arena;
    const Context *cx = req_context(req);
    if (!json_get(patch, S("trustedProxy"))) return NULL;
    Settings next;
    Error *err = settings_preview(cx->app->settings, a, patch, &next);
    if (err) return err;
    Str ip = caller_ip(req, &next);
    if (!superuser_ip_refused(&next, ip) || superuser_ip_refused(&next, cx->real_ip)) return NULL;

    Str message = ip.len
                      ? str_printf(a,
                                   "Your address would then be %.*s, which is not among the "
                                   "allowed addresses of superusers.",
                                   STR_ARG(ip))
                      : S("Your address would then be unknown, so superuserIPs would refuse you.");
    return error_field(a, S("trustedProxy.headers"), "validation_lockout", message);
}

/* PATCH /api/settings
 *
 *   body  any part of the settings; lists are replaced as a whole
 *   200   the settings as they are now
 *   400   what does not hold, by field
 */
static Error *handle_settings_update(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    const Context *cx = req_context(req);
    Body body;
    err = req_body(req, 0, &body);
    if (err && err->status == 400)
        return error_summary(err, S("An error occurred while loading the submitted data."));
    if (err) return err;

    err = proxy_lockout(req, body.data);
    if (!err) err = settings_update(cx->app->settings, a, body.data);
    if (err) return error_summary(err, S("An error occurred while saving the new settings."));
    log_info("admin", "settings changed", LOG_STR("superuser", cx->auth->id),
             LOG_STR("ip", cx->real_ip));
    logs_settings_changed(cx->app->logs);
    return res_json(res, 200, settings_to_json(a, settings_hold(cx->app->settings, a)));
}

const Route admin_routes[] = {
    {"GET", "/api/collections/{collection}/export", handle_export, 0, NULL},
    {"GET", "/api/admin/files", handle_files, 0, NULL},
    {"POST", "/api/admin/files/orphans/delete", handle_orphans_delete, 0, NULL},
    {"GET", "/api/admin/sql/schema", handle_sql_schema, 0, NULL},
    {"GET", "/api/admin/overview", handle_overview, 0, NULL},
    {"GET", "/api/health", handle_health, 0, NULL},
    {"GET", "/api/settings", handle_settings_view, 0, NULL},
    {"PATCH", "/api/settings", handle_settings_update, 0, NULL},
    {"POST", "/api/settings/test/s3", handle_try_s3, 0, NULL},
    {"POST", "/api/sql", handle_sql, 0, NULL},
};
const size_t admin_route_count = COUNT(admin_routes);
