/* memory.h - how much memory this process may use.
 *
 * A container or a service manager gives a process less than the machine has,
 * through a control group (cgroups(7)). A server that sizes itself by the
 * machine is killed there as soon as clients ask for it.
 */
#ifndef CROFT_MEMORY_H
#define CROFT_MEMORY_H

#include "base/base.h"

#include <stdint.h>

/* Below this what the server takes by itself is a large part of all there is: it
 * spends memory less freely. */
#define LITTLE_MEMORY (UINT64_C(512) << 20)

/* The machine's memory, or what the control group of this process or one above
 * it leaves of that, in bytes. Read anew each time: costs some file reads. */
uint64_t memory_available(void);

/* The same below another root than "/", where /proc and /sys/fs/cgroup are
 * looked for; `machine` is what there is without any control group. */
uint64_t memory_available_at(const char *root, uint64_t machine);

#endif
