/* confine.c - what a keeper and its children may still do.
 *
 *     keeper   an unprivileged user, no capabilities, no new ones, nothing but its line
 *     child    besides: 256 MiB, 6 s of CPU, 16 MiB of output, and what confine.h says
 */
#include "confine/confine.h"
#include "images/images_internal.h"

#include "base/sanitized.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY    65534
#define CPU_MAX_S (IMAGE_TIME_MAX_MS / 1000 + 1)

/* ---- the keeper ---- */

static bool user_become(unsigned uid, unsigned gid)
{
    if (uid == 0 || setgroups(0, NULL) != 0) return false;
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return false;
    return setresuid(0, 0, 0) != 0; /* if root can be had back, it was not given up */
}

/* While there still is the capability that this takes. */
static void bounding_set_empty(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* EPERM: there is none to drop */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* Leaves 0, 1, 2 and the line. */
static bool descriptors_close(int line)
{
    unsigned fd = (unsigned)line;
    assert(fd > 2);
    if (fd > 3 && close_range(3, fd - 1, 0) != 0) return false;
    return close_range(fd + 1, ~0u, 0) == 0;
}

bool image_keeper_confine(const ImageKeeper *keeper)
{
    umask(077);
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering cannot fail in a way that matters */
    (void)clearenv();                    /* nothing in it shall steer a library */
    if (chdir("/") != 0 || !descriptors_close(keeper->fd)) return false;
    bounding_set_empty();
    /* Neither can be had in a container that maps few users: then without capabilities. */
    if (geteuid() == 0 && !user_become(NOBODY, NOBODY)) (void)user_become(keeper->uid, keeper->gid);
    if (!confine_capabilities_drop()) return false;
#ifndef SANITIZED /* the leak checker traces its own process */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return false;
#endif
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

const char *image_child_confine(void)
{
    const ConfineLimits limits = {.memory_bytes = IMAGE_MEMORY_MAX_BYTES,
                                  .cpu_s = CPU_MAX_S,
                                  .file_bytes = IMAGE_OUTPUT_MAX_BYTES};
    return confine_process(&limits);
}
