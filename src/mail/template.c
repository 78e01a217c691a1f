/* template.c - placeholders in subjects and bodies (api: mail §3), and the layout.
 *
 * One pass from left to right: what a value says is never read as a placeholder.
 */
#include "mail/mail_internal.h"

#include "base/encoding.h"

#define NAME_BYTES_MAX 300

static void add_value(Buf *out, Str value, bool escape)
{
    if (escape)
        html_escape(out, value);
    else
        buf_add(out, value);
}

/* Lists of names are shown as such: "red, blue". */
static void add_list(Buf *out, Arena *a, Str json)
{
    Json *list = NULL;
    Error *err = json_parse(a, json, NULL, &list);
    if (err || !json_is(list, JSON_ARRAY)) {
        add_value(out, json, true);
        return;
    }
    for (size_t i = 0; i < json_count(list); i++) {
        if (i) buf_add(out, S(", "));
        add_value(out, json_str(json_at(list, i), S("")), true);
    }
}

static void add_number(Buf *out, const DbValue *v)
{
    char text[32];
    double number = v->type == DB_INTEGER ? (double)v->integer : v->real;
    buf_add(out, str_make(text, number_format(text, number)));
}

static void add_field(Buf *out, const Field *field, const DbValue *v)
{
    bool is_date = field->type == FIELD_DATE || field->type == FIELD_AUTODATE;
    if (field->type == FIELD_BOOL && v->type == DB_INTEGER)
        buf_add(out, v->integer ? S("true") : S("false"));
    else if (v->type == DB_INTEGER || v->type == DB_REAL)
        add_number(out, v);
    else if (field_is_multi_type(field) && field_is_list(field))
        add_list(out, out->arena, v->text);
    else
        add_value(out, v->text, !is_date);
}

/* {RECORD:field}: false when there is no such field to be seen. */
static bool add_record_value(Buf *out, Str name, const Record *record)
{
    if (!record || !str_starts(name, S("RECORD:"))) return false;
    Str field_name = str_from_pos(name, 7);
    const Field *field = collection_field(record->collection, field_name);
    const DbValue *value = field ? record_value(record, field_name) : NULL;
    if (!value || field->hidden || field->type == FIELD_PASSWORD) return false;
    add_field(out, field, value);
    return true;
}

static bool add_placeholder(Buf *out, Str name, const Placeholder *list, size_t count,
                            const Record *record)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(name, list[i].name)) {
            add_value(out, list[i].value, list[i].escape);
            return true;
        }
    }
    return add_record_value(out, name, record);
}

Str template_fill(Arena *a, Str text, const Placeholder *list, size_t count, const Record *record)
{
    Buf out = buf_new(a, text.len + text.len / 2 + 64);
    while (text.len) {
        ptrdiff_t open = str_find_char(text, '{');
        if (open < 0) break;
        buf_add(&out, str_sub(text, 0, (size_t)open));
        text = str_from_pos(text, (size_t)open);
        ptrdiff_t close = str_find_char(str_sub(text, 0, NAME_BYTES_MAX), '}');
        Str name = close > 0 ? str_sub(str_from_pos(text, 1), 0, (size_t)close - 1) : S("");
        if (close > 0 && add_placeholder(&out, name, list, count, record)) {
            text = str_from_pos(text, (size_t)close + 1);
        } else {
            buf_char(&out, '{');
            text = str_from_pos(text, 1);
        }
    }
    buf_add(&out, text);
    return buf_str(&out);
}

#define LAYOUT_HEAD                                                                                \
    "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"UTF-8\">\n"                                  \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"          \
    "body { margin: 0; padding: 24px; background: #fff; color: #1c1e21; font: 15px/1.5 "           \
    "system-ui, -apple-system, \"Segoe UI\", Roboto, Helvetica, Arial, sans-serif; }\n"            \
    "p { margin: 0 0 14px; }\n"                                                                    \
    "a { color: inherit; }\n"                                                                      \
    "small { font-size: 13px; }\n"                                                                 \
    "hr { height: 1px; margin: 16px 0; border: 0; background: #dfe2e6; }\n"                        \
    ".btn { display: inline-block; min-width: 140px; padding: 10px 20px; border-radius: 6px; "     \
    "background: #1c1e21 !important; color: #fff !important; font-weight: 600; text-align: "       \
    "center; text-decoration: none !important; }\n"                                                \
    ".hidden { display: none !important; }\n"                                                      \
    "</style>\n</head>\n<body>\n"
#define LAYOUT_END "\n</body>\n</html>\n"

Str template_layout(Arena *a, Str body)
{
    Buf out = buf_new(a, sizeof(LAYOUT_HEAD) + body.len + sizeof(LAYOUT_END));
    buf_add(&out, S(LAYOUT_HEAD));
    buf_add(&out, body);
    buf_add(&out, S(LAYOUT_END));
    return buf_str(&out);
}
