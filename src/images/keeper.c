/* keeper.c - forks a child for every job, watches over it, tells what became of it.
 *
 * A child is a fork of the keeper with libvips loaded already: it costs a
 * millisecond, starts clean whatever the last picture did to its own, and leaves
 * nothing behind. The keeper itself has one thread and never looks at a picture. */
#include "images/images_internal.h"

#include "base/clock.h"
#include "base/sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    ImageRequest request;
    int input, output;
} KeeperJob;

Error *image_channel_open(Arena *a, ImageChannel *out)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_errno(a, errno, "socketpair", S("images"));
    *out = (ImageChannel){.worker = pair[0], .keeper = pair[1]};
    return NULL;
}

void image_channel_close(ImageChannel *channel)
{
    close(channel->worker);
    close(channel->keeper);
    *channel = (ImageChannel){-1, -1};
}

void image_channel_tell_death(const ImageChannel *channel)
{
    ImageAnswer answer;
    image_answer_make(&answer, 0, IMAGE_CRASHED, "the process died");
    /* A full line holds answers enough. */
    (void)send(channel->keeper, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- the child ---- */

static NORETURN void child_end(int line, const ImageAnswer *answer)
{
    (void)!write(line, answer, sizeof(*answer)); /* nobody is left to be told */
    _exit(0);
}

static NORETURN void child_fail(int line, ImageStatus status, const char *text)
{
    ImageAnswer answer;
    image_answer_make(&answer, 0, status, text);
    child_end(line, &answer);
}

/* What libraries say about a picture is not for our log as it stands. */
static void output_silence(void)
{
#ifndef SANITIZED /* what a sanitizer says is for us */
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && nowhere >= 0; fd++)
        (void)dup2(nowhere, fd);
    if (nowhere > 2) close(nowhere);
#endif
}

static NORETURN void child_run(const KeeperJob *job, int keeper_line, int line, pid_t keeper)
{
    (void)prctl(PR_SET_NAME, "croft-image");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) _exit(1);
    close(keeper_line);
    output_silence();

    struct stat st;
    if (fstat(job->input, &st) != 0 || !S_ISREG(st.st_mode))
        child_fail(line, IMAGE_REFUSED, "not a file");
    if (st.st_size <= 0 || st.st_size > (off_t)IMAGE_INPUT_MAX_BYTES)
        child_fail(line, IMAGE_REFUSED, st.st_size ? "the file is too large" : "the file is empty");
    size_t len = (size_t)st.st_size;
    const void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, job->input, 0);
    if (bytes == MAP_FAILED) child_fail(line, IMAGE_REFUSED, "the file cannot be mapped");
    close(job->input);

    const char *step = image_child_confine();
    if (step) {
        char text[IMAGE_TEXT_MAX];
        (void)snprintf(text, sizeof(text), "cannot confine the process: %s", step);
        child_fail(line, IMAGE_UNAVAILABLE, text);
    }
    ImageAnswer answer;
    image_answer_make(&answer, 0, IMAGE_DONE, "");
    const char *failed = decoder_run(&job->request, bytes, len, job->output, &answer.size_bytes);
    if (failed) child_fail(line, IMAGE_REFUSED, failed);
    child_end(line, &answer);
}

/* ---- the keeper ---- */

/* Waits for the child's one message. */
static bool child_listen(int line, ImageAnswer *answer)
{
    uint64_t end_ms = clock_mono_ms() + IMAGE_TIME_MAX_MS;
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        struct pollfd ready = {.fd = line, .events = POLLIN};
        int n = now_ms >= end_ms ? 0 : poll(&ready, 1, (int)(end_ms - now_ms));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            image_answer_make(answer, 0, IMAGE_OVERRAN, "it took too long");
            return true;
        }
        ImageAnswer raw;
        ptrdiff_t got = image_receive(line, &raw, sizeof(raw), NULL, 0, true);
        if (got == 0) return false; /* it died */
        if (got < 0 || !image_answer_read(&raw, (size_t)got, answer))
            image_answer_make(answer, 0, IMAGE_CRASHED, "the decoder answered rubbish");
        return true;
    }
}

static uint32_t clamped(uint64_t value)
{
    return (uint32_t)MIN(value, UINT32_MAX);
}

/* Ends the child, also one that only hung up; says what it cost and, if it never
 * answered, what it died of (a signal comes too late for one that is ending). */
static void child_bury(pid_t pid, bool answered, ImageAnswer *answer)
{
    (void)kill(pid, SIGKILL);
    int status = 0;
    struct rusage used = {0};
    while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR)
        continue;
    if (!answered) {
        char text[64];
        (void)snprintf(text, sizeof(text), "the decoder died, signal %d",
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        image_answer_make(answer, 0, IMAGE_CRASHED, text);
    }
    uint64_t seconds = (uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec;
    uint64_t micros = (uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec;
    answer->cpu_us = clamped(seconds * 1000000 + micros);
    answer->peak_kib = clamped((uint64_t)used.ru_maxrss);
}

static void job_run(int keeper_line, const KeeperJob *job, ImageAnswer *answer)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        image_answer_make(answer, 0, IMAGE_UNAVAILABLE, "cannot make a socket");
        return;
    }
    pid_t keeper = getpid(), pid = fork();
    if (pid == 0) {
        close(pair[0]);
        child_run(job, keeper_line, pair[1], keeper);
    }
    close(pair[1]);
    if (pid < 0) {
        image_answer_make(answer, 0, IMAGE_UNAVAILABLE, "cannot fork");
    } else {
        bool answered = child_listen(pair[0], answer);
        child_bury(pid, answered, answer);
    }
    close(pair[0]);
}

/* Nobody's handlers, nothing blocked; Ctrl-C and the terminal's end are the
 * supervisor's business. */
static void signals_prepare(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* two of them refuse */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* True when a message is there; false after idle_ms without one. */
static bool job_wait(int line, int idle_ms)
{
    struct pollfd ready = {.fd = line, .events = POLLIN};
    int n;
    do
        n = poll(&ready, 1, idle_ms);
    while (n < 0 && errno == EINTR);
    return n != 0;
}

static NORETURN void serve(const ImageKeeper *keeper)
{
    bool tried = false;
    const char *why_not = NULL;
    for (;;) {
        if (!job_wait(keeper->fd, tried ? (int)keeper->idle_ms : -1)) _exit(0);
        char bytes[sizeof(ImageRequest)];
        int fds[2];
        ptrdiff_t n = image_receive(keeper->fd, bytes, sizeof(bytes), fds, 2, true);
        if (n < 0 && errno == EBADMSG) continue;
        if (n <= 0) _exit(0); /* nobody is left on the other end */

        KeeperJob job = {.input = fds[0], .output = fds[1]};
        if (image_request_read(bytes, (size_t)n, &job.request)) {
            if (!tried) why_not = decoder_load();
            tried = true;
            ImageAnswer answer;
            if (why_not)
                image_answer_make(&answer, 0, IMAGE_UNAVAILABLE, why_not);
            else
                job_run(keeper->fd, &job, &answer);
            answer.id = job.request.id;
            (void)image_send(keeper->fd, &answer, sizeof(answer), NULL, 0);
        }
        close(fds[0]);
        close(fds[1]);
    }
}

void image_keeper_run(const ImageKeeper *keeper)
{
    pid_t parent = getppid();
    (void)prctl(PR_SET_NAME, "croft-images");
    signals_prepare();
    if (!image_keeper_confine(keeper)) _exit(1);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user has forgotten it */
    if (getppid() != parent) _exit(1);
    serve(keeper);
}
