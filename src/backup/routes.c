/* routes.c - /api/backups (api: operations §2). */
#include "backup/backup_internal.h"

#include "auth/auth.h"
#include "base/encoding.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BODY_BYTES (64u << 10)
#define BAD_INPUT  S("An error occurred while validating the submitted data.")
#define NOT_LOADED S("An error occurred while loading the submitted data.")

static Backups *req_backups(Req *req)
{
    return app_backups(req_context(req)->app);
}

/* Field errors under what was tried; what is about the request stays as it is. */
static Error *input_fault(Error *err)
{
    return err->field.len ? error_summary(err, BAD_INPUT) : err;
}

/* GET /api/backups
 *
 *   200   [{"key", "size", "modified"}], unsorted; "checksum" and "verified" of
 *         those that were read back after they had been made
 */
static Error *handle_list(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Json *list;
    err = target_list(req_backups(req), req->arena, true, &list);
    if (err)
        return error_cause(
            req->arena,
            error_new(req->arena, 400, S("Failed to retrieve backup items. Raw error: \n")), "%.*s",
            STR_ARG(err->cause));
    return res_json(res, 200, list);
}

/* GET /api/backups/progress
 *
 *   200   {"running", "kind", "key", "step", "percent", "done", "total", "started", "last"}
 */
static Error *handle_progress(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    return res_json(res, 200, backups_status(req_context(req)->app, req->arena));
}

/* POST /api/backups
 *
 *   body  {"name": "x.zip"}, or nothing
 *   204   made, and read back
 *   400   a bad or taken name; another one is under way
 *   507   the disk is full
 */
static Error *handle_create(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Body body;
    err = req_body(req, BODY_BYTES, &body);
    if (err && err->status == 400) return error_summary(err, NOT_LOADED);
    if (err) return err;
    const Json *name = json_get(body.data, S("name"));
    if (name && name->type != JSON_STRING && name->type != JSON_NULL)
        return error_new(req->arena, 400, NOT_LOADED);
    Str key;
    err = backups_make(req_context(req)->app, req->arena, json_str(name, S("")), &key);
    return err ? input_fault(err) : res_empty(res, 204);
}

/* ---- upload ---- */

/* Before gigabytes are taken: twice, as an upload is copied to its place. */
static Error *room_check(Req *req)
{
    uint64_t length;
    struct statvfs fs;
    if (!str_to_u64(req_header(req, S("Content-Length")), &length)) return NULL;
    if (statvfs(arena_cstr(req->arena, req_backups(req)->dir), &fs) != 0) return NULL;
    uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (length < free && free - length > ZIP_DISK_KEEP) return NULL;
    return error_status(req->arena, 507);
}

static Error *upload_check(Req *req, const Body *body, const Upload **out)
{
    Arena *a = req->arena;
    const Upload *upload = NULL;
    for (size_t i = 0; i < body->upload_count && !upload; i++) {
        if (str_eq(body->uploads[i].field, S("file"))) upload = &body->uploads[i];
    }
    if (!upload) return error_required(a, S("file"));
    Str type;
    Error *err =
        storage_sniff(req_context(req)->app->storage, a, upload->fd, upload->memory, &type);
    if (err) return err;
    if (!str_eq(type, S("application/zip")))
        return error_field(a, S("file"), "validation_invalid_mime_type",
                           S("The file must be a zip archive."));
    if (!backup_key_good(upload->file_name))
        return error_field(a, S("file"), "validation_invalid_file_name",
                           S("The file's name cannot be that of a backup."));
    *out = upload;
    return NULL;
}

typedef struct {
    Backups *b; /* NULL: nothing is claimed */
    Str key;
} Claim;

static void claim_end(void *arg)
{
    Claim *claim = arg;
    if (claim->b) backups_unclaim(claim->b, claim->key);
}

/* Until the request ends. Of two uploads under one name one is refused at once. */
static Error *upload_claim(Req *req, Str key)
{
    Arena *a = req->arena;
    Backups *b = req_backups(req);
    Claim *claim = arena_new(a, Claim, 1);
    claim->key = key;
    arena_defer(a, claim_end, claim); /* may end the request: before there is a claim */
    ClaimResult result = backups_claim(b, key);
    if (result == CLAIM_TOO_MANY)
        return error_new(a, 503, S("Too many backups are being uploaded. Try again later."));
    bool exists = result == CLAIM_TAKEN;
    Error *err = NULL;
    if (!exists) {
        claim->b = b;
        err = target_exists(b, a, key, &exists);
    }
    if (err || !exists) return err;
    return error_field(a, S("file"), "validation_backup_name_exists",
                       S("Backup file with the specified name already exists."));
}

/* POST /api/backups/upload
 *
 *   body  multipart, "file": a zip of any size
 *   204   kept under its own name
 *   400   no file, no zip, or the name is taken
 *   503   too many uploads at once
 *   507   the disk has no room for it
 */
static Error *handle_upload(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (!err) err = room_check(req);
    if (err) return err;
    Body body;
    err = req_body(req, SIZE_MAX, &body);
    if (err && err->status == 400) return error_summary(err, NOT_LOADED);
    if (err) return err;
    const Upload *upload = NULL;
    err = upload_check(req, &body, &upload);
    if (err) return input_fault(err);
    assert(upload);
    err = upload_claim(req, upload->file_name);
    if (!err) err = target_put_upload(req_backups(req), req->arena, upload->file_name, upload);
    if (err && err->field.len) err->field = S("file");
    if (err) return input_fault(err);
    log_info("backup", "backup uploaded", LOG_STR("key", upload->file_name),
             LOG_INT("bytes", upload->size_bytes));
    return res_empty(res, 204);
}

/* ---- one of them ---- */

/* GET /api/backups/{key}
 *
 *   query  token= of a superuser, from POST /api/files/token
 *   200    the zip; 206 a range of it
 *   403    no such token
 *   400    no such backup
 */
static Error *handle_download(Req *req, Res *res)
{
    Arena *a = req->arena;
    Context *cx = req_context(req);
    Error *denied = error_new(a, 403, S("Insufficient permissions to access the resource."));
    Str token = req_query(req, S("token"));
    Record *owner;
    Json *claims;
    if (token.len == 0 || token.len > TOKEN_MAX_BYTES) return denied;
    Error *err = auth_find_by_token(cx->app, a, cx->schema, token, TOKEN_FILE, &owner, &claims);
    if (err) return err->status == 401 ? denied : err;
    if (!auth_info_of(a, owner)->is_superuser || superuser_ip_refused(cx->settings, cx->real_ip))
        return denied;

    Str key = req_param(req, "key");
    int fd;
    struct stat st;
    err = backup_key_good(key) ? target_open(req_backups(req), a, key, &fd, &st)
                               : error_status(a, 404);
    if (err)
        return err->status == 404 ? error_new(a, 400, S("Missing or invalid backup file.")) : err;
    res_header(res, S("Content-Disposition"),
               str_printf(a, "attachment; filename=%.*s", STR_ARG(percent_encode(a, key))));
    res_header(res, S("Cache-Control"), S("no-store"));
    ResFile file = {.fd = fd,
                    .size_bytes = (uint64_t)st.st_size,
                    .modified_ms = (int64_t)st.st_mtim.tv_sec * 1000,
                    .content_type = S("application/zip")};
    return res_file(res, &file);
}

/* DELETE /api/backups/{key}
 *
 *   204   gone
 *   400   being made or restored just now; no such backup
 */
static Error *handle_delete(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    Str key = req_param(req, "key");
    if (backups_uses(req_backups(req), key))
        return error_new(a, 400, S("The backup is currently being used and cannot be deleted."));
    err = backup_key_good(key) ? target_delete(req_backups(req), a, key) : error_status(a, 404);
    if (!err) {
        log_info("backup", "backup removed", LOG_STR("key", key));
        return res_empty(res, 204);
    }
    Str raw = err->status == 404 ? S("the file does not exist") : S("it cannot be removed");
    return error_cause(
        a,
        error_new(a, 400,
                  str_printf(a, "Invalid or already deleted backup file. Raw error: \n%.*s",
                             STR_ARG(raw))),
        "%.*s", STR_ARG(err->cause));
}

/* POST /api/backups/{key}/restore
 *
 *   204   begun: what becomes of it is in GET /api/backups/progress and the log
 *   400   no such backup; another one is under way
 */
static Error *handle_restore(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Str key = req_param(req, "key");
    if (!backup_key_good(key)) key = S(""); /* a path is for who is on the machine itself */
    err = backups_start(req_context(req)->app, req->arena, BACKUP_RESTORE, key);
    return err ? err : res_empty(res, 204);
}

const Route backup_routes[] = {
    {"GET", "/api/backups", handle_list, 0, NULL},
    {"GET", "/api/backups/progress", handle_progress, 0, NULL},
    {"POST", "/api/backups", handle_create, 0, NULL},
    {"POST", "/api/backups/upload", handle_upload, 0, NULL},
    {"GET", "/api/backups/{key}", handle_download, 0, NULL},
    {"DELETE", "/api/backups/{key}", handle_delete, 0, NULL},
    {"POST", "/api/backups/{key}/restore", handle_restore, 0, NULL},
};
const size_t backup_route_count = COUNT(backup_routes);
