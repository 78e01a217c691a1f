#include "testing.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BYTES = 1 << 20, LIMIT = 100000 };

static char bytes[BYTES];

static void *read_all(void *arg)
{
    static char got[BYTES];
    size_t len = 0;
    for (ssize_t n; (n = read(*(int *)arg, got + len, 1000)) > 0;)
        len += (size_t)n;
    return len == BYTES && memcmp(got, bytes, BYTES) == 0 ? got : NULL;
}

static void all_of_it_arrives(void **state)
{
    (void)state;
    int ends[2];
    pthread_t thread;
    void *whole;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_all, &ends[0]), 0);
    check_bool("written", fd_write_all(ends[1], bytes, BYTES), true);
    check_bool("nothing", fd_write_all(ends[1], NULL, 0), true);
    (void)close(ends[1]);
    assert_int_equal(pthread_join(thread, &whole), 0);
    assert_non_null(whole);
    (void)close(ends[0]);
}

/* The kernel takes a part, and that part is no success. */
static void no_room_for_all_is_an_error(void **state)
{
    (void)state;
    struct rlimit before, limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){LIMIT, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool written = fd_write_all(fd, bytes, BYTES);
    int why = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    check_bool("written", written, false);
    check_int("why", why, EFBIG);
    check_int("a beginning", lseek(fd, 0, SEEK_END), LIMIT);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_arrives),
        cmocka_unit_test(no_room_for_all_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
