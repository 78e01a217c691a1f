/* sendmail.c - handing one message to the machine's own mail program.
 *
 * The only place where the server starts another program, and only when the
 * owner has not set up SMTP. No shell, no words of ours on its command line but
 * "-i -t", an absolute path, no open files but its three, and killed when it
 * overruns. The message waits in a memory file, so there is no pipe to stall on.
 */
#include "outgoing/outgoing_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define STEP_MS    10
#define PATH_BYTES 4096

typedef struct {
    Outgoing *o;
    const char *program;
    Str message;
    uint32_t timeout_ms;
    enum { SENDMAIL_OK, SENDMAIL_SYSTEM, SENDMAIL_EXIT, SENDMAIL_SLOW, SENDMAIL_STOPPED } end;
    int errno_value; /* SYSTEM */
    int wait_status; /* EXIT */
    char said[REPLY_BYTES_MAX];
    size_t said_len;
} Run;

/* ---- finding it ---- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

static const char *find_program(Arena *a)
{
    static const char *const USUAL[] = {"/usr/sbin/sendmail", "/usr/bin/sendmail"};
    for (size_t i = 0; i < COUNT(USUAL); i++) {
        if (is_program(USUAL[i])) return USUAL[i];
    }
    const char *path = getenv("PATH");
    Str rest = str_from(path ? path : "");
    if (rest.len > PATH_BYTES) return NULL;
    while (rest.ptr) {
        Str folder = str_split(&rest, ':');
        if (!str_starts(folder, S("/"))) continue; /* never from wherever we happen to be */
        const char *candidate = arena_cstr(a, str_concat(a, folder, S("/sendmail")));
        if (is_program(candidate)) return candidate;
    }
    return NULL;
}

/* ---- running it ---- */

static int memory_file(Str content)
{
    int fd = memfd_create("mail", MFD_CLOEXEC);
    if (fd < 0) return -1;
    while (content.len) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            close(fd);
            return -1;
        }
        content = str_from_pos(content, (size_t)n);
    }
    (void)lseek(fd, 0, SEEK_SET); /* a memory file can */
    return fd;
}

static int start(const char *program, int in, int said, pid_t *pid)
{
    char name[] = "sendmail", ignore_dots[] = "-i", read_headers[] = "-t";
    char *const arguments[] = {name, ignore_dots, read_headers, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGHUP);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, said, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &usual);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(pid, program, &files, &how, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return failed;
}

static void wait_for(Run *r, pid_t pid)
{
    uint64_t until = clock_mono_ms() + r->timeout_ms;
    for (;;) {
        pid_t ended = waitpid(pid, &r->wait_status, WNOHANG);
        if (ended == pid) {
            r->end = r->wait_status == 0 ? SENDMAIL_OK : SENDMAIL_EXIT;
            return;
        }
        if (ended < 0 && errno != EINTR) {
            r->end = SENDMAIL_SYSTEM;
            r->errno_value = errno;
            return;
        }
        bool stopping = atomic_load(&r->o->stopping);
        if (stopping || clock_mono_ms() >= until) {
            r->end = stopping ? SENDMAIL_STOPPED : SENDMAIL_SLOW;
            kill(pid, SIGKILL);
            while (waitpid(pid, &r->wait_status, 0) < 0 && errno == EINTR) {
            }
            return;
        }
        await_sleep(STEP_MS);
    }
}

static void run(void *arg)
{
    Run *r = arg;
    int in = memory_file(r->message);
    int said = memory_file(S(""));
    pid_t pid = 0;
    r->errno_value = in < 0 || said < 0 ? errno : start(r->program, in, said, &pid);
    r->end = SENDMAIL_SYSTEM;
    if (r->errno_value == 0) {
        wait_for(r, pid);
        ssize_t n = pread(said, r->said, sizeof(r->said), 0);
        r->said_len = n > 0 ? (size_t)n : 0;
    }
    if (in >= 0) close(in);
    if (said >= 0) close(said);
}

static Error *run_error(const Run *r, Arena *a)
{
    Str message = S("The mail could not be sent.");
    Str said = str_trim(str_make(r->said, r->said_len));
    switch (r->end) {
    case SENDMAIL_OK:
        return NULL;
    case SENDMAIL_STOPPED:
        return outgoing_stopped(a);
    case SENDMAIL_SLOW:
        return outgoing_error(a, 504, "sendmail_failed", message,
                              str_printf(a, "%s did not end in time", r->program));
    case SENDMAIL_SYSTEM:
        return outgoing_error(a, 502, "sendmail_failed", message,
                              str_printf(a, "%s: %s", r->program, strerror(r->errno_value)));
    case SENDMAIL_EXIT:
        break;
    }
    int code = WIFEXITED(r->wait_status) ? WEXITSTATUS(r->wait_status) : -1;
    return outgoing_error(
        a, 502, "sendmail_failed", message,
        str_printf(a, "%s ended with %d (%.*s)", r->program, code, STR_ARG(said)));
}

Error *sendmail_send(Outgoing *o, Arena *a, Str message, uint32_t timeout_ms)
{
    const char *program = find_program(a);
    if (!program)
        return outgoing_error(a, 502, "sendmail_missing", S("The mail could not be sent."),
                              S("no sendmail program on this machine, and SMTP is not set up"));
    Run *r = arena_new(a, Run, 1);
    *r = (Run){.o = o, .program = program, .message = message};
    r->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
    Error *err = outgoing_run(o, a, run, r);
    return err ? err : run_error(r, a);
}
