/* test_zip.c - zips written and read back, and those that are refused. */
#include "backup_testing.h"

#include "backup/zip_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int file_of(Fixture *f, const char *bytes, size_t len)
{
    int fd = open(f->folder, O_TMPFILE | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    return fd;
}

/* ---- Croft's own ---- */

static void backup_make(Fixture *f, const char *name, size_t files)
{
    ZipWriter *z;
    Str temp = str_from(f->folder);
    check_ok("create", zip_create(f->a, str_from(path_of(f, name)), temp, NULL, &z));
    int fd = file_of(f, "database", 8);
    check_ok("add", zip_add(z, S("data.db"), fd, 8, 0));
    close(fd);
    for (size_t i = 0; i < files; i++) {
        Str text = str_printf(f->a, "file %zu", i);
        fd = file_of(f, text.ptr, text.len);
        const char *suffix = i % 2 ? "jpg" : "txt";
        check_ok("add", zip_add(z, str_printf(f->a, "storage/c/r\xc3\xa9%zu/x.%s", i, suffix), fd,
                                text.len, 1700000000000));
        close(fd);
    }
    Json *about = json_new_object(f->a);
    json_set_str(f->a, about, S("created"), S("today"));
    uint64_t size;
    Str sha;
    check_ok("finish", zip_finish(z, about, &size, &sha));
    assert_int_equal(sha.len, 64);
}

static Error *read_whole(Fixture *f, const char *name, int folder, ZipContent *content)
{
    int fd = open(path_of(f, name), O_RDONLY);
    assert_true(fd >= 0);
    Error *err = zip_check(f->a, fd, NULL, content);
    if (!err) err = zip_unpack(f->a, fd, folder, NULL, content);
    close(fd);
    return err;
}

static bool emit_to_file(void *arg, const ZipRecord *record, const char *bytes)
{
    int fd = *(int *)arg;
    return write(fd, record, sizeof(*record)) == (ssize_t)sizeof(*record) &&
           write(fd, bytes, record->len) == (ssize_t)record->len;
}

/* What a parser tells, without a process for it: they take their time. */
static ZipSource *source_here(Fixture *f, int zip, uint64_t size, bool content)
{
    int told = memfd_create("told", MFD_CLOEXEC);
    assert_true(told >= 0);
    locale_t before = zip_locale_enter();
    zip_parse(zip, size, content, emit_to_file, &told);
    (void)uselocale(before);
    assert_int_equal(lseek(told, 0, SEEK_SET), 0);
    return zip_source_of(f->a, told, 60000);
}

static Error *read_here(Fixture *f, const char *name, ZipContent *content)
{
    int fd = open(path_of(f, name), O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint64_t size = (uint64_t)st.st_size;
    Error *err = zip_check_source(f->a, source_here(f, fd, size, false), size, content);
    if (!err) err = zip_unpack_source(f->a, source_here(f, fd, size, true), -1, NULL, content);
    close(fd);
    return err;
}

static void what_is_written_is_read(void **state)
{
    Fixture *f = *state;
    backup_make(f, "a.zip", 100);
    mkdir(path_of(f, "out"), 0700);
    int folder = open(path_of(f, "out"), O_RDONLY | O_DIRECTORY);
    ZipContent content;
    check_ok("read", read_whole(f, "a.zip", folder, &content));
    assert_int_equal(content.entries, 103);
    assert_true(content.has_sums && content.has_database && content.has_storage);
    check_str("about", json_str(json_get(content.about, S("created")), S("")), "today");
    assert_int_equal(faccessat(folder, "data.db", F_OK, 0), 0);
    assert_int_equal(faccessat(folder,
                               "storage/c/r\xc3\xa9"
                               "7/x.jpg",
                               F_OK, 0),
                     0);
    assert_int_equal(faccessat(folder, ZIP_SUMS, F_OK, 0), -1);

    /* A second time every name is there already. */
    Error *err = read_whole(f, "a.zip", folder, &content);
    assert_int_equal(err->status, 400);
    close(folder);
}

static void a_flipped_byte_is_noticed_wherever_it_is(void **state)
{
    Fixture *f = *state;
    backup_make(f, "a.zip", 3);
    int fd = open(path_of(f, "a.zip"), O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char *good = arena_bytes(f->a, (size_t)st.st_size);
    assert_int_equal(pread(fd, good, (size_t)st.st_size, 0), st.st_size);
    ZipContent whole, content;
    check_ok("good", read_whole(f, "a.zip", -1, &whole));
    Arena *outer = f->a;
    for (off_t at = 0; at < st.st_size; at++) {
        char bad = (char)(good[at] ^ 0x41);
        assert_int_equal(pwrite(fd, &bad, 1, at), 1);
        f->a = arena_create("flip", 0);
        Error *err = read_here(f, "a.zip", &content);
        /* Dates and the like may differ; content and names may not. */
        if (!err) assert_int_equal(content.bytes, whole.bytes);
        if (!err) assert_true(content.has_sums);
        if (err) assert_true(err->status == 400 || err->status == 503);
        arena_destroy(f->a);
        f->a = outer;
        assert_int_equal(pwrite(fd, good + at, 1, at), 1);
    }
    for (off_t len = 0; len < st.st_size; len += 7) {
        assert_int_equal(ftruncate(fd, len), 0);
        f->a = arena_create("cut", 0);
        assert_non_null(read_here(f, "a.zip", &content));
        arena_destroy(f->a);
        f->a = outer;
        assert_int_equal(pwrite(fd, good, (size_t)st.st_size, 0), st.st_size);
    }
    close(fd);
}

/* ---- the parser's process ---- */

/* The one child of this process. */
static pid_t child_find(void)
{
    char path[64], text[64] = "";
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return (pid_t)strtol(text, NULL, 10);
}

static bool status_has(Fixture *f, pid_t pid, const char *line)
{
    char *text = arena_bytes(f->a, 8192);
    int fd = open(arena_cstr(f->a, str_printf(f->a, "/proc/%d/status", (int)pid)), O_RDONLY);
    ssize_t len = read(fd, text, 8192);
    close(fd);
    return str_find(str_make(text, (size_t)MAX(len, 0)), str_from(line)) >= 0;
}

static void the_parser_can_do_nothing_else_and_its_death_is_an_error(void **state)
{
    Fixture *f = *state;
    size_t size = 1u << 20; /* more than the pipe holds: it has to wait for us */
    ZipWriter *z;
    check_ok("create",
             zip_create(f->a, str_from(path_of(f, "x.zip")), str_from(f->folder), NULL, &z));
    int fd = file_of(f, arena_new(f->a, char, size), size);
    check_ok("add", zip_add(z, S("data.db"), fd, size, 0));
    close(fd);
    uint64_t length;
    Str sha;
    check_ok("finish", zip_finish(z, json_new_object(f->a), &length, &sha));

    fd = open(path_of(f, "x.zip"), O_RDONLY);
    ZipSource *source;
    ZipItem item;
    check_ok("open", zip_source_open(f->a, fd, true, NULL, &source));
    check_ok("first", zip_source_next(source, &item));
    pid_t pid = child_find();
    assert_true(status_has(f, pid, "Name:\tcroft-zip\n"));
    assert_true(status_has(f, pid, "NoNewPrivs:\t1\n"));
    assert_true(status_has(f, pid, "Seccomp:\t2\n"));
    assert_true(status_has(f, pid, "CapEff:\t0000000000000000\n"));

    assert_int_equal(kill(pid, SIGKILL), 0);
    Error *err = NULL;
    while (!err)
        err = zip_source_next(source, &item);
    check_int("status", err->status, 400);
    assert_true(str_find(err->message, S("brought its reader down")) >= 0);
    close(fd);
}

/* ---- a parser that has been taken over ---- */

typedef struct {
    ZipRecord record;
    const char *bytes;
} Told;

static Error *told(Fixture *f, const Told *records, size_t count, ZipContent *content)
{
    char out[] = "/tmp/croft-told-XXXXXX";
    assert_non_null(mkdtemp(out));
    int fd = memfd_create("told", MFD_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        ZipRecord r = records[i].record;
        if (records[i].bytes) r.len = (uint32_t)strlen(records[i].bytes);
        assert_int_equal(write(fd, &r, sizeof(r)), sizeof(r));
        if (records[i].bytes) assert_int_equal(write(fd, records[i].bytes, r.len), r.len);
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    int folder = open(out, O_RDONLY | O_DIRECTORY);
    Error *err = zip_unpack_source(f->a, zip_source_of(f->a, fd, 60000), folder, NULL, content);
    close(folder);
    assert_int_equal(remove_temporary(out), 0);
    return err;
}

/* Each byte is soon there, and the last one never. */
static void *drip(void *arg)
{
    const ZipRecord entry = {.kind = ZIP_ENTRY, .len = 1};
    const struct timespec pause = {.tv_nsec = 2000000};
    for (size_t i = 0;; i++) {
        const char byte = i % (sizeof(entry) + 1) < sizeof(entry)
                              ? ((const char *)&entry)[i % (sizeof(entry) + 1)]
                              : 'x';
        if (write(*(int *)arg, &byte, 1) != 1) return NULL;
        (void)nanosleep(&pause, NULL);
    }
}

static void a_parser_that_drips_is_ended(void **state)
{
    Fixture *f = *state;
    int ends[2];
    pthread_t thread;
    ZipContent content;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, drip, &ends[1]), 0);
    Error *err = zip_check_source(f->a, zip_source_of(f->a, ends[0], 300), 1 << 20, &content);
    assert_int_equal(pthread_join(thread, NULL), 0); /* its pipe was closed */
    (void)close(ends[1]);
    assert_non_null(err);
    check_int("status", err->status, 400);
    check_bool(err->message.ptr, str_find(err->message, S("takes too long")) >= 0, true);
}

static void what_a_parser_says_is_not_believed(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *name;
        Told told[3];
        const char *why;
    } CASES[] = {
        {"hangs up", {{{.kind = ZIP_ENTRY, .size = 1}, "data.db"}}, "brought its reader down"},
        {"unknown kind", {{{.kind = 99}, ""}}, "nonsense"},
        {"too long", {{{.kind = ZIP_DATA, .len = ZIP_PIECE_MAX + 1}, NULL}}, "nonsense"},
        {"outside", {{{.kind = ZIP_ENTRY}, "../../slipped"}}, "outside"},
        {"absolute", {{{.kind = ZIP_ENTRY}, "/tmp/slipped"}}, "outside"},
        {"content first", {{{.kind = ZIP_DATA}, "x"}}, "no name"},
        {"more than declared",
         {{{.kind = ZIP_ENTRY, .size = 2}, "data.db"}, {{.kind = ZIP_DATA}, "xxx"}},
         "larger than it says"},
        {"less than declared",
         {{{.kind = ZIP_ENTRY, .size = 2}, "data.db"}, {{.kind = ZIP_DATA}, "x"}, {{ZIP_END}, ""}},
         "shorter than it says"},
        {"twice",
         {{{.kind = ZIP_ENTRY}, "a"}, {{.kind = ZIP_ENTRY}, "a"}, {{ZIP_END}, ""}},
         "in it twice"},
        {"sizes that wrap",
         {{{.kind = ZIP_ENTRY, .size = UINT64_MAX}, "a"}, {{ZIP_END}, ""}},
         "claims more"},
        {"words for a terminal", {{{.kind = ZIP_FAILED}, "\033[2Jgone"}}, "?[2Jgone"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t count = 0;
        while (count < 3 && (CASES[i].told[count].bytes || CASES[i].told[count].record.len))
            count++;
        ZipContent content;
        Error *err = told(f, CASES[i].told, count, &content);
        assert_non_null(err);
        check_int(CASES[i].name, err->status, 400);
        if (str_find(err->message, str_from(CASES[i].why)) < 0)
            check_str(CASES[i].name, err->message, CASES[i].why);
    }
}

static void a_file_that_got_shorter_is_an_error(void **state)
{
    Fixture *f = *state;
    ZipWriter *z;
    check_ok("create",
             zip_create(f->a, str_from(path_of(f, "s.zip")), str_from(f->folder), NULL, &z));
    int fd = file_of(f, "short", 5);
    Error *err = zip_add(z, S("x"), fd, 6, 0);
    assert_int_equal(err->status, 500);
    close(fd);
}

static bool never(void *arg, uint64_t bytes)
{
    (void)arg, (void)bytes;
    return false;
}

static void both_can_be_stopped(void **state)
{
    Fixture *f = *state;
    backup_make(f, "a.zip", 1);
    ZipWatch watch = {never, NULL};
    int fd = open(path_of(f, "a.zip"), O_RDONLY);
    ZipContent content;
    check_ok("check", zip_check(f->a, fd, NULL, &content));
    assert_int_equal(zip_unpack(f->a, fd, -1, &watch, &content)->status, 503);
    close(fd);
    ZipWriter *z;
    check_ok("create",
             zip_create(f->a, str_from(path_of(f, "b.zip")), str_from(f->folder), &watch, &z));
    fd = file_of(f, "x", 1);
    assert_int_equal(zip_add(z, S("x"), fd, 1, 0)->status, 503);
    close(fd);
}

/* ---- somebody's ---- */

typedef struct {
    const char *name, *bytes;
    int type;
    const char *link;
} Entry;

static const struct {
    const char *name;
    Entry entries[4];
    const char *says; /* part of the message; NULL: good */
} FOREIGN[] = {
    {"plain", {{"data.db", "x", AE_IFREG, NULL}, {"storage/", "", AE_IFDIR, NULL}}, NULL},
    {"slip", {{"data.db", "x", AE_IFREG, NULL}, {"../x", "x", AE_IFREG, NULL}}, "outside"},
    {"slip inside",
     {{"data.db", "x", AE_IFREG, NULL}, {"a/../../x", "x", AE_IFREG, NULL}},
     "outside"},
    {"absolute", {{"data.db", "x", AE_IFREG, NULL}, {"/tmp/x", "x", AE_IFREG, NULL}}, "outside"},
    {"backslash", {{"data.db", "x", AE_IFREG, NULL}, {"..\\x", "x", AE_IFREG, NULL}}, "outside"},
    {"link", {{"data.db", "x", AE_IFREG, NULL}, {"a", "", AE_IFLNK, "/etc"}}, "neither"},
    {"no database", {{"readme", "x", AE_IFREG, NULL}}, "no data.db"},
    {"twice", {{"data.db", "x", AE_IFREG, NULL}, {"data.db", "y", AE_IFREG, NULL}}, "twice"},
    {"file, folder",
     {{"data.db", "x", AE_IFREG, NULL}, {"data.db/y", "y", AE_IFREG, NULL}},
     "twice"},
    {"bad sums",
     {{"data.db", "x", AE_IFREG, NULL}, {ZIP_SUMS, "0  data.db\n", AE_IFREG, NULL}},
     "checksums"},
};

static void foreign_make(Fixture *f, const Entry *entries)
{
    struct archive *w = archive_write_new();
    assert_int_equal(archive_write_set_format_zip(w), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(w, path_of(f, "f.zip")), ARCHIVE_OK);
    for (const Entry *e = entries; e->name; e++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, e->name);
        archive_entry_set_filetype(entry, (unsigned)e->type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)strlen(e->bytes));
        if (e->link) archive_entry_set_symlink(entry, e->link);
        assert_int_equal(archive_write_header(w, entry), ARCHIVE_OK);
        (void)archive_write_data(w, e->bytes, strlen(e->bytes));
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_close(w), ARCHIVE_OK);
    archive_write_free(w);
}

static void foreign_zips(void **state)
{
    Fixture *f = *state;
    for (size_t i = 0; i < COUNT(FOREIGN); i++) {
        foreign_make(f, FOREIGN[i].entries);
        const char *out = path_of(f, arena_cstr(f->a, str_printf(f->a, "out%zu", i)));
        mkdir(out, 0700);
        int folder = open(out, O_RDONLY | O_DIRECTORY);
        ZipContent content;
        Error *err = read_whole(f, "f.zip", folder, &content);
        close(folder);
        if (!FOREIGN[i].says) check_ok(FOREIGN[i].name, err);
        if (!FOREIGN[i].says) continue;
        if (!err) fail_msg("%s: accepted", FOREIGN[i].name);
        if (str_find(err->message, str_from(FOREIGN[i].says)) < 0)
            fail_msg("%s: %.*s", FOREIGN[i].name, STR_ARG(err->message));
        check_int(FOREIGN[i].name, err->status, 400);
        assert_int_equal(access(path_of(f, "x"), F_OK), -1);
    }
}

/* The central directory says what no file of this size can hold. */
static void a_bomb_is_refused_before_it_is_unpacked(void **state)
{
    Fixture *f = *state;
    static const Entry ONE[] = {
        {"data.db", "xxxxxxxxxxxxxxxxxxxx", AE_IFREG, NULL},
        {NULL, NULL, 0, NULL},
    };
    foreign_make(f, ONE);
    int fd = open(path_of(f, "f.zip"), O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *zip = (uint8_t *)arena_bytes(f->a, (size_t)st.st_size);
    assert_int_equal(pread(fd, zip, (size_t)st.st_size, 0), st.st_size);
    static const uint8_t HEADER[] = {'P', 'K', 1, 2};
    const uint8_t *at = memmem(zip, (size_t)st.st_size, HEADER, sizeof HEADER);
    assert_non_null(at);
    uint32_t huge = 0x7fffffff;
    assert_int_equal(pwrite(fd, &huge, 4, at - zip + 24), 4);
    assert_int_equal(pwrite(fd, &huge, 4, 22), 4); /* and the file's own head agrees */
    ZipContent content;
    Error *err = zip_check(f->a, fd, NULL, &content);
    assert_int_equal(err->status, 400);
    assert_true(str_find(err->message, S("more than its size")) >= 0);

    /* And an end record that counts more entries than there are. */
    uint16_t many = 9;
    assert_int_equal(pwrite(fd, zip, (size_t)st.st_size, 0), st.st_size);
    assert_int_equal(pwrite(fd, &many, 2, st.st_size - 22 + 10), 2);
    assert_int_equal(zip_check(f->a, fd, NULL, &content)->status, 400);
    close(fd);
}

#define zip_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        zip_test(what_is_written_is_read),
        zip_test(a_flipped_byte_is_noticed_wherever_it_is),
        zip_test(a_file_that_got_shorter_is_an_error),
        zip_test(a_parser_that_drips_is_ended),
        zip_test(what_a_parser_says_is_not_believed),
        zip_test(the_parser_can_do_nothing_else_and_its_death_is_an_error),
        zip_test(both_can_be_stopped),
        zip_test(foreign_zips),
        zip_test(a_bomb_is_refused_before_it_is_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
