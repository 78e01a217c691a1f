/* str.h - borrowed strings: a pointer and a length.
 *
 * A Str does not own its bytes, need not end in NUL and may hold any byte.
 * It is passed by value. What it points to lives in an arena, in a literal,
 * or in something whose comment says for how long.
 *
 *     Str name = S("posts");
 *     printf("%.*s\n", STR_ARG(name));
 */
#ifndef CROFT_STR_H
#define CROFT_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *ptr;
    size_t len;
} Str;

/* A literal as a Str; STR_INIT is for static tables. */
#define S(literal) ((Str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For "%.*s". Texts longer than INT_MAX cannot be printed this way. */
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline Str str_from(const char *text)
{
    return (Str){text, text ? strlen(text) : 0};
}

static inline Str str_make(const char *ptr, size_t len)
{
    return (Str){ptr, len};
}

static inline bool str_eq(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts(Str s, Str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(Str s, Str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* ASCII only, as protocols want it; bytes above 127 compare as they are. */
bool str_eq_nocase(Str a, Str b);
bool str_starts_nocase(Str s, Str prefix);

/* Bytewise order: negative, 0 or positive, as memcmp. */
int str_cmp(Str a, Str b);

/* Position of the first match, or -1. An empty needle is found at 0. */
ptrdiff_t str_find(Str s, Str needle);
ptrdiff_t str_find_char(Str s, char c);
ptrdiff_t str_rfind_char(Str s, char c);

/* The part from `start` (clamped) on, and the part of at most `len` bytes. */
Str str_from_pos(Str s, size_t start);
Str str_sub(Str s, size_t start, size_t len);

/* Without leading and trailing ASCII blanks (space, \t, \r, \n, \f, \v). */
Str str_trim(Str s);

/* Cuts `*rest` at the first `sep`: returns what stands before it and leaves
 * the remainder in *rest. Without a `sep` all of *rest is returned and *rest
 * becomes {NULL, 0}, so `while (rest.ptr)` walks every piece, also empty ones. */
Str str_split(Str *rest, char sep);

/* Strict decimal: an optional '-', then digits only; no blanks, no '+'.
 * False when it is not that or does not fit; *out is untouched then. */
bool str_to_i64(Str s, int64_t *out);
bool str_to_u64(Str s, uint64_t *out);

/* A JSON-shaped or plain decimal float ("1", "-1.5", ".5", "1e3"), the whole
 * text. False for anything else, also "inf" and "nan". */
bool str_to_double(Str s, double *out);

/* Compares in a time that depends on the lengths only. For secrets. */
bool str_eq_constant_time(Str a, Str b);

#endif
