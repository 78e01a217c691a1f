/* buf.c - text that grows at its end. */
#include "base/buf.h"
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

enum { SMALLEST = 64 };

Buf buf_new(Arena *a, size_t initial_bytes)
{
    return (Buf){.arena = a, .ptr = arena_bytes(a, initial_bytes), .len = 0, .cap = initial_bytes};
}

void buf_grow(Buf *b, size_t extra)
{
    size_t wanted, cap;
    /* What does not fit size_t does not fit the arena either: it ends the work. */
    if (__builtin_add_overflow(b->len, extra, &wanted)) wanted = SIZE_MAX;
    if (__builtin_mul_overflow(b->cap, 2, &cap)) cap = SIZE_MAX;
    cap = MAX(MAX(cap, wanted), (size_t)SMALLEST);
    /* Near the arena's limit half of what is left, instead of twice as much. */
    size_t room = arena_room(b->arena);
    if (cap > room) cap = MAX(wanted, b->cap + room / 2);
    b->ptr = arena_extend(b->arena, b->ptr, b->cap, cap);
    b->cap = cap;
}

void buf_printf(Buf *b, const char *format, ...)
{
    char *at = buf_reserve(b, SMALLEST);
    size_t room = b->cap - b->len;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(at, room, format, args);
    va_end(args);
    if (n < 0) return;
    if ((size_t)n >= room) {
        at = buf_reserve(b, (size_t)n + 1);
        va_start(args, format);
        (void)vsnprintf(at, (size_t)n + 1, format, args);
        va_end(args);
    }
    b->len += (size_t)n;
}

void buf_i64(Buf *b, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) buf_char(b, '-');
    buf_add(b, (Str){digits + at, sizeof digits - at});
}
