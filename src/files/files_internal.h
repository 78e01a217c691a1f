/* files_internal.h - finding the record and field behind a download's name. */
#ifndef CROFT_FILES_INTERNAL_H
#define CROFT_FILES_INTERNAL_H

#include "files/files.h"

/* Where a file is: its field as the URL's collection knows it (protection), and
 * the record that owns the bytes (of the same collection, or what a view shows). */
typedef struct {
    const Field *field;
    const Collection *origin;
    Str origin_id;
} FilePlace;

/* The first file field of the record whose value holds `name`; for a view also
 * the record the value came from. 404 when nothing holds it. */
MUST_CHECK Error *file_place_find(Tx *tx, const Schema *schema, const Collection *c, Str record_id,
                                  Str name, FilePlace *out);

/* Does this value (one name, or a JSON list of names) hold `name`? */
bool file_value_holds(Arena *a, const Field *field, Str value, Str name);

/* The response's Content-Type and Content-Disposition (api: files §4.1). */
Str file_content_type(Str name, Str stored_type);
bool file_is_inline(Str stored_type);
Str file_disposition(Arena *a, Str name, bool is_inline);

#endif
