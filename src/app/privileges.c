/* privileges.c - user, capabilities and limits of the worker.
 *
 * Without --user a server started by root stays root, as containers often do,
 * but keeps only the capabilities that concern files: it could not load a
 * module, trace a process or open a raw socket if it tried. */
#include "app/privileges.h"

#include "base/log.h"
#include "base/sanitized.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX (1u << 20) /* some systems say "a billion"; tables are sized by it */

Error *run_as_find(Arena *a, Str user, RunAs *out)
{
    *out = (RunAs){0};
    if (user.len == 0) return NULL;
    errno = 0;
    const struct passwd *entry = getpwnam(arena_cstr(a, user));
    if (!entry)
        return error_new(a, 400,
                         str_printf(a, "--user: there is no user \"%.*s\".", STR_ARG(user)));
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    out->change = geteuid() == 0;
    if (!out->change && geteuid() != entry->pw_uid)
        return error_new(a, 400, S("--user works only when started by root."));
    return NULL;
}

/* A folder that only its owner can enter, who is somebody else: as a command of
 * root's leaves it that made it. */
static Error *dir_check(Arena *a, const RunAs *as, const char *path)
{
    struct stat st;
    bool closed = as->change && stat(path, &st) == 0 && st.st_uid != as->uid && !(st.st_mode & 077);
    if (!closed) return NULL;
    return error_new(a, 400,
                     str_printf(a,
                                "The folder %s is not that of the user who is to serve it; "
                                "give it away: chown -R %u:%u %s",
                                path, as->uid, as->gid, path));
}

Error *run_as_make_dir(Arena *a, const RunAs *as, Str dir)
{
    const char *path = arena_cstr(a, dir);
    if (mkdir(path, 0700) != 0) {
        if (errno == EEXIST) return dir_check(a, as, path);
        return error_errno(a, errno, "mkdir", dir);
    }
    if (as->change && chown(path, as->uid, as->gid) != 0)
        return error_errno(a, errno, "chown", dir);
    return NULL;
}

/* libc has no wrapper for capset, and libcap would be a library for one call. */
static int capabilities_keep(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep, .permitted = (uint32_t)keep, .inheritable = 0},
        {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

static uint64_t capabilities_now(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) != 0) return 0;
    return data[0].permitted | ((uint64_t)data[1].permitted << 32);
}

static void bounding_set_empty(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* EPERM without CAP_SETPCAP: nothing to drop */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static Error *user_change(Arena *a, const RunAs *as)
{
    gid_t gid = as->gid;
    if (setgroups(1, &gid) != 0) return error_errno(a, errno, "setgroups", S(""));
    if (setresgid(as->gid, as->gid, as->gid) != 0) return error_errno(a, errno, "setresgid", S(""));
    if (setresuid(as->uid, as->uid, as->uid) != 0) return error_errno(a, errno, "setresuid", S(""));
    if (as->uid != 0 && setresuid(0, 0, 0) == 0)
        return error_new(a, 500, S("The user was changed, but root could be had back."));
    return NULL;
}

static void limits_set(void)
{
    struct rlimit core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &core); /* lowering cannot fail in a way that matters */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = MIN(files.rlim_max, (rlim_t)FILES_MAX);
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

Error *privileges_drop(Arena *a, const RunAs *as)
{
    limits_set();
    umask(077);
    bool root = geteuid() == 0;
    bounding_set_empty();
    if (as->change) {
        Error *err = user_change(a, as);
        if (err) return err;
    }
    uint64_t keep = 0;
    if (root && !as->change) {
        keep = (UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH |
                UINT64_C(1) << CAP_FOWNER) &
               capabilities_now();
        log_warn("worker", "serving as root; --user NAME gives it up after binding");
    }
    if (capabilities_keep(keep) != 0) return error_errno(a, errno, "capset", S(""));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_errno(a, errno, "prctl(NO_NEW_PRIVS)", S(""));
#ifndef SANITIZED /* the leak checker traces its own process */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_errno(a, errno, "prctl(DUMPABLE)", S(""));
#endif
    return NULL;
}

void privileges_follow_owner(Arena *a, Str dir)
{
    umask(077);
    struct stat st;
    if (geteuid() != 0 || stat(arena_cstr(a, dir), &st) != 0 || st.st_uid == 0) return;
    RunAs owner = {.change = true, .uid = st.st_uid, .gid = st.st_gid};
    Error *err = user_change(a, &owner);
    if (err) log_warn("command", "working as root on somebody else's folder", LOG_STR("dir", dir));
}
