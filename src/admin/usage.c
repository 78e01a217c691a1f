/* usage.c - what the data folder takes of the disk, and its latest backup.
 *
 * The folder is that of the database's file. Called in the slow lane: it asks
 * the file system. */
#include "admin/admin_internal.h"

#include "base/clock.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BACKUPS_MAX    1000 /* files looked at */
#define BACKUP_OLD_MS  (INT64_C(7) * 86400 * 1000)
#define DISK_LOW_SHARE 0.1
#define DISK_LOW_BYTES (INT64_C(10) << 30)

typedef struct {
    Str name;
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

static void backups_read(Arena *a, Str dir, Backup *out)
{
    Str path = str_concat(a, dir, S("/backups"));
    DIR *d = opendir(arena_cstr(a, path));
    *out = (Backup){0};
    if (!d) return;
    const struct dirent *entry;
    while ((entry = readdir(d)) && out->count < BACKUPS_MAX) {
        struct stat st;
        Str name = str_from(entry->d_name);
        if (!str_ends(name, S(".zip"))) continue;
        Str file = str_printf(a, "%.*s/%.*s", STR_ARG(path), STR_ARG(name));
        if (stat(arena_cstr(a, file), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        int64_t modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        out->count++;
        out->total_bytes += (int64_t)st.st_size;
        if (modified_ms <= out->modified_ms) continue;
        out->name = arena_copy(a, name);
        out->size_bytes = (int64_t)st.st_size;
        out->modified_ms = modified_ms;
    }
    (void)closedir(d);
}

static Json *backup_json(Arena *a, const Backup *b)
{
    if (b->count == 0) return json_new_null(a);
    Json *out = json_new_object(a);
    json_set_str(a, out, S("name"), b->name);
    json_set_number(a, out, S("size"), (double)b->size_bytes);
    json_set_str(a, out, S("modified"), datetime_format(a, b->modified_ms));
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

Error *usage_read(Tx *tx, const App *app, Json *out, Warnings *w)
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

    Backup backup;
    backups_read(a, dir, &backup);
    const Settings *settings = settings_hold(app->settings, a);
    const Json *backups = json_get(settings->json, S("backups"));
    Str cron = json_str(json_get(backups, S("cron")), S(""));
    Json *storage = json_new_object(a), *answer = json_new_object(a);
    json_set_number(a, storage, S("database"), (double)file_size(a, dir, "data.db"));
    json_set_number(a, storage, S("wal"), (double)file_size(a, dir, "data.db-wal"));
    json_set_number(
        a, storage, S("logs"),
        (double)(file_size(a, dir, "auxiliary.db") + file_size(a, dir, "auxiliary.db-wal")));
    json_set_number(a, storage, S("backups"), (double)backup.total_bytes);
    add_disk(a, dir, storage, w);
    json_set(a, out, S("storage"), storage);
    json_set(a, answer, S("latest"), backup_json(a, &backup));
    json_set_str(a, answer, S("schedule"), cron);
    json_set_bool(a, answer, S("remote"), settings->backups_s3.enabled);
    json_set(a, out, S("backup"), answer);
    if (!settings->backups_s3.enabled) warn_of_backups(a, &backup, cron.len > 0, w);
    return NULL;
}
