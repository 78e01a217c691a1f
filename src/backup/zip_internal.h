/* zip_internal.h - between the process that parses a zip and the one that believes
 * nothing of it.
 *
 *     zip_read.c ──▶ zip_source.c ──fork──▶ zip_parse.c   confined; libarchive, inflate
 *     checks, writes     ◀── records through a pipe ──┘
 *
 *     ENTRY "storage/c/r/x.jpg" 5000   DATA …   DATA …   ENTRY …   END
 *
 * or FAILED with why, at any point. The parser sends what it finds, good or bad;
 * names, kinds and sizes are judged on the other side.
 */
#ifndef CROFT_BACKUP_ZIP_INTERNAL_H
#define CROFT_BACKUP_ZIP_INTERNAL_H

#include "backup/zip.h"

#define ZIP_PIECE_MAX  (64u << 10)
#define ZIP_MEMORY_MAX (UINT64_C(1) << 30) /* two million entries take most of it */
#define ZIP_SILENCE_MS 60000               /* then the parser is ended; */
#define ZIP_SLACK      8 /* and when it was waited for so many times its CPU time */

typedef enum { ZIP_ENTRY, ZIP_DATA, ZIP_END, ZIP_FAILED, ZIP_UNABLE, ZIP_KINDS } ZipKind;

enum { ZIP_IS_FOLDER = 1, ZIP_IS_OTHER = 2, ZIP_IS_ENCRYPTED = 4, ZIP_HAS_NO_SIZE = 8 };

/* As it lies in the pipe; `len` bytes follow: a name, content, or why it failed. */
typedef struct {
    uint32_t kind;
    uint32_t len; /* ≤ ZIP_PIECE_MAX */
    uint32_t flags;
    uint32_t unused;
    uint64_t size; /* of an entry, as it says */
} ZipRecord;

/* ---- zip_parse.c: where the hostile bytes are read ---- */

/* False: nobody wants more. */
typedef bool (*ZipEmit)(void *arg, const ZipRecord *record, const char *bytes);

/* Reads the zip of `size` bytes with pread() and tells of each entry, with its
 * content when `content`. The last record is END, FAILED or UNABLE, unless nobody wanted it.
 * The thread must be in zip_locale_enter(). */
void zip_parse(int fd, uint64_t size, bool content, ZipEmit emit, void *arg);

/* ---- zip_source.c: the other side of the pipe ---- */

typedef struct ZipSource ZipSource;

typedef struct {
    ZipKind kind; /* ENTRY, DATA or END */
    uint32_t flags;
    uint64_t size;
    Str bytes; /* until the next one */
} ZipItem;

/* Forks the parser; ended with the arena, or by zip_source_end(). */
MUST_CHECK Error *zip_source_open(Arena *a, int fd, bool content, const ZipWatch *watch,
                                  ZipSource **out);
/* The same of a pipe or file in which somebody has written what he likes: for
 * tests. Closed like a parser's. `patience_ms`: how long it is waited for in all. */
ZipSource *zip_source_of(Arena *a, int pipe, uint64_t patience_ms);
MUST_CHECK Error *zip_source_next(ZipSource *s, ZipItem *out);
void zip_source_end(ZipSource *s);

/* ---- zip_read.c: zip_check() and zip_unpack(), of any source ---- */

MUST_CHECK Error *zip_check_source(Arena *a, ZipSource *source, uint64_t zip_size, ZipContent *out);
MUST_CHECK Error *zip_unpack_source(Arena *a, ZipSource *source, int folder, const ZipWatch *watch,
                                    ZipContent *out);

/* "This zip cannot be restored: <why>", status 400. */
Error *zip_bad(Arena *a, Str why);

#endif
