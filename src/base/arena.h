/* arena.h - memory that is given back all at once.
 *
 * A request, a job or a test gets an arena; what it builds lives there; at
 * the end the arena is reset. So nothing in a handler is ever freed, and no
 * string has an owner to argue about.
 *
 *     Arena *a = arena_create("request", 8 << 20);
 *     Str greeting = str_printf(a, "hello %.*s", STR_ARG(name));
 *     arena_reset(a);       greeting is gone, the first block is kept
 *     arena_destroy(a);
 *
 * arena_new() never returns NULL. An arena that would outgrow its limit ends
 * the work that uses it, not the process: control returns to the innermost
 * arena_protect() of that arena with an error of status 500 (503 when the system
 * has no more memory). Outside of arena_protect() outgrowing is a mistake of ours
 * and aborts.
 *
 * One thread at a time: an arena may be handed from one thread to another
 * (a request whose work goes to the writer), never used by two at once.
 * Under AddressSanitizer each allocation is a block of its own with poisoned
 * neighbours and a reset arena's memory is poisoned.
 */
#ifndef CROFT_ARENA_H
#define CROFT_ARENA_H

#include "base/str.h"

#include <stdalign.h>
#include <stddef.h>

typedef struct Arena Arena;
typedef struct Error Error;

/* `name` is for the log and must be a literal. `limit_bytes` counts what the
 * arena holds in all; 0 means 64 MiB. */
Arena *arena_create(const char *name, size_t limit_bytes);

/* The same with another size of the first block than the usual 16 KB: for a
 * great many arenas that stay small, or one that is known to get large. */
Arena *arena_create_sized(const char *name, size_t limit_bytes, size_t first_bytes);

/* Memory that many arenas share: a thousand requests may each be within their
 * own limit and together take more than the machine has. Each arena holds `each`
 * bytes as of right, so that small work goes on whatever the large does; what it
 * holds beyond counts, and work that finds too little left is ended as if its arena
 * had outgrown its own limit, but with status 503: it may do later. Outside of
 * arena_protect(), or on another thread than that was called on, nothing could be
 * ended: there the arena gets what it asks for, and it counts. Any thread. */
typedef struct {
    size_t limit, each;
    _Atomic size_t held;
} ArenaBudget;

/* Right after the arena was made. The budget must outlive it; NULL = none. */
void arena_share(Arena *a, ArenaBudget *budget);
ArenaBudget *arena_budget(const Arena *a);

/* Runs what arena_defer() registered, last first, and forgets everything
 * allocated. Keeps at most one block for the next round. */
void arena_reset(Arena *a);

/* arena_reset(), then gives the memory back. NULL is fine. */
void arena_destroy(Arena *a);

/* Zeroed memory for n values of type T, aligned for T. */
#define arena_new(a, T, n) ((T *)arena_alloc((a), (n), sizeof(T), alignof(T)))
void *arena_alloc(Arena *a, size_t count, size_t size, size_t align)
    __attribute__((returns_nonnull, alloc_size(2, 3)));

/* The same, not zeroed; for bytes that are overwritten at once. */
char *arena_bytes(Arena *a, size_t size) __attribute__((returns_nonnull));

/* Not zeroed but aligned. */
void *arena_take(Arena *a, size_t size, size_t align) __attribute__((returns_nonnull));

/* Makes a block of arena_bytes() longer, in place when it was the latest one.
 * The old address must not be used any more: a large block is moved. */
char *arena_extend(Arena *a, char *old, size_t old_size, size_t new_size)
    __attribute__((returns_nonnull));

/* Gives a block of arena_bytes() or arena_take() back early, where that is easy
 * (it is the latest or a large one): for scratch space that may get large. */
void arena_give_back(Arena *a, void *bytes, size_t size);

/* Copies. arena_cstr() adds the NUL that libc wants; a text that itself holds
 * a NUL is cut there by libc, so check untrusted names first. */
Str arena_copy(Arena *a, Str s);
char *arena_cstr(Arena *a, Str s);
Str str_printf(Arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
Str str_concat(Arena *a, Str first, Str second);
Str str_lower(Arena *a, Str s); /* ASCII only */

/* Calls fn(arg) when the arena is reset. For what is not memory: file
 * descriptors, references, locks on a subscription. It is never refused, so what
 * was taken just before is given back; all of the above may end the work, so that
 * none of them may stand between, nor be called with a lock held. */
void arena_defer(Arena *a, void (*fn)(void *arg), void *arg);

/* An arena that lives in another and ends with it: for loops, which reset it each
 * round, and for what must not count against `outer`'s limit. When it outgrows its
 * own, that ends the work of the innermost arena_protect() of it or of `outer`. */
Arena *arena_within(Arena *outer, const char *name, size_t limit_bytes);

/* Runs work(arg). Returns its result, or, when the arena outgrew its limit on
 * the way, an error of status 500 (503 for a budget that is spent) with the
 * arena's name as cause; the arena then has 64 KiB more until its reset, so that
 * the error can be told. Calls nest. */
Error *arena_protect(Arena *a, Error *(*work)(void *arg), void *arg);

/* Bytes handed out since the last reset. */
size_t arena_used(const Arena *a);

/* What a single allocation could still take: lets a parser refuse an input with
 * an error of its own instead of outgrowing the arena. */
size_t arena_room(const Arena *a);

#endif
