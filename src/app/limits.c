/* limits.c - the limits of http/ by name: --limit body_bytes=64M.
 *
 * Adding a member to HttpLimits? Give it a row here; the unit test counts. */
#include "app/options.h"

#include <stddef.h>

typedef struct {
    Str name;
    size_t offset;
    bool is_32_bit; /* else size_t */
    uint64_t min, max;
    const char *help;
} LimitRow;

#define SIZE(member, min, max, help)                                                               \
    {                                                                                              \
        STR_INIT(#member), offsetof(HttpLimits, member), false, min, max, help                     \
    }
#define U32(member, min, max, help)                                                                \
    {                                                                                              \
        STR_INIT(#member), offsetof(HttpLimits, member), true, min, max, help                      \
    }

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define DAY UINT64_C(86400000)

static const LimitRow ROWS[] = {
    SIZE(uri_bytes, 256, 64 * KIB, "longest request target; longer: 414"),
    SIZE(header_bytes, KIB, MIB, "all headers of a request; more: 431"),
    SIZE(header_fields, 8, 10000, "number of headers; more: 431"),
    SIZE(body_bytes, KIB, 16 * GIB, "body of a request that names no other limit; more: 413"),
    SIZE(body_memory_bytes, 4 * KIB, GIB, "of an upload; more goes to a temporary file"),
    SIZE(form_fields, 1, 1000000, "parts of a form"),
    SIZE(form_field_bytes, KIB, GIB, "one plain value of a form"),
    SIZE(request_arena_bytes, MIB, 16 * GIB, "memory of one request; more ends it with 500"),
    SIZE(request_memory_bytes, MIB, 1024 * GIB, "all requests, beyond 128 KiB each; more: 503"),
    SIZE(output_pending_bytes, MIB, 1024 * GIB, "large answers being sent, in all; more: 503"),
    SIZE(requests_per_connection, 1, UINT32_MAX, "then the connection is closed"),
    SIZE(connections, 1, 1000000, "open per thread; more: 503"),
    SIZE(requests_in_flight, 1, 10000, "per thread; more: 503"),
    U32(header_timeout_ms, 100, DAY, "for the head of a request"),
    U32(idle_timeout_ms, 100, DAY, "between two requests"),
    U32(body_grace_ms, 0, DAY, "before body_min_rate counts"),
    U32(body_min_rate, 0, GIB, "bytes a second a client must send"),
    U32(write_stall_ms, 100, DAY, "without progress closes the connection"),
    U32(shutdown_ms, 0, 60000, "for requests in flight at a stop"),
};

static uint64_t limit_get(const HttpLimits *limits, const LimitRow *row)
{
    const char *at = (const char *)limits + row->offset;
    if (row->is_32_bit) return *(const uint32_t *)(const void *)at;
    return *(const size_t *)(const void *)at;
}

static void limit_put(HttpLimits *limits, const LimitRow *row, uint64_t value)
{
    char *at = (char *)limits + row->offset;
    if (row->is_32_bit)
        *(uint32_t *)(void *)at = (uint32_t)value;
    else
        *(size_t *)(void *)at = (size_t)value;
}

/* "100", "64M" (1024s, of bytes), "10s" (of milliseconds). */
static bool value_read(const LimitRow *row, Str text, uint64_t *out)
{
    uint64_t unit = 1;
    bool is_ms = str_ends(row->name, S("_ms"));
    char last = (char)(text.len ? text.ptr[text.len - 1] : '0');
    if (is_ms && last == 's') unit = 1000;
    if (!is_ms && (last == 'k' || last == 'K')) unit = KIB;
    if (!is_ms && (last == 'm' || last == 'M')) unit = MIB;
    if (!is_ms && (last == 'g' || last == 'G')) unit = GIB;
    if (unit != 1) text.len--;
    uint64_t number;
    if (!str_to_u64(text, &number) || number > UINT64_MAX / unit) return false;
    *out = number * unit;
    return true;
}

Error *limit_set(Arena *a, HttpLimits *limits, Str assignment)
{
    ptrdiff_t equals = str_find_char(assignment, '=');
    if (equals <= 0)
        return error_new(
            a, 400, str_printf(a, "--limit wants name=value, not \"%.*s\".", STR_ARG(assignment)));
    Str name = str_sub(assignment, 0, (size_t)equals);
    Str names[COUNT(ROWS)];
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        names[i] = ROWS[i].name;
        if (!str_eq(name, ROWS[i].name)) continue;
        uint64_t value;
        if (!value_read(&ROWS[i], str_from_pos(assignment, (size_t)equals + 1), &value) ||
            value < ROWS[i].min || value > ROWS[i].max)
            return error_new(a, 400,
                             str_printf(a, "--limit %.*s must be a number from %llu to %llu.",
                                        STR_ARG(name), (unsigned long long)ROWS[i].min,
                                        (unsigned long long)ROWS[i].max));
        limit_put(limits, &ROWS[i], value);
        return NULL;
    }
    Str near = suggest(name, names, COUNT(names));
    if (near.len)
        return error_new(a, 400,
                         str_printf(a, "There is no limit \"%.*s\". Did you mean %.*s?",
                                    STR_ARG(name), STR_ARG(near)));
    return error_new(
        a, 400, str_printf(a, "There is no limit \"%.*s\". See: croft help limits", STR_ARG(name)));
}

void limits_print(FILE *to)
{
    HttpLimits defaults = http_limits_default();
    for (size_t i = 0; i < COUNT(ROWS); i++)
        fprintf(to, "  %-26.*s %12llu   %s\n", STR_ARG(ROWS[i].name),
                (unsigned long long)limit_get(&defaults, &ROWS[i]), ROWS[i].help);
}
