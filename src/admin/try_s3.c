/* try_s3.c - trying out the stored S3 settings (api: operations §1.5). */
#include "admin/admin_internal.h"

#include "base/random.h"
#include "s3/s3.h"
#include "schema/options.h"

#define FAILED     S("Failed to test the S3 filesystem.")
#define BODY_BYTES (64u << 10)
/* Somebody is waiting for the answer. */
#define RETRY_MS 3000

static Error *failed(Arena *a, Str why)
{
    return error_new(a, 400,
                     str_printf(a, "%.*s Raw error: \n%.*s", STR_ARG(FAILED), STR_ARG(why)));
}

/* What the other side said is for the owner, who set it up. */
static Str raw_error(const Error *err)
{
    return err->cause.len ? err->cause : err->message;
}

static Error *input_read(Req *req, Str *filesystem)
{
    Arena *a = req->arena;
    Body body;
    Error *err = req_body(req, BODY_BYTES, &body);
    if (err && err->status == 400)
        return error_summary(err, S("An error occurred while loading the submitted data."));
    if (err) return err;
    *filesystem = json_str(json_get(body.data, S("filesystem")), S(""));
    if (filesystem->len == 0) return error_summary(error_required(a, S("filesystem")), FAILED);
    if (str_eq(*filesystem, S("storage")) || str_eq(*filesystem, S("backups"))) return NULL;
    return error_summary(
        error_field(a, S("filesystem"), "validation_in_invalid", S("Must be a valid value.")),
        FAILED);
}

static Error *put_and_delete(App *app, Arena *a, const S3Settings *settings)
{
    S3Config config = {.endpoint = settings->endpoint,
                       .bucket = settings->bucket,
                       .region = settings->region,
                       .access_key = settings->access_key,
                       .secret = settings->secret,
                       .path_style = settings->force_path_style,
                       .any_address = true, /* the owner's choice */
                       .retry_ms = RETRY_MS};
    S3 *s3;
    Error *err = s3_create(a, app->outgoing, app->workers, &config, &s3);
    if (err) return err;
    Str folder =
        str_printf(a, "pb_settings_test_%.*s/", STR_ARG(random_text(a, 5, ALPHABET_SECRET)));
    S3Upload upload = {.memory = S("test"), .content_type = S("text/plain; charset=utf-8")};
    err = s3_put(s3, a, str_concat(a, folder, S("test.txt")), &upload);
    if (!err) err = s3_delete_prefix(s3, a, folder);
    s3_release(s3);
    return err;
}

/* POST /api/settings/test/s3
 *
 *   body  {"filesystem": "storage" or "backups"}
 *   204   an object could be stored, listed and removed
 *   400   not enabled, or what the other side said; data.filesystem
 */
Error *handle_try_s3(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Str filesystem;
    err = input_read(req, &filesystem);
    if (err) return err;
    const Context *cx = req_context(req);
    const S3Settings *settings =
        str_eq(filesystem, S("backups")) ? &cx->settings->backups_s3 : &cx->settings->s3;
    if (!settings->enabled) return failed(req->arena, S("S3 is not enabled in the settings"));
    err = put_and_delete(cx->app, req->arena, settings);
    if (err) return failed(req->arena, raw_error(err));
    return res_empty(res, 204);
}
