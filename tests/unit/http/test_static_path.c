/* test_static_path.c - no request leaves the public folder.
 *
 * A folder full of temptations: links to files and folders outside of it, one
 * that goes up, hidden files. 100,000 generated paths are mapped, and what is
 * mapped is opened: each opened file must lie in the folder. */
#include "testing.h"

#include "base/beneath.h"
#include "base/buf.h"
#include "http/static_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *path;
    const char *relative; /* NULL: refused */
} PATHS[] = {
    {"/", "index.html"},
    {"/a", "a"},
    {"/a/", "a/index.html"},
    {"/a/b.css", "a/b.css"},
    {"/a%20b/c", "a b/c"},
    {"/%C3%A9.txt", "\xc3\xa9.txt"},
    {"/a..b", "a..b"},
    {"/...a", NULL},
    {"/.well-known/acme", ".well-known/acme"},
    {"/.well-known/", ".well-known/index.html"},
    {"/.well-known/.x", NULL},
    {"/a/.well-known/x", NULL},
    {"/.well-knownx", NULL},
    {"/.git/config", NULL},
    {"/.env", NULL},
    {"/a/.htaccess", NULL},
    {"/%2egit", NULL},
    {"/..", NULL},
    {"/../x", NULL},
    {"/a/../x", NULL},
    {"/a/..", NULL},
    {"/%2e%2e/x", NULL},
    {"/.%2e/x", NULL},
    {"/a/./b", NULL},
    {"//a", NULL},
    {"/a//b", NULL},
    {"/a//", NULL},
    {"//", NULL},
    {"/a%2fb", NULL},
    {"/a%2Fb", NULL},
    {"/..%2f..%2fetc", NULL},
    {"/%252e%252e/x", "%2e%2e/x"}, /* decoded once, a strange name of our own */
    {"/a%00", NULL},
    {"/a%00.png", NULL},
    {"/a%0a", NULL},
    {"/a%7f", NULL},
    {"/a\\b", NULL},
    {"/..\\x", NULL},
    {"/a%5cb", NULL},
    {"/%zz", NULL},
    {"/%", NULL},
    {"/%4", NULL},
    {"/%ff", NULL},
    {"/%c0%ae%c0%ae/x", NULL},
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
};

static void maps_paths(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        Str relative;
        bool ok = static_path_map(a, str_from(PATHS[i].path), &relative);
        check_bool(PATHS[i].path, ok, PATHS[i].relative != NULL);
        if (!ok) continue;
        check_str(PATHS[i].path, relative, PATHS[i].relative);
        assert_int_equal(relative.ptr[relative.len], 0);
    }
    Str relative;
    Str longest = str_printf(a, "/%0*d", STATIC_SEGMENT_MAX, 0);
    assert_true(static_path_map(a, longest, &relative));
    assert_false(static_path_map(a, str_concat(a, longest, S("0")), &relative));
    Buf deep = buf_new(a, 4096);
    while (deep.len + 2 <= STATIC_PATH_MAX)
        buf_add(&deep, S("/a"));
    assert_true(static_path_map(a, buf_str(&deep), &relative));
    buf_add(&deep, S("/a"));
    assert_false(static_path_map(a, buf_str(&deep), &relative));
}

/* ---- the folder ---- */

static char outside[] = "/tmp/croft-paths-XXXXXX";
static char root[64];

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static const char *in_root(Arena *a, const char *name)
{
    return arena_cstr(a, str_printf(a, "%s/%s", root, name));
}

static int make_folder(void **state)
{
    (void)state;
    Arena *a = arena_create("folder", 0);
    if (!mkdtemp(outside)) return -1;
    (void)snprintf(root, sizeof(root), "%s/public", outside);
    (void)mkdir(root, 0700);
    make_file(arena_cstr(a, str_printf(a, "%s/secret", outside)));
    static const char *const FOLDERS[] = {"a", "a/b", "css", ".git", ".well-known"};
    for (size_t i = 0; i < COUNT(FOLDERS); i++)
        (void)mkdir(in_root(a, FOLDERS[i]), 0700);
    static const char *const FILES[] = {"index.html",  "a/b/c.css", "a/index.html",  "css/x.css",
                                        ".git/config", ".env",      ".well-known/x", "a b"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        make_file(in_root(a, FILES[i]));
    static const char *const LINKS[][2] = {{"../secret", "link"}, {"..", "up"},
                                           {"/", "abs"},          {"/etc/passwd", "passwd"},
                                           {"../../..", "a/up"},  {"b/c.css", "a/inside"},
                                           {"loop", "loop"}};
    for (size_t i = 0; i < COUNT(LINKS); i++) {
        if (symlink(LINKS[i][0], in_root(a, LINKS[i][1])) != 0) return -1;
    }
    arena_destroy(a);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_temporary(outside);
}

/* Where an open descriptor really is. */
static Str real_path(int fd, char *to, size_t size)
{
    char link[64];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, to, size);
    assert_true(len > 0);
    return str_make(to, (size_t)len);
}

static void check_inside(const char *name, int fd)
{
    char path[4096];
    Str real = real_path(fd, path, sizeof(path));
    bool is_inside = str_starts(real, str_from(root)) &&
                     (real.len == strlen(root) || real.ptr[strlen(root)] == '/');
    check_bool(name, is_inside, true);
    check_bool(name, str_find(real, S("/.git")) < 0 && str_find(real, S("/.env")) < 0, true);
}

static Str generate(Arena *a)
{
    static const char *const PIECES[] = {
        "/",        "/",           "/",    "a",      "b",      "css",    "c.css",  "index.html",
        "..",       ".",           "%2e",  "%2E%2e", "%2f",    "..%2f",  "%5c",    "\\",
        "link",     "up",          "abs",  "passwd", "etc",    "secret", ".git",   "config",
        ".env",     ".well-known", "x",    "%00",    "%c0%af", "%252e",  "public", "tmp",
        "a%20b",    "inside",      "loop", "~",      "%u002e", ";",      "%",      "\xe2\x80\xa5",
        "%ef%bc%8e"};
    Buf path = buf_new(a, 128);
    size_t count = 1 + chance_below(8);
    if (chance_below(8)) buf_char(&path, '/');
    for (size_t i = 0; i < count; i++) {
        buf_add(&path, str_from(PIECES[chance_below(COUNT(PIECES))]));
        if (chance_below(2)) buf_char(&path, '/');
    }
    return buf_str(&path);
}

static void no_generated_path_escapes(void **state)
{
    (void)state;
    Arena *a = arena_create("paths", 0);
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    size_t mapped = 0, opened = 0;
    for (int i = 0; i < 100000; i++) {
        arena_reset(a);
        Str path = generate(a), relative;
        if (!static_path_map(a, path, &relative)) continue;
        mapped++;
        int fd = beneath_open(folder, relative.ptr, O_RDONLY | O_NONBLOCK, 0);
        if (fd < 0) continue;
        opened++;
        check_inside(arena_cstr(a, path), fd);
        close(fd);
    }
    close(folder);
    assert_true(mapped > 1000); /* the generator is no dud */
    assert_true(opened > 100);
    arena_destroy(a);
}

/* The kernel's half alone: whatever path it is given. */
static void no_path_at_all_escapes(void **state)
{
    (void)state;
    Arena *a = arena_create("paths", 0);
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 20000; i++) {
        arena_reset(a);
        char *path = arena_cstr(a, generate(a));
        int fd = beneath_open(folder, path, O_RDONLY | O_NONBLOCK | O_PATH, 0);
        if (fd < 0) continue;
        char real[4096];
        check_bool(path, str_starts(real_path(fd, real, sizeof(real)), str_from(root)), true);
        close(fd);
    }
    static const struct {
        const char *path;
        unsigned options;
        int error;
    } CASES[] = {
        {"link", 0, EXDEV},       {"up", 0, EXDEV},           {"abs", 0, EXDEV},
        {"passwd", 0, EXDEV},     {"up/public/a", 0, EXDEV},  {"loop", 0, ELOOP},
        {"a/up/x", 0, EXDEV},     {"a/inside", 0, 0},         {"a/inside", BENEATH_NO_LINKS, ELOOP},
        {"../secret", 0, EINVAL}, {"/etc/passwd", 0, EINVAL}, {"", 0, EINVAL},
        {"a/../a", 0, EINVAL},    {"a/", 0, EINVAL},          {"a//b", 0, EINVAL},
        {"index.html", 0, 0},     {"none", 0, ENOENT},        {"index.html/x", 0, ENOTDIR},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        errno = 0;
        int fd = beneath_open(folder, CASES[i].path, O_RDONLY, CASES[i].options);
        check_int(CASES[i].path, fd < 0 ? errno : 0, CASES[i].error);
        if (fd >= 0) close(fd);
    }
    close(folder);
    arena_destroy(a);
}

static const struct {
    const char *path, *type, *control;
} CONTROLS[] = {
    {"index.html", "text/html; charset=utf-8", "no-cache"},
    {"a/b.json", "application/json", "no-cache"},
    {"robots.txt", "text/plain; charset=utf-8", "no-cache"},
    {"sw.js", "text/javascript; charset=utf-8", "no-cache"},
    {"app.js", "text/javascript; charset=utf-8", "public, max-age=600"},
    {"a.png", "image/png", "public, max-age=600"},
    {"_app/immutable/a.js", "text/javascript", "public, max-age=31536000, immutable"},
    {"immutable/a.html", "text/html", "public, max-age=31536000, immutable"},
    {"notimmutable/a.js", "text/javascript", "public, max-age=600"},
};

static void says_how_long_to_keep(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CONTROLS); i++) {
        check_str(CONTROLS[i].path,
                  static_cache_control(str_from(CONTROLS[i].path), str_from(CONTROLS[i].type)),
                  CONTROLS[i].control);
    }
    assert_true(static_path_has_extension(S("a/b.js")));
    assert_false(static_path_has_extension(S("v1.2/users")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(maps_paths),
        cmocka_unit_test(no_generated_path_escapes),
        cmocka_unit_test(no_path_at_all_escapes),
        cmocka_unit_test(says_how_long_to_keep),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
