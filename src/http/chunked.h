/* chunked.h - the chunked transfer coding (RFC 9112 §7.1), read strictly.
 *
 *     4;name=value\r\n   Wiki\r\n   0\r\n   Trailer: ignored\r\n   \r\n
 *
 * Lines end in CRLF and nothing else; sizes are 1-16 hex digits without sign
 * or blanks; extensions and trailers are checked for their characters, bounded
 * and dropped. A state machine that takes any cut of the input: feeding byte
 * by byte gives the same result as all at once.
 */
#ifndef CROFT_CHUNKED_H
#define CROFT_CHUNKED_H

#include "base/str.h"

#define CHUNK_LINE_MAX     256         /* size and extensions of one chunk */
#define CHUNK_OVERHEAD_MAX (64 * 1024) /* extensions of all chunks together */
#define TRAILER_BYTES_MAX  8192

typedef enum { CHUNKED_MORE, CHUNKED_DATA, CHUNKED_END, CHUNKED_BAD } ChunkedResult;

typedef struct {
    int state;
    unsigned digits;     /* of the size so far */
    unsigned line_bytes; /* of the present size line */
    unsigned overhead;   /* extension bytes, all chunks */
    unsigned trailer_bytes;
    uint64_t remaining; /* data bytes of the present chunk still to come */
} Chunked;

static inline Chunked chunked_new(void)
{
    return (Chunked){0};
}

/* Reads from `in`; *used says how many bytes were taken.
 *   CHUNKED_DATA  *data is a piece of the body, inside `in`; call again
 *   CHUNKED_MORE  all of `in` was taken, no data in it
 *   CHUNKED_END   the body is complete; what follows belongs to the next request
 *   CHUNKED_BAD   malformed; the connection cannot be used any more */
ChunkedResult chunked_read(Chunked *c, Str in, size_t *used, Str *data);

#endif
