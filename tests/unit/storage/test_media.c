/* test_media.c - types by content, and extensions by type. */
#include "testing.h"

#include "storage/storage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ZIP_ENTRY(name, len)                                                                       \
    "PK\x03\x04\x14\0\0\0\0\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0" len "\0\0\0" name

static const struct {
    const char *name;
    Str bytes;
    const char *type;
} CASES[] = {
    {"png", STR_INIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"),
     "image/png"},
    {"jpeg", STR_INIT("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0"),
     "image/jpeg"},
    {"gif", STR_INIT("GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\1\0\0\0\0,"), "image/gif"},
    {"webp", STR_INIT("RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\1\0\x9d\1\x2a\1\0\1\0"), "image/webp"},
    {"bmp",
     STR_INIT("BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0\0\0\0\0\4\0\0\0\0"
              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0"),
     "image/bmp"},
    {"ico", STR_INIT("\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0\x68\4\0\0\x16\0\0\0\x28\0\0\0\x10\0\0\0"),
     "image/x-icon"},
    {"svg",
     STR_INIT("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"><g/></svg>\n"),
     "image/svg+xml"},
    {"svg behind an xml declaration",
     STR_INIT(
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\""
         " width=\"1\" height=\"1\"><g/></svg>\n"),
     "image/svg+xml"},
    {"json object", STR_INIT("{\"a\": [1, 2, {\"b\": null}]}\n"), "application/json"},
    {"json array", STR_INIT("[1, 2, \"x\"]"), "application/json"},
    {"mp4",
     STR_INIT("\0\0\0\x20"
              "ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08"
              "free\0\0\0\x10mdat"),
     "video/mp4"},
    {"quicktime",
     STR_INIT("\0\0\0\x14"
              "ftypqt  \0\0\2\0qt  \0\0\0\x08wide\0\0\0\x10mdat"),
     "video/quicktime"},
    {"webm",
     STR_INIT(
         "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1\x42\xf2\x81\4\x42\xf3\x81\x08\x42\x82"
         "\x84webm\x42\x87\x81\2\x42\x85\x81\2"),
     "video/webm"},
    {"mp3", STR_INIT("ID3\3\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0\xff\xfb\x90\x44\0\0\0\0"), "audio/mpeg"},
    {"wav", STR_INIT("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0"),
     "audio/wav"},
    {"pdf", STR_INIT("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"),
     "application/pdf"},
    {"zip",
     STR_INIT("PK\3\4\x14\0\0\0\0\0\xb1\x42w]\x86\xa6\x10\x36\5\0\0\0\5\0\0\0\5\0\0\0a.txthello"),
     "application/zip"},
    {"docx in Microsoft's order",
     STR_INIT(ZIP_ENTRY("[Content_Types].xml", "\x13") ZIP_ENTRY("_rels/.rels", "\x0b")
                  ZIP_ENTRY("word/document.xml", "\x11")),
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"docx in another order",
     STR_INIT(ZIP_ENTRY("word/document.xml", "\x11") ZIP_ENTRY("[Content_Types].xml", "\x13")),
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xlsx",
     STR_INIT(ZIP_ENTRY("xl/workbook.xml", "\x0f") ZIP_ENTRY("[Content_Types].xml", "\x13")),
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"gzip", STR_INIT("\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\x48\xcd\xc9\xc9\7\0\x86\xa6\x10\x36\5\0\0\0"),
     "application/gzip"},
    {"text", STR_INIT("test file content\n"), "text/plain; charset=utf-8"},
    {"one word", STR_INIT("test"), "text/plain; charset=utf-8"},
    {"utf-8", STR_INIT("h\xc3\xa9llo w\xc3\xb6rld\n"), "text/plain; charset=utf-8"},
    {"nothing", STR_INIT(""), "text/plain; charset=utf-8"},
    {"html", STR_INIT("<!DOCTYPE html>\n<html><head><title>x</title></head></html>\n"),
     "text/html; charset=utf-8"},
    {"xml", STR_INIT("<?xml version=\"1.0\"?>\n<a><b/></a>\n"), "text/xml; charset=utf-8"},
    {"looks like C", STR_INIT("#include <stdio.h>\nint main(void) { return 0; }\n"),
     "text/plain; charset=utf-8"},
    {"shell script", STR_INIT("#!/bin/sh\necho hi\n"), "text/x-shellscript; charset=utf-8"},
    {"bytes", STR_INIT("\x01\x02\x80\xff\0\x03\x9c\xfe"), "application/octet-stream"},
};

static void knows_content(void **state)
{
    Arena *a = *state;
    Workers *workers;
    Storage *s;
    char folder[] = "/tmp/croft-media-XXXXXX";
    assert_non_null(mkdtemp(folder));
    check_ok("workers", workers_create(a, "test", 2, 16, &workers));
    check_ok("open", storage_open(a, str_from(folder), workers, &s));

    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str type;
        check_ok(CASES[i].name, storage_sniff(s, a, -1, CASES[i].bytes, &type));
        check_str(CASES[i].name, type, CASES[i].type);

        int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, CASES[i].bytes.ptr, CASES[i].bytes.len), CASES[i].bytes.len);
        check_ok(CASES[i].name, storage_sniff(s, a, fd, (Str){0}, &type));
        check_str(CASES[i].name, type, CASES[i].type);
        close(fd);
    }
    workers_destroy(workers);
    storage_close(s);
    assert_int_equal(remove_temporary(folder), 0);
}

static const struct {
    const char *type, *extension;
} EXTENSIONS[] = {
    {"image/png", ".png"},
    {"IMAGE/PNG", ".png"},
    {"text/plain; charset=utf-8", ".txt"},
    {"text/plain;charset=utf-8", ".txt"},
    {"image/jpeg", ".jpg"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"},
    {"application/octet-stream", ""},
    {"", ""},
    {"image/pn", ""},
};

static void knows_extensions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(EXTENSIONS); i++) {
        check_str(EXTENSIONS[i].type, media_type_extension(str_from(EXTENSIONS[i].type)),
                  EXTENSIONS[i].extension);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(knows_content),
        cmocka_unit_test(knows_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
