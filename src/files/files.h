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

#endif
