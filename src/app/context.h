/* context.h - what surrounds every handler: the caller, the limits, the `fields`
 * picker, the request's line in the log. The three hooks of HttpConfig. */
#ifndef CROFT_APP_CONTEXT_H
#define CROFT_APP_CONTEXT_H

#include "records/records.h"

/* Req.app is the App. In the order of api: conventions §13: caller, superuser
 * addresses, rate limit; `fields` is read here, so that a bad one is refused
 * before anything was done. */
MUST_CHECK Error *context_before(Req *req, Res *res);
MUST_CHECK Error *context_filter_json(Req *req, Str *json);
void context_after(Req *req, const Res *res, const Error *err);

/* A header's name as rules write it: "X-Api-Key" is "x_api_key". */
Str header_snake_case(Arena *a, Str name);

#endif
