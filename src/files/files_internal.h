/* files_internal.h - finding the record and field behind a download's name, and
 * the thumbnail of a file. */
#ifndef CROFT_FILES_INTERNAL_H
#define CROFT_FILES_INTERNAL_H

#include "files/files.h"

/* Where a file is: its field as the URL's collection knows it (protection), and
 * the record that owns the bytes (of the same collection, or what a view shows). */
typedef struct {
    const Field *field;
    const Collection *origin;
    Str origin_id;
} FilePlace;

/* The first file field of the record whose value holds `name`; for a view also
 * the record the value came from. 404 when nothing holds it. */
MUST_CHECK Error *file_place_find(Tx *tx, const Schema *schema, const Collection *c, Str record_id,
                                  Str name, FilePlace *out);

/* Does this value (one name, or a JSON list of names) hold `name`? */
bool file_value_holds(Arena *a, const Field *field, Str value, Str name);

/* ---- thumbs.c ---- */

/* A blob to send: what was asked for (key, flags of storage_blob()), what it is. */
typedef struct {
    Str key;
    unsigned flags;
    Blob *blob;
    BlobInfo info;
} OpenFile;

/* Is a stored blob still what a record shows? Asked after a thumbnail was stored. */
typedef Error *(*StillThere)(void *arg, bool *is_there);

/* Is this a size that may be asked of the field? */
bool thumb_is_listed(const Field *field, Str size);

/* Opens the thumbnail of the blob out->key, making it first when it has not been
 * made yet; where that is impossible or failed, the blob itself. `*is_thumb` tells
 * which. 404 when the blob is missing. `thumbs` may be NULL: then only what exists
 * is found. */
MUST_CHECK Error *thumb_open(Thumbs *thumbs, Storage *storage, Arena *a, Str size,
                             StillThere still_there, void *arg, OpenFile *out, bool *is_thumb);

/* ---- headers.c ---- */

/* The response's Content-Type and Content-Disposition (api: files §4.1). */
Str file_content_type(Str name, Str stored_type);
bool file_is_inline(Str stored_type);
Str file_disposition(Arena *a, Str name, bool is_inline);

/* ---- kept.c ---- */

/* What was asked for. */
typedef struct {
    Arena *arena;
    const App *app;
    const Schema *schema;
    const Collection *collection;
    Str record_id, name;
    Str size; /* of the thumbnail; empty: the file itself */
} FileRequest;

/* A file or thumbnail in memory. Valid until the reset of the arena that it was
 * found with. */
typedef struct {
    size_t users;
    /* True as long as these hold. */
    uint64_t schema_version, db_version;
    BlobTag tag;
    uint64_t loaded_ms, checked_ms;

    int field; /* of the collection of schema_version, as FilePlace.field */
    const char *blob_key;
    Str name; /* for Content-Disposition */
    Str stored_type, last_modified, bytes;
    int64_t modified_ms;
} KeptFile;

/* What is kept for a request, but for the record: that must be looked at when
 * db_version is not db_version() any more. NULL: nothing, or no longer true. */
KeptFile *kept_find(FileCache *cache, const FileRequest *r);
void kept_drop(FileCache *cache, const FileRequest *r);

/* Keeps what answers the request when it is small, on this disk and in memory
 * already. `db_version` is of before the place was found. */
void kept_add(FileCache *cache, const FileRequest *r, const FilePlace *place, uint64_t db_version,
              const OpenFile *file, Str name);

#endif
