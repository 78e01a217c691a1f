/* fuzz_pattern.c - any bytes, read as a text pattern and as a generator.
 *
 * Property: neither crashes nor runs away, and a text that a generator made is
 * matched by the same pattern, anchored, when both understand it. */
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_of(Str text, char c)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == c;
    return count;
}

/* Nested or counted groups may cost more steps than a match is allowed; then it
 * rightly gives up. */
static bool is_simple(Str pattern)
{
    size_t groups = count_of(pattern, '(');
    bool counted = count_of(pattern, '{') > 0;
    return groups <= 2 && (groups == 0 || !counted) && count_of(pattern, '\\') == 0 &&
           count_of(pattern, 0) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 300) return 0;
    Arena *a = arena_create("fuzz", 0);
    Str pattern = str_make((const char *)data, size);
    void *code;
    if (!pattern_compile(a, pattern, &code))
        (void)pattern_matches(code, S("aaaaaaaaaaaaaaaaaaaaaab1-_"));

    Str text;
    Str anchored = str_printf(a, "^(?:%.*s)$", STR_ARG(pattern));
    if (is_simple(pattern) && !pattern_generate(a, pattern, &text) && text.len < 20 &&
        !pattern_compile(a, anchored, &code))
        assert(pattern_matches(code, text));
    arena_destroy(a);
    return 0;
}
