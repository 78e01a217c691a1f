/* dashboard.h - the owner's dashboard at /_/, which the build puts into the
 * binary (ui/, script/embed).
 *
 *     GET /_/                       the page: asked for each time, 304 by ETag
 *     GET /_/assets/app-C0ffee.js   named after its content: kept for a year
 *
 * Bytes are stored compressed and sent as they are. All pages carry a
 * Content-Security-Policy under which nothing inline runs and nothing foreign
 * loads. What a page shows comes from the ordinary API, with the owner's
 * token: nothing here is secret, nothing here needs a session.
 *
 * A binary built without ui/ (-Ddashboard=false, or no Node at build time) has
 * no files here, and app/setup.h is served instead.
 */
#ifndef CROFT_DASHBOARD_H
#define CROFT_DASHBOARD_H

#include "http/http.h"

extern const Route dashboard_routes[];
extern const size_t dashboard_route_count;

/* False when the binary was built without ui/. */
bool dashboard_is_built(void);

#endif
