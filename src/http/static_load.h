/* static_load.h - reading a file of the site from disk, in the form one client
 * is to get it. Runs on a pool thread. */
#ifndef CROFT_HTTP_STATIC_LOAD_H
#define CROFT_HTTP_STATIC_LOAD_H

#include "http/static_cache.h"

#include <pthread.h>
#include <sys/stat.h>

#define SITE_MEMORY_BYTES   (64 * 1024)   /* larger files are sent from their descriptor */
#define SITE_COMPRESS_BYTES (1024 * 1024) /* larger ones are not compressed */

/* What all loops have in common. */
typedef struct {
    pthread_mutex_t lock;
    Lru *cache;
} SiteShared;

typedef struct {
    int root;
    const char *path; /* relative */
    Str key;          /* of path and codings, for the shared cache */
    Coding codings[CODINGS_MAX];
    size_t coding_count;
    SiteShared *shared;
    SiteFile *file; /* out: one user, the caller; NULL with `error` */
    int error;
} SiteLoad;

void site_load_run(void *arg); /* SiteLoad * */

/* Is this still the file that was loaded? */
bool site_file_is(const SiteFile *file, const struct stat *st);

#endif
