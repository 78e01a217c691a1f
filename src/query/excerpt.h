/* excerpt.h - plain text of an HTML text, for the `:excerpt()` modifier. */
#ifndef CROFT_QUERY_EXCERPT_H
#define CROFT_QUERY_EXCERPT_H

#include "base/base.h"

/* Text of `html` as api: conventions §7 wants it: entities decoded, blanks
 * folded, a space around block elements, the content of head, style, script and
 * the like left out. Stops reading once `max` code points (and one more) are
 * there, so its cost follows the answer, not the document. */
Str html_text(Arena *a, Str html, size_t max);

#endif
