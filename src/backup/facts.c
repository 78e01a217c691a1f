/* facts.c - what objects of a bucket say of themselves: checksum, and when it was
 * compared.
 *
 * A listing does not have it: it takes a request for each object. An object does
 * not change under its name, size and time, so it is asked once and remembered;
 * and only the newest FACTS_ASKED of a listing are asked. The ring has room for
 * more: were it as long, one new object would push out the next to be looked up,
 * that one the next, and all would be asked anew.
 */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "s3/s3.h"

#include <stdlib.h>

static bool is_of(const ObjectFacts *f, Str key, Str modified, uint64_t size)
{
    return f->size_bytes == size && str_eq(str_from(f->key), key) &&
           str_eq(str_from(f->modified), modified);
}

static void text_keep(char *to, size_t size, Str text)
{
    size_t len = text.len < size ? text.len : 0; /* a longer one is not ours */
    if (len) memcpy(to, text.ptr, len);
    to[len] = 0;
}

static bool facts_find(Backups *b, Str key, Str modified, uint64_t size, ObjectFacts *out)
{
    bool found = false;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < FACTS_MAX && !found; i++) {
        found = is_of(&b->facts[i], key, modified, size);
        if (found) *out = b->facts[i];
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

static void facts_keep(Backups *b, const ObjectFacts *facts)
{
    pthread_mutex_lock(&b->lock);
    b->facts[b->facts_next++ % FACTS_MAX] = *facts;
    pthread_mutex_unlock(&b->lock);
}

void facts_forget(Backups *b)
{
    pthread_mutex_lock(&b->lock);
    memset(b->facts, 0, sizeof(b->facts));
    pthread_mutex_unlock(&b->lock);
}

static Error *facts_ask(S3 *s3, Arena *a, Str key, Str modified, uint64_t size, ObjectFacts *out)
{
    S3Object object;
    Error *err = s3_head(s3, a, key, &object);
    if (err) return err;
    *out = (ObjectFacts){.size_bytes = size};
    text_keep(out->key, sizeof(out->key), key);
    text_keep(out->modified, sizeof(out->modified), modified);
    for (size_t i = 0; i < object.meta_count; i++) {
        const S3Meta *m = &object.meta[i];
        if (str_eq(m->name, S(META_SHA256))) text_keep(out->sha256, sizeof(out->sha256), m->value);
        if (str_eq(m->name, S(META_VERIFIED)))
            text_keep(out->verified, sizeof(out->verified), m->value);
    }
    return NULL;
}

void item_vouch(Arena *a, Json *item, Str sha256, Str verified)
{
    if (sha256.len) json_set_str(a, item, S("checksum"), str_concat(a, S("sha256:"), sha256));
    if (verified.len) json_set_str(a, item, S("verified"), arena_copy(a, verified));
}

static int newest_first(const void *x, const void *y)
{
    const Json *a = *(Json *const *)x, *b = *(Json *const *)y;
    return str_cmp(json_str(json_get(b, S("modified")), S("")),
                   json_str(json_get(a, S("modified")), S("")));
}

void facts_add(Backups *b, S3 *s3, Arena *a, Json **items, size_t count)
{
    if (count > 1) qsort(items, count, sizeof(*items), newest_first);
    for (size_t i = 0; i < MIN(count, (size_t)FACTS_ASKED); i++) {
        Str key = json_str(json_get(items[i], S("key")), S(""));
        Str modified = json_str(json_get(items[i], S("modified")), S(""));
        uint64_t size = (uint64_t)json_number(json_get(items[i], S("size")), 0);
        ObjectFacts facts;
        if (!facts_find(b, key, modified, size, &facts)) {
            Error *err = facts_ask(s3, a, key, modified, size, &facts);
            if (err && err->status == 404) continue; /* removed meanwhile */
            if (err) { /* the list is as good without, and each try may take its time */
                log_warn("backup", "the bucket does not tell the checksums of backups",
                         LOG_STR("cause", err->cause));
                return;
            }
            facts_keep(b, &facts);
        }
        item_vouch(a, items[i], str_from(facts.sha256), str_from(facts.verified));
    }
}
