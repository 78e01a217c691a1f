/* fuzz_index.c - any bytes, read as a CREATE INDEX statement.
 *
 * Property: what index_parse() accepts, index_render() writes for another table
 * so that it reads back with the same name and columns; and no statement holds
 * a ';' that SQLite would take as its end before the last one. */
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) return 0;
    Arena *a = arena_create("fuzz", 0);
    Index first, again;
    if (index_parse(a, str_make((const char *)data, size), &first)) {
        Str text = index_render(a, &first, S("other"));
        bool valid = index_parse(a, text, &again);
        assert(valid);
        assert(str_eq(first.name, again.name));
        assert(first.column_count == again.column_count);
        assert(first.unique == again.unique && first.nocase == again.nocase);
        assert(first.partial == again.partial);
        for (size_t i = 0; i < first.column_count; i++) {
            assert(str_eq(first.columns[i], again.columns[i]));
            assert(first.is_expression[i] == again.is_expression[i]);
        }
    }
    arena_destroy(a);
    return 0;
}
