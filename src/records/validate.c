/* validate.c - what field values must satisfy (api: collections §3.2, files
 * §1.1), as far as no other row is needed; validate_db.c asks for the rest.
 *
 * Each validator returns the first fault of its field, or NULL; all faulty
 * fields of a record are reported together. An empty value is only a matter of
 * `required`. */
#include "base/clock.h"
#include "base/utf8.h"
#include "records/records_internal.h"

#include <math.h>

#define TEXT_MAX_DEFAULT     5000
#define PASSWORD_MAX_DEFAULT 71
#define FILE_NAME_MAX        150
#define SHOWN_NAME_MAX       250
#define SHOWN_NAMES_MAX      100
#define ID_PATTERN           "^[a-z0-9]+$"

/* A fault whose message mentions one number. */
static Error *number_fault(Arena *a, const Field *f, const char *code, const char *key,
                           double number, const char *before, const char *after)
{
    char digits[32];
    Str text = str_make(digits, number_format(digits, number));
    Json *params = json_new_object(a);
    json_set_number(a, params, str_from(key), number);
    return error_field_params(a, f->name, code,
                              str_printf(a, "%s%.*s%s", before, STR_ARG(text), after), params);
}

static Error *text_param_fault(Arena *a, const Field *f, const char *code, const char *key,
                               Str param, Str message)
{
    Json *params = json_new_object(a);
    json_set_str(a, params, str_from(key), param);
    return error_field_params(a, f->name, code, message, params);
}

/* ---- text ---- */

static bool is_default_id(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
    }
    return s.len > 0;
}

static bool has_pattern(const Field *f, Str value)
{
    if (f->pattern.len == 0) return true;
    if (str_eq(f->pattern, S(ID_PATTERN))) return is_default_id(value);
    return f->pattern_code && pattern_matches(f->pattern_code, value);
}

/* Length in characters and pattern: text, and the plain text of a password. */
static Error *check_text(Arena *a, const Field *f, Str value, int64_t max)
{
    if (value.len == 0) return NULL;
    bool is_ascii_short = (int64_t)value.len <= max && f->min <= 1;
    int64_t length = is_ascii_short ? (int64_t)value.len : (int64_t)utf8_length(value);
    if (f->min > 0 && length < f->min) {
        return number_fault(a, f, "validation_min_text_constraint", "min", (double)f->min,
                            "Must be at least ", " character(s).");
    }
    if (length > max) {
        return number_fault(a, f, "validation_max_text_constraint", "max", (double)max,
                            "Must be no more than ", " character(s).");
    }
    if (!has_pattern(f, value)) {
        return error_field(a, f->name, "validation_invalid_format", S("Invalid value format."));
    }
    return NULL;
}

/* The name in capitals when it is a device to some file system, else empty. */
static Str reserved_name(Arena *a, Str s)
{
    static const char *const NAMES[] = {"CON", "PRN", "AUX", "NUL"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        if (str_eq_nocase(s, str_from(NAMES[i]))) return str_from(NAMES[i]);
    }
    if (s.len != 4 || s.ptr[3] < '1' || s.ptr[3] > '9') return (Str){0};
    if (str_starts_nocase(s, S("COM"))) return str_printf(a, "COM%c", s.ptr[3]);
    if (str_starts_nocase(s, S("LPT"))) return str_printf(a, "LPT%c", s.ptr[3]);
    return (Str){0};
}

/* An own pattern may allow what file systems and URLs do not. */
static Error *check_custom_id(Arena *a, const Field *f, Str id)
{
    static const char FORBIDDEN[] = "./\\|\"'`<>:?*%$\t\r\n ";
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] != '\0' && !strchr(FORBIDDEN, id.ptr[i])) continue;
        Str ch = str_sub(id, i, 1);
        return text_param_fault(
            a, f, "validation_forbidden_pk_character", "ch", ch,
            str_printf(a, "'%.*s' is not a valid primary key character.", STR_ARG(ch)));
    }
    Str name = reserved_name(a, id);
    if (name.len == 0) return NULL;
    return text_param_fault(
        a, f, "validation_reserved_pk", "reserved", name,
        str_printf(a, "The primary key '%.*s' is reserved and cannot be used.", STR_ARG(name)));
}

static Error *check_id(const Write *w, const Field *f, Str id)
{
    if (w->is_update && !str_eq(id, w->id)) {
        return error_field(w->a, f->name, "validation_pk_change",
                           S("The record primary key cannot be changed."));
    }
    if (w->is_update || str_eq(f->pattern, S(ID_PATTERN))) return NULL;
    return check_custom_id(w->a, f, id);
}

static Error *validate_text(const Write *w, const Field *f, const DbValue *v)
{
    Str value = value_to_text(w->a, v);
    if (f->primary_key) {
        Error *err = check_id(w, f, value);
        if (err) return err;
    }
    return text_check(w->a, f, value);
}

static Error *validate_editor(const Write *w, const Field *f, const DbValue *v)
{
    int64_t max = field_max_size(f);
    if ((int64_t)v->text.len <= max) return NULL;
    return number_fault(w->a, f, "validation_content_size_limit", "maxSize", (double)max,
                        "The maximum allowed content size is ", " bytes.");
}

static bool domain_is_listed(const Str *list, size_t count, Str domain)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i], domain)) return true;
    }
    return false;
}

static bool domain_is_allowed(const Field *f, Str domain)
{
    if (f->only_domain_count) {
        return domain_is_listed(f->only_domains, f->only_domain_count, domain);
    }
    return !domain_is_listed(f->except_domains, f->except_domain_count, domain);
}

static Error *validate_email(const Write *w, const Field *f, const DbValue *v)
{
    if (!is_email(v->text)) {
        return error_field(w->a, f->name, "validation_is_email",
                           S("Must be a valid email address."));
    }
    Str domain = str_from_pos(v->text, (size_t)str_rfind_char(v->text, '@') + 1);
    if (domain_is_allowed(f, domain)) return NULL;
    return error_field(w->a, f->name, "validation_email_domain_not_allowed",
                       S("Email domain is not allowed."));
}

static Error *validate_url(const Write *w, const Field *f, const DbValue *v)
{
    if (!is_url(v->text)) {
        return error_field(w->a, f->name, "validation_invalid_url", S("Must be a valid url."));
    }
    if (domain_is_allowed(f, url_host(v->text))) return NULL;
    return error_field(w->a, f->name, "validation_url_domain_not_allowed",
                       S("Url domain is not allowed."));
}

/* ---- numbers and dates ---- */

static Error *validate_number(const Write *w, const Field *f, const DbValue *v)
{
    double number = value_to_number(v);
    if (!isfinite(number)) {
        return error_field(w->a, f->name, "validation_not_a_number",
                           S("The submitted number is not properly formatted."));
    }
    if (f->only_int && number != floor(number)) {
        return error_field(w->a, f->name, "validation_only_int_constraint",
                           S("Decimal numbers are not allowed."));
    }
    if (f->min_set && number < f->min_number) {
        return number_fault(w->a, f, "validation_min_number_constraint", "min", f->min_number,
                            "Must be greater or equal than ", ".");
    }
    if (f->max_set && number > f->max_number) {
        return number_fault(w->a, f, "validation_max_number_constraint", "max", f->max_number,
                            "Must be less or equal than ", ".");
    }
    return NULL;
}

static Error *validate_date(const Write *w, const Field *f, const DbValue *v)
{
    int64_t value, limit;
    if (!datetime_parse(v->text, &value)) return NULL;
    if (f->min_date.len && datetime_parse(f->min_date, &limit) && value < limit) {
        return text_param_fault(
            w->a, f, "validation_min_greater_equal_than_required", "threshold", f->min_date,
            str_printf(w->a, "Must be no less than %.*s.", STR_ARG(f->min_date)));
    }
    if (f->max_date.len && datetime_parse(f->max_date, &limit) && value > limit) {
        return text_param_fault(
            w->a, f, "validation_max_less_equal_than_required", "threshold", f->max_date,
            str_printf(w->a, "Must be no greater than %.*s.", STR_ARG(f->max_date)));
    }
    return NULL;
}

/* ---- lists ---- */

static Error *too_many(Arena *a, const Field *f, size_t count)
{
    int64_t max = MAX(1, f->max_select);
    if ((int64_t)count <= max) return NULL;
    return number_fault(a, f, "validation_too_many_values", "maxSelect", (double)max,
                        "Select no more than ", ".");
}

static Error *validate_select(const Write *w, const Field *f, const DbValue *v)
{
    StrList list = value_to_list(w->a, f, v);
    Error *err = too_many(w->a, f, list.count);
    if (err) return err;
    for (size_t i = 0; i < list.count; i++) {
        if (domain_is_listed(f->values, f->value_count, list.items[i])) continue;
        Str shown = str_printf(w->a, "Invalid value %.*s", STR_ARG(str_sub(list.items[i], 0, 255)));
        return text_param_fault(w->a, f, "validation_invalid_value", "value", list.items[i],
                                error_sentence(w->a, shown));
    }
    return NULL;
}

static Error *validate_relation(const Write *w, const Field *f, const DbValue *v)
{
    StrList list = value_to_list(w->a, f, v);
    if ((int64_t)list.count < f->min_select) {
        return number_fault(w->a, f, "validation_not_enough_values", "minSelect",
                            (double)f->min_select, "Select at least ", ".");
    }
    return too_many(w->a, f, list.count);
}

/* ---- files ---- */

/* What else a type is called; libmagic and clients do not always agree. */
static Str media_type_plain(Str type)
{
    static const struct {
        const char *alias, *name;
    } ALIASES[] = {
        {"image/jpg", "image/jpeg"},
        {"image/vnd.microsoft.icon", "image/x-icon"},
        {"image/x-ms-bmp", "image/bmp"},
        {"text/xml", "application/xml"},
        {"application/x-pdf", "application/pdf"},
        {"application/x-zip", "application/zip"},
        {"application/x-zip-compressed", "application/zip"},
        {"application/x-gzip", "application/gzip"},
        {"application/javascript", "text/javascript"},
        {"application/x-javascript", "text/javascript"},
        {"audio/x-wav", "audio/wav"},
        {"audio/wave", "audio/wav"},
        {"audio/mp3", "audio/mpeg"},
        {"audio/x-mpeg", "audio/mpeg"},
        {"audio/x-m4a", "audio/mp4"},
        {"audio/x-flac", "audio/flac"},
        {"video/x-m4v", "video/mp4"},
    };
    type = str_trim(str_split(&type, ';'));
    for (size_t i = 0; i < COUNT(ALIASES); i++) {
        if (str_eq_nocase(type, str_from(ALIASES[i].alias))) return str_from(ALIASES[i].name);
    }
    return type;
}

static bool media_type_is_allowed(const Field *f, Str type)
{
    if (f->mime_type_count == 0) return true;
    for (size_t i = 0; i < f->mime_type_count; i++) {
        if (str_eq_nocase(media_type_plain(f->mime_types[i]), media_type_plain(type))) return true;
    }
    return false;
}

static Error *media_type_fault(Arena *a, const Field *f, const NewFile *file)
{
    Buf message = buf_new(a, 128);
    json_write_string(&message, file->upload->file_name);
    buf_add(&message, S(" mime type must be one of: "));
    for (size_t i = 0; i < f->mime_type_count; i++) {
        if (i) buf_add(&message, S(", "));
        buf_add(&message, f->mime_types[i]);
    }
    buf_char(&message, '.');
    return error_field(a, f->name, "validation_invalid_mime_type", buf_str(&message));
}

static bool file_name_is_plain(Str name)
{
    if (name.len < 2 || strchr("./\\", name.ptr[0])) return false;
    return str_find_char(name, '/') < 0 && str_find_char(name, '\\') < 0;
}

static Error *size_fault(Arena *a, const Field *f, const NewFile *file, int64_t max)
{
    Json *params = json_new_object(a);
    json_set_str(a, params, S("file"), file->upload->file_name);
    json_set_number(a, params, S("maxSize"), (double)max);
    return error_field_params(
        a, f->name, "validation_file_size_limit",
        str_printf(a, "Failed to upload %.*s - the maximum allowed file size is %lld bytes.",
                   STR_ARG(str_sub(file->upload->file_name, 0, SHOWN_NAME_MAX)), (long long)max),
        params);
}

static Error *validate_new_file(Arena *a, const Field *f, const NewFile *file)
{
    int64_t max = field_max_size(f);
    if (file->name.len < 1 || file->name.len > FILE_NAME_MAX) {
        return error_field(a, f->name, "validation_length_out_of_range",
                           S("The length must be between 1 and 150."));
    }
    if (!file_name_is_plain(file->name)) {
        return error_field(a, f->name, "validation_match_invalid", S("Must be in a valid format."));
    }
    if (file->upload->size_bytes > (uint64_t)max) return size_fault(a, f, file, max);
    bool is_sniffed = file->content_type.len > 0;
    if (is_sniffed && !media_type_is_allowed(f, file->content_type)) {
        return media_type_fault(a, f, file);
    }
    return NULL;
}

/* Names beyond the first SHOWN_NAMES_MAX are not repeated: an answer does not grow
 * without bound because a request did. */
static Error *unknown_names_fault(Arena *a, const Field *f, StrList names)
{
    Buf text = buf_new(a, 128);
    Json *list = json_new_array(a);
    for (size_t i = 0; i < names.count && i < SHOWN_NAMES_MAX; i++) {
        Str name = str_sub(names.items[i], 0, SHOWN_NAME_MAX);
        json_push(a, list, json_new_string(a, name));
        if (i) buf_add(&text, S(", "));
        buf_add(&text, name);
    }
    Json *params = json_new_object(a);
    json_set(a, params, S("invalidFiles"), list);
    Str shown = str_printf(a, "Invalid new files: %.*s", STR_ARG(buf_str(&text)));
    return error_field_params(a, f->name, "validation_invalid_file", error_sentence(a, shown),
                              params);
}

static Error *validate_file(const Write *w, const Field *f, const DbValue *v)
{
    StrList list = value_to_list(w->a, f, v), stored = {0};
    StrList unknown = {arena_new(w->a, Str, list.count + 1), 0};
    if (w->original) stored = value_to_list(w->a, f, &w->original->values[f->index]);
    for (size_t i = 0; i < list.count; i++) {
        if (write_new_file(w, f, list.items[i]) || list_has(stored, list.items[i])) continue;
        unknown.items[unknown.count++] = list.items[i];
    }
    if (unknown.count) return unknown_names_fault(w->a, f, unknown);

    int64_t max = MAX(1, f->max_select);
    if ((int64_t)list.count > max) {
        return number_fault(w->a, f, "validation_too_many_files", "maxSelect", (double)max,
                            "The maximum allowed files is ", ".");
    }
    for (size_t i = 0; i < list.count; i++) {
        const NewFile *file = write_new_file(w, f, list.items[i]);
        Error *err = file ? validate_new_file(w->a, f, file) : NULL;
        if (err) return err;
    }
    return NULL;
}

/* ---- the rest ---- */

static Error *validate_json(const Write *w, const Field *f, const DbValue *v)
{
    int64_t max = field_max_size(f);
    bool has_text = v->type == DB_TEXT || v->type == DB_BLOB;
    if (has_text && (int64_t)v->text.len > max) {
        return number_fault(w->a, f, "validation_json_size_limit", "maxSize", (double)max,
                            "The maximum allowed JSON size is ", " bytes.");
    }
    if (v->type != DB_BLOB) return NULL;
    return error_field(
        w->a, f->name, "validation_invalid_json",
        S("Must be a valid JSON value of no more than 100 levels and a million values."));
}

static Error *validate_geo(const Write *w, const Field *f, const DbValue *v)
{
    double lon, lat;
    (void)value_to_geo(w->a, v, &lon, &lat); /* no point: zero, which passes */
    if (fabs(lat) > 90) {
        return error_field(w->a, f->name, "validation_invalid_latitude",
                           S("Latitude must be between -90 and 90 degrees."));
    }
    if (fabs(lon) > 180) {
        return error_field(w->a, f->name, "validation_invalid_longitude",
                           S("Longitude must be between -180 and 180 degrees."));
    }
    return NULL;
}

Error *text_check(Arena *a, const Field *f, Str value)
{
    return check_text(a, f, value, f->max > 0 ? f->max : TEXT_MAX_DEFAULT);
}

Error *password_check(Arena *a, const Field *f, Str plain)
{
    int64_t max = f->max > 0 ? f->max : PASSWORD_MAX_DEFAULT;
    Error *err = check_text(a, f, plain, max);
    if (!err && plain.len > PASSWORD_MAX_BYTES)
        err = number_fault(a, f, "validation_max_text_constraint", "max", PASSWORD_MAX_BYTES,
                           "Must be no more than ", " bytes.");
    if (err) err->params = NULL; /* the contract has none here */
    return err;
}

static Error *validate_password(const Write *w, const Field *f, const DbValue *v)
{
    const NewPassword *password = write_password(w, f);
    (void)v; /* the hash */
    return password && !w->any_password ? password_check(w->a, f, password->plain) : NULL;
}

typedef Error *(*Validator)(const Write *w, const Field *f, const DbValue *v);

static const Validator VALIDATORS[FIELD_TYPE_COUNT] = {
    [FIELD_TEXT] = validate_text,     [FIELD_EDITOR] = validate_editor,
    [FIELD_EMAIL] = validate_email,   [FIELD_URL] = validate_url,
    [FIELD_NUMBER] = validate_number, [FIELD_DATE] = validate_date,
    [FIELD_SELECT] = validate_select, [FIELD_RELATION] = validate_relation,
    [FIELD_FILE] = validate_file,     [FIELD_JSON] = validate_json,
    [FIELD_GEOPOINT] = validate_geo,  [FIELD_PASSWORD] = validate_password,
};

static Error *validate_field(const Write *w, const Field *f)
{
    const DbValue *v = &w->record->values[f->index];
    if (f->primary_key && w->is_update && !str_eq(value_to_text(w->a, v), w->id)) {
        return check_id(w, f, value_to_text(w->a, v));
    }
    if (value_is_empty(f, v)) return f->required ? error_required(w->a, f->name) : NULL;
    return VALIDATORS[f->type] ? VALIDATORS[f->type](w, f, v) : NULL;
}

Error *validate_fields(Write *w)
{
    Error *faults = NULL;
    for (size_t i = 0; i < w->c->field_count; i++) {
        if (w->c->fields[i].type == FIELD_AUTODATE) continue;
        error_chain(&faults, validate_field(w, &w->c->fields[i]));
    }
    return faults;
}
