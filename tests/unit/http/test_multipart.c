/* test_multipart.c - the push parser: what comes out of which bytes, in
 * whatever pieces they arrive.
 *
 * Events are written as text: [name|file|type] then the bytes, then ';'. Every
 * case is fed whole, byte by byte, and in many random cuts. */
#include "testing.h"

#include "base/buf.h"
#include "http/multipart.h"

#include <stdlib.h>

/* ---- events as text ---- */

typedef struct {
    Arena *a;
    Buf out;
} Log;

static Error *on_begin(void *arg, const PartHead *head)
{
    Log *log = arg;
    buf_printf(&log->out, "[%.*s|%s%.*s|%.*s]", STR_ARG(head->name), head->is_file ? "" : "-",
               STR_ARG(head->file_name), STR_ARG(head->content_type));
    return NULL;
}

static Error *on_data(void *arg, Str bytes)
{
    Log *log = arg;
    assert_true(bytes.len > 0);
    buf_add(&log->out, bytes);
    return NULL;
}

static Error *on_end(void *arg)
{
    Log *log = arg;
    buf_char(&log->out, ';');
    return NULL;
}

static const MultipartEvents EVENTS = {on_begin, on_data, on_end};

typedef enum { CUT_NOWHERE, CUT_EVERYWHERE, CUT_AT_RANDOM } Cut;

/* The events, or "error". */
static Str run(Arena *a, Str boundary, Str body, Cut cut)
{
    Log log = {.a = a, .out = buf_new(a, 256)};
    Multipart *m = multipart_new(a, boundary, &EVENTS, &log);
    while (body.len > 0) {
        size_t len = body.len;
        if (cut == CUT_EVERYWHERE) len = 1;
        if (cut == CUT_AT_RANDOM) len = 1 + chance_below(MIN(body.len, 20));
        len = MIN(len, body.len);
        /* A block of its own, so that reading past it is seen. */
        char *piece = malloc(len);
        memcpy(piece, body.ptr, len);
        Error *err = multipart_feed(m, str_make(piece, len));
        free(piece);
        if (err) {
            assert_int_equal(err->status, 400);
            return S("error");
        }
        body = str_from_pos(body, len);
    }
    Error *err = multipart_finish(m);
    return err ? S("error") : buf_str(&log.out);
}

/* ---- cases, all with the boundary "xyz" ---- */

#define PART(disposition, content)                                                                 \
    "--xyz\r\nContent-Disposition: " disposition "\r\n\r\n" content "\r\n"
#define FIELD(name, content) PART("form-data; name=\"" name "\"", content)
#define FILE_PART(name, file, type, content)                                                       \
    "--xyz\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"" file                 \
    "\"\r\nContent-Type: " type "\r\n\r\n" content "\r\n"
#define END "--xyz--\r\n"

static const struct {
    const char *name;
    Str body;
    const char *events; /* "error": refused */
} CASES[] = {
    /* Ordinary bodies, as clients send them. */
    {"one field", STR_INIT(FIELD("a", "1") END), "[a|-|]1;"},
    {"two fields", STR_INIT(FIELD("a", "1") FIELD("b", "2") END), "[a|-|]1;[b|-|]2;"},
    {"empty value", STR_INIT(FIELD("a", "") END), "[a|-|];"},
    {"a file", STR_INIT(FILE_PART("f", "a.txt", "text/plain", "hello") END),
     "[f|a.txt|text/plain]hello;"},
    {"an empty file", STR_INIT(FILE_PART("f", "a.txt", "text/plain", "") END),
     "[f|a.txt|text/plain];"},
    {"file and field", STR_INIT(FILE_PART("f", "a.txt", "text/plain", "x") FIELD("b", "2") END),
     "[f|a.txt|text/plain]x;[b|-|]2;"},
    {"no file chosen", STR_INIT(FILE_PART("f", "", "application/octet-stream", "") END),
     "[f|-|application/octet-stream];"},
    {"line breaks in a value", STR_INIT(FIELD("a", "1\r\n2\n3\r4") END), "[a|-|]1\r\n2\n3\r4;"},
    {"value ends in CRLF", STR_INIT(FIELD("a", "1\r\n") END), "[a|-|]1\r\n;"},
    {"value ends in CR", STR_INIT(FIELD("a", "1\r") END), "[a|-|]1\r;"},
    {"value is CRLF", STR_INIT(FIELD("a", "\r\n") END), "[a|-|]\r\n;"},
    {"value is dashes", STR_INIT(FIELD("a", "--") END), "[a|-|]--;"},
    {"no parts at all", STR_INIT(END), ""},
    {"without the last CRLF", STR_INIT(FIELD("a", "1") "--xyz--"), "[a|-|]1;"},
    {"modifier in a name", STR_INIT(FILE_PART("docs+", "a", "t/t", "x") END), "[docs+|a|t/t]x;"},
    {"empty name", STR_INIT(FIELD("", "1") END), "[|-|]1;"},
    {"same name twice", STR_INIT(FIELD("a", "1") FIELD("a", "2") END), "[a|-|]1;[a|-|]2;"},

    /* Delimiters, and what only looks like one. */
    {"preamble", STR_INIT("ignored\r\n" FIELD("a", "1") END), "[a|-|]1;"},
    {"preamble of an empty line", STR_INIT("\r\n" FIELD("a", "1") END), "[a|-|]1;"},
    {"epilogue", STR_INIT(FIELD("a", "1") END "ignored --xyz\r\n\r\n"), "[a|-|]1;"},
    {"a part behind the end", STR_INIT(FIELD("a", "1") END FIELD("b", "2") END), "[a|-|]1;"},
    {"blanks behind a delimiter",
     STR_INIT("--xyz \t \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xyz-- \r\n"),
     "[a|-|]1;"},
    {"longer line than the delimiter", STR_INIT(FIELD("a", "1\r\n--xyzzy\r\n2") END),
     "[a|-|]1\r\n--xyzzy\r\n2;"},
    {"delimiter, dash, letter", STR_INIT(FIELD("a", "1\r\n--xyz-a") END), "[a|-|]1\r\n--xyz-a;"},
    {"delimiter, dash, CRLF", STR_INIT(FIELD("a", "1\r\n--xyz-") END), "[a|-|]1\r\n--xyz-;"},
    {"delimiter in mid-line", STR_INIT(FIELD("a", "1--xyz\r\n2") END), "[a|-|]1--xyz\r\n2;"},
    {"delimiter behind LF only", STR_INIT(FIELD("a", "1\n--xyz\r\n2") END), "[a|-|]1\n--xyz\r\n2;"},
    {"almost the delimiter", STR_INIT(FIELD("a", "1\r\n--xy\r\n--x\r\n--\r\n-") END),
     "[a|-|]1\r\n--xy\r\n--x\r\n--\r\n-;"},
    {"CR CR LF before the delimiter", STR_INIT(FIELD("a", "1\r") END), "[a|-|]1\r;"},
    {"blank line is the delimiter's too",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n--xyz--\r\n"), "[a|-|];"},
    {"almost: blank line, then dashes", STR_INIT(FIELD("a", "--xy") END), "[a|-|]--xy;"},
    {"other boundary inside", STR_INIT(FIELD("a", "--abc\r\nx\r\n--abc--") END),
     "[a|-|]--abc\r\nx\r\n--abc--;"},
    {"text behind a delimiter", STR_INIT("--xyz \tjunk\r\n\r\n" END), "error"},
    {"many blanks behind a delimiter",
     STR_INIT("--xyz                                                                              "
              "  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" END),
     "error"},
    {"LF behind a delimiter", STR_INIT("--xyz\nContent-Disposition: form-data; name=a\n\n1\n" END),
     "error"},
    {"CR without LF behind a delimiter", STR_INIT("--xyz\rContent"), "error"},
    {"nothing", STR_INIT(""), "error"},
    {"only a preamble", STR_INIT("hello"), "error"},
    {"no closing delimiter", STR_INIT(FIELD("a", "1")), "error"},
    {"cut in a head", STR_INIT("--xyz\r\nContent-Dispo"), "error"},
    {"cut in content", STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n12"),
     "error"},
    {"cut in a delimiter", STR_INIT(FIELD("a", "1") "--xy"), "error"},
    {"cut before the last dash", STR_INIT(FIELD("a", "1") "--xyz-"), "error"},

    /* Heads. */
    {"unquoted name", STR_INIT(PART("form-data; name=a", "1") END), "[a|-|]1;"},
    {"case of names",
     STR_INIT("--xyz\r\ncONTENT-disposition: FORM-Data; NAME=\"A\"; FileName=\"b\""
              "\r\ncontent-TYPE: X/Y\r\n\r\n1\r\n" END),
     "[A|b|X/Y]1;"},
    {"other headers",
     STR_INIT("--xyz\r\nX-A: b\r\nContent-Disposition: form-data; name=a\r\n"
              "Content-Length: 99\r\n\r\n1\r\n" END),
     "[a|-|]1;"},
    {"harmless transfer encoding",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
              "Content-Transfer-Encoding: 8bit\r\n\r\n1\r\n" END),
     "[a|-|]1;"},
    {"no blanks", STR_INIT("--xyz\r\nContent-Disposition:form-data;name=\"a\"\r\n\r\n1\r\n" END),
     "[a|-|]1;"},
    {"many blanks", STR_INIT(PART("  form-data \t; \t name=\"a\" ;  filename=\"b\"  ", "1") END),
     "[a|b|]1;"},
    {"semicolon at the end", STR_INIT(PART("form-data; name=\"a\";", "1") END), "[a|-|]1;"},
    {"semicolon in quotes", STR_INIT(PART("form-data; name=\"a;b\"", "1") END), "[a;b|-|]1;"},
    {"quote behind a backslash", STR_INIT(PART("form-data; name=a; filename=\"b\\\"c\"", "1") END),
     "[a|b\"c|]1;"},
    {"two backslashes", STR_INIT(PART("form-data; name=a; filename=\"b\\\\c\"", "1") END),
     "[a|b\\c|]1;"},
    {"windows path", STR_INIT(PART("form-data; name=a; filename=\"C:\\dir\\x.txt\"", "1") END),
     "[a|C:\\dir\\x.txt|]1;"},
    {"quote as browsers write it", STR_INIT(PART("form-data; name=\"a%22b\"", "1") END),
     "[a\"b|-|]1;"},
    {"other percents stay", STR_INIT(PART("form-data; name=\"100%\"; filename=\"a%20b\"", "1") END),
     "[100%|a%20b|]1;"},
    {"utf-8 file name", STR_INIT(FILE_PART("f", "\xc3\xa9\xe2\x82\xac.txt", "t/t", "x") END),
     "[f|\xc3\xa9\xe2\x82\xac.txt|t/t]x;"},
    {"filename* in utf-8",
     STR_INIT(PART("form-data; name=a; filename*=UTF-8''%e2%82%ac.txt", "1") END),
     "[a|\xe2\x82\xac.txt|]1;"},
    {"filename* with a language",
     STR_INIT(PART("form-data; name=a; filename*=utf-8'en'%C3%A9", "1") END), "[a|\xc3\xa9|]1;"},
    {"filename* in latin-1",
     STR_INIT(PART("form-data; name=a; filename*=ISO-8859-1''%E9", "1") END), "[a|\xc3\xa9|]1;"},
    {"filename* wins",
     STR_INIT(PART("form-data; name=a; filename=\"e.txt\"; filename*=UTF-8''%C3%A9", "1") END),
     "[a|\xc3\xa9|]1;"},
    {"filename* wins, other order",
     STR_INIT(PART("form-data; name=a; filename*=UTF-8''%C3%A9; filename=\"e.txt\"", "1") END),
     "[a|\xc3\xa9|]1;"},
    {"path in a file name", STR_INIT(FILE_PART("f", "../../etc/passwd", "t/t", "x") END),
     "[f|../../etc/passwd|t/t]x;"},
    {"filename* in another charset",
     STR_INIT(PART("form-data; name=a; filename*=koi8-r''%C1", "1") END), "error"},
    {"filename* without charset", STR_INIT(PART("form-data; name=a; filename*=x.txt", "1") END),
     "error"},
    {"filename* badly encoded", STR_INIT(PART("form-data; name=a; filename*=UTF-8''%zz", "1") END),
     "error"},
    {"filename* not utf-8", STR_INIT(PART("form-data; name=a; filename*=UTF-8''%ff", "1") END),
     "error"},
    {"filename* with a NUL", STR_INIT(PART("form-data; name=a; filename*=UTF-8''a%00b", "1") END),
     "error"},
    {"RFC 2231 pieces",
     STR_INIT(PART("form-data; name=a; filename*0=\"a\"; filename*1=b", "1") END), "error"},
    {"name not utf-8", STR_INIT(FIELD("\xff", "1") END), "error"},
    {"file name not utf-8", STR_INIT(FILE_PART("f", "\xc3.txt", "t/t", "x") END), "error"},
    {"overlong utf-8 name", STR_INIT(FIELD("\xc0\xaf", "1") END), "error"},
    {"no disposition", STR_INIT("--xyz\r\nContent-Type: text/plain\r\n\r\n1\r\n" END), "error"},
    {"no head", STR_INIT("--xyz\r\n\r\n1\r\n" END), "error"},
    {"attachment", STR_INIT(PART("attachment; name=a", "1") END), "error"},
    {"no name", STR_INIT(PART("form-data; filename=\"x\"", "1") END), "error"},
    {"two dispositions",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
              "Content-Disposition: form-data; name=b\r\n\r\n1\r\n" END),
     "error"},
    {"two names", STR_INIT(PART("form-data; name=a; name=b", "1") END), "error"},
    {"two file names", STR_INIT(PART("form-data; name=a; filename=b; filename=c", "1") END),
     "error"},
    {"two types",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Type: a/b\r\n"
              "Content-Type: c/d\r\n\r\n1\r\n" END),
     "error"},
    {"quote not closed", STR_INIT(PART("form-data; name=\"a", "1") END), "error"},
    {"text behind a quote", STR_INIT(PART("form-data; name=\"a\"b", "1") END), "error"},
    {"quote in a bare value", STR_INIT(PART("form-data; name=a\"b\"", "1") END), "error"},
    {"parameter without value", STR_INIT(PART("form-data; name", "1") END), "error"},
    {"empty bare value", STR_INIT(PART("form-data; name=", "1") END), "error"},
    {"blank before the colon",
     STR_INIT("--xyz\r\nContent-Disposition : form-data; name=a\r\n\r\n1"
              "\r\n" END),
     "error"},
    {"folded line",
     STR_INIT("--xyz\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1\r\n" END), "error"},
    {"line without colon", STR_INIT("--xyz\r\nhello\r\n\r\n1\r\n" END), "error"},
    {"LF in a head",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\n1\r\n" END), "error"},
    {"CR in a head",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\rX: y\r\n\r\n1\r\n" END), "error"},
    {"NUL in a head",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n1\r\n" END), "error"},
    {"escape in a head", STR_INIT(FIELD("a\x1b", "1") END), "error"},
    {"base64 part",
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
              "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n" END),
     "error"},
};

static void gives_the_same_events_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Arena *a = arena_create("case", 0);
        for (int round = 0; round < 24; round++) {
            Cut cut = round == 0 ? CUT_NOWHERE : round == 1 ? CUT_EVERYWHERE : CUT_AT_RANDOM;
            check_str(CASES[i].name, run(a, S("xyz"), CASES[i].body, cut), CASES[i].events);
        }
        arena_destroy(a);
    }
}

static void keeps_every_byte_of_a_large_part(void **state)
{
    Arena *a = *state;
    Buf body = buf_new(a, 1 << 20), expected = buf_new(a, 1 << 20);
    buf_add(&body, S("--xyz\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n"));
    for (int i = 0; i < 60000; i++) {
        static const Str BITS[] = {STR_INIT("\r"),   STR_INIT("\n"),        STR_INIT("\r\n"),
                                   STR_INIT("--"),   STR_INIT("\r\n--xy"),  STR_INIT("\0"),
                                   STR_INIT("data"), STR_INIT("\r\n--xyq"), STR_INIT("xyz")};
        Str bit = BITS[chance_below(COUNT(BITS))];
        if (str_eq(bit, S("xyz")) && str_ends(buf_str(&expected), S("\r\n--"))) continue;
        buf_add(&expected, bit);
    }
    buf_add(&body, buf_str(&expected));
    buf_add(&body, S("\r\n--xyz--"));
    Str whole = str_concat(a, str_concat(a, S("[a|b|]"), buf_str(&expected)), S(";"));
    for (int round = 0; round < 2; round++) {
        assert_true(str_eq(run(a, S("xyz"), buf_str(&body), CUT_AT_RANDOM), whole));
    }
    assert_true(str_eq(run(a, S("xyz"), buf_str(&body), CUT_NOWHERE), whole));
}

static void a_head_has_a_limit(void **state)
{
    Arena *a = *state;
    static const char START[] = "--xyz\r\nContent-Disposition: form-data; name=a\r\nX: ";
    static const char REST[] = "\r\n\r\n1\r\n--xyz--";
    size_t used = sizeof(START) - 1 - 7 + 4; /* without the delimiter, with the blank line */
    for (int over = 0; over <= 1; over++) {
        Str filler = str_printf(a, "%0*d", (int)(MULTIPART_HEAD_MAX - used) + over, 0);
        Str body = str_printf(a, "%s%.*s%s", START, STR_ARG(filler), REST);
        check_str("head", run(a, S("xyz"), body, CUT_NOWHERE), over ? "error" : "[a|-|]1;");
    }
}

static const struct {
    const char *content_type, *boundary; /* NULL: refused */
} BOUNDARIES[] = {
    {"multipart/form-data; boundary=xyz", "xyz"},
    {"multipart/form-data; boundary=\"xyz\"", "xyz"},
    {"multipart/form-data;boundary=xyz", "xyz"},
    {"multipart/form-data; charset=utf-8; boundary=xyz", "xyz"},
    {"multipart/form-data; BOUNDARY=xyz", "xyz"},
    {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
     "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
    {"multipart/form-data; boundary=----formdata-undici-0123456789",
     "----formdata-undici-0123456789"},
    {"multipart/form-data; boundary=----=_Part_1", "----=_Part_1"},
    {"multipart/form-data; boundary=\"a b\"", "a b"},
    {"multipart/form-data; boundary='()+_,-./:=?", "'()+_,-./:=?"},
    {"multipart/form-data; boundary="
     "1234567890123456789012345678901234567890123456789012345678901234567890",
     "1234567890123456789012345678901234567890123456789012345678901234567890"},
    {"multipart/form-data; boundary="
     "12345678901234567890123456789012345678901234567890123456789012345678901",
     NULL},
    {"multipart/form-data", NULL},
    {"multipart/form-data; boundary=", NULL},
    {"multipart/form-data; boundary=\"\"", NULL},
    {"multipart/form-data; boundary=\"a \"", NULL},
    {"multipart/form-data; boundary=\"a\r\nb\"", NULL},
    {"multipart/form-data; boundary=a; boundary=b", NULL},
    {"multipart/form-data; boundary=\"a", NULL},
    {"multipart/form-data; boundary=a*b", NULL},
    {"multipart/form-data; boundary=\xc3\xa9", NULL},
    {"multipart/form-data; boundary=a junk", NULL},
};

static void reads_the_boundary(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(BOUNDARIES); i++) {
        Str boundary;
        const char *name = BOUNDARIES[i].content_type;
        bool ok = multipart_boundary(a, str_from(name), &boundary);
        check_bool(name, ok, BOUNDARIES[i].boundary != NULL);
        if (ok) check_str(name, boundary, BOUNDARIES[i].boundary);
    }
}

/* A boundary that repeats its own beginning, as a naive matcher gets wrong. */
static void finds_delimiters_that_repeat_themselves(void **state)
{
    Arena *a = *state;
    static const char *const BOUNDARY[] = {"--", "-----", "--a--a", "aaa"};
    for (size_t i = 0; i < COUNT(BOUNDARY); i++) {
        Str body = str_printf(a,
                              "--%s\r\nContent-Disposition: form-data; name=a\r\n\r\n"
                              "-\r\n-\r\n--\r\n---\r\n\r\n--%sz\r\n--%s--",
                              BOUNDARY[i], BOUNDARY[i], BOUNDARY[i]);
        Str expected = str_printf(a, "[a|-|]-\r\n-\r\n--\r\n---\r\n\r\n--%sz;", BOUNDARY[i]);
        for (int round = 0; round < 20; round++) {
            Str got = run(a, str_from(BOUNDARY[i]), body, round ? CUT_AT_RANDOM : CUT_EVERYWHERE);
            check_str(BOUNDARY[i], got, arena_cstr(a, expected));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(gives_the_same_events_however_it_is_cut),
        test_with_arena(keeps_every_byte_of_a_large_part),
        test_with_arena(a_head_has_a_limit),
        test_with_arena(reads_the_boundary),
        test_with_arena(finds_delimiters_that_repeat_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
