/* restore.c - from a zip to a folder that can take the data's place.
 *
 *     zip ─▶ names, kinds, sizes ─▶ room on disk ─▶ unpack, checksums
 *         ─▶ integrity of the databases ─▶ opened as a server would ─▶ journal
 *
 * All of it happens beside the data, which is served meanwhile. Only when the
 * last step is on disk may the folders change places (journal.c).
 */
#include "backup/backup_internal.h"

#include "base/log.h"
#include "query/query.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    Str settings_key;
    Str dir, folder; /* the data; where the new one is made */
    int zip;
    Work *work;
    ZipContent content;
} Restoring;

static Error *refused(Arena *a, const char *what, Str why)
{
    return error_new(a, 400,
                     str_printf(a, "This backup cannot be restored: %s: %.*s", what,
                                STR_ARG(str_sub(why, 0, 300))));
}

static Error *room_check(Restoring *r, int folder)
{
    struct statvfs fs;
    if (fstatvfs(folder, &fs) != 0) return error_errno(r->arena, errno, "statvfs", r->dir);
    uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (r->content.bytes + ZIP_DISK_KEEP <= free) return NULL;
    return error_cause(r->arena, error_status(r->arena, 507),
                       "unpacked it has %llu bytes, %llu are free",
                       (unsigned long long)r->content.bytes, (unsigned long long)free);
}

static Error *unpack(Restoring *r)
{
    Arena *a = r->arena;
    int outer, inner;
    Str path = str_concat(a, r->dir, S("/" RESTORE_FOLDER));
    Error *err = tree_open(a, path, true, &outer);
    if (err) return err;
    if (!tree_remove(outer, "new"))
        return error_errno(a, errno, "remove", S(RESTORE_FOLDER "/new"));
    err = tree_open(a, r->folder, true, &inner);
    if (!err) err = room_check(r, inner);
    if (err) return err;
    ZipWatch watch = {work_more, r->work};
    work_step(r->work, "unpacking", r->content.bytes);
    err = zip_unpack(a, r->zip, inner, &watch, &r->content);
    if (err) return err;
    return syncfs(inner) == 0 ? NULL : error_errno(a, errno, "sync", r->folder);
}

static Error *database_check(Restoring *r, const char *name)
{
    Str path = str_printf(r->arena, "%.*s/%s", STR_ARG(r->folder), name), findings;
    DbWatch watch = {work_db, r->work};
    Error *err = db_file_check(r->arena, path, &watch, &findings);
    if (err) return err;
    return str_eq(findings, S("ok")) ? NULL : refused(r->arena, name, findings);
}

/* The logs are no reason to refuse the rest. */
static void logs_check(Restoring *r)
{
    const char *path = arena_cstr(r->arena, str_concat(r->arena, r->folder, S("/auxiliary.db")));
    if (access(path, F_OK) != 0) return;
    Error *err = database_check(r, "auxiliary.db");
    if (!err) return;
    log_warn("backup", "the backup's logs are damaged and are left out",
             LOG_STR("reason", err->message));
    (void)unlink(path);
}

/* As a server would; what it then migrates is migrated before the swap. */
static Error *open_once(Restoring *r)
{
    Arena *a = r->arena;
    DbConfig config = db_config_default(r->folder);
    Db *db = NULL;
    SchemaStore *schema = NULL;
    SettingsStore *settings = NULL;
    Error *err = db_open(a, &config, &db);
    if (!err) err = schema_store_open(a, db, r->settings_key, query_compile_schema, NULL, &schema);
    if (!err) err = settings_store_open(a, db, r->settings_key, &settings);
    if (err) err = refused(a, "it does not open", err->message.len ? err->message : err->cause);
    settings_store_close(settings);
    schema_store_close(schema);
    db_close(db);
    (void)unlink(arena_cstr(a, str_concat(a, r->folder, S("/croft.lock"))));
    (void)unlink(arena_cstr(a, str_concat(a, r->folder, S("/control.sock"))));
    return err;
}

static Error *prepare(Restoring *r, Str key)
{
    Arena *a = r->arena;
    struct stat st;
    ZipWatch watch = {work_more, r->work};
    Error *err = zip_check(a, r->zip, &watch, &r->content);
    if (err) return err;
    if (fstat(r->zip, &st) != 0) return error_errno(a, errno, "stat", key);
    work_begin(r->work, r->content.bytes + r->content.bytes / 2);
    err = unpack(r);
    if (err) return err;
    work_step(r->work, "checking the database", r->content.bytes / 2);
    err = database_check(r, "data.db");
    if (err) return err;
    logs_check(r);
    err = open_once(r);
    if (err) return err;
    /* Files that are kept elsewhere were not part of the backup: those here, of
     * whatever time, stay. */
    Str files = json_str(json_get(r->content.about, S("files")), S(""));
    return journal_begin(a, r->dir, key, !r->content.has_storage && str_starts(files, S("s3")));
}

Error *restore_prepare(Arena *a, Str dir, Str settings_key, int zip_fd, Str key, Work *work)
{
    Restoring *r = arena_new(a, Restoring, 1);
    *r = (Restoring){
        .arena = a, .settings_key = settings_key, .dir = dir, .zip = zip_fd, .work = work};
    r->folder = str_concat(a, dir, S("/" RESTORE_FOLDER "/new"));
    atomic_store(&work->step, "looking at the zip");
    Error *err = prepare(r, key);
    if (!err) return NULL;
    int fd;
    if (!tree_open(a, dir, false, &fd) && !tree_remove(fd, RESTORE_FOLDER))
        log_warn("backup", "cannot remove what a restore left", LOG_INT("errno", errno));
    return err;
}

Error *backup_restore_here(Arena *a, Str dir, Str settings_key, Str zip_path, const DbWatch *watch)
{
    int fd = open(arena_cstr(a, zip_path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_new(a, 400,
                         str_printf(a, "The file %.*s cannot be opened: %s.", STR_ARG(zip_path),
                                    strerror(errno)));
    int lock;
    Error *err = db_folder_hold(a, dir, &lock);
    if (!err) {
        Work work = {.mirror = watch};
        err = restore_prepare(a, dir, settings_key, fd, zip_path, &work);
        (void)close(lock);
    }
    (void)close(fd);
    return err;
}
