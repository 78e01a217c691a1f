/* log.c - one line an event, on standard error.
 *
 * A line is built in a buffer on the stack and leaves in one write(2). Places
 * that log are told apart by the addresses of their area and message, both
 * literals; each has a counter for the current second.
 */
#include "base/log.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LINES_PER_SECOND = 20,
    SITES = 256, /* places that are counted at a time */
    TAIL = 16,   /* room kept for what ends a cut line: …"}\n */
};

typedef struct {
    const char *area, *message;
    int64_t second;
    unsigned written, held;
} Site;

static atomic_int minimum_level = LOG_INFO;
static atomic_int line_format = LOG_TEXT;
static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;
static Site sites[SITES];
static unsigned sites_held; /* how many have lines held back */
static _Atomic(LogSink) sink_fn;
static _Atomic(void *) sink_arg;

typedef struct {
    char text[LOG_LINE_MAX];
    size_t len;
    bool json;
    bool full; /* something did not fit: nothing more is added */
} Line;

static const char *const LEVELS[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const JSON_LEVELS[] = {"debug", "info", "warn", "error"};

void log_configure(LogLevel minimum, LogFormat format)
{
    atomic_store(&minimum_level, (int)minimum);
    atomic_store(&line_format, (int)format);
}

void log_sink(LogSink sink, void *arg)
{
    atomic_store(&sink_arg, arg);
    atomic_store(&sink_fn, sink);
}

bool log_enabled(LogLevel level)
{
    return (int)level >= atomic_load_explicit(&minimum_level, memory_order_relaxed);
}

/* What may still be added: nothing once a closing quote stands in the tail. */
static size_t line_room(const Line *l)
{
    size_t most = sizeof l->text - TAIL;
    return l->full || l->len > most ? 0 : most - l->len;
}

/* All or nothing. */
static bool line_add(Line *l, Str s)
{
    if (s.len > line_room(l)) {
        l->full = true;
        return false;
    }
    if (s.len) memcpy(l->text + l->len, s.ptr, s.len);
    l->len += s.len;
    return true;
}

static void line_end(Line *l, Str s)
{
    assert(s.len <= sizeof l->text - l->len);
    memcpy(l->text + l->len, s.ptr, s.len);
    l->len += s.len;
}

/* A control character in the way of both formats; bytes that are no UTF-8 are
 * shown in text and replaced in JSON, which has no way to hold them. */
static Str escaped(const Line *l, unsigned char c, bool valid, char out[8])
{
    int n;
    if (c == '\n' || c == '\r' || c == '\t')
        n = snprintf(out, 8, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c == '"' || c == '\\')
        n = snprintf(out, 8, "\\%c", c);
    else if (!l->json)
        n = snprintf(out, 8, "\\x%02x", c);
    else
        n = snprintf(out, 8, "\\u%04x", valid ? c : 0xFFFDu);
    return (Str){out, (size_t)n};
}

/* One character of a value; *size = bytes of `s` it took. */
static Str shown(const Line *l, Str s, char out[8], size_t *size)
{
    unsigned char c = (unsigned char)s.ptr[0];
    size_t n = utf8_sequence(s);
    *size = n ? n : 1;
    if (n == 0) return escaped(l, c, false, out);
    if (n == 1 && (c < 0x20 || c == 0x7F || c == '"' || c == '\\')) return escaped(l, c, true, out);
    bool c1_control = n == 2 && c == 0xC2 && (unsigned char)s.ptr[1] < 0xA0;
    if (!c1_control) return (Str){s.ptr, n};
    int len = snprintf(out, 8, "\\u%04x", (unsigned)(unsigned char)s.ptr[1]);
    return (Str){out, (size_t)len};
}

/* The value in quotes, cut with an ellipsis when the line is full. */
static void line_quoted(Line *l, Str value)
{
    if (!line_add(l, S("\""))) return;
    char out[8];
    for (size_t at = 0, size; at < value.len; at += size) {
        if (line_add(l, shown(l, str_from_pos(value, at), out, &size))) continue;
        line_end(l, S("…"));
        break;
    }
    line_end(l, S("\""));
}

static void line_key(Line *l, const char *key)
{
    if (!l->json) {
        (void)(line_add(l, S(" ")) && line_add(l, str_from(key)) && line_add(l, S("=")));
        return;
    }
    line_add(l, S(",\""));
    line_add(l, str_from(key));
    line_add(l, S("\":"));
}

static void line_field(Line *l, const LogField *f)
{
    /* The key and the start of its value go together, or JSON would break. */
    if (strlen(f->key) + 40 > line_room(l)) {
        l->full = true;
        return;
    }
    char number[32];
    int n = 0;
    line_key(l, f->key);
    switch (f->kind) {
    case LOG_KIND_STR:
        line_quoted(l, f->str);
        return;
    case LOG_KIND_INT:
        n = snprintf(number, sizeof number, "%lld", (long long)f->integer);
        break;
    case LOG_KIND_DOUBLE:
        n = snprintf(number, sizeof number, isfinite(f->number) ? "%.9g" : "null", f->number);
        break;
    }
    line_add(l, (Str){number, (size_t)n});
}

static void line_start(Line *l, LogLevel level, const char *area, const char *message)
{
    char now[DATETIME_LEN];
    datetime_write(now, clock_wall_ms());
    if (!l->json) {
        line_add(l, (Str){now, sizeof now});
        line_add(l, S(" "));
        line_add(l, str_from(LEVELS[level]));
        line_add(l, S(" "));
        line_add(l, str_from(area));
        line_add(l, S(" "));
        line_add(l, str_from(message));
        return;
    }
    line_add(l, S("{\"time\":\""));
    line_add(l, (Str){now, sizeof now});
    line_add(l, S("\",\"level\":\""));
    line_add(l, str_from(JSON_LEVELS[level]));
    line_add(l, S("\",\"area\":"));
    line_quoted(l, str_from(area));
    line_add(l, S(",\"message\":"));
    line_quoted(l, str_from(message));
}

static void emit(LogLevel level, const char *area, const char *message, const LogField *fields,
                 size_t count)
{
    __attribute__((uninitialized)) Line line;
    line.len = 0;
    line.full = false;
    line.json = atomic_load_explicit(&line_format, memory_order_relaxed) == LOG_JSON;
    line_start(&line, level, area, message);
    for (size_t i = 0; i < count; i++) {
        line_field(&line, &fields[i]);
    }
    line_end(&line, line.json ? S("}\n") : S("\n"));
    ssize_t ignored = write(STDERR_FILENO, line.text, line.len);
    (void)ignored; /* nobody left to tell */
}

/* Takes one place whose second is over and that has held lines back. */
static bool take_held(int64_t second, Site *out)
{
    bool found = false;
    pthread_mutex_lock(&sites_lock);
    for (size_t i = 0; sites_held > 0 && i < SITES && !found; i++) {
        if (sites[i].held == 0 || sites[i].second >= second) continue;
        *out = sites[i];
        sites[i].held = 0;
        sites_held--;
        found = true;
    }
    pthread_mutex_unlock(&sites_lock);
    return found;
}

static void tell_held(int64_t second)
{
    Site site;
    while (take_held(second, &site)) {
        LogField fields[] = {LOG_STR("area", str_from(site.area)),
                             LOG_STR("message", str_from(site.message)),
                             LOG_INT("count", site.held)};
        emit(LOG_WARN, "log", "lines held back", fields, COUNT(fields));
    }
}

void log_flush(void)
{
    tell_held(INT64_MAX);
}

/* The place's counter. When all of its eight places in the table are taken by
 * others of this second, it goes uncounted. */
static Site *site_find(const char *area, const char *message, int64_t second)
{
    size_t home = ((uintptr_t)area / 8 * 31 + (uintptr_t)message / 8) % SITES;
    Site *reusable = NULL;
    for (size_t i = 0; i < 8; i++) {
        Site *s = &sites[(home + i) % SITES];
        if (s->area == area && s->message == message) return s;
        if (!reusable && s->held == 0 && s->second < second) reusable = s;
    }
    if (reusable) *reusable = (Site){.area = area, .message = message, .second = second};
    return reusable;
}

static bool allowed(const char *area, const char *message, int64_t second)
{
    bool yes = true;
    pthread_mutex_lock(&sites_lock);
    Site *s = site_find(area, message, second);
    if (s) {
        if (s->second != second && s->held == 0) {
            s->second = second;
            s->written = 0;
        }
        yes = s->second != second || s->written < LINES_PER_SECOND;
        if (yes)
            s->written++;
        else if (s->held++ == 0)
            sites_held++;
    }
    pthread_mutex_unlock(&sites_lock);
    return yes;
}

void log_write(LogLevel level, const char *area, const char *message, const LogField *fields,
               size_t count)
{
    bool shown = log_enabled(level);
    LogSink sink = atomic_load(&sink_fn);
    if (!shown && (!sink || level < LOG_INFO)) return;
    int64_t second = (int64_t)(clock_mono_ms() / 1000) + 1; /* 0 is an unused place */
    tell_held(second);
    if (!allowed(area, message, second)) return;
    if (shown) emit(level, area, message, fields, count);
    if (sink) sink(atomic_load(&sink_arg), level, area, message, fields, count);
}
