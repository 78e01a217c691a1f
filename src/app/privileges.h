/* privileges.h - giving up what serving requests does not need. */
#ifndef CROFT_APP_PRIVILEGES_H
#define CROFT_APP_PRIVILEGES_H

#include "base/base.h"

typedef struct {
    bool change; /* --user was given and we are root */
    unsigned uid, gid;
} RunAs;

/* Looks up --user; empty gives change = false. 400 when there is no such user,
 * or when we are not root and it is somebody else. */
MUST_CHECK Error *run_as_find(Arena *a, Str user, RunAs *out);

/* Makes the data folder (0700) for that user while we may still do so. An
 * existing folder is left as it is; 400 when that user could not enter it. */
MUST_CHECK Error *run_as_make_dir(Arena *a, const RunAs *as, Str dir);

/* For good: user and groups, capabilities, no_new_privs, no core dumps (also
 * none through ptrace), umask 077; raises the number of files to the hard
 * limit. Before the first byte of a request is read, before threads start. */
MUST_CHECK Error *privileges_drop(Arena *a, const RunAs *as);

/* A command run by root works as the owner of the data folder, so that it does
 * not leave files behind that the server cannot read. */
void privileges_follow_owner(Arena *a, Str dir);

#endif
