/* fault_vfs.h - a disk that forgets what was not synced, and fails on request.
 *
 * An SQLite VFS over the real one. The real files play the kernel's page cache:
 * everything written is seen at once. Beside them it keeps what is on the
 * platter: the state of each file as of its last sync, and the list of writes
 * since.
 *
 *     FaultDisk *disk = fault_disk_create("fault", seed);
 *     config.vfs = "fault";
 *     ... db_open(), threads that write ...
 *     fault_power_off_after(disk, 57);     57 writes or syncs from now
 *     ... everything fails; db_close() ...
 *     fault_power_restore(disk);           the files are what survived
 *
 * What survives of the writes since the last sync is drawn by lot: none; the
 * first few; any subset; any subset in any order; each whole or torn within a
 * sector of 512 bytes. Bytes beside a write are never harmed (SQLite counts on
 * that: SQLITE_IOCAP_POWERSAFE_OVERWRITE). A file that was never synced may be
 * gone.
 *
 * A sync that fails drops what it should have written, as Linux does: the pages
 * count as clean afterwards, so a later sync that succeeds does not save them.
 * Every other open handle of the file is told once, at its next sync.
 */
#ifndef CROFT_FAULT_VFS_H
#define CROFT_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct FaultDisk FaultDisk;

/* Registers the VFS. One at a time for a name. */
FaultDisk *fault_disk_create(const char *vfs_name, uint64_t seed);
void fault_disk_destroy(FaultDisk *disk); /* no file open */

/* A disk that says "synced" and has not: data loss must show in the tests. */
void fault_disk_lie(FaultDisk *disk, bool lie);

/* The power goes off with the n-th write, truncation or sync from now. */
void fault_power_off_after(FaultDisk *disk, uint64_t n);
void fault_power_off(FaultDisk *disk);
bool fault_power_is_off(FaultDisk *disk);

/* Gives the files their surviving state and switches on again. Everything must
 * be closed. `keep_nothing`: no write since the last sync survives. */
void fault_power_restore(FaultDisk *disk, bool keep_nothing);

typedef enum {
    FAULT_READ = 1,
    FAULT_WRITE = 2,
    FAULT_SYNC = 4,
    FAULT_TRUNCATE = 8,
    FAULT_OPEN = 16,
    FAULT_SHM = 32,
    FAULT_DELETE = 64,
    FAULT_ANY = 127
} FaultKind;

/* The n-th call (from 1) of these kinds from now fails, once, or every call from
 * it on. With `no_space` writes fail as on a full disk, else everything with an
 * I/O error. n = 0: nothing fails. */
void fault_fail_nth(FaultDisk *disk, unsigned kinds, uint64_t n, bool no_space, bool for_ever);

/* Whether fault_fail_nth()'s call came. */
bool fault_did_fail(FaultDisk *disk);

/* The same numbers for the same seed. */
uint64_t fault_random(uint64_t *state);

#endif
