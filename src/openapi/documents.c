/* documents.c - both documents as they were last rendered, shared by all loops.
 *
 * Rendering takes milliseconds of a loop's time with a hundred collections, and
 * tools ask again and again for what has not changed. What is kept is of one
 * version of the schema and of the settings; a request that holds others renders
 * anew, and what it rendered replaces the older one.
 */
#include "openapi/openapi_internal.h"

#include "base/encoding.h"
#include "crypto/crypto.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct Documents {
    pthread_mutex_t lock; /* guards `kept`; never held while rendering */
    Document *kept[DOCUMENT_KINDS];
};

Error *documents_create(Arena *a, Documents **out)
{
    *out = arena_new(a, Documents, 1);
    (void)pthread_mutex_init(&(*out)->lock, NULL); /* cannot fail with default attributes */
    return NULL;
}

static void document_release(Document *d)
{
    if (d && atomic_fetch_sub_explicit(&d->users, 1, memory_order_acq_rel) == 1) free(d);
}

static void hold_release(void *arg)
{
    Document **held = arg;
    document_release(*held);
}

void documents_destroy(Documents *documents)
{
    if (!documents) return;
    for (size_t i = 0; i < DOCUMENT_KINDS; i++)
        document_release(documents->kept[i]);
    pthread_mutex_destroy(&documents->lock);
}

static bool is_of(const Document *d, const Context *cx)
{
    return d->schema_version == cx->schema->version && d->settings_version == cx->settings->version;
}

static Document *document_kept(Documents *documents, DocumentKind kind, const Context *cx)
{
    pthread_mutex_lock(&documents->lock);
    Document *d = documents->kept[kind];
    if (d && !is_of(d, cx)) d = NULL;
    if (d) atomic_fetch_add_explicit(&d->users, 1, memory_order_relaxed);
    pthread_mutex_unlock(&documents->lock);
    return d;
}

/* An older request does not put its document in the place of a newer one. */
static void document_keep(Documents *documents, DocumentKind kind, Document *d)
{
    pthread_mutex_lock(&documents->lock);
    Document *old = documents->kept[kind];
    bool is_newer = !old || (old->schema_version <= d->schema_version &&
                             old->settings_version <= d->settings_version);
    if (is_newer) {
        atomic_fetch_add_explicit(&d->users, 1, memory_order_relaxed);
        documents->kept[kind] = d;
    }
    pthread_mutex_unlock(&documents->lock);
    if (is_newer) document_release(old);
}

static Error *render(Arena *a, DocumentKind kind, const Context *cx, Str *text)
{
    if (kind == DOCUMENT_OPENAPI)
        return openapi_render(a, cx->schema, cx->settings->app_name, cx->settings->app_url, text);
    *text = types_render(a, cx->schema);
    return NULL;
}

/* One block: the struct, then the text. */
static Document *document_new(Arena *a, const Context *cx, Str text)
{
    uint8_t digest[16];
    md5(text, digest);
    Str hex = hex_encode(a, str_make((const char *)digest, sizeof(digest)));
    Document *d = calloc(1, sizeof(*d) + text.len);
    if (!d) return NULL;
    atomic_init(&d->users, 1);
    d->schema_version = cx->schema->version;
    d->settings_version = cx->settings->version;
    d->text = str_make((char *)(d + 1), text.len);
    memcpy(d + 1, text.ptr, text.len);

    (void)snprintf(d->etag, sizeof(d->etag), "\"%.*s\"", STR_ARG(hex));
    return d;
}

Error *document_find(Req *req, DocumentKind kind, const Document **out)
{
    const Context *cx = req_context(req);
    Arena *a = req->arena;
    Documents *documents = cx->app->documents;
    Document **held = arena_new(a, Document *, 1);
    arena_defer(a, hold_release, held); /* may end the request: before there is one */
    Document *d = documents ? document_kept(documents, kind, cx) : NULL;
    if (!d) {
        Str text;
        Error *err = render(a, kind, cx, &text);
        if (err) return err;
        d = document_new(a, cx, text);
        if (!d) return error_cause(a, error_status(a, 503), "no memory for a document");
        if (documents) document_keep(documents, kind, d);
    }
    *held = d;
    *out = d;
    return NULL;
}
