/* form.h - form fields become one JSON object (api: conventions §2.1).
 *
 *     a=1&a=x&b=true&c=0001      {"a":[1,"x"],"b":true,"c":"0001"}
 *
 * The special key "@jsonPayload" holds an object that is laid over the result.
 */
#ifndef CROFT_HTTP_FORM_H
#define CROFT_HTTP_FORM_H

#include "base/base.h"
#include "json/json.h"

typedef struct Form Form;

/* At most `fields_max` fields, 413 beyond. */
Form *form_new(Arena *a, size_t fields_max);

/* Counts a field that form_add() does not see: an upload. */
MUST_CHECK Error *form_count(Form *f);

/* Adds a value. 400 unless key and value are UTF-8 without NUL. Both must live
 * as long as the result. */
MUST_CHECK Error *form_add(Form *f, Str key, Str value);

/* Adds all of an application/x-www-form-urlencoded body. */
MUST_CHECK Error *form_add_urlencoded(Form *f, Str body, size_t value_max);

MUST_CHECK Error *form_finish(Form *f, Json **object);

/* true, false, a number when its shortest decimal form without exponent is the
 * very text, otherwise the text. */
Json form_infer(Str text);

#endif
