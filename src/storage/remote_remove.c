/* remote_remove.c - removing objects, at once or in the background.
 *
 * Removals in the background have threads of their own: while S3 is away each
 * takes as long as its retries. What fails, or is still waiting when the server
 * stops, is logged, and the sweep at the next start finds it.
 */
#include "storage/storage_internal.h"

#include "base/log.h"

#include <stdlib.h>

#define SCRATCH_BYTES (16u << 20)

typedef struct {
    S3 *s3;
    bool is_prefix;
    size_t key_len;
    char key[KEY_MAX_BYTES + 1];
} Removal;

Error *remote_remove(S3 *s3, Arena *a, Str key, bool is_prefix)
{
    Error *err;
    if (is_prefix) {
        err = s3_delete_prefix(s3, a, key);
    } else {
        size_t slash = (size_t)(str_rfind_char(key, '/') + 1);
        Str thumbs = str_printf(a, "%.*s" THUMBS_PREFIX "%.*s/", (int)slash, key.ptr,
                                STR_ARG(str_from_pos(key, slash)));
        err = s3_delete_prefix(s3, a, thumbs);
        if (!err) err = s3_delete(s3, a, key);
    }
    return err ? remote_error(a, err) : NULL;
}

static void log_failure(Str key, Str why)
{
    log_error("storage", "cannot remove from S3", LOG_STR("key", key), LOG_STR("why", why));
}

static void run_removal(void *arg)
{
    Removal *r = arg;
    Arena *a = arena_create("removal", SCRATCH_BYTES);
    Str key = str_make(r->key, r->key_len);
    Error *err = remote_remove(r->s3, a, key, r->is_prefix);
    if (err) log_failure(key, err->cause.len ? err->cause : err->message);
    arena_destroy(a);
    s3_release(r->s3);
    free(r);
}

bool remote_remove_later(Storage *s, Str key, bool is_prefix)
{
    if (!storage_is_remote(s)) return false;
    Arena *a = arena_create("removal", 64u << 10);
    S3 *s3;
    Removal *r = calloc(1, sizeof(*r));
    Error *err = remote_hold(s, a, &s3);
    if (r && !err && s3 && key.len <= KEY_MAX_BYTES) {
        *r = (Removal){.s3 = s3_retain(s3), .is_prefix = is_prefix, .key_len = key.len};
        memcpy(r->key, key.ptr, key.len);
        if (workers_post(s->removers, run_removal, r)) r = NULL;
        if (r) s3_release(r->s3);
    }
    if (r) log_failure(key, err ? err->cause : S("too many are waiting"));
    free(r);
    arena_destroy(a);
    return true;
}
