/* memory.c - see memory.h. Both versions of control groups, told apart by their
 * line in /proc/self/cgroup:
 *
 *     0::/system.slice/croft.service      v2: /sys/fs/cgroup<path>/memory.max
 *     4:memory:/docker/5bdbf5             v1: /sys/fs/cgroup/memory<path>/memory.limit_in_bytes
 *
 * Every group on the way up counts. In a container the path may be that of the
 * host, with only the last part of it to be seen: what cannot be read is passed
 * over on the way to the top. */
#include "base/memory.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* One number; "max" and what is not there say nothing. */
static void take_limit(const char *path, uint64_t *least)
{
    FILE *file = fopen(path, "re");
    if (!file) return;
    char text[32] = "";
    size_t len = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    uint64_t bytes;
    if (str_to_u64(str_trim(str_make(text, len)), &bytes) && bytes > 0) *least = MIN(*least, bytes);
}

/* Looks at `group` and all above it. `group` is cut on the way. */
static void take_limits(const char *root, const char *top, const char *name, char *group,
                        uint64_t *least)
{
    for (;;) {
        char path[PATH_BYTES];
        int len = snprintf(path, sizeof(path), "%s%s%s/%s", root, top, group, name);
        if (len > 0 && (size_t)len < sizeof(path)) take_limit(path, least);
        char *slash = strrchr(group, '/');
        if (!slash) return;
        *slash = '\0';
    }
}

/* `line` is "hierarchy:controllers:path". */
static void take_line(const char *root, char *line, uint64_t *least)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return;
    *controllers++ = '\0';
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (controllers[0] == '\0')
        take_limits(root, "/sys/fs/cgroup", "memory.max", group, least);
    else if (strcmp(controllers, "memory") == 0)
        take_limits(root, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", group, least);
}

uint64_t memory_available_at(const char *root, uint64_t machine)
{
    uint64_t least = machine;
    char path[PATH_BYTES], line[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    if (len < 0 || (size_t)len >= sizeof(path)) return least;
    FILE *file = fopen(path, "re");
    if (!file) return least;
    while (fgets(line, sizeof(line), file))
        take_line(root, line, &least);
    (void)fclose(file);
    return least;
}

uint64_t memory_available(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    return memory_available_at("", machine);
}
