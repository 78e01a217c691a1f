/* test_body.c - req_body() through a real connection: content types, limits,
 * uploads in memory and in files, bodies in pieces.
 *
 * The handler answers with what it got:
 *     {"data":{…},"files":[{"field","name","type","size","where","sum"}],"form":…,"present":…}
 */
#include "harness.h"

#include "base/buf.h"
#include "base/encoding.h"

#include <dirent.h>

#define MEMORY_BYTES 4096 /* body_memory_bytes in these tests */

static uint32_t sum_of(Arena *a, const Upload *u)
{
    if (u->fd < 0) return crc32_ieee(u->memory);
    char *bytes = arena_bytes(a, (size_t)u->size_bytes + 1);
    assert_int_equal(pread(u->fd, bytes, (size_t)u->size_bytes + 1, 0), u->size_bytes);
    return crc32_ieee(str_make(bytes, (size_t)u->size_bytes));
}

static Error *handle_echo(Req *req, Res *res)
{
    Arena *a = req->arena;
    Body body, again;
    Error *err = req_body(req, 0, &body);
    if (err) return err;
    err = req_body(req, 0, &again);
    if (err) return err;
    assert_ptr_equal(body.data, again.data); /* read once */

    Json *answer = json_new_object(a), *files = json_new_array(a);
    for (size_t i = 0; i < body.upload_count; i++) {
        const Upload *u = &body.uploads[i];
        Json *file = json_new_object(a);
        json_set_str(a, file, S("field"), u->field);
        json_set_str(a, file, S("name"), u->file_name);
        json_set_str(a, file, S("type"), u->content_type);
        json_set_number(a, file, S("size"), (double)u->size_bytes);
        json_set_str(a, file, S("where"), u->fd < 0 ? S("memory") : S("file"));
        json_set_number(a, file, S("sum"), sum_of(a, u));
        json_push(a, files, file);
    }
    json_set(a, answer, S("data"), body.data);
    json_set(a, answer, S("files"), files);
    json_set_bool(a, answer, S("form"), body.is_form);
    json_set_bool(a, answer, S("present"), body.present);
    return res_json(res, 200, answer);
}

static Error *handle_bytes(Req *req, Res *res)
{
    Str bytes;
    Error *err = req_body_bytes(req, 100000, &bytes);
    if (err) return err;
    Str again;
    err = req_body_bytes(req, 100000, &again);
    if (err) return err;
    assert_true(str_eq(bytes, again));
    return res_text(res, 200, str_printf(req->arena, "%zu %u", bytes.len, crc32_ieee(bytes)));
}

/* As a hook would: first the bytes, then the object. */
static Error *handle_both(Req *req, Res *res)
{
    Str bytes;
    Error *err = req_body_bytes(req, 0, &bytes);
    if (err) return err;
    return handle_echo(req, res);
}

/* How many descriptors are open while it has the body. */
static Error *handle_descriptors(Req *req, Res *res)
{
    Body body;
    Error *err = req_body(req, 0, &body);
    if (err) return err;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return res_text(res, 200, str_printf(req->arena, "%d", count));
}

static const Route ROUTES[] = {
    {"POST", "/api/descriptors", handle_descriptors, 0, NULL},
    {"POST", "/api/echo", handle_echo, 0, NULL},
    {"GET", "/api/echo", handle_echo, 0, NULL},
    {"POST", "/api/bytes", handle_bytes, 0, NULL},
    {"POST", "/api/both", handle_both, 0, NULL},
};

static World world;

static int start(void **state)
{
    (void)state;
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    HttpLimits limits = http_limits_default();
    limits.body_memory_bytes = MEMORY_BYTES;
    limits.form_field_bytes = 1000;
    limits.form_fields = 20;
    limits.body_bytes = 200000;
    world_start(&world, (HttpConfig){.tables = &table, .table_count = 1, .limits = limits});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

typedef enum { BY_LENGTH, BY_LENGTH_SLOWLY, BY_CHUNKS, FRAMINGS } Framing;

static void send_chunked(int fd, Str body)
{
    while (body.len > 0) {
        Str piece = str_sub(body, 0, 7 + body.len % 1000);
        char head[32];
        (void)snprintf(head, sizeof(head), "%zx\r\n", piece.len);
        (void)(send_text(fd, head) && send_bytes(fd, piece.ptr, piece.len) &&
               send_text(fd, "\r\n"));
        body = str_from_pos(body, piece.len);
    }
    (void)send_text(fd, "0\r\n\r\n");
}

static void send_request(int fd, const char *path, const char *type, Str body, Framing framing)
{
    char head[512];
    int len = snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n",
                       path, type);
    assert_true(send_bytes(fd, head, (size_t)len));
    if (framing == BY_CHUNKS) {
        assert_true(send_text(fd, "Transfer-Encoding: chunked\r\n\r\n"));
        send_chunked(fd, body);
        return;
    }
    len = snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", body.len);
    assert_true(send_bytes(fd, head, (size_t)len));
    if (framing == BY_LENGTH_SLOWLY) {
        Str first = str_sub(body, 0, body.len / 2);
        (void)send_bytes(fd, first.ptr, first.len);
        (void)usleep(20000);
        body = str_from_pos(body, first.len);
    }
    (void)send_bytes(fd, body.ptr, body.len);
}

static void post(const char *path, const char *type, Str body, Framing framing, Answer *answer)
{
    int fd = dial(&world);
    send_request(fd, path, type, body, framing);
    assert_true(read_answer(fd, false, answer));
    close(fd);
}

#define FORM_TYPE "multipart/form-data; boundary=xyz"
#define URL_TYPE  "application/x-www-form-urlencoded"

static const struct {
    const char *name, *type;
    Str body;
    int status;
    const char *answer; /* NULL: not looked at */
} CASES[] = {
    {"json", "application/json", STR_INIT("{\"a\":1}"), 200,
     "{\"data\":{\"a\":1},\"files\":[],\"form\":false,\"present\":true}\n"},
    {"json with a charset", "application/json; charset=utf-8", STR_INIT("{\"a\":1}"), 200,
     "{\"data\":{\"a\":1},\"files\":[],\"form\":false,\"present\":true}\n"},
    {"json in capitals", "Application/JSON", STR_INIT("{\"a\":1}"), 200, NULL},
    {"json and something behind", "application/json", STR_INIT("{\"a\":1},junk"), 200,
     "{\"data\":{\"a\":1},\"files\":[],\"form\":false,\"present\":true}\n"},
    {"json list", "application/json", STR_INIT("[1]"), 400, NULL},
    {"json text", "application/json", STR_INIT("\"x\""), 400, NULL},
    {"json null", "application/json", STR_INIT("null"), 400, NULL},
    {"json cut", "application/json", STR_INIT("{\"a\":"), 400,
     "{\"data\":{},\"message\":\"Something went wrong while processing your request.\","
     "\"status\":400}\n"},
    {"json not utf-8", "application/json", STR_INIT("{\"a\":\"\xff\"}"), 400, NULL},
    {"json with a NUL", "application/json", STR_INIT("{\"a\":\"\\u0000\"}"), 400, NULL},
    {"nothing, as json", "application/json", STR_INIT(""), 200,
     "{\"data\":{},\"files\":[],\"form\":false,\"present\":false}\n"},
    {"nothing, as form", FORM_TYPE, STR_INIT(""), 200,
     "{\"data\":{},\"files\":[],\"form\":false,\"present\":false}\n"},
    {"nothing, as anything", "what/ever", STR_INIT(""), 200,
     "{\"data\":{},\"files\":[],\"form\":false,\"present\":false}\n"},
    {"text", "text/plain", STR_INIT("hello"), 400,
     "{\"data\":{},\"message\":\"Unsupported Content-Type.\",\"status\":400}\n"},
    {"xml", "application/xml", STR_INIT("<a/>"), 400,
     "{\"data\":{},\"message\":\"Unsupported Content-Type.\",\"status\":400}\n"},
    {"urlencoded", URL_TYPE, STR_INIT("a=1&b=x+y&a=true"), 200,
     "{\"data\":{\"a\":[1,true],\"b\":\"x y\"},\"files\":[],\"form\":true,\"present\":true}\n"},
    {"urlencoded, not utf-8", URL_TYPE, STR_INIT("a=%ff"), 400, NULL},
    {"multipart", FORM_TYPE,
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
              "--xyz\r\nContent-Disposition: form-data; name=\"docs+\"; filename=\"a.txt\"\r\n"
              "Content-Type: text/plain\r\n\r\nhello\r\n"
              "--xyz\r\nContent-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\n\r\n"
              "--xyz\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\n"
              "{\"b\":[1]}\r\n--xyz--\r\n"),
     200,
     "{\"data\":{\"a\":1,\"none\":\"\",\"b\":[1]},\"files\":[{\"field\":\"docs+\","
     "\"name\":\"a.txt\",\"type\":\"text/plain\",\"size\":5,\"where\":\"memory\","
     "\"sum\":907060870}],\"form\":true,\"present\":true}\n"},
    {"multipart without boundary", "multipart/form-data", STR_INIT("--xyz--"), 400, NULL},
    {"multipart cut", FORM_TYPE, STR_INIT("--xyz\r\n"), 400, NULL},
    {"multipart text not utf-8", FORM_TYPE,
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--xyz--"), 400,
     NULL},
    {"multipart text with a NUL", FORM_TYPE,
     STR_INIT("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\0\r\n--xyz--"), 400,
     NULL},
};

static void reads_every_kind_in_every_framing(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (Framing framing = 0; framing < FRAMINGS; framing++) {
            for (int both = 0; both <= 1; both++) {
                post(both ? "/api/both" : "/api/echo", CASES[i].type, CASES[i].body, framing,
                     answer);
                check_int(CASES[i].name, answer->status, CASES[i].status);
                if (CASES[i].answer) check_str(CASES[i].name, answer->body, CASES[i].answer);
            }
        }
    }
    free(answer);
}

/* One file part of `size` bytes. */
static Str form_with_file(Arena *a, size_t size, uint32_t *sum)
{
    char *bytes = arena_bytes(a, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    *sum = crc32_ieee(str_make(bytes, size));
    Buf body = buf_new(a, size + 256);
    buf_add(&body, S("--xyz\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"));
    buf_add(&body, str_make(bytes, size));
    buf_add(&body, S("\r\n--xyz--\r\n"));
    return buf_str(&body);
}

static void large_parts_go_to_a_file(void **state)
{
    Arena *a = *state;
    static const struct {
        size_t size;
        const char *where;
    } SIZES[] = {
        {0, "memory"},    {1, "memory"},    {MEMORY_BYTES, "memory"}, {MEMORY_BYTES + 1, "file"},
        {131072, "file"}, {131073, "file"}, {190000, "file"}};
    Answer *answer = malloc(sizeof(*answer));
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        for (Framing framing = 0; framing < FRAMINGS; framing++) {
            uint32_t sum;
            Str body = form_with_file(a, SIZES[i].size, &sum);
            post("/api/echo", FORM_TYPE, body, framing, answer);
            Str expected = str_printf(a,
                                      "{\"data\":{},\"files\":[{\"field\":\"f\",\"name\":\"x\","
                                      "\"type\":\"\",\"size\":%zu,\"where\":\"%s\",\"sum\":%u}],"
                                      "\"form\":true,\"present\":true}\n",
                                      SIZES[i].size, SIZES[i].where, sum);
            check_str(SIZES[i].where, answer->body, arena_cstr(a, expected));
        }
    }
    free(answer);
}

/* `count` file parts of `size` bytes, each of another letter. */
static Str form_of(Arena *a, int count, size_t size, uint32_t *sums)
{
    Buf body = buf_new(a, 1 << 16);
    char *bytes = arena_bytes(a, size);
    for (int i = 0; i < count; i++) {
        memset(bytes, 'a' + i % 26, size);
        if (sums) sums[i] = crc32_ieee(str_make(bytes, size));
        buf_add(&body, S("--xyz\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"));
        buf_add(&body, str_make(bytes, size));
        buf_add(&body, S("\r\n"));
    }
    buf_add(&body, S("--xyz--"));
    return buf_str(&body);
}

/* Many parts that would each be kept: together they are too much, and the rest
 * of them share one file. */
static void parts_share_the_memory(void **state)
{
    Arena *a = *state;
    uint32_t sums[9];
    Answer *answer = malloc(sizeof(*answer));
    post("/api/echo", FORM_TYPE, form_of(a, COUNT(sums), MEMORY_BYTES - 100, sums), BY_LENGTH,
         answer);
    assert_int_equal(answer->status, 200);
    Str rest = answer->body;
    (void)str_split(&rest, '}'); /* "data" */
    for (size_t i = 0; i < COUNT(sums); i++) {
        Str piece = str_split(&rest, '}');
        Str sum = str_printf(a, "\"where\":\"memory\",\"sum\":%u", sums[i]);
        check_bool("part", str_find(piece, sum) >= 0, true);
    }
    free(answer);
}

static int64_t descriptors_with(Arena *a, int parts)
{
    Answer *answer = malloc(sizeof(*answer));
    int64_t count = 0;
    post("/api/descriptors", FORM_TYPE, form_of(a, parts, MEMORY_BYTES - 100, NULL), BY_LENGTH,
         answer);
    assert_true(str_to_i64(answer->body, &count));
    free(answer);
    return count;
}

static void many_small_parts_take_one_descriptor(void **state)
{
    int64_t few = descriptors_with(*state, 2), many = descriptors_with(*state, 19);
    check_bool("at most one more", many <= few + 1, true);
}

static Str repeated(Arena *a, const char *text, int count)
{
    Buf out = buf_new(a, 4096);
    for (int i = 0; i < count; i++)
        buf_add(&out, str_from(text));
    return buf_str(&out);
}

static void limits_give_413(void **state)
{
    Arena *a = *state;
    uint32_t sum;
    const char *field = "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
    const struct {
        const char *name, *type;
        Str body;
        int status;
    } rows[] = {
        {"body fits", "application/json", str_printf(a, "{\"a\":\"%0*d\"}", 200000 - 8, 0), 200},
        {"body too large", "application/json", str_printf(a, "{\"a\":\"%0*d\"}", 200001 - 8, 0),
         413},
        {"upload too large", FORM_TYPE, form_with_file(a, 200001, &sum), 413},
        {"fields fit", FORM_TYPE, str_concat(a, repeated(a, field, 20), S("--xyz--")), 200},
        {"one field too many", FORM_TYPE, str_concat(a, repeated(a, field, 21), S("--xyz--")), 413},
        {"value fits", URL_TYPE, str_printf(a, "a=%01000d", 0), 200},
        {"value too long", URL_TYPE, str_printf(a, "a=%01001d", 0), 413},
        {"part fits", FORM_TYPE,
         str_printf(a, "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n%01000d\r\n--xyz--",
                    0),
         200},
        {"part too long", FORM_TYPE,
         str_printf(a, "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n%01001d\r\n--xyz--",
                    0),
         413},
    };
    Answer *answer = calloc(1, sizeof(*answer));
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (Framing framing = 0; framing < FRAMINGS; framing += 2) {
            int fd = dial(&world);
            send_request(fd, "/api/echo", rows[i].type, rows[i].body, framing);
            char head[16] = {0};
            size_t got = 0;
            while (got < 12) {
                ssize_t n = read_some(fd, head + got, 12 - got, PATIENCE_MS);
                assert_true(n > 0);
                got += (size_t)n;
            }
            check_int(rows[i].name, atoi_status(head), rows[i].status);
            close(fd);
        }
    }
    free(answer);
}

static void a_coded_body_is_refused(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    int fd = dial(&world);
    assert_true(send_text(fd, "POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
                              "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
    assert_true(read_answer(fd, false, answer));
    assert_int_equal(answer->status, 415);
    close(fd);
    free(answer);
}

static void bytes_come_as_they_are(void **state)
{
    Arena *a = *state;
    Answer *answer = malloc(sizeof(*answer));
    static const size_t SIZES[] = {0, 1, 1000, 99999, 100000};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        char *bytes = arena_bytes(a, SIZES[i] + 1);
        for (size_t k = 0; k < SIZES[i]; k++)
            bytes[k] = (char)(k * 3 + k / 99);
        Str body = str_make(bytes, SIZES[i]);
        Str expected = str_printf(a, "%zu %u", body.len, crc32_ieee(body));
        for (Framing framing = 0; framing < FRAMINGS; framing++) {
            post("/api/bytes", "any/thing", body, framing, answer);
            check_str("bytes", answer->body, arena_cstr(a, expected));
        }
    }
    free(answer);
}

static void the_connection_goes_on(void **state)
{
    (void)state;
    Answer *answer = malloc(sizeof(*answer));
    int fd = dial(&world);
    for (int i = 0; i < 20; i++) {
        send_request(fd, "/api/echo", FORM_TYPE,
                     S("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xyz--\r\n"),
                     (Framing)(i % FRAMINGS));
        assert_true(read_answer(fd, false, answer));
        assert_int_equal(answer->status, 200);
    }
    close(fd);
    free(answer);
}

/* However large it may be: what all requests share is not to be had by sending. */
static void large_bodies_share_the_memory(void **state)
{
    Arena *a = *state;
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    World other;
    HttpLimits limits = http_limits_default();
    limits.request_memory_bytes = (size_t)256 << 10;
    world_start(&other, (HttpConfig){.tables = &table, .table_count = 1, .limits = limits});
    Answer *answer = malloc(sizeof(*answer));
    char *bytes = arena_bytes(a, 600000);
    memset(bytes, ' ', 600000);
    memcpy(bytes, "{}", 2);

    static const struct {
        size_t size;
        int status;
    } SIZES[] = {{200000, 200}, {600000, 503}, {200000, 200}};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        for (Framing framing = 0; framing < FRAMINGS; framing++) {
            int fd = dial(&other);
            send_request(fd, "/api/both", "application/json", str_make(bytes, SIZES[i].size),
                         framing);
            assert_true(read_answer(fd, false, answer));
            assert_int_equal(answer->status, SIZES[i].status);
            close(fd);
        }
    }
    free(answer);
    world_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind_in_every_framing),
        test_with_arena(large_parts_go_to_a_file),
        test_with_arena(parts_share_the_memory),
        test_with_arena(many_small_parts_take_one_descriptor),
        test_with_arena(limits_give_413),
        cmocka_unit_test(a_coded_body_is_refused),
        test_with_arena(bytes_come_as_they_are),
        test_with_arena(large_bodies_share_the_memory),
        cmocka_unit_test(the_connection_goes_on),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
