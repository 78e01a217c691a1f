/* backups.c - one backup or restore at a time, on a thread of its own, and what
 * is told of it. */
#include "backup/backup_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define JOB_BYTES          ((size_t)64 << 20)
#define RESTART_DELAY_MS   1000 /* so that the answer to the request gets out */
#define IOPRIO_BEST_EFFORT 2
#define IOPRIO_LOWEST      7

#define BUSY S("Try again later - another backup/restore process has already been started.")

/* ---- progress ---- */

void work_begin(Work *w, uint64_t total)
{
    atomic_store(&w->done, 0);
    atomic_store(&w->total, MAX(total, 1));
    w->step_from = w->step_weight = 0;
}

static bool work_tell(Work *w)
{
    if (w->mirror &&
        !w->mirror->progress(w->mirror->arg, atomic_load(&w->done), atomic_load(&w->total)))
        return false;
    return !atomic_load(&w->stop);
}

void work_step(Work *w, const char *step, uint64_t weight)
{
    w->step_from += w->step_weight;
    w->step_weight = weight;
    atomic_store(&w->step, step);
    atomic_store(&w->done, w->step_from);
}

/* Of the present step; false when the work shall end. */
static bool work_share(Work *w, uint64_t done, uint64_t total)
{
    double share = total ? (double)MIN(done, total) / (double)total : 1;
    atomic_store(&w->done, w->step_from + (uint64_t)(share * (double)w->step_weight));
    return work_tell(w);
}

bool work_more(void *work, uint64_t bytes)
{
    Work *w = work;
    uint64_t factor =
        w->step_weight && str_starts(str_from(atomic_load(&w->step)), S("writing")) ? 2 : 1;
    uint64_t end = w->step_from + w->step_weight;
    uint64_t done = atomic_load(&w->done) + bytes * factor;
    atomic_store(&w->done, MIN(done, end));
    return work_tell(w);
}

bool work_db(void *work, uint64_t done, uint64_t total)
{
    return work_share(work, done, total);
}

/* ---- the one place ---- */

Backups *app_backups(const App *app)
{
    return (Backups *)app->backups;
}

bool backups_idle(const App *app)
{
    Backups *b = app_backups(app);
    if (!b) return false;
    pthread_mutex_lock(&b->lock);
    bool idle = !b->busy;
    pthread_mutex_unlock(&b->lock);
    return idle;
}

/* How much of it fits. */
static size_t whole_characters(Str text, size_t max)
{
    if (text.len <= max) return text.len;
    while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static void key_copy(char to[KEY_MAX + 1], Str key)
{
    size_t len = whole_characters(key, KEY_MAX);
    if (len) memcpy(to, key.ptr, len);
    to[len] = 0;
}

/* `lock` is held. */
static char *claim_find(Backups *b, Str key)
{
    for (size_t i = 0; i < UPLOADS_MAX; i++)
        if (str_eq(str_from(b->uploads[i]), key)) return b->uploads[i];
    return NULL;
}

Error *backups_reserve(Backups *b, Arena *a, BackupKind kind, Str key)
{
    pthread_mutex_lock(&b->lock);
    bool free = !b->busy && !claim_find(b, key), stopping = b->stopping;
    if (free && !stopping) {
        b->busy = true;
        b->kind = kind;
        b->started_ms = clock_wall_ms();
        key_copy(b->key, key);
        work_begin(&b->work, 1);
        atomic_store(&b->work.step, "starting");
    }
    pthread_mutex_unlock(&b->lock);
    if (stopping) return error_new(a, 503, S("The server is stopping."));
    return free ? NULL : error_new(a, 400, BUSY);
}

static Str reason(const Error *err)
{
    if (!err) return S("");
    return err->message.len ? err->message : error_default_message(err->status);
}

static void last_note(Backups *b, BackupKind kind, Str key, bool ok, Str message)
{
    b->last.known = true;
    b->last.ok = ok;
    b->last.kind = kind;
    b->last.ended_ms = clock_wall_ms();
    key_copy(b->last.key, key);
    size_t len = whole_characters(message, sizeof(b->last.message) - 1);
    if (len) memcpy(b->last.message, message.ptr, len);
    b->last.message[len] = 0;
}

static void finished(Backups *b, Arena *a, const Error *err)
{
    Str why = reason(err);
    if (err && err->cause.len)
        why = str_printf(a, "%.*s (%.*s)", STR_ARG(why), STR_ARG(err->cause));
    pthread_mutex_lock(&b->lock);
    b->busy = false;
    last_note(b, b->kind, str_from(b->key), !err, why);
    pthread_mutex_unlock(&b->lock);
}

bool backups_uses(Backups *b, Str key)
{
    pthread_mutex_lock(&b->lock);
    bool uses = b->busy && str_eq(str_from(b->key), key);
    pthread_mutex_unlock(&b->lock);
    return uses;
}

ClaimResult backups_claim(Backups *b, Str key)
{
    pthread_mutex_lock(&b->lock);
    bool taken = (b->busy && str_eq(str_from(b->key), key)) || claim_find(b, key);
    char *place = taken ? NULL : claim_find(b, S(""));
    if (place) key_copy(place, key);
    pthread_mutex_unlock(&b->lock);
    return place ? CLAIM_OWN : taken ? CLAIM_TAKEN : CLAIM_TOO_MANY;
}

void backups_unclaim(Backups *b, Str key)
{
    pthread_mutex_lock(&b->lock);
    char *place = claim_find(b, key);
    if (place) place[0] = 0;
    pthread_mutex_unlock(&b->lock);
}

void backups_note_restore(Backups *b, RestoreState state, Str key)
{
    if (state == RESTORE_NONE) return;
    pthread_mutex_lock(&b->lock);
    last_note(b, BACKUP_RESTORE, key, state == RESTORE_TRIAL,
              state == RESTORE_TRIAL ? S("")
                                     : S("The server did not come up on the restored data; "
                                         "the data of before is back."));
    pthread_mutex_unlock(&b->lock);
}

static Str kind_name(BackupKind kind)
{
    return kind == BACKUP_RESTORE ? S("restore") : S("backup");
}

static Json *last_json(Arena *a, const LastWork *last)
{
    if (!last->known) return json_new_null(a);
    Json *out = json_new_object(a);
    json_set_str(a, out, S("kind"), kind_name(last->kind));
    json_set_str(a, out, S("key"), arena_copy(a, str_from(last->key)));
    json_set_bool(a, out, S("ok"), last->ok);
    json_set_str(a, out, S("message"), arena_copy(a, str_from(last->message)));
    json_set_str(a, out, S("ended"), datetime_format(a, last->ended_ms));
    return out;
}

Json *backups_status(App *app, Arena *a)
{
    Backups *b = app_backups(app);
    pthread_mutex_lock(&b->lock);
    bool busy = b->busy;
    BackupKind kind = b->kind;
    int64_t started_ms = b->started_ms;
    LastWork last = b->last;
    char key[KEY_MAX + 1];
    memcpy(key, b->key, sizeof(key));
    uint64_t done = atomic_load(&b->work.done), total = atomic_load(&b->work.total);
    const char *step = atomic_load(&b->work.step);
    pthread_mutex_unlock(&b->lock);

    Json *out = json_new_object(a);
    json_set_bool(a, out, S("running"), busy);
    if (busy) {
        double percent = (double)(uint64_t)(1000.0 * (double)MIN(done, total) / (double)total) / 10;
        json_set_str(a, out, S("kind"), kind_name(kind));
        json_set_str(a, out, S("key"), arena_copy(a, str_from(key)));
        json_set_str(a, out, S("step"), str_from(step));
        json_set_number(a, out, S("percent"), percent);
        json_set_number(a, out, S("done"), (double)MIN(done, total));
        json_set_number(a, out, S("total"), (double)total);
        json_set_str(a, out, S("started"), datetime_format(a, started_ms));
    }
    json_set(a, out, S("last"), last_json(a, &last));
    return out;
}

/* ---- on the thread ---- */

/* The server's own work comes first, on the processor and on the disk. */
static void be_humble(void)
{
    pid_t thread = (pid_t)syscall(SYS_gettid);
    (void)setpriority(PRIO_PROCESS, (id_t)thread, 19);
    (void)syscall(SYS_ioprio_set, 1, 0, IOPRIO_BEST_EFFORT << 13 | IOPRIO_LOWEST);
}

static Error *temp_make(Backups *b, Arena *a, Str *name, int *parent)
{
    Error *err = tree_open(a, str_concat(a, b->dir, S("/" TEMP_FOLDER)), true, parent);
    if (err) return err;
    *name = str_concat(a, S("backup_"), random_text(a, 8, ALPHABET_ID));
    if (mkdirat(*parent, arena_cstr(a, *name), 0700) != 0)
        return error_errno(a, errno, "mkdir", *name);
    return NULL;
}

static Error *backup_run(Backups *b, Arena *a, Str key)
{
    be_humble();
    int64_t started = clock_wall_ms();
    int parent;
    Str name;
    Error *err = temp_make(b, a, &name, &parent);
    if (err) return err;
    MadeBackup made = {
        .temp = str_printf(a, "%.*s/" TEMP_FOLDER "/%.*s", STR_ARG(b->dir), STR_ARG(name))};
    err = backup_make_zip(b, a, key, &made);
    if (!err) err = target_put(b, a, key, &made);
    if (!tree_remove(parent, arena_cstr(a, name)))
        log_warn("backup", "cannot remove the temporary folder", LOG_STR("folder", made.temp),
                 LOG_INT("errno", errno));
    if (!err)
        log_info("backup", "backup made", LOG_STR("key", key), LOG_INT("bytes", made.size),
                 LOG_INT("ms", clock_wall_ms() - started));
    return err;
}

typedef struct {
    Backups *b;
    Arena *arena;
    Str what; /* key, or a path */
    Error *err;
} Job;

static Error *restore_run(Backups *b, Arena *a, Str what)
{
    be_humble();
    int64_t started = clock_wall_ms();
    int fd;
    struct stat st;
    Error *err = NULL;
    if (str_starts(what, S("/"))) {
        fd = open(arena_cstr(a, what), O_RDONLY | O_CLOEXEC);
        if (fd < 0) return error_errno(a, errno, "open", what);
        err = restore_prepare(a, b->dir, b->settings_key, fd, what, &b->work);
        (void)close(fd);
    } else {
        err = target_open(b, a, what, &fd, &st);
        if (!err) err = restore_prepare(a, b->dir, b->settings_key, fd, what, &b->work);
    }
    if (err) return err;
    int64_t passed = clock_wall_ms() - started;
    if (passed < RESTART_DELAY_MS) await_sleep((uint64_t)(RESTART_DELAY_MS - passed));
    log_info("backup", "a checked backup takes the data's place; restarting", LOG_STR("key", what));
    b->restart(b->restart_arg);
    return NULL;
}

static Error *run_protected(void *arg)
{
    Job *job = arg;
    return job->b->kind == BACKUP_RESTORE ? restore_run(job->b, job->arena, job->what)
                                          : backup_run(job->b, job->arena, job->what);
}

static void job_log(const Job *job)
{
    if (job->err)
        log_error("backup",
                  job->b->kind == BACKUP_RESTORE ? "restore failed; nothing was changed"
                                                 : "backup failed",
                  LOG_STR("key", job->what), LOG_STR("message", reason(job->err)),
                  LOG_STR("cause", job->err->cause));
}

static void run_awaited(void *arg)
{
    Job *job = arg;
    job->err = arena_protect(job->arena, run_protected, job);
    job_log(job);
    finished(job->b, job->arena, job->err);
}

/* A restore that succeeded keeps its place: the process ends. */
static void run_posted(void *arg)
{
    Job *job = arg;
    bool restores = job->b->kind == BACKUP_RESTORE;
    job->err = arena_protect(job->arena, run_protected, job);
    job_log(job);
    if (job->err || !restores) finished(job->b, job->arena, job->err);
    arena_destroy(job->arena);
}

/* ---- from outside ---- */

static Error *name_choose(Backups *b, Arena *a, Str name, Str *key)
{
    if (name.len == 0) {
        const Settings *settings = settings_hold(b->app->settings, a);
        *key = backup_default_name(a, S("pb_backup_"), settings->app_name, clock_wall_ms());
    } else {
        Error *err = backup_name_check(a, name);
        if (err) return err;
        *key = name;
    }
    bool exists;
    Error *err = target_exists(b, a, *key, &exists);
    if (err) return err;
    return exists ? error_field(a, S("name"), "validation_backup_name_exists",
                                S("The backup file name is invalid or already exists."))
                  : NULL;
}

Error *backups_run_reserved(Backups *b, Arena *a, Str key)
{
    Job job = {.b = b, .arena = a, .what = key};
    Error *err = await_work(b->pool, a, run_awaited, &job);
    if (!err) return job.err;
    finished(b, a, err);
    return err;
}

Error *backups_make(App *app, Arena *a, Str name, Str *key)
{
    Backups *b = app_backups(app);
    if (!backups_idle(app)) return error_new(a, 400, BUSY);
    Error *err = name_choose(b, a, name, key);
    if (err) return err;
    err = backups_reserve(b, a, BACKUP_CREATE, *key);
    return err ? err : backups_run_reserved(b, a, *key);
}

static Error *restore_check(Backups *b, Arena *a, Str what)
{
    if (!b->restart) return error_new(a, 500, S("Only a running server can restore this way."));
    if (!backups_idle(b->app)) return error_new(a, 400, BUSY);
    if (str_starts(what, S("/"))) return NULL;
    bool exists = false;
    Error *err = backup_key_good(what) ? target_exists(b, a, what, &exists) : NULL;
    if (err) return err;
    return exists ? NULL : error_new(a, 400, S("Missing or invalid backup file."));
}

Error *backups_start(App *app, Arena *a, BackupKind kind, Str what)
{
    Backups *b = app_backups(app);
    Str key = what;
    Error *err = kind == BACKUP_RESTORE ? restore_check(b, a, what) : name_choose(b, a, what, &key);
    if (err) return err;
    err = backups_reserve(b, a, kind, key);
    if (err) return err;
    Arena *own = arena_create("backup", JOB_BYTES);
    Job *job = arena_new(own, Job, 1);
    *job = (Job){.b = b, .arena = own, .what = arena_copy(own, key)};
    if (workers_post(b->pool, run_posted, job)) return NULL;
    arena_destroy(own);
    err = error_status(a, 503);
    finished(b, a, err);
    return err;
}

Error *backups_list(App *app, Arena *a, Json **out)
{
    return target_list(app_backups(app), a, true, out);
}

void backups_on_restart(Backups *b, void (*restart)(void *arg), void *arg)
{
    b->restart = restart;
    b->restart_arg = arg;
}

/* ---- life ---- */

/* What a killed process left. PocketBase does the same. */
static void sweep(Arena *a, Str dir)
{
    int fd;
    Error *err = tree_open(a, dir, false, &fd);
    if (!err && !tree_remove(fd, TEMP_FOLDER))
        log_warn("backup", "cannot remove what an earlier backup left", LOG_INT("errno", errno));
}

Error *backups_create(Arena *a, App *app, Str dir, Str settings_key, Backups **out)
{
    Arena *arena = arena_create("backups", 1u << 20);
    Backups *b = arena_new(arena, Backups, 1);
    *b = (Backups){.app = app,
                   .arena = arena,
                   .dir = arena_copy(arena, dir),
                   .settings_key = arena_copy(arena, settings_key)};
    pthread_mutex_init(&b->lock, NULL);
    sweep(a, dir);
    Error *err = workers_create(a, "backup", 1, 4, &b->pool);
    if (!err) {
        *out = b;
        app->backups = b;
        settings_on_change(app->settings, schedule_changed, b);
        err = schedule_follow(b, a);
    }
    return err;
}

void backups_stop(Backups *b)
{
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_mutex_unlock(&b->lock);
    atomic_store(&b->work.stop, true);
}

void backups_destroy(Backups *b)
{
    if (!b) return;
    backups_stop(b);
    settings_on_change(b->app->settings, NULL, NULL);
    if (b->pool) workers_destroy(b->pool);
    b->app->backups = NULL;
    pthread_mutex_destroy(&b->lock);
    arena_destroy(b->arena);
}
