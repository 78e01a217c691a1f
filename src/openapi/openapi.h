/* openapi.h - the collections as others' tools want them: an OpenAPI 3.1
 * document, and TypeScript types for the PocketBase SDK.
 *
 *     GET /api/openapi.json     superusers: every collection with all its fields
 *     GET /api/types.d.ts       the same as types; also `croft types`
 *
 * Both are rendered from the schema snapshot of the request, a few milliseconds
 * for a hundred collections, and kept until the schema or the settings change.
 * Names and texts of collections are somebody's input: in JSON they are JSON
 * strings; in TypeScript they are quoted unless they are plain identifiers,
 * and no text reaches a comment as it is. */
#ifndef CROFT_OPENAPI_H
#define CROFT_OPENAPI_H

#include "records/records.h"

/* `server_url` as the settings say, may be empty. */
MUST_CHECK Error *openapi_render(Arena *a, const Schema *schema, Str title, Str server_url,
                                 Str *json);
/* Types of the SDK's `pb.collection("posts")`; see prelude.ts for what is around. */
Str types_render(Arena *a, const Schema *schema);

/* What was rendered last, for all loops. Without it (App.documents NULL) each
 * request renders. Ended after the last request; NULL is fine. */
typedef struct Documents Documents;
MUST_CHECK Error *documents_create(Arena *a, Documents **out);
void documents_destroy(Documents *documents);

extern const Route openapi_routes[];
extern const size_t openapi_route_count;

#endif
