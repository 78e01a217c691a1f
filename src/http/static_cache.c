/* static_cache.c - files of the site: their users, and what they cost to keep. */
#include "http/static_cache.h"

#include <stdlib.h>
#include <unistd.h>

SiteFile *site_file_new(void)
{
    SiteFile *file = calloc(1, sizeof(*file));
    if (!file) return NULL;
    atomic_init(&file->users, 1);
    file->fd = -1;
    return file;
}

SiteFile *site_file_use(SiteFile *file)
{
    atomic_fetch_add_explicit(&file->users, 1, memory_order_relaxed);
    return file;
}

void site_file_release(void *arg)
{
    SiteFile *file = arg;
    if (atomic_fetch_sub_explicit(&file->users, 1, memory_order_acq_rel) > 1) return;
    if (file->fd >= 0) close(file->fd);
    free(file->bytes);
    free(file);
}

void site_file_keep(Lru *files, Str key, SiteFile *file, uint64_t now_ms)
{
    size_t cost = file->fd >= 0 ? DESCRIPTOR_COST : (size_t)file->size_bytes;
    lru_put(files, key, site_file_use(file), cost, now_ms);
}
