/* storage.h - where uploaded files live (api: files §2).
 *
 * A blob is named by a key, "<collection id>/<record id>/<file name>", never
 * by anything from a URL. On local disk it is a file below <data dir>/storage
 * with a ".attrs" sidecar; writing goes to a temporary name, fsync, rename,
 * fsync of the folder: a blob that storage_put() acknowledged is on disk.
 * Disk work runs in the worker pool; callers on a fiber wait as fibers do.
 */
#ifndef CROFT_STORAGE_H
#define CROFT_STORAGE_H

#include "base/base.h"
#include "loop/loop.h"

typedef struct Storage Storage;

typedef struct {
    Str content_type; /* from the sidecar; application/octet-stream without one */
    Str original_name;
    uint64_t size_bytes;
    int64_t modified_ms;
} BlobInfo;

/* `dir` is "<data dir>/storage"; made when missing. */
MUST_CHECK Error *storage_open(Arena *a, Str dir, Workers *workers, Storage **out);
void storage_close(Storage *s);

/* Stores bytes (fd < 0: `memory`, else size_bytes of fd from its start). */
MUST_CHECK Error *storage_put(Storage *s, Arena *a, Str key, int fd, Str memory,
                              uint64_t size_bytes, Str content_type, Str original_name);

/* Opens a blob for reading; the fd is closed with the arena. 404 if missing. */
MUST_CHECK Error *storage_open_blob(Storage *s, Arena *a, Str key, int *fd, BlobInfo *info);

/* Removes one blob with its sidecar and thumbs, or all below a prefix that
 * ends in '/'. What is not there is fine. */
MUST_CHECK Error *storage_remove(Storage *s, Arena *a, Str key);
MUST_CHECK Error *storage_remove_prefix(Storage *s, Arena *a, Str prefix);

/* The same in the background, from any thread, without an arena or a result;
 * failures are logged. Copies its argument. */
void storage_remove_later(Storage *s, Str key);
void storage_remove_prefix_later(Storage *s, Str prefix);

/* Calls visit for every blob (not sidecars, not thumbs); stops on an error. */
typedef Error *(*BlobVisit)(void *arg, Str collection_id, Str record_id, Str file_name,
                            uint64_t size_bytes);
MUST_CHECK Error *storage_walk(Storage *s, Arena *a, BlobVisit visit, void *arg);

/* Media type by content (libmagic), "text/plain; charset=utf-8" style. Of a
 * file descriptor or of bytes in memory. Runs in the worker pool. */
MUST_CHECK Error *storage_sniff(Storage *s, Arena *a, int fd, Str memory, Str *content_type);
/* ".png" for "image/png"; empty when unknown. */
Str media_type_extension(Str content_type);

#endif
