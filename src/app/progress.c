/* progress.c - drawing it; the idea is in progress.h. */
#include "app/progress.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define DRAW_MS   100
#define BAR_CELLS 20
#define LEFT_MS   2000 /* before it nothing can be said about the time left */

Str size_for_people(Arena *a, uint64_t bytes)
{
    static const char *const UNITS[] = {"KB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) return str_printf(a, "%llu bytes", (unsigned long long)bytes);
    double size = (double)bytes / 1000;
    size_t unit = 0;
    while (size >= 999.95 && unit + 1 < COUNT(UNITS)) {
        size /= 1000;
        unit++;
    }
    return str_printf(a, "%.1f %s", size, UNITS[unit]);
}

Str count_for_people(Arena *a, uint64_t count)
{
    Str digits = str_printf(a, "%llu", (unsigned long long)count);
    Buf out = buf_new(a, 32);
    for (size_t i = 0; i < digits.len; i++) {
        if (i > 0 && (digits.len - i) % 3 == 0) buf_char(&out, ',');
        buf_char(&out, digits.ptr[i]);
    }
    return buf_str(&out);
}

static Str amount(Arena *a, ProgressUnit unit, uint64_t n)
{
    return unit == PROGRESS_BYTES ? size_for_people(a, n) : count_for_people(a, n);
}

static void add_time_left(Buf *out, const Progress *p, uint64_t elapsed_ms)
{
    if (elapsed_ms < LEFT_MS || p->done == 0 || p->done >= p->total) return;
    double left_s =
        (double)elapsed_ms / 1000 * ((double)(p->total - p->done) / (double)p->done) + 0.5;
    if (left_s < 120)
        buf_printf(out, "  %d s left", (int)left_s);
    else if (left_s < 48 * 3600.0)
        buf_printf(out, "  %d min left", (int)(left_s / 60));
}

Str progress_text(Arena *a, const Progress *p, uint64_t elapsed_ms)
{
    Buf out = buf_new(a, 96);
    Str done = amount(a, p->unit, p->done);
    if (p->total == 0) {
        if (p->done > 0) buf_add(&out, done);
        return buf_str(&out);
    }
    int percent = (int)((double)MIN(p->done, p->total) * 100 / (double)p->total);
    buf_printf(&out, "%3d %%  %.*s of %.*s", percent, STR_ARG(done),
               STR_ARG(amount(a, p->unit, p->total)));
    add_time_left(&out, p, elapsed_ms);
    return buf_str(&out);
}

static void draw_bar(const Progress *p)
{
    char bar[BAR_CELLS + 1] = {0};
    uint64_t full = p->total ? MIN(p->done, p->total) / (p->total / BAR_CELLS + 1) : 0;
    if (p->total && p->done >= p->total) full = BAR_CELLS;
    for (uint64_t i = 0; i < BAR_CELLS; i++)
        bar[i] = i < full ? '#' : '.';
    if (p->total) fprintf(stderr, "[%s] ", bar);
}

static void draw(Progress *p, uint64_t now)
{
    Arena *a = arena_create("progress", 1 << 16);
    Str text = progress_text(a, p, now - p->started_ms);
    if (p->terminal) fputs("\r\033[K", stderr);
    fprintf(stderr, "%-10s", p->step);
    if (p->terminal) draw_bar(p);
    fprintf(stderr, "%.*s%s", STR_ARG(text), p->terminal ? "" : "\n");
    fflush(stderr);
    p->shown_ms = now;
    p->drawn = true;
    arena_destroy(a);
}

void progress_start(Progress *p, const char *step, ProgressUnit unit)
{
    *p = (Progress){.step = step, .unit = unit, .terminal = isatty(STDERR_FILENO) == 1};
    p->started_ms = p->shown_ms = clock_mono_ms();
}

void progress_show(Progress *p, uint64_t done, uint64_t total)
{
    p->done = done;
    p->total = total;
    uint64_t now = clock_mono_ms();
    uint64_t pause = p->terminal ? DRAW_MS : PROGRESS_PLAIN_S * 1000;
    if (now - p->shown_ms >= pause) draw(p, now);
}

void progress_end(Progress *p)
{
    if (!p->step) return;
    draw(p, clock_mono_ms());
    if (p->terminal) fputs("\n", stderr);
    *p = (Progress){0};
}
