/* etag.c - "only if nobody else saved first" (docs/dashboard-api.md; RFC 9110
 * §13.1.1).
 *
 * The tag of a record is its `updated`, "2026-01-31T10:00:00.123Z", with a T
 * for the blank that a tag must not have; without such a field it is a hash of
 * the row. Compared inside the transaction that writes. */
#include "base/encoding.h"
#include "records/records_internal.h"

#define HASH_BYTES 12

static Str hash_values(Arena *a, const Record *r)
{
    Buf row = buf_new(a, 256);
    for (size_t i = 0; i < r->collection->field_count; i++) {
        const DbValue *v = &r->values[i];
        buf_printf(&row, "%d:", (int)v->type);
        if (v->type == DB_INTEGER) buf_i64(&row, v->integer);
        if (v->type == DB_REAL) buf_printf(&row, "%.17g", v->real);
        if (v->type == DB_TEXT || v->type == DB_BLOB) {
            buf_printf(&row, "%zu:", v->text.len);
            buf_add(&row, v->text);
        }
    }
    uint8_t digest[32];
    sha256(buf_str(&row), digest);
    return hex_encode(a, str_make((const char *)digest, HASH_BYTES));
}

/* The moment of the last change, where the collection keeps it for all to see. */
static Str record_updated(const Record *r)
{
    const Field *f = collection_field(r->collection, S("updated"));
    if (!f || f->type != FIELD_AUTODATE || !f->on_update || f->hidden) return S("");
    return record_str(r, S("updated"));
}

Str etag_of_moment(Arena *a, Str updated)
{
    Str tag = str_printf(a, "\"%.*s\"", STR_ARG(updated));
    ptrdiff_t blank = str_find_char(tag, ' ');
    if (blank < 0) return tag;
    return str_printf(a, "%.*sT%.*s", (int)blank, tag.ptr,
                      STR_ARG(str_from_pos(tag, (size_t)blank + 1)));
}

Str record_etag(Arena *a, const Record *r)
{
    Str updated = record_updated(r);
    if (updated.len > 0) return etag_of_moment(a, updated);
    return str_printf(a, "\"%.*s\"", STR_ARG(hash_values(a, r)));
}

/* Quotes may be missing and the blank of a date may be there: who has a record
 * has its `updated`. */
static bool tag_matches(Arena *a, Str sent, Str etag)
{
    if (sent.len >= 2 && str_starts(sent, S("\"")) && str_ends(sent, S("\"")))
        sent = str_sub(sent, 1, sent.len - 2);
    return sent.len > 0 && str_eq(etag_of_moment(a, sent), etag);
}

bool etag_matches(Arena *a, Str if_match, Str etag)
{
    if (if_match.len == 0 || str_eq(str_trim(if_match), S("*"))) return true;
    for (Str rest = if_match; rest.ptr;) {
        if (tag_matches(a, str_trim(str_split(&rest, ',')), etag)) return true;
    }
    return false;
}

Error *etag_stale(Arena *a, Str updated, Str etag, Str summary)
{
    Json *params = json_new_object(a);
    if (updated.len > 0) json_set_str(a, params, S("updated"), updated);
    json_set_str(a, params, S("etag"), etag);
    Error *err = error_field_params(a, S("updated"), "validation_stale",
                                    S("Somebody else has saved it meanwhile."), params);
    err->status = 412;
    return error_summary(err, summary);
}

Error *record_check_etag(Arena *a, Str if_match, const Record *r)
{
    if (if_match.len == 0) return NULL;
    Str etag = record_etag(a, r);
    if (etag_matches(a, if_match, etag)) return NULL;
    return etag_stale(a, record_updated(r), etag, S("The record was changed meanwhile."));
}
