/* backup_testing.h - a folder of its own for a test, and files in it. */
#ifndef CROFT_BACKUP_TESTING_H
#define CROFT_BACKUP_TESTING_H

#include "testing.h"

#include <stdlib.h>

typedef struct {
    Arena *a;
    char folder[32];
} Fixture;

static inline int set_up(void **state)
{
    Arena *a = arena_create("test", 64u << 20);
    Fixture *f = arena_new(a, Fixture, 1);
    *f = (Fixture){.a = a, .folder = "/tmp/croft-backup-XXXXXX"};
    *state = f;
    return mkdtemp(f->folder) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    Fixture *f = *state;
    char folder[sizeof f->folder];
    memcpy(folder, f->folder, sizeof folder);
    arena_destroy(f->a);
    return remove_temporary(folder);
}

static inline const char *path_of(Fixture *f, const char *name)
{
    return arena_cstr(f->a, str_printf(f->a, "%s/%s", f->folder, name));
}

#endif
