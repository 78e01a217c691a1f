/* json.h - JSON values in an arena: read, look up, write.
 *
 * The reader is strict RFC 8259: UTF-8 is checked, a NUL escaped or not is
 * refused in keys and strings ("no NUL in text"), numbers are doubles, of
 * duplicate keys the last wins (at the place of the first). Depth and size are
 * bounded and the C stack does not grow with the document.
 *
 *     Json *body;
 *     err = json_parse(a, text, NULL, &body);
 *     Str title = json_str(json_get(body, S("title")), S(""));
 *
 * The writer appends to a Buf, escapes < > & U+2028 U+2029 as \u003c etc. and
 * prints numbers as ECMAScript does (api: conventions §3): whole ones without
 * fraction, exponents only below 1e-6 and from 1e21 on.
 */
#ifndef CROFT_JSON_H
#define CROFT_JSON_H

#include "base/base.h"
#include "base/buf.h"

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;

typedef struct JsonMember JsonMember;

struct Json {
    JsonType type;
    union {
        bool boolean;
        double number;
        Str string;
        struct {
            Json *items; /* count of them */
            size_t count, cap;
        } array;
        struct {
            JsonMember *members; /* in the order of the text */
            size_t count, cap;
        } object;
    };
};

struct JsonMember {
    Str key;
    Json value;
};

/* 0 stands for the default. No depth beyond JSON_DEPTH_MAX is granted: writing,
 * copying and comparing use a frame of the C stack a level. */
typedef struct {
    size_t depth; /* default 100 */
    size_t nodes; /* values in all; default 1,000,000 */
} JsonLimits;
#define JSON_DEPTH_MAX 512

/* Reads one document and nothing else but blanks. Errors (status 400, no
 * field): code "json_invalid"; "json_too_deep"; "json_too_large", which is also
 * what a document gets that the arena has no room for. `limits` may be NULL;
 * *out is untouched on failure. Strings without escapes point into `text`, which must live as long
 * as the result. */
MUST_CHECK Error *json_parse(Arena *a, Str text, const JsonLimits *limits, Json **out);

/* The same for a document that may have anything behind it; *rest is that. */
MUST_CHECK Error *json_parse_first(Arena *a, Str text, const JsonLimits *limits, Json **out,
                                   Str *rest);

/* True when the text is one valid document. */
bool json_is_valid(Arena *a, Str text);

/* Look-ups take NULL and the wrong type: NULL or the fallback comes back. */
Json *json_get(const Json *object, Str key);
Json *json_at(const Json *array, size_t index);
Str json_str(const Json *value, Str fallback);
double json_number(const Json *value, double fallback);
bool json_bool(const Json *value, bool fallback);
size_t json_count(const Json *array_or_object);
bool json_is(const Json *value, JsonType type);

/* Making values; containers grow in the arena. json_set() replaces. json_push()
 * and json_set() copy the value node, not what it points to, and return the copy. */
Json *json_new_null(Arena *a);
Json *json_new_bool(Arena *a, bool value);
Json *json_new_number(Arena *a, double value);
Json *json_new_string(Arena *a, Str value);
Json *json_new_array(Arena *a);
Json *json_new_object(Arena *a);
Json *json_set(Arena *a, Json *object, Str key, const Json *value);
Json *json_push(Arena *a, Json *array, const Json *value);
bool json_remove(Json *object, Str key);
/* json_set() for a key that is known to be new: does not look for it. Look-ups
 * walk the members, so building a large object with json_set() takes quadratic
 * time. Members and items move when their container grows: a pointer to one is
 * good until the next json_set(), json_add() or json_push() to that container. */
Json *json_add(Arena *a, Json *object, Str key, const Json *value);
Json *json_set_str(Arena *a, Json *object, Str key, Str value);
Json *json_set_number(Arena *a, Json *object, Str key, double value);
Json *json_set_bool(Arena *a, Json *object, Str key, bool value);

/* A deep copy into `a`: for what must outlive the text it was read from. */
Json *json_copy(Arena *a, const Json *value);
bool json_equal(const Json *x, const Json *y); /* objects regardless of order */

/* Sorts the keys of every object bytewise (stable output). */
void json_sort_keys(Json *value);

/* Appending. json_write_string writes the quotes too. */
void json_write(Buf *out, const Json *value);
void json_write_string(Buf *out, Str value);
void json_write_number(Buf *out, double value); /* NaN and infinities become null */
Str json_format(Arena *a, const Json *value);

/* The shortest decimal text that reads back as `value`, as json_write_number()
 * writes it. At most 32 bytes; returns the length. */
size_t number_format(char out[32], double value);

#endif
