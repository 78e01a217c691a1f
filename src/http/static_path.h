/* static_path.h - from a request's path to a file below the public folder.
 *
 *     /                     index.html
 *     /css/site.css         css/site.css
 *     /a%20b/               a b/index.html
 *     /.well-known/x        .well-known/x
 *     /.git/config  /../x  /a//b  /a%2fb  /a%00  /%zz      none
 */
#ifndef CROFT_HTTP_STATIC_PATH_H
#define CROFT_HTTP_STATIC_PATH_H

#include "base/base.h"

#define STATIC_PATH_MAX    1024 /* bytes, decoded */
#define STATIC_SEGMENT_MAX 250  /* leaves room for ".br" */

/* The relative path, NUL-terminated behind its end. False for what is never a
 * file of a site: hidden names (but /.well-known/), empty, "." and ".."
 * segments, an encoded '/', backslashes, control characters, broken UTF-8. */
bool static_path_map(Arena *a, Str request_path, Str *relative);

/* Has the last segment an extension: "app.js" has, "users" and "v1.2/" have not. */
bool static_path_has_extension(Str relative);

/* How long clients may keep a file (see static.c). */
Str static_cache_control(Str relative, Str content_type);

#endif
