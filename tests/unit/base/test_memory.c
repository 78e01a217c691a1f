/* test_memory.c - what control groups leave of the machine's memory. */
#include "testing.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MACHINE = 8000 };

static const struct {
    const char *name;
    const char *cgroup; /* /proc/self/cgroup; NULL = there is none */
    struct {
        const char *path, *text;
    } files[3]; /* below /sys/fs/cgroup/ */
    uint64_t bytes;
} CASES[] = {
    {"no control groups", NULL, {{0}}, MACHINE},
    {"v2, no limit", "0::/a/b\n", {{"a/b/memory.max", "max\n"}}, MACHINE},
    {"v2, its own", "0::/a/b\n", {{"a/b/memory.max", "500\n"}, {"a/memory.max", "max\n"}}, 500},
    {"v2, one above", "0::/a/b\n", {{"a/b/memory.max", "500\n"}, {"a/memory.max", "400\n"}}, 400},
    {"v2, the top, as in a container", "0::/../../x\n", {{"memory.max", "300\n"}}, 300},
    {"v2, the root", "0::/\n", {{"memory.max", "200\n"}}, 200},
    {"v1",
     "5:cpu,cpuacct:/\n4:memory:/a\n0::/\n",
     {{"memory/a/memory.limit_in_bytes", "600\n"}},
     600},
    {"v1, as in a container",
     "4:memory:/docker/5bdb\n",
     {{"memory/memory.limit_in_bytes", "700\n"}},
     700},
    {"v1, no limit",
     "4:memory:/a\n",
     {{"memory/a/memory.limit_in_bytes", "9223372036854771712\n"}},
     MACHINE},
    {"of another controller", "4:cpu:/a\n", {{"memory/a/memory.limit_in_bytes", "600\n"}}, MACHINE},
    {"nonsense", "4\n\n:::\n0::/a\n", {{"a/memory.max", "-5"}, {"memory.max", ""}}, MACHINE},
    {"zero is no limit", "0::/a\n", {{"a/memory.max", "0\n"}}, MACHINE},
};

/* Writes a file and the folders on the way to it. */
static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    int len = snprintf(full, sizeof(full), "%s/%s", root, path);
    assert_true(len > 0 && (size_t)len < sizeof(full));
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        (void)mkdir(full, 0700);
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void the_least_limit_counts(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char root[] = "/tmp/croft-memory-XXXXXX";
        assert_non_null(mkdtemp(root));
        if (CASES[i].cgroup) put(root, "proc/self/cgroup", CASES[i].cgroup);
        for (size_t f = 0; f < COUNT(CASES[i].files) && CASES[i].files[f].path; f++)
            put(root, arena_cstr(a, str_printf(a, "sys/fs/cgroup/%s", CASES[i].files[f].path)),
                CASES[i].files[f].text);
        check_int(CASES[i].name, memory_available_at(root, MACHINE), CASES[i].bytes);
        assert_int_equal(remove_temporary(root), 0);
    }
}

static void this_machine_has_some(void **state)
{
    (void)state;
    assert_true(memory_available() > 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(the_least_limit_counts),
        cmocka_unit_test(this_machine_has_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
