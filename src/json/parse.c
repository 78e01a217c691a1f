/* parse.c - the JSON reader (RFC 8259).
 *
 * One pass without recursion. Values are gathered on a stack of members; a
 * container's slot is followed by its children until its end is met, then they
 * move to an array of the right size:
 *
 *     {"a":[1,2   slots:  (root)  {   ·   a:[   1   2
 *
 * While a container is open its slot's `count` holds the position of the one
 * around it, so depth costs no memory of its own. The first slots are on the C
 * stack; a larger stack is scratch space in the arena and given back.
 *
 * Memory is asked for before it is taken: a document too large for the arena
 * is refused with json_too_large.
 */
#include "base/number.h"
#include "base/utf8.h"
#include "json/json_internal.h"
#include "json/json_scan.h"

enum {
    FIRST_SLOTS = 64, /* 3 KB, enough for nearly every request */
    MORE_SLOTS = 512,
    DEFAULT_DEPTH = 100,
    DEFAULT_NODES = 1000000,
    SMALL_OBJECT = 16, /* up to here duplicate keys are found by comparing */
};
#define NO_CONTAINER SIZE_MAX

typedef struct {
    Arena *arena;
    const char *start, *at, *end;
    JsonMember *slots;
    size_t top, cap;
    JsonMember *first; /* the slots on the C stack */
    size_t open;       /* slot of the innermost open container */
    size_t depth, nodes;
    JsonLimits limits;
    KeyTable keys; /* scratch of large objects */
} Reader;

__attribute__((cold, noinline)) static Error *invalid(const Reader *r, const char *fault)
{
    Error *err = error_new(
        r->arena, 400,
        str_printf(r->arena, "Invalid JSON at byte %zu: %s.", (size_t)(r->at - r->start), fault));
    err->code = "json_invalid";
    return err;
}

__attribute__((cold, noinline)) static Error *beyond(const Reader *r, const char *code,
                                                     const char *limit)
{
    Error *err = error_new(r->arena, 400, str_printf(r->arena, "The JSON %s.", limit));
    err->code = code;
    return err;
}

static Error *too_large(const Reader *r)
{
    return beyond(r, "json_too_large", "document holds too many values");
}

static inline void skip_blanks(Reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
        r->at++;
    }
}

static inline char peek(const Reader *r)
{
    if (r->at == r->end) return '\0'; /* fits nowhere, so it is as good as the end */
    return *r->at;
}

/* --- strings --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits after "\u"; -1 when they are not. */
static int32_t read_hex4(Reader *r)
{
    if (r->end - r->at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(r->at[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    r->at += 4;
    return value;
}

/* What stands behind "\u", a second escape for the lower surrogate included. */
static const char *read_unicode(Reader *r, uint32_t *out)
{
    int32_t unit = read_hex4(r);
    if (unit < 0) return "four hexadecimal digits were expected";
    if (unit == 0) return "a NUL is not allowed in text";
    *out = (uint32_t)unit;
    if (unit < 0xD800 || unit > 0xDFFF) return NULL;

    if (unit > 0xDBFF || r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
        return "half of a surrogate pair";
    r->at += 2;
    int32_t low = read_hex4(r);
    if (low < 0xDC00 || low > 0xDFFF) return "half of a surrogate pair";
    *out = 0x10000u + (((uint32_t)unit - 0xD800u) << 10 | ((uint32_t)low - 0xDC00u));
    return NULL;
}

/* One escape, r->at behind its backslash; appends to `to`. */
static const char *read_escape(Reader *r, char **to)
{
    char c = peek(r);
    r->at++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        break;
    case 'b':
        c = '\b';
        break;
    case 'f':
        c = '\f';
        break;
    case 'n':
        c = '\n';
        break;
    case 'r':
        c = '\r';
        break;
    case 't':
        c = '\t';
        break;
    case 'u': {
        uint32_t cp;
        const char *fault = read_unicode(r, &cp);
        if (!fault) *to += utf8_encode(cp, *to);
        return fault;
    }
    default:
        r->at--;
        return "an unknown escape";
    }
    *(*to)++ = c;
    return NULL;
}

/* The end of the string that starts at `p`; NULL when there is none. */
static const char *string_end(const char *p, const char *end)
{
    bool foreign = false;
    for (;;) {
        p = scan_string(p, end, &foreign);
        if (p == end || *p == '"') return p == end ? NULL : p;
        if (*p == '\\' && p + 1 < end) p++;
        p++;
    }
}

/* A string with escapes, r->at behind the opening quote. No escape is shorter
 * than what it stands for, so the length of the text is room enough. */
static Error *read_escaped(Reader *r, Str *out)
{
    const char *close = string_end(r->at, r->end);
    if (!close) {
        r->at = r->end;
        return invalid(r, "a string without end");
    }
    size_t most = (size_t)(close - r->at);
    if (most > arena_room(r->arena)) return too_large(r);
    char *text = arena_bytes(r->arena, most), *to = text;
    bool foreign = false;
    while (r->at < close) {
        const char *from = r->at;
        r->at = scan_string(from, close, &foreign);
        size_t run = (size_t)(r->at - from);
        memcpy(to, from, run);
        to += run;
        if (r->at == close) break;
        if (*r->at != '\\') return invalid(r, "a control character in a string");
        r->at++;
        const char *fault = read_escape(r, &to);
        if (fault) return invalid(r, fault);
    }
    *out = (Str){text, (size_t)(to - text)};
    if (foreign && !utf8_valid(*out)) return invalid(r, "a string that is not UTF-8");
    r->at = close + 1;
    return NULL;
}

/* r->at at the opening quote. */
static inline Error *read_string(Reader *r, Str *out)
{
    const char *from = ++r->at;
    bool foreign = false;
    const char *stop = scan_string(from, r->end, &foreign);
    if (stop < r->end && *stop == '"') {
        *out = (Str){from, (size_t)(stop - from)};
        r->at = stop + 1;
        if (!foreign || utf8_valid(*out)) return NULL;
        r->at = from;
        return invalid(r, "a string that is not UTF-8");
    }
    if (stop < r->end && *stop == '\\') return read_escaped(r, out);
    r->at = stop;
    return invalid(r, stop == r->end ? "a string without end" : "a control character in a string");
}

/* --- numbers and words --- */

typedef struct {
    uint64_t mantissa;
    size_t digits; /* read so far; beyond 19 the mantissa is meaningless */
} Digits;

static inline size_t read_digits(Reader *r, Digits *d)
{
    const char *p = r->at;
    while (p < r->end && *p >= '0' && *p <= '9') {
        d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
        p++;
    }
    size_t count = (size_t)(p - r->at);
    d->digits += count;
    r->at = p;
    return count;
}

/* The exponent behind 'e', r->at at the 'e'. False when it has no digits. */
static bool read_exponent(Reader *r, int64_t *exponent)
{
    r->at++;
    bool negative = peek(r) == '-';
    if (negative || peek(r) == '+') r->at++;
    Digits d = {0, 0};
    if (read_digits(r, &d) == 0) return false;
    int64_t value = d.digits > 9 ? 1000000000 : (int64_t)d.mantissa;
    *exponent += negative ? -value : value;
    return true;
}

static inline Error *read_number(Reader *r, double *out)
{
    const char *from = r->at;
    bool negative = *r->at == '-';
    if (negative) r->at++;
    bool leading_zero = peek(r) == '0';
    Digits d = {0, 0};
    int64_t exponent = 0;
    size_t whole = read_digits(r, &d);
    if (whole == 0) return invalid(r, "a digit was expected");
    if (leading_zero && whole > 1) return invalid(r, "a number with a leading zero");
    if (peek(r) == '.') {
        r->at++;
        size_t fraction = read_digits(r, &d);
        if (fraction == 0) return invalid(r, "a digit was expected");
        exponent = -(int64_t)fraction;
    }
    if ((peek(r) | 0x20) == 'e' && !read_exponent(r, &exponent))
        return invalid(r, "a digit was expected");

    double value;
    if (d.digits <= 19 && decimal_exact(d.mantissa, exponent, &value)) {
        *out = negative ? -value : value;
        return NULL;
    }
    if (decimal_read((Str){from, (size_t)(r->at - from)}, out)) return NULL;
    r->at = from;
    return invalid(r, "a number that is too large");
}

static Error *read_word(Reader *r, Str word)
{
    if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
        return invalid(r, "a value was expected");
    r->at += word.len;
    return NULL;
}

/* --- the stack --- */

__attribute__((noinline)) static Error *grow_slots(Reader *r)
{
    size_t cap = r->cap == FIRST_SLOTS ? MORE_SLOTS : r->cap * 2;
    size_t old_bytes = r->cap * sizeof(JsonMember), bytes = cap * sizeof(JsonMember);
    if (bytes > arena_room(r->arena)) return too_large(r);
    if (r->slots == r->first) {
        r->slots = arena_take(r->arena, bytes, alignof(JsonMember));
        memcpy(r->slots, r->first, old_bytes);
    } else {
        r->slots = (JsonMember *)(void *)arena_extend(r->arena, (char *)r->slots, old_bytes, bytes);
    }
    r->cap = cap;
    return NULL;
}

static inline Error *push(Reader *r)
{
    if (++r->nodes > r->limits.nodes) return too_large(r);
    if (r->top == r->cap) {
        Error *err = grow_slots(r);
        if (err) return err;
    }
    r->slots[r->top++].key = (Str){NULL, 0};
    return NULL;
}

static Error *open_container(Reader *r, JsonType type)
{
    if (++r->depth > r->limits.depth)
        return beyond(r, "json_too_deep", "document is nested too deeply");
    Json *value = &r->slots[r->top - 1].value;
    value->type = type;
    value->array.count = r->open;
    r->open = r->top - 1;
    r->at++;
    return NULL;
}

/* --- the end of a container --- */

/* Keeps the last value of each key, at the place of the first. Most keys differ
 * in a cheap summary, so a bit set of summaries spares most comparisons. */
static size_t unique_small(JsonMember *members, size_t count)
{
    uint64_t seen = 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        Str key = members[i].key;
        unsigned summary = (unsigned)key.len * 7;
        if (key.len)
            summary += (unsigned char)key.ptr[0] * 5u + (unsigned char)key.ptr[key.len - 1];
        uint64_t bit = UINT64_C(1) << (summary & 63);
        size_t same = kept;
        if (seen & bit) {
            same = 0;
            while (same < kept && !str_eq(members[same].key, key)) {
                same++;
            }
        }
        seen |= bit;
        if (same < kept)
            members[same].value = members[i].value;
        else
            members[kept++] = members[i];
    }
    return kept;
}

static size_t unique_large(Reader *r, JsonMember *members, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = key_table_put(&r->keys, members, members[i].key, kept);
        if (same < kept)
            members[same].value = members[i].value;
        else if (i != kept)
            members[kept] = members[i];
        kept += same == kept;
    }
    return kept;
}

static Error *close_object(Reader *r, JsonMember *members, size_t count, Json *out)
{
    if (count <= SMALL_OBJECT) {
        count = unique_small(members, count);
    } else {
        if (!key_table_start(&r->keys, r->arena, count)) return too_large(r);
        count = unique_large(r, members, count);
    }
    size_t bytes = count * sizeof(JsonMember);
    if (bytes > arena_room(r->arena)) return too_large(r);
    JsonMember *copy = NULL;
    if (count) {
        copy = arena_take(r->arena, bytes, alignof(JsonMember));
        memcpy(copy, members, bytes);
    }
    out->object.members = copy;
    out->object.count = out->object.cap = count;
    return NULL;
}

static Error *close_array(Reader *r, const JsonMember *members, size_t count, Json *out)
{
    size_t bytes = count * sizeof(Json);
    if (bytes > arena_room(r->arena)) return too_large(r);
    Json *items = NULL;
    if (count) {
        items = arena_take(r->arena, bytes, alignof(Json));
        for (size_t i = 0; i < count; i++) {
            items[i] = members[i].value;
        }
    }
    out->array.items = items;
    out->array.count = out->array.cap = count;
    return NULL;
}

static Error *close_container(Reader *r)
{
    size_t slot = r->open;
    Json *value = &r->slots[slot].value;
    JsonMember *children = &r->slots[slot + 1];
    size_t count = r->top - slot - 1;
    r->open = value->array.count;
    r->top = slot + 1;
    r->depth--;
    r->at++;
    return value->type == JSON_OBJECT ? close_object(r, children, count, value)
                                      : close_array(r, children, count, value);
}

/* --- the document --- */

static inline char closing(const Reader *r)
{
    return r->slots[r->open].value.type == JSON_OBJECT ? '}' : ']';
}

/* Reads a value into the top slot. A container is only opened. */
static inline Error *read_value(Reader *r, bool *opened)
{
    Json *value = &r->slots[r->top - 1].value;
    skip_blanks(r);
    switch (peek(r)) {
    case '"':
        value->type = JSON_STRING;
        return read_string(r, &value->string);
    case '{':
        *opened = true;
        return open_container(r, JSON_OBJECT);
    case '[':
        *opened = true;
        return open_container(r, JSON_ARRAY);
    case 't':
        value->type = JSON_BOOL;
        value->boolean = true;
        return read_word(r, S("true"));
    case 'f':
        value->type = JSON_BOOL;
        value->boolean = false;
        return read_word(r, S("false"));
    case 'n':
        value->type = JSON_NULL;
        return read_word(r, S("null"));
    case '-':
    case '0' ... '9':
        value->type = JSON_NUMBER;
        return read_number(r, &value->number);
    default:
        return invalid(r, "a value was expected");
    }
}

/* Pushes the slot of the next element, with its key in an object. */
static inline Error *start_element(Reader *r)
{
    Error *err = push(r);
    if (err || r->slots[r->open].value.type == JSON_ARRAY) return err;

    skip_blanks(r);
    if (peek(r) != '"') return invalid(r, "a key in quotes was expected");
    err = read_string(r, &r->slots[r->top - 1].key);
    if (err) return err;
    skip_blanks(r);
    if (peek(r) != ':') return invalid(r, "a colon was expected");
    r->at++;
    return NULL;
}

/* After an element: closes all containers that end here. Then either there is
 * a comma, behind which r->at is left, or nothing is open any more. */
static inline Error *after_element(Reader *r)
{
    while (r->open != NO_CONTAINER) {
        skip_blanks(r);
        char c = peek(r);
        if (c == ',') {
            r->at++;
            return NULL;
        }
        if (c != closing(r)) return invalid(r, "a comma or the end of the container was expected");
        Error *err = close_container(r);
        if (err) return err;
    }
    return NULL;
}

static Error *read_tree(Reader *r)
{
    Error *err = push(r);
    if (err) return err;
    for (;;) {
        bool opened = false;
        err = read_value(r, &opened);
        if (err) return err;
        if (opened) {
            skip_blanks(r);
            if (peek(r) == closing(r)) {
                err = close_container(r);
                if (err) return err;
                opened = false;
            }
        }
        if (!opened) {
            err = after_element(r);
            if (err || r->open == NO_CONTAINER) return err;
        }
        err = start_element(r);
        if (err) return err;
    }
}

static JsonLimits limits_from(const JsonLimits *limits)
{
    JsonLimits l = limits ? *limits : (JsonLimits){0, 0};
    if (l.depth == 0) l.depth = DEFAULT_DEPTH;
    if (l.nodes == 0) l.nodes = DEFAULT_NODES;
    l.depth = MIN(l.depth, (size_t)JSON_DEPTH_MAX);
    return l;
}

Error *json_parse_first(Arena *a, Str text, const JsonLimits *limits, Json **out, Str *rest)
{
    /* Left as it is: every slot is written before it is read, and clearing
     * three kilobytes takes a tenth of the time a small document needs. */
    __attribute__((uninitialized)) JsonMember first[FIRST_SLOTS];
    Reader r = {.arena = a,
                .start = text.ptr,
                .at = text.ptr,
                .end = text.ptr + text.len,
                .slots = first,
                .first = first,
                .cap = FIRST_SLOTS,
                .open = NO_CONTAINER,
                .limits = limits_from(limits)};
    Error *err = read_tree(&r);
    key_table_end(&r.keys, a);
    if (!err) {
        Json *root = arena_take(a, sizeof(Json), alignof(Json));
        *root = r.slots[0].value;
        *out = root;
        *rest = (Str){r.at, (size_t)(r.end - r.at)};
    }
    if (r.slots != first) arena_give_back(a, r.slots, r.cap * sizeof(JsonMember));
    return err;
}

Error *json_parse(Arena *a, Str text, const JsonLimits *limits, Json **out)
{
    Str rest;
    Json *value;
    Error *err = json_parse_first(a, text, limits, &value, &rest);
    if (err) return err;

    Reader r = {.arena = a, .start = text.ptr, .at = rest.ptr, .end = rest.ptr + rest.len};
    skip_blanks(&r);
    if (r.at != r.end) return invalid(&r, "something behind the end of the document");
    *out = value;
    return NULL;
}

bool json_is_valid(Arena *a, Str text)
{
    Json *value;
    return json_parse(a, text, NULL, &value) == NULL;
}
