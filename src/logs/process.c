/* process.c - what the server says of itself (base/log.h), as entries. */
#include "logs/logs_internal.h"

#include "base/clock.h"

#define VALUE_MAX   1000
#define MESSAGE_MAX 500

/* The request log has these, with more about them. */
static bool is_about_request(const char *area, const char *message)
{
    return strcmp(area, "http") == 0 && strncmp(message, "request ", sizeof "request " - 1) == 0;
}

static Str members(Arena *a, const LogField *fields, size_t count)
{
    Buf out = buf_new(a, 512);
    for (size_t i = 0; i < count && out.len < DETAILS_MAX / 2; i++) {
        buf_char(&out, ',');
        json_write_string(&out, str_from(fields[i].key));
        buf_char(&out, ':');
        if (fields[i].kind == LOG_KIND_STR)
            json_write_string(&out, str_sub(fields[i].str, 0, VALUE_MAX));
        else if (fields[i].kind == LOG_KIND_INT)
            buf_i64(&out, fields[i].integer);
        else
            json_write_number(&out, fields[i].number);
    }
    return buf_str(&out);
}

void process_sink(void *arg, LogLevel level, const char *area, const char *message,
                  const LogField *fields, size_t count)
{
    static const int8_t LEVELS[] = {[LOG_DEBUG] = LEVEL_DEBUG,
                                    [LOG_INFO] = LEVEL_INFO,
                                    [LOG_WARN] = LEVEL_WARN,
                                    [LOG_ERROR] = LEVEL_ERROR};
    Logs *logs = arg;
    if (is_about_request(area, message)) return;
    /* Our own troubles must not make us more work. */
    if (pthread_equal(pthread_self(), logs->thread)) return;

    Arena *a = arena_create("log", 256 << 10);
    EntryHead head = {.wall_ms = clock_wall_ms(), .level = LEVELS[level], .is_process = true};
    Str parts[PART_COUNT] = {
        [PART_METHOD] = str_sub(str_from(area), 0, METHOD_MAX),
        [PART_TARGET] = str_sub(str_from(message), 0, MESSAGE_MAX),
        [PART_DETAILS] = members(a, fields, count),
    };
    if (parts[PART_DETAILS].len > DETAILS_MAX) parts[PART_DETAILS] = S("");
    lane_put_shared(logs, &head, parts);
    arena_destroy(a);
}
