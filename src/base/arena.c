/* arena.c - memory that is given back all at once.
 *
 * An arena is one malloc block of 16 KB that begins with the Arena itself;
 * what is left of it is handed out from front to back ("bumped"). When it is
 * full, further blocks follow, each twice as large as the one before, up to
 * 1 MiB. What is large gets an own block instead, so that it neither wastes
 * the rest of the current block nor is copied when it grows (realloc() moves
 * pages, not bytes).
 *
 *     Arena ─┬─ bytes of the first block   kept by arena_reset()
 *            ├─ grown blocks, newest first  freed
 *            └─ own blocks, newest first    freed
 *
 * Invariants:
 *   1. start <= at <= end: the current block; [at, end) is free.
 *   2. held = bytes of all blocks without their headers; held <= limit but for
 *      what arena_defer() and who the arena is lent to take.
 *   3. frame is the innermost arena_protect(), on the stack that runs now.
 *   4. charged = what of `held` is beyond budget->each, or more until the next
 *      settle(); the sum over all arenas is budget->held.
 *
 * With CROFT_ARENA_CHECKED every allocation is an own block: the same code,
 * and AddressSanitizer watches each allocation for itself.
 */
#include "base/arena.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

#ifdef CROFT_ARENA_CHECKED
enum { CHECKED = 1 };
#else
enum { CHECKED = 0 };
#endif

enum {
    FIRST_BLOCK = 16 * 1024 - 64, /* all of the first block; malloc's own header fits the page */
    LARGEST_BLOCK = 1024 * 1024,
    OWN_BLOCK = 4096, /* from here on an allocation that does not fit gets an own block */
    GRACE = 64 * 1024,
};
#define DEFAULT_LIMIT ((size_t)64 * 1024 * 1024)

typedef struct Block Block;
struct Block {
    Block *next, *prev;
    size_t size; /* bytes after the lead */
    size_t lead; /* from the Block to its bytes: sizeof(Block), more for large alignments */
};

typedef struct Defer Defer;
struct Defer {
    void (*fn)(void *arg);
    void *arg;
    Defer *next;
};

/* The compiler's setjmp takes two nanoseconds and, unlike libc's, has no check
 * that a fiber's stack could confuse. Not every compiler has it elsewhere. */
typedef struct Frame Frame;
struct Frame {
#if defined(__x86_64__)
    void *jump[5];
#else
    jmp_buf jump;
#endif
    Frame *outer;
    char *stack; /* where the stack was */
    const void *thread;
};
#if defined(__x86_64__)
#define FRAME_MARK(f)  __builtin_setjmp((f)->jump)
#define FRAME_ENTER(f) __builtin_longjmp((f)->jump, 1)
#else
#define FRAME_MARK(f)  _setjmp((f)->jump)
#define FRAME_ENTER(f) _longjmp((f)->jump, 1)
#endif

struct Arena {
    char *at, *end, *start; /* of the current block */
    Block *grown, *own;
    size_t used; /* handed out from blocks before the current one and own blocks */
    size_t held, limit;
    size_t charged;      /* to the budget */
    ArenaBudget *budget; /* NULL = none */
    size_t next_block;
    Defer *defers;
    Frame *frame;
    Arena *outer; /* of arena_within(); NULL = none */
    const char *name;
    size_t own_limit; /* the limit as created; `limit` has the grace added */
    size_t first_size;
    Error overflow; /* here because there is no room for it when it is needed */
    char overflow_cause[128];
};

static char *first_bytes(Arena *a)
{
    return (char *)(a + 1);
}

static char *block_bytes(Block *b)
{
    return (char *)b + b->lead;
}

static void block_link(Block **list, Block *b)
{
    b->next = *list;
    b->prev = NULL;
    if (b->next) b->next->prev = b;
    *list = b;
}

static void block_unlink(Block **list, Block *b)
{
    if (b->next) b->next->prev = b->prev;
    if (b->prev)
        b->prev->next = b->next;
    else
        *list = b->next;
}

static void blocks_free(Block **list)
{
    while (*list) {
        Block *b = *list;
        *list = b->next;
        free(b);
    }
}

/* Each thread has its own; the address is its name. */
static _Thread_local char this_thread;

/* The arena whose arena_protect() this thread would return to: this one or one
 * around it; NULL where there is none, or only on another thread. */
static Arena *protected(Arena *a)
{
    while (a && !(a->frame && a->frame->thread == &this_thread))
        a = a->outer;
    return a;
}

/* Whether another thread works under an arena_protect() of this arena's, and has
 * lent it to this one. */
static bool is_lent(const Arena *a)
{
    while (a && !a->frame)
        a = a->outer;
    return a && a->frame->thread != &this_thread;
}

/* Ends the work that asked for too much: see arena_protect(). */
NORETURN __attribute__((noinline, format(printf, 3, 4))) static void end_work(Arena *a, int status,
                                                                              const char *format,
                                                                              ...)
{
    Arena *to = protected(a);
    char *cause = to ? to->overflow_cause : a->overflow_cause;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cause, sizeof a->overflow_cause, format, args);
    va_end(args);
    if (!to) {
        (void)dprintf(2, "FATAL arena %s: %s\n", a->name, cause);
        abort();
    }
    /* The error must still be told: room for that. */
    to->limit = to->own_limit + GRACE;
    to->overflow = (Error){.status = status,
                           .message = error_default_message(status),
                           .cause = str_from(to->overflow_cause)};
    Frame *frame = to->frame;
#ifdef HAVE_ASAN
    /* The frames skipped below would leave their red zones behind; the
     * sanitizer's own clean-up knows the thread's stack only, not a fiber's. */
    char *here = __builtin_frame_address(0);
    if (here < frame->stack) __asan_unpoison_memory_region(here, (size_t)(frame->stack - here));
#endif
    FRAME_ENTER(frame);
}

NORETURN static void outgrown(Arena *a, size_t wanted)
{
    end_work(a, 500, "arena %s: %zu bytes more than its limit of %zu allows", a->name, wanted,
             a->own_limit);
}

NORETURN static void no_memory(Arena *a, size_t wanted)
{
    end_work(a, 503, "arena %s: the system has no %zu bytes more", a->name, wanted);
}

/* What is told in the grace, clean-ups, and what runs where there is nothing to
 * unwind to (after the work, or lent to another thread) may always have more. */
static bool may_be_refused(Arena *a)
{
    return a->limit == a->own_limit && protected(a);
}

static bool charge(Arena *a, size_t more)
{
    ArenaBudget *b = a->budget;
    if (!b || a->held + more <= b->each + a->charged) return true;
    size_t due = a->held + more - b->each - a->charged;
    size_t now = atomic_fetch_add(&b->held, due) + due;
    if (now > b->limit && may_be_refused(a)) {
        atomic_fetch_sub(&b->held, due);
        return false;
    }
    a->charged += due;
    return true;
}

/* Gives back what is held no more. */
static void settle(Arena *a)
{
    ArenaBudget *b = a->budget;
    if (!a->charged) return; /* always without a budget */
    size_t due = a->held > b->each ? a->held - b->each : 0;
    if (due >= a->charged) return;
    atomic_fetch_sub(&b->held, a->charged - due);
    a->charged = due;
}

static size_t below(const Arena *a, size_t limit)
{
    return a->held < limit ? limit - a->held : 0;
}

/* Returns when the arena may hold so much more. Who it is lent to cannot end the
 * work and so may have some more than the limit: for an error's words. */
static void claim(Arena *a, size_t bytes)
{
    if (bytes > below(a, a->limit) &&
        !(is_lent(a) && bytes <= below(a, a->own_limit + (size_t)2 * GRACE)))
        outgrown(a, bytes);
    if (!charge(a, bytes))
        end_work(a, 503, "arena %s: %zu bytes more than what all share of %zu allows", a->name,
                 bytes, a->budget->limit);
}

static char *own_block_new(Arena *a, size_t bytes, size_t align)
{
    claim(a, bytes);

    size_t lead = MAX(sizeof(Block), align);
    void *memory = NULL;
    if (align <= alignof(max_align_t))
        memory = malloc(lead + bytes);
    else if (posix_memalign(&memory, align, lead + bytes) != 0)
        memory = NULL;
    if (!memory) no_memory(a, bytes);

    Block *b = memory;
    *b = (Block){.size = bytes, .lead = lead};
    block_link(&a->own, b);
    a->held += bytes;
    a->used += bytes;
    return block_bytes(b);
}

static Block *own_block_find(Arena *a, const char *bytes)
{
    for (Block *b = a->own; b; b = b->next)
        if (block_bytes(b) == bytes) return b;
    return NULL;
}

__attribute__((noinline)) static char *take_slow(Arena *a, size_t bytes, size_t align)
{
    if (CHECKED || bytes >= OWN_BLOCK || align > alignof(max_align_t))
        return own_block_new(a, bytes, align);

    size_t size = MAX(MIN(a->next_block, below(a, a->limit)), bytes);
    claim(a, size);
    Block *b = malloc(sizeof(Block) + size);
    if (!b) no_memory(a, bytes);

    *b = (Block){.size = size, .lead = sizeof(Block)};
    block_link(&a->grown, b);
    a->held += size;
    a->used += (size_t)(a->at - a->start);
    a->next_block = MIN(a->next_block * 2, (size_t)LARGEST_BLOCK);
    a->start = block_bytes(b);
    a->at = a->start + bytes;
    a->end = a->start + size;
    return a->start;
}

static inline char *take(Arena *a, size_t bytes, size_t align)
{
    size_t gap = -(uintptr_t)a->at & (align - 1);
    size_t room = (size_t)(a->end - a->at);
    if (CHECKED || gap > room || bytes > room - gap) return take_slow(a, bytes, align);

    char *p = a->at + gap;
    a->at = p + bytes;
    return p;
}

static void start_over(Arena *a)
{
    a->start = a->at = first_bytes(a);
    a->end = a->start + a->first_size;
    a->used = 0;
    a->held = a->first_size;
    settle(a);
    a->limit = a->own_limit;
    a->next_block = MAX((size_t)FIRST_BLOCK + 64, a->first_size) * 2;
}

Arena *arena_create_sized(const char *name, size_t limit_bytes, size_t first_bytes)
{
    size_t limit = limit_bytes ? limit_bytes : DEFAULT_LIMIT;
    size_t first = CHECKED ? 0 : MIN(first_bytes, limit);
    Arena *a = malloc(sizeof(Arena) + first);
    if (!a) {
        (void)dprintf(2, "FATAL arena %s: out of memory\n", name);
        abort();
    }
    *a = (Arena){.name = name, .own_limit = limit, .first_size = first};
    start_over(a);
    return a;
}

Arena *arena_create(const char *name, size_t limit_bytes)
{
    return arena_create_sized(name, limit_bytes, FIRST_BLOCK - sizeof(Arena));
}

void arena_share(Arena *a, ArenaBudget *budget)
{
    a->budget = budget;
    (void)charge(a, 0); /* the first block is held already */
}

ArenaBudget *arena_budget(const Arena *a)
{
    return a->budget;
}

void arena_reset(Arena *a)
{
    /* A clean-up may allocate, and may even defer another one; it must not
     * fail because the request it cleans up after used all there was. */
    a->limit = SIZE_MAX;
    while (a->defers) {
        Defer *d = a->defers;
        a->defers = d->next;
        d->fn(d->arg);
    }
    blocks_free(&a->grown);
    blocks_free(&a->own);
    start_over(a);
}

void arena_destroy(Arena *a)
{
    if (!a) return;
    arena_reset(a);
    a->held = 0;
    settle(a);
    free(a);
}

void *arena_alloc(Arena *a, size_t count, size_t size, size_t align)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX) outgrown(a, SIZE_MAX);
    return memset(take(a, bytes, align), 0, bytes);
}

void *arena_take(Arena *a, size_t size, size_t align)
{
    if (size > PTRDIFF_MAX) outgrown(a, size);
    return take(a, size, align);
}

char *arena_bytes(Arena *a, size_t size)
{
    if (size > PTRDIFF_MAX) outgrown(a, size);
    return take(a, size, 1);
}

/* Makes an own block longer; the allocator may move it. NULL if it is none. */
static char *own_block_extend(Arena *a, const char *old, size_t new_size)
{
    Block *b = own_block_find(a, old);
    if (!b || b->lead != sizeof(Block)) return NULL;
    size_t more = new_size - b->size;
    claim(a, more);

    block_unlink(&a->own, b);
    Block *moved = realloc(b, sizeof(Block) + new_size);
    block_link(&a->own, moved ? moved : b);
    if (!moved) no_memory(a, more);
    moved->size = new_size;
    a->held += more;
    a->used += more;
    return block_bytes(moved);
}

char *arena_extend(Arena *a, char *old, size_t old_size, size_t new_size)
{
    assert(new_size >= old_size);
    if (new_size > PTRDIFF_MAX) outgrown(a, new_size);
    bool latest = old + old_size == a->at && old >= a->start;
    if (latest && new_size - old_size <= (size_t)(a->end - a->at)) {
        a->at += new_size - old_size;
        return old;
    }
    if (CHECKED || old_size >= OWN_BLOCK) {
        char *longer = own_block_extend(a, old, new_size);
        if (longer) return longer;
    }
    size_t align = (uintptr_t)old & -(uintptr_t)old; /* keeps the alignment it had */
    char *copy = take(a, new_size, MIN(align ? align : 1, alignof(max_align_t)));
    if (old_size) memcpy(copy, old, old_size);
    return copy;
}

void arena_give_back(Arena *a, void *bytes, size_t size)
{
    char *p = bytes;
    if (!CHECKED && p + size == a->at && p >= a->start) {
        a->at = p;
        return;
    }
    if (!CHECKED && size < OWN_BLOCK) return;
    Block *b = own_block_find(a, p);
    if (!b) return;
    block_unlink(&a->own, b);
    a->held -= b->size;
    a->used -= b->size;
    settle(a);
    free(b);
}

Str arena_copy(Arena *a, Str s)
{
    char *p = arena_bytes(a, s.len);
    if (s.len) memcpy(p, s.ptr, s.len);
    return (Str){p, s.len};
}

char *arena_cstr(Arena *a, Str s)
{
    char *p = arena_bytes(a, s.len + 1);
    if (s.len) memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return p;
}

Str str_printf(Arena *a, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0) return (Str){"", 0};
    if ((size_t)n < sizeof small) return arena_copy(a, (Str){small, (size_t)n});

    size_t len = (size_t)n;
    char *p = arena_bytes(a, len + 1);
    va_start(args, format);
    (void)vsnprintf(p, len + 1, format, args);
    va_end(args);
    return (Str){p, len};
}

Str str_concat(Arena *a, Str first, Str second)
{
    char *p = arena_bytes(a, first.len + second.len);
    if (first.len) memcpy(p, first.ptr, first.len);
    if (second.len) memcpy(p + first.len, second.ptr, second.len);
    return (Str){p, first.len + second.len};
}

Str str_lower(Arena *a, Str s)
{
    char *p = arena_bytes(a, s.len);
    for (size_t i = 0; i < s.len; i++) {
        p[i] = s.ptr[i];
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] | 0x20);
    }
    return (Str){p, s.len};
}

void arena_defer(Arena *a, void (*fn)(void *arg), void *arg)
{
    size_t limit = a->limit;
    a->limit = SIZE_MAX; /* not refused: what `fn` gives back has been taken */
    Defer *d = arena_new(a, Defer, 1);
    a->limit = limit;
    *d = (Defer){fn, arg, a->defers};
    a->defers = d;
}

static void end_within(void *arg)
{
    arena_destroy(arg);
}

Arena *arena_within(Arena *outer, const char *name, size_t limit_bytes)
{
    Arena *a = arena_create(name, limit_bytes);
    a->outer = outer;
    arena_defer(outer, end_within, a);
    return a;
}

/* noinline: the frame marked here must be this function's own. */
__attribute__((noinline)) Error *arena_protect(Arena *a, Error *(*work)(void *arg), void *arg)
{
    Frame frame;
    frame.outer = a->frame;
    frame.stack = __builtin_frame_address(0);
    frame.thread = &this_thread;
    a->frame = &frame;

    Error *err;
    if (FRAME_MARK(&frame) == 0)
        err = work(arg);
    else
        err = &a->overflow;
    a->frame = frame.outer;
    return err;
}

size_t arena_used(const Arena *a)
{
    return a->used + (size_t)(a->at - a->start);
}

size_t arena_room(const Arena *a)
{
    size_t current = (size_t)(a->end - a->at);
    return MAX(current, below(a, a->limit));
}
