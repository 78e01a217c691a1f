/* journal.c - the restored data takes the place of the old, or does not: never half.
 *
 *     <dir>/.croft_restore/new/       unpacked and checked
 *                         /old/       what was moved away
 *                         /failed/    a restored one that did not come up
 *                         /journal    {"state":"out","key":"x.zip","attempts":0,…}
 *
 *     (no journal) ─▶ out ─▶ in ─▶ trial ─▶ done ─▶ (nothing)
 *                                    │
 *                                    ▼ twice not confirmed, or it does not open
 *                                 undo_out ─▶ undo_in ─▶ undone ─▶ (nothing)
 *
 * (and from out to undo_in, from in to undo_out, when a move cannot be made)
 *
 *   out       the data's entries are being moved to old/; new/ is untouched
 *   in        the data's place is empty; new/'s entries are being moved there
 *   trial     swapped; not known yet whether a server comes up on it
 *   undo_out  as out, to failed/;  undo_in  as in, from old/
 *
 * Each state is on disk before its first move, and each move is one rename that
 * may be repeated. So whoever opens the folder next, after whatever crash, goes on
 * where it stopped. Nobody has a database open meanwhile: it happens before that,
 * under the folder's lock.
 *
 * Before trial the storage folder gets a new identity, so that no sweep judges
 * objects in a bucket by a database of an earlier day (docs/decisions/0009).
 *
 * What belongs to the place and not to the data stays: backups, locks, sockets,
 * temporary files (backup_holds()).
 */
#include "backup/backup_internal.h"

#include "base/fd.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define JOURNAL      "journal"
#define JOURNAL_MAX  4096
#define ATTEMPTS_MAX 2

typedef enum { OUT, IN, TRIAL, DONE, UNDO_OUT, UNDO_IN, UNDONE, STATES } SwapState;

static const Str STATE_NAMES[STATES] = {
    [OUT] = STR_INIT("out"),           [IN] = STR_INIT("in"),
    [TRIAL] = STR_INIT("trial"),       [DONE] = STR_INIT("done"),
    [UNDO_OUT] = STR_INIT("undo_out"), [UNDO_IN] = STR_INIT("undo_in"),
    [UNDONE] = STR_INIT("undone"),
};

typedef struct {
    Arena *arena;
    int dir, folder; /* the data, RESTORE_FOLDER */
    SwapState state;
    int attempts;
    Str key;
    bool keep_storage;
} Swap;

/* ---- the journal ---- */

static Error *state_write(Swap *s, SwapState state)
{
    Arena *a = s->arena;
    s->state = state;
    Json *json = json_new_object(a);
    json_set_str(a, json, S("state"), STATE_NAMES[state]);
    json_set_str(a, json, S("key"), s->key);
    json_set_number(a, json, S("attempts"), s->attempts);
    json_set_bool(a, json, S("keepStorage"), s->keep_storage);
    Str text = str_concat(a, json_format(a, json), S("\n"));
    int fd = openat(s->folder, JOURNAL ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return error_errno(a, errno, "write", S("restore journal"));
    bool ok = fd_write_all(fd, text.ptr, text.len) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(s->folder, JOURNAL ".part", s->folder, JOURNAL) == 0 &&
         folder_sync(s->folder) && folder_sync(s->dir);
    return ok ? NULL : error_errno(a, errno, "write", S("restore journal"));
}

/* *found false: there is none, or one that was never finished. */
static Error *state_read(Swap *s, bool *found)
{
    Arena *a = s->arena;
    *found = false;
    int fd = openat(s->folder, JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? NULL : error_errno(a, errno, "open", S("restore journal"));
    char *text = arena_bytes(a, JOURNAL_MAX);
    ssize_t len = read(fd, text, JOURNAL_MAX);
    (void)close(fd);
    if (len < 0) return error_errno(a, errno, "read", S("restore journal"));
    Json *json;
    Error *err = json_parse(a, str_make(text, (size_t)len), NULL, &json);
    Str name = err ? S("") : json_str(json_get(json, S("state")), S(""));
    for (s->state = OUT; s->state < STATES; s->state++) {
        if (str_eq(name, STATE_NAMES[s->state])) break;
    }
    if (s->state == STATES)
        return error_new(a, 500,
                         S("The journal of a restore (.croft_restore/journal) cannot be "
                           "read; the data is not touched until it is."));
    s->key = json_str(json_get(json, S("key")), S(""));
    s->attempts = (int)json_number(json_get(json, S("attempts")), 0);
    s->keep_storage = json_bool(json_get(json, S("keepStorage")), false);
    *found = true;
    return NULL;
}

static Error *swap_open(Arena *a, Str dir, Swap *s)
{
    *s = (Swap){.arena = a};
    Error *err = tree_open(a, dir, false, &s->dir);
    if (err) return err;
    return tree_open(a, str_concat(a, dir, S("/" RESTORE_FOLDER)), true, &s->folder);
}

/* ---- moving ---- */

static bool stays(const Swap *s, Str name)
{
    return !backup_holds(name) || (s->keep_storage && str_eq(name, S("storage")));
}

/* One walk over the folder; *moved counts. */
static Error *move_some(const Swap *s, DIR *dir, int from, int to, size_t *moved)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) return errno ? error_errno(s->arena, errno, "read", S("restore")) : NULL;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || stays(s, str_from(name))) continue;
        if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
            (*moved)++;
        else if (errno != ENOENT)
            return error_errno(s->arena, errno, "move", str_from(name));
    }
}

/* Every entry of `from` that is data goes to `to`. A walk over a folder that
 * changes meanwhile may miss some: so until one meets none. */
static Error *move_entries(const Swap *s, int from, int to)
{
    int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        if (copy >= 0) (void)close(copy);
        return error_errno(s->arena, errno, "open", S("restore"));
    }
    Error *err;
    size_t moved;
    do {
        moved = 0;
        rewinddir(dir);
        err = move_some(s, dir, from, to, &moved);
    } while (!err && moved > 0);
    closedir(dir);
    if (!err && (!folder_sync(from) || !folder_sync(to)))
        err = error_errno(s->arena, errno, "fsync", S("restore"));
    return err;
}

static Error *move_between(Swap *s, const char *name, bool out)
{
    if (mkdirat(s->folder, name, 0700) != 0 && errno != EEXIST)
        return error_errno(s->arena, errno, "mkdir", str_from(name));
    int other = openat(s->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (other < 0) return error_errno(s->arena, errno, "open", str_from(name));
    Error *err = out ? move_entries(s, s->dir, other) : move_entries(s, other, s->dir);
    (void)close(other);
    return err;
}

/* A move that cannot be made (storage/ is a mount point …) is no reason to stay
 * half-way: back. */
static Error *turn_back(Swap *s, Error *why, SwapState state)
{
    log_error("backup", "the restored data cannot take its place; the data of before stays",
              LOG_STR("key", s->key), LOG_STR("cause", why->cause));
    return state_write(s, state);
}

/* One state after the other, from whichever it is in, to an end. */
static Error *swap_go_on(Swap *s)
{
    Error *err = NULL;
    while (!err) {
        switch (s->state) {
        case OUT:
            err = move_between(s, "old", true);
            err = err ? turn_back(s, err, UNDO_IN) : state_write(s, IN);
            break;
        case IN:
            err = move_between(s, "new", false);
            if (!err && !storage_disown(s->dir, "storage"))
                err = error_errno(s->arena, errno, "disown", S("storage"));
            err = err ? turn_back(s, err, UNDO_OUT) : state_write(s, TRIAL);
            break;
        case UNDO_OUT:
            err = move_between(s, "failed", true);
            if (!err) err = state_write(s, UNDO_IN);
            break;
        case UNDO_IN:
            err = move_between(s, "old", false);
            if (!err) err = state_write(s, UNDONE);
            break;
        default:
            return NULL;
        }
    }
    return err;
}

static void swap_remove(Swap *s)
{
    /* The journal last: until it is gone, whoever comes removes the rest. */
    bool ok = tree_remove(s->folder, "new") && tree_remove(s->folder, "failed") &&
              tree_remove(s->folder, "old") && tree_remove(s->dir, RESTORE_FOLDER);
    if (!ok) log_warn("backup", "cannot remove what a restore left", LOG_INT("errno", errno));
}

/* ---- the ends ---- */

Error *journal_begin(Arena *a, Str dir, Str key, bool keep_storage)
{
    Swap s;
    Error *err = swap_open(a, dir, &s);
    if (err) return err;
    if (!tree_remove(s.folder, "old") || !tree_remove(s.folder, "failed"))
        return error_errno(a, errno, "remove", S(RESTORE_FOLDER));
    s.key = key;
    s.keep_storage = keep_storage;
    return state_write(&s, OUT);
}

static Error *undo(Swap *s)
{
    log_error("backup",
              "the server does not come up on the restored data; the data of before is "
              "being put back",
              LOG_STR("key", s->key));
    Error *err = s->state == UNDO_IN ? NULL : state_write(s, UNDO_OUT);
    return err ? err : swap_go_on(s);
}

Error *restore_undo(Arena *a, Str dir)
{
    Swap s;
    bool found;
    Error *err = swap_open(a, dir, &s);
    if (!err) err = state_read(&s, &found);
    if (err || !found || s.state != TRIAL) return err;
    return undo(&s);
}

/* Takes the next step, or says that there is none. */
static Error *recover(Swap *s, RestoreState *state)
{
    Error *err = NULL;
    if (s->state == OUT || s->state == IN)
        log_info("backup", "restored data takes its place", LOG_STR("key", s->key));
    if (s->state == TRIAL && s->attempts >= ATTEMPTS_MAX)
        err = undo(s);
    else
        err = swap_go_on(s);
    if (err) return err;
    if (s->state == TRIAL) {
        s->attempts++;
        *state = RESTORE_TRIAL;
        return state_write(s, TRIAL);
    }
    *state = s->state == UNDONE ? RESTORE_UNDONE : RESTORE_NONE;
    swap_remove(s);
    return NULL;
}

Error *restore_recover(Arena *a, Str dir, RestoreState *state, Str *key)
{
    *state = RESTORE_NONE;
    *key = S("");
    struct stat st;
    if (stat(arena_cstr(a, str_concat(a, dir, S("/" RESTORE_FOLDER))), &st) != 0) return NULL;
    int lock;
    Error *err = db_folder_hold(a, dir, &lock);
    if (err) return err;
    Swap s;
    bool found = false;
    err = swap_open(a, dir, &s);
    if (!err) err = state_read(&s, &found);
    if (!err && found) {
        err = recover(&s, state);
        *key = s.key;
    } else if (!err) {
        swap_remove(&s); /* unpacked, never finished */
    }
    (void)close(lock);
    return err;
}

void restore_confirm(Str dir)
{
    Arena *a = arena_create("restore", 0);
    Swap s;
    bool found = false;
    Error *err = swap_open(a, dir, &s);
    if (!err) err = state_read(&s, &found);
    if (!err && found && s.state == TRIAL) err = state_write(&s, DONE);
    if (err)
        log_error("backup", "cannot note that the restored data is in use",
                  LOG_STR("cause", err->cause));
    if (!err && found && s.state == DONE) {
        log_info("backup", "restored; the data of before is removed", LOG_STR("key", s.key));
        swap_remove(&s);
    }
    arena_destroy(a);
}
