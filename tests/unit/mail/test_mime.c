#include "mail/mail_internal.h"
#include "testing.h"

static const struct {
    const char *text, *header;
} HEADERS[] = {
    {"Hello", "Hello"},
    {"", ""},
    {"  a  b ", "a  b"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "=?utf-8?q?Gr=C3=BC=C3=9Fe?="},
    {"a_b \xc3\xa9", "=?utf-8?q?a=5Fb_=C3=A9?="},
    {"x\r\nBcc: you@b.co", "=?utf-8?q?x__Bcc=3A_you=40b=2Eco?="},
    {"x\ny", "=?utf-8?q?x_y?="},
    {"=?utf-8?q?fake?=", "=?utf-8?q?=3D=3Futf-8=3Fq=3Ffake=3F=3D?="},
};

static void headers_stay_on_their_line(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(HEADERS); i++) {
        Buf out = buf_new(a, 64);
        header_text(&out, str_from(HEADERS[i].text), 9);
        check_str(HEADERS[i].text, buf_str(&out), HEADERS[i].header);
    }
}

/* Every line of a long header is short and goes on with a blank. */
static void check_lines(const char *name, Str text, size_t max)
{
    bool first = true;
    while (text.ptr) {
        Str line = str_split(&text, '\n');
        if (str_ends(line, S("\r"))) line.len--;
        if (line.len > max) fail_msg("%s: a line of %zu: %.*s", name, line.len, STR_ARG(line));
        if (!first && max < 100) check_bool(name, line.len > 1 && line.ptr[0] == ' ', true);
        first = false;
    }
}

static void long_headers_are_folded(void **state)
{
    Arena *a = *state;
    Buf text = buf_new(a, 1000), out = buf_new(a, 1000);
    for (int i = 0; i < 100; i++)
        buf_add(&text, S("wort \xe2\x82\xac "));
    header_text(&out, buf_str(&text), 9);
    check_lines("encoded", buf_str(&out), 76);
    assert_true(str_find(buf_str(&out), S("=E2=82=AC")) > 0);
    assert_true(str_find(buf_str(&out), S("=E2=82?=")) < 0); /* no character is divided */
    text.len = out.len = 0;
    for (int i = 0; i < 100; i++)
        buf_add(&text, S("word, "));
    header_text(&out, buf_str(&text), 9);
    check_lines("folded", buf_str(&out), 76);
}

static const struct {
    const char *text, *encoded;
} BODIES[] = {
    {"", ""},
    {"plain text", "plain text"},
    {"a\nb\r\nc", "a\r\nb\r\nc"},
    {"a=b", "a=3Db"},
    {"\xc3\xa9", "=C3=A9"},
    {"end \nx\t", "end=20\r\nx=09"},
    {".\n..\na.b", "=2E\r\n=2E.\r\na.b"},
    {"a\rb", "a=0Db"},
    {"\x01\x7f", "=01=7F"},
};

static void bodies_are_ascii_in_short_lines(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(BODIES); i++) {
        Buf out = buf_new(a, 64);
        quoted_printable(&out, str_from(BODIES[i].text));
        check_str(BODIES[i].text, buf_str(&out), BODIES[i].encoded);
    }
    Buf text = buf_new(a, 10000), out = buf_new(a, 10000);
    for (int i = 0; i < 1000; i++)
        buf_add(&text, S("x.\xc3\xa9"));
    quoted_printable(&out, buf_str(&text));
    Str rest = buf_str(&out);
    while (rest.ptr) {
        Str line = str_split(&rest, '\n');
        check_bool("short", line.len <= 77, true); /* with its CR */
        check_bool("no dot first", str_starts(line, S(".")), false);
    }
}

static Message message(void)
{
    return (Message){
        .from_name = S("Shop \"A\", Ltd."),
        .from_address = S("me@example.com"),
        .to = S("you@example.com"),
        .subject = S("Gr\xc3\xbc\xc3\x9f"
                     "e"),
        .html = S("<p>Hi</p>"),
        .message_id = S("<abc@example.com>"),
        .date_ms = 784111777000,
    };
}

static void a_message_has_both_parts(void **state)
{
    Arena *a = *state;
    Message m = message();
    Str text = message_format(a, &m);
    check_lines("all", text, 998);
    assert_true(str_starts(text, S("From: \"Shop \\\"A\\\", Ltd.\" <me@example.com>\r\n"
                                   "To: you@example.com\r\n"
                                   "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                                   "Date: Sun, 06 Nov 1994 08:49:37 +0000\r\n"
                                   "Message-ID: <abc@example.com>\r\n"
                                   "MIME-Version: 1.0\r\n")));
    ptrdiff_t plain = str_find(text, S("Content-Type: text/plain; charset=UTF-8\r\n"));
    ptrdiff_t html = str_find(text, S("Content-Type: text/html; charset=UTF-8\r\n"));
    assert_true(plain > 0 && html > plain); /* the preferred one comes last */
    assert_true(str_find(text, S("\r\n\r\nHi\r\n--")) > 0);
    assert_true(str_find(text, S("\r\n\r\n<p>Hi</p>\r\n--")) > 0);
    for (size_t i = 0; i < text.len; i++)
        assert_true(text.ptr[i] == '\r' || text.ptr[i] == '\n' ||
                    (text.ptr[i] >= ' ' && text.ptr[i] < 0x7f));
}

static void a_message_for_sendmail_is_html_in_plain_lines(void **state)
{
    Arena *a = *state;
    Message m = message();
    m.html_only = true;
    Str text = message_format(a, &m);
    assert_true(str_find_char(text, '\r') < 0);
    assert_true(str_find(text, S("multipart")) < 0);
    assert_true(str_ends(text, S("\n\n<p>Hi</p>\n")));
}

static void names_cannot_add_headers(void **state)
{
    Arena *a = *state;
    Message m = message();
    m.from_name = S("x\r\nBcc: a@b.co\r\n\r\nbody");
    m.subject = S("y\r\n\r\nbody");
    Str text = message_format(a, &m);
    assert_true(str_find(text, S("\nBcc")) < 0);
    assert_true(str_find(text, S("\r\n\r\nbody")) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(headers_stay_on_their_line),
        test_with_arena(long_headers_are_folded),
        test_with_arena(bodies_are_ascii_in_short_lines),
        test_with_arena(a_message_has_both_parts),
        test_with_arena(a_message_for_sendmail_is_html_in_plain_lines),
        test_with_arena(names_cannot_add_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
