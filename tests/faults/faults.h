/* faults.h - what the fault tests share: a store of numbered rows in two halves,
 * whose loss or halving can be seen. */
#ifndef CROFT_FAULTS_H
#define CROFT_FAULTS_H

#include "base/base.h"
#include "db/db.h"

/* A work that writes a row into `a` and one into `b`: both or neither. `bytes`
 * decides how many pages it takes. */
typedef struct {
    int64_t key;
    int64_t bytes;
} Put;

Error *put_schema(Tx *tx, void *arg);
Error *put_work(Tx *tx, void *arg);

/* What is found after a restart. */
typedef struct {
    int64_t rows, halves;
} Found;

Error *found_work(Tx *tx, void *arg);

/* How many of the keys from `first` to `last` are there. */
typedef struct {
    int64_t first, last;
    int64_t count;
} KeyRange;

Error *key_range_work(Tx *tx, void *arg);

/* A folder under TMPDIR, and its removal with the files Croft makes. */
Str folder_new(Arena *a);
void folder_remove(Arena *a, Str dir);

/* The value of `--name N`, or `otherwise`. */
uint64_t option_u64(int argc, char **argv, const char *name, uint64_t otherwise);
bool option_set(int argc, char **argv, const char *name);

#endif
