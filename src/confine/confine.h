/* confine.h - making a process that reads hostile bytes harmless.
 *
 * Parsers have a history. So what strangers' bytes are read with runs in a fork
 * that has what it needs as descriptors, and gives up everything else for good:
 *
 *     pid = fork();
 *     if (pid == 0) {
 *         ... close every descriptor but the input and the output ...
 *         if (!confine_shared_memory_drop() || !confine_capabilities_drop()) _exit(1);
 *         const char *failed = confine_process(&(ConfineLimits){.memory_bytes = 256 << 20,
 *                                                               .cpu_s = 6});
 *         if (!failed) parse();
 *         _exit(0);
 *     }
 *
 * From then on: no file, no socket, no process, no executable memory; write() to
 * what is open, memory, threads, time. Any other system call kills it. Whoever
 * reads what it writes believes nothing of it, and ends it when it takes too long.
 */
#ifndef CROFT_CONFINE_H
#define CROFT_CONFINE_H

#include "base/base.h"

typedef struct {
    uint64_t memory_bytes; /* resident, with what it has already */
    uint64_t cpu_s;
    uint64_t file_bytes; /* the longest file it may write; pipes do not count */
    bool reads;          /* pread() of what is open */
} ConfineLimits;

/* Of a fork of a process that has more than one use: what it could write to in its
 * parent's memory (an open database's index) is taken out of its reach. */
MUST_CHECK bool confine_shared_memory_drop(void);
MUST_CHECK bool confine_capabilities_drop(void);

/* Limits of memory, time and files; no new privileges; Landlock where the kernel
 * has it; then the list of system calls. NULL, or the step that failed. */
MUST_CHECK const char *confine_process(const ConfineLimits *limits);

#endif
