/* The client against servers that answer anything. What a real one says is in
 * tests/e2e/s3.test.mjs. */
#include "outgoing/peer.h"
#include "testing.h"

#include "crypto/crypto.h"
#include "s3/s3_internal.h"

typedef struct {
    Arena *a;
    Outgoing *o;
    Workers *workers;
} World;

static int world_setup(void **state)
{
    Arena *a = arena_create("test", 64 << 20);
    World *w = arena_new(a, World, 1);
    w->a = a;
    OutgoingConfig config = outgoing_config_default();
    config.threads = 1;
    check_ok("crypto", crypto_init(a));
    check_ok("outgoing", outgoing_create(a, &config, &w->o));
    check_ok("workers", workers_create(a, "test", 1, 8, &w->workers));
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    World *w = *state;
    workers_destroy(w->workers);
    outgoing_destroy(w->o);
    arena_destroy(w->a);
    return 0;
}

static S3 *client(World *w, const Peer *p, S3Config more)
{
    S3 *s3;
    more.endpoint = str_printf(w->a, "http://127.0.0.1:%d", p->port);
    more.bucket = S("bucket");
    more.region = S("us-east-1");
    more.access_key = S("key");
    more.secret = S("secret");
    if (!more.retry_ms) more.retry_ms = 1;
    check_ok("create", s3_create(w->a, w->o, w->workers, &more, &s3));
    return s3;
}

#define OBJECT "Last-Modified: Sat, 28 Nov 2026 05:00:00 GMT\r\nETag: \"e\"\r\n"

static const struct {
    const char *name, *answer, *code;
} READS[] = {
    {"a range",
     "HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/9\r\n" OBJECT "\r\nabcd",
     NULL},
    {"a server without ranges", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" OBJECT "\r\nab", NULL},
    {"another range",
     "HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 1-4/9\r\n" OBJECT "\r\nabcd",
     "s3_rubbish"},
    {"less than the range",
     "HTTP/1.1 206 P\r\nContent-Length: 3\r\nContent-Range: bytes 0-3/9\r\n" OBJECT "\r\nabc",
     "s3_rubbish"},
    {"no range said", "HTTP/1.1 206 P\r\nContent-Length: 4\r\n" OBJECT "\r\nabcd", "s3_rubbish"},
    {"no date", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "s3_rubbish"},
    {"missing", "HTTP/1.1 404 N\r\nContent-Length: 37\r\n\r\n<Error><Code>NoSuchKey</Code></Error>",
     "s3_not_found"},
    {"a missing bucket",
     "HTTP/1.1 404 N\r\nContent-Length: 40\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>",
     "s3_failed"},
    {"denied", "HTTP/1.1 403 N\r\nContent-Length: 0\r\n\r\n", "s3_denied"},
    {"changed", "HTTP/1.1 412 N\r\nContent-Length: 0\r\n\r\n", "s3_changed"},
    {"a redirect", "HTTP/1.1 307 N\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
     "s3_failed"},
    {"broken", "HTTP/1.1 500 N\r\nContent-Length: 4\r\n\r\noops", "s3_failed"},
    {"cut off",
     "HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/9\r\n" OBJECT "\r\nab",
     "outgoing_unreachable"},
    {"no HTTP", "SSH-2.0-x\r\n", "outgoing_bad_request"},
};

static void reads_what_a_server_may_say(void **state)
{
    World *w = *state;
    for (size_t i = 0; i < COUNT(READS); i++) {
        Peer p = {.answer = READS[i].answer};
        peer_start(&p);
        S3 *s3 = client(w, &p, (S3Config){.any_address = true});
        char buf[4];
        size_t got = 0;
        S3Object object = {0};
        Error *err = s3_read(s3, w->a, S("k"), S(""), 0, buf, sizeof(buf), &got, &object);
        check_code(READS[i].name, err, READS[i].code);
        if (!err) check_int(READS[i].name, memcmp(buf, "abcd", got), 0);
        if (!err) check_str(READS[i].name, object.etag, "\"e\"");
        s3_release(s3);
        peer_stop(&p);
    }
}

static Error *count_object(void *arg, const S3Object *object)
{
    (void)object;
    ++*(int *)arg;
    return NULL;
}

#define CONTENTS(key) "<Contents><Key>" key "</Key></Contents>"

#define LIST(text) "<ListBucketResult>" text "</ListBucketResult>"

static const struct {
    const char *name, *answer, *code;
    int objects;
} LISTS[] = {
    {"two", LIST(CONTENTS("c/1") CONTENTS("c/2")), NULL, 2},
    {"not a listing", "<a/>", "s3_rubbish", 0},
    {"a page of HTML", "<p>hi<", "s3_rubbish", 0},
    {"what was not asked", LIST(CONTENTS("d/1")), "s3_rubbish", 0},
    {"the same page forever",
     LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"),
     "s3_rubbish", 0},
    {"a page without a next", LIST("<IsTruncated>true</IsTruncated>"), "s3_rubbish", 0},
};

static void lists_what_it_asked_for(void **state)
{
    World *w = *state;
    for (size_t i = 0; i < COUNT(LISTS); i++) {
        Str text = str_from(LISTS[i].answer);
        Peer p = {.answer = arena_cstr(w->a, str_printf(w->a,
                                                        "HTTP/1.1 200 OK\r\nContent-Length: "
                                                        "%zu\r\n\r\n%.*s",
                                                        text.len, STR_ARG(text)))};
        peer_start(&p);
        S3 *s3 = client(w, &p, (S3Config){.any_address = true});
        int objects = 0;
        check_code(LISTS[i].name, s3_list(s3, w->a, S("c/"), count_object, &objects),
                   LISTS[i].code);
        check_int(LISTS[i].name, objects, LISTS[i].objects);
        s3_release(s3);
        peer_stop(&p);
    }
}

static void tries_again_for_a_while(void **state)
{
    World *w = *state;
    Peer p = {.answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"};
    peer_start(&p);
    S3 *s3 = client(w, &p, (S3Config){.any_address = true, .retry_ms = 3000});
    S3Upload upload = {.memory = S("x")};
    check_code("busy", s3_put(s3, w->a, S("k"), &upload), "s3_failed");
    peer_stop(&p);
    check_bool("more than once", p.connections > 1 && p.connections <= 12, true);
    check_bool("what is sent over http is signed",
               strstr(p.heard, "x-amz-content-sha256: "
                               "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
               true);
    s3_release(s3);
}

static void only_an_allowed_address_is_asked(void **state)
{
    World *w = *state;
    Peer p = {.answer = "HTTP/1.1 204 OK\r\n\r\n"};
    peer_start(&p);
    S3 *s3 = client(w, &p, (S3Config){0});
    check_code("loopback", s3_delete(s3, w->a, S("k")), "outgoing_address");
    peer_stop(&p);
    check_int("connections", p.connections, 0);
    s3_release(s3);
}

static const struct {
    const char *name;
    Str endpoint, bucket;
    bool path_style;
    const char *code, *host, *base_path;
} CONFIGS[] = {
    {"virtual host", STR_INIT("s3.example.com"), STR_INIT("b"), false, NULL, "b.s3.example.com",
     ""},
    {"path style", STR_INIT("https://s3.example.com/"), STR_INIT("b"), true, NULL, "s3.example.com",
     "/b"},
    {"a port", STR_INIT("http://minio.local:9000"), STR_INIT("b"), false, NULL,
     "b.minio.local:9000", ""},
    {"the usual port", STR_INIT("HTTPS://S3.example.com:443"), STR_INIT("b"), false, NULL,
     "b.s3.example.com", ""},
    {"an address", STR_INIT("http://127.0.0.1:9000"), STR_INIT("b"), false, NULL, "127.0.0.1:9000",
     "/b"},
    {"an IPv6 address", STR_INIT("http://[::1]:9000"), STR_INIT("b"), false, NULL, "[::1]:9000",
     "/b"},
    {"a path", STR_INIT("https://x.example/storage/s3"), STR_INIT("b"), true, NULL, "x.example",
     "/storage/s3/b"},
    {"a user", STR_INIT("https://u@x.example"), STR_INIT("b"), true, "s3_config", NULL, NULL},
    {"a query", STR_INIT("https://x.example/?a"), STR_INIT("b"), true, "s3_config", NULL, NULL},
    {"a blank", STR_INIT("https://x example"), STR_INIT("b"), true, "s3_config", NULL, NULL},
    {"nothing", STR_INIT("https://"), STR_INIT("b"), true, "s3_config", NULL, NULL},
    {"a bucket with a /", STR_INIT("x.example"), STR_INIT("b/c"), true, "s3_config", NULL, NULL},
    {"no bucket", STR_INIT("x.example"), STR_INIT(""), true, "s3_config", NULL, NULL},
};

static void reads_endpoints(void **state)
{
    World *w = *state;
    for (size_t i = 0; i < COUNT(CONFIGS); i++) {
        S3Config config = {.endpoint = CONFIGS[i].endpoint,
                           .bucket = CONFIGS[i].bucket,
                           .region = S("r"),
                           .access_key = S("k"),
                           .secret = S("s"),
                           .path_style = CONFIGS[i].path_style};
        S3 *s3;
        Error *err = s3_create(w->a, w->o, w->workers, &config, &s3);
        check_code(CONFIGS[i].name, err, CONFIGS[i].code);
        if (err) continue;
        check_str(CONFIGS[i].name, s3->host, CONFIGS[i].host);
        check_str(CONFIGS[i].name, s3->base_path, CONFIGS[i].base_path);
        s3_release(s3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_a_server_may_say, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lists_what_it_asked_for, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(tries_again_for_a_while, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(only_an_allowed_address_is_asked, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(reads_endpoints, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
