/* multipart.h - multipart/form-data, read as it arrives.
 *
 * A push parser: pieces of the body go in, in whatever cuts the network made,
 * and come out as parts. However the body is cut, the events are the same, but
 * for how part_data() is cut.
 *
 *     --xyz\r\n
 *     Content-Disposition: form-data; name="photo"; filename="me.png"\r\n
 *     Content-Type: image/png\r\n                    part_begin {photo, me.png, …}
 *     \r\n
 *     <bytes>\r\n                                    part_data  <bytes>
 *     --xyz--\r\n                                    part_end
 *
 * RFC 7578 and RFC 2046 §5.1, strictly: lines end in CRLF, every part has one
 * Content-Disposition "form-data" with a name, nothing is folded, text before
 * the first and behind the last delimiter is ignored. What two parsers could
 * read differently is refused with 400. A line that only starts like the
 * delimiter ("--xyzzy") is content.
 */
#ifndef CROFT_HTTP_MULTIPART_H
#define CROFT_HTTP_MULTIPART_H

#include "base/base.h"

#define MULTIPART_BOUNDARY_MAX 70   /* RFC 2046 §5.1.1 */
#define MULTIPART_HEAD_MAX     8192 /* header lines of one part */

typedef struct {
    Str name;         /* valid UTF-8 without NUL; may be empty */
    Str file_name;    /* the same; of filename* if there is one (RFC 8187) */
    bool is_file;     /* it has a file name, and that is not empty */
    Str content_type; /* as sent, empty when there is none */
} PartHead;

/* An error of any of them ends the parsing and comes back from the feed. */
typedef struct {
    Error *(*part_begin)(void *arg, const PartHead *head);
    Error *(*part_data)(void *arg, Str bytes); /* never empty */
    Error *(*part_end)(void *arg);
} MultipartEvents;

typedef struct Multipart Multipart;

/* The boundary of a Content-Type's value. False when there is none, two, or
 * one that RFC 2046 does not allow. */
bool multipart_boundary(Arena *a, Str content_type, Str *boundary);

Multipart *multipart_new(Arena *a, Str boundary, const MultipartEvents *events, void *arg);
MUST_CHECK Error *multipart_feed(Multipart *m, Str piece);
MUST_CHECK Error *multipart_finish(Multipart *m); /* 400 without the closing delimiter */

/* The header lines of one part, up to and with the last CRLF of them. */
MUST_CHECK Error *multipart_parse_head(Arena *a, Str lines, PartHead *out);

/* A 400 whose reason is only logged. */
Error *bad_body(Arena *a, const char *why);

#endif
