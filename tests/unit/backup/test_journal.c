/* test_journal.c - the swap, stopped after every single move: always one of the two, whole. */
#include "backup_testing.h"

#include "backup/backup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void file_put(Fixture *f, const char *name, const char *text)
{
    int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* The text of a file, or "" when there is none. */
static Str file_text(Fixture *f, const char *name)
{
    char *text = arena_bytes(f->a, 64);
    int fd = open(path_of(f, name), O_RDONLY);
    ssize_t len = fd < 0 ? 0 : read(fd, text, 64);
    if (fd >= 0) close(fd);
    return str_make(text, (size_t)len);
}

static const char *const DATA[] = {"data.db", "types.d.ts", "storage/a", "auxiliary.db"};

static void folder_fill(Fixture *f)
{
    static const char *const FOLDERS[] = {"storage", "backups", ".croft_restore",
                                          ".croft_restore/new", ".croft_restore/new/storage"};
    for (size_t i = 0; i < COUNT(FOLDERS); i++)
        (void)mkdir(path_of(f, FOLDERS[i]), 0700);
    file_put(f, "backups/x.zip", "stays");
    for (size_t i = 0; i < COUNT(DATA); i++) {
        file_put(f, DATA[i], "old");
        file_put(f, arena_cstr(f->a, str_printf(f->a, ".croft_restore/new/%s", DATA[i])), "new");
    }
    file_put(f, "only_old", "old");
    file_put(f, "storage/.site", "whose objects in a bucket are ours");
    file_put(f, ".croft_restore/new/only_new", "new");
}

static void check_data(Fixture *f, const char *row, const char *which)
{
    for (size_t i = 0; i < COUNT(DATA); i++)
        check_str(row, file_text(f, DATA[i]), which);
    bool new = strcmp(which, "new") == 0;
    check_str(row, file_text(f, "only_old"), new ? "" : "old");
    check_str(row, file_text(f, "only_new"), new ? "new" : "");
    check_str(row, file_text(f, "backups/x.zip"), "stays");
}

static bool is_there(Fixture *f, const char *name)
{
    return access(path_of(f, name), F_OK) == 0;
}

static RestoreState recover(Fixture *f)
{
    RestoreState state;
    Str key;
    Arena *a = arena_create("recover", 0); /* closes what it opened */
    check_ok("recover", restore_recover(a, str_from(f->folder), &state, &key));
    arena_destroy(a);
    return state;
}

static void begin(Fixture *f, bool keep_storage)
{
    Arena *a = arena_create("begin", 0);
    check_ok("begin", journal_begin(a, str_from(f->folder), S("x.zip"), keep_storage));
    arena_destroy(a);
}

static void swapped_and_confirmed(void **state)
{
    Fixture *f = *state;
    folder_fill(f);
    begin(f, false);
    check_data(f, "journal alone changes nothing", "old");
    assert_int_equal(recover(f), RESTORE_TRIAL);
    check_data(f, "swapped", "new");
    restore_confirm(str_from(f->folder));
    assert_false(is_there(f, ".croft_restore"));
    assert_int_equal(recover(f), RESTORE_NONE);
    check_data(f, "for good", "new");
}

static void undone_when_it_does_not_open(void **state)
{
    Fixture *f = *state;
    folder_fill(f);
    begin(f, false);
    assert_int_equal(recover(f), RESTORE_TRIAL);
    check_ok("undo", restore_undo(f->a, str_from(f->folder)));
    check_data(f, "undone", "old");
    assert_int_equal(recover(f), RESTORE_UNDONE);
    assert_false(is_there(f, ".croft_restore"));
}

static void undone_when_never_confirmed(void **state)
{
    Fixture *f = *state;
    folder_fill(f);
    begin(f, false);
    assert_int_equal(recover(f), RESTORE_TRIAL); /* the server dies twice */
    assert_int_equal(recover(f), RESTORE_TRIAL);
    check_data(f, "second attempt", "new");
    assert_int_equal(recover(f), RESTORE_UNDONE);
    check_data(f, "given up", "old");
}

static void unpacked_without_a_journal_is_removed(void **state)
{
    Fixture *f = *state;
    folder_fill(f);
    assert_int_equal(recover(f), RESTORE_NONE);
    check_data(f, "as it was", "old");
    assert_false(is_there(f, ".croft_restore"));
}

static void files_kept_elsewhere_stay(void **state)
{
    Fixture *f = *state;
    folder_fill(f);
    unlink(path_of(f, ".croft_restore/new/storage/a"));
    rmdir(path_of(f, ".croft_restore/new/storage"));
    begin(f, true);
    assert_int_equal(recover(f), RESTORE_TRIAL);
    check_str("data", file_text(f, "data.db"), "new");
    check_str("storage", file_text(f, "storage/a"), "old");
    assert_false(is_there(f, "storage/.site")); /* no sweep by an older database */
}

/* ---- stopped at every system call that changes a folder ---- */

static int calls_left;

int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int from, const char *name, int to, const char *new, unsigned flags);
int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int from, const char *name, int to, const char *new);
int __real_unlinkat(int, const char *, int);
int __wrap_unlinkat(int folder, const char *name, int flags);

static void maybe_die(void)
{
    if (calls_left > 0 && --calls_left == 0) _exit(7);
}

int __wrap_renameat2(int from, const char *name, int to, const char *new, unsigned flags)
{
    maybe_die();
    return __real_renameat2(from, name, to, new, flags);
}

int __wrap_renameat(int from, const char *name, int to, const char *new)
{
    maybe_die();
    return __real_renameat(from, name, to, new);
}

int __wrap_unlinkat(int folder, const char *name, int flags)
{
    maybe_die();
    return __real_unlinkat(folder, name, flags);
}

/* Runs `step` in a process that dies before its n-th such call; true if it did. */
static bool killed_at(Fixture *f, int n, void (*step)(Fixture *f))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        calls_left = n;
        step(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7));
    return WEXITSTATUS(status) == 7;
}

static void step_swap(Fixture *f)
{
    if (recover(f) == RESTORE_TRIAL) restore_confirm(str_from(f->folder));
}

static void step_undo(Fixture *f)
{
    if (recover(f) != RESTORE_TRIAL) return;
    Arena *a = arena_create("undo", 0);
    (void)!restore_undo(a, str_from(f->folder));
    arena_destroy(a);
    (void)recover(f);
}

static void empty(Fixture *f)
{
    (void)remove_temporary(f->folder);
    assert_int_equal(mkdir(f->folder, 0700), 0);
}

static void stopped_anywhere(void **state)
{
    Fixture *f = *state;
    int points = 0;
    for (int undoing = 0; undoing < 2; undoing++) {
        for (int n = 1;; n++) {
            empty(f);
            folder_fill(f);
            begin(f, false);
            bool died = killed_at(f, n, undoing ? step_undo : step_swap);
            char row[64];
            (void)snprintf(row, sizeof row, "%s, call %d", undoing ? "undo" : "swap", n);
            /* Whoever comes next: one of the two states, whole. */
            RestoreState after = recover(f);
            Str now = file_text(f, "data.db");
            bool is_new = str_eq(now, S("new"));
            check_data(f, row, is_new ? "new" : "old");
            if (!undoing) check_str(row, now, "new");
            if (after == RESTORE_TRIAL && !undoing) restore_confirm(str_from(f->folder));
            if (!died) break;
            points++;
        }
    }
    assert_true(points > 20);
}

#define journal_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        journal_test(swapped_and_confirmed),
        journal_test(undone_when_it_does_not_open),
        journal_test(undone_when_never_confirmed),
        journal_test(unpacked_without_a_journal_is_removed),
        journal_test(files_kept_elsewhere_stay),
        journal_test(stopped_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
