/* test_site.c - a data folder opened: superusers by command, tokens and their
 * end, the installer account, and orders through control.sock. */
#include "testing.h"

#include "app/commands.h"
#include "app/context.h"
#include "app/control.h"
#include "app/site.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Arena *a;
    char dir[64];
    Site site;
} Fixture;

static int site_setup(void **state)
{
    static Fixture f;
    f = (Fixture){.a = arena_create("test", 64 << 20), .dir = "/tmp/croft-test-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    check_ok("open", site_open(f.a, str_from(f.dir), S(""), 1, &f.site));
    *state = &f;
    return 0;
}

static int site_teardown(void **state)
{
    Fixture *f = *state;
    site_close(&f->site);
    arena_destroy(f->a);
    return remove_temporary(f->dir);
}

#define test_with_site(fn) cmocka_unit_test_setup_teardown(fn, site_setup, site_teardown)

/* Runs "superuser <line>"; gives what it says, or what is wrong. */
static Str command(Fixture *f, const char *line)
{
    Str words[8], rest = str_from(line), message = S("");
    size_t count = 0;
    while (rest.ptr)
        words[count++] = str_split(&rest, ' ');
    Error *err = superuser_command_run(&f->site.app, f->a, words, count, &message);
    return err ? error_for_people(f->a, err) : message;
}

static void commands_say_what_they_did(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *line, *said;
    } STEPS[] = {
        {"create a@example.com first-password", "Made the superuser a@example.com."},
        {"create a@example.com first-password",
         "There is a superuser with this e-mail already. Use update or upsert to set another "
         "password."},
        {"update b@example.com first-password",
         "There is no superuser with this e-mail. Use create or upsert to add one."},
        {"delete a@example.com", "You can't delete the only existing superuser."},
        {"upsert b@example.com other-password", "Made the superuser b@example.com."},
        {"upsert b@example.com third-password",
         "Set a new password for b@example.com; all its sessions are ended."},
        {"delete a@example.com", "Deleted the superuser a@example.com."},
        {"delete a@example.com", "There was no superuser a@example.com."},
        {"ips 10.0.0.0/8", "Superusers are let in from these addresses only."},
        {"ips", "Superusers are let in from any address."},
        {"create a@example.com", "Usage: croft superuser create EMAIL PASSWORD"},
        {"fly", "Usage: croft superuser create|update|upsert|delete|otp|ips …  (see: croft help "
                "superuser)"},
    };
    for (size_t i = 0; i < COUNT(STEPS); i++)
        check_str(STEPS[i].line, command(f, STEPS[i].line), STEPS[i].said);
    assert_true(str_find(command(f, "create nonsense first-password"), S("email: ")) >= 0);
    assert_true(str_find(command(f, "create c@example.com short"), S("password: ")) >= 0);
}

/* Whose token is it? "" when it does not hold. */
static Str owner_of(Fixture *f, Str token, TokenKind kind)
{
    Record *owner;
    Json *claims;
    const Schema *schema = schema_hold(f->site.app.schema, f->a);
    Error *err = auth_find_by_token(&f->site.app, f->a, schema, token, kind, &owner, &claims);
    if (!err) return record_str(owner, S("email"));
    check_int("refused with", err->status, 401);
    return S("");
}

static Record *superuser(Fixture *f, const char *email)
{
    const Schema *schema = schema_hold(f->site.app.schema, f->a);
    const Collection *c = schema_find(schema, S("_superusers"));
    RecordChange change = {.collection = c, .as_system = true, .data = json_new_object(f->a)};
    json_set_str(f->a, change.data, S("email"), str_from(email));
    json_set_str(f->a, change.data, S("password"), S("some-password"));
    json_set_str(f->a, change.data, S("passwordConfirm"), S("some-password"));
    Record *r;
    check_ok("create", record_create(&f->site.app, f->a, &change, &r));
    return r;
}

static void tokens_hold_for_one_use_only(void **state)
{
    Fixture *f = *state;
    Record *r = superuser(f, "a@example.com");
    Str token = auth_token_new(f->a, r, TOKEN_AUTH, 0, true);
    check_str("auth", owner_of(f, token, TOKEN_AUTH), "a@example.com");
    check_str("auth as file", owner_of(f, token, TOKEN_FILE), "");
    Str file = auth_token_new(f->a, r, TOKEN_FILE, 0, false);
    check_str("file", owner_of(f, file, TOKEN_FILE), "a@example.com");
    check_str("file as auth", owner_of(f, file, TOKEN_AUTH), "");
    check_str("garbage", owner_of(f, S("a.b.c"), TOKEN_AUTH), "");
    check_str("cut", owner_of(f, str_sub(token, 0, token.len - 1), TOKEN_AUTH), "");
}

static void a_new_password_ends_tokens(void **state)
{
    Fixture *f = *state;
    Str token = auth_token_new(f->a, superuser(f, "a@example.com"), TOKEN_AUTH, 0, true);
    uint64_t before = atomic_load(&f->site.app.auth_version);
    command(f, "update a@example.com new-password");
    assert_true(atomic_load(&f->site.app.auth_version) > before);
    check_str("ended", owner_of(f, token, TOKEN_AUTH), "");
}

static void installer_lives_until_there_is_somebody(void **state)
{
    Fixture *f = *state;
    Str token, again;
    check_ok("token", superuser_installer_token(&f->site.app, f->a, &token));
    check_str("valid", owner_of(f, token, TOKEN_AUTH), "__pbinstaller@example.com");
    check_ok("a restart", superuser_installer_token(&f->site.app, f->a, &again));
    check_str("also valid", owner_of(f, again, TOKEN_AUTH), "__pbinstaller@example.com");

    superuser(f, "a@example.com");
    check_str("spent at once", owner_of(f, token, TOKEN_AUTH), "");
    check_ok("no other", superuser_installer_token(&f->site.app, f->a, &token));
    check_int("none", token.len, 0);
    bool exists = false;
    check_ok("exists", superuser_exists(&f->site.app, f->a, &exists));
    check_bool("exists", exists, true);
}

static void orders_come_through_the_socket(void **state)
{
    Fixture *f = *state;
    Str dir = str_from(f->dir), message = S("");
    const Str words[] = {STR_INIT("upsert"), STR_INIT("a@example.com"), STR_INIT("some-password")};
    bool answered = true;
    check_ok("nobody", control_ask(f->a, dir, S("superuser"), words, 3, &answered, &message));
    check_bool("nobody", answered, false);

    Control *control;
    check_ok("start", control_start(f->a, &f->site.app, dir, &control));
    struct stat st;
    assert_int_equal(stat(arena_cstr(f->a, str_concat(f->a, dir, S("/control.sock"))), &st), 0);
    check_int("mode", st.st_mode & 0777, 0600);
    check_ok("ask", control_ask(f->a, dir, S("superuser"), words, 3, &answered, &message));
    check_bool("answered", answered, true);
    check_str("said", message, "Made the superuser a@example.com.");
    Error *err = control_ask(f->a, dir, S("superuser"), words, 2, &answered, &message);
    assert_non_null(err);
    check_str("refused", err->message, "Usage: croft superuser upsert EMAIL PASSWORD");
    err = control_ask(f->a, dir, S("dance"), words, 1, &answered, &message);
    check_str("unknown", err->message, "The running server does not know this command.");
    control_stop(control);
}

static void a_folder_has_one_server(void **state)
{
    Fixture *f = *state;
    Site second;
    Error *err = site_open(f->a, str_from(f->dir), S(""), 1, &second);
    assert_non_null(err);
    check_int("status", err->status, 409);
}

static void headers_get_the_names_of_rules(void **state)
{
    Arena *a = *state;
    check_str("usual", header_snake_case(a, S("X-Api-Key")), "x_api_key");
    check_str("digits", header_snake_case(a, S("X-B3.TraceId")), "x_b3_traceid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_site(commands_say_what_they_did),
        test_with_site(tokens_hold_for_one_use_only),
        test_with_site(a_new_password_ends_tokens),
        test_with_site(installer_lives_until_there_is_somebody),
        test_with_site(orders_come_through_the_socket),
        test_with_site(a_folder_has_one_server),
        test_with_arena(headers_get_the_names_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
