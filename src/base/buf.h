/* buf.h - text that grows at its end, in an arena.
 *
 *     Buf out = buf_new(a, 4096);
 *     buf_add(&out, S("{\"id\":"));
 *     json_write_string(&out, id);
 *
 * The bytes live in the arena; there is nothing to free. Doubling, in place
 * when nothing else was allocated since. Outgrowing the arena ends the work
 * as arena.h says, so no call here can fail.
 */
#ifndef CROFT_BUF_H
#define CROFT_BUF_H

#include "base/arena.h"

typedef struct {
    Arena *arena;
    char *ptr;
    size_t len;
    size_t cap;
} Buf;

Buf buf_new(Arena *a, size_t initial_bytes);

void buf_grow(Buf *b, size_t extra); /* the slow path of buf_reserve() */

/* Room for `extra` more bytes; returns where they go. Then buf->len += n. */
static inline char *buf_reserve(Buf *b, size_t extra)
{
    if (b->cap - b->len < extra) buf_grow(b, extra);
    return b->ptr + b->len;
}

static inline void buf_add(Buf *b, Str s)
{
    if (s.len == 0) return;
    memcpy(buf_reserve(b, s.len), s.ptr, s.len);
    b->len += s.len;
}

static inline void buf_char(Buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_printf(Buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_i64(Buf *b, int64_t value); /* decimal, without printf's cost */

static inline Str buf_str(const Buf *b)
{
    return (Str){b->ptr, b->len};
}

#endif
