/* error.c - making errors and adding to them what each level knows. */
#include "base/error.h"
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* api: conventions §4.2, and the phrases of RFC 9110 for the others. */
static const struct {
    int status;
    Str message;
} DEFAULTS[] = {
    {400, STR_INIT("Something went wrong while processing your request.")},
    {401, STR_INIT("Missing or invalid authentication.")},
    {403, STR_INIT("You are not allowed to perform this request.")},
    {404, STR_INIT("The requested resource wasn't found.")},
    {405, STR_INIT("Method not allowed.")},
    {406, STR_INIT("Not acceptable.")},
    {408, STR_INIT("The request took too long to arrive.")},
    {409, STR_INIT("The request conflicts with another one.")},
    {411, STR_INIT("The length of the request is required.")},
    {412, STR_INIT("A precondition of the request failed.")},
    {413, STR_INIT("Request entity too large.")},
    {414, STR_INIT("Request URI too long.")},
    {415, STR_INIT("Unsupported media type.")},
    {416, STR_INIT("Requested range not satisfiable.")},
    {417, STR_INIT("The expectation of the request cannot be met.")},
    {421, STR_INIT("Misdirected request.")},
    {422, STR_INIT("The request cannot be processed.")},
    {429, STR_INIT("Too Many Requests.")},
    {431, STR_INIT("Request header fields too large.")},
    {500, STR_INIT("Something went wrong while processing your request.")},
    {501, STR_INIT("Not implemented.")},
    {502, STR_INIT("Another server gave no proper answer.")},
    {503, STR_INIT("The server is too busy, please try again later.")},
    {504, STR_INIT("Another server did not answer in time.")},
    {505, STR_INIT("HTTP version not supported.")},
    {507, STR_INIT("The server has no storage space left.")},
};

Str error_default_message(int status)
{
    for (size_t i = 0; i < COUNT(DEFAULTS); i++)
        if (DEFAULTS[i].status == status) return DEFAULTS[i].message;
    return DEFAULTS[0].message;
}

Error *error_new(Arena *a, int status, Str message)
{
    Error *err = arena_new(a, Error, 1);
    err->status = status;
    err->message = message.len ? message : error_default_message(status);
    return err;
}

Error *error_status(Arena *a, int status)
{
    return error_new(a, status, error_default_message(status));
}

Error *error_field(Arena *a, Str field, const char *code, Str message)
{
    return error_field_params(a, field, code, message, NULL);
}

Error *error_field_params(Arena *a, Str field, const char *code, Str message, Json *params)
{
    Error *err = error_new(a, 400, message);
    err->field = field;
    err->code = code;
    err->params = params;
    return err;
}

Error *error_required(Arena *a, Str field)
{
    return error_field(a, field, "validation_required", S("Cannot be blank."));
}

Error *error_errno(Arena *a, int errno_value, const char *operation, Str subject)
{
    bool full = errno_value == ENOSPC || errno_value == EDQUOT;
    const char *reason = strerrordesc_np(errno_value);
    Error *err = error_status(a, full ? 507 : 500);
    err->cause = str_printf(a, "%s%s%.*s: %s (%d)", operation, subject.len ? " " : "",
                            STR_ARG(subject), reason ? reason : "unknown error", errno_value);
    return err;
}

/* Formats into `buffer` or, when it is too small, into the arena. */
__attribute__((format(printf, 4, 0), nonnull(4))) static Str format_args(Arena *a, char *buffer,
                                                                         size_t size,
                                                                         const char *format,
                                                                         va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(buffer, size, format, args);
    Str text = {buffer, n > 0 ? (size_t)n : 0};
    if (text.len >= size) {
        char *longer = arena_bytes(a, text.len + 1);
        (void)vsnprintf(longer, text.len + 1, format, again);
        text.ptr = longer;
    }
    va_end(again);
    return text;
}

Error *error_at(Arena *a, Error *err, const char *format, ...)
{
    char buffer[256];
    va_list args;
    va_start(args, format);
    Str path = arena_copy(a, format_args(a, buffer, sizeof buffer, format, args));
    va_end(args);

    for (Error *e = err; e; e = e->next) {
        if (e->field.len)
            e->field = str_printf(a, "%.*s.%.*s", STR_ARG(path), STR_ARG(e->field));
        else if (e->status < 500) /* a fault of ours is not one of that input */
            e->field = path;
    }
    return err;
}

Error *error_summary(Error *err, Str summary)
{
    if (!err || err->summary.len) return err;
    err->summary = summary;
    if (err->status == 400 && err->field.len == 0 && !err->code) {
        if (err->cause.len == 0) err->cause = err->message;
        err->message = summary;
    }
    return err;
}

Error *error_cause(Arena *a, Error *err, const char *format, ...)
{
    if (!err) return NULL;
    char buffer[512];
    va_list args;
    va_start(args, format);
    Str reason = format_args(a, buffer, sizeof buffer, format, args);
    va_end(args);
    if (err->cause.len)
        err->cause = str_printf(a, "%.*s: %.*s", STR_ARG(reason), STR_ARG(err->cause));
    else
        err->cause = arena_copy(a, reason);
    return err;
}

void error_chain(Error **list, Error *more)
{
    if (!list || !more) return;
    while (*list) {
        list = &(*list)->next;
    }
    *list = more;
}

Str error_sentence(Arena *a, Str text)
{
    Str s = str_trim(text);
    if (s.len == 0) return s;
    char last = s.ptr[s.len - 1];
    bool closed = last == '.' || last == '?' || last == '!';
    bool small = s.ptr[0] >= 'a' && s.ptr[0] <= 'z';
    if (closed && !small) return s;

    char *out = arena_bytes(a, s.len + 1);
    memcpy(out, s.ptr, s.len);
    if (small) out[0] = (char)(out[0] & ~0x20);
    out[s.len] = '.';
    return (Str){out, s.len + (closed ? 0 : 1)};
}
