/* Tests of rows: what is kept of an address, and that nobody forges anything. */
#include "testing.h"

#include "logs/logs_internal.h"

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IngifQ.abc_DEF-123"

static const struct {
    const char *name, *url, *kept;
} REDACTED[] = {
    {"nothing to hide", "/api/x?page=2&filter=a%3D1", "/api/x?page=2&filter=a%3D1"},
    {"no query", "/token/abc", "/token/abc"},
    {"token", "/f.png?token=abc&thumb=1x1", "/f.png?token=***&thumb=1x1"},
    {"escaped key", "/f?%74o%6ben=abc", "/f?%74o%6ben=***"},
    {"capitals", "/f?Access_Token=abc", "/f?Access_Token=***"},
    {"password within", "/f?oldPassword=a&passwordConfirm=b",
     "/f?oldPassword=***&passwordConfirm=***"},
    {"code and state", "/r?code=a&state=b&codes=c", "/r?code=***&state=***&codes=c"},
    {"empty value", "/f?token=&a=b", "/f?token=***&a=b"},
    {"without value", "/f?token&a", "/f?token&a"},
    {"second question mark", "/f?a=b?token=c", "/f?a=b?token=c"},
    {"= in the value", "/f?token=a=b&c=d", "/f?token=***&c=d"},
    {"broken escape", "/f?%zztoken=a", "/f?%zztoken=***"},
    {"signed token in path", "/confirm/" JWT "/x", "/confirm/***/x"},
    {"signed token, any key", "/f?x=" JWT, "/f?x=***"},
    {"short word", "/eyJa", "/eyJa"},
    {"a name that looks signed", "/a?" JWT "token=secret", "/a?***=***"},
};

static void secrets_are_stars(void **state)
{
    for (size_t i = 0; i < COUNT(REDACTED); i++)
        check_str(REDACTED[i].name, url_redact(*state, str_from(REDACTED[i].url)),
                  REDACTED[i].kept);
}

static const struct {
    const char *name, *url, *shown;
} READABLE[] = {
    {"plain", "/api/x", "/api/x"},
    {"words", "/a%20b%C3%A9", "/a b\xC3\xA9"},
    {"line feed", "/a%0Ab%0D", "/a%0Ab%0D"},
    {"NUL", "/a%00", "/a%00"},
    {"C1 control", "/a%C2%85", "/a%C2%85"},
    {"right to left", "/a%E2%80%AEb", "/a%E2%80%AEb"},
    {"no UTF-8", "/a%FF%41", "/a%FFA"},
    {"cut sequence", "/a%C3", "/a%C3"},
    {"broken escape", "/a%4", "/a%4"},
    {"escaped twice", "/a%250A", "/a%0A"},
    {"four bytes", "/%F0%9F%98%80", "/\xF0\x9F\x98\x80"},
};

static void addresses_are_readable(void **state)
{
    for (size_t i = 0; i < COUNT(READABLE); i++)
        check_str(READABLE[i].name, url_readable(*state, str_from(READABLE[i].url)),
                  READABLE[i].shown);
}

static Str entry_of(Arena *a, EntryHead *head, const Str parts[PART_COUNT])
{
    Buf out = buf_new(a, 256);
    for (size_t i = 0; i < PART_COUNT; i++)
        head->lengths[i] = (uint16_t)parts[i].len;
    buf_add(&out, str_make((const char *)head, sizeof *head));
    for (size_t i = 0; i < PART_COUNT; i++)
        buf_add(&out, parts[i]);
    return buf_str(&out);
}

static void a_request(void **state)
{
    Arena *a = *state;
    EntryHead head = {.wall_ms = 1000,
                      .exec_ns = 1234567,
                      .status = 400,
                      .level = LEVEL_ERROR,
                      .has_ip = true,
                      .has_auth_id = true};
    Str parts[PART_COUNT] = {
        [PART_METHOD] = S("POST"),
        [PART_TARGET] = S("/api/a%20b?token=x"),
        [PART_REFERER] = S("http://x/?password=y"),
        [PART_AGENT] = S("bad\xFF\x01\"agent"),
        [PART_AUTH] = S("users"),
        [PART_AUTH_ID] = S("id1"),
        [PART_USER_IP] = S("1.2.3.4"),
        [PART_REMOTE_IP] = S("::1"),
        [PART_ERROR] = S("Went wrong."),
        [PART_DETAILS] = S("{\"f\":1}"),
    };
    LogRow row;
    row_make(a, entry_of(a, &head, parts), &row);
    check_str("message", row.message, "POST /api/a b?token=***");
    check_str("created", row.created, "1970-01-01 00:00:01.000Z");
    check_int("level", row.level, 8);
    check_int("id", row.id.len, 15);
    check_str("data", row.data,
              "{\"type\":\"request\",\"auth\":\"users\",\"authId\":\"id1\",\"details\":{\"f\":1},"
              "\"error\":\"Went wrong.\",\"execTime\":1.234,\"method\":\"POST\","
              "\"referer\":\"http://x/?password=***\",\"status\":400,"
              "\"url\":\"/api/a%20b?token=***\",\"userAgent\":\"bad%FF%01\\\"agent\","
              "\"userIP\":\"1.2.3.4\",\"remoteIP\":\"::1\"}");
    assert_true(json_is_valid(a, row.data));
}

static void what_settings_leave_out(void **state)
{
    Arena *a = *state;
    EntryHead head = {.status = 200};
    Str parts[PART_COUNT] = {[PART_METHOD] = S("GET"), [PART_TARGET] = S("/")};
    LogRow row;
    row_make(a, entry_of(a, &head, parts), &row);
    check_str("data", row.data,
              "{\"type\":\"request\",\"auth\":\"\",\"execTime\":0,\"method\":\"GET\","
              "\"referer\":\"\",\"status\":200,\"url\":\"/\",\"userAgent\":\"\"}");
}

static void long_texts_are_cut(void **state)
{
    Arena *a = *state;
    char *text = arena_bytes(a, URL_MAX + 1);
    memset(text, 'x', URL_MAX + 1);
    EntryHead head = {.status = 200};
    Str parts[PART_COUNT] = {[PART_METHOD] = S("GET"),
                             [PART_TARGET] = str_make(text, URL_MAX + 1),
                             [PART_AGENT] = str_make(text, HEADER_MAX + 1)};
    LogRow row;
    row_make(a, entry_of(a, &head, parts), &row);
    Json *data;
    check_ok("data", json_parse(a, row.data, NULL, &data));
    Str url = json_str(json_get(data, S("url")), S("")),
        agent = json_str(json_get(data, S("userAgent")), S(""));
    check_int("url", url.len, URL_MAX + 3);
    assert_true(str_ends(url, S("x...")));
    check_int("agent", agent.len, HEADER_MAX + 3);
}

static void the_process(void **state)
{
    Arena *a = *state;
    EntryHead head = {.level = LEVEL_WARN, .is_process = true};
    Str parts[PART_COUNT] = {[PART_METHOD] = S("db"),
                             [PART_TARGET] = S("write\nfailed"),
                             [PART_DETAILS] = S(",\"n\":1")};
    LogRow row;
    row_make(a, entry_of(a, &head, parts), &row);
    check_str("message", row.message, "write%0Afailed");
    check_str("data", row.data, "{\"area\":\"db\",\"n\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(secrets_are_stars),  test_with_arena(addresses_are_readable),
        test_with_arena(a_request),          test_with_arena(what_settings_leave_out),
        test_with_arena(long_texts_are_cut), test_with_arena(the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
