/* warnings.c - what the owner should mend, each with its remedy.
 *
 * Adding one? Its code is for programs and translations and never changes;
 * `link` is a page of the dashboard; a row in docs/dashboard-api.md. */
#include "admin/admin_internal.h"

void warning_add(Arena *a, Warnings *w, const char *code, const char *severity, Str text,
                 Str remedy, const char *link)
{
    Json *item = json_push(a, w->list, json_new_object(a));
    json_set_str(a, item, S("code"), str_from(code));
    json_set_str(a, item, S("severity"), str_from(severity));
    json_set_str(a, item, S("text"), text);
    json_set_str(a, item, S("remedy"), remedy);
    json_set_str(a, item, S("link"), str_from(link));
}

/* ---- rules ---- */

static bool is_open(const Collection *c, RuleKind kind)
{
    return !c->rules[kind].is_null && c->rules[kind].text.len == 0;
}

/* Signing up is open on most sites, changing what others wrote on none. */
static void warn_of_rules(Arena *a, const Schema *schema, Warnings *w)
{
    static const struct {
        RuleKind kind;
        const char *severity, *verb;
    } OPEN[] = {
        {RULE_CREATE, "warning", "create"},
        {RULE_UPDATE, "danger", "change"},
        {RULE_DELETE, "danger", "delete"},
    };
    for (size_t i = 0; i < schema->count; i++) {
        const Collection *c = schema->collections[i];
        if (c->type == COLLECTION_VIEW) continue;
        for (size_t k = 0; k < COUNT(OPEN); k++) {
            if (!is_open(c, OPEN[k].kind)) continue;
            if (OPEN[k].kind == RULE_CREATE && c->type == COLLECTION_AUTH) continue;
            warning_add(a, w, "open_rule", OPEN[k].severity,
                        str_printf(a, "Anybody may %s records of \"%.*s\".", OPEN[k].verb,
                                   STR_ARG(c->name)),
                        str_printf(a, "Give it a %.*s such as @request.auth.id != \"\".",
                                   STR_ARG(rule_key(OPEN[k].kind))),
                        arena_cstr(a, str_printf(a, "/collections/%.*s", STR_ARG(c->name))));
        }
    }
}

/* ---- rows ---- */

Error *warnings_of_rows(Tx *tx, const Context *cx, Warnings *w)
{
    Arena *a = tx_arena(tx);
    int64_t count = 0;
    bool found;
    warn_of_rules(a, cx->schema, w);
    Error *err = tx_one_i64(tx,
                            S("SELECT count(*) FROM _superusers WHERE email != "
                              "'__pbinstaller@example.com'"),
                            NULL, 0, &count, &found);
    if (err || count >= 2) return err;
    warning_add(a, w, "one_superuser", "info",
                S("There is only one superuser: nobody can help when that password is lost."),
                S("Add a second one."), "/settings/superusers");
    return NULL;
}

/* ---- settings ---- */

static bool is_local(Str url)
{
    return str_find(url, S("://localhost")) >= 0 || str_find(url, S("://127.")) >= 0 ||
           str_find(url, S("://[::1]")) >= 0;
}

static void warn_of_mail(Arena *a, const Settings *s, const JobStats *jobs, Warnings *w)
{
    bool smtp = json_bool(json_get(json_get(s->json, S("smtp")), S("enabled")), false);
    if (!smtp)
        warning_add(a, w, "smtp_off", "warning",
                    S("No mail server is set: mails go by this machine's sendmail, if it has one."),
                    S("Set an SMTP server and send a test."), "/settings/mail");
    if (str_eq(s->sender_address, S("support@example.com")))
        warning_add(a, w, "sender_default", "warning",
                    S("Mails are sent in the name of support@example.com."),
                    S("Set your own sender address."), "/settings/mail");
    if (jobs->dead > 0)
        warning_add(a, w, "outbox_dead", "danger",
                    str_printf(a, "%llu mails could not be delivered and were given up.",
                               (unsigned long long)jobs->dead),
                    S("Check the mail server's settings, then send a test."), "/settings/mail");
}

void warnings_of_settings(Arena *a, const Context *cx, const JobStats *jobs, Warnings *w)
{
    const Settings *s = cx->settings;
    warn_of_mail(a, s, jobs, w);
    if (is_local(s->app_url))
        warning_add(a, w, "app_url_local", "warning",
                    S("Links in mails lead to localhost: the address of the site is not set."),
                    S("Set the application's URL."), "/settings/application");
    if (!s->rate_limits_enabled)
        warning_add(a, w, "rate_limits_off", "info",
                    S("Rate limits are off: one caller may ask without end."), S("Turn them on."),
                    "/settings/rate-limits");
    const Collection *superusers = schema_find(cx->schema, S("_superusers"));
    if (superusers && !superusers->auth.mfa_enabled)
        warning_add(a, w, "superusers_without_mfa", "info",
                    S("Superusers sign in with a password alone."),
                    S("Turn on a second factor for superusers."), "/collections/_superusers");
}
