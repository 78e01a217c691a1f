/* test_confine.c - a confined child tries what an attacker inside it would try. */
#include "testing.h"

#include "images/images_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each gives 0 when it got through, else errno. Raw calls: no libc in between. */
static int ask(long result)
{
    return result >= 0 ? 0 : errno;
}

static int do_open(void)
{
    return ask(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0));
}

static int do_create(void)
{
    return ask(syscall(SYS_openat, AT_FDCWD, "/tmp/croft-escaped", O_CREAT | O_WRONLY, 0600));
}

static int do_openat2(void)
{
    uint64_t how[3] = {0};
    return ask(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how)));
}

static int do_stat(void)
{
    struct stat st;
    return ask(syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, 0));
}

static int do_unlink(void)
{
    return ask(syscall(SYS_unlinkat, AT_FDCWD, "/tmp/croft-nothing", 0));
}

static int do_read(void)
{
    char byte;
    return ask(syscall(SYS_read, 0, &byte, 1));
}

static int do_socket(void)
{
    return ask(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
}

static int do_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 80};
    return ask(syscall(SYS_connect, 0, &to, sizeof(to)));
}

static int do_fork(void)
{
    return ask(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int do_clone3(void)
{
    uint64_t args[11] = {0};
    return ask(syscall(SYS_clone3, args, sizeof(args)));
}

static int do_exec(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    return ask(syscall(SYS_execve, "/bin/true", argv, NULL));
}

static int do_kill(void)
{
    return ask(syscall(SYS_kill, getppid(), 0));
}

static int do_ptrace(void)
{
    return ask(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static int do_chroot(void)
{
    return ask(syscall(SYS_chroot, "/"));
}

static int do_io_uring(void)
{
    char params[256] = {0};
    return ask(syscall(SYS_io_uring_setup, 1, params));
}

static int do_code(void)
{
    return ask(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int do_memory(void)
{
    size_t much = (size_t)IMAGE_MEMORY_MAX_BYTES * 5;
    return ask(
        syscall(SYS_mmap, NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int do_limits(void)
{
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    return ask(syscall(SYS_prlimit64, 0, RLIMIT_AS, &more, NULL));
}

static int do_ordinary(void)
{
    void *bytes = malloc(1 << 20);
    free(bytes);
    return bytes ? 0 : ENOMEM;
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int error;  /* what it is told; 0 = it goes through */
    int signal; /* or what it dies of */
} ATTEMPTS[] = {
    {"allocate", do_ordinary, 0, 0},
    {"open a file", do_open, EACCES, 0},
    {"create a file", do_create, EACCES, 0},
    {"open a file, newer call", do_openat2, 0, SIGSYS},
    {"look at a file", do_stat, EACCES, 0},
    {"remove a file", do_unlink, 0, SIGSYS},
    {"read standard input", do_read, 0, SIGSYS},
    {"make a socket", do_socket, 0, SIGSYS},
    {"connect", do_connect, 0, SIGSYS},
    {"fork", do_fork, EPERM, 0},
    {"fork, newer call", do_clone3, ENOSYS, 0},
    {"start a program", do_exec, 0, SIGSYS},
    {"signal its parent", do_kill, 0, SIGSYS},
    {"trace", do_ptrace, 0, SIGSYS},
    {"change the root", do_chroot, 0, SIGSYS},
    {"ask around the list", do_io_uring, 0, SIGSYS},
    {"map code it wrote", do_code, EPERM, 0},
    {"take a lot of memory", do_memory, ENOMEM, 0},
    {"lift its own limits", do_limits, 0, SIGSYS},
};

static void cannot_get_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ATTEMPTS); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            const char *failed = image_child_confine();
            _exit(failed ? 200 : ATTEMPTS[i].attempt());
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        check_int(ATTEMPTS[i].name, WIFSIGNALED(status) ? WTERMSIG(status) : 0, ATTEMPTS[i].signal);
        if (!ATTEMPTS[i].signal)
            check_int(ATTEMPTS[i].name, WEXITSTATUS(status), ATTEMPTS[i].error);
    }
}

static void spends_no_more_time_than_it_may(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        if (image_child_confine()) _exit(1);
        for (volatile uint64_t i = 0;; i++) {
        }
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cannot_get_out),
        cmocka_unit_test(spends_no_more_time_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
