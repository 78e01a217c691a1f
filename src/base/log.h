/* log.h - one line an event, on standard error.
 *
 *     log_error("db", "write failed", LOG_STR("sql", sql), LOG_INT("status", 500));
 *
 *     2026-01-02 03:04:05.678Z ERROR db write failed sql="INSERT …" status=500
 *
 * Values are quoted and control characters escaped, so a client cannot forge a
 * line. A line is at most LOG_LINE_MAX bytes; longer values are cut. Lines are
 * written whole with one write(2), from any thread; failing to write is
 * ignored on purpose: logging never takes the server down. A repeated line
 * (same place) is written at most 20 times a second; what was held back is
 * counted and said.
 */
#ifndef CROFT_LOG_H
#define CROFT_LOG_H

#include "base/str.h"

#define LOG_LINE_MAX 4096

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;
typedef enum { LOG_TEXT, LOG_JSON } LogFormat;

typedef struct {
    const char *key;
    enum { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_DOUBLE } kind;
    Str str;
    int64_t integer;
    double number;
} LogField;

#define LOG_STR(k, v)    ((LogField){.key = (k), .kind = LOG_KIND_STR, .str = (v)})
#define LOG_INT(k, v)    ((LogField){.key = (k), .kind = LOG_KIND_INT, .integer = (int64_t)(v)})
#define LOG_DOUBLE(k, v) ((LogField){.key = (k), .kind = LOG_KIND_DOUBLE, .number = (v)})

void log_configure(LogLevel minimum, LogFormat format);
bool log_enabled(LogLevel level);
void log_write(LogLevel level, const char *area, const char *message, const LogField *fields,
               size_t count);

/* Somebody else who gets every event that is written, and those of LOG_INFO and
 * above also when standard error wants less: called on the thread that logs,
 * must be brief and must not log. One a process. Set before others log, taken
 * back (NULL) when they have ended. */
typedef void (*LogSink)(void *arg, LogLevel level, const char *area, const char *message,
                        const LogField *fields, size_t count);
void log_sink(LogSink sink, void *arg);

/* Says at once what was held back; for the end of the process and quiet times. */
void log_flush(void);

#define LOG_CALL(level, area, message, ...)                                                        \
    log_write(level, area, message, (const LogField[]){{0}, ##__VA_ARGS__} + 1,                    \
              sizeof((const LogField[]){{0}, ##__VA_ARGS__}) / sizeof(LogField) - 1)
#define log_debug(area, message, ...) LOG_CALL(LOG_DEBUG, area, message, ##__VA_ARGS__)
#define log_info(area, message, ...)  LOG_CALL(LOG_INFO, area, message, ##__VA_ARGS__)
#define log_warn(area, message, ...)  LOG_CALL(LOG_WARN, area, message, ##__VA_ARGS__)
#define log_error(area, message, ...) LOG_CALL(LOG_ERROR, area, message, ##__VA_ARGS__)

#endif
