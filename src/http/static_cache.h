/* static_cache.h - files of the site that are kept: loaded once, used by all
 * loops, forgotten when the room is needed.
 *
 * A SiteFile is made once, never changes, and counts its users (any thread).
 */
#ifndef CROFT_HTTP_STATIC_CACHE_H
#define CROFT_HTTP_STATIC_CACHE_H

#include "base/lru.h"
#include "http/compress.h"

#include <stdatomic.h>

#define SITE_DATE_BYTES 32
#define SITE_TAG_BYTES  48

typedef enum { SITE_FILE, SITE_FOLDER, SITE_NOTHING } SiteKind;

typedef struct {
    _Atomic size_t users;
    SiteKind kind; /* only SITE_FILE is ever cached */
    uint64_t inode, device;
    int64_t modified_ns;
    uint64_t source_bytes; /* size of the file as it is on disk */
    Coding coding;
    int fd; /* or -1: the content is in `bytes` */
    char *bytes;
    uint64_t size_bytes; /* of what is sent */
    Str content_type;    /* a literal */
    Str cache_control;   /* a literal */
    bool varies;         /* other clients may get another coding */
    char etag[SITE_TAG_BYTES];
    char last_modified[SITE_DATE_BYTES];
} SiteFile;

SiteFile *site_file_new(void); /* one user; NULL without memory */
SiteFile *site_file_use(SiteFile *file);
void site_file_release(void *file); /* void *: for arena_defer() */

/* Keeps `file` (counted as one more user) in a map whose release is
 * site_file_release(): each loop has one of its own, and the one they share is
 * guarded by whoever owns it. A descriptor counts for DESCRIPTOR_COST. */
#define DESCRIPTOR_COST (64 * 1024)
void site_file_keep(Lru *files, Str key, SiteFile *file, uint64_t now_ms);

#endif
