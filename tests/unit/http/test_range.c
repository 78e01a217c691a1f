/* test_range.c - which bytes, and whether any, a request gets. */
#include "testing.h"

#include "base/buf.h"
#include "http/range.h"

#include <inttypes.h>

static const struct {
    const char *header;
    uint64_t size;
    const char *answer; /* "start+len …", "whole" or "416" */
} RANGES[] = {
    {"bytes=0-3", 10, "0+4"},
    {"bytes=0-0", 10, "0+1"},
    {"bytes=9-9", 10, "9+1"},
    {"bytes=5-", 10, "5+5"},
    {"bytes=-3", 10, "7+3"},
    {"bytes=-10", 10, "0+10"},
    {"bytes=-11", 10, "0+10"},
    {"bytes=0-99", 10, "0+10"},
    {"Bytes=0-3", 10, "0+4"},
    {"bytes=0-3,6-7", 10, "0+4 6+2"},
    {"bytes=6-7,0-3", 10, "6+2 0+4"},
    {"bytes= 0-3 ,\t6-7 ", 10, "0+4 6+2"},
    {"bytes=,0-3,,", 10, "0+4"},
    {"bytes=0-3,20-30", 10, "0+4"},
    {"bytes=0-3,-2", 10, "0+4 8+2"},
    {"bytes=0-3,4-7", 10, "0+4 4+4"},
    {"bytes=10-", 10, "416"},
    {"bytes=10-20", 10, "416"},
    {"bytes=-0", 10, "416"},
    {"bytes=10-,11-", 10, "416"},
    {"bytes=99999999999999999999-", 10, "416"},
    {"bytes=0-99999999999999999999", 10, "0+10"},
    {"bytes=18446744073709551615-18446744073709551615", 10, "416"},
    {"bytes=18446744073709551616-18446744073709551617", 10, "416"},
    {"bytes=-18446744073709551616", 10, "0+10"},
    {"bytes=0-3", 0, "whole"},
    {"bytes=-3", 0, "whole"},
    {"bytes=0-3,2-5", 10, "whole"}, /* overlapping */
    {"bytes=0-,0-", 10, "whole"},
    {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9", 10,
     "0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 8+1 9+1"},
    {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10", 20, "whole"},
    {"bytes=3-2", 10, "whole"},
    {"bytes=0-3,3-2", 10, "whole"},
    {"bytes=", 10, "whole"},
    {"bytes=,", 10, "whole"},
    {"bytes=-", 10, "whole"},
    {"bytes=a-b", 10, "whole"},
    {"bytes=0", 10, "whole"},
    {"bytes=0--3", 10, "whole"},
    {"bytes=-1-3", 10, "whole"},
    {"bytes=+0-3", 10, "whole"},
    {"bytes=0x0-3", 10, "whole"},
    {"bytes 0-3", 10, "whole"},
    {"bytes:0-3", 10, "whole"},
    {"lines=0-3", 10, "whole"},
    {"0-3", 10, "whole"},
    {"", 10, "whole"},
    {"bytes=0-3", 4294967297, "0+4"},
    {"bytes=4294967296-", 4294967297, "4294967296+1"},
};

static void picks_ranges(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        ByteRange ranges[RANGES_MAX];
        size_t count;
        Buf got = buf_new(a, 64);
        switch (range_parse(str_from(RANGES[i].header), RANGES[i].size, ranges, &count)) {
        case RANGE_WHOLE:
            buf_add(&got, S("whole"));
            break;
        case RANGE_UNSATISFIABLE:
            buf_add(&got, S("416"));
            break;
        case RANGE_PARTS:
            for (size_t r = 0; r < count; r++) {
                buf_printf(&got, "%s%" PRIu64 "+%" PRIu64, r ? " " : "", ranges[r].start,
                           ranges[r].len);
            }
        }
        check_str(RANGES[i].header, buf_str(&got), RANGES[i].answer);
    }
}

#define BEFORE      "Sat, 29 Oct 1994 19:43:30 GMT"
#define SAME        "Sat, 29 Oct 1994 19:43:31 GMT"
#define AFTER       "Sat, 29 Oct 1994 19:43:32 GMT"
#define MODIFIED_MS INT64_C(783459811500) /* half a second later: dates have none */

static const struct {
    const char *name;
    const char *match, *none_match, *modified, *unmodified;
    const char *etag;
    ConditionAnswer answer;
} CONDITIONS[] = {
    {"nothing asked", NULL, NULL, NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"match", "\"a\"", NULL, NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"match in a list", "\"x\", \"a\"", NULL, NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"match any", "*", NULL, NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"match any without tag", "*", NULL, NULL, NULL, "", CONDITION_GO_ON},
    {"no match", "\"b\"", NULL, NULL, NULL, "\"a\"", CONDITION_FAILED},
    {"match is strong", "W/\"a\"", NULL, NULL, NULL, "\"a\"", CONDITION_FAILED},
    {"match is strong, ours weak", "\"a\"", NULL, NULL, NULL, "W/\"a\"", CONDITION_FAILED},
    {"match without tag", "\"a\"", NULL, NULL, NULL, "", CONDITION_FAILED},
    {"match, malformed", "a", NULL, NULL, NULL, "\"a\"", CONDITION_FAILED},
    {"comma in a tag", "\"x,\", \"a\"", NULL, NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"none-match", NULL, "\"a\"", NULL, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"none-match is weak", NULL, "W/\"a\"", NULL, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"none-match any", NULL, "*", NULL, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"none-match list", NULL, "\"x\",\"a\"", NULL, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"none-match other", NULL, "\"b\"", NULL, NULL, "\"a\"", CONDITION_GO_ON},
    {"since then unmodified", NULL, NULL, SAME, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"since later unmodified", NULL, NULL, AFTER, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
    {"modified since", NULL, NULL, BEFORE, NULL, "\"a\"", CONDITION_GO_ON},
    {"modified since, no date", NULL, NULL, "yesterday", NULL, "\"a\"", CONDITION_GO_ON},
    {"unmodified since then", NULL, NULL, NULL, SAME, "\"a\"", CONDITION_GO_ON},
    {"unmodified since, is not", NULL, NULL, NULL, BEFORE, "\"a\"", CONDITION_FAILED},
    {"unmodified since, no date", NULL, NULL, NULL, "0", "\"a\"", CONDITION_GO_ON},
    {"match outranks unmodified", "\"a\"", NULL, NULL, BEFORE, "\"a\"", CONDITION_GO_ON},
    {"none-match outranks modified", NULL, "\"b\"", SAME, NULL, "\"a\"", CONDITION_GO_ON},
    {"match fails first", "\"b\"", "\"a\"", NULL, NULL, "\"a\"", CONDITION_FAILED},
    {"match holds, none-match too", "\"a\"", "\"a\"", NULL, NULL, "\"a\"", CONDITION_NOT_MODIFIED},
};

static Str optional(const char *text)
{
    return text ? str_from(text) : (Str){0};
}

static void checks_conditions_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CONDITIONS); i++) {
        Conditions c = {
            .if_match = optional(CONDITIONS[i].match),
            .if_none_match = optional(CONDITIONS[i].none_match),
            .if_modified_since = optional(CONDITIONS[i].modified),
            .if_unmodified_since = optional(CONDITIONS[i].unmodified),
        };
        check_int(CONDITIONS[i].name,
                  conditions_check(&c, str_from(CONDITIONS[i].etag), MODIFIED_MS),
                  CONDITIONS[i].answer);
    }
    Conditions dated = {.if_modified_since = S(SAME), .if_unmodified_since = S(BEFORE)};
    assert_int_equal(conditions_check(&dated, S("\"a\""), 0), CONDITION_GO_ON);
}

static const struct {
    const char *header, *etag;
    bool holds;
} IF_RANGES[] = {
    {NULL, "\"a\"", true},       {"\"a\"", "\"a\"", true}, {"\"b\"", "\"a\"", false},
    {"W/\"a\"", "\"a\"", false}, {"\"a\"", "", false},     {SAME, "\"a\"", true},
    {BEFORE, "\"a\"", false},    {AFTER, "\"a\"", false},  {"junk", "\"a\"", false},
    {"", "\"a\"", false},
};

static void if_range_wants_the_very_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(IF_RANGES); i++) {
        check_bool(
            IF_RANGES[i].header ? IF_RANGES[i].header : "none",
            if_range_holds(optional(IF_RANGES[i].header), str_from(IF_RANGES[i].etag), MODIFIED_MS),
            IF_RANGES[i].holds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(picks_ranges),
        cmocka_unit_test(checks_conditions_in_order),
        cmocka_unit_test(if_range_wants_the_very_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
