/* like.c - LIKE that looks at the clock.
 *
 * SQLite's own LIKE takes up to the product of both lengths and cannot be
 * interrupted: "~" with 3,000 letters against a text of 5 MB holds a thread for
 * ten seconds, and both may come from a client. So what could take long is
 * compared here, in steps that count as progress (conn.c); it then ends as any
 * other statement over its time does. The meaning is SQLite's: '%', '_', case
 * of ASCII letters ignored, at most one escape character, texts end at a NUL.
 */
#include "db/sqlite/internal.h"

/* Up to this product of lengths SQLite's own comparison is quick enough: less
 * than a millisecond. */
#define QUICK_STEPS (UINT64_C(1) << 19)
/* Steps between two looks at the clock, about 100 µs. */
#define STEPS_PER_LOOK (1u << 16)

typedef struct {
    Str pattern, text;
    int escape; /* a byte, or -1 */
    size_t p, t;
} Like;

static unsigned char fold(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* Behind the character at `at`, as SQLite counts them: a lead byte and all
 * continuation bytes after it. */
static size_t next_character(Str s, size_t at)
{
    bool lead = (unsigned char)s.ptr[at++] >= 0xC0;
    while (lead && at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
        at++;
    return at;
}

static bool is_special(const Like *l, char c)
{
    return l->p < l->pattern.len && l->pattern.ptr[l->p] == c && (unsigned char)c != l->escape;
}

/* One element of the pattern that is no '%' against the text; both move on when
 * it fits. */
static bool step_fits(Like *l)
{
    if (l->p == l->pattern.len) return false;
    if (is_special(l, '_')) {
        l->p++;
        l->t = next_character(l->text, l->t);
        return true;
    }
    size_t at = l->p;
    if ((unsigned char)l->pattern.ptr[at] == l->escape && ++at == l->pattern.len) return false;
    if (fold((unsigned char)l->pattern.ptr[at]) != fold((unsigned char)l->text.ptr[l->t]))
        return false;
    l->p = at + 1;
    l->t++;
    return true;
}

/* Only the latest '%' has to be tried again. False when time is up. */
static bool like_run(Like *l, Conn *c, bool *matches)
{
    size_t retry_p = 0, retry_t = 0;
    bool can_retry = false;
    *matches = false;
    for (unsigned steps = 1; l->t < l->text.len; steps++) {
        if (steps % STEPS_PER_LOOK == 0 && conn_time_is_up(c)) return false;
        if (is_special(l, '%')) {
            retry_p = ++l->p;
            retry_t = l->t;
            can_retry = true;
        } else if (!step_fits(l)) {
            if (!can_retry) return true;
            retry_t = next_character(l->text, retry_t);
            l->p = retry_p;
            l->t = retry_t;
        }
    }
    while (is_special(l, '%'))
        l->p++;
    *matches = l->p == l->pattern.len;
    return true;
}

static Str value_text(sqlite3_value *v)
{
    const char *text = (const char *)sqlite3_value_text(v);
    return text ? str_make(text, strnlen(text, (size_t)sqlite3_value_bytes(v))) : (Str){NULL, 0};
}

static bool read_escape(sqlite3_context *context, sqlite3_value *v, int *escape)
{
    Str text = value_text(v);
    if (!text.ptr) return false; /* NULL gives NULL */
    if (text.len == 1 && (unsigned char)text.ptr[0] < 0x80) {
        *escape = (unsigned char)text.ptr[0];
        return true;
    }
    sqlite3_result_error(context, "ESCAPE expression must be a single ASCII character", -1);
    return false;
}

/* "text LIKE pattern ESCAPE escape" is like(pattern, text, escape). */
static void like_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    Conn *c = sqlite3_user_data(context);
    Like l = {.escape = -1};
    int longest = sqlite3_limit(c->raw, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1);
    if (sqlite3_value_bytes(values[0]) > longest) {
        sqlite3_result_error(context, "LIKE or GLOB pattern too complex", -1);
        return;
    }
    if (count == 3 && !read_escape(context, values[2], &l.escape)) return;
    l.pattern = value_text(values[0]);
    l.text = value_text(values[1]);
    if (!l.pattern.ptr || !l.text.ptr) return;

    bool matches, plain_escape = l.escape != '%' && l.escape != '_';
    if (plain_escape && (uint64_t)l.pattern.len * l.text.len <= QUICK_STEPS) {
        unsigned escape = l.escape < 0 ? 0 : (unsigned)l.escape;
        matches = sqlite3_strlike(l.pattern.ptr, l.text.ptr, escape) == 0;
    } else if (!like_run(&l, c, &matches)) {
        sqlite3_result_error_code(context, SQLITE_INTERRUPT);
        return;
    }
    sqlite3_result_int(context, matches);
}

int like_install(Conn *c)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc =
        sqlite3_create_function_v2(c->raw, "like", 2, flags, c, like_function, NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;
    return sqlite3_create_function_v2(c->raw, "like", 3, flags, c, like_function, NULL, NULL, NULL);
}
