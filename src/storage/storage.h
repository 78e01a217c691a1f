/* storage.h - where uploaded files live (api: files §2, §8).
 *
 * A blob is named by a key, "<collection id>/<record id>/<file name>", never
 * by anything from a URL. On local disk it is a file below <data dir>/storage
 * with a ".attrs" sidecar; writing goes to a temporary name, fsync, rename,
 * fsync of the folder: a blob that storage_put() acknowledged is on disk.
 * Disk work runs in the worker pool; callers on a fiber wait as fibers do.
 *
 * With storage_follow() the owner's settings decide, from one operation to the
 * next, whether blobs live here or in an S3 bucket; what is under way ends where
 * it began, and nothing is moved. What S3 cannot do at the moment is an error
 * with status 503 and code "storage_unavailable"; its `cause` says why.
 *
 *     Blob *blob;                                    a download, wherever it is
 *     err = storage_blob(s, a, key, 0, &blob, &info);
 *     err = blob_read(blob, offset, buf, len);       as often as it takes
 */
#ifndef CROFT_STORAGE_H
#define CROFT_STORAGE_H

#include "base/base.h"
#include "loop/loop.h"
#include "s3/s3.h"

typedef struct Storage Storage;

/* Who stored it. An object in a bucket carries a mark of the data folder and of
 * the run of the server: a bucket may be shared, a folder may be a copy. */
typedef enum {
    BLOB_LOCAL,
    BLOB_EARLIER_RUN, /* this data folder's server, before its latest start */
    BLOB_THIS_RUN,
    BLOB_FOREIGN, /* somebody else, or nobody knows */
} BlobOrigin;

typedef struct {
    Str content_type; /* from the sidecar; application/octet-stream without one */
    Str original_name;
    uint64_t size_bytes;
    int64_t modified_ms;
    BlobOrigin origin;
} BlobInfo;

/* `dir` is "<data dir>/storage"; made when missing. */
MUST_CHECK Error *storage_open(Arena *a, Str dir, Workers *workers, Storage **out);
/* Gives the folder `name` in `parent`, which no Storage has open, a new identity:
 * what it has stored in a bucket so far is somebody else's from now on, and never
 * swept. For a folder whose database was put back to an earlier day. */
MUST_CHECK bool storage_disown(int parent, const char *name);
void storage_close(Storage *s);

/* ---- S3 ---- */

/* What holds now. `version` is asked at each operation and must be cheap;
 * `config` when it has changed: false means local disk. Any thread. */
typedef struct {
    uint64_t (*version)(void *arg);
    bool (*config)(void *arg, Arena *a, S3Config *out, uint64_t *version);
    void *arg;
} StorageSource;

/* Before threads start. */
MUST_CHECK Error *storage_follow(Storage *s, Arena *a, Outgoing *outgoing,
                                 const StorageSource *source);
/* Waits for removals in the background, which end soon once the Outgoing has
 * been stopped; before it is destroyed. */
void storage_unfollow(Storage *s);

/* True while blobs live in a bucket. */
bool storage_is_remote(Storage *s);

/* ---- blobs ---- */

/* Stores bytes (fd < 0: `memory`, else size_bytes of fd from its start). */
MUST_CHECK Error *storage_put(Storage *s, Arena *a, Str key, int fd, Str memory,
                              uint64_t size_bytes, Str content_type, Str original_name);

/* A blob to read from; it ends with the arena. 404 if missing. With BLOB_INFO_ONLY
 * (a HEAD request, a range) nothing of its content is fetched in advance. */
typedef struct Blob Blob;
enum { BLOB_INFO_ONLY = 1 };
MUST_CHECK Error *storage_blob(Storage *s, Arena *a, Str key, unsigned flags, Blob **out,
                               BlobInfo *info);
/* Reads exactly `len` bytes that are within it. Always the same version: an error
 * when it has been replaced meanwhile. */
MUST_CHECK Error *blob_read(Blob *blob, uint64_t offset, char *buf, size_t len);
/* Its file, or -1 when it is not on this disk. */
int blob_fd(const Blob *blob);
/* The whole content of a file that is in memory already: never waits, false when it
 * would have to. */
bool blob_read_at_once(const Blob *blob, char *buf, size_t size_bytes);

/* What tells a file on this disk from another one that took its place. */
typedef struct {
    uint64_t inode, device, size_bytes;
    int64_t changed_ns;
} BlobTag;
/* False when the blob is not on this disk. */
bool blob_tag(const Blob *blob, BlobTag *out);
/* The file of this key is that very one, as far as is known without asking the
 * disk. False when it is not, or nobody knows. Local storage only. */
bool storage_is_still(const Storage *s, Str key, const BlobTag *tag);

/* What there is to know about it. 404 if missing. */
MUST_CHECK Error *storage_stat(Storage *s, Arena *a, Str key, BlobInfo *info);

/* Opens a blob as a file, for what needs one: a remote one is downloaded, whole,
 * to an unnamed temporary file. The fd is closed with the arena. 404 if missing. */
MUST_CHECK Error *storage_open_blob(Storage *s, Arena *a, Str key, int *fd, BlobInfo *info);

/* Removes one blob with its sidecar and thumbs, or all below a prefix that
 * ends in '/'. What is not there is fine. */
MUST_CHECK Error *storage_remove(Storage *s, Arena *a, Str key);
MUST_CHECK Error *storage_remove_prefix(Storage *s, Arena *a, Str prefix);

/* The same in the background, from any thread, without an arena or a result;
 * failures are logged. Copies its argument. A whole collection ("<id>/") on disk is
 * out of the way at once: what is stored below the prefix from then on stays. */
void storage_remove_later(Storage *s, Str key);
void storage_remove_prefix_later(Storage *s, Str prefix);

/* For a backup: from now on nothing that is removed is lost, only moved aside
 * into "<dir>/.held" under the same path, until storage_let_go(). Blocks briefly. */
MUST_CHECK Error *storage_hold(Storage *s, Arena *a);
void storage_let_go(Storage *s);

/* Calls visit for every blob (not sidecars, not thumbs); stops on an error. */
typedef Error *(*BlobVisit)(void *arg, Str collection_id, Str record_id, Str file_name,
                            uint64_t size_bytes);
MUST_CHECK Error *storage_walk(Storage *s, Arena *a, BlobVisit visit, void *arg);

/* The same for one collection: in a bucket, which may hold much else, the
 * only walk that is not expensive. */
MUST_CHECK Error *storage_walk_collection(Storage *s, Arena *a, Str collection_id, BlobVisit visit,
                                          void *arg);

/* Media type by content (libmagic), "text/plain; charset=utf-8" style. Of a
 * file descriptor or of bytes in memory. Runs in the worker pool. */
MUST_CHECK Error *storage_sniff(Storage *s, Arena *a, int fd, Str memory, Str *content_type);
/* ".png" for "image/png"; empty when unknown. */
Str media_type_extension(Str content_type);

#endif
