/* beneath.h - opening files below a folder, and never outside of it.
 *
 * The kernel does the work (openat2 with RESOLVE_BENEATH, Linux 5.6): no
 * "..", no absolute path, no symbolic link and no mount leads out. Where the
 * call is missing or forbidden, the path is walked folder by folder without
 * following any link, which is stricter.
 *
 *     int fd = beneath_open(root_fd, "css/site.css", O_RDONLY, 0);
 */
#ifndef CROFT_BENEATH_H
#define CROFT_BENEATH_H

/* No symbolic link anywhere, also not one that stays inside. */
#define BENEATH_NO_LINKS 1u
/* Fails with EAGAIN instead of waiting for the disk. The folder cache knows
 * the path, or somebody who may wait has to ask. */
#define BENEATH_CACHED 2u

/* Opens `path`, relative, without empty, "." or ".." segments, below the open
 * folder `root_fd`; O_CLOEXEC is added to `flags`. Returns the descriptor, or
 * -1 and errno: EXDEV or ELOOP when the path would lead out, EINVAL for a path
 * that is not of this form. */
int beneath_open(int root_fd, const char *path, int flags, unsigned options);

#endif
