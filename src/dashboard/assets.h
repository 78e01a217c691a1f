/* assets.h - the files of ui/dist inside the binary. Made by script/embed. */
#ifndef CROFT_DASHBOARD_ASSETS_H
#define CROFT_DASHBOARD_ASSETS_H

#include "base/base.h"

typedef struct {
    Str path;                /* below /_/: "index.html", "assets/app-C0ffee.js" */
    Str content_type;        /* "text/javascript; charset=utf-8" */
    Str etag;                /* with its quotes, of the uncompressed bytes */
    Str plain, gzip, brotli; /* {NULL, 0}: not stored in this form; one of them is there */
} Asset;

extern const Asset dashboard_assets[];
extern const size_t dashboard_assets_count;

/* What an Accept-Encoding header allows: "br;q=0" does not allow "br", "*"
 * allows all that it does not name (RFC 9110 §12.5.3). An absent header
 * ({NULL, 0}) says nothing against any coding. */
bool coding_is_allowed(Str accept_encoding, Str coding);

#endif
