/* options.h - documents of options with a known shape: collections' auth
 * options and the settings.
 *
 * A shape is a JSON value that says by example which keys exist and of which
 * type each is; it holds the defaults too:
 *
 *     {"enabled": false, "duration": 600, "rule": null, "names": [], "rules": [{"label": ""}]}
 *
 *     false, 600, ""   a boolean, a whole number, a text
 *     null             anything, null included: the caller checks
 *     []               a list of texts
 *     [{…}]            a list of objects of that shape
 *     {…}              an object of that shape
 */
#ifndef CROFT_SCHEMA_OPTIONS_H
#define CROFT_SCHEMA_OPTIONS_H

#include "base/base.h"
#include "json/json.h"

/* Lays the object `patch` over the object `target`, key by key: what `shape`
 * does not know is ignored, objects are merged, lists replaced as a whole, null
 * leaves what is there. Status 400 when a value has the wrong type. */
MUST_CHECK Error *options_merge(Arena *a, Json *target, const Json *shape, const Json *patch);

/* A whole number of at most 2^53 either way. */
bool json_whole(const Json *value, int64_t *out);

/* The error for input of the wrong type; `cause` is for the log. */
Error *invalid_format(Arena *a, Str cause);

/* ---- the formats that options are checked for ---- */

bool text_is_word(Str s);   /* ^\w+$ */
bool text_is_domain(Str s); /* two labels or more */
bool text_is_host(Str s);   /* IP address or DNS name */
bool text_is_url(Str s);    /* with or without scheme */
bool text_is_email(Str s);
bool text_is_hex_color(Str s); /* #rgb, #rrggbb */

/* Collects errors of one document: the first per field stays. */
typedef struct {
    Arena *arena;
    Error *errors;
} Checks;

size_t checks_count(const Checks *c);
void check_fail(Checks *c, Str field, const char *code, Str message);
void check_fail_params(Checks *c, Str field, const char *code, Str message, Json *params);
/* Each returns true when the value passed. */
bool check_required(Checks *c, Str field, bool present);
/* Bytes; an empty text passes. */
bool check_length(Checks *c, Str field, Str value, int64_t min, int64_t max);
/* Zero passes, as an absent value does. */
bool check_range(Checks *c, Str field, int64_t value, int64_t min, int64_t max);

#endif
