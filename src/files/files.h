/* files.h - downloads of record files, thumbnails, file tokens (api: files §4-§6). */
#ifndef CROFT_FILES_H
#define CROFT_FILES_H

#include "auth/auth.h"
#include "images/images.h"

extern const Route file_routes[]; /* /api/files/{collection}/{record}/{name}, /api/files/token */
extern const size_t file_route_count;

/* What all loops share about thumbnails: which are being made, which cannot be.
 * `images` outlives it. */
typedef struct Thumbs Thumbs;
MUST_CHECK Error *thumbs_create(Arena *a, Images *images, Thumbs **out);
void thumbs_destroy(Thumbs *thumbs); /* after the last request; NULL is fine */

/* Small files and thumbnails that were sent lately, by loop (kept.c). Without one
 * (App.file_cache NULL) each is read anew. After the loops have ended. */
typedef struct FileCache FileCache;
MUST_CHECK Error *file_cache_create(Arena *a, FileCache **out);
void file_cache_destroy(FileCache *cache); /* NULL is fine */

#endif
