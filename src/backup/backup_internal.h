/* backup_internal.h - what the files of backup/ share. Start reading at make.c. */
#ifndef CROFT_BACKUP_INTERNAL_H
#define CROFT_BACKUP_INTERNAL_H

#include "backup/backup.h"
#include "backup/zip.h"
#include "s3/s3.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define BACKUPS_FOLDER "backups"
#define TEMP_FOLDER    ".pb_temp_to_delete" /* PocketBase's: each of us removes it at start */
#define RESTORE_FOLDER ".croft_restore"     /* journal.c */
#define AUTO_PREFIX    "@auto_pb_backup_"
#define AUTO_CRON      "__pbAutoBackup__"
#define KEY_MAX        240
#define FOLDER_DEPTH   32
#define UPLOADS_MAX    16
#define FACTS_ASKED    64
#define FACTS_MAX      (2 * FACTS_ASKED)
#define META_SHA256    "croft-sha256" /* in sidecars, and on objects */
#define META_VERIFIED  "croft-verified"

/* ---- how far the work is: written by its thread, read by any ---- */

typedef struct {
    _Atomic(const char *) step; /* a literal */
    atomic_uint_fast64_t done, total;
    atomic_bool stop;      /* give up */
    uint64_t step_from;    /* its thread only: `done` when the step began, */
    uint64_t step_weight;  /* and what the step is worth */
    const DbWatch *mirror; /* told too; NULL = nobody */
} Work;

void work_begin(Work *w, uint64_t total);
void work_step(Work *w, const char *step, uint64_t weight);
bool work_more(void *work, uint64_t bytes);              /* as ZipWatch.more */
bool work_db(void *work, uint64_t done, uint64_t total); /* as DbWatch.progress */

/* See facts.c. Texts end in NUL. */
typedef struct {
    char key[KEY_MAX + 1];
    char modified[32];
    uint64_t size_bytes;
    char sha256[65], verified[32];
} ObjectFacts;

/* The backup or restore that ended last. */
typedef struct {
    bool known, ok;
    BackupKind kind;
    char key[KEY_MAX + 1];
    char message[512];
    int64_t ended_ms;
} LastWork;

struct Backups {
    App *app;
    Arena *arena;
    Str dir, settings_key;
    Workers *pool; /* one thread of low priority */
    pthread_mutex_t lock;
    bool busy; /* under lock, as all below */
    bool stopping;
    BackupKind kind;
    char key[KEY_MAX + 1];
    int64_t started_ms;
    LastWork last;
    char uploads[UPLOADS_MAX][KEY_MAX + 1]; /* under way; empty: a free place */
    ObjectFacts facts[FACTS_MAX];           /* a ring */
    size_t facts_next;
    void (*restart)(void *arg);
    void *restart_arg;
    Work work;
};

/* ---- names.c ---- */

/* "pb_backup_acme_20260102030405.zip" */
Str backup_default_name(Arena *a, Str prefix, Str app_name, int64_t now_ms);
/* What POST /api/backups takes; errors at `name`. */
MUST_CHECK Error *backup_name_check(Arena *a, Str name);
/* What may be the name of a file in the backups folder, uploads included. */
bool backup_key_good(Str key);

/* ---- tree.c: folders ---- */

typedef Error *(*TreeVisit)(void *arg, Str path, int folder, const char *name,
                            const struct stat *st);
typedef struct {
    bool (*skip)(Str path); /* files and folders to pass over; may be NULL */
    TreeVisit visit;        /* each regular file; links and the like are passed over */
    void *arg;
} TreeWalk;
/* `path` is `prefix` and the names below it: "storage/c/r/x". What disappears
 * meanwhile is passed over. */
MUST_CHECK Error *tree_walk(Arena *a, int root, Str prefix, const TreeWalk *walk);
/* Removes `name` with all in it; false and errno. What is not there is fine. */
bool tree_remove(int parent, const char *name);
/* An open folder, made when missing; closed with the arena. */
MUST_CHECK Error *tree_open(Arena *a, Str path, bool make, int *fd);
/* Brings the entries of a folder to the disk. */
bool folder_sync(int fd);

/* ---- make.c ---- */

typedef struct {
    Str path; /* of the finished zip, in the temporary folder */
    Str temp; /* that folder; removed by the caller */
    uint64_t size;
    Str sha256;
} MadeBackup;

/* Steps 1-5 of backup.h. On the backups' own thread. */
MUST_CHECK Error *backup_make_zip(Backups *b, Arena *a, Str key, MadeBackup *out);
/* False for what is in no backup, and stays where it is in a restore. */
bool backup_holds(Str top_level_name);

/* ---- target.c: where backups are kept ---- */

MUST_CHECK Error *target_exists(Backups *b, Arena *a, Str key, bool *exists);
/* Unsorted. With `vouched` each item says also what is known of its checksum. */
MUST_CHECK Error *target_list(Backups *b, Arena *a, bool vouched, Json **out);
MUST_CHECK Error *target_delete(Backups *b, Arena *a, Str key);
/* Moves a finished zip there; 400 when the key is taken. */
MUST_CHECK Error *target_put(Backups *b, Arena *a, Str key, const MadeBackup *made);
/* The same of an upload's bytes; with the key claimed. */
MUST_CHECK Error *target_put_upload(Backups *b, Arena *a, Str key, const Upload *upload);
/* Opens one for reading; an S3 object is fetched into a file without name. The fd
 * is closed with the arena. 404. */
MUST_CHECK Error *target_open(Backups *b, Arena *a, Str key, int *fd, struct stat *st);
/* Of the automatic ones, the `keep` newest stay. */
MUST_CHECK Error *target_prune(Backups *b, Arena *a, size_t keep);

/* ---- facts.c: of the objects in a bucket ---- */

/* Adds "checksum" and "verified" to the items of a listing, which it sorts. */
void facts_add(Backups *b, S3 *s3, Arena *a, Json **items, size_t count);
void facts_forget(Backups *b); /* the settings name another bucket */
/* Both may be empty. */
void item_vouch(Arena *a, Json *item, Str sha256, Str verified);

/* ---- restore.c, journal.c ---- */

/* Checks, unpacks, opens: what is in RESTORE_FOLDER afterwards can take the
 * data's place. */
MUST_CHECK Error *restore_prepare(Arena *a, Str dir, Str settings_key, int zip_fd, Str key,
                                  Work *work);
MUST_CHECK Error *journal_begin(Arena *a, Str dir, Str key, bool keep_storage);

/* ---- schedule.c ---- */

/* After any change of the settings. */
MUST_CHECK Error *schedule_follow(Backups *b, Arena *a);
void schedule_changed(void *backups);

/* ---- backups.c ---- */

Backups *app_backups(const App *app);
/* Reserves the one place; 400 when it is taken. */
MUST_CHECK Error *backups_reserve(Backups *b, Arena *a, BackupKind kind, Str key);
bool backups_uses(Backups *b, Str key);
/* For an upload: nobody else stores under this key until it is let go. */
typedef enum { CLAIM_OWN, CLAIM_TAKEN, CLAIM_TOO_MANY } ClaimResult;
ClaimResult backups_claim(Backups *b, Str key);
void backups_unclaim(Backups *b, Str key);
/* Makes it, reserved already, and waits. */
MUST_CHECK Error *backups_run_reserved(Backups *b, Arena *a, Str key);

#endif
