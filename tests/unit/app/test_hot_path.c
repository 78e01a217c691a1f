/* test_hot_path.c - what surrounds every request costs no SQL when nothing changed:
 * the caller's record, the settings, the schema. */
#include "testing.h"

#include "app/context.h"
#include "app/modules.h"
#include "app/site.h"
#include "http/harness.h"

#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 50

typedef struct {
    Arena *a;
    char dir[64];
    Site site;
    World world;
    Answer answer;
    Str token;
    const char *body_type; /* NULL: JSON */
} Fixture;

static int ask(Fixture *f, const char *method, const char *target, Str body)
{
    Buf out = buf_new(f->a, 1024);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", method, target);
    if (f->token.len) buf_printf(&out, "Authorization: %.*s\r\n", STR_ARG(f->token));
    if (body.len)
        buf_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                   f->body_type ? f->body_type : "application/json", body.len);
    buf_add(&out, S("\r\n"));
    buf_add(&out, body);
    int fd = dial(&f->world);
    assert_true(send_bytes(fd, out.ptr, out.len));
    assert_true(read_answer(fd, false, &f->answer));
    close(fd);
    return f->answer.status;
}

static int setup(void **state)
{
    static Fixture f;
    static RouteTable tables[MODULES_MAX];
    f = (Fixture){.a = arena_create("test", 64 << 20), .dir = "/tmp/croft-test-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    check_ok("open", site_open(f.a, str_from(f.dir), S(""), 1, &f.site));
    bool created;
    check_ok("owner",
             superuser_upsert(&f.site.app, f.a, S("o@example.com"), S("owner-password"), &created));
    world_start(&f.world, (HttpConfig){.tables = tables,
                                       .table_count = modules_routes(tables),
                                       .app = &f.site.app,
                                       .before = context_before,
                                       .filter_json = context_filter_json,
                                       .after = context_after});
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    world_stop(&f->world);
    site_close(&f->site);
    arena_destroy(f->a);
    return remove_temporary(f->dir);
}

static void sign_in(Fixture *f)
{
    Str body = S("{\"identity\":\"o@example.com\",\"password\":\"owner-password\"}");
    check_int("sign-in", ask(f, "POST", "/api/collections/_superusers/auth-with-password", body),
              200);
    Json *answer;
    check_ok("answer", json_parse(f->a, f->answer.body, NULL, &answer));
    f->token = arena_copy(f->a, json_str(json_get(answer, S("token")), S("")));
    assert_true(f->token.len > 0);
}

static uint64_t reads(const Fixture *f)
{
    DbStats stats = db_stats(f->site.app.db);
    return stats.fast_reads + stats.slow_reads + stats.writes;
}

static const struct {
    const char *name, *target;
    uint64_t each; /* transactions a request may take */
} ROWS[] = {
    {"caller, settings", "/api/settings", 0},
    {"caller, health", "/api/health", 0},
    {"schema", "/api/collections/meta/scaffolds", 0},
    {"jobs", "/api/crons", 0},
    {"the record alone", "/api/collections/users/records?perPage=1", 1},
    {"the collection is cached", "/api/collections/users/auth-methods", 0},
};

static void nothing_is_looked_up_twice(void **state)
{
    Fixture *f = *state;
    sign_in(f);
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        check_int(ROWS[i].name, ask(f, "GET", ROWS[i].target, S("")), 200); /* learns the caller */
        uint64_t before = reads(f);
        for (int round = 0; round < ROUNDS; round++)
            check_int(ROWS[i].name, ask(f, "GET", ROWS[i].target, S("")), 200);
        check_int(ROWS[i].name, reads(f) - before, ROWS[i].each * ROUNDS);
    }
}

/* A file of a record: neither the record nor the file is asked again. */
static const char UPLOAD[] =
    "--b\r\nContent-Disposition: form-data; name=\"doc\"; "
    "filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";

static void a_file_is_looked_up_once(void **state)
{
    Fixture *f = *state;
    sign_in(f);
    check_int("collection",
              ask(f, "POST", "/api/collections",
                  S("{\"name\":\"docs\",\"type\":\"base\",\"fields\":[{\"name\":\"doc\","
                    "\"type\":\"file\",\"maxSelect\":1}]}")),
              200);
    f->body_type = "multipart/form-data; boundary=b";
    check_int("upload", ask(f, "POST", "/api/collections/docs/records", str_from(UPLOAD)), 200);
    f->body_type = NULL;
    Json *record;
    check_ok("answer", json_parse(f->a, f->answer.body, NULL, &record));
    Str id = arena_copy(f->a, json_str(json_get(record, S("id")), S("")));
    Str name = arena_copy(f->a, json_str(json_get(record, S("doc")), S("")));
    const char *target =
        arena_cstr(f->a, str_printf(f->a, "/api/files/docs/%.*s/%.*s", STR_ARG(id), STR_ARG(name)));
    check_int("first", ask(f, "GET", target, S("")), 200);
    uint64_t before = reads(f);
    for (int round = 0; round < ROUNDS; round++) {
        check_int("again", ask(f, "GET", target, S("")), 200);
        check_str("bytes", f->answer.body, "hello");
    }
    check_int("no transaction", reads(f) - before, 0);
    const char *row =
        arena_cstr(f->a, str_printf(f->a, "/api/collections/docs/records/%.*s", STR_ARG(id)));
    check_int("delete", ask(f, "DELETE", row, S("")), 204);
    check_int("gone", ask(f, "GET", target, S("")), 404);
}

/* And a change is seen at once: the caller is looked up anew, once. */
static void a_change_is_noticed(void **state)
{
    Fixture *f = *state;
    sign_in(f);
    check_int("before", ask(f, "GET", "/api/settings", S("")), 200);
    check_int("change", ask(f, "PATCH", "/api/settings", S("{\"meta\":{\"appName\":\"New\"}}")),
              200);
    check_int("after", ask(f, "GET", "/api/settings", S("")), 200);
    assert_true(str_find(f->answer.body, S("\"appName\":\"New\"")) >= 0);
    bool created;
    check_ok("password", superuser_upsert(&f->site.app, f->a, S("o@example.com"),
                                          S("other-password"), &created));
    check_int("signed out", ask(f, "GET", "/api/settings", S("")), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_looked_up_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_looked_up_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_noticed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
