/* fuzz_record_values.c - what a client submits for one field, and what it calls
 * its files. First byte: type and size of the field; the rest is JSON, and, as
 * it is, a file name, an e-mail address and a URL.
 *
 * Properties: the value is shown as valid JSON; what is shown, submitted again,
 * is shown the same; a stored name is flat and short. */
#include "records/records_internal.h"

static Str shown(Arena *a, const Field *f, const DbValue *v)
{
    Buf out = buf_new(a, 64);
    value_write_json(&out, f, v, false);
    return buf_str(&out);
}

static void check_value(Arena *a, const Field *f, Str text)
{
    Json *in, *again;
    if (json_parse(a, text, NULL, &in)) return;
    DbValue first = value_normalise(a, f, in);
    if (f->type == FIELD_NUMBER && first.type == DB_REAL && first.real != first.real) return;
    Str once = shown(a, f, &first);
    assert(!json_parse(a, once, NULL, &again));
    DbValue second = value_normalise(a, f, again);
    bool reads_itself = f->type != FIELD_JSON && f->type != FIELD_PASSWORD && !field_is_list(f) &&
                        !field_is_multi_type(f); /* texts that look like JSON are read as it */
    if (reads_itself) assert(str_eq(once, shown(a, f, &second)));
    (void)value_is_empty(f, &first);
    (void)value_to_json(a, f, &first);
    (void)value_to_list(a, f, &first);
}

static void check_name(Arena *a, Str text)
{
    Str name = file_stored_name(a, text, S(".bin"), NULL);
    assert(name.len >= 2 && name.len <= 150);
    assert(name.ptr[0] != '.');
    assert(str_find_char(name, '/') < 0 && str_find_char(name, '\\') < 0);
    assert(str_find_char(name, '\0') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    Field f = {.type = (FieldType)(data[0] % FIELD_TYPE_COUNT),
               .name = S("f"),
               .max_select = data[0] / FIELD_TYPE_COUNT % 3};
    Str text = {(const char *)data + 1, size - 1};
    Arena *a = arena_create("fuzz", (size_t)256 << 20);
    check_value(a, &f, text);
    check_name(a, text);
    if (is_url(text)) (void)url_host(text);
    (void)is_email(text);
    arena_destroy(a);
    return 0;
}
