/* schedule.c - backups by the clock (api: operations §2.3): each has been read
 * back before it counts, then the oldest go, and a failure is mailed.
 *
 * The cron job exists while settings.backups.cron is set, and follows it. */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "mail/mail.h"

static const Json *option(const Settings *settings, Str name)
{
    return json_get(json_get(settings->json, S("backups")), name);
}

static void failure_tell(App *app, Arena *a, Str key, const Error *why)
{
    Str message = why->message.len ? why->message : error_default_message(why->status);
    Str text = str_printf(
        a,
        "The scheduled backup %.*s was not made: %.*s%s%.*s%s The next one is tried as planned; "
        "the server's log has more.",
        STR_ARG(key), STR_ARG(message), why->cause.len ? " (" : "", STR_ARG(why->cause),
        why->cause.len ? ")" : "");
    Error *err = mail_alert_superusers(app, a, S("Autobackup failure"), text);
    if (err)
        log_error("backup", "nobody could be told of the failed backup",
                  LOG_STR("message", err->message), LOG_STR("cause", err->cause));
}

static Error *auto_backup(App *app, Arena *a, void *arg)
{
    Backups *b = arg;
    const Settings *settings = settings_hold(app->settings, a);
    Str key = backup_default_name(a, S(AUTO_PREFIX), settings->app_name, clock_wall_ms());
    Error *err = backups_reserve(b, a, BACKUP_CREATE, key);
    if (!err) err = backups_run_reserved(b, a, key);
    if (err && atomic_load(&b->work.stop)) return NULL; /* the server stops: no failure */
    if (err) {
        failure_tell(app, a, key, err);
        return err; /* logged by the crons */
    }
    double keep = json_number(option(settings, S("cronMaxKeep")), 0);
    return target_prune(b, a, (size_t)MAX(keep, 1));
}

Error *schedule_follow(Backups *b, Arena *a)
{
    const Settings *settings = settings_hold(b->app->settings, a);
    Str cron = json_str(option(settings, S("cron")), S(""));
    if (cron.len) return jobs_cron_set(b->app->jobs, a, S(AUTO_CRON), cron, auto_backup, b);
    (void)jobs_cron_remove(b->app->jobs, S(AUTO_CRON)); /* there may be none */
    return NULL;
}

void schedule_changed(void *arg)
{
    facts_forget(arg);
    Arena *a = arena_create("schedule", 0);
    Error *err = schedule_follow(arg, a);
    if (err) log_error("backup", "no scheduled backups", LOG_STR("message", err->message));
    arena_destroy(a);
}
