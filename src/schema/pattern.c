/* pattern.c - text patterns: RE2's language, run by PCRE2.
 *
 * PocketBase's patterns are RE2's, which match in linear time because the
 * language has nothing that needs backtracking. PCRE2 has more, so what RE2
 * lacks is refused here before it gets there, and a match gives up after
 * MATCH_LIMIT steps (no match then): a pattern can cost milliseconds, never
 * minutes. Differences that stay: \v is a class in PCRE2, a single character
 * in RE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "schema/schema_internal.h"

#include <errno.h>

#define PATTERN_MAX_BYTES 5000
#define REPEAT_MAX        1000 /* RE2's */
#define MATCH_LIMIT       500000
#define HEAP_LIMIT_KIB    8192

typedef struct {
    pcre2_code *code;
    pcre2_match_context *limits; /* only read when matching */
} Pattern;

static Error *invalid_regex(Arena *a, Str reason)
{
    return error_field(a, (Str){0}, "validation_invalid_regex", error_sentence(a, reason));
}

/* ---- what RE2 has ---- */

static size_t skip_quoted(Str p, size_t i) /* behind \Q */
{
    ptrdiff_t end = str_find(str_from_pos(p, i), S("\\E"));
    return end < 0 ? p.len : i + (size_t)end + 2;
}

static size_t skip_class(Str p, size_t i) /* at '[' */
{
    i++;
    if (i < p.len && p.ptr[i] == '^') i++;
    if (i < p.len && p.ptr[i] == ']') i++;
    while (i < p.len && p.ptr[i] != ']') {
        if (p.ptr[i] == '\\') {
            i += 2;
            continue;
        }
        ptrdiff_t end =
            str_starts(str_from_pos(p, i), S("[:")) ? str_find(str_from_pos(p, i), S(":]")) : -1;
        i += end < 0 ? 1 : (size_t)end + 2;
    }
    return MIN(i + 1, p.len);
}

/* "{n}", "{n,}", "{n,m}" at `i`: its length, 0 when the brace is a plain
 * character. *too_many when a count is beyond REPEAT_MAX. */
static size_t counted_repeat(Str p, size_t i, bool *too_many)
{
    size_t at = i + 1, digits = 0;
    uint64_t n = 0;
    for (; at < p.len && p.ptr[at] != '}'; at++) {
        char c = p.ptr[at];
        if (c == ',' && digits > 0) {
            if (memchr(p.ptr + i, ',', at - i)) return 0;
            n = 0;
            continue;
        }
        if (c < '0' || c > '9') return 0;
        digits++;
        n = MIN(n * 10 + (uint64_t)(c - '0'), 100000);
        if (n > REPEAT_MAX) *too_many = true;
    }
    return at < p.len && digits > 0 ? at + 1 - i : 0;
}

/* The group opening at `i` ("(?…"): its length, 0 when RE2 has no such group. */
static size_t group_opening(Str p, size_t i)
{
    Str rest = str_from_pos(p, i + 1);
    if (str_starts(rest, S("*"))) return 0;
    if (!str_starts(rest, S("?"))) return 1;
    if (str_starts(rest, S("?P<"))) return 4;
    if (str_starts(rest, S("?<")))
        return rest.len > 2 && rest.ptr[2] != '=' && rest.ptr[2] != '!' ? 3 : 0;
    for (size_t k = 1; k < rest.len; k++) {
        if (rest.ptr[k] == ':' || rest.ptr[k] == ')') return k + 1; /* ')' is read by the caller */
        if (!strchr("imsU-", rest.ptr[k]) || rest.ptr[k] == 0) return 0;
    }
    return 0;
}

static const char *check_re2(Str p)
{
    bool after_repeat = false, too_many = false;
    for (size_t i = 0; i < p.len;) {
        char c = p.ptr[i];
        size_t repeat = c == '{' ? counted_repeat(p, i, &too_many) : strchr("*+?", c) && c ? 1 : 0;
        if (too_many) return "repeat count too large";
        if (repeat > 0) {
            if (after_repeat) return "nested or possessive repetition is not supported";
            i += repeat;
            if (i < p.len && p.ptr[i] == '?') i++;
            after_repeat = true;
            continue;
        }
        after_repeat = false;
        if (c == '\\') {
            if (i + 1 >= p.len) return "trailing backslash";
            char e = p.ptr[i + 1];
            bool letter =
                (e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z') || (e >= '1' && e <= '9');
            if (letter && !strchr("aftnrvbBAzdDsSwWpPxQE", e))
                return "backreferences and this escape are not supported";
            i = e == 'Q' ? skip_quoted(p, i + 2) : i + 2;
        } else if (c == '[') {
            i = skip_class(p, i);
        } else if (c == '(') {
            size_t len = group_opening(p, i);
            if (len == 0) return "look-around and special groups are not supported";
            i += len;
        } else {
            i++;
        }
    }
    return NULL;
}

/* ---- compiling and matching ---- */

static void pattern_free(void *arg)
{
    Pattern *pattern = arg;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
}

Error *pattern_compile(Arena *a, Str text, void **code)
{
    if (text.len > PATTERN_MAX_BYTES) return invalid_regex(a, S("the pattern is too long"));
    const char *lacks = check_re2(text);
    if (lacks) return invalid_regex(a, str_from(lacks));

    int number;
    PCRE2_SIZE offset;
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, options,
                                         &number, &offset, NULL);
    if (!compiled) {
        PCRE2_UCHAR reason[160];
        pcre2_get_error_message(number, reason, sizeof reason);
        return invalid_regex(
            a, str_printf(a, "%s at offset %zu", (const char *)reason, (size_t)offset));
    }
    Pattern *pattern = arena_new(a, Pattern, 1);
    *pattern = (Pattern){compiled, pcre2_match_context_create(NULL)};
    if (!pattern->limits) {
        pcre2_code_free(compiled);
        return error_errno(a, ENOMEM, "pcre2_match_context_create", text);
    }
    pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    arena_defer(a, pattern_free, pattern);
    *code = pattern;
    return NULL;
}

bool pattern_matches(const void *code, Str text)
{
    const Pattern *pattern = code;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data) return false;
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0,
                            data, pattern->limits);
    pcre2_match_data_free(data);
    return found >= 0;
}
