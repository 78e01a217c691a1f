/* remote.c - blobs as objects in an S3 bucket: same keys, metadata on the object.
 *
 * Which bucket, if any, the settings say. They are looked at from one operation
 * to the next: when their version is another one, a new client takes the old
 * one's place, and the old one lives on until the last operation lets go of it.
 */
#include "storage/storage_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define META_NAME     "original-filename" /* PocketBase's */
#define META_MARK     "croft-stored-by"
#define CONFIG_BYTES  (64u << 10)
#define REMOVERS      2
#define REMOVALS_MAX  10000
#define SITE_AND_DASH (SITE_LETTERS + 1)

/* ---- which client ---- */

Error *storage_follow(Storage *s, Arena *a, Outgoing *outgoing, const StorageSource *source)
{
    Error *err = workers_create(a, "s3 removal", REMOVERS, REMOVALS_MAX, &s->removers);
    if (err) return err;
    s->source = *source;
    s->outgoing = outgoing;
    atomic_store(&s->seen, UINT64_MAX); /* no version: read them first */
    return NULL;
}

void storage_unfollow(Storage *s)
{
    if (!s->outgoing) return;
    workers_destroy(s->removers);
    s->removers = NULL;
    s3_release(s->s3);
    s->s3 = NULL;
    s->outgoing = NULL;
}

static void replace_client(Storage *s)
{
    Arena *a = arena_create("storage settings", CONFIG_BYTES);
    S3Config config = {0};
    uint64_t version = 0;
    S3 *next = NULL;
    bool wanted = s->source.config(s->source.arg, a, &config, &version);
    config.any_address = true; /* the owner's own choice, often in the same network */
    Error *err = wanted ? s3_create(a, s->outgoing, s->workers, &config, &next) : NULL;
    s3_release(s->s3);
    s->s3 = next;
    s->broken = err != NULL;
    atomic_store(&s->remote, wanted);
    atomic_store(&s->seen, version);
    arena_destroy(a);
}

/* Most sites have no S3: then this is two loads. */
static bool settled_and_local(Storage *s)
{
    if (!s->outgoing) return true;
    return s->source.version(s->source.arg) == atomic_load(&s->seen) && !atomic_load(&s->remote);
}

static S3 *client_retain(Storage *s, bool *broken)
{
    *broken = false;
    if (settled_and_local(s)) return NULL;
    pthread_mutex_lock(&s->remote_lock);
    if (s->source.version(s->source.arg) != atomic_load(&s->seen)) replace_client(s);
    S3 *s3 = s->s3 ? s3_retain(s->s3) : NULL;
    *broken = s->broken;
    pthread_mutex_unlock(&s->remote_lock);
    return s3;
}

static void let_go(void *arg)
{
    s3_release(arg);
}

Error *remote_hold(Storage *s, Arena *a, S3 **out)
{
    bool broken;
    *out = client_retain(s, &broken);
    if (*out) arena_defer(a, let_go, *out);
    if (!broken) return NULL;
    return remote_error(a, error_cause(a, error_status(a, 400), "the S3 settings cannot be used"));
}

bool storage_is_remote(Storage *s)
{
    bool broken;
    S3 *s3 = client_retain(s, &broken);
    s3_release(s3);
    return s3 || broken;
}

Error *remote_error(Arena *a, Error *err)
{
    if (err->status == 404) return error_status(a, 404);
    if (err->code && strcmp(err->code, "outgoing_stopped") == 0) return err;
    Error *said = error_new(
        a, 503, S("The file storage cannot be reached at the moment. Please try again later."));
    said->code = "storage_unavailable";
    said->cause = err->cause;
    return said;
}

/* ---- what an object says ---- */

/* Of an object that we store: "<site>-<run>". */
static Str mark_of_ours(const Storage *s, Arena *a)
{
    return str_printf(a, "%s-%s", s->site, s->run);
}

static BlobOrigin origin_of(const Storage *s, Str mark)
{
    bool ours = mark.len == SITE_AND_DASH + RUN_LETTERS &&
                str_starts(mark, str_make(s->site, SITE_LETTERS));
    if (!ours) return BLOB_FOREIGN;
    bool now = str_eq(str_from_pos(mark, SITE_AND_DASH), str_from(s->run));
    return now ? BLOB_THIS_RUN : BLOB_EARLIER_RUN;
}

void remote_info(const Storage *s, Arena *a, const S3Object *object, BlobInfo *info)
{
    *info = (BlobInfo){
        .content_type = object->content_type.len ? arena_copy(a, object->content_type)
                                                 : S("application/octet-stream"),
        .original_name = S(""),
        .size_bytes = object->size_bytes,
        .modified_ms = object->modified_ms,
        .origin = BLOB_FOREIGN,
    };
    for (size_t i = 0; i < object->meta_count; i++) {
        const S3Meta *m = &object->meta[i];
        if (str_eq(m->name, S(META_NAME))) info->original_name = arena_copy(a, m->value);
        if (str_eq(m->name, S(META_MARK))) info->origin = origin_of(s, m->value);
    }
}

/* ---- storing, fetching ---- */

Error *remote_put(Storage *s, S3 *s3, Arena *a, Str key, int fd, Str memory, uint64_t size_bytes,
                  Str content_type, Str original_name)
{
    const S3Meta meta[] = {{S(META_NAME), original_name}, {S(META_MARK), mark_of_ours(s, a)}};
    S3Upload upload = {.memory = memory,
                       .from_fd = fd >= 0,
                       .fd = fd,
                       .size_bytes = fd >= 0 ? size_bytes : memory.len,
                       .content_type = content_type,
                       .meta = meta,
                       .meta_count = COUNT(meta)};
    Error *err = s3_put(s3, a, key, &upload);
    return err ? remote_error(a, err) : NULL;
}

static void close_fd(void *arg)
{
    close(*(int *)arg);
}

Error *remote_to_file(Storage *s, S3 *s3, Arena *a, Str key, int *fd, BlobInfo *info)
{
    int *temp = arena_new(a, int, 1);
    *temp = openat(s->temp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*temp < 0) return error_errno(a, errno, "create temporary file for", key);
    arena_defer(a, close_fd, temp);
    S3Object object;
    Error *err = s3_get_to_fd(s3, a, key, *temp, &object);
    if (err) return remote_error(a, err);
    remote_info(s, a, &object, info);
    *fd = *temp;
    return NULL;
}

/* ---- walking ---- */

typedef struct {
    Arena *arena;
    BlobVisit visit;
    void *arg;
} Walking;

/* "<collection>/<record>/<name>" only: thumbs are deeper, what is not shaped like
 * this is not ours. */
static Error *visit_object(void *arg, const S3Object *object)
{
    Walking *w = arg;
    Key key;
    Str rest = object->key;
    if (!key_parse(rest, false, &key)) return NULL;
    Str collection = str_split(&rest, '/'), record = str_split(&rest, '/');
    if (!rest.ptr || rest.len == 0 || str_find_char(rest, '/') >= 0) return NULL;
    return w->visit(w->arg, collection, record, rest, object->size_bytes);
}

Error *remote_walk(S3 *s3, Arena *a, Str collection_id, BlobVisit visit, void *arg)
{
    Walking walking = {a, visit, arg};
    Str prefix = collection_id.len ? str_concat(a, collection_id, S("/")) : S("");
    return s3_list(s3, a, prefix, visit_object, &walking);
}
