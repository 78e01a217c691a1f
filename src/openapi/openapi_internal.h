/* openapi_internal.h - what the files of openapi/ share: texts that the build
 * makes C of (script/embed). */
#ifndef CROFT_OPENAPI_INTERNAL_H
#define CROFT_OPENAPI_INTERNAL_H

#include "openapi/openapi.h"

extern const char common_json[], records_json[], auth_json[], types_prelude[];
extern const size_t common_json_len, records_json_len, auth_json_len, types_prelude_len;

/* Whether the API shows this field to anybody. */
static inline bool field_in_api(const Collection *c, const Field *f)
{
    return c->type != COLLECTION_AUTH ||
           (!str_eq(f->name, S("password")) && !str_eq(f->name, S("tokenKey")));
}

/* ---- documents.c ---- */

typedef enum { DOCUMENT_OPENAPI, DOCUMENT_TYPES, DOCUMENT_KINDS } DocumentKind;
typedef struct {
    _Atomic size_t users;
    uint64_t schema_version, settings_version;
    Str text;
    char etag[40]; /* of the text, with its quotes */
} Document;

/* The document as it is for this request's schema and settings; valid until the
 * arena's reset. */
MUST_CHECK Error *document_find(Req *req, DocumentKind kind, const Document **out);

#endif
