/* names.c - what backups are called. */
#include "backup/backup_internal.h"

#include "base/clock.h"

#define NAME_MAX_LEN 150
#define APP_NAME_LEN 50

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* "My Site, again" is "my_site_again". */
static Str snake_case(Arena *a, Str text)
{
    Buf out = buf_new(a, text.len * 2 + 1);
    bool gap = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool upper = c >= 'A' && c <= 'Z';
        bool after_lower = i > 0 && is_word(text.ptr[i - 1]);
        if (upper) c = (char)(c + 32);
        if (!is_word(c)) {
            gap = true;
            continue;
        }
        if ((gap || (upper && after_lower)) && out.len > 0) buf_char(&out, '_');
        gap = false;
        buf_char(&out, c);
    }
    return str_sub(buf_str(&out), 0, APP_NAME_LEN);
}

Str backup_default_name(Arena *a, Str prefix, Str app_name, int64_t now_ms)
{
    CalendarTime t = calendar_from_ms(now_ms);
    Str app = snake_case(a, app_name);
    return str_printf(a, "%.*s%.*s%s%04d%02d%02d%02d%02d%02d.zip", STR_ARG(prefix), STR_ARG(app),
                      app.len ? "_" : "", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

Error *backup_name_check(Arena *a, Str name)
{
    if (name.len > NAME_MAX_LEN)
        return error_field(a, S("name"), "validation_length_out_of_range",
                           S("The length must be between 1 and 150."));
    bool good = str_ends(name, S(".zip")) && name.len > 4;
    for (size_t i = 0; good && i < name.len - 4; i++)
        good = is_word(name.ptr[i]) || name.ptr[i] == '_' || name.ptr[i] == '-';
    return good ? NULL
                : error_field(a, S("name"), "validation_match_invalid",
                              S("Must be in a valid format."));
}

bool backup_key_good(Str key)
{
    return key.len > 0 && key.len <= KEY_MAX && key.ptr[0] != '.' && zip_name_good(key) &&
           str_find_char(key, '/') < 0 && !str_ends(key, S(".attrs")) &&
           !str_eq(key, S("progress")); /* is an endpoint */
}
