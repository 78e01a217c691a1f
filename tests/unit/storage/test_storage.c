/* test_storage.c - blobs on disk: what is put can be read, what is removed is
 * gone, and nothing outside the folder is touched. */
#include "testing.h"

#include "storage/storage.h"
#include "json/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Arena *a;
    char folder[64];
    Workers *workers;
    Storage *s;
} Fixture;

static int set_up(void **state)
{
    Arena *a = arena_create("test", 64 << 20);
    Fixture *f = arena_new(a, Fixture, 1);
    f->a = a;
    memcpy(f->folder, "/tmp/croft-storage-XXXXXX", 26);
    if (!mkdtemp(f->folder)) return -1;
    Error *err = workers_create(a, "test", 2, 64, &f->workers);
    if (!err)
        err = storage_open(a, str_concat(a, str_from(f->folder), S("/storage")), f->workers, &f->s);
    *state = f;
    return err ? -1 : 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;
    storage_close(f->s);
    workers_destroy(f->workers);
    (void)remove_temporary(f->folder);
    arena_destroy(f->a);
    return 0;
}

static const char *path_of(Fixture *f, const char *relative)
{
    return arena_cstr(f->a, str_printf(f->a, "%s/storage/%s", f->folder, relative));
}

static bool exists(Fixture *f, const char *relative)
{
    struct stat st;
    return lstat(path_of(f, relative), &st) == 0;
}

static void put(Fixture *f, const char *key, const char *text)
{
    check_ok(key, storage_put(f->s, f->a, str_from(key), -1, str_from(text), strlen(text),
                              S("text/plain; charset=utf-8"), S("My \"File\".txt")));
}

static Str read_fd(Arena *a, int fd, uint64_t size)
{
    char *bytes = arena_bytes(a, (size_t)size + 1);
    assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
    return str_make(bytes, (size_t)size);
}

static Str read_path(Fixture *f, const char *relative)
{
    int fd = open(path_of(f, relative), O_RDONLY);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    Str text = read_fd(f->a, fd, (uint64_t)st.st_size);
    close(fd);
    return text;
}

static void what_is_put_can_be_read(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "hello");
    int fd;
    BlobInfo info;
    check_ok("open", storage_open_blob(f->s, f->a, S("c1/r1/a_x.txt"), &fd, &info));
    check_str("bytes", read_fd(f->a, fd, info.size_bytes), "hello");
    check_str("type", info.content_type, "text/plain; charset=utf-8");
    check_str("original", info.original_name, "My \"File\".txt");
    assert_int_equal(info.size_bytes, 5);
    assert_true(info.modified_ms > 1600000000000);
}

static void a_file_is_known_again_and_another_one_is_not(void **state)
{
    Fixture *f = *state;
    Str key = S("c1/r1/a_x.txt");
    put(f, "c1/r1/a_x.txt", "hello");
    Blob *blob;
    BlobInfo info;
    BlobTag tag;
    check_ok("open", storage_blob(f->s, f->a, key, 0, &blob, &info));
    assert_true(blob_tag(blob, &tag));
    char bytes[8];
    assert_true(blob_read_at_once(blob, bytes, 5));
    check_str("bytes", str_make(bytes, 5), "hello");
    assert_false(blob_read_at_once(blob, bytes, 6));
    assert_true(storage_is_still(f->s, key, &tag));
    assert_false(storage_is_still(f->s, S("c1/r1/b_x.txt"), &tag));
    assert_false(storage_is_still(f->s, S("c1/../c1/r1/a_x.txt"), &tag));

    put(f, "c1/r1/a_x.txt", "HELLO"); /* of the same length */
    assert_false(storage_is_still(f->s, key, &tag));
    check_ok("remove", storage_remove(f->s, f->a, key));
    assert_false(storage_is_still(f->s, key, &tag));
}

static void the_sidecar_has_pocketbases_form(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "hello");
    check_str("sidecar", read_path(f, "c1/r1/a_x.txt.attrs"),
              "{\"user.cache_control\":\"\",\"user.content_disposition\":\"\","
              "\"user.content_encoding\":\"\",\"user.content_language\":\"\","
              "\"user.content_type\":\"text/plain; charset=utf-8\","
              "\"user.metadata\":{\"original-filename\":\"My \\\"File\\\".txt\"},"
              "\"md5\":\"XUFAKrxLKna5cZ2REBfFkg==\"}\n");
}

static void files_are_private(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "hello");
    static const char *const PATHS[] = {"c1/r1/a_x.txt", "c1/r1/a_x.txt.attrs"};
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        struct stat st;
        assert_int_equal(stat(path_of(f, PATHS[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    struct stat st;
    assert_int_equal(stat(path_of(f, "c1/r1"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_descriptor_is_stored_from_its_start(void **state)
{
    Fixture *f = *state;
    size_t size = 300 * 1024 + 7; /* more than one copy buffer */
    char *bytes = arena_bytes(f->a, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    int source = open(f->folder, O_TMPFILE | O_RDWR, 0600);
    assert_int_equal(write(source, bytes, size), size); /* now positioned at its end */

    check_ok("put", storage_put(f->s, f->a, S("c1/r1/big_x.bin"), source, (Str){0}, size,
                                S("application/octet-stream"), S("big.bin")));
    int fd;
    BlobInfo info;
    check_ok("open", storage_open_blob(f->s, f->a, S("c1/r1/big_x.bin"), &fd, &info));
    assert_int_equal(info.size_bytes, size);
    assert_memory_equal(read_fd(f->a, fd, size).ptr, bytes, size);

    /* Promised more than there is: nothing is stored. */
    assert_non_null(storage_put(f->s, f->a, S("c1/r1/short_x.bin"), source, (Str){0}, size + 1,
                                S("application/octet-stream"), S("short.bin")));
    assert_false(exists(f, "c1/r1/short_x.bin"));
    assert_false(exists(f, "c1/r1/short_x.bin.attrs"));
    close(source);
}

static void putting_again_replaces(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "first");
    put(f, "c1/r1/a_x.txt", "second one");
    int fd;
    BlobInfo info;
    check_ok("open", storage_open_blob(f->s, f->a, S("c1/r1/a_x.txt"), &fd, &info));
    check_str("bytes", read_fd(f->a, fd, info.size_bytes), "second one");
}

static void empty_blobs_are_blobs(void **state)
{
    Fixture *f = *state;
    check_ok("put", storage_put(f->s, f->a, S("c1/r1/e_x.txt"), -1, (Str){0}, 0, S("text/plain"),
                                (Str){0}));
    int fd;
    BlobInfo info;
    check_ok("open", storage_open_blob(f->s, f->a, S("c1/r1/e_x.txt"), &fd, &info));
    assert_int_equal(info.size_bytes, 0);
    check_str("original", info.original_name, "");
}

static void without_a_sidecar_it_is_just_bytes(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *name, *sidecar, *type;
    } CASES[] = {
        {"none", NULL, "application/octet-stream"},
        {"empty", "", "application/octet-stream"},
        {"damaged", "{\"user.content_type\":\"image/p", "application/octet-stream"},
        {"not an object", "[1]", "application/octet-stream"},
        {"line break in the type", "{\"user.content_type\":\"image/png\\r\\nX: y\"}",
         "application/octet-stream"},
        {"only the type", "{\"user.content_type\":\"image/png\",\"user.metadata\":null}",
         "image/png"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        put(f, "c1/r1/a_x.txt", "hello");
        assert_int_equal(unlink(path_of(f, "c1/r1/a_x.txt.attrs")), 0);
        if (CASES[i].sidecar) {
            int out = open(path_of(f, "c1/r1/a_x.txt.attrs"), O_WRONLY | O_CREAT, 0600);
            assert_int_equal(write(out, CASES[i].sidecar, strlen(CASES[i].sidecar)),
                             strlen(CASES[i].sidecar));
            close(out);
        }
        int fd;
        BlobInfo info;
        check_ok(CASES[i].name, storage_open_blob(f->s, f->a, S("c1/r1/a_x.txt"), &fd, &info));
        check_str(CASES[i].name, info.content_type, CASES[i].type);
    }
}

/* What a backup relies on: see hold.c. */
static void what_is_removed_while_held_is_moved_aside(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "a");
    put(f, "c1/r1/b_x.txt", "b");
    put(f, "c1/r2/a_x.txt", "of two");
    put(f, "c2/r1/a_x.txt", "other");
    check_ok("hold", storage_hold(f->s, f->a));
    check_ok("one", storage_remove(f->s, f->a, S("c1/r1/a_x.txt")));
    assert_false(exists(f, "c1/r1/a_x.txt"));
    check_str("held", read_path(f, ".held/c1/r1/a_x.txt"), "a");
    assert_true(exists(f, ".held/c1/r1/a_x.txt.attrs"));
    check_ok("rest of it", storage_remove_prefix(f->s, f->a, S("c1/r1/")));
    check_str("held", read_path(f, ".held/c1/r1/b_x.txt"), "b");

    put(f, "c1/r1/a_x.txt", "made anew");
    check_ok("again", storage_remove_prefix(f->s, f->a, S("c1/")));
    assert_false(exists(f, "c1"));
    check_str("the first stays", read_path(f, ".held/c1/r1/a_x.txt"), "a");
    check_str("held", read_path(f, ".held/c1/r2/a_x.txt"), "of two");
    check_ok("not there", storage_remove(f->s, f->a, S("c9/r1/a_x.txt")));

    storage_let_go(f->s);
    assert_false(exists(f, ".held"));
    assert_true(exists(f, "c2/r1/a_x.txt"));
    check_ok("as ever", storage_remove(f->s, f->a, S("c2/r1/a_x.txt")));
    assert_false(exists(f, "c2/r1"));
    assert_false(exists(f, ".held"));
}

static void what_is_missing_gives_404(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "hello");
    int out = open(path_of(f, "outside"), O_WRONLY | O_CREAT, 0600);
    close(out);
    assert_int_equal(symlink(path_of(f, "outside"), path_of(f, "c1/r1/link.txt")), 0);
    assert_int_equal(symlink("/tmp", path_of(f, "c1/up")), 0);
    static const char *const KEYS[] = {"c1/r1/b_x.txt",  "c1/r2/a_x.txt",   "c2/r1/a_x.txt",
                                       "c1/r1",          "c1/r1/a_x.txt/y", "c1/r1/../r1/a_x.txt",
                                       "../x",           "/etc/passwd",     "",
                                       "c1/r1/link.txt", "c1/up/x",         "c1/r1/a_x.txt.attrs"};
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        int fd;
        BlobInfo info;
        Error *err = storage_open_blob(f->s, f->a, str_from(KEYS[i]), &fd, &info);
        assert_non_null(err);
        check_int(KEYS[i], err->status, 404);
    }
}

static void a_link_in_the_tree_is_not_written_through(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.txt", "hello");
    char *elsewhere = arena_cstr(f->a, str_printf(f->a, "%s/elsewhere", f->folder));
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, path_of(f, "c1/r2")), 0);
    assert_non_null(
        storage_put(f->s, f->a, S("c1/r2/a_x.txt"), -1, S("x"), 1, S("text/plain"), S("a")));
    assert_int_equal(rmdir(elsewhere), 0); /* still empty */

    /* Removing the tree removes the link, not what it points to. */
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    check_ok("remove", storage_remove_prefix(f->s, f->a, S("c1/")));
    assert_false(exists(f, "c1"));
    assert_int_equal(rmdir(elsewhere), 0);
}

static void removing_takes_sidecar_thumbs_and_empty_folder(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.png", "a");
    put(f, "c1/r1/b_x.png", "b");
    put(f, "c1/r1/thumbs_a_x.png/100x100_a_x.png", "thumb");
    put(f, "c1/r10/a_x.png", "other");

    check_ok("remove", storage_remove(f->s, f->a, S("c1/r1/a_x.png")));
    assert_false(exists(f, "c1/r1/a_x.png"));
    assert_false(exists(f, "c1/r1/a_x.png.attrs"));
    assert_false(exists(f, "c1/r1/thumbs_a_x.png"));
    assert_true(exists(f, "c1/r1/b_x.png"));

    check_ok("again", storage_remove(f->s, f->a, S("c1/r1/a_x.png")));
    check_ok("unknown", storage_remove(f->s, f->a, S("c9/r9/a_x.png")));
    check_ok("not a key", storage_remove(f->s, f->a, S("../../etc/passwd")));

    check_ok("last", storage_remove(f->s, f->a, S("c1/r1/b_x.png")));
    assert_false(exists(f, "c1/r1"));
    assert_true(exists(f, "c1/r10/a_x.png"));
}

static void a_prefix_removes_only_what_is_below_it(void **state)
{
    Fixture *f = *state;
    put(f, "c1/r1/a_x.png", "a");
    put(f, "c1/r1/thumbs_a_x.png/100x100_a_x.png", "thumb");
    put(f, "c1/r10/a_x.png", "other");
    check_ok("record", storage_remove_prefix(f->s, f->a, S("c1/r1/")));
    assert_false(exists(f, "c1/r1"));
    assert_true(exists(f, "c1/r10/a_x.png"));
    check_ok("no slash", storage_remove_prefix(f->s, f->a, S("c1/r10")));
    check_ok("root", storage_remove_prefix(f->s, f->a, S("/")));
    check_ok("nothing", storage_remove_prefix(f->s, f->a, S("")));
    check_ok("up", storage_remove_prefix(f->s, f->a, S("../")));
    assert_true(exists(f, "c1/r10/a_x.png"));
    check_ok("collection", storage_remove_prefix(f->s, f->a, S("c1/")));
    assert_false(exists(f, "c1"));
}

static void removing_later_happens_before_the_close(void **state)
{
    Fixture *f = *state;
    for (int i = 0; i < 200; i++) {
        Str key = str_printf(f->a, "c1/r%d/a_x.png", i);
        check_ok("put", storage_put(f->s, f->a, key, -1, S("x"), 1, S("image/png"), S("a")));
    }
    put(f, "c2/r1/a_x.png", "x");
    for (int i = 0; i < 200; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "c1/r%d/a_x.png", i);
        storage_remove_later(f->s, str_from(key)); /* more than the queue takes */
        memset(key, 'z', sizeof(key));             /* it has its own copy */
    }
    storage_remove_prefix_later(f->s, S("c2/"));
    storage_remove_later(f->s, S("../../nothing"));
    storage_close(f->s);
    for (int i = 0; i < 200; i++) {
        assert_false(exists(f, arena_cstr(f->a, str_printf(f->a, "c1/r%d", i))));
    }
    assert_false(exists(f, "c2"));
    check_ok("open again", storage_open(f->a, str_from(path_of(f, "")), f->workers, &f->s));
}

/* A collection made anew has the id of the one that was dropped. */
static void a_removed_collection_is_out_of_the_way_at_once(void **state)
{
    Fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++)
            put(f, arena_cstr(f->a, str_printf(f->a, "c1/r%d/a_x.txt", i)), "old");
        if (round == 1) check_ok("hold", storage_hold(f->s, f->a));
        storage_remove_prefix_later(f->s, S("c1/"));
        assert_false(exists(f, "c1"));
        put(f, "c1/r1/b_x.txt", "new");
        storage_close(f->s);
        check_ok("open again", storage_open(f->a, str_from(path_of(f, "")), f->workers, &f->s));
        check_str("new", read_path(f, "c1/r1/b_x.txt"), "new");
        assert_false(exists(f, "c1/r1/a_x.txt"));
        assert_int_equal(rmdir(path_of(f, ".tmp")), 0); /* nothing is left in it */
        assert_int_equal(mkdir(path_of(f, ".tmp"), 0700), 0);
        storage_close(f->s);
        check_ok("open again", storage_open(f->a, str_from(path_of(f, "")), f->workers, &f->s));
    }
}

static void a_removal_that_was_cut_short_ends_at_the_next_start(void **state)
{
    Fixture *f = *state;
    storage_close(f->s);
    assert_int_equal(mkdir(path_of(f, ".tmp/gone-1"), 0700), 0);
    assert_int_equal(mkdir(path_of(f, ".tmp/gone-1/r1"), 0700), 0);
    for (int i = 0; i < 2; i++) { /* in the background: the end waits for it */
        check_ok("open again", storage_open(f->a, str_from(path_of(f, "")), f->workers, &f->s));
        if (i == 0) storage_close(f->s);
    }
    assert_false(exists(f, ".tmp/gone-1"));
}

typedef struct {
    Arena *a;
    size_t count;
    uint64_t bytes;
    size_t stop_at;
} Seen;

static Error *see(void *arg, Str collection_id, Str record_id, Str file_name, uint64_t size_bytes)
{
    Seen *seen = arg;
    assert_true(str_starts(collection_id, S("c")));
    assert_true(str_starts(record_id, S("r")));
    assert_true(str_ends(file_name, S("_x.txt")));
    seen->count++;
    seen->bytes += size_bytes;
    return seen->count == seen->stop_at ? error_new(seen->a, 400, S("enough")) : NULL;
}

static void walking_visits_every_blob_once(void **state)
{
    Fixture *f = *state;
    Seen none = {.a = f->a};
    check_ok("empty", storage_walk(f->s, f->a, see, &none));
    assert_int_equal(none.count, 0);

    for (int i = 0; i < 700; i++) { /* more than a batch */
        Str key = str_printf(f->a, "c%d/r%d/f%d_x.txt", i % 3, i % 50, i);
        int fd = open(path_of(f, ""), O_RDONLY | O_DIRECTORY);
        close(fd);
        (void)mkdir(path_of(f, arena_cstr(f->a, str_printf(f->a, "c%d", i % 3))), 0700);
        (void)mkdir(path_of(f, arena_cstr(f->a, str_printf(f->a, "c%d/r%d", i % 3, i % 50))), 0700);
        int out = open(path_of(f, arena_cstr(f->a, key)), O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(out, "abc", 3), 3);
        close(out);
    }
    put(f, "c0/r0/thumbs_f0_x.txt/1x1_f0_x.txt", "thumb");
    put(f, "c0/r0/side_x.txt", "abc");
    Seen all = {.a = f->a};
    check_ok("walk", storage_walk(f->s, f->a, see, &all));
    assert_int_equal(all.count, 701);
    assert_int_equal(all.bytes, 701 * 3);

    Seen one = {.a = f->a};
    check_ok("one collection", storage_walk_collection(f->s, f->a, S("c0"), see, &one));
    assert_int_equal(one.count, 234 + 1); /* of 700, every third; and side_x.txt */
    Seen nothing = {.a = f->a};
    check_ok("none", storage_walk_collection(f->s, f->a, S("c9"), see, &nothing));
    check_ok("no name", storage_walk_collection(f->s, f->a, S("../c0"), see, &nothing));
    assert_int_equal(nothing.count, 0);

    Seen some = {.a = f->a, .stop_at = 10};
    assert_non_null(storage_walk(f->s, f->a, see, &some));
    assert_int_equal(some.count, 10);
}

static void opening_sweeps_what_a_crash_left(void **state)
{
    Fixture *f = *state;
    storage_close(f->s);
    int old = open(path_of(f, ".tmp/old"), O_WRONLY | O_CREAT, 0600);
    int fresh = open(path_of(f, ".tmp/fresh"), O_WRONLY | O_CREAT, 0600);
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(futimens(old, long_ago), 0);
    close(old);
    close(fresh);
    check_ok("open", storage_open(f->a, str_from(path_of(f, "")), f->workers, &f->s));
    assert_false(exists(f, ".tmp/old"));
    assert_true(exists(f, ".tmp/fresh"));
}

static void bad_keys_are_not_stored(void **state)
{
    Fixture *f = *state;
    static const char *const KEYS[] = {"../x", "/x", "", "c/r/x.attrs", "c//x", "c/./x", ".tmp/x"};
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        Error *err = storage_put(f->s, f->a, str_from(KEYS[i]), -1, S("x"), 1, S("t/x"), S("x"));
        assert_non_null(err);
        check_int(KEYS[i], err->status, 400);
    }
}

#define test_with_storage(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_storage(what_is_put_can_be_read),
        test_with_storage(the_sidecar_has_pocketbases_form),
        test_with_storage(a_file_is_known_again_and_another_one_is_not),
        test_with_storage(files_are_private),
        test_with_storage(a_descriptor_is_stored_from_its_start),
        test_with_storage(putting_again_replaces),
        test_with_storage(empty_blobs_are_blobs),
        test_with_storage(without_a_sidecar_it_is_just_bytes),
        test_with_storage(what_is_removed_while_held_is_moved_aside),
        test_with_storage(what_is_missing_gives_404),
        test_with_storage(a_link_in_the_tree_is_not_written_through),
        test_with_storage(removing_takes_sidecar_thumbs_and_empty_folder),
        test_with_storage(a_prefix_removes_only_what_is_below_it),
        test_with_storage(a_removed_collection_is_out_of_the_way_at_once),
        test_with_storage(a_removal_that_was_cut_short_ends_at_the_next_start),
        test_with_storage(removing_later_happens_before_the_close),
        test_with_storage(walking_visits_every_blob_once),
        test_with_storage(opening_sweeps_what_a_crash_left),
        test_with_storage(bad_keys_are_not_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
