/* dialect.c - SQL as SQLite wants it.
 *
 * JSON columns may hold anything (imported rows, a text column read as JSON),
 * and SQLite's JSON functions fail the whole statement on malformed JSON. So
 * each of them is guarded: what is not JSON counts as a plain text value.
 */
#include "db/dialect.h"

static void quote_name(Buf *out, Str name)
{
    buf_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"') buf_char(out, '"');
        buf_char(out, name.ptr[i]);
    }
    buf_char(out, '"');
}

/* api: collections §3.1. Imported folders have exactly these. */
static void column_definition(Buf *out, ColumnKind kind)
{
    static const Str DEFINITIONS[] = {
        [COLUMN_ID] =
            STR_INIT("TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL"),
        [COLUMN_TEXT] = STR_INIT("TEXT DEFAULT '' NOT NULL"),
        [COLUMN_NUMBER] = STR_INIT("NUMERIC DEFAULT 0 NOT NULL"),
        [COLUMN_BOOL] = STR_INIT("BOOLEAN DEFAULT FALSE NOT NULL"),
        [COLUMN_LIST] = STR_INIT("JSON DEFAULT '[]' NOT NULL"),
        [COLUMN_JSON] = STR_INIT("JSON DEFAULT NULL"),
        [COLUMN_GEO] = STR_INIT("JSON DEFAULT '{\"lon\":0,\"lat\":0}' NOT NULL"),
    };
    buf_add(out, DEFINITIONS[kind]);
}

/* ---- JSON ---- */

/* Longer ones would overflow SQLite's 32-bit index and name another item. */
#define INDEX_DIGITS_MAX 9

static bool is_index(Str segment)
{
    if (segment.len == 0 || segment.len > INDEX_DIGITS_MAX) return false;
    for (size_t i = 0; i < segment.len; i++)
        if (segment.ptr[i] < '0' || segment.ptr[i] > '9') return false;
    return true;
}

/* "x.0.y" as `."x"[0]."y"`, inside of an SQL text: quotes cannot get out. */
static void add_path(Buf *out, Str path)
{
    if (path.len == 0) return;
    Str rest = path;
    while (rest.ptr) {
        Str segment = str_split(&rest, '.');
        if (is_index(segment)) {
            buf_printf(out, "[%.*s]", STR_ARG(segment));
            continue;
        }
        buf_add(out, S(".\""));
        for (size_t i = 0; i < segment.len; i++) {
            char c = segment.ptr[i];
            if (c == '\'') buf_char(out, '\'');
            if (c != '"' && c != '\\') buf_char(out, c);
        }
        buf_char(out, '"');
    }
}

static void json_path(Buf *out, Str expr, Str path)
{
    buf_add(out, S("(CASE WHEN json_valid("));
    buf_add(out, expr);
    buf_add(out, S(") THEN JSON_EXTRACT("));
    buf_add(out, expr);
    buf_add(out, S(", '$"));
    add_path(out, path);
    buf_add(out, S("') ELSE JSON_EXTRACT(json_object('pb', "));
    buf_add(out, expr);
    buf_add(out, S("), '$.pb"));
    add_path(out, path);
    buf_add(out, S("') END)"));
}

/* `iif`, because AND does not promise to leave its right side alone. */
static void add_array_or(Buf *out, Str expr, Str otherwise)
{
    buf_add(out, S("CASE WHEN iif(json_valid("));
    buf_add(out, expr);
    buf_add(out, S("), json_type("));
    buf_add(out, expr);
    buf_add(out, S(")='array', FALSE) THEN "));
    buf_add(out, expr);
    buf_add(out, S(" ELSE "));
    buf_add(out, otherwise);
    buf_add(out, S(" END"));
}

static void json_each(Buf *out, Str expr, Str alias)
{
    buf_add(out, S("json_each("));
    Str scalar = str_printf(out->arena, "json_array(%.*s)", STR_ARG(expr));
    add_array_or(out, expr, scalar);
    buf_add(out, S(") "));
    quote_name(out, alias);
}

static void json_length(Buf *out, Str expr)
{
    buf_add(out, S("json_array_length("));
    add_array_or(out, expr, S("'[]'"));
    buf_char(out, ')');
}

/* ---- comparing and joining texts ---- */

static void binary(Buf *out, Str left, const char *sign, Str right)
{
    buf_char(out, '(');
    buf_add(out, left);
    buf_add(out, str_from(sign));
    buf_add(out, right);
    buf_char(out, ')');
}

static void is(Buf *out, Str left, Str right)
{
    binary(out, left, " IS ", right);
}

static void is_not(Buf *out, Str left, Str right)
{
    binary(out, left, " IS NOT ", right);
}

static void like(Buf *out, Str left, Str pattern, bool negate)
{
    buf_char(out, '(');
    buf_add(out, left);
    buf_add(out, negate ? S(" NOT LIKE ") : S(" LIKE "));
    buf_add(out, pattern);
    buf_add(out, S(" ESCAPE '\\')"));
}

static void lower(Buf *out, Str expr)
{
    buf_add(out, S("LOWER("));
    buf_add(out, expr);
    buf_char(out, ')');
}

static void concat3(Buf *out, Str x, Str y, Str z)
{
    buf_char(out, '(');
    buf_add(out, x);
    buf_add(out, S(" || "));
    buf_add(out, y);
    buf_add(out, S(" || "));
    buf_add(out, z);
    buf_char(out, ')');
}

/* ---- functions ---- */

/* The spherical law of cosines. Rounding may bring the cosine of two equal
 * points above 1, where acos() is NULL: so it is held to [-1, 1]. */
static void geo_distance(Buf *out, Str lon_a, Str lat_a, Str lon_b, Str lat_b)
{
    buf_printf(out,
               "(6371 * acos(max(-1.0, min(1.0, cos(radians(%.*s)) * cos(radians(%.*s)) * "
               "cos(radians(%.*s) - radians(%.*s)) + sin(radians(%.*s)) * sin(radians(%.*s))))))",
               STR_ARG(lat_a), STR_ARG(lat_b), STR_ARG(lon_b), STR_ARG(lon_a), STR_ARG(lat_a),
               STR_ARG(lat_b));
}

static void time_format(Buf *out, const Str *args, size_t count)
{
    buf_add(out, S("strftime("));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_add(out, S(", "));
        buf_add(out, args[i]);
    }
    buf_char(out, ')');
}

const SqlDialect sqlite_dialect = {
    .name = "sqlite",
    .quote_name = quote_name,
    .column_definition = column_definition,
    .json_path = json_path,
    .json_each = json_each,
    .json_length = json_length,
    .is = is,
    .is_not = is_not,
    .like = like,
    .lower = lower,
    .concat3 = concat3,
    .geo_distance = geo_distance,
    .strftime = time_format,
    .random_order = "RANDOM()",
    .row_order = "_rowid_",
};
