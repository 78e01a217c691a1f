/* Files of records: what is stored, refused, replaced, removed (api: files §1,
 * §3, §9), and the sweep at start. */
#include "base/clock.h"
#include "records/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PNG[] =
    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0\x1f\x15\xc4\x89";

static Upload upload(const char *field, const char *name, Str bytes)
{
    return (Upload){.field = str_from(field),
                    .file_name = str_from(name),
                    .content_type = S("application/x-lie"),
                    .size_bytes = bytes.len,
                    .memory = bytes,
                    .fd = -1};
}

static Error *submit(Fixture *f, const char *collection, Str id, const char *json, Upload *uploads,
                     size_t count, Record **out)
{
    RecordChange change = fixture_change(f, collection, id, json, NULL);
    Record *unused;
    change.uploads = uploads;
    change.upload_count = count;
    return id.len ? record_update(&f->app, f->a, &change, out ? out : &unused)
                  : record_create(&f->app, f->a, &change, out ? out : &unused);
}

static bool on_disk(Fixture *f, const Record *r, Str name)
{
    struct stat info;
    Str path = str_printf(f->a, "%.*s/storage/%.*s/%.*s/%.*s", STR_ARG(f->dir),
                          STR_ARG(r->collection->id), STR_ARG(record_id(r)), STR_ARG(name));
    return stat(arena_cstr(f->a, path), &info) == 0;
}

/* Removal goes on in the background. */
static bool gone_soon(Fixture *f, const Record *r, Str name)
{
    for (int i = 0; i < 6000; i++) {
        if (!on_disk(f, r, name)) return true;
        await_sleep(10);
    }
    return false;
}

static Str names(Fixture *f, const Record *r)
{
    Str text = record_str(r, S("docs"));
    char *copy = arena_cstr(f->a, text);
    for (char *p = copy; *p; p++) {
        if (*p == '"') *p = '\'';
    }
    return str_from(copy);
}

static Str name_at(Fixture *f, const Record *r, size_t index)
{
    Json *list = NULL;
    check_ok("list", json_parse(f->a, record_str(r, S("docs")), NULL, &list));
    return json_str(json_at(list, index), S(""));
}

static void make_docs(Fixture *f)
{
    fixture_collection(f, "{'name':'c','fields':[{'name':'docs','type':'file','maxSelect':3},"
                          "{'name':'title','type':'text','max':5},"
                          "{'name':'one','type':'file','maxSize':20},"
                          "{'name':'pic','type':'file','mimeTypes':['image/png']},"
                          "{'name':'must','type':'file'}]}");
}

static void lists(void **state)
{
    Fixture *f = *state;
    make_docs(f);
    Upload two[] = {upload("docs", "a.txt", S("aaa")), upload("docs", "b.txt", S("bbb"))};
    Record *r;
    check_ok("create", submit(f, "c", S(""), "{}", two, 2, &r));
    Str a = name_at(f, r, 0), b = name_at(f, r, 1), id = record_id(r);
    check_bool("a", str_starts(a, S("a")) && str_ends(a, S(".txt")) && on_disk(f, r, a), true);
    check_bool("b", on_disk(f, r, b), true);

    Upload more = upload("docs+", "c.txt", S("ccc"));
    check_ok("append", submit(f, "c", id, "{}", &more, 1, &r));
    check_str("kept", name_at(f, r, 0), arena_cstr(f->a, a));
    Str c = name_at(f, r, 2);
    check_bool("c", on_disk(f, r, c), true);

    check_fault("too many", submit(f, "c", id, "{}", &more, 1, NULL), "docs",
                "validation_too_many_files");
    Str json = str_printf(f->a, "{'docs-':'%.*s'}", STR_ARG(a));
    check_ok("remove", submit(f, "c", id, arena_cstr(f->a, json), NULL, 0, &r));
    check_bool("a is gone", gone_soon(f, r, a), true);
    check_bool("b stays", on_disk(f, r, b), true);

    json = str_printf(f->a, "{'docs':['%.*s']}", STR_ARG(c));
    Upload last = upload("docs", "d.txt", S("ddd"));
    check_ok("keep one, add one", submit(f, "c", id, arena_cstr(f->a, json), &last, 1, &r));
    check_str("kept first", name_at(f, r, 0), arena_cstr(f->a, c));
    check_bool("b is gone", gone_soon(f, r, b), true);

    Upload first = upload("+docs", "e.txt", S("eee"));
    check_ok("prepend", submit(f, "c", id, "{}", &first, 1, &r));
    check_bool("e", str_starts(name_at(f, r, 0), S("e")), true);
    check_str("then c", name_at(f, r, 1), arena_cstr(f->a, c));

    check_fault("unknown name", submit(f, "c", id, "{'docs':['new.txt']}", NULL, 0, NULL), "docs",
                "validation_invalid_file");
    Upload only = upload("docs", "f.txt", S("fff"));
    check_ok("replace", submit(f, "c", id, "{}", &only, 1, &r));
    check_bool("c is gone", gone_soon(f, r, c), true);
    check_ok("clear", submit(f, "c", id, "{'docs':null}", NULL, 0, &r));
    check_str("empty", names(f, r), "[]");
}

static void singles(void **state)
{
    Fixture *f = *state;
    make_docs(f);
    Upload two[] = {upload("one", "a.txt", S("a")), upload("one", "b.txt", S("b"))};
    Record *r;
    check_ok("last of two", submit(f, "c", S(""), "{}", two, 2, &r));
    Str b = record_str(r, S("one")), id = record_id(r);
    check_bool("b", str_starts(b, S("b")) && on_disk(f, r, b), true);
    Upload prepended = upload("+one", "c.txt", S("c"));
    check_ok("prepend", submit(f, "c", id, "{}", &prepended, 1, &r));
    check_str("is nothing", record_str(r, S("one")), arena_cstr(f->a, b));
    Upload added = upload("one+", "d.txt", S("d"));
    check_ok("add", submit(f, "c", id, "{}", &added, 1, &r));
    check_bool("replaces", str_starts(record_str(r, S("one")), S("d")), true);
    check_bool("b is gone", gone_soon(f, r, b), true);
    Str d = record_str(r, S("one"));
    check_ok("delete", fixture_delete(f, "c", id, NULL));
    check_bool("folder", gone_soon(f, r, d), true);
}

static void refusals(void **state)
{
    Fixture *f = *state;
    make_docs(f);
    Upload large = upload("one", "a.txt", S("0123456789012345678901"));
    Error *err = submit(f, "c", S(""), "{}", &large, 1, NULL);
    check_fault("size", err, "one", "validation_file_size_limit");
    check_int("maxSize", json_number(json_get(err->params, S("maxSize")), 0), 20);
    Upload lie = upload("pic", "x.png", S("just text"));
    check_fault("type", submit(f, "c", S(""), "{}", &lie, 1, NULL), "pic",
                "validation_invalid_mime_type");
    Upload png = upload("pic", "noextension", str_make(PNG, sizeof(PNG) - 1));
    Record *r;
    check_ok("png", submit(f, "c", S(""), "{}", &png, 1, &r));
    check_bool("extension", str_ends(record_str(r, S("pic")), S(".png")), true);
    check_bool("stored", on_disk(f, r, record_str(r, S("pic"))), true);
    Upload unknown = upload("nofield", "x.txt", S("x"));
    check_ok("no such field", submit(f, "c", S(""), "{}", &unknown, 1, NULL));
}

/* A folder of the collection holds nothing of a record that was not written. */
static size_t folders(Fixture *f)
{
    Str path =
        str_printf(f->a, "%.*s/storage/%.*s", STR_ARG(f->dir), STR_ARG(fixture_find(f, "c")->id));
    struct stat info;
    if (stat(arena_cstr(f->a, path), &info) != 0) return 0;
    return (size_t)info.st_nlink - 2;
}

static void failed_writes_leave_nothing(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'c','fields':[{'name':'docs','type':'file','maxSelect':3},"
                          "{'name':'u','type':'text'}],"
                          "'indexes':['CREATE UNIQUE INDEX iu ON c (u)']}");
    fixture_create(f, "c", "{'u':'x'}");
    Upload one = upload("docs", "a.txt", S("a"));
    check_fault("not unique", submit(f, "c", S(""), "{'u':'x'}", &one, 1, NULL), "u",
                "validation_not_unique");
    for (int i = 0; i < 6000 && folders(f) > 0; i++)
        await_sleep(10);
    check_int("removed", folders(f), 0);
}

static void sweeps(void **state)
{
    Fixture *f = *state;
    make_docs(f);
    await_sleep(20); /* files are stamped by a clock that ticks: by now after the database */
    Upload two[] = {upload("docs", "a.txt", S("a")), upload("docs", "b.txt", S("b"))};
    Record *r;
    check_ok("create", submit(f, "c", S(""), "{}", two, 2, &r));
    Str a = name_at(f, r, 0), b = name_at(f, r, 1);
    Str prefix = str_printf(f->a, "%.*s/%.*s/", STR_ARG(r->collection->id), STR_ARG(record_id(r)));
    check_ok("orphan", storage_put(f->app.storage, f->a, str_concat(f->a, prefix, S("orphan.txt")),
                                   -1, S("x"), 1, S("text/plain"), S("o")));
    check_ok("foreign", storage_put(f->app.storage, f->a, S("nocollection/norecord/x.txt"), -1,
                                    S("x"), 1, S("text/plain"), S("o")));
    check_ok("missing", storage_remove(f->app.storage, f->a, str_concat(f->a, prefix, b)));

    Str before = S("another/database/y.txt");
    check_ok("older",
             storage_put(f->app.storage, f->a, before, -1, S("x"), 1, S("text/plain"), S("o")));
    Str path = str_printf(f->a, "%.*s/storage/%.*s", STR_ARG(f->dir), STR_ARG(before));
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, arena_cstr(f->a, path), times, 0), 0);

    size_t orphans, missing;
    check_ok("young",
             records_sweep_files(&f->app, f->a, clock_wall_ms() - 3600000, &orphans, &missing));
    check_int("young orphans stay", orphans, 0);
    check_int("missing", missing, 1);
    check_ok("old", records_sweep_files(&f->app, f->a, clock_wall_ms() + 1000, &orphans, &missing));
    check_int("orphans", orphans, 2);
    check_bool("orphan", on_disk(f, r, S("orphan.txt")), false);
    check_bool("a stays", on_disk(f, r, a), true);
    check_int("older than the database stays", access(arena_cstr(f->a, path), F_OK), 0);
}

/* Rows put in by SQL: each names one file that there is not, in much space. */
static Error *large_work(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(
        tx,
        S("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) "
          "INSERT INTO large (id, title, docs) SELECT printf('id%013d', i), "
          "CASE WHEN i <= 210 THEN printf('%200000s', 'x') ELSE '' END, "
          "printf('[\"%d.txt\"%*s]', i, CASE WHEN i > 210 THEN 200000 ELSE 1 END, ' ') FROM n"));
}

typedef struct {
    size_t missing, rows, blobs;
} Seen;

static Error *see_blob(void *arg, const FileSeen *file)
{
    Seen *seen = arg;
    seen->missing += file->is_missing;
    seen->blobs += !file->is_missing;
    return NULL;
}

static Error *see_row(void *arg)
{
    ((Seen *)arg)->rows++;
    return NULL;
}

static void large_rows_are_looked_at_too(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'large','fields':[{'name':'title','type':'text'},"
                          "{'name':'docs','type':'file','maxSelect':99}]}");
    check_ok("rows", db_write_alone(f->app.db, f->a, 0, large_work, NULL));
    Str key = str_printf(f->a, "%.*s/id0000000000007/7.txt", STR_ARG(fixture_find(f, "large")->id));
    check_ok("one is there",
             storage_put(f->app.storage, f->a, key, -1, S("x"), 1, S("text/plain"), S("o")));
    size_t orphans, missing;
    check_ok("sweep",
             records_sweep_files(&f->app, f->a, clock_wall_ms() + 1000, &orphans, &missing));
    check_int("orphans", orphans, 0);
    check_int("missing", missing, 449);
    Seen seen = {0};
    const FileScan scan = {see_blob, see_row, &seen};
    check_ok("scan", records_scan_files(&f->app, f->a, &scan));
    check_int("missing", seen.missing, 449);
    check_int("rows", seen.rows, 450);
    check_int("blobs", seen.blobs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(lists),    test_with_app(singles),
        test_with_app(refusals), test_with_app(failed_writes_leave_nothing),
        test_with_app(sweeps),   test_with_app(large_rows_are_looked_at_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
