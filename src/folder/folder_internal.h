/* folder_internal.h - what the files of folder/ share. */
#ifndef CROFT_FOLDER_INTERNAL_H
#define CROFT_FOLDER_INTERNAL_H

#include "folder/folder.h"

static inline void progress_tell(const FolderProgress *p, const char *step, bool bytes,
                                 uint64_t done, uint64_t total)
{
    if (p && p->show) p->show(p->arg, step, bytes, done, total);
}

/* ---- copy.c: trees of files ---- */

typedef struct {
    uint64_t files, bytes;
    uint64_t skipped; /* links, sockets and the like */
} TreeSize;

MUST_CHECK Error *tree_measure(Arena *a, Str dir, TreeSize *out);
/* Regular files and folders below `from` into the new folder `to`: contents,
 * times; modes 0600 and 0700. Nothing is followed out of `from`. `total` is for
 * the progress, whose count goes on from copied->bytes. */
MUST_CHECK Error *tree_copy(Arena *a, Str from, Str to, const FolderProgress *progress,
                            uint64_t total, TreeSize *copied);
/* One file; *exists false and nothing made when there is none. */
MUST_CHECK Error *file_copy(Arena *a, Str from, Str to, const FolderProgress *progress,
                            uint64_t total, TreeSize *copied, bool *exists);
MUST_CHECK Error *tree_delete(Arena *a, Str dir); /* what is not there is fine */
/* No such folder, or nothing in it. */
MUST_CHECK Error *folder_is_empty(Arena *a, Str dir, bool *empty);
MUST_CHECK Error *sync_folder(Arena *a, Str dir); /* its entries */
MUST_CHECK Error *sync_all(Arena *a, Str dir);    /* its whole file system */
Str path_join(Arena *a, Str dir, const char *name);
Str path_parent(Str path);

/* A folder of work in progress "<to>.<suffix>", empty and locked by us until
 * *fd is closed; what a killed one left is removed. 409 when another is at work. */
MUST_CHECK Error *work_folder_make(Arena *a, Str to, const char *suffix, Str *path, int *fd);

/* ---- check ---- */

typedef struct {
    App *app;
    Arena *a;
    CheckReport *report;
    const FolderProgress *progress;
    bool live; /* a server is at work on it */
} Check;

Finding *finding_add(Check *k, FindingKind kind, Str what);
MUST_CHECK Error *check_tables(Check *k);
MUST_CHECK Error *check_records(Check *k);
MUST_CHECK Error *check_files(Check *k);

#endif
