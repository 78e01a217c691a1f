/* error.h - what went wrong, for the client, for programs and for our log.
 *
 * A function that can fail returns Error *: NULL is success. The error lives
 * in the caller's arena. Each level adds only what it knows: the parser the
 * fault, the caller the field, the handler what was being tried; one place in
 * http/ turns the result into JSON and logs it, once.
 *
 *     err = money_parse(a, text, S("EUR"), &price);
 *     if (err) return error_at(a, err, "lines.%zu.price", i);
 *
 * In JSON (api: conventions §4):
 *
 *     {"data":{"lines":{"2":{"price":{"code":"validation_money_format",
 *      "message":"Must be an amount like 12.34."}}}},
 *      "message":"Failed to create order.","status":400}
 */
#ifndef CROFT_ERROR_H
#define CROFT_ERROR_H

#include "base/arena.h"
#include "base/str.h"

typedef struct Json Json; /* json/json.h */
typedef struct Error Error;

struct Error {
    int status;       /* HTTP status to answer with: 400, 401, 403, 404, 413, 429 ... */
    Str message;      /* for people; safe to show to any client */
    const char *code; /* for programs, never changes: "validation_required"; NULL if none */
    Str field;        /* input at fault: "lines.2.price"; empty = the request as a whole */
    Json *params;     /* values the message mentions, {"max": 2}; NULL if none */
    Str summary;      /* said above failing fields: "Failed to create order." */
    Str cause;        /* for our log only: errno, SQL, path. Never leaves the server */
    Error *next;      /* other fields of the same request that also failed */
};

/* A fault of the request as a whole. An empty message means the status's
 * default one. `message` is borrowed: a literal or from the arena. */
Error *error_new(Arena *a, int status, Str message);

/* The status's default message: 404 "The requested resource wasn't found." */
Error *error_status(Arena *a, int status);
Str error_default_message(int status);

/* A fault of one field: status 400 with a code. */
Error *error_field(Arena *a, Str field, const char *code, Str message);
Error *error_field_params(Arena *a, Str field, const char *code, Str message, Json *params);

/* validation_required, "Cannot be blank.": by far the most common. */
Error *error_required(Arena *a, Str field);

/* Status 500 that keeps the reason for the log: "open /data/x: No space left".
 * ENOSPC and EDQUOT give status 507. */
Error *error_errno(Arena *a, int errno_value, const char *operation, Str subject);

/* Puts a path in front of the field of `err` and of every error chained to it:
 * "price" becomes "lines.2.price". An error without field gets the path as its
 * field, unless it is a fault of ours (status 500 and above). */
Error *error_at(Arena *a, Error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets what is said above the fields, keeping a summary already there. For an
 * error without field whose status is 400 and which has no code, the summary
 * replaces the message: the client sees what was tried, the log the cause
 * (the former message, if no cause was set). */
Error *error_summary(Error *err, Str summary);

/* Adds a reason for the log. Keeps `err`. */
Error *error_cause(Arena *a, Error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Chains `more` behind `*list`; either may be NULL. */
void error_chain(Error **list, Error *more);

/* "sentence case": blanks trimmed, first letter upper-cased, a final '.'
 * unless it ends in '.', '?' or '!' (api: conventions §4). */
Str error_sentence(Arena *a, Str text);

#endif
