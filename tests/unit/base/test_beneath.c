/* test_beneath.c - opening below a folder, by the kernel's call and by the walk
 * that stands in for it where openat2() is forbidden. */
#include "testing.h"

#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char outside[] = "/tmp/croft-beneath-XXXXXX";

static const struct {
    const char *path;
    unsigned options;
    int error;      /* with openat2(); 0 = opened */
    int error_walk; /* without: links are never followed */
} CASES[] = {
    {"file", 0, 0, 0},
    {"dir/file", 0, 0, 0},
    {"dir/sub/file", BENEATH_NO_LINKS, 0, 0},
    {"none", 0, ENOENT, ENOENT},
    {"dir/none", 0, ENOENT, ENOENT},
    {"none/file", 0, ENOENT, ENOENT},
    {"file/x", 0, ENOTDIR, ENOTDIR},
    {"out", 0, EXDEV, ELOOP},
    {"up/secret", 0, EXDEV, ENOTDIR},
    {"root/etc/passwd", 0, EXDEV, ENOTDIR},
    {"dir/up/secret", 0, EXDEV, ENOTDIR},
    {"loop", 0, ELOOP, ELOOP},
    {"inside", 0, 0, ELOOP},
    {"inside", BENEATH_NO_LINKS, ELOOP, ELOOP},
    {"linkdir/file", 0, 0, ENOTDIR},
    {"linkdir/file", BENEATH_NO_LINKS, ELOOP, ENOTDIR},
    {"", 0, EINVAL, EINVAL},
    {".", 0, EINVAL, EINVAL},
    {"..", 0, EINVAL, EINVAL},
    {"../secret", 0, EINVAL, EINVAL},
    {"dir/../file", 0, EINVAL, EINVAL},
    {"dir/./file", 0, EINVAL, EINVAL},
    {"dir//file", 0, EINVAL, EINVAL},
    {"dir/", 0, EINVAL, EINVAL},
    {"/file", 0, EINVAL, EINVAL},
    {"/etc/passwd", 0, EINVAL, EINVAL},
};

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int make_tree(void **state)
{
    (void)state;
    static const char *const LINKS[][2] = {
        {"../secret", "out"}, {"..", "up"},       {"/", "root"},      {"../..", "dir/up"},
        {"loop", "loop"},     {"file", "inside"}, {"dir", "linkdir"},
    };
    if (!mkdtemp(outside) || chdir(outside) != 0) return -1;
    make_file("secret");
    if (mkdir("root", 0700) || chdir("root") || mkdir("dir", 0700) || mkdir("dir/sub", 0700)) {
        return -1;
    }
    make_file("file");
    make_file("dir/file");
    make_file("dir/sub/file");
    for (size_t i = 0; i < COUNT(LINKS); i++) {
        if (symlink(LINKS[i][0], LINKS[i][1]) != 0) return -1;
    }
    return 0;
}

static int leave_outside(void **state)
{
    (void)state;
    return chdir("/") || remove_temporary(outside);
}

/* The first case that went wrong, or -1. */
static int first_wrong(bool by_walking)
{
    int root = open(".", O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int fd = beneath_open(root, CASES[i].path, O_RDONLY, CASES[i].options);
        int error = fd < 0 ? errno : 0;
        if (fd >= 0) close(fd);
        if (error != (by_walking ? CASES[i].error_walk : CASES[i].error)) return (int)i;
    }
    close(root);
    return -1;
}

static void opens_only_what_is_below(void **state)
{
    (void)state;
    int wrong = first_wrong(false);
    if (wrong >= 0) fail_msg("%s", CASES[wrong].path);
}

/* Makes openat2() unknown to this process, as an old kernel or a strict
 * container does. */
static bool forbid_openat2(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(filter), .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void walks_where_the_call_is_missing(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) _exit(forbid_openat2() ? first_wrong(true) + 1 : 200);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 200) skip(); /* no seccomp here */
    if (WEXITSTATUS(status) > 0) fail_msg("%s", CASES[WEXITSTATUS(status) - 1].path);
}

static void what_is_cached_opens_without_the_disk(void **state)
{
    (void)state;
    int root = open(".", O_RDONLY | O_DIRECTORY);
    int fd = beneath_open(root, "dir/file", O_RDONLY, 0);
    close(fd);
    fd = beneath_open(root, "dir/file", O_RDONLY, BENEATH_CACHED);
    if (fd < 0) assert_int_equal(errno, EAGAIN); /* kernels before 5.12 always say so */
    if (fd >= 0) close(fd);
    close(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_only_what_is_below),
        cmocka_unit_test(walks_where_the_call_is_missing),
        cmocka_unit_test(what_is_cached_opens_without_the_disk),
    };
    return cmocka_run_group_tests(tests, make_tree, leave_outside);
}
