/* library.c - sets SQLite up, once a process, and refuses versions that lose data. */
#include "db/sqlite/internal.h"

/* Before 3.51.3 two connections that wrap the WAL at the same moment can
 * corrupt the database (the WAL-reset race). */
#define OLDEST_VERSION 3051003

/* For ThreadSanitizer only. A checkpoint that found another one at work still
 * reports how far it thinks that one is, by reading one word of shared memory
 * without a lock; nothing depends on it (checkpoint.c ignores it then). */
#if defined(__SANITIZE_THREAD__)
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:sqlite3WalCheckpoint\n";
}
#endif

static uv_once_t once = UV_ONCE_INIT;
static int start_result;

static void start(void)
{
    /* Memory statistics take one process-wide mutex in every allocation: with
     * them two readers are slower than one. These calls fail when somebody (a
     * test's own VFS) has started the library before; the build's defaults
     * (src/sqlite3/meson.build) say the same. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    start_result = sqlite3_initialize();
}

Error *library_start(Arena *a)
{
    if (sqlite3_libversion_number() < OLDEST_VERSION) {
        Error *err = error_status(a, 500);
        return error_cause(a, err, "SQLite %s can corrupt databases; 3.51.3 or newer is needed",
                           sqlite3_libversion());
    }
    uv_once(&once, start);
    if (start_result == SQLITE_OK) return NULL;

    return error_cause(a, error_status(a, 500), "sqlite3_initialize: %s",
                       sqlite3_errstr(start_result));
}
