/* fuzz_pattern.c - any bytes, read as a text pattern and as a generator.
 *
 * Property: neither crashes nor runs away, and a text that a generator made is
 * matched by the same pattern, anchored, when both understand it. */
#include "base/utf8.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    bool plain = memchr(data, 0, size) == NULL && memchr(data, '\\', size) == NULL;
    if (size > 0 && plain && !pattern_generate(a, pattern, &text) && text.len < 500 &&
        !pattern_compile(a, anchored, &code))
        assert(!utf8_valid(text) || pattern_matches(code, text));
    arena_destroy(a);
    return 0;
}
