/* zip.h - zip files of backups, written and read as a stream (libarchive).
 *
 * Written: every entry's SHA-256 is noted as a line of sha256sum's form,
 *
 *     9f86d081884c7d65…  data.db
 *
 * and the last two entries are those lines, "croft_backup.sha256", and what the
 * backup is, "croft_backup.json". Other programs may ignore both; who unpacks by
 * hand can say `sha256sum -c croft_backup.sha256`.
 *
 * Read: any zip may come, also a hostile one. It is parsed in a confined process of
 * its own (zip_internal.h), which costs an error at most. Names, kinds and sizes
 * are checked before a byte is written, and again while unpacking.
 *
 * On one thread, not in fibers: libarchive blocks.
 */
#ifndef CROFT_BACKUP_ZIP_H
#define CROFT_BACKUP_ZIP_H

#include "base/base.h"
#include "json/json.h"

#include <locale.h>

#define ZIP_ENTRIES_MAX 2000000
#define ZIP_NAME_MAX    1024
#define ZIP_DEPTH_MAX   32
#define ZIP_RATIO_MAX   1100 /* deflate itself cannot do better than 1032 */
#define ZIP_SUMS        "croft_backup.sha256"
#define ZIP_ABOUT       "croft_backup.json"
#define ZIP_ABOUT_MAX   (64u << 10)
#define ZIP_DISK_KEEP   (UINT64_C(64) << 20) /* is left to the server */

/* Told of each piece: `bytes` more are done. False ends the work (status 503). */
typedef struct {
    bool (*more)(void *arg, uint64_t bytes);
    void *arg;
} ZipWatch;

/* ---- writing ---- */

typedef struct ZipWriter ZipWriter;

/* Makes the file `path`; temp_dir is for the lines. Ends with the arena. */
MUST_CHECK Error *zip_create(Arena *a, Str path, Str temp_dir, const ZipWatch *watch,
                             ZipWriter **out);
/* Adds `size` bytes of fd from its start. A file that has become shorter is an
 * error. Names that have compressed content are only stored. */
MUST_CHECK Error *zip_add(ZipWriter *z, Str name, int fd, uint64_t size, int64_t modified_ms);
/* Calls visit for the name of each entry so far. */
MUST_CHECK Error *zip_each_name(ZipWriter *z, void (*visit)(void *arg, Str name), void *arg);
/* Adds the lines and `about`, ends the file and brings it to the disk. */
MUST_CHECK Error *zip_finish(ZipWriter *z, Json *about, uint64_t *size, Str *sha256_hex);

/* ---- reading ---- */

typedef struct {
    uint64_t entries, bytes; /* of files, as unpacked */
    bool has_sums;           /* Croft's: every checksum was compared */
    bool has_database;
    bool has_storage;
    Json *about; /* NULL without one */
} ZipContent;

/* Names, kinds and declared sizes; nothing is unpacked. `watch` (may be NULL) is
 * asked now and then, with 0 bytes. */
MUST_CHECK Error *zip_check(Arena *a, int fd, const ZipWatch *watch, ZipContent *out);
/* Reads every byte, compares all checksums; with `folder` >= 0 unpacks below it.
 * After zip_check(). Errors are of status 400 when the zip is at fault. */
MUST_CHECK Error *zip_unpack(Arena *a, int fd, int folder, const ZipWatch *watch, ZipContent *out);

/* libarchive converts names from the thread's character set; ours is UTF-8. Gives
 * what to put back with uselocale(), on the same thread. */
locale_t zip_locale_enter(void);

/* What may be the name of an entry. */
bool zip_name_good(Str name);
/* A file with such a name is not worth compressing. */
bool zip_name_stored(Str name);

#endif
