/* zip_source.c - forks the parser of a zip and reads what it tells.
 *
 * The fork has the zip, one end of a pipe, and nothing else: no other descriptor,
 * nothing that it shares with its parent, no call that could get at more
 * (confine.h). It is not a keeper's child as those that make thumbnails, because
 * a restore from the command line has no supervisor, and because it may take as
 * long as the backup is large. */
#include "backup/zip_internal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/sanitized.h"
#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CPU_BASE_S     120
#define BYTES_A_CPU_S  (UINT64_C(2) << 20) /* of the zip; inflating alone is fifty times faster */
#define LOOK_MS        500
#define ZIP_SILENCE_NS ((uint64_t)ZIP_SILENCE_MS * 1000000)
#define BURY_MS        1000 /* for one that has hung up to end by itself */

/* Where the fork has its two descriptors. */
enum { ZIP_FD = 3, PIPE_FD = 4, FIRST_FD = 5 };

struct ZipSource {
    Arena *arena;
    int pipe;
    pid_t pid; /* 0: there is none to end */
    const ZipWatch *watch;
    uint64_t patience_ns, waited_ns; /* for it, in all: writing what it gives takes its own time */
    bool ended;
    char piece[ZIP_PIECE_MAX];
};

Error *zip_bad(Arena *a, Str why)
{
    return error_new(a, 400, str_concat(a, S("This zip cannot be restored: "), why));
}

/* ---- the fork ---- */

static bool emit_to_pipe(void *arg, const ZipRecord *record, const char *bytes)
{
    (void)arg;
    return fd_write_all(PIPE_FD, record, sizeof(*record)) &&
           fd_write_all(PIPE_FD, bytes, record->len);
}

static NORETURN void unable(Str why)
{
    ZipRecord record = {.kind = ZIP_UNABLE, .len = (uint32_t)why.len};
    (void)emit_to_pipe(NULL, &record, why.ptr);
    _exit(1);
}

/* Nobody's handlers; whatever is printed goes nowhere. */
static void signals_and_output_reset(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* two of them refuse */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
#ifndef SANITIZED /* what a sanitizer says is for us */
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && nowhere >= 0; fd++)
        (void)dup2(nowhere, fd);
    if (nowhere > 2) (void)close(nowhere);
#endif
}

static bool descriptors_keep(int zip, int pipe)
{
    int zip_high = fcntl(zip, F_DUPFD, FIRST_FD), pipe_high = fcntl(pipe, F_DUPFD, FIRST_FD);
    return zip_high >= 0 && pipe_high >= 0 && dup2(zip_high, ZIP_FD) == ZIP_FD &&
           dup2(pipe_high, PIPE_FD) == PIPE_FD && close_range(FIRST_FD, ~0u, 0) == 0;
}

/* What the parser of so large a zip may take. */
static uint64_t cpu_seconds(uint64_t size)
{
    return CPU_BASE_S + size / BYTES_A_CPU_S;
}

static NORETURN void child_run(int zip, int pipe, uint64_t size, bool content, pid_t parent)
{
    if (!descriptors_keep(zip, pipe)) _exit(1); /* first: the folder's lock is among them */
    (void)prctl(PR_SET_NAME, "croft-zip");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    signals_and_output_reset();
    if (!confine_shared_memory_drop() || !confine_capabilities_drop())
        unable(S("the process cannot be confined: what it has from its parent"));
    const ConfineLimits limits = {
        .memory_bytes = ZIP_MEMORY_MAX, .cpu_s = cpu_seconds(size), .file_bytes = 0, .reads = true};
    const char *failed = confine_process(&limits);
    if (failed) unable(str_from(failed));
    zip_parse(ZIP_FD, size, content, emit_to_pipe, NULL);
    _exit(0);
}

/* ---- its life ---- */

/* One that has hung up is about to end, with whatever it died of; unless it was
 * taken over, and sleeps. */
static bool ends_by_itself(pid_t pid, int *status)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int waited_ms = 0; waited_ms < BURY_MS; waited_ms += 10) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

/* Ends the parser; the signal it had died of, or 0. */
static int parser_bury(ZipSource *s)
{
    if (s->pipe >= 0) (void)close(s->pipe);
    s->pipe = -1;
    if (s->pid <= 0) return 0;
    int status = 0;
    if (!s->ended || !ends_by_itself(s->pid, &status)) {
        (void)kill(s->pid, SIGKILL);
        while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    s->pid = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void zip_source_end(ZipSource *s)
{
    (void)parser_bury(s);
}

static void source_end(void *arg)
{
    zip_source_end(arg);
}

ZipSource *zip_source_of(Arena *a, int pipe, uint64_t patience_ms)
{
    ZipSource *s = arena_new(a, ZipSource, 1);
    s->arena = a;
    s->pipe = pipe;
    s->patience_ns = patience_ms * 1000000;
    arena_defer(a, source_end, s);
    return s;
}

Error *zip_source_open(Arena *a, int fd, bool content, const ZipWatch *watch, ZipSource **out)
{
    struct stat st;
    int ends[2];
    if (fstat(fd, &st) != 0) return error_errno(a, errno, "stat", S("zip"));
    if (pipe2(ends, O_CLOEXEC) != 0) return error_errno(a, errno, "pipe", S("zip"));
    uint64_t patience_s = cpu_seconds((uint64_t)st.st_size) * ZIP_SLACK;
    ZipSource *s = zip_source_of(a, ends[0], patience_s * 1000);
    s->watch = watch;
    locale_t before = zip_locale_enter(); /* the fork's thread has it then */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) child_run(fd, ends[1], (uint64_t)st.st_size, content, parent);
    if (before) (void)uselocale(before);
    int error = errno;
    (void)close(ends[1]);
    if (pid < 0) return error_errno(a, error, "fork", S("zip"));
    s->pid = pid;
    *out = s;
    return NULL;
}

/* ---- records ---- */

static Error *died(ZipSource *s)
{
    s->ended = true;
    int signal = parser_bury(s);
    Error *err = zip_bad(s->arena, S("reading it brought its reader down."));
    return error_cause(s->arena, err, "signal %d", signal);
}

/* Waits until there is something to read; whoever watches may end it meanwhile. A
 * parser that is silent is ended, and one that gives a little now and then too. */
static Error *readable(ZipSource *s)
{
    uint64_t began = clock_mono_ns(), before = s->waited_ns;
    for (uint64_t silent = 0; silent < ZIP_SILENCE_NS && s->waited_ns < s->patience_ns;) {
        struct pollfd ready = {.fd = s->pipe, .events = POLLIN};
        int n = poll(&ready, 1, LOOK_MS);
        silent = clock_mono_ns() - began;
        s->waited_ns = before + silent;
        if (n > 0) return NULL;
        if (n < 0 && errno != EINTR) return error_errno(s->arena, errno, "poll", S("zip"));
        if (s->watch && !s->watch->more(s->watch->arg, 0))
            return error_cause(s->arena, error_status(s->arena, 503), "stopped from outside");
    }
    zip_source_end(s);
    return zip_bad(s->arena, S("reading it takes too long."));
}

static Error *take(ZipSource *s, void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        Error *err = readable(s);
        if (err) return err;
        ssize_t n = read(s->pipe, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_errno(s->arena, errno, "read", S("zip"));
        if (n == 0) return died(s);
        at += n;
        len -= (size_t)n;
    }
    return NULL;
}

/* Its words may quote the zip: printable ASCII of them. */
static Str printable(Arena *a, Str text)
{
    Str copy = arena_copy(a, str_sub(text, 0, 300));
    char *bytes = arena_cstr(a, copy);
    for (size_t i = 0; i < copy.len; i++)
        if (bytes[i] < ' ' || bytes[i] > '~') bytes[i] = '?';
    return str_make(bytes, copy.len);
}

Error *zip_source_next(ZipSource *s, ZipItem *out)
{
    ZipRecord record;
    assert(s->pipe >= 0);
    Error *err = take(s, &record, sizeof(record));
    if (err) return err;
    if (record.kind >= ZIP_KINDS || record.len > ZIP_PIECE_MAX) {
        zip_source_end(s);
        return zip_bad(s->arena, S("its reader talks nonsense."));
    }
    err = take(s, s->piece, record.len);
    if (err) return err;
    Str bytes = str_make(s->piece, record.len);
    if (record.kind == ZIP_FAILED) return zip_bad(s->arena, printable(s->arena, bytes));
    if (record.kind == ZIP_UNABLE)
        return error_cause(s->arena, error_status(s->arena, 503), "no process to read a zip: %.*s",
                           STR_ARG(printable(s->arena, bytes)));
    *out = (ZipItem){
        .kind = (ZipKind)record.kind, .flags = record.flags, .size = record.size, .bytes = bytes};
    return NULL;
}
