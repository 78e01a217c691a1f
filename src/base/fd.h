/* fd.h - bytes to a descriptor, all of them or an error. */
#ifndef CROFT_FD_H
#define CROFT_FD_H

#include <stdbool.h>
#include <stddef.h>

/* Goes on after a signal and after a part: write(2) may take less without any
 * error (the last room on a disk, a file's limit), and says why only when it is
 * asked again. False and errno; then some beginning may be written. For blocking
 * descriptors. */
bool fd_write_all(int fd, const void *bytes, size_t len);

#endif
