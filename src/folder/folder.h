/* folder.h - a data folder as a whole, without a server on it: opening it,
 * checking it, moving one in from PocketBase, taking its records out.
 *
 *     App app;
 *     err = data_folder_open(a, S("croft_data"), S(""), true, &app);   beside a running server too
 *     if (err) return err;
 *     const Schema *schema = schema_hold(app.schema, a);
 *     …
 *     data_folder_close(&app);
 *
 * Everything here is for the command line: it blocks its thread, works in
 * bounded memory however large the folder is, and tells how far it has come. */
#ifndef CROFT_FOLDER_H
#define CROFT_FOLDER_H

#include "records/records.h"

/* Called now and then; `step` is a literal such as "files". total 0: unknown. */
typedef struct {
    void (*show)(void *arg, const char *step, bool bytes, uint64_t done, uint64_t total);
    void *arg;
} FolderProgress;

/* ---- opening ---- */

/* Database, schema, settings and files of an existing folder. `read_only` takes
 * no lock and changes nothing. `settings_key` as of settings_store_open(). 404
 * when there is no database in it. */
MUST_CHECK Error *data_folder_open(Arena *a, Str dir, Str settings_key, bool read_only, App *out);
void data_folder_close(App *app);

/* ---- checking: croft check ---- */

typedef enum {
    FINDING_NOTE,  /* worth knowing; nothing is wrong */
    FINDING_FAULT, /* something is missing or does not fit */
    FINDING_DAMAGE /* the database file itself is damaged */
} FindingKind;

typedef struct Finding Finding;
struct Finding {
    FindingKind kind;
    Str what;   /* one or two sentences for people, with examples */
    Str repair; /* what a repair would do, "Make the index anew."; empty: there is none */
    Error *(*run)(App *app, Arena *a, const Finding *self); /* does it */
    const void *data;                                       /* of run() */
    Finding *next;
};

typedef struct {
    Finding *first, *last;
    size_t faults, damages, notes;
    uint64_t records, files; /* looked at */
} CheckReport;

/* Looks at everything; findings of one kind at one place are one Finding with
 * a count. An error only when it could not be done: no folder, no memory. When
 * the database is damaged what depends on it is left out. With `app` open for
 * writing the repairs can be run; *app is open afterwards unless the database
 * is too damaged for that (app->db is NULL then). Close it in any case. */
MUST_CHECK Error *folder_check(Arena *a, Str dir, Str settings_key, bool read_only,
                               const FolderProgress *progress, App *app, CheckReport *report);

/* ---- moving in: croft import pocketbase ---- */

typedef struct {
    Str from;         /* PocketBase's data folder, or the one it is in */
    Str to;           /* the data folder to make */
    bool force;       /* `to` may have something in it: it is kept beside it */
    Str settings_key; /* empty when they are not encrypted */
} ImportRequest;

typedef struct {
    Str name, type;
    uint64_t records;
} ImportedCollection;

typedef struct {
    Str from; /* the folder that was read */
    ImportedCollection *collections;
    size_t collection_count;
    uint64_t files, bytes; /* uploaded files, with thumbs and sidecars */
    uint64_t accounts, superusers, linked, logs;
    bool settings_encrypted; /* still, with the same key */
    bool files_in_s3;
    Str kept; /* where what was in `to` is now; empty when nothing was */
    CheckReport check;
} ImportReport;

/* Copies, checks and mends the copy, then gives it its name: `to` is there
 * complete or not at all, whenever the machine stops. The source is only read.
 * Errors are of status 400 (what was asked for cannot be), 409 (a server is
 * running, something is in the way, an unsuitable or damaged source). */
MUST_CHECK Error *folder_import(Arena *a, const ImportRequest *request,
                                const FolderProgress *progress, ImportReport *report);

/* ---- taking out: croft export ---- */

typedef struct {
    Str to; /* the folder to make */
    RowsFormat format;
    bool files;       /* uploaded files too */
    const Str *names; /* collections, by name or id; none: all but system ones */
    size_t name_count;
} ExportRequest;

typedef struct {
    Str name;
    uint64_t records;
} ExportedCollection;

typedef struct {
    ExportedCollection *collections; /* whose records were written */
    size_t collection_count;
    uint64_t files, bytes;
    uint64_t missing; /* files that a record names and that are not there */
} ExportReport;

/* Writes what the API would show a superuser, as of one moment, for other
 * programs and for importing again (docs/export.md):
 *
 *     <to>/collections.json                     definitions, for PUT /api/collections/import
 *     <to>/settings.json
 *     <to>/records/<collection>.jsonl           or .csv, .json
 *     <to>/files/<collection>/<record id>/<name>
 *
 * No password hashes, keys or secrets: moving a whole site is what backups are
 * for. Views are written when they are named. `to` is there complete or not at
 * all. Errors: 400 unknown name or a `to` that is there, 409 another at work. */
MUST_CHECK Error *folder_export(App *app, Arena *a, const ExportRequest *request,
                                const FolderProgress *progress, ExportReport *report);

/* Copies a tree of regular files and folders to the new folder `to`. */
MUST_CHECK Error *folder_copy_tree(Arena *a, Str from, Str to);

#endif
