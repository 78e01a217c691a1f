/* test_static.c - the static site and res_file() through a real connection. */
#include "harness.h"

#include "base/buf.h"

#include <fcntl.h>
#include <sys/stat.h>

#define TEN "0123456789"

static World world;
static char folder[] = "/tmp/croft-static-XXXXXX";
static char public_dir[64];

/* ---- a site ---- */

static const char *path_to(Arena *a, const char *name)
{
    return arena_cstr(a, str_printf(a, "%s/%s", public_dir, name));
}

static void write_file(Arena *a, const char *name, Str text, int64_t modified_s)
{
    int fd = open(path_to(a, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    struct timespec times[2] = {{.tv_sec = modified_s}, {.tv_sec = modified_s}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static Str text_of(Arena *a, size_t len)
{
    char *bytes = arena_bytes(a, len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = "body { color: red; }\n"[i % 21];
    return str_make(bytes, len);
}

#define MODIFIED_S 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define MODIFIED   "Sun, 06 Nov 1994 08:49:37 GMT"

static void make_site(Arena *a)
{
    static const char *const FOLDERS[] = {"", "docs", "empty", ".git", ".well-known"};
    for (size_t i = 0; i < COUNT(FOLDERS); i++)
        (void)mkdir(path_to(a, FOLDERS[i]), 0700);
    write_file(a, "index.html", S("<h1>home</h1>"), MODIFIED_S);
    write_file(a, "docs/index.html", S("<h1>docs</h1>"), MODIFIED_S);
    write_file(a, "ten.bin", S(TEN), MODIFIED_S);
    write_file(a, "zero.bin", S(""), MODIFIED_S);
    write_file(a, ".git/config", S("secret"), MODIFIED_S);
    write_file(a, ".env", S("secret"), MODIFIED_S);
    write_file(a, ".well-known/x.txt", S("known"), MODIFIED_S);
    write_file(a, "a b.txt", S("blank"), MODIFIED_S);
    write_file(a, "site.css", text_of(a, 5000), MODIFIED_S);
    write_file(a, "tiny.css", text_of(a, 500), MODIFIED_S);
    write_file(a, "large.bin", text_of(a, 100000), MODIFIED_S);
    write_file(a, "ready.js", text_of(a, 3000), MODIFIED_S);
    write_file(a, "ready.js.br", S("as brotli"), MODIFIED_S);
    write_file(a, "ready.js.gz", S("as gzip"), MODIFIED_S + 5);
    write_file(a, "stale.js", text_of(a, 300), MODIFIED_S);
    write_file(a, "stale.js.br", S("older"), MODIFIED_S - 5);
    write_file(a, "../secret.txt", S("secret"), MODIFIED_S);
    assert_int_equal(symlink("../secret.txt", path_to(a, "link.txt")), 0);
    assert_int_equal(symlink("ten.bin", path_to(a, "inside.bin")), 0);
    assert_int_equal(mkfifo(path_to(a, "pipe"), 0600), 0);
}

static Error *handle_file(Req *req, Res *res)
{
    Arena *a = req->arena;
    int fd = open(path_to(a, "ten.bin"), O_RDONLY | O_CLOEXEC);
    ResFile file = {.fd = fd,
                    .owned = true,
                    .size_bytes = 10,
                    .etag = S("\"tag\""),
                    .modified_ms = MODIFIED_S * INT64_C(1000),
                    .content_type = S("x/y")};
    res_header(res, S("Cache-Control"), S("max-age=1"));
    return res_file(res, &file);
}

static const Route ROUTES[] = {{"GET", "/api/file", handle_file, 0, NULL}};

static int start(void **state)
{
    (void)state;
    Arena *a = arena_create("site", 0);
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(public_dir, sizeof(public_dir), "%s/public", folder);
    make_site(a);
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    world_start(
        &world,
        (HttpConfig){.tables = &table, .table_count = 1, .public_dir = str_from(public_dir)});
    arena_destroy(a);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    return remove_temporary(folder);
}

/* One request on a connection of its own; extra headers end in CRLF. */
static void ask_on(const World *w, const char *method, const char *target, const char *headers,
                   Answer *answer)
{
    char request[1024];
    int fd = dial(w);
    (void)snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target,
                   headers);
    assert_true(send_text(fd, request));
    assert_true(read_answer(fd, strcmp(method, "HEAD") == 0, answer));
    close(fd);
}

static void ask(const char *method, const char *target, const char *headers, Answer *answer)
{
    ask_on(&world, method, target, headers, answer);
}

/* ---- what is found ---- */

static const struct {
    const char *method, *target;
    int status;
    const char *body; /* NULL: not looked at */
    const char *type, *location;
} FOUND[] = {
    {"GET", "/", 200, "<h1>home</h1>", "text/html; charset=utf-8", NULL},
    {"GET", "/?x=1", 200, "<h1>home</h1>", "text/html; charset=utf-8", NULL},
    {"GET", "/index.html", 200, "<h1>home</h1>", "text/html; charset=utf-8", NULL},
    {"HEAD", "/", 200, "", "text/html; charset=utf-8", NULL},
    {"GET", "/docs/", 200, "<h1>docs</h1>", "text/html; charset=utf-8", NULL},
    {"GET", "/docs", 301, NULL, NULL, "./docs/"},
    {"GET", "/docs?a=b&c", 301, NULL, NULL, "./docs/?a=b&c"},
    {"GET", "/empty", 301, NULL, NULL, "./empty/"},
    {"GET", "/empty/", 404, NULL, NULL, NULL},
    {"GET", "/ten.bin", 200, TEN, "application/octet-stream", NULL},
    {"GET", "/ten.bin/", 404, NULL, NULL, NULL},
    {"GET", "/ten.bin/x", 404, NULL, NULL, NULL},
    {"GET", "/zero.bin", 200, "", "application/octet-stream", NULL},
    {"GET", "/a%20b.txt", 200, "blank", "text/plain; charset=utf-8", NULL},
    {"GET", "/.well-known/x.txt", 200, "known", "text/plain; charset=utf-8", NULL},
    {"GET", "/inside.bin", 200, TEN, "application/octet-stream", NULL},
    {"GET", "/link.txt", 404, NULL, NULL, NULL},
    {"GET", "/pipe", 404, NULL, NULL, NULL},
    {"GET", "/.git/config", 404, NULL, NULL, NULL},
    {"GET", "/.env", 404, NULL, NULL, NULL},
    {"GET", "/..%2fsecret.txt", 404, NULL, NULL, NULL},
    {"GET", "/%2e%2e/secret.txt", 404, NULL, NULL, NULL},
    {"GET", "/docs/../ten.bin", 404, NULL, NULL, NULL},
    {"GET", "//docs/", 404, NULL, NULL, NULL},
    {"GET", "/none", 404, NULL, "application/json", NULL},
    {"GET", "/api/none", 404, NULL, "application/json", NULL},
    {"POST", "/ten.bin", 404, NULL, NULL, NULL},
    {"DELETE", "/ten.bin", 404, NULL, NULL, NULL},
};

static void finds_files_and_folders(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    for (int round = 0; round < 2; round++) { /* from disk, then from memory */
        for (size_t i = 0; i < COUNT(FOUND); i++) {
            const char *name = FOUND[i].target;
            ask(FOUND[i].method, name, "", answer);
            check_int(name, answer->status, FOUND[i].status);
            if (FOUND[i].body) check_str(name, answer->body, FOUND[i].body);
            if (FOUND[i].type) {
                check_str(name, answer_header(answer, "content-type"), FOUND[i].type);
            }
            if (FOUND[i].location) {
                check_str(name, answer_header(answer, "location"), FOUND[i].location);
            }
            check_str(name, answer_header(answer, "x-content-type-options"), "nosniff");
        }
    }
    free(answer);
}

static void large_files_come_whole(void **state)
{
    Arena *a = *state;
    Answer *answer = malloc(sizeof(*answer));
    for (int i = 0; i < 3; i++) {
        ask("GET", "/large.bin", "", answer);
        assert_int_equal(answer->status, 200);
        assert_true(str_eq(answer->body, text_of(a, 100000)));
    }
    free(answer);
}

/* ---- codings ---- */

static const struct {
    const char *target, *accept;
    const char *coding; /* "" = as it is */
    const char *body;   /* NULL: not looked at */
    bool varies;
} CODED[] = {
    {"/site.css", "", "", NULL, true},
    {"/site.css", "Accept-Encoding: gzip\r\n", "gzip", NULL, true},
    {"/site.css", "Accept-Encoding: gzip, br\r\n", "br", NULL, true},
    {"/site.css", "Accept-Encoding: br;q=0.1, gzip\r\n", "gzip", NULL, true},
    {"/site.css", "Accept-Encoding: gzip;q=0\r\n", "", NULL, true},
    {"/tiny.css", "Accept-Encoding: gzip, br\r\n", "", NULL, true},
    {"/large.bin", "Accept-Encoding: gzip, br\r\n", "", NULL, false},
    {"/ready.js", "Accept-Encoding: gzip, br\r\n", "br", "as brotli", true},
    {"/ready.js", "Accept-Encoding: gzip\r\n", "gzip", "as gzip", true},
    {"/ready.js", "", "", NULL, true},
    {"/stale.js", "Accept-Encoding: br\r\n", "", NULL, true},
};

static void picks_the_coding(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(CODED); i++) {
            const char *name = CODED[i].target;
            ask("GET", name, CODED[i].accept, answer);
            check_int(name, answer->status, 200);
            Str coding = answer_header(answer, "content-encoding");
            check_str(name, coding.ptr ? coding : S(""), CODED[i].coding);
            if (CODED[i].body) check_str(name, answer->body, CODED[i].body);
            check_bool(name, str_find(answer->head, S("Accept-Encoding")) >= 0, CODED[i].varies);
            check_bool(name, str_find(answer->head, S("Origin")) >= 0, true);
        }
    }
    free(answer);
}

/* ---- conditions and ranges ---- */

static const struct {
    const char *target, *headers;
    int status;
    const char *body, *content_range; /* NULL: not looked at */
} RANGED[] = {
    {"/api/file", "", 200, TEN, NULL},
    {"/api/file", "Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"},
    {"/api/file", "Range: bytes=-3\r\n", 206, "789", "bytes 7-9/10"},
    {"/api/file", "Range: bytes=7-\r\n", 206, "789", "bytes 7-9/10"},
    {"/api/file", "Range: bytes=10-\r\n", 416, "", "bytes */10"},
    {"/api/file", "Range: lines=1-2\r\n", 200, TEN, NULL},
    {"/api/file", "Range: bytes=0-5,3-8\r\n", 200, TEN, NULL},
    {"/api/file", "If-None-Match: \"tag\"\r\n", 304, "", NULL},
    {"/api/file", "If-None-Match: \"x\"\r\nIf-None-Match: \"tag\"\r\n", 304, "", NULL},
    {"/api/file", "If-None-Match: \"x\"\r\n", 200, TEN, NULL},
    {"/api/file", "If-Modified-Since: " MODIFIED "\r\n", 304, "", NULL},
    {"/api/file", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412, "", NULL},
    {"/api/file", "If-Match: \"x\"\r\n", 412, "", NULL},
    {"/api/file", "If-Match: \"tag\"\r\nRange: bytes=0-0\r\n", 206, "0", "bytes 0-0/10"},
    {"/api/file", "If-Range: \"tag\"\r\nRange: bytes=0-0\r\n", 206, "0", "bytes 0-0/10"},
    {"/api/file", "If-Range: \"x\"\r\nRange: bytes=0-0\r\n", 200, TEN, NULL},
    {"/api/file", "If-Range: " MODIFIED "\r\nRange: bytes=0-0\r\n", 206, "0", "bytes 0-0/10"},
    {"/api/file", "If-None-Match: \"tag\"\r\nRange: bytes=0-0\r\n", 304, "", NULL},
    {"/ten.bin", "Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"},
    {"/ten.bin", "Range: bytes=20-\r\n", 416, "", "bytes */10"},
    {"/ten.bin", "If-Modified-Since: " MODIFIED "\r\n", 304, "", NULL},
    {"/zero.bin", "Range: bytes=0-0\r\n", 200, "", NULL},
    {"/large.bin", "Range: bytes=99990-\r\n", 206, NULL, "bytes 99990-99999/100000"},
    /* What is coded has no ranges. */
    {"/ready.js", "Accept-Encoding: br\r\nRange: bytes=0-1\r\n", 200, "as brotli", NULL},
};

static void answers_conditions_and_ranges(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    for (size_t i = 0; i < COUNT(RANGED); i++) {
        ask("GET", RANGED[i].target, RANGED[i].headers, answer);
        const char *name = RANGED[i].headers;
        check_int(name, answer->status, RANGED[i].status);
        if (RANGED[i].body) check_str(name, answer->body, RANGED[i].body);
        if (RANGED[i].content_range) {
            check_str(name, answer_header(answer, "content-range"), RANGED[i].content_range);
        }
        bool keeps_validators = answer->status != 412;
        check_bool(name, answer_header(answer, "etag").ptr != NULL, keeps_validators);
    }
    ask("HEAD", "/api/file", "Range: bytes=0-0\r\n", answer);
    assert_int_equal(answer->status, 200);
    check_str("head", answer_header(answer, "content-length"), "10");
    check_str("head", answer_header(answer, "accept-ranges"), "bytes");
    check_str("head", answer_header(answer, "last-modified"), MODIFIED);
    free(answer);
}

static void several_ranges_come_in_parts(void **state)
{
    Arena *a = *state;
    Answer *answer = malloc(sizeof(*answer));
    static const char *const TARGETS[] = {"/api/file", "/ten.bin"};
    for (size_t i = 0; i < COUNT(TARGETS); i++) {
        ask("GET", TARGETS[i], "Range: bytes=0-1,-2\r\n", answer);
        assert_int_equal(answer->status, 206);
        Str type = answer_header(answer, "content-type");
        assert_true(str_starts(type, S("multipart/byteranges; boundary=")));
        Str boundary = str_from_pos(type, 31);
        const char *part_type = i == 0 ? "x/y" : "application/octet-stream";
        Str expected = str_printf(
            a,
            "--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
            "--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--%.*s--\r\n",
            STR_ARG(boundary), part_type, STR_ARG(boundary), part_type, STR_ARG(boundary));
        check_str("parts", answer->body, arena_cstr(a, expected));
    }
    free(answer);
}

static void validators_lead_to_304(void **state)
{
    Arena *a = *state;
    Answer *answer = malloc(sizeof(*answer));
    static const char *const CODINGS[] = {"", "Accept-Encoding: gzip\r\n",
                                          "Accept-Encoding: br\r\n"};
    Str tags[COUNT(CODINGS)];
    for (size_t i = 0; i < COUNT(CODINGS); i++) {
        ask("GET", "/site.css", CODINGS[i], answer);
        tags[i] = arena_copy(a, answer_header(answer, "etag"));
        assert_true(tags[i].len > 2);
        check_str("css", answer_header(answer, "cache-control"), "public, max-age=600");
        Str headers = str_printf(a, "%sIf-None-Match: %.*s\r\n", CODINGS[i], STR_ARG(tags[i]));
        ask("GET", "/site.css", arena_cstr(a, headers), answer);
        assert_int_equal(answer->status, 304);
        check_str("304", answer_header(answer, "etag"), arena_cstr(a, tags[i]));
        check_str("304", answer_header(answer, "cache-control"), "public, max-age=600");
    }
    assert_false(str_eq(tags[0], tags[1]));
    assert_false(str_eq(tags[1], tags[2]));
    free(answer);
}

/* ---- changes on disk ---- */

static bool becomes(const char *target, const char *headers, int status, const char *body)
{
    Answer *answer = malloc(sizeof(*answer));
    bool same = false;
    for (int i = 0; i < 400 && !same; i++) { /* at most a second stale */
        if (i > 0) (void)usleep(100000);
        ask("GET", target, headers, answer);
        same = answer->status == status && (!body || str_eq(answer->body, str_from(body)));
    }
    free(answer);
    return same;
}

static void notices_changes_within_a_second(void **state)
{
    Arena *a = *state;
    write_file(a, "news.html", S("old"), MODIFIED_S);
    assert_true(becomes("/news.html", "", 200, "old"));
    write_file(a, "news.html", S("new"), MODIFIED_S + 1);
    assert_true(becomes("/news.html", "", 200, "new"));
    assert_int_equal(unlink(path_to(a, "news.html")), 0);
    assert_true(becomes("/news.html", "", 404, NULL));
    write_file(a, "news.html", S("again"), MODIFIED_S);
    assert_true(becomes("/news.html", "", 200, "again"));
}

static void follows_the_folder_when_it_is_switched(void **state)
{
    Arena *a = *state;
    const char *aside = arena_cstr(a, str_printf(a, "%s/aside", folder));
    assert_true(becomes("/ten.bin", "", 200, TEN));
    assert_int_equal(rename(public_dir, aside), 0);
    assert_true(becomes("/ten.bin", "", 404, NULL));
    assert_int_equal(mkdir(public_dir, 0700), 0);
    write_file(a, "ten.bin", S("other"), MODIFIED_S);
    assert_true(becomes("/ten.bin", "", 200, "other"));
    assert_int_equal(unlink(path_to(a, "ten.bin")), 0);
    assert_int_equal(rmdir(public_dir), 0);
    assert_int_equal(rename(aside, public_dir), 0);
    assert_true(becomes("/ten.bin", "", 200, TEN));
}

/* Many connections want the same file that nobody has loaded yet. */
static void one_load_serves_all_who_wait(void **state)
{
    Arena *a = *state;
    write_file(a, "popular.css", text_of(a, 60000), MODIFIED_S);
    Answer *answer = malloc(sizeof(*answer));
    int fds[50];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(&world);
        assert_true(send_text(fds[i], "GET /popular.css HTTP/1.1\r\nHost: x\r\n"
                                      "Accept-Encoding: br\r\n\r\n"));
    }
    for (size_t i = 0; i < COUNT(fds); i++) {
        assert_true(read_answer(fds[i], false, answer));
        assert_int_equal(answer->status, 200);
        check_str("coding", answer_header(answer, "content-encoding"), "br");
        close(fds[i]);
    }
    free(answer);
}

static void an_application_has_one_page(void **state)
{
    (void)state;
    World spa = {0};
    world_start(&spa, (HttpConfig){.public_dir = str_from(public_dir), .spa_fallback = true});
    static const struct {
        const char *target;
        int status;
    } rows[] = {{"/users/7", 200}, {"/users/", 200}, {"/empty/", 200}, {"/none.js", 404},
                {"/api/x", 404},   {"/.git/x", 404}, {"/docs", 301},   {"/", 200}};
    Answer *answer = malloc(sizeof(*answer));
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask_on(&spa, "GET", rows[i].target, "", answer);
        check_int(rows[i].target, answer->status, rows[i].status);
        if (rows[i].status == 200) check_str(rows[i].target, answer->body, "<h1>home</h1>");
    }
    free(answer);
    world_stop(&spa);
}

static void without_a_folder_there_is_nothing(void **state)
{
    (void)state;
    World none = {0};
    world_start(&none, (HttpConfig){.public_dir = S("/nonexistent/folder")});
    Answer *answer = malloc(sizeof(*answer));
    ask_on(&none, "GET", "/", "", answer);
    assert_int_equal(answer->status, 404);
    free(answer);
    world_stop(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files_and_folders),
        test_with_arena(large_files_come_whole),
        cmocka_unit_test(picks_the_coding),
        cmocka_unit_test(answers_conditions_and_ranges),
        test_with_arena(several_ranges_come_in_parts),
        test_with_arena(validators_lead_to_304),
        test_with_arena(notices_changes_within_a_second),
        test_with_arena(follows_the_folder_when_it_is_switched),
        test_with_arena(one_load_serves_all_who_wait),
        cmocka_unit_test(an_application_has_one_page),
        cmocka_unit_test(without_a_folder_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
