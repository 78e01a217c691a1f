/* usage.c - what the data folder takes of the disk, and its latest backup.
 *
 * The folder is that of the database's file. Called in the slow lane: it asks
 * the file system. */
#include "admin/admin_internal.h"

#include "base/clock.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#define BACKUP_OLD_MS  (INT64_C(7) * 86400 * 1000)
#define DISK_LOW_SHARE 0.1
#define DISK_LOW_BYTES (INT64_C(10) << 30)

typedef struct {
    Str name, verified;
    int64_t size_bytes, modified_ms;
    int64_t total_bytes;
    int count;
} Backup;

static int64_t file_size(Arena *a, Str dir, const char *name)
{
    struct stat st;
    Str path = str_printf(a, "%.*s/%s", STR_ARG(dir), name);
    return stat(arena_cstr(a, path), &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
}

static void backups_sum(const Json *list, Backup *out)
{
    *out = (Backup){0};
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *item = json_at(list, i);
        int64_t modified_ms = 0, size = (int64_t)json_number(json_get(item, S("size")), 0);
        (void)datetime_parse(json_str(json_get(item, S("modified")), S("")), &modified_ms);
        out->count++;
        out->total_bytes += size;
        if (modified_ms <= out->modified_ms) continue;
        out->name = json_str(json_get(item, S("key")), S(""));
        out->verified = json_str(json_get(item, S("verified")), S(""));
        out->size_bytes = size;
        out->modified_ms = modified_ms;
    }
}

static Json *backup_json(Arena *a, const Backup *b)
{
    if (b->count == 0) return json_new_null(a);
    Json *out = json_new_object(a);
    json_set_str(a, out, S("name"), b->name);
    json_set_number(a, out, S("size"), (double)b->size_bytes);
    json_set_str(a, out, S("modified"), datetime_format(a, b->modified_ms));
    json_set(a, out, S("verified"),
             b->verified.len > 0 ? json_new_string(a, b->verified) : json_new_null(a));
    json_set_number(a, out, S("count"), b->count);
    return out;
}

static void warn_of_backups(Arena *a, const Backup *b, bool scheduled, Warnings *w)
{
    bool old = b->count > 0 && clock_wall_ms() - b->modified_ms > BACKUP_OLD_MS;
    if (!scheduled && b->count == 0)
        warning_add(a, w, "backups_off", "danger",
                    S("There are no backups, and none are scheduled."),
                    S("Choose a schedule, or make one now."), "/settings/backups");
    else if (!scheduled && old)
        warning_add(a, w, "backup_old", "warning",
                    S("The latest backup is over a week old, and none are scheduled."),
                    S("Choose a schedule."), "/settings/backups");
    else if (scheduled && (b->count == 0 || old))
        warning_add(a, w, "backup_missing", "danger",
                    S("Backups are scheduled, but there is none of the last week."),
                    S("Look at the logs for why it failed."), "/settings/backups");
    if (b->count > 0 && b->verified.len == 0)
        warning_add(a, w, "backup_unverified", "info",
                    S("Nobody has checked that the latest backup can be read back."),
                    S("Make one here: it is checked when it is made."), "/settings/backups");
}

static void add_disk(Arena *a, Str dir, Json *storage, Warnings *w)
{
    struct statvfs fs;
    if (statvfs(arena_cstr(a, dir), &fs) != 0) return;
    double unit = (double)fs.f_frsize;
    double available = (double)fs.f_bavail * unit, total = (double)fs.f_blocks * unit;
    json_set_number(a, storage, S("diskFree"), available);
    json_set_number(a, storage, S("diskTotal"), total);
    if (available > total * DISK_LOW_SHARE || available > (double)DISK_LOW_BYTES) return;
    warning_add(a, w, "disk_low", available < total * DISK_LOW_SHARE / 5 ? "danger" : "warning",
                str_printf(a, "The disk is nearly full: %.1f GB are left.", available / 1e9),
                S("Delete old backups or files, or get a larger disk."), "/files");
}

Error *usage_read(Tx *tx, Json *out, Warnings *w)
{
    Arena *a = tx_arena(tx);
    Str file;
    bool found;
    Error *err = tx_one_str(tx, S("SELECT file FROM pragma_database_list WHERE name = 'main'"),
                            NULL, 0, &file, &found);
    if (err) return err;
    ptrdiff_t slash = found ? str_rfind_char(file, '/') : -1;
    if (slash < 0) return NULL;
    Str dir = str_sub(file, 0, (size_t)slash);

    Json *storage = json_new_object(a);
    json_set_number(a, storage, S("database"), (double)file_size(a, dir, "data.db"));
    json_set_number(a, storage, S("wal"), (double)file_size(a, dir, "data.db-wal"));
    json_set_number(
        a, storage, S("logs"),
        (double)(file_size(a, dir, "auxiliary.db") + file_size(a, dir, "auxiliary.db-wal")));
    add_disk(a, dir, storage, w);
    json_set(a, out, S("storage"), storage);
    return NULL;
}

Error *backups_read(App *app, Arena *a, Json *out, Warnings *w)
{
    const Settings *settings = settings_hold(app->settings, a);
    bool remote = settings->backups_s3.enabled;
    Str cron = json_str(json_get(json_get(settings->json, S("backups")), S("cron")), S(""));
    Json *list = NULL, *answer = json_new_object(a);
    Error *err = remote || !app->backups ? NULL : backups_list(app, a, &list);
    if (err) return err;
    Backup backup;
    backups_sum(list, &backup);
    json_set_number(a, json_get(out, S("storage")), S("backups"), (double)backup.total_bytes);
    json_set(a, answer, S("latest"), backup_json(a, &backup));
    json_set_str(a, answer, S("schedule"), cron);
    json_set_bool(a, answer, S("remote"), remote);
    json_set(a, out, S("backup"), answer);
    if (!remote) warn_of_backups(a, &backup, cron.len > 0, w);
    return NULL;
}
