/* mime.h - the media type of a static file, by its name's extension. */
#ifndef CROFT_HTTP_MIME_H
#define CROFT_HTTP_MIME_H

#include "base/base.h"

/* "text/html; charset=utf-8" for "a/index.html"; application/octet-stream when
 * the extension is unknown or there is none. */
Str mime_type_of_path(Str path);

/* Text and the like, which gzip and brotli make much smaller. */
bool mime_is_compressible(Str content_type);

#endif
