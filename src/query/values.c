/* values.c - comparing values that are known, exactly as SQLite would have
 * (api: filters §6).
 *
 * For = and != a NULL counts as an empty text, unless a side is raw (JSON). An
 * order puts numbers before texts, as SQLite does between values of different
 * kinds, and texts bytewise. When in doubt the answer is EVAL_UNKNOWN, and SQL
 * is asked.
 */
#include "base/utf8.h"
#include "query/query_internal.h"

/* SQLITE_MAX_LIKE_PATTERN_LENGTH: a longer one fails the statement. */
#define LIKE_PATTERN_MAX 50000

/* Beyond this a 64-bit integer may not be a double. */
#define EXACT_MAX (INT64_C(1) << 53)

SideClass value_class(const DbValue *v)
{
    if (v->type == DB_NULL) return SIDE_EMPTY;
    return v->type == DB_TEXT && v->text.len == 0 ? SIDE_EMPTY : SIDE_KNOWN;
}

static bool is_number(const DbValue *v)
{
    return v->type == DB_INTEGER || v->type == DB_REAL;
}

static bool is_inexact(const DbValue *v)
{
    return v->type == DB_INTEGER && (v->integer > EXACT_MAX || v->integer < -EXACT_MAX);
}

static double as_double(const DbValue *v)
{
    return v->type == DB_INTEGER ? (double)v->integer : v->real;
}

/* Neither is NULL. */
static int order(const DbValue *l, const DbValue *r)
{
    if (is_number(l) != is_number(r)) return is_number(l) ? -1 : 1;
    if (!is_number(l)) return str_cmp(l->text, r->text);
    double x = as_double(l), y = as_double(r);
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool equal(const DbValue *l, const DbValue *r, bool raw)
{
    static const DbValue EMPTY = {.type = DB_TEXT, .text = STR_INIT("")};
    if (!raw && l->type == DB_NULL) l = &EMPTY;
    if (!raw && r->type == DB_NULL) r = &EMPTY;
    if (l->type == DB_NULL || r->type == DB_NULL) return l->type == r->type;
    return order(l, r) == 0;
}

static EvalResult verdict(bool holds)
{
    return holds ? EVAL_TRUE : EVAL_FALSE;
}

/* ---- LIKE ---- */

static bool is_like_special(char c)
{
    return c == '\\' || c == '%' || c == '_';
}

/* The length of an escape pair at `i`, else 1. */
static size_t pair_length(Str s, size_t i)
{
    bool pair = s.ptr[i] == '\\' && i + 1 < s.len && is_like_special(s.ptr[i + 1]);
    return pair ? 2 : 1;
}

static bool has_free_percent(Str s)
{
    for (size_t i = 0; i < s.len; i += pair_length(s, i))
        if (s.ptr[i] == '%') return true;
    return false;
}

static Str value_text(Arena *a, const DbValue *v)
{
    char digits[32];
    if (!is_number(v)) return v->text;
    return arena_copy(a, str_make(digits, number_format(digits, as_double(v))));
}

bool like_pattern(Arena *a, const DbValue *value, Str *out)
{
    Str text = value_text(a, value);
    if (has_free_percent(text)) {
        *out = text;
        return text.len <= LIKE_PATTERN_MAX;
    }
    Buf b = buf_new(a, text.len + 16);
    buf_char(&b, '%');
    for (size_t i = 0, n; i < text.len; i += n) {
        n = pair_length(text, i);
        if (n == 1 && is_like_special(text.ptr[i])) buf_char(&b, '\\');
        buf_add(&b, str_sub(text, i, n));
    }
    buf_char(&b, '%');
    *out = buf_str(&b);
    return out->len <= LIKE_PATTERN_MAX;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One step of the pattern at `*p` (no '%') against the character at `*t`. Both
 * move on when it fits. */
static bool step_fits(Str pattern, size_t *p, Str text, size_t *t)
{
    char c = pattern.ptr[*p];
    size_t next = *p + 1;
    if (c == '_') {
        *t += utf8_sequence(str_from_pos(text, *t));
        *p = next;
        return true;
    }
    if (c == '\\') {
        if (next == pattern.len) return false; /* escapes nothing: fits nothing */
        c = pattern.ptr[next++];
    }
    if (fold(c) != fold(text.ptr[*t])) return false;
    *p = next;
    *t += 1;
    return true;
}

/* Both are valid UTF-8. Only the latest '%' has to be tried again, so the time
 * is at most the product of the lengths. */
static bool like_matches(Str pattern, Str text)
{
    size_t p = 0, t = 0, retry_p = 0, retry_t = 0;
    bool can_retry = false;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            retry_p = ++p;
            retry_t = t;
            can_retry = true;
            continue;
        }
        if (p < pattern.len && step_fits(pattern, &p, text, &t)) continue;
        if (!can_retry) return false;
        retry_t += utf8_sequence(str_from_pos(text, retry_t));
        p = retry_p;
        t = retry_t;
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

static bool is_comparable_text(Str s)
{
    return str_find_char(s, '\0') < 0 && utf8_valid(s);
}

/* Long ones are left to SQL, which can be interrupted: the time is the product
 * of the lengths, and a subscriber may ask a thousand times an event. */
#define LIKE_HERE_MAX   4096
#define LIKE_HERE_STEPS (256 * 1024)

static EvalResult compare_like(Arena *a, Op op, const DbValue *left, const DbValue *right)
{
    if (left->type == DB_NULL || right->type == DB_NULL) return EVAL_FALSE;
    if (left->type != DB_TEXT || left->text.len > LIKE_HERE_MAX) return EVAL_UNKNOWN;
    if (right->type == DB_TEXT && right->text.len > LIKE_HERE_MAX) return EVAL_UNKNOWN;

    Str pattern;
    if (!like_pattern(a, right, &pattern)) return EVAL_UNKNOWN;
    if (left->text.len * pattern.len > LIKE_HERE_STEPS) return EVAL_UNKNOWN;
    if (!is_comparable_text(left->text) || !is_comparable_text(pattern)) return EVAL_UNKNOWN;
    return verdict(like_matches(pattern, left->text) == (op == OP_LIKE));
}

EvalResult values_compare(Arena *a, Op op, const DbValue *left, const DbValue *right, bool raw)
{
    if (op == OP_LIKE || op == OP_NOT_LIKE) return compare_like(a, op, left, right);
    if (left->type == DB_BLOB || right->type == DB_BLOB) return EVAL_UNKNOWN;
    if (is_inexact(left) || is_inexact(right)) return EVAL_UNKNOWN;
    if (op == OP_EQ) return verdict(equal(left, right, raw));
    if (op == OP_NE) return verdict(!equal(left, right, raw));

    if (left->type == DB_NULL || right->type == DB_NULL) return EVAL_FALSE;
    int c = order(left, right);
    switch (op) {
    case OP_GT:
        return verdict(c > 0);
    case OP_GE:
        return verdict(c >= 0);
    case OP_LT:
        return verdict(c < 0);
    default:
        return verdict(c <= 0);
    }
}
