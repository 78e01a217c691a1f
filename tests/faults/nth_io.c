/* nth_io.c - the N-th read, write, sync … fails, for every N.
 *
 *     nth_io [--from 1] [--to 200] [--seed N]
 *
 * For each N and each manner of failing: open a new folder, write and read,
 * with one failure on the way; pull the plug, so that only what was synced is
 * left; open again. Then
 *
 *   1. every acknowledged row is there (a failed sync was not retried and
 *      called good: the disk here forgets what a failed sync should have saved);
 *   2. no work is there by half, the integrity check says ok;
 *   3. after a failed sync no further write was accepted;
 *   4. no answer of a read was wrong on the way.
 */
#include "base/log.h"
#include "db/sqlite/internal.h"
#include "faults.h"
#include "vfs/fault_vfs.h"

#include <inttypes.h>
#include <stdio.h>

enum { WRITES = 24 };

static const struct {
    const char *name;
    unsigned kinds;
    bool no_space, for_ever;
} MANNERS[] = {
    {"any call, EIO", FAULT_ANY, false, false},
    {"writes, EIO", FAULT_WRITE, false, false},
    {"writes, disk full", FAULT_WRITE, true, false},
    {"syncs", FAULT_SYNC, false, false},
    {"writes, from then on full", FAULT_WRITE, true, true},
    {"everything from then on", FAULT_ANY & ~(unsigned)FAULT_READ, false, true},
};

typedef struct {
    FaultDisk *disk;
    Arena *a;
    Str dir;
    int64_t acked_keys[WRITES];
    int acked;
} Run;

static DbConfig config_of(const Run *r)
{
    DbConfig config = db_config_default(r->dir);
    config.vfs = "fault";
    config.mmap_bytes = 0;
    config.cache_bytes = 64 << 10; /* so that it reads, and spills */
    config.checkpoint_pages = 8;
    config.restart_pages = 24;
    return config;
}

/* What the reads say while things fail: an error, or the truth. */
static const char *reads_are_true(Run *r, Db *db)
{
    Found found;
    if (db_read(db, r->a, found_work, &found)) return NULL;
    if (found.halves > 0) return "a read saw half a work";
    if (found.rows < r->acked) return "a read missed an acknowledged row";
    return NULL;
}

static const char *use(Run *r)
{
    DbConfig config = config_of(r);
    Db *db;
    if (db_open(r->a, &config, &db)) return NULL; /* refused: fine, as long as it opens later */

    const char *complaint = NULL;
    bool schema = !db_write(db, r->a, put_schema, NULL);
    bool stopped = false;
    for (int i = 0; schema && !complaint && i < WRITES; i++) {
        Put put = {i, i % 6 == 5 ? 30000 : 400};
        Error *err = db_write(db, r->a, put_work, &put);
        if (!err) r->acked_keys[r->acked++] = i;
        if (!err && stopped) complaint = "a write was accepted after a failed sync";
        if (db_error_kind(err) == DB_ERROR_READ_ONLY) stopped = true;
        if (!complaint && i % 4 == 3) complaint = reads_are_true(r, db);
    }
    db_close(db);
    return complaint;
}

static const char *look_into(Run *r, Db *db)
{
    if (db_write(db, r->a, put_schema, NULL)) return "it does not take writes";
    Str findings;
    if (db_check(db, r->a, &findings)) return "the integrity check fails";
    if (!str_eq(findings, S("ok"))) return arena_cstr(r->a, findings);
    Found found = {0};
    if (db_read(db, r->a, found_work, &found)) return "it cannot be read";
    if (found.halves > 0) return "half works";
    for (int i = 0; i < r->acked; i++) {
        KeyRange key = {r->acked_keys[i], r->acked_keys[i], 0};
        if (db_read(db, r->a, key_range_work, &key)) return "it cannot be read";
        if (key.count != 1) return "an acknowledged row is lost";
    }
    return NULL;
}

static const char *run(Run *r, size_t manner, uint64_t n)
{
    fault_fail_nth(r->disk, MANNERS[manner].kinds, n, MANNERS[manner].no_space,
                   MANNERS[manner].for_ever);
    const char *complaint = use(r);
    fault_fail_nth(r->disk, 0, 0, false, false);
    fault_power_restore(r->disk, n % 2 == 0);
    if (complaint) return complaint;

    DbConfig config = config_of(r);
    Db *db;
    Error *err = db_open(r->a, &config, &db);
    if (err) return arena_cstr(r->a, err->cause);
    complaint = look_into(r, db);
    db_close(db);
    return complaint;
}

int main(int argc, char **argv)
{
    uint64_t from = option_u64(argc, argv, "--from", 1);
    uint64_t to = option_u64(argc, argv, "--to", 200);
    uint64_t seed = option_u64(argc, argv, "--seed", 1);
    printf("nth_io: N = %" PRIu64 " to %" PRIu64 ", --seed %" PRIu64 "\n", from, to, seed);
    (void)fflush(stdout);
    log_configure(LOG_ERROR + 1, LOG_TEXT); /* failures are what we make */

    Arena *a = arena_create("nth_io", 0);
    if (library_start(a)) return 2;
    uint64_t failures = 0, faults = 0;
    FaultDisk *disk = fault_disk_create("fault", seed);
    for (uint64_t n = from; n <= to; n++) {
        for (size_t manner = 0; manner < COUNT(MANNERS); manner++) {
            Run r = {.disk = disk, .a = a, .dir = folder_new(a)};
            const char *complaint = run(&r, manner, n);
            faults++;
            if (complaint) {
                printf("N = %" PRIu64 ", %s: %s\n", n, MANNERS[manner].name, complaint);
                failures++;
            }
            fault_power_restore(disk, true);
            folder_remove(a, r.dir);
            arena_reset(a);
        }
    }
    printf("%s nth_io: %" PRIu64 " runs, %" PRIu64 " wrong\n",
           failures ? "[  FAILED  ]" : "[       OK ]", faults, failures);
    fault_disk_destroy(disk);
    arena_destroy(a);
    return failures ? 1 : 0;
}
