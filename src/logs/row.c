/* row.c - an entry as a row: the JSON of api: operations §3.1, without secrets. */
#include "logs/logs_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/utf8.h"

/* ---- no secrets ---- */

#define STARS         S("***")
#define JWT_BYTES_MIN 20

/* Parameters whose values prove something. */
static bool is_secret_key(Arena *a, Str key)
{
    static const Str INSIDE[] = {
        STR_INIT("token"),      STR_INIT("password"),    STR_INIT("passwd"),
        STR_INIT("secret"),     STR_INIT("apikey"),      STR_INIT("api_key"),
        STR_INIT("api-key"),    STR_INIT("signature"),   STR_INIT("authorization"),
        STR_INIT("credential"), STR_INIT("jsonpayload"), STR_INIT("verifier")};
    static const Str WHOLE[] = {STR_INIT("code"), STR_INIT("state"),  STR_INIT("otp"),
                                STR_INIT("sig"),  STR_INIT("key"),    STR_INIT("pass"),
                                STR_INIT("jwt"),  STR_INIT("session")};
    Str decoded;
    if (!percent_decode(a, key, true, &decoded)) decoded = key;
    Str name = str_lower(a, decoded);
    for (size_t i = 0; i < COUNT(INSIDE); i++)
        if (str_find(name, INSIDE[i]) >= 0) return true;
    for (size_t i = 0; i < COUNT(WHOLE); i++)
        if (str_eq(name, WHOLE[i])) return true;
    return false;
}

static void add_query(Arena *a, Buf *out, Str query)
{
    for (bool first = true; query.ptr; first = false) {
        Str pair = str_split(&query, '&');
        if (!first) buf_char(out, '&');
        ptrdiff_t equals = str_find_char(pair, '=');
        if (equals < 0 || !is_secret_key(a, str_sub(pair, 0, (size_t)equals))) {
            buf_add(out, pair);
            continue;
        }
        buf_add(out, str_sub(pair, 0, (size_t)equals + 1));
        buf_add(out, STARS);
    }
}

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* A signed token anywhere, also in a path: "eyJ" is {" in base64. */
static Str without_tokens(Arena *a, Str text)
{
    if (str_find(text, S("eyJ")) < 0) return text;
    Buf out = buf_new(a, text.len + 8);
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        if (str_starts(str_from_pos(text, i), S("eyJ")))
            while (end < text.len && is_token_byte(text.ptr[end]))
                end++;
        if (end - i >= JWT_BYTES_MIN) {
            buf_add(&out, STARS);
            i = end;
        } else {
            buf_char(&out, text.ptr[i++]);
        }
    }
    return buf_str(&out);
}

Str url_redact(Arena *a, Str url)
{
    ptrdiff_t mark = str_find_char(url, '?');
    if (mark < 0) return without_tokens(a, url);
    Buf out = buf_new(a, url.len + 32);
    buf_add(&out, str_sub(url, 0, (size_t)mark + 1));
    add_query(a, &out, str_from_pos(url, (size_t)mark + 1));
    return without_tokens(a, buf_str(&out));
}

/* ---- readable addresses ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte that "%XX" at the start of `s` stands for, or -1. */
static int escaped_byte(Str s)
{
    if (s.len < 3 || s.ptr[0] != '%') return -1;
    int high = hex_digit(s.ptr[1]), low = hex_digit(s.ptr[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Marks that change the direction of what follows, and separators of lines. */
static bool is_deceptive(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x2069) || cp == 0xFEFF;
}

Str url_readable(Arena *a, Str url)
{
    Buf out = buf_new(a, url.len + 1);
    for (size_t i = 0; i < url.len;) {
        char bytes[4];
        size_t count = 0, at = i;
        for (int c; count < sizeof bytes && (c = escaped_byte(str_from_pos(url, at))) >= 0; at += 3)
            bytes[count++] = (char)c;
        size_t size = count ? utf8_sequence(str_make(bytes, count)) : 0;
        if (size > 0 && !is_deceptive(utf8_decode(str_make(bytes, size), &size))) {
            buf_add(&out, str_make(bytes, size));
            i += size * 3;
        } else {
            buf_char(&out, url.ptr[i++]);
        }
    }
    return buf_str(&out);
}

/* ---- rows ---- */

static void member_str(Buf *out, const char *key, Str value)
{
    buf_char(out, ',');
    json_write_string(out, str_from(key));
    buf_char(out, ':');
    json_write_string(out, value);
}

static Str cut(Arena *a, Str text, size_t max)
{
    return text.len > max ? str_concat(a, str_sub(text, 0, max), S("...")) : text;
}

/* What is no UTF-8, or would break a line, is escaped as in an address. */
static Str printable(Arena *a, Str text)
{
    Buf out = buf_new(a, text.len + 1);
    for (size_t i = 0; i < text.len;) {
        Str rest = str_from_pos(text, i);
        size_t size = utf8_sequence(rest);
        if (size > 0 && !is_deceptive(utf8_decode(rest, &size))) {
            buf_add(&out, str_sub(rest, 0, size));
            i += size;
        } else {
            buf_printf(&out, "%%%02X", (unsigned char)text.ptr[i++]);
        }
    }
    return buf_str(&out);
}

static void request_row(Arena *a, const EntryHead *head, const Str *parts, LogRow *out)
{
    Str url = printable(a, url_redact(a, cut(a, parts[PART_TARGET], URL_MAX)));
    out->message =
        str_printf(a, "%.*s %.*s", STR_ARG(parts[PART_METHOD]), STR_ARG(url_readable(a, url)));

    Buf data = buf_new(a, 1024);
    buf_add(&data, S("{\"type\":\"request\""));
    member_str(&data, "auth", parts[PART_AUTH]);
    if (head->has_auth_id) member_str(&data, "authId", parts[PART_AUTH_ID]);
    if (parts[PART_DETAILS].len) {
        buf_add(&data, S(",\"details\":"));
        buf_add(&data, parts[PART_DETAILS]);
    }
    if (head->level >= LEVEL_ERROR && parts[PART_ERROR].len)
        member_str(&data, "error", parts[PART_ERROR]);
    uint64_t exec_us = head->exec_ns / 1000;
    buf_add(&data, S(",\"execTime\":"));
    json_write_number(&data, (double)exec_us / 1000);
    member_str(&data, "method", parts[PART_METHOD]);
    member_str(&data, "referer",
               printable(a, url_redact(a, cut(a, parts[PART_REFERER], HEADER_MAX))));
    buf_add(&data, S(",\"status\":"));
    buf_i64(&data, head->status);
    member_str(&data, "url", url);
    member_str(&data, "userAgent", printable(a, cut(a, parts[PART_AGENT], HEADER_MAX)));
    if (head->has_ip) {
        member_str(&data, "userIP", parts[PART_USER_IP]);
        member_str(&data, "remoteIP", parts[PART_REMOTE_IP]);
    }
    buf_char(&data, '}');
    out->data = buf_str(&data);
}

static void process_row(Arena *a, const Str *parts, LogRow *out)
{
    out->message = printable(a, parts[PART_TARGET]);
    Buf data = buf_new(a, parts[PART_DETAILS].len + 64);
    buf_add(&data, S("{\"area\":"));
    json_write_string(&data, parts[PART_METHOD]);
    buf_add(&data, parts[PART_DETAILS]); /* ,"key":value … */
    buf_char(&data, '}');
    out->data = buf_str(&data);
}

void row_make(Arena *a, Str entry, LogRow *out)
{
    EntryHead head;
    assert(entry.len >= sizeof head);
    memcpy(&head, entry.ptr, sizeof head);
    Str parts[PART_COUNT];
    size_t from = sizeof head;
    for (size_t i = 0; i < PART_COUNT; i++) {
        assert(head.lengths[i] <= entry.len - from);
        parts[i] = arena_copy(a, str_make(entry.ptr + from, head.lengths[i]));
        from += head.lengths[i];
    }
    *out = (LogRow){.wall_ms = head.wall_ms,
                    .level = head.level,
                    .id = random_id(a),
                    .created = datetime_format(a, head.wall_ms)};
    if (head.is_process)
        process_row(a, parts, out);
    else
        request_row(a, &head, parts, out);
}

void row_of_ours(Arena *a, int level, Str message, Str data, LogRow *out)
{
    int64_t now_ms = clock_wall_ms();
    *out = (LogRow){.wall_ms = now_ms,
                    .level = level,
                    .id = random_id(a),
                    .message = message,
                    .data = data,
                    .created = datetime_format(a, now_ms)};
}
