/* powerloss.c - the power fails while threads write; nothing acknowledged is lost.
 *
 *     powerloss [--rounds 100] [--seed N] [--lie]
 *
 * Each round: open, threads write, the power goes at a random write or sync,
 * the disk keeps a random part of what was not synced, open again and look:
 *
 *   1. every key whose db_write() returned success is there;
 *   2. nothing that an earlier round found has gone;
 *   3. no work is there by half;
 *   4. the integrity check says ok.
 *
 * With --lie the disk says "synced" and has not. Then loss must show, else
 * this test would find nothing anyway.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "db/sqlite/internal.h"
#include "faults.h"
#include "vfs/fault_vfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, KEYS_EACH = 100000, FOLDER_ROUNDS = 25 };

typedef struct {
    Db *db;
    int64_t first_key;
    int64_t tried, acked; /* how many, from first_key on */
    uint64_t random;
} Client;

typedef struct {
    FaultDisk *disk;
    Arena *a; /* of the round */
    Str dir;
    uint64_t seed; /* and how often: the random numbers of the harness */
    int64_t next_key;
    int64_t rows; /* found after the last restart */
    uint64_t acked_in_all;
} Test;

static void client_main(void *arg)
{
    Client *c = arg;
    Arena *a = arena_create("client", 0);
    for (;;) {
        uint64_t r = fault_random(&c->random);
        Put put = {c->first_key + c->tried, r % 16 == 0 ? 9000 : (int64_t)(r % 300)};
        c->tried++;
        if (db_write(c->db, a, put_work, &put)) break; /* the power is off */
        c->acked++;
        arena_reset(a);
    }
    arena_destroy(a);
}

static DbConfig config_of(const Test *t)
{
    DbConfig config = db_config_default(t->dir);
    config.vfs = "fault";
    config.mmap_bytes = 0;
    /* Small, so that checkpoints and a WAL that begins anew are among what the
     * power loss hits. */
    config.checkpoint_pages = 30;
    config.restart_pages = 90;
    return config;
}

/* Writes until the power is gone. */
static void write_until_dark(Test *t, Client *clients)
{
    for (int i = 0; i < THREADS; i++)
        clients[i] = (Client){.first_key = t->next_key + i * (int64_t)KEYS_EACH,
                              .random = fault_random(&t->seed)};
    t->next_key += THREADS * (int64_t)KEYS_EACH;

    /* Mostly late enough for several checkpoints, sometimes while opening. */
    uint64_t span = fault_random(&t->seed) % 4 == 0 ? 60 : 1500;
    fault_power_off_after(t->disk, 1 + fault_random(&t->seed) % span);
    DbConfig config = config_of(t);
    Db *db;
    if (db_open(t->a, &config, &db)) return; /* dark before it was open */
    if (!db_write(db, t->a, put_schema, NULL)) {
        uv_thread_t ids[THREADS];
        for (int i = 0; i < THREADS; i++) {
            clients[i].db = db;
            if (uv_thread_create(&ids[i], client_main, &clients[i]) != 0) abort();
        }
        for (int i = 0; i < THREADS; i++)
            uv_thread_join(&ids[i]);
    }
    db_close(db);
}

static const char *complaint_about(Test *t, Db *db, const Client *clients)
{
    if (db_write(db, t->a, put_schema, NULL)) return "it does not take writes";
    Str findings;
    if (db_check(db, t->a, &findings)) return "the integrity check fails";
    if (!str_eq(findings, S("ok"))) return arena_cstr(t->a, findings);

    Found found = {0};
    if (db_read(db, t->a, found_work, &found)) return "it cannot be read";
    if (found.halves > 0) return "half works";
    if (found.rows < t->rows) return "rows of an earlier round are gone";

    for (int i = 0; i < THREADS; i++) {
        const Client *c = &clients[i];
        KeyRange acked = {c->first_key, c->first_key + c->acked - 1, 0};
        KeyRange tried = {c->first_key, c->first_key + KEYS_EACH - 1, 0};
        if (db_read(db, t->a, key_range_work, &acked) || db_read(db, t->a, key_range_work, &tried))
            return "it cannot be read";
        if (acked.count != c->acked) return "acknowledged rows are lost";
        if (tried.count > c->tried) return "rows that nobody wrote";
        t->acked_in_all += (uint64_t)c->acked;
    }
    t->rows = found.rows;
    return NULL;
}

static const char *look(Test *t, const Client *clients)
{
    DbConfig config = config_of(t);
    Db *db;
    Error *err = db_open(t->a, &config, &db);
    if (err) return arena_cstr(t->a, err->cause);
    const char *complaint = complaint_about(t, db, clients);
    db_close(db);
    /* What it wrote at closing counts for the next round. */
    return complaint;
}

static void folder_change(Test *t, Arena *keep)
{
    if (t->dir.len) {
        fault_power_restore(t->disk, true); /* forgets the old files */
        folder_remove(t->a, t->dir);
    }
    t->dir = folder_new(keep);
    t->rows = 0;
}

int main(int argc, char **argv)
{
    uint64_t rounds = option_u64(argc, argv, "--rounds", 100);
    uint64_t seed = option_u64(argc, argv, "--seed", clock_mono_ns() ^ random_u64());
    bool lie = option_set(argc, argv, "--lie");
    printf("powerloss: %" PRIu64 " rounds, --seed %" PRIu64 "%s\n", rounds, seed,
           lie ? " --lie" : "");
    (void)fflush(stdout);
    log_configure(LOG_ERROR + 1, LOG_TEXT); /* failures are what we make */

    Arena *keep = arena_create("powerloss", 0);
    Test t = {.a = arena_create("round", 0), .seed = seed};
    if (library_start(keep)) return 2;
    t.disk = fault_disk_create("fault", seed);
    uint64_t losses = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        if (round % FOLDER_ROUNDS == 0) folder_change(&t, keep);
        Client clients[THREADS];
        fault_disk_lie(t.disk, lie);
        write_until_dark(&t, clients);
        fault_power_restore(t.disk, false);
        fault_disk_lie(t.disk, false);
        const char *complaint = look(&t, clients);
        if (complaint) {
            losses++;
            printf("round %" PRIu64 ": %s (%.*s)\n", round, complaint, STR_ARG(t.dir));
            if (!lie) break; /* the folder stays, to be looked at */
            folder_change(&t, keep);
        }
        arena_reset(t.a);
    }
    bool good = lie ? losses > 0 : losses == 0;
    printf("%s powerloss%s: %" PRIu64 " acknowledged works found again, %" PRIu64
           " rounds with loss\n",
           good ? "[       OK ]" : "[  FAILED  ]", lie ? "_lie" : "", t.acked_in_all, losses);
    if (good) folder_change(&t, keep), folder_remove(keep, t.dir);
    fault_disk_destroy(t.disk);
    arena_destroy(t.a);
    arena_destroy(keep);
    return good ? 0 : 1;
}
