/* fuzz_json.c - any bytes at all, read as JSON.
 *
 * Properties: what json_parse() accepts, json_format() writes in a form that
 * reads back as an equal value and is written the same again. What is refused
 * has one of the three documented codes. Copying and sorting keep the value.
 * The same holds in an arena too small for the document.
 */
#include "json/json.h"

#include <stdlib.h>

static void must(bool fact)
{
    if (!fact) abort();
}

static bool known_code(const Error *err)
{
    Str code = str_from(err->code);
    return err->status == 400 &&
           (str_eq(code, S("json_invalid")) || str_eq(code, S("json_too_deep")) ||
            str_eq(code, S("json_too_large")));
}

static void round_trip(Arena *a, Json *value)
{
    Str text = json_format(a, value);
    Json *again, *copy = json_copy(a, value);
    must(json_parse(a, text, &(JsonLimits){.depth = JSON_DEPTH_MAX}, &again) == NULL);
    must(json_equal(value, again));
    must(str_eq(text, json_format(a, again)));
    json_sort_keys(copy);
    must(json_equal(value, copy));
}

typedef struct {
    Arena *arena;
    Str text;
} Work;

/* May outgrow the arena by way of an error's own text, nothing else. */
static Error *parse_small(void *arg)
{
    const Work *w = arg;
    Json *value;
    return json_parse(w->arena, w->text, NULL, &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_create("fuzz", 0), *small = arena_create("small", 2000);
    Str text = {(const char *)data, size}, rest;
    Json *value;
    Error *err = json_parse(a, text, NULL, &value);
    if (err)
        must(known_code(err));
    else
        round_trip(a, value);

    if (!json_parse_first(a, text, NULL, &value, &rest)) must(rest.len <= size);
    (void)arena_protect(small, parse_small, &(Work){small, text});
    arena_destroy(small);
    arena_destroy(a);
    return 0;
}
