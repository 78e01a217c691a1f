/* fuzz_multipart.c - any bytes at all as a multipart body.
 *
 * First byte: how the body is cut into pieces. Second: which boundary. The
 * rest: the body.
 *
 * Properties: cut in any way it gives the same events, and the same verdict;
 * a part's content never holds the delimiter; parts begin and end in turn;
 * names are UTF-8. What a form makes of the values never fails for any reason
 * but their text. */
#include "http/form.h"
#include "http/multipart.h"

#include "base/buf.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    Arena *a;
    Buf text; /* of all events */
    Buf content;
    bool in_part;
    Str delimiter;
    Form *form; /* NULL on the second run */
    PartHead head;
} Log;

static Error *on_begin(void *arg, const PartHead *head)
{
    Log *log = arg;
    assert(!log->in_part);
    log->in_part = true;
    log->content = buf_new(log->a, 64);
    log->head = *head;
    assert(utf8_valid(head->name) && utf8_valid(head->file_name) && utf8_valid(head->content_type));
    assert(head->is_file == (head->file_name.len > 0));
    buf_printf(&log->text, "[%zu,%zu,%d,%zu:", head->name.len, head->file_name.len, head->is_file,
               head->content_type.len);
    buf_add(&log->text, head->name);
    buf_add(&log->text, head->file_name);
    buf_add(&log->text, head->content_type);
    return NULL;
}

static Error *on_data(void *arg, Str bytes)
{
    Log *log = arg;
    assert(log->in_part && bytes.len > 0);
    buf_add(&log->content, bytes);
    return NULL;
}

/* A delimiter in content is one only when CRLF, "--" or a blank is behind. */
static void check_content(Str content, Str delimiter)
{
    ptrdiff_t at;
    while ((at = str_find(content, delimiter)) >= 0) {
        content = str_from_pos(content, (size_t)at + delimiter.len);
        assert(!str_starts(content, S("\r\n")) && !str_starts(content, S("--")) &&
               !str_starts(content, S(" ")));
    }
}

static Error *on_end(void *arg)
{
    Log *log = arg;
    assert(log->in_part);
    log->in_part = false;
    Str content = buf_str(&log->content);
    check_content(content, log->delimiter);
    buf_printf(&log->text, "%zu]", content.len);
    buf_add(&log->text, content);
    if (!log->form || log->head.is_file) return NULL;
    Error *err = form_add(log->form, log->head.name, arena_copy(log->a, content));
    assert(!err || !utf8_valid(content) || memchr(content.ptr, 0, content.len) ||
           memchr(log->head.name.ptr, 0, log->head.name.len));
    return NULL;
}

/* The verdict; `step` 0 feeds it whole. */
static bool run(Log *log, Str boundary, Str body, uint8_t step)
{
    static const MultipartEvents EVENTS = {on_begin, on_data, on_end};
    Multipart *m = multipart_new(log->a, boundary, &EVENTS, log);
    uint32_t seed = step;
    while (body.len > 0) {
        seed = seed * 1664525 + 1013904223;
        size_t len = step == 0 ? body.len : 1 + (seed >> 16) % step;
        len = MIN(len, body.len);
        if (multipart_feed(m, str_sub(body, 0, len))) return false;
        body = str_from_pos(body, len);
    }
    return !multipart_finish(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Str BOUNDARIES[] = {STR_INIT("xyz"), STR_INIT("-"),   STR_INIT("--"),
                                     STR_INIT("aaa"), STR_INIT("a b"), STR_INIT("--a--a")};
    if (size < 2) return 0;
    Arena *a = arena_create("fuzz", 64 << 20);
    Str boundary = BOUNDARIES[data[1] % COUNT(BOUNDARIES)];
    Str body = {(const char *)data + 2, size - 2};
    Str delimiter = str_concat(a, S("\r\n--"), boundary);

    Log whole = {.a = a, .text = buf_new(a, 64), .delimiter = delimiter, .form = form_new(a, 9999)};
    Log cut = {.a = a, .text = buf_new(a, 64), .delimiter = delimiter};
    bool ok = run(&whole, boundary, body, 0);
    bool ok_cut = run(&cut, boundary, body, (uint8_t)(data[0] | 1));
    assert(ok == ok_cut);
    if (ok) assert(str_eq(buf_str(&whole.text), buf_str(&cut.text)));

    Json *object;
    Error *err = form_finish(whole.form, &object);
    if (!err) assert(json_is(object, JSON_OBJECT));
    Str type = str_concat(a, S("multipart/form-data; "), body), found;
    if (multipart_boundary(a, type, &found)) assert(found.len > 0 && found.len <= 70);
    arena_destroy(a);
    return 0;
}
