/* files.h - downloads of record files, file tokens (api: files §4, §6). */
#ifndef CROFT_FILES_H
#define CROFT_FILES_H

#include "auth/auth.h"

extern const Route file_routes[]; /* /api/files/{collection}/{record}/{name}, /api/files/token */
extern const size_t file_route_count;

#endif
