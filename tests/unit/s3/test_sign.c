/* The examples of Amazon S3's API reference, "Authenticating Requests: Using the
 * Authorization Header (AWS Signature Version 4)", with their published keys. */
#include "testing.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "s3/s3_internal.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST                                                                                       \
    {                                                                                              \
        STR_INIT("host"), STR_INIT("examplebucket.s3.amazonaws.com")                               \
    }
#define DATE                                                                                       \
    {                                                                                              \
        STR_INIT("x-amz-date"), STR_INIT("20130524T000000Z")                                       \
    }

static const struct {
    const char *name, *method, *path, *hash, *signed_headers, *signature;
    FetchHeader params[2], headers[5];
} CASES[] = {
    {
        "GET a range",
        "GET",
        "test.txt",
        EMPTY,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        {{{0}, {0}}},
        {HOST,
         {STR_INIT("range"), STR_INIT("bytes=0-9")},
         {STR_INIT("x-amz-content-sha256"), STR_INIT(EMPTY)},
         DATE},
    },
    {
        "PUT with a sign in its name",
        "PUT",
        "test$file.text",
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        {{{0}, {0}}},
        {{STR_INIT("date"), STR_INIT("Fri, 24 May 2013 00:00:00 GMT")},
         HOST,
         {STR_INIT("x-amz-content-sha256"),
          STR_INIT("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")},
         DATE,
         {STR_INIT("x-amz-storage-class"), STR_INIT("REDUCED_REDUNDANCY")}},
    },
    {
        "a parameter without a value",
        "GET",
        "",
        EMPTY,
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        {{STR_INIT("lifecycle"), STR_INIT("")}},
        {HOST, {STR_INIT("x-amz-content-sha256"), STR_INIT(EMPTY)}, DATE},
    },
    {
        "parameters, given in the wrong order",
        "GET",
        "",
        EMPTY,
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        {{STR_INIT("prefix"), STR_INIT("J")}, {STR_INIT("max-keys"), STR_INIT("2")}},
        {HOST, {STR_INIT("x-amz-content-sha256"), STR_INIT(EMPTY)}, DATE},
    },
};

static void signs_as_published(void **state)
{
    Arena *a = *state;
    const S3Keys keys = {S("us-east-1"), S("AKIAIOSFODNN7EXAMPLE"),
                         S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
    const CalendarTime then = {.year = 2013, .month = 5, .day = 24};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        FetchHeader params[2];
        size_t param_count = 0, header_count = 0;
        while (param_count < 2 && CASES[i].params[param_count].name.len) {
            params[param_count] = CASES[i].params[param_count];
            param_count++;
        }
        while (header_count < 5 && CASES[i].headers[header_count].name.len)
            header_count++;
        S3Signing signing = {
            .method = CASES[i].method,
            .path = str_concat(a, S("/"), s3_encode_path(a, str_from(CASES[i].path))),
            .query = s3_query(a, params, param_count),
            .headers = CASES[i].headers,
            .header_count = header_count,
            .payload_hash = str_from(CASES[i].hash),
            .now_ms = calendar_to_ms(&then),
        };
        Str expected =
            str_printf(a,
                       "AWS4-HMAC-SHA256 "
                       "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                       "SignedHeaders=%s,Signature=%s",
                       CASES[i].signed_headers, CASES[i].signature);
        check_str(CASES[i].name, s3_authorization(a, &keys, &signing), arena_cstr(a, expected));
    }
}

static void encodes_paths_and_parameters(void **state)
{
    Arena *a = *state;
    check_str("slashes stay", s3_encode_path(a, S("a b/c+d/\xc3\xa4=~")), "a%20b/c%2Bd/%C3%A4%3D~");
    check_str("a slash at the end", s3_encode_path(a, S("a/")), "a/");
    FetchHeader params[] = {{S("uploadId"), S("x/y+z=")}, {S("partNumber"), S("7")}};
    check_str("in a parameter they do not", s3_query(a, params, 2),
              "partNumber=7&uploadId=x%2Fy%2Bz%3D");
}

int main(void)
{
    Arena *a = arena_create("init", 1 << 20);
    if (crypto_init(a)) return 1;
    arena_destroy(a);
    const struct CMUnitTest tests[] = {
        test_with_arena(signs_as_published),
        test_with_arena(encodes_paths_and_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
