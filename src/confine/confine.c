/* confine.c - what a process that reads hostile bytes may still do: as little as
 * works.
 *
 * The list of system calls is a BPF program of our own: comparing numbers is all
 * it does, and libseccomp would be one more library in every process for it.
 *
 * Landlock repeats for files and network what the list says already; it holds
 * should a system call nobody thought of be able to open something. */
#include "confine/confine.h"

#include "base/sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX          16
#define SHARED_MAX         256
#define SANITIZER_OVERHEAD 4

/* ---- what a fork has from its parent ---- */

/* "7f5c3b2a1000-7f5c3b2a9000 rw-s 00000000 …": false at the end, or of no use. */
static bool shared_parse(Str line, uintptr_t *from, uintptr_t *to)
{
    char text[64];
    if (line.len < 30) return false;
    size_t len = MIN(line.len, sizeof(text) - 1);
    memcpy(text, line.ptr, len);
    text[len] = 0;
    char *end;
    *from = (uintptr_t)strtoull(text, &end, 16);
    if (*end != '-') return false;
    *to = (uintptr_t)strtoull(end + 1, &end, 16);
    bool is_shared = end[0] == ' ' && end[1] && end[2] && end[3] && end[4] == 's';
    return is_shared && end[2] == 'w' && *to > *from; /* libc reads a file of its own that way */
}

bool confine_shared_memory_drop(void)
{
    struct {
        uintptr_t from, to;
    } found[SHARED_MAX];
    size_t count = 0, len = 0;
    char text[4096];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n;
    while ((n = read(fd, text + len, sizeof(text) - len)) > 0) {
        Str rest = str_make(text, len + (size_t)n);
        for (ptrdiff_t at; (at = str_find_char(rest, '\n')) >= 0;
             rest = str_from_pos(rest, (size_t)at + 1)) {
            if (count < SHARED_MAX &&
                shared_parse(str_sub(rest, 0, (size_t)at), &found[count].from, &found[count].to))
                count++;
        }
        len = rest.len < sizeof(text) ? rest.len : 0; /* a line is never that long */
        memmove(text, rest.ptr, len);
    }
    close(fd);
    for (size_t i = 0; i < count; i++)
        if (munmap((void *)found[i].from, found[i].to - found[i].from) != 0) return false;
    return n == 0 && count < SHARED_MAX; /* else there may be more */
}

bool confine_capabilities_drop(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    return syscall(SYS_capset, &header, none) == 0;
}

/* ---- limits ---- */

/* Pages mapped and pages resident. */
static bool memory_now(uint64_t *mapped, uint64_t *resident)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    if (n <= 0) return false;
    Str rest = str_make(text, (size_t)n);
    return str_to_u64(str_split(&rest, ' '), mapped) && str_to_u64(str_split(&rest, ' '), resident);
}

static bool limit(int resource, uint64_t value)
{
    struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

/* Of resident memory only the mapped can be limited: what is mapped and not
 * resident now (libraries) stays out of the account. */
static bool limits_set(const ConfineLimits *l)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), mapped, resident;
    if (!memory_now(&mapped, &resident)) return false;
    uint64_t room = l->memory_bytes - MIN(l->memory_bytes / 2, resident * page);
#ifdef SANITIZED
    room *= SANITIZER_OVERHEAD;
#endif
    return limit(RLIMIT_AS, mapped * page + room) && limit(RLIMIT_CPU, l->cpu_s) &&
           limit(RLIMIT_FSIZE, l->file_bytes) && limit(RLIMIT_NOFILE, FILES_MAX) &&
           limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0);
}

/* ---- Landlock ---- */

/* linux/landlock.h as of ABI 6; the distribution's header may be older. */
typedef struct {
    uint64_t files, network, scopes;
} LandlockRules;

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif

/* True also where the kernel has none. */
static bool landlock_everything(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* which version? */);
    if (abi < 1) return true;
    LandlockRules rules = {.files = 0x1fff, .network = 0x3, .scopes = 0x3};
    if (abi >= 2) rules.files |= 1u << 13; /* refer */
    if (abi >= 3) rules.files |= 1u << 14; /* truncate */
    if (abi >= 5) rules.files |= 1u << 15; /* ioctl of devices */
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    long fd = syscall(SYS_landlock_create_ruleset, &rules, size, 0u);
    if (fd < 0) return false;
    bool ok = syscall(SYS_landlock_restrict_self, fd, 0u) == 0;
    close((int)fd);
    return ok;
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* no list: nothing is read */
#endif

#define ALLOW       SECCOMP_RET_ALLOW
#define SAY(error)  (SECCOMP_RET_ERRNO | (error))
#define ANY         (-1)
#define X32_NUMBERS 0x40000000u

/* Allowed (or answered with an error) when (argument & mask) == want; with other
 * arguments EPERM. Everything that is not listed kills the process. */
typedef struct {
    unsigned number;
    uint32_t action;
    int argument; /* or ANY */
    uint32_t mask, want;
} CallRule;

static const CallRule CALLS[] = {
    /* memory, never executable */
    {SYS_brk, ALLOW, ANY, 0, 0},
    {SYS_mmap, ALLOW, 2, PROT_EXEC, 0},
    {SYS_mprotect, ALLOW, 2, PROT_EXEC, 0},
    {SYS_munmap, ALLOW, ANY, 0, 0},
    {SYS_mremap, ALLOW, ANY, 0, 0},
    {SYS_madvise, ALLOW, ANY, 0, 0},
    /* threads of its own, no processes; clone3 hides its flags, so glibc is sent to clone */
    {SYS_futex, ALLOW, ANY, 0, 0},
    {SYS_clone, ALLOW, 0, CLONE_THREAD, CLONE_THREAD},
    {SYS_clone3, SAY(ENOSYS), ANY, 0, 0},
    {SYS_set_robust_list, ALLOW, ANY, 0, 0},
    {SYS_rseq, ALLOW, ANY, 0, 0},
    {SYS_sched_yield, ALLOW, ANY, 0, 0},
    {SYS_sched_getaffinity, ALLOW, ANY, 0, 0},
    {SYS_rt_sigprocmask, ALLOW, ANY, 0, 0},
    {SYS_rt_sigaction, ALLOW, ANY, 0, 0}, /* pthread_create */
    {SYS_rt_sigreturn, ALLOW, ANY, 0, 0},
    {SYS_sigaltstack, ALLOW, ANY, 0, 0},
    {SYS_getpid, ALLOW, ANY, 0, 0},
    {SYS_gettid, ALLOW, ANY, 0, 0},
    {SYS_prctl, ALLOW, 0, UINT32_MAX, PR_SET_NAME},
    {SYS_exit, ALLOW, ANY, 0, 0},
    {SYS_exit_group, ALLOW, ANY, 0, 0},
    /* the descriptors it has */
    {SYS_write, ALLOW, ANY, 0, 0},
    {SYS_pwrite64, ALLOW, ANY, 0, 0},
    {SYS_close, ALLOW, ANY, 0, 0},
    /* time and chance */
    {SYS_clock_gettime, ALLOW, ANY, 0, 0},
    {SYS_gettimeofday, ALLOW, ANY, 0, 0},
    {SYS_clock_nanosleep, ALLOW, ANY, 0, 0},
    {SYS_nanosleep, ALLOW, ANY, 0, 0},
    {SYS_restart_syscall, ALLOW, ANY, 0, 0},
    {SYS_getrandom, ALLOW, ANY, 0, 0},
    /* what libraries try and can do without */
    {SYS_openat, SAY(EACCES), ANY, 0, 0},
    {SYS_faccessat, SAY(EACCES), ANY, 0, 0},
    {SYS_newfstatat, SAY(EACCES), ANY, 0, 0},
    {SYS_statx, SAY(EACCES), ANY, 0, 0},
    {SYS_readlinkat, SAY(EACCES), ANY, 0, 0},
#ifdef SYS_open
    {SYS_open, SAY(EACCES), ANY, 0, 0},
    {SYS_stat, SAY(EACCES), ANY, 0, 0},
    {SYS_access, SAY(EACCES), ANY, 0, 0},
    {SYS_readlink, SAY(EACCES), ANY, 0, 0},
#endif
    {SYS_ioctl, SAY(ENOTTY), ANY, 0, 0},
    {SYS_sched_getattr, SAY(EPERM), ANY, 0, 0},
    {SYS_sched_setattr, SAY(EPERM), ANY, 0, 0},
    {SYS_sysinfo, SAY(EPERM), ANY, 0, 0},
};

static const CallRule READING = {SYS_pread64, ALLOW, ANY, 0, 0};

#define FILTER_MAX (8 + 7 * (COUNT(CALLS) + 1))

typedef struct {
    struct sock_filter lines[FILTER_MAX];
    unsigned short count;
} Filter;

static void add(Filter *f, unsigned code, uint32_t k, unsigned if_true, unsigned if_false)
{
    assert(f->count < FILTER_MAX);
    f->lines[f->count++] =
        (struct sock_filter){(uint16_t)code, (uint8_t)if_true, (uint8_t)if_false, k};
}

static void load(Filter *f, size_t offset)
{
    add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void add_rule(Filter *f, const CallRule *rule)
{
    if (rule->argument == ANY) {
        add(f, BPF_JMP | BPF_JEQ | BPF_K, rule->number, 0, 1);
        add(f, BPF_RET | BPF_K, rule->action, 0, 0);
        return;
    }
    /* The low half of the argument: the flags of these calls have no other. */
    size_t argument = offsetof(struct seccomp_data, args) + (size_t)rule->argument * 8;
    add(f, BPF_JMP | BPF_JEQ | BPF_K, rule->number, 0, 5);
    load(f, argument);
    add(f, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, rule->want, 0, 1);
    add(f, BPF_RET | BPF_K, rule->action, 0, 0);
    add(f, BPF_RET | BPF_K, SAY(EPERM), 0, 0);
}

static bool calls_limit(bool reads)
{
    Filter f = {.count = 0};
    load(&f, offsetof(struct seccomp_data, arch));
    add(&f, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    load(&f, offsetof(struct seccomp_data, nr));
    add(&f, BPF_JMP | BPF_JGE | BPF_K, X32_NUMBERS, 0, 1);
    add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    for (size_t i = 0; i < COUNT(CALLS); i++)
        add_rule(&f, &CALLS[i]);
    if (reads) add_rule(&f, &READING);
    add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);

    struct sock_fprog program = {.len = f.count, .filter = f.lines};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

const char *confine_process(const ConfineLimits *limits)
{
    if (ARCH == 0) return "no list of system calls for this processor";
    if (!limits_set(limits)) return "limits of the process";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
    if (!landlock_everything()) return "landlock";
    return calls_limit(limits->reads) ? NULL : "seccomp";
}
