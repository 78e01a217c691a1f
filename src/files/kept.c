/* kept.c - small files that were sent lately, kept in memory by each loop.
 *
 * A picture that every visitor's page shows is asked for again and again. What
 * costs most about it is not its bytes but finding them: the record that names it,
 * the file, its sidecar. So a hit asks none of them, and yet nobody is told of
 * what is not there any more:
 *
 *     the record   names it, as long as this server has committed nothing (db_version())
 *                  since it was looked at; after any commit it is looked at again.
 *                  Another program's commits do not count there: a row that it
 *                  removes is missed with the last line only, a minute later
 *     its field    is the same, as long as the schema is
 *     the file     is looked at once a second, as the site's own files are
 *     everything   is loaded anew after a minute (somebody may have edited a sidecar)
 *
 * Whether the caller may see a protected file is asked each time, as ever. Files of
 * views, whose rows may change by themselves, and files in S3 are not kept.
 */
#include "files/files_internal.h"

#include "base/clock.h"
#include "base/lru.h"

#include <stdlib.h>

#define CHECK_EVERY_MS 1000
#define KEPT_FOR_MS    60000
#define KEPT_MAX_BYTES (64 * 1024)
#define LOOP_BYTES     (8 * 1024 * 1024)
#define LOOP_FILES     2048
#define LOOPS_MAX      256

struct FileCache {
    Lru *loops[LOOPS_MAX]; /* of KeptFiles; each is its loop's alone */
};

Error *file_cache_create(Arena *a, FileCache **out)
{
    *out = arena_new(a, FileCache, 1);
    return NULL;
}

void file_cache_destroy(FileCache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < LOOPS_MAX; i++)
        lru_destroy(cache->loops[i]);
}

static void kept_release(void *arg)
{
    KeptFile *k = arg;
    if (--k->users == 0) free(k);
}

/* Without memory there is none: NULL. */
static Lru *loop_files(FileCache *cache)
{
    const Loop *loop = loop_current();
    if (!cache || !loop) return NULL;
    Lru **slot = &cache->loops[loop_index(loop) & (LOOPS_MAX - 1)];
    if (!*slot) *slot = lru_create(LOOP_BYTES, LOOP_FILES, kept_release);
    return *slot;
}

/* Each part behind its length, so that no two requests have the same key. */
static Str key_of(const FileRequest *r)
{
    const Str parts[] = {r->collection->id, r->record_id, r->name, r->size};
    Buf key = buf_new(r->arena, 128);
    for (size_t i = 0; i < COUNT(parts); i++) {
        buf_add(&key, str_make((const char *)&parts[i].len, sizeof(parts[i].len)));
        buf_add(&key, parts[i]);
    }
    return buf_str(&key);
}

static bool is_fresh(const FileRequest *r, KeptFile *k, uint64_t now_ms)
{
    if (k->schema_version != r->schema->version || now_ms - k->loaded_ms >= KEPT_FOR_MS)
        return false;
    if (storage_is_remote(r->app->storage)) return false;
    if (now_ms - k->checked_ms < CHECK_EVERY_MS) return true;
    if (!storage_is_still(r->app->storage, str_from(k->blob_key), &k->tag)) return false;
    k->checked_ms = now_ms;
    return true;
}

KeptFile *kept_find(FileCache *cache, const FileRequest *r)
{
    Lru *files = r->collection->type == COLLECTION_VIEW ? NULL : loop_files(cache);
    if (!files) return NULL;
    Str key = key_of(r);
    LruSlot *slot = lru_get(files, key);
    if (!slot) return NULL;
    KeptFile *k = slot->value;
    if (!is_fresh(r, k, loop_now_ms(loop_current()))) {
        lru_drop(files, key);
        return NULL;
    }
    arena_defer(r->arena, kept_release, k); /* may end the request: before it counts */
    k->users++;
    return k;
}

void kept_drop(FileCache *cache, const FileRequest *r)
{
    Lru *files = loop_files(cache);
    if (files) lru_drop(files, key_of(r));
}

static Str put_text(char **at, Str text)
{
    char *start = *at;
    if (text.len) memcpy(start, text.ptr, text.len);
    start[text.len] = 0;
    *at += text.len + 1;
    return str_make(start, text.len);
}

/* The whole of it is one block: the struct, its texts, the content. */
static KeptFile *kept_new(const FileRequest *r, const OpenFile *file, Str name)
{
    const BlobInfo *info = &file->info;
    Str date = http_date_format(r->arena, info->modified_ms);
    size_t size = (size_t)info->size_bytes;
    size_t texts = file->key.len + name.len + info->content_type.len + date.len + 4;
    KeptFile *k = malloc(sizeof(*k) + texts + size);
    if (!k) return NULL;
    *k = (KeptFile){.users = 1, .modified_ms = info->modified_ms};
    char *at = (char *)(k + 1);
    k->blob_key = put_text(&at, file->key).ptr;
    k->name = put_text(&at, name);
    k->stored_type = put_text(&at, info->content_type);
    k->last_modified = put_text(&at, date);
    k->bytes = str_make(at, size);
    if (blob_tag(file->blob, &k->tag) && blob_read_at_once(file->blob, at, size)) return k;
    free(k);
    return NULL;
}

void kept_add(FileCache *cache, const FileRequest *r, const FilePlace *place, uint64_t db_version,
              const OpenFile *file, Str name)
{
    if (r->collection->type == COLLECTION_VIEW || file->info.size_bytes > KEPT_MAX_BYTES) return;
    Lru *files = loop_files(cache);
    KeptFile *k = files ? kept_new(r, file, name) : NULL;
    if (!k) return;
    uint64_t now_ms = loop_now_ms(loop_current());
    k->field = place->field->index;
    k->schema_version = r->schema->version;
    k->db_version = db_version;
    k->loaded_ms = now_ms;
    k->checked_ms = now_ms;
    lru_put(files, key_of(r), k, sizeof(*k) + k->bytes.len, now_ms);
}
