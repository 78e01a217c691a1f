/* avatar.c - the picture of a profile as an uploaded file.
 *
 * The address comes from whoever signs in, so it may point to us or to our
 * neighbours: only public addresses are connected to, and no redirect is
 * followed. Whatever goes wrong, the sign-in goes on without a picture.
 */
#include "oauth2/oauth2_internal.h"

#include "base/encoding.h"
#include "base/log.h"

#include <sys/mman.h>
#include <unistd.h>

#define AVATAR_BYTES_MAX (32u << 20)
#define AVATAR_MS        10000

static void fd_close(void *arg)
{
    (void)close(*(int *)arg); /* only read from: nothing can be lost */
}

/* The last step of the path, for the stored file's name. */
static Str name_of(Arena *a, Str url)
{
    Str path = url;
    ptrdiff_t end = str_find_char(path, '?');
    if (end >= 0) path = str_sub(path, 0, (size_t)end);
    ptrdiff_t host = str_find(path, S("://"));
    Str rest = str_from_pos(path, host < 0 ? 0 : (size_t)host + 3);
    ptrdiff_t slash = str_rfind_char(rest, '/');
    Str name = slash < 0 ? S("") : str_from_pos(rest, (size_t)slash + 1);
    Str decoded;
    if (name.len == 0 || name.len > 100 || !percent_decode(a, name, false, &decoded))
        return S("avatar");
    return decoded;
}

Upload *avatar_fetch(App *app, Arena *a, Str url, Str field)
{
    int *fd = arena_new(a, int, 1);
    *fd = memfd_create("avatar", MFD_CLOEXEC);
    if (*fd < 0) return NULL;
    arena_defer(a, fd_close, fd);
    FetchRequest request = {.url = url,
                            .to_sink = true,
                            .sink_fd = *fd,
                            .max_bytes = AVATAR_BYTES_MAX,
                            .timeout_ms = AVATAR_MS,
                            .flags = FETCH_PUBLIC_ONLY | FETCH_CUT};
    FetchResponse reply;
    Error *err = http_fetch(app->outgoing, a, &request, &reply);
    if (err || reply.status != 200 || reply.body_bytes == 0) {
        log_warn("oauth2", "no avatar", LOG_STR("url", url),
                 LOG_STR("cause", err ? err->cause : S("")),
                 LOG_INT("status", err ? 0 : reply.status));
        return NULL;
    }
    Upload *upload = arena_new(a, Upload, 1);
    *upload = (Upload){.field = field,
                       .file_name = name_of(a, url),
                       .content_type = fetch_header(&reply, S("content-type")),
                       .size_bytes = reply.body_bytes,
                       .fd = *fd};
    return upload;
}
