/* fuzz_mail.c - any bytes at all, as the texts of a mail: up to the first NUL the
 * subject, up to the second the sender's name, then the HTML.
 *
 * Properties of the message: ASCII only; no line of more than 998 characters, in
 * bodies none of more than 76; no line of a body begins with a dot; the headers
 * are the ones we wrote, each once, in front of the first empty line. */
#include "mail/mail_internal.h"

static Str take(Str *rest)
{
    Str piece = str_split(rest, 0);
    return piece.ptr ? piece : S("");
}

static void check_headers(Str text)
{
    static const Str NAMES[] = {
        STR_INIT("From: "),           STR_INIT("To: "),           STR_INIT("Subject: "),
        STR_INIT("Date: "),           STR_INIT("Message-ID: "),   STR_INIT("MIME-Version: "),
        STR_INIT("Auto-Submitted: "), STR_INIT("Content-Type: "),
    };
    size_t at = 0;
    while (text.ptr) {
        Str line = str_split(&text, '\n');
        assert(str_ends(line, S("\r")));
        if (line.len == 1) break;
        if (line.ptr[0] == ' ') continue; /* folded */
        assert(at < COUNT(NAMES) && str_starts(line, NAMES[at]));
        at++;
    }
    assert(at == COUNT(NAMES));
}

static void check_lines(Str text)
{
    bool in_body = false;
    while (text.ptr) {
        Str line = str_split(&text, '\n');
        if (!text.ptr) {
            assert(line.len == 0);
            break;
        }
        assert(str_ends(line, S("\r")));
        line.len--;
        assert(line.len <= (in_body ? 76 : 998));
        if (line.len == 0) in_body = true;
        assert(!in_body || !str_starts(line, S(".")));
        for (size_t i = 0; i < line.len; i++)
            assert((line.ptr[i] >= ' ' && line.ptr[i] < 0x7f) || (in_body && line.ptr[i] == '\t'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str rest = str_make((const char *)data, size);
    Arena *a = arena_create("fuzz", 16 << 20);
    Message m = {.from_address = S("me@example.com"),
                 .to = S("you@example.com"),
                 .message_id = S("<x@example.com>")};
    m.subject = take(&rest);
    m.from_name = take(&rest);
    m.html = rest.ptr ? rest : S("");
    Str text = message_format(a, &m);
    check_headers(text);
    check_lines(text);
    arena_destroy(a);
    return 0;
}
