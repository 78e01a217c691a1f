/* site.c - opening the stores in order, and closing them in the opposite one. */
#include "app/site.h"

#include "admin/admin.h"
#include "files/files.h"
#include "logs/logs.h"
#include "mail/mail.h"
#include "oauth2/oauth2.h"
#include "openapi/openapi.h"
#include "realtime/realtime.h"

#include <unistd.h>

#define WORKER_QUEUE   1024
#define PASSWORD_QUEUE 512
#define CONSOLE_QUEUE  16

static int cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return (int)MIN(MAX(n, 1), 64);
}

/* ---- where files go, as the settings say ---- */

static uint64_t settings_now(void *arg)
{
    return settings_version(((const App *)arg)->settings);
}

static bool files_in_s3(void *arg, Arena *a, S3Config *out, uint64_t *version)
{
    const Settings *settings = settings_hold(((const App *)arg)->settings, a);
    const S3Settings *s3 = &settings->s3;
    *version = settings->version;
    *out = (S3Config){.endpoint = s3->endpoint,
                      .bucket = s3->bucket,
                      .region = s3->region,
                      .access_key = s3->access_key,
                      .secret = s3->secret,
                      .path_style = s3->force_path_style};
    return s3->enabled;
}

static Error *stores_open(Arena *a, Site *site, Str settings_key, int loop_count)
{
    App *app = &site->app;
    DbConfig config = db_config_default(site->dir);
    config.loop_count = loop_count;
    OutgoingConfig outgoing = outgoing_config_default();
    Error *err = outgoing_create(a, &outgoing, &app->outgoing);
    if (err) return err;
    err = db_open(a, &config, &app->db);
    if (err) return err;
    err = schema_store_open(a, app->db, settings_key, query_compile_schema, NULL, &app->schema);
    if (err) return err;
    err = settings_store_open(a, app->db, settings_key, &app->settings);
    if (err) return err;
    /* At least two: a job may wait for another one. */
    err = workers_create(a, "work", MAX(cpu_count(), 2), WORKER_QUEUE, &app->workers);
    if (err) return err;
    err = storage_open(a, str_concat(a, site->dir, S("/storage")), app->workers, &app->storage);
    if (err) return err;
    const StorageSource source = {settings_now, files_in_s3, app};
    err = storage_follow(app->storage, a, app->outgoing, &source);
    if (err) return err;
    /* Half of the cores: sign-ins in a flood leave the rest to everybody else. */
    err = passwords_create(a, MAX(cpu_count() / 2, 1), PASSWORD_QUEUE, &app->passwords);
    if (err) return err;
    LogsConfig logs = logs_config_default(site->dir);
    logs.loop_count = loop_count;
    err = logs_create(a, app, &logs, &app->logs);
    if (err) return err;
    err = workers_create(a, "console", 1, CONSOLE_QUEUE, &app->console);
    if (err) return err;
    err = jobs_create(a, app, &app->jobs);
    if (err) return err;
    err = mailer_create(a, app, app->outgoing, &app->mailer);
    if (err) return err;
    err = realtime_create(a, app, loop_count, NULL, &app->realtime);
    if (err) return err;
    err = oauth2_create(a, app, &app->oauth2);
    if (err) return err;
    err = file_cache_create(a, &app->file_cache);
    if (err) return err;
    err = documents_create(a, &app->documents);
    if (err) return err;
    err = survey_create(a, &app->survey);
    if (err) return err;
    err = auth_create(a, app, loop_count, &site->auth);
    if (err) return err;
    return backups_create(a, app, site->dir, settings_key, &app->backups);
}

static void stores_close(Site *site)
{
    App *app = &site->app;
    /* What may still write first; nobody else does any more. */
    if (app->outgoing) outgoing_stop(app->outgoing); /* deliveries end at once */
    backups_stop(app->backups);
    jobs_destroy(app->jobs);
    backups_destroy(app->backups);
    survey_destroy(app->survey);
    if (app->storage) storage_unfollow(app->storage);
    outgoing_destroy(app->outgoing);
    workers_destroy(app->console);
    if (app->workers) workers_destroy(app->workers);
    if (app->passwords) passwords_destroy(app->passwords);
    realtime_destroy(app->realtime);
    oauth2_destroy(app->oauth2);
    file_cache_destroy(app->file_cache);
    documents_destroy(app->documents);
    auth_destroy(site->auth);
    if (app->storage) storage_close(app->storage);
    logs_destroy(app->logs); /* writes what is left */
    if (app->settings) settings_store_close(app->settings);
    if (app->schema) schema_store_close(app->schema);
    if (app->db) db_close(app->db);
    *site = (Site){0};
}

Error *site_open(Arena *a, Str dir, Str settings_key, int loop_count, Site *out)
{
    *out = (Site){.dir = dir};
    RestoreState restore;
    Str key;
    Error *err = crypto_init(a);
    if (err) return err;
    err = restore_recover(a, dir, &restore, &key);
    if (err) return err;
    err = stores_open(a, out, settings_key, loop_count);
    if (err) stores_close(out);
    if (err && restore == RESTORE_TRIAL) {
        err = restore_undo(a, dir);
        restore = RESTORE_UNDONE;
        *out = (Site){.dir = dir};
        if (!err) err = stores_open(a, out, settings_key, loop_count);
        if (err) stores_close(out);
    }
    if (err) return err;
    out->restore = restore;
    out->restored_key = key;
    backups_note_restore(out->app.backups, restore, key);
    return NULL;
}

void site_confirm(Site *site)
{
    if (site->restore == RESTORE_TRIAL) restore_confirm(site->dir);
    site->restore = RESTORE_NONE;
}

void site_close(Site *site)
{
    Site closed = *site;
    stores_close(site);
    site_confirm(&closed);
}
