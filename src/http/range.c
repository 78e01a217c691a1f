/* range.c - byte ranges and conditions of requests, as pure decisions. */
#include "http/range.h"

#include "base/clock.h"

static Str trim_blanks(Str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_from_pos(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Digits only; what does not fit 64 bits is as large as can be. */
static bool read_number(Str s, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return s.len > 0;
}

/* One "0-3", "5-" or "-2". False when malformed; len 0 when unsatisfiable. */
static bool read_range(Str spec, uint64_t size, ByteRange *out)
{
    ptrdiff_t dash = str_find_char(spec, '-');
    if (dash < 0) return false;
    Str first_text = str_sub(spec, 0, (size_t)dash);
    Str last_text = str_from_pos(spec, (size_t)dash + 1);
    uint64_t first, last;
    *out = (ByteRange){0};

    if (first_text.len == 0) {
        if (!read_number(last_text, &last)) return false;
        uint64_t len = MIN(last, size);
        *out = (ByteRange){size - len, len};
        return true;
    }
    if (!read_number(first_text, &first)) return false;
    last = UINT64_MAX;
    if (last_text.len > 0 && (!read_number(last_text, &last) || last < first)) return false;
    if (first >= size) return true;
    *out = (ByteRange){first, MIN(last, size - 1) - first + 1};
    return true;
}

static bool overlaps(const ByteRange *ranges, size_t count, ByteRange r)
{
    for (size_t i = 0; i < count; i++) {
        bool is_apart =
            r.start + r.len <= ranges[i].start || ranges[i].start + ranges[i].len <= r.start;
        if (!is_apart) return true;
    }
    return false;
}

RangeAnswer range_parse(Str header, uint64_t size, ByteRange out[RANGES_MAX], size_t *count)
{
    *count = 0;
    if (size == 0 || !str_starts_nocase(header, S("bytes="))) return RANGE_WHOLE;
    Str rest = str_from_pos(header, 6);
    size_t specs = 0, kept = 0;
    while (rest.ptr) {
        Str spec = trim_blanks(str_split(&rest, ','));
        if (spec.len == 0) continue; /* an empty list element, RFC 9110 §5.6.1.2 */
        ByteRange range;
        if (++specs > RANGES_MAX || !read_range(spec, size, &range)) return RANGE_WHOLE;
        if (range.len == 0) continue;
        if (overlaps(out, kept, range)) return RANGE_WHOLE;
        out[kept++] = range;
    }
    if (specs == 0) return RANGE_WHOLE;
    *count = kept;
    return kept > 0 ? RANGE_PARTS : RANGE_UNSATISFIABLE;
}

/* ---- conditions ---- */

static Str opaque_tag(Str tag)
{
    return str_starts(tag, S("W/")) ? str_from_pos(tag, 2) : tag;
}

static bool tags_match(Str x, Str y, bool strong)
{
    if (strong && (str_starts(x, S("W/")) || str_starts(y, S("W/")))) return false;
    return str_eq(opaque_tag(x), opaque_tag(y));
}

/* Takes one entity tag off a list; false at its end or at anything else. */
static bool next_tag(Str *rest, Str *tag)
{
    while (rest->len > 0 && strchr(" \t,", rest->ptr[0]) && rest->ptr[0]) {
        *rest = str_from_pos(*rest, 1);
    }
    size_t prefix = str_starts(*rest, S("W/")) ? 2 : 0;
    if (rest->len <= prefix || rest->ptr[prefix] != '"') return false;
    ptrdiff_t end = str_find_char(str_from_pos(*rest, prefix + 1), '"');
    if (end < 0) return false;
    size_t len = prefix + 1 + (size_t)end + 1;
    *tag = str_sub(*rest, 0, len);
    *rest = str_from_pos(*rest, len);
    return true;
}

static bool list_has_tag(Str list, Str etag, bool strong)
{
    if (str_eq(trim_blanks(list), S("*"))) return true;
    if (etag.len == 0) return false;
    Str tag;
    while (next_tag(&list, &tag)) {
        if (tags_match(tag, etag, strong)) return true;
    }
    return false;
}

/* Whole seconds, as in Last-Modified. False when either is unknown. */
static bool read_dates(Str header, int64_t modified_ms, int64_t *header_s, int64_t *modified_s)
{
    int64_t ms;
    if (modified_ms == 0 || !http_date_parse(header, &ms)) return false;
    *header_s = ms / 1000;
    *modified_s = modified_ms / 1000;
    return true;
}

ConditionAnswer conditions_check(const Conditions *c, Str etag, int64_t modified_ms)
{
    int64_t header_s, modified_s;
    if (c->if_match.ptr) {
        if (!list_has_tag(c->if_match, etag, true)) return CONDITION_FAILED;
    } else if (c->if_unmodified_since.ptr &&
               read_dates(c->if_unmodified_since, modified_ms, &header_s, &modified_s)) {
        if (modified_s > header_s) return CONDITION_FAILED;
    }

    if (c->if_none_match.ptr) {
        bool matches = list_has_tag(c->if_none_match, etag, false);
        return matches ? CONDITION_NOT_MODIFIED : CONDITION_GO_ON;
    }
    if (c->if_modified_since.ptr &&
        read_dates(c->if_modified_since, modified_ms, &header_s, &modified_s)) {
        if (modified_s <= header_s) return CONDITION_NOT_MODIFIED;
    }
    return CONDITION_GO_ON;
}

bool if_range_holds(Str if_range, Str etag, int64_t modified_ms)
{
    if (!if_range.ptr) return true;
    Str text = trim_blanks(if_range);
    if (str_starts(text, S("\"")) || str_starts(text, S("W/"))) {
        return etag.len > 0 && tags_match(text, etag, true);
    }
    int64_t header_s, modified_s;
    return read_dates(text, modified_ms, &header_s, &modified_s) && header_s == modified_s;
}
