/* sign.c - AWS Signature Version 4 for S3.
 *
 * The request is written in a canonical form, hashed, and that hash is signed
 * with a key derived from the secret, the day, the region and the service. S3
 * encodes paths once, where other services do it twice. Source: Amazon S3 API
 * Reference, "Authenticating Requests: Using the Authorization Header".
 */
#include "s3/s3_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/crypto.h"

#define DAY_LEN 8

Str s3_date(Arena *a, int64_t now_ms)
{
    CalendarTime t = calendar_from_ms(now_ms);
    return str_printf(a, "%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day, t.hour, t.minute,
                      t.second);
}

Str s3_encode_path(Arena *a, Str path)
{
    Buf out = buf_new(a, path.len + 32);
    Str rest = path;
    while (rest.ptr) {
        buf_add(&out, percent_encode(a, str_split(&rest, '/')));
        if (rest.ptr) buf_char(&out, '/');
    }
    return buf_str(&out);
}

void s3_sort(FetchHeader *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && str_cmp(list[k].name, list[k - 1].name) < 0; k--) {
            FetchHeader swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
    }
}

Str s3_query(Arena *a, FetchHeader *params, size_t count)
{
    s3_sort(params, count);
    Buf out = buf_new(a, 128);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_char(&out, '&');
        buf_add(&out, percent_encode(a, params[i].name));
        buf_char(&out, '=');
        buf_add(&out, percent_encode(a, params[i].value));
    }
    return buf_str(&out);
}

static Str signed_names(Arena *a, const S3Signing *r)
{
    Buf out = buf_new(a, 128);
    for (size_t i = 0; i < r->header_count; i++) {
        if (i > 0) buf_char(&out, ';');
        buf_add(&out, r->headers[i].name);
    }
    return buf_str(&out);
}

static Str canonical_request(Arena *a, const S3Signing *r, Str names)
{
    Buf out = buf_new(a, 512);
    buf_printf(&out, "%s\n%.*s\n%.*s\n", r->method, STR_ARG(r->path), STR_ARG(r->query));
    for (size_t i = 0; i < r->header_count; i++) {
        buf_printf(&out, "%.*s:%.*s\n", STR_ARG(r->headers[i].name),
                   STR_ARG(str_trim(r->headers[i].value)));
    }
    buf_printf(&out, "\n%.*s\n%.*s", STR_ARG(names), STR_ARG(r->payload_hash));
    return buf_str(&out);
}

static Str bytes(const uint8_t digest[32])
{
    return str_make((const char *)digest, 32);
}

Str s3_authorization(Arena *a, const S3Keys *keys, const S3Signing *r)
{
    uint8_t hash[32], key[32];
    Str date = s3_date(a, r->now_ms);
    Str day = str_sub(date, 0, DAY_LEN);
    Str names = signed_names(a, r);
    Str scope = str_printf(a, "%.*s/%.*s/s3/aws4_request", STR_ARG(day), STR_ARG(keys->region));

    sha256(canonical_request(a, r, names), hash);
    Str to_sign = str_printf(a, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", STR_ARG(date), STR_ARG(scope),
                             STR_ARG(hex_encode(a, bytes(hash))));

    hmac_sha256(str_concat(a, S("AWS4"), keys->secret), day, key);
    const Str steps[] = {keys->region, S("s3"), S("aws4_request"), to_sign};
    for (size_t i = 0; i < COUNT(steps); i++) {
        hmac_sha256(bytes(key), steps[i], hash);
        memcpy(key, hash, sizeof(key));
    }
    return str_printf(a, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s,SignedHeaders=%.*s,Signature=%.*s",
                      STR_ARG(keys->access_key), STR_ARG(scope), STR_ARG(names),
                      STR_ARG(hex_encode(a, bytes(key))));
}
