/* rows.c - records as rows of a CSV, JSON or JSONL file (RFC 4180, RFC 8259).
 *
 *     id,title,tags                      [{"id":"…","title":"…","tags":["a"]},
 *     k3…,"a ""quoted"" one","[""a""]"    {"id":"…",…}]
 *
 * A spreadsheet runs a cell that begins like a formula. Texts that do get a '
 * in front, which a spreadsheet hides, unless that is not wanted (OWASP, CSV
 * injection). Lists and objects are JSON in CSV. */
#include "records/records_internal.h"

static Error *unknown_field(Arena *a, Str name)
{
    return error_field(a, S("fields"), "validation_unknown_field",
                       str_printf(a, "There is no field \"%.*s\".", STR_ARG(name)));
}

static Error *pick_fields(Arena *a, const Collection *c, Str names, RowWriter *out)
{
    for (Str rest = names; rest.ptr;) {
        Str name = str_trim(str_split(&rest, ','));
        const Field *f = collection_field(c, name);
        if (!f || !field_is_shown(c, f, true)) return unknown_field(a, name);
        if (out->count < c->field_count) out->fields[out->count++] = f;
    }
    return NULL;
}

Error *rows_new(Arena *a, const Collection *c, RowsFormat format, Str names, bool guarded,
                RowWriter *out)
{
    *out = (RowWriter){.format = format, .guarded = guarded};
    out->fields = arena_new(a, const Field *, c->field_count + 1);
    if (names.len > 0) return pick_fields(a, c, names, out);
    for (size_t i = 0; i < c->field_count; i++)
        if (field_is_shown(c, &c->fields[i], true)) out->fields[out->count++] = &c->fields[i];
    return NULL;
}

static bool looks_like_formula(Str s)
{
    return s.len > 0 && str_find_char(S("=+-@\t\r"), s.ptr[0]) >= 0;
}

static bool needs_quotes(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (str_find_char(S(",\"\r\n"), s.ptr[i]) >= 0) return true;
    return s.len > 0 && (s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ');
}

void csv_write_text(Buf *out, Str s, bool guarded)
{
    bool guard = guarded && looks_like_formula(s);
    if (!guard && !needs_quotes(s)) {
        buf_add(out, s);
        return;
    }
    buf_char(out, '"');
    if (guard) buf_char(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"') buf_char(out, '"');
        buf_char(out, s.ptr[i]);
    }
    buf_char(out, '"');
}

/* Numbers and booleans as in JSON; a negative one is no formula. */
static void csv_write_value(const RowWriter *w, Buf *out, Arena *a, const Json *v)
{
    switch (v->type) {
    case JSON_NULL:
        return;
    case JSON_STRING:
        csv_write_text(out, v->string, w->guarded);
        return;
    case JSON_BOOL:
    case JSON_NUMBER:
        json_write(out, v);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        csv_write_text(out, json_format(a, v), false);
        return;
    }
}

void rows_head(RowWriter *w, Buf *out)
{
    w->written = 0;
    if (w->format == ROWS_JSON) buf_char(out, '[');
    if (w->format != ROWS_CSV) return;
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0) buf_char(out, ',');
        csv_write_text(out, w->fields[i]->name, w->guarded);
    }
    buf_add(out, S("\r\n"));
}

static void write_object(const RowWriter *w, Buf *out, Arena *a, const Record *r)
{
    for (size_t i = 0; i < w->count; i++) {
        buf_char(out, i > 0 ? ',' : '{');
        json_write_string(out, w->fields[i]->name);
        buf_char(out, ':');
        json_write(out, value_to_json(a, w->fields[i], &r->values[w->fields[i]->index]));
    }
    buf_add(out, w->count > 0 ? S("}") : S("{}"));
}

void rows_write(RowWriter *w, Buf *out, Arena *a, const Record *r)
{
    if (w->format == ROWS_JSON) buf_add(out, w->written > 0 ? S(",\n") : S("\n"));
    w->written++;
    if (w->format != ROWS_CSV) {
        write_object(w, out, a, r);
        if (w->format == ROWS_JSONL) buf_char(out, '\n');
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0) buf_char(out, ',');
        csv_write_value(w, out, a, value_to_json(a, w->fields[i], &r->values[w->fields[i]->index]));
    }
    buf_add(out, S("\r\n"));
}

void rows_tail(const RowWriter *w, Buf *out)
{
    if (w->format == ROWS_JSON) buf_add(out, S("\n]\n"));
}
