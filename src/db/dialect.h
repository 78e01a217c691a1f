/* dialect.h - how one engine writes SQL, so that query/ and schema/ need not
 * know which it is.
 *
 * A piece is written to a Buf; `expr` arguments are SQL texts already. Names
 * are quoted by quote_name(); values never appear in SQL, only ?N.
 */
#ifndef CROFT_DB_DIALECT_H
#define CROFT_DB_DIALECT_H

#include "base/buf.h"
#include "db/db.h"

/* What a field needs from its column (api: collections §3.1). */
typedef enum {
    COLUMN_ID,     /* text primary key with a random default */
    COLUMN_TEXT,   /* text, default '' */
    COLUMN_NUMBER, /* numeric, default 0 */
    COLUMN_BOOL,   /* 0 or 1, default 0 */
    COLUMN_LIST,   /* JSON array, default [] */
    COLUMN_JSON,   /* JSON or NULL */
    COLUMN_GEO     /* JSON object, default {"lon":0,"lat":0} */
} ColumnKind;

struct SqlDialect {
    const char *name; /* "sqlite" */

    void (*quote_name)(Buf *out, Str name);
    void (*column_definition)(Buf *out, ColumnKind kind);

    /* Value at `path` ("x.0.y", segments checked by the caller) in the JSON
     * text `expr`, as SQL value; JSON null and absence as NULL. */
    void (*json_path)(Buf *out, Str expr, Str path);
    /* A table expression with one row per item of the JSON array `expr`, of a
     * scalar one row, of [] none; `alias`.value is the item. */
    void (*json_each)(Buf *out, Str expr, Str alias);
    /* Number of items of a JSON array text; 0 for what is not an array. */
    void (*json_length)(Buf *out, Str expr);

    void (*is)(Buf *out, Str left, Str right); /* null-safe equality */
    void (*is_not)(Buf *out, Str left, Str right);
    /* Case-insensitive (ASCII) LIKE with '\' as escape; `pattern` is SQL. */
    void (*like)(Buf *out, Str left, Str pattern, bool negate);
    void (*lower)(Buf *out, Str expr);
    void (*concat3)(Buf *out, Str x, Str y, Str z);
    /* kilometres on the sphere of radius 6371 (api: filters §5) */
    void (*geo_distance)(Buf *out, Str lon_a, Str lat_a, Str lon_b, Str lat_b);
    void (*strftime)(Buf *out, const Str *args, size_t count);
    const char *random_order; /* "RANDOM()" */
    const char *row_order;    /* insertion order: "_rowid_" */
};

extern const SqlDialect sqlite_dialect;

#endif
