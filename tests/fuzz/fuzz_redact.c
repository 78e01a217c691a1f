/* fuzz_redact.c - any bytes as an address that is to be logged. First byte: where
 * in it a secret is put.
 *
 * Properties: the value of a secret parameter and a signed token never get
 * through, whatever stands around them; what was made safe stays as it is when
 * it is made safe again; making an address readable makes it no longer, and no
 * control character of what was escaped. */
#include "base/base.h"
#include "logs/logs_internal.h"

#define SECRET "hunter2hunter2"
#define SIGNED "eyJhbGciOiJIUzI1NiJ9." SECRET ".abc"

static size_t controls(Str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f;
    return count;
}

static void check(Arena *a, Str url)
{
    Str safe = url_redact(a, url);
    assert(str_find(safe, S(SECRET)) < 0);
    assert(str_eq(url_redact(a, safe), safe));
    Str readable = url_readable(a, safe);
    assert(readable.len <= safe.len);
    assert(controls(readable) <= controls(safe));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 8000) return 0;
    Str text = {(const char *)data + 1, size - 1};
    size_t at = data[0] * text.len / 255;
    Str before = str_sub(text, 0, at), after = str_from_pos(text, at);
    if (str_find(text, S(SECRET)) >= 0) return 0;

    Arena *a = arena_create("fuzz", 8 << 20);
    check(a, text);
    /* in the query, and a token in a path or anywhere else */
    bool in_query = str_find_char(before, '?') >= 0;
    Str parameter = in_query ? S("&Access_%54oken=" SECRET "&") : S("?Access_%54oken=" SECRET "&");
    check(a, str_concat(a, before, str_concat(a, parameter, after)));
    check(a, str_concat(a, before, str_concat(a, S("/" SIGNED "/"), after)));
    arena_destroy(a);
    return 0;
}
