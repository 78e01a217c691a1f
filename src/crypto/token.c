/* token.c - signed tokens: JWT in compact form, HS256 and nothing else.
 *
 *     eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 . eyJleHAiOjE3… . 43 letters
 *     header                                 claims          HMAC-SHA256
 *
 * The signature is compared in its text form, so each signature has one
 * spelling. Which algorithm to use is never taken from the token: the header
 * must say HS256, or the token is refused (RFC 8725 §3.1).
 */
#include "crypto/crypto.h"

#include "base/clock.h"
#include "base/encoding.h"

#include <math.h>

#define SIGNATURE_LETTERS 43 /* 32 bytes in base64url */

static const Str OUR_HEADER = STR_INIT("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");

typedef struct {
    Str header, claims, signature;
    Str signed_part; /* header '.' claims */
} Parts;

static Error *refuse(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 401), "token: %s", why);
}

static bool is_base64url(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
        if (!ok) return false;
    }
    return s.len > 0;
}

static Error *split(Arena *a, Str token, Parts *out)
{
    if (token.len > TOKEN_MAX_BYTES) return refuse(a, "too long");
    Str rest = token;
    Parts p = {0};
    p.header = str_split(&rest, '.');
    p.claims = str_split(&rest, '.');
    p.signature = rest; /* a fourth part would leave a '.' in it */
    if (!is_base64url(p.header) || !is_base64url(p.claims) || !is_base64url(p.signature) ||
        p.signature.len != SIGNATURE_LETTERS) {
        return refuse(a, "not three parts of base64url");
    }
    p.signed_part = str_make(token.ptr, p.header.len + 1 + p.claims.len);
    *out = p;
    return NULL;
}

static Error *read_object(Arena *a, Str part, Json **out)
{
    Str text;
    if (!base64url_decode(a, part, &text)) return refuse(a, "not base64url");
    JsonLimits limits = {.depth = 16, .nodes = 1000};
    Json *value;
    Error *err = json_parse(a, text, &limits, &value);
    if (err) return refuse(a, "not JSON");
    if (!json_is(value, JSON_OBJECT)) return refuse(a, "not an object");
    *out = value;
    return NULL;
}

static Error *check_header(Arena *a, Str header)
{
    if (str_eq(header, OUR_HEADER)) return NULL;
    Json *fields;
    Error *err = read_object(a, header, &fields);
    if (err) return err;
    if (!str_eq(json_str(json_get(fields, S("alg")), S("")), S("HS256"))) {
        return refuse(a, "another algorithm");
    }
    Json *type = json_get(fields, S("typ"));
    if (type && !str_eq_nocase(json_str(type, S("")), S("JWT"))) return refuse(a, "another type");
    /* RFC 7515 §4.1.11: extensions we don't know must not be ignored. */
    if (json_get(fields, S("crit"))) return refuse(a, "critical extensions");
    return NULL;
}

/* A moment in whole seconds; false when it is absent or anything else. */
static bool read_seconds(const Json *claims, Str name, double *out)
{
    const Json *value = json_get(claims, name);
    if (!json_is(value, JSON_NUMBER)) return false;
    double seconds = json_number(value, -1);
    if (!(seconds >= 0 && seconds <= 9007199254740991.0) || floor(seconds) != seconds) return false;
    *out = seconds;
    return true;
}

static Error *check_times(Arena *a, const Json *claims)
{
    double now = floor((double)clock_wall_ms() / 1000);
    double at;
    if (!read_seconds(claims, S("exp"), &at)) return refuse(a, "no exp");
    if (now >= at) return refuse(a, "expired");

    static const Str NOT_BEFORE[] = {STR_INIT("nbf"), STR_INIT("iat")};
    for (size_t i = 0; i < COUNT(NOT_BEFORE); i++) {
        if (!json_get(claims, NOT_BEFORE[i])) continue;
        if (!read_seconds(claims, NOT_BEFORE[i], &at)) return refuse(a, "nbf or iat is no number");
        if (now < at) return refuse(a, "not valid yet");
    }
    return NULL;
}

static Str sign(Arena *a, Str signed_part, Str key_first, Str key_second)
{
    uint8_t mac[32];
    hmac_sha256(str_concat(a, key_first, key_second), signed_part, mac);
    return base64url_encode(a, str_make((const char *)mac, sizeof(mac)));
}

Str token_sign(Arena *a, const Json *claims, Str key_first, Str key_second)
{
    assert(json_is(claims, JSON_OBJECT));
    assert(key_first.len + key_second.len > 0);

    Str payload = base64url_encode(a, json_format(a, claims));
    Buf token = buf_new(a, OUR_HEADER.len + payload.len + SIGNATURE_LETTERS + 2);
    buf_add(&token, OUR_HEADER);
    buf_char(&token, '.');
    buf_add(&token, payload);
    Str signature = sign(a, buf_str(&token), key_first, key_second);
    buf_char(&token, '.');
    buf_add(&token, signature);
    return buf_str(&token);
}

Error *token_read_unverified(Arena *a, Str token, Json **claims)
{
    Parts parts;
    Error *err = split(a, token, &parts);
    if (err) return err;
    err = check_header(a, parts.header);
    if (err) return err;
    return read_object(a, parts.claims, claims);
}

Error *token_verify(Arena *a, Str token, Str key_first, Str key_second, Json **claims)
{
    if (key_first.len + key_second.len == 0) return refuse(a, "no key");
    Parts parts;
    Error *err = split(a, token, &parts);
    if (err) return err;
    err = check_header(a, parts.header);
    if (err) return err;

    Str expected = sign(a, parts.signed_part, key_first, key_second);
    if (!str_eq_constant_time(expected, parts.signature)) return refuse(a, "wrong signature");

    Json *read;
    err = read_object(a, parts.claims, &read);
    if (err) return err;
    err = check_times(a, read);
    if (err) return err;
    *claims = read;
    return NULL;
}
