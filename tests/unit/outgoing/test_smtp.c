#include "outgoing/outgoing.h"
#include "peer.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/stat.h>

static Outgoing *o;

static int outgoing_setup(void **state)
{
    arena_setup(state);
    OutgoingConfig config = outgoing_config_default();
    config.threads = 1;
    check_ok("create", outgoing_create(*state, &config, &o));
    return 0;
}

static int outgoing_teardown(void **state)
{
    outgoing_destroy(o);
    return arena_teardown(state);
}

#define HELLO   "220 hi\r\n250-me\r\n250 8BITMIME\r\n"
#define MESSAGE "Subject: x\r\n\r\nfirst\r\n.dot\r\n"

static const struct {
    const char *name, *script, *user, *password, *host;
    const char *code; /* NULL when it is taken */
    int status;
    const char *cause; /* part of it */
} CASES[] = {
    {"taken", HELLO "250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n", "", "", "127.0.0.1",
     NULL, 0, NULL},
    {"greets with 4xx", "421 busy\r\n", "", "", "127.0.0.1", "smtp_failed", 502, "421 busy"},
    {"greets with 5xx", "554 no mail here\r\n", "", "", "127.0.0.1", "smtp_failed", 502,
     "no mail here"},
    {"sender refused", HELLO "550 not you\r\n", "", "", "127.0.0.1", "smtp_refused", 502,
     "550 not you"},
    {"sign-in wanted", HELLO "530 sign in first\r\n", "", "", "127.0.0.1", "smtp_failed", 502,
     "sign in first"},
    {"recipient refused", HELLO "250 ok\r\n550 5.1.1 no such user\r\n", "", "", "127.0.0.1",
     "smtp_refused", 502, "no such user"},
    {"recipient later", HELLO "250 ok\r\n451 greylisted\r\n", "", "", "127.0.0.1", "smtp_failed",
     502, "greylisted"},
    {"message refused", HELLO "250 ok\r\n250 ok\r\n354 go\r\n554 spam\r\n221 bye\r\n", "", "",
     "127.0.0.1", "smtp_refused", 502, "554 spam"},
    {"message later", HELLO "250 ok\r\n250 ok\r\n354 go\r\n452 full\r\n221 bye\r\n", "", "",
     "127.0.0.1", "smtp_failed", 502, "452 full"},
    {"cut in the message", HELLO "250 ok\r\n250 ok\r\n354 go\r\nCUT\n", "", "", "127.0.0.1",
     "outgoing_unreachable", 502, NULL},
    {"cut at once", "CUT\n", "", "", "127.0.0.1", "outgoing_unreachable", 502, NULL},
    {"stalls", HELLO "250 ok\r\nSTALL\n", "", "", "127.0.0.1", "outgoing_timeout", 504, NULL},
    {"quit not answered", HELLO "250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\nSTALL\n", "", "",
     "127.0.0.1", NULL, 0, NULL},
    {"signed in",
     "220 hi\r\n250-me\r\n250 AUTH PLAIN LOGIN\r\n235 welcome\r\n250 ok\r\n250 ok\r\n354 go\r\n250 "
     "queued\r\n221 bye\r\n",
     "u", "p", "127.0.0.1", NULL, 0, NULL},
    {"wrong password", "220 hi\r\n250-me\r\n250 AUTH PLAIN LOGIN\r\n535 5.7.8 no\r\n221 bye\r\n",
     "u", "p", "127.0.0.1", "smtp_failed", 502, "535 5.7.8 no"},
    /* 127.0.0.2 is this machine too, but not by one of the three names. */
    {"no password over plain text", "220 hi\r\n250-me\r\n250 AUTH PLAIN\r\n", "u", "p",
     "127.0.0.1 ", "outgoing_bad_request", 400, NULL},
};

static void each_reply_has_its_meaning(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Peer *p = arena_new(a, Peer, 1);
        *p = (Peer){.answer = CASES[i].script, .smtp = true};
        peer_start(p);
        SmtpServer server = {.host = str_from(CASES[i].host),
                             .port = p->port,
                             .username = str_from(CASES[i].user),
                             .password = str_from(CASES[i].password),
                             .timeout_ms = !strstr(CASES[i].script, "STALL") ? 60000
                                           : CASES[i].code                   ? 700
                                                                             : 4000};
        Str to = S("you@example.com");
        uint64_t started = clock_mono_ms();
        Error *err = smtp_send(o, a, &server, S("me@example.com"), &to, 1, S(MESSAGE));
        uint64_t took = clock_mono_ms() - started;
        peer_stop(p);
        check_code(CASES[i].name, err, CASES[i].code);
        check_bool("quick", took < 20000, true);
        if (err) check_int(CASES[i].name, err->status, CASES[i].status);
        if (CASES[i].cause && str_find(err->cause, str_from(CASES[i].cause)) < 0)
            fail_msg("%s: %.*s", CASES[i].name, STR_ARG(err->cause));
        if (!err) {
            assert_non_null(strstr(p->heard, "EHLO localhost\r\n"));
            assert_non_null(strstr(p->heard, "MAIL FROM:<me@example.com>"));
            assert_non_null(strstr(p->heard, "RCPT TO:<you@example.com>"));
            assert_non_null(strstr(p->heard, "first\r\n..dot\r\n.\r\n"));
        }
        if (!err && CASES[i].user[0]) assert_non_null(strstr(p->heard, "AUTH PLAIN AHUAcA==\r\n"));
    }
}

static void a_password_needs_an_encrypted_connection(void **state)
{
    Arena *a = *state;
    Peer p = {.answer = "220 hi\r\n250-me\r\n250 AUTH PLAIN\r\n", .smtp = true, .host = 0x7f000002};
    peer_start(&p);
    /* 127.0.0.2 is this machine too, but none of the three names that are exempt. */
    SmtpServer server = {.host = S("127.0.0.2"),
                         .port = p.port,
                         .username = S("u"),
                         .password = S("p"),
                         .timeout_ms = 700};
    Str to = S("you@example.com");
    Error *err = smtp_send(o, a, &server, S("me@example.com"), &to, 1, S(MESSAGE));
    check_bool("not sent", err != NULL, true);
    peer_stop(&p);
    assert_null(strstr(p.heard, "AUTH"));
}

static void addresses_are_checked_before_anything_is_said(void **state)
{
    Arena *a = *state;
    SmtpServer server = {.host = S("127.0.0.1"), .port = 1};
    Str bad = S("you@example.com>\r\nDATA"), good = S("you@example.com");
    check_code("to", smtp_send(o, a, &server, good, &bad, 1, S(MESSAGE)), "outgoing_bad_request");
    check_code("from", smtp_send(o, a, &server, bad, &good, 1, S(MESSAGE)), "outgoing_bad_request");
    check_code("nobody", smtp_send(o, a, &server, good, &good, 0, S(MESSAGE)),
               "outgoing_bad_request");
    server.host = S("a/b");
    check_code("host", smtp_send(o, a, &server, good, &good, 1, S(MESSAGE)),
               "outgoing_bad_request");
    server = (SmtpServer){.host = S("127.0.0.1"), .port = 1, .local_name = S("x\r\nMAIL")};
    check_code("local name", smtp_send(o, a, &server, good, &good, 1, S(MESSAGE)),
               "outgoing_bad_request");
}

/* ---- sendmail ---- */

static Str fake_sendmail(Arena *a, const char *script)
{
    char *dir = arena_cstr(a, S("/tmp/croft-mail-XXXXXX"));
    assert_non_null(mkdtemp(dir));
    Str path = str_printf(a, "%s/sendmail", dir);
    FILE *f = fopen(arena_cstr(a, path), "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    chmod(arena_cstr(a, path), 0700);
    setenv("PATH", arena_cstr(a, str_printf(a, "%s:/usr/bin:/bin", dir)), 1);
    setenv("MAIL_TEST_DIR", dir, 1);
    return str_from(dir);
}

static void remove_fake(Arena *a, Str dir)
{
    static const char *const FILES[] = {"sendmail", "mail", "arguments"};
    for (size_t i = 0; i < COUNT(FILES); i++)
        (void)unlink(arena_cstr(a, str_printf(a, "%.*s/%s", STR_ARG(dir), FILES[i])));
    (void)rmdir(arena_cstr(a, dir));
}

static void sendmail_gets_the_message_on_its_input(void **state)
{
    Arena *a = *state;
    if (access("/usr/sbin/sendmail", X_OK) == 0 || access("/usr/bin/sendmail", X_OK) == 0) skip();
    Str dir = fake_sendmail(a, "cat > $MAIL_TEST_DIR/mail; echo \"$@\" > $MAIL_TEST_DIR/arguments");
    check_ok("sent", sendmail_send(o, a, S("Subject: x\n\nbody\n"), 0));
    char text[100] = {0};
    FILE *f = fopen(arena_cstr(a, str_concat(a, dir, S("/mail"))), "r");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, f), 17);
    fclose(f);
    assert_string_equal(text, "Subject: x\n\nbody\n");
    remove_fake(a, dir);

    dir = fake_sendmail(a, "echo 'no route' >&2; exit 75");
    Error *err = sendmail_send(o, a, S("x"), 0);
    check_code("fails", err, "sendmail_failed");
    assert_true(str_find(err->cause, S("ended with 75 (no route)")) > 0);
    remove_fake(a, dir);

    dir = fake_sendmail(a, "exec sleep 20");
    check_code("slow", sendmail_send(o, a, S("x"), 200), "sendmail_failed");
    remove_fake(a, dir);

    setenv("PATH", "relative:/nonexistent", 1);
    check_code("missing", sendmail_send(o, a, S("x"), 0), "sendmail_missing");
}

#define test_with_outgoing(fn)                                                                     \
    cmocka_unit_test_setup_teardown(fn, outgoing_setup, outgoing_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_outgoing(each_reply_has_its_meaning),
        test_with_outgoing(a_password_needs_an_encrypted_connection),
        test_with_outgoing(addresses_are_checked_before_anything_is_said),
        test_with_outgoing(sendmail_gets_the_message_on_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
