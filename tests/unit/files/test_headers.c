/* test_headers.c - what a browser is told about a file, and which names a value holds. */
#include "testing.h"

#include "files/files_internal.h"

static const struct {
    const char *name, *file, *stored;
    const char *type, *disposition;
} CASES[] = {
    {"png", "photo_x.png", "image/png", "image/png", "inline; filename=photo_x.png"},
    {"svg is never shown", "logo_x.svg", "image/svg+xml", "image/svg+xml",
     "attachment; filename=logo_x.svg"},
    {"html", "a_x.html", "text/html; charset=utf-8", "text/html; charset=utf-8",
     "attachment; filename=a_x.html"},
    {"script by name", "a_x.js", "text/plain; charset=utf-8", "text/javascript",
     "attachment; filename=a_x.js"},
    {"an svg that says png", "a_x.png", "image/svg+xml", "image/svg+xml",
     "attachment; filename=a_x.png"},
    {"a png that says svg", "a_x.svg", "image/png", "image/svg+xml", "inline; filename=a_x.svg"},
    {"office", "a_x.docx", "application/zip",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     "attachment; filename=a_x.docx"},
    {"unknown", "a_x", "", "application/octet-stream", "attachment; filename=a_x"},
    {"imported name", "a b\"\r\n.pdf", "application/pdf", "application/pdf",
     "inline; filename*=UTF-8''a%20b%22%0D%0A.pdf"},
    {"sidecar with a line break", "a.bin", "text/x\r\nSet-Cookie: a", "application/octet-stream",
     "attachment; filename=a.bin"},
    {"pdf", "a_x.pdf", "application/pdf", "application/pdf", "inline; filename=a_x.pdf"},
};

static void tells_browsers(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str file = str_from(CASES[i].file), stored = str_from(CASES[i].stored);
        check_str(CASES[i].name, file_content_type(file, stored), CASES[i].type);
        check_str(CASES[i].name, file_disposition(a, file, file_is_inline(stored)),
                  CASES[i].disposition);
    }
}

static void finds_names_in_values(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *name, *value, *file;
        int64_t max_select;
        bool holds;
    } ROWS[] = {
        {"single", "a.png", "a.png", 1, true},
        {"part of a name", "ba.png", "a.png", 1, false},
        {"list", "[\"b.png\",\"a.png\"]", "a.png", 5, true},
        {"part of a listed name", "[\"ba.png\"]", "a.png", 5, false},
        {"the JSON itself", "[\"a.png\"]", "\"a.png\"", 5, false},
        {"broken list", "[\"a.png\"", "a.png", 5, false},
        {"empty name", "", "", 1, false},
        {"empty list", "[]", "", 5, false},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        Field field = {.type = FIELD_FILE, .max_select = ROWS[i].max_select};
        check_bool(ROWS[i].name,
                   file_value_holds(a, &field, str_from(ROWS[i].value), str_from(ROWS[i].file)),
                   ROWS[i].holds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tells_browsers),
        test_with_arena(finds_names_in_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
